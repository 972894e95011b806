//! What there is to see of whether anything is broken: when something came last, how long it usually takes, and what waits for somebody.

use super::{Millis, StoreError};
use async_trait::async_trait;

/// Counts stop here: whether it is ten thousand or a million, somebody has to look.
pub const MOST_COUNTED: u64 = 10_000;
/// How far back pauses between events are looked at: two weeks, so that two weekends are among them.
pub const EVENTS_SINCE: Millis = 14 * 86_400_000;
/// How far back pauses between postbacks are looked at: sales come less often.
pub const POSTBACKS_SINCE: Millis = 60 * 86_400_000;
/// What is recent.
pub const LATELY: Millis = 7 * 86_400_000;

/// When something came last, and how long it took at most before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rhythm {
    /// When the last one was received; `None` where there never was any.
    pub last: Option<Millis>,
    /// The longest pause between two of them of late, in milliseconds and to the hour, of postbacks to six hours; `None` where there were
    /// not two.
    pub longest_pause: Option<Millis>,
}

/// What there is to see of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Events of any page of the site.
    pub events: Rhythm,
    /// Postbacks, whatever became of them.
    pub postbacks: Rhythm,
    /// Postbacks that are refused, up to [`MOST_COUNTED`].
    pub refused: u64,
    /// When the last of them was received.
    pub last_refused: Option<Millis>,
    /// Conversions that match no visit, up to [`MOST_COUNTED`].
    pub unattributed: u64,
    /// Of them those received lately ([`LATELY`]), up to [`MOST_COUNTED`].
    pub unattributed_lately: u64,
    /// All conversions received lately, up to [`MOST_COUNTED`].
    pub conversions_lately: u64,
}

/// Whether anything is broken.
#[async_trait]
pub trait Health {
    /// What there is to see of a site at this time. It reads some hundred rows by index, however many there are.
    async fn vitals(&self, site_id: &str, now: Millis) -> Result<Vitals, StoreError>;
}
