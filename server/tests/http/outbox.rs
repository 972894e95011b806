//! Sending on, as the operator sees it over the API: a real server, and an ad platform on this machine.

use crate::server::{Server, error_of, sale, visit_with_click};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use reqwest::Response;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// How long a delivery may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The platform of these tests is on this machine.
pub(crate) const PRIVATE: &str = "allow_private_targets = true\n";
/// What nobody may get to see.
pub(crate) const TOKEN: &str = "EAA-very-secret-token";
/// How the platform says yes.
const TAKEN: &str = r#"{"events_received":1,"fbtrace_id":"A1"}"#;

/// An ad platform on a free port; `url` is its origin.
pub(crate) struct Platform {
    url: String,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    answers: Mutex<VecDeque<(u16, String)>>,
    heard: Mutex<Vec<(String, Value)>>,
}

impl Platform {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Arc::new(Inner::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    /// What it answers next, once; what it has no word for is taken.
    fn then(&self, status: u16, body: impl Into<String>) {
        self.inner.answers.lock().expect("not poisoned").push_back((status, body.into()));
    }

    /// What it was sent: paths and bodies, in order.
    fn heard(&self) -> Vec<(String, Value)> {
        self.inner.heard.lock().expect("not poisoned").clone()
    }
}

async fn answer(State(platform): State<Arc<Inner>>, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let body = serde_json::from_slice(&body).unwrap_or_default();
    platform.heard.lock().expect("not poisoned").push((uri.to_string(), body));
    let next = platform.answers.lock().expect("not poisoned").pop_front();
    let (status, body) = next.unwrap_or_else(|| (200, TAKEN.to_owned()));
    (StatusCode::from_u16(status).expect("a status"), body)
}

/// A server that sends to the platform.
async fn started() -> (Server, Platform) {
    let (server, platform) = (Server::start_with(&[], PRIVATE).await, Platform::open().await);
    switch_on(&server, &platform, json!({})).await;
    (server, platform)
}

pub(crate) async fn switch_on(server: &Server, platform: &Platform, more: Value) {
    let mut meta = json!({
        "enabled": true, "pixel_id": "1234567890", "access_token": TOKEN, "base_url": format!("{}/graph", platform.url),
    });
    json_patch::merge(&mut meta, &more);
    assert_eq!(server.patch_settings(json!({ "platforms": { "meta": meta } })).await.status(), 200);
}

/// A click of a visitor who came by one of the platform's ads; its id.
async fn clicked(server: &Server) -> String {
    let (mut view, mut click) = visit_with_click();
    for event in [&mut view, &mut click] {
        event.page = "https://shop.example/review?fbclid=IwAR0-Xyz_1".into();
        event.landing.page = event.page.clone();
    }
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    click.click_id.expect("a click id").to_string()
}

/// A sale after such a click.
async fn sold(server: &Server, transaction_id: &str) {
    let click_id = clicked(server).await;
    assert_eq!(server.postback(&sale(&click_id, transaction_id)).await.0, 200);
}

impl Server {
    async fn told(&self, path: &str, body: Value) -> Response {
        let request = self.client.post(format!("{}/api/v1/sites/{}/{path}", self.url, self.site_id));
        request.bearer_auth(&self.token).json(&body).send().await.expect("an answer")
    }

    /// The newest delivery once it is in this state.
    pub(crate) async fn delivery(&self, state: &str) -> Value {
        let begun = Instant::now();
        loop {
            let found = self.list("deliveries").await;
            match found.first() {
                Some(delivery) if delivery["state"] == state => return delivery.clone(),
                _ => assert!(begun.elapsed() < PATIENCE, "{found:?}"),
            }
        }
    }

    async fn one(&self, delivery: &Value) -> Value {
        self.api(&format!("/sites/{}/deliveries/{}", self.site_id, id(delivery))).await
    }

    async fn platform(&self, name: &str) -> Value {
        let found = self.api(&format!("/sites/{}/platforms", self.site_id)).await;
        let mut items = found["items"].as_array().expect("items").iter();
        items.find(|platform| platform["platform"] == name).expect("the platform").clone()
    }

