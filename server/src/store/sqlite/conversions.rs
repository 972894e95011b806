//! From a postback that was understood to the books: a new conversion, a repeat, or another version of one that is booked.

use super::attributions::{Case, Verdict, judge, reason_of_maker, state_of_maker, tell_postbacks};
use super::carriers;
use super::deliveries::{self, Told};
use super::failure::Failure;
use super::joins::{self, Ties};
use super::rows::{self, Money, json};
use crate::attribution::{Attribution, Lead};
use crate::repeats::{Effect, effect, fold};
use crate::store::{Millis, PostbackOutcome, PostbackState};
use rusqlite::{Connection, Row, ToSql, params, params_from_iter};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use tagwerk_protocol::click_id::VisitId;
use tagwerk_protocol::conversion::Conversion;

/// What is booked under an identity.
pub(super) struct Booked {
    pub(super) id: String,
    pub(super) received_at: Millis,
    pub(super) versions: u32,
    pub(super) said: Conversion,
    pub(super) ties: Ties,
}

/// What became of a postback, and what its row keeps of what it says.
pub(super) struct Booking {
    pub(super) outcome: PostbackOutcome,
    pub(super) content: Vec<u8>,
    pub(super) reading: Option<String>,
}

/// A content hash as postbacks keep it: enough to tell the versions of one conversion apart.
pub(super) fn content_key(content: &str) -> Vec<u8> {
    Sha256::digest(content.as_bytes()).iter().take(16).copied().collect()
}

/// Books what a postback says that has just arrived.
pub(super) fn book(
    connection: &Connection,
    site_id: &str,
    received_at: Millis,
    conversion_id: &str,
    conversion: &Conversion,
) -> Result<Booking, Failure> {
    let content = content_key(&conversion.content);
    let Some(booked) = booked(connection, site_id, &conversion.identity)? else {
        let attribution = write(connection, site_id, conversion_id, received_at, conversion, 1)?;
        settle(connection, site_id, vec![Ties::of(conversion, &attribution)])?;
        let outcome = PostbackOutcome {
            state: state_of_maker(attribution.state),
            reason: reason_of_maker(&attribution, &conversion.notes),
            conversion_id: Some(conversion_id.to_owned()),
        };
        return Ok(Booking { outcome, content, reading: None });
    };
    let is_known = booked.said.content == conversion.content
        || (booked.versions > 1 && is_told(connection, site_id, &booked.id, &content)?);
    let before = if is_known { Vec::new() } else { versions(connection, site_id, &booked)? };
    let effect = if is_known { Effect::Repeats } else { effect(&before, conversion) };
    if effect != Effect::Repeats && booked.versions == 1 {
        keep_reading(connection, site_id, &booked)?;
    }
    let versions = booked.versions + 1;
    let reason = effect.reason(&before, conversion).map(str::to_owned);
    match effect {
        Effect::Changes => {
            let all: Vec<Conversion> = before.into_iter().chain([conversion.clone()]).collect();
            let folded = fold(&all).unwrap_or_else(|| conversion.clone());
            rewrite(connection, site_id, &booked, booked.received_at, &folded, versions)?;
        }
        Effect::Loses => set_versions(connection, site_id, &booked.id, versions)?,
        Effect::Makes | Effect::Repeats => {}
    }
    let outcome = PostbackOutcome {
        state: if effect == Effect::Changes { PostbackState::Updated } else { PostbackState::Duplicate },
        reason,
        conversion_id: Some(booked.id),
    };
    let reading = (effect != Effect::Repeats).then(|| json(conversion)).transpose()?;
    Ok(Booking { outcome, content, reading })
}

/// Puts another version in the place of what is booked. Its id stays: what came of the conversion elsewhere knows it by that.
pub(super) fn rewrite(
    connection: &Connection,
    site_id: &str,
    booked: &Booked,
    received_at: Millis,
    conversion: &Conversion,
    versions: u32,
) -> Result<Attribution, Failure> {
    remove(connection, site_id, &booked.id)?;
    let attribution = write(connection, site_id, &booked.id, received_at, conversion, versions)?;
    tell_postbacks(connection, site_id, &booked.id, &attribution, &conversion.notes)?;
    settle(connection, site_id, vec![booked.ties.clone(), Ties::of(conversion, &attribution)])?;
    Ok(attribution)
}

/// Takes a row out of the books; what it was joined to is settled by the caller.
pub(super) fn remove(connection: &Connection, site_id: &str, id: &str) -> Result<(), Failure> {
    connection.prepare_cached("DELETE FROM conversions WHERE site_id = ? AND id = ?")?.execute([site_id, id])?;
    Ok(())
}

fn set_versions(connection: &Connection, site_id: &str, id: &str, versions: u32) -> Result<(), Failure> {
    connection
        .prepare_cached("UPDATE conversions SET versions = ? WHERE site_id = ? AND id = ?")?
        .execute(params![versions, site_id, id])?;
    Ok(())
}

