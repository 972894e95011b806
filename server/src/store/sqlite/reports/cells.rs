//! What one write adds to the totals: gathered in memory first, since most of it falls on the same few rows.

use super::entry::{Entry, Share};
use super::origin::{Origin, Origins};
use super::span::{self, DAYS, MONTHS};
use crate::credit::{Model, WHOLE};
use crate::store::sqlite::failure::Failure;
use crate::store::{ATTRIBUTED, Dimension, Measures, UNATTRIBUTED};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// 10^-6 in a whole unit of money.
const MICRO: i128 = 1_000_000;

/// A row of the totals, by day. In the order of its fields, neighbours here are neighbours in the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    dimension: Dimension,
    model: Model,
    span: i64,
    value: String,
    kind: String,
    group: String,
    currency: String,
}

/// What to add to the totals of one site.
#[derive(Default)]
pub(super) struct Cells(BTreeMap<Key, Measures>);

impl Cells {
    /// Adds visits or clicks that came from there.
    pub(super) fn add_traffic(&mut self, day: i64, origin: &Origin, group: &str, measures: Measures) {
        let mut add = |dimension: Dimension, value: &str| {
            let key = Key {
                dimension,
                model: Model::Click,
                span: day,
                value: value.to_owned(),
                kind: String::new(),
                group: group.to_owned(),
                currency: String::new(),
            };
            *self.0.entry(key).or_default() += measures;
        };
        add(Dimension::All, "");
        for (dimension, value) in Dimension::OF_VISIT.into_iter().zip(origin) {
            add(dimension, value);
        }
        if measures.clicks != 0 {
            add(Dimension::Group, group);
        }
    }

    /// Adds what an entry stands for, or takes it out again.
    pub(super) fn add_entry(&mut self, entry: &Entry, out: bool, origins: &mut Origins<'_>) -> Result<(), Failure> {
        let mut add = |dimension: Dimension, model: Model, value: &str, measures: Measures, out: bool| {
            let key = Key {
                dimension,
                model,
                span: entry.day,
                value: value.to_owned(),
                kind: entry.kind.clone(),
                group: entry.group.clone(),
                currency: entry.currency.clone(),
            };
            *self.0.entry(key).or_default() += if out { -measures } else { measures };
        };
        let whole = measures(entry, (WHOLE, entry.value));
        let own = entry.source.map(|source| origins.of(source)).transpose()?.unwrap_or_default();
        let state = if entry.attributed { ATTRIBUTED } else { UNATTRIBUTED };
        let facts = [
            (Dimension::All, ""),
            (Dimension::Group, &entry.group),
            (Dimension::Product, &entry.product),
            (Dimension::Type, &entry.kind),
            (Dimension::State, state),
        ];
        for (dimension, value) in facts {
            add(dimension, Model::Click, value, whole, out);
        }
        for (dimension, value) in Dimension::OF_VISIT.into_iter().zip(&own) {
            add(dimension, Model::Click, value, whole, out);
        }
        for (model, shares) in &entry.shares {
            let Some(model) = Model::parse(model) else { continue };
            for (dimension, value) in Dimension::OF_VISIT.into_iter().zip(&own) {
                add(dimension, model, value, whole, !out);
            }
            for &(source, count, value) in shares as &Vec<Share> {
                let origin = origins.of(source)?;
                for (dimension, word) in Dimension::OF_VISIT.into_iter().zip(&origin) {
                    add(dimension, model, word, measures(entry, (count, value)), out);
                }
            }
        }
        Ok(())
    }

    /// Adds everything to the table, of days and of months.
    pub(super) fn write(self, connection: &Connection, site_id: &str) -> Result<(), Failure> {
        let mut months: BTreeMap<Key, Measures> = BTreeMap::new();
        for (key, measures) in &self.0 {
            *months.entry(Key { span: span::month_of(key.span), ..key.clone() }).or_default() += *measures;
        }
        for (per, cells) in [(DAYS, &self.0), (MONTHS, &months)] {
            for (key, measures) in cells.iter().filter(|(_, measures)| **measures != Measures::default()) {
                add_row(connection, site_id, per, key, measures)?;
            }
        }
        Ok(())
    }
}

/// What a part of an entry counts for.
fn measures(entry: &Entry, (count, value): (i64, Option<i64>)) -> Measures {
    let money = i128::from(value.unwrap_or_default());
    let unvalued = if value.is_none() { count } else { 0 };
    match entry.goes_back {
        true => Measures { refunds: count, unvalued, refunded: -money, ..Measures::default() },
        false => Measures { conversions: count, unvalued, gross: money, ..Measures::default() },
    }
}

fn add_row(connection: &Connection, site_id: &str, per: &str, key: &Key, add: &Measures) -> Result<(), Failure> {
    let place = params![
        site_id,
        key.dimension.as_str(),
        key.model.as_str(),
        per,
        key.span,
        key.value,
        key.kind,
        key.group,
        key.currency,
        add.visits,
        add.bots,
        add.clicks,
        add.conversions,
        add.refunds,
        add.unvalued,
        units(add.gross)?,
        rest(add.gross)?,
        units(add.refunded)?,
        rest(add.refunded)?,
    ];
    connection
        .prepare_cached(
            "INSERT INTO report_totals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET
                 visits = visits + excluded.visits, bots = bots + excluded.bots, clicks = clicks + excluded.clicks,
                 conversions = conversions + excluded.conversions, refunds = refunds + excluded.refunds,
                 unvalued = unvalued + excluded.unvalued,
                 gross = gross + excluded.gross, gross_micro = gross_micro + excluded.gross_micro,
                 refunded = refunded + excluded.refunded, refunded_micro = refunded_micro + excluded.refunded_micro",
        )?
        .execute(place)?;
    // Only what was there before can come to nothing, so only less of something is looked at.
    let less = [add.conversions, add.refunds].into_iter().any(|count| count < 0) || add.gross < 0 || add.refunded < 0;
    if less {
        connection
            .prepare_cached(
                "DELETE FROM report_totals
                 WHERE site_id = ? AND dimension = ? AND model = ? AND per = ? AND span = ? AND value = ? AND kind = ?
                   AND tracking_group = ? AND currency = ?
                   AND visits = 0 AND bots = 0 AND clicks = 0 AND conversions = 0 AND refunds = 0 AND unvalued = 0
                   AND gross * 1000000 + gross_micro = 0 AND refunded * 1000000 + refunded_micro = 0",
            )?
            .execute(params![
                site_id,
                key.dimension.as_str(),
                key.model.as_str(),
                per,
                key.span,
                key.value,
                key.kind,
                key.group,
                key.currency,
            ])?;
    }
    Ok(())
}

fn units(money: i128) -> Result<i64, Failure> {
    i64::try_from(money / MICRO).map_err(|_| Failure::Unreadable("a total is too large to be kept".into()))
}

fn rest(money: i128) -> Result<i64, Failure> {
    i64::try_from(money % MICRO).map_err(|_| Failure::Unreadable("a total is too large to be kept".into()))
}
