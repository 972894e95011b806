//! The facts of visits and clicks: one each, made once.

use super::fact::{Fact, column};
use super::origin::{self, origin, place};
use super::words::{CURRENCY, Words};
use crate::store::Millis;
use crate::store::facts::Dimension;
use crate::store::sqlite::failure::Failure;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// A visit that is news.
pub(super) struct Came {
    pub(super) fact: Fact,
    pub(super) began: Millis,
    pub(super) visitor_id: Option<String>,
}

/// The fact of a visit; nothing where it is gone.
pub(super) fn visit(
    connection: &Connection,
    site_id: &str,
    id: &str,
    words: &mut Words<'_>,
) -> Result<Option<Came>, Failure> {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(|| {
        format!(
            "SELECT min(visits.at, visits.received_at) AS began, visits.visit_id, visits.visitor_id, visits.bot, visits.cost,
                    visits.cost_currency, {}
             FROM visits WHERE visits.site_id = ? AND visits.id = ?",
            origin::COLUMNS
        )
    });
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (began, visitor_id): (Millis, Option<String>) = (row.get("began")?, row.get("visitor_id")?);
    let visitor = match &visitor_id {
        Some(visitor_id) => hash("visitor", visitor_id),
        // Nobody knows who it was: a visitor of its own.
        None => hash("visit", &row.get::<_, String>("visit_id")?),
    };
    let (cost, currency): (Option<i64>, Option<String>) = (row.get("cost")?, row.get("cost_currency")?);
    let cost = cost.unwrap_or_default();
    let mut fact =
        Fact::new(id, began).with(column::BOT, row.get("bot")?).with(column::VISITOR, visitor).with(column::COST, cost);
    if let Some((column, code)) =
        words.cell_of(CURRENCY, currency.as_deref().filter(|_| cost != 0).unwrap_or_default())?
    {
        fact.put(column, code);
    }
    for (column, code) in origin(row, words)? {
        fact.put(column, code);
    }
    Ok(Some(Came { fact, began, visitor_id }))
}

/// 64 bits that are the same for the same text, and for no other that is likely to be met.
fn hash(of: &str, text: &str) -> i64 {
    let digest = Sha256::new().chain_update(of).chain_update([0]).chain_update(text).finalize();
    digest.first_chunk().copied().map_or(0, i64::from_le_bytes)
}

/// A click that is news.
pub(super) struct Clicked {
    pub(super) fact: Fact,
    pub(super) click_id: String,
}

/// The fact of a click, with where its visit came from; nothing where it is gone.
pub(super) fn click(
    connection: &Connection,
    site_id: &str,
    id: &str,
    words: &mut Words<'_>,
) -> Result<Option<Clicked>, Failure> {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(|| {
        format!(
            "SELECT min(clicks.at, clicks.received_at) AS clicked, clicks.click_id, clicks.tracking_group, clicks.href,
                    clicks.page, {}
             FROM clicks LEFT JOIN visits ON visits.site_id = clicks.site_id AND visits.visit_id = clicks.visit_id
             WHERE clicks.site_id = ? AND clicks.id = ?",
            origin::COLUMNS
        )
    });
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let text = |column: &str| Ok::<_, Failure>(row.get::<_, Option<String>>(column)?.unwrap_or_default());
    let mut fact = Fact::new(id, row.get("clicked")?);
    let mut cells = origin(row, words)?;
    cells.extend(words.cell(&Dimension::Group, &text("tracking_group")?)?);
    cells.extend(words.cell(&Dimension::Page, &place(&text("page")?))?);
    cells.extend(words.cell(&Dimension::Link, &place(&text("href")?))?);
    for (column, code) in cells {
        fact.put(column, code);
    }
    Ok(Some(Clicked { fact, click_id: row.get("click_id")? }))
}
