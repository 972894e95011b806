//! What stories and the log are told from.

use super::books::CONVERSIONS;
use super::{Sqlite, rows};
use crate::store::{
    ClickRow, ConversionRow, EventRow, List, Looked, Millis, OrderEventRow, Page, PostbackRow, StoreError, Stories,
    Visit,
};
use async_trait::async_trait;
use rusqlite::params;

/// A visitor's visits by when they began.
const TOUCHES: &str = "
    SELECT * FROM visits
    WHERE site_id = ?1 AND visitor_id = ?2 AND visitor_id IS NOT NULL AND min(at, received_at) BETWEEN ?3 AND ?4
    ORDER BY min(at, received_at) DESC, visit_id DESC LIMIT ?5";

#[async_trait]
impl Stories for Sqlite {
    async fn touches(
        &self,
        site_id: &str,
        visitor_id: &str,
        from: Millis,
        until: Millis,
        most: usize,
    ) -> Result<Vec<Visit>, StoreError> {
        let (site_id, visitor_id) = (site_id.to_owned(), visitor_id.to_owned());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(TOUCHES)?;
            let found = statement.query_and_then(params![site_id, visitor_id, from, until, most], rows::visit)?;
            found.collect()
        })
        .await
    }

    async fn returns_of(&self, site_id: &str, sale_id: &str) -> Result<Vec<ConversionRow>, StoreError> {
        let (site_id, sale_id) = (site_id.to_owned(), sale_id.to_owned());
        self.read(move |connection| {
            let sql = format!("{CONVERSIONS} WHERE row.site_id = ? AND row.sale_id = ? ORDER BY +row.at, row.id");
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_and_then([&site_id, &sale_id], rows::conversion)?;
            found.collect()
        })
        .await
    }

    async fn look_for_visits(&self, site_id: &str, page: Page, most: usize) -> Result<Looked<Visit>, StoreError> {
        self.look(List::Visits, "visits", site_id, page, most, rows::visit).await
    }

    async fn look_for_events(&self, site_id: &str, page: Page, most: usize) -> Result<Looked<EventRow>, StoreError> {
        self.look(List::Events, "events", site_id, page, most, rows::event).await
    }

    async fn look_for_clicks(&self, site_id: &str, page: Page, most: usize) -> Result<Looked<ClickRow>, StoreError> {
        self.look(List::Clicks, "clicks", site_id, page, most, rows::click).await
    }

    async fn look_for_postbacks(
        &self,
        site_id: &str,
        page: Page,
        most: usize,
    ) -> Result<Looked<PostbackRow>, StoreError> {
        self.look(List::Postbacks, "postbacks", site_id, page, most, rows::postback).await
    }

    async fn look_for_order_events(
        &self,
        site_id: &str,
        page: Page,
        most: usize,
    ) -> Result<Looked<OrderEventRow>, StoreError> {
        self.look(List::OrderEvents, "order_events", site_id, page, most, rows::order_event).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{Options, connection};

    #[test]
    fn a_visitor_s_touches_and_what_takes_a_sale_back_are_found_by_their_indexes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tagwerk.db");
        let connection = connection::writing(&path, &Options::default()).expect("a database");
        let returns = format!("{CONVERSIONS} WHERE row.site_id = ? AND row.sale_id = ? ORDER BY +row.at, row.id");
        for (sql, index) in [
            (TOUCHES, "visits_of_a_visitor (site_id=? AND visitor_id=? AND <expr>>? AND <expr><?)"),
            (returns.as_str(), "conversions_of_a_sale (site_id=? AND sale_id=?)"),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("SQL");
            let count = statement.parameter_count();
            let values = vec!["0"; count];
            let steps = statement.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>("detail"));
            let steps: Vec<String> = steps.expect("a plan").collect::<Result<_, _>>().expect("a plan");
            assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
        }
    }
}
