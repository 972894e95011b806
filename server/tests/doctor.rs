//! `tagwerk doctor`: the real binary in houses good and bad.
#![cfg(unix)]
// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code, reason = "what other tests do with the binary")]
mod binary;

use base64::Engine as _;
use binary::{Home, Running, TOKEN, client};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// `tagwerk doctor --json` with these arguments.
fn doctor(home: &Home, arguments: &[&str]) -> Command {
    let mut command = home.command();
    command.env_remove("TAGWERK_ADMIN_TOKEN").args(["doctor", "--json"]).args(arguments);
    command
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("the binary runs")).await.expect("it ran")
}

/// Words and levels of what was found, but for what is as it should be.
fn found(output: &Output) -> Vec<(String, String)> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let findings = report["findings"].as_array().expect("findings").iter();
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let told = findings.map(|finding| (text(finding, "word"), text(finding, "level")));
    told.filter(|(_, level)| level != "ok").collect()
}

fn words(output: &Output) -> Vec<String> {
    found(output).into_iter().map(|(word, _)| word).collect()
}

/// What a house of this machine with nothing in it yet is told in any case.
const NEW: [&str; 5] = ["public_url_missing", "origins_missing", "events", "postbacks", "backup"];

fn beyond_new(output: &Output) -> Vec<String> {
    // How full the disk of whoever runs the tests is, is not what they are about.
    words(output).into_iter().filter(|word| !NEW.contains(&word.as_str()) && word != "disk").collect()
}

#[tokio::test]
async fn a_house_that_is_in_order_has_no_errors_whether_or_not_its_server_runs() {
    let home = Home::new();
    let asleep = run(doctor(&home, &["--offline"])).await;
    assert_eq!((asleep.status.code(), beyond_new(&asleep)), (Some(0), Vec::new()), "{asleep:?}");
    let running = Running::start(home.serving(""));
    let awake = run(doctor(&home, &["--offline"])).await;
    assert_eq!((awake.status.code(), beyond_new(&awake)), (Some(0), Vec::new()), "{awake:?}");
    running.stop();
    let mut text = home.command();
    text.args(["doctor", "--offline"]);
    let text = String::from_utf8(run(text).await.stdout).expect("text");
    assert!(text.contains("ok       database") && text.contains("0 errors"), "{text}");
}

