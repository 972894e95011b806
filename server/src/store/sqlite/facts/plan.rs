//! A question as it is put to columns: what rows are told apart by, and which of them are in.

use super::block::{Block, Quarters};
use super::clock::Clock;
use super::columns::Cells;
use super::fact::{Column, Kind, QUARTER, column};
use super::words::{self, CURRENCY, Known};
use crate::credit::Model;
use crate::store::facts::{Asked, Condition, Dimension};
use crate::store::sqlite::failure::Failure;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// What rows are told apart by.
pub(super) enum Part {
    /// The values of a column: so many, and none.
    Words { column: Column, words: i64 },
    /// What a clock tells: so many numbers from the first on.
    Time { clock: Clock, first: i64, count: u64 },
    /// Nothing: no row has a value.
    Nothing,
}

impl Part {
    /// As many numbers as there can be: more than there are, so that keys stay what they are when some come to be.
    pub(super) fn count(&self) -> u64 {
        let there = match self {
            Self::Words { words, .. } => u64::try_from(*words).unwrap_or_default().saturating_add(1),
            Self::Time { count, .. } => *count,
            Self::Nothing => 1,
        };
        there.checked_next_power_of_two().unwrap_or(u64::MAX)
    }
}

/// What a row must be to be in.
enum Test {
    /// Its value has one of these numbers.
    Word { column: Column, allowed: Vec<bool> },
    /// What a clock tells has one of these numbers.
    Time { clock: Clock, allowed: HashSet<i64> },
    /// It cannot be in.
    Never,
}

/// Which rows are in.
pub(super) enum Picked {
    None,
    All,
    /// Those that are marked.
    Some(Vec<bool>),
}

impl Picked {
    /// Whether a row is in.
    pub(super) fn has(&self, row: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(marked) => marked.get(row).copied().unwrap_or_default(),
        }
    }
}

/// A number made of several, each below its count.
pub(super) trait Key: Copy + Eq + Hash + Send + Sync + 'static {
    /// Of none.
    const EMPTY: Self;
    /// With one more.
    fn with(self, count: u64, number: u64) -> Self;
    /// The last one, and the others.
    fn without(self, count: u64) -> (Self, u64);
    /// As a place in a list; only of keys whose counts multiply to no more than that.
    fn place(self) -> usize;
}

impl Key for u64 {
    const EMPTY: Self = 0;
    fn with(self, count: u64, number: u64) -> Self {
        self.wrapping_mul(count).wrapping_add(number)
    }
    fn without(self, count: u64) -> (Self, u64) {
        (self / count.max(1), self % count.max(1))
    }
    fn place(self) -> usize {
        usize::try_from(self).unwrap_or(usize::MAX)
    }
}

impl Key for u128 {
    const EMPTY: Self = 0;
    fn with(self, count: u64, number: u64) -> Self {
        self.wrapping_mul(Self::from(count)).wrapping_add(Self::from(number))
    }
    fn without(self, count: u64) -> (Self, u64) {
        let count = Self::from(count.max(1));
        (self / count, u64::try_from(self % count).unwrap_or_default())
    }
    fn place(self) -> usize {
        usize::try_from(self).unwrap_or(usize::MAX)
    }
}

/// A question as it is put to columns.
pub(super) struct Plan {
    /// What rows are told apart by.
    pub(super) by: Vec<Part>,
    tests: Vec<Test>,
    /// Which times.
    pub(super) quarters: Quarters,
    /// The place of the model in `Model::ALL`.
    model: i64,
    /// Whether visitors are counted.
    pub(super) visitors: bool,
    /// The column of currencies, if there ever was money.
    pub(super) currency: Option<Column>,
    dimensions: HashMap<String, Known>,
}

impl Plan {
    /// A plan with its conditions, and not told apart by anything yet.
    pub(super) fn new(connection: &Connection, site_id: &str, asked: &Asked) -> Result<Self, Failure> {
        let dimensions = words::dimensions(connection, site_id)?;
        let mut tests = Vec::new();
        for condition in &asked.conditions {
            tests.extend(test(connection, site_id, asked, condition, &dimensions)?);
        }
        let model = Model::ALL.iter().position(|model| *model == asked.model).unwrap_or_default();
        Ok(Self {
            by: Vec::new(),
            tests,
            quarters: Quarters {
                from: asked.from.div_euclid(QUARTER),
                until: asked.until.saturating_add(QUARTER - 1).div_euclid(QUARTER),
            },
            model: i64::try_from(model).unwrap_or_default(),
            visitors: asked.visitors,
            currency: dimensions.get(CURRENCY).map(|known| known.column),
            dimensions,
        })
    }