/// Whether a postback of this conversion says that already.
fn is_told(connection: &Connection, site_id: &str, id: &str, content: &[u8]) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM postbacks WHERE site_id = ? AND conversion_id = ? AND content = ?";
    Ok(connection.prepare_cached(sql)?.exists(params![site_id, id, content])?)
}

/// What one more version has to be weighed against: every version there is, and not the one that counts alone. Versions may be of
/// several types, and which of them says what a repeat does may change with one more.
fn versions(connection: &Connection, site_id: &str, booked: &Booked) -> Result<Vec<Conversion>, Failure> {
    if booked.versions == 1 {
        return Ok(vec![booked.said.clone()]);
    }
    let sql = "SELECT reading FROM postbacks INDEXED BY postbacks_of_a_conversion
               WHERE site_id = ? AND conversion_id = ? AND reading IS NOT NULL ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let readings = statement.query_map([site_id, &booked.id], |row| row.get::<_, String>(0))?;
    readings.map(|reading| Ok(serde_json::from_str(&reading?)?)).collect()
}

/// Keeps the only version there was beside the postback that told it, before the row comes to hold another.
pub(super) fn keep_reading(connection: &Connection, site_id: &str, booked: &Booked) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE postbacks SET reading = ?, content = ? WHERE site_id = ? AND id = (
                 SELECT id FROM postbacks WHERE site_id = ?3 AND conversion_id = ?4 ORDER BY id LIMIT 1)",
        )?
        .execute(params![json(&booked.said)?, content_key(&booked.said.content), site_id, booked.id])?;
    Ok(())
}

/// Brings the money of the transactions that changed, and what their refunds take back, up to the books as they are now.
pub(super) fn settle(connection: &Connection, site_id: &str, mut changed: Vec<Ties>) -> Result<(), Failure> {
    let moved = carriers::choose(connection, site_id, &changed)?;
    changed.extend(moved);
    joins::rejoin(connection, site_id, &changed)
}

/// What is booked under this identity.
pub(super) fn booked(connection: &Connection, site_id: &str, identity: &str) -> Result<Option<Booked>, Failure> {
    let sql = "SELECT * FROM conversions WHERE site_id = ? AND identity = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_and_then([site_id, identity], read)?.next();
    found.transpose()
}

/// What is booked under this id.
pub(super) fn booked_as(connection: &Connection, site_id: &str, id: &str) -> Result<Option<Booked>, Failure> {
    let sql = "SELECT * FROM conversions WHERE site_id = ? AND id = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_and_then([site_id, id], read)?.next();
    found.transpose()
}

fn read(row: &Row<'_>) -> Result<Booked, Failure> {
    Ok(Booked {
        id: row.get("id")?,
        received_at: row.get("received_at")?,
        versions: row.get("versions")?,
        said: rows::said(row)?,
        ties: Ties::read(row)?,
    })
}

/// Writes the row of a conversion, judged by what is known now, carrying its money and joined to nothing yet.
pub(super) fn write(
    connection: &Connection,
    site_id: &str,
    id: &str,
    received_at: Millis,
    conversion: &Conversion,
    versions: u32,
) -> Result<Attribution, Failure> {
    static SQL: OnceLock<String> = OnceLock::new();
    let case = Case::of(conversion, received_at);
    let Verdict { attribution, at } = judge(connection, site_id, &case)?;
    let lead_visit = Lead::of(case.sub_id).visit_id();
    let value = Money::of(conversion.value)?;
    let affiliate = Money::of(conversion.amounts.affiliate)?;
    let vendor = Money::of(conversion.amounts.vendor)?;
    let brutto = Money::of(conversion.amounts.brutto)?;
    let netto = Money::of(conversion.amounts.netto)?;
    let columns: [(&str, &dyn ToSql); 50] = [
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
        ("marked", &conversion.marked),
        ("notes", &json(&conversion.notes)?),
        ("versions", &versions),
        ("repeat_mode", &conversion.repeat.as_str()),
        ("series", &conversion.series),
        ("assumed", &conversion.assumed),
        ("rebill", &conversion.rebill),
        ("recurring", &conversion.recurring),
        ("click_expiry_days", &conversion.click_expiry_days),
        ("past", &conversion.past),
        ("sale_id", &None::<&str>),
        ("carries", &true),
        ("overdrawn", &false),
    ];
    let sql = SQL.get_or_init(|| {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        format!("INSERT INTO conversions ({}) VALUES ({})", names.join(", "), vec!["?"; names.len()].join(", "))
    });
    connection.prepare_cached(sql)?.execute(params_from_iter(columns.iter().map(|(_, value)| value)))?;
    let told = Told { id, said: conversion, attribution: &attribution, at, received_at };
    deliveries::of_conversion(connection, site_id, &told)?;
    Ok(attribution)
}
