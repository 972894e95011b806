//! What is sealed in the books and on its way, so that it can be sealed under another key.

use super::StoreError;
use async_trait::async_trait;

/// What is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedKind {
    /// The raw request of a postback.
    RawRequest,
    /// What the operator corrected in a postback.
    Corrections,
    /// The last request and answer of a delivery.
    Exchange,
}

impl SealedKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::RawRequest, Self::Corrections, Self::Exchange];
}

/// Something that is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedText {
    /// Its site.
    pub site_id: String,
    /// The id of the postback or delivery.
    pub id: String,
    /// The sealed text.
    pub text: Vec<u8>,
}

/// What is sealed. The secrets of settings are not among it: see [`super::Sites::replace_settings`].
#[async_trait]
pub trait Seals {
    /// The first so many of a kind behind this one, in an order of their own; from the very first without one. Fewer than asked for: those
    /// are the last.
    async fn sealed(
        &self,
        kind: SealedKind,
        behind: Option<SealedText>,
        limit: usize,
    ) -> Result<Vec<SealedText>, StoreError>;
    /// Puts these texts in the place of those that are still as they were; of how many it did. Corrections of a site that is being
    /// replayed stay: what was read with them before would otherwise seem to be of another time.
    async fn replace_sealed(&self, kind: SealedKind, texts: Vec<(SealedText, Vec<u8>)>) -> Result<usize, StoreError>;
}
