//! The platforms in the dashboard: how it stands with each, their set-up, and what was sent.

use crate::dashboard::{Browser, location};
use crate::server::{Server, sale};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::any;
use reqwest::Response;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// A secret that may stand on no page.
const SECRET: &str = "whsec_bm9ib2R5LW1heS1ldmVyLXNlZS10aGlzLXNlY3JldA==";

/// How long a delivery may take, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receiver on loopback that answers as it is told.
struct Receiver {
    url: String,
    answer: Arc<Mutex<(u16, &'static str)>>,
}

impl Receiver {
    async fn answering(status: u16, body: &'static str) -> Self {
        let answer = Arc::new(Mutex::new((status, body)));
        let answered = async |State(answer): State<Arc<Mutex<(u16, &'static str)>>>| {
            let (status, body) = *answer.lock().expect("not poisoned");
            (StatusCode::from_u16(status).expect("a status"), body)
        };
        let routes = Router::new().fallback(any(answered)).with_state(Arc::clone(&answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, answer }
    }

    fn answers(&self, status: u16, body: &'static str) {
        *self.answer.lock().expect("not poisoned") = (status, body);
    }
}

async fn server() -> Server {
    Server::start_with(&[], "allow_private_targets = true\n[outbox]\nfirst_retry_seconds = 1\n").await
}

fn path(server: &Server, rest: &str) -> String {
    format!("/sites/{}{rest}", server.site_id)
}

/// Where a form led, if it was taken.
fn led_to(response: &Response) -> Option<&str> {
    (response.status() == 303).then(|| location(response))
}

/// The newest delivery, as soon as it is in this state.
async fn delivery(server: &Server, state: &str) -> Value {
    let begun = Instant::now();
    loop {
        let deliveries = server.list("deliveries").await;
        if let Some(found) = deliveries.iter().find(|delivery| delivery["state"] == state) {
            return found.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "{deliveries:?}");
    }
}

async fn settings(server: &Server) -> Value {
    server.api(&format!("/sites/{}/settings", server.site_id)).await["platforms"].clone()
}

#[tokio::test]
async fn every_platform_is_there_with_what_it_wants_and_those_in_use_with_their_state() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let empty = browser.page(&path(&server, "/platforms")).await;
    for platform in tagwerk_server::platforms::ALL {
        let about = platform.about();
        assert!(empty.contains(&format!("/platforms/{}\"><b>{}</b>", about.name, about.title)), "{}", about.name);
        let page = browser.page(&path(&server, &format!("/platforms/{}", about.name))).await;
        for field in about.fields {
            assert!(page.contains(&format!("name=\"{}\"", field.name)), "{} {}", about.name, field.name);
        }
    }
    assert!(empty.contains("None yet."));
    server.patch_settings(json!({ "platforms": { "meta": { "enabled": true, "pixel_id": "123" } } })).await;
    let page = browser.page(&path(&server, "/platforms")).await;
    assert!(page.contains("not set up") && page.contains("Missing: Access token"), "{page}");
    assert!(browser.page(&path(&server, "")).await.contains("/platforms\">Platforms</a>"));
    for unknown in ["nobody", "meta-second", "%3Cb%3E", "webhook-%0A"] {
        let response = browser.get(&path(&server, &format!("/platforms/{unknown}"))).await;
        assert_eq!(response.status(), 404, "{unknown}");
    }
}

#[tokio::test]
async fn a_platform_is_set_up_by_its_form_and_its_secrets_stand_on_no_page() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let meta = path(&server, "/platforms/meta");
    let form = [
        ("enabled", "1"),
        ("pixel_id", " 123456789012345 "),
        ("access_token", SECRET),
        ("types", "Purchase\r\n\r\n Lead "),
        ("event_names", "Lead = Contact\r\nTrial=Start = Trial"),
        ("send", "all"),
        ("test_event_code", ""),
    ];
    let response = browser.post(&meta, &form).await;
    assert_eq!(led_to(&response), Some(format!("{meta}?done=saved").as_str()));
    let wanted = json!({
        "enabled": true, "pixel_id": "123456789012345", "access_token": "********", "types": ["Purchase", "Lead"],
        "event_names": { "Lead": "Contact", "Trial": "Start = Trial" }, "send": "all",
    });
    assert_eq!(settings(&server).await["meta"], wanted);
    let page = browser.page(&format!("{meta}?done=saved")).await;
    assert!(page.contains("Saved.") && page.contains("One is kept, sealed"), "{page}");
    assert!(page.contains("Purchase\nLead</textarea>") && page.contains("Lead = Contact"), "{page}");
    // An empty field keeps the secret; a table's line that is gone is gone.
    let again =
        [("enabled", "1"), ("pixel_id", "123456789012345"), ("access_token", ""), ("event_names", "Lead = Contact")];
    assert_eq!(browser.post(&meta, &again).await.status(), 303);
    let wanted = json!({ "enabled": true, "pixel_id": "123456789012345", "access_token": "********", "event_names": { "Lead": "Contact" } });
    assert_eq!(settings(&server).await["meta"], wanted);
    for page in ["/platforms", "/platforms/meta", "", "/deliveries"] {
        assert!(!browser.page(&path(&server, page)).await.contains(SECRET), "{page}");
    }
    // Forgetting has to be said.
    let forget = [("pixel_id", "123456789012345"), ("forget", "access_token"), ("event_names", "Lead = Contact")];
    assert_eq!(browser.post(&meta, &forget).await.status(), 303);
    let wanted = json!({ "enabled": false, "pixel_id": "123456789012345", "event_names": { "Lead": "Contact" } });
    assert_eq!(settings(&server).await["meta"], wanted);
}

