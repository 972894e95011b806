//! Looking at all rows that a question may be about: one thread reads columns, the others add them up.

use super::block::{Block, Packed, Quarters};
use super::exchange::Exchange;
use super::fact::{Fact, Kind};
use super::keeping::{self, Segment};
use super::kept::{Kept, Of};
use super::plan::{Key, Plan};
use super::tally::Tally;
use crate::store::sqlite::failure::Failure;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, available_parallelism};

/// Fewer sealed facts than this are looked at where they are read: threads would take longer to start.
const MANY: usize = 200_000;
/// How many threads add up at most, so that one question leaves something of the machine to others.
const THREADS: usize = 4;
/// How many segments wait to be added up at most, for each thread.
const WAITING: usize = 4;

/// Where facts of one kind are.
pub(super) struct Where {
    kind: Kind,
    pub(super) segments: Vec<Segment>,
    pub(super) tail: Vec<Fact>,
}

impl Where {
    /// The facts of a kind and of these times.
    pub(super) fn find(connection: &Connection, site_id: &str, kind: Kind, of: Quarters) -> Result<Self, Failure> {
        let segments = keeping::segments(connection, site_id, kind, of.from, of.until)?;
        let mut tail = keeping::tail(connection, site_id, kind)?;
        tail.retain(|fact| (of.from..of.until).contains(&fact.quarter));
        Ok(Self { kind, segments, tail })
    }

    /// The first and last quarter of an hour that there is something of.
    pub(super) fn times(&self) -> Option<(i64, i64)> {
        let of_segments = self.segments.iter().map(|segment| (segment.first_quarter, segment.last_quarter));
        let of_tail = self.tail.iter().map(|fact| (fact.quarter, fact.quarter));
        of_segments.chain(of_tail).reduce(|(first, last), (other, end)| (first.min(other), last.max(end)))
    }
}

/// Adds up all of it.
pub(super) fn tally<K: Key>(
    connection: &Connection,
    plan: &Plan,
    found: Vec<Where>,
    exchange: &Exchange,
    kept: Option<(&Kept, Of)>,
) -> Result<Tally<K>, Failure> {
    let mut tally = match kept.as_ref().and_then(|(kept, of)| kept.find(of)) {
        Some(tally) => tally,
        None => {
            let tally = of_sealed(connection, plan, &found, exchange)?;
            if let Some((kept, of)) = kept {
                kept.keep(of, &tally);
            }
            tally
        }
    };
    let mut exchange = exchange.clone();
    for of_kind in found {
        let (block, _) = Block::of_tail(of_kind.kind, of_kind.tail, plan.quarters, &plan.needed(of_kind.kind));
        tally.add(plan, &block, &mut exchange);
    }
    Ok(tally)
}

/// Adds up what is sealed.
fn of_sealed<K: Key>(
    connection: &Connection,
    plan: &Plan,
    found: &[Where],
    exchange: &Exchange,
) -> Result<Tally<K>, Failure> {
    let facts: usize = found.iter().flat_map(|of_kind| &of_kind.segments).map(|segment| segment.facts).sum();
    if facts >= MANY {
        return in_threads(connection, plan, found, exchange);
    }
    let (mut tally, mut exchange) = (Tally::new(plan), exchange.clone());
    for of_kind in found {
        let needed = plan.needed(of_kind.kind);
        for segment in &of_kind.segments {
            let block = Packed::read(connection, of_kind.kind, segment, &needed)?.block(plan.quarters)?;
            tally.add(plan, &block, &mut exchange);
        }
    }
    Ok(tally)
}

fn in_threads<K: Key>(
    connection: &Connection,
    plan: &Plan,
    found: &[Where],
    exchange: &Exchange,
) -> Result<Tally<K>, Failure> {
    let threads = available_parallelism().map_or(1, usize::from).min(THREADS);
    thread::scope(|scope| {
        let (send, receive) = sync_channel::<Packed>(threads * WAITING);
        // Held by the threads alone: once all of them are gone, nobody waits for them.
        let receive = Arc::new(Mutex::new(receive));
        let start = |_| {
            let receive = Arc::clone(&receive);
            scope.spawn(move || added_up(plan, &receive, exchange.clone()))
        };
        let workers: Vec<_> = (0..threads).map(start).collect();
        drop(receive);
        let mut read = Ok(true);
        'reading: for of_kind in found {
            let needed = plan.needed(of_kind.kind);
            for segment in &of_kind.segments {
                let packed = Packed::read(connection, of_kind.kind, segment, &needed);
                read = packed.map(|packed| send.send(packed).is_ok());
                if !matches!(read, Ok(true)) {
                    break 'reading;
                }
            }
        }
        drop(send);
        let mut tally = Tally::new(plan);
        for worker in workers {
            let done = worker.join().unwrap_or_else(|_| Err(Failure::Unreadable("a report gave up halfway".into())));
            tally.merge(done?);
        }
        read.map(|_| tally)
    })
}

