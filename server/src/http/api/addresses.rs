//! The addresses of a site that others call, and the secret id in them.

use super::settings::existing;
use super::shapes::time;
use crate::app::SharedApp;
use crate::audit;
use crate::http::error::Error;
use crate::http::operator::{Administrator, Changing};
use crate::http::request;
use crate::postback_urls;
use crate::rotation::GRACE_HOURS;
use crate::store::ReplacedTrackingId;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Every address of a site, as it stands with the tracking id of now.
pub(super) async fn postback_urls(
    _: Changing,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Json<Value>, Error> {
    let site = existing(&app, &site_id).await?;
    let urls = postback_urls::of(&app.public_url, &site.site_id, &site.tracking_id, app.groups.iter());
    let replaced = app.store.replaced_tracking_ids(&site_id, app.now()).await?;
    Ok(Json(json!({
        "items": urls,
        "next": null,
        "tracking_id": site.tracking_id,
        "replaced": replaced_json(&replaced),
    })))
}

/// How long the tracking id before goes on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Grace {
    grace_hours: u32,
}

impl Default for Grace {
    fn default() -> Self {
        Self { grace_hours: GRACE_HOURS }
    }
}

/// Gives a site a new tracking id.
pub(super) async fn rotate(
    Administrator(who): Administrator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    let grace = if body.is_empty() {
        Grace::default()
    } else {
        // By way of an object: a list in its place would be read by position.
        serde_json::from_slice::<Map<String, Value>>(&body)
            .and_then(|fields| serde_json::from_value(fields.into()))
            .map_err(|error| Error::Invalid(format!("the body must be like {{\"grace_hours\": 168}}: {error}")))?
    };
    let rotated = app.rotate_tracking_id(&site_id, grace.grace_hours).await?;
    let about = json!({ "grace_hours": grace.grace_hours });
    audit::note(&app, &who, Some(&site_id), "tracking_id.rotated", about).await;
    Ok(Json(json!({ "tracking_id": rotated.tracking_id, "replaced": replaced_json(&rotated.replaced) })))
}

fn replaced_json(replaced: &[ReplacedTrackingId]) -> Value {
    let each = replaced.iter().map(|old| json!({ "tracking_id": old.tracking_id, "until": time(old.until) }));
    each.collect()
}
