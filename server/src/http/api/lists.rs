//! The lists: newest first, in parts.

use super::settings::existing;
use super::shapes;
use crate::app::{App, SharedApp};
use crate::http::error::Error;
use crate::http::operator::Operator;
use crate::store::{ClickRow, ConversionRow, EventRow, Job, LinkRow, Listing, OrderEventRow, Page, PostbackRow, Visit};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

/// Items of a list when no limit is asked for.
const DEFAULT_LIMIT: usize = 100;
/// Most items of a list.
const MAX_LIMIT: usize = 1000;
/// Which part of a list is asked for, as it stands in the query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
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
        pub(super) async fn $name(
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

list!(visits, Visit, |_, visit| shapes::visit_json(visit));
list!(events, EventRow, |_, event| shapes::event_json(event));
list!(clicks, ClickRow, |_, click| shapes::click_json(click));
list!(postbacks, PostbackRow, shapes::postback_json);
list!(conversions, ConversionRow, shapes::conversion_json);
list!(order_events, OrderEventRow, |_, event| shapes::order_event_json(event));
list!(jobs, Job, |_, job| shapes::job_json(job));
list!(links, LinkRow, |_, link| shapes::link_json(link));

/// Nothing is sent on to platforms yet, so no delivery was ever made.
pub(super) async fn deliveries(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Value>, Error> {
    existing(&app, &site_id).await?;
    page(part)?;
    Ok(Json(json!({ "items": [], "next": null })))
}