fn added_up<K: Key>(
    plan: &Plan,
    receive: &Mutex<Receiver<Packed>>,
    mut exchange: Exchange,
) -> Result<Tally<K>, Failure> {
    let mut tally = Tally::new(plan);
    loop {
        let next = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(packed) = next else { return Ok(tally) };
        tally.add(plan, &packed.block(plan.quarters)?, &mut exchange);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::Model;
    use crate::store::facts::{Asked, Condition, Counts, Dimension, Visitors};
    use crate::store::sqlite::facts::exchange::Purse;
    use crate::store::sqlite::facts::fact::{QUARTER, column};
    use crate::store::sqlite::facts::keeping::append;
    use crate::store::sqlite::facts::words::{CURRENCY, Words};
    use crate::store::sqlite::{Options, connection};
    use jiff::tz::TimeZone;
    use std::collections::{BTreeMap, HashMap};
    use tagwerk_protocol::money::Currency;

    const VISITS: i64 = 2000;

    fn visits(connection: &Connection) -> Vec<Fact> {
        let mut words = Words::new(connection, "site").expect("words");
        let mut visit = |number: i64| {
            let id = format!("{number:08x}-0000-7000-8000-000000000000");
            let mut fact = Fact::new(&id, number * QUARTER / 7)
                .with(column::BOT, i64::from(number % 3 == 0))
                .with(column::VISITOR, number % 700)
                .with(column::COST, number % 11);
            for (name, word) in
                [("country", ["", "AT", "DE"][number as usize % 3]), (CURRENCY, ["EUR", "USD"][number as usize % 2])]
            {
                if let Some((column, code)) = words.cell_of(name, word).expect("a word") {
                    fact.put(column, code);
                }
            }
            fact
        };
        (0..VISITS).map(&mut visit).collect()
    }

    type Told = BTreeMap<u64, (Counts, Vec<(i64, Purse)>, Option<Visitors>)>;

    fn told(tally: Tally<u64>) -> (Told, Option<Visitors>) {
        let (found, visitors) = tally.found();
        let group = |mut found: crate::store::sqlite::facts::tally::Found<u64>| {
            found.purses.sort_unstable_by_key(|(currency, _)| *currency);
            (found.key, (found.counts, found.purses, found.visitors))
        };
        (found.into_iter().map(group).collect(), visitors)
    }

    #[test]
    fn several_threads_find_what_one_finds() {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = connection::writing(&folder.path().join("tagwerk.db"), &Options::default()).expect("it opens");
        append(&connection, "site", Kind::Visit, visits(&connection), 50).expect("kept");
        let into = Currency::parse("EUR");
        let exchange =
            Exchange::new(into.clone(), Arc::default(), HashMap::from_iter(into.clone().map(|euro| (1, euro))));
        let german = Condition { dimension: Dimension::Country, values: vec![Some("DE".into()), None] };
        for (by, conditions) in [
            (vec![], vec![]),
            (vec![Dimension::Country, Dimension::Hour], vec![]),
            (vec![Dimension::Day, Dimension::Country], vec![german]),
        ] {
            let asked = Asked {
                by,
                conditions,
                from: 5 * QUARTER,
                until: 250 * QUARTER,
                zone: TimeZone::UTC,
                model: Model::Click,
                into: into.clone(),
                rates: Arc::default(),
                visitors: true,
            };
            let mut plan = Plan::new(&connection, "site", &asked).expect("a plan");
            let found = || Where::find(&connection, "site", Kind::Visit, plan.quarters).expect("facts");
            let (first, last) = found().times().expect("times");
            assert!(found().segments.len() > 30 && found().tail.is_empty());
            let found = vec![found()];
            plan.tell_apart(&asked, first, last);
            let in_threads = told(in_threads(&connection, &plan, &found, &exchange).expect("a tally"));
            assert!(!in_threads.0.is_empty());
            assert_eq!(told(tally(&connection, &plan, found, &exchange, None).expect("a tally")), in_threads);
        }
    }
}
