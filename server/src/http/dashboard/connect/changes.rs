//! What is changed from a group's page: what the site says about it, what a sale is worth, and the secret in its addresses.

use super::super::page;
use super::group::{Done, Found, found};
use super::{rules, settings_form};
use crate::app::{ChangeError, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::session::{Owner, SameOrigin};
use crate::rotation::{GRACE_HOURS, RotationError};
use crate::settings::SettingsError;
use crate::store::StoreError;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

/// How often a change is tried anew that others were faster than.
const TRIES: usize = 8;

/// Leads back to the group's page, to what was saved.
fn back(found: &Found, saved: &str) -> Response {
    let (site_id, name) = (&found.site.site_id, &found.group.name);
    page::guarded(Redirect::to(&format!("/sites/{site_id}/connect/{name}?saved={saved}#{saved}")).into_response())
}

/// Keeps what the form says; what cannot be is told beside its field.
pub(super) async fn save(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    Form(filled): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    for _ in 0..TRIES {
        let found = match found(&app, &site_id, &name).await? {
            Ok(found) => found,
            Err(refused) => return Ok(refused),
        };
        let change = match settings_form::overtaken(&found.group, &found.said(), &filled) {
            Some(overtaken) => Err(overtaken),
            None => settings_form::change(&found.group, &filled),
        };
        let problems = match change {
            Err(problems) => problems,
            Ok(change) => {
                let change = json!({ "groups": { name.as_str(): change } });
                match audit::patch_settings_as_read(&app, &who, &found.site, change).await {
                    Ok(true) => return Ok(back(&found, "settings")),
                    Ok(false) => continue,
                    Err(ChangeError::Settings(SettingsError::Invalid(sentence))) => {
                        settings_form::told(&name, &sentence)
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        return found.page(&app, &who, Done::default(), Some((&filled, &problems))).await;
    }
    Err(StoreError::Busy.into())
}

#[derive(Deserialize)]
pub(super) struct ValueForm {
    #[serde(default)]
    purchase_value: String,
    /// The rule that held when the form was made.
    #[serde(default)]
    was: String,
}

/// Chooses what a sale is worth.
pub(super) async fn choose_value(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    Form(form): Form<ValueForm>,
) -> Result<Response, Error> {
    let found = match found(&app, &site_id, &name).await? {
        Ok(found) => found,
        Err(refused) => return Ok(refused),
    };
    let Some(rule) = rules::rule(&form.purchase_value) else {
        let sentence = "Go back, choose one of the five rules and save again.";
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "That is not a rule of value", sentence));
    };
    let now = found.settings.purchase_value;
    if now != rule && !form.was.is_empty() && form.was != now.as_str() {
        let sentence = format!(
            "Somebody else has chosen {} since you opened the page. Go back, load it again, and choose again if yours is still wanted.",
            now.as_str()
        );
        return Ok(page::refuse(StatusCode::CONFLICT, "The rule is another one by now", &sentence));
    }
    audit::patch_settings(&app, &who, &site_id, json!({ "purchase_value": rule.as_str() })).await?;
    Ok(back(&found, "value"))
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
    Path((site_id, name)): Path<(String, String)>,
    Form(form): Form<RotateForm>,
) -> Result<Response, Error> {
    let found = match found(&app, &site_id, &name).await? {
        Ok(found) => found,
        Err(refused) => return Ok(refused),
    };
    let grace_hours = form.grace_hours.unwrap_or(GRACE_HOURS);
    match app.rotate_tracking_id(&site_id, grace_hours).await {
        Ok(_) => {}
        Err(error @ RotationError::Grace) => {
            let sentence = format!("{error}. Go back and choose again.");
            return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "Not for that long", &sentence));
        }
        Err(error) => return Err(error.into()),
    }
    audit::note(&app, &who, Some(&site_id), "tracking_id.rotated", json!({ "grace_hours": grace_hours })).await;
    Ok(back(&found, "rotation"))
}
