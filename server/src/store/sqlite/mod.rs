//! The embedded engine: one file, one thread that writes, a pool that reads.
//!
//! An answer leaves after the commit (`WAL`, `synchronous=FULL`), and what was answered can be read at once. A write that
//! cannot be made durable (disk full, read-only, size limit) is `Unavailable`, and writing goes on by itself when there is room again.

mod arrivals;
mod attributions;
mod backup;
mod backups;
mod books;
mod carriers;
mod connection;
mod conversions;
mod costs;
mod credit_kept;
mod deliveries;
mod due;
mod erased;
mod erasing;
mod examine;
mod facts;
mod failure;
mod forgetting;
mod health;
mod holdings;
mod inbox;
mod jobs;
mod joins;
mod links;
mod operators;
mod outbox;
mod outlets;
mod parts;
mod people;
mod rates;
mod rereading;
mod rows;
mod seals;
mod sites;
mod story;
mod trail;
mod writer;

pub use backup::{CopyError, copy};
pub use backups::note_backup_in;
pub use examine::{Checked, Examined, examine};

use crate::store::StoreError;
use failure::{Because, Failure};
use r2d2::{ManageConnection, Pool};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
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
    /// How many facts of a kind are sealed in one: more are read faster and written more slowly.
    pub seal: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 4096, batch: 512, readers: 4, max_size_mb: None, seal: 16_384 }
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
    readers: Arc<Readers>,
    seal: usize,
    kept: Arc<facts::Kept>,
}

/// The connections that read.
struct Readers {
    path: PathBuf,
    count: u32,
    // Made only after the database was opened for writing: a connection that reads a database that cannot be written maps its shared
    // memory read-only, and as long as it lives, no connection of this process can write.
    pool: OnceLock<Pool<SqliteConnectionManager>>,
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
        let readers = Readers { path: path.to_owned(), count: options.readers, pool: OnceLock::new() };
        let seal = options.seal;
        let writer = Writer::start(connection, path.to_owned(), options).map_err(OpenError::Thread)?;
        Ok(Self { writer, readers: Arc::new(readers), seal, kept: Arc::default() })
    }

    /// Opens a database that is there to read it: nothing is made or brought up to date, and a server may have it open.
    ///
    /// # Errors
    /// The thread that would write does not start.
    pub fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        let options = Options { readers: 1, ..Options::default() };
        let readers = Readers { path: path.to_owned(), count: options.readers, pool: OnceLock::new() };
        let seal = options.seal;
        let writer = Writer::start(None, path.to_owned(), options).map_err(OpenError::Thread)?;
        Ok(Self { writer, readers: Arc::new(readers), seal, kept: Arc::default() })
    }

    /// Finishes every write that was let in, and lets no more in. Closing twice does no harm.
    pub async fn close(&self) {
        if let Some(thread) = self.writer.end() {
            // A thread that panicked has nothing left to finish.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    /// Reads on a connection of its own for as long as that takes.
    async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (readers, pooled) = (Arc::clone(&self.readers), self.writer.has_opened());
        tokio::task::spawn_blocking(move || readers.read(pooled, job))
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable(Box::new(Because("the read gave up halfway")))))
    }
}

impl Readers {
    fn read<T>(&self, pooled: bool, job: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        if pooled {
            let pool = self.pool.get_or_init(|| connection::readers(&self.path, self.count));
            let connection = match pool.try_get() {
                Some(connection) => Some(connection),
                // As long as the pool has none at all, trying here is faster than waiting for it, and tells why where it fails.
                None if pool.state().connections == 0 => None,
                None => Some(pool.get().map_err(|error| StoreError::Unavailable(Box::new(error)))?),
            };
            if let Some(connection) = connection {
                return Ok(job(&connection)?);
            }
        }
        let connection = connection::reading(&self.path).connect().map_err(Failure::from)?;
        Ok(job(&connection)?)
    }
}
