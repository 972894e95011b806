//! The JSON API of the operator: `GET /api/v1/...`, with the bearer token.
//!
//! Money is a decimal string with its currency beside it, times are RFC 3339 in UTC, ids are opaque strings, what is absent is `null`,
//! lists are `{"items": [...], "next": cursor or null}`. `docs/api.md` shows every shape.

use crate::reading::RawRequest;
use super::error::Error;
use super::operator::Operator;
use super::reconcile;
use super::request;
use crate::app::{App, SharedApp};
use crate::settings::SiteSettings;
use crate::store::{
    ClickRow, ConversionRow, EventRow, FirstTouch, LinkRow, Listing, Millis, Page, PostbackRow, Site, Visit,
};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tagwerk_protocol::money::Amount;

/// Items of a list when no limit is asked for.
const DEFAULT_LIMIT: usize = 100;
/// Most items of a list.
const MAX_LIMIT: usize = 1000;
/// Campaign parameters that every source shows, absent or not.
const SOURCE: [&str; 5] = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];

/// The API's routes.
pub fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/sites", get(sites))
        .route("/sites/{site_id}/settings", get(settings).patch(patch_settings))
        .route("/sites/{site_id}/visits", get(visits))
        .route("/sites/{site_id}/clicks", get(clicks))
        .route("/sites/{site_id}/events", get(events))
        .route("/sites/{site_id}/postbacks", get(postbacks))
        .route("/sites/{site_id}/conversions", get(conversions))
        .route("/sites/{site_id}/deliveries", get(deliveries))
        .route("/sites/{site_id}/links", get(links))
        .route("/sites/{site_id}/reconcile", post(reconcile::receive))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
}

async fn wrong_method() -> Error {
    Error::Method("the API is read by GET; settings are changed by PATCH".into())
}

async fn unknown(_operator: Operator) -> Error {
    Error::NotFound("the API has no such route; docs/api.md lists them".into())
}

async fn sites(_operator: Operator, State(app): State<SharedApp>) -> Result<Json<Value>, Error> {
    let sites = app.store.sites().await?;
    let items = sites.iter().map(site_json).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "items": items, "next": null })))
}

fn site_json(site: &Site) -> Result<Value, Error> {
    let settings = SiteSettings::of(site)?;
    Ok(json!({
        "site_id": site.site_id,
        "tracking_id": site.tracking_id,
        "name": settings.name,
        "origins": settings.origins,
        "settings": settings.clone().shown()?,
    }))
}

async fn existing(app: &App, site_id: &str) -> Result<Site, Error> {
    app.store.site(site_id).await?.ok_or_else(|| Error::NotFound("there is no such site".into()))
}

async fn settings(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Json<Value>, Error> {
    Ok(Json(SiteSettings::of(&existing(&app, &site_id).await?)?.shown()?))
}

async fn patch_settings(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    let change =
        serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("the body is not JSON: {error}")))?;
    Ok(Json(app.patch_settings(&site_id, change).await?.shown()?))
}

/// Which part of a list is asked for, as it stands in the query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part {
    limit: Option<String>,
    after: Option<String>,
    cursor: Option<String>,
}

/// The part of a list that a query asks for: `?limit=` up to 1000, and the cursor of the part before as `?after=`.
///
/// # Errors
/// The limit or the cursor cannot be.
fn page(part: Part) -> Result<Page, Error> {
    let limit = match part.limit.as_deref() {
        None => DEFAULT_LIMIT,
        Some(text) => {
            let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            limit.ok_or_else(|| Error::Invalid(format!("limit must be a number from 1 to {MAX_LIMIT}")))?
        }
    };
    let after = part.after.or(part.cursor);
    if after.as_deref().is_some_and(|cursor| uuid::Uuid::try_parse(cursor).is_err()) {
        return Err(Error::Invalid("after must be the `next` of the part before".into()));
    }
    Ok(Page { after, limit })
}

macro_rules! list {
    ($(#[$doc:meta])* $name:ident, $row:ty, $json:expr) => {
        async fn $name(
            _operator: Operator,
            State(app): State<SharedApp>,
            Path(site_id): Path<String>,
            Query(part): Query<Part>,
        ) -> Result<Json<Value>, Error> {
            existing(&app, &site_id).await?;
            let listing: Listing<$row> = app.store.$name(&site_id, page(part)?).await?;
            let json: fn(&App, $row) -> Value = $json;
            let items: Vec<Value> = listing.items.into_iter().map(|row| json(&app, row)).collect();
            Ok(Json(json!({ "items": items, "next": listing.next })))
        }
    };
}

list!(visits, Visit, |_, visit| visit_json(visit));
list!(events, EventRow, |_, event| event_json(event));
list!(clicks, ClickRow, |_, click| click_json(click));
list!(postbacks, PostbackRow, postback_json);
list!(conversions, ConversionRow, conversion_json);
list!(links, LinkRow, |_, link| link_json(link));

/// Nothing is sent on to platforms yet, so no delivery was ever made.
async fn deliveries(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Value>, Error> {
    existing(&app, &site_id).await?;
    page(part)?;
    Ok(Json(json!({ "items": [], "next": null })))
}

/// RFC 3339 in UTC, to the millisecond; nothing for a time beyond all calendars.
fn time(at: Millis) -> Option<String> {
    jiff::Timestamp::from_millisecond(at).map(|at| format!("{at:.3}")).ok()
}

fn source(found: &BTreeMap<String, String>) -> Value {
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

fn visit_json(visit: Visit) -> Value {
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

fn event_json(event: EventRow) -> Value {
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

fn click_json(click: ClickRow) -> Value {
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

fn link_json(link: LinkRow) -> Value {
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

fn postback_json(app: &App, postback: PostbackRow) -> Value {
    json!({
        "raw": raw_text(app, &postback),
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
fn raw_text(app: &App, postback: &PostbackRow) -> Option<String> {
    let opened = app.vault.unseal(&RawRequest::place(&postback.id), &postback.raw);
    let raw = opened.ok().and_then(|raw| serde_json::from_slice::<RawRequest>(&raw).ok());
    if raw.is_none() {
        tracing::error!(postback = postback.id, "a raw request does not open");
    }
    raw.map(|raw| raw.text())
}

fn conversion_json(app: &App, conversion: ConversionRow) -> Value {
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
        "click_id": conversion.attribution.click_id.or(said.sub_id),
        "visit_id": conversion.attribution.visit_id,
        "source": source(&conversion.source),
        "click_ids": conversion.click_ids,
        "custom": custom,
    })
}
