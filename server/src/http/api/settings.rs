//! Sites and their settings.

use super::shapes::site_json;
use crate::app::{App, SharedApp};
use crate::http::error::Error;
use crate::http::operator::Operator;
use crate::http::request;
use crate::settings::SiteSettings;
use crate::store::Site;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use serde_json::{Value, json};

/// Every site, oldest first.
pub(super) async fn sites(_: Operator, State(app): State<SharedApp>) -> Result<Json<Value>, Error> {
    let sites = app.store.sites().await?;
    let items = sites.iter().map(site_json).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "items": items, "next": null })))
}

/// The site of this id.
///
/// # Errors
/// There is none, or the store is not available.
pub(super) async fn existing(app: &App, site_id: &str) -> Result<Site, Error> {
    app.store.site(site_id).await?.ok_or_else(|| Error::NotFound("there is no such site".into()))
}

/// The settings of a site.
pub(super) async fn settings(
    _: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Json<Value>, Error> {
    Ok(Json(SiteSettings::of(&existing(&app, &site_id).await?)?.shown()?))
}

/// Changes settings by a JSON merge patch.
pub(super) async fn patch_settings(
    _: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    let change =
        serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("the body is not JSON: {error}")))?;
    Ok(Json(app.patch_settings(&site_id, change).await?.shown()?))
}