#[tokio::test]
async fn what_cannot_be_is_told_beside_the_form_and_changes_nothing() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let meta = path(&server, "/platforms/meta");
    let before = settings(&server).await;
    let form = [("pixel_id", "<b>1</b>"), ("access_token", SECRET), ("base_url", "ftp://x\"><script>")];
    let response = browser.post(&meta, &form).await;
    assert_eq!(response.status(), 422);
    let page = response.text().await.expect("text");
    assert!(page.contains("<p class=\"wrong-said\">must be an http or https URL</p>"), "{page}");
    assert!(page.contains("value=\"&#60;b&#62;1&#60;/b&#62;\""), "what was entered is still there: {page}");
    assert!(!page.contains(SECRET) && !page.contains("<script>") && !page.contains("<b>1</b>"), "{page}");
    let response = browser.post(&meta, &[("event_names", "Purchase = a\nno line <i>"), ("pixel_id", "1")]).await;
    assert_eq!(response.status(), 422);
    let page = response.text().await.expect("text");
    assert!(page.contains("“no line &#60;i&#62;” is none of its lines"), "{page}");
    let response = browser.post(&meta, &[("event_names", "Purchase = a\npurchase = b")]).await;
    assert!(response.text().await.expect("text").contains("purchase stands there twice"));
    assert_eq!(settings(&server).await, before);
}

#[tokio::test]
async fn another_address_clears_the_secrets_and_the_page_says_so() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let webhook = path(&server, "/platforms/webhook");
    let first = [("url", "https://a.example/in"), ("secret", SECRET)];
    assert_eq!(led_to(&browser.post(&webhook, &first).await), Some(format!("{webhook}?done=saved").as_str()));
    let response = browser.post(&webhook, &[("url", "https://b.example/in"), ("secret", "")]).await;
    assert_eq!(led_to(&response), Some(format!("{webhook}?done=moved").as_str()));
    assert!(browser.page(&format!("{webhook}?done=moved")).await.contains("enter them again"));
    assert_eq!(settings(&server).await["webhook"], json!({ "url": "https://b.example/in" }));
    let response = browser.post(&webhook, &[("url", "https://c.example/in"), ("secret", SECRET)]).await;
    assert_eq!(led_to(&response), Some(format!("{webhook}?done=saved").as_str()));
    let meta = path(&server, "/platforms/meta");
    browser.post(&meta, &[("pixel_id", "1"), ("access_token", SECRET)]).await;
    let moved = [("pixel_id", "1"), ("base_url", "https://d.example"), ("access_token", "")];
    assert_eq!(led_to(&browser.post(&meta, &moved).await), Some(format!("{meta}?done=moved").as_str()));
    assert_eq!(settings(&server).await["meta"], json!({ "pixel_id": "1", "base_url": "https://d.example" }));
}

