//! Reads the sources and holds the rules of `docs/architecture.md`: who may name what.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what must hold by failing"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust source below these folders, with its path from the root and its text without test modules.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in folders {
        walk(&root().join(folder), &mut found);
    }
    assert!(!found.is_empty(), "no sources below {folders:?}");
    found
}

fn walk(path: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(path).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            let shown = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
            found.push((shown, code));
        }
    }
}

/// The text without comments.
fn code_of(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn network_names() -> Vec<String> {
    // What trackers send is no network's: the code knows the role, and the file the words.
    let is_network = |path: &PathBuf| !fs::read_to_string(path).expect("a group").contains("\ntracker = true");
    let files = fs::read_dir(root().join("groups")).expect("the groups").map(|file| file.expect("a file").path());
    let names = files.filter(is_network).map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned());
    names.filter(|name| !["clicks", "pixels", "imports", "README"].contains(&name.as_str())).collect()
}

#[test]
fn no_source_names_a_network() {
    let names = network_names();
    assert!(names.len() >= 2, "{names:?}");
    for (path, text) in sources(&["src", "inspect/src", "protocol/src", "server/src"]) {
        let code = code_of(&text).to_lowercase();
        for name in &names {
            assert!(!code.contains(name.as_str()), "{path} names {name}: a network is a file under groups/");
        }
    }
}

#[test]
fn only_the_rims_of_tag_and_inspection_name_the_browser() {
    let rim = ["src/lib.rs", "inspect/src/page.rs"];
    for (path, text) in sources(&["src", "inspect/src", "protocol/src", "server/src"]) {
        let names_it = ["web_sys", "js_sys", "wasm_bindgen"].iter().any(|word| code_of(&text).contains(word));
        assert!(!names_it || rim.contains(&path.as_str()), "{path} names the browser; only {rim:?} may");
    }
}

#[test]
fn sql_stands_under_the_store_only() {
    for (path, text) in sources(&["src", "inspect/src", "protocol/src", "server/src"]) {
        let code = code_of(&text);
        let has_sql = ["rusqlite", "SELECT ", "INSERT INTO", "DELETE FROM", "UPDATE ", "CREATE TABLE"]
            .iter()
            .any(|word| code.contains(word));
        assert!(!has_sql || path.starts_with("server/src/store/"), "{path} has SQL");
    }
}

#[test]
fn status_codes_stand_under_http_only() {
    for (path, text) in sources(&["protocol/src", "server/src"]) {
        let code = code_of(&text);
        assert!(!code.contains("StatusCode") || path.starts_with("server/src/http/"), "{path} names a status code");
    }
}

/// Files and folders that hold rules alone.
const PURE: &[&str] = &[
    "protocol/src/",
    "server/src/attribution.rs",
    "server/src/autoscan/answer.rs",
    "server/src/autoscan/difference.rs",
    "server/src/autoscan/verdict.rs",
    "server/src/check/",
    "server/src/costs.rs",
    "server/src/costs/",
    "server/src/credit.rs",
    "server/src/csv/",
    "server/src/dedupe.rs",
    "server/src/doctor/",
    "server/src/erasing.rs",
    "server/src/finding.rs",
    "server/src/health.rs",
    "server/src/intake.rs",
    "server/src/ledger.rs",
    "server/src/masking.rs",
    "server/src/offers.rs",
    "server/src/offers/",
    "server/src/outbox/backoff.rs",
    "server/src/outbox/overview.rs",
    "server/src/outbox/packing.rs",
    "server/src/outbox/verdict.rs",
    "server/src/outgoing/address.rs",
    "server/src/people.rs",
    "server/src/people/",
    "server/src/platforms.rs",
    "server/src/platforms/",
    "server/src/postback_urls.rs",
    "server/src/rates.rs",
    "server/src/rates/ecb.rs",
    "server/src/reading.rs",
    "server/src/reconcile.rs",
    "server/src/reconcile/answer.rs",
    "server/src/reconcile/item.rs",
    "server/src/repeats.rs",
    "server/src/reports.rs",
    "server/src/reports/",
    "server/src/settings/change.rs",
    "server/src/signature.rs",
    "server/src/trial_call.rs",
    "server/src/visit.rs",
    "server/src/visitor_cookie.rs",
    "server/src/visitor_cookie/",
];
/// What stands in those folders and fetches, looks at files, or puts it all together.
const RIM: &[&str] = &[
    "server/src/check/fetch.rs",
    "server/src/check/run.rs",
    "server/src/check/server.rs",
    "server/src/doctor/backups.rs",
    "server/src/doctor/files.rs",
    "server/src/doctor/run.rs",
];

#[test]
fn the_rules_do_no_input_or_output() {
    let words = [
        "std::fs",
        "std::env",
        "std::process",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
        "SystemTime",
        "Instant",
        "Timestamp::now",
        "Zoned::now",
        "tokio",
        "axum",
        "async fn",
        ".await",
        "getrandom",
    ];
    let sources = sources(&["protocol/src", "server/src"]);
    for place in PURE.iter().chain(RIM) {
        assert!(sources.iter().any(|(path, _)| path.starts_with(place)), "{place} is not there any more");
    }
    for (path, text) in sources {
        let stands_in = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
        if stands_in(PURE) && !stands_in(RIM) {
            let code = code_of(&text);
            for word in words {
                assert!(!code.contains(word), "{path} is pure, but names {word}");
            }
        }
    }
}

#[test]
fn tag_server_and_inspection_do_not_know_each_other() {
    for (path, text) in sources(&["src", "inspect/src", "protocol/src", "server/src"]) {
        let code = code_of(&text);
        assert!(path.starts_with("server/") || !code.contains("tagwerk_server"), "{path} imports the server");
        assert!(path.starts_with("src/") || !code.contains("tagwerk_tag"), "{path} imports the tag");
        // `tagwerk check` tells of links in the very words of the inspection.
        let may_inspect = path.starts_with("inspect/") || path.starts_with("server/src/check/");
        assert!(may_inspect || !code.contains("tagwerk_inspect"), "{path} imports the inspection");
    }
}
