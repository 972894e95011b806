//! Reports that were saved under a name.

use super::Asked;
use crate::app::{SharedApp, row_id};
use crate::audit;
use crate::http::dashboard::head::{Tab, find, no_site};
use crate::http::dashboard::page;
use crate::http::error::Error;
use crate::http::session::{Analyst, SameOrigin};
use crate::settings::SiteSettings;
use crate::store::{SavedReport, StoreError};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;
use tagwerk_protocol::form;

/// Most characters of a name.
const LONGEST: usize = 100;

/// A saved report, as it is offered.
pub(super) struct SavedEntry {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) query: String,
    pub(super) by: String,
}

/// The saved reports of a site, by name.
pub(super) async fn entries(app: &SharedApp, site_id: &str) -> Result<Vec<SavedEntry>, StoreError> {
    let saved = app.store.saved_reports(site_id).await?;
    let entry =
        |saved: SavedReport| SavedEntry { id: saved.id, name: saved.name, query: saved.query, by: saved.created_by };
    Ok(saved.into_iter().map(entry).collect())
}

/// What has just been done, as the query says.
pub(super) fn notice(query: Option<&str>) -> Option<&'static str> {
    let said = form::pairs(query?).find(|(name, _)| name == "said").map(|(_, value)| value)?;
    match said.as_str() {
        "saved" => Some("The report is saved."),
        "removed" => Some("The saved report is removed."),
        _ => None,
    }
}

#[derive(Deserialize)]
pub(super) struct SaveForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    query: String,
}

/// Saves a report; one of the same name is replaced.
pub(super) async fn save(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Form(given): Form<SaveForm>,
) -> Result<Response, Error> {
    let Some((site, _)) = find(&app, &site_id, Tab::Reports).await? else { return Ok(no_site()) };
    let name = given.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST {
        let sentence = format!("Go back and give the report a name of at most {LONGEST} characters.");
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "That is not a name", &sentence));
    }
    let (asked, problem) = Asked::read(Some(&given.query), &SiteSettings::of(&site)?, app.now());
    if let Some(problem) = problem {
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "That is not a report", &problem));
    }
    let saved = SavedReport {
        id: row_id(),
        name: name.to_owned(),
        query: asked.query(),
        created_at: app.now(),
        created_by: who.name.clone(),
    };
    let query = saved.query.clone();
    audit::note(&app, &who, Some(&site_id), "report.saved", json!({ "name": name, "query": query })).await;
    app.store.save_report(&site_id, saved).await?;
    Ok(back(&site_id, &query, "saved"))
}

/// Removes a saved report.
pub(super) async fn remove(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, report_id)): Path<(String, String)>,
) -> Result<Response, Error> {
    if app.store.remove_report(&site_id, &report_id).await? {
        audit::note(&app, &who, Some(&site_id), "report.removed", json!({ "id": report_id })).await;
    }
    Ok(back(&site_id, "", "removed"))
}

fn back(site_id: &str, query: &str, said: &str) -> Response {
    let mut query = query.to_owned();
    form::push(&mut query, "said", said);
    page::guarded(Redirect::to(&format!("/sites/{site_id}/reports?{query}")).into_response())
}
