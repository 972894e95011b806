//! What was spent on ads: by the API, and on its page.

use crate::dashboard::{Browser, location};
use crate::server::{Server, error_of};
use reqwest::{Method, Response};
use serde_json::{Value, json};

const FILE: &str =
    "Day,Campaign name,Amount spent (EUR)\n2026-01-01,Winter,10.50\n2026-01-02,Winter,free\n2026-01-02,<b>x</b>,1\n";

async fn ask(server: &Server, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
    ask_as(server, &server.token, method, path, body).await
}

async fn ask_as(server: &Server, token: &str, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
    let request = server.client.request(method, format!("{}/api/v1/sites/{}{path}", server.url, server.site_id));
    request.bearer_auth(token).body(body).send().await.expect("an answer")
}

async fn answered(response: Response, status: u16) -> Value {
    let is = response.status().as_u16();
    let text = response.text().await.expect("text");
    assert_eq!(is, status, "{text}");
    serde_json::from_str(&text).unwrap_or_default()
}

async fn add(server: &Server, cost: Value) -> Value {
    answered(ask(server, Method::POST, "/costs", cost.to_string()).await, 201).await
}

#[tokio::test]
async fn a_cost_by_hand_is_kept_listed_and_removed() {
    let server = Server::start().await;
    let cost = add(
        &server,
        json!({"first_day": "2026-01-01", "last_day": "2026-01-31", "amount": "31.5", "currency": "usd",
               "dimensions": {"utm_campaign": "Winter", "platform": "meta", "utm_term": ""}, "note": "flat"}),
    )
    .await;
    assert_eq!(cost["dimensions"], json!({"utm_campaign": "Winter", "platform": "meta"}));
    let shown = ["first_day", "last_day", "amount", "currency", "source", "note"].map(|name| cost[name].clone());
    assert_eq!(
        shown,
        [json!("2026-01-01"), json!("2026-01-31"), json!("31.50"), json!("USD"), Value::Null, json!("flat")]
    );
    assert_eq!(server.list("costs").await, std::slice::from_ref(&cost));
    assert_eq!(server.api(&format!("/sites/{}/costs?from=2026-02-01", server.site_id)).await["items"], json!([]));
    let path = format!("/costs/{}", cost["id"].as_str().expect("an id"));
    assert_eq!(ask(&server, Method::DELETE, &path, "").await.status(), 204);
    assert_eq!(ask(&server, Method::DELETE, &path, "").await.status(), 404);
    assert_eq!(server.list("costs").await, [Value::Null; 0]);
}

