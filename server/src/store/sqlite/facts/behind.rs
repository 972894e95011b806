//! The rows behind a figure: the ids of the facts that a question is about.

use super::block::{Block, Packed};
use super::fact::{Class, Id, Kind, column};
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
    let Some(classes) = classes(of) else {
        let kind = if of == Behind::Visits { Kind::Visit } else { Kind::Click };
        return if has(kind) { traffic(connection, site_id, &plan, kind, part) } else { Ok(RowsBehind::default()) };
    };
    let mut sums: FxHashMap<Id, (i64, i64)> = FxHashMap::default();
    for kind in [Kind::Conversion, Kind::Share].into_iter().filter(|kind| has(*kind)) {
        conversions(connection, site_id, &plan, kind, classes, &mut sums)?;
    }
    Ok(told(sums, part))
}

/// Conversions of which classes are behind a figure; `None` where it is not made of conversions.
fn classes(of: Behind) -> Option<&'static [Class]> {
    use Class::*;
    match of {
        Behind::Visits | Behind::Clicks => None,
        Behind::Conversions => Some(&[Sale, Lead, Other]),
        Behind::Leads => Some(&[Lead]),
        Behind::Sales => Some(&[Sale]),
        Behind::Returns => Some(&[Refund, Chargeback]),
        Behind::Refunds => Some(&[Refund]),
        Behind::Chargebacks => Some(&[Chargeback]),
        Behind::Money => Some(&[Sale, Lead, Other, Refund, Chargeback]),
    }
}

/// Of visits and clicks each has one fact, and ids are in the order in which facts were sealed, but for few.
fn traffic(
    connection: &Connection,
    site_id: &str,
    plan: &Plan,
    kind: Kind,
    part: &Part,
) -> Result<RowsBehind, Failure> {
    let deciding = plan.deciding(kind);
    let (block, ids) = Block::of_tail(kind, keeping::tail(connection, site_id, kind)?, plan.quarters, &deciding);
    let mut newest = Newest { part, ids: Vec::new() };
    let mut total = newest.take(&plan.picked(&block), &ids);
    let mut segments = keeping::segments(connection, site_id, kind, plan.quarters.from, plan.quarters.until)?;
    segments.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.last_id));
    for segment in &segments {
        let needs_ids = newest.may_take(segment);
        let is_within = segment.first_quarter >= plan.quarters.from && segment.last_quarter < plan.quarters.until;
        if is_within && plan.has_all(kind) && !needs_ids {
            total += segment.facts as u64;
            continue;
        }
        let block = Packed::read(connection, kind, segment, &deciding)?.block(plan.quarters)?;
        let picked = plan.picked(&block);
        total += if needs_ids {
            let ids = segment.ids(connection)?;
            newest.take(&picked, ids.get(block.rows.clone()).unwrap_or_default())
        } else {
            count(&picked, block.quarters.len())
        };
    }
    let row = |id: Id| RowBehind { id: shown(id), count: WHOLE, value: 0 };
    Ok(RowsBehind { rows: newest.ids.into_iter().map(row).collect(), total })
}

fn count(picked: &Picked, rows: usize) -> u64 {
    (0..rows).filter(|row| picked.has(*row)).count() as u64
}

/// The newest ids so far.
struct Newest<'a> {
    part: &'a Part,
    /// Newest first.
    ids: Vec<Id>,
}

impl Newest<'_> {
    /// Whether a segment may hold some of them.
    fn may_take(&self, segment: &Segment) -> bool {
        match self.ids.get(self.part.limit.saturating_sub(1)) {
            Some(oldest) => segment.last_id > *oldest,
            None => true,
        }
    }

    /// Takes what is in; how many that are, whichever part is told.
    fn take(&mut self, picked: &Picked, ids: &[Id]) -> u64 {
        let picked = ids.iter().enumerate().filter(|(row, _)| picked.has(*row)).map(|(_, id)| id);
        let mut count = 0;
        self.ids.extend(picked.inspect(|_| count += 1).filter(|id| self.part.has(id)));
        self.ids.sort_unstable_by(|one, other| other.cmp(one));
        self.ids.truncate(self.part.limit);
        count
    }
}

/// Adds up what each conversion counts for.
fn conversions(
    connection: &Connection,
    site_id: &str,
    plan: &Plan,
    kind: Kind,
    of: &[Class],
    sums: &mut FxHashMap<Id, (i64, i64)>,
) -> Result<(), Failure> {
    let mut needed = plan.deciding(kind);
    needed.extend([column::CLASS, column::COUNT, column::VALUE]);
    let mut add = |block: &Block, ids: &[Id]| {
        let picked = plan.picked(block);
        let (classes, counts, values) =
            (block.column(column::CLASS), block.column(column::COUNT), block.column(column::VALUE));
        for (row, id) in ids.iter().enumerate() {
            if picked.has(row) && of.contains(&Class::of(classes.at(row))) {
                let sum = sums.entry(*id).or_default();
                sum.0 = sum.0.wrapping_add(counts.at(row));
                sum.1 = sum.1.wrapping_add(values.at(row));
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
fn told(mut sums: FxHashMap<Id, (i64, i64)>, part: &Part) -> RowsBehind {
    sums.retain(|_, sum| *sum != (0, 0));
    let total = sums.len() as u64;
    let mut rows: Vec<(Id, (i64, i64))> = sums.into_iter().filter(|(id, _)| part.has(id)).collect();
    rows.sort_unstable_by(|one, other| other.cmp(one));
    rows.truncate(part.limit);
    let row = |(id, (count, value))| RowBehind { id: shown(id), count, value };
    RowsBehind { rows: rows.into_iter().map(row).collect(), total }
}

fn shown(id: Id) -> String {
    Uuid::from_bytes(id).to_string()
}
