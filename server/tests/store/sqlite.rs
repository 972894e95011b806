//! The embedded engine: the conformance suite, and what only a file on a disk can show.

use crate::conformance;
use crate::given::{book, books, click, newest, outbound, page_view, postbacks, refund, sale, send, site, visit};
use crate::keys::key;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_server::store::sqlite::{OpenError, Options, Sqlite};
use tagwerk_server::store::{KeyKind, Page, SharedStore, StoreError};
use tempfile::TempDir;
use tokio::task::JoinSet;

conformance!(crate::sqlite::open);

/// A fresh store in a directory of its own.
struct Opened {
    store: SharedStore,
    _directory: TempDir,
}

fn open() -> Opened {
    let directory = tempfile::tempdir().expect("a directory");
    // Few facts are sealed in one, so that there are both sealed and unsealed ones.
    let store = opened(&file(&directory), Options { seal: 8, ..Options::default() });
    Opened { store, _directory: directory }
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("tagwerk.db")
}

fn opened(path: &Path, options: Options) -> Arc<Sqlite> {
    Arc::new(Sqlite::open(path, options).expect("the store opens"))
}

#[tokio::test]
async fn everything_is_there_after_closing_and_opening_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let engine = opened(&file(&directory), Options::default());
    let store: SharedStore = engine.clone();
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    book(&store, &site_id, &refund("r", Some(click_id.as_str()), "-10.00")).await;
    store.set_admin_token_hash(vec![1]).await.expect("kept");
    store.add_key(key(KeyKind::Session, 2, 10)).await.expect("kept");
    let before = (
        store.sites().await.expect("read"),
        store.visits(&site_id, newest()).await.expect("read"),
        store.events(&site_id, newest()).await.expect("read"),
        store.clicks(&site_id, newest()).await.expect("read"),
        store.postbacks(&site_id, newest()).await.expect("read"),
        store.conversions(&site_id, newest()).await.expect("read"),
    );
    assert!(before.5.items[0].sale_id.is_some());
    engine.close().await;
    engine.close().await;
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))), "closed is closed");
    drop((engine, store));

    let store: SharedStore = opened(&file(&directory), Options::default());
    let after = (
        store.sites().await.expect("read"),
        store.visits(&site_id, newest()).await.expect("read"),
        store.events(&site_id, newest()).await.expect("read"),
        store.clicks(&site_id, newest()).await.expect("read"),
        store.postbacks(&site_id, newest()).await.expect("read"),
        store.conversions(&site_id, newest()).await.expect("read"),
    );
    assert_eq!(after, before);
    assert_eq!(store.admin_token_hash().await.expect("read"), Some(vec![1]));
    assert!(store.key(KeyKind::Session, &[2], 9).await.expect("read").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_finishes_what_was_let_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let engine = opened(&file(&directory), Options::default());
    let store: SharedStore = engine.clone();
    let site_id = site(&store).await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (store, site_id) = (store.clone(), site_id.clone());
        tasks.spawn(async move { store.receive_events(&site_id, vec![page_view(&visit(number))]).await.is_ok() });
    }
    engine.close().await;
    let acknowledged = tasks.join_all().await.into_iter().filter(|ok| *ok).count();
    let store: SharedStore = opened(&file(&directory), Options::default());
    assert_eq!(store.events(&site_id, newest()).await.expect("read").items.len(), acknowledged);
}

