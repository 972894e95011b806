//! Access tokens that have to be fetched, and a platform that tells its verdict later.

use crate::fake::{Fake, Reply};
use crate::home::Home;
use crate::platforms;
use serde_json::json;
use tagwerk_server::store::DeliveryState;

const UNAUTHENTICATED: &str = r#"{"error":{"code":401,"status":"UNAUTHENTICATED","message":"The token has expired."}}"#;

/// How often a token was fetched, and the tokens that came with the other requests.
fn tokens(fake: &Fake) -> (usize, Vec<String>) {
    let heard = fake.heard("google");
    let (fetched, used): (Vec<_>, Vec<_>) = heard.into_iter().partition(|heard| heard.path == "/token");
    (fetched.len(), used.into_iter().map(|heard| heard.header("authorization").to_owned()).collect())
}

async fn home(fake: &Fake, sales: usize) -> Home {
    let home = Home::start().await;
    home.set_up(platforms::all(fake, &["google"])).await;
    home.sales(1, sales).await;
    home
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_for_everything() {
    let fake = Fake::start().await;
    let mut home = home(&fake, 3).await;
    home.send();
    home.until("google", |row| row.receipt.is_some()).await;
    home.let_pass(31 * 60_000);
    home.delivered("google").await;
    let (fetched, used) = tokens(&fake);
    assert_eq!(used.len(), 6, "three were told, three asked for");
    assert!(used.iter().all(|token| *token == used[0]), "{used:?}");
    assert!(fetched <= 3, "{fetched}: at most once for each of the first requests side by side");
    let request = &fake.heard("google")[0];
    assert!(request.body.contains("grant_type=refresh_token"), "{}", request.body);
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_is_renewed_and_the_same_event_sent_at_once() {
    let fake = Fake::start().await;
    let mut home = home(&fake, 1).await;
    fake.next("google", [Reply::status(401, UNAUTHENTICATED)]);
    home.send();
    let rows = home.until("google", |row| row.receipt.is_some()).await;
    assert_eq!(rows[0].attempts, 1, "it is one attempt");
    let (fetched, used) = tokens(&fake);
    assert_eq!((fetched, used.len()), (2, 2));
    assert_ne!(used[0], used[1]);
    let told = fake.heard("google").into_iter().filter(|heard| !heard.event_ids.is_empty());
    assert_eq!(told.map(|heard| heard.event_ids).collect::<Vec<_>>(), vec![vec![rows[0].event_id.clone()]; 2]);
}

#[tokio::test]
async fn where_a_new_token_does_not_help_the_platform_stops() {
    let fake = Fake::start().await;
    let mut home = home(&fake, 1).await;
    fake.always("google", Some(Reply::status(401, UNAUTHENTICATED)));
    home.send();
    let reason = home.stopped("google").await.stopped.expect("a reason");
    assert!(reason.contains("UNAUTHENTICATED"), "{reason}");
    assert_eq!(tokens(&fake).0, 2);
}

#[tokio::test]
async fn a_refresh_token_that_was_revoked_stops_and_another_one_helps() {
    let fake = Fake::start().await;
    let mut home = home(&fake, 2).await;
    fake.spoil_tokens("google");
    fake.always(
        "google",
        Some(Reply::status(400, r#"{"error":"invalid_grant","error_description":"Token has been revoked."}"#)),
    );
    home.send();
    let reason = home.stopped("google").await.stopped.expect("a reason");
    assert!(reason.contains("invalid_grant") && reason.contains("Connect the account again"), "{reason}");
    home.until("google", |row| row.state == DeliveryState::Stopped && row.attempts == 0).await;
    assert!(tokens(&fake).1.is_empty(), "nothing is sent without a token");
    fake.always("google", None);
    home.set_up(json!({ "google": { "refresh_token": "another one" } })).await;
    home.until("google", |row| row.receipt.is_some()).await;
    let asked = fake.heard("google").into_iter().rfind(|heard| heard.path == "/token").expect("a request");
    assert!(asked.body.contains("another+one"), "{}", asked.body);
}

#[tokio::test]
async fn a_token_that_cannot_be_fetched_now_is_fetched_later() {
    let fake = Fake::start().await;
    let mut home = home(&fake, 1).await;
    fake.spoil_tokens("google");
    fake.next(
        "google",
        [Reply::status(503, "busy"), Reply::status(200, "<html>a portal</html>"), Reply::Reset, Reply::Half],
    );
    home.send();
    home.until("google", |row| row.receipt.is_some()).await;
}

#[tokio::test]
async fn a_verdict_that_comes_later_is_asked_for_and_nothing_is_told_twice() {
    let fake = Fake::start().await;
    let mut home = home(&fake, 1).await;
    home.send();
    let rows = home.until("google", |row| row.receipt.is_some()).await;
    let (id, wait) = (rows[0].event_id.clone(), rows[0].not_before - home.app.now());
    assert!((29 * 60_000..=30 * 60_000).contains(&wait), "{wait}");
    assert_eq!(rows[0].state, DeliveryState::Waiting);
    let processing = r#"{"requestStatusPerDestination":[{"requestStatus":"PROCESSING"}]}"#;
    fake.next("google", [Reply::status(200, processing), Reply::status(503, "busy")]);
    for asked in 2..=3 {
        home.let_pass(31 * 60_000);
        home.until("google", |row| row.attempts == asked && row.not_before > home.app.now() + 60_000).await;
    }
    home.let_pass(31 * 60_000);
    home.delivered("google").await;
    assert_eq!(fake.times("google", &id), 1);
    let asked: Vec<String> = fake
        .heard("google")
        .into_iter()
        .map(|heard| heard.path)
        .filter(|path| path.contains("requestStatus"))
        .collect();
    assert_eq!(asked.len(), 3);
    assert!(asked[0].contains(&format!("receipt-{id}")), "{asked:?}");
}

#[tokio::test]
async fn a_verdict_of_no_is_told_with_its_reason() {
    let fake = Fake::start().await;
    let mut home = home(&fake, 1).await;
    home.send();
    home.until("google", |row| row.receipt.is_some()).await;
    let failed = r#"{"requestStatusPerDestination":[{"requestStatus":"FAILED","errorInfo":{"errorCounts":
        [{"reason":"PROCESSING_ERROR_REASON_CLICK_NOT_FOUND","recordCount":"1"}]}}]}"#;
    fake.next("google", [Reply::status(200, failed)]);
    home.let_pass(31 * 60_000);
    let rows = home.until("google", |row| row.state == DeliveryState::Refused).await;
    assert!(rows[0].reason.as_deref().is_some_and(|reason| reason.contains("CLICK_NOT_FOUND")), "{rows:?}");
}
