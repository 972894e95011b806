//! Deliveries are made where conversions and events are, in the same transaction.

use super::attributions::{Case, Verdict, judge};
use super::conversions;
use super::erased::ERASED;
use super::failure::Failure;
use super::rows::from_json;
use crate::attribution::Attribution;
use crate::dedupe;
use crate::store::{DeliveryState, Millis};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::{Conversion, TransactionType};

/// Why a delivery ends whose conversion was taken out of the books; one that comes back is sent after all.
pub(super) const GONE: &str = "the conversion is no longer in the books";
/// Why a delivery ends whose conversion says something else by now; one that says again what it said is sent after all.
const UNWANTED: &str = "what the conversion says by now is not for this platform";
/// How many visits of a visitor are looked at for a platform's click id.
const VISITS: i64 = 50;
/// What the other visits of a visitor brought after a time. Anybody may report visits of any visitor, so they are bounded.
pub(super) const LATER: &str = "
    SELECT id FROM conversions INDEXED BY conversions_of_a_visit
    WHERE site_id = ?1 AND at >= ?5 AND lead_visit IN (
        SELECT visit_id FROM visits WHERE site_id = ?1 AND visitor_id = ?2 AND visit_id <> ?3
        ORDER BY min(at, received_at) DESC LIMIT ?4)
    LIMIT ?4";
/// The other conversions that platforms know by the same event id.
pub(super) const OTHERS: &str = "
    SELECT id FROM conversions INDEXED BY conversions_of_a_transaction
    WHERE site_id = ? AND transaction_id = ? AND tracking_group = ? AND is_test = ? AND transaction_type = ?
      AND series IS NULL AND id <> ? ORDER BY id";
/// Ends what waits of a conversion.
pub(super) const WITHDRAW: &str = "
    UPDATE deliveries INDEXED BY deliveries_of_a_conversion SET state = 'refused', reason = ?4
    WHERE site_id = ?1 AND conversion_id = ?2 AND state IN ('waiting', 'stopped') AND (?3 IS NULL OR platform = ?3)";

/// Ends what waits of a conversion that was told under another event id since it was no test, or was one. Those of tests begin with a word
/// that no other begins with ([`dedupe::event_id`]).
pub(super) const WITHDRAW_OTHERWISE: &str = "
    UPDATE deliveries INDEXED BY deliveries_of_a_conversion SET state = 'refused', reason = ?4
    WHERE site_id = ?1 AND conversion_id = ?2 AND state IN ('waiting', 'stopped') AND (event_id GLOB 'test*') <> ?3";

/// An outlet's rules, as far as making a delivery needs them.
struct Outlet {
    platform: String,
    since: Millis,
    everything: bool,
    refunds: bool,
    tests: bool,
    click_params: Vec<String>,
    types: Vec<String>,
    events: Vec<String>,
    max_age: Millis,
    min_click_age: Millis,
    is_stopped: bool,
}

fn outlet(row: &Row<'_>) -> Result<Outlet, Failure> {
    Ok(Outlet {
        platform: row.get("platform")?,
        since: row.get("since")?,
        everything: row.get("everything")?,
        refunds: row.get("refunds")?,
        tests: row.get("tests")?,
        click_params: from_json(row, "click_params")?,
        types: from_json(row, "types")?,
        events: from_json(row, "events")?,
        max_age: row.get("max_age")?,
        min_click_age: row.get("min_click_age")?,
        is_stopped: row.get::<_, Option<String>>("stopped")?.is_some(),
    })
}

fn outlets(connection: &Connection, site_id: &str) -> Result<Vec<Outlet>, Failure> {
    let mut statement = connection.prepare_cached("SELECT * FROM outlets WHERE site_id = ?")?;
    statement.query_and_then([site_id], outlet)?.collect()
}