    async fn csv(&self) -> Vec<BTreeMap<String, String>> {
        let response = self.api_response(&format!("/sites/{}/deliveries.csv", self.site_id)).await;
        assert_eq!(response.status(), 200);
        let text = response.text().await.expect("text");
        csv::Reader::from_reader(text.as_bytes()).deserialize().map(|row| row.expect("a row")).collect()
    }
}

fn id(delivery: &Value) -> &str {
    delivery["id"].as_str().expect("an id")
}

fn refusal() -> String {
    json!({ "error": { "message": "Invalid parameter", "code": 100, "error_subcode": 2_804_003 } }).to_string()
}

#[tokio::test]
async fn a_sale_is_told_to_the_platform_whose_ad_brought_the_visitor_and_to_no_other() {
    let (server, platform) = started().await;
    let others = json!({ "platforms": { "tiktok": {
        "enabled": true, "pixel_code": "C1", "access_token": "t", "base_url": platform.url,
    } } });
    assert_eq!(server.patch_settings(others).await.status(), 200);
    sold(&server, "t-1").await;
    let delivery = server.delivery("delivered").await;
    let conversion = server.list("conversions").await.remove(0);
    assert_eq!(
        (&delivery["platform"], &delivery["type"], &delivery["conversion_id"], &delivery["at"]),
        (&json!("meta"), &json!("Purchase"), &conversion["id"], &conversion["at"]),
    );
    assert_eq!((&delivery["attempts"], &delivery["last_status"]), (&json!(1), &json!(200)));
    assert_eq!((&delivery["last_answer"], &delivery["not_before"]), (&json!(TAKEN), &Value::Null));
    for time in ["received_at", "deadline", "finished_at"] {
        assert!(delivery[time].as_str().is_some_and(|time| time.ends_with('Z')), "{time}: {delivery}");
    }
    let heard = platform.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    let (path, body) = &heard[0];
    assert_eq!(path, "/graph/v25.0/1234567890/events");
    assert_eq!(body["data"][0]["event_id"], delivery["event_id"]);
    assert_eq!(server.all("deliveries").await.len(), 1);
}

#[tokio::test]
async fn a_delivery_shows_its_request_and_answer_without_secrets() {
    let (server, platform) = started().await;
    platform.then(200, json!({ "events_received": 1, "messages": [format!("hello {TOKEN}")] }).to_string());
    sold(&server, "t-1").await;
    let delivery = server.delivery("delivered").await;
    let full = server.one(&delivery).await;
    let request = &full["request"];
    assert_eq!((&request["method"], &request["together"]), (&json!("POST"), &json!(1)));
    assert_eq!(request["url"], format!("{}/graph/v25.0/1234567890/events", platform.url));
    assert_eq!(request["headers"]["content-type"], "application/json");
    let body: Value = serde_json::from_str(request["body"].as_str().expect("text")).expect("JSON");
    assert_eq!((&body["data"][0]["event_id"], &body["access_token"]), (&delivery["event_id"], &json!("•••")));
    assert_eq!(full["answer"]["status"], 200);
    assert!(full["answer"]["body"].as_str().is_some_and(|body| body.contains("hello •••")), "{full}");
    assert_eq!(full["event_id"], delivery["event_id"]);
    let listed = server.api_response(&format!("/sites/{}/deliveries.csv", server.site_id)).await;
    for text in [
        full.to_string(),
        delivery.to_string(),
        listed.text().await.expect("text"),
        server.platform("meta").await.to_string(),
        server.api("/sites").await.to_string(),
    ] {
        assert!(!text.contains("very-secret"), "{text}");
    }
}

#[tokio::test]
async fn a_refused_delivery_says_why_and_is_sent_again_under_the_same_event_id() {
    let (server, platform) = started().await;
    platform.then(400, refusal());
    sold(&server, "t-1").await;
    let refused = server.delivery("refused").await;
    assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains("100/2804003")), "{refused}");
    assert_eq!(server.platform("meta").await["refused"], 1);
    let answer = server.told(&format!("deliveries/{}/replay", id(&refused)), json!({})).await;
    assert_eq!(answer.status(), 202);
    let again: Value = answer.json().await.expect("JSON");
    assert_eq!(again["id"], refused["id"]);
    let delivered = server.delivery("delivered").await;
    assert_eq!((&delivered["id"], &delivered["attempts"]), (&refused["id"], &json!(2)));
    let heard = platform.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].1["data"][0]["event_id"], heard[1].1["data"][0]["event_id"]);
}

