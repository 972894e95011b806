//! Sites and their settings.

use super::shapes::site_json;
use crate::app::{App, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::operator::{Administrator, Operator};
use crate::http::request;
use crate::people::Role;
use crate::settings::{MASK, SiteSettings};
use crate::store::Site;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use serde_json::{Value, json};

/// Every site, oldest first.
pub(super) async fn sites(Operator(who): Operator, State(app): State<SharedApp>) -> Result<Json<Value>, Error> {
    let sites = app.store.sites().await?;
    let mut items = sites.iter().map(site_json).collect::<Result<Vec<_>, _>>()?;
    if who.role < Role::Analyst {
        // Whoever knows it can send postbacks.
        items.iter_mut().filter_map(|site| site.get_mut("tracking_id")).for_each(|id| *id = MASK.into());
    }
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
    Administrator(who): Administrator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    let change =
        serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("the body is not JSON: {error}")))?;
    Ok(Json(audit::patch_settings(&app, &who, &site_id, change).await?.shown()?))
}
