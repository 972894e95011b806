//! Where links lead that may be cloaked.

use super::failure::Failure;
use super::{Sqlite, rows};
use crate::store::{LinkRow, Links, List, Listing, Page, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, params};

#[async_trait]
impl Links for Sqlite {
    async fn keep_link(&self, site_id: &str, link: LinkRow, most: usize) -> Result<(), StoreError> {
        let site_id = site_id.to_owned();
        self.writer.write(move |connection| keep(connection, &site_id, &link, most)).await
    }

    async fn links_by_url(&self, site_id: &str, urls: &[String]) -> Result<Vec<LinkRow>, StoreError> {
        self.by_id("SELECT * FROM links WHERE site_id = ? AND url = ?", site_id, urls, rows::link).await
    }

    async fn links(&self, site_id: &str, page: Page) -> Result<Listing<LinkRow>, StoreError> {
        self.list(List::Links, "SELECT * FROM links AS row", site_id, page, rows::link).await
    }
}

fn keep(connection: &Connection, site_id: &str, link: &LinkRow, most: usize) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM links WHERE site_id = ? AND url = ?")?
        .execute(params![site_id, link.url])?;
    connection
        .prepare_cached(
            "INSERT INTO links (site_id, id, url, tracking_group, forwards, resolved, reason, hops, rules, checked_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            site_id,
            link.id,
            link.url,
            link.group,
            link.forwards,
            link.resolved,
            link.reason,
            rows::json(&link.hops)?,
            link.rules,
            link.checked_at,
            link.expires_at,
        ])?;
    let kept: i64 = connection
        .prepare_cached("SELECT count(*) FROM links WHERE site_id = ?")?
        .query_row(params![site_id], |row| row.get(0))?;
    let too_many = kept - i64::try_from(most).unwrap_or(i64::MAX);
    if too_many > 0 {
        connection
            .prepare_cached(
                "DELETE FROM links WHERE site_id = ?1 AND id IN
                    (SELECT id FROM links WHERE site_id = ?1 ORDER BY tracking_group IS NOT NULL, id LIMIT ?2)",
            )?
            .execute(params![site_id, too_many])?;
    }
    Ok(())
}
