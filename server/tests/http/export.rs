//! Everything that is held of a site in one file: whole, readable, without secrets, for owners alone.

use crate::cloaks::Cloaks;
use crate::dashboard::{Browser, location};
use crate::ipn::{PASSPHRASE, notify};
use crate::people::person;
use crate::server::{Server, TOKEN, error_of, sale, visit_with_click};
use reqwest::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Read};
use std::time::{Duration, Instant};
use zip::ZipArchive;

/// How long something may take that goes on in the background.
const PATIENCE: Duration = Duration::from_secs(120);
/// Ad platforms and cloaked links of these tests are on this machine.
const PRIVATE: &str = "allow_private_targets = true\n";
const PLATFORM_TOKEN: &str = "EAA-very-secret-token";
/// A name that is markup, a formula, runs from right to left and breaks lines.
const HOSTILE: &str = "=cmd|'<script>\u{202e}\"x\"\r\n\u{0}, \u{1f600}";

/// The files of an export by their names.
struct Unpacked {
    files: BTreeMap<String, Vec<u8>>,
    names: Vec<String>,
}

impl Unpacked {
    fn of(zip: &[u8]) -> Self {
        let mut archive = ZipArchive::new(Cursor::new(zip)).expect("a ZIP file");
        let (mut files, mut names) = (BTreeMap::new(), Vec::new());
        for number in 0..archive.len() {
            let mut file = archive.by_index(number).expect("a file");
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("whole, by its checksum");
            let name = file.name().expect("a name").into_owned();
            names.push(name.clone());
            files.insert(name, bytes);
        }
        Self { files, names }
    }

    fn text(&self, name: &str) -> &str {
        let bytes = self.files.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.names));
        std::str::from_utf8(bytes).expect("UTF-8")
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(self.text(name)).expect("JSON")
    }

    fn lines(&self, list: &str) -> Vec<Value> {
        let text = self.text(&format!("{list}.jsonl"));
        assert!(text.is_empty() || text.ends_with('\n'), "{list} ends its last line");
        text.split_terminator('\n').map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn path(server: &Server) -> String {
    format!("/sites/{}/export", server.site_id)
}

async fn exported(server: &Server) -> Unpacked {
    let response = server.api_response(&path(server)).await;
    assert_eq!(response.status(), 200);
    Unpacked::of(&response.bytes().await.expect("a body"))
}

/// The rows of a list as the API tells them, in the order of their ids or whatever they are called by.
async fn listed(server: &Server, list: &str) -> Vec<Value> {
    match list {
        "audit" => {
            let found = server.api(&format!("/audit?site_id={}&limit=1000", server.site_id)).await;
            found["items"].as_array().expect("items").clone()
        }
        "saved_reports" => {
            let found = server.api(&format!("/sites/{}/saved_reports", server.site_id)).await;
            found["items"].as_array().expect("items").clone()
        }
        list => server.all(list).await,
    }
}

/// Rows without what an export adds to those of the API, in an order of their own.
fn plain(rows: Vec<Value>, added: &[&str]) -> Vec<String> {
    let mut rows: Vec<String> = rows
        .into_iter()
        .map(|mut row| {
            let fields = row.as_object_mut().expect("a row");
            for name in added {
                assert!(fields.remove(*name).is_some(), "{name} is there: {fields:?}");
            }
            row.to_string()
        })
        .collect();
    rows.sort();
    rows
}

/// Every list of the API, and what an export adds to its rows.
const LISTS: [(&str, &[&str]); 12] = [
    ("conversions", &[]),
    ("postbacks", &["request"]),
    ("order_events", &[]),
    ("visits", &["ip", "user_agent"]),
    ("clicks", &["ip", "user_agent"]),
    ("events", &[]),
    ("deliveries", &["request", "answer"]),
    ("costs", &[]),
    ("saved_reports", &[]),
    ("links", &[]),
    ("jobs", &[]),
    ("audit", &[]),
];

/// Holds an export against the API, list by list.
async fn agrees(server: &Server, export: &Unpacked) {
    let counted = export.json("contents.json");
    for (list, added) in LISTS {
        let rows = export.lines(list);
        assert_eq!(counted["lines"][format!("{list}.jsonl")], rows.len(), "{list}");
        let told = plain(listed(server, list).await, &[]);
        assert_eq!(plain(rows, added), told, "{list}");
    }
    let response = server.api_response(&format!("/sites/{}/conversions.csv", server.site_id)).await;
    let table = response.text().await.expect("text");
    let sorted = |text: &str| {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().expect("a header").clone();
        let mut rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
        rows.sort_by(|a, b| a.iter().cmp(b.iter()));
        (header, rows)
    };
    assert_eq!(sorted(export.text("conversions.csv")), sorted(&table));
    assert_eq!(counted["lines"]["conversions.csv"], sorted(&table).1.len() + 1);
}

/// Sales by a file, so many.
async fn imported(server: &Server, from: usize, count: usize) {
    let mut file = "transaction_id,transaction_type,amount_brutto,currency,datetime_full,cid\n".to_owned();
    for number in from..from + count {
        let _ = writeln!(file, "t-{number},payment,{number}.50,EUR,2023-10-12T05:10:37+02:00,");
    }
    let request =
        server.client.post(format!("{}/api/v1/sites/{}/import?group=digistore24", server.url, server.site_id));
    let answer = request.bearer_auth(&server.token).header("content-type", "text/csv").body(file).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 202);
    let job: Value = answer.json().await.expect("JSON");
    let begun = Instant::now();
    loop {
        let job = server.api(&format!("/sites/{}/jobs/{}", server.site_id, job["id"].as_str().expect("an id"))).await;
        if job["state"] == "done" {
            return;
        }
        assert!(job["state"] != "failed" && begun.elapsed() < PATIENCE, "{job}");
    }
}

