//! What the totals hold of a conversion: how it is made, kept and taken out again.

use super::DAY;
use super::origin::{self, Origins, origin};
use crate::credit::{self, Case, Model, Touch};
use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::rows::{json, transaction_type};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::TransactionType;

/// A visitor's touches before a conversion, the latest first.
pub(super) fn touches_sql() -> String {
    format!(
        "SELECT visits.visit_id, min(visits.at, visits.received_at) AS began, {} FROM visits
         WHERE visits.site_id = ?1 AND visits.visitor_id = ?2 AND visits.visitor_id IS NOT NULL
           AND min(visits.at, visits.received_at) BETWEEN ?3 AND ?4
         ORDER BY began DESC, visits.visit_id DESC LIMIT ?5",
        origin::COLUMNS
    )
}

/// The part of one origin, by its number: of the conversion in millionths, and of its value in 10^-6.
pub(super) type Share = (i64, i64, Option<i64>);

/// What the totals hold of one conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) day: i64,
    pub(super) kind: String,
    pub(super) group: String,
    pub(super) product: String,
    pub(super) currency: String,
    /// Whether money went back.
    pub(super) goes_back: bool,
    /// In 10^-6, negative where money went back.
    pub(super) value: Option<i64>,
    /// Whether it is credited to a visit.
    pub(super) attributed: bool,
    /// Where the visit of the click came from, if it is known.
    pub(super) source: Option<i64>,
    /// By model, who shares it; models that say the same as that of the click are left out.
    pub(super) shares: BTreeMap<String, Vec<Share>>,
    visitor_id: Option<String>,
    counted_at: i64,
}

/// A visit that is credited or may be.
struct Visited {
    touch: Touch,
    visitor_id: Option<String>,
    source: i64,
}

