//! All that is kept of a site, in the order of its ids.

use super::books::CONVERSIONS;
use super::costs::cost;
use super::failure::Failure;
use super::outbox::delivery;
use super::{Sqlite, rows};
use crate::costs::Cost;
use crate::store::{Caller, ClickRow, ConversionRow, Counts, DeliveryRow, Holdings, Listing, StoreError, Visit};
use async_trait::async_trait;
use rusqlite::{Row, params};
use std::sync::LazyLock;

/// Sorts behind every id.
const BEYOND: &str = "\u{10ffff}";

const VISITS: &str = "SELECT * FROM visits AS row WHERE row.site_id = ? AND row.id < ? ORDER BY row.id DESC LIMIT ?";
const CLICKS: &str = "SELECT * FROM clicks AS row WHERE row.site_id = ? AND row.id < ? ORDER BY row.id DESC LIMIT ?";
const DELIVERIES: &str =
    "SELECT * FROM deliveries AS row WHERE row.site_id = ? AND row.id < ? ORDER BY row.id DESC LIMIT ?";
const COSTS: &str = "SELECT * FROM costs AS row WHERE row.site_id = ? AND row.id < ? ORDER BY row.id DESC LIMIT ?";
static ALL_CONVERSIONS: LazyLock<String> =
    LazyLock::new(|| format!("{CONVERSIONS} WHERE row.site_id = ? AND row.id < ? ORDER BY row.id DESC LIMIT ?"));

#[async_trait]
impl Holdings for Sqlite {
    async fn counts(&self, site_id: &str, most: usize) -> Result<Counts, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| {
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let count = |sql: &str| -> Result<u64, Failure> {
                let count: i64 = connection.prepare_cached(sql)?.query_row(params![site_id, most], |row| row.get(0))?;
                Ok(u64::try_from(count).unwrap_or_default())
            };
            macro_rules! of {
                ($table:literal) => {
                    count(concat!("SELECT count(*) FROM (SELECT 1 FROM ", $table, " WHERE site_id = ? LIMIT ?)"))?
                };
            }
            Ok(Counts {
                visits: of!("visits"),
                clicks: of!("clicks"),
                events: of!("events"),
                postbacks: of!("postbacks"),
                conversions: of!("conversions"),
                order_events: of!("order_events"),
                deliveries: of!("deliveries"),
                costs: of!("costs"),
                saved_reports: of!("saved_reports"),
                links: of!("links"),
                jobs: of!("jobs"),
                deeds: of!("audit"),
            })
        })
        .await
    }

    async fn held_visits(
        &self,
        site_id: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Listing<(Visit, Caller)>, StoreError> {
        self.held(VISITS, site_id, after, most, |row| Ok((rows::visit(row)?, caller(row)?))).await
    }

    async fn held_clicks(
        &self,
        site_id: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Listing<(ClickRow, Caller)>, StoreError> {
        self.held(CLICKS, site_id, after, most, |row| Ok((rows::click(row)?, caller(row)?))).await
    }

    async fn held_conversions(
        &self,
        site_id: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Listing<ConversionRow>, StoreError> {
        self.held(&ALL_CONVERSIONS, site_id, after, most, rows::conversion).await
    }

    async fn held_deliveries(
        &self,
        site_id: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Listing<(DeliveryRow, Option<Vec<u8>>)>, StoreError> {
        self.held(DELIVERIES, site_id, after, most, |row| Ok((delivery(row)?, row.get("exchange")?))).await
    }

    async fn held_costs(&self, site_id: &str, after: Option<&str>, most: usize) -> Result<Listing<Cost>, StoreError> {
        self.held(COSTS, site_id, after, most, cost).await
    }
}

fn caller(row: &Row<'_>) -> Result<Caller, Failure> {
    Ok(Caller { ip: row.get("ip")?, user_agent: row.get("user_agent")? })
}

impl Sqlite {
    /// One part of the rows that `select` names `row`.
    async fn held<T: Send + 'static>(
        &self,
        select: &'static str,
        site_id: &str,
        after: Option<&str>,
        most: usize,
        read: fn(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Listing<T>, StoreError> {
        let (site_id, after) = (site_id.to_owned(), after.unwrap_or(BEYOND).to_owned());
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(select)?;
            // One more than asked for tells whether another part follows.
            let most_read = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
            let mut rows = statement.query(params![site_id, after, most_read])?;
            let (mut items, mut last) = (Vec::new(), None);
            while let Some(row) = rows.next()? {
                if items.len() == most {
                    return Ok(Listing { items, next: last });
                }
                items.push(read(row)?);
                last = Some(row.get("id")?);
            }
            Ok(Listing { items, next: None })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::Options;

    #[tokio::test]
    async fn a_part_is_entered_by_the_id_and_nothing_is_sorted() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(&folder.path().join("tagwerk.db"), Options::default()).expect("it opens");
        for sql in [VISITS, CLICKS, DELIVERIES, COSTS, &ALL_CONVERSIONS] {
            let plan: Vec<String> = store
                .read(move |connection| {
                    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                    let steps = statement.query_map(params!["site", BEYOND, 9], |step| step.get("detail"))?;
                    Ok(steps.collect::<Result<_, _>>()?)
                })
                .await
                .expect("a plan");
            let entered =
                plan.iter().any(|step| step.starts_with("SEARCH row") && step.contains("(site_id=? AND id<?)"));
            assert!(entered && !plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
        }
    }
}
