//! Reports: what was sold, by where it came from, down to the rows behind each figure.

use crate::app::SharedApp;
use axum::Router;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
}
