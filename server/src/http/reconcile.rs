//! Asking a network's API for sales whose postback never came: `POST /api/v1/sites/{site_id}/reconcile`.

use super::error::Error;
use super::operator::Operator;
use super::request;
use crate::app::SharedApp;
use crate::jobs::reconcile::{NotBegun, Task, begin};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Begins, and answers with the job.
///
/// # Errors
/// The body does not read, there is no such site or group, it cannot be asked, or one is under way.
pub async fn receive(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Error> {
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    let task: Task = serde_json::from_slice(&body).map_err(|error| {
        Error::Invalid(format!(
            "the body must be like {{\"group\": \"...\", \"from\": \"2026-01-01\", \"to\": \"2026-01-31\"}}: {error}"
        ))
    })?;
    let job = begin(&app, &site_id, &task).await.map_err(|why| match why {
        NotBegun::NoSite => Error::NotFound(why.to_string()),
        NotBegun::Invalid(why) => Error::Invalid(why),
        NotBegun::Busy => Error::Refused(why.to_string()),
        NotBegun::Store(error) => Error::Store(error),
        NotBegun::Vault(error) => Error::from(error),
    })?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job": job.id }))))
}
