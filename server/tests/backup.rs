//! A copy that is taken while the server runs, and a server that is started on the copy: the real binary.
#![cfg(unix)]
// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code, reason = "what other tests do with the binary")]
mod binary;

use binary::{Home, Running, TOKEN, client};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use tagwerk_server::store::Backups;
use tagwerk_server::store::sqlite::Sqlite;
use tempfile::TempDir;
use tokio::sync::watch;

const CALLERS: usize = 4;
/// How many postbacks each caller has sent before the backup begins.
const BEFORE: usize = 40;

/// `tagwerk backup` into this folder.
fn backup(home: &Home, folder: &Path) -> Output {
    home.command().arg("backup").arg(folder).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder for backups, and a name in it that is free.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("monday");
    (folder, target)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Restores as the backup says: both files in an empty folder.
fn restored(home: &Home, backup: &Path) -> Home {
    let data = tempfile::tempdir().expect("a folder");
    for name in names(backup) {
        std::fs::copy(backup.join(&name), data.path().join(&name)).expect("copied");
    }
    Home { data, site_id: home.site_id.clone(), tracking_id: home.tracking_id.clone() }
}

fn payment(transaction: &str) -> [(&str, &str); 5] {
    [
        ("transaction_id", transaction),
        ("transaction_type", "payment"),
        ("amount_brutto", "165.19"),
        ("amount_netto", "163.55"),
        ("currency", "EUR"),
    ]
}

/// Transaction and number of a caller's: it sends them in this order, each after the one before was acknowledged.
fn transaction(caller: usize, number: usize) -> String {
    format!("t-{caller}-{number}")
}

/// Sends until it is told to stop, and tells how many were acknowledged.
async fn pour(home: Arc<Home>, url: String, caller: usize, told: watch::Sender<usize>, stop: watch::Receiver<bool>) {
    let client = client();
    let mut number = 0;
    while !*stop.borrow() {
        let answer = home.tell(&client, &url, &payment(&transaction(caller, number))).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        number += 1;
        told.send_replace(number);
    }
}

/// How many of each caller's are there, each of which must be there with all before it and with its postback.
fn consistent(conversions: &[Value], postbacks: &[Value]) -> BTreeMap<usize, usize> {
    let makers: BTreeMap<&str, &Value> = postbacks
        .iter()
        .map(|item| (item["conversion_id"].as_str().expect("every postback made a conversion"), item))
        .collect();
    assert_eq!((makers.len(), postbacks.len()), (conversions.len(), conversions.len()));
    let mut numbers: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for conversion in conversions {
        let transaction = conversion["transaction_id"].as_str().expect("a transaction");
        let maker = makers[conversion["id"].as_str().expect("an id")];
        let raw = maker["raw"].as_str().unwrap_or_else(|| panic!("it does not open: {maker}"));
        assert!(raw.contains(transaction), "{raw}");
        let mut parts = transaction.split('-').skip(1).map(|part| part.parse::<usize>().expect("a number"));
        let (caller, number) = (parts.next().expect("a caller"), parts.next().expect("a number"));
        assert!(numbers.entry(caller).or_default().insert(number), "{transaction} is there twice");
    }
    let first = |numbers: BTreeSet<usize>| {
        assert!(numbers.iter().copied().eq(0..numbers.len()), "one is missing before {:?}", numbers.last());
        numbers.len()
    };
    numbers.into_iter().map(|(caller, numbers)| (caller, first(numbers))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_postbacks_pour_in_holds_all_that_was_acknowledged_before_it() {
    let (home, running) = {
        let home = Arc::new(Home::new());
        let running = Running::start(home.serving(""));
        (home, running)
    };
    let (stop, stopped) = watch::channel(false);
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let (told, hears) = watch::channel(0);
        let work = pour(Arc::clone(&home), running.url.clone(), caller, told, stopped.clone());
        callers.push((tokio::spawn(work), hears));
    }
    for (_, hears) in &mut callers {
        hears.wait_for(|sent| *sent >= BEFORE).await.expect("at work");
    }
    let before: Vec<usize> = callers.iter().map(|(_, hears)| *hears.borrow()).collect();
    let (_folder, target) = place();
    let (of, to) = (Arc::clone(&home), target.clone());
    let output = tokio::task::spawn_blocking(move || backup(&of, &to)).await.expect("it ran");
    assert!(output.status.success(), "{}", text(&output.stderr));
    // Who writes was not stopped: every caller hears of more.
    for ((_, hears), before) in callers.iter_mut().zip(&before) {
        hears.wait_for(|sent| sent > before).await.expect("at work");
    }
    stop.send_replace(true);
    let mut sent = Vec::new();
    for (work, hears) in callers {
        work.await.expect("every answer was 200");
        sent.push(*hears.borrow());
    }
    running.stop();

    let copy = restored(&home, &target);
    let running = Running::start(copy.serving(""));
    let client = client();
    let conversions = copy.list(&client, &running.url, "conversions").await;
    let found = consistent(&conversions, &copy.list(&client, &running.url, "postbacks").await);
    for caller in 0..CALLERS {
        let (found, before, sent) = (found[&caller], before[caller], sent[caller]);
        // One more may have been on its way.
        assert!((before..=sent).contains(&found), "caller {caller}: {before} <= {found} <= {sent}");
    }
    // It goes on as the one before: what comes again is known, what is new is booked.
    for (transaction, state) in [(transaction(0, 0), "duplicate"), ("t-9-0".to_owned(), "unattributed")] {
        assert_eq!(copy.tell(&client, &running.url, &payment(&transaction)).await.expect("an answer").status(), 200);
        assert_eq!(copy.list(&client, &running.url, "postbacks").await[0]["state"], state);
    }
    running.stop();
}

#[tokio::test]
async fn a_backup_is_two_files_that_nobody_else_may_read_and_says_how_to_restore() {
    let home = Home::new();
    let (_folder, target) = place();
    let output = backup(&home, &target);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(names(&target), ["secret.key", "tagwerk.db"]);
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&target), 0o700);
    assert_eq!((mode(&target.join("secret.key")), mode(&target.join("tagwerk.db"))), (0o600, 0o600));
    let said = text(&output.stdout);
    for expected in ["secret.key", "tagwerk.db", "tagwerk serve --data-dir", "groups_dir"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // The site of a server that never ran is there, too.
    let list = restored(&home, &target).command().args(["site", "list"]).output().expect("the binary runs");
    assert!(text(&list.stdout).contains(&home.tracking_id));
}

#[tokio::test]
async fn a_backup_is_noted_where_it_was_taken_from() {
    let home = Home::new();
    let (_folder, target) = place();
    assert!(backup(&home, &target).status.success());
    let database = home.data.path().join("tagwerk.db");
    let store = Sqlite::open(&database, Default::default()).expect("it opens");
    let last = store.last_backup().await.expect("read").expect("noted");
    let sizes = names(&target).into_iter().map(|name| std::fs::metadata(target.join(name)).expect("there").len());
    assert_eq!((last.bytes, Path::new(&last.folder)), (sizes.sum(), target.as_path()));
    store.close().await;
}

#[tokio::test]
async fn a_server_that_moved_to_another_name_takes_what_comes_under_the_old_one_and_shows_the_new() {
    let home = Home::new();
    let (_folder, target) = place();
    assert!(backup(&home, &target).status.success());
    let moved = restored(&home, &target);
    let mut command = moved.serving("");
    command.env("TAGWERK_PUBLIC_URL", "https://t.new.example");
    let (client, running) = (client(), Running::start(command));
    let request = client.get(format!("{}/{}/collect/digistore24", running.url, home.tracking_id));
    let answer = request.header("host", "t.old.example").query(&payment("t-1")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let script = client.get(format!("{}/{}.js", running.url, home.site_id)).header("host", "t.old.example");
    assert_eq!(script.send().await.expect("an answer").status(), 200);
    let addresses = client.get(format!("{}/api/v1/sites/{}/postback_urls", running.url, home.site_id));
    let addresses: Value = addresses.bearer_auth(TOKEN).send().await.expect("an answer").json().await.expect("JSON");
    let expected = format!("https://t.new.example/{}/collect/", home.tracking_id);
    assert!(addresses.to_string().contains(&expected), "{addresses}");
    running.stop();
}

#[test]
fn a_folder_that_is_there_is_refused_and_left_alone() {
    let home = Home::new();
    let (folder, target) = place();
    std::fs::create_dir(&target).expect("made");
    std::fs::write(target.join("tagwerk.db"), "precious").expect("written");
    let output = backup(&home, &target);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("is there already"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(target.join("tagwerk.db")).expect("there"), "precious");
    assert_eq!(names(folder.path()), ["monday"]);
}

#[test]
fn a_backup_that_does_not_succeed_leaves_nothing_that_looks_like_one() {
    let home = Home::new();
    std::fs::remove_file(home.data.path().join("secret.key")).expect("removed");
    let (folder, target) = place();
    let output = backup(&home, &target);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("secret.key"), "{}", text(&output.stderr));
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn where_there_is_no_database_none_is_made() {
    let mut home = Home::new();
    home.data = tempfile::tempdir().expect("a folder");
    let (folder, target) = place();
    let output = backup(&home, &target);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("--data-dir"), "{}", text(&output.stderr));
    assert!(names(home.data.path()).is_empty() && names(folder.path()).is_empty());
}
