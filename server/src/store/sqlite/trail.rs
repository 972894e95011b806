//! The trail of what people and programs changed.

use super::Sqlite;
use super::failure::Failure;
use super::rows::{from_json, json};
use crate::store::{Deed, DeedFilter, DeedWords, Listing, Place, StoreError, Trail};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

/// Most deeds of one part.
const MOST: usize = 1000;

#[async_trait]
impl Trail for Sqlite {
    async fn add_deed(&self, deed: Deed) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO audit (id, at, who, user_id, site_id, act, about) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![
                        deed.id,
                        deed.at,
                        deed.who,
                        deed.user_id,
                        deed.site_id,
                        deed.act,
                        json(&deed.about)?,
                    ])?;
                Ok(())
            })
            .await
    }

    async fn deeds(&self, filter: DeedFilter, after: Option<Place>, limit: usize) -> Result<Listing<Deed>, StoreError> {
        self.read(move |connection| part(connection, filter, after, limit.clamp(1, MOST))).await
    }

    async fn deed_words(&self) -> Result<DeedWords, StoreError> {
        self.read(|connection| {
            let words = |sql: &str| -> Result<Vec<String>, Failure> {
                let mut statement = connection.prepare_cached(sql)?;
                let words = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
                Ok(words)
            };
            Ok(DeedWords {
                who: words("SELECT DISTINCT who FROM audit ORDER BY who")?,
                acts: words("SELECT DISTINCT act FROM audit ORDER BY act")?,
            })
        })
        .await
    }
}

fn part(
    connection: &Connection,
    filter: DeedFilter,
    after: Option<Place>,
    limit: usize,
) -> Result<Listing<Deed>, Failure> {
    let mut sql = "SELECT * FROM audit WHERE 1".to_owned();
    let mut values: Vec<Value> = Vec::new();
    let only = [(" AND site_id = ?", filter.site_id), (" AND who = ?", filter.who), (" AND act = ?", filter.act)];
    for (condition, value) in only {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value.into());
        }
    }
    if let Some(Place { at, id }) = after {
        // The first condition follows from the second, and is what the index is entered by.
        sql.push_str(" AND at <= ? AND (at, id) < (?, ?)");
        values.extend([at.into(), at.into(), id.into()]);
    }
    sql.push_str(" ORDER BY at DESC, id DESC LIMIT ?");
    // One more than asked for tells whether another part follows.
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1).into());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(deed(row)?);
    }
    let follows = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| follows);
    let next = last.map(|deed| Place { at: deed.at, id: deed.id.clone() }.cursor());
    Ok(Listing { items, next })
}

fn deed(row: &Row<'_>) -> Result<Deed, Failure> {
    Ok(Deed {
        id: row.get("id")?,
        at: row.get("at")?,
        who: row.get("who")?,
        user_id: row.get("user_id")?,
        site_id: row.get("site_id")?,
        act: row.get("act")?,
        about: from_json(row, "about")?,
    })
}
