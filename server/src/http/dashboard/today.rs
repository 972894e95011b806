//! Today: headline figures, what arrives as it arrives, and whether anything is broken.

use crate::app::SharedApp;
use axum::Router;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
}
