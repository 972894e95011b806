//! What values there are to choose from.

use super::block::{Block, Packed, Quarters};
use super::fact::{Column, Kind};
use super::keeping;
use super::words::{self, word_of};
use crate::store::facts::Dimension;
use crate::store::sqlite::failure::Failure;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// The values of a dimension in words, those that came last first.
const NEWEST: &str = "SELECT word FROM report_words WHERE site_id = ? AND dimension = ? ORDER BY code DESC LIMIT ?";

/// Values of a dimension, so many at most, sorted: those of the newest facts, then those that came last.
pub(super) fn values(
    connection: &Connection,
    site_id: &str,
    dimension: &Dimension,
    limit: usize,
) -> Result<Vec<String>, Failure> {
    let dimensions = words::dimensions(connection, site_id)?;
    let Some(known) = words::name(dimension).and_then(|name| dimensions.get(&name)) else { return Ok(Vec::new()) };
    let mut values = BTreeSet::new();
    if usize::try_from(known.words).unwrap_or(usize::MAX) > limit {
        // Of more values than are told, those in use are told before those that were but new.
        for kind in [Kind::Conversion, Kind::Click, Kind::Visit] {
            for code in newest(connection, site_id, kind, known.column)? {
                if values.len() >= limit {
                    break;
                }
                values.extend(word_of(connection, site_id, known.column, code)?);
            }
        }
    }
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(NEWEST)?;
    let mut rows = statement.query(params![site_id, known.column, most])?;
    while values.len() < limit
        && let Some(row) = rows.next()?
    {
        values.insert(row.get(0)?);
    }
    Ok(values.into_iter().collect())
}

/// The numbers of the values that the newest facts of a kind have: those of the tail and of the last segment.
fn newest(connection: &Connection, site_id: &str, kind: Kind, column: Column) -> Result<BTreeSet<i64>, Failure> {
    let always = Quarters { from: i64::MIN, until: i64::MAX };
    let (tail, _) = Block::of_tail(kind, keeping::tail(connection, site_id, kind)?, always, &[column]);
    let mut blocks = vec![tail];
    if let Some(last) = keeping::segments(connection, site_id, kind, always.from, always.until)?.first() {
        blocks.push(Packed::read(connection, kind, last, &[column])?.block(always)?);
    }
    let codes = |block: &Block| (0..block.quarters.len()).map(|row| block.column(column).at(row)).collect::<Vec<_>>();
    Ok(blocks.iter().flat_map(codes).filter(|code| *code != 0).collect())
}

/// The open-ended dimensions that there are, sorted.
pub(super) fn names(connection: &Connection, site_id: &str) -> Result<Vec<Dimension>, Failure> {
    let dimensions = words::dimensions(connection, site_id)?;
    let mut names: Vec<Dimension> = dimensions.keys().filter_map(|name| words::open_ended(name)).collect();
    names.sort_unstable();
    Ok(names)
}
