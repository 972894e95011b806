//! Where a visit came from, as facts tell it.

use super::fact::Column;
use super::words::Words;
use crate::store::facts::Dimension;
use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::rows::from_json;
use rusqlite::Row;
use std::collections::BTreeMap;
use tagwerk_protocol::href;

/// The columns of `visits` that [`origin`] reads.
pub(super) const COLUMNS: &str =
    "visits.source, visits.click_ids, visits.landing_page, visits.referrer, visits.country, visits.device";

/// The cells of where a visit came from.
pub(super) type Origin = Vec<(Column, i64)>;

/// The origin in a row of `visits`; nothing where a join found none.
pub(super) fn origin(row: &Row<'_>, words: &mut Words<'_>) -> Result<Origin, Failure> {
    let source: BTreeMap<String, String> = from_json(row, "source")?;
    let click_ids: BTreeMap<String, String> = from_json(row, "click_ids")?;
    let text = |column: &str| Ok::<_, Failure>(row.get::<_, Option<String>>(column)?.unwrap_or_default());
    let page = href::target(&text("landing_page")?, "").map(|target| target.path).unwrap_or_default();
    let referrer = href::target(&text("referrer")?, "").map(|target| target.host).unwrap_or_default();
    let names = click_ids.into_keys().collect::<Vec<_>>().join(",");
    let mut origin: Origin = Vec::new();
    for (name, word) in source {
        origin.extend(words.cell(&Dimension::Utm(name), &word)?);
    }
    origin.extend(words.cell(&Dimension::ClickIds, &names)?);
    origin.extend(words.cell(&Dimension::LandingPage, &page)?);
    origin.extend(words.cell(&Dimension::Referrer, &referrer)?);
    origin.extend(words.cell(&Dimension::Country, &text("country")?)?);
    origin.extend(words.cell(&Dimension::Device, &text("device")?)?);
    Ok(origin)
}

/// Host and path that an address leads to; '' where it is none of the web's.
pub(super) fn place(address: &str) -> String {
    href::target(address, "").map(|target| target.host + &target.path).unwrap_or_default()
}
