//! Changing the key that seals secrets, while the server runs and while it does not: the real binary.
#![cfg(unix)]
// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code, reason = "what other tests do with the binary")]
mod binary;

use binary::{Home, Running, TOKEN, client};
use reqwest::Client;
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime};
use tagwerk_server::reading::RawRequest;
use tagwerk_server::settings::place;
use tagwerk_server::store::Job;
use tagwerk_server::vault::{Keys, Vault};

const PASSPHRASE: &str = "kasse-und-so_93";
const ACCESS_TOKEN: &str = "EAAB-token-of-the-tests";

fn key_file(home: &Home) -> PathBuf {
    home.data.path().join("secret.key")
}

fn keys(home: &Home) -> Vec<String> {
    std::fs::read_to_string(key_file(home)).expect("the keys").lines().map(str::to_owned).collect()
}

/// `tagwerk key rotate` or `prune`.
fn key(home: &Home, what: &str) -> Output {
    home.command().args(["key", what]).output().expect("the binary runs")
}

/// What a command that succeeds prints.
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// What a command that is refused says.
fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Lets the keys have changed an hour ago.
fn an_hour_later(home: &Home) {
    let file = File::options().write(true).open(key_file(home)).expect("the keys");
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("set");
}

fn database(home: &Home) -> Connection {
    Connection::open(home.data.path().join("tagwerk.db")).expect("the database")
}

/// The settings as they are stored.
fn stored(home: &Home) -> Value {
    let text: String = database(home)
        .query_row("SELECT settings FROM sites WHERE site_id = ?", [&home.site_id], |row| row.get(0))
        .expect("the site");
    serde_json::from_str(&text).expect("JSON")
}

/// Passphrase and platform token as they are sealed.
fn sealed(home: &Home) -> [String; 2] {
    let settings = stored(home);
    let text = |pointer: &str| settings.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned();
    [text("/groups/digistore24/ipn_passphrase"), text("/platforms/meta/access_token")]
}

/// The platform's token, opened with the keys of this folder.
fn token_opened_in(folder: &Path, home: &Home) -> Option<String> {
    let vault = Vault::open(folder, true).expect("keys");
    vault.unseal_text(&place(&home.site_id, "platforms", "meta", "access_token"), &sealed(home)[1]).ok()
}

/// A folder with this one key.
fn alone(key: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret.key"), key).expect("written");
    folder
}

