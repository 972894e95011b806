//! Erasing a visitor: by the page and by the API, by whom, and that nothing of them is found anywhere afterwards.

use crate::dashboard::Browser;
use crate::ipn;
use crate::people::person;
use crate::replay::replayed;
use crate::server::{Server, sale, visit_with_click};
use reqwest::Response;
use serde_json::{Value, json};
use tagwerk_protocol::event::Event;

/// What is known of this visitor and of nobody else.
const EMAIL: &str = "annabella.lovelace@example.org";
const GCLID: &str = "Cj0KCQiA-only-hers-77";
const BROWSER: &str = "Mozilla/5.0 (X11; annabella)";
const ADDRESS: &str = "203.0.113.77";

fn path(server: &Server, rest: &str) -> String {
    format!("/sites/{}{rest}", server.site_id)
}

/// A server that believes what a proxy on this machine says of addresses, and keeps them whole.
async fn proxied() -> Server {
    let server = Server::start_with(&[], "trusted_proxies = [\"127.0.0.1\"]\n").await;
    assert_eq!(server.patch_settings(json!({ "privacy": { "ip": "full" } })).await.status(), 200);
    server
}

/// A visit with a click that tells all that a visitor can be known by.
fn hers() -> (Event, Event) {
    let (mut view, mut click) = visit_with_click();
    let page = format!("https://shop.example/review?utm_source=google&utm_campaign=spring&gclid={GCLID}&to={EMAIL}");
    for event in [&mut view, &mut click] {
        event.page.clone_from(&page);
        event.landing.page.clone_from(&page);
        event.first = Some(event.landing.clone());
        event.attributes = vec![("of".into(), EMAIL.into())];
        event.cookies = vec![("_gcl_aw".into(), format!("GCL.1700000000.{GCLID}"))];
    }
    view.page = "https://shop.example/confirm/annabella".into();
    (view, click)
}

async fn send(server: &Server, events: &[&Event]) -> Response {
    let body: Vec<String> = events.iter().map(|event| event.to_line()).collect();
    let request = server.client.post(format!("{}/{}/event", server.url, server.site_id));
    let request = request.header("x-forwarded-for", ADDRESS).header("user-agent", BROWSER);
    request.header("content-type", "text/plain").body(body.join("\n")).send().await.expect("an answer")
}

async fn delete(server: &Server, visitor: &str) -> Response {
    let url = format!("{}/api/v1/sites/{}/visitors/{visitor}", server.url, server.site_id);
    server.client.delete(url).bearer_auth(&server.token).send().await.expect("an answer")
}

fn called<'a>(click_id: &'a str, transaction: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut call = sale(click_id, transaction);
    call.extend([
        ("email", EMAIL),
        ("first_name", "Annabella"),
        ("sid1", "banner"),
        ("sid2", EMAIL),
        ("order_id", "order-77"),
        ("gclid", GCLID),
    ]);
    call
}

/// Where a text stands in the files of the database.
fn found_in_files(server: &Server, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(server.data()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if !name.contains(".db") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("read");
        if bytes.windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(name);
        }
    }
    found
}

/// A visitor with a sale, told to a platform that takes nothing; and somebody else.
async fn story(server: &Server) -> (Event, String) {
    let (view, click) = hers();
    assert_eq!(send(server, &[&view, &click]).await.status(), 204);
    let click_id = click.click_id.expect("a click id").to_string();
    assert_eq!(server.postback(&called(&click_id, "t-1")).await.0, 200);
    server.postback(&sale(&server.clicked().await.to_string(), "t-other")).await;
    // Reports know it.
    server.api(&format!("/sites/{}/report", server.site_id)).await;
    (view, click_id)
}

#[tokio::test]
async fn nothing_of_an_erased_visitor_is_found_in_the_files() {
    let server = proxied().await;
    let (view, click_id) = story(&server).await;
    let visitor = view.visitor_id.clone().expect("a visitor");
    let traces = [
        visitor.as_str(),
        view.visit_id.as_str(),
        click_id.as_str(),
        EMAIL,
        GCLID,
        BROWSER,
        ADDRESS,
        "confirm/annabella",
    ];
    for trace in traces {
        assert_ne!(found_in_files(&server, trace), Vec::<String>::new(), "{trace} is there before");
    }
    let erased = delete(&server, &visitor).await;
    assert_eq!(erased.status(), 200);
    let erased: Value = erased.json().await.expect("JSON");
    assert_eq!(
        erased,
        json!({
            "visits": 1, "events": 2, "clicks": 1, "conversions": 1, "postbacks": 1,
            "deliveries_stopped": 0, "deliveries_cleared": 0, "log_emptied": true,
        })
    );
    for trace in traces {
        assert_eq!(found_in_files(&server, trace), Vec::<String>::new(), "{trace}");
    }
    // What is sealed cannot be searched for in the files: it is read as the owner reads it.
    for list in ["visits", "events", "clicks", "conversions", "postbacks", "deliveries"] {
        let told = json!(server.all(list).await).to_string();
        for trace in traces.iter().chain(&["Annabella", "Lovelace"]) {
            assert!(!told.contains(trace), "{list}: {trace}");
        }
    }
    assert_eq!(server.list("visits").await.len(), 1, "the other visitor is there");
}

