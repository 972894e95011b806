//! Whose a conversion is, as far as the visits and clicks reported so far tell; and what changes when one is reported late.

use super::conversions;
use super::deliveries::{self, Told};
use super::erased;
use super::failure::Failure;
use super::rows::{from_json, transaction_type};
use crate::attribution::{Attribution, Found, Lead, State, attribute, expired, happened_at};
use crate::store::{Millis, PostbackState};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tagwerk_protocol::conversion::{Conversion, TransactionType};

/// Whose a conversion is, and when it happened.
pub(super) struct Verdict {
    pub(super) attribution: Attribution,
    pub(super) at: Millis,
}

/// What the verdict is about.
pub(super) struct Case<'a> {
    pub(super) sub_id: Option<&'a str>,
    pub(super) is_test: bool,
    pub(super) sent_at: Option<Millis>,
    pub(super) received_at: Millis,
    pub(super) past: bool,
    /// How old its click may be, in days; nothing for rebills and what takes money back, which belong to the sale's click, nor for
    /// payments that recur where nobody says which of them are rebills.
    pub(super) click_expiry_days: Option<u32>,
}

impl<'a> Case<'a> {
    pub(super) fn of(conversion: &'a Conversion, received_at: Millis) -> Self {
        Self {
            sub_id: conversion.sub_id.as_deref(),
            is_test: conversion.is_test,
            sent_at: conversion.sent_at,
            received_at,
            past: conversion.past,
            click_expiry_days: conversion
                .click_expiry_days
                .filter(|_| expires(conversion.transaction_type, conversion.rebill, conversion.recurring)),
        }
    }
}

fn expires(what: TransactionType, rebill: Option<bool>, recurring: bool) -> bool {
    what == TransactionType::Payment && !rebill.unwrap_or(recurring)
}

/// Judges by what is known now.
///
/// The click is dated by the visitor's clock, but never later than its receipt: a clock that runs ahead must not rule out the
/// sender's time. A click that was never reported is dated by the beginning of its visit.
pub(super) fn judge(connection: &Connection, site_id: &str, case: &Case<'_>) -> Result<Verdict, Failure> {
    let lead = Lead::of(case.sub_id);
    let mut visited_at: Option<Millis> = None;
    let mut clicked_at: Option<Millis> = None;
    if let Some(visit_id) = lead.visit_id() {
        visited_at = connection
            .prepare_cached("SELECT min(at, received_at) FROM visits WHERE site_id = ? AND visit_id = ?")?
            .query_row([site_id, visit_id.as_str()], |row| row.get(0))
            .optional()?;
        if let Lead::Click(click_id) = &lead {
            clicked_at = connection
                .prepare_cached(
                    "SELECT min(at, received_at) FROM clicks WHERE site_id = ? AND click_id = ? AND visit_id = ?",
                )?
                .query_row([site_id, click_id.as_str(), visit_id.as_str()], |row| row.get(0))
                .optional()?;
        }
    }
    if let Lead::Erased(token) = &lead {
        (visited_at, clicked_at) = erased::times(connection, site_id, token)?;
    }
    let found = Found { click: clicked_at.is_some(), visit: visited_at.is_some() };
    let clicked_at = clicked_at.or(visited_at);
    let at = happened_at(case.sent_at, clicked_at, case.received_at, case.past);
    let attribution = attribute(&lead, found, case.is_test);
    Ok(Verdict {
        attribution: match case.click_expiry_days {
            Some(days) => expired(attribution, clicked_at, at, days),
            None => attribution,
        },
        at,
    })
}

/// Judges anew what waited for this visit.
pub(super) fn visit_reported(connection: &Connection, site_id: &str, visit_id: &str) -> Result<(), Failure> {
    judge_again(connection, site_id, &format!("{WAITING} AND lead_visit = ?2"), visit_id)?;
    deliveries::of_visitor(connection, site_id, visit_id)
}

