//! The ways in.

use crate::given::NOW;
use crate::people::{add, anna};
use tagwerk_server::store::{Key, KeyKind, SharedStore};
use tokio::task::JoinSet;

/// A key that is good until then and belongs to nobody.
pub(crate) fn key(kind: KeyKind, hash: u8, until: i64) -> Key {
    Key {
        kind,
        hash: vec![hash],
        made_at: NOW - 100,
        seen_at: NOW - 100,
        until,
        user_id: None,
        holder: "admin token".into(),
        browser: Some("Firefox on Linux".into()),
    }
}

async fn keep(store: &SharedStore, key: Key) {
    assert!(store.add_key(key).await.expect("kept"));
}

async fn opens(store: &SharedStore, kind: KeyKind, hash: u8, now: i64) -> bool {
    store.key(kind, &[hash], now).await.expect("read").is_some()
}

pub(crate) async fn the_admin_token_is_kept_and_replaced(store: SharedStore) {
    assert_eq!(store.admin_token_hash().await.expect("read"), None);
    for hash in [vec![1, 2, 0, 255], vec![9]] {
        store.set_admin_token_hash(hash.clone()).await.expect("kept");
        assert_eq!(store.admin_token_hash().await.expect("read"), Some(hash));
    }
}

pub(crate) async fn a_new_admin_token_ends_every_session(store: SharedStore) {
    add(&store, anna()).await;
    keep(&store, key(KeyKind::Session, 1, NOW)).await;
    keep(&store, Key { user_id: Some(anna().id), ..key(KeyKind::Session, 2, NOW) }).await;
    keep(&store, key(KeyKind::OneTimeLink, 3, NOW)).await;
    assert!(opens(&store, KeyKind::Session, 1, NOW - 1).await);
    store.set_admin_token_hash(vec![7]).await.expect("kept");
    for hash in [1, 2] {
        assert!(!opens(&store, KeyKind::Session, hash, NOW - 1).await);
    }
    assert!(opens(&store, KeyKind::OneTimeLink, 3, NOW - 1).await);
}

pub(crate) async fn a_one_time_link_is_taken_by_one_of_many(store: SharedStore) {
    keep(&store, key(KeyKind::OneTimeLink, 1, NOW)).await;
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        tasks.spawn(async move { store.take_key(KeyKind::OneTimeLink, &[1], NOW - 1).await.expect("answered") });
    }
    let taken = tasks.join_all().await.into_iter().flatten().count();
    assert_eq!(taken, 1);
    assert!(!opens(&store, KeyKind::OneTimeLink, 1, NOW - 1).await);
}

pub(crate) async fn a_key_that_ran_out_opens_nothing(store: SharedStore) {
    keep(&store, key(KeyKind::Session, 1, NOW)).await;
    assert!(opens(&store, KeyKind::Session, 1, NOW - 1).await);
    assert!(!opens(&store, KeyKind::Session, 1, NOW).await);
    assert_eq!(store.take_key(KeyKind::Session, &[1], NOW).await.expect("answered"), None);
    keep(&store, key(KeyKind::Session, 2, NOW)).await;
    keep(&store, key(KeyKind::Session, 2, NOW + 5)).await;
    assert!(store.take_key(KeyKind::Session, &[2], NOW + 4).await.expect("answered").is_some(), "the later end counts");
    assert!(!opens(&store, KeyKind::Session, 2, NOW).await);
}

pub(crate) async fn a_link_is_no_session(store: SharedStore) {
    keep(&store, key(KeyKind::OneTimeLink, 1, NOW)).await;
    assert!(!opens(&store, KeyKind::Session, 1, NOW - 1).await);
    assert_eq!(store.take_key(KeyKind::Session, &[1], NOW - 1).await.expect("answered"), None);
    assert!(store.take_key(KeyKind::OneTimeLink, &[1], NOW - 1).await.expect("answered").is_some());
}

pub(crate) async fn a_session_is_kept_whole_and_knows_when_it_was_used(store: SharedStore) {
    add(&store, anna()).await;
    let kept = Key { user_id: Some(anna().id), ..key(KeyKind::Session, 1, NOW) };
    keep(&store, kept.clone()).await;
    assert_eq!(store.key(KeyKind::Session, &[1], NOW - 1).await.expect("read"), Some(kept.clone()));
    for seen_at in [NOW - 5, NOW - 9] {
        store.see_session(&[1], seen_at).await.expect("noted");
    }
    let seen = store.key(KeyKind::Session, &[1], NOW - 1).await.expect("read");
    assert_eq!(seen, Some(Key { seen_at: NOW - 5, ..kept }), "time does not run backwards");
    let user = store.user(&anna().id).await.expect("read").expect("Anna");
    assert_eq!(user.last_seen_at, Some(NOW - 5));
}

pub(crate) async fn somebody_s_sessions_are_theirs_and_the_others_can_be_ended(store: SharedStore) {
    add(&store, anna()).await;
    let of_anna = |hash, seen_at| Key { user_id: Some(anna().id), seen_at, ..key(KeyKind::Session, hash, NOW) };
    for key in [of_anna(1, NOW - 9), of_anna(2, NOW - 5), of_anna(3, NOW - 7), key(KeyKind::Session, 4, NOW)] {
        keep(&store, key).await;
    }
    keep(&store, Key { until: NOW - 3, ..of_anna(5, NOW - 6) }).await;
    let hashes = |keys: Vec<Key>| keys.into_iter().map(|key| key.hash[0]).collect::<Vec<u8>>();
    let id = anna().id;
    assert_eq!(hashes(store.sessions_of(Some(&id), NOW - 1).await.expect("read")), [2, 3, 1]);
    assert_eq!(hashes(store.sessions_of(None, NOW - 1).await.expect("read")), [4]);
    assert!(store.end_other_sessions(Some(&id), &[3]).await.expect("ended") >= 2);
    assert_eq!(hashes(store.sessions_of(Some(&id), NOW - 1).await.expect("read")), [3]);
    assert_eq!(hashes(store.sessions_of(None, NOW - 1).await.expect("read")), [4]);
}

pub(crate) async fn a_new_link_of_a_person_ends_the_one_before(store: SharedStore) {
    add(&store, anna()).await;
    let of_anna = |hash| Key { user_id: Some(anna().id), ..key(KeyKind::OneTimeLink, hash, NOW) };
    keep(&store, key(KeyKind::OneTimeLink, 9, NOW)).await;
    keep(&store, of_anna(1)).await;
    keep(&store, of_anna(2)).await;
    assert!(!opens(&store, KeyKind::OneTimeLink, 1, NOW - 1).await);
    assert!(opens(&store, KeyKind::OneTimeLink, 2, NOW - 1).await);
    assert!(opens(&store, KeyKind::OneTimeLink, 9, NOW - 1).await, "nobody's link stays");
}

pub(crate) async fn a_key_of_somebody_who_is_gone_is_not_kept(store: SharedStore) {
    let key = Key { user_id: Some(anna().id), ..key(KeyKind::Session, 1, NOW) };
    assert!(!store.add_key(key).await.expect("answered"));
    assert!(!opens(&store, KeyKind::Session, 1, NOW - 1).await);
}
