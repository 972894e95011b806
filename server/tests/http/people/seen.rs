//! Whoever may only look is told of no person and no secret: every page, file and list, read by such a person and by such a token.

use super::person;
use super::roles::routes;
use super::tokens::made;
use crate::dashboard::Browser;
use crate::ipn::{PASSPHRASE, notify};
use crate::outbox::{PRIVATE, Platform, TOKEN, switch_on};
use crate::server::{Server, sale, visit_with_click};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const EMAIL: &str = "planted.person@example.org";
const NAME: &str = "Plantedname";
const IP: &str = "203.0.113.77";

/// What nobody may get to see who only looks.
fn planted(server: &Server) -> Vec<String> {
    let encoded = EMAIL.replace('@', "%40");
    let secrets = [EMAIL, &encoded, NAME, IP, PASSPHRASE, TOKEN, &server.tracking_id];
    secrets.map(str::to_owned).into()
}

/// A site with everything that there can be, each with something planted in it.
async fn filled() -> Server {
    let config = format!("{PRIVATE}trusted_proxies = [\"127.0.0.1\"]\n");
    let (server, platform) = (Server::start_with(&[], &config).await, Platform::open().await);
    let change = json!({
        "groups": { "digistore24": { "ipn_passphrase": PASSPHRASE } },
        "privacy": { "ip": "full" },
        "reporting_currency": "EUR",
    });
    assert_eq!(server.patch_settings(change).await.status(), 200);
    switch_on(&server, &platform, json!({})).await;

    let (mut view, mut click) = visit_with_click();
    let page = format!("https://shop.example/review?fbclid=IwAR0-Xyz_1&email={}", EMAIL.replace('@', "%40"));
    for event in [&mut view, &mut click] {
        event.page.clone_from(&page);
        event.landing.page.clone_from(&page);
        event.landing.referrer = format!("https://mail.example/?to={EMAIL}");
    }
    click.click.as_mut().expect("a click").label = format!("Write to {EMAIL}");
    let mut sent = view.clone();
    (sent.event_id, sent.name) = ("form-sent".into(), "FormSubmit".into());
    sent.attributes = [("email", EMAIL), ("First Name", NAME), ("note", &format!("write to {EMAIL}"))]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let lines: Vec<String> = [&view, &click, &sent].iter().map(|event| event.to_line()).collect();
    let request = server.client.post(format!("{}/{}/event", server.url, server.site_id));
    let request = request.header("content-type", "text/plain").header("x-forwarded-for", IP);
    assert_eq!(request.body(lines.join("\n")).send().await.expect("an answer").status(), 204);

    let click_id = click.click_id.expect("a click id").to_string();
    let mut bought = sale(&click_id, "t-1");
    bought.extend([("email", EMAIL), ("first_name", NAME), ("order_id", "o-1"), ("sid1", EMAIL)]);
    let mut nobodys = sale(EMAIL, "t-2");
    nobodys.push(("buyer_email", EMAIL));
    let mut refused = sale("x", "t-3");
    refused.retain(|(name, _)| !["transaction_type", "amount_brutto"].contains(name));
    refused.extend([("transaction_type", EMAIL), ("amount_brutto", EMAIL), ("email", EMAIL)]);
    for (query, status) in [(&bought, 200), (&nobodys, 200), (&refused, 422)] {
        let request = server.client.get(server.collect_url("digistore24")).query(query);
        let response = request.header("x-forwarded-for", IP).send().await.expect("an answer");
        assert_eq!(response.status(), status, "{query:?}");
    }
    let ipn = [
        ("event", "on_payment"),
        ("transaction_type", "payment"),
        ("transaction_id", "t-4"),
        ("order_id", "o-4"),
        ("email", EMAIL),
        ("address_first_name", NAME),
        ("amount_brutto", "10.00"),
        ("currency", "EUR"),
    ];
    assert_eq!(notify(&server, &ipn).await.0, 200);
    let postbacks = server.list("postbacks").await;
    let refused = postbacks.iter().find(|postback| postback["state"] == "refused").expect("a refused one");
    let path = format!("/sites/{}/postbacks/{}/correct", server.site_id, refused["id"].as_str().expect("an id"));
    let request = server.client.post(format!("{}/api/v1{path}", server.url)).bearer_auth(&server.token);
    let corrected = request.json(&json!({ "set": { "email": EMAIL, "note": EMAIL } })).send().await.expect("an answer");
    assert_eq!(corrected.status(), 200, "{}", corrected.text().await.unwrap_or_default());
    server.delivery("delivered").await;
    server
}

