//! What is sealed, read in the order of the tables and replaced where it is still as it was.

use super::Sqlite;
use super::failure::Failure;
use crate::store::{JobKind, SealedKind, SealedText, Seals, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, params};

/// Table and column.
fn column_of(kind: SealedKind) -> (&'static str, &'static str) {
    match kind {
        SealedKind::RawRequest => ("postbacks", "raw"),
        SealedKind::Corrections => ("postbacks", "corrections"),
        SealedKind::Exchange => ("deliveries", "exchange"),
    }
}

#[async_trait]
impl Seals for Sqlite {
    async fn sealed(
        &self,
        kind: SealedKind,
        behind: Option<SealedText>,
        limit: usize,
    ) -> Result<Vec<SealedText>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let (table, column) = column_of(kind);
            let (site_id, id) = behind.map(|last| (last.site_id, last.id)).unwrap_or_default();
            let sql = format!(
                "SELECT site_id, id, {column} FROM {table}
                 WHERE (site_id, id) > (?, ?) AND {column} IS NOT NULL ORDER BY site_id, id LIMIT ?"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![site_id, id, limit], |row| {
                Ok(SealedText { site_id: row.get(0)?, id: row.get(1)?, text: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn replace_sealed(&self, kind: SealedKind, texts: Vec<(SealedText, Vec<u8>)>) -> Result<usize, StoreError> {
        self.writer.write(move |connection| replace(connection, kind, &texts)).await
    }
}

fn replace(connection: &Connection, kind: SealedKind, texts: &[(SealedText, Vec<u8>)]) -> Result<usize, Failure> {
    let (table, column) = column_of(kind);
    let mut replaced = 0;
    for (before, after) in texts {
        if kind == SealedKind::Corrections && is_replayed(connection, &before.site_id)? {
            continue;
        }
        let sql = format!("UPDATE {table} SET {column} = ?1 WHERE site_id = ?2 AND id = ?3 AND {column} = ?4");
        replaced += connection.prepare_cached(&sql)?.execute(params![after, before.site_id, before.id, before.text])?;
    }
    Ok(replaced)
}

fn is_replayed(connection: &Connection, site_id: &str) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM jobs WHERE site_id = ? AND kind = ? AND state IN ('waiting', 'running')";
    Ok(connection.prepare_cached(sql)?.exists(params![site_id, JobKind::Replay.as_str()])?)
}
