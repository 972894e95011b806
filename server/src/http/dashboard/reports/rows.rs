//! The rows behind a figure: exactly those that it counts, or, of a figure that is worked out of two others, both of these.

use super::form::{Chip, Form};
use super::{Asked, table};
use crate::app::SharedApp;
use crate::costs::Cost;
use crate::credit::WHOLE;
use crate::http::dashboard::figures::Figures;
use crate::http::dashboard::head::{Head, Tab, find, no_site};
use crate::http::dashboard::incoming::{self, ClickEntry, ConversionEntry, Part, VisitEntry};
use crate::http::dashboard::{page, with_their_ads};
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::reporting;
use crate::reports::{Circumstances, Kind, MadeOf, Metric, Question, Report};
use crate::settings::SiteSettings;
use crate::store::facts::{Behind, RowBehind, RowsBehind};
use crate::store::{Listing, StoreError};
use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use page::PageAssets;
use std::collections::BTreeMap;
use tagwerk_protocol::form;

/// How many rows a page shows.
const ROWS: usize = 100;
/// The word for the visits that say what they cost.
const PAID: &str = "paid";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// What is behind a metric.
    Metric(Metric),
    /// The visits that say what they cost, which are a part of what is behind [`Metric::Cost`].
    Paid,
}

impl Of {
    fn parse(word: &str) -> Option<Self> {
        if word == PAID { Some(Self::Paid) } else { Metric::parse(word).map(Self::Metric) }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.as_str(),
            Self::Paid => PAID,
        }
    }

    /// The query that asks for the rows behind a question's totals.
    pub(super) fn query(self, question: &Question, now: &Circumstances) -> String {
        format!("of={}&{}", self.as_str(), question.query(now))
    }

    /// What the rows are listed of: of a metric that is worked out of two others the first, and of that likewise.
    fn listed(self) -> Listed {
        let Self::Metric(mut metric) = self else { return Listed { behind: Some(Behind::Paid), metric: Metric::Cost } };
        loop {
            match metric.made_of() {
                MadeOf::Rows(behind) => return Listed { behind: Some(behind), metric },
                MadeOf::Costs => return Listed { behind: None, metric },
                MadeOf::Difference(first, _) | MadeOf::Quotient(first, _) => metric = first,
            }
        }
    }
}

/// What the rows are listed of.
struct Listed {
    /// Rows of the facts; `None` stands for costs that were entered.
    behind: Option<Behind>,
    metric: Metric,
}

/// What people call these rows.
fn name(behind: Behind) -> &'static str {
    match behind {
        Behind::Visits => "visits",
        Behind::Bots => "visits of bots",
        Behind::Paid => "visits that say what they cost",
        Behind::Clicks => "clicks",
        Behind::Conversions => "conversions",
        Behind::Leads => "leads",
        Behind::Sales => "sales",
        Behind::Returns => "refunds and chargebacks",
        Behind::Refunds => "refunds",
        Behind::Chargebacks => "chargebacks",
        Behind::Money => "conversions, refunds and chargebacks",
        Behind::Unvalued => "conversions, refunds and chargebacks whose value is not known",
    }
}

/// What rows have to do with a figure that is not how many they are.
fn what_of(metric: Metric) -> &'static str {
    match metric {
        Metric::Visitors => ": whoever came several times counts once",
        Metric::Revenue => ": their values, added up",
        Metric::Refunded => ": what they took back, added up",
        Metric::Net => ": what they brought in, less what they took back",
        Metric::Commission => ": their commissions, added up, less those that were taken back",
        _ => "",
    }
}

/// A figure that another is worked out of.
struct Figure {
    label: &'static str,
    text: String,
    query: String,
}

/// How a figure is worked out of two others.
struct WorkedOut {
    what: &'static str,
    first: Figure,
    /// `less` or `divided by`.
    how: &'static str,
    second: Figure,
    /// Whose rows follow.
    listed: &'static str,
}

