//! What the docs say of the server is so: each claim has a test, and what is named is there.
#![cfg(unix)]
// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code, reason = "what other tests do with the binary")]
mod binary;

use binary::{Home, Running, TOKEN, client, outbound, page_view};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tagwerk_protocol::click_id::{ClickId, VisitId};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below a folder that ends so, with its text.
fn files(folder: &Path, ending: &str, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|known| known == ending) {
            let text = fs::read_to_string(&path).expect("a text");
            found.insert(path, text);
        }
    }
}

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Names of tests in the last column of the tables of claims.
fn tests_of_claims(text: &str) -> Vec<(&str, &str)> {
    let mut named = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line != "| claim | test |" {
            continue;
        }
        for row in lines.by_ref().skip(1).take_while(|line| line.starts_with('|')) {
            let tests = row.trim_end_matches([' ', '|']).rsplit('|').next().expect("a column");
            let before = named.len();
            named.extend(quoted(tests).map(|test| (row, test)));
            assert!(named.len() > before, "no test: {row}");
        }
    }
    named
}

#[test]
fn every_claim_of_the_docs_names_a_test_that_is_there() {
    let (mut docs, mut sources) = (BTreeMap::new(), BTreeMap::new());
    files(&root().join("docs"), "md", &mut docs);
    for folder in ["server/src", "server/tests", "protocol/src", "src"] {
        files(&root().join(folder), "rs", &mut sources);
    }
    // A test of every store stands without a mark of its own, in the suite that each of them runs.
    let is_test = |name: &str| {
        let function = format!("fn {name}(");
        sources.iter().any(|(path, text)| {
            let tests = if path.components().any(|part| part.as_os_str() == "tests") {
                Some(text.as_str())
            } else {
                text.split_once("mod tests {").map(|(_, tests)| tests)
            };
            tests.is_some_and(|tests| tests.contains(&function))
        })
    };
    let mut count = 0;
    for (path, text) in &docs {
        for (row, test) in tests_of_claims(text) {
            assert!(is_test(test), "{}: there is no test {test}\n{row}", path.display());
            count += 1;
        }
    }
    assert!(count > 20, "{count} claims with tests");
}

#[tokio::test]
async fn every_metric_that_the_docs_name_is_served() {
    let text = fs::read_to_string(root().join("docs/operating.md")).expect("the doc");
    let metrics: Vec<&str> = quoted(&text).filter(|word| word.starts_with("tagwerk_")).collect();
    assert!(metrics.len() >= 4, "{metrics:?}");
    let home = Home::new();
    let (client, running) = (client(), Running::start(home.serving("")));
    let mut chance = |bytes: &mut [u8]| {
        bytes.fill(7);
        true
    };
    let visit_id = VisitId::mint(&mut chance).expect("an id");
    let click_id = ClickId::mint(&visit_id, &mut chance).expect("an id");
    let events = [page_view(&visit_id), outbound(&click_id)];
    assert_eq!(home.report(&client, &running.url, &events).await.expect("an answer").status(), 204);
    assert_eq!(home.tell(&client, &running.url, &[]).await.expect("an answer").status(), 422);
    let request = client.get(format!("{}/metrics", running.url)).bearer_auth(TOKEN);
    let served = request.send().await.expect("an answer").text().await.expect("a text");
    for metric in metrics {
        let (name, labels) = metric.split_once('{').unwrap_or((metric, "}"));
        let labels: Vec<&str> = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()).collect();
        let is_it =
            |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(&format!("{label}=\"")));
        assert!(served.lines().any(|line| is_it(&line)), "{metric} is not served:\n{served}");
    }
}

#[tokio::test]
async fn every_route_that_operating_names_is_there() {
    let text = fs::read_to_string(root().join("docs/operating.md")).expect("the doc");
    let commands = text
        .lines()
        .filter(|line| line.starts_with("api "))
        .chain(quoted(&text).filter(|word| word.starts_with("api ")));
    let home = Home::new();
    let (client, running) = (client(), Running::start(home.serving("")));
    let mut count = 0;
    for command in commands {
        let mut words = command.split(' ').skip(1);
        let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
        let url = format!("{}/api/v1/sites/{}{}", running.url, home.site_id, path.replace("<id>", "x"));
        let method = method.parse().expect("a method");
        // A body that no route takes; a replay, which takes none, finds nothing to read here.
        let request = client.request(method, url).bearer_auth(TOKEN).body("[]");
        let answer = request.send().await.expect("an answer");
        let (status, sentence) = (answer.status().as_u16(), answer.text().await.expect("a text"));
        assert!(status != 405 && !sentence.contains("no such route"), "{command}: {status} {sentence}");
        count += 1;
    }
    assert!(count >= 8, "{count} routes");
}
