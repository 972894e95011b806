//! The story of a conversion, a visit, a visitor: what stands on the pages, what can be done there, and by whom.

use crate::dashboard::{Browser, location};
use crate::ipn;
use crate::people::person;
use crate::server::{Server, add_site, sale, visit_with_click};
use reqwest::Response;
use serde_json::{Value, json};
use tagwerk_protocol::event::Event;

/// Markup, a character that turns the direction of text, quotes, and 500 letters without a space.
fn hostile() -> String {
    format!("<img src=x onerror=alert(1)>\"'\u{202e}{}&amp;", "W".repeat(500))
}

fn path(server: &Server, rest: &str) -> String {
    format!("/sites/{}{rest}", server.site_id)
}

fn id(row: &Value) -> String {
    row["id"].as_str().expect("an id").to_owned()
}

/// The conversion of this transaction and type.
async fn conversion(server: &Server, transaction: &str, kind: &str) -> Value {
    let found = server.list("conversions").await;
    let mut found = found.into_iter().filter(|one| one["transaction_id"] == transaction && one["type"] == kind);
    found.next().expect("the conversion")
}

async fn story(server: &Server, browser: &Browser<'_>, row: &Value) -> String {
    browser.page(&path(server, &format!("/conversions/{}", id(row)))).await
}

/// What a person reads: no tags, and white space as a browser shows it.
fn text(page: &str) -> String {
    let mut out = String::new();
    let mut in_tag = false;
    for c in page.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                out.push(' ');
            }
            c if !in_tag => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn led_to(response: &Response) -> &str {
    assert_eq!(response.status(), 303);
    location(response)
}

/// A server that sends what it books to two addresses that never answer.
async fn sending() -> Server {
    let server = Server::start_with(&[], "allow_private_targets = true\n").await;
    let nowhere = "http://127.0.0.1:9/";
    let platforms = json!({ "platforms": {
        "webhook": { "enabled": true, "url": nowhere },
        "webhook-second": { "enabled": true, "url": nowhere },
    } });
    assert_eq!(server.patch_settings(platforms).await.status(), 200);
    server
}

/// Whether both deliveries are to be sent: nobody takes them, so they wait, or their platform stops.
fn is_to_be_sent(states: &[Value]) -> bool {
    states.len() == 2 && states.iter().all(|state| ["waiting", "stopped"].iter().any(|word| state == word))
}

#[tokio::test]
async fn a_sale_tells_who_is_credited_how_its_value_came_about_and_what_went_back() {
    let server = sending().await;
    let browser = Browser::signed_in(&server).await;
    let click_id = server.clicked().await.to_string();
    let mut sold = sale(&click_id, "t-1");
    sold.push(("order_id", "o-1"));
    server.postback(&sold).await;
    let mut back = sale(&click_id, "t-2");
    back.retain(|(name, _)| !["transaction_type", "amount_brutto", "amount_netto"].contains(name));
    back.extend([
        ("transaction_type", "refund"),
        ("amount_brutto", "1.00"),
        ("amount_netto", "0.50"),
        ("order_id", "o-1"),
    ]);
    server.postback(&back).await;
    let (sold, back) = (conversion(&server, "t-1", "Purchase").await, conversion(&server, "t-2", "Refund").await);
    let page = story(&server, &browser, &sold).await;
    let told = text(&page);
    for part in [
        "It is credited to google / spring.",
        "is that of a click in this visit",
        "By the site’s rule, brutto minus netto: brutto 165.19 − netto 163.55 = 1.64.",
        "transaction_type is “payment”.",
        "It is a payment, and not every amount that was sent is zero.",
        "Buy now was opened by a click or tap",
        "Of 1.64 EUR, 0.50 EUR went back. 1.14 EUR is left.",
        "This visit is the only one that is known of the visitor",
        "takes it back",
        "Purchase to",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    assert_eq!(page.matches("id=\"delivery-").count(), 2, "two deliveries: {told}");
    assert!(page.contains(&format!("/conversions/{}\"", id(&back))), "a link to its refund");
    let refund = text(&story(&server, &browser, &back).await);
    for part in [
        "It takes back a sale, so reports credit it as they credit that sale",
        "brutto 1.00 − netto 0.50 = 0.50, which went back: −0.50.",
        "The sale it takes back",
        "this one",
    ] {
        assert!(refund.contains(part), "no {part:?} in {refund}");
    }
}

#[tokio::test]
async fn each_visit_before_a_sale_stands_there_with_what_each_model_gives_it() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let (mut first, _) = visit_with_click();
    let (mut view, mut click) = visit_with_click();
    first.at -= 86_400_000;
    first.landing.at = first.at;
    let page = "https://shop.example/?utm_source=newsletter";
    (first.page, first.landing.page) = (page.into(), page.into());
    for event in [&mut first, &mut view, &mut click] {
        event.visitor_id = Some("one-visitor".into());
    }
    assert_eq!(server.post_events(&[&first]).await.status(), 204);
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    server.postback(&sale(&click.click_id.expect("a click id").to_string(), "t-1")).await;
    let page = text(&story(&server, &browser, &conversion(&server, "t-1", "Purchase").await).await);
    assert!(page.contains("2 visits of this visitor count.") && page.contains("newsletter"), "{page}");
    assert!(page.contains("Last non-direct") && page.contains("100 %") && page.contains("50 %"), "{page}");
    assert!(page.contains("0.82"), "half of 1.64 by the linear model: {page}");
}

