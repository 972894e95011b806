//! The embedded engine: one file, one thread that writes, a pool that reads.
//!
//! An answer leaves after the commit (`WAL`, `synchronous=FULL`), and what was answered can be read at once. A write that
//! cannot be made durable (disk full, read-only, size limit) is `Unavailable`, and writing goes on by itself when there is room again.

mod attributions;
mod books;
mod connection;
mod conversions;
mod failure;
mod inbox;
mod joins;
mod operators;
mod rows;
mod sites;
mod writer;

use crate::store::StoreError;
use failure::{Because, Failure};
use r2d2::{ManageConnection, Pool};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use writer::Writer;

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many writes may wait; past it the answer is `Busy`.
    pub queue: usize,
    /// How many writes one transaction takes at most.
    pub batch: usize,
    /// How many connections read.
    pub readers: u32,
    /// How large the database may grow, in MB (1,000,000 bytes); past it writes are `Unavailable`.
    pub max_size_mb: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 4096, batch: 512, readers: 4, max_size_mb: None }
    }
}

/// Why the database does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened or made.
    #[error("the database {path} cannot be opened", path = path.display())]
    Database {
        /// Where it is.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The file may only be read.
    #[error("the database {path} may not be written", path = path.display())]
    ReadOnly {
        /// Where it is.
        path: PathBuf,
    },
    /// What the file holds is not what this version reads: made by a newer one, or by another program.
    #[error("the database {path} does not have the tables this version knows", path = path.display())]
    Schema {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rusqlite_migration::Error,
    },
    /// The writing thread does not start.
    #[error("the thread that writes does not start")]
    Thread(#[source] std::io::Error),
}

/// The embedded engine.
pub struct Sqlite {
    writer: Writer,
    readers: Pool<SqliteConnectionManager>,
    path: PathBuf,
}

impl Sqlite {
    /// Opens the database, making or updating it where needed. A file that is there but cannot be written now opens all the same:
    /// writes are `Unavailable` until they work.
    ///
    /// # Errors
    /// There is no such file and it cannot be made, or it holds something else.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let connection = match connection::writing(path, &options) {
            Ok(connection) => Some(connection),
            Err(error) if error.may_pass() => {
                tracing::error!(%error, cause = std::error::Error::source(&error), "the store opens without writing");
                None
            }
            Err(error) => return Err(error),
        };
        let readers = connection::readers(path, options.readers);
        let writer = Writer::start(connection, path.to_owned(), options).map_err(OpenError::Thread)?;
        Ok(Self { writer, readers, path: path.to_owned() })
    }

    /// Finishes every write that was let in, and lets no more in. Closing twice does no harm.
    pub async fn close(&self) {
        if let Some(thread) = self.writer.end() {
            // A thread that panicked has nothing left to finish.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    /// Reads on a connection of the pool.
    async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let readers = self.readers.clone();
        let path = self.path.clone();
        let read = move || {
            if let Some(connection) = readers.try_get() {
                return job(&connection).map_err(StoreError::from);
            }
            if readers.state().connections == 0 {
                // Nothing could be opened so far. Trying here tells why at once, instead of waiting for the pool to give up.
                let connection = connection::reading(&path).connect().map_err(Failure::from)?;
                return job(&connection).map_err(StoreError::from);
            }
            let connection = readers.get().map_err(|error| StoreError::Unavailable(Box::new(error)))?;
            job(&connection).map_err(StoreError::from)
        };
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable(Box::new(Because("the read gave up halfway")))))
    }
}