#[tokio::test]
async fn a_test_event_shows_request_and_answer_with_everything_hostile_escaped() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let receiver = Receiver::answering(200, "<script>alert(1)</script>").await;
    let test = path(&server, "/platforms/postback-crm/test");
    let nothing = browser.post(&test, &[("type", "Purchase")]).await;
    assert!(nothing.text().await.expect("text").contains("not set up: url missing"));
    let url = format!("{}/in?key={{secret}}&type={{type}}", receiver.url);
    server.patch_settings(json!({ "platforms": { "postback-crm": { "url": url, "secret": SECRET } } })).await;
    let page = browser.post(&test, &[("type", "<b>mine</b>")]).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.expect("text");
    assert!(page.contains("taken.") && page.contains("GET http://127.0.0.1"), "{page}");
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;") && !page.contains("<script>alert"), "{page}");
    assert!(!page.contains("<b>mine</b>") && page.contains("•••"), "{page}");
    assert!(!page.contains(SECRET) && !page.contains("whsec"), "{page}");
    receiver.answers(410, "gone & over");
    let page = browser.post(&test, &[]).await.text().await.expect("text");
    assert!(page.contains("Purchase: stopped.") && page.contains("gone &#38; over"), "{page}");
    assert_eq!(server.list("deliveries").await, [Value::Null; 0], "a test event is no delivery");
}

#[tokio::test]
async fn another_one_of_a_kind_gets_a_label() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let another = path(&server, "/platforms/webhook/another");
    let response = browser.post(&another, &[("label", " crm ")]).await;
    let page = path(&server, "/platforms/webhook-crm");
    assert_eq!(led_to(&response), Some(format!("{page}#form").as_str()));
    assert!(browser.page(&page).await.contains("Webhook: crm"));
    assert_eq!(settings(&server).await, json!({}), "nothing is made before it is saved");
    assert_eq!(browser.post(&page, &[("url", "https://a.example/")]).await.status(), 303);
    assert!(browser.page(&path(&server, "/platforms")).await.contains("Webhook: crm"));
    for (label, said) in [("crm", "There is one with this label already."), ("<b>", "A label has"), ("", "A label has")]
    {
        let response = browser.post(&another, &[("label", label)]).await;
        assert_eq!(response.status(), 422, "{label}");
        assert!(response.text().await.expect("text").contains(said), "{label}");
    }
    let only_one = browser.post(&path(&server, "/platforms/meta/another"), &[("label", "crm")]).await;
    assert_eq!(only_one.status(), 422);
    let removed = browser.post(&path(&server, "/platforms/webhook-crm/remove"), &[]).await;
    let overview = path(&server, "/platforms?done=removed&platform=webhook-crm");
    assert_eq!(led_to(&removed), Some(overview.as_str()));
    assert!(browser.page(&overview).await.contains("The settings of Webhook: crm are gone"));
    assert_eq!(settings(&server).await, json!({}));
}