/// What a delivery is made of.
struct Parcel<'a> {
    event_id: &'a str,
    conversion_id: Option<&'a str>,
    kind: &'a str,
    at: Millis,
    received_at: Millis,
    clicked_at: Option<Millis>,
}

/// A conversion as it was just written or judged.
pub(super) struct Told<'a> {
    pub(super) id: &'a str,
    pub(super) said: &'a Conversion,
    pub(super) attribution: &'a Attribution,
    pub(super) at: Millis,
    pub(super) received_at: Millis,
}

/// Makes the deliveries of a conversion that are not there yet. What was brought in afterwards is history, which no platform is told.
pub(super) fn of_conversion(connection: &Connection, site_id: &str, told: &Told<'_>) -> Result<(), Failure> {
    // Of somebody who was erased nobody is told anything any more.
    if told.said.past || told.attribution.reason.as_deref() == Some(ERASED) {
        return Ok(());
    }
    let outlets = outlets(connection, site_id)?;
    if outlets.is_empty() {
        return Ok(());
    }
    let event_id = dedupe::event_id(site_id, told.said);
    let takes_back = told.said.transaction_type != TransactionType::Payment;
    let mut came_with: Option<Vec<String>> = None;
    let mut clicked_at: Option<Option<Millis>> = None;
    let mut withdrawn = connection.prepare_cached(WITHDRAW_OTHERWISE)?.execute(params![
        site_id,
        told.id,
        told.said.is_test,
        UNWANTED
    ])? > 0;
    for outlet in outlets {
        if told.received_at < outlet.since {
            continue;
        }
        let mut is_wanted = (outlet.refunds || !takes_back)
            && (outlet.tests || !told.said.is_test)
            && (outlet.types.is_empty() || outlet.types.iter().any(|kind| kind.eq_ignore_ascii_case(&told.said.kind)));
        if is_wanted && !outlet.everything {
            if came_with.is_none() {
                came_with =
                    Some(params_of_visitor(connection, site_id, told.attribution.visit_id.as_deref(), told.at)?);
            }
            is_wanted = matches(&outlet, came_with.as_deref().unwrap_or_default());
        }
        if !is_wanted {
            withdrawn |= withdraw(connection, site_id, told.id, Some(&outlet.platform), UNWANTED)?;
            continue;
        }
        if outlet.min_click_age > 0 && clicked_at.is_none() {
            clicked_at = Some(time_of_click(
                connection,
                site_id,
                told.attribution.click_id.as_deref(),
                told.attribution.visit_id.as_deref(),
            )?);
        }
        let parcel = Parcel {
            event_id: &event_id,
            conversion_id: Some(told.id),
            kind: &told.said.kind,
            at: told.at,
            received_at: told.received_at,
            clicked_at: clicked_at.flatten(),
        };
        make(connection, site_id, &outlet, &parcel)?;
    }
    if withdrawn {
        of_others(connection, site_id, told.id, told.said)?;
    }
    Ok(())
}

/// Makes the deliveries of what is booked under this id that are not there yet.
pub(super) fn of_booked(connection: &Connection, site_id: &str, id: &str) -> Result<(), Failure> {
    let Some(booked) = conversions::booked_as(connection, site_id, id)? else { return Ok(()) };
    let case = Case::of(&booked.said, booked.received_at);
    let Verdict { attribution, at } = judge(connection, site_id, &case)?;
    let received_at = booked.received_at;
    of_conversion(connection, site_id, &Told { id, said: &booked.said, attribution: &attribution, at, received_at })
}

/// Ends what waits of a conversion that is no longer in the books. What others tell under the same event id is sent for them.
pub(super) fn conversion_gone(
    connection: &Connection,
    site_id: &str,
    id: &str,
    said: &Conversion,
) -> Result<(), Failure> {
    if withdraw(connection, site_id, id, None, GONE)? {
        of_others(connection, site_id, id, said)?;
    }
    Ok(())
}

