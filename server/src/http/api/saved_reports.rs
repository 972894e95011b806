//! Reports that are kept under a name.

use super::settings::existing;
use super::shapes::time;
use crate::app::{SharedApp, row_id};
use crate::audit;
use crate::http::error::Error;
use crate::http::operator::{Changing, Operator};
use crate::http::request;
use crate::reporting;
use crate::reports::{Circumstances, Metric, Question};
use crate::settings::SiteSettings;
use crate::store::SavedReport;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tagwerk_protocol::form;

/// Most characters of a report's name.
pub(super) const LONGEST_NAME: usize = 100;
/// Most characters of what it asks.
pub(super) const LONGEST_QUERY: usize = 2000;

/// A saved report.
pub(super) fn report_json(report: &SavedReport) -> Value {
    json!({
        "id": report.id,
        "name": report.name,
        "query": report.query,
        "created_at": time(report.created_at),
        "created_by": report.created_by,
    })
}

/// `GET .../saved_reports`, by name.
pub(super) async fn list(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Json<Value>, Error> {
    existing(&app, &site_id).await?;
    let saved = app.store.saved_reports(&site_id).await?;
    Ok(Json(json!({ "items": saved.iter().map(report_json).collect::<Vec<_>>(), "next": null })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    query: String,
}

/// `POST .../saved_reports`: keeps a report; one of the same name is replaced.
pub(super) async fn save(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let site = existing(&app, &site_id).await?;
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    let New { name, query } = serde_json::from_slice(&body).map_err(|error| {
        let example = r#"{"name": "Campaigns of the month", "query": "by=utm_campaign"}"#;
        Error::Invalid(format!("the body must be like {example}: {error}"))
    })?;
    let name = line("name", &name, LONGEST_NAME)?;
    if name.is_empty() {
        return Err(Error::Refused("name: a report is saved under a name".into()));
    }
    let query = line("query", query.trim().trim_start_matches('?'), LONGEST_QUERY)?;
    let now = reporting::circumstances(&SiteSettings::of(&site)?, app.now());
    understood(&query, &now).map_err(|problem| Error::Refused(format!("query: {problem}")))?;
    let saved = SavedReport { id: row_id(), name, query, created_at: app.now(), created_by: who.name.clone() };
    let saved = app.store.save_report(&site_id, saved).await?;
    let about = json!({ "name": saved.name, "query": saved.query });
    audit::note(&app, &who, Some(&site_id), "report.saved", about).await;
    Ok(Json(report_json(&saved)))
}

/// Whether a report can be made of a query: a question, and the columns that a page shows of it.
fn understood(query: &str, now: &Circumstances) -> Result<(), String> {
    let is_column = |(name, _): &(String, String)| name == "column";
    let (columns, asked): (Vec<_>, Vec<_>) = form::pairs(query).partition(is_column);
    if let Some((_, word)) = columns.iter().find(|(_, word)| Metric::parse(word).is_none()) {
        let known: Vec<&str> = Metric::ALL.iter().map(|metric| metric.as_str()).collect();
        return Err(format!("column cannot be {word}; it is one of {}", known.join(", ")));
    }
    Question::read(&asked, now).map(|_| ())
}

/// `DELETE .../saved_reports/{report_id}`.
pub(super) async fn remove(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path((site_id, report_id)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    existing(&app, &site_id).await?;
    if !app.store.remove_report(&site_id, &report_id).await? {
        return Err(Error::NotFound("there is no such report".into()));
    }
    audit::note(&app, &who, Some(&site_id), "report.removed", json!({ "id": report_id })).await;
    Ok(StatusCode::NO_CONTENT)
}

/// A text of one line, without outer space.
fn line(name: &str, text: &str, longest: usize) -> Result<String, Error> {
    let text = text.trim();
    if text.chars().count() > longest || text.chars().any(char::is_control) {
        return Err(Error::Refused(format!("{name}: it must be a single line of at most {longest} characters")));
    }
    Ok(text.to_owned())
}
