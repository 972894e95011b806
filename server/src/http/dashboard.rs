//! The dashboard: a site's set-up and what came in, rendered on the server for the signed-in operator.

mod came_from;
mod connect;
mod costs;
mod deliveries;
mod erase;
mod export;
mod figures;
mod head;
mod incoming;
mod log;
pub(crate) mod page;
mod people;
mod platform;
mod platform_change;
mod platform_form;
mod platforms;
mod reports;
mod site_settings;
mod story;
mod today;
mod when;
mod worklist;

use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::masking::Masking;
use crate::reading::RawRequest;
use crate::store::{ClickRow, ConversionRow, Listing, Page, Place, PostbackRow, StoreError, Visit};
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use figures::Figures;
use head::{Head, Tab, find, no_site};
use incoming::{ClickEntry, ConversionEntry, Part, PostbackEntry, VisitEntry};
use page::PageAssets;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// How many entries of a list a page shows.
const ENTRIES: usize = 50;

/// The dashboard's routes.
pub fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/", get(first_site))
        .route("/sites/{site_id}/worklist", get(worklist::show))
        .route("/sites/{site_id}/postbacks/{postback_id}/correct", post(worklist::correct))
        .route("/sites/{site_id}/postbacks/{postback_id}/replay", post(worklist::replay_one))
        .route("/sites/{site_id}/conversions/{conversion_id}/assign", post(worklist::assign))
        .route("/sites/{site_id}/replay", post(worklist::replay))
        .route("/sites/{site_id}/platforms", get(platforms::show))
        .route("/sites/{site_id}/platforms/{name}", get(platform::show).post(platform::save))
        .route("/sites/{site_id}/platforms/{name}/test", post(platform::test))
        .route("/sites/{site_id}/platforms/{name}/resume", post(platforms::resume))
        .route("/sites/{site_id}/platforms/{name}/again", post(platforms::again))
        .route("/sites/{site_id}/platforms/{name}/another", post(platform::another))
        .route("/sites/{site_id}/platforms/{name}/remove", post(platform::remove))
        .route("/sites/{site_id}/deliveries", get(deliveries::show))
        .route("/sites/{site_id}/deliveries/{delivery_id}", get(deliveries::one))
        .route("/sites/{site_id}/deliveries/{delivery_id}/replay", post(deliveries::again))
        .route("/sites/{site_id}/{list}", get(older))
        .merge(today::routes())
        .merge(reports::routes())
        .merge(costs::routes())
        .merge(story::routes())
        .merge(erase::routes())
        .merge(log::routes())
        .merge(connect::routes())
        .merge(site_settings::routes())
        .merge(export::routes())
        .merge(people::routes())
        .merge(page::routes())
}

#[derive(Template)]
#[template(path = "list.html")]
struct Older {
    assets: &'static PageAssets,
    head: Head,
    list: List,
}

enum List {
    Conversions(Part<ConversionEntry>),
    Clicks(Part<ClickEntry>),
    Visits(Part<VisitEntry>),
    Postbacks(Part<PostbackEntry>),
}

impl List {
    fn word(&self) -> &'static str {
        match self {
            List::Conversions(_) => "conversions",
            List::Clicks(_) => "clicks",
            List::Visits(_) => "visits",
            List::Postbacks(_) => "postbacks",
        }
    }
}

async fn first_site(_: SignedIn, State(app): State<SharedApp>) -> Result<Response, Error> {
    Ok(match app.store.sites().await?.first() {
        Some(site) => page::guarded(Redirect::to(&format!("/sites/{}", site.site_id)).into_response()),
        None => page::refuse(
            StatusCode::OK,
            "No site yet",
            "On the server, `tagwerk site add --name <name>` makes one. Then load this page again.",
        ),
    })
}

#[derive(Deserialize)]
struct OlderQuery {
    after: Option<String>,
}

async fn older(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path((site_id, list)): Path<(String, String)>,
    Query(query): Query<OlderQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Today).await? else { return Ok(no_site()) };
    let after = query.after.filter(|cursor| Place::parse(cursor).is_ok());
    let part = Page { after, ..Page::first(ENTRIES) };
    let (store, seen) = (&app.store, Masking::of(&app.groups, who.role));
    let list = match list.as_str() {
        "conversions" => List::Conversions(
            with_their_ads(&app, &site_id, &seen, &Figures::of(&headers), store.conversions(&site_id, part).await?)
                .await?,
        ),
        "clicks" => List::Clicks(Part::of(store.clicks(&site_id, part).await?, |row| {
            incoming::click(seen.masked(row), &app.clicks.params())
        })),
        "visits" => {
            List::Visits(Part::of(store.visits(&site_id, part).await?, |row| incoming::visit(seen.masked(row))))
        }
        "postbacks" => {
            List::Postbacks(Part::of(store.postbacks(&site_id, part).await?, |row| opened(&app, &seen, row)))
        }
        _ => {
            let lists = "The lists are conversions, clicks, visits and postbacks.";
            return Ok(page::refuse(StatusCode::NOT_FOUND, "There is no such list", lists));
        }
    };
    page::render(StatusCode::OK, &Older { assets: page::assets(), head, list })
}

/// Conversions with the visits and clicks that they are credited to.
async fn with_their_ads(
    app: &SharedApp,
    site_id: &str,
    seen: &Masking,
    figures: &Figures,
    listing: Listing<ConversionRow>,
) -> Result<Part<ConversionEntry>, StoreError> {
    let ids = |of: fn(&ConversionRow) -> &Option<String>| -> Vec<String> {
        let ids: BTreeSet<&String> = listing.items.iter().filter_map(|row| of(row).as_ref()).collect();
        ids.into_iter().cloned().collect()
    };
    let visit_ids = ids(|row| &row.attribution.visit_id);
    let click_ids = ids(|row| &row.attribution.click_id);
    let visits: BTreeMap<String, Visit> = app
        .store
        .visits_by_id(site_id, &visit_ids)
        .await?
        .into_iter()
        .map(|visit| (visit.visit_id.clone(), seen.masked(visit)))
        .collect();
    let clicks: BTreeMap<String, ClickRow> = app
        .store
        .clicks_by_id(site_id, &click_ids)
        .await?
        .into_iter()
        .map(|click| (click.click_id.clone(), seen.masked(click)))
        .collect();
    Ok(Part::of(listing, |row| {
        let visit = row.attribution.visit_id.as_ref().and_then(|id| visits.get(id));
        let click = row.attribution.click_id.as_ref().and_then(|id| clicks.get(id));
        incoming::conversion(seen.masked(row), visit, click, figures)
    }))
}

fn opened(app: &SharedApp, seen: &Masking, row: PostbackRow) -> PostbackEntry {
    incoming::postback(row, seen, |row| {
        let raw = app.vault.unseal(&RawRequest::place(&row.id), &row.raw).ok()?;
        serde_json::from_slice::<RawRequest>(&raw).ok()
    })
}
