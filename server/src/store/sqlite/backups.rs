//! What backups were taken.

use super::connection::{BUSY, writing_what_is_there};
use super::{OpenError, Sqlite};
use crate::store::{Backup, Backups, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::Path;

/// How many are known: one a day for more than a year.
const KEPT: u32 = 400;

#[async_trait]
impl Backups for Sqlite {
    async fn note_backup(&self, backup: Backup) -> Result<(), StoreError> {
        self.writer.write(move |connection| Ok(note(connection, &backup)?)).await
    }

    async fn last_backup(&self) -> Result<Option<Backup>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM backups ORDER BY at DESC LIMIT 1")?;
            Ok(statement.query_row([], backup).optional()?)
        })
        .await
    }

    async fn backups(&self) -> Result<Vec<Backup>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM backups ORDER BY at DESC")?;
            let rows = statement.query_map([], backup)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Notes a backup in a database that another process may have open, without bringing that up to date: who takes a backup before an upgrade
/// wants it as it was. Whether the database has room for such a note: an older version's has none.
///
/// # Errors
/// The database cannot be written.
pub fn note_backup_in(database: &Path, taken: &Backup) -> Result<bool, OpenError> {
    let failed = |source| OpenError::Database { path: database.to_owned(), source };
    let connection = writing_what_is_there(database).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    if !connection.table_exists(None, "backups").map_err(failed)? {
        return Ok(false);
    }
    note(&connection, taken).map_err(failed).map(|()| true)
}

fn note(connection: &Connection, taken: &Backup) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO backups (at, bytes, folder) VALUES (?, ?, ?)
             ON CONFLICT (at) DO UPDATE SET bytes = excluded.bytes, folder = excluded.folder",
        )?
        .execute(params![taken.at, i64::try_from(taken.bytes).unwrap_or(i64::MAX), taken.folder])?;
    connection
        .prepare_cached("DELETE FROM backups WHERE at <= (SELECT at FROM backups ORDER BY at DESC LIMIT 1 OFFSET ?)")?
        .execute([KEPT])?;
    Ok(())
}

fn backup(row: &Row<'_>) -> Result<Backup, rusqlite::Error> {
    let bytes: i64 = row.get("bytes")?;
    Ok(Backup { at: row.get("at")?, bytes: u64::try_from(bytes).unwrap_or(0), folder: row.get("folder")? })
}
