//! Asks each day the networks' APIs whose operators want it so (`groups.<name>.reconcile_days`).

use super::reconcile::{NotBegun, Task, begin};
use crate::app::App;
use crate::settings::SiteSettings;
use crate::store::{Job, JobKind, Millis, Page, Site, StoreError};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether a day has passed: after a restart, and where one job had to wait for another.
const LOOK: Duration = Duration::from_secs(30 * 60);
/// A day, in milliseconds.
const DAY: Millis = 24 * 60 * 60 * 1000;
/// How many of a site's newest jobs are looked at.
const NEWEST: usize = 100;

/// Looks again and again, until the future is dropped.
pub async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tick.tick().await;
        if let Err(error) = look(&app).await {
            tracing::warn!(%error, "it cannot be seen whether a reconciliation is due");
        }
    }
}

async fn look(app: &App) -> Result<(), StoreError> {
    let now = app.now();
    for site in app.store.sites().await? {
        let Some(task) = due(app, &site, now).await? else { continue };
        match begin(app, &site.site_id, &task).await {
            Ok(job) => tracing::info!(site = site.site_id, group = task.group, job = job.id, "asks what was sold"),
            // Somebody asks just now.
            Err(NotBegun::Busy) => {}
            Err(error) => tracing::warn!(site = site.site_id, group = task.group, %error, "nothing is asked"),
        }
    }
    Ok(())
}

/// What a site is to ask now. Its groups take turns: a job says nothing of its group to whoever lists it.
async fn due(app: &App, site: &Site, now: Millis) -> Result<Option<Task>, StoreError> {
    let settings = SiteSettings::of(site)?;
    let groups: Vec<(&String, u16)> = settings
        .groups
        .iter()
        .filter(|(_, group)| group.api_key.is_some())
        .filter_map(|(name, group)| Some((name, group.reconcile_days?)))
        .collect();
    if groups.is_empty() {
        return Ok(None);
    }
    let jobs = app.store.jobs(&site.site_id, Page::first(NEWEST)).await?;
    Ok(groups.get(of_today(&jobs.items, now)).and_then(|(group, days)| task(group, *days, now)))
}

/// How many reconciliations were begun in the day before.
fn of_today(jobs: &[Job], now: Millis) -> usize {
    let is_recent = |job: &&Job| job.kind == JobKind::Reconcile && now.saturating_sub(job.created_at) < DAY;
    jobs.iter().filter(is_recent).count()
}

/// So many days back, up to today.
fn task(group: &str, days: u16, now: Millis) -> Option<Task> {
    let to = Timestamp::from_millisecond(now).ok()?.to_zoned(TimeZone::UTC).date();
    let from = to.checked_sub(jiff::Span::new().days(days)).ok()?;
    Some(Task { group: group.to_owned(), from, to })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_reconciliation_of_the_day_before_counts_and_other_jobs_do_not() {
        let job = |kind, created_at| Job::new("site", format!("{created_at}"), kind, vec![], created_at);
        let now = 10 * DAY;
        let jobs = [
            job(JobKind::Reconcile, now - 1),
            job(JobKind::Replay, now - 1),
            job(JobKind::Reconcile, now - DAY + 1),
            job(JobKind::Reconcile, now - DAY),
        ];
        assert_eq!(of_today(&jobs, now), 2);
        assert_eq!(of_today(&jobs, now + DAY), 0);
    }

    #[test]
    fn so_many_days_are_asked_for_up_to_today() {
        let now = date(2026, 3, 2).at(23, 59, 59, 0).to_zoned(TimeZone::UTC).expect("a time").timestamp();
        let task = task("group", 3, now.as_millisecond()).expect("in range");
        assert_eq!((task.from, task.to), (date(2026, 2, 27), date(2026, 3, 2)));
    }
}
