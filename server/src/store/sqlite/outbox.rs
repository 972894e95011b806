//! What is on its way to the ad platforms: who may send, what is due, and what became of it.

use super::Sqlite;
use super::deliveries::too_old;
use super::due::with_all_that_is_known;
use super::erased::ERASED;
use super::failure::Failure;
use super::outlets::{count, outlet, resume, stop};
use crate::store::{
    Again, Claimed, DeliveryRow, DeliveryState, Due, List, Listing, Millis, Outbox, OutletRow, Page, Settled, Settling,
    StoreError,
};
use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

/// How long what is sent again is tried at least.
const DAY: Millis = 86_400_000;

/// When something may be sent at the earliest, over all outlets.
const DUE_NEXT: &str = "
    SELECT min(max(outlets.not_before, outlets.leased_until,
                   (SELECT min(not_before) FROM deliveries
                    WHERE deliveries.site_id = outlets.site_id AND deliveries.platform = outlets.platform
                      AND state = 'waiting')))
    FROM outlets WHERE stopped IS NULL";
/// Takes outlets that have something due and are nobody's.
const CLAIM: &str = "
    UPDATE outlets SET lease = ?1, leased_until = ?2, served_at = ?3
    WHERE (site_id, platform) IN (
        SELECT site_id, platform FROM outlets AS open
        WHERE stopped IS NULL AND not_before <= ?3 AND leased_until <= ?3
          AND EXISTS (SELECT 1 FROM deliveries
                      WHERE deliveries.site_id = open.site_id AND deliveries.platform = open.platform
                        AND state = 'waiting' AND deliveries.not_before <= ?3)
        ORDER BY served_at LIMIT ?4)
    RETURNING site_id, platform, failures, room";
/// What is due at an outlet.
const DUE: &str = "
    SELECT * FROM deliveries WHERE site_id = ? AND platform = ? AND state = 'waiting' AND not_before <= ?
    ORDER BY not_before, id LIMIT ?";
/// What has become too old.
const OLD: &str = "
    SELECT site_id, id, deadline - at FROM deliveries
    WHERE deadline <= ? AND state IN ('waiting', 'stopped') LIMIT ?";

/// What becomes of a delivery that is sent again. To an outlet that is stopped it goes once that goes on; to one that is switched off it
/// does not go. What would tell of a test as of a sale is not sent.
const AGAIN: &str = "
    SET state = CASE WHEN outlets.stopped IS NULL THEN 'waiting' ELSE 'stopped' END,
        reason = 'sent again by hand', not_before = ?1, receipt = NULL, finished_at = NULL,
        deadline = max(deliveries.deadline, ?1 + ?2)
    FROM outlets
    WHERE outlets.site_id = deliveries.site_id AND outlets.platform = deliveries.platform AND deliveries.site_id = ?3
      AND NOT (deliveries.event_id NOT GLOB 'test*' AND EXISTS (
          SELECT 1 FROM conversions
          WHERE conversions.site_id = deliveries.site_id AND conversions.id = deliveries.conversion_id
            AND conversions.is_test = 1))
      AND deliveries.reason IS NOT 'the visitor was erased'";

#[async_trait]
impl Outbox for Sqlite {
    async fn deliveries(&self, site_id: &str, page: Page) -> Result<Listing<DeliveryRow>, StoreError> {
        self.list(List::Deliveries, "SELECT * FROM deliveries AS row", site_id, page, delivery).await
    }

    async fn delivery(&self, site_id: &str, id: &str) -> Result<Option<(DeliveryRow, Option<Vec<u8>>)>, StoreError> {
        let select = "SELECT * FROM deliveries WHERE site_id = ? AND id = ?";
        let read = |row: &Row<'_>| Ok((delivery(row)?, row.get("exchange")?));
        Ok(self.by_id(select, site_id, &[id.to_owned()], read).await?.pop())
    }