#[tokio::test]
async fn a_platform_that_is_stopped_says_why_everywhere_and_goes_on_when_told() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let receiver = Receiver::answering(410, "<i>gone</i>").await;
    let webhook =
        json!({ "enabled": true, "url": format!("{}/in", receiver.url), "secret": SECRET, "test_event_code": "T<1>" });
    server.patch_settings(json!({ "platforms": { "webhook": webhook } })).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "t-1")).await;
    let id = delivery(&server, "stopped").await["id"].as_str().expect("an id").to_owned();
    for page in ["", "/platforms", "/platforms/webhook"] {
        let page = browser.page(&path(&server, page)).await;
        assert!(page.contains("is stopped.") && page.contains("&#60;i&#62;gone&#60;/i&#62;"), "{page}");
        assert!(!page.contains("<i>gone") && !page.contains(SECRET), "{page}");
    }
    assert!(browser.page(&path(&server, "/platforms")).await.contains("is in test mode."));
    let shown = browser.page(&path(&server, &format!("/deliveries/{id}"))).await;
    assert!(shown.contains("HTTP 410") && shown.contains("webhook-signature") && shown.contains("t-1"), "{shown}");
    assert!(shown.contains("&#34;kind&#34;") && shown.contains("spring") && !shown.contains("<i>gone"), "{shown}");
    assert!(!shown.contains(SECRET));
    receiver.answers(200, "");
    let response = browser.post(&path(&server, "/platforms/webhook/resume"), &[("back", "platform")]).await;
    let back = path(&server, "/platforms/webhook?done=resumed&platform=webhook");
    assert_eq!(led_to(&response), Some(back.as_str()));
    assert!(browser.page(&back).await.contains("Sending to Webhook goes on."));
    assert_eq!(delivery(&server, "delivered").await["id"], id.as_str());
    let off = browser.post(&path(&server, "/platforms/meta/resume"), &[]).await;
    assert_eq!(off.status(), 404);
}

#[tokio::test]
async fn what_was_refused_is_listed_with_its_reason_and_sent_again() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let receiver = Receiver::answering(200, "").await;
    let wrong = json!({ "enabled": true, "url": format!("{}/in?x={{nothing}}", receiver.url) });
    server.patch_settings(json!({ "platforms": { "postback": wrong } })).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "t-1")).await;
    let refused = delivery(&server, "refused").await;
    let id = refused["id"].as_str().expect("an id");
    let page = browser.page(&path(&server, "/platforms")).await;
    assert!(page.contains("there is no macro {nothing}"), "{page}");
    for (query, is_there) in [
        ("", true),
        ("?state=refused&platform=postback", true),
        ("?state=delivered", false),
        ("?platform=meta", false),
        ("?state=%3Cb%3E", false),
    ] {
        let page = browser.page(&path(&server, &format!("/deliveries{query}"))).await;
        assert_eq!(page.contains(&format!("/deliveries/{id}\"")), is_there, "{query} {page}");
        assert!(!page.contains("<b>\""));
    }
    let conversion = refused["conversion_id"].as_str().expect("a conversion");
    assert!(browser.page(&path(&server, &format!("/deliveries?conversion_id={conversion}"))).await.contains(id));
    assert!(browser.page(&path(&server, &format!("/conversions/{conversion}"))).await.contains(id));
    let right = json!({ "url": format!("{}/in?x={{value}}", receiver.url) });
    server.patch_settings(json!({ "platforms": { "postback": right } })).await;
    let response = browser.post(&path(&server, "/platforms/postback/again"), &[("state", "refused")]).await;
    let back = path(&server, "/platforms?done=again&count=1&platform=postback");
    assert_eq!(led_to(&response), Some(back.as_str()));
    assert!(browser.page(&back).await.contains("One delivery to Postback is sent again"));
    let delivered = delivery(&server, "delivered").await;
    assert_eq!((&delivered["id"], &delivered["event_id"]), (&refused["id"], &refused["event_id"]));
    let response = browser.post(&path(&server, &format!("/deliveries/{id}/replay")), &[]).await;
    let back = path(&server, &format!("/deliveries/{id}?done=again&count=1&platform=postback"));
    assert_eq!(led_to(&response), Some(back.as_str()));
    assert!(browser.page(&back).await.contains("is sent again"));
    let nonsense = browser.post(&path(&server, "/platforms/postback/again"), &[("state", "delivered")]).await;
    assert_eq!(nonsense.status(), 422);
    server.patch_settings(json!({ "platforms": { "postback": { "enabled": false } } })).await;
    let response = browser.post(&path(&server, &format!("/deliveries/{id}/replay")), &[]).await;
    let page = browser.page(led_to(&response).expect("a page")).await;
    assert!(page.contains("Nothing is sent again: Postback is switched off"), "{page}");
}

