//! The operator's ways in.

use crate::given::NOW;
use tagwerk_server::store::{KeyKind, SharedStore};
use tokio::task::JoinSet;

pub(crate) async fn the_admin_token_is_kept_and_replaced(store: SharedStore) {
    assert_eq!(store.admin_token_hash().await.expect("read"), None);
    for hash in [vec![1, 2, 0, 255], vec![9]] {
        store.set_admin_token_hash(hash.clone()).await.expect("kept");
        assert_eq!(store.admin_token_hash().await.expect("read"), Some(hash));
    }
}

pub(crate) async fn a_new_admin_token_ends_every_session(store: SharedStore) {
    store.add_key(KeyKind::Session, vec![1], NOW).await.expect("kept");
    store.add_key(KeyKind::Session, vec![2], NOW).await.expect("kept");
    store.add_key(KeyKind::OneTimeLink, vec![3], NOW).await.expect("kept");
    assert!(store.has_key(KeyKind::Session, &[1], NOW - 1).await.expect("read"));
    store.set_admin_token_hash(vec![7]).await.expect("kept");
    for hash in [[1], [2]] {
        assert!(!store.has_key(KeyKind::Session, &hash, NOW - 1).await.expect("read"));
    }
    assert!(store.has_key(KeyKind::OneTimeLink, &[3], NOW - 1).await.expect("read"));
}

pub(crate) async fn a_one_time_link_is_taken_by_one_of_many(store: SharedStore) {
    store.add_key(KeyKind::OneTimeLink, vec![1], NOW).await.expect("kept");
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        tasks.spawn(async move { store.take_key(KeyKind::OneTimeLink, &[1], NOW - 1).await.expect("answered") });
    }
    let taken = tasks.join_all().await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken, 1);
    assert!(!store.has_key(KeyKind::OneTimeLink, &[1], NOW - 1).await.expect("read"));
}

pub(crate) async fn a_key_that_ran_out_opens_nothing(store: SharedStore) {
    store.add_key(KeyKind::Session, vec![1], NOW).await.expect("kept");
    assert!(store.has_key(KeyKind::Session, &[1], NOW - 1).await.expect("read"));
    assert!(!store.has_key(KeyKind::Session, &[1], NOW).await.expect("read"));
    assert!(!store.take_key(KeyKind::Session, &[1], NOW).await.expect("answered"));
    store.add_key(KeyKind::Session, vec![2], NOW).await.expect("kept");
    store.add_key(KeyKind::Session, vec![2], NOW + 5).await.expect("the later end counts");
    assert!(store.take_key(KeyKind::Session, &[2], NOW + 4).await.expect("answered"));
    assert!(!store.has_key(KeyKind::Session, &[2], NOW).await.expect("read"));
}

pub(crate) async fn a_link_is_no_session(store: SharedStore) {
    store.add_key(KeyKind::OneTimeLink, vec![1], NOW).await.expect("kept");
    assert!(!store.has_key(KeyKind::Session, &[1], NOW - 1).await.expect("read"));
    assert!(!store.take_key(KeyKind::Session, &[1], NOW - 1).await.expect("answered"));
    assert!(store.take_key(KeyKind::OneTimeLink, &[1], NOW - 1).await.expect("answered"));
}
