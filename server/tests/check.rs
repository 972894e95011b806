//! `tagwerk check`: the real binary against pages good and broken, and against a server of ours behind them.
#![cfg(unix)]
// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code, reason = "what other tests do with the binary")]
mod binary;

use axum::Router;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use binary::{Home, Running};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const OFFER: &str = "https://www.digistore24.com/redir/1/partner/";

/// A page: its path, what stands in front of and inside its head, its body, and one header more.
type Kind = (&'static str, &'static str, &'static str, (&'static str, &'static str));

const BUY: &str = "<a href=https://www.digistore24.com/redir/1/partner/>Buy</a>";
const TAG: &str = "<script async src=TAG></script>";
const NONE: (&str, &str) = ("x-nothing", "");

/// Every kind of page, the good one first. `TAG` stands for the address of the tag's script.
const KINDS: &[Kind] = &[
    ("/good", TAG, BUY, NONE),
    (
        "/good-csp",
        TAG,
        BUY,
        ("content-security-policy", "script-src 'self' SERVER 'wasm-unsafe-eval'; connect-src SERVER"),
    ),
    ("/no-tag", "", BUY, NONE),
    ("/manager", "<script>j.src='https://www.googletagmanager.com/gtm.js?id=GTM-1'</script>", BUY, NONE),
    ("/twice", "<script async src=TAG></script><script async src=TAG?2></script>", BUY, NONE),
    ("/held-back", "<script type=text/plain data-cookieconsent=marketing data-src=TAG></script>", BUY, NONE),
    ("/delayed", "<script type=rocketlazyloadscript data-rocket-src=TAG></script>", BUY, NONE),
    ("/never-runs", "<script async nomodule src=TAG></script>", BUY, NONE),
    ("/pinned-wrong", "<script async crossorigin integrity=sha384-AAAA src=TAG></script>", BUY, NONE),
    ("/csp", TAG, BUY, ("content-security-policy", "default-src 'self'")),
    ("/csp-connect", TAG, BUY, ("content-security-policy", "script-src * 'unsafe-eval'; connect-src 'self'")),
    (
        "/csp-meta",
        "<meta http-equiv=content-security-policy content=\"script-src 'self'\"><script async src=TAG></script>",
        BUY,
        NONE,
    ),
    ("/foreign", TAG, "<a href=https://www.digistore24.com/redir/1/partner/?cid=theirs>Buy</a>", NONE),
    ("/no-links", TAG, "<a href=/about>About</a>", NONE),
    (
        "/unknown-group",
        TAG,
        "<a href=/x?y data-tracking-group=digistore42>Buy</a><a href=https://www.digistore24.com/redir/1/partner/>Buy</a>",
        NONE,
    ),
    ("/drops", TAG, "<a href=/go/drops>Go</a><a href=https://www.digistore24.com/redir/1/partner/>Buy</a>", NONE),
    ("/drops-marked", TAG, "<a href=/go/drops data-tracking-group=digistore24>Go</a>", NONE),
    (
        "/passes-unknown",
        TAG,
        "<a href=/go/passes>Go</a><a href=https://www.digistore24.com/redir/1/partner/>Buy</a>",
        NONE,
    ),
    ("/passes-marked", TAG, "<a href=/go/passes data-tracking-group=digistore24>Go</a>", NONE),
    ("/copied", "<script async src=/cache/autoptimize/all.js></script>", BUY, NONE),
    ("/referrer", TAG, BUY, ("referrer-policy", "no-referrer")),
];

/// A web server with every kind of page, and the tag's server behind them.
struct Shop {
    url: String,
    home: Home,
    server: Running,
    /// The authorization headers that the pages were asked with, by path.
    heard: Arc<Mutex<Vec<(String, String)>>>,
}

impl Shop {
    async fn open() -> Self {
        Self::with("").await
    }

    /// With this more in the server's configuration.
    async fn with(config: &str) -> Self {
        let home = Home::new();
        let server = Running::start(home.serving(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (ears, tag, origin) =
            (Arc::clone(&heard), format!("{}/{}.js", server.url, home.site_id), server.url.clone());
        let pages = Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
            let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
            ears.lock().expect("not poisoned").push((uri.path().to_owned(), authorization.to_owned()));
            let (tag, origin) = (tag.clone(), origin.clone());
            async move { answer(&uri, &tag, &origin).await }
        });
        tokio::spawn(async move { axum::serve(listener, pages).await });
        Self { url, home, server, heard }
    }

    fn tag(&self) -> String {
        format!("{}/{}.js", self.server.url, self.home.site_id)
    }

    /// `tagwerk check` with these arguments, without a data directory.
    async fn check(&self, arguments: &[&str]) -> Output {
        let mut command = bare();
        command.args(arguments);
        tokio::task::spawn_blocking(move || command.output().expect("the binary runs")).await.expect("it ran")
    }

    /// The report on one page of this path, and the status.
    async fn report(&self, path: &str, more: &[&str]) -> (Value, Option<i32>) {
        let url = format!("{}{path}", self.url);
        let output = self.check(&[&["check", "--json", url.as_str()][..], more].concat()).await;
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (report, output.status.code())
    }

    /// The words of a page's findings, those that are as they should be left out, and the status.
    async fn words(&self, path: &str, more: &[&str]) -> (Vec<String>, Option<i32>) {
        let (report, status) = self.report(path, more).await;
        (words(&report["pages"][0]["findings"]), status)
    }
}

/// The binary without a data directory, allowed to look at pages of this machine.
fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagwerk"));
    command.env_clear().env("TAGWERK_ALLOW_PRIVATE_TARGETS", "1").env("TAGWERK_DATA_DIR", "/nowhere/at/all");
    command
}

