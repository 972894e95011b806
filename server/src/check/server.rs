//! The server behind a tag, as pages reach it: script, what it loads, where it reports to, certificate and clock.

use super::fetch::{Answer, Asking, Unanswered};
use super::snippet::settings_in;
use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use tagwerk_protocol::settings::TagSettings;
use url::Url;

/// Most of a script or of what it loads that is read, in bytes.
const LONGEST_SCRIPT: usize = 1 << 20;
/// Most of other answers.
const LONGEST_OTHER: usize = 4_096;
/// Most origins that are asked for.
const MOST_ORIGINS: usize = 20;

/// What was asked, and answered.
pub type Asked = Result<Answer, Unanswered>;

/// A server as pages see it.
#[derive(Debug, Clone)]
pub struct Served {
    /// The address of the tag's script.
    pub script_url: Url,
    /// The script.
    pub script: Asked,
    /// The settings in it.
    pub settings: Option<TagSettings>,
    /// What the script loads, JavaScript and WebAssembly.
    pub assets: Vec<(Url, Asked)>,
    /// `/healthz`.
    pub health: Asked,
    /// What a browser hears that asks, from a page of this origin, whether it may send events.
    pub preflights: Vec<(String, Asked)>,
}

/// Fetches a tag's script, as a browser that takes compressed answers.
///
/// # Errors
/// Nobody answers.
pub async fn script(asking: &Asking<'_>, url: &Url) -> Asked {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"));
    asking.once(Method::GET, url, headers, LONGEST_SCRIPT).await
}

/// Looks at the server behind a script that was fetched, for pages of these origins.
pub async fn look(asking: &Asking<'_>, script_url: &Url, script: Asked, origins: &[String]) -> Served {
    let settings = script.as_ref().ok().and_then(|answer| settings_in(&answer.text()));
    let mut assets = Vec::new();
    let mut preflights = Vec::new();
    if let Some(settings) = &settings {
        for path in [&settings.glue, &settings.wasm] {
            if let Ok(url) = script_url.join(path) {
                let mut headers = HeaderMap::new();
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"));
                let asked = asking.once(Method::GET, &url, headers, LONGEST_SCRIPT).await;
                assets.push((url, asked));
            }
        }
        for origin in origins.iter().take(MOST_ORIGINS) {
            let (Ok(url), Ok(value)) = (script_url.join(&settings.event), HeaderValue::from_str(origin)) else {
                continue;
            };
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, value);
            headers.insert(HeaderName::from_static("access-control-request-method"), HeaderValue::from_static("POST"));
            headers.insert(
                HeaderName::from_static("access-control-request-headers"),
                HeaderValue::from_static("content-type"),
            );
            let asked = asking.once(Method::OPTIONS, &url, headers, LONGEST_OTHER).await;
            preflights.push((origin.clone(), asked));
        }
    }
    let health = health(asking, script_url).await;
    Served { script_url: script_url.clone(), script, settings, assets, health, preflights }
}

/// Asks a server whether it lives.
///
/// # Errors
/// Nobody answers.
pub async fn health(asking: &Asking<'_>, server: &Url) -> Asked {
    let url = server.join("/healthz").map_err(|error| Unanswered { says: error.to_string(), certificate: false })?;
    asking.once(Method::GET, &url, HeaderMap::new(), LONGEST_OTHER).await
}
