//! Takes what tells of visitors out of old rows. The rows stay: sums and lists are made of them.

use super::failure::Failure;
use super::parts::first_id;
use crate::store::Millis;
use rusqlite::{Connection, OptionalExtension, params};

/// The tables, and what is taken out of their rows.
const TAKEN_OUT: [(&str, &str); 3] = [
    ("visits", "ip = NULL, user_agent = NULL"),
    ("clicks", "ip = NULL, user_agent = NULL"),
    ("deliveries", "exchange = NULL, last_answer = NULL"),
];

/// Goes on where it stopped last time, up to so many rows of each table; how many rows it looked at.
pub(super) fn forget(connection: &Connection, site_id: &str, before: Millis, most: i64) -> Result<usize, Failure> {
    let bound = first_id(before);
    let mut seen = 0;
    for (table, change) in TAKEN_OUT {
        let done: String = connection
            .prepare_cached("SELECT id FROM forgotten WHERE site_id = ? AND rows_of = ?")?
            .query_row([site_id, table], |row| row.get(0))
            .optional()?
            .unwrap_or_default();
        let sql = format!(
            "SELECT count(*), max(id) FROM (
                 SELECT id FROM {table} WHERE site_id = ? AND id > ? AND id < ? ORDER BY id LIMIT ?)"
        );
        let (count, last): (i64, Option<String>) = connection
            .prepare_cached(&sql)?
            .query_row(params![site_id, done, bound, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some(last) = last else { continue };
        connection
            .prepare_cached(&format!("UPDATE {table} SET {change} WHERE site_id = ? AND id > ? AND id <= ?"))?
            .execute([site_id, &done, &last])?;
        connection
            .prepare_cached(
                "INSERT INTO forgotten (site_id, rows_of, id) VALUES (?, ?, ?)
                 ON CONFLICT (site_id, rows_of) DO UPDATE SET id = excluded.id",
            )?
            .execute([site_id, table, &last])?;
        seen += usize::try_from(count).unwrap_or_default();
    }
    Ok(seen)
}
