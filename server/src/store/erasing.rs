//! Erasing a visitor: what is kept of them, and taking it out, all or none of it.

use super::{Millis, PostbackRow, StoreError};
use crate::erasing::{Names, Traces};
use async_trait::async_trait;
use std::sync::Arc;

/// How much is kept of a visitor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    /// When the first visit that is kept began.
    pub first: Millis,
    /// When the last one did.
    pub last: Millis,
    /// How many visits.
    pub visits: u64,
    /// How many events of theirs, clicks among them.
    pub events: u64,
    /// How many clicks.
    pub clicks: u64,
    /// How many conversions came of them, or belong to the same orders.
    pub conversions: u64,
    /// How many postbacks tell those.
    pub postbacks: u64,
    /// How many deliveries of them wait to be sent.
    pub waiting: u64,
    /// What the visitor is known by.
    pub traces: Traces,
}

/// What was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// How many visits are gone.
    pub visits: u64,
    /// How many events are gone, clicks among them.
    pub events: u64,
    /// How many clicks are gone.
    pub clicks: u64,
    /// How many conversions stay in the books and name nobody any more.
    pub conversions: u64,
    /// From how many raw requests personal fields were taken.
    pub postbacks: u64,
    /// How many deliveries were stopped that waited.
    pub stopped: u64,
    /// Of how many deliveries what was told and answered is gone.
    pub deliveries: u64,
    /// Whether the pages that held all this are gone from the log of the database, too; else they go when it is next emptied.
    pub is_log_empty: bool,
}

/// What becomes of a postback's sealed texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleansed {
    /// The raw request without personal fields, sealed.
    pub raw: Vec<u8>,
    /// What was corrected by hand, likewise.
    pub corrections: Option<Vec<u8>>,
}

/// Opens sealed texts, takes a person out of them, and seals them again.
pub trait Cleansing: Send + Sync {
    /// Which parameters tell of a person.
    fn names(&self) -> &Names;
    /// A postback without the person. `if_told`: only if it tells of them, else `None`.
    ///
    /// # Errors
    /// It cannot be sealed again; nothing is erased then.
    fn cleanse(&self, postback: &PostbackRow, traces: &Traces, if_told: bool) -> Result<Option<Cleansed>, String>;
}

/// What erasing needs besides the ids.
#[derive(Clone)]
pub struct Erasure {
    /// Takes the person out of sealed texts.
    pub cleansing: Arc<dyn Cleansing>,
    /// Postbacks without a conversion that tell of the visitor, of those up to `looked_until`.
    pub loose: Vec<String>,
    /// The last postback without a conversion that was looked at; later ones are looked at while erasing.
    pub looked_until: Option<String>,
}

/// Erasing visitors. A visit that names no visitor is one of its own, known by its visit id.
#[async_trait]
pub trait Erasing {
    /// How much is kept of a visitor; `None` where nothing is.
    async fn footprint(&self, site_id: &str, visitor_id: &str) -> Result<Option<Footprint>, StoreError>;
    /// Postbacks that tell no conversion, after the one of this id, oldest first.
    async fn loose_postbacks(
        &self,
        site_id: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<PostbackRow>, StoreError>;
    /// Erases a visitor, in one transaction: visits, events and clicks go, from reports too; conversions stay, with what they are worth and
    /// the campaigns they are credited to, and name nobody; postbacks stay as the calls that they were, without personal fields; what waits
    /// to be sent is stopped. What later comes under the same ids is not taken. `None` where nothing is known of the visitor.
    async fn erase_visitor(
        &self,
        site_id: &str,
        visitor_id: &str,
        erasure: Erasure,
        now: Millis,
    ) -> Result<Option<Erased>, StoreError>;
    /// Whether a visit was erased.
    async fn is_erased(&self, site_id: &str, visit_id: &str) -> Result<bool, StoreError>;
}
