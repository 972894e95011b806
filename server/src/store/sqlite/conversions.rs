//! From a postback that was understood to the books: a new conversion, a repeat, or another version of one that is booked.

use super::attributions::{Case, Verdict, judge, reason_of_maker, state_of_maker, tell_postbacks};
use super::carriers;
use super::failure::Failure;
use super::joins::{self, Ties};
use super::rows::{Money, json};
use crate::attribution::{Attribution, Lead};
use crate::store::{Millis, PostbackOutcome, PostbackState, Said};
use rusqlite::{Connection, ToSql, params_from_iter};
use std::sync::OnceLock;
use tagwerk_protocol::click_id::VisitId;
use tagwerk_protocol::conversion::Conversion;

/// What is booked under an identity.
struct Booked {
    id: String,
    received_at: Millis,
    content: String,
    sent_at: Option<Millis>,
    ties: Ties,
}

/// Books what a postback says.
pub(super) fn book(
    connection: &Connection,
    site_id: &str,
    received_at: Millis,
    said: &Said,
) -> Result<PostbackOutcome, Failure> {
    let conversion = &said.conversion;
    let Some(booked) = booked(connection, site_id, &conversion.identity)? else {
        let attribution = write(connection, site_id, &said.conversion_id, received_at, conversion)?;
        settle(connection, site_id, vec![Ties::of(conversion, &attribution)])?;
        return Ok(PostbackOutcome {
            state: state_of_maker(attribution.state),
            reason: reason_of_maker(&attribution, &conversion.notes),
            conversion_id: Some(said.conversion_id.clone()),
        });
    };
    let outcome = |state, reason: Option<&str>, id| PostbackOutcome {
        state,
        reason: reason.map(str::to_owned),
        conversion_id: Some(id),
    };
    if booked.content == conversion.content {
        return Ok(outcome(PostbackState::Duplicate, None, booked.id));
    }
    if !comes_before(conversion, &booked) {
        let reason =
            "it says something else than the postback that is booked, which counts because it was sent earlier";
        return Ok(outcome(PostbackState::Duplicate, Some(reason), booked.id));
    }
    // The id stays, and with it the time of the first receipt: what came of the conversion elsewhere knows it by them.
    connection
        .prepare_cached("DELETE FROM conversions WHERE site_id = ? AND id = ?")?
        .execute([site_id, &booked.id])?;
    let attribution = write(connection, site_id, &booked.id, booked.received_at, conversion)?;
    tell_postbacks(connection, site_id, &booked.id, &attribution, &conversion.notes)?;
    settle(connection, site_id, vec![booked.ties, Ties::of(conversion, &attribution)])?;
    let reason = "it says something else than the postback before, and counts because it was sent earlier";
    Ok(outcome(PostbackState::Updated, Some(reason), booked.id))
}

/// Brings the money of the transactions that changed, and what their refunds take back, up to the books as they are now.
fn settle(connection: &Connection, site_id: &str, mut changed: Vec<Ties>) -> Result<(), Failure> {
    let moved = carriers::choose(connection, site_id, &changed)?;
    changed.extend(moved);
    joins::rejoin(connection, site_id, &changed)
}

/// Which of two versions counts, whatever order they arrive in: the one sent earlier, one with a time before one without, and
/// where that is equal the smaller hash.
fn comes_before(conversion: &Conversion, booked: &Booked) -> bool {
    fn rank(sent_at: Option<Millis>, content: &str) -> (Millis, &str) {
        (sent_at.unwrap_or(Millis::MAX), content)
    }
    rank(conversion.sent_at, &conversion.content) < rank(booked.sent_at, &booked.content)
}

fn booked(connection: &Connection, site_id: &str, identity: &str) -> Result<Option<Booked>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT id, received_at, content, sent_at,
                tracking_group, transaction_type, order_id, transaction_id, click_id, product_id
         FROM conversions WHERE site_id = ? AND identity = ?",
    )?;
    let found = statement
        .query_and_then([site_id, identity], |row| {
            Ok::<_, Failure>(Booked {
                id: row.get("id")?,
                received_at: row.get("received_at")?,
                content: row.get("content")?,
                sent_at: row.get("sent_at")?,
                ties: Ties::read(row)?,
            })
        })?
        .next();
    found.transpose()
}

/// Writes the row of a conversion, judged by what is known now, carrying its money and joined to nothing yet.
fn write(
    connection: &Connection,
    site_id: &str,
    id: &str,
    received_at: Millis,
    conversion: &Conversion,
) -> Result<Attribution, Failure> {
    static SQL: OnceLock<String> = OnceLock::new();
    let case = Case {
        sub_id: conversion.sub_id.as_deref(),
        is_test: conversion.is_test,
        sent_at: conversion.sent_at,
        received_at,
    };
    let Verdict { attribution, at } = judge(connection, site_id, &case)?;
    let lead_visit = Lead::of(case.sub_id).visit_id();
    let value = Money::of(conversion.value)?;
    let affiliate = Money::of(conversion.amounts.affiliate)?;
    let vendor = Money::of(conversion.amounts.vendor)?;
    let brutto = Money::of(conversion.amounts.brutto)?;
    let netto = Money::of(conversion.amounts.netto)?;
    let columns: [(&str, &dyn ToSql); 41] = [
        ("site_id", &site_id),
        ("id", &id),
        ("at", &at),
        ("received_at", &received_at),
        ("state", &attribution.state.as_str()),
        ("reason", &attribution.reason),
        ("click_id", &attribution.click_id),
        ("visit_id", &attribution.visit_id),
        ("lead_visit", &lead_visit.as_ref().map(VisitId::as_str)),
        ("tracking_group", &conversion.group),
        ("identity", &conversion.identity),
        ("content", &conversion.content),
        ("kind", &conversion.kind),
        ("type_sent", &conversion.type_sent),
        ("value", &value.scaled),
        ("value_decimals", &value.decimals),
        ("currency", &conversion.currency.as_ref().map(|currency| currency.as_str())),
        ("affiliate", &affiliate.scaled),
        ("affiliate_decimals", &affiliate.decimals),
        ("vendor", &vendor.scaled),
        ("vendor_decimals", &vendor.decimals),
        ("brutto", &brutto.scaled),
        ("brutto_decimals", &brutto.decimals),
        ("netto", &netto.scaled),
        ("netto_decimals", &netto.decimals),
        ("transaction_id", &conversion.transaction_id),
        ("transaction_type", &conversion.transaction_type.as_str()),
        ("order_type", &conversion.order_type),
        ("billing_type", &conversion.billing_type),
        ("billing_status", &conversion.billing_status),
        ("order_id", &conversion.order_id),
        ("product_id", &conversion.product_id),
        ("product_name", &conversion.product_name),
        ("sub_id", &conversion.sub_id),
        ("custom", &json(&conversion.custom)?),
        ("sent_at", &conversion.sent_at),
        ("is_test", &conversion.is_test),
        ("notes", &json(&conversion.notes)?),
        ("sale_id", &None::<&str>),
        ("carries", &true),
        ("overdrawn", &false),
    ];
    let sql = SQL.get_or_init(|| {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        format!("INSERT INTO conversions ({}) VALUES ({})", names.join(", "), vec!["?"; names.len()].join(", "))
    });
    connection.prepare_cached(sql)?.execute(params_from_iter(columns.iter().map(|(_, value)| value)))?;
    Ok(attribution)
}