async fn told(server: &Server, path: &str, body: Value) {
    let request = server.client.post(format!("{}/api/v1/sites/{}/{path}", server.url, server.site_id));
    let answer = request.bearer_auth(&server.token).json(&body).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.expect("text"));
}

/// A site of which there is something in every list.
async fn lived_in() -> (Server, Cloaks) {
    let (server, site) = (Server::start_with(&[], PRIVATE).await, Cloaks::open().await);
    let change = json!({
        "name": "=A <b>&\u{202e} name",
        "privacy": {"ip": "full"},
        "autoscan": {"enabled": true, "hosts": ["127.0.0.1"]},
        "groups": {"digistore24": {"ipn_passphrase": PASSPHRASE, "hosts": ["127.0.0.1"]}},
        "platforms": {"meta": {
            "enabled": true, "pixel_id": "1234567890", "access_token": PLATFORM_TOKEN, "base_url": site.url,
        }},
    });
    let answer = server.patch_settings(change).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.expect("text"));
    let (mut view, mut click) = visit_with_click();
    for event in [&mut view, &mut click] {
        event.page = "https://shop.example/review?fbclid=IwAR0-Xyz_1".into();
        event.landing.page = event.page.clone();
    }
    click.click.as_mut().expect("a click").label = HOSTILE.replace('\0', "");
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    let click_id = click.click_id.expect("a click id").to_string();
    let mut query = sale(&click_id, "t-1");
    query.extend([("product_name", HOSTILE), ("email", "buyer@example.com")]);
    assert_eq!(server.postback(&query).await.0, 200);
    assert_eq!(server.postback(&[("transaction_id", "no type")]).await.0, 422);
    let resumed = [("event", "on_rebill_cancelled"), ("order_id", "A1"), ("product_id", "1")];
    assert_eq!(notify(&server, &resumed).await.0, 200);
    told(&server, "costs", json!({ "first_day": "2026-01-01", "amount": "1.000001", "currency": "EUR", "note": HOSTILE.replace(['\0', '\r', '\n'], " ") })).await;
    told(&server, "saved_reports", json!({ "name": "Mine <b>", "query": "by=utm_source" })).await;
    let link = site.link("/go/drops");
    let scan = server.client.post(format!("{}/{}/scan", server.url, server.site_id));
    let scanned = scan.header("content-type", "text/plain").body(link).send().await.expect("an answer");
    assert_eq!(scanned.status(), 200);
    imported(&server, 0, 2).await;
    let begun = Instant::now();
    loop {
        // What is sent once more meanwhile would change what is compared.
        let found = server.list("deliveries").await;
        if found.first().is_some_and(|delivery| delivery["attempts"].as_u64() >= Some(1)) {
            return (server, site);
        }
        assert!(begun.elapsed() < PATIENCE, "{found:?}");
    }
}

