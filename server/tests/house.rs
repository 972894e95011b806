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

#[test]
fn the_rules_do_no_input_or_output() {
    let pure = [
        "server/src/intake.rs",
        "server/src/attribution.rs",
        "server/src/ledger.rs",
        "server/src/visit.rs",
        "server/src/visitor_cookie.rs",
        "server/src/visitor_cookie/record.rs",
        "server/src/csv/export.rs",
        "server/src/csv/export/lists.rs",
        "server/src/csv/formula.rs",
        "server/src/csv/import.rs",
        "server/src/csv/import/columns.rs",
        "server/src/csv/import/row.rs",
        "server/src/csv/instant.rs",
        "server/src/csv/number.rs",
        "server/src/autoscan/answer.rs",
        "server/src/autoscan/difference.rs",
        "server/src/autoscan/verdict.rs",
        "server/src/outgoing/address.rs",
        "server/src/rates.rs",
        "server/src/rates/ecb.rs",
        "server/src/repeats.rs",
        "server/src/signature.rs",
        "server/src/credit.rs",
        "server/src/dedupe.rs",
        "server/src/platforms.rs",
        "server/src/outbox/backoff.rs",
        "server/src/outbox/overview.rs",
        "server/src/outbox/packing.rs",
        "server/src/outbox/verdict.rs",
    ];
    for (path, text) in sources(&["protocol/src", "server/src"]) {
        let is_pure = |folder: &str| path.starts_with(folder);
        if is_pure("protocol/") || is_pure("server/src/platforms/") || pure.contains(&path.as_str()) {
            let code = code_of(&text);
            for word in ["std::fs", "std::net", "std::env", "SystemTime", "Instant", "tokio", "Timestamp::now", "axum"]
            {
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