/// A cost, as shown.
struct CostEntry {
    days: String,
    dimensions: Vec<(String, String)>,
    /// How much of it counts here.
    counted: String,
    amount: String,
    currency: String,
    note: Option<String>,
}

enum List {
    Visits(Part<VisitEntry>),
    Clicks(Part<ClickEntry>),
    Conversions(Part<ConversionEntry>),
    Costs(Vec<CostEntry>),
}

/// A row of which not all counts.
struct Share {
    id: String,
    text: String,
}

/// The rows, as far as they are shown.
struct Found {
    list: List,
    /// How many there are, in words.
    said: String,
    is_empty: bool,
    /// Of conversions that models share, how much of each counts.
    shares: Vec<Share>,
    /// What visits cost, of those that say so.
    prices: Vec<Share>,
    /// How many of these rows were deleted since.
    gone: usize,
    /// The id after which older ones follow.
    last: Option<String>,
    /// How much they count for, where that is the figure.
    count: Option<i128>,
}

#[derive(Template)]
#[template(path = "report_rows.html")]
struct Rows {
    assets: &'static PageAssets,
    head: Head,
    title: String,
    days: String,
    chips: Vec<Chip>,
    worked_out: Option<WorkedOut>,
    found: Found,
    /// Of costs, the query of the visits that say what they cost, and how many these are.
    paid: Option<(String, String)>,
    rates_note: Option<String>,
    report_query: String,
    older: Option<String>,
    problem: Option<String>,
}

/// The page.
pub(super) async fn show(
    _: SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Reports).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let (mut of, mut before, mut rest) = (None, None, String::new());
    for (name, value) in form::pairs(query.as_deref().unwrap_or_default()) {
        match name.as_str() {
            "of" => of = Of::parse(&value),
            "before" => before = Some(value),
            _ => form::push(&mut rest, &name, &value),
        }
    }
    let (asked, problem) = Asked::read(Some(&rest), &settings, app.now());
    let Some(of) = of else {
        let known: Vec<&str> = Metric::ALL.iter().map(|metric| metric.as_str()).chain([PAID]).collect();
        let sentence = format!("`of` says which rows are asked for: {}.", known.join(", "));
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "Which rows?", &sentence));
    };
    let question = Question { by: Vec::new(), ..asked.question.clone() };
    let figures = Figures::of(&headers);
    let asks = Asks { app: &app, site_id: &site_id, question: &question, figures: &figures };
    // Where the figure is how many rows there are, these tell it.
    let report = async {
        Ok::<_, StoreError>(match of {
            Of::Metric(metric) if needs_totals(metric) => {
                Some(reporting::totals(&app, &site_id, &question, metric == Metric::Visitors).await?)
            }
            _ => None,
        })
    };
    let (found, report) = tokio::try_join!(asks.found(of, before), async { Ok(report.await?) })?;
    let query_of = |of: Of| of.query(&question, &asked.now);
    let older = found.last.as_ref().map(|last| {
        let mut older = query_of(of);
        form::push(&mut older, "before", last);
        older
    });
    let paid = match of {
        Of::Metric(Metric::Cost) => {
            let visits = reporting::behind(&app, &site_id, &question, Behind::Paid, None, 1).await?;
            (visits.total > 0).then(|| (query_of(Of::Paid), asks.counted(visits.total)))
        }
        _ => None,
    };
    let figure = |metric: Metric| figure(metric, report.as_ref(), &figures);
    let title = match of {
        Of::Metric(metric) => {
            let counted = found.count.map(|count| match metric.kind() {
                Kind::Shares => figures.shares(count),
                _ => figures.count(count),
            });
            let counted = counted.filter(|_| report.is_none());
            format!("{}: {}", metric.label(), counted.unwrap_or_else(|| figure(metric)))
        }
        Of::Paid => "What visits cost, as their addresses say".to_owned(),
    };
    let part =
        |metric: Metric| Figure { label: metric.label(), text: figure(metric), query: query_of(Of::Metric(metric)) };
    let listed = of.listed().metric.label();
    let worked_out = match of {
        Of::Metric(metric) => match metric.made_of() {
            MadeOf::Difference(first, second) => Some((metric, first, "less", second)),
            MadeOf::Quotient(first, second) => Some((metric, first, "divided by", second)),
            MadeOf::Rows(_) | MadeOf::Costs => None,
        },
        Of::Paid => None,
    };
    let page = Rows {
        assets: page::assets(),
        head,
        title,
        days: format!("{} to {}", question.from, question.to),
        chips: Form::of(&app, &site_id, &asked, &[]).await?.chips,
        worked_out: worked_out.map(|(metric, first, how, second)| WorkedOut {
            what: metric.label(),
            first: part(first),
            how,
            second: part(second),
            listed,
        }),
        paid,
        rates_note: report.as_ref().and_then(table::rates_note),
        found,
        report_query: asked.query(),
        older,
        problem,
    };
    page::render(StatusCode::OK, &page)
}

