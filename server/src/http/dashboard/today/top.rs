//! Where the most of a period came from, and which links made the most. Pure.

use super::super::figures::Figures;
use crate::reports::{Circumstances, Metric, Question, Report, Row};
use crate::store::facts::{Condition, Dimension};
use std::collections::BTreeMap;

/// How many are shown.
const SHOWN: usize = 8;

/// A source or a link.
pub(super) struct Top {
    /// What people call it; sent by somebody.
    pub(super) name: String,
    /// What it is, where the name does not say: a referrer, an ad platform.
    pub(super) kind: Option<&'static str>,
    /// The report of it alone.
    pub(super) href: String,
    /// Visits; empty of links, which have none.
    pub(super) visits: String,
    pub(super) clicks: String,
    pub(super) sales: String,
    pub(super) revenue: String,
}

/// By what sources are told apart: the campaign's own word, else the ad platform, else the page that led here.
pub(super) fn source_dimensions() -> Vec<Dimension> {
    vec![Dimension::Utm("utm_source".to_owned()), Dimension::ClickIds, Dimension::Referrer]
}

/// The sources that made the most money, then sales, clicks and visits. What has the same name is one source, whatever else is known of it.
pub(super) fn sources(
    site_id: &str,
    question: &Question,
    now: &Circumstances,
    report: &Report,
    figures: &Figures,
) -> Vec<Top> {
    let mut found: BTreeMap<(usize, String), Row> = BTreeMap::new();
    for row in &report.rows {
        let named = row.values.iter().enumerate().find_map(|(index, value)| Some((index, value.clone()?)));
        found.entry(named.unwrap_or((usize::MAX, String::new()))).or_default().add(row);
    }
    let dimensions = source_dimensions();
    let top = |(at, name): (usize, String), row: Row| {
        let mut conditions: Vec<Condition> = dimensions
            .iter()
            .take(at)
            .map(|dimension| Condition { dimension: dimension.clone(), values: vec![None] })
            .collect();
        conditions.extend(
            dimensions
                .get(at)
                .map(|dimension| Condition { dimension: dimension.clone(), values: vec![Some(name.clone())] }),
        );
        let name = if at == usize::MAX { "Directly, or nobody says".to_owned() } else { name };
        let kind = match at {
            1 => Some("ad platform"),
            2 => Some("referrer"),
            _ => None,
        };
        one(site_id, question, now, conditions, name, kind, &row, figures)
    };
    ranked(found).into_iter().map(|(key, row)| top(key, row)).collect()
}

/// The links that made the most money, then sales and clicks.
pub(super) fn links(
    site_id: &str,
    question: &Question,
    now: &Circumstances,
    report: &Report,
    figures: &Figures,
) -> Vec<Top> {
    let found = report.rows.iter().filter_map(|row| {
        let link = row.values.first()?.clone()?;
        (row.counts.clicks > 0 || row.counts.conversions > 0).then(|| (link, row.clone()))
    });
    let top = |(link, row): (String, Row)| {
        let conditions = vec![Condition { dimension: Dimension::Link, values: vec![Some(link.clone())] }];
        one(site_id, question, now, conditions, link, None, &row, figures)
    };
    ranked(found).into_iter().map(top).collect()
}

fn ranked<K>(found: impl IntoIterator<Item = (K, Row)>) -> Vec<(K, Row)> {
    let mut found: Vec<(K, Row)> = found.into_iter().collect();
    let weight = |row: &Row| (row.converted.revenue, row.counts.sales, row.counts.clicks, row.counts.visits);
    found.sort_by_key(|(_, row)| std::cmp::Reverse(weight(row)));
    found.truncate(SHOWN);
    found
}

#[expect(clippy::too_many_arguments, reason = "a row of a table: what it is of, and how its figures are written")]
fn one(
    site_id: &str,
    question: &Question,
    now: &Circumstances,
    conditions: Vec<Condition>,
    name: String,
    kind: Option<&'static str>,
    row: &Row,
    figures: &Figures,
) -> Top {
    let usual = Question::usual(now);
    let narrowed = Question { by: usual.by, sort: usual.sort, limit: usual.limit, conditions, ..question.clone() };
    Top {
        name,
        kind,
        href: format!("/sites/{site_id}/reports?{}", narrowed.query(now)),
        visits: figures.metric(row, Metric::Visits),
        clicks: figures.metric(row, Metric::Clicks),
        sales: figures.metric(row, Metric::Sales),
        revenue: figures.metric(row, Metric::Revenue),
    }
}