#[tokio::test]
async fn deliveries_are_paged_under_their_filters() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let wrong = json!({ "enabled": true, "url": "http://127.0.0.1:9/{nothing}" });
    server.patch_settings(json!({ "platforms": { "postback": wrong, "postback-b": wrong } })).await;
    let click_id = server.clicked().await.to_string();
    for index in 0..51 {
        let transaction = format!("t-{index}");
        server.postback(&sale(&click_id, &transaction)).await;
    }
    let rows = |page: &str| page.matches("<tr role=\"row\" id=\"delivery-").count();
    let first = browser.page(&path(&server, "/deliveries?platform=postback-b")).await;
    assert_eq!(rows(&first), 50);
    let older = first.split("/deliveries?").find(|part| part.contains("after=")).expect("older ones");
    let older = older.split('"').next().expect("a query").replace("&#38;", "&").replace("&amp;", "&");
    let second = browser.page(&path(&server, &format!("/deliveries?{older}"))).await;
    assert_eq!(rows(&second), 1, "{second}");
    assert!(second.contains("<option value=\"postback-b\" selected>"), "{second}");
    let nonsense = browser.page(&path(&server, "/deliveries?after=nonsense")).await;
    assert_eq!(rows(&nonsense), 50);
}

#[tokio::test]
async fn nothing_is_done_from_another_page_or_without_a_session() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let receiver = Receiver::answering(200, "").await;
    let hook = json!({ "enabled": true, "url": format!("{}/in", receiver.url), "secret": SECRET });
    server.patch_settings(json!({ "platforms": { "webhook": hook } })).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "t-1")).await;
    let id = delivery(&server, "delivered").await["id"].as_str().expect("an id").to_owned();
    let before = (settings(&server).await, server.list("deliveries").await);
    for rest in [
        "/platforms/webhook".to_owned(),
        "/platforms/webhook/test".to_owned(),
        "/platforms/webhook/resume".to_owned(),
        "/platforms/webhook/again".to_owned(),
        "/platforms/webhook/another".to_owned(),
        "/platforms/webhook/remove".to_owned(),
        format!("/deliveries/{id}/replay"),
    ] {
        let path = path(&server, &rest);
        let form = [("state", "refused"), ("label", "x"), ("url", "https://evil.example/")];
        for origin in [None, Some("https://evil.example"), Some("null")] {
            assert_eq!(browser.post_from(origin, &path, &form).await.status(), 403, "{path} {origin:?}");
        }
        assert_eq!(led_to(&Browser::new(&server).post(&path, &form).await), Some("/sign-in"), "{path}");
    }
    for rest in ["/platforms", "/platforms/webhook", "/deliveries", &format!("/deliveries/{id}")] {
        assert_eq!(led_to(&Browser::new(&server).get(&path(&server, rest)).await), Some("/sign-in"), "{rest}");
    }
    assert_eq!((settings(&server).await, server.list("deliveries").await), before);
    for rest in ["/deliveries/nobody", "/deliveries/%3Cb%3E"] {
        assert_eq!(browser.get(&path(&server, rest)).await.status(), 404, "{rest}");
        assert_eq!(browser.post(&path(&server, &format!("{rest}/replay")), &[]).await.status(), 404, "{rest}");
    }
    for rest in ["/platforms/webhook/again", "/platforms/webhook/resume"] {
        let stranger = format!("/sites/%0Anobody{rest}");
        assert_eq!(browser.post(&stranger, &[("state", "refused")]).await.status(), 404, "{rest}");
    }
}
