//! Erasing a visitor. Everything happens in one transaction, so that nobody is half erased; it is about the rows of one browser, of which
//! the limit of events per minute allows no more than so many.

use super::attributions::{Case, Verdict, judge, tell_postbacks};
use super::connection::{BUSY, writing_what_is_there};
use super::conversions::booked_as;
use super::deliveries::WITHDRAW;
use super::erased::{self, ERASED, VISIT, VISITOR};
use super::facts::{self, Gone};
use super::failure::Failure;
use super::rows::{self, from_json, json};
use super::{Sqlite, credit_kept};
use crate::attribution::Lead;
use crate::erasing::{self, Names, Traces};
use crate::store::{Erased, Erasing, Erasure, Footprint, Millis, PostbackRow, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::conversion::Conversion;

/// How many conversions that share an order or a transaction are taken for one buyer's: more share a word that a network always sends.
const MOST_OF_AN_ORDER: usize = 200;
/// How many postbacks without a conversion are looked at in one go.
const PART: i64 = 500;

/// The visits of a visitor; one that names no visitor is a visitor of its own.
const VISITS: &str = "
    SELECT id, visit_id, visitor_id, min(at, received_at) AS began, ip, user_agent, click_ids, cookies, built_cookies, first_touch
    FROM visits WHERE site_id = ?1 AND visitor_id = ?2 AND visitor_id IS NOT NULL
    UNION ALL
    SELECT id, visit_id, visitor_id, min(at, received_at) AS began, ip, user_agent, click_ids, cookies, built_cookies, first_touch
    FROM visits WHERE site_id = ?1 AND visit_id = ?2 AND visitor_id IS NULL";
/// The conversions of a visit.
const OF_A_VISIT: &str =
    "SELECT * FROM conversions INDEXED BY conversions_of_a_visit WHERE site_id = ? AND lead_visit = ?";
/// What shares an order with a conversion.
const OF_AN_ORDER: &str = "
    SELECT id, lead_visit FROM conversions INDEXED BY conversions_of_an_order
    WHERE site_id = ? AND order_id = ? AND tracking_group = ? LIMIT ?";
/// What shares a transaction with a conversion.
const OF_A_TRANSACTION: &str = "
    SELECT id, lead_visit FROM conversions INDEXED BY conversions_of_a_transaction
    WHERE site_id = ? AND transaction_id = ? AND tracking_group = ? LIMIT ?";
/// What takes a sale back.
const OF_A_SALE: &str = "
    SELECT id, lead_visit FROM conversions INDEXED BY conversions_of_a_sale WHERE site_id = ? AND sale_id = ? LIMIT ?";
/// The postbacks of a conversion.
const TELLERS: &str =
    "SELECT * FROM postbacks INDEXED BY postbacks_of_a_conversion WHERE site_id = ? AND conversion_id = ?";
/// Postbacks that tell no conversion.
const LOOSE: &str = "
    SELECT * FROM postbacks INDEXED BY postbacks_without_conversion
    WHERE site_id = ? AND conversion_id IS NULL AND id > ? ORDER BY id LIMIT ?";
/// The deliveries of an event of a page.
const OF_AN_EVENT: &str = "
    DELETE FROM deliveries WHERE site_id = ? AND event_id = ? AND conversion_id IS NULL";
/// What was told to platforms of a conversion, and what they answered.
const UNTELL: &str = "
    UPDATE deliveries INDEXED BY deliveries_of_a_conversion
    SET exchange = NULL, last_answer = NULL, receipt = NULL WHERE site_id = ? AND conversion_id = ?";

#[async_trait]
impl Erasing for Sqlite {
    async fn footprint(&self, site_id: &str, visitor_id: &str) -> Result<Option<Footprint>, StoreError> {
        let (site_id, visitor_id) = (site_id.to_owned(), visitor_id.to_owned());
        self.read(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            Ok(find(&transaction, &site_id, &visitor_id)?.map(|found| found.footprint))
        })
        .await
    }

    async fn loose_postbacks(
        &self,
        site_id: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<PostbackRow>, StoreError> {
        let (site_id, limit) = (site_id.to_owned(), i64::try_from(limit).unwrap_or(i64::MAX));
        self.read(move |connection| loose(connection, &site_id, after.as_deref(), limit)).await
    }

    async fn erase_visitor(
        &self,
        site_id: &str,
        visitor_id: &str,
        erasure: Erasure,
        now: Millis,
    ) -> Result<Option<Erased>, StoreError> {
        let (site_id, visitor_id, seal) = (site_id.to_owned(), visitor_id.to_owned(), self.seal);
        let erased = self
            .writer
            .write(move |connection| {
                let Some(found) = find(connection, &site_id, &visitor_id)? else { return Ok(None) };
                let erasing = Visitor { connection, site_id: &site_id, found: &found, erasure: &erasure };
                erasing.erase(&visitor_id, now, seal).map(Some)
            })
            .await?;
        let Some(mut erased) = erased else { return Ok(None) };
        self.kept.forget();
        erased.is_log_empty = self.empty_log().await;
        Ok(Some(erased))
    }

    async fn is_erased(&self, site_id: &str, visit_id: &str) -> Result<bool, StoreError> {
        let (site_id, visit_id) = (site_id.to_owned(), visit_id.to_owned());
        self.read(move |connection| erased::is_erased(connection, &site_id, VISIT, &visit_id)).await
    }
}

impl Sqlite {
    /// Writes what is in the log into the database and empties it, since it holds pages as they were. Whether that could be done: somebody
    /// who reads what was may be in the way, and then it is done when they are through and the log is full.
    async fn empty_log(&self) -> bool {
        let path = self.readers.path.clone();
        let empty = move || -> Result<bool, rusqlite::Error> {
            let connection = writing_what_is_there(&path)?;
            connection.busy_timeout(BUSY)?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
        };
        match tokio::task::spawn_blocking(empty).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the log of the database was not emptied after erasing");
                false
            }
            Err(_) => false,
        }
    }
}

