//! `DELETE /sites/{site_id}/visitors/{visitor_id}`: erases a visitor.

use super::settings::existing;
use crate::app::SharedApp;
use crate::cleansing::{self, EraseError};
use crate::http::error::Error;
use crate::http::operator::Administrator;
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

/// Erases a visitor; answers with how much that was.
pub(super) async fn erase(
    Administrator(who): Administrator,
    State(app): State<SharedApp>,
    Path((site_id, visitor_id)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    let site = existing(&app, &site_id).await?;
    let Some(erased) = cleansing::erase(&app, &who, &site, &visitor_id).await? else {
        return Err(Error::NotFound("nothing is known of such a visitor on this site".into()));
    };
    Ok(Json(json!({
        "visits": erased.visits,
        "events": erased.events,
        "clicks": erased.clicks,
        "conversions": erased.conversions,
        "postbacks": erased.postbacks,
        "deliveries_stopped": erased.stopped,
        "deliveries_cleared": erased.deliveries,
        "log_emptied": erased.is_log_empty,
    })))
}

impl From<EraseError> for Error {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Settings(error) => error.into(),
            EraseError::Store(error) => error.into(),
        }
    }
}
