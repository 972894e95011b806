//! A report as a table: every value narrows the report, every figure leads to the rows behind it.

use super::Asked;
use super::behind::Of;
use crate::http::dashboard::figures::Figures;
use crate::reporting::Answer;
use crate::reports::comparison::change;
use crate::reports::{Column, Metric, Question, Report, Row, words};
use crate::store::facts::Dimension;

/// A column's head.
pub(super) struct ColumnHead {
    pub(super) label: String,
    /// The query that sorts by it.
    pub(super) query: String,
    /// `ascending` or `descending`, if the table is sorted by it.
    pub(super) sorted: Option<&'static str>,
}

/// A value in a row.
pub(super) struct ValueCell {
    /// What people read; nothing stands for having none.
    pub(super) text: Option<String>,
    /// The query that narrows the report to it.
    pub(super) query: String,
}

/// By how much a figure changed.
pub(super) struct Change {
    pub(super) text: String,
    /// `better`, `worse`, or `same`.
    pub(super) class: &'static str,
}

/// A figure.
pub(super) struct FigureCell {
    pub(super) text: String,
    /// The query of the rows behind it; nothing where it is zero or cannot be told.
    pub(super) behind: Option<String>,
    pub(super) change: Option<Change>,
    pub(super) is_negative: bool,
}

/// A row.
pub(super) struct RowShown {
    pub(super) values: Vec<ValueCell>,
    pub(super) figures: Vec<FigureCell>,
}

/// A report as a table.
pub(super) struct Table {
    pub(super) dimensions: Vec<ColumnHead>,
    pub(super) metrics: Vec<ColumnHead>,
    pub(super) rows: Vec<RowShown>,
    pub(super) totals: Vec<FigureCell>,
    pub(super) left_out: usize,
    pub(super) currency: Option<String>,
    /// What was chosen and cannot be told of these rows.
    pub(super) not_told: Option<String>,
    pub(super) caption: String,
    /// How many columns the words of the totals stand over.
    pub(super) span: usize,
}

impl Table {
    /// Shows a report.
    pub(super) fn of(site_id: &str, asked: &Asked, answer: &Answer, figures: &Figures) -> Self {
        let Answer { report, before } = answer;
        let question = &asked.question;
        let metrics = asked.columns.told(question);
        let cells = |row: &Row, narrowed: &Question, beside: Option<&Row>| -> Vec<FigureCell> {
            metrics.iter().map(|metric| figure(row, *metric, narrowed, asked, beside, figures)).collect()
        };
        let rows = report.rows.iter().map(|row| {
            let pairs = || question.by.iter().zip(&row.values);
            let everything = Question { by: Vec::new(), ..question.clone() };
            let narrowed =
                pairs().fold(everything, |narrowed, (dimension, value)| narrowed.narrowed(dimension, value.as_deref()));
            let values = pairs().map(|(dimension, value)| ValueCell {
                text: value.as_deref().map(|value| shown(dimension, value)),
                query: asked.query_of(&deeper(question, dimension, value.as_deref())),
            });
            let beside = before.as_ref().and_then(|before| before.row(row));
            RowShown { values: values.collect(), figures: cells(row, &narrowed, beside.as_ref()) }
        });
        let everything = Question { by: Vec::new(), ..question.clone() };
        let head = |label: String, column: Column| {
            let (sorted, descending) = question.sort;
            let is_sorted = sorted == column;
            // A second click turns the order; figures begin with the largest.
            let first_descending = matches!(column, Column::Metric(_));
            let wanted = if is_sorted { !descending } else { first_descending };
            ColumnHead {
                label,
                query: asked.query_of(&Question { sort: (column, wanted), ..question.clone() }),
                sorted: is_sorted.then_some(if descending { "descending" } else { "ascending" }),
            }
        };
        let missing: Vec<&str> = Metric::ALL
            .iter()
            .filter(|metric| asked.columns.has(**metric) && !question.has(**metric))
            .map(|metric| metric.label())
            .collect();
        Self {
            dimensions: question.by.iter().map(|dimension| head(words::label(dimension), Column::Value)).collect(),
            metrics: metrics.iter().map(|metric| head(metric.label().into(), Column::Metric(*metric))).collect(),
            rows: rows.collect(),
            totals: cells(&report.totals, &everything, before.as_ref().map(|before| before.totals())),
            left_out: report.left_out,
            currency: report.currency.clone(),
            not_told: (!missing.is_empty()).then(|| missing.join(", ")),
            caption: format!("{} to {}, site {site_id}", question.from, question.to),
            span: question.by.len(),
        }
    }
}

fn figure(
    row: &Row,
    metric: Metric,
    narrowed: &Question,
    asked: &Asked,
    beside: Option<&Row>,
    figures: &Figures,
) -> FigureCell {
    let has_rows = row.metric(metric).is_some_and(|value| value != 0);
    let behind = has_rows.then(|| Of::Metric(metric).query(narrowed, &asked.now));
    let changed = beside.and_then(|beside| {
        let ratio = change(row, beside, metric)?;
        let class = match ratio.signum() * good_direction(metric) {
            1 => "better",
            -1 => "worse",
            _ => "same",
        };
        Some(Change { text: figures.change(ratio), class })
    });
    FigureCell {
        text: figures.metric(row, metric),
        behind,
        change: changed,
        is_negative: row.metric(metric).is_some_and(|value| value < 0),
    }
}