#[tokio::test]
async fn a_sale_keeps_its_money_and_campaign_through_replays_and_repeats() {
    let server = proxied().await;
    let (view, click_id) = story(&server).await;
    let sold = |rows: &[Value]| rows.iter().find(|row| row["transaction_id"] == "t-1").expect("the sale").clone();
    let before = sold(&server.list("conversions").await);
    assert_eq!(delete(&server, view.visitor_id.as_deref().expect("a visitor")).await.status(), 200);
    let rows = server.list("conversions").await;
    let after = sold(&rows);
    for same in ["id", "at", "state", "type", "value", "currency", "amounts", "order_id", "product_id", "source"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(after["source"]["utm_campaign"], "spring");
    for gone in ["visit_id", "click_id"] {
        assert_eq!(after[gone], Value::Null, "{gone}");
    }
    assert_eq!((&after["click_ids"], &after["reason"]), (&json!({}), &json!("the visitor was erased")));
    assert_eq!(after["custom"]["sid1"], "banner");
    assert_eq!(after["custom"]["sid2"], Value::Null);
    let report = async || server.api(&format!("/sites/{}/report?by=utm_campaign", server.site_id)).await;
    let counted = report().await;
    let postbacks = server.list("postbacks").await;
    // A replay, also on a server that was started anew.
    replayed(&server).await;
    assert_eq!(server.list("conversions").await, rows);
    assert_eq!(server.list("postbacks").await, postbacks);
    assert_eq!(report().await["rows"], counted["rows"]);
    // The same call again is a duplicate, and brings nobody back.
    assert_eq!(server.postback(&called(&click_id, "t-1")).await.0, 200);
    let repeat = server.list("postbacks").await.remove(0);
    assert_eq!((&repeat["state"], &repeat["conversion_id"]), (&json!("duplicate"), &before["id"]));
    let raw = repeat["raw"].to_string();
    assert!(!raw.contains("nnabella") && !raw.contains(&click_id), "{raw}");
    assert_eq!(server.list("conversions").await, rows);
    assert_eq!(found_in_files(&server, &click_id), Vec::<String>::new());
}

#[tokio::test]
async fn a_signed_notification_is_read_again_as_what_it_was_after_erasing() {
    let server = ipn::vendor().await;
    let (view, click) = visit_with_click();
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    let click_id = click.click_id.expect("a click id").to_string();
    let fields = |event: &'static str, transaction: &'static str| {
        [
            ("event", event),
            ("click_id", click_id.as_str()),
            ("transaction_id", transaction),
            ("order_id", "o-1"),
            ("amount_brutto", "119.00"),
            ("amount_netto", "100.00"),
            ("currency", "EUR"),
            ("email", EMAIL),
            ("address_first_name", "Annabella"),
        ]
    };
    assert_eq!(ipn::notify(&server, &fields("on_payment", "t-1")).await.0, 200);
    // What moves no money makes no conversion, and is found by its order.
    assert_eq!(ipn::notify(&server, &fields("on_payment_missed", "")).await.0, 200);
    let mut forged = fields("on_payment", "t-2").to_vec();
    forged.push(("sha_sign", "0000"));
    assert_eq!(ipn::post(&server, &forged).await.0, 403);
    let erased = delete(&server, view.visitor_id.as_deref().expect("a visitor")).await;
    let erased: Value = erased.json().await.expect("JSON");
    assert_eq!((&erased["conversions"], &erased["postbacks"]), (&json!(1), &json!(3)));
    let (rows, postbacks) = (server.list("conversions").await, server.list("postbacks").await);
    let raw = json!(postbacks).to_string();
    assert!(!raw.contains("nnabella") && !raw.contains(&click_id) && raw.contains("o-1"), "{raw}");
    let states: Vec<&Value> = postbacks.iter().map(|postback| &postback["state"]).collect();
    assert_eq!(states, ["refused", "accepted", "accepted"]);
    replayed(&server).await;
    assert_eq!(server.list("conversions").await, rows);
    assert_eq!(server.list("postbacks").await, postbacks);
    assert_eq!(server.list("order_events").await.len(), 1);
}

#[tokio::test]
async fn what_the_browser_still_sends_is_refused_with_the_reason() {
    let server = Server::start().await;
    let (view, click) = visit_with_click();
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    assert_eq!(delete(&server, view.visitor_id.as_deref().expect("a visitor")).await.status(), 200);
    let (other, _) = visit_with_click();
    let again = Event { event_id: "again".into(), ..view.clone() };
    let response = server.post_events(&[&again, &other]).await;
    assert!(response.headers().get("set-cookie").is_none());
    assert_eq!(response.status(), 422);
    let sentence = response.text().await.expect("text");
    assert!(sentence.contains("was erased") && sentence.contains("1 of 2"), "{sentence}");
    let visits = server.list("visits").await;
    assert_eq!((visits.len(), &visits[0]["visit_id"]), (1, &json!(other.visit_id.as_str())));
}

#[tokio::test]
async fn the_page_says_what_goes_and_what_stays_and_then_what_went() {
    let server = proxied().await;
    let owner = Browser::signed_in(&server).await;
    let (view, _) = story(&server).await;
    let visitor = view.visitor_id.clone().expect("a visitor");
    // From the sale, which is what somebody knows, to the visitor, to the page.
    let rows = server.list("conversions").await;
    let sold = rows.iter().find(|row| row["transaction_id"] == "t-1").expect("the sale")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let story = owner.page(&path(&server, &format!("/conversions/{sold}"))).await;
    let of_visitor = path(&server, &format!("/visitors/{visitor}"));
    assert!(story.contains(&format!("href=\"{of_visitor}\"")), "{story}");
    let of_visit = owner.page(&path(&server, &format!("/visits/{}", view.visit_id))).await;
    assert!(of_visit.contains(&format!("href=\"{of_visitor}\"")), "{of_visit}");
    let erase = format!("{of_visitor}/erase");
    assert!(owner.page(&of_visitor).await.contains(&format!("href=\"{erase}\"")));
    let reader = person(&server, &owner, "eve@example.com", "read_only").await;
    let analyst = person(&server, &owner, "ada@example.com", "analyst").await;
    for browser in [&reader, &analyst] {
        assert!(!browser.page(&of_visitor).await.contains("/erase"));
        assert_eq!(browser.get(&erase).await.status(), 403);
        assert_eq!(browser.post(&erase, &[]).await.status(), 403);
    }
    let asked = owner.page(&erase).await;
    assert!(
        asked.contains("cannot be undone") && asked.contains("Erase for good") && asked.contains(&visitor),
        "{asked}"
    );
    assert_eq!(server.list("visits").await.len(), 2, "asking erases nothing");
    let response = owner.post(&erase, &[]).await;
    assert_eq!(response.status(), 200);
    let done = response.text().await.expect("text");
    assert!(done.contains("The visitor is erased") && !done.contains(&visitor), "{done}");
    for gone in [&of_visitor, &erase] {
        assert_eq!(owner.get(gone).await.status(), 404, "{gone}");
    }
    assert_eq!(owner.post(&erase, &[]).await.status(), 404);
    let story = owner.page(&path(&server, &format!("/conversions/{sold}"))).await;
    assert!(story.contains("The visitor was erased") && story.contains("google / spring"), "{story}");
    let trail = owner.page("/audit").await;
    assert!(trail.contains("visitor.erased") && !trail.contains(&visitor), "{trail}");
}

#[tokio::test]
async fn a_visit_that_names_no_visitor_is_erased_from_its_own_page() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let (mut view, _) = visit_with_click();
    view.visitor_id = None;
    assert_eq!(server.post_events(&[&view]).await.status(), 204);
    let erase = path(&server, &format!("/visitors/{}/erase", view.visit_id));
    assert!(owner.page(&path(&server, &format!("/visits/{}", view.visit_id))).await.contains(&erase));
    assert_eq!(owner.post(&erase, &[]).await.status(), 200);
    assert_eq!(server.list("visits").await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_api_erases_for_owners_alone_and_only_who_is_known() {
    let server = Server::start().await;
    let (view, _) = visit_with_click();
    assert_eq!(server.post_events(&[&view]).await.status(), 204);
    let visitor = view.visitor_id.expect("a visitor");
    let analyst = crate::people::tokens::made(&server, "analyst", "analyst").await;
    let url = format!("{}/api/v1/sites/{}/visitors/{visitor}", server.url, server.site_id);
    let refused = server.client.delete(&url).bearer_auth(&analyst).send().await.expect("an answer");
    assert_eq!(refused.status(), 403);
    assert_eq!(delete(&server, "nobody").await.status(), 404);
    assert_eq!(delete(&server, &visitor).await.status(), 200);
    assert_eq!(delete(&server, &visitor).await.status(), 404);
}
