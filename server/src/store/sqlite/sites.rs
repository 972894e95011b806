//! Sites, their tracking ids and settings.

use super::Sqlite;
use super::failure::Failure;
use crate::store::{Site, Sites, StoreError};
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

    async fn site_by_tracking_id(&self, tracking_id: &str) -> Result<Option<Site>, StoreError> {
        let tracking_id = tracking_id.to_owned();
        self.read(move |connection| one(connection, "tracking_id", &tracking_id)).await
    }

    async fn replace_settings(&self, site_id: &str, before: &Value, after: Value) -> Result<bool, StoreError> {
        let (site_id, before) = (site_id.to_owned(), before.clone());
        self.writer
            .write(move |connection| {
                let current = one(connection, "site_id", &site_id)?;
                if !current.is_some_and(|site| site.settings == before) {
                    return Ok(false);
                }
                connection
                    .prepare_cached("UPDATE sites SET settings = ? WHERE site_id = ?")?
                    .execute([after.to_string(), site_id])?;
                Ok(true)
            })
            .await
    }
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