#[tokio::test]
async fn an_unattributed_sale_says_so_and_is_assigned_from_its_page() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale("", "t-1")).await;
    let row = conversion(&server, "t-1", "Purchase").await;
    let page = story(&server, &browser, &row).await;
    assert!(text(&page).contains("Nobody is credited: no click id was sent."), "{page}");
    assert!(page.contains(&format!("<option value=\"{click_id}\">")), "{page}");
    let assign = path(&server, &format!("/conversions/{}/assign", id(&row)));
    let response = browser.post(&assign, &[("click_id", &click_id), ("back", "story")]).await;
    let back = path(&server, &format!("/conversions/{}?done=assigned", id(&row)));
    assert_eq!(led_to(&response), back);
    let page = text(&browser.page(&back).await);
    assert!(
        page.contains("It is assigned to that click.") && page.contains("It is credited to google / spring."),
        "{page}"
    );
    assert!(page.contains("not sent by hand") || page.contains("by hand: "), "the correction is marked: {page}");
}

#[tokio::test]
async fn a_field_is_corrected_on_the_page_and_the_correction_stands_beside_what_was_sent() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    server.postback(&sale("", "t-1")).await;
    let (row, postback) = (conversion(&server, "t-1", "Purchase").await, id(&server.list("postbacks").await[0]));
    let correct = path(&server, &format!("/postbacks/{postback}/correct"));
    let form = [("name", "amount_netto"), ("value", "100.00"), ("back", "story")];
    let response = browser.post(&correct, &form).await;
    let back = path(&server, &format!("/conversions/{}?done=corrected", id(&row)));
    assert_eq!(led_to(&response), back);
    let page = text(&browser.page(&back).await);
    assert!(page.contains("163.55 by hand: 100.00") && page.contains("brutto 165.19 − netto 100.00 = 65.19"), "{page}");
    // What is refused by now has no conversion: its own page tells.
    let form = [("name", "transaction_type"), ("value", "gift"), ("back", "story")];
    let response = browser.post(&correct, &form).await;
    let raw = path(&server, &format!("/log/postbacks/{postback}?done=corrected"));
    assert_eq!(led_to(&response), raw);
    assert!(text(&browser.page(&raw).await).contains("By the rules of now it is refused"));
}

