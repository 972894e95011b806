//! Whatever goes wrong on the way or over there: nothing is lost, and nothing is told under another event id.

use crate::fake::{Fake, Heard, Reply};
use crate::home::Home;
use crate::platforms;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_server::store::{DeliveryRow, DeliveryState};
use tokio::sync::watch;

/// One of each kind: batches and single events, a token that has to be fetched, a verdict that comes later, an address of the operator's.
const PLATFORMS: [&str; 8] = ["meta", "tiktok", "ga4", "google", "linkedin", "reddit", "postback", "webhook"];
const SALES: usize = 3;

/// Whether the platform has it, as far as can be known before its verdict.
fn is_taken(row: &DeliveryRow) -> bool {
    row.state == DeliveryState::Delivered || row.receipt.is_some()
}

/// What a platform heard of each event, in the sale's own words: by these the fake can tell one sale from another whatever its id.
fn ids_by_sale(rows: &[DeliveryRow]) -> BTreeMap<String, BTreeSet<String>> {
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        ids.entry(row.conversion_id.clone().expect("a sale")).or_default().insert(row.event_id.clone());
    }
    ids
}

/// Has every platform fail so at its first requests, and holds that each sale reached each of them under the one id of its own.
async fn survives(fault: &Reply, times: usize) {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &PLATFORMS)).await;
    for platform in PLATFORMS {
        fake.next(platform, vec![fault.clone(); times]);
    }
    home.sales(1, SALES).await;
    let before = home.deliveries().await;
    assert_eq!(before.len(), SALES * PLATFORMS.len());
    home.send();
    for platform in PLATFORMS {
        let rows = home.until(platform, is_taken).await;
        assert_eq!(rows.len(), SALES, "{platform}");
        let wanted: BTreeSet<String> = rows.iter().map(|row| row.event_id.clone()).collect();
        assert_eq!(wanted.len(), SALES, "{platform}");
        assert_eq!(fake.taken(platform), wanted, "{platform}: each was taken, and nothing else");
        let heard: BTreeSet<String> =
            fake.heard(platform).into_iter().flat_map(|heard: Heard| heard.event_ids).collect();
        assert_eq!(heard, wanted, "{platform}: nothing was told under another id");
    }
    let after = home.deliveries().await;
    let ids = ids_by_sale(&after);
    assert_eq!(ids, ids_by_sale(&before));
    assert_eq!(ids.len(), SALES);
    assert!(ids.values().all(|ids| ids.len() == 1), "a sale has one id at all platforms: {ids:?}");
}

#[tokio::test]
async fn without_any_fault_each_sale_is_told_once_to_each_platform() {
    survives(&Reply::Usual, 0).await;
}

#[tokio::test]
async fn a_server_error_loses_nothing() {
    survives(
        &Reply::status(500, r#"{"error":{"message":"An unknown error occurred","code":2,"is_transient":true}}"#),
        2,
    )
    .await;
}

#[tokio::test]
async fn a_page_in_the_place_of_an_answer_loses_nothing() {
    survives(&Reply::status(502, "<html><body><h1>502 Bad Gateway</h1></body></html>"), 2).await;
}

#[tokio::test]
async fn being_throttled_loses_nothing() {
    let headers = vec![("retry-after", "0".to_owned())];
    survives(&Reply::Text(429, headers, "Too many requests".into()), 3).await;
}

#[tokio::test]
async fn a_reset_after_the_platform_took_it_tells_it_again_under_the_same_id() {
    survives(&Reply::Reset, 2).await;
}

#[tokio::test]
async fn half_an_answer_after_the_platform_took_it_tells_it_again_under_the_same_id() {
    survives(&Reply::Half, 2).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_loses_nothing() {
    let fake = Fake::start().await;
    let headers = vec![("location", format!("{}/elsewhere", fake.url))];
    survives(&Reply::Text(307, headers, String::new()), 2).await;
    assert_eq!(fake.heard("elsewhere").len(), 0);
}

#[tokio::test]
async fn a_page_with_status_200_is_no_yes_of_a_platform_that_answers_in_json() {
    const IN_JSON: [&str; 6] = ["meta", "tiktok", "google", "linkedin", "reddit", "ga4"];
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &IN_JSON)).await;
    for platform in IN_JSON {
        fake.next(platform, vec![Reply::status(200, "<!doctype html><p>Down for maintenance</p>"); 2]);
    }
    home.sales(1, SALES).await;
    home.send();
    for platform in IN_JSON {
        let rows = home.until(platform, is_taken).await;
        assert_eq!(fake.taken(platform).len(), SALES, "{platform}");
        assert!(rows.iter().any(|row| row.attempts > 1), "{platform}");
    }
}

