//! Connect: where a site stands, the catalog of tracking groups with a page for each, the snippet, and the offers' links.

mod catalog;
mod changes;
mod group;
mod milestones;
mod offers;
mod rules;
mod settings_form;
mod snippet;
mod trial;
mod ways;

use crate::app::SharedApp;
use axum::Router;
use axum::routing::{get, post};

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/sites/{site_id}/connect", get(catalog::show))
        .route("/sites/{site_id}/connect.json", get(milestones::poll))
        .route("/sites/{site_id}/snippet", get(snippet::show))
        .route("/sites/{site_id}/offers", get(offers::show).post(offers::check))
        .route("/sites/{site_id}/connect/{group}", get(group::show).post(changes::save))
        .route("/sites/{site_id}/connect/{group}/value", post(changes::choose_value))
        .route("/sites/{site_id}/connect/{group}/rotate", post(changes::rotate))
        .route("/sites/{site_id}/connect/{group}/test", post(trial::send))
}
