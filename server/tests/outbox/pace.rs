//! When it is sent again: as the platform asks, else after a bounded time that grows; and after an outage one parcel goes first.

use crate::fake::{Fake, Reply};
use crate::home::Home;
use crate::platforms;
use tagwerk_server::store::{DeliveryState, Millis};

/// As it is by default: first after some ten seconds, at most after an hour.
const PATIENT: &str = "allow_private_targets = true";

async fn throttled(retry_after: String) -> (Millis, Home) {
    let fake = Fake::start().await;
    let mut home = Home::start_with(PATIENT).await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    home.open_wide();
    home.sales(1, 2).await;
    fake.next("meta", [Reply::Text(429, vec![("retry-after", retry_after)], "Slow down".into())]);
    let before = home.app.now();
    home.send();
    let rows = home.until("meta", |row| row.attempts == 1).await;
    let outlet = home.outlet("meta").await;
    assert!(rows.iter().all(|row| row.state == DeliveryState::Waiting && row.not_before >= outlet.not_before));
    assert!(outlet.reason.as_deref().is_some_and(|reason| reason.contains("429")), "{outlet:?}");
    assert_eq!(home.app.store.due_next().await.expect("the store answers"), Some(rows[0].not_before));
    let early = outlet.not_before - 1;
    assert_eq!(home.app.store.claim(early, "early", early + 1, 8).await.expect("the store answers"), []);
    (outlet.not_before - before, home)
}

#[tokio::test]
async fn retry_after_in_seconds_is_honoured() {
    let (wait, _) = throttled("777".into()).await;
    assert!((777_000..790_000).contains(&wait), "{wait}");
}

#[tokio::test]
async fn retry_after_as_a_date_is_honoured() {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3600);
    let (wait, home) = throttled(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).await;
    // The date was made before the server was.
    assert!((3_500_000..3_610_000).contains(&wait), "{wait}");
    // And then it goes.
    home.let_pass(wait);
    assert_eq!(home.delivered("meta").await.len(), 2);
}

#[tokio::test]
async fn a_platform_cannot_ask_for_more_than_a_day() {
    let (wait, _) = throttled("99999999".into()).await;
    assert!((86_400_000..86_410_000).contains(&wait), "{wait}");
}

#[tokio::test]
async fn the_wait_grows_from_ten_seconds_to_an_hour_give_or_take_half_and_no_further() {
    let fake = Fake::start().await;
    let mut home = Home::start_with(PATIENT).await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    fake.always("meta", Some(Reply::status(503, "Service Unavailable")));
    home.sales(1, 1).await;
    home.send();
    for attempt in 1..=14_u32 {
        let before = home.app.now();
        let rows = home.until("meta", |row| row.attempts == attempt).await;
        let outlet = home.outlet("meta").await;
        assert_eq!(outlet.failures, attempt);
        let wait = rows[0].not_before.max(outlet.not_before);
        let middle = (10_000_i64 << (attempt - 1)).min(3_600_000);
        let range = before + middle / 2 - 5_000..=home.app.now() + middle * 3 / 2;
        assert!(range.contains(&wait), "attempt {attempt}: {} ms", wait - before);
        home.let_pass(wait - home.app.now());
    }
    // However long it was away, what is young enough is sent.
    fake.always("meta", None);
    home.let_pass(2 * 3_600_000);
    assert_eq!(home.delivered("meta").await[0].attempts, 15);
}

#[tokio::test]
async fn after_an_outage_one_goes_first_and_the_number_doubles_without_a_burst() {
    const SALES: usize = 40;
    let fake = Fake::start().await;
    let mut home = Home::start_with(PATIENT).await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    fake.always("meta", Some(Reply::status(503, "Service Unavailable")));
    home.open_wide();
    home.sales(1, SALES).await;
    home.send();
    home.until("meta", |row| row.attempts == 1).await;
    // It is down for hours: each time one asks, and no more.
    for failures in 2..=4 {
        home.let_pass(24 * 3_600_000 / 8);
        let heard = fake.hears("meta", failures).await;
        assert_eq!(heard[failures - 1].event_ids.len(), 1);
        // Until that failure is kept.
        while home.outlet("meta").await.failures < u32::try_from(failures).expect("few") {}
    }
    fake.always("meta", None);
    home.let_pass(24 * 3_600_000 / 8);
    home.delivered("meta").await;
    let sizes: Vec<usize> = fake.heard("meta").iter().skip(4).map(|heard| heard.event_ids.len()).collect();
    assert_eq!(sizes, [1, 2, 4, 8, 16, 9]);
    assert_eq!(fake.taken("meta").len(), SALES);
}

#[tokio::test]
async fn a_platform_that_is_new_begins_with_one_too() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    home.sales(1, 6).await;
    home.send();
    home.delivered("meta").await;
    let sizes: Vec<usize> = fake.heard("meta").iter().map(|heard| heard.event_ids.len()).collect();
    assert_eq!(sizes, [1, 2, 3]);
}

#[tokio::test]
async fn a_setback_during_recovery_begins_with_one_again() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    let down = || Reply::status(503, "Service Unavailable");
    fake.next("meta", [down(), Reply::Usual, Reply::Usual, down()]);
    home.open_wide();
    home.sales(1, 12).await;
    home.send();
    home.delivered("meta").await;
    let sizes: Vec<usize> = fake.heard("meta").iter().map(|heard| heard.event_ids.len()).collect();
    assert_eq!(sizes, [12, 1, 2, 4, 1, 2, 4, 2]);
}

#[tokio::test]
async fn what_is_older_than_the_platform_takes_expires_and_says_so() {
    let fake = Fake::start().await;
    let mut home = Home::start_with(PATIENT).await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    fake.always("meta", Some(Reply::status(503, "Service Unavailable")));
    home.sales(1, 1).await;
    home.send();
    home.until("meta", |row| row.attempts == 1).await;
    home.let_pass(7 * 24 * 3_600_000);
    let rows = home.until("meta", |row| row.state == DeliveryState::Expired).await;
    let reason = rows[0].reason.as_deref().expect("a reason");
    assert!(reason.contains("older than the platform takes") && reason.contains("503"), "{reason}");
}