#[tokio::test]
async fn what_is_marked_as_a_test_leaves_the_reports_and_what_waits_is_dropped_until_it_is_none_again() {
    let server = sending().await;
    let browser = Browser::signed_in(&server).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "t-1")).await;
    let row = conversion(&server, "t-1", "Purchase").await;
    let states = async || -> Vec<Value> {
        let found = server.list("deliveries").await;
        found.iter().map(|delivery| delivery["state"].clone()).collect()
    };
    assert!(is_to_be_sent(&states().await));
    let mark = path(&server, &format!("/conversions/{}/test", id(&row)));
    let response = browser.post(&mark, &[("is_test", "1")]).await;
    let back = path(&server, &format!("/conversions/{}?done=test&count=0", id(&row)));
    assert_eq!(led_to(&response), back);
    let page = text(&browser.page(&back).await);
    assert!(page.contains("It is a test now") && page.contains("marked as one by hand"), "{page}");
    assert_eq!(conversion(&server, "t-1", "Purchase").await["state"], "test");
    assert_eq!(states().await, ["refused", "refused"]);
    // It does not come back: by a repeat, by a replay, or by sending again.
    server.postback(&sale(&click_id, "t-1")).await;
    let mut otherwise = sale(&click_id, "t-1");
    otherwise.push(("datetime_unix", "1000000000"));
    server.postback(&otherwise).await;
    let postback = id(server.list("postbacks").await.last().expect("a postback"));
    browser.post(&path(&server, &format!("/postbacks/{postback}/replay")), &[]).await;
    let again = path(&server, &format!("/conversions/{}/again", id(&row)));
    assert!(led_to(&browser.post(&again, &[]).await).ends_with("?done=again&count=0#sent"));
    assert_eq!(states().await, ["refused", "refused"]);
    let conversions = server.list("conversions").await;
    assert_eq!((conversions.len(), &conversions[0]["state"], &conversions[0]["id"]), (1, &json!("test"), &row["id"]));
    let response = browser.post(&mark, &[("is_test", "0")]).await;
    assert!(led_to(&response).contains("?done=not_test"));
    assert_eq!(conversion(&server, "t-1", "Purchase").await["state"], "attributed");
    assert!(is_to_be_sent(&states().await));
    assert_eq!(server.list("postbacks").await[2]["corrections"], json!({}), "nothing is left of the mark");
}

#[tokio::test]
async fn a_test_takes_its_refund_and_the_same_transaction_under_other_types_along() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    for (transaction, kind, what) in [("t-1", "payment", ""), ("t-1", "payment", "Späti"), ("t-2", "refund", "")] {
        let mut call = sale(&click_id, transaction);
        call.retain(|(name, _)| *name != "transaction_type");
        call.extend([("transaction_type", kind), ("order_id", "o-1"), ("type", what)]);
        server.postback(&call).await;
    }
    let row = conversion(&server, "t-1", "Purchase").await;
    let url = format!("/conversions/{}/test", id(&row));
    let marked = server.api_post(&url, &json!({ "is_test": true })).await;
    assert_eq!(marked.status(), 200);
    let marked: Value = marked.json().await.expect("JSON");
    assert_eq!((&marked["id"], &marked["state"]), (&row["id"], &json!("test")));
    assert!(server.list("conversions").await.iter().all(|one| one["state"] == "test"));
    let wrong = server.api_post(&url, &json!({ "is_test": "yes" })).await;
    assert_eq!(wrong.status(), 400);
    assert_eq!(server.api_post("/conversions/nothing/test", &json!({ "is_test": true })).await.status(), 404);
}

#[tokio::test]
async fn what_its_sender_calls_a_test_can_be_marked_as_none() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let mut call = sale(&click_id, "t-1");
    call.push(("is_test", "1"));
    server.postback(&call).await;
    let row = conversion(&server, "t-1", "Purchase").await;
    assert_eq!(row["state"], "test");
    let url = format!("/conversions/{}/test", id(&row));
    assert_eq!(server.api_post(&url, &json!({ "is_test": false })).await.status(), 200);
    let after = conversion(&server, "t-1", "Purchase").await;
    assert_eq!((&after["id"], &after["state"]), (&row["id"], &json!("attributed")));
}

