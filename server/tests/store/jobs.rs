//! Long tasks: a step's work and the cursor it moves are kept together.

use crate::given::{NOW, conversions, id, postback, postbacks, sale, site};
use std::collections::BTreeMap;
use tagwerk_server::store::{Job, JobKind, JobState, Page, SharedStore, Step};

fn job(site_id: &str, kind: JobKind) -> Job {
    Job::new(site_id, id(), kind, b"sealed".to_vec(), NOW)
}

async fn added(store: &SharedStore, site_id: &str, kind: JobKind) -> Job {
    let job = job(site_id, kind);
    assert!(store.add_job(job.clone()).await.expect("written"));
    job
}

pub(crate) async fn a_job_is_kept_whole(store: SharedStore) {
    let site_id = site(&store).await;
    let job = Job {
        total: Some(7),
        counts: BTreeMap::from([("accepted".into(), 3)]),
        problems: vec!["line 2: no".into()],
        ..added(&store, &site_id, JobKind::Import).await
    };
    let elsewhere = Job { site_id: site(&store).await, id: id(), ..job };
    assert!(store.add_job(elsewhere.clone()).await.expect("written"));
    assert_eq!(store.job(&elsewhere.site_id, &elsewhere.id).await.expect("read"), Some(elsewhere.clone()));
    assert_eq!(store.job(&site_id, &elsewhere.id).await.expect("read"), None);
}

pub(crate) async fn a_site_has_one_open_job_of_a_kind(store: SharedStore) {
    let site_id = site(&store).await;
    let first = added(&store, &site_id, JobKind::Replay).await;
    assert!(!store.add_job(job(&site_id, JobKind::Replay)).await.expect("written"));
    added(&store, &site_id, JobKind::Import).await;
    let done = Step { state: JobState::Done, ..Step::of(&first, NOW) };
    assert!(store.advance(&site_id, &first.id, done).await.expect("written"));
    added(&store, &site_id, JobKind::Replay).await;
    let open = store.open_jobs().await.expect("read");
    assert_eq!(open.iter().filter(|job| job.site_id == site_id).count(), 2);
}

pub(crate) async fn a_step_moves_work_and_cursor_together(store: SharedStore) {
    let site_id = site(&store).await;
    let job = added(&store, &site_id, JobKind::Import).await;
    let step = Step {
        cursor: Some("1".into()),
        arrivals: vec![postback(&sale("a", None)), postback(&sale("a", None)), postback(&sale("b", None))],
        counts: BTreeMap::from([("rows".into(), 3)]),
        problems: vec!["line 4: no".into()],
        total: Some(3),
        ..Step::of(&job, NOW + 5)
    };
    assert!(store.advance(&site_id, &job.id, step.clone()).await.expect("written"));
    let after = store.job(&site_id, &job.id).await.expect("read").expect("there");
    assert_eq!((after.state, after.cursor.as_deref(), after.total), (JobState::Running, Some("1"), Some(3)));
    assert_eq!((after.updated_at, after.problems.len()), (NOW + 5, 1));
    let counts = [("duplicate".to_owned(), 1), ("rows".to_owned(), 3), ("unattributed".to_owned(), 2)];
    assert_eq!(after.counts, BTreeMap::from(counts));
    assert_eq!(conversions(&store, &site_id).await.len(), 2);
    assert!(!store.advance(&site_id, &job.id, step).await.expect("written"), "it was made from another cursor");
    assert_eq!(postbacks(&store, &site_id).await.len(), 3);
}

pub(crate) async fn a_step_that_fails_moves_nothing(store: SharedStore) {
    let site_id = site(&store).await;
    let job = added(&store, &site_id, JobKind::Import).await;
    let same = postback(&sale("a", None));
    let step = Step {
        cursor: Some("1".into()),
        // The same row id twice cannot be kept.
        arrivals: vec![same.clone(), same],
        ..Step::of(&job, NOW)
    };
    store.advance(&site_id, &job.id, step).await.expect_err("it cannot be");
    assert_eq!(store.job(&site_id, &job.id).await.expect("read"), Some(job));
    assert!(conversions(&store, &site_id).await.is_empty());
}

pub(crate) async fn a_job_that_ended_loses_its_payload_and_stays_ended(store: SharedStore) {
    let site_id = site(&store).await;
    let job = added(&store, &site_id, JobKind::Import).await;
    let failed = Step { state: JobState::Failed, error: Some("no".into()), ..Step::of(&job, NOW) };
    assert!(store.advance(&site_id, &job.id, failed).await.expect("written"));
    let after = store.job(&site_id, &job.id).await.expect("read").expect("there");
    assert_eq!((after.payload.len(), after.error.as_deref()), (0, Some("no")));
    assert!(!store.advance(&site_id, &job.id, Step::of(&job, NOW)).await.expect("written"));
}

pub(crate) async fn jobs_are_listed_newest_first_without_their_payloads(store: SharedStore) {
    let site_id = site(&store).await;
    let first = added(&store, &site_id, JobKind::Import).await;
    let second = added(&store, &site_id, JobKind::Replay).await;
    let listing = store.jobs(&site_id, Page { limit: 9, ..Default::default() }).await.expect("read");
    let ids: Vec<&str> = listing.items.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, [second.id.as_str(), first.id.as_str()]);
    assert!(listing.items.iter().all(|job| job.payload.is_empty()));
}
