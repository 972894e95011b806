//! What backups were taken.

use super::{Millis, StoreError};
use async_trait::async_trait;

/// A backup that was whole when it was noted: database and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// When it was begun: what was acknowledged before is in it.
    pub at: Millis,
    /// How large it is, in bytes, the keys included.
    pub bytes: u64,
    /// Where it was put, in the words of who took it; it may have been moved since.
    pub folder: String,
}

/// What backups were taken. The last few hundred are known.
#[async_trait]
pub trait Backups {
    /// Notes a backup. Of two that were begun at the same moment, the one noted last is known.
    async fn note_backup(&self, backup: Backup) -> Result<(), StoreError>;
    /// The one that was begun last.
    async fn last_backup(&self) -> Result<Option<Backup>, StoreError>;
    /// All that are known, the one begun last first.
    async fn backups(&self) -> Result<Vec<Backup>, StoreError>;
}
