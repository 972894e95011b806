//! What is on its way to the ad platforms: who may send, what is due, and what became of it.

use super::books::CONVERSIONS;
use super::deliveries::{GONE, too_old};
use super::failure::Failure;
use super::rows;
use super::{Sqlite, conversions};
use crate::dedupe;
use crate::store::{
    Again, Claimed, DeliveryRow, DeliveryState, Due, List, Listing, Millis, Outbox, OutletRow, OutletRules, Page,
    PostbackRow, Settled, Settling, StoreError,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// How many visits of a visitor a platform may be told of.
const VISITS: i64 = 50;
/// How long what is sent again is tried at least.
const DAY: Millis = 86_400_000;

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
        self.read(|connection| {
            let sql = "SELECT min(max(outlets.not_before, outlets.leased_until,
                                  (SELECT min(not_before) FROM deliveries
                                   WHERE deliveries.site_id = outlets.site_id AND deliveries.platform = outlets.platform
                                     AND state = 'waiting')))
                       FROM outlets WHERE stopped IS NULL";
            Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        })
        .await
    }

    async fn claim(&self, now: Millis, lease: &str, until: Millis, most: usize) -> Result<Vec<Claimed>, StoreError> {
        let (lease, most) = (lease.to_owned(), i64::try_from(most).unwrap_or(i64::MAX));
        self.writer
            .write(move |connection| {
                let sql = "UPDATE outlets SET lease = ?1, leased_until = ?2, served_at = ?3
                           WHERE (site_id, platform) IN (
                               SELECT site_id, platform FROM outlets AS open
                               WHERE stopped IS NULL AND not_before <= ?3 AND leased_until <= ?3
                                 AND EXISTS (SELECT 1 FROM deliveries
                                             WHERE deliveries.site_id = open.site_id
                                               AND deliveries.platform = open.platform
                                               AND state = 'waiting' AND deliveries.not_before <= ?3)
                               ORDER BY served_at LIMIT ?4)
                           RETURNING site_id, platform, failures, room";
                let mut statement = connection.prepare_cached(sql)?;
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
            let sql = "SELECT * FROM deliveries
                       WHERE site_id = ? AND platform = ? AND state = 'waiting' AND not_before <= ?
                       ORDER BY not_before, id LIMIT ?";
            let mut statement = connection.prepare_cached(sql)?;
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
        let sql = "SELECT 1 FROM deliveries WHERE deadline <= ? AND state IN ('waiting', 'stopped') LIMIT 1";
        if !self.read(move |connection| Ok(connection.prepare_cached(sql)?.exists([now])?)).await? {
            return Ok(0);
        }
        self.writer
            .write(move |connection| {
                let sql = "SELECT site_id, id, deadline - at FROM deliveries
                           WHERE deadline <= ? AND state IN ('waiting', 'stopped') LIMIT ?";
                let mut statement = connection.prepare_cached(sql)?;
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
                // To an outlet that is stopped it goes once that goes on; to one that is switched off it does not go.
                const SQL: &str = "UPDATE deliveries
                    SET state = CASE WHEN outlets.stopped IS NULL THEN 'waiting' ELSE 'stopped' END,
                        reason = 'sent again by hand', not_before = ?1, receipt = NULL, finished_at = NULL,
                        deadline = max(deliveries.deadline, ?1 + ?2)
                    FROM outlets
                    WHERE outlets.site_id = deliveries.site_id AND outlets.platform = deliveries.platform
                      AND deliveries.site_id = ?3";
                Ok(match &again {
                    Again::One(id) => connection
                        .prepare_cached(&format!("{SQL} AND deliveries.id = ?4"))?
                        .execute(params![now, DAY, site_id, id])?,
                    Again::All(platform, state) => connection
                        .prepare_cached(&format!("{SQL} AND deliveries.platform = ?4 AND deliveries.state = ?5"))?
                        .execute(params![now, DAY, site_id, platform, state.as_str()])?,
                })
            })
            .await
    }
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

fn outlet(row: &Row<'_>) -> Result<OutletRow, Failure> {
    Ok(OutletRow {
        platform: row.get("platform")?,
        since: row.get("since")?,
        stopped: row.get("stopped")?,
        failures: row.get("failures")?,
        not_before: row.get("not_before")?,
        reason: row.get("reason")?,
        last_success: row.get("last_success")?,
        last_trouble: row.get("last_trouble")?,
        delivered: u64::try_from(row.get::<_, i64>("delivered")?).unwrap_or_default(),
        counts: BTreeMap::new(),
        oldest_unsent: None,
    })
}

fn count(connection: &Connection, site_id: &str, outlet: &mut OutletRow) -> Result<(), Failure> {
    let sql = "SELECT state, count(*), min(id) FROM deliveries
               WHERE site_id = ? AND platform = ? AND state <> 'delivered' GROUP BY state";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, &outlet.platform])?;
    let mut oldest: Option<String> = None;
    while let Some(row) = rows.next()? {
        let (state, count, first): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if matches!(state.as_str(), "waiting" | "stopped") && oldest.as_ref().is_none_or(|oldest| first < *oldest) {
            oldest = Some(first);
        }
        outlet.counts.insert(state, u64::try_from(count).unwrap_or_default());
    }
    if let Some(oldest) = oldest {
        let sql = "SELECT received_at FROM deliveries WHERE site_id = ? AND id = ?";
        outlet.oldest_unsent =
            connection.prepare_cached(sql)?.query_row([site_id, &oldest], |row| row.get(0)).optional()?;
    }
    Ok(())
}

fn with_all_that_is_known(connection: &Connection, site_id: &str, delivery: DeliveryRow) -> Result<Due, Failure> {
    let mut due = Due {
        delivery,
        conversion: None,
        click: None,
        page: None,
        visits: Vec::new(),
        ip: None,
        user_agent: None,
        sale: None,
        postback: None,
    };
    let (mut click_id, mut visit_id) = (None, None);
    if let Some(conversion_id) = due.delivery.conversion_id.clone() {
        let id = carrier(connection, site_id, &conversion_id)?.unwrap_or(conversion_id);
        let sql = format!("{CONVERSIONS} WHERE row.site_id = ? AND row.id = ?");
        due.conversion =
            connection.prepare_cached(&sql)?.query_and_then([site_id, &id], rows::conversion)?.next().transpose()?;
        if let Some(conversion) = &due.conversion {
            click_id.clone_from(&conversion.attribution.click_id);
            visit_id.clone_from(&conversion.attribution.visit_id);
            due.postback = first_postback(connection, site_id, &conversion.id)?;
            if let Some(sale_id) = &conversion.sale_id {
                due.sale = sale(connection, site_id, sale_id)?;
            }
        }
    } else {
        let sql = "SELECT visit_id, click_id, page FROM events WHERE site_id = ? AND event_id = ?";
        let event: Option<(String, Option<String>, String)> = connection
            .prepare_cached(sql)?
            .query_row([site_id, &due.delivery.event_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        if let Some((visit, click, page)) = event {
            (visit_id, click_id, due.page) = (Some(visit), click, Some(page));
        }
    }
    if let Some(click_id) = &click_id {
        let sql = "SELECT * FROM clicks WHERE site_id = ? AND click_id = ?";
        let mut statement = connection.prepare_cached(sql)?;
        let mut found = statement.query([site_id, click_id])?;
        if let Some(row) = found.next()? {
            (due.ip, due.user_agent) = (row.get("ip")?, row.get("user_agent")?);
            due.click = Some(rows::click(row)?);
        }
    }
    if let Some(visit_id) = &visit_id {
        visits(connection, site_id, visit_id, &mut due)?;
    }
    Ok(due)
}

/// The conversion that carries the money of this one's transaction, where this one does not.
fn carrier(connection: &Connection, site_id: &str, id: &str) -> Result<Option<String>, Failure> {
    let sql = "SELECT other.id FROM conversions AS row
               JOIN conversions AS other ON other.site_id = row.site_id AND other.transaction_id = row.transaction_id
                    AND other.tracking_group = row.tracking_group AND other.transaction_type = row.transaction_type
                    AND other.carries = 1 AND other.is_test = row.is_test
               WHERE row.site_id = ? AND row.id = ? AND row.carries = 0 LIMIT 1";
    Ok(connection.prepare_cached(sql)?.query_row([site_id, id], |row| row.get(0)).optional()?)
}

fn first_postback(connection: &Connection, site_id: &str, conversion_id: &str) -> Result<Option<PostbackRow>, Failure> {
    let sql = "SELECT * FROM postbacks WHERE site_id = ? AND conversion_id = ? ORDER BY id LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_and_then([site_id, conversion_id], rows::postback)?.next();
    found.transpose()
}

fn sale(
    connection: &Connection,
    site_id: &str,
    sale_id: &str,
) -> Result<Option<(String, Option<String>, Millis)>, Failure> {
    let sql = "SELECT * FROM conversions WHERE site_id = ? AND id = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query([site_id, sale_id])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let said = rows::said(row)?;
    // What was told under an id of its own is taken back under that.
    let told: Option<String> = connection
        .prepare_cached("SELECT event_id FROM deliveries WHERE site_id = ? AND conversion_id = ? LIMIT 1")?
        .query_row([site_id, sale_id], |row| row.get(0))
        .optional()?;
    let event_id = told.unwrap_or_else(|| dedupe::event_id(site_id, &said));
    Ok(Some((event_id, said.transaction_id, row.get("at")?)))
}

/// The credited visit, then the visitor's others up to then, newest first.
fn visits(connection: &Connection, site_id: &str, visit_id: &str, due: &mut Due) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached("SELECT * FROM visits WHERE site_id = ? AND visit_id = ?")?;
    let mut found = statement.query([site_id, visit_id])?;
    let Some(row) = found.next()? else { return Ok(()) };
    if due.ip.is_none() && due.user_agent.is_none() {
        (due.ip, due.user_agent) = (row.get("ip")?, row.get("user_agent")?);
    }
    let visit = rows::visit(row)?;
    let visitor_id = visit.visitor_id.clone();
    due.visits.push(visit);
    if let Some(visitor_id) = visitor_id {
        let sql = "SELECT * FROM visits
                   WHERE site_id = ? AND visitor_id = ? AND min(at, received_at) <= ? AND visit_id <> ?
                   ORDER BY min(at, received_at) DESC LIMIT ?";
        let mut statement = connection.prepare_cached(sql)?;
        let others =
            statement.query_and_then(params![site_id, visitor_id, due.delivery.at, visit_id, VISITS], rows::visit)?;
        for other in others {
            due.visits.push(other?);
        }
    }
    Ok(())
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
    let is_over = settled.state != DeliveryState::Waiting;
    let kept = connection
        .prepare_cached(
            "UPDATE deliveries
             SET state = ?3, reason = ?4, attempts = attempts + ?5, not_before = ?6, receipt = ?7,
                 last_status = coalesce(?8, last_status), last_answer = coalesce(?9, last_answer),
                 exchange = coalesce(?10, exchange), finished_at = ?11
             WHERE site_id = ?1 AND id = ?2 AND state IN ('waiting', 'stopped')",
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
        ])?;
    Ok(kept > 0)
}

fn stop(connection: &Connection, site_id: &str, platform: &str) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE deliveries SET state = 'stopped' WHERE site_id = ? AND platform = ? AND state = 'waiting'",
        )?
        .execute([site_id, platform])?;
    Ok(())
}

