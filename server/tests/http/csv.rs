//! The lists as files, and files of past conversions.

use crate::server::{Server, add_site, command, error_of, sale};
use reqwest::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// How long an import may take in all.
const PATIENCE: Duration = Duration::from_secs(120);
/// Past conversions as a group's own postbacks call them.
const HEADER: &str = "transaction_id,transaction_type,amount_brutto,amount_netto,currency,datetime_full,cid\n";

async fn import(server: &Server, query: &str, file: &str) -> Response {
    let request = server.client.post(format!("{}/api/v1/sites/{}/import?{query}", server.url, server.site_id));
    let request = request.bearer_auth(&server.token).header("content-type", "text/csv").body(file.to_owned());
    request.send().await.expect("an answer")
}

async fn dry_run(server: &Server, file: &str) -> Value {
    let answer = import(server, "dry_run=true&group=digistore24", file).await;
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

/// Begins an import; the job's id.
async fn begun(server: &Server, query: &str, file: &str) -> String {
    let answer = import(server, query, file).await;
    let status = answer.status();
    let job: Value = answer.json().await.expect("JSON");
    assert_eq!(status, 202, "{job}");
    job["id"].as_str().expect("an id").to_owned()
}

/// The job once it has ended.
async fn ended(server: &Server, job: &str) -> Value {
    let begun = Instant::now();
    loop {
        let found = server.api(&format!("/sites/{}/jobs/{job}", server.site_id)).await;
        if found["state"] == "done" || found["state"] == "failed" {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{found}");
    }
}

async fn imported(server: &Server, file: &str) -> Value {
    let job = begun(server, "group=digistore24", file).await;
    let job = ended(server, &job).await;
    assert_eq!(job["state"], "done", "{job}");
    job
}

async fn file(server: &Server, list: &str) -> String {
    let response = server.api_response(&format!("/sites/{}/{list}", server.site_id)).await;
    assert_eq!(response.status(), 200, "{list}");
    response.text().await.expect("text")
}

/// The rows of a file by the names of its columns.
fn rows(file: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

/// So many sales, each of its own transaction.
fn sales(count: usize) -> String {
    let mut file = HEADER.to_owned();
    for number in 0..count {
        let _ = writeln!(file, "t-{number},payment,{number}.50,1.00,EUR,2023-10-12T05:10:37+02:00,");
    }
    file
}

/// What the books say, whatever the ids of the rows and the times of receipt are.
async fn books(server: &Server) -> Vec<String> {
    let mut rows = server.all("conversions").await;
    for row in &mut rows {
        for name in ["id", "received_at", "sale_id"] {
            row[name] = Value::Null;
        }
    }
    let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn a_file_has_every_row_of_its_list_and_a_name() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let mut query = sale(&click_id, "t-1");
    query.push(("product_name", "=cmd, \"quoted\"\nü"));
    server.postback(&query).await;
    for list in ["visits", "clicks", "events", "conversions", "postbacks", "deliveries", "order_events"] {
        let response = server.api_response(&format!("/sites/{}/{list}.csv", server.site_id)).await;
        assert_eq!(response.status(), 200, "{list}");
        let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
        assert_eq!(header("content-type"), "text/csv; charset=utf-8; header=present");
        assert!(header("content-disposition").contains(&format!("tagwerk-{}-{list}.csv", server.site_id)), "{list}");
        let rows = rows(&response.text().await.expect("text"));
        let expected = match list {
            "events" => 2,
            "deliveries" | "order_events" => 0,
            _ => 1,
        };
        assert_eq!(rows.len(), expected, "{list}: {rows:?}");
    }
    let row = rows(&file(&server, "conversions.csv").await).remove(0);
    assert_eq!((row["value"].as_str(), row["amount_brutto"].as_str()), ("1.64", "165.19"));
    assert_eq!((row["state"].as_str(), row["utm_source"].as_str()), ("attributed", "google"));
    assert_eq!(row["product_name"], "'=cmd, \"quoted\"\nü");
    assert_eq!(row["click_ids"], "{\"gclid\":\"Cj0KCQiA-Xyz_1\"}");
    assert!(rows(&file(&server, "postbacks.csv").await)[0]["raw"].contains("t-1"));
}

#[tokio::test]
async fn a_refund_s_value_is_a_number_in_a_file() {
    let server = Server::start().await;
    let mut query = sale("", "t-1");
    query[2] = ("transaction_type", "refund");
    server.postback(&query).await;
    assert_eq!(rows(&file(&server, "conversions.csv").await)[0]["value"], "-1.64");
}

#[tokio::test]
async fn a_file_is_read_by_the_token_or_signed_in() {
    let server = Server::start().await;
    let url = format!("{}/api/v1/sites/{}/visits.csv", server.url, server.site_id);
    let bare = server.client.get(&url).send().await.expect("an answer");
    assert_eq!(bare.status(), 401);
    let wrong = server.client.get(&url).bearer_auth("wrong").send().await.expect("an answer");
    assert_eq!(wrong.status(), 401);
    let browser = reqwest::Client::builder().cookie_store(true).build().expect("a client");
    let form = [("token", server.token.as_str())];
    let signed_in = browser.post(format!("{}/sign-in", server.url)).header("origin", &server.url).form(&form);
    signed_in.send().await.expect("an answer");
    assert_eq!(browser.get(&url).send().await.expect("an answer").status(), 200);
    assert_eq!(error_of(server.api_response("/sites/nobody/visits.csv").await).await.0, 404);
}

#[tokio::test]
async fn a_file_can_be_filtered_like_its_list() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "t-1")).await;
    server.postback(&sale("", "t-2")).await;
    let found = rows(&file(&server, "conversions.csv?state=unattributed").await);
    assert_eq!((found.len(), found[0]["transaction_id"].as_str()), (1, "t-2"));
    assert_eq!(rows(&file(&server, "conversions.csv?to=2001-01-01").await).len(), 0);
    for query in ["limit=1", "colour=red", "state=x"] {
        let response = server.api_response(&format!("/sites/{}/conversions.csv?{query}", server.site_id)).await;
        assert_eq!(error_of(response).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn a_dry_run_tells_each_row_and_changes_nothing() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale("", "known")).await;
    let before = (books(&server).await, server.list("postbacks").await);
    let mut text = HEADER.to_owned();
    for row in [
        "known,payment,1.00,0.50,EUR,2023-10-12T03:10:37Z,",
        "new,payment,1.00,0.50,EUR,2023-10-12T03:10:37Z,",
        "new,payment,1.00,0.50,EUR,2023-10-12T03:10:37Z,",
        "bad,payment,1.00,0.50,EUR,soon,",
        "worse,gift,1.00,0.50,EUR,2023-10-12T03:10:37Z,",
    ] {
        let _ = writeln!(text, "{row}");
    }
    let _ = writeln!(text, "clicked,payment,1.00,0.50,EUR,{},{click_id}", jiff::Timestamp::now());
    let told = dry_run(&server, &text).await;
    let states: Vec<(u64, &str)> = told["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (item["line"].as_u64().expect("a line"), item["state"].as_str().expect("a state")))
        .collect();
    let expected =
        [(2, "duplicate"), (3, "unattributed"), (4, "duplicate"), (5, "unreadable"), (6, "refused"), (7, "accepted")];
    assert_eq!(states, expected, "{told}");
    assert_eq!((&told["rows"], &told["counts"]["duplicate"], &told["dry_run"]), (&json!(6), &json!(2), &json!(true)));
    let problems = told["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 2);
    assert!(problems[0]["reason"].as_str().is_some_and(|reason| reason.contains("datetime_full")), "{told}");
    assert_eq!(told["columns"]["digistore24"][5], json!({ "column": "datetime_full", "becomes": "time" }));
    assert_eq!((books(&server).await, server.list("postbacks").await), before);
    assert_eq!(server.list("jobs").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_dry_run_finds_repeats_across_the_whole_file_and_its_answer_is_bounded() {
    let server = Server::start().await;
    let mut text = sales(1200);
    text.push_str("t-0,payment,0.50,1.00,EUR,2023-10-12T05:10:37+02:00,\n");
    let told = dry_run(&server, &text).await;
    assert_eq!(told["counts"], json!({ "unattributed": 1200, "duplicate": 1 }));
    assert_eq!(told["items"].as_array().map(Vec::len), Some(500));
}

#[tokio::test]
async fn an_import_books_the_rows_and_the_same_file_again_changes_nothing() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "known")).await;
    let text = format!(
        "{HEADER}known,payment,9.00,1.00,EUR,2023-10-12T03:10:37Z,\n\
         new,payment,3.00,1.00,EUR,2023-10-12T03:10:37Z,{click_id}\n\
         bad,payment,x,1.00,EUR,2023-10-12T03:10:37Z,\nworse,gift,3.00,1.00,EUR,2023-10-12T03:10:37Z,\n"
    );
    let job = imported(&server, &text).await;
    let counts = json!({ "duplicate": 1, "accepted": 1, "unreadable": 1, "refused": 1 });
    assert_eq!((&job["counts"], &job["total"], &job["kind"]), (&counts, &json!(4), &json!("import")));
    let problems: Vec<&str> = job["problems"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(problems[0].starts_with("line 4: amount_brutto") && problems[1].starts_with("line 5: "), "{problems:?}");
    let before = books(&server).await;
    assert_eq!(before.len(), 2);
    let new = server.all("conversions").await.into_iter().find(|row| row["transaction_id"] == "new").expect("booked");
    assert_eq!((new["at"].as_str(), new["value"].as_str()), (Some("2023-10-12T03:10:37.000Z"), Some("2.00")));
    let known = server.all("conversions").await.into_iter().find(|row| row["transaction_id"] == "known");
    assert_eq!(known.expect("booked")["value"], "1.64", "what was told at the time stays");
    let channels: Vec<Value> = server.all("postbacks").await.iter().map(|row| row["channel"].clone()).collect();
    assert_eq!(channels.iter().filter(|channel| *channel == "import").count(), 3);
    let again = imported(&server, &text).await;
    assert_eq!(again["counts"], json!({ "duplicate": 2, "unreadable": 1, "refused": 1 }));
    assert_eq!(books(&server).await, before);
}

#[tokio::test]
async fn an_export_of_many_rows_comes_whole_and_brings_the_same_books_to_another_site() {
    let mut server = Server::start().await;
    imported(&server, &sales(2500)).await;
    let mut refund = sale("", "t-7r");
    refund[2] = ("transaction_type", "refund");
    refund.extend([("product_name", "-1;=1\t'x"), ("sid3", "@three"), ("type", "upsell")]);
    server.postback(&refund).await;
    let export = file(&server, "conversions.csv").await;
    assert_eq!(rows(&export).len(), 2501);
    let before = books(&server).await;
    let (other, _) = add_site(server.data(), "Other");
    server.site_id = other;
    let job = begun(&server, "", &export).await;
    assert_eq!(ended(&server, &job).await["counts"], json!({ "unattributed": 2501 }));
    assert_eq!(books(&server).await, before);
}

#[tokio::test]
async fn an_import_that_is_killed_again_and_again_ends_as_one_that_is_not() {
    let text = sales(4000);
    let whole = Server::start().await;
    imported(&whole, &text).await;
    let expected = books(&whole).await;
    drop(whole);
    let mut server = Server::start().await;
    let job = begun(&server, "group=digistore24", &text).await;
    let mut kills = 0;
    // Each kill comes as soon as another step is on disk.
    for booked in [1, 1000, 1001, 2500] {
        let begun = Instant::now();
        loop {
            let found = server.api(&format!("/sites/{}/jobs/{job}", server.site_id)).await;
            if found["state"] == "done" || found["counts"]["unattributed"].as_u64().unwrap_or_default() >= booked {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{found}");
        }
        server = server.killed_with("");
        kills += 1;
    }
    let job = ended(&server, &job).await;
    assert_eq!((&job["state"], &job["counts"]), (&json!("done"), &json!({ "unattributed": 4000 })), "{kills} kills");
    assert_eq!(books(&server).await, expected);
    assert_eq!(server.all("postbacks").await.len(), 4000);
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_before_anything_begins() {
    let server = Server::start_with(&[], "[limits]\nimport_mb = 1\n").await;
    for (query, text, status, part) in [
        ("group=digistore24", "", 422, "empty"),
        ("group=digistore24", HEADER, 422, "no rows"),
        ("group=digistore24", "transaction_id\nx\n", 422, "transaction_type"),
        ("", "transaction_id\nx\n", 422, "group="),
        ("group=digistore24&colour=red", HEADER, 400, "colour"),
        ("group=digistore24&zone=Mars", HEADER, 400, "zone"),
    ] {
        let (found, sentence) = error_of(import(&server, query, text).await).await;
        assert!(found == status && sentence.contains(part), "{query}: {found} {sentence}");
    }
    let large = import(&server, "group=digistore24", &"x".repeat(1_000_001)).await;
    let (status, sentence) = error_of(large).await;
    assert!(status == 413 && sentence.contains("limits.import_mb"), "{status} {sentence}");
    assert_eq!(server.list("jobs").await, Vec::<Value>::new());
    let bare = server.client.post(format!("{}/api/v1/sites/{}/import", server.url, server.site_id));
    assert_eq!(bare.send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn the_command_line_rehearses_and_imports_beside_a_running_server() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("past.csv");
    std::fs::write(&path, sales(3)).expect("written");
    let run = |more: &[&str]| {
        let mut command = command(server.data());
        command.args(["import", "--site", &server.site_id, "--group", "digistore24"]).args(more).arg(&path);
        command.output().expect("the binary runs")
    };
    let told = run(&["--dry-run"]);
    assert!(told.status.success(), "{told:?}");
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(told["counts"], json!({ "unattributed": 3 }));
    assert_eq!(server.list("conversions").await.len(), 0);
    let done = run(&["--zone", "Europe/Berlin"]);
    let text = String::from_utf8(done.stdout).expect("text");
    assert!(done.status.success() && text.contains("unattributed=3"), "{text}");
    assert_eq!(server.list("conversions").await.len(), 3);
    assert!(!run(&["--decimals", "dots"]).status.success());
}
