//! A part of the facts of one kind, as a question looks at it: some rows, in the order of time, and the columns it needs.

use super::columns::{Cells, unpack};
use super::fact::{Column, Fact, Id, Kind, column};
use super::keeping::Segment;
use crate::store::sqlite::failure::Failure;
use rusqlite::Connection;
use std::ops::Range;

/// From one quarter of an hour on and before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quarters {
    pub(super) from: i64,
    pub(super) until: i64,
}

/// A segment's columns as they are packed: what one thread reads and another looks at.
pub(super) struct Packed {
    kind: Kind,
    facts: usize,
    quarters: Vec<u8>,
    columns: Vec<(Column, Vec<u8>)>,
}

impl Packed {
    /// Reads the columns that are there of those that are needed.
    pub(super) fn read(
        connection: &Connection,
        kind: Kind,
        segment: &Segment,
        needed: &[Column],
    ) -> Result<Self, Failure> {
        let mut columns = Vec::with_capacity(needed.len());
        for column in needed {
            if let Some(cells) = segment.column(connection, *column)? {
                columns.push((*column, cells));
            }
        }
        let quarters = segment.column(connection, column::QUARTER)?;
        let quarters = quarters.ok_or_else(|| Failure::Unreadable("a segment of facts has no times".into()))?;
        Ok(Self { kind, facts: segment.facts, quarters, columns })
    }

    /// The rows of these times.
    pub(super) fn block(&self, of: Quarters) -> Result<Block, Failure> {
        let all = match unpack(&self.quarters, &(0..self.facts))? {
            Cells::All(quarter) => vec![quarter; self.facts],
            Cells::Each(quarters) => quarters,
        };
        let rows = rows_of(&all, of);
        let columns = self.columns.iter().map(|(column, cells)| Ok((*column, unpack(cells, &rows)?)));
        Ok(Block {
            kind: self.kind,
            columns: columns.collect::<Result<_, Failure>>()?,
            quarters: all.get(rows.clone()).map(<[i64]>::to_vec).unwrap_or_default(),
            rows,
        })
    }
}

/// Where the rows of these times stand.
fn rows_of(quarters: &[i64], of: Quarters) -> Range<usize> {
    let first = quarters.partition_point(|quarter| *quarter < of.from);
    let end = quarters.partition_point(|quarter| *quarter < of.until);
    first..end.max(first)
}

/// Rows of one kind.
pub(super) struct Block {
    pub(super) kind: Kind,
    /// Where they stand in their segment.
    pub(super) rows: Range<usize>,
    /// When each of them was, sorted.
    pub(super) quarters: Vec<i64>,
    columns: Vec<(Column, Cells)>,
}

impl Block {
    /// The facts of these times out of a tail, and their ids.
    pub(super) fn of_tail(kind: Kind, mut facts: Vec<Fact>, of: Quarters, needed: &[Column]) -> (Self, Vec<Id>) {
        facts.retain(|fact| (of.from..of.until).contains(&fact.quarter));
        facts.sort_unstable_by_key(|fact| fact.quarter);
        let cells = |column: &Column| {
            let values: Vec<i64> = facts.iter().map(|fact| fact.at(*column)).collect();
            let is_nothing = values.iter().all(|value| *value == 0);
            (*column, if is_nothing { Cells::All(0) } else { Cells::Each(values) })
        };
        let block = Self {
            kind,
            rows: 0..facts.len(),
            quarters: facts.iter().map(|fact| fact.quarter).collect(),
            columns: needed.iter().map(cells).collect(),
        };
        (block, facts.iter().map(|fact| fact.id).collect())
    }

    /// A column.
    pub(super) fn column(&self, column: Column) -> &Cells {
        let found = self.columns.iter().find(|(known, _)| *known == column);
        found.map_or(&Cells::All(0), |(_, cells)| cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_their_time() {
        let quarters = [1, 2, 2, 5, 9];
        let rows = |from, until| rows_of(&quarters, Quarters { from, until });
        assert_eq!((rows(2, 5), rows(0, 99), rows(3, 5)), (1..3, 0..5, 3..3));
        assert_eq!((rows(10, 99), rows(5, 2)), (5..5, 3..3));
    }
}
