//! The JSON API: `GET /api/v1/...`, with the admin token or one that has a role, as the bearer token.
//!
//! Money is a decimal string with its currency beside it, times are RFC 3339 in UTC, ids are opaque strings, what is absent is `null`,
//! lists are `{"items": [...], "next": cursor or null}`. `docs/api.md` shows every shape.

use super::error::Error;
use super::operator::Operator;
use crate::app::SharedApp;
use axum::Router;
use axum::routing::{delete, get, post};

mod addresses;
mod costs;
mod deliveries;
mod erase;
pub(in crate::http) mod everything;
mod export;
mod fix;
mod import;
mod jobs;
mod lists;
mod offers;
mod openapi;
mod part;
mod people;
mod platforms;
mod rates;
mod report;
mod saved_reports;
mod sent_file;
mod settings;
mod shapes;

/// The API's routes.
pub fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/openapi.json", get(openapi::show))
        .route("/people", get(people::people))
        .route("/tokens", get(people::tokens).post(people::make_token))
        .route("/tokens/{token_id}", delete(people::remove_token))
        .route("/audit", get(people::audit))
        .route("/rates", get(rates::list).post(rates::take))
        .route("/sites", get(settings::sites))
        .route("/sites/{site_id}/settings", get(settings::settings).patch(settings::patch_settings))
        .route("/sites/{site_id}/report", get(report::show))
        .route("/sites/{site_id}/costs", get(costs::list).post(costs::add).delete(costs::remove_of))
        .route("/sites/{site_id}/costs/import", post(costs::import))
        .route("/sites/{site_id}/costs/{cost_id}", delete(costs::remove))
        .route("/sites/{site_id}/saved_reports", get(saved_reports::list).post(saved_reports::save))
        .route("/sites/{site_id}/saved_reports/{report_id}", delete(saved_reports::remove))
        .route("/sites/{site_id}/postback_urls", get(addresses::postback_urls))
        .route("/sites/{site_id}/tracking_id/rotate", post(addresses::rotate))
        .route("/sites/{site_id}/visits", get(lists::visits))
        .route("/sites/{site_id}/clicks", get(lists::clicks))
        .route("/sites/{site_id}/events", get(lists::events))
        .route("/sites/{site_id}/postbacks", get(lists::postbacks))
        .route("/sites/{site_id}/conversions", get(lists::conversions))
        .route("/sites/{site_id}/order_events", get(lists::order_events))
        .route("/sites/{site_id}/deliveries", get(lists::deliveries))
        .route("/sites/{site_id}/deliveries/{delivery_id}", get(deliveries::one))
        .route("/sites/{site_id}/deliveries/{delivery_id}/replay", post(deliveries::replay))
        .route("/sites/{site_id}/platforms", get(platforms::list))
        .route("/sites/{site_id}/platforms/{platform}/test", post(platforms::test))
        .route("/sites/{site_id}/platforms/{platform}/resume", post(platforms::resume))
        .route("/sites/{site_id}/platforms/{platform}/replay", post(platforms::replay))
        .route("/sites/{site_id}/links", get(lists::links))
        .route("/sites/{site_id}/visits.csv", get(export::visits))
        .route("/sites/{site_id}/clicks.csv", get(export::clicks))
        .route("/sites/{site_id}/events.csv", get(export::events))
        .route("/sites/{site_id}/postbacks.csv", get(export::postbacks))
        .route("/sites/{site_id}/conversions.csv", get(export::conversions))
        .route("/sites/{site_id}/order_events.csv", get(export::order_events))
        .route("/sites/{site_id}/deliveries.csv", get(export::deliveries))
        .route("/sites/{site_id}/export", get(everything::show))
        .route("/sites/{site_id}/import", post(import::receive))
        .route("/sites/{site_id}/postbacks/{postback_id}/correct", post(fix::correct))
        .route("/sites/{site_id}/postbacks/{postback_id}/replay", post(fix::replay_one))
        .route("/sites/{site_id}/conversions/{conversion_id}/assign", post(fix::assign))
        .route("/sites/{site_id}/conversions/{conversion_id}/test", post(fix::mark))
        .route("/sites/{site_id}/offers/check", post(offers::check))
        .route("/sites/{site_id}/visitors/{visitor_id}", delete(erase::erase))
        .route("/sites/{site_id}/replay", post(fix::replay))
        .route("/sites/{site_id}/jobs", get(lists::jobs))
        .route("/sites/{site_id}/jobs/{job_id}", get(jobs::job))
        .route("/sites/{site_id}/reconcile", post(jobs::reconcile))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
}

async fn wrong_method() -> Error {
    Error::Method("this route does not know that method; docs/api.md says which ones".into())
}

async fn unknown(_: Operator) -> Error {
    Error::NotFound("the API has no such route; docs/api.md lists them".into())
}
