//! Currency rates: supplied by hand, over the API and by the command line, and fetched.

use crate::server::{Server, TOKEN, command, error_of};
use axum::Router;
use axum::routing::get;
use reqwest::Response;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::net::TcpListener;

const DAILY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<Cube>
		<Cube time='2024-06-28'>
			<Cube currency='USD' rate='1.0705'/>
			<Cube currency='HUF' rate='395.10'/>
		</Cube>
	</Cube>
</gesmes:Envelope>
"#;

async fn supply(server: &Server, file: impl Into<reqwest::Body>) -> Response {
    let request = server.client.post(format!("{}/api/v1/rates", server.url)).bearer_auth(&server.token);
    request.body(file).send().await.expect("an answer")
}

fn rates(data: &Path, arguments: &[&str]) -> Output {
    command(data).arg("rates").args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn without_rates_the_list_is_empty_and_stale() {
    let server = Server::start().await;
    let known = server.api("/rates").await;
    assert_eq!(
        known,
        json!({
            "base": "EUR", "newest_day": null, "source": null, "received_at": null, "stale": true,
            "fetching": false, "tried_at": null, "error": null, "items": [], "next": null,
        })
    );
}

#[tokio::test]
async fn a_file_that_was_supplied_can_be_read_at_once() {
    let server = Server::start().await;
    let response = supply(&server, DAILY).await;
    assert_eq!(response.status(), 200);
    let taken: Value = response.json().await.expect("JSON");
    assert_eq!(taken, json!({ "from": "2024-06-28", "to": "2024-06-28", "rates": 2, "added": 2, "changed": 0 }));
    let again: Value = supply(&server, DAILY).await.json().await.expect("JSON");
    assert_eq!((&again["added"], &again["changed"]), (&json!(0), &json!(0)));

    let known = server.api("/rates").await;
    assert_eq!((&known["newest_day"], &known["stale"]), (&json!("2024-06-28"), &json!(true)));
    assert_eq!(known["source"], "supplied to the API");
    assert!(known["received_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{known}");
    let item = |code: &str, rate: &str, stale: bool| json!({ "currency": code, "rate": rate, "day": "2024-06-28", "stale": stale });
    assert_eq!(known["items"], json!([item("HUF", "395.10", true), item("USD", "1.0705", true)]));
}

#[tokio::test]
async fn the_rates_of_a_day_are_those_of_the_last_working_day_before() {
    let server = Server::start().await;
    let csv = "Date, USD, \n28 June 2024, 1.0705, \n27 June 2024, 1.0696, \n";
    assert_eq!(supply(&server, csv).await.status(), 200);
    let of = |day: &'static str| {
        let server = &server;
        async move { server.api(&format!("/rates?day={day}")).await["items"].clone() }
    };
    let friday = json!([{ "currency": "USD", "rate": "1.0705", "day": "2024-06-28", "stale": false }]);
    assert_eq!(of("2024-06-30").await, friday);
    assert_eq!(of("2024-06-27").await[0]["rate"], "1.0696");
    assert_eq!(of("2024-07-04").await[0]["stale"], true);
    assert_eq!(of("2024-06-26").await, json!([]));
    let wrong = server.api_response("/rates?day=yesterday").await;
    assert_eq!(error_of(wrong).await, (400, "day must be like 2024-06-28".into()));
}

#[tokio::test]
async fn a_file_that_is_wrong_is_refused_with_its_line_and_changes_nothing() {
    let server = Server::start().await;
    for (file, words) in [
        (DAILY.replace("1.0705", "1,0705"), "line 5: the rate of USD, \"1,0705\", is not a decimal"),
        (DAILY.replace("2024-06-28", "2999-06-28"), "a day that is yet to come"),
        ("<html></html>".to_owned(), "no rates in it"),
        (String::new(), "no rates in it"),
    ] {
        let (status, said) = error_of(supply(&server, file).await).await;
        assert!(status == 422 && said.contains(words), "{status} {said}");
    }
    assert_eq!(server.api("/rates").await["newest_day"], json!(null));
}

#[tokio::test]
async fn a_file_that_is_too_long_is_refused() {
    let server = Server::start().await;
    let response = supply(&server, vec![b' '; 20_000_001]).await;
    assert_eq!(error_of(response).await, (413, "the file is longer than 20 MB".into()));
}

#[tokio::test]
async fn rates_are_the_operator_s_alone() {
    let server = Server::start().await;
    let url = format!("{}/api/v1/rates", server.url);
    assert_eq!(server.client.get(&url).send().await.expect("an answer").status(), 401);
    assert_eq!(server.client.post(&url).body(DAILY).send().await.expect("an answer").status(), 401);
    assert_eq!(server.api("/rates").await["newest_day"], json!(null));
}

#[tokio::test]
async fn the_command_line_takes_files_and_lists_rates_while_the_server_runs() {
    let server = Server::start().await;
    let file = server.data().join("eurofxref-daily.xml");
    std::fs::write(&file, DAILY).expect("written");
    let file = file.to_str().expect("a path");
    let said = rates(server.data(), &["import", file]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert_eq!(text(&said.stdout), "2024-06-28 to 2024-06-28: 2 rates, 2 of them new, 0 changed\n");
    let known = server.api("/rates").await;
    assert_eq!(
        (&known["newest_day"], &known["source"]),
        (&json!("2024-06-28"), &json!("the file eurofxref-daily.xml"))
    );
    let listed = text(&rates(server.data(), &["list", "--day", "2024-06-29"]).stdout);
    assert_eq!(
        listed,
        "newest day: 2024-06-28 (the file eurofxref-daily.xml, stale)\nHUF\t395.10\t2024-06-28\nUSD\t1.0705\t2024-06-28\n"
    );
}

#[test]
fn the_command_line_refuses_a_file_with_its_line() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("rates.csv");
    std::fs::write(&file, "Date,USD\n2024-06-28,one\n").expect("written");
    let said = rates(data.path(), &["import", file.to_str().expect("a path")]);
    assert!(!said.status.success());
    let words = text(&said.stderr);
    assert!(words.contains("rates.csv is not taken") && words.contains("line 2: the rate of USD"), "{words}");
    let listed = text(&rates(data.path(), &["list"]).stdout);
    assert!(listed.starts_with("no rates yet"), "{listed}");
}

#[tokio::test]
async fn a_server_that_may_fetches_rates_by_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let bank = format!("http://{}", listener.local_addr().expect("an address"));
    let router =
        Router::new().route("/history.xml", get(|| async { DAILY })).route("/daily.xml", get(|| async { DAILY }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("tagwerk.toml");
    let config = format!(
        "allow_private_targets = true\n[rates]\nurl = \"{bank}/daily.xml\"\nhistory_url = \"{bank}/history.xml\"\n"
    );
    std::fs::write(&file, config).expect("written");
    let mut child = command(data.path())
        .env("TAGWERK_CONFIG", file)
        .env("TAGWERK_RATES", "1")
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let url = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned)).expect("it listens");
    let client = reqwest::Client::new();
    let known = async {
        loop {
            let request = client.get(format!("{url}/api/v1/rates")).bearer_auth(TOKEN);
            let known: Value = request.send().await.expect("an answer").json().await.expect("JSON");
            // The answer may be put together while the attempt ends.
            let is_through = known["newest_day"].is_string() || known["error"].is_string();
            if known["tried_at"].is_string() && is_through {
                return known;
            }
        }
    };
    let known = tokio::time::timeout(Duration::from_secs(30), known).await;
    child.kill().expect("a process of ours");
    child.wait().expect("it ends");
    let known = known.expect("it fetches");
    assert_eq!(
        (&known["fetching"], &known["error"], &known["newest_day"]),
        (&json!(true), &json!(null), &json!("2024-06-28"))
    );
    let source = known["source"].as_str().expect("a source");
    assert!(source.starts_with("127.0.0.1/"), "{source}");
}
