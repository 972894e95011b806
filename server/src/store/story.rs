//! What tells the story of one conversion, visit or visitor, and lists that are looked through only so far.

use super::{ClickRow, ConversionRow, EventRow, Listing, Millis, OrderEventRow, Page, PostbackRow, StoreError, Visit};
use async_trait::async_trait;

/// A part of a list of which only so many rows were looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked<T> {
    /// What was found.
    pub items: Vec<T>,
    /// The cursor from which on more can be looked for; `None` where all was looked at.
    pub next: Option<String>,
    /// Down to which time of receipt rows were looked at, where the search ended before its page was full.
    pub down_to: Option<Millis>,
}

impl<T> From<Listing<T>> for Looked<T> {
    fn from(listing: Listing<T>) -> Self {
        Self { items: listing.items, next: listing.next, down_to: None }
    }
}

/// What stories and the log are told from. Each answer is an index search and a bounded number of rows.
#[async_trait]
pub trait Stories {
    /// A visitor's visits that began in this time, both ends included, the latest first.
    async fn touches(
        &self,
        site_id: &str,
        visitor_id: &str,
        from: Millis,
        until: Millis,
        most: usize,
    ) -> Result<Vec<Visit>, StoreError>;
    /// The refunds and chargebacks that take back this sale, oldest first.
    async fn returns_of(&self, site_id: &str, sale_id: &str) -> Result<Vec<ConversionRow>, StoreError>;
    /// Visits, newest first, of at most so many rows.
    async fn look_for_visits(&self, site_id: &str, page: Page, most: usize) -> Result<Looked<Visit>, StoreError>;
    /// Events, newest first, of at most so many rows.
    async fn look_for_events(&self, site_id: &str, page: Page, most: usize) -> Result<Looked<EventRow>, StoreError>;
    /// Clicks, newest first, of at most so many rows.
    async fn look_for_clicks(&self, site_id: &str, page: Page, most: usize) -> Result<Looked<ClickRow>, StoreError>;
    /// Postbacks, newest first, of at most so many rows.
    async fn look_for_postbacks(
        &self,
        site_id: &str,
        page: Page,
        most: usize,
    ) -> Result<Looked<PostbackRow>, StoreError>;
    /// What happened to orders, newest first, of at most so many rows.
    async fn look_for_order_events(
        &self,
        site_id: &str,
        page: Page,
        most: usize,
    ) -> Result<Looked<OrderEventRow>, StoreError>;
}
