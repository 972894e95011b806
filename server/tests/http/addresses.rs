//! The addresses of a site that others call: as the API and the dashboard show them, and as they work.

use crate::ipn::ipn_url;
use crate::server::{Server, add_site, command, error_of};
use reqwest::Response;
use serde_json::{Value, json};

async fn urls(server: &Server) -> Value {
    server.api(&format!("/sites/{}/postback_urls", server.site_id)).await
}

fn url<'a>(urls: &'a Value, kind: &str, group: &str) -> &'a str {
    let items = urls["items"].as_array().expect("items");
    let found = items.iter().find(|one| one["kind"] == kind && one["group"] == group);
    found.unwrap_or_else(|| panic!("no {kind} of {group}: {urls:#}"))["url"].as_str().expect("text")
}

async fn rotate(server: &Server, body: Value) -> Response {
    let path = format!("{}/api/v1/sites/{}/tracking_id/rotate", server.url, server.site_id);
    server.client.post(path).bearer_auth(&server.token).json(&body).send().await.expect("an answer")
}

#[tokio::test]
async fn affiliate_and_vendor_urls_hold_exactly_the_published_macros() {
    let server = Server::start().await;
    let urls = urls(&server).await;
    let cases: Value = serde_json::from_str(include_str!("../../../tests/cases/postbacks.json")).expect("JSON");
    let macros = |key: &str| -> Vec<String> {
        let names = cases[key].as_array().expect("a list").iter();
        names.map(|name| name.as_str().expect("text")).map(|name| format!("{name}={{{name}}}")).collect()
    };
    let (affiliate, vendor) = (macros("affiliate_macros"), macros("vendor_extra_macros"));
    let base = server.collect_url("digistore24");
    assert_eq!(url(&urls, "affiliate", "digistore24"), format!("{base}?{}", affiliate.join("&")));
    assert_eq!(url(&urls, "vendor", "digistore24"), format!("{base}?{}", [affiliate, vendor].concat().join("&")));
    assert_eq!(url(&urls, "ipn", "digistore24"), ipn_url(&server));
    let setup = |kind: &str| {
        let items = urls["items"].as_array().expect("items");
        items.iter().find(|one| one["kind"] == kind).expect("there")["setup"].as_str().expect("text").to_owned()
    };
    assert!(setup("affiliate").contains("Account > S2S Postback"));
    assert!(setup("vendor").contains("Settings > Integrations (IPN)"));
}

#[tokio::test]
async fn each_address_is_taken_as_it_stands() {
    let server = Server::start().await;
    let urls = urls(&server).await;
    let get = async |url: &str| server.client.get(url).send().await.expect("an answer").status().as_u16();
    // What a network's own test sends: the template, or nothing in it but what happened.
    let with = |url: &str| url.replace("{transaction_type}", "payment");
    assert_eq!(get(&with(url(&urls, "affiliate", "digistore24"))).await, 200);
    assert_eq!(get(&with(url(&urls, "vendor", "digistore24"))).await, 200);
    assert_eq!(get(url(&urls, "ipn", "digistore24")).await, 200);
    assert_eq!(get(url(&urls, "tracker", "tracker")).await, 200);
    assert_eq!(get(url(&urls, "pixel", "tracker")).await, 200);
    let pixel = url(&urls, "pixel", "tracker");
    assert!(pixel.contains(&server.site_id) && !pixel.contains(&server.tracking_id), "it stands in pages: {pixel}");
}

#[tokio::test]
async fn a_new_tracking_id_counts_at_once_and_the_old_one_for_the_grace() {
    let server = Server::start().await;
    let old = server.tracking_id.clone();
    let call = async |tracking_id: &str, transaction: &str| {
        let url = format!("{}/{tracking_id}/collect/digistore24", server.url);
        let query = crate::server::sale("", transaction);
        server.client.get(url).query(&query).send().await.expect("an answer").status().as_u16()
    };
    let answer: Value = rotate(&server, json!({"grace_hours": 1})).await.json().await.expect("JSON");
    let new = answer["tracking_id"].as_str().expect("an id");
    assert!(new.len() == 24 && new != old, "{answer}");
    assert_eq!(answer["replaced"][0]["tracking_id"], old.as_str());
    let until: jiff::Timestamp = answer["replaced"][0]["until"].as_str().expect("a time").parse().expect("RFC 3339");
    let minutes = (until.as_second() - jiff::Timestamp::now().as_second()) / 60;
    assert!((58..=60).contains(&minutes), "{minutes} minutes");
    assert_eq!((call(&old, "t-1").await, call(new, "t-2").await), (200, 200));
    assert_eq!(server.list("conversions").await.len(), 2, "both lead to the site");
    let urls = urls(&server).await;
    assert!(url(&urls, "affiliate", "digistore24").contains(new));
    assert_eq!((&urls["tracking_id"], &urls["replaced"]), (&json!(new), &answer["replaced"]));

    let again: Value = rotate(&server, json!({"grace_hours": 0})).await.json().await.expect("JSON");
    assert_eq!(call(new, "t-3").await, 404, "without grace it ends at once");
    assert_eq!(call(&old, "t-4").await, 200, "each has its own end");
    assert_eq!(call(again["tracking_id"].as_str().expect("an id"), "t-5").await, 200);
}

#[tokio::test]
async fn the_grace_is_a_week_where_nobody_says_and_at_most_a_year() {
    let server = Server::start().await;
    let path = format!("{}/api/v1/sites/{}/tracking_id/rotate", server.url, server.site_id);
    let answer: Value = server
        .client
        .post(&path)
        .bearer_auth(&server.token)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let until: jiff::Timestamp = answer["replaced"][0]["until"].as_str().expect("a time").parse().expect("RFC 3339");
    assert_eq!((until.as_second() - jiff::Timestamp::now().as_second() + 1800) / 3600, 168);
    let (status, sentence) = error_of(rotate(&server, json!({"grace_hours": 8761})).await).await;
    assert_eq!((status, sentence.contains("grace_hours")), (422, true), "{sentence}");
    for body in [json!({"hours": 1}), json!({"grace_hours": -1}), json!([])] {
        assert_eq!(rotate(&server, body.clone()).await.status(), 400, "{body}");
    }
    let nobody = server.client.post(&path).send().await.expect("an answer");
    assert_eq!(nobody.status(), 401);
    let unknown = path.replace(&server.site_id, "NoSuchSite00");
    assert_eq!(server.client.post(unknown).bearer_auth(&server.token).send().await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn the_command_line_rotates_while_the_server_runs() {
    let server = Server::start().await;
    let output =
        command(server.data()).args(["site", "rotate", "--site-id", &server.site_id, "--grace-hours", "0"]).output();
    let text = String::from_utf8(output.expect("it runs").stdout).expect("text");
    let new = text.lines().find_map(|line| line.strip_prefix("tracking_id=")).expect("the new id");
    let status = async |tracking_id: &str| {
        let url = format!("{}/{tracking_id}/collect/digistore24", server.url);
        server.client.get(url).query(&crate::server::sale("", "t")).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((status(new).await, status(&server.tracking_id).await), (200, 404));
    let unknown =
        command(server.data()).args(["site", "rotate", "--site-id", "NoSuchSite00"]).output().expect("it runs");
    assert!(!unknown.status.success());
    let (_, other) = add_site(server.data(), "Other");
    assert_eq!(status(&other).await, 200, "another site is not touched");
}
