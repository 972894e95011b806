//! What was spent on ads, and the reports that people keep under a name.

use super::{Millis, StoreError};
use crate::costs::Cost;
use async_trait::async_trait;
use jiff::civil::Date;

/// A report that somebody keeps under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedReport {
    /// UUIDv7.
    pub id: String,
    /// What people call it; a site has each name once.
    pub name: String,
    /// What it asks, as in the address of the report's page, without the `?`.
    pub query: String,
    /// When it was saved last.
    pub created_at: Millis,
    /// Who saved it last.
    pub created_by: String,
}

/// Costs, and saved reports.
#[async_trait]
pub trait Costs {
    /// The costs of which at least a day lies in this range, both days included: those whose last day is the latest first, then those with
    /// the greater id.
    async fn costs(&self, site_id: &str, from: Date, to: Date) -> Result<Vec<Cost>, StoreError>;
    /// Keeps these costs, all or none; how many of them said something new. One under a known id takes the place of that one, and a cost of
    /// nothing takes it away.
    async fn add_costs(&self, site_id: &str, costs: Vec<Cost>) -> Result<usize, StoreError>;
    /// Removes a cost; whether it was there.
    async fn remove_cost(&self, site_id: &str, id: &str) -> Result<bool, StoreError>;
    /// Removes the costs that came from files of this name and lie in these days whole; how many.
    async fn remove_costs_of(&self, site_id: &str, source: &str, from: Date, to: Date) -> Result<usize, StoreError>;
    /// The site's saved reports, by name.
    async fn saved_reports(&self, site_id: &str) -> Result<Vec<SavedReport>, StoreError>;
    /// Keeps a report. One of the same name is replaced, under the id it has; answers with what is kept.
    async fn save_report(&self, site_id: &str, report: SavedReport) -> Result<SavedReport, StoreError>;
    /// Removes a saved report; whether it was there.
    async fn remove_report(&self, site_id: &str, id: &str) -> Result<bool, StoreError>;
}
