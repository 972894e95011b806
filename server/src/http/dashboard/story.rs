//! The whole story of one conversion, visit or visitor on one page.

mod arrived;
mod change;
mod conversion;
mod related;
mod touches;
mod visit;
mod visitor;
mod whose;
mod worked_out;

use crate::app::SharedApp;
use axum::Router;
use axum::routing::{get, post};

pub(super) use arrived::Arrived;
pub(super) use change::Done;
pub(super) use conversion::how_opened;
pub(super) use related::{Other, one};
pub(super) use visit::Deed;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/sites/{site_id}/conversions/{conversion_id}", get(conversion::show))
        .route("/sites/{site_id}/conversions/{conversion_id}/test", post(change::mark))
        .route("/sites/{site_id}/conversions/{conversion_id}/again", post(change::again))
        .route("/sites/{site_id}/visits/{visit_id}", get(visit::show))
        .route("/sites/{site_id}/visitors/{visitor_id}", get(visitor::show))
}
