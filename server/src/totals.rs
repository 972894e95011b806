//! Keeps the facts that reports read up to date: a little at a time in the background, and all of it before a report is made.

use crate::store::{SharedStore, StoreError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How much is taken in at once in the background, at least and at most: much at once costs less, since
/// what it looks up it looks up once, but what waits to be written meanwhile waits that much longer.
const LITTLE: usize = 50;
/// See [`LITTLE`].
const MOST: usize = 2000;
/// A part may take so long, with its waiting for other writes: of parts that are faster the next is larger, of slower ones smaller.
const BRIEF: Duration = Duration::from_millis(20);
/// How much is taken in at once when somebody waits for a report.
const MUCH: usize = 2000;
/// How long to wait once nothing is left.
const IDLE: Duration = Duration::from_secs(5);
/// How long to wait after a failure.
const FAILED: Duration = Duration::from_secs(30);
/// How many times as long as the last part took to wait before the next: the busier the store, the longer.
const BREATHS: u32 = 2;

/// Takes in what came and changed, for as long as it runs. The busier the store, the more slowly.
pub async fn keep_up(store: SharedStore) {
    let mut size = LITTLE;
    loop {
        let began = Instant::now();
        let taken = store.take_in(size).await;
        let took = began.elapsed();
        size = next_size(size, took);
        let pause = match taken {
            Ok(taken) if taken.left > 0 => took * BREATHS,
            Ok(_) => IDLE,
            // More writes than the queue holds: they go first.
            Err(StoreError::Busy) => IDLE,
            Err(error) => {
                tracing::error!(%error, "the facts for reports are not brought up to date");
                FAILED
            }
        };
        sleep(pause).await;
    }
}

fn next_size(size: usize, took: Duration) -> usize {
    if took > BRIEF { (size / 2).max(LITTLE) } else { (size + LITTLE).min(MOST) }
}

/// Takes in all there is; how much is left after so long, which after an import of millions may be much.
///
/// # Errors
/// The store does not take it now.
pub async fn catch_up(store: &SharedStore, within: Duration) -> Result<u64, StoreError> {
    let began = Instant::now();
    loop {
        let taken = store.take_in(MUCH).await?;
        if taken.left == 0 || began.elapsed() >= within {
            return Ok(taken.left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_while_the_store_is_quick_and_shrink_when_it_is_not() {
        assert_eq!(next_size(LITTLE, BRIEF), 2 * LITTLE);
        assert_eq!(next_size(MOST, BRIEF), MOST);
        assert_eq!(next_size(1000, BRIEF * 2), 500);
        assert_eq!(next_size(LITTLE, BRIEF * 2), LITTLE);
    }
}
