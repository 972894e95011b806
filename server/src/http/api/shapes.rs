//! The JSON of everything that is listed: one function for each kind of row.

use crate::app::App;
use crate::costs;
use crate::http::error::Error;
use crate::jobs::replay::{corrections_of, opened};
use crate::masking::Masking;
use crate::outbox::exchange::Exchange;
use crate::outbox::overview::Overview;
use crate::outbox::trial::Trial;
use crate::people::Role;
use crate::platforms::about::COMMON;
use crate::platforms::{Fate, Field, FieldKind};
use crate::reading::parameters;
use crate::settings::SiteSettings;
use crate::store::{
    Channel, ClickRow, ConversionRow, DeliveryRow, DeliveryState, EventRow, FirstTouch, Job, LinkRow, Millis,
    OrderEventRow, PostbackRow, Site, Visit,
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
        "cost": visit.cost.map(|(amount, currency)| json!({ "amount": costs::written(amount), "currency": currency })),
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
    postback_seen(app, &Masking::of(&app.groups, Role::Owner), postback)
}

/// The same as somebody sees it.
pub(super) fn postback_seen(app: &App, seen: &Masking, postback: PostbackRow) -> Value {
    let raw = opened(app, &postback);
    let corrections = corrections_of(app, &postback);
    for problem in [raw.as_ref().err(), corrections.as_ref().err()].into_iter().flatten() {
        tracing::error!(postback = postback.id, problem, "a postback does not open");
    }
    let (mut raw, mut corrections) = (raw.ok(), corrections.ok());
    if seen.is_everywhere() {
        raw = raw.map(|raw| seen.raw(&raw));
        corrections = corrections.map(|corrections| seen.corrections(&corrections));
    }
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

/// The raw request of a postback as somebody sees it; nothing where it does not open, which must not hide the others.
pub(super) fn raw_text(app: &App, seen: &Masking, postback: &PostbackRow) -> Option<String> {
    let raw = opened(app, postback);
    if let Err(problem) = &raw {
        tracing::error!(postback = postback.id, problem, "a postback does not open");
    }
    raw.ok().map(|raw| if seen.is_everywhere() { seen.raw(&raw).text() } else { raw.text() })
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

/// A delivery. When it is sent next is told of what waits, when it ended of what has.
pub(super) fn delivery_json(row: DeliveryRow) -> Value {
    let is_open = matches!(row.state, DeliveryState::Waiting | DeliveryState::Stopped);
    let next = Some(row.not_before).filter(|_| row.state == DeliveryState::Waiting);
    json!({
        "id": row.id,
        "received_at": time(row.received_at),
        "conversion_id": row.conversion_id,
        "event_id": row.event_id,
        "platform": row.platform,
        "type": row.kind,
        "at": time(row.at),
        "state": row.state.as_str(),
        "reason": row.reason,
        "attempts": row.attempts,
        "not_before": next.and_then(time),
        "deadline": time(row.deadline),
        "finished_at": row.finished_at.filter(|_| !is_open).and_then(time),
        "last_status": row.last_status,
        "last_answer": row.last_answer,
    })
}

/// A request that was sent to a platform, secrets redacted.
pub(super) fn request_json(exchange: &Exchange) -> Value {
    let headers = exchange.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
    json!({
        "at": time(exchange.at),
        "method": exchange.method,
        "url": exchange.url,
        "headers": headers.collect::<Map<String, Value>>(),
        "body": exchange.body,
        "together": exchange.together,
    })
}

/// What a platform answered; without a status, why it did not.
pub(super) fn answer_json(exchange: &Exchange) -> Value {
    json!({ "status": exchange.status, "body": exchange.answer })
}

/// The words for what came of a test event.
pub(super) const OUTCOMES: [&str; 6] = ["delivered", "duplicate", "accepted", "later", "refused", "stopped"];

/// What came of a test event.
pub(super) fn trial_json(trial: Trial) -> Value {
    let (outcome, reason) = match trial.fate {
        Fate::Delivered(note) => ("delivered", note),
        Fate::Duplicate(note) => ("duplicate", Some(note)),
        Fate::Enquire(..) => ("accepted", Some("the platform's verdict comes later".to_owned())),
        Fate::Later(_, reason) | Fate::Down(_, reason) => ("later", Some(reason)),
        Fate::Refused(reason) => ("refused", Some(reason)),
        Fate::Renew(reason) | Fate::Stop(reason) => ("stopped", Some(reason)),
    };
    json!({
        "outcome": outcome,
        "reason": reason,
        "request": trial.exchange.as_ref().map(request_json),
        "answer": trial.exchange.as_ref().map(answer_json),
    })
}

/// The words for what a setting holds.
pub(super) const FIELD_KINDS: [&str; 7] = ["text", "secret", "url", "switch", "list", "table", "choice"];

fn field_json(field: &Field) -> Value {
    let (kind, words) = match field.kind {
        FieldKind::Text => ("text", None),
        FieldKind::Secret => ("secret", None),
        FieldKind::Url => ("url", None),
        FieldKind::Switch => ("switch", None),
        FieldKind::List => ("list", None),
        FieldKind::Table => ("table", None),
        FieldKind::Choice(words) => ("choice", Some(words)),
    };
    json!({
        "name": field.name,
        "kind": kind,
        "required": field.required,
        "label": field.label,
        "hint": field.hint,
        "words": words,
    })
}

/// How it stands with a platform, and which settings it has.
pub(super) fn overview_json(overview: &Overview) -> Value {
    let about = overview.platform.about();
    let missing = overview.missing.iter();
    let missing = missing.map(|field| json!({ "field": field.name, "label": field.label, "hint": field.hint }));
    json!({
        "platform": overview.name,
        "title": about.title,
        "state": overview.standing.as_str(),
        "missing": missing.collect::<Value>(),
        "test_mode": overview.test_mode,
        "reason": overview.reason,
        "next_attempt": overview.next_attempt.and_then(time),
        "last_success": overview.last_success.and_then(time),
        "last_trouble": overview.last_trouble.and_then(time),
        "waiting": overview.waiting,
        "stopped": overview.stopped,
        "refused": overview.refused,
        "expired": overview.expired,
        "delivered": overview.delivered,
        "oldest_unsent": overview.oldest_unsent.and_then(time),
        "fields": about.fields.iter().chain(COMMON).map(field_json).collect::<Value>(),
        "docs": format!("docs/platforms/{}", about.docs),
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
