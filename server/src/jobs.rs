//! Runs long tasks, one step at a time: replays, imports, reconciliations. A step's work and the cursor it moves are kept together, so a
//! task that was interrupted goes on where it stopped and ends as if it had not been.

use crate::app::App;
use crate::store::{Job, JobKind, JobState, Step, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

pub mod daily;
pub mod forget;
pub mod import;
pub mod reconcile;
pub mod replay;

/// How long a task waits before it tries again what may pass.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest such wait: each further failure in a row doubles it up to here.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Why a step was not done.
#[derive(Debug)]
pub enum Trouble {
    /// It may pass: the step is tried again after this time.
    Later(Duration, String),
    /// It will not pass: the task ends with this sentence.
    Never(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) => Trouble::Never(error.to_string()),
            StoreError::Busy | StoreError::Unavailable(_) => Trouble::Later(PAUSE, error.to_string()),
        }
    }
}

/// Tells the runner that there is something to do.
#[derive(Debug, Default)]
pub struct Bell(Notify);

impl Bell {
    /// There is a new job.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits until it rings, or takes note that it has rung since.
    pub async fn rung(&self) {
        self.0.notified().await;
    }
}

/// Runs open jobs, oldest first, until the future is dropped; between two steps nothing is half done.
pub async fn run(app: Arc<App>) {
    loop {
        let jobs = match app.store.open_jobs().await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(%error, "jobs cannot be read");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let mut wait: Option<Duration> = (!jobs.is_empty()).then_some(LONGEST_PAUSE);
        for job in jobs {
            // One that has to wait lets the others go on.
            if let Some(pause) = whole(&app, job).await {
                wait = Some(wait.map_or(pause, |wait| wait.min(pause)));
            } else {
                wait = Some(Duration::ZERO);
            }
        }
        match wait {
            None => app.jobs.0.notified().await,
            Some(pause) => {
                // A new job need not wait for an old one's pause.
                let _ = tokio::time::timeout(pause, app.jobs.0.notified()).await;
            }
        }
    }
}

/// Does a job's steps until it ends, or has to wait for so long.
async fn whole(app: &App, mut job: Job) -> Option<Duration> {
    let (site_id, id) = (job.site_id.clone(), job.id.clone());
    loop {
        let done = match step(app, &job).await {
            Ok(step) => app.store.advance(&site_id, &id, step).await.map_err(Trouble::from),
            Err(trouble) => Err(trouble),
        };
        match done {
            Ok(_) => {}
            Err(Trouble::Later(pause, reason)) => {
                tracing::warn!(job = id, reason, "a job waits");
                let waiting = Step { error: Some(reason), state: job.state, ..Step::of(&job, app.now()) };
                if let Err(error) = app.store.advance(&site_id, &id, waiting).await {
                    tracing::warn!(job = id, %error, "a job cannot say why it waits");
                }
                return Some(pause.clamp(PAUSE, LONGEST_PAUSE));
            }
            Err(Trouble::Never(reason)) => {
                tracing::error!(job = id, reason, "a job ends before it is through");
                let failed = Step { error: Some(reason), state: JobState::Failed, ..Step::of(&job, app.now()) };
                return app.store.advance(&site_id, &id, failed).await.err().map(|_| PAUSE);
            }
        }
        match app.store.job(&site_id, &id).await {
            Ok(Some(after)) if after.state.is_open() => job = after,
            Ok(_) => return None,
            Err(error) => {
                tracing::warn!(job = id, %error, "a job cannot be read");
                return Some(PAUSE);
            }
        }
    }
}

/// One step of a job, not kept yet.
async fn step(app: &App, job: &Job) -> Result<Step, Trouble> {
    match job.kind {
        JobKind::Replay => replay::step(app, job).await,
        JobKind::Reconcile => reconcile::step(app, job).await,
        JobKind::Import => import::step(app, job).await,
    }
}
