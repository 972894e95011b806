//! The settings of a site, each with its meaning and default.

use crate::app::SharedApp;
use axum::Router;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
}
