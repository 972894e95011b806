//! One postback or event as it came, how it reads by the rules of now, and what is booked.

use super::super::deliveries::DeliveryEntry;
use super::super::figures::Figures;
use super::super::head::{Head, Tab, find, no_site};
use super::super::page;
use super::super::platforms::Notice;
use super::super::story::{Arrived, Deed, Done, Other, one};
use super::super::when::Moment;
use crate::app::{App, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::jobs::replay::again;
use crate::masking::Masking;
use crate::people::Role;
use crate::store::{ConversionRow, Field, Filter, Page, PostbackRow, Said, Site};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use page::PageAssets;
use serde::Deserialize;
use serde_json::json;
use tagwerk_protocol::conversion::Conversion;

/// How many deliveries of an event are shown.
const DELIVERIES: usize = 20;

/// What the page of a postback is asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    show: String,
    done: Option<String>,
}

/// A field that reads otherwise than it is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Difference {
    field: &'static str,
    booked: String,
    now: String,
}

/// How a postback reads by the rules of now.
struct Reads {
    /// In a sentence.
    said: String,
    /// Whether it is understood.
    is_good: bool,
    differences: Vec<Difference>,
}

impl Reads {
    fn seen(self, seen: &Masking) -> Self {
        let differences = self.differences.into_iter().map(|one| Difference {
            booked: seen.sentence(&one.booked),
            now: seen.sentence(&one.now),
            ..one
        });
        Self { said: seen.sentence(&self.said), differences: differences.collect(), ..self }
    }
}

#[derive(Template)]
#[template(path = "log_postback.html")]
struct PostbackPage {
    assets: &'static PageAssets,
    head: Head,
    notice: Option<Notice>,
    may_change: bool,
    arrived: Arrived,
    shows_everything: bool,
    reads: Reads,
    conversion: Option<Other>,
}

