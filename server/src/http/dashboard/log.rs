//! The log: every postback and event with its state and reason, filtered, searched, and each one as it came.

mod asked;
mod line;
mod raw;
mod search;

use super::figures::Figures;
use super::head::{Head, Tab, find, no_site};
use super::page;
use super::when::Moment;
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::masking::{Masking, Tells};
use crate::store::Looked;
use askama::Template;
use asked::{Asked, Chosen, FilterField, Kind};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use line::Line;
use page::PageAssets;
use search::Search;

/// How many entries a page shows.
const ENTRIES: usize = 50;
/// How many rows are looked at for one page, where no index finds what is asked for.
const LOOK: usize = 50_000;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/sites/{site_id}/log", get(show))
        .route("/sites/{site_id}/log/postbacks/{postback_id}", get(raw::postback))
        .route("/sites/{site_id}/log/events/{event_id}", get(raw::event))
}

#[derive(Template)]
#[template(path = "log.html")]
struct Log {
    assets: &'static PageAssets,
    head: Head,
    kind: Kind,
    problem: Option<String>,
    q: String,
    search: Option<Search>,
    fields: Vec<FilterField>,
    from: String,
    to: String,
    is_filtered: bool,
    is_later_part: bool,
    lines: Vec<Line>,
    /// Down to when rows were looked at, where the search ended before the page was full.
    down_to: Option<Moment>,
    /// The query of what is older.
    older: Option<String>,
    /// The query of the same rows, as the API and the file take it.
    api_query: String,
}

async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Log).await? else { return Ok(no_site()) };
    let kind = asked.kind();
    let groups: Vec<String> = app.groups.iter().map(|group| group.name.clone()).collect();
    let (chosen, problem) = match asked.chosen(ENTRIES) {
        Ok(chosen) => (chosen, None),
        Err(problem) => (Chosen::nothing(kind), Some(problem)),
    };
    let seen = Masking::of(&app.groups, who.role);
    let found = match &problem {
        None => lines(&app, &site_id, &chosen, &seen).await?,
        Some(_) => Looked { items: Vec::new(), next: None, down_to: None },
    };
    let search = match asked.q.trim() {
        "" => None,
        text => Some(search::search(&app, &site_id, text, &seen, &Figures::of(&headers)).await?),
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Log {
        assets: page::assets(),
        kind,
        q: asked.q.trim().to_owned(),
        search,
        fields: asked.fields(&groups),
        from: asked.from.clone(),
        to: asked.to.clone(),
        is_filtered: asked.is_filtered(),
        is_later_part: asked.after.is_some(),
        older: found.next.as_deref().map(|next| asked.query(Some(next))),
        api_query: chosen.api_query(),
        down_to: found.down_to.map(Moment::of),
        lines: found.items,
        problem,
        head,
    };
    page::render(status, &page)
}

/// The rows that were asked for, as lines.
async fn lines(app: &SharedApp, site_id: &str, chosen: &Chosen, seen: &Masking) -> Result<Looked<Line>, Error> {
    fn shown<T: Tells>(looked: Looked<T>, seen: &Masking, show: impl Fn(T) -> Line) -> Looked<Line> {
        let items = looked.items.into_iter().map(|row| show(seen.masked(row))).collect();
        Looked { items, next: looked.next, down_to: looked.down_to }
    }
    let (store, page) = (&app.store, chosen.page.clone());
    Ok(match chosen.kind {
        Kind::Postbacks => {
            shown(store.look_for_postbacks(site_id, page, LOOK).await?, seen, |row| line::postback(site_id, row))
        }
        Kind::Events => shown(store.look_for_events(site_id, page, LOOK).await?, seen, |row| line::event(site_id, row)),
        Kind::Clicks => shown(store.look_for_clicks(site_id, page, LOOK).await?, seen, |row| line::click(site_id, row)),
        Kind::Visits => shown(store.look_for_visits(site_id, page, LOOK).await?, seen, |row| line::visit(site_id, row)),
        Kind::OrderEvents => {
            shown(store.look_for_order_events(site_id, page, LOOK).await?, seen, |row| line::order_event(site_id, row))
        }
    })
}