/// Whether a figure is not how many rows there are.
fn needs_totals(metric: Metric) -> bool {
    metric == Metric::Visitors || matches!(metric.kind(), Kind::Money | Kind::Ratio)
}

fn figure(metric: Metric, report: Option<&Report>, figures: &Figures) -> String {
    let Some(report) = report else { return String::new() };
    let text = figures.metric(&report.totals, metric);
    match &report.currency {
        Some(currency) if metric.kind() == Kind::Money => format!("{text} {currency}"),
        _ => text,
    }
}

/// Who asks what.
struct Asks<'a> {
    app: &'a SharedApp,
    site_id: &'a str,
    question: &'a Question,
    figures: &'a Figures,
}

impl Asks<'_> {
    fn counted(&self, count: u64) -> String {
        self.figures.count(count)
    }

    async fn found(&self, of: Of, before: Option<String>) -> Result<Found, Error> {
        let listed = of.listed();
        let Some(behind) = listed.behind else { return self.costs().await };
        let found = reporting::behind(self.app, self.site_id, self.question, behind, before, ROWS).await?;
        let ids: Vec<String> = found.rows.iter().map(|row| row.id.clone()).collect();
        let list = self.list(behind, &ids).await?;
        let shown = match &list {
            List::Visits(part) => part.items.len(),
            List::Clicks(part) => part.items.len(),
            List::Conversions(part) => part.items.len(),
            List::Costs(costs) => costs.len(),
        };
        let prices = match behind {
            Behind::Paid => self.prices(&found.rows).await?,
            _ => Vec::new(),
        };
        Ok(Found {
            said: format!("{} {}{}", self.counted(found.total), name(behind), what_of(listed.metric)),
            is_empty: found.total == 0,
            shares: self.shares(&found.rows, &list, listed.metric),
            prices,
            gone: ids.len().saturating_sub(shown),
            last: ids.last().cloned().filter(|_| ids.len() == ROWS),
            count: Some(counted(listed.metric, &found)),
            list,
        })
    }

    async fn costs(&self) -> Result<Found, Error> {
        let costs = reporting::costs_behind(self.app, self.site_id, self.question).await?;
        let entries: Vec<CostEntry> = costs.iter().map(|(cost, part)| cost_entry(cost, *part, self.figures)).collect();
        Ok(Found {
            said: format!("{} costs", self.counted(entries.len() as u64)),
            is_empty: false,
            list: List::Costs(entries),
            shares: Vec::new(),
            prices: Vec::new(),
            gone: 0,
            last: None,
            count: None,
        })
    }

    async fn list(&self, behind: Behind, ids: &[String]) -> Result<List, Error> {
        let (app, store) = (self.app, &self.app.store);
        Ok(match behind {
            Behind::Visits | Behind::Bots | Behind::Paid => {
                let items = store.visits_of_rows(self.site_id, ids).await?;
                List::Visits(Part::of(Listing { items, next: None }, incoming::visit))
            }
            Behind::Clicks => {
                let items = store.clicks_of_rows(self.site_id, ids).await?;
                let parameters = app.clicks.params();
                List::Clicks(Part::of(Listing { items, next: None }, |row| incoming::click(row, &parameters)))
            }
            _ => {
                let items = store.conversions_of_rows(self.site_id, ids).await?;
                List::Conversions(with_their_ads(app, self.site_id, Listing { items, next: None }).await?)
            }
        })
    }

    /// Of conversions that models share, how much of each counts: per cent, and in money.
    fn shares(&self, rows: &[RowBehind], list: &List, metric: Metric) -> Vec<Share> {
        let List::Conversions(part) = list else { return Vec::new() };
        let currencies: BTreeMap<&str, &str> = part
            .items
            .iter()
            .filter_map(|entry| {
                let money = entry.value.as_ref().or(entry.commission.as_ref())?;
                Some((entry.id.as_str(), money.currency.as_str()))
            })
            .collect();
        let shared = rows.iter().filter(|row| row.count.abs() != WHOLE);
        let share = |row: &RowBehind| {
            let percent = self.figures.percent(row.count.into());
            let money = if metric == Metric::Commission { row.commission } else { row.value };
            let text = match currencies.get(row.id.as_str()) {
                Some(currency) => format!("{percent}, {} {currency}", self.figures.exact(money)),
                None => percent,
            };
            Share { id: row.id.clone(), text }
        };
        shared.map(share).collect()
    }

    /// What each of these visits cost.
    async fn prices(&self, rows: &[RowBehind]) -> Result<Vec<Share>, Error> {
        let mut prices = Vec::with_capacity(rows.len());
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        for visit in self.app.store.visits_of_rows(self.site_id, &ids).await? {
            let price = visit.cost.map(|(cost, currency)| format!("{} {currency}", self.figures.exact(cost)));
            prices.extend(price.map(|text| Share { id: visit.visit_id, text }));
        }
        Ok(prices)
    }
}

