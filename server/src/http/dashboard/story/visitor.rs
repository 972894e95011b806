//! What is known of a visitor: the visits in order, each with what was clicked and what it brought.

use super::super::figures::Figures;
use super::super::head::{Head, Tab, find, no_site};
use super::super::incoming::{self, ClickEntry, VisitEntry};
use super::super::page;
use super::related::{Other, part};
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::masking::Masking;
use crate::people::Role;
use crate::store::{Field, Filter, Page, Place, Visit};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use page::PageAssets;
use serde::Deserialize;

/// How many visits a page shows.
const VISITS: usize = 25;
/// How many clicks and conversions of each are shown; the visit's own page has all.
const OF_EACH: usize = 10;

/// A visit with what it did and brought, as shown.
struct Chapter {
    visit: VisitEntry,
    clicks: Vec<ClickEntry>,
    has_more_clicks: bool,
    conversions: Vec<Other>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "story_visitor.html")]
struct VisitorStory {
    assets: &'static PageAssets,
    head: Head,
    visitor_id: String,
    /// Whether who is looking may erase the visitor.
    may_erase: bool,
    is_older_part: bool,
    chapters: Vec<Chapter>,
    older: Option<String>,
}

/// The page.
pub(super) async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path((site_id, visitor_id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Log).await? else { return Ok(no_site()) };
    let after = asked.after.filter(|cursor| Place::parse(cursor).is_ok());
    let is_older_part = after.is_some();
    let page = Page { after, filter: Filter::only(Field::VisitorId, visitor_id.clone()), ..Page::first(VISITS) };
    let visits = app.store.visits(&site_id, page).await?;
    if visits.items.is_empty() {
        let sentence = "It may belong to another site, or it was erased. Visits without consent to be known again have no visitor.";
        return Ok(page::refuse(StatusCode::NOT_FOUND, "Nothing is known of such a visitor", sentence));
    }
    let mut chapters = Vec::with_capacity(visits.items.len());
    let (seen, figures) = (Masking::of(&app.groups, who.role), Figures::of(&headers));
    for visit in seen.all(visits.items) {
        chapters.push(chapter(&app, &site_id, visit, &seen, &figures).await?);
    }
    // The newest part is read first, and each part in the order in which it happened.
    chapters.reverse();
    let may_erase = who.role == Role::Owner;
    let page = VisitorStory {
        assets: page::assets(),
        head,
        visitor_id,
        may_erase,
        is_older_part,
        chapters,
        older: visits.next,
    };
    page::render(StatusCode::OK, &page)
}

async fn chapter(
    app: &SharedApp,
    site_id: &str,
    visit: Visit,
    seen: &Masking,
    figures: &Figures,
) -> Result<Chapter, Error> {
    let only = || vec![(Field::VisitId, visit.visit_id.clone())];
    let page = Page { filter: Filter { only: only(), ..Filter::default() }, ..Page::first(OF_EACH) };
    let clicks = app.store.clicks(site_id, page).await?;
    let conversions = part(app, site_id, only(), OF_EACH).await?;
    let ad_parameters = app.clicks.params();
    Ok(Chapter {
        has_more_clicks: clicks.next.is_some(),
        clicks: seen.all(clicks.items).into_iter().rev().map(|click| incoming::click(click, &ad_parameters)).collect(),
        conversions: conversions.iter().rev().map(|row| Other::of(row, "", figures)).collect(),
        visit: incoming::visit(visit),
    })
}
