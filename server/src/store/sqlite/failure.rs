//! What goes wrong inside the engine, and what the caller is told.

use crate::store::StoreError;
use rusqlite::{Error, ErrorCode};
use std::sync::Arc;

/// What goes wrong in a statement or with a row.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// SQLite says no.
    #[error(transparent)]
    Engine(#[from] Error),
    /// A row holds what cannot be.
    #[error("{0}")]
    Unreadable(String),
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Failure::Unreadable(format!("JSON: {error}"))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreadable(what) => StoreError::Corrupt(what),
            Failure::Engine(error) if is_corruption(&error) => StoreError::Corrupt(error.to_string()),
            Failure::Engine(error) => StoreError::Unavailable(Box::new(error)),
        }
    }
}

/// Why a whole batch was not committed; every job in it gets the same.
#[derive(Debug, Clone, thiserror::Error)]
#[error("nothing can be written: {0}")]
pub(super) struct Uncommitted(Arc<dyn std::error::Error + Send + Sync>);

impl Uncommitted {
    pub(super) fn new(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(cause))
    }
}

impl From<Uncommitted> for StoreError {
    fn from(cause: Uncommitted) -> Self {
        StoreError::Unavailable(Box::new(cause))
    }
}

/// A plain reason, where no other error stands behind it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Because(pub(super) &'static str);

/// Whether trying again later may help: the disk, the rights or a lock are in the way, not what the file holds.
pub(super) fn may_pass(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory
        )
    )
}

fn is_corruption(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            Error::FromSqlConversionFailure(..)
                | Error::InvalidColumnType(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::Utf8Error(..)
        )
}