#[tokio::test]
async fn a_server_is_looked_at_under_its_public_url() {
    let home = Home::new();
    let running = Running::start(home.serving(""));
    let settings = format!("{}/api/v1/sites/{}/settings", running.url, home.site_id);
    let change = json!({"origins": ["http://127.0.0.1:9"], "name": "My site"});
    let changed = client().patch(settings).bearer_auth(TOKEN).json(&change).send().await.expect("an answer");
    assert_eq!(changed.status(), 200);
    let mut command = doctor(&home, &[]);
    command.env("TAGWERK_PUBLIC_URL", &running.url);
    let output = run(command).await;
    assert_eq!(beyond_new(&output), ["clock_unchecked"], "{output:?}");
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let served = report["findings"].as_array().expect("findings").iter().find(|finding| finding["word"] == "server");
    assert_eq!(served.expect("told")["about"], format!("My site ({})", home.site_id));
    running.stop();
    let mut command = doctor(&home, &[]);
    command.env("TAGWERK_PUBLIC_URL", "http://127.0.0.1:9");
    let output = run(command).await;
    assert!(words(&output).contains(&"server_down".to_owned()) && output.status.code() == Some(1), "{output:?}");
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_told() {
    let home = Home::new();
    let key = home.data.path().join("secret.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("changed");
    std::fs::set_permissions(home.data.path(), std::fs::Permissions::from_mode(0o755)).expect("changed");
    let output = run(doctor(&home, &["--offline"])).await;
    assert_eq!((beyond_new(&output), output.status.code()), (vec!["key_open".into(), "data_dir_open".into()], Some(1)));
    std::fs::remove_file(&key).expect("removed");
    let output = run(doctor(&home, &["--offline"])).await;
    assert!(words(&output).contains(&"key_missing".to_owned()), "{output:?}");
    assert!(!key.exists(), "a doctor makes no key");
}

#[tokio::test]
async fn a_backup_is_found_where_it_was_put() {
    let home = Home::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let target = elsewhere.path().join("monday");
    assert!(home.command().arg("backup").arg(&target).output().expect("the binary runs").status.success());
    let output = run(doctor(&home, &["--offline"])).await;
    assert!(!words(&output).contains(&"backup".to_owned()), "{output:?}");
    std::fs::remove_file(target.join("secret.key")).expect("removed");
    let output = run(doctor(&home, &["--offline"])).await;
    assert!(found(&output).contains(&("backup_without_key".into(), "error".into())), "{output:?}");
}

#[tokio::test]
async fn settings_of_server_and_site_that_contradict_each_other_are_told() {
    let home = Home::new();
    let running = Running::start(home.serving(""));
    let settings = format!("{}/api/v1/sites/{}/settings", running.url, home.site_id);
    let change = json!({
        "origins": ["https://www.shop.example"], "reporting_currency": "USD",
        "platforms": {"meta": {"enabled": true}},
        "privacy": {"keep_days": 100}, "groups": {"digistore24": {"click_expiry_days": 180}},
    });
    let changed = client().patch(settings).bearer_auth(TOKEN).json(&change).send().await.expect("an answer");
    assert_eq!(changed.status(), 200);
    running.stop();
    let groups = tempfile::tempdir().expect("a folder");
    let own = "title = \"Own\"\n[link]\nsub_id = \"s\"\nhosts = [\"own.example\"]\n";
    std::fs::write(groups.path().join("clickbank.toml"), own).expect("written");
    let config = groups.path().join("server.toml");
    std::fs::write(&config, format!("groups_dir = {:?}\ndemo = true\nallow_private_targets = true\n", groups.path()))
        .expect("written");
    let mut command = doctor(&home, &["--offline", "--config"]);
    command.arg(&config).env("TAGWERK_PUBLIC_URL", "https://t.tracker.example").env("TAGWERK_DATADIR", "x");
    let output = run(command).await;
    let words = words(&output);
    for expected in [
        "proxies_untrusted",
        "demo_public",
        "private_targets_public",
        "unknown_variable",
        "group_shadows",
        "third_party",
        "rates_missing",
        "platform_incomplete",
        "keep_too_short",
    ] {
        assert!(words.contains(&expected.to_owned()), "{expected}: {words:?}");
    }
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn where_there_is_nothing_to_look_at_the_status_is_two_and_nothing_is_made() {
    let mut home = Home::new();
    let output = run(doctor(&home, &["--offline", "--site", "nobodysSite1"])).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("tagwerk site list"), "{output:?}");
    home.data = tempfile::tempdir().expect("a folder");
    let output = run(doctor(&home, &["--offline"])).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--data-dir"), "{output:?}");
    assert_eq!(std::fs::read_dir(home.data.path()).expect("a folder").count(), 0);
}

/// A server with a certificate that is good from long ago until so many days from now, which answers `/healthz` alone. Its address, and the
/// file that makes this machine trust it.
async fn with_certificate(days: i64, name: &str) -> (String, TempDir) {
    let mut parameters = rcgen::CertificateParams::new(vec![name.into()]).expect("a name");
    let end = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().checked_add(days.days()).expect("a day");
    let (year, month, day) = (i32::from(end.year()), end.month().unsigned_abs(), end.day().unsigned_abs());
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(year, month, day);
    let key = rcgen::KeyPair::generate().expect("a key");
    let made = parameters.self_signed(&key).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let lines = base64::engine::general_purpose::STANDARD.encode(made.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n");
    std::fs::write(folder.path().join("roots.pem"), pem).expect("written");
    tagwerk_server::outgoing::choose_cryptography();
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.der().clone()], private).expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A handshake that fails is what some tests are about.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nOK\n";
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (format!("https://localhost:{port}"), folder)
}

/// What is told of a certificate that ends in so many days, or is for another name.
async fn certificate(days: i64, name: &str) -> Vec<(String, String)> {
    let home = Home::new();
    let (url, roots) = with_certificate(days, name).await;
    let mut command = doctor(&home, &[]);
    let file = Path::new(roots.path()).join("roots.pem");
    command.env("TAGWERK_PUBLIC_URL", url).env("SSL_CERT_FILE", file);
    let output = run(command).await;
    found(&output).into_iter().filter(|(word, _)| word.starts_with("certificate")).collect()
}

#[tokio::test]
async fn a_certificate_is_told_when_it_ends_soon_or_has_run_out_or_is_for_another_name() {
    let told = |word: &str, level: &str| vec![(word.to_owned(), level.to_owned())];
    assert_eq!(certificate(90, "localhost").await, Vec::new());
    assert_eq!(certificate(7, "localhost").await, told("certificate_ends", "warning"));
    assert_eq!(certificate(1, "localhost").await, told("certificate_ends", "error"));
    assert_eq!(certificate(-3, "localhost").await, told("certificate", "error"));
    assert_eq!(certificate(90, "elsewhere.example").await, told("certificate", "error"));
}