#[tokio::test]
async fn hostile_texts_do_no_harm_in_any_field() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let evil = hostile();
    let (mut view, mut click) = visit_with_click();
    let page = format!("https://shop.example/?utm_source={evil}&utm_campaign={evil}&gclid={evil}");
    for event in [&mut view, &mut click] {
        event.page = page.clone();
        event.landing.page = page.clone();
        event.landing.referrer = format!("https://evil.example/{evil}");
        event.attributes = vec![(evil.clone(), evil.clone())];
    }
    if let Some(click) = &mut click.click {
        click.label = evil.clone();
        click.href = format!("https://www.digistore24.com/redir/1/a/?x={evil}");
        click.group = Some(evil.clone());
    }
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    let click_id = click.click_id.clone().expect("a click id").to_string();
    let mut call = sale(&click_id, "t-1");
    for name in ["product_name", "order_id", "order_type", "billing_status", "sid1", "campaignkey", evil.as_str()] {
        call.push((name, evil.as_str()));
    }
    server.postback(&call).await;
    let row = conversion(&server, "t-1", "Purchase").await;
    let visit_id = row["visit_id"].as_str().expect("a visit").to_owned();
    let postback = id(&server.list("postbacks").await[0]);
    for rest in [
        format!("/conversions/{}", id(&row)),
        format!("/conversions/{}?show=everything&done={}", id(&row), "x"),
        format!("/visits/{visit_id}"),
        format!("/visitors/visitor-{visit_id}"),
        format!("/log/postbacks/{postback}"),
        format!("/log/events/{click_id}"),
        "/log".to_owned(),
        "/log?list=events".to_owned(),
        "/log?list=clicks".to_owned(),
        "/log?list=visits".to_owned(),
    ] {
        let page = browser.page(&path(&server, &rest)).await;
        assert!(!page.contains("<img src=x") && !page.contains("onerror=alert(1)>\""), "{rest}");
        // What turns the direction stands apart from our own words, or is taken out of them.
        for part in page.split('\u{202e}').skip(1) {
            let (rest_of, closed) = (part.find('<'), part.get(part.find('<').unwrap_or_default()..));
            // Before the next of them, in the same text.
            if rest_of.is_none() {
                continue;
            }
            let closed = closed.unwrap_or_default();
            let apart = ["</bdi>", "</dd>", "</p>", "</td>", "</pre>", "</h1>", "</title>"];
            assert!(
                apart.iter().any(|end| closed.starts_with(end)) || part.contains("\">") || part.contains("\" "),
                "{rest}: {}",
                &closed[..closed.len().min(80)]
            );
        }
    }
}

#[tokio::test]
async fn what_tells_of_a_person_is_left_out_unless_an_analyst_asks_and_the_trail_notes_it() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let mut call = sale("", "t-1");
    call.extend([("email", "ann@example.com"), ("first_name", "Annabella")]);
    server.postback(&call).await;
    let row = conversion(&server, "t-1", "Purchase").await;
    let open = path(&server, &format!("/conversions/{}?show=everything", id(&row)));
    let masked = story(&server, &owner, &row).await;
    assert!(!masked.contains("Annabella") && !masked.contains("ann@example.com") && masked.contains("•••"), "{masked}");
    let shown = owner.page(&open).await;
    assert!(shown.contains("Annabella") && shown.contains("ann@example.com"));
    let reader = person(&server, &owner, "eve@example.com", "read_only").await;
    let masked = reader.page(&open).await;
    assert!(!masked.contains("Annabella"), "{masked}");
    assert!(owner.page("/audit").await.contains("postback.opened"));
}

#[tokio::test]
async fn who_may_only_look_sees_the_story_and_changes_nothing() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale("", "t-1")).await;
    let (row, postback) = (conversion(&server, "t-1", "Purchase").await, id(&server.list("postbacks").await[0]));
    let reader = person(&server, &owner, "eve@example.com", "read_only").await;
    let page = story(&server, &reader, &row).await;
    assert!(page.contains("Nobody is credited") && !page.contains("Put it right"), "{page}");
    let before = server.list("conversions").await;
    for (rest, form) in [
        (format!("/conversions/{}/assign", id(&row)), [("click_id", click_id.as_str()), ("back", "story")]),
        (format!("/conversions/{}/test", id(&row)), [("is_test", "1"), ("back", "story")]),
        (format!("/conversions/{}/again", id(&row)), [("delivery", ""), ("back", "story")]),
        (format!("/postbacks/{postback}/correct"), [("name", "cid"), ("value", click_id.as_str())]),
        (format!("/postbacks/{postback}/replay"), [("back", "story"), ("x", "y")]),
    ] {
        assert_eq!(reader.post(&path(&server, &rest), &form).await.status(), 403, "{rest}");
        assert_eq!(owner.post_from(Some("https://evil.example"), &path(&server, &rest), &form).await.status(), 403);
    }
    assert_eq!(server.list("conversions").await, before);
    let analyst = person(&server, &owner, "anna@example.com", "analyst").await;
    let mark = path(&server, &format!("/conversions/{}/test", id(&row)));
    assert_eq!(analyst.post(&mark, &[("is_test", "1")]).await.status(), 303);
    let trail = owner.page("/audit").await;
    assert!(trail.contains("conversion.marked") && trail.contains("anna@example.com"), "{trail}");
}

