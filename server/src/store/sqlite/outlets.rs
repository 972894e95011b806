//! A site's outlets: as its settings say, stopped and resumed, and as the operator sees them.

use super::failure::Failure;
use super::rows;
use crate::store::{Millis, OutletRow, OutletRules};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// How many there are in each state but the usual end, and the first of each.
pub(super) const COUNTS: &str = "
    SELECT state, count(*), min(id) FROM deliveries
    WHERE site_id = ? AND platform = ? AND state <> 'delivered' GROUP BY state";

pub(super) fn outlet(row: &Row<'_>) -> Result<OutletRow, Failure> {
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

pub(super) fn count(connection: &Connection, site_id: &str, outlet: &mut OutletRow) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(COUNTS)?;
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

pub(super) fn stop(connection: &Connection, site_id: &str, platform: &str) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE deliveries INDEXED BY deliveries_waiting SET state = 'stopped'
             WHERE site_id = ? AND platform = ? AND state = 'waiting'",
        )?
        .execute([site_id, platform])?;
    Ok(())
}

pub(super) fn resume(connection: &Connection, site_id: &str, platform: &str, now: Millis) -> Result<bool, Failure> {
    // One parcel goes first, to see whether it helped. Whoever is at it goes by what was: its word no longer stops the outlet.
    let resumed = connection
        .prepare_cached(
            "UPDATE outlets SET stopped = NULL, reason = NULL, failures = 0, not_before = 0, room = 1, lease = NULL
             WHERE site_id = ? AND platform = ?",
        )?
        .execute(params![site_id, platform])?;
    // What was never tried may have to wait for its click to become old enough.
    connection
        .prepare_cached(
            "UPDATE deliveries INDEXED BY deliveries_unfinished
             SET state = 'waiting', not_before = iif(attempts = 0, not_before, min(not_before, ?1))
             WHERE site_id = ?2 AND platform = ?3 AND state <> 'delivered' AND state = 'stopped'",
        )?
        .execute(params![now, site_id, platform])?;
    connection
        .prepare_cached(
            "UPDATE deliveries INDEXED BY deliveries_waiting SET not_before = ?1
             WHERE site_id = ?2 AND platform = ?3 AND state = 'waiting' AND not_before > ?1 AND attempts > 0
               AND receipt IS NULL",
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
                "UPDATE deliveries INDEXED BY deliveries_waiting
                 SET state = 'stopped', reason = 'the platform is switched off'
                 WHERE site_id = ? AND platform = ? AND state = 'waiting'",
            )?
            .execute([site_id, platform])?;
        connection
            .prepare_cached("DELETE FROM outlets WHERE site_id = ? AND platform = ?")?
            .execute([site_id, platform])?;
    }
    for outlet in outlets {
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
        if before.get(&outlet.platform) != Some(&outlet.fingerprint) {
            resume(connection, site_id, &outlet.platform, now)?;
        }
    }
    Ok(())
}
