//! The headline row: what the period came to, against the one before. Pure.

use super::super::figures::Figures;
use super::days::Days;
use crate::reports::comparison::change;
use crate::reports::{Circumstances, Column, Kind, Metric, Question, Report, Row};
use crate::store::facts::Dimension;

/// What stands in the row.
const SHOWN: [Metric; 8] = [
    Metric::Visits,
    Metric::Clicks,
    Metric::Sales,
    Metric::Refunds,
    Metric::Revenue,
    Metric::Commission,
    Metric::Epc,
    Metric::ConversionRate,
];

/// One figure.
pub(super) struct Figure {
    /// Its word, as in reports.
    pub(super) word: &'static str,
    /// What people call it.
    pub(super) label: &'static str,
    /// The figure, as the reader's language writes it.
    pub(super) value: String,
    /// Its currency, where it is money.
    pub(super) currency: Option<String>,
    /// The report that has it.
    pub(super) href: String,
    /// What it was before.
    pub(super) before: String,
    /// How much that is more or less.
    pub(super) change: Option<Change>,
}

/// How much a figure changed.
pub(super) struct Change {
    /// In per cent, with a sign.
    pub(super) said: String,
    /// `better`, `worse` or `same`.
    pub(super) class: &'static str,
    /// `more`, `less` or `the same`.
    pub(super) word: &'static str,
}

/// The row.
pub(super) struct Headline {
    /// Its figures.
    pub(super) figures: Vec<Figure>,
    /// What money is not in it, since no rate is known.
    pub(super) not_converted: Option<String>,
    /// Chargebacks, which are told beside the refunds where there are any.
    pub(super) chargebacks: Option<String>,
}

/// Writes the row.
pub(super) fn headline(
    site_id: &str,
    days: &Days,
    now: &Circumstances,
    report: &Report,
    before: &Row,
    figures: &Figures,
) -> Headline {
    let row = &report.totals;
    let figure = |metric: Metric| {
        let sorted = Question {
            by: vec![Dimension::Utm("utm_source".to_owned())],
            sort: (Column::Metric(metric), true),
            limit: Question::usual(now).limit,
            ..days.question.clone()
        };
        Figure {
            word: metric.as_str(),
            label: metric.label(),
            value: figures.metric(row, metric),
            currency: report.currency.clone().filter(|_| metric.kind() == Kind::Money && row.metric(metric).is_some()),
            href: format!("/sites/{site_id}/reports?{}", sorted.query(now)),
            before: figures.metric(before, metric),
            change: change(row, before, metric).map(|ratio| said(ratio, metric, figures)),
        }
    };
    let currencies: Vec<&str> =
        row.not_converted.iter().map(|currency| currency.as_deref().unwrap_or("no currency")).collect();
    Headline {
        figures: SHOWN.into_iter().map(figure).collect(),
        not_converted: (!currencies.is_empty()).then(|| currencies.join(", ")),
        chargebacks: (row.counts.chargebacks > 0).then(|| figures.metric(row, Metric::Chargebacks)),
    }
}

fn said(ratio: i128, metric: Metric, figures: &Figures) -> Change {
    let is_for_the_better = (ratio > 0) != (metric == Metric::Refunds);
    let (class, word) = match ratio.signum() {
        0 => ("same", "as before"),
        sign => (if is_for_the_better { "better" } else { "worse" }, if sign > 0 { "more" } else { "less" }),
    };
    Change { said: figures.change(ratio), class, word }
}