#[tokio::test]
async fn an_export_has_every_row_of_every_list_and_what_is_held_besides() {
    let (server, _site) = lived_in().await;
    let export = exported(&server).await;
    agrees(&server, &export).await;
    for (list, _) in LISTS {
        assert!(!export.lines(list).is_empty(), "there is something in {list}");
    }
    let request = |postback: &Value| postback["request"].clone();
    let postbacks = export.lines("postbacks");
    let sold = postbacks.iter().map(request).find(|request| request["method"] == "GET" && request["query"] != "");
    let sold = sold.expect("the sale as it came");
    assert!(
        postbacks.iter().any(|one| one["request"]["query"].as_str().is_some_and(|q| q.contains("buyer%40example.com")))
    );
    assert_eq!(sold["source_ip"], "127.0.0.1");
    assert_eq!(export.lines("visits")[0]["ip"], "127.0.0.1");
    assert!(export.lines("clicks")[0].get("user_agent").is_some());
    let delivery = export.lines("deliveries").remove(0);
    assert_eq!((&delivery["request"]["method"], delivery["answer"]["status"].is_u64()), (&json!("POST"), true));
    let conversion = export.lines("conversions").into_iter().find(|row| row["transaction_id"] == "t-1");
    assert_eq!(conversion.expect("the sale")["product_name"], HOSTILE);
}

#[tokio::test]
async fn an_export_says_what_it_is_and_what_is_not_in_it() {
    let (server, _site) = lived_in().await;
    let response = server.api_response(&path(&server)).await;
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!((header("content-type"), header("cache-control")), ("application/zip".into(), "no-store".into()));
    let disposition = header("content-disposition");
    assert!(disposition.starts_with(&format!("attachment; filename=\"tagwerk-{}-20", server.site_id)), "{disposition}");
    let export = Unpacked::of(&response.bytes().await.expect("a body"));
    assert_eq!(
        (export.names.first(), export.names.last()),
        (Some(&"README.txt".into()), Some(&"contents.json".into()))
    );
    let readme = export.text("README.txt");
    for name in &export.names {
        assert!(readme.contains(name.as_str()), "{name}: {readme}");
    }
    assert!(readme.contains(&server.site_id) && readme.contains(env!("CARGO_PKG_VERSION")), "{readme}");
    let settings = export.json("settings.json");
    assert_eq!(settings["settings"], server.api(&format!("/sites/{}/settings", server.site_id)).await);
    let left_out =
        json!(["tracking_id", "settings.groups.digistore24.ipn_passphrase", "settings.platforms.meta.access_token"]);
    assert_eq!(settings["left_out"], left_out);
    let deed = export.lines("audit").remove(0);
    assert_eq!((&deed["act"], &deed["who"]), (&json!("site.exported"), &json!("admin token")));
}

#[tokio::test]
async fn no_secret_is_in_any_byte_of_an_export() {
    let (server, _site) = lived_in().await;
    let packed = server.api_response(&path(&server)).await.bytes().await.expect("a body");
    let export = Unpacked::of(&packed);
    let hash = tagwerk_server::http::operator::token_hash(TOKEN);
    let key = std::fs::read(server.data().join("secret.key")).expect("the key");
    let secrets: [&[u8]; 6] = [
        PASSPHRASE.as_bytes(),
        PLATFORM_TOKEN.as_bytes(),
        server.tracking_id.as_bytes(),
        TOKEN.as_bytes(),
        &hash,
        &key,
    ];
    let contains = |bytes: &[u8], secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    for (name, bytes) in export.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())) {
        for secret in secrets {
            assert!(!contains(bytes, secret), "{name} tells {}", String::from_utf8_lossy(secret));
        }
    }
    assert!(
        contains(export.files["postbacks.jsonl"].as_slice(), b"buyer%40example.com"),
        "the search finds what is there"
    );
}

