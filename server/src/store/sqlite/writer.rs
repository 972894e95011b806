//! The one thread that writes. It takes everything that waits, runs each job in its own savepoint of one transaction, commits,
//! and only then answers.

use super::connection;
use super::failure::{Because, Failure, Uncommitted};
use super::{OpenError, Options};
use crate::store::StoreError;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// The way to the writing thread.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    opened: Arc<AtomicBool>,
}

/// Something to write, for whoever waits for its answer.
trait Job: Send {
    /// Does it; `false` if what it did must be undone.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells who waits what became of it.
    fn answer(self: Box<Self>, committed: Result<(), Uncommitted>);
}

struct Waiting<T, F> {
    job: Option<F>,
    done: Option<Result<T, Failure>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F> Job for Waiting<T, F>
where
    F: FnOnce(&Connection) -> Result<T, Failure> + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let Some(job) = self.job.take() else { return false };
        // A panic ends the job that panicked, not the thread that every other write depends on.
        let done = catch_unwind(AssertUnwindSafe(|| job(connection)))
            .unwrap_or_else(|_| Err(Failure::Unreadable("a write gave up halfway".into())));
        self.done.insert(done).is_ok()
    }

    fn answer(self: Box<Self>, committed: Result<(), Uncommitted>) {
        let answer = match (self.done, committed) {
            (_, Err(cause)) => Err(cause.into()),
            (Some(done), Ok(())) => done.map_err(StoreError::from),
            (None, Ok(())) => Err(StoreError::Unavailable(Box::new(Because("the write was never tried")))),
        };
        // Whoever asked may have gone; what is written stays written.
        let _ = self.answer.send(answer);
    }
}

impl Writer {
    /// Starts the thread. Without a connection it tries to open one for each batch.
    pub(super) fn start(
        connection: Option<Connection>,
        path: PathBuf,
        options: Options,
    ) -> Result<Self, std::io::Error> {
        let (queue, jobs) = mpsc::channel(options.queue.max(1));
        let opened = Arc::new(AtomicBool::new(connection.is_some()));
        let work = Work { connection, path, options, failing: false, opened: Arc::clone(&opened) };
        let thread = Builder::new().name("store-writer".into()).spawn(move || work.run(jobs))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), opened })
    }

    /// Does `job` in the next transaction and answers once that is on disk.
    pub(super) async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let closed = || StoreError::Unavailable(Box::new(Because("the store is closed")));
        let (answer, outcome) = oneshot::channel();
        let waiting = Box::new(Waiting { job: Some(job), done: None, answer });
        {
            let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.as_ref().ok_or_else(closed)?.try_send(waiting).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Busy,
                mpsc::error::TrySendError::Closed(_) => closed(),
            })?;
        }
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Whether the database could be opened for writing, now or at some time before.
    pub(super) fn has_opened(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }

    /// Lets no more in, and returns the thread to be joined, if nobody took it before.
    pub(super) fn end(&self) -> Option<JoinHandle<()>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What the thread holds.
struct Work {
    connection: Option<Connection>,
    path: PathBuf,
    options: Options,
    failing: bool,
    opened: Arc<AtomicBool>,
}

impl Work {
    fn run(mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < self.options.batch.max(1) {
                let Ok(next) = jobs.try_recv() else { break };
                batch.push(next);
            }
            let committed = self.commit(&mut batch);
            self.note(&committed, batch.len());
            for job in batch {
                job.answer(committed.clone());
            }
        }
    }

    /// One transaction; an error means that none of the batch is kept.
    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), Uncommitted> {
        // A connection that failed is not used again: what state it is in is anybody's guess.
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = connection::writing(&self.path, &self.options).map_err(Uncommitted::new)?;
                self.opened.store(true, Ordering::Release);
                connection
            }
        };
        transact(&connection, batch).map_err(Uncommitted::new)?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Says once when writing stops working, and once when it works again.
    fn note(&mut self, committed: &Result<(), Uncommitted>, jobs: usize) {
        match committed {
            Err(error) if !self.failing => {
                tracing::error!(%error, jobs, "writing fails; nothing is acknowledged until it works again");
            }
            Ok(()) if self.failing => tracing::info!("writing works again"),
            _ => {}
        }
        self.failing = committed.is_err();
    }
}

fn transact(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), rusqlite::Error> {
    let execute = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(drop);
    execute("BEGIN IMMEDIATE")?;
    for job in batch {
        execute("SAVEPOINT job")?;
        if !job.run(connection) {
            // SQLite itself rolls everything back where it runs out of disk or memory; then this fails, and with it the batch.
            execute("ROLLBACK TO job")?;
        }
        execute("RELEASE job")?;
    }
    execute("COMMIT")
}

impl OpenError {
    /// Whether the file is there and what is in the way may pass, so that serving 503 is better than not serving.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            OpenError::ReadOnly { .. } => true,
            OpenError::Database { path, source } => super::failure::may_pass(source) && path.exists(),
            OpenError::Schema { .. } | OpenError::Thread(_) => false,
        }
    }
}