/// Every path of these routes, for each row that there is.
async fn paths(server: &Server, sources: &[&str]) -> Vec<String> {
    let mut ids: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let lists = [
        ("postbacks", "id", "{postback_id}"),
        ("conversions", "id", "{conversion_id}"),
        ("visits", "visit_id", "{visit_id}"),
        ("visits", "visitor_id", "{visitor_id}"),
        ("events", "event_id", "{event_id}"),
        ("deliveries", "id", "{delivery_id}"),
        ("jobs", "id", "{job_id}"),
    ];
    for (list, field, placeholder) in lists {
        let rows = server.list(list).await;
        let of_list: Vec<String> = rows.iter().filter_map(|row| row[field].as_str().map(str::to_owned)).collect();
        assert!(!of_list.is_empty() || list == "jobs", "there are {list}");
        ids.insert(placeholder, of_list);
    }
    ids.insert("{site_id}", vec![server.site_id.clone()]);
    ids.insert("{group}", vec!["digistore24".into()]);
    ids.insert("{list}", ["conversions", "clicks", "visits", "postbacks"].map(str::to_owned).into());
    let meta = vec!["meta".to_owned()];
    let mut found = Vec::new();
    for (route, _) in routes(sources, &[Method::GET]) {
        let mut filled = vec![String::new()];
        for part in route.split('/').skip(1) {
            let values = match part.strip_prefix('{') {
                Some(_) => ids.get(part).unwrap_or(&meta).clone(),
                None => vec![part.to_owned()],
            };
            filled = filled.iter().flat_map(|path| values.iter().map(move |value| format!("{path}/{value}"))).collect();
        }
        found.extend(filled);
    }
    let site = format!("/sites/{}", server.site_id);
    let asked: Vec<String> = match sources.contains(&"api.rs") {
        true => vec![],
        false => ["events", "clicks", "visits", "order_events"]
            .iter()
            .map(|kind| format!("{site}/log?kind={kind}"))
            .chain(
                ["t-1", "o-1", "form-sent", EMAIL]
                    .iter()
                    .map(|text| format!("{site}/log?q={}", text.replace('@', "%40"))),
            )
            .chain(ids["{visit_id}"].iter().map(|id| format!("{site}/log?q={id}")))
            .chain(ids["{postback_id}"].iter().flat_map(|id| {
                [format!("{site}/worklist?postback={id}"), format!("{site}/log/postbacks/{id}?show=everything")]
            }))
            .chain(ids["{conversion_id}"].iter().flat_map(|id| {
                [format!("{site}/worklist?conversion={id}"), format!("{site}/conversions/{id}?show=everything")]
            }))
            .chain(
                ["visits", "clicks", "revenue", "without_value", "roi"]
                    .iter()
                    .map(|of| format!("{site}/reports/rows?of={of}&by=all")),
            )
            .collect(),
    };
    found.extend(asked);
    found
}

/// What of it stands in a text. Forms keep what was asked for, which whoever asked knows.
fn told(text: &str, planted: &[String], path: &str) -> Vec<String> {
    let text = match path.split_once("?q=") {
        Some((_, asked)) if asked.contains("%40") => text.replace(&format!("value=\"{EMAIL}\""), ""),
        _ => text.to_owned(),
    };
    planted.iter().filter(|secret| text.contains(secret.as_str())).cloned().collect()
}

#[tokio::test]
async fn whoever_only_looks_sees_no_person_and_no_secret_on_any_page_file_or_list() {
    let server = filled().await;
    let owner = Browser::signed_in(&server).await;
    let reader = person(&server, &owner, "reader@example.com", "read_only").await;
    let token = made(&server, "reader", "read_only").await;
    let secrets = planted(&server);
    let mut leaks = Vec::new();
    let mut seen = 0;
    for path in paths(&server, &["dashboard", "dashboard.rs"]).await {
        if path.ends_with("/live") {
            continue;
        }
        let response = reader.get(&path).await;
        seen += usize::from(response.status() == 200);
        leaks.extend(
            told(&response.text().await.expect("text"), &secrets, &path).into_iter().map(|one| (path.clone(), one)),
        );
    }
    let live = format!("/sites/{}/live?after=0", server.site_id);
    let mut live = reader.get(&live).await;
    let mut text = String::new();
    while !text.contains("visit-") {
        let part = live.chunk().await.expect("it goes on").expect("it goes on");
        text.push_str(&String::from_utf8_lossy(&part));
    }
    leaks.extend(told(&text, &secrets, "live").into_iter().map(|one| ("live".to_owned(), one)));
    for path in paths(&server, &["api.rs"]).await {
        let path = format!("/api/v1{path}");
        let by_token = server.client.get(format!("{}{path}", server.url)).bearer_auth(&token).send().await;
        for response in [by_token.expect("an answer"), reader.get(&path).await] {
            seen += usize::from(response.status() == 200);
            let text = response.text().await.expect("text");
            leaks.extend(told(&text, &secrets, &path).into_iter().map(|one| (path.clone(), one)));
        }
    }
    assert!(seen > 60, "{seen} pages and lists were read");
    assert_eq!(leaks, [], "path and what it tells");
}

#[tokio::test]
async fn whoever_works_with_postbacks_gets_them_whole_by_the_api_and_masked_on_pages() {
    let server = filled().await;
    let token = made(&server, "analyst", "analyst").await;
    let url = format!("{}/api/v1/sites/{}/postbacks", server.url, server.site_id);
    let list: Value =
        server.client.get(&url).bearer_auth(&token).send().await.expect("an answer").json().await.expect("JSON");
    assert!(list.to_string().contains(EMAIL) && list.to_string().contains(NAME));
    let file = server.client.get(format!("{url}.csv")).bearer_auth(&token).send().await.expect("an answer");
    assert!(file.text().await.expect("text").contains(NAME));
    let owner = Browser::signed_in(&server).await;
    for path in ["postbacks", "worklist"] {
        let page = owner.page(&format!("/sites/{}/{path}", server.site_id)).await;
        assert!(page.contains("•••") && !page.contains(NAME), "{path}: {page}");
    }
}
