//! A broken credential stops its platform alone, says so, and everything that waited goes on once it is put right.

use crate::fake::{Fake, Reply};
use crate::home::Home;
use crate::platforms;
use serde_json::json;
use std::collections::BTreeSet;
use tagwerk_server::store::{Again, DeliveryState};

const EXPIRED: &str = r#"{"error":{"message":"Error validating access token","type":"OAuthException","code":190}}"#;

#[tokio::test]
async fn a_broken_credential_stops_that_platform_alone_and_goes_on_after_a_patch() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta", "tiktok"])).await;
    fake.always("meta", Some(Reply::status(400, EXPIRED)));
    home.sales(1, 3).await;
    home.send();
    assert_eq!(home.delivered("tiktok").await.len(), 3);
    let outlet = home.stopped("meta").await;
    let reason = outlet.stopped.expect("a reason");
    assert!(reason.contains("Generate a new access token"), "{reason}");
    let stopped = home.until("meta", |row| row.state == DeliveryState::Stopped).await;
    // What comes now waits with them, and nothing is asked of Meta.
    home.sales(4, 2).await;
    assert_eq!(home.delivered("tiktok").await.len(), 5);
    assert_eq!(home.until("meta", |row| row.state == DeliveryState::Stopped).await.len(), 5);
    assert_eq!(fake.heard("meta").len(), 1);
    fake.always("meta", None);
    home.set_up(json!({ "meta": { "access_token": "a new one" } })).await;
    let rows = home.delivered("meta").await;
    let ids = |rows: &[tagwerk_server::store::DeliveryRow]| -> BTreeSet<String> {
        rows.iter().map(|row| row.event_id.clone()).collect()
    };
    assert!(ids(&rows).is_superset(&ids(&stopped)));
    assert_eq!(fake.taken("meta"), ids(&rows));
    let heard = fake.heard("meta");
    assert_eq!(heard[1].event_ids.len(), 1, "one goes first, to see whether it helped");
    assert_eq!(heard[1].json()["access_token"], "a new one");
}

#[tokio::test]
async fn what_is_not_allowed_stops_too_and_resuming_by_hand_helps() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["reddit", "linkedin"])).await;
    for (platform, status) in [("reddit", 403), ("linkedin", 401)] {
        fake.next(platform, [Reply::status(status, r#"{"message":"not allowed"}"#)]);
    }
    home.sales(1, 2).await;
    home.send();
    for platform in ["reddit", "linkedin"] {
        home.stopped(platform).await;
        assert!(home.app.store.resume(&home.site_id, platform, home.app.now()).await.expect("the store answers"));
    }
    home.app.outbox.ring();
    for platform in ["reddit", "linkedin"] {
        assert_eq!(home.delivered(platform).await.len(), 2);
    }
}

#[tokio::test]
async fn a_missing_setting_stops_before_anything_is_sent_and_names_it() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::with(&fake, "meta", json!({ "access_token": null }))).await;
    home.sales(1, 1).await;
    home.send();
    let reason = home.stopped("meta").await.stopped.expect("a reason");
    assert!(reason.contains("access_token"), "{reason}");
    assert_eq!(fake.heard("meta").len(), 0);
    home.set_up(json!({ "meta": { "access_token": "here it is" } })).await;
    home.delivered("meta").await;
}

#[tokio::test]
async fn another_base_url_takes_the_credentials_away_so_no_secret_goes_to_a_stranger() {
    let (fake, stranger) = (Fake::start().await, Fake::start().await);
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    home.set_up(json!({ "meta": { "base_url": format!("{}/meta", stranger.url) } })).await;
    home.sales(1, 1).await;
    home.send();
    home.stopped("meta").await;
    assert_eq!(stranger.heard("meta").len(), 0);
}

#[tokio::test]
async fn switched_off_it_waits_and_switched_on_again_it_is_replayed_under_the_same_id() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    home.sales(1, 1).await;
    let before = home.deliveries().await;
    home.set_up(json!({ "meta": { "enabled": false } })).await;
    let off = home.deliveries().await;
    assert_eq!(off[0].state, DeliveryState::Stopped);
    assert!(off[0].reason.as_deref().is_some_and(|reason| reason.contains("switched off")));
    home.set_up(json!({ "meta": { "enabled": true } })).await;
    home.send();
    let rows = home.delivered("meta").await;
    assert_eq!(rows[0].event_id, before[0].event_id);
    // What was delivered can be sent once more: still the same event.
    let again = Again::One(rows[0].id.clone());
    assert_eq!(home.app.store.send_again(&home.site_id, again, home.app.now()).await.expect("the store answers"), 1);
    home.app.outbox.ring();
    fake.hears("meta", 2).await;
    home.delivered("meta").await;
    assert_eq!(fake.taken("meta"), BTreeSet::from([before[0].event_id.clone()]));
}