#[tokio::test]
async fn a_new_site_has_an_export_of_empty_lists() {
    let server = Server::start().await;
    let export = exported(&server).await;
    agrees(&server, &export).await;
    assert_eq!(export.lines("visits").len() + export.lines("conversions").len(), 0);
    assert_eq!(export.text("conversions.csv").lines().count(), 1, "its header");
}

#[tokio::test]
async fn lists_end_where_they_end_whatever_they_are_read_by() {
    let server = Server::start().await;
    for (from, count) in [(0, 1), (1, 249), (250, 1), (251, 749), (1000, 1)] {
        imported(&server, from, count).await;
        let export = exported(&server).await;
        assert_eq!(export.lines("conversions").len(), from + count);
        agrees(&server, &export).await;
    }
}

#[tokio::test]
async fn visits_clicks_and_events_of_several_parts_are_all_there() {
    let server = Server::start().await;
    for _ in 0..6 {
        let events: Vec<_> = (0..50).flat_map(|_| <[_; 2]>::from(visit_with_click())).collect();
        assert_eq!(server.post_events(&events.iter().collect::<Vec<_>>()).await.status(), 204);
    }
    let export = exported(&server).await;
    assert_eq!(["visits", "clicks", "events"].map(|list| export.lines(list).len()), [300, 300, 600]);
    agrees(&server, &export).await;
}

#[tokio::test]
async fn only_owners_export() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let (page, file) = (format!("/sites/{}/export", server.site_id), format!("/sites/{}/export.zip", server.site_id));
    let nobody = Browser::new(&server);
    for path in [&page, &file] {
        let response = nobody.get(path).await;
        assert_eq!((response.status().as_u16(), location(&response)), (303, "/sign-in"), "{path}");
    }
    for role in ["read_only", "analyst"] {
        let browser = person(&server, &owner, &format!("{role}@example.com"), role).await;
        for path in [&page, &file] {
            assert_eq!(browser.get(path).await.status(), 403, "{role}: {path}");
        }
        let settings = browser.page(&format!("/sites/{}/settings", server.site_id)).await;
        assert!(!settings.contains(&page), "{role} is not led there");
        let made = server.client.post(format!("{}/api/v1/tokens", server.url)).bearer_auth(TOKEN);
        let made = made.json(&json!({ "name": role, "role": role })).send().await.expect("an answer");
        let made: Value = made.json().await.expect("JSON");
        let token = made["token"].as_str().expect("a token");
        let request = server.client.get(format!("{}/api/v1{page}", server.url)).bearer_auth(token);
        assert_eq!(request.send().await.expect("an answer").status(), 403, "{role}");
    }
    let bare = server.client.get(format!("{}/api/v1{page}", server.url)).send().await.expect("an answer");
    assert_eq!(bare.status(), 401);
    assert!(
        listed(&server, "audit").await.iter().all(|deed| deed["act"] != "site.exported"),
        "nothing left the server"
    );
    assert!(owner.page(&format!("/sites/{}/settings", server.site_id)).await.contains(&page));
    let packed = owner.get(&file).await;
    assert_eq!(packed.status(), 200);
    agrees(&server, &Unpacked::of(&packed.bytes().await.expect("a body"))).await;
    assert_eq!(error_of(server.api_response("/sites/nobody/export").await).await.0, 404);
    assert_eq!(owner.get("/sites/nobody/export.zip").await.status(), 404);
}

