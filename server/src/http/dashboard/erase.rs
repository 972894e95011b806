//! Erasing a visitor: what is known of one, and its end.

use crate::app::SharedApp;
use axum::Router;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
}
