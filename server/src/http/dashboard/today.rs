//! Today: whether anything is broken, what the day came to, and what arrives as it arrives.

mod course;
mod days;
mod feed;
mod headline;
mod live;
mod strip;
mod top;

use super::figures::Figures;
use super::head::{Head, Tab, find, no_site};
use super::page::{self, PageAssets};
use super::when::Moment;
use crate::app::{App, SharedApp};
use crate::health::{Kind, Sign};
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::masking::Masking;
use crate::rates::RateTable;
use crate::reporting;
use crate::reports::{Period, Question, Report, platforms, report};
use crate::settings::SiteSettings;
use crate::store::facts::{Asked, Dimension};
use crate::store::{Millis, Site, StoreError};
use crate::totals;
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use course::Course;
use days::{Days, OFFERED};
use feed::Entry;
use headline::Headline;
use jiff::ToSpan;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use strip::Strip;
use top::Top;

/// How many entries of the feed a page begins with.
const ENTRIES: usize = 30;
/// How long the page waits for the facts to be brought up to date; past it, it shows what they knew before, and says so.
const PATIENCE: Duration = Duration::from_secs(1);

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/sites/{site_id}", get(show))
        .route("/sites/{site_id}/figures", get(figures))
        .route("/sites/{site_id}/live", get(live::show))
        .route("/sites/{site_id}/health", get(health))
}

#[derive(Deserialize)]
struct TodayQuery {
    period: Option<String>,
}

/// A period that is offered.
struct PeriodLink {
    label: &'static str,
    href: String,
    is_here: bool,
}

/// What changes while one looks: health and figures.
struct Shown {
    site_id: String,
    strip: Strip,
    periods: Vec<PeriodLink>,
    period: Period,
    against: String,
    headline: Headline,
    course: Course,
    sources: Vec<Top>,
    links: Vec<Top>,
    /// Where all sources and all links are.
    all: (String, String),
    /// Whether there is more than the figures know.
    behind: bool,
    /// The address of this alone.
    href: String,
}

impl Shown {
    /// The worst of the signs.
    fn worst(&self) -> &'static str {
        self.strip.signs.iter().map(|sign| sign.level).max().map_or("good", |level| level.as_str())
    }
}

#[derive(Template)]
#[template(path = "today.html")]
struct Today {
    assets: &'static PageAssets,
    head: Head,
    shown: Shown,
    entries: Vec<Entry>,
    zone: String,
    /// When it was made, in milliseconds: what comes later is not in it.
    made: Millis,
    /// How many entries it begins with at most.
    most: usize,
}

#[derive(Template)]
#[template(path = "today/figures.html")]
struct Fragment {
    shown: Shown,
}

#[derive(Template)]
#[template(path = "today/health.html")]
struct HealthPage {
    assets: &'static PageAssets,
    head: Head,
    signs: Vec<Sign>,
    data: String,
    public_url: String,
    last_backup: Option<Moment>,
}

impl HealthPage {
    fn of(&self, kind: Kind) -> Vec<&Sign> {
        self.signs.iter().filter(|sign| sign.kind == kind).collect()
    }
}

async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(query): Query<TodayQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Today).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let made = app.now();
    let (zone, written) = (settings.zone(), Figures::of(&headers));
    let seen = Masking::of(&app.groups, who.role);
    let (shown, entries) = tokio::try_join!(
        shown(&app, &site, &settings, query.period.as_deref(), &headers),
        feed::newest(&app, &site_id, &zone, None, ENTRIES, (&written, &seen)),
    )?;
    let page = Today { assets: page::assets(), head, shown, entries, zone: settings.time_zone, made, most: ENTRIES };
    page::render(StatusCode::OK, &page)
}

/// Health and figures alone, for a page that is open.
async fn figures(
    _: SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(query): Query<TodayQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some(site) = app.store.site(&site_id).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let shown = shown(&app, &site, &settings, query.period.as_deref(), &headers).await?;
    page::render(StatusCode::OK, &Fragment { shown })
}

