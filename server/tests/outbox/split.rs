//! Of a batch that one event spoils, that one alone is lost, whichever way the platform says so.

use crate::fake::{Fake, Reply};
use crate::home::Home;
use crate::platforms;
use std::collections::BTreeSet;
use tagwerk_server::store::DeliveryState;

const SALES: usize = 9;

/// Poisons the fourth of nine sales; the sizes of the requests until all was over.
async fn poisoned(platform: &str) -> Vec<usize> {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &[platform])).await;
    home.open_wide();
    home.sales(1, SALES).await;
    let rows = home.deliveries().await;
    let bad = rows[5].event_id.clone();
    fake.poison(platform, &bad);
    home.send();
    let rows = home.until(platform, |row| row.state != DeliveryState::Waiting).await;
    let refused: Vec<_> = rows.iter().filter(|row| row.state == DeliveryState::Refused).collect();
    assert_eq!(refused.iter().map(|row| &row.event_id).collect::<Vec<_>>(), [&bad], "{platform}");
    assert!(refused[0].reason.as_deref().is_some_and(|reason| reason.len() > 10), "{refused:?}");
    let others: BTreeSet<String> =
        rows.iter().filter(|row| row.state == DeliveryState::Delivered).map(|row| row.event_id.clone()).collect();
    assert_eq!(others.len(), SALES - 1, "{platform}");
    assert_eq!(fake.taken(platform), others, "{platform}");
    for id in &others {
        assert_eq!(fake.times(platform, id), 1, "{platform}: what was taken is not sent again");
    }
    assert_eq!(home.outlet(platform).await.stopped, None, "{platform}: it goes on");
    fake.heard(platform).into_iter().map(|heard| heard.event_ids.len()).collect()
}

#[tokio::test]
async fn metas_poisoned_batch_is_halved_until_the_poisoned_one_stands_alone() {
    let sizes = poisoned("meta").await;
    assert_eq!(sizes[0], SALES);
    assert!(sizes.len() <= 8, "{sizes:?}");
    assert_eq!(sizes.iter().filter(|size| **size == 1).count(), 2, "{sizes:?}");
}

#[tokio::test]
async fn reddits_poisoned_batch_is_halved_until_the_poisoned_one_stands_alone() {
    assert!(poisoned("reddit").await.len() <= 8);
}

#[tokio::test]
async fn tiktoks_poisoned_batch_is_halved_although_its_status_is_200() {
    assert!(poisoned("tiktok").await.len() <= 8);
}

#[tokio::test]
async fn linkedin_names_the_poisoned_one_and_the_others_go_at_once() {
    assert_eq!(poisoned("linkedin").await, [SALES, SALES - 1]);
}

#[tokio::test]
async fn of_what_is_answered_one_by_one_each_has_its_own_fate() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["linkedin"])).await;
    home.open_wide();
    home.sales(1, 3).await;
    let each = r#"{"elements":[{"status":201},{"status":400,"error":{"message":"no such rule"}},{"status":500,"error":{"message":"later"}}]}"#;
    fake.next("linkedin", [Reply::status(200, each)]);
    home.send();
    let rows = home.until("linkedin", |row| row.state != DeliveryState::Waiting).await;
    let told = fake.heard("linkedin");
    let of = |id: &str| rows.iter().find(|row| row.event_id == id).expect("a row");
    let ids = &told[0].event_ids;
    assert_eq!((of(&ids[0]).state, of(&ids[0]).attempts), (DeliveryState::Delivered, 1));
    assert_eq!((of(&ids[1]).state, of(&ids[1]).attempts), (DeliveryState::Refused, 1));
    assert_eq!((of(&ids[2]).state, of(&ids[2]).attempts), (DeliveryState::Delivered, 2));
    assert_eq!(told[1].event_ids, [ids[2].clone()], "only what may be taken later is sent again");
}

#[tokio::test]
async fn each_delivery_of_a_batch_shows_the_request_as_it_would_be_for_it_alone() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    home.open_wide();
    home.sales(1, 3).await;
    home.send();
    for row in home.delivered("meta").await {
        let exchange = home.exchange(&row.id).await;
        assert_eq!((exchange.together, exchange.status), (3, Some(200)));
        assert!(exchange.body.contains(&row.event_id));
        assert_eq!(exchange.body.matches("\"event_id\"").count(), 1);
    }
    assert_eq!(fake.heard("meta").len(), 1);
}
