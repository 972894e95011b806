//! Long tasks that survive a crash: each step does its part of the work and moves the cursor in one transaction.

use super::{Millis, Page, ReceivedPostback, Rereading, StoreError};
use crate::store::Listing;
use async_trait::async_trait;
use std::collections::BTreeMap;

/// What a long task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Reads the raw inbox again, under the rules of now.
    Replay,
    /// Brings in the rows of a file.
    Import,
    /// Asks the network's API for what never came.
    Reconcile,
}

impl JobKind {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            JobKind::Replay => "replay",
            JobKind::Import => "import",
            JobKind::Reconcile => "reconcile",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Replay, Self::Import, Self::Reconcile].into_iter().find(|known| known.as_str() == word)
    }
}

/// How far a long task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It has not begun.
    Waiting,
    /// It has begun; after a crash it goes on.
    Running,
    /// It is through.
    Done,
    /// It ended before it was through; `error` says why.
    Failed,
}

impl JobState {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Waiting => "waiting",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Running, Self::Done, Self::Failed].into_iter().find(|known| known.as_str() == word)
    }

    /// Whether there is still something to do.
    pub fn is_open(self) -> bool {
        matches!(self, JobState::Waiting | JobState::Running)
    }
}

/// A long task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its site.
    pub site_id: String,
    /// UUIDv7.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// Where the next step begins, in the job's own terms; `None` at the beginning.
    pub cursor: Option<String>,
    /// How many things there are to do, where that is known.
    pub total: Option<u64>,
    /// How many of each were done: outcomes by their words, and whatever the job counts.
    pub counts: BTreeMap<String, u64>,
    /// What was wrong with single things, the first [`Job::PROBLEMS`] of them.
    pub problems: Vec<String>,
    /// Why it ended before it was through, or waits.
    pub error: Option<String>,
    /// What it works from, sealed by who made it; empty once it is through.
    pub payload: Vec<u8>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last did something.
    pub updated_at: Millis,
}

impl Job {
    /// Most problems that are kept.
    pub const PROBLEMS: usize = 100;

    /// A job that has not begun.
    pub fn new(site_id: &str, id: String, kind: JobKind, payload: Vec<u8>, now: Millis) -> Self {
        Self {
            site_id: site_id.to_owned(),
            id,
            kind,
            state: JobState::Waiting,
            cursor: None,
            total: None,
            counts: BTreeMap::new(),
            problems: Vec::new(),
            error: None,
            payload,
            created_at: now,
            updated_at: now,
        }
    }

    /// Where the payload of a job belongs: what is sealed for one opens for no other.
    pub fn place(id: &str) -> String {
        format!("job/{id}")
    }
}

/// One step of a long task: all of it, or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The cursor it was made from. Where the job stands elsewhere by now, somebody was faster, and nothing happens.
    pub from: Option<String>,
    /// Where the next step begins.
    pub cursor: Option<String>,
    /// How far the job is then.
    pub state: JobState,
    /// Why it ended before it was through, or waits.
    pub error: Option<String>,
    /// How many things there are to do, where that has become known.
    pub total: Option<u64>,
    /// Postbacks it brings in.
    pub arrivals: Vec<ReceivedPostback>,
    /// Postbacks it has read again.
    pub rereadings: Vec<Rereading>,
    /// What it counts besides the outcomes of those, which the store counts by their words.
    pub counts: BTreeMap<String, u64>,
    /// What was wrong with single things.
    pub problems: Vec<String>,
    /// When it is done.
    pub now: Millis,
}

impl Step {
    /// A step of this job that does nothing yet and leaves it running.
    pub fn of(job: &Job, now: Millis) -> Self {
        Self {
            from: job.cursor.clone(),
            cursor: job.cursor.clone(),
            state: JobState::Running,
            error: None,
            total: None,
            arrivals: Vec::new(),
            rereadings: Vec::new(),
            counts: BTreeMap::new(),
            problems: Vec::new(),
            now,
        }
    }
}

/// Long tasks.
#[async_trait]
pub trait Jobs {
    /// Adds a job; `false` where the site has an open one of its kind.
    async fn add_job(&self, job: Job) -> Result<bool, StoreError>;
    /// The job of this id.
    async fn job(&self, site_id: &str, id: &str) -> Result<Option<Job>, StoreError>;
    /// A site's jobs, newest first, without their payloads.
    async fn jobs(&self, site_id: &str, page: Page) -> Result<Listing<Job>, StoreError>;
    /// Every site's open jobs, oldest first.
    async fn open_jobs(&self) -> Result<Vec<Job>, StoreError>;
    /// Does one step, all or nothing; `false` where the job is not where the step was made from. A job that ends loses its payload.
    async fn advance(&self, site_id: &str, id: &str, step: Step) -> Result<bool, StoreError>;
}