/// What the totals should hold of a conversion; nothing where it is gone, a test, or does not carry its money.
pub(super) fn due(
    connection: &Connection,
    site_id: &str,
    id: &str,
    origins: &mut Origins<'_>,
) -> Result<Option<Entry>, Failure> {
    // A refund that is joined to its sale is credited as the sale is, so that it takes back what the sale gave.
    let mut statement = connection.prepare_cached(
        "SELECT own.at, own.kind, own.tracking_group, own.value, own.currency, own.transaction_type,
                coalesce(own.product_id, sale.product_id) AS product_id,
                iif(sale.id IS NULL, own.at, sale.at) AS counted_at,
                iif(sale.id IS NULL, own.visit_id, sale.visit_id) AS visit_id,
                iif(sale.id IS NULL, coalesce(own.rebill, own.recurring), coalesce(sale.rebill, sale.recurring)) AS agreed
         FROM conversions AS own
         LEFT JOIN conversions AS sale ON sale.site_id = own.site_id AND sale.id = own.sale_id
         WHERE own.site_id = ? AND own.id = ? AND own.carries = 1 AND own.is_test = 0",
    )?;
    let mut rows = statement.query([site_id, id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let text = |column: &str| Ok::<_, Failure>(row.get::<_, Option<String>>(column)?.unwrap_or_default());
    let (at, visit_id): (i64, Option<String>) = (row.get("at")?, row.get("visit_id")?);
    let mut entry = Entry {
        day: at.div_euclid(DAY),
        kind: text("kind")?,
        group: text("tracking_group")?,
        product: text("product_id")?,
        currency: text("currency")?,
        goes_back: transaction_type(row)? != TransactionType::Payment,
        value: row.get("value")?,
        attributed: visit_id.is_some(),
        source: None,
        shares: BTreeMap::new(),
        visitor_id: None,
        counted_at: row.get("counted_at")?,
    };
    let Some(visit_id) = visit_id else { return Ok(Some(entry)) };
    let Some(own) = visit(connection, site_id, &visit_id, origins)? else { return Ok(Some(entry)) };
    if row.get("agreed")? {
        // What the visitor did after the click has no part in payments that were agreed upon then. Where nobody says which of those that
        // recur is the first, all of them are credited alike.
        entry.counted_at = own.touch.at;
    }
    entry.source = Some(own.source);
    entry.visitor_id.clone_from(&own.visitor_id);
    share(connection, site_id, &mut entry, own, origins)?;
    Ok(Some(entry))
}

/// Works out who shares an entry by each model.
fn share(
    connection: &Connection,
    site_id: &str,
    entry: &mut Entry,
    own: Visited,
    origins: &mut Origins<'_>,
) -> Result<(), Failure> {
    let Some(visitor_id) = &own.visitor_id else { return Ok(()) };
    let mut statement = connection.prepare_cached(&touches_sql())?;
    let from = entry.counted_at.saturating_sub(credit::LOOK_BACK);
    let mut rows =
        statement.query(params![site_id, visitor_id, from, entry.counted_at, credit::MOST_TOUCHES as i64])?;
    let (mut touches, mut sources) = (Vec::new(), BTreeMap::new());
    while let Some(row) = rows.next()? {
        let (touch, source) = touched(row, origins)?;
        sources.insert(touch.visit_id.clone(), source);
        touches.push(touch);
    }
    let case_visit = own.touch.visit_id.clone();
    if sources.insert(case_visit.clone(), own.source).is_none() {
        touches.push(own.touch);
    }
    if touches.len() < 2 {
        return Ok(());
    }
    let case = Case { at: entry.counted_at, value: entry.value, visit_id: &case_visit };
    for model in Model::ALL {
        let mut shares: BTreeMap<i64, (i64, Option<i64>)> = BTreeMap::new();
        for part in credit::credits(model, &case, &touches) {
            let Some(source) = sources.get(&part.visit_id) else { continue };
            let share = shares.entry(*source).or_insert((0, part.value.map(|_| 0)));
            share.0 += part.count;
            share.1 = share.1.zip(part.value).map(|(sum, value)| sum + value);
        }
        if !shares.keys().eq([&own.source]) {
            let shares = shares.into_iter().map(|(source, (count, value))| (source, count, value)).collect();
            entry.shares.insert(model.as_str().to_owned(), shares);
        }
    }
    Ok(())
}

fn visit(
    connection: &Connection,
    site_id: &str,
    visit_id: &str,
    origins: &mut Origins<'_>,
) -> Result<Option<Visited>, Failure> {
    static SQL: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let sql = SQL.get_or_init(|| {
        format!(
            "SELECT visits.visit_id, min(visits.at, visits.received_at) AS began, visits.visitor_id, {}
             FROM visits WHERE visits.site_id = ? AND visits.visit_id = ?",
            origin::COLUMNS
        )
    });
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, visit_id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (touch, source) = touched(row, origins)?;
    Ok(Some(Visited { touch, visitor_id: row.get("visitor_id")?, source }))
}

fn touched(row: &Row<'_>, origins: &mut Origins<'_>) -> Result<(Touch, i64), Failure> {
    // Without campaign parameters, those that reports do not tell included, and without ad click ids.
    let is_empty =
        |column: &str| Ok::<_, Failure>(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)? == "{}");
    let touch = Touch {
        at: row.get("began")?,
        visit_id: row.get("visit_id")?,
        direct: is_empty("source")? && is_empty("click_ids")?,
    };
    Ok((touch, origins.number(origin(row)?)?))
}

/// What the totals hold of a conversion now.
pub(super) fn held(connection: &Connection, site_id: &str, id: &str) -> Result<Option<Entry>, Failure> {
    let mut statement = connection.prepare_cached("SELECT * FROM report_entries WHERE site_id = ? AND id = ?")?;
    let mut rows = statement.query([site_id, id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let shares: Option<String> = row.get("shares")?;
    Ok(Some(Entry {
        day: row.get("day")?,
        kind: row.get("kind")?,
        group: row.get("tracking_group")?,
        product: row.get("product_id")?,
        currency: row.get("currency")?,
        goes_back: row.get("goes_back")?,
        value: row.get("value")?,
        attributed: row.get("attributed")?,
        source: row.get("source")?,
        shares: shares.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default(),
        visitor_id: row.get("visitor_id")?,
        counted_at: row.get("counted_at")?,
    }))
}

/// Keeps what the totals hold of a conversion from now on.
pub(super) fn keep(connection: &Connection, site_id: &str, id: &str, entry: Option<&Entry>) -> Result<(), Failure> {
    let Some(entry) = entry else {
        connection.prepare_cached("DELETE FROM report_entries WHERE site_id = ? AND id = ?")?.execute([site_id, id])?;
        return Ok(());
    };
    let shares = (!entry.shares.is_empty()).then(|| json(&entry.shares)).transpose()?;
    connection
        .prepare_cached(
            "REPLACE INTO report_entries (site_id, id, day, kind, tracking_group, product_id, currency, goes_back, value,
                                          attributed, source, shares, visitor_id, counted_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            site_id,
            id,
            entry.day,
            entry.kind,
            entry.group,
            entry.product,
            entry.currency,
            entry.goes_back,
            entry.value,
            entry.attributed,
            entry.source,
            shares,
            entry.visitor_id,
            entry.counted_at,
        ])?;
    Ok(())
}