/// Ends what waits of a conversion, at one platform or at all; whether there was anything.
fn withdraw(
    connection: &Connection,
    site_id: &str,
    id: &str,
    platform: Option<&str>,
    reason: &str,
) -> Result<bool, Failure> {
    Ok(connection.prepare_cached(WITHDRAW)?.execute(params![site_id, id, platform, reason])? > 0)
}

/// Makes the deliveries of the other conversions that platforms know by the same event id.
fn of_others(connection: &Connection, site_id: &str, id: &str, said: &Conversion) -> Result<(), Failure> {
    let Some(transaction_id) = said.transaction_id.as_deref().filter(|_| said.series.is_none()) else { return Ok(()) };
    // Those that are no tests where it has become one, too, and the other way round.
    for is_test in [false, true] {
        let asked = params![site_id, transaction_id, said.group, is_test, said.transaction_type.as_str(), id];
        let others: Vec<String> =
            connection.prepare_cached(OTHERS)?.query_map(asked, |row| row.get(0))?.collect::<Result<_, _>>()?;
        others.iter().try_for_each(|other| of_booked(connection, site_id, other))?;
    }
    Ok(())
}

/// Makes the deliveries of what a visitor's later visits brought, where a visit that has just been reported tells a click id.
pub(super) fn of_visitor(connection: &Connection, site_id: &str, visit_id: &str) -> Result<(), Failure> {
    let matching = "SELECT 1 FROM outlets WHERE site_id = ? AND NOT everything";
    if !connection.prepare_cached(matching)?.exists([site_id])? {
        return Ok(());
    }
    let sql = "SELECT visitor_id, min(at, received_at) FROM visits
               WHERE site_id = ? AND visit_id = ? AND visitor_id IS NOT NULL
                 AND (click_ids <> '{}' OR first_touch IS NOT NULL)";
    let told: Option<(String, Millis)> = connection
        .prepare_cached(sql)?
        .query_row([site_id, visit_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((visitor_id, at)) = told else { return Ok(()) };
    let later: Vec<String> = connection
        .prepare_cached(LATER)?
        .query_map(params![site_id, visitor_id, visit_id, VISITS, at], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    later.iter().try_for_each(|id| of_booked(connection, site_id, id))
}

/// An event of a page as it was just kept.
pub(super) struct Happened<'a> {
    pub(super) event_id: &'a str,
    pub(super) name: &'a str,
    pub(super) visit_id: &'a str,
    pub(super) at: Millis,
    pub(super) received_at: Millis,
}

/// Makes the deliveries of an event.
pub(super) fn of_event(connection: &Connection, site_id: &str, happened: &Happened<'_>) -> Result<(), Failure> {
    for outlet in outlets(connection, site_id)? {
        let is_wanted = outlet.events.iter().any(|name| name.eq_ignore_ascii_case(happened.name));
        if !is_wanted {
            continue;
        }
        // A clock that runs ahead must not date an event after its receipt.
        let at = happened.at.min(happened.received_at);
        if !outlet.everything
            && !matches(&outlet, &params_of_visitor(connection, site_id, Some(happened.visit_id), at)?)
        {
            continue;
        }
        let parcel = Parcel {
            event_id: happened.event_id,
            conversion_id: None,
            kind: happened.name,
            at,
            received_at: happened.received_at,
            clicked_at: Some(at),
        };
        make(connection, site_id, &outlet, &parcel)?;
    }
    Ok(())
}

fn matches(outlet: &Outlet, came_with: &[String]) -> bool {
    outlet.click_params.iter().any(|param| came_with.iter().any(|came| came.eq_ignore_ascii_case(param)))
}

/// The parameters in which the visitor has ever handed over a click id, as far as that is kept, up to this time.
fn params_of_visitor(
    connection: &Connection,
    site_id: &str,
    visit_id: Option<&str>,
    at: Millis,
) -> Result<Vec<String>, Failure> {
    let Some(visit_id) = visit_id else { return Ok(Vec::new()) };
    let mut params = Vec::new();
    let mut take = |row: &Row<'_>| -> Result<(), Failure> {
        params.extend(from_json::<BTreeMap<String, String>>(row, "click_ids")?.into_keys());
        let first: Option<crate::store::FirstTouch> = from_json(row, "first_touch")?;
        params.extend(first.into_iter().flat_map(|first| first.click_ids.into_keys()));
        Ok(())
    };
    let sql = "SELECT visitor_id, click_ids, first_touch FROM visits WHERE site_id = ? AND visit_id = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, visit_id])?;
    let Some(row) = rows.next()? else { return Ok(params) };
    take(row)?;
    let Some(visitor_id) = row.get::<_, Option<String>>("visitor_id")? else { return Ok(params) };
    let sql = "SELECT click_ids, first_touch FROM visits
               WHERE site_id = ? AND visitor_id = ? AND min(at, received_at) <= ?
               ORDER BY min(at, received_at) DESC LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![site_id, visitor_id, at, VISITS])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(params)
}