/// Whether more of it is better, worse, or neither.
fn good_direction(metric: Metric) -> i128 {
    match metric {
        Metric::Refunds | Metric::Chargebacks | Metric::Refunded | Metric::WithoutValue => -1,
        Metric::Bots | Metric::Cost => 0,
        _ => 1,
    }
}

/// A value as people read it.
fn shown(dimension: &Dimension, value: &str) -> String {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    match dimension {
        Dimension::Weekday => {
            let day = value.parse::<usize>().ok().and_then(|number| DAYS.get(number.checked_sub(1)?));
            day.map_or_else(|| value.to_owned(), |day| (*day).to_owned())
        }
        Dimension::Hour => format!("{value}:00"),
        _ => value.to_owned(),
    }
}

/// The report narrowed to a value, told apart by what is worth asking next.
fn deeper(question: &Question, dimension: &Dimension, value: Option<&str>) -> Question {
    let mut narrowed = question.narrowed(dimension, value);
    narrowed.by.retain(|other| other != dimension);
    if narrowed.by.is_empty() {
        narrowed.by.extend(next(dimension).filter(|next| !question.by.contains(next)));
    }
    if question.sort.0 == Column::Value {
        narrowed.sort = Question::usual_sort(&narrowed.by);
    }
    narrowed
}

/// What is worth asking once a value is chosen.
fn next(dimension: &Dimension) -> Option<Dimension> {
    let utm = |name: &str| Some(Dimension::Utm(name.to_owned()));
    match dimension {
        Dimension::Utm(name) => match name.as_str() {
            "utm_source" => utm("utm_medium"),
            "utm_medium" => utm("utm_campaign"),
            "utm_campaign" => utm("utm_term"),
            "utm_term" => utm("utm_content"),
            _ => Some(Dimension::LandingPage),
        },
        Dimension::Month => Some(Dimension::Week),
        Dimension::Week => Some(Dimension::Day),
        Dimension::Day => Some(Dimension::Hour),
        Dimension::LandingPage | Dimension::Page => Some(Dimension::Link),
        Dimension::Link | Dimension::Group => Some(Dimension::Product),
        Dimension::Product | Dimension::Type => Some(Dimension::TransactionType),
        _ => utm("utm_campaign"),
    }
}

/// What has to be said about the rates that money was converted by.
pub(super) fn rates_note(report: &Report) -> Option<String> {
    let totals = &report.totals;
    if !totals.not_converted.is_empty() {
        let names: Vec<&str> =
            totals.not_converted.iter().map(|code| code.as_deref().unwrap_or("no currency")).collect();
        return Some(match &report.currency {
            Some(currency) => format!(
                "Money in {} is left out of the sums: no rate into {currency} is known for its days. `tagwerk rates import` takes one.",
                names.join(", ")
            ),
            None => format!(
                "There is money in several currencies ({}). Choose the currency of the report to see its sums.",
                names.join(", ")
            ),
        });
    }
    totals.stale.then(|| {
        "Some money was converted at a rate that is older than it should be: the newest rates have not come in."
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::Circumstances;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    fn question(query: &str) -> Question {
        let pairs: Vec<(String, String)> = tagwerk_protocol::form::pairs(query).collect();
        let now = Circumstances { today: date(2026, 1, 31), zone: TimeZone::UTC, currency: None };
        Question::read(&pairs, &now).expect("a question")
    }

    fn deeper_by(query: &str, word: &str, value: &str) -> String {
        let dimension = words::dimension(word).expect("a dimension");
        let deeper = deeper(&question(query), &dimension, Some(value));
        deeper.by.iter().map(words::word).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn a_chosen_value_leads_to_what_is_worth_asking_next() {
        assert_eq!(deeper_by("by=utm_source", "utm_source", "google"), "utm_medium");
        assert_eq!(deeper_by("by=utm_source,country", "utm_source", "google"), "country");
        assert_eq!(deeper_by("by=day", "day", "2026-01-05"), "hour");
        assert_eq!(deeper_by("by=hour", "hour", "05"), "utm_campaign");
    }

    #[test]
    fn days_of_the_week_and_hours_are_told_as_people_do() {
        assert_eq!(shown(&Dimension::Weekday, "7"), "Sunday");
        assert_eq!(shown(&Dimension::Weekday, "8"), "8");
        assert_eq!(shown(&Dimension::Hour, "05"), "05:00");
    }

    #[test]
    fn more_refunds_are_worse_and_more_sales_are_better() {
        assert_eq!((good_direction(Metric::Refunds), good_direction(Metric::Sales)), (-1, 1));
    }
}
