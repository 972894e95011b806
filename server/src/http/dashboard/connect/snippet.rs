//! The snippet in all its forms: for a plain page, for WordPress, for a tag manager, and what a page's policies have to allow.

use super::super::head::{Head, Tab, find, no_site};
use super::super::page::{self, PageAssets};
use super::milestones::{self, LOOKED_AT, Milestone};
use crate::app::{App, SharedApp};
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::settings::{ConsentMode, SiteSettings};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

/// Lets a page call `tagwerk(...)` before the script has arrived; the shim takes over what it queued.
const STUB: &str =
    "<script>window.tagwerk=window.tagwerk||function(){(tagwerk.q=tagwerk.q||[]).push(arguments)}</script>";
/// What optimisers and banners look for that would hold the script back.
const HANDS_OFF: &str = r#"data-cfasync="false" data-no-optimize="1" data-no-defer="1" data-noptimize="1" nowprocket data-cookieconsent="ignore""#;

#[derive(Template)]
#[template(path = "connect/snippet.html")]
struct SnippetPage {
    assets: &'static PageAssets,
    head: Head,
    waits: Option<Milestone>,
    /// What the script is known by to those who exclude scripts.
    exclusion: String,
    plain: String,
    wordpress: String,
    with_nonce: String,
    policy: String,
    stub: &'static str,
    consent: &'static str,
    gpc: bool,
    decorate_without: bool,
    is_http: bool,
}

/// The address of a site's script.
fn script(app: &App, site_id: &str) -> String {
    format!("{}{}", app.public_url, app.config.script_path.replace("{site_id}", site_id))
}

/// The one line of the tag.
pub(super) fn line(app: &App, site_id: &str) -> String {
    format!("<script async src=\"{}\"></script>", script(app, site_id))
}

/// The page.
pub(super) async fn show(
    _: SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Connect).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let arrivals = app.store.arrivals(&site_id, LOOKED_AT).await?;
    let script = script(&app, &site_id);
    let origin = app.public_url.clone();
    let page = SnippetPage {
        assets: page::assets(),
        head,
        waits: milestones::of_site(&app, &site_id, &arrivals).await?.into_iter().next(),
        exclusion: app.config.script_path.replace("{site_id}", &site_id),
        plain: line(&app, &site_id),
        wordpress: format!("<script async {HANDS_OFF} src=\"{script}\"></script>"),
        with_nonce: format!("<script nonce=\"YOUR-NONCE\" async src=\"{script}\"></script>"),
        policy: format!("script-src {origin} 'wasm-unsafe-eval'; connect-src {origin}"),
        stub: STUB,
        consent: match settings.consent.mode {
            ConsentMode::None => "none",
            ConsentMode::Required => "required",
            ConsentMode::Auto => "auto",
        },
        gpc: settings.consent.gpc,
        decorate_without: settings.consent.decorate_without,
        is_http: origin.starts_with("http:"),
    };
    page::render(StatusCode::OK, &page)
}
