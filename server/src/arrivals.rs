//! Tells those who watch the live feed that something arrived. In this process only: what another one took in is found by looking.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How many may watch at once: each is a connection and a look at the store now and then.
const WATCHERS: usize = 64;

/// Rings whenever an event or a postback is on disk, for everybody who watches.
#[derive(Debug)]
pub struct Arrivals {
    /// Whether the server goes on; every change of it, to whatever, is a ring.
    bell: watch::Sender<bool>,
    places: Arc<Semaphore>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { bell: watch::Sender::new(true), places: Arc::new(Semaphore::new(WATCHERS)) }
    }
}

/// Somebody who watches, as long as it lives.
#[derive(Debug)]
pub struct Watcher {
    bell: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Arrivals {
    /// Something arrived.
    pub fn ring(&self) {
        self.bell.send_modify(|_| {});
    }

    /// Lets everybody who watches go, for good: the server stops.
    pub fn end(&self) {
        self.bell.send_replace(false);
    }

    /// Begins to watch; `None` where as many watch as may.
    pub fn watch(&self) -> Option<Watcher> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Watcher { bell: self.bell.subscribe(), _place: place })
    }
}

impl Watcher {
    /// Waits until something arrives, or has arrived since the last time; `false` when the server stops.
    pub async fn rung(&mut self) -> bool {
        if !*self.bell.borrow() {
            return false;
        }
        self.bell.changed().await.is_ok() && *self.bell.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_watches_hears_a_ring() {
        let arrivals = Arrivals::default();
        let mut watchers = [arrivals.watch().expect("a place"), arrivals.watch().expect("a place")];
        arrivals.ring();
        for watcher in &mut watchers {
            assert!(watcher.rung().await);
        }
    }

    #[tokio::test]
    async fn what_rang_while_nobody_waited_is_heard_once() {
        let arrivals = Arrivals::default();
        let mut watcher = arrivals.watch().expect("a place");
        arrivals.ring();
        arrivals.ring();
        assert!(watcher.rung().await);
        tokio::select! {
            biased;
            _ = watcher.rung() => panic!("it rang once for both"),
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn when_the_server_stops_everybody_goes_and_nobody_stays_who_comes() {
        let arrivals = Arrivals::default();
        let mut watcher = arrivals.watch().expect("a place");
        arrivals.end();
        assert!(!watcher.rung().await);
        assert!(!arrivals.watch().expect("a place").rung().await);
    }

    #[tokio::test]
    async fn only_so_many_watch_at_once() {
        let arrivals = Arrivals::default();
        let watchers: Vec<Watcher> = (0..WATCHERS).filter_map(|_| arrivals.watch()).collect();
        assert_eq!(watchers.len(), WATCHERS);
        assert!(arrivals.watch().is_none());
        drop(watchers);
        assert!(arrivals.watch().is_some());
    }
}
