//! What was sent to the ad platforms, and what they answered.

use super::figures::Figures;
use super::head::{Head, Tab, find, no_site};
use super::incoming::{ConversionEntry, Part};
use super::platforms::{Done, Notice, When, title};
use super::when::Moment;
use super::{page, with_their_ads};
use crate::app::SharedApp;
use crate::audit;
use crate::http::error::Error;
use crate::http::session::{Analyst, SameOrigin, SignedIn};
use crate::masking::Masking;
use crate::outbox::exchange::Exchange;
use crate::outbox::opened;
use crate::settings::SiteSettings;
use crate::store::{Again, DeliveryRow, DeliveryState, Field, Filter, Millis, OutletRow, Page, Place};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use page::PageAssets;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use url::form_urlencoded::Serializer;

/// How many deliveries a page shows.
const ENTRIES: usize = 50;

/// A delivery, as shown.
pub(super) struct DeliveryEntry {
    pub(super) id: String,
    pub(super) received: Moment,
    pub(super) at: Moment,
    /// The platform's name in the settings, and what people call it.
    pub(super) platform: String,
    pub(super) title: String,
    pub(super) kind: String,
    pub(super) event_id: String,
    pub(super) conversion_id: Option<String>,
    pub(super) state: &'static str,
    pub(super) reason: Option<String>,
    pub(super) attempts: u32,
    /// When it is sent next, where it waits.
    pub(super) next: Option<When>,
    /// Until when it is sent, where that is not over.
    pub(super) deadline: Option<When>,
    pub(super) finished: Option<When>,
    pub(super) last_status: Option<u16>,
    pub(super) last_answer: Option<String>,
}

impl DeliveryEntry {
    /// Shows a delivery as it stands now, at the pace of its platform.
    pub(super) fn of(row: DeliveryRow, outlets: &[OutletRow], now: Millis) -> Self {
        let outlet = outlets.iter().find(|outlet| outlet.platform == row.platform);
        let paused = outlet.filter(|outlet| outlet.reason.is_some()).map(|outlet| outlet.not_before);
        let stopped = outlet.and_then(|outlet| outlet.stopped.clone());
        let is_open = matches!(row.state, DeliveryState::Waiting | DeliveryState::Stopped);
        Self {
            received: Moment::of(row.received_at),
            at: Moment::of(row.at),
            title: title(&row.platform),
            platform: row.platform,
            kind: row.kind,
            event_id: row.event_id,
            conversion_id: row.conversion_id,
            state: row.state.as_str(),
            reason: row
                .reason
                .or_else(|| stopped.filter(|_| row.state == DeliveryState::Stopped))
                .filter(|reason| !reason.is_empty()),
            attempts: row.attempts,
            next: (row.state == DeliveryState::Waiting)
                .then(|| When::of(row.not_before.max(paused.unwrap_or_default()).max(now), now)),
            deadline: is_open.then(|| When::of(row.deadline, now)),
            finished: row.finished_at.filter(|_| !is_open).map(|at| When::of(at, now)),
            last_status: row.last_status,
            last_answer: row.last_answer.filter(|answer| !answer.is_empty()),
            id: row.id,
        }
    }

    /// How often it was sent, said.
    pub(super) fn tried(&self) -> String {
        match self.attempts {
            0 => "not sent yet".to_owned(),
            1 => "sent once".to_owned(),
            attempts => format!("sent {attempts} times"),
        }
    }
}

/// A request and its answer, as shown; secrets were taken out before they were kept.
pub(super) struct ExchangeShown {
    pub(super) at: Moment,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// How many others went in the same request.
    pub(super) others: usize,
    pub(super) status: Option<u16>,
    pub(super) answer: String,
}

impl ExchangeShown {
    /// Shows a request and its answer.
    pub(super) fn of(exchange: Exchange) -> Self {
        Self {
            at: Moment::of(exchange.at),
            method: exchange.method,
            url: exchange.url,
            headers: exchange.headers,
            body: laid_out(exchange.body),
            others: exchange.together.saturating_sub(1),
            status: exchange.status,
            answer: laid_out(exchange.answer),
        }
    }
}

