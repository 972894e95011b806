//! Costs: what was spent on ads, by hand, from files, and by the address of a landing page.

mod changes;
mod guides;
mod upload;

use super::figures::Figures;
use super::head::{Head, Tab, find, no_site};
use super::page::{self, PageAssets};
use crate::app::SharedApp;
use crate::costs::{Cost, FIRST, LAST, Problem, Said};
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::http::spending::spent_between;
use crate::people::{Role, Who};
use crate::settings::SiteSettings;
use crate::store::Site;
use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use guides::{Guide, guides};
use jiff::ToSpan;
use jiff::civil::Date;
use std::collections::BTreeMap;
use tagwerk_protocol::form;
use tagwerk_protocol::money::Amount;

/// Costs that a page shows.
const SHOWN: usize = 100;
/// Days that are shown where nobody says which.
const DEFAULT_DAYS: i64 = 90;
/// The cost parameter that is proposed.
const PARAM: &str = "cost";

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    let files = post(upload::upload).layer(DefaultBodyLimit::max(upload::MAX_FORM));
    Router::new()
        .route("/sites/{site_id}/costs", get(show).post(changes::add))
        .route("/sites/{site_id}/costs/file", files)
        .route("/sites/{site_id}/costs/forget", post(changes::forget))
        .route("/sites/{site_id}/costs/parameter", post(changes::parameter))
        .route("/sites/{site_id}/costs/{cost_id}/remove", post(changes::remove))
}

/// A dimension and its value.
struct Pair {
    name: String,
    value: String,
}

/// A cost, as shown.
struct Entry {
    id: String,
    days: String,
    pairs: Vec<Pair>,
    amount: String,
    currency: String,
    source: Option<String>,
    note: Option<String>,
    /// The report of what it was spent for.
    href: String,
}

/// An amount of a currency.
struct Sum {
    amount: String,
    currency: String,
}

/// What came from files of one name.
struct SourceEntry {
    name: String,
    count: usize,
    from: String,
    to: String,
}

/// Something that can be chosen.
struct Choice {
    word: String,
    said: String,
    chosen: bool,
}

impl Choice {
    fn new(word: &str, said: &str, chosen: bool) -> Self {
        Self { word: word.to_owned(), said: said.to_owned(), chosen }
    }
}

/// What was just done, or why it was not.
struct Notice {
    good: bool,
    said: String,
}

#[derive(Template)]
#[template(path = "costs/costs.html")]
struct CostsPage {
    assets: &'static PageAssets,
    head: Head,
    /// Whether whoever looks may change costs.
    is_analyst: bool,
    /// Whether whoever looks may change settings.
    is_owner: bool,
    notice: Option<Notice>,
    from: String,
    to: String,
    is_filtered: bool,
    /// Whether there are costs on other days.
    elsewhere: bool,
    entries: Vec<Entry>,
    count: String,
    sums: Vec<Sum>,
    older: Option<String>,
    sources: Vec<SourceEntry>,
    said: Said,
    wrong: Option<Problem>,
    platforms: Vec<Choice>,
    zone: String,
    currency: String,
    param: Option<String>,
    param_said: String,
    param_currency: String,
    param_wrong: Option<String>,
    guides: Vec<Guide>,
}

impl CostsPage {
    fn is_wrong(&self, field: &str) -> bool {
        self.wrong.as_ref().is_some_and(|problem| problem.field == field)
    }

    fn sentence(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|problem| problem.field == field).map(|problem| problem.sentence.as_str())
    }

    fn dimension(&self, word: &str) -> &str {
        self.said.dimensions.get(word).map(String::as_str).unwrap_or_default()
    }
}

/// What the query asks for.
#[derive(Default)]
struct Asked {
    from: Option<String>,
    to: Option<String>,
    skip: usize,
    notice: Option<Notice>,
}

impl Asked {
    fn read(query: Option<&str>) -> Self {
        let pairs: BTreeMap<String, String> = form::pairs(query.unwrap_or_default()).collect();
        let of = |name: &str| pairs.get(name).map(|value| value.trim().to_owned());
        let number = |name: &str| of(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or_default();
        let count = |count: usize| if count == 1 { "1 cost".to_owned() } else { format!("{count} costs") };
        let good = |said: String| Some(Notice { good: true, said });
        let notice = match of("said").as_deref() {
            Some("added") => good("Added. Reports know it from now on.".into()),
            Some("removed") => good("Removed. Reports no longer have it.".into()),
            Some("gone") => good("It was removed already.".into()),
            Some("forgotten") => good(format!("{} removed.", count(number("count")))),
            Some("parameter") => good("Saved. It counts for visits from now on.".into()),
            Some("imported") if number("count") == 0 => {
                good("All of the file was known already; nothing changed.".into())
            }
            Some("imported") if number("same") > 0 => {
                good(format!("The file is taken: {} new or changed, {} as before.", number("count"), number("same")))
            }
            Some("imported") => good(format!("The file is taken: {}.", count(number("count")))),
            _ => None,
        };
        Self { from: of("from"), to: of("to"), skip: number("skip"), notice }
    }

    /// The first and last day that are asked for: the last weeks where nobody says, and all days where a field is left empty.
    fn days(&self, today: Date) -> (Date, Date) {
        let day = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Date>().ok());
        let from = match &self.from {
            None => today.saturating_sub((DEFAULT_DAYS - 1).days()),
            Some(_) => day(&self.from).unwrap_or(FIRST),
        };
        (from, day(&self.to).unwrap_or(LAST))
    }
}

