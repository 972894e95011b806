//! When something came last, how long it usually takes, and what waits for somebody: by index, some hundred rows at most.

use super::Sqlite;
use super::failure::Failure;
use crate::store::health::{EVENTS_SINCE, Health, LATELY, MOST_COUNTED, POSTBACKS_SINCE, Rhythm, Vitals};
use crate::store::{Millis, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

const HOUR: Millis = 3_600_000;

/// A table in which rows are in the order of their receipt.
struct Arrivals {
    last: &'static str,
    next: &'static str,
    /// How far back one looks.
    since: Millis,
    /// What lies within so long of another is not looked at: it bounds how many rows are.
    step: Millis,
}

const EVENTS: Arrivals = Arrivals {
    last: "SELECT received_at FROM events WHERE site_id = ? ORDER BY id DESC LIMIT 1",
    next: "SELECT received_at FROM events WHERE site_id = ? AND id >= ? ORDER BY id LIMIT 1",
    since: EVENTS_SINCE,
    step: HOUR,
};
const POSTBACKS: Arrivals = Arrivals {
    last: "SELECT received_at FROM postbacks WHERE site_id = ? ORDER BY id DESC LIMIT 1",
    next: "SELECT received_at FROM postbacks WHERE site_id = ? AND id >= ? ORDER BY id LIMIT 1",
    since: POSTBACKS_SINCE,
    step: 6 * HOUR,
};

const REFUSED: &str = "
    SELECT count(*) FROM (
        SELECT 1 FROM postbacks INDEXED BY postbacks_refused WHERE site_id = ?1 AND state = 'refused' LIMIT ?2)";
const LAST_REFUSED: &str = "
    SELECT received_at FROM postbacks INDEXED BY postbacks_refused
    WHERE site_id = ? AND state = 'refused' ORDER BY id DESC LIMIT 1";
const UNATTRIBUTED: &str = "
    SELECT count(*) FROM (
        SELECT 1 FROM conversions INDEXED BY conversions_unattributed
        WHERE site_id = ?1 AND state = 'unattributed' AND received_at >= ?3 LIMIT ?2)";
const CONVERSIONS: &str = "
    SELECT count(*) FROM (
        SELECT 1 FROM conversions INDEXED BY conversions_by_receipt WHERE site_id = ?1 AND received_at >= ?3 LIMIT ?2)";

#[async_trait]
impl Health for Sqlite {
    async fn vitals(&self, site_id: &str, now: Millis) -> Result<Vitals, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| {
            let lately = now.saturating_sub(LATELY);
            let site: &dyn ToSql = &site_id;
            let most = i64::try_from(MOST_COUNTED).unwrap_or(i64::MAX);
            let most: &dyn ToSql = &most;
            Ok(Vitals {
                events: rhythm(connection, &EVENTS, &site_id, now)?,
                postbacks: rhythm(connection, &POSTBACKS, &site_id, now)?,
                refused: count(connection, REFUSED, &[site, most])?,
                last_refused: connection
                    .prepare_cached(LAST_REFUSED)?
                    .query_row([&site_id], |row| row.get(0))
                    .optional()?,
                unattributed: count(connection, UNATTRIBUTED, &[site, most, &Millis::MIN])?,
                unattributed_lately: count(connection, UNATTRIBUTED, &[site, most, &lately])?,
                conversions_lately: count(connection, CONVERSIONS, &[site, most, &lately])?,
            })
        })
        .await
    }
}

fn count(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<u64, Failure> {
    let count: i64 = connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Leaps from one arrival to the next that comes a step later: what lies between is no pause worth telling.
fn rhythm(connection: &Connection, of: &Arrivals, site_id: &str, now: Millis) -> Result<Rhythm, Failure> {
    let last: Option<Millis> = connection.prepare_cached(of.last)?.query_row([site_id], |row| row.get(0)).optional()?;
    let mut next = connection.prepare_cached(of.next)?;
    let mut next = |from: Millis| -> Result<Option<Millis>, Failure> {
        Ok(next.query_row(params![site_id, first_id(from)], |row| row.get(0)).optional()?)
    };
    let mut longest_pause = None;
    let mut from = now.saturating_sub(of.since);
    let mut before: Option<Millis> = None;
    // Each leap is a step at least, whatever rows say of themselves.
    while let Some(at) = if from < now { next(from)? } else { None } {
        if let Some(before) = before {
            longest_pause = longest_pause.max(Some(at.saturating_sub(before).max(0)));
        }
        before = Some(at);
        from = at.max(from).saturating_add(of.step);
    }
    Ok(Rhythm { last, longest_pause })
}

/// The first id that a row of this time can have.
fn first_id(at: Millis) -> String {
    let millis = u64::try_from(at).unwrap_or_default();
    format!("{:08x}-{:04x}-7000-8000-000000000000", millis >> 16, millis & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::Options;

    #[test]
    fn the_first_id_of_a_moment_comes_before_every_other_of_it_and_after_those_before() {
        let at = 1_700_000_000_123;
        let id = |at: Millis| crate::app::row_id_at(at);
        assert!(first_id(at) <= id(at) && id(at - 1) < first_id(at));
    }

    #[tokio::test]
    async fn nothing_is_counted_or_looked_for_but_by_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(&folder.path().join("tagwerk.db"), Options::default()).expect("it opens");
        let plans: Vec<String> = store
            .read(|connection| {
                let mut plans = Vec::new();
                for sql in [
                    EVENTS.last,
                    EVENTS.next,
                    POSTBACKS.last,
                    POSTBACKS.next,
                    REFUSED,
                    LAST_REFUSED,
                    UNATTRIBUTED,
                    CONVERSIONS,
                ] {
                    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                    let mut rows = statement.raw_query();
                    while let Some(row) = rows.next()? {
                        plans.push(row.get::<_, String>(3)?);
                    }
                }
                Ok(plans)
            })
            .await
            .expect("plans");
        for step in plans
            .iter()
            .filter(|step| step.contains("postbacks") || step.contains("events") || step.contains("conversions"))
        {
            assert!(step.starts_with("SEARCH") && !step.contains("TEMP B-TREE"), "{step} in {plans:?}");
        }
        assert!(!plans.iter().any(|step| step.contains("TEMP B-TREE")), "{plans:?}");
    }
}
