//! Where links lead that may be cloaked, as AutoScan found out.

use super::{Listing, Millis, Page, StoreError};
use async_trait::async_trait;

/// A link, and what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// UUIDv7, a new one each time it is found out.
    pub id: String,
    /// The link.
    pub url: String,
    /// The tracking group it leads to.
    pub group: Option<String>,
    /// Whether parameters get through; `None` where that is not known or makes no sense.
    pub forwards: Option<bool>,
    /// The network's URL it leads to.
    pub resolved: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// Every URL on the way.
    pub hops: Vec<String>,
    /// Tells the link rules by which it was judged from others.
    pub rules: String,
    /// When it was found out.
    pub checked_at: Millis,
    /// Until when it holds.
    pub expires_at: Millis,
}

/// Links that were followed: of each the newest answer.
#[async_trait]
pub trait Links {
    /// Keeps an answer in the place of the one before. Of a site's links the last `most` are kept; those that lead to no network go first.
    async fn keep_link(&self, site_id: &str, link: LinkRow, most: usize) -> Result<(), StoreError>;
    /// What is kept of these URLs, run out or not, in any order.
    async fn links_by_url(&self, site_id: &str, urls: &[String]) -> Result<Vec<LinkRow>, StoreError>;
    /// Links, the one found out last first.
    async fn links(&self, site_id: &str, page: Page) -> Result<Listing<LinkRow>, StoreError>;
}