async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Costs).await? else { return Ok(no_site()) };
    let page = costs_page(&app, &who, &site, head, Asked::read(query.as_deref()), &Figures::of(&headers)).await?;
    page::render(StatusCode::OK, &page)
}

async fn costs_page(
    app: &SharedApp,
    who: &Who,
    site: &Site,
    head: Head,
    asked: Asked,
    figures: &Figures,
) -> Result<CostsPage, Error> {
    let settings = SiteSettings::of(site)?;
    let today = today(app, &settings);
    let (from, to) = asked.days(today);
    let costs = app.store.costs(&site.site_id, from, to).await?;
    let elsewhere = costs.is_empty() && !app.store.costs(&site.site_id, FIRST, LAST).await?.is_empty();
    let shown_day = |day: Date, open: Date| if day == open { String::new() } else { day.to_string() };
    let (from_said, to_said) = (shown_day(from, FIRST), shown_day(to, LAST));
    let older = (costs.len() > asked.skip.saturating_add(SHOWN)).then(|| {
        let mut query = format!("skip={}", asked.skip.saturating_add(SHOWN));
        form::push(&mut query, "from", &from_said);
        form::push(&mut query, "to", &to_said);
        query
    });
    let sums = sums(&spent_between(&costs, from, to), figures);
    let (sources, count) = (sources(&costs), figures.count(i128::try_from(costs.len()).unwrap_or_default()));
    let entries =
        costs.into_iter().skip(asked.skip).take(SHOWN).map(|cost| entry(cost, &site.site_id, figures)).collect();
    let currency = settings.cost_currency().to_owned();
    let said = Said { first_day: today.to_string(), currency: currency.clone(), ..Said::default() };
    Ok(CostsPage {
        assets: page::assets(),
        is_analyst: who.role >= Role::Analyst,
        is_owner: who.role >= Role::Owner,
        notice: asked.notice,
        is_filtered: asked.from.is_some() || asked.to.is_some(),
        from: from_said,
        to: to_said,
        elsewhere,
        entries,
        count,
        sums,
        older,
        sources,
        said,
        wrong: None,
        platforms: platforms_offered(app, ""),
        zone: settings.time_zone.clone(),
        param_said: settings.cost.param.clone().unwrap_or_else(|| PARAM.to_owned()),
        param_currency: settings.cost.currency.clone().unwrap_or_default(),
        param_wrong: None,
        guides: guides(settings.cost.param.as_deref().unwrap_or(PARAM)),
        param: settings.cost.param,
        currency,
        head,
    })
}

/// The day it is in the site's zone.
fn today(app: &SharedApp, settings: &SiteSettings) -> Date {
    let now = jiff::Timestamp::from_millisecond(app.now()).unwrap_or_default();
    now.to_zoned(settings.zone()).date()
}

/// The ad platforms whose visits are known by their click ids.
fn platforms_offered(app: &SharedApp, chosen: &str) -> Vec<Choice> {
    let mut names: Vec<&str> = app.clicks.click.iter().map(|click| click.platform.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| Choice::new(name, name, name == chosen)).collect()
}

/// What costs of these files there are.
fn sources(costs: &[Cost]) -> Vec<SourceEntry> {
    let mut found: BTreeMap<&str, (usize, Date, Date)> = BTreeMap::new();
    for cost in costs {
        let Some(source) = &cost.source else { continue };
        let entry = found.entry(source).or_insert((0, cost.first_day, cost.last_day));
        *entry = (entry.0 + 1, entry.1.min(cost.first_day), entry.2.max(cost.last_day));
    }
    let entry = |(name, (count, from, to)): (&str, (usize, Date, Date))| SourceEntry {
        name: name.to_owned(),
        count,
        from: from.to_string(),
        to: to.to_string(),
    };
    found.into_iter().map(entry).collect()
}

fn sums(sums: &BTreeMap<String, Amount>, figures: &Figures) -> Vec<Sum> {
    let sum = |(currency, amount): (&String, &Amount)| Sum {
        amount: figures.exact(amount.scaled().unwrap_or_default()),
        currency: currency.clone(),
    };
    sums.iter().map(sum).collect()
}

/// What people call a dimension.
fn label(word: &str) -> String {
    crate::reports::words::dimension(word)
        .map(|known| crate::reports::words::label(&known))
        .unwrap_or_else(|| word.to_owned())
}

fn days_said(first: Date, last: Date) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

fn entry(cost: Cost, site_id: &str, figures: &Figures) -> Entry {
    let mut query = String::new();
    form::push(&mut query, "from", &cost.first_day.to_string());
    form::push(&mut query, "to", &cost.last_day.to_string());
    form::push(&mut query, "by", "day");
    for (word, value) in &cost.dimensions {
        form::push(&mut query, "where", &format!("{word}:{value}"));
    }
    Entry {
        id: cost.id,
        days: days_said(cost.first_day, cost.last_day),
        pairs: cost.dimensions.into_iter().map(|(word, value)| Pair { name: label(&word), value }).collect(),
        amount: figures.exact(cost.amount),
        currency: cost.currency,
        source: cost.source,
        note: cost.note,
        href: format!("/sites/{site_id}/reports?{query}"),
    }
}
