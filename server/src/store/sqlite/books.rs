//! What can be read: the lists, and single rows.

use super::failure::Failure;
use super::{Sqlite, rows};
use crate::store::{
    Books, ClickRow, ConversionRow, EventRow, List, Listing, OrderEventRow, Page, PostbackRow, StoreError, Visit,
};
use async_trait::async_trait;
use rusqlite::{Row, params};
use std::sync::LazyLock;

/// Conversions with what others say about them. A conversion that does not carry its money shows the type and sale of the one that does;
/// whether a payment is a rebill is looked up only where its kind recurs and the sender does not say. A `+` keeps a column from being what
/// an index is entered by: few rows share an order, a click or a transaction, many lie before a time.
pub(super) const CONVERSIONS: &str = "
    SELECT row.*, coalesce(visits.source, erased.source) AS source, visits.click_ids,
           carrier.kind AS booked_under, coalesce(row.sale_id, carrier.sale_id) AS shown_sale_id,
           row.repeat_mode = 'keep_repeated' AND row.series IS NOT NULL AND EXISTS (
               SELECT 1 FROM conversions AS earlier
               WHERE earlier.site_id = row.site_id AND earlier.series = row.series AND earlier.id < row.id) AS repeated,
           CASE WHEN row.rebill IS NOT NULL THEN row.rebill
                WHEN row.recurring = 0 OR row.transaction_type <> 'payment' THEN 0
                WHEN row.order_id IS NOT NULL THEN EXISTS (
                    SELECT 1 FROM conversions AS earlier
                    WHERE earlier.site_id = row.site_id AND earlier.tracking_group = row.tracking_group
                      AND earlier.order_id = row.order_id AND earlier.transaction_type = 'payment'
                      AND earlier.is_test = 0 AND earlier.carries = 1
                      AND earlier.product_id IS row.product_id AND earlier.transaction_id IS NOT row.transaction_id
                      AND (+earlier.at, earlier.identity) < (row.at, row.identity))
                WHEN row.click_id IS NOT NULL AND row.product_id IS NOT NULL THEN EXISTS (
                    SELECT 1 FROM conversions AS earlier
                    WHERE earlier.site_id = row.site_id AND earlier.tracking_group = row.tracking_group
                      AND earlier.click_id = row.click_id AND earlier.product_id = row.product_id
                      AND earlier.transaction_type = 'payment' AND earlier.is_test = 0 AND earlier.carries = 1
                      AND earlier.transaction_id IS NOT row.transaction_id
                      AND (+earlier.at, earlier.identity) < (row.at, row.identity))
                ELSE 0 END AS shown_rebill
    FROM conversions AS row
    LEFT JOIN visits ON visits.site_id = row.site_id AND visits.visit_id = row.visit_id
    LEFT JOIN erased_credits AS erased ON erased.site_id = row.site_id AND erased.token = row.sub_id
        AND row.visit_id IS NULL AND row.state = 'attributed'
    LEFT JOIN conversions AS carrier ON carrier.site_id = row.site_id AND carrier.id = CASE WHEN row.carries = 0 THEN (
        SELECT id FROM (SELECT other.id, min(+other.identity) FROM conversions AS other
        WHERE other.site_id = row.site_id AND other.tracking_group = row.tracking_group
          AND other.transaction_id = row.transaction_id
          AND (other.transaction_type = row.transaction_type OR row.assumed = 1)
          AND other.carries = 1 AND other.is_test = 0)) END";

#[async_trait]
impl Books for Sqlite {
    async fn visits(&self, site_id: &str, page: Page) -> Result<Listing<Visit>, StoreError> {
        self.list(List::Visits, "SELECT * FROM visits AS row", site_id, page, rows::visit).await
    }

    async fn events(&self, site_id: &str, page: Page) -> Result<Listing<EventRow>, StoreError> {
        self.list(List::Events, "SELECT * FROM events AS row", site_id, page, rows::event).await
    }

    async fn clicks(&self, site_id: &str, page: Page) -> Result<Listing<ClickRow>, StoreError> {
        self.list(List::Clicks, "SELECT * FROM clicks AS row", site_id, page, rows::click).await
    }

    async fn postbacks(&self, site_id: &str, page: Page) -> Result<Listing<PostbackRow>, StoreError> {
        self.list(List::Postbacks, "SELECT * FROM postbacks AS row", site_id, page, rows::postback).await
    }

    async fn conversions(&self, site_id: &str, page: Page) -> Result<Listing<ConversionRow>, StoreError> {
        self.list(List::Conversions, CONVERSIONS, site_id, page, rows::conversion).await
    }

    async fn order_events(&self, site_id: &str, page: Page) -> Result<Listing<OrderEventRow>, StoreError> {
        self.list(List::OrderEvents, "SELECT * FROM order_events AS row", site_id, page, rows::order_event).await
    }

    async fn postback(&self, site_id: &str, id: &str) -> Result<Option<PostbackRow>, StoreError> {
        let select = "SELECT * FROM postbacks WHERE site_id = ? AND id = ?";
        Ok(self.by_id(select, site_id, &[id.to_owned()], rows::postback).await?.pop())
    }

