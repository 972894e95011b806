//! Long tasks: each step is one job of the writer, so that its work and the cursor it moves are kept together or not at all.

use super::Sqlite;
use super::failure::Failure;
use super::inbox::take_postback;
use super::rereading::reread;
use super::rows::{from_json, json};
use crate::store::{Job, JobKind, JobState, Jobs, List, Listing, Page, PostbackOutcome, Step, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

/// A job with what it works from, which stands apart.
const WHOLE: &str = "SELECT jobs.*, coalesce(payload, x'') AS payload
                     FROM jobs LEFT JOIN job_payloads USING (site_id, id)";

#[async_trait]
impl Jobs for Sqlite {
    async fn add_job(&self, job: Job) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| {
                let added = connection
                    .prepare_cached(
                        "INSERT INTO jobs (site_id, id, kind, state, position, total, counts, problems, error,
                                           created_at, updated_at)
                         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11
                         WHERE NOT EXISTS (
                             SELECT 1 FROM jobs WHERE site_id = ?1 AND kind = ?3 AND state IN ('waiting', 'running'))",
                    )?
                    .execute(params![
                        job.site_id,
                        job.id,
                        job.kind.as_str(),
                        job.state.as_str(),
                        job.cursor,
                        job.total.map(stored),
                        json(&job.counts)?,
                        json(&job.problems)?,
                        job.error,
                        job.created_at,
                        job.updated_at,
                    ])?;
                if added > 0 && !job.payload.is_empty() {
                    connection
                        .prepare_cached("INSERT INTO job_payloads (site_id, id, payload) VALUES (?, ?, ?)")?
                        .execute(params![job.site_id, job.id, job.payload])?;
                }
                Ok(added > 0)
            })
            .await
    }

    async fn job(&self, site_id: &str, id: &str) -> Result<Option<Job>, StoreError> {
        let (site_id, id) = (site_id.to_owned(), id.to_owned());
        self.read(move |connection| {
            let sql = format!("{WHOLE} WHERE site_id = ? AND id = ?");
            connection.prepare_cached(&sql)?.query_and_then([site_id, id], read)?.next().transpose()
        })
        .await
    }

    async fn jobs(&self, site_id: &str, page: Page) -> Result<Listing<Job>, StoreError> {
        let select = "SELECT site_id, id, kind, state, position, total, counts, problems, error, x'' AS payload,
                             created_at, updated_at
                      FROM jobs AS row";
        self.list(List::Jobs, select, site_id, page, read).await
    }

    async fn open_jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.read(|connection| {
            let sql = format!("{WHOLE} WHERE state IN ('waiting', 'running') ORDER BY id");
            connection.prepare_cached(&sql)?.query_and_then([], read)?.collect()
        })
        .await
    }

    async fn advance(&self, site_id: &str, id: &str, step: Step) -> Result<bool, StoreError> {
        let (site_id, id) = (site_id.to_owned(), id.to_owned());
        self.writer.write(move |connection| advance(connection, &site_id, &id, step)).await
    }
}

fn advance(connection: &Connection, site_id: &str, id: &str, step: Step) -> Result<bool, Failure> {
    let job: Option<Job> = connection
        .prepare_cached("SELECT *, x'' AS payload FROM jobs WHERE site_id = ? AND id = ?")?
        .query_and_then([site_id, id], read)?
        .next()
        .transpose()?;
    let Some(mut job) = job.filter(|job| job.state.is_open() && job.cursor == step.from) else { return Ok(false) };
    let mut count = |outcome: &PostbackOutcome| {
        *job.counts.entry(outcome.state.as_str().to_owned()).or_default() += 1;
    };
    for arrival in &step.arrivals {
        count(&take_postback(connection, site_id, arrival)?);
    }
    for rereading in &step.rereadings {
        if let Some(outcome) = reread(connection, site_id, rereading)? {
            count(&outcome);
        }
    }
    for (name, more) in step.counts {
        *job.counts.entry(name).or_default() += more;
    }
    let room = Job::PROBLEMS.saturating_sub(job.problems.len());
    job.problems.extend(step.problems.into_iter().take(room));
    if !step.state.is_open() {
        connection.prepare_cached("DELETE FROM job_payloads WHERE site_id = ? AND id = ?")?.execute([site_id, id])?;
    }
    connection
        .prepare_cached(
            "UPDATE jobs SET state = ?, position = ?, total = ?, counts = ?, problems = ?, error = ?, updated_at = ?
             WHERE site_id = ? AND id = ?",
        )?
        .execute(params![
            step.state.as_str(),
            step.cursor,
            step.total.or(job.total).map(stored),
            json(&job.counts)?,
            json(&job.problems)?,
            step.error,
            step.now,
            site_id,
            id,
        ])?;
    Ok(true)
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn read(row: &Row<'_>) -> Result<Job, Failure> {
    let (kind, state): (String, String) = (row.get("kind")?, row.get("state")?);
    let unreadable = |word: &str| Failure::Unreadable(format!("{word:?} is no word of a job"));
    Ok(Job {
        site_id: row.get("site_id")?,
        id: row.get("id")?,
        kind: JobKind::parse(&kind).ok_or_else(|| unreadable(&kind))?,
        state: JobState::parse(&state).ok_or_else(|| unreadable(&state))?,
        cursor: row.get("position")?,
        total: row.get::<_, Option<i64>>("total")?.and_then(|total| u64::try_from(total).ok()),
        counts: from_json(row, "counts")?,
        problems: from_json(row, "problems")?,
        error: row.get("error")?,
        payload: row.get("payload")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
