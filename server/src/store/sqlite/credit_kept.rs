//! What is kept of the visits that erased visitors' conversions are credited to: no more than reports tell credit apart by.

use super::failure::Failure;
use super::rows::{from_json, json};
use crate::credit;
use crate::erasing::{Names, Traces};
use crate::store::Millis;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use tagwerk_protocol::href;

/// How many visits may have a part in what came of one click: those of several conversions, each of which knows at most
/// [`credit::MOST_TOUCHES`].
const TOUCHES: usize = 4 * credit::MOST_TOUCHES;

/// Whose credit is kept.
pub(super) struct Of<'a> {
    /// What stands in the place of the sub-id.
    pub(super) token: &'a str,
    /// The visit that it named.
    pub(super) visit_id: &'a str,
    /// The sub-id.
    pub(super) sub_id: &'a str,
    /// What the visitor is known by, and
    pub(super) traces: &'a Traces,
    /// the parameters that tell of a person: neither is kept.
    pub(super) names: &'a Names,
}

/// A visit, as far as it is kept.
struct Came {
    visit_id: String,
    began: Millis,
    source: String,
    click_ids: String,
    landing_page: String,
    referrer: Option<String>,
    country: Option<String>,
    device: Option<String>,
}

/// The columns that [`Of::came`] reads.
const COLUMNS: &str =
    "visit_id, visitor_id, min(at, received_at) AS began, source, click_ids, landing_page, referrer, country, device";

/// Keeps it, if it is not kept yet.
pub(super) fn keep(connection: &Connection, site_id: &str, of: &Of<'_>) -> Result<(), Failure> {
    let sql = format!("SELECT {COLUMNS} FROM visits WHERE site_id = ? AND visit_id = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([site_id, of.visit_id])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let own = of.came(row)?;
    let visitor_id: Option<String> = row.get("visitor_id")?;
    let mut touches = match visitor_id {
        Some(visitor_id) => touches(connection, site_id, of, &visitor_id, &own)?,
        None => Vec::new(),
    };
    if !touches.iter().any(|touch| touch.visit_id == own.visit_id) {
        touches.push(own);
    }
    touches.sort_by(|one, other| (one.began, &one.visit_id).cmp(&(other.began, &other.visit_id)));
    let Some(place) = touches.iter().position(|touch| touch.visit_id == of.visit_id) else { return Ok(()) };
    if let Some(own) = touches.get(place) {
        write_credit(connection, site_id, of, own, place)?;
    }
    if touches.len() < 2 {
        return Ok(());
    }
    for (place, touch) in touches.iter().enumerate() {
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO erased_touches
                     (site_id, token, place, began, source, click_ids, landing_page, referrer, country, device)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                site_id,
                of.token,
                i64::try_from(place).unwrap_or(i64::MAX),
                touch.began,
                touch.source,
                touch.click_ids,
                touch.landing_page,
                touch.referrer,
                touch.country,
                touch.device,
            ])?;
    }
    Ok(())
}

fn write_credit(connection: &Connection, site_id: &str, of: &Of<'_>, own: &Came, place: usize) -> Result<(), Failure> {
    let sql = "SELECT min(at, received_at), page, href FROM clicks WHERE site_id = ? AND click_id = lower(?) AND visit_id = ?";
    let click: Option<(Millis, String, String)> = connection
        .prepare_cached(sql)?
        .query_row([site_id, of.sub_id.trim(), of.visit_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (clicked_at, page, href) = match click {
        Some((at, page, href)) => (Some(at), of.place(&page), of.place(&href)),
        None => (None, None, None),
    };
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO erased_credits
                 (site_id, token, own_place, began, clicked_at, source, click_ids, landing_page, referrer, country, device,
                  page, href)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            site_id,
            of.token,
            i64::try_from(place).unwrap_or(i64::MAX),
            own.began,
            clicked_at,
            own.source,
            own.click_ids,
            own.landing_page,
            own.referrer,
            own.country,
            own.device,
            page,
            href,
        ])?;
    Ok(())
}

/// The visitor's visits that may have a part in what came of this click.
fn touches(
    connection: &Connection,
    site_id: &str,
    of: &Of<'_>,
    visitor_id: &str,
    own: &Came,
) -> Result<Vec<Came>, Failure> {
    let sql = "SELECT max(at) FROM conversions INDEXED BY conversions_of_a_visit
               WHERE site_id = ?1 AND lead_visit = ?2 AND lower(sub_id) = lower(?3)";
    let last: Option<Millis> =
        connection.prepare_cached(sql)?.query_row([site_id, of.visit_id, of.sub_id], |row| row.get(0))?;
    let last = last.unwrap_or(own.began);
    let sql = format!(
        "SELECT {COLUMNS} FROM visits
         WHERE site_id = ? AND visitor_id = ? AND visitor_id IS NOT NULL AND min(at, received_at) BETWEEN ? AND ?
         ORDER BY min(at, received_at) DESC, visit_id DESC LIMIT ?"
    );
    let from = own.began.min(last).saturating_sub(credit::LOOK_BACK);
    let most = i64::try_from(TOUCHES).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_and_then(params![site_id, visitor_id, from, last, most], |row| of.came(row))?.collect()
}

impl Of<'_> {
    fn came(&self, row: &Row<'_>) -> Result<Came, Failure> {
        let mut source: BTreeMap<String, String> = from_json(row, "source")?;
        source.retain(|name, value| !self.traces.are_told_by(self.names, name, value));
        let names = from_json::<BTreeMap<String, String>>(row, "click_ids")?.into_keys();
        let referrer: Option<String> = row.get("referrer")?;
        let host = referrer.and_then(|referrer| href::target(&referrer, ""));
        Ok(Came {
            visit_id: row.get("visit_id")?,
            began: row.get("began")?,
            source: json(&source)?,
            click_ids: json(&names.map(|name| (name, "")).collect::<BTreeMap<_, _>>())?,
            landing_page: self.place(&row.get::<_, String>("landing_page")?).unwrap_or_default(),
            referrer: host.map(|target| format!("https://{}/", target.host)),
            country: row.get("country")?,
            device: row.get("device")?,
        })
    }

    /// An address without its query; nothing where it names the visitor.
    fn place(&self, address: &str) -> Option<String> {
        let target = href::target(address, "")?;
        let place = format!("https://{}{}", target.host, target.path);
        (!self.traces.are_in(&place) && !place.contains('@')).then_some(place)
    }
}
