//! The worklist: postbacks that were refused and sales that nobody is credited with, why, and the forms that put them right.

use super::came_from::Pair;
use super::figures::Figures;
use super::head::{Head, Tab, find, no_site};
use super::incoming::{self, ConversionEntry, Part, PostbackEntry};
use super::when::Moment;
use super::{opened, page, with_their_ads};
use crate::app::SharedApp;
use crate::audit;
use crate::fix::{self, Changes, FixError};
use crate::http::error::Error;
use crate::http::session::{Analyst, SameOrigin, SignedIn};
use crate::jobs::replay::corrections_of;
use crate::masking::Masking;
use crate::people::Role;
use crate::reading::{TEST_MARK, parameters, test_mark};
use crate::store::{Channel, Field, Filter, Job, JobKind, Page, Place, PostbackRow};
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use page::PageAssets;
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::group::Postback;

/// How many entries of each kind a page shows.
const ENTRIES: usize = 50;
/// How many clicks are offered to choose from.
const CLICKS: usize = 100;

/// Which part of the worklist is asked for, and which postback or conversion was worked on.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    refused_after: Option<String>,
    unattributed_after: Option<String>,
    postback: Option<String>,
    conversion: Option<String>,
}

/// A postback with what can be corrected in it.
struct Correctable {
    postback: PostbackEntry,
    corrections: Vec<Pair>,
    /// Whether it was marked by hand as a test, or as none.
    test_mark: Option<bool>,
    names: Vec<String>,
}

/// A click to choose from.
pub(super) struct ClickChoice {
    pub(super) click_id: String,
    pub(super) said: String,
}

/// The newest replay.
struct LastReplay {
    state: &'static str,
    at: Moment,
    counts: String,
    problems: Vec<String>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "worklist.html")]
struct Worklist {
    assets: &'static PageAssets,
    head: Head,
    /// Whether who is looking may change anything.
    may_change: bool,
    chosen: Option<Correctable>,
    assigned: Option<ConversionEntry>,
    refused: Part<Correctable>,
    unattributed: Part<ConversionEntry>,
    clicks: Vec<ClickChoice>,
    replay: Option<LastReplay>,
}

/// The page.
pub(super) async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Worklist).await? else { return Ok(no_site()) };
    let (store, seen, figures) = (&app.store, Masking::of(&app.groups, who.role), Figures::of(&headers));
    let part = |after: Option<String>, state: &str| Page {
        after: after.filter(|cursor| Place::parse(cursor).is_ok()),
        filter: Filter::only(Field::State, state),
        ..Page::first(ENTRIES)
    };
    let chosen = match &asked.postback {
        Some(id) => store.postback(&site_id, id).await?.map(|row| correctable(&app, &seen, row)),
        None => None,
    };
    let assigned = match asked.conversion {
        Some(id) => {
            let page = Page { filter: Filter::only(Field::Id, id), ..Page::first(1) };
            with_their_ads(&app, &site_id, &seen, &figures, store.conversions(&site_id, page).await?).await?.items.pop()
        }
        None => None,
    };
    let refused = store.postbacks(&site_id, part(asked.refused_after, "refused")).await?;
    let unattributed = store.conversions(&site_id, part(asked.unattributed_after, "unattributed")).await?;
    let replays = Page { filter: Filter::only(Field::Kind, JobKind::Replay.as_str()), ..Page::first(1) };
    let worklist = Worklist {
        assets: page::assets(),
        may_change: who.role >= Role::Analyst,
        head,
        chosen,
        assigned,
        refused: Part::of(refused, |row| correctable(&app, &seen, row)),
        unattributed: Part::of(unattributed, |row| incoming::conversion(seen.masked(row), None, None, &figures)),
        clicks: if who.role >= Role::Analyst { clicks(&app, &site_id).await? } else { Vec::new() },
        replay: store.jobs(&site_id, replays).await?.items.pop().map(|job| last_replay(seen.masked(job))),
    };
    page::render(StatusCode::OK, &worklist)
}

fn correctable(app: &SharedApp, seen: &Masking, row: PostbackRow) -> Correctable {
    let corrections = corrections_of(app, &row).unwrap_or_default();
    let mut names: BTreeSet<String> = BTreeSet::new();
    if let Some(channel) = Channel::parse(&row.channel) {
        if let Ok(raw) = crate::jobs::replay::opened(app, &row) {
            names.extend(parameters(channel, &raw, &corrections).into_iter().map(|(name, _)| name));
        }
        // What the group reads may be what is missing.
        if let Some(group) = app.groups.get(&row.group) {
            let form = match channel {
                Channel::Ipn => group.ipn.as_ref().map(|ipn| &ipn.form),
                _ => group.postback.as_ref(),
            };
            names.extend(form.map(Postback::parameters).unwrap_or_default());
        }
    }
    Correctable {
        test_mark: test_mark(&corrections),
        corrections: seen
            .corrections(&corrections)
            .iter()
            .filter(|(name, _)| *name != TEST_MARK)
            .map(|(name, value)| Pair::new(name, value.as_str()))
            .collect(),
        names: names.into_iter().collect(),
        postback: opened(app, seen, row),
    }
}