/// One postback.
pub(super) async fn postback(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path((site_id, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Log).await? else { return Ok(no_site()) };
    let Some(row) = app.store.postback(&site_id, &id).await? else {
        let sentence = "It may belong to another site. The log lists all that arrived here.";
        return Ok(page::refuse(StatusCode::NOT_FOUND, "There is no such postback", sentence));
    };
    let may_change = who.role >= Role::Analyst;
    let shows_everything = may_change && asked.show == "everything";
    if shows_everything {
        audit::note(&app, &who, Some(&site_id), "postback.opened", json!({ "postback_id": row.id })).await;
    }
    let seen = Masking::of(&app.groups, who.role);
    let booked = match &row.conversion_id {
        Some(id) => one(&app, &site_id, id).await?,
        None => None,
    };
    let page = PostbackPage {
        assets: page::assets(),
        head,
        notice: Done { done: asked.done, count: None }.notice(),
        may_change,
        arrived: Arrived::of(&app, &row, &seen, shows_everything),
        shows_everything,
        reads: reads(&app, &site, &row, booked.as_ref()).seen(&seen),
        conversion: booked.as_ref().map(|booked| Other::of(booked, "", &Figures::of(&headers))),
    };
    page::render(StatusCode::OK, &page)
}

fn reads(app: &App, site: &Site, row: &PostbackRow, booked: Option<&ConversionRow>) -> Reads {
    let bad = |said: String| Reads { said, is_good: false, differences: Vec::new() };
    let good = |said: &str| Reads { said: said.to_owned(), is_good: true, differences: Vec::new() };
    let said = match again(app, site, row, None) {
        Err(problem) => return bad(format!("It cannot be read again: {problem}.")),
        Ok(rereading) => rereading.said,
    };
    match said {
        Err(reason) | Ok(Said::Nothing { reason, settled: false }) => {
            bad(format!("By the rules of now it is refused: {reason}."))
        }
        Ok(Said::Nothing { reason, settled: true }) => good(&format!("It says nothing that is booked: {reason}.")),
        Ok(Said::OrderEvent(event)) => good(&format!(
            "It tells that {} happened to the order {}, and moves no money.",
            event.event, event.order_id
        )),
        Ok(Said::Conversion { conversion, .. }) => compared(row, &conversion, booked),
    }
}

fn compared(row: &PostbackRow, now: &Conversion, booked: Option<&ConversionRow>) -> Reads {
    let Some(booked) = booked else {
        let said = "By the rules of now it is understood, and would be booked. Read it again to have it so.";
        return Reads { said: said.to_owned(), is_good: false, differences: differences(None, now) };
    };
    let differences = differences(Some(&booked.said), now);
    let said = match (differences.is_empty(), row.state.as_str()) {
        (true, _) => "By the rules of now it reads as it is booked.",
        (false, "duplicate") => {
            "It reads otherwise than what is booked, which another postback of the same conversion told."
        }
        (false, _) => "By the rules of now it reads otherwise than it is booked. Read it again to have it so.",
    };
    Reads { said: said.to_owned(), is_good: differences.is_empty() || row.state == "duplicate", differences }
}

/// What is compared: its name, and how it is read of a conversion.
type Compared = (&'static str, fn(&Conversion) -> Option<String>);

fn differences(booked: Option<&Conversion>, now: &Conversion) -> Vec<Difference> {
    let fields: [Compared; 12] = [
        ("Type", |said| Some(said.kind.clone())),
        ("Value", |said| said.value.map(|value| value.to_string())),
        ("Currency", |said| said.currency.as_ref().map(|currency| currency.as_str().to_owned())),
        ("Transaction type", |said| Some(said.transaction_type.as_str().to_owned())),
        ("Transaction", |said| said.transaction_id.clone()),
        ("Order", |said| said.order_id.clone()),
        ("Order type", |said| said.order_type.clone()),
        ("Billing type", |said| said.billing_type.clone()),
        ("Billing status", |said| said.billing_status.clone()),
        ("Product", |said| said.product_id.clone()),
        ("Click id", |said| said.sub_id.clone()),
        ("Test", |said| Some(if said.is_test { "yes" } else { "no" }.to_owned())),
    ];
    let shown = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    fields
        .into_iter()
        .map(|(field, read)| (field, booked.and_then(read), read(now)))
        .filter(|(_, booked, now)| booked != now)
        .map(|(field, booked, now)| Difference { field, booked: shown(booked), now: shown(now) })
        .collect()
}

#[derive(Template)]
#[template(path = "log_event.html")]
struct EventPage {
    assets: &'static PageAssets,
    head: Head,
    deed: Deed,
    received: Moment,
    visit_id: String,
    conversions: Vec<Other>,
    deliveries: Vec<DeliveryEntry>,
}

/// One event.
pub(super) async fn event(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path((site_id, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Log).await? else { return Ok(no_site()) };
    let page = Page { filter: Filter::only(Field::EventId, id), ..Page::first(1) };
    let Some(event) = app.store.events(&site_id, page).await?.items.pop() else {
        let sentence = "It may belong to another site. The log lists all that arrived here.";
        return Ok(page::refuse(StatusCode::NOT_FOUND, "There is no such event", sentence));
    };
    let seen = Masking::of(&app.groups, who.role);
    let event = seen.masked(event);
    let ids: Vec<String> = event.click_id.iter().cloned().collect();
    let click = app.store.clicks_by_id(&site_id, &ids).await?.pop().map(|click| seen.masked(click));
    let conversions = match &event.click_id {
        Some(click_id) => {
            let page = Page { filter: Filter::only(Field::ClickId, click_id), ..Page::first(DELIVERIES) };
            app.store.conversions(&site_id, page).await?.items
        }
        None => Vec::new(),
    };
    let page = Page { filter: Filter::only(Field::EventId, &*event.event_id), ..Page::first(DELIVERIES) };
    let deliveries = seen.all(app.store.deliveries(&site_id, page).await?.items);
    let (outlets, now) = (app.store.outlets(&site_id).await?, app.now());
    let figures = Figures::of(&headers);
    let page = EventPage {
        assets: page::assets(),
        head,
        received: Moment::of(event.received_at),
        visit_id: event.visit_id.clone(),
        deed: Deed::of(event, click.as_ref()),
        conversions: conversions.iter().map(|row| Other::of(row, "came of this click", &figures)).collect(),
        deliveries: deliveries.into_iter().map(|row| DeliveryEntry::of(row, &outlets, now)).collect(),
    };
    page::render(StatusCode::OK, &page)
}
