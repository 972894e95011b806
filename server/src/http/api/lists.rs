//! The lists: filtered, in either order, in parts.

use super::settings::existing;
use super::{part, shapes};
use crate::app::{App, SharedApp};
use crate::http::error::Error;
use crate::http::operator::Operator;
use crate::masking::Masking;
use crate::store::{
    ClickRow, ConversionRow, DeliveryRow, EventRow, Job, LinkRow, List, Listing, OrderEventRow, PostbackRow, Visit,
};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Value, json};

macro_rules! list {
    ($name:ident, $list:ident, $row:ty, $json:expr) => {
        /// The site's rows, as the query asks for them.
        pub(super) async fn $name(
            Operator(who): Operator,
            State(app): State<SharedApp>,
            Path(site_id): Path<String>,
            RawQuery(query): RawQuery,
        ) -> Result<Json<Value>, Error> {
            existing(&app, &site_id).await?;
            let page = part::asked(List::$list, query.as_deref())?;
            let listing: Listing<$row> = app.store.$name(&site_id, page).await?;
            let json: fn(&App, &Masking, $row) -> Value = $json;
            let seen = Masking::of(&app.groups, who.role);
            let items: Vec<Value> = listing.items.into_iter().map(|row| json(&app, &seen, seen.masked(row))).collect();
            Ok(Json(json!({ "items": items, "next": listing.next })))
        }
    };
}

list!(visits, Visits, Visit, |_, _, visit| shapes::visit_json(visit));
list!(events, Events, EventRow, |_, _, event| shapes::event_json(event));
list!(clicks, Clicks, ClickRow, |_, _, click| shapes::click_json(click));
list!(postbacks, Postbacks, PostbackRow, shapes::postback_seen);
list!(conversions, Conversions, ConversionRow, |app, _, conversion| shapes::conversion_json(app, conversion));
list!(order_events, OrderEvents, OrderEventRow, |_, _, event| shapes::order_event_json(event));
list!(deliveries, Deliveries, DeliveryRow, |_, _, delivery| shapes::delivery_json(delivery));
list!(jobs, Jobs, Job, |_, _, job| shapes::job_json(job));
list!(links, Links, LinkRow, |_, _, link| shapes::link_json(link));
