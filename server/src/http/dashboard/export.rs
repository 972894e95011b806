//! Everything that is held of a site, as one file to take along.

use super::figures::Figures;
use super::head::{Head, Tab, find, no_site};
use super::page::{self, PageAssets};
use crate::app::SharedApp;
use crate::http::api::everything::{FILES, Says, begin, left_out};
use crate::http::error::Error;
use crate::http::session::Owner;
use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;

/// How far rows are counted for the page: beyond, it takes longer than anybody wants to wait for a page.
const COUNTED: usize = 100_000;

/// The routes of this page and its file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/sites/{site_id}/export", get(show)).route("/sites/{site_id}/export.zip", get(file))
}

/// A file, as shown.
struct FileShown {
    name: &'static str,
    what: &'static str,
    /// How many rows it has, said; `None` where it has no rows.
    rows: Option<String>,
    is_none: bool,
}

#[derive(Template)]
#[template(path = "export.html")]
struct Export {
    assets: &'static PageAssets,
    head: Head,
    files: Vec<FileShown>,
    left_out: [&'static str; 4],
}

async fn show(
    _: Owner,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Settings).await? else { return Ok(no_site()) };
    let (counts, figures) = (app.store.counts(&site_id, COUNTED).await?, Figures::of(&headers));
    let shown = |file: &Says| {
        let count = file.count.map(|count| count(&counts));
        let rows = count.map(|count| {
            let more = if count >= COUNTED as u64 { " or more" } else { "" };
            format!("{}{more}", figures.count(count))
        });
        FileShown { name: file.name, what: file.what, rows, is_none: count == Some(0) }
    };
    let page = Export { assets: page::assets(), files: FILES.iter().map(shown).collect(), left_out: left_out(), head };
    page::render(StatusCode::OK, &page)
}

async fn file(Owner(who): Owner, State(app): State<SharedApp>, Path(site_id): Path<String>) -> Result<Response, Error> {
    let Some((site, _)) = find(&app, &site_id, Tab::Settings).await? else { return Ok(no_site()) };
    match begin(&app, &who, site).await {
        Err(Error::Later(sentence)) => {
            let sentence = format!("Nothing is wrong: {sentence}.");
            Ok(page::refuse(StatusCode::SERVICE_UNAVAILABLE, "Not just now", &sentence))
        }
        answer => answer,
    }
}