#[tokio::test]
async fn everything_that_a_platform_refused_is_sent_again_at_once() {
    let (server, platform) = started().await;
    for number in 0..3 {
        platform.then(400, refusal());
        sold(&server, &format!("t-{number}")).await;
        server.delivery("refused").await;
    }
    let answer = server.told("platforms/meta/replay", json!({ "state": "refused" })).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({ "count": 3 }));
    let begun = Instant::now();
    while server.api(&format!("/sites/{}/deliveries?state=delivered", server.site_id)).await["items"]
        .as_array()
        .is_none_or(|items| items.len() < 3)
    {
        assert!(begun.elapsed() < PATIENCE);
    }
    let answer = server.told("platforms/meta/replay", json!({ "state": "refused" })).await;
    assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({ "count": 0 }));
}

#[tokio::test]
async fn a_broken_token_stops_its_platform_until_it_is_resumed() {
    let (server, platform) = started().await;
    platform.then(400, json!({ "error": { "message": "Error validating access token", "code": 190 } }).to_string());
    sold(&server, "t-1").await;
    server.delivery("stopped").await;
    let meta = server.platform("meta").await;
    assert_eq!((&meta["state"], &meta["stopped"], &meta["next_attempt"]), (&json!("stopped"), &json!(1), &Value::Null));
    assert!(meta["reason"].as_str().is_some_and(|reason| reason.contains("new access token")), "{meta}");
    assert!(meta["last_trouble"].is_string() && meta["oldest_unsent"].is_string(), "{meta}");
    assert_eq!(server.told("platforms/meta/resume", json!({})).await.status(), 204);
    assert_eq!(server.delivery("delivered").await["attempts"], 2);
    let meta = server.platform("meta").await;
    assert_eq!((&meta["state"], &meta["delivered"], &meta["reason"]), (&json!("sending"), &json!(1), &Value::Null));
    assert!(meta["last_success"].is_string() && meta["oldest_unsent"].is_null(), "{meta}");
}

#[tokio::test]
async fn a_platform_that_is_down_is_waited_for_and_both_tell_until_when() {
    let (server, platform) = started().await;
    platform.then(503, "<html>maintenance</html>");
    sold(&server, "t-1").await;
    let begun = Instant::now();
    let meta = loop {
        let meta = server.platform("meta").await;
        if meta["state"] == "waiting" {
            break meta;
        }
        assert!(begun.elapsed() < PATIENCE, "{meta}");
    };
    assert!(meta["reason"].as_str().is_some_and(|reason| reason.contains("503")), "{meta}");
    assert_eq!((&meta["waiting"], &meta["next_attempt"].is_string()), (&json!(1), &true));
    let delivery = server.delivery("waiting").await;
    assert!(delivery["not_before"].is_string() && delivery["finished_at"].is_null(), "{delivery}");
    // Whoever does not want to wait lets it go on.
    assert_eq!(server.told("platforms/meta/resume", json!({})).await.status(), 204);
    let replay = format!("deliveries/{}/replay", id(&delivery));
    assert_eq!(server.told(&replay, json!({})).await.status(), 202);
    assert_eq!(server.delivery("delivered").await["event_id"], delivery["event_id"]);
}

