//! The settings of a site, each with its meaning and default.

mod fields;

use super::head::{Head, Tab, find, no_site};
use super::page::{self, PageAssets};
use crate::app::{ChangeError, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::session::{Owner, SameOrigin, SignedIn};
use crate::people::Role;
use crate::settings::{SettingsError, SiteSettings};
use crate::store::{Site, StoreError};
use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use fields::{CHAPTERS, Change, Entered, Input, change};
use serde::Deserialize;
use serde_json::Value;

/// How often saving is tried again when somebody else changed something in between.
const TRIES: usize = 8;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/sites/{site_id}/settings", get(show).post(save))
}

/// A setting, as shown.
struct FieldShown {
    path: &'static str,
    label: &'static str,
    meaning: &'static str,
    input: Input,
    value: String,
    /// What stood there when the page was made.
    was: String,
    problem: Option<String>,
    choices: Vec<ChoiceShown>,
    rows: usize,
}

struct ChoiceShown {
    word: &'static str,
    label: &'static str,
    chosen: bool,
}

struct ChapterShown {
    title: &'static str,
    fields: Vec<FieldShown>,
}

#[derive(Template)]
#[template(path = "site_settings.html")]
struct Settings {
    assets: &'static PageAssets,
    head: Head,
    chapters: Vec<ChapterShown>,
    may_change: bool,
    saved: bool,
    refused: Option<String>,
    groups: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Asked {
    saved: Option<String>,
}

async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Settings).await? else { return Ok(no_site()) };
    let page = Settings {
        assets: page::assets(),
        chapters: chapters(&shown(&site)?, None, &Change::default()),
        may_change: who.role >= Role::Owner,
        saved: asked.saved.is_some(),
        refused: None,
        groups: groups(&app),
        head,
    };
    page::render(StatusCode::OK, &page)
}

async fn save(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Form(entered): Form<Entered>,
) -> Result<Response, Error> {
    for _ in 0..TRIES {
        let Some((site, head)) = find(&app, &site_id, Tab::Settings).await? else { return Ok(no_site()) };
        let now = shown(&site)?;
        let mut changed = change(&now, &entered);
        let mut refused = None;
        if changed.conflicts.is_empty() && changed.problems.is_empty() {
            let patch = Value::Object(std::mem::take(&mut changed.patch));
            match audit::patch_settings_as_read(&app, &who, &site, patch).await {
                Ok(true) => {
                    let there = format!("/sites/{site_id}/settings?saved=1");
                    return Ok(page::guarded(Redirect::to(&there).into_response()));
                }
                Ok(false) => continue,
                Err(ChangeError::Settings(SettingsError::Invalid(problem))) => {
                    match fields::all().find(|setting| problem.starts_with(setting.path)) {
                        Some(setting) => changed.problems.push((setting.path, problem)),
                        None => refused = Some(problem),
                    }
                }
                Err(other) => return Err(other.into()),
            }
        }
        let status = if changed.conflicts.is_empty() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::CONFLICT };
        if !changed.conflicts.is_empty() {
            let labels: Vec<&str> = changed.conflicts.iter().map(|conflict| conflict.label).collect();
            refused = Some(format!(
                "somebody else changed {} meanwhile. What they wrote stands below each field; save again to write yours over it",
                labels.join(", ")
            ));
        }
        let page = Settings {
            assets: page::assets(),
            chapters: chapters(&now, Some(&entered), &changed),
            may_change: true,
            saved: false,
            refused: Some(refused.unwrap_or_else(|| "see the fields that are marked".into())),
            groups: groups(&app),
            head,
        };
        return page::render(status, &page);
    }
    Err(StoreError::Busy.into())
}

fn shown(site: &Site) -> Result<Value, Error> {
    SiteSettings::of(site)?.shown().map_err(Error::broken)
}

fn groups(app: &SharedApp) -> Vec<(String, String)> {
    app.groups.iter().map(|group| (group.name.clone(), group.title.clone())).collect()
}

fn chapters(settings: &Value, entered: Option<&Entered>, changed: &Change) -> Vec<ChapterShown> {
    let field = |setting: &'static fields::Setting| {
        let now = setting.text(settings);
        // What was not touched shows what stands there by now: it must not be written back.
        let touched = entered.and_then(|entered| fields::changed_by(entered, setting));
        let value = touched.map_or_else(|| now.clone(), str::to_owned);
        let conflict = changed.conflicts.iter().find(|conflict| conflict.path == setting.path);
        let problem = changed.problems.iter().find(|(path, _)| *path == setting.path);
        let said = conflict
            .map(|conflict| format!("Somebody else wrote: {}", conflict.now))
            .or_else(|| problem.map(|(_, problem)| problem.clone()));
        let choices = match setting.input {
            Input::Choice(words) => {
                words.iter().map(|(word, label)| ChoiceShown { word, label, chosen: *word == value }).collect()
            }
            _ => Vec::new(),
        };
        FieldShown {
            path: setting.path,
            label: setting.label,
            meaning: setting.meaning,
            input: setting.input,
            was: now,
            rows: value.lines().count().clamp(2, 12),
            value,
            problem: said,
            choices,
        }
    };
    CHAPTERS
        .iter()
        .map(|chapter| ChapterShown { title: chapter.title, fields: chapter.settings.iter().map(field).collect() })
        .collect()
}
