//! What one write adds to the totals: gathered in memory first, since most of it falls on the same few rows.

use super::class::{Class, Classes};
use super::entry::{Entry, Share};
use super::origin::{Origin, Origins};
use super::span::{self, DAYS, MONTHS};
use crate::credit::{Model, WHOLE};
use crate::store::sqlite::failure::Failure;
use crate::store::{ATTRIBUTED, Dimension, Measures, UNATTRIBUTED};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// 10^-6 in a whole unit of money.
const MICRO: i128 = 1_000_000;

/// By what, and by whose credit.
type Series = (Dimension, Model);

/// A row of the totals, by day. In the order of its fields, neighbours here are neighbours in the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    series: Series,
    span: i64,
    class: i64,
    value: String,
}

/// What to add to the totals of one site.
#[derive(Default)]
pub(super) struct Cells(BTreeMap<Key, Measures>);

impl Cells {
    fn add(&mut self, series: Series, span: i64, class: i64, value: &str, measures: Measures) {
        *self.0.entry(Key { series, span, class, value: value.to_owned() }).or_default() += measures;
    }

    /// Adds visits or clicks that came from there.
    pub(super) fn add_traffic(&mut self, day: i64, class: i64, origin: &Origin, group: &str, measures: Measures) {
        let mut add = |dimension, value: &str| self.add((dimension, Model::Click), day, class, value, measures);
        add(Dimension::All, "");
        for (dimension, value) in Dimension::OF_VISIT.into_iter().zip(origin) {
            add(dimension, value);
        }
        if measures.clicks != 0 {
            add(Dimension::Group, group);
        }
    }

    /// Adds what an entry stands for, or takes it out again.
    pub(super) fn add_entry(
        &mut self,
        entry: &Entry,
        out: bool,
        origins: &mut Origins<'_>,
        classes: &mut Classes<'_>,
    ) -> Result<(), Failure> {
        let class = classes.number(Class {
            kind: entry.kind.clone(),
            group: entry.group.clone(),
            currency: entry.currency.clone(),
        })?;
        let mut add = |dimension, model, value: &str, measures: Measures, out: bool| {
            self.add((dimension, model), entry.day, class, value, if out { -measures } else { measures });
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
        let mut table = Table { add: connection.prepare_cached(ADD)?, clear: connection.prepare_cached(CLEAR)? };
        for (per, cells) in [(DAYS, &self.0), (MONTHS, &months)] {
            let mut last: Option<(Series, i64)> = None;
            for (key, measures) in cells.iter().filter(|(_, measures)| **measures != Measures::default()) {
                // Cells stand in the order of their series, so each is looked up once.
                let number = match last {
                    Some((series, number)) if series == key.series => number,
                    _ => number(connection, site_id, key.series, per)?,
                };
                last = Some((key.series, number));
                table.add(number, key, measures)?;
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

/// The number of a series, if anything was ever counted in it.
pub(super) fn known_number(
    connection: &Connection,
    site_id: &str,
    (dimension, model): Series,
    per: &str,
) -> Result<Option<i64>, Failure> {
    let sql = "SELECT id FROM report_series WHERE site_id = ? AND dimension = ? AND model = ? AND per = ?";
    let place = params![site_id, dimension.as_str(), model.as_str(), per];
    Ok(connection.prepare_cached(sql)?.query_row(place, |row| row.get(0)).optional()?)
}

fn number(connection: &Connection, site_id: &str, series: Series, per: &str) -> Result<i64, Failure> {
    if let Some(number) = known_number(connection, site_id, series, per)? {
        return Ok(number);
    }
    let sql = "INSERT INTO report_series (site_id, dimension, model, per) VALUES (?, ?, ?, ?)";
    Ok(connection.prepare_cached(sql)?.insert(params![site_id, series.0.as_str(), series.1.as_str(), per])?)
}

const ADD: &str = "INSERT INTO report_totals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        visits = visits + excluded.visits, bots = bots + excluded.bots, clicks = clicks + excluded.clicks,
        conversions = conversions + excluded.conversions, refunds = refunds + excluded.refunds,
        unvalued = unvalued + excluded.unvalued,
        gross = gross + excluded.gross, gross_micro = gross_micro + excluded.gross_micro,
        refunded = refunded + excluded.refunded, refunded_micro = refunded_micro + excluded.refunded_micro";
const CLEAR: &str = "DELETE FROM report_totals WHERE series = ? AND span = ? AND class = ? AND value = ?
    AND visits = 0 AND bots = 0 AND clicks = 0 AND conversions = 0 AND refunds = 0 AND unvalued = 0
    AND gross * 1000000 + gross_micro = 0 AND refunded * 1000000 + refunded_micro = 0";

/// The statements that add to the table, looked up once for all rows of a write.
struct Table<'a> {
    add: CachedStatement<'a>,
    clear: CachedStatement<'a>,
}

impl Table<'_> {
    fn add(&mut self, series: i64, key: &Key, add: &Measures) -> Result<(), Failure> {
        self.add.execute(params![
            series,
            key.span,
            key.class,
            key.value,
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
        ])?;
        // Only what was there before can come to nothing, so only less of something is looked at.
        if add.conversions < 0 || add.refunds < 0 || add.gross < 0 || add.refunded < 0 {
            self.clear.execute(params![series, key.span, key.class, key.value])?;
        }
        Ok(())
    }
}

fn units(money: i128) -> Result<i64, Failure> {
    i64::try_from(money / MICRO).map_err(|_| Failure::Unreadable("a total is too large to be kept".into()))
}

fn rest(money: i128) -> Result<i64, Failure> {
    i64::try_from(money % MICRO).map_err(|_| Failure::Unreadable("a total is too large to be kept".into()))
}