fn resume(connection: &Connection, site_id: &str, platform: &str, now: Millis) -> Result<bool, Failure> {
    // One parcel goes first, to see whether it helped.
    let resumed = connection
        .prepare_cached(
            "UPDATE outlets SET stopped = NULL, reason = NULL, failures = 0, not_before = 0, room = 1
             WHERE site_id = ? AND platform = ?",
        )?
        .execute([site_id, platform])?;
    connection
        .prepare_cached(
            "UPDATE deliveries SET state = 'waiting', not_before = min(not_before, ?)
             WHERE site_id = ? AND platform = ? AND state = 'stopped'",
        )?
        .execute(params![now, site_id, platform])?;
    Ok(resumed > 0)
}

/// Brings a site's outlets up to its settings: new ones get what comes from now on, changed ones go on where they were stopped, and
/// what waits for one that is gone waits for it to come back, or expires.
pub(super) fn replace_outlets(
    connection: &Connection,
    site_id: &str,
    outlets: &[OutletRules],
    now: Millis,
) -> Result<(), Failure> {
    let before: BTreeMap<String, String> = connection
        .prepare_cached("SELECT platform, fingerprint FROM outlets WHERE site_id = ?")?
        .query_map([site_id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for platform in before.keys().filter(|platform| !outlets.iter().any(|outlet| outlet.platform == **platform)) {
        connection
            .prepare_cached(
                "UPDATE deliveries SET state = 'stopped', reason = 'the platform is switched off'
                 WHERE site_id = ? AND platform = ? AND state = 'waiting'",
            )?
            .execute([site_id, platform])?;
        connection
            .prepare_cached("DELETE FROM outlets WHERE site_id = ? AND platform = ?")?
            .execute([site_id, platform])?;
    }
    for outlet in outlets {
        if before.get(&outlet.platform) == Some(&outlet.fingerprint) {
            continue;
        }
        connection
            .prepare_cached(
                "INSERT INTO outlets (site_id, platform, since, fingerprint, everything, refunds, tests, click_params,
                                      types, events, max_age, min_click_age)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (site_id, platform) DO UPDATE
                 SET fingerprint = excluded.fingerprint, everything = excluded.everything, refunds = excluded.refunds,
                     tests = excluded.tests, click_params = excluded.click_params, types = excluded.types,
                     events = excluded.events, max_age = excluded.max_age, min_click_age = excluded.min_click_age",
            )?
            .execute(params![
                site_id,
                outlet.platform,
                now,
                outlet.fingerprint,
                outlet.everything,
                outlet.refunds,
                outlet.tests,
                rows::json(&outlet.click_params)?,
                rows::json(&outlet.types)?,
                rows::json(&outlet.events)?,
                outlet.max_age,
                outlet.min_click_age,
            ])?;
        resume(connection, site_id, &outlet.platform, now)?;
    }
    Ok(())
}

/// Tells the deliveries of a conversion that it is no longer in the books.
pub(super) fn conversion_gone(connection: &Connection, site_id: &str, id: &str) -> Result<(), Failure> {
    if conversions::booked_as(connection, site_id, id)?.is_some() {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE deliveries SET state = 'refused', reason = ?
             WHERE site_id = ? AND conversion_id = ? AND state IN ('waiting', 'stopped')",
        )?
        .execute([GONE, site_id, id])?;
    Ok(())
}