fn time_of_click(
    connection: &Connection,
    site_id: &str,
    click_id: Option<&str>,
    visit_id: Option<&str>,
) -> Result<Option<Millis>, Failure> {
    let sql = "SELECT coalesce((SELECT min(at, received_at) FROM clicks WHERE site_id = ?1 AND click_id = ?2),
                               (SELECT min(at, received_at) FROM visits WHERE site_id = ?1 AND visit_id = ?3))";
    Ok(connection.prepare_cached(sql)?.query_row(params![site_id, click_id, visit_id], |row| row.get(0))?)
}

fn make(connection: &Connection, site_id: &str, outlet: &Outlet, parcel: &Parcel<'_>) -> Result<(), Failure> {
    let deadline = parcel.at.saturating_add(outlet.max_age);
    let (state, reason) = if deadline <= parcel.received_at {
        (DeliveryState::Expired, Some(too_old(outlet.max_age)))
    } else if outlet.is_stopped {
        (DeliveryState::Stopped, None)
    } else {
        (DeliveryState::Waiting, None)
    };
    let not_before = parcel.clicked_at.map_or(parcel.received_at, |clicked_at| {
        clicked_at.saturating_add(outlet.min_click_age).max(parcel.received_at)
    });
    let finished_at = (state == DeliveryState::Expired).then_some(parcel.received_at);
    connection
        .prepare_cached(
            "INSERT INTO deliveries (site_id, id, received_at, platform, event_id, conversion_id, kind, at, state, reason,
                                     not_before, deadline, finished_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13
             WHERE NOT EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_of_a_conversion
                               WHERE site_id = ?1 AND conversion_id = ?6 AND platform = ?4
                               AND event_id <> ?5 AND NOT (state = 'refused' AND reason IN (?14, ?15)))
             ON CONFLICT (site_id, platform, event_id) DO UPDATE
             SET conversion_id = excluded.conversion_id, kind = excluded.kind, at = excluded.at, state = excluded.state,
                 reason = excluded.reason, not_before = excluded.not_before, deadline = excluded.deadline,
                 finished_at = excluded.finished_at
             WHERE deliveries.reason IN (?14, ?15) AND deliveries.state = 'refused'",
        )?
        .execute(params![
            site_id,
            dedupe::row_id(parcel.received_at, &outlet.platform, parcel.event_id),
            parcel.received_at,
            outlet.platform,
            parcel.event_id,
            parcel.conversion_id,
            parcel.kind,
            parcel.at,
            state.as_str(),
            reason,
            not_before,
            deadline,
            finished_at,
            GONE,
            UNWANTED,
        ])?;
    Ok(())
}

/// Why a delivery has expired.
pub(super) fn too_old(max_age: Millis) -> String {
    format!("older than the platform takes ({} hours)", max_age / 3_600_000)
}
