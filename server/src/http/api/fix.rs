//! What the operator puts right: `correct`, `assign`, `replay`.

use super::settings::existing;
use super::shapes::{conversion_json, job_json, postback_json};
use crate::app::{App, SharedApp};
use crate::fix::{self, Changes};
use crate::http::error::Error;
use crate::http::operator::Operator;
use crate::http::request;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Correction {
    set: Changes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assignment {
    click_id: String,
}

/// Sets parameters of a postback by hand and reads it again; answers with the postback.
pub(super) async fn correct(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path((site_id, postback_id)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let example = r#"{"set": {"currency": "EUR", "cid": null}}"#;
    let Correction { set } = sent(&app, body, example).await?;
    existing(&app, &site_id).await?;
    Ok(Json(postback_json(&app, fix::correct(&app, &site_id, &postback_id, &set).await?)))
}

/// Reads a postback again by the rules of now; answers with it.
pub(super) async fn replay_one(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path((site_id, postback_id)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    existing(&app, &site_id).await?;
    Ok(Json(postback_json(&app, fix::replay(&app, &site_id, &postback_id).await?)))
}

/// Credits a conversion to a click; answers with the conversion.
pub(super) async fn assign(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path((site_id, conversion_id)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let Assignment { click_id } = sent(&app, body, r#"{"click_id": "..."}"#).await?;
    existing(&app, &site_id).await?;
    Ok(Json(conversion_json(&app, fix::assign(&app, &site_id, &conversion_id, &click_id).await?)))
}

/// Begins to read the raw inbox again by the rules of now; answers with the job.
pub(super) async fn replay(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Error> {
    Ok((StatusCode::ACCEPTED, Json(job_json(fix::replay_all(&app, &site_id).await?))))
}

async fn sent<T: DeserializeOwned>(app: &App, body: Body, example: &str) -> Result<T, Error> {
    let body = request::body(app, body).await.map_err(|error| error.sentence(app))?;
    serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("the body must be like {example}: {error}")))
}
