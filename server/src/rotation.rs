//! Giving a site a new secret tracking id, because somebody learned the one it has.

use crate::app::{App, new_tracking_id};
use crate::store::{Millis, ReplacedTrackingId, Rotation, StoreError};
use crate::vault::VaultError;

/// How long the id before goes on, in hours, where nobody says: a week, since networks are changed by hand.
pub const GRACE_HOURS: u32 = 168;
/// The longest it may go on, in hours: a year.
pub const MOST_GRACE_HOURS: u32 = 8760;

/// Milliseconds of an hour.
const HOUR: Millis = 3_600_000;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The new id; counts already.
    pub tracking_id: String,
    /// The ids that still work beside it.
    pub replaced: Vec<ReplacedTrackingId>,
}

/// Why there is no new id.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// There is no such site.
    #[error("there is no such site")]
    NoSite,
    /// The old one cannot go on for that long.
    #[error("grace_hours: must be a number from 0 to {MOST_GRACE_HOURS}")]
    Grace,
    /// The system gives no randomness.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Gives a site a new tracking id; the one before goes on for so many hours, none ends it at once.
    ///
    /// # Errors
    /// See [`RotationError`]; the id stays as it was.
    pub async fn rotate_tracking_id(&self, site_id: &str, grace_hours: u32) -> Result<Rotated, RotationError> {
        rotate(self.store.as_ref(), site_id, grace_hours, self.now()).await
    }
}

/// As [`App::rotate_tracking_id`], for who has a store and no server.
///
/// # Errors
/// See [`RotationError`].
pub async fn rotate<S: crate::store::Sites + ?Sized>(
    store: &S,
    site_id: &str,
    grace_hours: u32,
    now: Millis,
) -> Result<Rotated, RotationError> {
    if grace_hours > MOST_GRACE_HOURS {
        return Err(RotationError::Grace);
    }
    let tracking_id = new_tracking_id()?;
    let until = now.saturating_add(HOUR.saturating_mul(i64::from(grace_hours)));
    let rotation = Rotation { tracking_id: tracking_id.clone(), until, now };
    if !store.rotate_tracking_id(site_id, rotation).await? {
        return Err(RotationError::NoSite);
    }
    let replaced = store.replaced_tracking_ids(site_id, now).await?;
    Ok(Rotated { tracking_id, replaced })
}
