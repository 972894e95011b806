//! What is kept of a visitor: the platforms' cookies, the touches that count, and the cookie of our own.

use crate::server::{Server, visit_with_click};
use reqwest::Response;
use serde_json::{Value, json};
use tagwerk_protocol::event::Event;
use tagwerk_protocol::source::Arrival;

const DAY: i64 = 86_400_000;

/// Sends an event as a browser does, with these headers.
async fn send(server: &Server, event: &Event, headers: &[(&str, &str)]) -> Response {
    let mut request = server.client.post(format!("{}/{}/event", server.url, server.site_id)).body(event.to_line());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

fn set_cookie(response: &Response) -> Option<&str> {
    response.headers().get("set-cookie").map(|value| value.to_str().expect("text"))
}

/// A direct visit so many days after an ad click.
fn days_after(days: i64, page: &str) -> Event {
    let (mut view, _) = visit_with_click();
    let touch = Arrival { at: view.at - days * DAY, page: page.into(), referrer: String::new() };
    view.landing = Arrival { at: view.at, page: "https://shop.example/".into(), referrer: String::new() };
    view.first = Some(touch.clone());
    view.touch = Some(touch);
    view
}

#[tokio::test]
async fn the_platforms_cookies_of_the_page_are_the_visit_s_and_nobody_overwrites_them() {
    let server = Server::start().await;
    let (mut view, mut click) = visit_with_click();
    view.cookies = vec![("_fbp".into(), "fb.1.1694086440415.652523550".into()), ("session".into(), "secret".into())];
    click.cookies = vec![("_fbp".into(), "forged".into()), ("_gac_UA-1".into(), "1.2.AbC".into())];
    for event in [&view, &click] {
        assert_eq!(server.post_events(&[event]).await.status(), 204);
    }
    assert_eq!(
        server.list("visits").await.remove(0)["cookies"],
        json!({"_fbp": "fb.1.1694086440415.652523550", "_gac_UA-1": "1.2.AbC"})
    );
}

#[tokio::test]
async fn meta_s_cookie_is_built_of_the_click_id_until_the_page_tells_its_own() {
    let server = Server::start().await;
    let (mut view, mut click) = visit_with_click();
    view.landing.page = "https://shop.example/?fbclid=IwAR2F4-dbP0l7Mn1_Aw".into();
    view.landing.at = 1_700_000_000_123;
    server.post_events(&[&view]).await;
    let cookies = server.list("visits").await.remove(0)["cookies"].clone();
    assert_eq!(cookies, json!({"_fbc": "fb.1.1700000000123.IwAR2F4-dbP0l7Mn1_Aw"}));
    click.cookies = vec![("_fbc".into(), "fb.1.1700000000999.IwAR2F4-dbP0l7Mn1_Aw".into())];
    server.post_events(&[&click]).await;
    let cookies = server.list("visits").await.remove(0)["cookies"].clone();
    assert_eq!(cookies, json!({"_fbc": "fb.1.1700000000999.IwAR2F4-dbP0l7Mn1_Aw"}));
}

#[tokio::test]
async fn a_visit_is_credited_to_the_last_touch_within_the_site_s_days() {
    let server = Server::start().await;
    let credited = async |event: Event| {
        server.post_events(&[&event]).await;
        let visit = server.list("visits").await.remove(0);
        (visit["click_ids"].clone(), visit["first_touch"]["click_ids"].clone())
    };
    let found = json!({"gclid": "Old"});
    let page = "https://shop.example/?gclid=Old";
    assert_eq!(credited(days_after(30, page)).await, (found.clone(), found.clone()));
    assert_eq!(credited(days_after(31, page)).await, (json!({}), found.clone()));
    assert_eq!(credited(days_after(91, page)).await, (json!({}), Value::Null));
    let change = json!({"attribution": {"first_touch_days": 730, "last_touch_days": 200}});
    assert_eq!(server.patch_settings(change).await.status(), 200);
    assert_eq!(credited(days_after(91, page)).await, (found.clone(), found));
}

#[tokio::test]
async fn an_event_tells_what_it_was_triggered_with_and_a_click_its_link_s_text() {
    let server = Server::start().await;
    let (view, click) = visit_with_click();
    let items = r#"[{"item_id":"7","item_name":"Späti & Söhne","price":12.5}]"#;
    let attributes =
        [("value", "12.50"), ("currency", "EUR"), ("transactionId", "A-1"), ("items", items), ("label", "")];
    let mut triggered = view.clone();
    triggered.event_id = format!("trigger-{}", view.visit_id);
    triggered.name = "AddToCart".into();
    triggered.click_id = click.click_id.clone();
    triggered.attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    server.post_events(&[&view, &click, &triggered]).await;
    let event = server.list("events").await.remove(0);
    assert_eq!(event["name"], "AddToCart");
    assert_eq!(
        event["attributes"],
        json!({"value": "12.50", "currency": "EUR", "transactionId": "A-1", "items": items, "label": ""})
    );
    assert_eq!(event["click_id"], click.event_id.as_str());
    let clicks = server.list("clicks").await;
    assert_eq!((clicks.len(), &clicks[0]["label"]), (1, &json!("Buy now")));
}

#[tokio::test]
async fn the_answer_to_a_page_of_the_same_site_sets_the_visitor_s_cookie() {
    let server = Server::start_with(&[], "public_url = \"https://t.shop.com\"\n").await;
    let origin = "https://www.shop.com";
    assert_eq!(server.patch_settings(json!({"origins": [origin]})).await.status(), 200);
    let (view, _) = visit_with_click();
    let response = send(&server, &view, &[("origin", origin), ("sec-fetch-site", "same-site")]).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-credentials"], "true");
    let cookie = set_cookie(&response).expect("a cookie");
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!(attributes, "Path=/; Max-Age=34560000; SameSite=Lax; Domain=shop.com; Secure");
    assert!(pair.starts_with(&format!("tagwerk=visit_id={}&seen={}&", view.visit_id, view.at)), "{pair}");
    assert!(pair.contains("gclid%3DCj0KCQiA-Xyz_1"), "{pair}");
    // What the browser has goes on.
    let mut later = visit_with_click().0;
    (later.visitor_id, later.at) = (None, view.at + 1);
    let headers = [("origin", origin), ("sec-fetch-site", "same-site"), ("cookie", pair)];
    let cookie = set_cookie(&send(&server, &later, &headers).await).expect("a cookie").to_owned();
    let visitor_id = view.visitor_id.as_deref().expect("an id");
    assert!(cookie.contains(&format!("&visitor_id={visitor_id}&")), "{cookie}");
}

#[tokio::test]
async fn a_server_with_a_name_in_each_site_s_domain_sets_the_cookie_there() {
    let server = Server::start_with(&[], "public_url = \"https://t.shop.com\"\n").await;
    let origin = "https://www.other.com";
    server.patch_settings(json!({"origins": [origin]})).await;
    let headers = [("host", "t.other.com"), ("origin", origin), ("sec-fetch-site", "same-site")];
    let response = send(&server, &visit_with_click().0, &headers).await;
    let cookie = set_cookie(&response).expect("a cookie");
    assert!(cookie.ends_with("; Domain=other.com; Secure"), "{cookie}");
}

#[tokio::test]
async fn the_answer_to_any_other_page_sets_no_cookie() {
    let server = Server::start_with(&[], "public_url = \"https://t.shop.com\"\n").await;
    let (view, _) = visit_with_click();
    let from = |origin: &'static str, site: &'static str| [("origin", origin), ("sec-fetch-site", site)];
    let without_origins = [
        from("https://www.shop.com", "same-site"),
        from("https://a.example", "cross-site"),
        from("null", "cross-site"),
    ];
    for headers in without_origins {
        assert_eq!(set_cookie(&send(&server, &view, &headers).await), None, "{headers:?}");
    }
    let own = send(&server, &view, &from("https://t.shop.com", "same-origin")).await;
    assert!(set_cookie(&own).is_some(), "a page of the server's own needs no listed origin");
    server.patch_settings(json!({"origins": ["https://a.example"]})).await;
    let listed = send(&server, &view, &from("https://a.example", "cross-site")).await;
    assert_eq!((listed.status().as_u16(), set_cookie(&listed)), (204, None));
    let refused = send(&server, &view, &from("https://www.shop.com", "same-site")).await;
    assert_eq!((refused.status().as_u16(), set_cookie(&refused)), (403, None));
}

#[tokio::test]
async fn what_is_not_kept_sets_no_cookie() {
    let server = Server::start().await;
    let request = server.client.post(format!("{}/{}/event", server.url, server.site_id)).body("name=PageView");
    let response = request.header("sec-fetch-site", "same-origin").send().await.expect("an answer");
    assert_eq!((response.status().as_u16(), set_cookie(&response)), (422, None));
}
