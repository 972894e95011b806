//! Long tasks: what is under way, and the ones that the operator begins.

use super::settings::existing;
use super::shapes::job_json;
use crate::app::SharedApp;
use crate::audit;
use crate::http::error::Error;
use crate::http::operator::{Changing, Operator};
use crate::http::request;
use crate::jobs::reconcile::{self, NotBegun, Task};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// One job.
pub(super) async fn job(
    _: Operator,
    State(app): State<SharedApp>,
    Path((site_id, job_id)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    existing(&app, &site_id).await?;
    let job = app.store.job(&site_id, &job_id).await?;
    Ok(Json(job_json(job.ok_or_else(|| Error::NotFound("there is no such job".into()))?)))
}

/// Asks a network's API for sales whose postback never came; answers with the job.
pub(super) async fn reconcile(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Error> {
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    let task: Task = serde_json::from_slice(&body).map_err(|error| {
        let example = r#"{"group": "...", "from": "2026-01-01", "to": "2026-01-31"}"#;
        Error::Invalid(format!("the body must be like {example}: {error}"))
    })?;
    let job = reconcile::begin(&app, &site_id, &task).await.map_err(|why| match why {
        NotBegun::NoSite => Error::NotFound(why.to_string()),
        NotBegun::Invalid(why) => Error::Invalid(why),
        NotBegun::Busy => Error::Refused(why.to_string()),
        NotBegun::Store(error) => Error::Store(error),
        NotBegun::Vault(error) => Error::from(error),
    })?;
    audit::note(&app, &who, Some(&site_id), "reconcile.begun", json!({ "job_id": job.id, "group": task.group })).await;
    Ok((StatusCode::ACCEPTED, Json(job_json(job))))
}
