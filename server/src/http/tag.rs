//! The tag as pages load it: the script with the site's public settings, and its hashed assets.

use super::error::Error;
use super::request::header_text;
use crate::app::{App, SharedApp};
use crate::assets::{Asset, hash};
use crate::settings::SiteSettings;
use crate::tag;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Scripts kept ready; more sites than that are compressed anew at times.
const READY: usize = 256;

const SCRIPT_CACHE: &str = "public, max-age=300";
const ASSET_CACHE: &str = "public, max-age=31536000, immutable";
const ANY_ORIGIN: [(HeaderName, &str); 5] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    // By these a page can tell whether its visitor's clock is right.
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "date, age"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    (HeaderName::from_static("timing-allow-origin"), "*"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The sites' scripts, compressed once for each state of their settings.
#[derive(Debug, Default)]
pub struct Scripts(Mutex<HashMap<String, (String, Arc<Asset>)>>);

impl Scripts {
    fn get(&self, site_id: &str, version: &str) -> Option<Arc<Asset>> {
        let scripts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.get(site_id).filter(|(known, _)| known == version).map(|(_, asset)| Arc::clone(asset))
    }

    fn keep(&self, site_id: &str, version: String, asset: Arc<Asset>) {
        let mut scripts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if scripts.len() >= READY {
            scripts.clear();
        }
        scripts.insert(site_id.to_owned(), (version, asset));
    }
}

/// `GET /{site_id}.js`, or wherever `script_path` says; everything else that no route knows ends here too.
///
/// # Errors
/// The path is no script's, or the store cannot be read.
pub async fn script(
    State(app): State<SharedApp>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some(site_id) = site_of(&app.config.script_path, uri.path()) else {
        return Err(Error::NotFound("there is nothing here".into()));
    };
    if method != Method::GET && method != Method::HEAD {
        return Err(Error::Only(format!("{method} is not known here; the script comes by GET"), "GET, HEAD"));
    }
    let Some(site) = app.store.site(site_id).await? else {
        return Ok(missing("unknown site id; copy the snippet from the dashboard again"));
    };
    let settings = tag::settings(&app, site_id, &SiteSettings::of(&site)?).to_text();
    let version = hash(settings.as_bytes());
    let asset = match app.scripts.get(site_id, &version) {
        Some(asset) => asset,
        None => {
            let asset = compressed(&app, settings).await?;
            app.scripts.keep(site_id, version, Arc::clone(&asset));
            asset
        }
    };
    Ok(send(&asset, SCRIPT_CACHE, &headers))
}

async fn compressed(app: &SharedApp, settings: String) -> Result<Arc<Asset>, Error> {
    let app: Arc<App> = Arc::clone(app);
    let asset = tokio::task::spawn_blocking(move || {
        Asset::new("text/javascript; charset=utf-8", app.assets.shim(&settings).into_bytes())
    });
    Ok(Arc::new(asset.await.map_err(Error::broken)?.map_err(Error::broken)?))
}

/// What is not there, said to every origin, and as a script: else a page cannot tell it from a server that does not answer,
/// since browsers hide plain text from who asked for a script (Opaque Response Blocking).
fn missing(what: &str) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (StatusCode::NOT_FOUND, ANY_ORIGIN, content_type, format!("// {what}\n")).into_response()
}

/// The site's id in a path of that pattern.
fn site_of<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let (before, after) = pattern.split_once("{site_id}")?;
    let site_id = path.strip_prefix(before)?.strip_suffix(after)?;
    site_id.bytes().all(|b| b.is_ascii_alphanumeric()).then_some(site_id).filter(|id| !id.is_empty())
}

/// `GET /assets/{name}`.
///
/// # Errors
/// The asset cannot be compressed.
pub async fn asset(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    // Who asks first for a rare one compresses it, which takes long: not on a thread that answers others meanwhile.
    let found = move || app.assets.get(&name).map(|asset| send(asset, ASSET_CACHE, &headers));
    match tokio::task::spawn_blocking(found).await.map_err(Error::broken)? {
        Some(answer) => Ok(answer),
        None => Ok(missing("there is no asset of that name; its page may be older than the tag")),
    }
}

fn send(asset: &Asset, cache: &'static str, headers: &HeaderMap) -> Response {
    let common =
        [(header::CACHE_CONTROL, cache), (header::ETAG, asset.etag.as_str()), (header::VARY, "accept-encoding")];
    let known = header_text(headers, header::IF_NONE_MATCH).unwrap_or_default();
    if known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.etag || tag.trim() == "*") {
        return (StatusCode::NOT_MODIFIED, ANY_ORIGIN, common).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, asset.content_type)];
    let accepted = header_text(headers, header::ACCEPT_ENCODING).unwrap_or_default();
    let (encoding, bytes) = if accepts(accepted, "br") {
        ("br", &asset.brotli)
    } else if accepts(accepted, "gzip") {
        ("gzip", &asset.gzip)
    } else {
        return (ANY_ORIGIN, common, content_type, asset.plain.clone()).into_response();
    };
    (ANY_ORIGIN, common, content_type, [(header::CONTENT_ENCODING, encoding)], bytes.clone()).into_response()
}

/// Whether an `Accept-Encoding` names this encoding and does not rule it out (`q=0`).
fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.parse::<f32>().ok());
        named && weight.is_none_or(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_that_is_ruled_out_is_not_accepted() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("BR;q=0.5", "br"));
        assert!(!accepts("br;q=0, gzip", "br"));
        assert!(!accepts("brotli", "br"));
    }

    #[test]
    fn a_site_is_found_in_the_script_s_path_only() {
        assert_eq!(site_of("/{site_id}.js", "/abc.js"), Some("abc"));
        assert_eq!(site_of("/lib/{site_id}/m.js", "/lib/abc/m.js"), Some("abc"));
        for path in ["/.js", "/a/b.js", "/abc.css", "abc.js"] {
            assert_eq!(site_of("/{site_id}.js", path), None, "{path}");
        }
    }
}