    async fn outlets(&self, site_id: &str) -> Result<Vec<OutletRow>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM outlets WHERE site_id = ? ORDER BY platform")?;
            let mut outlets: Vec<OutletRow> =
                statement.query_and_then([&site_id], outlet)?.collect::<Result<_, Failure>>()?;
            for outlet in &mut outlets {
                count(connection, &site_id, outlet)?;
            }
            Ok(outlets)
        })
        .await
    }

    async fn due_next(&self) -> Result<Option<Millis>, StoreError> {
        self.read(|connection| Ok(connection.prepare_cached(DUE_NEXT)?.query_row([], |row| row.get(0))?)).await
    }

    async fn claim(&self, now: Millis, lease: &str, until: Millis, most: usize) -> Result<Vec<Claimed>, StoreError> {
        let (lease, most) = (lease.to_owned(), i64::try_from(most).unwrap_or(i64::MAX));
        self.writer
            .write(move |connection| {
                let mut statement = connection.prepare_cached(CLAIM)?;
                let claimed = statement.query_map(params![lease, until, now, most], |row| {
                    Ok(Claimed {
                        site_id: row.get(0)?,
                        platform: row.get(1)?,
                        failures: row.get(2)?,
                        room: row.get(3)?,
                    })
                })?;
                Ok(claimed.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn due(&self, site_id: &str, platform: &str, now: Millis, most: usize) -> Result<Vec<Due>, StoreError> {
        let (site_id, platform) = (site_id.to_owned(), platform.to_owned());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(DUE)?;
            let rows = statement.query_and_then(params![site_id, platform, now, most], delivery)?;
            rows.map(|row| with_all_that_is_known(connection, &site_id, row?)).collect()
        })
        .await
    }

    async fn settle(&self, site_id: &str, platform: &str, settling: Settling) -> Result<bool, StoreError> {
        let (site_id, platform) = (site_id.to_owned(), platform.to_owned());
        self.writer.write(move |connection| settle(connection, &site_id, &platform, &settling)).await
    }

    async fn expire(&self, now: Millis, most: usize) -> Result<usize, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        // Whoever has nothing to write asks nobody to write it.
        if !self.read(move |connection| Ok(connection.prepare_cached(OLD)?.exists(params![now, 1])?)).await? {
            return Ok(0);
        }
        self.writer
            .write(move |connection| {
                let mut statement = connection.prepare_cached(OLD)?;
                let rows =
                    statement.query_map(params![now, most], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                let old: Vec<(String, String, Millis)> = rows.collect::<Result<_, _>>()?;
                let mut statement = connection.prepare_cached(
                    "UPDATE deliveries SET state = 'expired', finished_at = ?,
                            reason = ? || coalesce('; last: ' || reason, '') WHERE site_id = ? AND id = ?",
                )?;
                for (site_id, id, max_age) in &old {
                    statement.execute(params![now, too_old(*max_age), site_id, id])?;
                }
                Ok(old.len())
            })
            .await
    }

    async fn resume(&self, site_id: &str, platform: &str, now: Millis) -> Result<bool, StoreError> {
        let (site_id, platform) = (site_id.to_owned(), platform.to_owned());
        self.writer.write(move |connection| resume(connection, &site_id, &platform, now)).await
    }

    async fn send_again(&self, site_id: &str, again: Again, now: Millis) -> Result<usize, StoreError> {
        let site_id = site_id.to_owned();
        self.writer
            .write(move |connection| {
                no_longer_delivered(connection, &site_id, &again)?;
                Ok(match &again {
                    Again::One(id) => {
                        let sql = format!("UPDATE deliveries {AGAIN} AND deliveries.id = ?4");
                        connection.prepare_cached(&sql)?.execute(params![now, DAY, site_id, id])?
                    }
                    Again::All(platform, state) => connection.prepare_cached(&all_again(*state))?.execute(params![
                        now,
                        DAY,
                        site_id,
                        platform,
                        state.as_str()
                    ])?,
                })
            })
            .await
    }
}

/// Has everything in a state sent again. There is an index of what was not delivered; what was is all that there is.
fn all_again(state: DeliveryState) -> String {
    let (index, and) = match state {
        DeliveryState::Delivered => ("NOT INDEXED", ""),
        _ => ("INDEXED BY deliveries_unfinished", "AND deliveries.state <> 'delivered'"),
    };
    format!("UPDATE deliveries {index} {AGAIN} AND deliveries.platform = ?4 AND deliveries.state = ?5 {and}")
}

/// What is sent again is counted when it is delivered again.
fn no_longer_delivered(connection: &Connection, site_id: &str, again: &Again) -> Result<(), Failure> {
    match again {
        Again::One(id) => {
            let sql = "UPDATE outlets SET delivered = delivered - 1
                       WHERE site_id = ?1 AND delivered > 0 AND platform = (
                           SELECT platform FROM deliveries
                           WHERE site_id = ?1 AND id = ?2 AND state = 'delivered'
                             AND NOT (event_id NOT GLOB 'test*' AND EXISTS (
                                 SELECT 1 FROM conversions
                                 WHERE site_id = ?1 AND id = deliveries.conversion_id AND is_test = 1)))";
            connection.prepare_cached(sql)?.execute([site_id, id])?;
        }
        Again::All(platform, DeliveryState::Delivered) => {
            let sql = "UPDATE outlets SET delivered = 0 WHERE site_id = ? AND platform = ?";
            connection.prepare_cached(sql)?.execute([site_id, platform])?;
        }
        Again::All(..) => {}
    }
    Ok(())
}

pub(super) fn delivery(row: &Row<'_>) -> Result<DeliveryRow, Failure> {
    let state: String = row.get("state")?;
    Ok(DeliveryRow {
        id: row.get("id")?,
        received_at: row.get("received_at")?,
        platform: row.get("platform")?,
        event_id: row.get("event_id")?,
        conversion_id: row.get("conversion_id")?,
        kind: row.get("kind")?,
        at: row.get("at")?,
        state: DeliveryState::parse(&state)
            .ok_or_else(|| Failure::Unreadable(format!("{state:?} is no state of a delivery")))?,
        reason: row.get("reason")?,
        attempts: row.get("attempts")?,
        not_before: row.get("not_before")?,
        deadline: row.get("deadline")?,
        receipt: row.get("receipt")?,
        last_status: row.get("last_status")?,
        last_answer: row.get("last_answer")?,
        finished_at: row.get("finished_at")?,
    })
}

fn settle(connection: &Connection, site_id: &str, platform: &str, settling: &Settling) -> Result<bool, Failure> {
    let now = settling.now;
    let sql = "SELECT 1 FROM outlets WHERE site_id = ? AND platform = ? AND lease = ?";
    let is_ours = connection.prepare_cached(sql)?.exists([site_id, platform, &settling.lease])?;
    let mut delivered = 0_i64;
    for settled in &settling.settled {
        // What somebody else is at by now is left to them, but for what the platform has.
        if is_ours || settled.state == DeliveryState::Delivered {
            let kept = keep(connection, site_id, settled, now)?;
            delivered += i64::from(kept && settled.state == DeliveryState::Delivered);
        }
    }
    let pace = &settling.pace;
    connection
        .prepare_cached("UPDATE outlets SET delivered = delivered + ? WHERE site_id = ? AND platform = ?")?
        .execute(params![delivered, site_id, platform])?;
    if !is_ours {
        // Where the outlet went on under other settings meanwhile, nobody has to wait for the end of the lease any more.
        connection
            .prepare_cached("UPDATE outlets SET leased_until = 0 WHERE site_id = ? AND platform = ? AND lease IS NULL")?
            .execute([site_id, platform])?;
        return Ok(false);
    }
    let is_trouble = pace.failures > 0 || pace.stopped.is_some();
    connection
        .prepare_cached(
            "UPDATE outlets
             SET failures = ?3, room = ?4, not_before = ?5, reason = ?6, stopped = ?7,
                 last_success = iif(?8, ?9, last_success), last_trouble = iif(?10, ?9, last_trouble),
                 lease = iif(?11 IS NULL, NULL, lease), leased_until = coalesce(?11, 0)
             WHERE site_id = ?1 AND platform = ?2",
        )?
        .execute(params![
            site_id,
            platform,
            pace.failures,
            pace.room,
            pace.not_before,
            pace.reason,
            pace.stopped,
            pace.success,
            now,
            is_trouble,
            settling.until,
        ])?;
    if pace.stopped.is_some() {
        stop(connection, site_id, platform)?;
    }
    Ok(true)
}

fn keep(connection: &Connection, site_id: &str, settled: &Settled, now: Millis) -> Result<bool, Failure> {
    let is_over = !matches!(settled.state, DeliveryState::Waiting | DeliveryState::Stopped);
    // What the platform has is so, whatever became of the delivery meanwhile; what was told of somebody who was erased meanwhile is not kept.
    let kept = connection
        .prepare_cached(
            "UPDATE deliveries
             SET state = ?3, reason = ?4, attempts = attempts + ?5, not_before = ?6,
                 receipt = iif(reason IS ?12, NULL, ?7), last_status = coalesce(?8, last_status),
                 last_answer = iif(reason IS ?12, NULL, coalesce(?9, last_answer)),
                 exchange = iif(reason IS ?12, NULL, coalesce(?10, exchange)), finished_at = ?11
             WHERE site_id = ?1 AND id = ?2
               AND (state IN ('waiting', 'stopped') OR (?3 = 'delivered' AND state <> 'delivered'))",
        )?
        .execute(params![
            site_id,
            settled.id,
            settled.state.as_str(),
            settled.reason,
            settled.tried,
            settled.not_before,
            settled.receipt,
            settled.last_status,
            settled.last_answer,
            settled.exchange,
            is_over.then_some(now),
            ERASED,
        ])?;
    Ok(kept > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::deliveries::{LATER, OTHERS, WITHDRAW, WITHDRAW_OTHERWISE};
    use crate::store::sqlite::outlets::COUNTS;
    use crate::store::sqlite::{Options, connection};

    /// How SQLite would run it, as it says: the steps, one a line.
    fn plan(sql: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let connection =
            connection::writing(&directory.path().join("tagwerk.db"), &Options::default()).expect("a database");
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("SQL");
        // The plan is made before any value is there.
        let steps = statement.raw_query().mapped(|row| row.get::<_, String>("detail"));
        steps.collect::<Result<Vec<_>, _>>().expect("a plan").join("\n")
    }

    fn assert_entered_by(plan: &str, index: &str) {
        let found = plan.lines().any(|step| step.starts_with("SEARCH") && step.contains(index));
        assert!(found, "no search by {index}:\n{plan}");
        for table in ["deliveries", "conversions", "visits"] {
            assert!(!plan.contains(&format!("SCAN {table}")), "{plan}");
        }
    }

    #[test]
    fn what_the_runner_asks_is_answered_by_an_index_however_many_wait() {
        for (sql, index) in [
            (DUE_NEXT, "deliveries_waiting (site_id=? AND platform=?)"),
            (CLAIM, "deliveries_waiting (site_id=? AND platform=? AND not_before<?)"),
            (DUE, "deliveries_waiting (site_id=? AND platform=? AND not_before<?)"),
            (OLD, "deliveries_by_deadline (deadline<?)"),
            (COUNTS, "deliveries_unfinished (site_id=? AND platform=?)"),
        ] {
            let plan = plan(sql);
            assert_entered_by(&plan, index);
            // Outlets are few: those that have something due may be sorted by when they were served.
            let sorts = plan.lines().filter(|step| step.contains("TEMP B-TREE")).count();
            assert_eq!(sorts, usize::from(sql == CLAIM), "{sql}\n{plan}");
        }
    }

    #[test]
    fn what_each_conversion_asks_is_answered_by_an_index_however_many_there_are() {
        for (sql, index) in [
            (WITHDRAW, "deliveries_of_a_conversion (site_id=? AND conversion_id=?)"),
            (WITHDRAW_OTHERWISE, "deliveries_of_a_conversion (site_id=? AND conversion_id=?)"),
            (OTHERS, "conversions_of_a_transaction (site_id=? AND transaction_id=?"),
            (LATER, "conversions_of_a_visit (site_id=? AND lead_visit=?)"),
            (LATER, "visits_of_a_visitor (site_id=? AND visitor_id=?)"),
        ] {
            assert_entered_by(&plan(sql), index);
        }
    }
}