    /// Has rows told apart by what is asked for, where there are rows from one quarter of an hour to another.
    pub(super) fn tell_apart(&mut self, asked: &Asked, first_quarter: i64, last_quarter: i64) {
        let part = |dimension: &Dimension| match Clock::of(dimension, &asked.zone) {
            Some(clock) => {
                let (first, count) = clock.codes(first_quarter, last_quarter);
                Part::Time { clock, first, count }
            }
            None => match words::name(dimension).and_then(|name| self.dimensions.get(&name)) {
                Some(known) => Part::Words { column: known.column, words: known.words },
                None => Part::Nothing,
            },
        };
        self.by = asked.by.iter().map(part).collect();
    }

    /// How many different keys there can be; `None` beyond 128 bits.
    pub(super) fn keys_at_most(&self) -> Option<u128> {
        self.by.iter().try_fold(1u128, |product, part| product.checked_mul(u128::from(part.count())))
    }

    /// Whether no row at all can be in.
    pub(super) fn is_void(&self) -> bool {
        self.quarters.from >= self.quarters.until || self.tests.iter().any(|test| matches!(test, Test::Never))
    }

    /// Whether every row of these times is in.
    pub(super) fn has_all(&self, kind: Kind) -> bool {
        self.tests.is_empty() && kind != Kind::Share
    }