#[tokio::test]
async fn costs_are_read_in_parts_the_latest_first() {
    let server = Server::start().await;
    for day in ["2026-01-02", "2026-01-03", "2026-01-01", "2026-01-03"] {
        add(&server, json!({"first_day": day, "amount": "1"})).await;
    }
    let (mut days, mut after) = (Vec::new(), String::new());
    loop {
        let part = server.api(&format!("/sites/{}/costs?limit=1{after}", server.site_id)).await;
        days.push(part["items"][0]["first_day"].as_str().expect("a day").to_owned());
        match part["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(days, ["2026-01-03", "2026-01-03", "2026-01-02", "2026-01-01"]);
}

#[tokio::test]
async fn what_cannot_be_a_cost_is_refused_by_name_and_nothing_is_kept() {
    let server = Server::start().await;
    for (cost, status, name) in [
        (json!({"first_day": "1.1.2026", "amount": "1"}), 422, "first_day"),
        (json!({"first_day": "2026-01-02", "last_day": "2026-01-01", "amount": "1"}), 422, "last_day"),
        (json!({"first_day": "2026-01-01", "amount": "-1"}), 422, "amount"),
        (json!({"first_day": "2026-01-01", "amount": 1}), 400, "amount"),
        (json!({"first_day": "2026-01-01", "amount": "1", "currency": "euro"}), 422, "currency"),
        (json!({"first_day": "2026-01-01", "amount": "1", "dimensions": {"product": "x"}}), 422, "product"),
        (json!({"first_day": "2026-01-01", "amount": "1", "day": "x"}), 400, "day"),
    ] {
        let (is, sentence) = error_of(ask(&server, Method::POST, "/costs", cost.to_string()).await).await;
        assert_eq!(is, status, "{cost}: {sentence}");
        assert!(sentence.contains(name), "{cost}: {sentence}");
    }
    for query in ["from=x", "limit=0", "after=x", "until=2026-01-01", "from=2026-01-01&from=2026-01-01"] {
        assert_eq!(ask(&server, Method::GET, &format!("/costs?{query}"), "").await.status(), 400, "{query}");
    }
    assert_eq!(server.list("costs").await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_file_is_looked_at_taken_once_and_restated() {
    let server = Server::start().await;
    let import = |query: &'static str, file: &'static str| ask(&server, Method::POST, query, file);
    let seen = answered(import("/costs/import?dry_run=1", FILE).await, 200).await;
    assert_eq!((&seen["source"], &seen["rows"], &seen["added"]), (&json!("Meta"), &json!(3), &json!(2)));
    assert_eq!(seen["totals"], json!({"EUR": "11.50"}));
    assert_eq!(seen["problems"][0]["line"], 3);
    assert_eq!(seen["columns"][2], json!({"column": "Amount spent (EUR)", "becomes": "amount"}));
    assert_eq!(server.list("costs").await, [Value::Null; 0]);
    assert_eq!(answered(import("/costs/import", FILE).await, 200).await["added"], 2);
    assert_eq!(answered(import("/costs/import", FILE).await, 200).await["same"], 2);
    assert_eq!(server.list("costs").await.len(), 2);
    let restated = "Day,Campaign name,Amount spent (EUR)\n2026-01-01,Winter,11\n2026-01-02,<b>x</b>,0\n";
    let seen = answered(import("/costs/import", restated).await, 200).await;
    assert_eq!((&seen["changed"], &seen["removed"]), (&json!(1), &json!(1)));
    let kept = server.list("costs").await;
    assert_eq!((kept.len(), &kept[0]["amount"], &kept[0]["source"]), (1, &json!("11.00"), &json!("Meta")));
    let other = answered(import("/costs/import?source=Other&with.utm_source=fb", restated).await, 200).await;
    assert_eq!((&other["added"], &other["items"][0]["dimensions"]["utm_source"]), (&json!(1), &json!("fb")));
    let gone = ask(&server, Method::DELETE, "/costs?source=Other&from=2026-01-01&to=2026-01-31", "").await;
    assert_eq!(answered(gone, 200).await, json!({"count": 1}));
    assert_eq!(server.list("costs").await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_not_understood_is_refused_with_what_to_do() {
    let server = Server::start().await;
    for (query, file, status, says) in [
        ("", "a,b\n1,2\n", 422, "say which does"),
        ("", "", 422, "empty"),
        ("?column.Spent=amount", "Day,Cost\n", 422, "no column \"Spent\""),
        ("?colum.x=day", "Day,Cost\n", 400, "colum.x"),
        ("?dry_run=maybe", "Day,Cost\n", 400, "dry_run"),
        ("?with.product=x", "Day,Cost\n", 400, "product"),
    ] {
        let (is, sentence) = error_of(ask(&server, Method::POST, &format!("/costs/import{query}"), file).await).await;
        assert_eq!(is, status, "{query}: {sentence}");
        assert!(sentence.contains(says), "{query}: {sentence}");
    }
    let long = "x".repeat(5_000_001);
    assert_eq!(ask(&server, Method::POST, "/costs/import", long).await.status(), 413);
}

#[tokio::test]
async fn a_report_is_saved_under_a_name_replaced_and_removed() {
    let server = Server::start().await;
    let save = |report: Value| ask(&server, Method::POST, "/saved_reports", report.to_string());
    let first = answered(save(json!({"name": " Campaigns ", "query": "?by=utm_campaign"})).await, 200).await;
    assert_eq!((&first["name"], &first["query"]), (&json!("Campaigns"), &json!("by=utm_campaign")));
    let again = answered(save(json!({"name": "Campaigns", "query": "by=utm_source"})).await, 200).await;
    assert_eq!(again["id"], first["id"]);
    assert_eq!(
        ask(&server, Method::GET, "/saved_reports", "").await.json::<Value>().await.expect("JSON")["items"],
        json!([again])
    );
    for report in [
        json!({"name": " ", "query": ""}),
        json!({"name": "x".repeat(101), "query": ""}),
        json!({"name": "x", "query": "a\nb"}),
    ] {
        assert_eq!(save(report.clone()).await.status(), 422, "{report}");
    }
    for (query, word) in [
        ("by=campaign", "query: by cannot be campaign"),
        ("by=day&days=7", "no parameter days"),
        ("by=day&column=visits&column=luck", "column cannot be luck"),
    ] {
        let (status, sentence) = error_of(save(json!({ "name": "x", "query": query })).await).await;
        assert_eq!(status, 422, "{query}");
        assert!(sentence.contains(word), "{sentence}");
    }
    let chosen = json!({ "name": "x", "query": "by=day&where=utm_source:a&column=visits&column=roi" });
    assert_eq!(save(chosen).await.status(), 200);
    let path = format!("/saved_reports/{}", first["id"].as_str().expect("an id"));
    assert_eq!(ask(&server, Method::DELETE, &path, "").await.status(), 204);
    assert_eq!(ask(&server, Method::DELETE, &path, "").await.status(), 404);
}

#[tokio::test]
async fn who_only_reads_sees_costs_and_changes_none() {
    let server = Server::start().await;
    let request = server.client.post(format!("{}/api/v1/tokens", server.url)).bearer_auth(&server.token);
    let token = request.json(&json!({"name": "reader", "role": "read_only"})).send().await.expect("an answer");
    let token = answered(token, 201).await["token"].as_str().expect("a token").to_owned();
    assert_eq!(ask_as(&server, &token, Method::GET, "/costs", "").await.status(), 200);
    for (method, path) in [
        (Method::POST, "/costs"),
        (Method::DELETE, "/costs/x"),
        (Method::DELETE, "/costs?source=a&from=2026-01-01&to=2026-01-02"),
        (Method::POST, "/costs/import"),
        (Method::POST, "/saved_reports"),
        (Method::DELETE, "/saved_reports/x"),
    ] {
        assert_eq!(ask_as(&server, &token, method.clone(), path, "{}").await.status(), 403, "{method} {path}");
    }
}

/// The fields of a form with a file, as a browser sends it.
fn multipart(fields: &[(&str, &str)], file: Option<&str>) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        body += &format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    if let Some(file) = file {
        body += &format!(
            "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"spend.csv\"\r\nContent-Type: text/csv\r\n\r\n{file}\r\n"
        );
    }
    body + "--edge--\r\n"
}

fn page_of(server: &Server, rest: &str) -> String {
    format!("/sites/{}/costs{rest}", server.site_id)
}

/// The value of a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("the field");
    rest.split('"').next().expect("its end")
}

#[tokio::test]
async fn the_page_says_what_to_do_and_takes_a_cost_by_hand() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let empty = browser.page(&page_of(&server, "")).await;
    assert!(empty.contains("None yet.") && empty.contains("upload it"), "{empty}");
    let form = [
        ("first_day", "2020-01-01"),
        ("amount", "12,5"),
        ("currency", "eur"),
        ("of.utm_campaign", "<i>Ads</i>"),
        ("of.platform", ""),
    ];
    let response = browser.post(&page_of(&server, ""), &form).await;
    assert_eq!(response.status(), 303);
    let page = browser.page(location(&response)).await;
    assert!(page.contains("Added.") && page.contains("12.50 EUR") && page.contains("&#60;i&#62;Ads"), "{page}");
    assert!(page.contains("where=utm_campaign%3A%3Ci%3EAds"), "it leads to its report: {page}");
    let id = server.list("costs").await[0]["id"].as_str().expect("an id").to_owned();
    let response = browser.post(&page_of(&server, &format!("/{id}/remove")), &[]).await;
    assert!(browser.page(location(&response)).await.contains("Removed."));
    assert_eq!(server.list("costs").await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_field_that_cannot_be_is_marked_and_the_others_stay() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let form = [("first_day", "2026-01-01"), ("amount", "much"), ("currency", "EUR"), ("of.utm_source", "kept-source")];
    let response = browser.post(&page_of(&server, ""), &form).await;
    assert_eq!(response.status(), 422);
    let page = response.text().await.expect("text");
    assert!(page.contains("id=\"amount-wrong\"") && page.contains("value=\"kept-source\""), "{page}");
    assert_eq!(server.list("costs").await, [Value::Null; 0]);
}

async fn upload(server: &Server, browser: &Browser<'_>, body: String) -> Response {
    browser.post_multipart(&page_of(server, "/file"), "multipart/form-data; boundary=edge", body).await
}

#[tokio::test]
async fn a_file_is_shown_before_it_is_taken() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let page = upload(&server, &browser, multipart(&[], Some(FILE))).await.text().await.expect("text");
    assert!(page.contains("2 new") && page.contains("Line 3:") && page.contains("11.50 EUR"), "{page}");
    assert!(!page.contains("<b>x</b>"), "{page}");
    assert_eq!(server.list("costs").await, [Value::Null; 0]);
    let file = hidden(&page, "again");
    let fields =
        [("again", file), ("source", "Meta"), ("utm_source", "facebook"), ("column-1", "utm_id"), ("take", "1")];
    let response = upload(&server, &browser, multipart(&fields, None)).await;
    assert_eq!(response.status(), 303);
    let page = browser.page(location(&response)).await;
    assert!(page.contains("The file is taken: 2 costs"), "{page}");
    let costs = server.list("costs").await;
    assert_eq!(costs[1]["dimensions"], json!({"utm_id": "Winter", "utm_source": "facebook"}));
    let response = browser
        .post(&page_of(&server, "/forget"), &[("source", "Meta"), ("from", "2026-01-01"), ("to", "2026-01-31")])
        .await;
    assert!(browser.page(location(&response)).await.contains("2 costs removed."));
}

#[tokio::test]
async fn a_file_of_unknown_columns_is_read_once_somebody_says_what_they_mean() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let file = "Wann,Was,Wieviel\n2026-01-01,Winter,5\n";
    let response = upload(&server, &browser, multipart(&[], Some(file))).await;
    assert_eq!(response.status(), 422);
    let page = response.text().await.expect("text");
    assert!(page.contains("not understood yet") && page.contains("Wieviel"), "{page}");
    let fields =
        [("again", hidden(&page, "again")), ("column-0", "day"), ("column-1", "utm_campaign"), ("column-2", "amount")];
    let page = upload(&server, &browser, multipart(&fields, None)).await.text().await.expect("text");
    assert!(page.contains("1 new") && page.contains("5.00 EUR"), "{page}");
    let none = upload(&server, &browser, multipart(&[], Some(""))).await;
    assert_eq!(none.status(), 422);
    assert!(none.text().await.expect("text").contains("choose a file first"));
}

#[tokio::test]
async fn the_cost_parameter_is_switched_on_where_it_is_explained() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let path = page_of(&server, "/parameter");
    let wrong = browser.post(&path, &[("param", "utm_cost"), ("currency", "")]).await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.text().await.expect("text").contains("says where a visit came from"));
    let response = browser.post(&path, &[("param", "spent"), ("currency", "usd")]).await;
    let page = browser.page(location(&response)).await;
    assert!(page.contains("<code>spent=0.35</code>") && page.contains("&#38;spent={click_price}"), "{page}");
    let settings = server.api(&format!("/sites/{}/settings", server.site_id)).await;
    assert_eq!(settings["cost"], json!({"param": "spent", "currency": "usd"}));
}
