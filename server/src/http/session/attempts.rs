//! What slows down those who guess: attempts to sign in are counted by the address they come from and by the account they are for.

use crate::app::{App, SharedApp};
use crate::audit;
use crate::http::request::{address, network};
use crate::people::Who;
use crate::people::patience::Patience;
use crate::store::Millis;
use axum::http::HeaderMap;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// Attempts to sign in, per address and minute.
const ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// Refused attempts that are written down, per hour: a crowd of them must not fill the disk.
const NOTES: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);
/// Addresses after which those that have gone quiet are forgotten.
const FORGET_AT: usize = 10_000;

/// Attempts to sign in, as far as they are remembered. A restart forgets them.
pub(crate) struct Attempts {
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    by_account: Mutex<Patience>,
    notes: DefaultDirectRateLimiter,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            by_address: RateLimiter::keyed(Quota::per_minute(ATTEMPTS)),
            by_account: Mutex::default(),
            notes: RateLimiter::direct(Quota::per_hour(NOTES)),
        }
    }
}

impl Attempts {
    /// Counts an attempt from where this request came from; whether it may go on.
    pub(super) fn may_try(&self, app: &App, peer: SocketAddr, headers: &HeaderMap) -> bool {
        if self.by_address.len() > FORGET_AT {
            self.by_address.retain_recent();
        }
        self.by_address.check_key(&network(address(app, peer, headers))).is_ok()
    }

    /// Counts an attempt on this account, as a wrong one until [`Self::forget`] says otherwise.
    ///
    /// # Errors
    /// The account has to wait; for how many milliseconds.
    pub(crate) fn begin(&self, email: &str, now: Millis) -> Result<(), Millis> {
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner).begin(email, now)
    }

    /// The password was right, or the account has a new one.
    pub(crate) fn forget(&self, email: &str) {
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner).forget(email);
    }

    /// Writes down that a sign-in was refused, unless many were lately.
    pub(super) async fn note(&self, app: &SharedApp, who: &Who, about: Value) {
        tracing::warn!("a sign-in was refused");
        if self.notes.check().is_ok() {
            audit::note(app, who, None, "sign_in.refused", about).await;
        }
    }
}
