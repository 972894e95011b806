//! The rows behind a figure: the ids of the facts that a question is about.

use super::block::{Block, Packed};
use super::columns::Cells;
use super::fact::{Class, Column, Id, Kind, column};
use super::keeping::{self, Segment};
use super::plan::{Picked, Plan, kinds};
use crate::credit::WHOLE;
use crate::store::facts::{Asked, Behind, RowBehind, RowsBehind};
use crate::store::sqlite::failure::Failure;
use rusqlite::Connection;
use rustc_hash::FxHashMap;
use uuid::Uuid;

/// Which part of the rows is told.
pub(super) struct Part {
    /// Ids before this one; all without one.
    pub(super) before: Option<Id>,
    /// How many at most.
    pub(super) limit: usize,
}

impl Part {
    fn has(&self, id: &Id) -> bool {
        *id != Id::default() && self.before.is_none_or(|before| *id < before)
    }
}

/// Facts behind a figure.
enum Facts {
    /// Visits or clicks: all of them, or those that have something in a column.
    Traffic(Kind, Option<Column>),
    /// Conversions of some classes: all of them, or those that have something in a column.
    Conversions(&'static [Class], Option<Column>),
}

impl Facts {
    fn of(of: Behind) -> Self {
        use Class::*;
        let all = |classes| Self::Conversions(classes, None);
        match of {
            Behind::Visits => Self::Traffic(Kind::Visit, None),
            Behind::Bots => Self::Traffic(Kind::Visit, Some(column::BOT)),
            Behind::Paid => Self::Traffic(Kind::Visit, Some(column::COST)),
            Behind::Clicks => Self::Traffic(Kind::Click, None),
            Behind::Conversions => all(&[Sale, Lead, Other]),
            Behind::Leads => all(&[Lead]),
            Behind::Sales => all(&[Sale]),
            Behind::Returns => all(&[Refund, Chargeback]),
            Behind::Refunds => all(&[Refund]),
            Behind::Chargebacks => all(&[Chargeback]),
            Behind::Money => all(EVERY),
            Behind::Unvalued => Self::Conversions(EVERY, Some(column::UNVALUED)),
        }
    }
}

/// Every class.
const EVERY: &[Class] = &[Class::Sale, Class::Lead, Class::Other, Class::Refund, Class::Chargeback];

/// How much of a conversion counts: its count, its value, its commission.
type Sum = [i64; 3];

/// Finds the rows.
pub(super) fn rows_behind(
    connection: &Connection,
    site_id: &str,
    asked: &Asked,
    of: Behind,
    part: &Part,
) -> Result<RowsBehind, Failure> {
    let plan = Plan::new(connection, site_id, asked)?;
    let kinds = kinds(asked, false);
    let has = |kind: Kind| kinds.contains(&kind);
    if plan.is_void() {
        return Ok(RowsBehind::default());
    }
    match Facts::of(of) {
        Facts::Traffic(kind, _) if !has(kind) => Ok(RowsBehind::default()),
        Facts::Traffic(kind, only) => traffic(connection, site_id, &plan, (kind, only), part),
        Facts::Conversions(classes, only) => {
            let mut sums: FxHashMap<Id, Sum> = FxHashMap::default();
            for kind in [Kind::Conversion, Kind::Share].into_iter().filter(|kind| has(*kind)) {
                conversions(connection, site_id, &plan, kind, (classes, only), &mut sums)?;
            }
            Ok(told(sums, part))
        }
    }
}

/// Of visits and clicks each has one fact, and ids are in the order in which facts were sealed, but for few.
fn traffic(
    connection: &Connection,
    site_id: &str,
    plan: &Plan,
    (kind, only): (Kind, Option<Column>),
    part: &Part,
) -> Result<RowsBehind, Failure> {
    let mut needed = plan.deciding(kind);
    needed.extend(only);
    let (block, ids) = Block::of_tail(kind, keeping::tail(connection, site_id, kind)?, plan.quarters, &needed);
    let mut newest = Newest { part, rows: Vec::new() };
    let mut total = newest.take(&In::of(plan, &block, only), &ids);
    let mut segments = keeping::segments(connection, site_id, kind, plan.quarters.from, plan.quarters.until)?;
    segments.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.last_id));
    for segment in &segments {
        let needs_ids = newest.may_take(segment);
        let is_within = segment.first_quarter >= plan.quarters.from && segment.last_quarter < plan.quarters.until;
        if is_within && only.is_none() && plan.has_all(kind) && !needs_ids {
            total += segment.facts as u64;
            continue;
        }
        let block = Packed::read(connection, kind, segment, &needed)?.block(plan.quarters)?;
        let is_in = In::of(plan, &block, only);
        total += if needs_ids {
            let ids = segment.ids(connection)?;
            newest.take(&is_in, ids.get(block.rows.clone()).unwrap_or_default())
        } else {
            (0..block.quarters.len()).filter(|row| is_in.has(*row)).count() as u64
        };
    }
    let is_paid = only == Some(column::COST);
    let row = |(id, cell)| {
        let value = if is_paid { cell } else { 0 };
        RowBehind { id: shown(id), count: WHOLE, value, commission: 0 }
    };
    let count = i64::try_from(total).unwrap_or(i64::MAX).saturating_mul(WHOLE);
    Ok(RowsBehind { rows: newest.rows.into_iter().map(row).collect(), total, count })
}

