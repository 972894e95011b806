//! The operator's ways in: hashes of the admin token, of one-time links and of sessions.

use super::Sqlite;
use crate::store::{KeyKind, Millis, Operators, StoreError};
use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

#[async_trait]
impl Operators for Sqlite {
    async fn admin_token_hash(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT hash FROM admin_token")?;
            Ok(statement.query_row([], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn set_admin_token_hash(&self, hash: Vec<u8>) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO admin_token (one, hash) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET hash = excluded.hash",
                    )?
                    .execute([hash])?;
                connection.prepare_cached("DELETE FROM keys WHERE kind = ?")?.execute([KeyKind::Session.as_str()])?;
                Ok(())
            })
            .await
    }

    async fn add_key(&self, kind: KeyKind, hash: Vec<u8>, until: Millis) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO keys (kind, hash, good_until) VALUES (?, ?, ?)
                         ON CONFLICT (kind, hash) DO UPDATE SET good_until = excluded.good_until",
                    )?
                    .execute(params![kind.as_str(), hash, until])?;
                Ok(())
            })
            .await
    }

    async fn has_key(&self, kind: KeyKind, hash: &[u8], now: Millis) -> Result<bool, StoreError> {
        let hash = hash.to_owned();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT 1 FROM keys WHERE kind = ? AND hash = ? AND good_until > ?")?;
            Ok(statement.exists(params![kind.as_str(), hash, now])?)
        })
        .await
    }

    async fn take_key(&self, kind: KeyKind, hash: &[u8], now: Millis) -> Result<bool, StoreError> {
        let hash = hash.to_owned();
        self.writer
            .write(move |connection| {
                // Every sign-in and sign-out passes here and knows the time: what has run out goes now.
                connection.prepare_cached("DELETE FROM keys WHERE good_until <= ?")?.execute([now])?;
                let taken = connection
                    .prepare_cached("DELETE FROM keys WHERE kind = ? AND hash = ?")?
                    .execute(params![kind.as_str(), hash])?;
                Ok(taken > 0)
            })
            .await
    }
}