/// The newest clicks, as a person tells them from each other.
pub(super) async fn clicks(app: &SharedApp, site_id: &str) -> Result<Vec<ClickChoice>, Error> {
    let clicks = app.store.clicks(site_id, Page::first(CLICKS)).await?.items;
    let ids: BTreeSet<&String> = clicks.iter().map(|click| &click.visit_id).collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let visits = app.store.visits_by_id(site_id, &ids).await?;
    let sources: BTreeMap<&str, String> = visits
        .iter()
        .map(|visit| {
            let words = ["utm_source", "utm_campaign", "utm_content"];
            let words: Vec<&str> =
                words.iter().filter_map(|name| visit.source.get(*name)).map(String::as_str).collect();
            (visit.visit_id.as_str(), words.join(" / "))
        })
        .collect();
    let choices = clicks.iter().map(|click| {
        let at = Moment::of(click.at);
        let source = sources.get(click.visit_id.as_str()).filter(|source| !source.is_empty());
        let parts = [Some(format!("{} {}", at.day, at.time)), click.label.clone(), source.cloned()];
        ClickChoice {
            click_id: click.click_id.clone(),
            said: parts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        }
    });
    Ok(choices.collect())
}

fn last_replay(job: Job) -> LastReplay {
    let counts: Vec<String> = job.counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    LastReplay {
        state: job.state.as_str(),
        at: Moment::of(job.updated_at),
        counts: counts.join(", "),
        problems: job.problems,
        error: job.error,
    }
}

#[derive(Deserialize)]
pub(super) struct CorrectForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
    take_back: Option<String>,
    #[serde(default)]
    back: String,
}

/// To which page a form leads back: the one it stood on.
fn of_postback(site_id: &str, postback: &PostbackRow, back: &str, done: &str) -> String {
    match (back, &postback.conversion_id) {
        ("story", Some(conversion_id)) => format!("/sites/{site_id}/conversions/{conversion_id}?done={done}"),
        ("story" | "log", _) => format!("/sites/{site_id}/log/postbacks/{}?done={done}", postback.id),
        _ => format!("/sites/{site_id}/worklist?postback={}#chosen", postback.id),
    }
}

/// Sets one parameter of a postback, or takes that back.
pub(super) async fn correct(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, postback_id)): Path<(String, String)>,
    Form(form): Form<CorrectForm>,
) -> Result<Response, Error> {
    let value = form.take_back.is_none().then_some(form.value);
    let done = fix::correct(&app, &site_id, &postback_id, &Changes::from([(form.name.clone(), value)])).await;
    if let Ok(postback) = &done {
        // What is set may tell of a person: its name is enough.
        let about = json!({ "postback_id": postback.id, "parameter": form.name, "state": postback.state });
        audit::note(&app, &who, Some(&site_id), "postback.corrected", about).await;
    }
    answer(done.map(|postback| of_postback(&site_id, &postback, &form.back, "corrected")))
}

#[derive(Deserialize)]
pub(super) struct ReplayForm {
    #[serde(default)]
    back: String,
}

/// Reads one postback again.
pub(super) async fn replay_one(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, postback_id)): Path<(String, String)>,
    Form(form): Form<ReplayForm>,
) -> Result<Response, Error> {
    let done = fix::replay(&app, &site_id, &postback_id).await;
    if let Ok(postback) = &done {
        let about = json!({ "postback_id": postback.id, "state": postback.state });
        audit::note(&app, &who, Some(&site_id), "postback.replayed", about).await;
    }
    answer(done.map(|postback| of_postback(&site_id, &postback, &form.back, "replayed")))
}

#[derive(Deserialize)]
pub(super) struct AssignForm {
    #[serde(default)]
    click_id: String,
    #[serde(default)]
    back: String,
}

/// Credits a sale to a click.
pub(super) async fn assign(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, conversion_id)): Path<(String, String)>,
    Form(form): Form<AssignForm>,
) -> Result<Response, Error> {
    let done = fix::assign(&app, &site_id, &conversion_id, &form.click_id).await;
    if let Ok(conversion) = &done {
        let about = json!({ "conversion_id": conversion.id, "click_id": conversion.attribution.click_id });
        audit::note(&app, &who, Some(&site_id), "conversion.assigned", about).await;
    }
    answer(done.map(|conversion| match form.back.as_str() {
        "story" => format!("/sites/{site_id}/conversions/{}?done=assigned", conversion.id),
        _ => format!("/sites/{site_id}/worklist?conversion={}#assigned", conversion.id),
    }))
}

/// Reads everything again.
pub(super) async fn replay(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Response, Error> {
    let done = fix::replay_all(&app, &site_id).await;
    if let Ok(job) = &done {
        audit::note(&app, &who, Some(&site_id), "inbox.replayed", json!({ "job_id": job.id })).await;
    }
    answer(done.map(|_| format!("/sites/{site_id}/worklist#replay")))
}

/// Leads back to the page, or says why nothing was done.
pub(super) fn answer(done: Result<String, FixError>) -> Result<Response, Error> {
    match done {
        Ok(path) => Ok(page::guarded(Redirect::to(&path).into_response())),
        Err(FixError::Missing(what)) => Ok(page::refuse(StatusCode::NOT_FOUND, "That is not there", &sentence(what))),
        Err(FixError::Refused(why)) => {
            Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "Nothing was changed", &sentence(&why)))
        }
        Err(error) => Err(error.into()),
    }
}

/// A reason as a sentence of its own.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}. Go back and try again.", letters.as_str())
}
