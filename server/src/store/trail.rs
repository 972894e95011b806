//! The trail of what people and programs changed.

use super::{Listing, Millis, Place, StoreError};
use async_trait::async_trait;
use serde_json::Value;

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// UUIDv7.
    pub id: String,
    /// When.
    pub at: Millis,
    /// Who, in words that stay when the person is gone.
    pub who: String,
    /// The person, where it was one.
    pub user_id: Option<String>,
    /// The site it was about, if about one.
    pub site_id: Option<String>,
    /// What was done: `settings.changed`, `cost.added`, ...
    pub act: String,
    /// The particulars as JSON; never a secret.
    pub about: Value,
}

/// Which deeds are asked for: those of which all of this is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeedFilter {
    /// About this site.
    pub site_id: Option<String>,
    /// Done by these, in the words of the trail.
    pub who: Option<String>,
    /// Of this kind.
    pub act: Option<String>,
}

/// What a trail can be filtered by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeedWords {
    /// Everybody who did something, in order of the letters.
    pub who: Vec<String>,
    /// Everything that was done, in order of the letters.
    pub acts: Vec<String>,
}

/// The trail. What is written there is never changed, but that a visitor who is erased is taken out of its particulars.
#[async_trait]
pub trait Trail {
    /// Writes a deed down.
    async fn add_deed(&self, deed: Deed) -> Result<(), StoreError>;
    /// Deeds, newest first: so many after this place.
    async fn deeds(&self, filter: DeedFilter, after: Option<Place>, limit: usize) -> Result<Listing<Deed>, StoreError>;
    /// What the trail can be filtered by.
    async fn deed_words(&self) -> Result<DeedWords, StoreError>;
}
