//! What is wrong with links that lead to offers: `POST /sites/{site_id}/offers/check`.

use super::settings::existing;
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::operator::Operator;
use crate::http::request;
use crate::offers::MOST_LINES;
use crate::settings::SiteSettings;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Links {
    links: Vec<String>,
}

/// Looks at links as they stand in pages, one by one. Nothing of it is kept.
pub(super) async fn check(
    _: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let site = existing(&app, &site_id).await?;
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    let Links { links } = serde_json::from_slice(&body)
        .map_err(|error| Error::Invalid(format!("the body must be like {{\"links\": [\"https://...\"]}}: {error}")))?;
    if links.is_empty() || links.len() > MOST_LINES {
        return Err(Error::Refused(format!("links: must be 1 to {MOST_LINES}")));
    }
    // Their places in the list are the numbers of their lines.
    let text: Vec<String> = links.iter().map(|link| link.replace(['\n', '\r'], " ")).collect();
    let judged = app.check_offers(&site_id, &SiteSettings::of(&site)?, &text.join("\n")).await?;
    Ok(Json(json!({ "items": judged })))
}
