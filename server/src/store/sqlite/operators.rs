//! The ways in: hashes of the admin token, of one-time links and of sessions.

use super::Sqlite;
use super::failure::Failure;
use crate::store::{Key, KeyKind, Millis, Operators, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

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

    async fn add_key(&self, key: Key) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| {
                if let Some(user_id) = &key.user_id {
                    let mut person = connection.prepare_cached("SELECT 1 FROM users WHERE id = ?")?;
                    if !person.exists([user_id])? {
                        return Ok(false);
                    }
                    if key.kind == KeyKind::OneTimeLink {
                        end_keys_of(connection, user_id, KeyKind::OneTimeLink)?;
                    }
                }
                connection
                    .prepare_cached(
                        "INSERT INTO keys (kind, hash, good_until, user_id, holder, browser, made_at, seen_at)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                         ON CONFLICT (kind, hash) DO UPDATE SET good_until = excluded.good_until",
                    )?
                    .execute(params![
                        key.kind.as_str(),
                        key.hash,
                        key.until,
                        key.user_id,
                        key.holder,
                        key.browser,
                        key.made_at,
                        key.seen_at,
                    ])?;
                Ok(true)
            })
            .await
    }

    async fn key(&self, kind: KeyKind, hash: &[u8], now: Millis) -> Result<Option<Key>, StoreError> {
        let hash = hash.to_owned();
        self.read(move |connection| good_key(connection, kind, &hash, now)).await
    }

    async fn take_key(&self, kind: KeyKind, hash: &[u8], now: Millis) -> Result<Option<Key>, StoreError> {
        let hash = hash.to_owned();
        self.writer
            .write(move |connection| {
                let key = good_key(connection, kind, &hash, now)?;
                // Every sign-in and sign-out passes here and knows the time: what has run out goes now.
                connection.prepare_cached("DELETE FROM keys WHERE good_until <= ?")?.execute([now])?;
                connection
                    .prepare_cached("DELETE FROM keys WHERE kind = ? AND hash = ?")?
                    .execute(params![kind.as_str(), hash])?;
                Ok(key)
            })
            .await
    }

    async fn see_session(&self, hash: &[u8], now: Millis) -> Result<(), StoreError> {
        let hash = hash.to_owned();
        self.writer
            .write(move |connection| {
                let session = KeyKind::Session.as_str();
                connection
                    .prepare_cached("UPDATE keys SET seen_at = ?3 WHERE kind = ?1 AND hash = ?2 AND seen_at < ?3")?
                    .execute(params![session, hash, now])?;
                connection
                    .prepare_cached(
                        "UPDATE users SET last_seen_at = ?3
                         WHERE id = (SELECT user_id FROM keys WHERE kind = ?1 AND hash = ?2) AND coalesce(last_seen_at, 0) < ?3",
                    )?
                    .execute(params![session, hash, now])?;
                Ok(())
            })
            .await
    }

    async fn sessions_of(&self, user_id: Option<&str>, now: Millis) -> Result<Vec<Key>, StoreError> {
        let user_id = user_id.map(str::to_owned);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT * FROM keys WHERE user_id IS ? AND kind = ? AND good_until > ? ORDER BY seen_at DESC, made_at DESC, hash",
            )?;
            let mut rows = statement.query(params![user_id, KeyKind::Session.as_str(), now])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push(key(KeyKind::Session, row)?);
            }
            Ok(keys)
        })
        .await
    }

    async fn end_other_sessions(&self, user_id: Option<&str>, but: &[u8]) -> Result<usize, StoreError> {
        let (user_id, but) = (user_id.map(str::to_owned), but.to_owned());
        self.writer
            .write(move |connection| {
                Ok(connection
                    .prepare_cached("DELETE FROM keys WHERE user_id IS ? AND kind = ? AND hash <> ?")?
                    .execute(params![user_id, KeyKind::Session.as_str(), but])?)
            })
            .await
    }
}

/// Removes what a person has of this kind.
pub(super) fn end_keys_of(connection: &Connection, user_id: &str, kind: KeyKind) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM keys WHERE user_id = ? AND kind = ?")?
        .execute(params![user_id, kind.as_str()])?;
    Ok(())
}

fn good_key(connection: &Connection, kind: KeyKind, hash: &[u8], now: Millis) -> Result<Option<Key>, Failure> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM keys WHERE kind = ? AND hash = ? AND good_until > ?")?;
    let mut rows = statement.query(params![kind.as_str(), hash, now])?;
    rows.next()?.map(|row| key(kind, row)).transpose()
}

fn key(kind: KeyKind, row: &Row<'_>) -> Result<Key, Failure> {
    Ok(Key {
        kind,
        hash: row.get("hash")?,
        made_at: row.get("made_at")?,
        seen_at: row.get("seen_at")?,
        until: row.get("good_until")?,
        user_id: row.get("user_id")?,
        holder: row.get("holder")?,
        browser: row.get("browser")?,
    })
}