/// A visit that is erased.
struct Visit {
    row: String,
    visit_id: String,
}

/// Everything that is known of a visitor.
struct Found {
    visits: Vec<Visit>,
    /// Ids of rows and events.
    events: Vec<(String, String)>,
    /// Ids of rows.
    clicks: Vec<String>,
    /// Conversions that name one of the visits.
    named: BTreeSet<String>,
    /// Those, and what belongs to the same orders and names nobody else.
    conversions: BTreeSet<String>,
    footprint: Footprint,
}

/// Finds it; nothing where there is no visit.
fn find(connection: &Connection, site_id: &str, visitor_id: &str) -> Result<Option<Found>, Failure> {
    let mut footprint = Footprint { first: Millis::MAX, last: Millis::MIN, ..Footprint::default() };
    let traces = &mut footprint.traces;
    traces.visitor = visitor_id.to_owned();
    let mut visits = Vec::new();
    let mut statement = connection.prepare_cached(VISITS)?;
    let mut rows = statement.query([site_id, visitor_id])?;
    while let Some(row) = rows.next()? {
        let began: Millis = row.get("began")?;
        (footprint.first, footprint.last) = (footprint.first.min(began), footprint.last.max(began));
        trace(row, traces)?;
        let visit_id: String = row.get("visit_id")?;
        traces.visits.insert(visit_id.clone());
        visits.push(Visit { row: row.get("id")?, visit_id });
    }
    if visits.is_empty() {
        return Ok(None);
    }
    let mut found = Found {
        visits,
        events: Vec::new(),
        clicks: Vec::new(),
        named: BTreeSet::new(),
        conversions: BTreeSet::new(),
        footprint: Footprint::default(),
    };
    for visit in &found.visits {
        let of_it = [site_id, &visit.visit_id];
        let mut statement = connection.prepare_cached(
            "SELECT id, event_id FROM events INDEXED BY events_of_a_visit WHERE site_id = ? AND visit_id = ?",
        )?;
        let events = statement.query_map(of_it, |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.events.extend(events.collect::<Result<Vec<_>, _>>()?);
        let mut statement = connection.prepare_cached(
            "SELECT id, ip, user_agent FROM clicks INDEXED BY clicks_of_a_visit WHERE site_id = ? AND visit_id = ?",
        )?;
        let mut clicks = statement.query(of_it)?;
        while let Some(row) = clicks.next()? {
            found.clicks.push(row.get("id")?);
            browser(row, &mut footprint.traces)?;
        }
    }
    conversions(connection, site_id, &mut found, &mut footprint.traces)?;
    for id in &found.conversions {
        let count = |sql: &str| -> Result<u64, Failure> {
            let count: i64 = connection.prepare_cached(sql)?.query_row([site_id, id], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or_default())
        };
        footprint.postbacks += count("SELECT count(*) FROM postbacks WHERE site_id = ? AND conversion_id = ?")?;
        footprint.waiting += count(
            "SELECT count(*) FROM deliveries INDEXED BY deliveries_of_a_conversion
             WHERE site_id = ? AND conversion_id = ? AND state IN ('waiting', 'stopped')",
        )?;
    }
    footprint.visits = number(found.visits.len());
    footprint.events = number(found.events.len());
    footprint.clicks = number(found.clicks.len());
    footprint.conversions = number(found.conversions.len());
    found.footprint = footprint;
    Ok(Some(found))
}

/// What the row of a visit knows its visitor by.
fn trace(row: &Row<'_>, traces: &mut Traces) -> Result<(), Failure> {
    browser(row, traces)?;
    for column in ["click_ids", "cookies", "built_cookies"] {
        traces.texts.extend(from_json::<BTreeMap<String, String>>(row, column)?.into_values());
    }
    let first: Option<crate::store::FirstTouch> = from_json(row, "first_touch")?;
    traces.texts.extend(first.into_iter().flat_map(|first| first.click_ids.into_values()));
    Ok(())
}

fn browser(row: &Row<'_>, traces: &mut Traces) -> Result<(), Failure> {
    for column in ["ip", "user_agent"] {
        traces.texts.extend(row.get::<_, Option<String>>(column)?);
    }
    Ok(())
}

/// The conversions of the visits, and what belongs to the same orders.
fn conversions(connection: &Connection, site_id: &str, found: &mut Found, traces: &mut Traces) -> Result<(), Failure> {
    for visit in &found.visits {
        let mut statement = connection.prepare_cached(OF_A_VISIT)?;
        let mut rows = statement.query([site_id, &visit.visit_id])?;
        while let Some(row) = rows.next()? {
            let id: String = row.get("id")?;
            let group: String = row.get("tracking_group")?;
            for (column, sql) in [("order_id", OF_AN_ORDER), ("transaction_id", OF_A_TRANSACTION)] {
                let Some(shared) = row.get::<_, Option<String>>(column)? else { continue };
                let asked = params![site_id, shared, group, limit()];
                if tied(connection, sql, asked, traces, &mut found.conversions)? {
                    traces.orders.insert((group.clone(), shared));
                }
            }
            tied(connection, OF_A_SALE, params![site_id, id, limit()], traces, &mut found.conversions)?;
            found.conversions.insert(id.clone());
            found.named.insert(id);
        }
    }
    Ok(())
}

fn limit() -> i64 {
    i64::try_from(MOST_OF_AN_ORDER + 1).unwrap_or(i64::MAX)
}

/// Adds what is tied to a conversion and names nobody else; whether so few share the tie that it says something.
fn tied(
    connection: &Connection,
    sql: &str,
    asked: &[&dyn rusqlite::ToSql],
    traces: &Traces,
    into: &mut BTreeSet<String>,
) -> Result<bool, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(asked, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let shared: Vec<(String, Option<String>)> = rows.collect::<Result<_, _>>()?;
    if shared.len() > MOST_OF_AN_ORDER {
        return Ok(false);
    }
    let is_nobody_else_s = |lead: &Option<String>| lead.as_ref().is_none_or(|visit| traces.visits.contains(visit));
    into.extend(shared.into_iter().filter(|(_, lead)| is_nobody_else_s(lead)).map(|(id, _)| id));
    Ok(true)
}

fn loose(connection: &Connection, site_id: &str, after: Option<&str>, limit: i64) -> Result<Vec<PostbackRow>, Failure> {
    let mut statement = connection.prepare_cached(LOOSE)?;
    statement.query_and_then(params![site_id, after.unwrap_or_default(), limit], rows::postback)?.collect()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A visitor who is being erased.
struct Visitor<'a> {
    connection: &'a Connection,
    site_id: &'a str,
    found: &'a Found,
    erasure: &'a Erasure,
}

impl Visitor<'_> {
    fn traces(&self) -> &Traces {
        &self.found.footprint.traces
    }

    fn names(&self) -> &Names {
        self.erasure.cleansing.names()
    }

    fn erase(&self, visitor_id: &str, now: Millis, seal: usize) -> Result<Erased, Failure> {
        let mut erased = Erased {
            visits: number(self.found.visits.len()),
            events: number(self.found.events.len()),
            clicks: number(self.found.clicks.len()),
            conversions: number(self.found.conversions.len()),
            ..Erased::default()
        };
        // What the conversions are credited to is read before the visits go.
        for id in &self.found.named {
            self.keep_credit(id)?;
        }
        self.remember(visitor_id, now)?;
        for id in &self.found.conversions {
            erased.postbacks += self.cleanse_tellers(id)?;
            self.without_person(id)?;
            erased.stopped += self.stop(id)?;
            erased.deliveries += number(self.connection.prepare_cached(UNTELL)?.execute([self.site_id, id.as_str()])?);
        }
        erased.postbacks += self.cleanse_loose()?;
        for (_, event_id) in &self.found.events {
            erased.deliveries +=
                number(self.connection.prepare_cached(OF_AN_EVENT)?.execute([self.site_id, event_id.as_str()])?);
        }
        self.delete()?;
        let visits: Vec<String> = self.found.visits.iter().map(|visit| visit.row.clone()).collect();
        let mut counted = self.found.conversions.clone();
        for id in &self.found.conversions {
            let mut statement =
                self.connection.prepare_cached("SELECT id FROM conversions WHERE site_id = ? AND sale_id = ?")?;
            let back = statement.query_map([self.site_id, id.as_str()], |row| row.get::<_, String>(0))?;
            counted.extend(back.collect::<Result<Vec<_>, _>>()?);
        }
        let gone = Gone { visits: &visits, clicks: &self.found.clicks, conversions: &counted, visitor_id };
        facts::erase(self.connection, self.site_id, &gone, seal)?;
        self.out_of_trail()?;
        Ok(erased)
    }

    /// Keeps what a conversion is credited to, under the token that comes to stand in the place of its sub-id.
    fn keep_credit(&self, id: &str) -> Result<(), Failure> {
        let Some(booked) = booked_as(self.connection, self.site_id, id)? else { return Ok(()) };
        let Some((token, visit_id)) = self.token(&booked.said) else { return Ok(()) };
        credit_kept::keep(
            self.connection,
            self.site_id,
            &credit_kept::Of {
                token: &token,
                visit_id: &visit_id,
                sub_id: booked.said.sub_id.as_deref().unwrap_or_default(),
                traces: self.traces(),
                names: self.names(),
            },
        )
    }

    /// The token of what a conversion says, and the visit that it named.
    fn token(&self, said: &Conversion) -> Option<(String, String)> {
        let lead = Lead::of(said.sub_id.as_deref());
        let visit_id = lead.visit_id().filter(|visit| self.traces().visits.contains(visit.as_str()))?;
        let token = erasing::token(self.site_id, said.sub_id.as_deref()?, matches!(lead, Lead::Click(_)));
        Some((token, visit_id.to_string()))
    }

    /// Remembers that visits and visitor were erased.
    fn remember(&self, visitor_id: &str, now: Millis) -> Result<(), Failure> {
        let visits = self.found.visits.iter().map(|visit| (VISIT, visit.visit_id.as_str()));
        for (of, id) in visits.chain([(VISITOR, visitor_id)]) {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO erased_ids (site_id, hash, erased_at) VALUES (?, ?, ?)")?
                .execute(params![self.site_id, erased::hash_of(self.site_id, of, id), now])?;
        }
        Ok(())
    }

    /// Takes the person out of a conversion. What it is worth, where it belongs and whether it is credited stays.
    fn without_person(&self, id: &str) -> Result<(), Failure> {
        let Some(mut booked) = booked_as(self.connection, self.site_id, id)? else { return Ok(()) };
        self.anonymous(&mut booked.said);
        let said = &booked.said;
        let custom = json(&said.custom)?;
        if !self.found.named.contains(id) {
            self.connection
                .prepare_cached("UPDATE conversions SET custom = ?, notes = ? WHERE site_id = ? AND id = ?")?
                .execute(params![custom, json(&said.notes)?, self.site_id, id])?;
            return Ok(());
        }
        let Verdict { attribution, at } = judge(self.connection, self.site_id, &Case::of(said, booked.received_at))?;
        self.connection
            .prepare_cached(
                "UPDATE conversions SET sub_id = ?, click_id = ?, visit_id = NULL, lead_visit = NULL, custom = ?, notes = ?,
                        state = ?, reason = ?, at = ?
                 WHERE site_id = ? AND id = ?",
            )?
            .execute(params![
                said.sub_id,
                attribution.click_id,
                custom,
                json(&said.notes)?,
                attribution.state.as_str(),
                attribution.reason,
                at,
                self.site_id,
                id,
            ])?;
        tell_postbacks(self.connection, self.site_id, id, &attribution, &said.notes)
    }

    fn anonymous(&self, said: &mut Conversion) {
        if let Some((token, _)) = self.token(said) {
            said.sub_id = Some(token);
        }
        said.custom.retain(|(name, value)| !self.traces().are_told_by(self.names(), name, value));
        said.notes.retain(|note| !note.contains('@') && !self.traces().are_in(note));
    }

    /// Takes the person out of the postbacks that tell a conversion, and of the versions of it that they hold.
    fn cleanse_tellers(&self, conversion_id: &str) -> Result<u64, Failure> {
        let mut statement = self.connection.prepare_cached(TELLERS)?;
        let found: Vec<(PostbackRow, Option<String>)> = statement
            .query_and_then([self.site_id, conversion_id], |row| Ok((rows::postback(row)?, row.get("reading")?)))?
            .collect::<Result<_, Failure>>()?;
        let mut count = 0;
        for (postback, reading) in found {
            count += u64::from(self.cleanse(&postback, false)?);
            let Some(reading) = reading else { continue };
            let mut said: Conversion = serde_json::from_str(&reading)?;
            self.anonymous(&mut said);
            self.connection
                .prepare_cached("UPDATE postbacks SET reading = ? WHERE site_id = ? AND id = ?")?
                .execute(params![json(&said)?, self.site_id, postback.id])?;
        }
        Ok(count)
    }

    /// Takes the person out of postbacks that tell no conversion: refused ones, and what happened to orders.
    fn cleanse_loose(&self) -> Result<u64, Failure> {
        let mut count = 0;
        for id in &self.erasure.loose {
            let mut statement =
                self.connection.prepare_cached("SELECT * FROM postbacks WHERE site_id = ? AND id = ?")?;
            if let Some(found) = statement.query_and_then([self.site_id, id], rows::postback)?.next() {
                count += u64::from(self.cleanse(&found?, true)?);
            }
        }
        // Those that came since they were looked at.
        let mut last = self.erasure.looked_until.clone();
        loop {
            let part = loose(self.connection, self.site_id, last.as_deref(), PART)?;
            for postback in &part {
                count += u64::from(self.cleanse(postback, true)?);
            }
            match part.last() {
                Some(postback) => last = Some(postback.id.clone()),
                None => return Ok(count),
            }
        }
    }

    /// Takes the person out of one postback; whether there was anything to take.
    fn cleanse(&self, postback: &PostbackRow, if_told: bool) -> Result<bool, Failure> {
        let cleansed = self.erasure.cleansing.cleanse(postback, self.traces(), if_told).map_err(Failure::Unreadable)?;
        let Some(cleansed) = cleansed else { return Ok(false) };
        let reason =
            postback.reason.as_deref().map(|reason| match reason.contains('@') || self.traces().are_in(reason) {
                true => ERASED,
                false => reason,
            });
        self.connection
            .prepare_cached("UPDATE postbacks SET raw = ?, corrections = ?, reason = ? WHERE site_id = ? AND id = ?")?
            .execute(params![cleansed.raw, cleansed.corrections, reason, self.site_id, postback.id])?;
        let sub_id: Option<String> = self
            .connection
            .prepare_cached("SELECT sub_id FROM order_events WHERE site_id = ? AND id = ?")?
            .query_row([self.site_id, &postback.id], |row| row.get(0))
            .optional()?
            .flatten();
        if let Some(sub_id) = sub_id.filter(|sub_id| self.traces().are_in(sub_id)) {
            let is_click = matches!(Lead::of(Some(&sub_id)), Lead::Click(_));
            self.connection
                .prepare_cached("UPDATE order_events SET sub_id = ? WHERE site_id = ? AND id = ?")?
                .execute(params![erasing::token(self.site_id, &sub_id, is_click), self.site_id, postback.id])?;
        }
        Ok(true)
    }

    /// Stops what waits to be sent of a conversion.
    fn stop(&self, conversion_id: &str) -> Result<u64, Failure> {
        let asked = params![self.site_id, conversion_id, None::<&str>, ERASED];
        Ok(number(self.connection.prepare_cached(WITHDRAW)?.execute(asked)?))
    }

    fn delete(&self) -> Result<(), Failure> {
        let delete = |table: &str, id: &str| -> Result<(), Failure> {
            let sql = format!("DELETE FROM {table} WHERE site_id = ? AND id = ?");
            self.connection.prepare_cached(&sql)?.execute([self.site_id, id])?;
            Ok(())
        };
        self.found.events.iter().try_for_each(|(id, _)| delete("events", id))?;
        self.found.clicks.iter().try_for_each(|id| delete("clicks", id))?;
        self.found.visits.iter().try_for_each(|visit| delete("visits", &visit.row))
    }

    /// Takes the visitor out of the particulars of what people did.
    fn out_of_trail(&self) -> Result<(), Failure> {
        let mut statement = self.connection.prepare_cached("SELECT id, about FROM audit WHERE site_id = ?")?;
        let rows = statement.query_map([self.site_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let told: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
        for (id, about) in told.into_iter().filter(|(_, about)| self.traces().are_named_in(about)) {
            let mut about: Value = serde_json::from_str(&about)?;
            self.out_of(&mut about);
            self.connection
                .prepare_cached("UPDATE audit SET about = ? WHERE id = ?")?
                .execute(params![json(&about)?, id])?;
        }
        Ok(())
    }

    fn out_of(&self, about: &mut Value) {
        match about {
            Value::String(text) if self.traces().are_named_in(text) => *text = "(erased)".to_owned(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.out_of(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.out_of(field)),
            _ => {}
        }
    }
}
