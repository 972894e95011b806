//! What the dashboard's health strip shows, and long tasks, as findings: the judgement is the dashboard's own ([`crate::health`]). Pure.

use crate::finding::Finding;
use crate::health::{Kind, Level, Sign};
use crate::store::{Job, JobState};
use std::collections::BTreeSet;

/// A sign as a finding. Where something is to be done stands in the dashboard, at this address.
pub fn sign(sign: &Sign, public_url: &str) -> Finding {
    let word = match sign.kind {
        Kind::Events => "events",
        Kind::Postbacks => "postbacks",
        Kind::Refused => "refused",
        Kind::Unattributed => "unattributed",
        Kind::Deliveries => "deliveries",
        Kind::Disk => "disk",
        Kind::Backup => "backup",
    };
    let mend = match sign.kind {
        Kind::Disk => "make room, or move the data to a larger disk: when it is full, nothing is taken in".to_owned(),
        Kind::Backup => "take one every day: tagwerk backup; docs/operating.md says how".to_owned(),
        _ => format!("the dashboard says more: {}{}", public_url.trim_end_matches('/'), sign.href),
    };
    let says = format!("{}: {}", sign.kind.title(), sign.said);
    match sign.level {
        Level::Good => Finding::ok(word, says),
        Level::Watch => Finding::warning(word, says, mend),
        Level::Bad => Finding::error(word, says, mend),
    }
}

/// Long tasks of a site, newest first, that need somebody: those that failed, and those that wait for something. Of each kind the newest
/// counts: who has repeated a task need not hear of it again.
pub fn jobs(jobs: &[Job]) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let newest = jobs.iter().filter(|job| seen.insert(job.kind.as_str()));
    let told = newest.filter_map(|job| {
        let (kind, why) = (job.kind.as_str(), job.error.as_deref()?);
        match job.state {
            JobState::Failed => {
                let says = format!("the last {kind} failed: {why}");
                Some(Finding::warning("job_failed", says, "mend what it says, and begin it anew"))
            }
            JobState::Waiting | JobState::Running => {
                let says = format!("a {kind} waits: {why}");
                Some(Finding::note("job_waits", says, "it tries again by itself"))
            }
            JobState::Done => None,
        }
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Space;
    use crate::health::{Facts, judge};
    use crate::store::JobKind;
    use std::collections::BTreeMap;

    fn levels(space: Space) -> Vec<(&'static str, crate::finding::Level)> {
        let facts = Facts { site_id: "site".into(), space: Some(space), ..Facts::default() };
        judge(&facts, 1_000).iter().map(|it| sign(it, "https://t.example/")).map(|it| (it.word, it.level)).collect()
    }

    #[test]
    fn a_full_disk_is_an_error_and_an_empty_one_is_good() {
        let full = levels(Space { free: 1_000_000, total: 100_000_000_000 });
        assert!(full.contains(&("disk", crate::finding::Level::Error)), "{full:?}");
        let empty = levels(Space { free: 99_000_000_000, total: 100_000_000_000 });
        assert!(empty.contains(&("disk", crate::finding::Level::Ok)), "{empty:?}");
        assert_eq!(empty.len(), Kind::ALL.len());
    }

    #[test]
    fn of_each_kind_of_task_the_newest_counts() {
        let job = |kind, state, error: Option<&str>| Job {
            site_id: "site".into(),
            id: "id".into(),
            kind,
            state,
            cursor: None,
            total: None,
            counts: BTreeMap::new(),
            problems: Vec::new(),
            error: error.map(str::to_owned),
            payload: Vec::new(),
            created_at: 0,
            updated_at: 0,
        };
        let all = [
            job(JobKind::Replay, JobState::Done, None),
            job(JobKind::Import, JobState::Failed, Some("line 3")),
            job(JobKind::Replay, JobState::Failed, Some("long ago")),
            job(JobKind::Reconcile, JobState::Running, Some("nobody answers")),
        ];
        let words: Vec<_> = jobs(&all).iter().map(|finding| finding.word).collect();
        assert_eq!(words, ["job_failed", "job_waits"]);
    }
}