fn words(findings: &Value) -> Vec<String> {
    let all = findings.as_array().expect("findings").iter();
    let told = all.filter(|finding| finding["level"] != "ok" && finding["word"] != "page_http");
    told.map(|finding| finding["word"].as_str().expect("a word").to_owned()).collect()
}

async fn answer(uri: &Uri, tag: &str, origin: &str) -> Response {
    let redirect = |to: String| (axum::http::StatusCode::FOUND, [("location", to)]).into_response();
    match uri.path() {
        "/go/drops" => return redirect(OFFER.to_owned()),
        "/go/passes" => {
            return redirect(format!("{OFFER}{}", uri.query().map(|query| format!("?{query}")).unwrap_or_default()));
        }
        "/moved" => return redirect("/good".to_owned()),
        "/moved-with" => return redirect(format!("/good?{}", uri.query().unwrap_or_default())),
        "/round" => return redirect("/round".to_owned()),
        "/elsewhere" => return redirect(uri.query().unwrap_or_default().to_owned()),
        "/file.pdf" => return ([("content-type", "application/pdf")], "%PDF").into_response(),
        "/cache/autoptimize/all.js" => {
            let script = binary::client().get(tag).send().await.expect("the tag").text().await.expect("a script");
            return ([("content-type", "text/javascript")], format!("var jq=1;{script}")).into_response();
        }
        _ => {}
    }
    let Some((_, head, body, (name, value))) = KINDS.iter().find(|(path, ..)| *path == uri.path()) else {
        return (axum::http::StatusCode::NOT_FOUND, "not here").into_response();
    };
    let page = format!("<!doctype html><html><head>{}</head><body>{body}</body></html>", head.replace("TAG", tag));
    let headers = [("content-type", "text/html; charset=utf-8".to_owned()), (*name, value.replace("SERVER", origin))];
    (headers, page).into_response()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_page_is_told_by_its_words_and_its_status() {
    let shop = Shop::open().await;
    for (path, expected, status) in [
        ("/good", &[][..], 0),
        ("/good-csp", &[], 0),
        ("/no-tag", &["tag_missing", "rules_unknown"], 1),
        ("/manager", &["tag_unseen", "rules_unknown"], 0),
        ("/twice", &["tag_twice"], 1),
        ("/held-back", &["tag_held_back"], 1),
        ("/delayed", &["tag_delayed"], 1),
        ("/never-runs", &["tag_never_runs"], 1),
        ("/pinned-wrong", &["tag_integrity"], 1),
        ("/csp", &["csp_script", "csp_wasm", "csp_connect"], 1),
        ("/csp-connect", &["csp_connect"], 1),
        ("/csp-meta", &["csp_script", "csp_wasm"], 1),
        ("/foreign", &["links_foreign"], 1),
        ("/no-links", &["links_none"], 1),
        ("/unknown-group", &["links_unknown_group"], 1),
        ("/drops", &["redirect_drops"], 1),
        ("/drops-marked", &["redirect_drops"], 1),
        ("/passes-unknown", &["cloaked_unknown"], 1),
        ("/passes-marked", &[], 0),
        ("/copied", &["tag_copied"], 1),
        ("/referrer", &["referrer_policy"], 0),
        ("/moved", &["page_redirected"], 0),
        ("/moved?gclid=x", &["page_redirect_drops"], 1),
        ("/moved-with?gclid=x", &["page_redirected"], 0),
        ("/round", &["page_unread"], 2),
        ("/missing", &["page_status"], 2),
        ("/file.pdf", &["page_type"], 2),
    ] {
        let (words, code) = shop.words(path, &[]).await;
        assert_eq!((words.as_slice(), code), (expected.map_to_strings().as_slice(), Some(status)), "{path}");
    }
}

trait MapToStrings {
    fn map_to_strings(&self) -> Vec<String>;
}

impl MapToStrings for [&str] {
    fn map_to_strings(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_page_is_told_with_its_links_and_the_server_behind_it() {
    let shop = Shop::open().await;
    let (report, status) = shop.report("/good", &[]).await;
    assert_eq!(status, Some(0), "{report}");
    let page = &report["pages"][0];
    assert_eq!(
        (page["site_id"].as_str(), page["script"].as_str()),
        (Some(shop.home.site_id.as_str()), Some(shop.tag().as_str()))
    );
    let link = &page["links"][0];
    let told = json!({
        "kind": "link", "href": OFFER, "text": "Buy", "group": "digistore24", "verdict": "will_be_decorated",
        "reason": "it gets a click id at the latest when it is used", "click_id": null,
    });
    assert_eq!(*link, told);
    assert_eq!(report["servers"][0]["script"], shop.tag());
    assert_eq!(words(&report["servers"][0]["findings"]), [""; 0], "{report}");
    let text = shop.check(&["check", &format!("{}/good", shop.url)]).await;
    let text = String::from_utf8(text.stdout).expect("text");
    for expected in
        ["GOOD: nothing is wrong with this page.", "will be tagged  digistore24", "1 page: nothing is wrong."]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_pages_are_one_report_and_their_server_is_looked_at_once() {
    let shop = Shop::open().await;
    let urls = ["/good", "/twice", "/missing"].map(|path| format!("{}{path}", shop.url));
    let output = shop.check(&["check", "--json", &urls[0], &urls[1], &urls[2]]).await;
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["pages"].as_array().map(Vec::len), Some(3));
    assert_eq!(report["servers"].as_array().map(Vec::len), Some(1), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_tag_a_manager_loads_is_checked_by_its_script_s_address() {
    let shop = Shop::open().await;
    let (report, status) = shop.report("/manager", &["--script", &shop.tag()]).await;
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(words(&report["pages"][0]["findings"]), ["tag_unseen"]);
    assert_eq!(report["pages"][0]["links"][0]["verdict"], "will_be_decorated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_site_its_settings_count_and_its_tag_is_wanted() {
    let shop = Shop::open().await;
    let other = shop.home.command().args(["site", "add", "--name", "Other"]).output().expect("the binary runs");
    let other = String::from_utf8(other.stdout).expect("text");
    let other = other.lines().find_map(|line| line.strip_prefix("site_id=")).expect("an id").to_owned();
    let mut data = shop.home.command();
    let url = format!("{}/good", shop.url);
    data.env("TAGWERK_ALLOW_PRIVATE_TARGETS", "1").env("TAGWERK_PUBLIC_URL", &shop.server.url);
    let mut check =
        |site: &str| data.args(["check", "--json", "--site", site, &url]).output().expect("the binary runs");
    let report: Value = serde_json::from_slice(&check(&other).stdout).expect("JSON");
    assert_eq!(words(&report["pages"][0]["findings"]), ["tag_other_site"]);
    let own = shop.home.command().args(["check", "--site", "nobodysSite1", &url]).output().expect("the binary runs");
    assert_eq!(own.status.code(), Some(2), "{own:?}");
    assert!(String::from_utf8_lossy(&own.stderr).contains("tagwerk site list"), "{own:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_does_not_list_the_page_s_origin_refuses_its_events() {
    let shop = Shop::open().await;
    let settings = format!("{}/api/v1/sites/{}/settings", shop.server.url, shop.home.site_id);
    let change = binary::client().patch(settings).bearer_auth(binary::TOKEN);
    let changed = change.json(&json!({"origins": ["https://www.shop.example"]})).send().await.expect("an answer");
    assert_eq!(changed.status(), 200);
    let (report, status) = shop.report("/good", &[]).await;
    assert_eq!((words(&report["servers"][0]["findings"]), status), (vec!["origin_refused".to_owned()], Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_told_with_the_page() {
    let shop = Shop::open().await;
    let (tag, url) = (shop.tag(), format!("{}/good", shop.url));
    shop.server.kill();
    let output = tokio::task::spawn_blocking(move || {
        bare().args(["check", "--json", "--allow-no-links", "--script", &tag, &url]).output().expect("the binary runs")
    });
    let report: Value = serde_json::from_slice(&output.await.expect("it ran").stdout).expect("JSON");
    assert_eq!(words(&report["servers"][0]["findings"]), ["server_down"], "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_for_a_page_is_told_to_nobody_else() {
    let (shop, other) = (Shop::open().await, Shop::open().await);
    let path = format!("/elsewhere?{}/good", other.url);
    shop.report(&path, &["--header", "Authorization: Basic c2VjcmV0"]).await;
    let heard = |shop: &Shop| shop.heard.lock().expect("not poisoned").clone();
    assert_eq!(heard(&shop), [("/elsewhere".to_owned(), "Basic c2VjcmV0".to_owned())]);
    assert!(heard(&other).iter().all(|(_, authorization)| authorization.is_empty()), "{:?}", heard(&other));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_not_followed_where_that_is_not_wanted_and_pages_may_be_without_any() {
    let shop = Shop::open().await;
    assert_eq!(shop.words("/drops", &["--no-follow"]).await, (Vec::new(), Some(0)));
    assert_eq!(shop.words("/no-links", &["--allow-no-links"]).await, (Vec::new(), Some(0)));
    let heard: BTreeSet<String> =
        shop.heard.lock().expect("not poisoned").iter().map(|(path, _)| path.clone()).collect();
    assert!(!heard.contains("/go/drops"), "{heard:?}");
}

#[test]
fn pages_of_one_s_own_network_are_not_asked_without_leave() {
    let mut command = bare();
    command.env_remove("TAGWERK_ALLOW_PRIVATE_TARGETS").args(["check", "--json", "http://127.0.0.1:9/"]);
    let output = command.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("TAGWERK_ALLOW_PRIVATE_TARGETS"), "{output:?}");
}

#[test]
fn what_cannot_be_an_address_is_a_status_of_two() {
    for arguments in [
        &["check"][..],
        &["check", "ftp://a.example/"],
        &["check", "https://a b/"],
        &["check", "--header", "x", "a.example"],
    ] {
        let output = bare().args(arguments).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}

/// The words that a source hands to a finding: the first text after each way to make one.
fn words_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for way in ["Finding::ok(", "Finding::note(", "Finding::warning(", "Finding::error("] {
        for rest in text.split(way).skip(1) {
            let Some(word) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            found.push(word.to_owned());
        }
    }
    found
}

#[test]
fn every_word_of_a_finding_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(root.join("../docs/checking.md")).expect("the guide");
    let mut folders = vec![root.join("src/check"), root.join("src/doctor")];
    let mut words: BTreeSet<String> = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(path).expect("a source");
                words.extend(words_in(text.split("#[cfg(test)]").next().unwrap_or_default()));
            }
        }
    }
    words.extend(["events", "postbacks", "refused", "unattributed", "deliveries", "disk", "backup"].map(str::to_owned));
    assert!(words.len() > 80, "{words:?}");
    let missing: Vec<&String> = words.iter().filter(|word| !guide.contains(&format!("| `{word}` |"))).collect();
    assert!(missing.is_empty(), "docs/checking.md does not explain {missing:?}");
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let told =
        rows.map(|(word, _)| word).filter(is_word).filter(|word| !["ok", "note", "warning", "error"].contains(word));
    let gone: Vec<&str> = told.filter(|word| !words.contains(*word)).collect();
    assert!(gone.is_empty(), "docs/checking.md explains what nothing says: {gone:?}");
}
