//! What the set-up page does with the site's addresses besides showing them: a passphrase is entered, a tracking id is replaced.

use super::page;
use crate::app::{App, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::session::{Owner, SameOrigin};
use crate::rotation::GRACE_HOURS;
use crate::store::{ReplacedTrackingId, StoreError};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
pub(super) struct PassphraseForm {
    #[serde(default)]
    group: String,
    #[serde(default)]
    passphrase: String,
}

/// Keeps the passphrase of a network's signed notifications.
pub(super) async fn choose_passphrase(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Form(form): Form<PassphraseForm>,
) -> Result<Response, Error> {
    let passphrase = form.passphrase.trim();
    if passphrase.is_empty() || app.groups.get(&form.group).is_none_or(|group| group.ipn.is_none()) {
        let sentence = "Go back, enter the passphrase of a network that sends signed notifications, and save again.";
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "That is no passphrase", sentence));
    }
    let change = json!({ "groups": { form.group.as_str(): { "ipn_passphrase": passphrase } } });
    audit::patch_settings(&app, &who, &site_id, change).await?;
    Ok(page::guarded(Redirect::to(&format!("/sites/{site_id}?saved=passphrase#networks")).into_response()))
}

#[derive(Deserialize)]
pub(super) struct RotateForm {
    grace_hours: Option<u32>,
}

/// Gives the site a new tracking id.
pub(super) async fn rotate(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Form(form): Form<RotateForm>,
) -> Result<Response, Error> {
    let grace_hours = form.grace_hours.unwrap_or(GRACE_HOURS);
    app.rotate_tracking_id(&site_id, grace_hours).await?;
    audit::note(&app, &who, Some(&site_id), "tracking_id.rotated", json!({ "grace_hours": grace_hours })).await;
    Ok(page::guarded(Redirect::to(&format!("/sites/{site_id}?saved=rotation#rotation")).into_response()))
}

/// The tracking ids that still work beside the one of now.
pub(super) async fn replaced(app: &App, site_id: &str) -> Result<Vec<ReplacedTrackingId>, StoreError> {
    app.store.replaced_tracking_ids(site_id, app.now()).await
}
