//! Everything that this process logs, of every crate, at every level.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};
use tracing_subscriber::EnvFilter;

static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Ear;

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        SAID.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to listen, once for all tests.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = EnvFilter::new("trace");
        tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(|| Ear).init();
    });
}

/// What was said so far.
pub(crate) fn said() -> Vec<u8> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
