//! The worklist in the dashboard: what is on it, why, and its forms.

use crate::dashboard::{Browser, location};
use crate::server::{Server, sale};
use reqwest::Response;
use serde_json::{Value, json};

/// The id of the newest row of a list.
async fn newest(server: &Server, list: &str) -> String {
    server.list(list).await[0]["id"].as_str().expect("an id").to_owned()
}

fn path(server: &Server, rest: &str) -> String {
    format!("/sites/{}{rest}", server.site_id)
}

/// Where a form led, if it was taken.
fn led_to(response: &Response) -> Option<&str> {
    (response.status() == 303).then(|| location(response))
}

#[tokio::test]
async fn what_is_refused_or_unattributed_is_there_with_its_reason_and_all_else_is_not() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let empty = browser.page(&path(&server, "/worklist")).await;
    assert!(empty.contains("Every postback that arrived was understood."));
    assert!(empty.contains("Every conversion is credited to a visit."));
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "t-fine")).await;
    server.postback(&sale("", "t-alone")).await;
    server.postback(&[("transaction_type", "<b>paid</b>"), ("cid", &click_id)]).await;
    let page = browser.page(&path(&server, "/worklist")).await;
    assert!(page.contains("t-alone") && page.contains("no click id was sent"), "{page}");
    assert!(page.contains("&#60;b&#62;paid&#60;/b&#62;") && !page.contains("<b>paid</b>"), "{page}");
    assert!(!page.contains("t-fine"));
    assert!(page.contains(&format!("<option value=\"{click_id}\">")) && page.contains("google / spring"));
    assert!(page.contains("<option value=\"order_id\">"), "what the group reads may be what is missing");
}

#[tokio::test]
async fn a_field_is_corrected_and_the_correction_taken_back() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    server.postback(&[("transaction_id", "t"), ("transaction_type", "paid")]).await;
    let id = newest(&server, "postbacks").await;
    let correct = path(&server, &format!("/postbacks/{id}/correct"));
    let response = browser.post(&correct, &[("name", "transaction_type"), ("value", "payment")]).await;
    let chosen = path(&server, &format!("/worklist?postback={id}#chosen"));
    assert_eq!(led_to(&response), Some(chosen.as_str()));
    let page = browser.page(&chosen).await;
    assert!(page.contains("By hand: <code>transaction_type</code> is <code>payment</code>"), "{page}");
    assert_eq!(server.list("conversions").await.len(), 1);
    let response = browser.post(&correct, &[("name", "transaction_type"), ("take_back", "1")]).await;
    assert_eq!(led_to(&response), Some(chosen.as_str()));
    assert!(!browser.page(&chosen).await.contains("By hand"));
    assert_eq!(server.list("conversions").await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_sale_is_assigned_to_a_click() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale("", "t-1")).await;
    let id = newest(&server, "conversions").await;
    let assign = path(&server, &format!("/conversions/{id}/assign"));
    let wrong = browser.post(&assign, &[("click_id", "nobody")]).await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.text().await.expect("text").contains("No click of this site has that id"));
    let response = browser.post(&assign, &[("click_id", &format!(" {click_id} "))]).await;
    let assigned = path(&server, &format!("/worklist?conversion={id}#assigned"));
    assert_eq!(led_to(&response), Some(assigned.as_str()));
    let page = browser.page(&assigned).await;
    assert!(page.contains("This conversion") && page.contains("spring"), "{page}");
    assert_eq!(server.list("conversions").await[0]["state"], "attributed");
}

#[tokio::test]
async fn one_postback_or_everything_is_read_again() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    server.postback(&sale("", "t-1")).await;
    server.patch_settings(json!({ "purchase_value": "netto" })).await;
    let id = newest(&server, "postbacks").await;
    let response = browser.post(&path(&server, &format!("/postbacks/{id}/replay")), &[]).await;
    assert_eq!(led_to(&response), Some(path(&server, &format!("/worklist?postback={id}#chosen")).as_str()));
    assert_eq!(server.list("conversions").await[0]["value"], "163.55");
    let response = browser.post(&path(&server, "/replay"), &[]).await;
    assert_eq!(led_to(&response), Some(path(&server, "/worklist#replay").as_str()));
    assert_eq!(server.list("jobs").await.len(), 1);
    assert!(browser.page(&path(&server, "/worklist")).await.contains("Last time:"));
}

#[tokio::test]
async fn nothing_is_put_right_from_another_page_or_without_a_session() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale("", "t-1")).await;
    let (postback, conversion) = (newest(&server, "postbacks").await, newest(&server, "conversions").await);
    let before = (server.list("postbacks").await, server.list("conversions").await);
    for (rest, form) in [
        (format!("/postbacks/{postback}/correct"), [("name", "cid"), ("value", click_id.as_str())]),
        (format!("/postbacks/{postback}/replay"), [("name", "cid"), ("value", "x")]),
        (format!("/conversions/{conversion}/assign"), [("click_id", click_id.as_str()), ("name", "x")]),
        ("/replay".to_owned(), [("name", "cid"), ("value", "x")]),
    ] {
        let path = path(&server, &rest);
        for origin in [None, Some("https://evil.example"), Some("null")] {
            assert_eq!(browser.post_from(origin, &path, &form).await.status(), 403, "{path} {origin:?}");
        }
        let stranger = Browser::new(&server).post(&path, &form).await;
        assert_eq!(led_to(&stranger), Some("/sign-in"), "{path}");
    }
    assert_eq!((server.list("postbacks").await, server.list("conversions").await), before);
    assert_eq!(server.list("jobs").await, [Value::Null; 0]);
}
