//! What is known about what a delivery tells: the conversion that carries the money, the click, the visitor's visits, the sale.

use super::books::CONVERSIONS;
use super::failure::Failure;
use super::rows;
use crate::dedupe;
use crate::store::{ConversionRow, DeliveryRow, Due, Millis, PostbackRow};
use rusqlite::{Connection, OptionalExtension, params};
use tagwerk_protocol::money::Amount;

/// How many visits of a visitor a platform may be told of.
const VISITS: i64 = 50;

pub(super) fn with_all_that_is_known(
    connection: &Connection,
    site_id: &str,
    delivery: DeliveryRow,
) -> Result<Due, Failure> {
    let mut due = Due {
        delivery,
        conversion: None,
        click: None,
        page: None,
        visits: Vec::new(),
        ip: None,
        user_agent: None,
        sale: None,
        left: None,
        postback: None,
    };
    let (mut click_id, mut visit_id) = (None, None);
    if let Some(conversion_id) = due.delivery.conversion_id.clone() {
        if let Some(id) = carrier(connection, site_id, &conversion_id)? {
            let sql = format!("{CONVERSIONS} WHERE row.site_id = ? AND row.id = ?");
            due.conversion = connection
                .prepare_cached(&sql)?
                .query_and_then([site_id, &id], rows::conversion)?
                .next()
                .transpose()?;
        }
        if let Some(conversion) = &due.conversion {
            click_id.clone_from(&conversion.attribution.click_id);
            visit_id.clone_from(&conversion.attribution.visit_id);
            if visit_id.is_none() {
                let (click, visit) = credited(connection, site_id, conversion)?;
                if visit.is_some() {
                    (click_id, visit_id) = (click, visit);
                }
            }
            due.postback = first_postback(connection, site_id, &conversion.id)?;
            if let Some(sale_id) = &conversion.sale_id {
                due.sale = sale(connection, site_id, sale_id)?;
                due.left = left(connection, site_id, sale_id)?;
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

/// The conversion that carries the money of this one's transaction: itself, or another. There is none where others say that something
/// else happened to that money.
fn carrier(connection: &Connection, site_id: &str, id: &str) -> Result<Option<String>, Failure> {
    let sql = "SELECT iif(row.carries, row.id, (
                   SELECT other.id FROM conversions AS other INDEXED BY conversions_of_a_transaction
                   WHERE other.site_id = row.site_id AND other.transaction_id = row.transaction_id
                     AND other.tracking_group = row.tracking_group AND other.transaction_type = row.transaction_type
                     AND other.is_test = row.is_test AND other.carries = 1
                   ORDER BY other.identity LIMIT 1))
               FROM conversions AS row WHERE row.site_id = ? AND row.id = ?";
    Ok(connection.prepare_cached(sql)?.query_row([site_id, id], |row| row.get(0)).optional()?.flatten())
}

/// Click and visit of another conversion of the same sale, where the one that carries its money tells none.
fn credited(
    connection: &Connection,
    site_id: &str,
    conversion: &ConversionRow,
) -> Result<(Option<String>, Option<String>), Failure> {
    let said = &conversion.said;
    let Some(transaction_id) = said.transaction_id.as_deref().filter(|_| said.series.is_none()) else {
        return Ok((None, None));
    };
    let sql = "SELECT click_id, visit_id FROM conversions INDEXED BY conversions_of_a_transaction
               WHERE site_id = ? AND transaction_id = ? AND tracking_group = ? AND is_test = ? AND transaction_type = ?
                 AND series IS NULL AND visit_id IS NOT NULL ORDER BY identity LIMIT 1";
    let asked = params![site_id, transaction_id, said.group, said.is_test, said.transaction_type.as_str()];
    let found = connection.prepare_cached(sql)?.query_row(asked, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.unwrap_or_default())
}

fn first_postback(connection: &Connection, site_id: &str, conversion_id: &str) -> Result<Option<PostbackRow>, Failure> {
    let sql = "SELECT * FROM postbacks WHERE site_id = ?1 AND id = (
                   SELECT min(id) FROM postbacks INDEXED BY postbacks_of_a_conversion
                   WHERE site_id = ?1 AND conversion_id = ?2)";
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
        .prepare_cached(
            "SELECT event_id FROM deliveries INDEXED BY deliveries_of_a_conversion
             WHERE site_id = ? AND conversion_id = ? ORDER BY id LIMIT 1",
        )?
        .query_row([site_id, sale_id], |row| row.get(0))
        .optional()?;
    let event_id = told.unwrap_or_else(|| dedupe::event_id(site_id, &said));
    Ok(Some((event_id, said.transaction_id, row.get("at")?)))
}

/// What is left of a sale after everything that took of it. A platform that corrects a sale is told its new value, so that whichever of
/// several refunds comes last there, the value is right.
fn left(connection: &Connection, site_id: &str, sale_id: &str) -> Result<Option<Amount>, Failure> {
    let sql = "SELECT value, value_decimals, currency FROM conversions
               WHERE site_id = ?1 AND (id = ?2 OR (sale_id = ?2 AND carries = 1)) ORDER BY id <> ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, sale_id])?;
    let mut left: Option<(Amount, Option<String>)> = None;
    while let Some(row) = rows.next()? {
        let Some(value) = rows::amount(row, "value", "value_decimals")? else { return Ok(None) };
        let currency: Option<String> = row.get("currency")?;
        left = match left {
            None => Some((value, currency)),
            // What takes money back has a value below zero.
            Some((left, known)) if known == currency => left.plus(value).map(|left| (left, known)),
            Some(_) => None,
        };
        if left.is_none() {
            return Ok(None);
        }
    }
    Ok(left.map(|(left, _)| left))
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