/// JSON with its lines broken and nothing else changed: neither order nor spelling, since this is a proof of what was said.
fn laid_out(text: String) -> String {
    if serde_json::from_str::<IgnoredAny>(&text).is_err() {
        return text;
    }
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    let (mut depth, mut before) = (0_usize, ' ');
    let (mut in_text, mut is_escaped) = (false, false);
    for letter in text.chars() {
        if in_text {
            out.push(letter);
            (in_text, is_escaped) = (letter != '"' || is_escaped, letter == '\\' && !is_escaped);
            continue;
        }
        if letter.is_ascii_whitespace() {
            continue;
        }
        match (before, letter) {
            ('{', '}') | ('[', ']') => depth = depth.saturating_sub(1),
            (_, '}' | ']') => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
            }
            ('{' | '[' | ',', _) => line(&mut out, depth),
            _ => {}
        }
        out.push(letter);
        match letter {
            '{' | '[' => depth = depth.saturating_add(1),
            ':' => out.push(' '),
            _ => in_text = letter == '"',
        }
        before = letter;
    }
    out
}

/// A choice of a filter.
struct Choice {
    word: String,
    said: String,
    chosen: bool,
}

/// What the list was asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    platform: String,
    conversion_id: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Deliveries {
    assets: &'static PageAssets,
    head: Head,
    states: Vec<Choice>,
    platforms: Vec<Choice>,
    conversion_id: String,
    is_filtered: bool,
    is_later_part: bool,
    part: Part<DeliveryEntry>,
    /// The query of the older ones.
    older: Option<String>,
}

/// The list.
pub(super) async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Platforms).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let filters = [
        (Field::State, asked.state.trim()),
        (Field::Platform, asked.platform.trim()),
        (Field::ConversionId, asked.conversion_id.trim()),
    ];
    let only: Vec<(Field, String)> = filters
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(field, value)| (*field, (*value).to_owned()))
        .collect();
    let after = asked.after.filter(|cursor| Place::parse(cursor).is_ok());
    let is_later_part = after.is_some();
    let is_filtered = !only.is_empty();
    let page = Page { after, filter: Filter { only, ..Filter::default() }, ..Page::first(ENTRIES) };
    let (listing, now) = (app.store.deliveries(&site_id, page).await?, app.now());
    let (outlets, seen) = (app.store.outlets(&site_id).await?, Masking::of(&app.groups, who.role));
    let older = listing.next.as_ref().map(|next| {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(
            filters.iter().filter(|(_, value)| !value.is_empty()).map(|(field, value)| (field.as_str(), *value)),
        );
        query.append_pair("after", next).finish()
    });
    // What is set up, what was and had something sent, and what is asked for.
    let mut names: BTreeSet<String> = settings.platforms.keys().cloned().collect();
    names.extend(listing.items.iter().map(|row| row.platform.clone()));
    names.extend(Some(asked.platform.trim().to_owned()).filter(|name| !name.is_empty()));
    let choice =
        |word: &str, said: String, asked: &str| Choice { chosen: word == asked.trim(), said, word: word.to_owned() };
    let page = Deliveries {
        assets: page::assets(),
        head,
        states: DeliveryState::ALL
            .iter()
            .map(|state| choice(state.as_str(), state.as_str().to_owned(), &asked.state))
            .collect(),
        platforms: names.iter().map(|name| choice(name, title(name), &asked.platform)).collect(),
        conversion_id: asked.conversion_id.trim().to_owned(),
        is_filtered,
        is_later_part,
        older,
        part: Part::of(listing, |row| DeliveryEntry::of(seen.masked(row), &outlets, now)),
    };
    page::render(StatusCode::OK, &page)
}