    async fn postbacks_of(&self, site_id: &str, conversion_id: &str) -> Result<Vec<PostbackRow>, StoreError> {
        let select = "SELECT * FROM postbacks WHERE site_id = ? AND conversion_id = ? ORDER BY id";
        self.by_id(select, site_id, &[conversion_id.to_owned()], rows::postback).await
    }

    async fn visits_by_id(&self, site_id: &str, visit_ids: &[String]) -> Result<Vec<Visit>, StoreError> {
        self.by_id("SELECT * FROM visits WHERE site_id = ? AND visit_id = ?", site_id, visit_ids, rows::visit).await
    }

    async fn clicks_by_id(&self, site_id: &str, click_ids: &[String]) -> Result<Vec<ClickRow>, StoreError> {
        self.by_id("SELECT * FROM clicks WHERE site_id = ? AND click_id = ?", site_id, click_ids, rows::click).await
    }

    async fn visits_of_rows(&self, site_id: &str, ids: &[String]) -> Result<Vec<Visit>, StoreError> {
        self.by_id("SELECT * FROM visits WHERE site_id = ? AND id = ?", site_id, ids, rows::visit).await
    }

    async fn clicks_of_rows(&self, site_id: &str, ids: &[String]) -> Result<Vec<ClickRow>, StoreError> {
        self.by_id("SELECT * FROM clicks WHERE site_id = ? AND id = ?", site_id, ids, rows::click).await
    }

    async fn conversions_of_rows(&self, site_id: &str, ids: &[String]) -> Result<Vec<ConversionRow>, StoreError> {
        static SELECT: LazyLock<String> =
            LazyLock::new(|| format!("{CONVERSIONS} WHERE row.site_id = ? AND row.id = ?"));
        self.by_id(&SELECT, site_id, ids, rows::conversion).await
    }

    async fn booked_transactions(
        &self,
        site_id: &str,
        group: &str,
        transaction_ids: &[String],
    ) -> Result<Vec<(String, tagwerk_protocol::conversion::TransactionType)>, StoreError> {
        let (site_id, group, ids) = (site_id.to_owned(), group.to_owned(), transaction_ids.to_vec());
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT transaction_type FROM conversions
                 WHERE site_id = ? AND tracking_group = ? AND transaction_id = ? AND is_test = 0",
            )?;
            let mut found = Vec::new();
            for id in ids {
                let mut rows = statement.query([&site_id, &group, &id])?;
                while let Some(row) = rows.next()? {
                    found.push((id.clone(), rows::transaction_type(row)?));
                }
            }
            Ok(found)
        })
        .await
    }

    async fn booked_identities(&self, site_id: &str, identities: &[String]) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT identity FROM conversions WHERE site_id = ? AND identity = ?";
        self.by_id(sql, site_id, identities, |row| Ok(row.get("identity")?)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.writer
            .write(|connection| {
                // Pages that come and go, as many as an event may take: a file that may not grow is noticed, and nothing grows by being asked.
                let beat = "INSERT INTO pulse (one, beat, room) VALUES (1, 1, zeroblob(65536))
                            ON CONFLICT (one) DO UPDATE SET beat = beat + 1, room = zeroblob(65536)";
                connection.prepare_cached(beat)?.execute([])?;
                connection.prepare_cached("UPDATE pulse SET room = NULL")?.execute([])?;
                Ok(())
            })
            .await
    }
}

impl Sqlite {
    /// The rows of these ids, one look-up by index each.
    pub(super) async fn by_id<T: Send + 'static>(
        &self,
        select: &'static str,
        site_id: &str,
        ids: &[String],
        read: fn(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, StoreError> {
        let (site_id, ids) = (site_id.to_owned(), ids.to_vec());
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(select)?;
            let mut found = Vec::new();
            for id in &ids {
                let mut rows = statement.query(params![site_id, id])?;
                while let Some(row) = rows.next()? {
                    found.push(read(row)?);
                }
            }
            Ok(found)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::Options;

    #[tokio::test]
    async fn what_other_rows_say_about_a_conversion_is_looked_up_among_few() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(&folder.path().join("tagwerk.db"), Options::default()).expect("it opens");
        let plan: Vec<String> = store
            .read(|connection| {
                let sql =
                    format!("EXPLAIN QUERY PLAN {CONVERSIONS} WHERE row.site_id = ? ORDER BY row.id DESC LIMIT 9");
                let mut statement = connection.prepare(&sql)?;
                let steps = statement.query_map(["site"], |step| step.get(3))?;
                Ok(steps.collect::<Result<_, _>>()?)
            })
            .await
            .expect("a plan");
        let looked_up =
            plan.iter().filter(|step| ["SEARCH earlier ", "SEARCH other "].iter().any(|of| step.starts_with(of)));
        assert_eq!(looked_up.clone().count(), 4, "{plan:?}");
        for step in looked_up {
            assert!(step.contains(" INDEX conversions_of_"), "{step}");
        }
    }
}
