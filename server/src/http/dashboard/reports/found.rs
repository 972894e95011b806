//! The rows behind a figure, found and written for people.

use super::behind::{Of, name, what_of};
use crate::app::SharedApp;
use crate::costs::Cost;
use crate::credit::WHOLE;
use crate::http::dashboard::figures::Figures;
use crate::http::dashboard::incoming::{self, ClickEntry, ConversionEntry, Part, VisitEntry};
use crate::http::dashboard::with_their_ads;
use crate::http::error::Error;
use crate::masking::Masking;
use crate::reporting;
use crate::reports::{Kind, Metric, Question};
use crate::store::Listing;
use crate::store::facts::{Behind, RowBehind, RowsBehind};
use std::collections::BTreeMap;

/// How many rows a page shows.
const ROWS: usize = 100;

/// A cost, as shown.
pub(super) struct CostEntry {
    pub(super) days: String,
    pub(super) dimensions: Vec<(String, String)>,
    /// How much of it counts here.
    pub(super) counted: String,
    pub(super) amount: String,
    pub(super) currency: String,
    pub(super) note: Option<String>,
}

pub(super) enum List {
    Visits(Part<VisitEntry>),
    Clicks(Part<ClickEntry>),
    Conversions(Part<ConversionEntry>),
    Costs(Vec<CostEntry>),
}

/// A row of which not all counts.
pub(super) struct Share {
    pub(super) id: String,
    pub(super) text: String,
}

/// The rows, as far as they are shown.
pub(super) struct Found {
    pub(super) list: List,
    /// How many there are, in words.
    pub(super) said: String,
    pub(super) is_empty: bool,
    /// Of conversions that models share, how much of each counts.
    pub(super) shares: Vec<Share>,
    /// What visits cost, of those that say so.
    pub(super) prices: Vec<Share>,
    /// How many of these rows were deleted since.
    pub(super) gone: usize,
    /// The id after which older ones follow.
    pub(super) last: Option<String>,
    /// How much they count for, where that is the figure.
    pub(super) count: Option<i128>,
}

/// Who asks what.
pub(super) struct Asks<'a> {
    pub(super) app: &'a SharedApp,
    pub(super) site_id: &'a str,
    pub(super) question: &'a Question,
    pub(super) figures: &'a Figures,
    pub(super) seen: &'a Masking,
}

impl Asks<'_> {
    /// A number of rows, as the reader writes it.
    pub(super) fn counted(&self, count: u64) -> String {
        self.figures.count(count)
    }

    /// The rows, as far as a page shows them.
    pub(super) async fn found(&self, of: Of, before: Option<String>) -> Result<Found, Error> {
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
                let items = self.seen.all(store.visits_of_rows(self.site_id, ids).await?);
                List::Visits(Part::of(Listing { items, next: None }, incoming::visit))
            }
            Behind::Clicks => {
                let items = self.seen.all(store.clicks_of_rows(self.site_id, ids).await?);
                let parameters = app.clicks.params();
                List::Clicks(Part::of(Listing { items, next: None }, |row| incoming::click(row, &parameters)))
            }
            _ => {
                let items = store.conversions_of_rows(self.site_id, ids).await?;
                List::Conversions(
                    with_their_ads(app, self.site_id, self.seen, self.figures, Listing { items, next: None }).await?,
                )
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
