//! Replacing the secret id in a site's postback URLs, when somebody learned it who should not.

use super::Millis;

/// A new tracking id for a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The new one; counts at once.
    pub tracking_id: String,
    /// Until when the one before still leads to the site. A time that has passed ends it at once.
    pub until: Millis,
    /// The time of the change; ids that have run out by then are forgotten.
    pub now: Millis,
}

/// A tracking id that was replaced and still leads to its site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedTrackingId {
    /// 24 characters, secret.
    pub tracking_id: String,
    /// Until when.
    pub until: Millis,
}
