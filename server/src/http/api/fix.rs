//! What the operator puts right: `correct`, `assign`, `replay`.

use super::settings::existing;
use super::shapes::{conversion_json, job_json, postback_json};
use crate::app::{App, SharedApp};
use crate::audit;
use crate::fix::{self, Changes};
use crate::http::error::Error;
use crate::http::operator::Changing;
use crate::http::request;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

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
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path((site_id, postback_id)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let example = r#"{"set": {"currency": "EUR", "cid": null}}"#;
    let Correction { set } = sent(&app, body, example).await?;
    existing(&app, &site_id).await?;
    let postback = fix::correct(&app, &site_id, &postback_id, &set).await?;
    // What is set may tell of a person: the names are enough.
    let parameters: Vec<&String> = set.keys().collect();
    let about = json!({ "postback_id": postback.id, "parameters": parameters, "state": postback.state });
    audit::note(&app, &who, Some(&site_id), "postback.corrected", about).await;
    Ok(Json(postback_json(&app, postback)))
}

/// Reads a postback again by the rules of now; answers with it.
pub(super) async fn replay_one(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path((site_id, postback_id)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    existing(&app, &site_id).await?;
    let postback = fix::replay(&app, &site_id, &postback_id).await?;
    let about = json!({ "postback_id": postback.id, "state": postback.state });
    audit::note(&app, &who, Some(&site_id), "postback.replayed", about).await;
    Ok(Json(postback_json(&app, postback)))
}

/// Credits a conversion to a click; answers with the conversion.
pub(super) async fn assign(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path((site_id, conversion_id)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let Assignment { click_id } = sent(&app, body, r#"{"click_id": "..."}"#).await?;
    existing(&app, &site_id).await?;
    let conversion = fix::assign(&app, &site_id, &conversion_id, &click_id).await?;
    let about = json!({ "conversion_id": conversion.id, "click_id": conversion.attribution.click_id });
    audit::note(&app, &who, Some(&site_id), "conversion.assigned", about).await;
    Ok(Json(conversion_json(&app, conversion)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    is_test: bool,
}

/// Marks a conversion as a test or as none; answers with it.
pub(super) async fn mark(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path((site_id, conversion_id)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let Mark { is_test } = sent(&app, body, r#"{"is_test": true}"#).await?;
    existing(&app, &site_id).await?;
    let (conversion, _) = fix::mark(&app, &site_id, &conversion_id, is_test).await?;
    let about = json!({ "conversion_id": conversion.id, "is_test": is_test });
    audit::note(&app, &who, Some(&site_id), "conversion.marked", about).await;
    Ok(Json(conversion_json(&app, conversion)))
}

/// Begins to read the raw inbox again by the rules of now; answers with the job.
pub(super) async fn replay(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let job = fix::replay_all(&app, &site_id).await?;
    audit::note(&app, &who, Some(&site_id), "inbox.replayed", json!({ "job_id": job.id })).await;
    Ok((StatusCode::ACCEPTED, Json(job_json(job))))
}

async fn sent<T: DeserializeOwned>(app: &App, body: Body, example: &str) -> Result<T, Error> {
    let body = request::body(app, body).await.map_err(|error| error.sentence(app))?;
    serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("the body must be like {example}: {error}")))
}
