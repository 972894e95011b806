//! The JSON of everything that is listed: one function for each kind of row.

use crate::app::App;
use crate::http::error::Error;
use crate::jobs::replay::{corrections_of, opened};
use crate::reading::parameters;
use crate::settings::SiteSettings;
use crate::store::{
    Channel, ClickRow, ConversionRow, EventRow, FirstTouch, Job, LinkRow, Millis, OrderEventRow, PostbackRow, Site,
    Visit,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tagwerk_protocol::money::Amount;

/// Campaign parameters that every source shows, absent or not.
const SOURCE: [&str; 5] = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];

/// A site, its settings with secrets hidden.
pub(super) fn site_json(site: &Site) -> Result<Value, Error> {
    let settings = SiteSettings::of(site)?;
    Ok(json!({
        "site_id": site.site_id,
        "tracking_id": site.tracking_id,
        "name": settings.name,
        "origins": settings.origins,
        "settings": settings.clone().shown()?,
    }))
}

/// RFC 3339 in UTC, to the millisecond; nothing for a time beyond all calendars.
pub(super) fn time(at: Millis) -> Option<String> {
    jiff::Timestamp::from_millisecond(at).map(|at| format!("{at:.3}")).ok()
}

/// Campaign parameters, the well-known ones always.
pub(super) fn source(found: &BTreeMap<String, String>) -> Value {
    let mut source: Map<String, Value> = SOURCE.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    source.extend(found.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    source.into()
}

fn first_touch_json(touch: &FirstTouch) -> Value {
    json!({
        "at": time(touch.at),
        "landing_page": touch.landing_page,
        "referrer": touch.referrer,
        "source": source(&touch.source),
        "click_ids": touch.click_ids,
    })
}

/// A visit.
pub(super) fn visit_json(visit: Visit) -> Value {
    json!({
        "visit_id": visit.visit_id,
        "visitor_id": visit.visitor_id,
        "at": time(visit.at),
        "received_at": time(visit.received_at),
        "landing_page": visit.landing_page,
        "referrer": visit.referrer,
        "source": source(&visit.source),
        "click_ids": visit.click_ids,
        "cookies": visit.cookies,
        "first_touch": visit.first_touch.as_ref().map(first_touch_json),
        "country": visit.country,
        "device": visit.device,
        "bot": visit.bot,
    })
}

/// An event.
pub(super) fn event_json(event: EventRow) -> Value {
    json!({
        "event_id": event.event_id,
        "visit_id": event.visit_id,
        "at": time(event.at),
        "received_at": time(event.received_at),
        "name": event.name,
        "page": event.page,
        "click_id": event.click_id,
        "attributes": event.attributes,
    })
}

/// A click.
pub(super) fn click_json(click: ClickRow) -> Value {
    json!({
        "click_id": click.click_id,
        "visit_id": click.visit_id,
        "at": time(click.at),
        "received_at": time(click.received_at),
        "group": click.group,
        "href": click.href,
        "label": click.label,
        "page": click.page,
        "how": click.how,
        "foreign": click.foreign,
    })
}

/// A link that may be cloaked.
pub(super) fn link_json(link: LinkRow) -> Value {
    json!({
        "url": link.url,
        "group": link.group,
        "forwards": link.forwards,
        "resolved": link.resolved,
        "reason": link.reason,
        "checked_at": time(link.checked_at),
        "expires_at": time(link.expires_at),
        "hops": link.hops,
    })
}

/// A postback, opened: as it arrived, what was corrected in it, and the parameters that are read then. What does not open is `null`,
/// which must not hide the others.
pub(super) fn postback_json(app: &App, postback: PostbackRow) -> Value {
    let raw = opened(app, &postback);
    let corrections = corrections_of(app, &postback);
    for problem in [raw.as_ref().err(), corrections.as_ref().err()].into_iter().flatten() {
        tracing::error!(postback = postback.id, problem, "a postback does not open");
    }
    let (raw, corrections) = (raw.ok(), corrections.ok());
    let channel = Channel::parse(&postback.channel);
    let parameters = match (&raw, &corrections, channel) {
        (Some(raw), Some(corrections), Some(channel)) => {
            let mut merged = Map::new();
            for (name, value) in parameters(channel, raw, corrections) {
                merged.entry(name).or_insert_with(|| value.into());
            }
            Some(merged)
        }
        _ => None,
    };
    json!({
        "raw": raw.map(|raw| raw.text()),
        "corrections": corrections,
        "parameters": parameters,
        "id": postback.id,
        "received_at": time(postback.received_at),
        "group": postback.group,
        "channel": postback.channel,
        "state": postback.state,
        "reason": postback.reason,
        "conversion_id": postback.conversion_id,
    })
}

/// The raw request of a postback, as people read it; nothing where it does not open, which must not hide the others.
pub(super) fn raw_text(app: &App, postback: &PostbackRow) -> Option<String> {
    let raw = opened(app, postback);
    if let Err(problem) = &raw {
        tracing::error!(postback = postback.id, problem, "a postback does not open");
    }
    raw.ok().map(|raw| raw.text())
}

/// A long task; what it works from stays sealed.
pub(super) fn job_json(job: Job) -> Value {
    json!({
        "id": job.id,
        "kind": job.kind.as_str(),
        "state": job.state.as_str(),
        "total": job.total,
        "counts": job.counts,
        "problems": job.problems,
        "error": job.error,
        "created_at": time(job.created_at),
        "updated_at": time(job.updated_at),
    })
}

/// What happened to an order without money.
pub(super) fn order_event_json(row: OrderEventRow) -> Value {
    let event = row.event;
    json!({
        "id": row.id,
        "received_at": time(row.received_at),
        "group": event.group,
        "order_id": event.order_id,
        "event": event.event,
        "transaction_id": event.transaction_id,
        "product_id": event.product_id,
        "billing_status": event.billing_status,
        "click_id": event.sub_id,
        "is_test": event.is_test,
    })
}

/// A conversion; what its group passes through is there, absent or not.
pub(super) fn conversion_json(app: &App, conversion: ConversionRow) -> Value {
    let (value, reasons) = (conversion.value(), conversion.reasons());
    let said = conversion.said;
    let amount = |amount: Option<Amount>| amount.map(|amount| amount.to_string());
    let names = app.groups.get(&said.group).and_then(|group| group.postback.as_ref());
    let names = names.map(|postback| postback.custom.as_slice()).unwrap_or_default();
    let mut custom: Map<String, Value> = names.iter().map(|name| (name.clone(), Value::Null)).collect();
    custom.extend(said.custom.into_iter().map(|(name, value)| (name, value.into())));
    json!({
        "id": conversion.id,
        "at": time(conversion.at),
        "received_at": time(conversion.received_at),
        "state": conversion.attribution.state.as_str(),
        "reason": (!reasons.is_empty()).then(|| reasons.join("; ")),
        "type": said.kind,
        "value": amount(value),
        "currency": said.currency.map(|code| code.to_string()),
        "amounts": {
            "affiliate": amount(said.amounts.affiliate),
            "vendor": amount(said.amounts.vendor),
            "brutto": amount(said.amounts.brutto),
            "netto": amount(said.amounts.netto),
        },
        "group": said.group,
        "transaction_id": said.transaction_id,
        "transaction_type": said.transaction_type.as_str(),
        "order_type": said.order_type,
        "billing_type": said.billing_type,
        "billing_status": said.billing_status,
        "order_id": said.order_id,
        "product_id": said.product_id,
        "product_name": said.product_name,
        "sale_id": conversion.sale_id,
        "rebill": conversion.rebill,
        "repeated": conversion.repeated,
        "click_id": conversion.attribution.click_id.or(said.sub_id),
        "visit_id": conversion.attribution.visit_id,
        "source": source(&conversion.source),
        "click_ids": conversion.click_ids,
        "custom": custom,
    })
}
