//! Exporting everything that is kept of a site.

use crate::app::SharedApp;
use axum::Router;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
}