#[derive(Template)]
#[template(path = "delivery.html")]
struct Delivery {
    assets: &'static PageAssets,
    head: Head,
    notice: Option<Notice>,
    entry: DeliveryEntry,
    conversion: Option<ConversionEntry>,
    exchange: Option<ExchangeShown>,
    /// Whether a request was kept that no longer opens.
    is_shut: bool,
    /// Whether the platform is switched on: else nothing is sent again.
    is_on: bool,
}

/// One delivery.
pub(super) async fn one(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path((site_id, id)): Path<(String, String)>,
    Query(done): Query<Done>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Platforms).await? else { return Ok(no_site()) };
    let Some((row, sealed)) = app.store.delivery(&site_id, &id).await? else { return Ok(no_delivery()) };
    let settings = SiteSettings::of(&site)?;
    let is_on =
        settings.platforms.get(&row.platform).is_some_and(|said| said.get("enabled") == Some(&Value::Bool(true)));
    let seen = Masking::of(&app.groups, who.role);
    let exchange = sealed.as_deref().and_then(|sealed| opened(&app, &row.id, sealed));
    let exchange = exchange.map(|exchange| seen.masked(exchange));
    let conversion = match &row.conversion_id {
        Some(id) => {
            let page = Page { filter: Filter::only(Field::Id, id.clone()), ..Page::first(1) };
            with_their_ads(&app, &site_id, &seen, &Figures::of(&headers), app.store.conversions(&site_id, page).await?)
                .await?
                .items
                .pop()
        }
        None => None,
    };
    let page = Delivery {
        assets: page::assets(),
        head,
        notice: done.notice(),
        is_shut: sealed.is_some() && exchange.is_none(),
        is_on,
        exchange: exchange.map(ExchangeShown::of),
        conversion,
        entry: DeliveryEntry::of(seen.masked(row), &app.store.outlets(&site_id).await?, app.now()),
    };
    page::render(StatusCode::OK, &page)
}

/// Sends a delivery again, under the same event id.
pub(super) async fn again(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, id)): Path<(String, String)>,
) -> Result<Response, Error> {
    let Some((row, _)) = app.store.delivery(&site_id, &id).await? else { return Ok(no_delivery()) };
    let count = app.store.send_again(&site_id, Again::One(row.id.clone()), app.now()).await?;
    app.outbox.ring();
    let about = json!({ "platform": row.platform, "delivery_id": row.id, "count": count });
    audit::note(&app, &who, Some(&site_id), "delivery.resent", about).await;
    let query = Serializer::new(String::new()).append_pair("platform", &row.platform).finish();
    let path = format!("/sites/{site_id}/deliveries/{}?done=again&count={count}&{query}", row.id);
    Ok(page::guarded(Redirect::to(&path).into_response()))
}

fn no_delivery() -> Response {
    let sentence = "It may belong to another site. The page of the deliveries lists all that there are.";
    page::refuse(StatusCode::NOT_FOUND, "There is no such delivery", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn json_is_laid_out_and_nothing_else_about_it_changed() {
        let said = r#"{"b":[1.10,"<b>: {[,\\\" }"] ,"a":{},"c":{"d":null}}"#;
        let lines = "{\n  \"b\": [\n    1.10,\n    \"<b>: {[,\\\\\\\" }\"\n  ],\n  \"a\": {},\n  \"c\": {\n    \"d\": null\n  }\n}";
        assert_eq!(laid_out(said.into()), lines);
        assert_eq!(laid_out(lines.into()), lines);
        for text in ["a=1&b=2", "<html>", "", "{\"cut\":\"of…", "\"one\"", "7"] {
            assert_eq!(laid_out(text.into()), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_laid_out_says_what_it_said(texts in prop::collection::vec(any::<String>(), 0..4), number in any::<i64>()) {
            let said = serde_json::json!({ "texts": texts, "more": [{}, [], { "number": number, "text": texts.concat() }] });
            let laid = laid_out(said.to_string());
            prop_assert_eq!(serde_json::from_str::<Value>(&laid).expect("still JSON"), said);
        }
    }
}
