//! Erasing a visitor: first what will go and what stays, then what went. It cannot be undone, so it is asked about on a page of its own.

use super::head::{Head, Tab, find, no_site};
use super::page::{self, PageAssets};
use super::when::Moment;
use crate::app::SharedApp;
use crate::cleansing;
use crate::http::error::Error;
use crate::http::session::{Owner, SameOrigin};
use crate::store::{Erased, Footprint};
use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/sites/{site_id}/visitors/{visitor_id}/erase", get(ask).post(erase))
}

/// How many of something.
struct Count {
    words: &'static str,
    number: u64,
}

impl Count {
    fn of(number: u64, words: &'static str) -> Self {
        Self { words, number }
    }
}

#[derive(Template)]
#[template(path = "erase.html")]
struct Ask {
    assets: &'static PageAssets,
    head: Head,
    visitor_id: String,
    is_once: bool,
    first: Moment,
    last: Moment,
    goes: Vec<Count>,
    stays: Vec<Count>,
    waiting: u64,
}

#[derive(Template)]
#[template(path = "erased.html")]
struct Done {
    assets: &'static PageAssets,
    head: Head,
    went: Vec<Count>,
    stays: Vec<Count>,
    stopped: u64,
    is_log_empty: bool,
}

/// Asks.
async fn ask(
    _: Owner,
    State(app): State<SharedApp>,
    Path((site_id, visitor_id)): Path<(String, String)>,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Log).await? else { return Ok(no_site()) };
    let Some(footprint) = app.store.footprint(&site_id, &visitor_id).await? else { return Ok(nobody()) };
    let Footprint { visits, events, clicks, conversions, postbacks, .. } = footprint;
    let page = Ask {
        assets: page::assets(),
        head,
        visitor_id,
        is_once: footprint.first == footprint.last,
        first: Moment::of(footprint.first),
        last: Moment::of(footprint.last),
        goes: gone(visits, events, clicks),
        stays: kept(conversions, postbacks),
        waiting: footprint.waiting,
    };
    page::render(StatusCode::OK, &page)
}

/// Erases.
async fn erase(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path((site_id, visitor_id)): Path<(String, String)>,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Log).await? else { return Ok(no_site()) };
    let Some(erased) = cleansing::erase(&app, &who, &site, &visitor_id).await? else { return Ok(nobody()) };
    let Erased { visits, events, clicks, conversions, postbacks, stopped, is_log_empty, .. } = erased;
    let page = Done {
        assets: page::assets(),
        head,
        went: gone(visits, events, clicks),
        stays: kept(conversions, postbacks),
        stopped,
        is_log_empty,
    };
    page::render(StatusCode::OK, &page)
}

fn gone(visits: u64, events: u64, clicks: u64) -> Vec<Count> {
    vec![Count::of(visits, "Visits"), Count::of(events, "Events, clicks among them"), Count::of(clicks, "Clicks")]
}

fn kept(conversions: u64, postbacks: u64) -> Vec<Count> {
    vec![Count::of(conversions, "Conversions"), Count::of(postbacks, "Requests of networks")]
}

fn nobody() -> Response {
    let sentence = "It may belong to another site, or it was erased already. The log finds a conversion by its order or transaction, and a visit by its click id; both lead to their visitor.";
    page::refuse(StatusCode::NOT_FOUND, "Nothing is known of such a visitor", sentence)
}
