//! Where a visit came from, as reports tell it, and the numbers under which that is kept.

use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::rows::{from_json, json};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{BTreeMap, HashMap};
use tagwerk_protocol::href;

/// The values of [`Dimension::OF_VISIT`](crate::store::Dimension::OF_VISIT), in that order; '' where there is none.
pub(super) type Origin = [String; 9];

/// The columns of `visits` that [`origin`] reads.
pub(super) const COLUMNS: &str = "visits.source, visits.click_ids, visits.landing_page, visits.country, visits.device";

/// The origin in a row of `visits`.
pub(super) fn origin(row: &Row<'_>) -> Result<Origin, Failure> {
    let mut source: BTreeMap<String, String> = from_json(row, "source")?;
    let click_ids: BTreeMap<String, String> = from_json(row, "click_ids")?;
    let page: String = row.get("landing_page")?;
    let mut utm = |name: &str| source.remove(name).unwrap_or_default();
    Ok([
        utm("utm_source"),
        utm("utm_medium"),
        utm("utm_campaign"),
        utm("utm_term"),
        utm("utm_content"),
        click_ids.into_keys().collect::<Vec<_>>().join(","),
        href::target(&page, "").map(|target| target.path).unwrap_or_default(),
        row.get::<_, Option<String>>("country")?.unwrap_or_default(),
        row.get::<_, Option<String>>("device")?.unwrap_or_default(),
    ])
}

/// The numbers of one site's origins, as far as one write has asked for them.
pub(super) struct Origins<'a> {
    connection: &'a Connection,
    site_id: &'a str,
    numbers: HashMap<Origin, i64>,
    known: HashMap<i64, Origin>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(connection: &'a Connection, site_id: &'a str) -> Self {
        Self { connection, site_id, numbers: HashMap::new(), known: HashMap::new() }
    }

    /// The number of an origin, a new one if it is new.
    pub(super) fn number(&mut self, origin: Origin) -> Result<i64, Failure> {
        if let Some(number) = self.numbers.get(&origin) {
            return Ok(*number);
        }
        let text = json(&origin)?;
        let found = self
            .connection
            .prepare_cached("SELECT id FROM report_sources WHERE site_id = ? AND origin = ?")?
            .query_row([self.site_id, &text], |row| row.get(0))
            .optional()?;
        let number = match found {
            Some(number) => number,
            None => self
                .connection
                .prepare_cached("INSERT INTO report_sources (site_id, origin) VALUES (?, ?)")?
                .insert([self.site_id, &text])?,
        };
        self.known.insert(number, origin.clone());
        self.numbers.insert(origin, number);
        Ok(number)
    }

    /// The origin of a number.
    pub(super) fn of(&mut self, number: i64) -> Result<Origin, Failure> {
        if let Some(origin) = self.known.get(&number) {
            return Ok(origin.clone());
        }
        let text: String = self
            .connection
            .prepare_cached("SELECT origin FROM report_sources WHERE site_id = ? AND id = ?")?
            .query_row(params![self.site_id, number], |row| row.get(0))?;
        let origin: Origin = serde_json::from_str(&text)?;
        self.known.insert(number, origin.clone());
        self.numbers.insert(origin.clone(), number);
        Ok(origin)
    }
}
