//! Who may read the answers to a page's requests: what event and scan have in common.

use super::error::Error;
use super::request::header_text;
use crate::app::{App, SharedApp};
use crate::settings::SiteSettings;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Answers a browser that asks before it sends.
///
/// # Errors
/// There is no such site, or it does not accept this origin.
pub async fn preflight(
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let cors = cors(&settings(&app, &site_id).await?, &headers)?;
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    Ok((StatusCode::NO_CONTENT, cors, allowed).into_response())
}

/// The settings of the site in a page's request.
///
/// # Errors
/// There is no such site.
pub(super) async fn settings(app: &App, site_id: &str) -> Result<SiteSettings, Error> {
    match app.store.site(site_id).await? {
        Some(site) => Ok(SiteSettings::of(&site)?),
        None => Err(Error::NotFound("unknown site id; copy the snippet from the dashboard again".into())),
    }
}

/// Which origin may read the answer: any, without cookies, where the site lists none; else those it lists, with cookies.
///
/// # Errors
/// The site does not accept this origin.
pub(super) fn cors(settings: &SiteSettings, headers: &HeaderMap) -> Result<[(HeaderName, HeaderValue); 3], Error> {
    let origin = header_text(headers, header::ORIGIN);
    let (allowed, credentials) = match origin {
        _ if settings.origins.is_empty() => ("*", "false"),
        None => ("null", "false"),
        Some(origin) if settings.origins.iter().any(|known| known == origin) => (origin, "true"),
        Some(origin) => {
            return Err(Error::Forbidden(format!("{origin} is not among this site's origins; add it in its settings")));
        }
    };
    Ok([
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_str(allowed).map_err(Error::broken)?),
        (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static(credentials)),
        (header::VARY, HeaderValue::from_static("origin")),
    ])
}