/// Which rows of a block are in.
struct In<'a> {
    picked: Picked,
    /// Must not be nothing.
    cells: Option<&'a Cells>,
}

impl<'a> In<'a> {
    fn of(plan: &Plan, block: &'a Block, only: Option<Column>) -> Self {
        Self { picked: plan.picked(block), cells: only.map(|column| block.column(column)) }
    }

    fn has(&self, row: usize) -> bool {
        self.picked.has(row) && self.cells.is_none_or(|cells| cells.at(row) != 0)
    }
}

/// The newest rows so far.
struct Newest<'a> {
    part: &'a Part,
    /// Their ids, newest first, and what stands in the column that they must have something in.
    rows: Vec<(Id, i64)>,
}

impl Newest<'_> {
    /// Whether a segment may hold some of them.
    fn may_take(&self, segment: &Segment) -> bool {
        match self.rows.get(self.part.limit.saturating_sub(1)) {
            Some((oldest, _)) => segment.last_id > *oldest,
            None => true,
        }
    }

    /// Takes what is in; how many that are, whichever part is told.
    fn take(&mut self, is_in: &In<'_>, ids: &[Id]) -> u64 {
        let rows = ids.iter().enumerate().filter(|(row, _)| is_in.has(*row));
        let mut count = 0;
        let counted = rows.inspect(|_| count += 1).filter(|(_, id)| self.part.has(id));
        self.rows.extend(counted.map(|(row, id)| (*id, is_in.cells.map_or(0, |cells| cells.at(row)))));
        self.rows.sort_unstable_by(|one, other| other.cmp(one));
        self.rows.truncate(self.part.limit);
        count
    }
}

/// Adds up what each conversion counts for.
fn conversions(
    connection: &Connection,
    site_id: &str,
    plan: &Plan,
    kind: Kind,
    (of, only): (&[Class], Option<Column>),
    sums: &mut FxHashMap<Id, Sum>,
) -> Result<(), Failure> {
    const SUMMED: [Column; 3] = [column::COUNT, column::VALUE, column::COMMISSION];
    let mut needed = plan.deciding(kind);
    needed.extend(SUMMED.into_iter().chain([column::CLASS]).chain(only));
    let mut add = |block: &Block, ids: &[Id]| {
        let is_in = In::of(plan, block, only);
        let (classes, summed) = (block.column(column::CLASS), SUMMED.map(|column| block.column(column)));
        for (row, id) in ids.iter().enumerate() {
            if is_in.has(row) && of.contains(&Class::of(classes.at(row))) {
                let sum = sums.entry(*id).or_default();
                sum.iter_mut().zip(summed).for_each(|(sum, cells)| *sum = sum.wrapping_add(cells.at(row)));
            }
        }
    };
    let (block, ids) = Block::of_tail(kind, keeping::tail(connection, site_id, kind)?, plan.quarters, &needed);
    add(&block, &ids);
    for segment in keeping::segments(connection, site_id, kind, plan.quarters.from, plan.quarters.until)? {
        let block = Packed::read(connection, kind, &segment, &needed)?.block(plan.quarters)?;
        let ids = segment.ids(connection)?;
        add(&block, ids.get(block.rows.clone()).unwrap_or_default());
    }
    Ok(())
}

/// The part that is told of what is left of the sums.
fn told(mut sums: FxHashMap<Id, Sum>, part: &Part) -> RowsBehind {
    sums.retain(|_, sum| *sum != Sum::default());
    let total = sums.len() as u64;
    let count = sums.values().fold(0i64, |all, [count, ..]| all.saturating_add(*count));
    let mut rows: Vec<(Id, Sum)> = sums.into_iter().filter(|(id, _)| part.has(id)).collect();
    rows.sort_unstable_by(|one, other| other.cmp(one));
    rows.truncate(part.limit);
    let row = |(id, [count, value, commission]): (Id, Sum)| RowBehind { id: shown(id), count, value, commission };
    RowsBehind { rows: rows.into_iter().map(row).collect(), total, count }
}

fn shown(id: Id) -> String {
    Uuid::from_bytes(id).to_string()
}
