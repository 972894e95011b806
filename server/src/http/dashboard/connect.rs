//! Connect: the catalog of tracking groups with the URLs to copy, the snippet, a test postback, and whether the first real one has come.

use crate::app::SharedApp;
use axum::Router;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
}