/// What rows count for, in what the metric is written in: things, or millionths of them.
fn counted(metric: Metric, found: &RowsBehind) -> i128 {
    match metric.kind() {
        Kind::Shares => found.count.into(),
        _ => found.total.into(),
    }
}

fn cost_entry(cost: &Cost, counted: i128, figures: &Figures) -> CostEntry {
    let dimensions: BTreeMap<&String, &String> = cost.dimensions.iter().collect();
    CostEntry {
        days: if cost.first_day == cost.last_day {
            cost.first_day.to_string()
        } else {
            format!("{} to {}", cost.first_day, cost.last_day)
        },
        dimensions: dimensions.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        counted: figures.exact(i64::try_from(counted).unwrap_or(i64::MAX)),
        amount: figures.exact(cost.amount),
        currency: cost.currency.clone(),
        note: cost.note.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_leads_to_rows_and_is_known_by_its_word() {
        for metric in Metric::ALL {
            assert_eq!(Of::parse(metric.as_str()), Some(Of::Metric(*metric)));
            let listed = Of::Metric(*metric).listed();
            assert!(listed.behind.is_some() || listed.metric == Metric::Cost, "{metric:?}");
        }
        assert_eq!(Of::parse(Of::Paid.as_str()), Some(Of::Paid));
        assert_eq!(Of::parse("everything"), None);
    }

    #[test]
    fn what_is_worked_out_lists_the_rows_of_what_is_divided() {
        assert_eq!(Of::Metric(Metric::Roi).listed().metric, Metric::Net);
        assert_eq!(Of::Metric(Metric::Ctr).listed().behind, Some(Behind::Clicks));
        assert_eq!(Of::Metric(Metric::ConversionRate).listed().behind, Some(Behind::Conversions));
    }
}