#[tokio::test]
async fn a_visit_and_a_visitor_tell_all_they_did_in_order_and_what_it_brought() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let (view, click) = visit_with_click();
    let later = Event {
        event_id: "later".into(),
        name: "ViewContent".into(),
        attributes: vec![("article".into(), "seven".into())],
        click: None,
        click_id: None,
        ..view.clone()
    };
    assert_eq!(server.post_events(&[&view, &click, &later]).await.status(), 204);
    server.postback(&sale(&click.click_id.as_ref().expect("a click id").to_string(), "t-1")).await;
    let page = text(&browser.page(&path(&server, &format!("/visits/{}", view.visit_id))).await);
    let place = |part: &str| page.find(part).unwrap_or_else(|| panic!("no {part:?} in {page}"));
    assert!(place("A visit: google / spring") < place("PageView"));
    assert!(place("PageView") < place("Buy now") && place("Buy now") < place("article seven"));
    assert!(place("article seven") < place("Transaction t-1"));
    let visitor = view.visitor_id.expect("a visitor");
    let page = browser.page(&path(&server, &format!("/visitors/{visitor}"))).await;
    assert!(page.contains("Buy now") && page.contains("t-1"));
    assert!(page.contains(&format!("/visits/{}", view.visit_id)));
}

#[tokio::test]
async fn the_events_of_an_order_stand_in_its_story() {
    let server = ipn::vendor().await;
    let browser = Browser::signed_in(&server).await;
    for event in ["on_payment", "on_payment_missed"] {
        let fields = [
            ("event", event),
            ("transaction_id", "t-1"),
            ("order_id", "o-1"),
            ("amount_brutto", "119.00"),
            ("amount_netto", "100.00"),
            ("currency", "EUR"),
            ("billing_status", "paying"),
        ];
        assert_eq!(ipn::notify(&server, &fields).await.0, 200);
    }
    let row = server.list("conversions").await.remove(0);
    let page = text(&story(&server, &browser, &row).await);
    assert!(page.contains("What else happened to its order") && page.contains("on_payment_missed"), "{page}");
    assert!(page.contains("a signed notification of the network"), "{page}");
}

#[tokio::test]
async fn what_belongs_to_another_site_or_to_nobody_is_not_found() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let click_id = server.clicked().await;
    server.postback(&sale(&click_id.to_string(), "t-1")).await;
    let (conversion, postback) = (id(&server.list("conversions").await[0]), id(&server.list("postbacks").await[0]));
    let (other, _) = add_site(server.data(), "Other");
    for rest in [
        format!("/conversions/{conversion}"),
        format!("/visits/{}", click_id.visit()),
        format!("/visitors/visitor-{}", click_id.visit()),
        format!("/log/postbacks/{postback}"),
        format!("/log/events/{click_id}"),
    ] {
        assert_eq!(browser.get(&path(&server, &rest)).await.status(), 200, "{rest}");
        assert_eq!(browser.get(&format!("/sites/{other}{rest}")).await.status(), 404, "{rest}");
        assert_eq!(browser.get(&format!("/sites/nobody{rest}")).await.status(), 404, "{rest}");
        let stranger = Browser::new(&server).get(&path(&server, &rest)).await;
        assert_eq!(led_to(&stranger), "/sign-in", "{rest}");
    }
    let mark = format!("/sites/{other}/conversions/{conversion}/test");
    assert_eq!(browser.post(&mark, &[("is_test", "1")]).await.status(), 404);
    assert_eq!(server.list("conversions").await[0]["state"], "attributed");
}