/// Keeps every other writer out until it is dropped.
fn lock(path: &Path) -> Connection {
    let other = Connection::open(path).expect("a second connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    other
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_queue_does_not_hold_is_told_to_come_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let store: SharedStore = opened(&file(&directory), Options { queue: 1, batch: 1, ..Options::default() });
    let site_id = site(&store).await;
    let lock = lock(&file(&directory));
    let mut tasks = JoinSet::new();
    for number in 0..3 {
        let (store, site_id) = (store.clone(), site_id.clone());
        tasks.spawn(async move { store.receive_events(&site_id, vec![page_view(&visit(number))]).await });
    }
    // One is being written, which the lock holds up, and one waits; whichever is the third is turned away.
    let first = tasks.join_next().await.expect("an answer").expect("no panic");
    assert!(matches!(first, Err(StoreError::Busy)), "{first:?}");
    drop(lock);
    let mut acknowledged = 0;
    for answer in tasks.join_all().await {
        match answer {
            Ok(_) => acknowledged += 1,
            Err(error) => assert!(matches!(error, StoreError::Busy), "{error:?}"),
        }
    }
    assert!(acknowledged >= 1);
    assert_eq!(store.events(&site_id, newest()).await.expect("read").items.len(), acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_may_not_grow_acknowledges_nothing_it_cannot_keep() {
    let directory = tempfile::tempdir().expect("a directory");
    let engine = opened(&file(&directory), Options { max_size_mb: Some(1), ..Options::default() });
    let store: SharedStore = engine.clone();
    let site_id = site(&store).await;
    let mut acknowledged: Vec<String> = Vec::new();
    let mut length = 8000;
    let refused = loop {
        let mut event = page_view(&visit(acknowledged.len() as u64));
        event.event.page = "x".repeat(length);
        match store.receive_events(&site_id, vec![event.clone()]).await {
            Ok(_) => acknowledged.push(event.event.event_id),
            // Where a long one does not fit, short ones may.
            Err(StoreError::Unavailable(_)) if length > 10 => length = 10,
            Err(error) => break (event, error),
        }
        assert!(acknowledged.len() < 1000, "a megabyte does not hold that much");
    };
    assert!(matches!(refused.1, StoreError::Unavailable(_)), "{:?}", refused.1);
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))), "not ready");
    let kept = |store: SharedStore, site_id: String| async move {
        let events = store.events(&site_id, newest()).await.expect("read").items;
        events.into_iter().map(|event| event.event_id).rev().collect::<Vec<_>>()
    };
    assert_eq!(kept(store.clone(), site_id.clone()).await, acknowledged);
    engine.close().await;
    drop((engine, store));

    let store: SharedStore = opened(&file(&directory), Options { max_size_mb: Some(64), ..Options::default() });
    assert_eq!(kept(store.clone(), site_id.clone()).await, acknowledged);
    store.check().await.expect("ready again");
    acknowledged.push(refused.0.event.event_id.clone());
    send(&store, &site_id, vec![refused.0]).await;
    assert_eq!(kept(store, site_id).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_batch_loses_none_that_was_acknowledged() {
    let directory = tempfile::tempdir().expect("a directory");
    let store: SharedStore = opened(&file(&directory), Options { max_size_mb: Some(1), ..Options::default() });
    let site_id = site(&store).await;
    let mut tasks = JoinSet::new();
    for number in 0..300 {
        let (store, site_id) = (store.clone(), site_id.clone());
        tasks.spawn(async move {
            let mut event = page_view(&visit(number));
            event.event.page = "x".repeat(8000);
            store.receive_events(&site_id, vec![event]).await.is_ok().then(|| visit(number).to_string())
        });
    }
    let mut acknowledged: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    let mut kept: Vec<String> = Vec::new();
    for event in store.events(&site_id, newest()).await.expect("read").items {
        kept.push(event.visit_id);
    }
    acknowledged.sort();
    kept.sort();
    assert_eq!(kept, acknowledged);
    assert!(kept.len() < 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_opened_now_is_unavailable_until_it_can() {
    let directory = tempfile::tempdir().expect("a directory");
    // A directory in the file's place is in the way even of a user who may do everything.
    std::fs::create_dir(file(&directory)).expect("something in the way");
    let store: SharedStore = opened(&file(&directory), Options::default());
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.sites().await, Err(StoreError::Unavailable(_))));
    std::fs::remove_dir(file(&directory)).expect("out of the way");
    store.check().await.expect("writing works without a restart");
    let site_id = site(&store).await;
    assert_eq!(store.sites().await.expect("reading works").remove(0).site_id, site_id);
}

#[test]
fn a_database_that_cannot_be_made_is_an_error_that_names_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("missing").join("tagwerk.db");
    let error = Sqlite::open(&path, Options::default()).err().expect("an error");
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(matches!(error, OpenError::Database { .. }));
}

#[test]
fn another_program_s_file_and_a_newer_version_s_are_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file(&directory);
    std::fs::write(&path, "this is a diary, not a database. ".repeat(200)).expect("written");
    assert!(Sqlite::open(&path, Options::default()).is_err());
    assert!(std::fs::read_to_string(&path).expect("untouched").starts_with("this is a diary"));

    let newer = directory.path().join("newer.db");
    let connection = Connection::open(&newer).expect("made");
    connection.pragma_update(None, "user_version", 999).expect("marked");
    drop(connection);
    assert!(matches!(Sqlite::open(&newer, Options::default()), Err(OpenError::Schema { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_may_start_on_a_new_file_at_once_and_both_write() {
    for _ in 0..10 {
        let directory = tempfile::tempdir().expect("a directory");
        let open = |path: PathBuf| std::thread::spawn(move || opened(&path, Options::default()));
        let threads = [open(file(&directory)), open(file(&directory))];
        let [one, two]: [SharedStore; 2] = threads.map(|thread| thread.join().expect("it opens") as SharedStore);
        let first = site(&one).await;
        let second = site(&two).await;
        let seen: Vec<String> = one.sites().await.expect("read").into_iter().map(|site| site.site_id).collect();
        assert_eq!(seen, [first, second]);
    }
}

#[tokio::test]
async fn what_does_not_read_is_reported_and_not_guessed() {
    let directory = tempfile::tempdir().expect("a directory");
    let store: SharedStore = opened(&file(&directory), Options::default());
    let site_id = site(&store).await;
    book(&store, &site_id, &sale("t", None)).await;
    let other = Connection::open(file(&directory)).expect("a second connection");
    other.execute_batch("UPDATE conversions SET state = 'lost'").expect("damaged");
    let answer = store.conversions(&site_id, newest()).await;
    assert!(matches!(answer, Err(StoreError::Corrupt(_))), "{answer:?}");
    assert_eq!(postbacks(&store, &site_id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_load_from_many_callers_is_booked_completely() {
    let directory = tempfile::tempdir().expect("a directory");
    let store: SharedStore = opened(&file(&directory), Options::default());
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    let mut tasks = JoinSet::new();
    for caller in 0..64 {
        let (store, site_id, click_id) = (store.clone(), site_id.clone(), click_id.clone());
        tasks.spawn(async move {
            for number in 0..10 {
                book(&store, &site_id, &sale(&format!("{caller}-{number}"), Some(click_id.as_str()))).await;
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(books(&store, &site_id).await.len(), 640);
    let page = Page::first(1);
    assert!(store.postbacks(&site_id, page).await.expect("read").next.is_some());
}