    /// The columns that decide which rows of a kind are in.
    pub(super) fn deciding(&self, kind: Kind) -> Vec<Column> {
        let of_test = |test: &Test| match test {
            Test::Word { column, .. } => Some(*column),
            Test::Time { .. } | Test::Never => None,
        };
        let mut columns: Vec<Column> = self.tests.iter().filter_map(of_test).collect();
        columns.extend((kind == Kind::Share).then_some(column::MODEL));
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The columns that are needed to tell rows of a kind apart and add them up.
    pub(super) fn needed(&self, kind: Kind) -> Vec<Column> {
        let mut columns = self.deciding(kind);
        let of_part = |part: &Part| match part {
            Part::Words { column, .. } => Some(*column),
            Part::Time { .. } | Part::Nothing => None,
        };
        columns.extend(self.by.iter().filter_map(of_part));
        match kind {
            Kind::Visit => {
                columns.extend([column::BOT, column::COST]);
                columns.extend(self.currency);
                columns.extend(self.visitors.then_some(column::VISITOR));
            }
            Kind::Click => {}
            Kind::Conversion | Kind::Share => {
                columns.extend([column::CLASS, column::COUNT, column::VALUE, column::UNVALUED, column::COMMISSION]);
                columns.extend(self.currency);
            }
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Which rows are in.
    pub(super) fn picked(&self, block: &Block) -> Picked {
        let rows = block.quarters.len();
        let mut picked = if rows == 0 { Picked::None } else { Picked::All };
        if block.kind == Kind::Share {
            picked = picked_by(picked, rows, block.column(column::MODEL), |model| model == self.model);
        }
        for test in &self.tests {
            picked = match test {
                Test::Never => return Picked::None,
                Test::Word { column, allowed } => {
                    let is_allowed =
                        |code: i64| usize::try_from(code).ok().and_then(|code| allowed.get(code)) == Some(&true);
                    picked_by(picked, rows, block.column(*column), is_allowed)
                }
                Test::Time { clock, allowed } => {
                    let marks = Cells::Each(told(clock, &block.quarters, |code| i64::from(allowed.contains(&code))));
                    picked_by(picked, rows, &marks, |mark| mark == 1)
                }
            };
            if matches!(picked, Picked::None) {
                return Picked::None;
            }
        }
        picked
    }

    /// What each row is told apart by.
    pub(super) fn keys<K: Key>(&self, block: &Block) -> Vec<K> {
        let mut keys = vec![K::EMPTY; block.quarters.len()];
        for part in &self.by {
            let count = part.count();
            match part {
                Part::Nothing => {}
                Part::Words { column, .. } => match block.column(*column) {
                    Cells::All(code) => keys.iter_mut().for_each(|key| *key = key.with(count, code.cast_unsigned())),
                    Cells::Each(codes) => {
                        let both = keys.iter_mut().zip(codes);
                        both.for_each(|(key, code)| *key = key.with(count, code.cast_unsigned()));
                    }
                },
                Part::Time { clock, first, .. } => {
                    let codes = told(clock, &block.quarters, |code| code - first);
                    let both = keys.iter_mut().zip(codes);
                    both.for_each(|(key, code)| *key = key.with(count, code.cast_unsigned()));
                }
            }
        }
        keys
    }
}

/// What a clock tells of each row. Rows are sorted by time, so it is looked at once for each quarter of an hour.
fn told(clock: &Clock, quarters: &[i64], value: impl Fn(i64) -> i64) -> Vec<i64> {
    let mut last: Option<(i64, i64)> = None;
    let mut of = |quarter: i64| match last {
        Some((known, value)) if known == quarter => value,
        _ => last.insert((quarter, value(clock.code(quarter)))).1,
    };
    quarters.iter().map(|quarter| of(*quarter)).collect()
}

fn picked_by(picked: Picked, rows: usize, cells: &Cells, is_in: impl Fn(i64) -> bool) -> Picked {
    match cells {
        Cells::All(code) if is_in(*code) => picked,
        Cells::All(_) => Picked::None,
        Cells::Each(codes) => {
            let mut marked = match picked {
                Picked::Some(marked) => marked,
                Picked::All => vec![true; rows],
                Picked::None => return Picked::None,
            };
            marked.iter_mut().zip(codes).for_each(|(mark, code)| *mark &= is_in(*code));
            if marked.contains(&true) { Picked::Some(marked) } else { Picked::None }
        }
    }
}

/// The test of a condition; nothing where every row is in.
fn test(
    connection: &Connection,
    site_id: &str,
    asked: &Asked,
    condition: &Condition,
    dimensions: &HashMap<String, Known>,
) -> Result<Option<Test>, Failure> {
    let words = condition.values.iter().flatten();
    if let Some(clock) = Clock::of(&condition.dimension, &asked.zone) {
        let allowed: HashSet<i64> = words.filter_map(|label| clock.parse(label)).collect();
        return Ok(Some(if allowed.is_empty() { Test::Never } else { Test::Time { clock, allowed } }));
    }
    let has_none = condition.values.contains(&None);
    let Some(known) = words::name(&condition.dimension).and_then(|name| dimensions.get(&name)) else {
        // No row has a value.
        return Ok((!has_none).then_some(Test::Never));
    };
    let mut allowed = vec![false; usize::try_from(known.words).unwrap_or_default().saturating_add(1)];
    let mut codes: Vec<i64> = has_none.then_some(0).into_iter().collect();
    for word in words {
        codes.extend(words::code_of(connection, site_id, known.column, word)?);
    }
    for code in &codes {
        if let Some(allowed) = usize::try_from(*code).ok().and_then(|code| allowed.get_mut(code)) {
            *allowed = true;
        }
    }
    Ok(Some(if codes.is_empty() { Test::Never } else { Test::Word { column: known.column, allowed } }))
}

/// The kinds of facts that a question by this model is about, of those that have all that is asked by.
pub(super) fn kinds(asked: &Asked, told_apart: bool) -> Vec<Kind> {
    let by = asked.by.iter().filter(|_| told_apart);
    let all: Vec<&Dimension> = by.chain(asked.conditions.iter().map(|condition| &condition.dimension)).collect();
    let mut kinds = Vec::new();
    kinds.extend(all.iter().all(|dimension| dimension.has_visits()).then_some(Kind::Visit));
    kinds.extend(all.iter().all(|dimension| dimension.has_clicks()).then_some(Kind::Click));
    kinds.push(Kind::Conversion);
    kinds.extend((asked.model != Model::Click).then_some(Kind::Share));
    kinds
}
