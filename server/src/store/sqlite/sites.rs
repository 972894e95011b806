//! Sites, their tracking ids and settings.

use super::failure::Failure;
use super::{Sqlite, outlets};
use crate::store::{Millis, OutletRules, ReplacedTrackingId, Rotation, Site, Sites, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde_json::Value;

const COLUMNS: &str = "SELECT site_id, tracking_id, created_at, settings FROM sites";

#[async_trait]
impl Sites for Sqlite {
    async fn add_site(&self, site: Site) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO sites (site_id, tracking_id, created_at, settings) VALUES (?, ?, ?, ?)",
                    )?
                    .execute(params![site.site_id, site.tracking_id, site.created_at, site.settings.to_string()])?;
                Ok(())
            })
            .await
    }

    async fn sites(&self) -> Result<Vec<Site>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("{COLUMNS} ORDER BY created_at, seq"))?;
            let rows = statement.query_and_then([], site)?;
            rows.collect()
        })
        .await
    }

    async fn site(&self, site_id: &str) -> Result<Option<Site>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| one(connection, "site_id", &site_id)).await
    }

    async fn site_by_tracking_id(&self, tracking_id: &str, now: Millis) -> Result<Option<Site>, StoreError> {
        let tracking_id = tracking_id.to_owned();
        self.read(move |connection| {
            if let Some(site) = one(connection, "tracking_id", &tracking_id)? {
                return Ok(Some(site));
            }
            let site_id: Option<String> = connection
                .prepare_cached("SELECT site_id FROM replaced_tracking_ids WHERE tracking_id = ? AND until > ?")?
                .query_row(params![tracking_id, now], |row| row.get(0))
                .optional()?;
            site_id.map_or(Ok(None), |site_id| one(connection, "site_id", &site_id))
        })
        .await
    }

    async fn rotate_tracking_id(&self, site_id: &str, rotation: Rotation) -> Result<bool, StoreError> {
        let site_id = site_id.to_owned();
        self.writer.write(move |connection| rotate(connection, &site_id, &rotation)).await
    }

    async fn replaced_tracking_ids(&self, site_id: &str, now: Millis) -> Result<Vec<ReplacedTrackingId>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| {
            let sql = "SELECT tracking_id, until FROM replaced_tracking_ids
                       WHERE site_id = ? AND until > ? ORDER BY until DESC, tracking_id";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![site_id, now], |row| {
                Ok(ReplacedTrackingId { tracking_id: row.get(0)?, until: row.get(1)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn replace_settings(
        &self,
        site_id: &str,
        before: &Value,
        after: Value,
        outlets: Vec<OutletRules>,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let (site_id, before) = (site_id.to_owned(), before.clone());
        self.writer
            .write(move |connection| {
                let current = one(connection, "site_id", &site_id)?;
                if !current.is_some_and(|site| site.settings == before) {
                    return Ok(false);
                }
                connection
                    .prepare_cached("UPDATE sites SET settings = ? WHERE site_id = ?")?
                    .execute([&after.to_string(), &site_id])?;
                outlets::replace_outlets(connection, &site_id, &outlets, now)?;
                Ok(true)
            })
            .await
    }
}

fn rotate(connection: &Connection, site_id: &str, rotation: &Rotation) -> Result<bool, Failure> {
    let Some(site) = one(connection, "site_id", &site_id)? else { return Ok(false) };
    connection
        .prepare_cached("DELETE FROM replaced_tracking_ids WHERE site_id = ? AND until <= ?")?
        .execute(params![site_id, rotation.now])?;
    connection
        .prepare_cached("UPDATE sites SET tracking_id = ? WHERE site_id = ?")?
        .execute([rotation.tracking_id.as_str(), site_id])?;
    if rotation.until > rotation.now {
        connection
            .prepare_cached("INSERT INTO replaced_tracking_ids (tracking_id, site_id, until) VALUES (?, ?, ?)")?
            .execute(params![site.tracking_id, site_id, rotation.until])?;
    }
    Ok(true)
}

fn one(connection: &Connection, column: &str, id: &dyn ToSql) -> Result<Option<Site>, Failure> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE {column} = ?"))?;
    // The row is read outside of the closure, where its own kind of error can pass.
    let mut rows = statement.query([id])?;
    rows.next().optional()?.flatten().map(site).transpose()
}

fn site(row: &Row<'_>) -> Result<Site, Failure> {
    Ok(Site {
        site_id: row.get(0)?,
        tracking_id: row.get(1)?,
        created_at: row.get(2)?,
        settings: serde_json::from_str(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?,
    })
}