/// Each sign at length, with what can be done about it.
async fn health(_: SignedIn, State(app): State<SharedApp>, Path(site_id): Path<String>) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Today).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let Strip { signs, .. } = strip::strip(&app, &site, &settings).await?;
    let page = HealthPage {
        assets: page::assets(),
        head,
        signs,
        data: app.config.data_dir.display().to_string(),
        public_url: app.public_url.clone(),
        last_backup: app.store.last_backup().await?.map(|backup| Moment::of(backup.at)),
    };
    page::render(StatusCode::OK, &page)
}

async fn shown(
    app: &SharedApp,
    site: &Site,
    settings: &SiteSettings,
    period: Option<&str>,
    headers: &HeaderMap,
) -> Result<Shown, StoreError> {
    let at = app.now();
    let site_id = &site.site_id;
    let now = reporting::circumstances(settings, at);
    let days = Days::of(period, &now, at);
    let by = |by: Vec<Dimension>| Question { by, ..days.question.clone() };
    let course_by = by(vec![if days.by_hour() { Dimension::Hour } else { Dimension::Day }]);
    let (sources_by, links_by) = (by(top::source_dimensions()), by(vec![Dimension::Link]));
    let behind = totals::catch_up(&app.store, PATIENCE).await? > 0;
    let rates = rates(app, &days).await?;
    let ask = |question, until| ask(app, site_id, question, until, &rates);
    let (strip, course, before, sources, links) = tokio::try_join!(
        strip::strip(app, site, settings),
        ask(&course_by, None),
        ask(&days.before, days.before_until),
        ask(&sources_by, None),
        ask(&links_by, None),
    )?;
    let figures = Figures::of(headers);
    let usual = Question::usual(&now).limit;
    let all = |question: &Question| {
        let all = Question { limit: usual, ..question.clone() };
        format!("/sites/{site_id}/reports?{}", all.query(&now))
    };
    let all_sources = all(&by(top::source_dimensions().into_iter().take(1).collect()));
    let href = |what: &str, period: Period| format!("/sites/{site_id}{what}?period={}", period.as_str());
    Ok(Shown {
        strip,
        periods: OFFERED
            .into_iter()
            .map(|period| PeriodLink { label: period.label(), href: href("", period), is_here: period == days.period })
            .collect(),
        period: days.period,
        headline: headline::headline(site_id, &days, &now, &course, &before.totals, &figures),
        course: course::course(&days, &now, at, &course, &figures),
        sources: top::sources(site_id, &days.question, &now, &sources, &figures),
        links: top::links(site_id, &days.question, &now, &links, &figures),
        all: (all_sources, all(&links_by)),
        behind,
        href: href("/figures", days.period),
        against: days.against,
        site_id: site_id.clone(),
    })
}

/// The rates of all days that are asked for: a day of the zone may lie on the day before or after in UTC, by which rates go.
async fn rates(app: &App, days: &Days) -> Result<Arc<RateTable>, StoreError> {
    let from = days.before.from.checked_sub(1.day()).unwrap_or(days.before.from);
    let to = days.question.to.tomorrow().unwrap_or(days.question.to);
    Ok(Arc::new(RateTable::new(app.store.rates_between(from, to).await?)))
}

/// What the facts say to a question, up to this time where one is given.
async fn ask(
    app: &App,
    site_id: &str,
    question: &Question,
    until: Option<Millis>,
    rates: &Arc<RateTable>,
) -> Result<Report, StoreError> {
    let asked = question.asked(Arc::clone(rates), &[], |names| platforms(names, &app.clicks));
    // Visitors take longer to count, and are not shown.
    let asked = Asked { until: until.map_or(asked.until, |until| until.min(asked.until)), visitors: false, ..asked };
    let found = app.store.groups(site_id, asked).await?;
    Ok(report(question, found, Vec::new(), &app.clicks))
}
