//! What the tag reports.

use crate::server::{Server, visit_with_click};
use serde_json::{Value, json};

#[tokio::test]
async fn a_visit_its_click_and_its_events_are_listed_when_the_request_is_answered() {
    let server = Server::start().await;
    let (view, click) = visit_with_click();
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    let visit = server.list("visits").await.remove(0);
    assert_eq!(visit["visit_id"], view.visit_id.as_str());
    assert_eq!(visit["landing_page"], view.page.as_str());
    assert_eq!(visit["referrer"], "https://www.google.com/");
    assert_eq!(visit["source"]["utm_campaign"], "spring");
    assert_eq!(visit["click_ids"], json!({"gclid": "Cj0KCQiA-Xyz_1"}));
    assert_eq!(visit["bot"], false);
    let listed = server.list("clicks").await.remove(0);
    assert_eq!(listed["click_id"], click.event_id.as_str());
    assert_eq!(listed["how"], "left");
    assert_eq!(listed["label"], "Buy now");
    assert_eq!(listed["group"], "digistore24");
    assert_eq!(listed["foreign"], false);
    let names: Vec<Value> = server.list("events").await.iter().map(|event| event["name"].clone()).collect();
    assert_eq!(names, ["OutboundClick", "PageView"]);
}

#[tokio::test]
async fn a_visit_costs_what_the_site_s_parameter_in_its_landing_page_says() {
    let server = Server::start().await;
    let landed = |query: &str| {
        let (mut view, _) = visit_with_click();
        view.landing.page = format!("https://shop.example/?utm_source=news&{query}");
        view
    };
    server.post_events(&[&landed("spent=0.35")]).await;
    let change = json!({"cost": {"param": "spent"}, "reporting_currency": "USD"});
    assert_eq!(server.patch_settings(change).await.status(), 200);
    server.post_events(&[&landed("spent=0,35")]).await;
    server.post_events(&[&landed("spent={cost}")]).await;
    let costs: Vec<Value> = server.list("visits").await.into_iter().map(|visit| visit["cost"].clone()).collect();
    assert_eq!(costs, [Value::Null, json!({"amount": "0.35", "currency": "USD"}), Value::Null]);
}

#[tokio::test]
async fn an_event_sent_twice_is_kept_once() {
    let server = Server::start().await;
    let (view, click) = visit_with_click();
    for _ in 0..2 {
        assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    }
    assert_eq!(server.list("events").await.len(), 2);
    assert_eq!(server.list("clicks").await.len(), 1);
}

#[tokio::test]
async fn a_visit_s_source_is_never_overwritten() {
    let server = Server::start().await;
    let (view, _) = visit_with_click();
    server.post_events(&[&view]).await;
    let mut forged = view.clone();
    forged.event_id = "forged".into();
    forged.landing.page = "https://shop.example/?gclid=forged".into();
    assert_eq!(server.post_events(&[&forged]).await.status(), 204);
    assert_eq!(server.list("visits").await.remove(0)["click_ids"]["gclid"], "Cj0KCQiA-Xyz_1");
}

#[tokio::test]
async fn a_triggered_event_keeps_its_attributes() {
    let server = Server::start().await;
    let (mut view, _) = visit_with_click();
    view.name = "AddToCart".into();
    view.attributes = vec![("value".into(), "12.50".into()), ("currency".into(), "EUR".into())];
    server.post_events(&[&view]).await;
    let event = server.list("events").await.remove(0);
    assert_eq!(
        (&event["name"], &event["attributes"]),
        (&json!("AddToCart"), &json!({"value": "12.50", "currency": "EUR"}))
    );
}

#[tokio::test]
async fn a_broken_line_is_told_and_the_others_are_kept() {
    let server = Server::start().await;
    let (view, _) = visit_with_click();
    let response = server.post_event_body(format!("name=PageView\n{}\n", view.to_line())).await;
    assert_eq!(response.status(), 422);
    let sentence = response.text().await.expect("text");
    assert!(sentence.contains("line 1") && sentence.contains("1 of 2"), "{sentence}");
    assert_eq!(server.list("events").await.len(), 1);
}

#[tokio::test]
async fn a_site_without_origins_takes_events_from_everywhere_without_cookies() {
    let server = Server::start().await;
    let (view, _) = visit_with_click();
    let request = server.client.post(format!("{}/{}/event", server.url, server.site_id));
    let response =
        request.header("origin", "https://any.example").body(view.to_line()).send().await.expect("an answer");
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_ne!(response.headers()["access-control-allow-credentials"], "true");
}

#[tokio::test]
async fn a_site_with_origins_takes_events_from_those_alone_with_cookies() {
    let server = Server::start().await;
    assert_eq!(server.patch_settings(json!({"origins": ["https://shop.example"]})).await.status(), 200);
    let (view, _) = visit_with_click();
    let send = |origin: &'static str| {
        let request = server.client.post(format!("{}/{}/event", server.url, server.site_id));
        request.header("origin", origin).body(view.to_line()).send()
    };
    let response = send("https://shop.example").await.expect("an answer");
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://shop.example");
    assert_eq!(response.headers()["access-control-allow-credentials"], "true");
    let response = send("https://evil.example").await.expect("an answer");
    assert_eq!(response.status(), 403);
    assert!(response.text().await.expect("text").contains("https://evil.example"));
}

#[tokio::test]
async fn too_many_requests_from_one_address_are_told_to_wait() {
    let server = Server::start_with(&[], "[limits]\nevents_per_minute = 2\n").await;
    let (view, _) = visit_with_click();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(server.post_events(&[&view]).await.status().as_u16());
    }
    assert_eq!(statuses, [204, 204, 429]);
    let response = server.post_events(&[&view]).await;
    assert!(response.headers().contains_key("retry-after"));
}
