//! Sites and their settings.

use crate::given::{NOW, site};
use serde_json::json;
use tagwerk_server::store::{SharedStore, Site};
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
    assert_eq!(store.site_by_tracking_id("AbCdEfGhIjKlMnOpQrStUvWx").await.expect("read"), Some(kept));
    for unknown in ["abcdefghijkl", "AbCdEfGhIjK", "", "AbCdEfGhIjKlMnOpQrStUvWx"] {
        assert_eq!(store.site(unknown).await.expect("read"), None, "{unknown:?}");
    }
    assert_eq!(store.site_by_tracking_id("AbCdEfGhIjKl").await.expect("read"), None);
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
            let won = store.replace_settings(&site_id, &before, after.clone()).await.expect("answered");
            won.then_some(after)
        });
    }
    let won: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1, "{won:?}");
    let kept = store.site(&site_id).await.expect("read").expect("there").settings;
    assert_eq!(kept, won[0]);
    assert!(!store.replace_settings("NoSuchSite00", &before, before.clone()).await.expect("answered"));
    assert!(store.replace_settings(&site_id, &kept, json!({ "b": 1, "a": [2] })).await.expect("answered"));
}
