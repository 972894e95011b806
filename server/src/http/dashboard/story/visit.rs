//! The story of one visit: how it came, what it did in order, and what it brought.

use super::super::figures::Figures;
use super::super::head::{Head, Tab, find, no_site};
use super::super::incoming::{self, VisitEntry};
use super::super::page;
use super::super::when::Moment;
use super::related::{Other, part};
use super::whose::{harmless, source};
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::masking::Masking;
use crate::people::Role;
use crate::store::{ClickRow, EventRow, Field, Filter, Order, Page, Place};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use page::PageAssets;
use serde::Deserialize;
use std::collections::BTreeMap;
use tagwerk_protocol::event::OUTBOUND_CLICK;

/// How many events a page shows.
const EVENTS: usize = 100;
/// How many conversions are shown.
const CONVERSIONS: usize = 50;

/// Something that a visit did, as shown.
pub(in super::super) struct Deed {
    pub(in super::super) event_id: String,
    pub(in super::super) at: Moment,
    pub(in super::super) name: String,
    pub(in super::super) page: String,
    /// What was clicked: text, address, how, and whether it kept another's sub-id.
    pub(in super::super) click: Option<Clicked>,
    pub(in super::super) click_id: Option<String>,
    pub(in super::super) attributes: Vec<(String, String)>,
}

/// What was clicked.
pub(in super::super) struct Clicked {
    pub(in super::super) label: Option<String>,
    pub(in super::super) href: String,
    pub(in super::super) how: &'static str,
    pub(in super::super) foreign: bool,
}

impl Deed {
    /// Shows an event, with its click where it is one.
    pub(in super::super) fn of(event: EventRow, click: Option<&ClickRow>) -> Self {
        Self {
            at: Moment::of(event.at),
            name: event.name,
            page: event.page,
            click: click.map(|click| Clicked {
                label: click.label.clone(),
                href: click.href.clone(),
                how: super::how_opened(&click.how),
                foreign: click.foreign,
            }),
            click_id: event.click_id,
            attributes: event.attributes.into_iter().collect(),
            event_id: event.event_id,
        }
    }

    /// Whether a link was opened.
    pub(in super::super) fn is_click(&self) -> bool {
        self.name == OUTBOUND_CLICK
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "story_visit.html")]
struct VisitStory {
    assets: &'static PageAssets,
    head: Head,
    title: String,
    entry: VisitEntry,
    received: Moment,
    visitor_id: Option<String>,
    /// Whether who is looking may erase it.
    may_erase: bool,
    cookies: Vec<String>,
    is_later_part: bool,
    deeds: Vec<Deed>,
    later: Option<String>,
    conversions: Vec<Other>,
}

/// The page.
pub(super) async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path((site_id, visit_id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Log).await? else { return Ok(no_site()) };
    let visit_id = visit_id.to_ascii_lowercase();
    let Some(visit) = app.store.visits_by_id(&site_id, std::slice::from_ref(&visit_id)).await?.pop() else {
        let sentence = "It may belong to another site, or none of its events ever arrived.";
        return Ok(page::refuse(StatusCode::NOT_FOUND, "There is no such visit", sentence));
    };
    let (seen, figures) = (Masking::of(&app.groups, who.role), Figures::of(&headers));
    let visit = seen.masked(visit);
    let after = asked.after.filter(|cursor| Place::parse(cursor).is_ok());
    let is_later_part = after.is_some();
    let of_it = || Filter::only(Field::VisitId, visit_id.clone());
    let page = Page { after, filter: of_it(), order: Order::Rising, ..Page::first(EVENTS) };
    let events = app.store.events(&site_id, page).await?;
    let ids: Vec<String> = events.items.iter().filter_map(|event| event.click_id.clone()).collect();
    let clicks: BTreeMap<String, ClickRow> = app
        .store
        .clicks_by_id(&site_id, &ids)
        .await?
        .into_iter()
        .map(|click| (click.click_id.clone(), seen.masked(click)))
        .collect();
    let conversions = part(&app, &site_id, vec![(Field::VisitId, visit_id.clone())], CONVERSIONS).await?;
    let title = harmless(&source(&visit));
    let page = VisitStory {
        assets: page::assets(),
        head,
        title,
        received: Moment::of(visit.received_at),
        visitor_id: visit.visitor_id.clone(),
        may_erase: who.role == Role::Owner,
        cookies: visit.cookies.keys().cloned().collect(),
        is_later_part,
        later: events.next,
        deeds: events
            .items
            .into_iter()
            .map(|event| {
                let click = event.click_id.as_ref().and_then(|id| clicks.get(id));
                Deed::of(seen.masked(event), click)
            })
            .collect(),
        conversions: conversions.iter().map(|row| Other::of(row, "credited to this visit", &figures)).collect(),
        entry: incoming::visit(visit),
    };
    page::render(StatusCode::OK, &page)
}