#[tokio::test]
async fn a_test_event_is_sent_at_once_and_leaves_no_delivery() {
    let (server, platform) = started().await;
    let (status, sentence) = error_of(server.told("platforms/meta/test", json!({ "type": "Purchase" })).await).await;
    assert_eq!(status, 422);
    assert!(sentence.contains("test_event_code"), "{sentence}");
    assert_eq!(platform.heard().len(), 0, "nothing is sent for real by a test");
    switch_on(&server, &platform, json!({ "test_event_code": "TEST1" })).await;
    let outcome = server.told("platforms/meta/test", json!({ "type": "Lead" })).await;
    assert_eq!(outcome.status(), 200);
    let outcome: Value = outcome.json().await.expect("JSON");
    assert_eq!(
        (&outcome["outcome"], &outcome["answer"]),
        (&json!("delivered"), &json!({ "status": 200, "body": TAKEN }))
    );
    assert!(outcome["request"]["body"].as_str().is_some_and(|body| body.contains("•••")), "{outcome}");
    assert!(!outcome.to_string().contains("very-secret"), "{outcome}");
    let (_, body) = platform.heard().remove(0);
    assert_eq!((&body["test_event_code"], &body["data"][0]["event_name"]), (&json!("TEST1"), &json!("Lead")));
    platform.then(400, json!({ "error": { "message": "Bad token", "code": 190 } }).to_string());
    let refused: Value = server.told("platforms/meta/test", json!({})).await.json().await.expect("JSON");
    assert_eq!((&refused["outcome"], &refused["answer"]["status"]), (&json!("stopped"), &json!(400)));
    assert_eq!(server.platform("meta").await["test_mode"], true);
    assert_eq!(server.list("deliveries").await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_file_of_deliveries_has_their_fields_and_defuses_what_platforms_answer() {
    let (server, platform) = (Server::start_with(&[], PRIVATE).await, Platform::open().await);
    let webhook = json!({ "enabled": true, "url": format!("{}/hook", platform.url), "secret": "s".repeat(32) });
    assert_eq!(server.patch_settings(json!({ "platforms": { "webhook-crm": webhook } })).await.status(), 200);
    platform.then(200, "=HYPERLINK(\"https://evil.example\")");
    sold(&server, "t-1").await;
    let delivery = server.delivery("delivered").await;
    let rows = server.csv().await;
    assert_eq!(rows.len(), 1);
    for (name, value) in delivery.as_object().expect("an object") {
        let said = match value {
            Value::String(text) if name == "last_answer" => format!("'{text}"),
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        assert_eq!(rows[0][name], said, "{name}");
    }
    assert_eq!((rows[0]["platform"].as_str(), rows[0]["state"].as_str()), ("webhook-crm", "delivered"));
}

#[tokio::test]
async fn deliveries_are_found_by_state_platform_type_conversion_and_event() {
    let (server, platform) = started().await;
    sold(&server, "t-1").await;
    server.delivery("delivered").await;
    platform.then(400, refusal());
    sold(&server, "t-2").await;
    let refused = server.delivery("refused").await;
    let text = |name: &str| refused[name].as_str().expect("text").to_owned();
    for (query, count) in [
        ("state=refused".to_owned(), 1),
        ("state=waiting".to_owned(), 0),
        ("platform=meta".to_owned(), 2),
        ("platform=tiktok".to_owned(), 0),
        ("type=Purchase".to_owned(), 2),
        (format!("conversion_id={}", text("conversion_id")), 1),
        (format!("event_id={}", text("event_id")), 1),
    ] {
        let found = server.api(&format!("/sites/{}/deliveries?{query}", server.site_id)).await;
        assert_eq!(found["items"].as_array().map(Vec::len), Some(count), "{query}");
    }
    let unknown = server.api_response(&format!("/sites/{}/deliveries?colour=red", server.site_id)).await;
    assert_eq!(error_of(unknown).await.0, 400);
}

#[tokio::test]
async fn every_platform_is_listed_with_its_settings_and_what_is_missing() {
    let server = Server::start().await;
    server.patch_settings(json!({ "platforms": { "meta": { "enabled": true }, "webhook-crm": {} } })).await;
    let found = server.api(&format!("/sites/{}/platforms", server.site_id)).await;
    let items = found["items"].as_array().expect("items");
    let names: Vec<&str> = items.iter().filter_map(|item| item["platform"].as_str()).collect();
    for name in ["meta", "google", "ga4", "tiktok", "postback", "webhook", "webhook-crm"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let meta = server.platform("meta").await;
    assert_eq!((&meta["state"], &meta["docs"]), (&json!("not_set_up"), &json!("docs/platforms/meta.md")));
    let missing: Vec<&str> =
        meta["missing"].as_array().expect("a list").iter().filter_map(|field| field["field"].as_str()).collect();
    assert_eq!(missing, ["pixel_id", "access_token"]);
    assert!(meta["missing"][0]["hint"].as_str().is_some_and(|hint| hint.contains("Events Manager")), "{meta}");
    let field = |name: &str| {
        let mut fields = meta["fields"].as_array().expect("a list").iter();
        fields.find(|field| field["name"] == name).expect("the field").clone()
    };
    assert_eq!((&field("access_token")["kind"], &field("access_token")["required"]), (&json!("secret"), &json!(true)));
    assert_eq!((&field("send")["kind"], &field("send")["words"]), (&json!("choice"), &json!(["matched", "all"])));
    assert_eq!(server.platform("tiktok").await["state"], "off");
}

#[tokio::test]
async fn what_a_platform_does_not_know_is_refused_by_name() {
    let server = Server::start().await;
    for (name, said, expected) in [
        (
            "meta",
            json!({ "acces_token": "x" }),
            "platforms.meta: unknown field `acces_token`, expected one of pixel_id",
        ),
        ("meta", json!({ "send": "some" }), "platforms.meta.send: must be one of matched, all"),
        ("meta", json!({ "types": "Purchase" }), "platforms.meta.types: must be a list of texts"),
        ("meta", json!({ "event_names": { "Lead": 1 } }), "platforms.meta.event_names: must be a table of texts"),
        ("meta-two", json!({}), "platforms.meta-two: there is no such platform; there are meta"),
        ("webhook", json!({ "url": "ftp://x.example" }), "platforms.webhook.url: must be an http or https URL"),
        ("webhook-a b", json!({}), "platforms.webhook-a b: there is no such platform"),
    ] {
        let change = json!({ "platforms": { name: said } });
        let (status, sentence) = error_of(server.patch_settings(change).await).await;
        assert_eq!(status, 422, "{sentence}");
        assert!(sentence.starts_with(expected), "{sentence}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_cannot_be_sent_is_told() {
    let server = Server::start().await;
    let path = format!("/sites/{}/deliveries/nothing", server.site_id);
    assert_eq!(error_of(server.api_response(&path).await).await, (404, "there is no such delivery".to_owned()));
    for (path, body, expected, part) in [
        ("deliveries/nothing/replay", json!({}), 404, "no such delivery"),
        ("platforms/myspace/test", json!({}), 404, "no such platform"),
        ("platforms/myspace/resume", json!({}), 404, "no such platform"),
        ("platforms/myspace/replay", json!({ "state": "refused" }), 404, "no such platform"),
        ("platforms/meta/test", json!({}), 422, "pixel_id, access_token missing"),
        ("platforms/meta/resume", json!({}), 422, "platforms.meta.enabled"),
        ("platforms/meta/replay", json!({ "state": "expired" }), 422, "platforms.meta.enabled"),
        ("platforms/meta/replay", json!({}), 400, "state"),
        ("platforms/meta/replay", json!({ "state": "waiting" }), 400, "refused, expired, stopped, delivered"),
        ("platforms/meta/replay", json!(["refused"]), 400, "the body must be like"),
        ("platforms/meta/test", json!({ "kind": "Lead" }), 400, "kind"),
        ("platforms/meta/test", json!({ "type": " " }), 400, "type"),
    ] {
        let (status, sentence) = error_of(server.told(path, body.clone()).await).await;
        assert!(status == expected && sentence.contains(part), "{path} {body}: {status} {sentence}");
    }
    for path in ["platforms", "deliveries/x", "deliveries.csv"] {
        let bare = server.client.get(format!("{}/api/v1/sites/{}/{path}", server.url, server.site_id));
        assert_eq!(bare.send().await.expect("an answer").status(), 401, "{path}");
        assert_eq!(error_of(server.api_response(&format!("/sites/nobody/{path}")).await).await.0, 404, "{path}");
    }
    let bare = server.client.post(format!("{}/api/v1/sites/{}/platforms/meta/resume", server.url, server.site_id));
    assert_eq!(bare.send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn what_waits_for_a_platform_that_was_switched_off_is_not_sent_again() {
    let (server, platform) = started().await;
    platform.then(400, refusal());
    sold(&server, "t-1").await;
    let refused = server.delivery("refused").await;
    server.patch_settings(json!({ "platforms": { "meta": { "enabled": false } } })).await;
    let replay = format!("deliveries/{}/replay", id(&refused));
    let (status, sentence) = error_of(server.told(&replay, json!({})).await).await;
    assert_eq!(status, 422);
    assert!(sentence.contains("platforms.meta.enabled"), "{sentence}");
    assert_eq!(server.list("deliveries").await[0]["state"], "refused");
}
