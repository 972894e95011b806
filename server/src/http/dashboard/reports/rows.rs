//! The rows behind a figure.

use super::Asked;
use super::form::{Chip, Form};
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
use crate::reports::{Metric, Question};
use crate::settings::SiteSettings;
use crate::store::Listing;
use crate::store::facts::Behind;
use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use page::PageAssets;
use std::collections::BTreeMap;
use tagwerk_protocol::form;

/// How many rows a page shows.
const ROWS: usize = 100;

/// Which rows are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Rows of the facts.
    Facts(Behind),
    /// Costs.
    Costs,
}

impl Of {
    const ALL: [Self; 10] = [
        Self::Facts(Behind::Visits),
        Self::Facts(Behind::Clicks),
        Self::Facts(Behind::Conversions),
        Self::Facts(Behind::Leads),
        Self::Facts(Behind::Sales),
        Self::Facts(Behind::Refunds),
        Self::Facts(Behind::Chargebacks),
        Self::Facts(Behind::Returns),
        Self::Facts(Behind::Money),
        Self::Costs,
    ];

    /// The word, as in queries.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Of::Facts(Behind::Visits) => "visits",
            Of::Facts(Behind::Clicks) => "clicks",
            Of::Facts(Behind::Conversions) => "conversions",
            Of::Facts(Behind::Leads) => "leads",
            Of::Facts(Behind::Sales) => "sales",
            Of::Facts(Behind::Refunds) => "refunds",
            Of::Facts(Behind::Chargebacks) => "chargebacks",
            Of::Facts(Behind::Returns) => "returns",
            Of::Facts(Behind::Money) => "money",
            Of::Costs => "costs",
        }
    }

    /// What people call them.
    fn label(self) -> &'static str {
        match self {
            Of::Facts(Behind::Money) => "conversions, refunds and chargebacks",
            Of::Facts(Behind::Returns) => "refunds and chargebacks",
            other => other.as_str(),
        }
    }

    /// The rows that a metric is made of.
    pub(super) fn behind(metric: Metric) -> Self {
        Of::Facts(match metric {
            Metric::Visits | Metric::Visitors | Metric::Bots => Behind::Visits,
            Metric::Clicks | Metric::Ctr => Behind::Clicks,
            Metric::Conversions | Metric::Revenue | Metric::ConversionRate => Behind::Conversions,
            Metric::Leads => Behind::Leads,
            Metric::Sales => Behind::Sales,
            Metric::Refunds => Behind::Refunds,
            Metric::Chargebacks => Behind::Chargebacks,
            Metric::Refunded => Behind::Returns,
            Metric::WithoutValue | Metric::Net | Metric::Commission | Metric::Epc => Behind::Money,
            Metric::Cost => return Of::Costs,
            Metric::Profit | Metric::Roi => Behind::Money,
        })
    }
}

/// A cost, as shown.
struct CostEntry {
    days: String,
    dimensions: Vec<(String, String)>,
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

#[derive(Template)]
#[template(path = "report_rows.html")]
struct Rows {
    assets: &'static PageAssets,
    head: Head,
    title: String,
    days: String,
    chips: Vec<Chip>,
    total: String,
    list: List,
    /// Of conversions that models share, how much of each counts, by its id.
    shares: Vec<(String, String)>,
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
            "of" => of = Of::ALL.into_iter().find(|known| known.as_str() == value),
            "before" => before = Some(value),
            _ => form::push(&mut rest, &name, &value),
        }
    }
    let (asked, problem) = Asked::read(Some(&rest), &settings, app.now());
    let Some(of) = of else {
        let known = Of::ALL.map(Of::as_str).join(", ");
        let sentence = format!("`of` says which rows are asked for: {known}.");
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "Which rows?", &sentence));
    };
    let question = Question { by: Vec::new(), ..asked.question.clone() };
    let figures = Figures::of(&headers);
    let (list, total, shares, last) = match of {
        Of::Costs => {
            let costs = reporting::costs_behind(&app, &site_id, &question).await?;
            let total = costs.len();
            (List::Costs(costs.iter().map(|cost| cost_entry(cost, &figures)).collect()), total as u64, Vec::new(), None)
        }
        Of::Facts(behind) => {
            let found = reporting::behind(&app, &site_id, &question, behind, before, ROWS).await?;
            let ids: Vec<String> = found.rows.iter().map(|row| row.id.clone()).collect();
            let last = ids.last().cloned().filter(|_| ids.len() == ROWS);
            let shared = found.rows.iter().filter(|row| row.count.abs() != WHOLE);
            let shares = shared.map(|row| (row.id.clone(), figures.percent(row.count.into()))).collect();
            (list(&app, &site_id, behind, &ids).await?, found.total, shares, last)
        }
    };
    let older = last.map(|last| {
        let mut older = format!("of={}&", of.as_str()) + &question.query(&asked.now);
        form::push(&mut older, "before", &last);
        older
    });
    let page = Rows {
        assets: page::assets(),
        head,
        title: format!("{} {}", figures.count(i128::from(total)), of.label()),
        days: format!("{} to {}", question.from, question.to),
        chips: Form::of(&app, &site_id, &asked, &[]).await?.chips,
        total: figures.count(i128::from(total)),
        list,
        shares,
        report_query: asked.query(),
        older,
        problem,
    };
    page::render(StatusCode::OK, &page)
}

async fn list(app: &SharedApp, site_id: &str, behind: Behind, ids: &[String]) -> Result<List, Error> {
    let store = &app.store;
    Ok(match behind {
        Behind::Visits => {
            let items = store.visits_of_rows(site_id, ids).await?;
            List::Visits(Part::of(Listing { items, next: None }, incoming::visit))
        }
        Behind::Clicks => {
            let items = store.clicks_of_rows(site_id, ids).await?;
            let parameters = app.clicks.params();
            List::Clicks(Part::of(Listing { items, next: None }, |row| incoming::click(row, &parameters)))
        }
        _ => {
            let items = store.conversions_of_rows(site_id, ids).await?;
            List::Conversions(with_their_ads(app, site_id, Listing { items, next: None }).await?)
        }
    })
}

fn cost_entry(cost: &Cost, figures: &Figures) -> CostEntry {
    let dimensions: BTreeMap<&String, &String> = cost.dimensions.iter().collect();
    CostEntry {
        days: if cost.first_day == cost.last_day {
            cost.first_day.to_string()
        } else {
            format!("{} to {}", cost.first_day, cost.last_day)
        },
        dimensions: dimensions.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        amount: figures.money(cost.amount.into()),
        currency: cost.currency.clone(),
        note: cost.note.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_leads_to_rows_that_have_a_word() {
        for metric in Metric::ALL {
            assert!(Of::ALL.contains(&Of::behind(*metric)), "{metric:?}");
        }
        let words: std::collections::BTreeSet<&str> = Of::ALL.iter().map(|of| of.as_str()).collect();
        assert_eq!(words.len(), Of::ALL.len());
    }
}
