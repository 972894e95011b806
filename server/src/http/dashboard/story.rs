//! The whole story of one conversion or visit on one page.

use crate::app::SharedApp;
use axum::Router;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
}