#[tokio::test]
async fn errors_within_a_200_are_errors() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta", "tiktok", "pinterest"])).await;
    fake.next("meta", [Reply::status(200, r#"{"error":{"message":"Service temporarily unavailable","code":2}}"#)]);
    fake.next("tiktok", [Reply::status(200, r#"{"code":50000,"message":"System error","request_id":"r","data":{}}"#)]);
    let failed = r#"{"num_events_received":1,"num_events_processed":0,"events":[{"status":"failed","error_message":"no such currency"}]}"#;
    fake.next("pinterest", [Reply::status(200, failed)]);
    home.sales(1, 1).await;
    home.send();
    assert_eq!(home.delivered("meta").await[0].attempts, 2);
    assert_eq!(home.delivered("tiktok").await[0].attempts, 2);
    let refused = home.until("pinterest", |row| row.state == DeliveryState::Refused).await;
    assert!(refused[0].reason.as_deref().expect("a reason").contains("no such currency"), "{refused:?}");
}

#[tokio::test]
async fn of_a_huge_answer_only_the_beginning_is_read() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta", "webhook"])).await;
    fake.next("meta", [Reply::Huge]);
    fake.next("webhook", [Reply::Huge]);
    home.sales(1, 1).await;
    home.send();
    assert_eq!(home.delivered("meta").await[0].attempts, 2, "what is no answer of Meta's is no yes");
    let rows = home.delivered("webhook").await;
    assert!(home.exchange(&rows[0].id).await.answer.len() < 20_000);
    assert!(!fake.taken("meta").contains("all of the huge answer"));
    assert!(!fake.taken("webhook").contains("all of the huge answer"));
}

#[tokio::test]
async fn a_platform_that_hangs_delays_no_other_and_gets_the_same_event_when_it_is_back() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta", "tiktok", "linkedin"])).await;
    let (tell, told) = watch::channel(false);
    fake.next("meta", [Reply::Silence(told)]);
    home.sales(1, 2).await;
    home.send();
    let hanging = fake.hears("meta", 1).await;
    home.delivered("tiktok").await;
    home.delivered("linkedin").await;
    // A sale of later passes it by as well.
    home.sales(3, 1).await;
    assert_eq!(home.delivered("tiktok").await.len(), 3);
    assert_eq!(fake.heard("meta").len(), 1, "it still hangs");
    // The time for an answer runs out.
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    tokio::time::resume();
    let rows = home.delivered("meta").await;
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().any(|row| row.attempts > 1), "{rows:?}");
    let again: BTreeSet<String> = fake.heard("meta").into_iter().flat_map(|heard| heard.event_ids).collect();
    assert!(hanging[0].event_ids.iter().all(|id| again.contains(id)));
    assert_eq!(again.len(), 3, "the same ids as at first");
    drop(tell);
}

#[tokio::test]
async fn what_is_cut_off_in_the_middle_is_sent_again_under_the_same_id_when_the_lease_has_run_out() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["tiktok"])).await;
    let (tell, told) = watch::channel(false);
    fake.next("tiktok", [Reply::Silence(told)]);
    home.sales(1, 1).await;
    home.send();
    let first = fake.hears("tiktok", 1).await;
    home.halt().await;
    tell.send(true).expect("it listens");
    let now = home.app.now();
    assert_eq!(home.app.store.claim(now, "another", now + 1000, 8).await.expect("the store answers"), []);
    // Past the lease of two minutes somebody else may.
    let later = now + 121_000;
    let claimed = home.app.store.claim(later, "another", later + 1000, 8).await.expect("the store answers");
    assert_eq!(claimed.len(), 1);
    let due = home.app.store.due(&home.site_id, "tiktok", later, 8).await.expect("the store answers");
    assert_eq!(due.iter().map(|due| due.delivery.event_id.clone()).collect::<Vec<_>>(), first[0].event_ids);
}
