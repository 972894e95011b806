//! The answer to a question: groups with their values in words.

use super::exchange::Exchange;
use super::fact::{Column, Kind};
use super::kept::{Kept, Of};
use super::plan::{Key, Part, Plan, kinds};
use super::scan::{Where, tally};
use super::tally::Found;
use super::words::word_of;
use crate::store::facts::{Asked, Counts, Group, Groups, Money, Visitors};
use crate::store::sqlite::failure::Failure;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tagwerk_protocol::money::Currency;

/// Where more than one of so many of a dimension's values are told, all of them are read at once.
const MOST_OF: usize = 16;

/// Answers a question.
pub(super) fn groups(connection: &Connection, site_id: &str, asked: &Asked, kept: &Kept) -> Result<Groups, Failure> {
    let mut plan = Plan::new(connection, site_id, asked)?;
    let kinds = kinds(asked, true);
    let counts_visitors = plan.visitors && kinds.contains(&Kind::Visit);
    plan.visitors = counts_visitors;
    if plan.is_void() {
        return Ok(Groups { groups: Vec::new(), visitors: counts_visitors.then(Visitors::default) });
    }
    let mut found = Vec::new();
    for kind in kinds {
        found.push(Where::find(connection, site_id, kind, plan.quarters)?);
    }
    let times = found.iter().filter_map(Where::times);
    let times = times.reduce(|(first, last), (other, end)| (first.min(other), last.max(end)));
    let (first, last) = times.unwrap_or((plan.quarters.from, plan.quarters.from));
    plan.tell_apart(asked, first.max(plan.quarters.from), last.min(plan.quarters.until - 1));
    let names = match plan.currency {
        Some(column) => words(connection, site_id, column)?,
        None => HashMap::new(),
    };
    let currencies = names.iter().filter_map(|(code, name)| Some((*code, Currency::parse(name)?))).collect();
    let exchange = Exchange::new(asked.into.clone(), asked.rates.clone(), currencies);
    let of = Of::new(site_id, asked, &plan, &found);
    match plan.keys_at_most() {
        Some(most) if most <= u128::from(u64::MAX) => {
            let (found, visitors) = tally::<u64>(connection, &plan, found, &exchange, Some((kept, of)))?.found();
            told(connection, site_id, &plan, found, visitors, &names)
        }
        Some(_) => {
            let (found, visitors) = tally::<u128>(connection, &plan, found, &exchange, Some((kept, of)))?.found();
            told(connection, site_id, &plan, found, visitors, &names)
        }
        None => Err(Failure::Unreadable("facts cannot be told apart by so much at once".into())),
    }
}

fn told<K: Key>(
    connection: &Connection,
    site_id: &str,
    plan: &Plan,
    found: Vec<Found<K>>,
    visitors: Option<Visitors>,
    currencies: &HashMap<i64, String>,
) -> Result<Groups, Failure> {
    let found: Vec<(Vec<u64>, Group)> = found
        .into_iter()
        .map(|found| {
            let mut numbers = Vec::with_capacity(plan.by.len());
            let mut key = found.key;
            for part in plan.by.iter().rev() {
                let (rest, number) = key.without(part.count());
                numbers.push(number);
                key = rest;
            }
            numbers.reverse();
            (numbers, group(found.counts, found.purses, found.visitors, currencies))
        })
        .filter(|(_, group)| !is_nothing(group))
        .collect();
    let mut names = Vec::with_capacity(plan.by.len());
    for (place, part) in plan.by.iter().enumerate() {
        let numbers: HashSet<u64> = found.iter().filter_map(|(numbers, _)| numbers.get(place).copied()).collect();
        names.push(labels(connection, site_id, part, &numbers)?);
    }
    let groups = found.into_iter().map(|(numbers, group)| {
        let values = numbers.iter().zip(&names).map(|(number, names)| names.get(number).cloned());
        Group { values: values.collect(), ..group }
    });
    Ok(Groups { groups: groups.collect(), visitors })
}

/// What the numbers of a part stand for.
fn labels(
    connection: &Connection,
    site_id: &str,
    part: &Part,
    numbers: &HashSet<u64>,
) -> Result<HashMap<u64, String>, Failure> {
    match part {
        Part::Nothing => Ok(HashMap::new()),
        Part::Time { clock, first, .. } => {
            Ok(numbers.iter().map(|number| (*number, clock.label(first.wrapping_add_unsigned(*number)))).collect())
        }
        Part::Words { column, words: all } if numbers.len() >= usize::try_from(*all).unwrap_or_default() / MOST_OF => {
            let all = words(connection, site_id, *column)?;
            Ok(all.into_iter().map(|(code, word)| (code.cast_unsigned(), word)).collect())
        }
        Part::Words { column, .. } => {
            let mut labels = HashMap::with_capacity(numbers.len());
            for number in numbers.iter().filter(|number| **number != 0) {
                if let Some(word) = word_of(connection, site_id, *column, number.cast_signed())? {
                    labels.insert(*number, word);
                }
            }
            Ok(labels)
        }
    }
}

/// All values of a dimension, by their numbers.
fn words(connection: &Connection, site_id: &str, column: Column) -> Result<HashMap<i64, String>, Failure> {
    let sql = "SELECT code, word FROM report_words WHERE site_id = ? AND dimension = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![site_id, column], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn group(
    counts: Counts,
    purses: Vec<(i64, super::exchange::Purse)>,
    visitors: Option<Visitors>,
    currencies: &HashMap<i64, String>,
) -> Group {
    let mut group = Group { counts, visitors, ..Group::default() };
    let mut amounts: BTreeMap<Option<String>, Money> = BTreeMap::new();
    let mut not_converted: BTreeSet<Option<String>> = BTreeSet::new();
    for (code, purse) in purses {
        let currency = currencies.get(&code).cloned();
        group.converted += purse.converted;
        group.stale |= purse.is_stale();
        if purse.is_missing() {
            not_converted.insert(currency.clone());
        }
        if purse.sent != Money::default() {
            amounts.insert(currency, purse.sent);
        }
    }
    group.amounts = amounts;
    group.not_converted = not_converted.into_iter().collect();
    group
}

/// Whether all that ever was in a group was taken out again.
fn is_nothing(group: &Group) -> bool {
    group.counts == Counts::default() && group.amounts.is_empty() && group.converted == Money::default()
}
