//! Signed webhooks: given up after repeated failures with a notice, resumed, replayed under the same event id, and signed so that a
//! receiver can check it.

use crate::fake::{Fake, Heard, Reply};
use crate::home::Home;
use crate::platforms;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use std::collections::BTreeSet;
use tagwerk_server::outbox::verdict::GIVES_UP_AFTER;
use tagwerk_server::store::{Again, DeliveryState};

/// As a receiver does it who knows nothing but the standard: <https://www.standardwebhooks.com>.
fn is_signed(heard: &Heard, key: &[u8]) -> bool {
    let signed = format!("{}.{}.{}", heard.header("webhook-id"), heard.header("webhook-timestamp"), heard.body);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(signed.as_bytes());
    let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    heard.header("webhook-signature").split(' ').any(|signature| signature == wanted)
}

#[tokio::test]
async fn the_signature_verifies_and_anything_changed_breaks_it() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    let key = [7_u8; 32];
    let secret = format!("whsec_{}", STANDARD.encode(key));
    home.set_up(platforms::with(&fake, "webhook", json!({ "secret": secret, "previous_secret": null }))).await;
    home.sales(1, 1).await;
    home.send();
    let heard = fake.hears("webhook", 1).await.remove(0);
    assert!(is_signed(&heard, &key));
    let age = home.app.now() / 1000 - heard.header("webhook-timestamp").parse::<i64>().expect("seconds");
    assert!((0..60).contains(&age), "{age}");
    assert_eq!(heard.header("webhook-id"), heard.json()["data"]["event_id"].as_str().expect("an id"));
    let mut changed = heard.clone();
    changed.body = changed.body.replace("1.64", "9.64");
    assert!(!is_signed(&changed, &key) && !is_signed(&heard, &[8; 32]));
}

#[tokio::test]
async fn after_repeated_failures_it_is_given_up_with_a_notice_and_resumes_by_hand() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["webhook", "webhook-well", "meta"])).await;
    fake.always("webhook", Some(Reply::status(500, "out of order")));
    home.sales(1, 2).await;
    home.send();
    let outlet = home.stopped("webhook").await;
    let reason = outlet.stopped.expect("a reason");
    assert!(reason.contains("given up after 15 failures") && reason.contains("out of order"), "{reason}");
    assert_eq!(outlet.failures, GIVES_UP_AFTER);
    let stopped = home.until("webhook", |row| row.state == DeliveryState::Stopped).await;
    home.delivered("webhook-well").await;
    home.delivered("meta").await;
    // Nothing more is asked of it, whatever comes.
    let asked = fake.heard("webhook").len();
    home.sales(3, 1).await;
    assert_eq!(home.delivered("webhook-well").await.len(), 3);
    assert_eq!(fake.heard("webhook").len(), asked);
    fake.always("webhook", None);
    assert!(home.app.store.resume(&home.site_id, "webhook", home.app.now()).await.expect("the store answers"));
    home.app.outbox.ring();
    let rows = home.delivered("webhook").await;
    assert_eq!(rows.len(), 3);
    let told: BTreeSet<String> =
        fake.heard("webhook").iter().map(|heard| heard.header("webhook-id").to_owned()).collect();
    assert_eq!(told, rows.iter().map(|row| row.event_id.clone()).collect());
    assert!(stopped.iter().all(|row| told.contains(&row.event_id)));
}

#[tokio::test]
async fn what_a_receiver_refuses_is_tried_again_and_given_up_too() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["webhook"])).await;
    fake.always("webhook", Some(Reply::status(401, "who are you?")));
    home.sales(1, 1).await;
    home.send();
    let reason = home.stopped("webhook").await.stopped.expect("a reason");
    assert!(reason.contains("given up after 15 failures"), "{reason}");
    fake.always("webhook", None);
    home.set_up(json!({ "webhook": { "secret": "another secret of at least 24 bytes" } })).await;
    home.delivered("webhook").await;
    assert!(is_signed(fake.heard("webhook").last().expect("a request"), b"another secret of at least 24 bytes"));
}

#[tokio::test]
async fn a_receiver_that_says_it_is_gone_is_asked_no_more() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["webhook"])).await;
    fake.next("webhook", [Reply::status(410, "gone")]);
    home.sales(1, 1).await;
    home.send();
    assert!(home.stopped("webhook").await.stopped.expect("a reason").contains("gone"));
    assert_eq!(fake.heard("webhook").len(), 1);
}

#[tokio::test]
async fn a_replay_keeps_the_event_id_and_is_signed_anew() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    let key = [9_u8; 32];
    let secret = format!("whsec_{}", STANDARD.encode(key));
    home.set_up(platforms::with(&fake, "webhook", json!({ "secret": secret, "previous_secret": null }))).await;
    home.sales(1, 3).await;
    home.send();
    let before: BTreeSet<String> = home.delivered("webhook").await.into_iter().map(|row| row.event_id).collect();
    let again = Again::All("webhook".into(), DeliveryState::Delivered);
    assert_eq!(home.app.store.send_again(&home.site_id, again, home.app.now()).await.expect("the store answers"), 3);
    home.app.outbox.ring();
    let heard = fake.hears("webhook", 6).await;
    home.delivered("webhook").await;
    assert!(heard.iter().all(|heard| is_signed(heard, &key)));
    assert_eq!(heard.iter().map(|heard| heard.header("webhook-id").to_owned()).collect::<BTreeSet<_>>(), before);
    assert!(before.iter().all(|id| fake.times("webhook", id) == 2));
}
