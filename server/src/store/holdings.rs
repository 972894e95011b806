//! All that is kept of a site, for whoever takes it along: rows with what no list tells, in an order that nothing changes.

use super::{ClickRow, ConversionRow, DeliveryRow, Listing, StoreError, Visit};
use crate::costs::Cost;
use async_trait::async_trait;

/// Who a visit or click came from, as far as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The address, as much of it as the site keeps.
    pub ip: Option<String>,
    /// The browser, in its own words.
    pub user_agent: Option<String>,
}

/// How many rows of each kind there are; each is counted only so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Visits.
    pub visits: u64,
    /// Clicks.
    pub clicks: u64,
    /// Events.
    pub events: u64,
    /// Postbacks.
    pub postbacks: u64,
    /// Conversions.
    pub conversions: u64,
    /// What happened to orders without money.
    pub order_events: u64,
    /// Deliveries to ad platforms.
    pub deliveries: u64,
    /// Costs.
    pub costs: u64,
    /// Saved reports.
    pub saved_reports: u64,
    /// Links that may be cloaked.
    pub links: u64,
    /// Long tasks.
    pub jobs: u64,
    /// Deeds in the trail.
    pub deeds: u64,
}

/// What is kept, row by row. Each part holds up to so many rows that come after `after`, the `next` of the part before; those with the
/// greatest ids come first. Ids never change, so that what is rewritten meanwhile is neither left out nor told twice, and what is new lies
/// before the beginning.
#[async_trait]
pub trait Holdings {
    /// How many rows of each kind there are, each counted up to `most`.
    async fn counts(&self, site_id: &str, most: usize) -> Result<Counts, StoreError>;
    /// Visits, and who they came from.
    async fn held_visits(
        &self,
        site_id: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Listing<(Visit, Caller)>, StoreError>;
    /// Clicks, and who they came from.
    async fn held_clicks(
        &self,
        site_id: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Listing<(ClickRow, Caller)>, StoreError>;
    /// Conversions.
    async fn held_conversions(
        &self,
        site_id: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Listing<ConversionRow>, StoreError>;
    /// Deliveries, with their last request and answer, sealed.
    async fn held_deliveries(
        &self,
        site_id: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Listing<(DeliveryRow, Option<Vec<u8>>)>, StoreError>;
    /// Costs.
    async fn held_costs(&self, site_id: &str, after: Option<&str>, most: usize) -> Result<Listing<Cost>, StoreError>;
}
