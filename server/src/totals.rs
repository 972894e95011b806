//! Keeps the totals that reports read up to date: a little at a time in the background, and all of it before a report is made.

use crate::store::{SharedStore, StoreError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How much is taken in at once in the background: what waits to be written meanwhile waits that much longer, some milliseconds.
const LITTLE: usize = 100;
/// How much is taken in at once when somebody waits for a report.
const MUCH: usize = 500;
/// How long to wait once nothing is left.
const IDLE: Duration = Duration::from_secs(5);
/// How long to wait after a failure.
const FAILED: Duration = Duration::from_secs(30);
/// How many times as long as the last part took to wait before the next: the busier the store, the longer.
const BREATHS: u32 = 4;

/// Takes in what came and changed, for as long as it runs. The busier the store, the more slowly.
pub async fn keep_up(store: SharedStore) {
    loop {
        let began = Instant::now();
        let pause = match store.fold(LITTLE).await {
            Ok(folded) if folded.left > 0 => began.elapsed() * BREATHS,
            Ok(_) => IDLE,
            // More writes than the queue holds: they go first.
            Err(StoreError::Busy) => IDLE,
            Err(error) => {
                tracing::error!(%error, "the totals for reports are not brought up to date");
                FAILED
            }
        };
        sleep(pause).await;
    }
}

/// Takes in all there is; how much is left after so long, which after an import of millions may be much.
///
/// # Errors
/// The store does not take it now.
pub async fn catch_up(store: &SharedStore, within: Duration) -> Result<u64, StoreError> {
    let began = Instant::now();
    loop {
        let folded = store.fold(MUCH).await?;
        if folded.left == 0 || began.elapsed() >= within {
            return Ok(folded.left);
        }
    }
}