/// Judges anew what came from this click, before it was reported.
pub(super) fn click_reported(connection: &Connection, site_id: &str, click_id: &str) -> Result<(), Failure> {
    // The visit that begins the click id is named so that the index is used.
    judge_again(
        connection,
        site_id,
        &format!("{WAITING} AND lead_visit = substr(?2, 1, 16) AND click_id = ?2"),
        click_id,
    )
}

const WAITING: &str =
    "SELECT id, sub_id, is_test, sent_at, received_at, notes, past, click_expiry_days, transaction_type, rebill,
                              recurring
                       FROM conversions WHERE site_id = ?1";

/// A conversion that waited for a visit or a click.
struct Waiting {
    id: String,
    sub_id: Option<String>,
    is_test: bool,
    sent_at: Option<Millis>,
    received_at: Millis,
    past: bool,
    click_expiry_days: Option<u32>,
    notes: Vec<String>,
}

fn waiting(row: &Row<'_>) -> Result<Waiting, Failure> {
    let may_expire = expires(transaction_type(row)?, row.get("rebill")?, row.get("recurring")?);
    Ok(Waiting {
        id: row.get("id")?,
        sub_id: row.get("sub_id")?,
        is_test: row.get("is_test")?,
        sent_at: row.get("sent_at")?,
        received_at: row.get("received_at")?,
        past: row.get("past")?,
        click_expiry_days: row.get::<_, Option<u32>>("click_expiry_days")?.filter(|_| may_expire),
        notes: from_json(row, "notes")?,
    })
}

fn judge_again(connection: &Connection, site_id: &str, sql: &str, lead: &str) -> Result<(), Failure> {
    let found: Vec<Waiting> =
        connection.prepare_cached(sql)?.query_and_then([site_id, lead], waiting)?.collect::<Result<_, _>>()?;
    for Waiting { id, sub_id, is_test, sent_at, received_at, past, click_expiry_days, notes } in found {
        let case = Case { sub_id: sub_id.as_deref(), is_test, sent_at, received_at, past, click_expiry_days };
        let Verdict { attribution, at } = judge(connection, site_id, &case)?;
        connection
            .prepare_cached(
                "UPDATE conversions SET state = ?, reason = ?, visit_id = ?, at = ? WHERE site_id = ? AND id = ?",
            )?
            .execute(params![attribution.state.as_str(), attribution.reason, attribution.visit_id, at, site_id, id])?;
        tell_postbacks(connection, site_id, &id, &attribution, &notes)?;
        if let Some(booked) = conversions::booked_as(connection, site_id, &id)? {
            let told = Told { id: &id, said: &booked.said, attribution: &attribution, at, received_at };
            deliveries::of_conversion(connection, site_id, &told)?;
        }
    }
    Ok(())
}

/// The state of a postback that made a conversion with this state.
pub(super) fn state_of_maker(state: State) -> PostbackState {
    match state {
        State::Attributed => PostbackState::Accepted,
        State::Unattributed => PostbackState::Unattributed,
        State::Test => PostbackState::Test,
    }
}

/// The reason of a postback that made such a conversion.
pub(super) fn reason_of_maker(attribution: &Attribution, notes: &[String]) -> Option<String> {
    let parts: Vec<&str> = attribution.reason.as_deref().into_iter().chain(notes.iter().map(String::as_str)).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Brings the postback that made a conversion up to what is known of it now.
pub(super) fn tell_postbacks(
    connection: &Connection,
    site_id: &str,
    conversion_id: &str,
    attribution: &Attribution,
    notes: &[String],
) -> Result<(), Failure> {
    let state = state_of_maker(attribution.state);
    let reason = reason_of_maker(attribution, notes).map_or(Value::Null, Value::Text);
    connection
        .prepare_cached(
            "UPDATE postbacks INDEXED BY postbacks_of_a_conversion SET state = ?, reason = ?
             WHERE site_id = ? AND conversion_id = ? AND state IN ('accepted', 'unattributed', 'test')",
        )?
        .execute(params![state.as_str(), reason, site_id, conversion_id])?;
    Ok(())
}
