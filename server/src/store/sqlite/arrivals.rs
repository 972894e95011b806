//! What has come by the site's addresses of late.

use super::Sqlite;
use super::failure::Failure;
use crate::store::{Arrival, Arrivals, Channel, PostbackState, StoreError};
use async_trait::async_trait;
use rusqlite::params;

/// Only the newest rows are read: ids are in the order of receipt.
const COUNTED: &str = "
    SELECT tracking_group, channel, state, conversion_id IS NOT NULL AS booked, count(*) AS count, max(received_at) AS last
    FROM (SELECT tracking_group, channel, state, conversion_id, received_at
          FROM postbacks WHERE site_id = ?1 ORDER BY id DESC LIMIT ?2)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4";

#[async_trait]
impl Arrivals for Sqlite {
    async fn arrivals(&self, site_id: &str, most: usize) -> Result<Vec<Arrival>, StoreError> {
        let site_id = site_id.to_owned();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(COUNTED)?;
            let rows = statement.query_and_then(params![site_id, most], |row| {
                let (channel, state): (String, String) = (row.get("channel")?, row.get("state")?);
                let unreadable = |word: &str| Failure::Unreadable(format!("\"{word}\" is neither channel nor state"));
                Ok(Arrival {
                    group: row.get("tracking_group")?,
                    channel: Channel::parse(&channel).ok_or_else(|| unreadable(&channel))?,
                    state: PostbackState::parse(&state).ok_or_else(|| unreadable(&state))?,
                    booked: row.get("booked")?,
                    count: u64::try_from(row.get::<_, i64>("count")?).unwrap_or_default(),
                    last: row.get("last")?,
                })
            })?;
            rows.collect::<Result<Vec<_>, Failure>>()
        })
        .await
    }
}
