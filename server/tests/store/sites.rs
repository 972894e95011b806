//! Sites and their settings.

use crate::given::{NOW, site};
use serde_json::json;
use tagwerk_server::store::{ReplacedTrackingId, Rotation, SharedStore, Site};
use tokio::task::JoinSet;

fn made(site_id: &str, tracking_id: &str, created_at: i64) -> Site {
    Site {
        site_id: site_id.into(),
        tracking_id: tracking_id.into(),
        created_at,
        settings: json!({ "name": "A \"site\"", "origins": ["https://a.example"], "deep": { "b": 1, "a": null } }),
    }
}

pub(crate) async fn a_site_is_found_by_either_id(store: SharedStore) {
    let kept = made("AbCdEfGhIjKl", "AbCdEfGhIjKlMnOpQrStUvWx", NOW);
    store.add_site(kept.clone()).await.expect("added");
    assert_eq!(store.site("AbCdEfGhIjKl").await.expect("read"), Some(kept.clone()));
    assert_eq!(store.site_by_tracking_id("AbCdEfGhIjKlMnOpQrStUvWx", NOW).await.expect("read"), Some(kept));
    for unknown in ["abcdefghijkl", "AbCdEfGhIjK", "", "AbCdEfGhIjKlMnOpQrStUvWx"] {
        assert_eq!(store.site(unknown).await.expect("read"), None, "{unknown:?}");
    }
    assert_eq!(store.site_by_tracking_id("AbCdEfGhIjKl", NOW).await.expect("read"), None);
}

pub(crate) async fn sites_are_listed_oldest_first(store: SharedStore) {
    assert_eq!(store.sites().await.expect("read"), []);
    for (site_id, created_at) in [("b", 2), ("c", 3), ("a", 2), ("z", 1)] {
        store.add_site(made(site_id, &format!("tracking-{site_id}"), created_at)).await.expect("added");
    }
    let found: Vec<String> = store.sites().await.expect("read").into_iter().map(|site| site.site_id).collect();
    assert_eq!(found, ["z", "b", "a", "c"]);
}

pub(crate) async fn a_site_id_is_given_once(store: SharedStore) {
    let first = made("one", "tracking-one", NOW);
    store.add_site(first.clone()).await.expect("added");
    store.add_site(made("one", "tracking-two", NOW)).await.expect_err("the id is taken");
    store.add_site(made("two", "tracking-one", NOW)).await.expect_err("the tracking id is taken");
    assert_eq!(store.sites().await.expect("read"), [first]);
}

pub(crate) async fn settings_are_replaced_only_if_nobody_was_faster(store: SharedStore) {
    let site_id = site(&store).await;
    let before = json!({});
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let (store, site_id, before) = (store.clone(), site_id.clone(), before.clone());
        tasks.spawn(async move {
            let after = json!({ "number": number });
            let won = store.replace_settings(&site_id, &before, after.clone(), Vec::new(), 1).await.expect("answered");
            won.then_some(after)
        });
    }
    let won: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1, "{won:?}");
    let kept = store.site(&site_id).await.expect("read").expect("there").settings;
    assert_eq!(kept, won[0]);
    assert!(!store.replace_settings("NoSuchSite00", &before, before.clone(), Vec::new(), 1).await.expect("answered"));
    assert!(
        store.replace_settings(&site_id, &kept, json!({ "b": 1, "a": [2] }), Vec::new(), 1).await.expect("answered")
    );
}

/// The site that a tracking id leads to at a time.
async fn led_to(store: &SharedStore, tracking_id: &str, now: i64) -> Option<String> {
    store.site_by_tracking_id(tracking_id, now).await.expect("read").map(|site| site.site_id)
}

fn rotation(tracking_id: &str, until: i64) -> Rotation {
    Rotation { tracking_id: tracking_id.into(), until, now: NOW }
}

pub(crate) async fn a_replaced_tracking_id_works_until_its_time_is_over(store: SharedStore) {
    store.add_site(made("site", "first", 1)).await.expect("added");
    assert!(store.rotate_tracking_id("site", rotation("second", NOW + 10)).await.expect("answered"));
    for (tracking_id, now, works) in
        [("second", NOW, true), ("second", NOW + 99, true), ("first", NOW + 9, true), ("first", NOW + 10, false)]
    {
        let expected = works.then(|| "site".to_owned());
        assert_eq!(led_to(&store, tracking_id, now).await, expected, "{tracking_id} at {now}");
    }
    let site = store.site("site").await.expect("read").expect("there");
    assert_eq!(site, Site { tracking_id: "second".into(), ..made("site", "first", 1) });
    let old = store.site_by_tracking_id("first", NOW).await.expect("read").expect("there");
    assert_eq!(old.tracking_id, "second", "who comes by the old id sees the site as it is now");
}

pub(crate) async fn each_of_several_replaced_tracking_ids_has_its_own_end(store: SharedStore) {
    store.add_site(made("site", "first", 1)).await.expect("added");
    assert!(store.rotate_tracking_id("site", rotation("second", NOW + 10)).await.expect("answered"));
    assert!(store.rotate_tracking_id("site", rotation("third", NOW + 5)).await.expect("answered"));
    let kept = |tracking_id: &str, until| ReplacedTrackingId { tracking_id: tracking_id.into(), until };
    let old = |now| store.replaced_tracking_ids("site", now);
    assert_eq!(old(NOW).await.expect("read"), [kept("first", NOW + 10), kept("second", NOW + 5)]);
    assert_eq!(old(NOW + 5).await.expect("read"), [kept("first", NOW + 10)]);
    let later = Rotation { now: NOW + 20, ..rotation("fourth", NOW + 30) };
    assert!(store.rotate_tracking_id("site", later).await.expect("answered"));
    assert_eq!(old(NOW).await.expect("read"), [kept("third", NOW + 30)], "what ran out is forgotten");
}

pub(crate) async fn without_grace_the_old_tracking_id_ends_at_once(store: SharedStore) {
    store.add_site(made("site", "first", 1)).await.expect("added");
    assert!(store.rotate_tracking_id("site", rotation("second", NOW)).await.expect("answered"));
    assert_eq!(led_to(&store, "first", NOW).await, None);
    assert_eq!(store.replaced_tracking_ids("site", NOW).await.expect("read"), []);
}

pub(crate) async fn a_site_s_tracking_ids_are_its_own(store: SharedStore) {
    store.add_site(made("one", "first", 1)).await.expect("added");
    store.add_site(made("two", "other", 2)).await.expect("added");
    store.rotate_tracking_id("one", rotation("other", NOW + 10)).await.expect_err("the other site has it");
    assert!(store.rotate_tracking_id("one", rotation("second", NOW + 10)).await.expect("answered"));
    assert!(!store.rotate_tracking_id("none", rotation("third", NOW + 10)).await.expect("answered"));
    assert_eq!(led_to(&store, "first", NOW).await.as_deref(), Some("one"));
    assert_eq!(led_to(&store, "other", NOW).await.as_deref(), Some("two"));
    assert_eq!(store.replaced_tracking_ids("two", NOW).await.expect("read"), []);
}
