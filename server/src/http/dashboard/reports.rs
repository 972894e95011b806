//! Reports: what was sold, by where it came from, down to the rows behind each figure.

mod behind;
mod columns;
mod download;
mod form;
mod found;
mod rows;
mod saved;
mod series;
mod table;

use super::figures::Figures;
use super::head::{Head, Tab, find, no_site};
use super::page::{self, PageAssets};
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::reporting::{self, answer};
use crate::reports::{Circumstances, Question};
use crate::settings::SiteSettings;
use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use columns::Columns;
use form::Form;
use saved::SavedEntry;
use series::Series;
use table::Table;
use tagwerk_protocol::form as form_encoded;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/sites/{site_id}/reports", get(show))
        .route("/sites/{site_id}/reports.csv", get(download::file))
        .route("/sites/{site_id}/reports/rows", get(rows::show))
        .route("/sites/{site_id}/reports/saved", post(saved::save))
        .route("/sites/{site_id}/reports/saved/{report_id}/remove", post(saved::remove))
}

/// What a page of reports was asked for: the question, and the columns that are shown.
struct Asked {
    question: Question,
    columns: Columns,
    now: Circumstances,
}

impl Asked {
    /// Reads a query.
    fn read(query: Option<&str>, settings: &SiteSettings, now: i64) -> (Self, Option<String>) {
        let now = reporting::circumstances(settings, now);
        let (mut pairs, mut wanted) = (Vec::new(), Vec::new());
        for (name, value) in form_encoded::pairs(query.unwrap_or_default()) {
            match name.as_str() {
                "column" => wanted.push(value),
                // How the form says days that are not a period.
                "period" if value == form::OWN_DAYS => {}
                "said" => {}
                _ => pairs.push((name, value)),
            }
        }
        // The form sends its days along with a period that was chosen over them.
        if pairs.iter().any(|(name, value)| name == "period" && !value.is_empty()) {
            pairs.retain(|(name, _)| name != "from" && name != "to");
        }
        form::gather_conditions(&mut pairs);
        let read = Question::read(&pairs, &now);
        let columns = Columns::of(&wanted);
        match read {
            Ok(question) => (Self { question, columns, now }, None),
            Err(problem) => {
                let usual = Question::usual(&now);
                (Self { question: usual, columns, now }, Some(problem))
            }
        }
    }

    /// The query that asks for another question with the same columns.
    fn query_of(&self, question: &Question) -> String {
        let mut query = question.query(&self.now);
        self.columns.push_to(&mut query);
        query
    }

    /// The query that asks for the same again.
    fn query(&self) -> String {
        self.query_of(&self.question)
    }
}

#[derive(Template)]
#[template(path = "reports.html")]
struct Reports {
    assets: &'static PageAssets,
    head: Head,
    problem: Option<String>,
    notice: Option<&'static str>,
    form: Form,
    table: Table,
    series: Option<Series>,
    saved: Vec<SavedEntry>,
    query: String,
    may_change: bool,
    rates_note: Option<String>,
    has_anything: bool,
}

async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Reports).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let (asked, problem) = Asked::read(query.as_deref(), &settings, app.now());
    let figures = Figures::of(&headers);
    let answered = answer(&app, &site_id, &asked.question).await?;
    let over_time = series::over_time(&app, &site_id, &asked, &answered).await?;
    let known = app.store.names(&site_id).await?;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Reports {
        assets: page::assets(),
        problem,
        notice: saved::notice(query.as_deref()),
        form: Form::of(&app, &site_id, &asked, &known).await?,
        table: Table::of(&site_id, &asked, &answered, &figures),
        series: over_time,
        saved: saved::entries(&app, &site_id).await?,
        query: asked.query(),
        may_change: who.role >= crate::people::Role::Analyst,
        rates_note: table::rates_note(&answered.report),
        has_anything: !answered.report.rows.is_empty(),
        head,
    };
    page::render(status, &page)
}
