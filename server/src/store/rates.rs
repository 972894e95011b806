//! The euro's reference rates.

use super::{Millis, StoreError};
use crate::rates::DayRate;
use async_trait::async_trait;
use jiff::civil::Date;

/// A day for which rates are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateDay {
    /// The day.
    pub day: Date,
    /// Who was the last to tell something new about it.
    pub source: String,
    /// When that was.
    pub received_at: Millis,
}

/// What became of rates that were handed in; those that were known change nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeptRates {
    /// How many were not known before.
    pub added: u64,
    /// How many took the place of another rate of their day and currency.
    pub changed: u64,
}

/// Rates, each of one currency and day. They belong to no site.
#[async_trait]
pub trait Rates {
    /// Keeps these rates, all or none. One that is known for its day and currency is replaced.
    async fn keep_rates(&self, rates: Vec<DayRate>, source: &str, now: Millis) -> Result<KeptRates, StoreError>;
    /// The rates of these days, both included, and of each currency the last one before the first day unless there is one on it: all that
    /// `RateTable` needs to answer for any of these days.
    async fn rates_between(&self, from: Date, to: Date) -> Result<Vec<DayRate>, StoreError>;
    /// The days from the first to the last of these that have rates, oldest first.
    async fn rate_days(&self, from: Date, to: Date) -> Result<Vec<RateDay>, StoreError>;
    /// The newest day that has rates.
    async fn newest_rate_day(&self) -> Result<Option<RateDay>, StoreError>;
}