async fn api(home: &Home, client: &Client, running: &Running, patch: bool, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/api/v1/sites/{}/{path}", running.url, home.site_id);
    let request = if patch { client.patch(url) } else { client.post(url) };
    let answer = request.bearer_auth(TOKEN).json(&body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Enters a passphrase and a platform's token.
async fn enter_secrets(home: &Home, client: &Client, running: &Running) {
    let secrets = json!({
        "groups": {"digistore24": {"ipn_passphrase": PASSPHRASE}},
        "platforms": {"meta": {"pixel_id": "123456789012345", "access_token": ACCESS_TOKEN}},
    });
    let (status, answer) = api(home, client, running, true, "settings", secrets).await;
    assert_eq!(status, 200, "{answer}");
}

/// Sends a notification that is signed with the passphrase; its status. What does not verify is answered 403.
async fn notify(home: &Home, client: &Client, running: &Running, order: &str) -> u16 {
    let mut fields =
        BTreeMap::from([("event", "on_payment"), ("order_id", order), ("product_id", "42"), ("currency", "EUR")]);
    fields.extend([("transaction_id", order), ("amount_brutto", "10.00"), ("transaction_type", "payment")]);
    let signed: String = fields.iter().map(|(name, value)| format!("{name}={value}{PASSPHRASE}")).collect();
    let signature: String = Sha512::digest(signed).iter().map(|byte| format!("{byte:02X}")).collect();
    fields.insert("sha_sign", &signature);
    let url = format!("{}/{}/ipn/digistore24", running.url, home.tracking_id);
    client.post(url).form(&fields).send().await.expect("an answer").status().as_u16()
}

/// Every postback's raw request reads, and there are so many.
async fn raw_requests_read(home: &Home, client: &Client, running: &Running, count: usize) {
    let postbacks = home.list(client, &running.url, "postbacks").await;
    assert_eq!(postbacks.len(), count);
    for postback in postbacks {
        assert!(postback["raw"].as_str().is_some_and(|raw| !raw.is_empty()), "it does not open: {postback}");
    }
}

#[tokio::test]
async fn secrets_open_after_the_key_was_changed_under_a_running_server_and_after_its_restart() {
    let (home, client) = (Home::new(), client());
    let running = Running::start(home.serving(""));
    enter_secrets(&home, &client, &running).await;
    assert_eq!(notify(&home, &client, &running, "before").await, 200);
    let (old, before) = (keys(&home), sealed(&home));

    let said = done(&key(&home, "rotate"));
    for expected in ["keys=2\n", "secrets_sealed_anew=2\n", "tagwerk backup", "tagwerk key prune"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let now = keys(&home);
    assert!(now.len() == 2 && now[1] == old[0] && !said.contains(&now[0]) && !said.contains(&now[1]));
    let after = sealed(&home);
    assert!(before[0] != after[0] && before[1] != after[1]);
    assert_eq!(token_opened_in(alone(&now[0]).path(), &home).as_deref(), Some(ACCESS_TOKEN));
    assert_eq!(token_opened_in(alone(&old[0]).path(), &home), None, "the old key opens it no more");

    // The server that runs opens what is sealed under a key it did not start with, and seals under that one.
    assert_eq!(notify(&home, &client, &running, "meanwhile").await, 200);
    enter_secrets(&home, &client, &running).await;
    assert_eq!(token_opened_in(alone(&now[0]).path(), &home).as_deref(), Some(ACCESS_TOKEN));
    running.stop();

    let running = Running::start(home.serving(""));
    assert_eq!(notify(&home, &client, &running, "after").await, 200);
    assert_eq!(token_opened_in(home.data.path(), &home).as_deref(), Some(ACCESS_TOKEN));
    raw_requests_read(&home, &client, &running, 3).await;
    running.stop();
}

#[tokio::test]
async fn old_keys_are_dropped_when_nothing_is_sealed_under_them_any_more() {
    let (home, client) = (Home::new(), client());
    let running = Running::start(home.serving(""));
    enter_secrets(&home, &client, &running).await;
    for order in ["one", "two", "three"] {
        assert_eq!(notify(&home, &client, &running, order).await, 200);
    }
    let first = home.list(&client, &running.url, "postbacks").await.remove(0);
    let path = format!("postbacks/{}/correct", first["id"].as_str().expect("an id"));
    let (status, answer) = api(&home, &client, &running, false, &path, json!({"set": {"product_id": "43"}})).await;
    assert_eq!(status, 200, "{answer}");
    done(&key(&home, "rotate"));
    let two = keys(&home);

    // What the server sealed a moment before may not have arrived yet.
    assert!(refused(&key(&home, "prune")).contains("run it again in 10 minutes"));
    assert_eq!(keys(&home), two);
    an_hour_later(&home);
    let said = done(&key(&home, "prune"));
    assert!(said.contains("sealed_anew=4\n") && said.contains("dropped=1\n"), "{said}");
    assert_eq!(keys(&home), two[..1]);

    assert_eq!(notify(&home, &client, &running, "four").await, 200);
    running.stop();
    let running = Running::start(home.serving(""));
    assert_eq!(notify(&home, &client, &running, "five").await, 200);
    raw_requests_read(&home, &client, &running, 5).await;
    let corrected = home.list(&client, &running.url, "postbacks").await;
    let corrected = corrected.iter().find(|postback| postback["id"] == first["id"]).expect("it is there");
    assert_eq!(corrected["corrections"], json!({"product_id": "43"}));
    running.stop();
    assert!(done(&key(&home, "prune")).contains("sealed_anew=0\n"), "nothing is left to be done");
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_finished_by_pruning() {
    let (home, client) = (Home::new(), client());
    let running = Running::start(home.serving(""));
    enter_secrets(&home, &client, &running).await;
    // As far as that: the key is there, and the settings are as they were.
    Vault::open(home.data.path(), true).expect("keys").add_key().expect("added");
    assert_eq!(notify(&home, &client, &running, "one").await, 200);
    an_hour_later(&home);
    assert!(done(&key(&home, "prune")).contains("sealed_anew=2\n"));
    assert_eq!(keys(&home).len(), 1);
    assert_eq!(token_opened_in(home.data.path(), &home).as_deref(), Some(ACCESS_TOKEN));
    assert_eq!(notify(&home, &client, &running, "two").await, 200);
    running.stop();
}

#[test]
fn old_keys_stay_as_long_as_a_long_task_works_from_what_they_sealed() {
    let home = Home::new();
    let vault = Vault::open(home.data.path(), true).expect("keys");
    let payload = vault.seal(&Job::place("task"), b"a file").expect("sealed");
    let rows = "INSERT INTO jobs (site_id, id, kind, state, counts, problems, created_at, updated_at)
                VALUES (?, 'task', 'import', 'waiting', '{}', '[]', 1, 1)";
    database(&home).execute(rows, [&home.site_id]).expect("written");
    let rows = "INSERT INTO job_payloads (site_id, id, payload) VALUES (?, 'task', ?)";
    database(&home).execute(rows, (&home.site_id, payload)).expect("written");
    done(&key(&home, "rotate"));
    an_hour_later(&home);
    assert!(refused(&key(&home, "prune")).contains("long tasks"));
    assert_eq!(keys(&home).len(), 2);
    database(&home).execute_batch("UPDATE jobs SET state = 'done'; DELETE FROM job_payloads").expect("it is through");
    done(&key(&home, "prune"));
    assert_eq!(keys(&home).len(), 1);
}

#[tokio::test]
async fn what_no_key_opens_is_told_by_name_and_stays() {
    let (home, client) = (Home::new(), client());
    let running = Running::start(home.serving(""));
    enter_secrets(&home, &client, &running).await;
    running.stop();
    let other = tempfile::tempdir().expect("a folder");
    let foreign = Vault::open(other.path(), false).expect("another vault").seal_text("x", "y").expect("sealed");
    let damage = "UPDATE sites SET settings = json_set(settings, '$.platforms.meta.access_token', ?)";
    database(&home).execute(damage, [&foreign]).expect("written");
    let said = done(&key(&home, "rotate"));
    assert!(said.contains("secrets_sealed_anew=1\n") && said.contains("not_opened=1\n"), "{said}");
    assert!(said.contains(&format!("platforms.meta.access_token of the site {}", home.site_id)), "{said}");
    assert_eq!(sealed(&home)[1], foreign);
}

#[tokio::test]
async fn a_backup_between_two_keys_opens_everything_in_it() {
    let (home, client) = (Home::new(), client());
    let running = Running::start(home.serving(""));
    enter_secrets(&home, &client, &running).await;
    assert_eq!(notify(&home, &client, &running, "one").await, 200);
    done(&key(&home, "rotate"));
    running.stop();
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("monday");
    done(&home.command().arg("backup").arg(&target).output().expect("the binary runs"));
    assert_eq!(Keys::of(&target).expect("keys"), Keys::of(home.data.path()).expect("keys"));
    let vault = Vault::open(&target, true).expect("keys");
    let copy = Connection::open(target.join("tagwerk.db")).expect("the copy");
    let (id, raw): (String, Vec<u8>) =
        copy.query_row("SELECT id, raw FROM postbacks", [], |row| Ok((row.get(0)?, row.get(1)?))).expect("a postback");
    assert!(vault.unseal(&RawRequest::place(&id), &raw).is_ok(), "it is under the old key");
    assert_eq!(token_opened_in(&target, &home).as_deref(), Some(ACCESS_TOKEN), "it is under the new one");
}

#[test]
fn where_there_is_no_database_no_key_is_made() {
    let mut home = Home::new();
    home.data = tempfile::tempdir().expect("a folder");
    for what in ["rotate", "prune"] {
        assert!(refused(&key(&home, what)).contains("--data-dir"));
    }
    assert_eq!(std::fs::read_dir(home.data.path()).expect("a folder").count(), 0);
}