#[tokio::test]
async fn the_page_tells_how_many_rows_there_are_and_what_is_left_out() {
    let server = Server::start().await;
    for transaction in ["t-1", "t-2"] {
        server.postback(&sale("", transaction)).await;
    }
    let page = Browser::signed_in(&server).await.page(&format!("/sites/{}/export", server.site_id)).await;
    let row = |name: &str| {
        let row = page.split("<tr ").find(|row| row.contains(&format!("<code>{name}</code>"))).expect("a row");
        row.split("class=\"count").nth(1).and_then(|rest| rest.split(['>', '<']).nth(1)).map(str::to_owned)
    };
    assert_eq!((row("conversions.jsonl"), row("visits.jsonl")), (Some("2".into()), Some("0".into())));
    assert_eq!(row("README.txt"), None);
    assert!(page.contains("secrets: passphrases") && page.contains("export.zip"), "{page}");
}

/// So much that no buffer between server and reader holds all of it: bodies that do not get smaller.
async fn much(server: &Server) {
    let mut seed = 1_u64;
    for number in 0..90 {
        let mut body = format!("transaction_id=t-{number}&transaction_type=payment&amount_brutto=1.00&x=");
        while body.len() < 60_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let _ = write!(body, "{:016x}", seed ^ (seed >> 29));
        }
        let request = server.client.post(server.collect_url("digistore24"));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await.expect("an answer");
        assert!([200, 422].contains(&answer.status().as_u16()), "{}", answer.status());
    }
}

/// Begins an export and reads none of it.
async fn begun(server: &Server) -> Response {
    let response = reqwest::Client::new().get(format!("{}/api/v1{}", server.url, path(server)));
    response.bearer_auth(&server.token).send().await.expect("an answer")
}

#[tokio::test]
async fn two_exports_go_on_at_once_and_a_place_is_free_when_a_reader_has_gone() {
    let server = Server::start().await;
    much(&server).await;
    let (one, two) = (begun(&server).await, begun(&server).await);
    assert_eq!((one.status().as_u16(), two.status().as_u16()), (200, 200));
    let third = begun(&server).await;
    assert!(third.headers().contains_key("retry-after"));
    let (status, sentence) = error_of(third).await;
    assert_eq!(status, 503);
    assert!(sentence.contains("two exports"), "{sentence}");
    let browser = Browser::signed_in(&server).await;
    let refused = browser.get(&format!("/sites/{}/export.zip", server.site_id)).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.text().await.expect("text").contains("Not just now"));
    // Slow readers hold up nobody else.
    assert_eq!(server.postback(&sale("", "meanwhile")).await.0, 200);
    drop(one);
    let since = Instant::now();
    let next = loop {
        let next = begun(&server).await;
        if next.status() == 200 {
            break next;
        }
        assert!(since.elapsed() < PATIENCE, "the place stays taken");
    };
    for whole in [two, next] {
        let export = Unpacked::of(&whole.bytes().await.expect("a body"));
        assert!(export.lines("postbacks").len() >= 90);
    }
}

#[tokio::test]
async fn an_export_that_breaks_off_cannot_be_taken_for_a_whole_one() {
    let server = Server::start().await;
    much(&server).await;
    let mut response = begun(&server).await;
    let mut read = response.chunk().await.expect("a part").expect("the beginning").to_vec();
    // The process dies in the middle.
    let server = server.killed_with("");
    let broken = loop {
        match response.chunk().await {
            Ok(Some(part)) => read.extend(part),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "the answer does not end as whole ones do");
    assert!(ZipArchive::new(Cursor::new(&read)).is_err(), "and what was read is no ZIP file");
    assert!(exported(&server).await.lines("postbacks").len() >= 90, "it can be had again");
}

#[tokio::test]
async fn an_export_that_meets_what_does_not_read_breaks_off() {
    let server = Server::start().await;
    much(&server).await;
    server.clicked().await;
    let database = rusqlite::Connection::open(server.data().join("tagwerk.db")).expect("the database");
    database.busy_timeout(PATIENCE).expect("set");
    database.execute("UPDATE events SET attributes = '{'", []).expect("damaged");
    let mut response = begun(&server).await;
    let mut read = Vec::new();
    let broken = loop {
        match response.chunk().await {
            Ok(Some(part)) => read.extend(part),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken && read.len() > 1_000_000, "after {} bytes", read.len());
    assert!(ZipArchive::new(Cursor::new(&read)).is_err());
}
