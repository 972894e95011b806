//! Signed notifications to vendors: every published case, and what is authentic and what is not.

use crate::server::Server;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use std::collections::BTreeMap;

const CASES: &str = include_str!("../../../tests/cases/ipn.json");
pub(crate) const PASSPHRASE: &str = "kasse-und-so_93";

/// A server whose site knows the passphrase.
pub(crate) async fn vendor() -> Server {
    vendor_with("").await
}

/// As [`vendor`], with a configuration file.
async fn vendor_with(config: &str) -> Server {
    let server = Server::start_with(&[], config).await;
    let change = json!({"groups": {"digistore24": {"ipn_passphrase": PASSPHRASE}}});
    assert_eq!(server.patch_settings(change).await.status(), 200);
    server
}

pub(crate) fn ipn_url(server: &Server) -> String {
    format!("{}/{}/ipn/digistore24", server.url, server.tracking_id)
}

/// The signature by the published algorithm, written anew: names sorted by their bytes, empty values left out.
fn signature(fields: &[(&str, &str)], passphrase: &str) -> String {
    let sorted: BTreeMap<&[u8], (&str, &str)> = fields.iter().map(|field| (field.0.as_bytes(), *field)).collect();
    let parts = sorted.values().filter(|(_, value)| !value.is_empty());
    let text: String = parts.map(|(name, value)| format!("{name}={value}{passphrase}")).collect();
    Sha512::digest(text).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Posts these fields as a form; the answer's status and body.
pub(crate) async fn post(server: &Server, fields: &[(&str, &str)]) -> (u16, String) {
    let response = server.client.post(ipn_url(server)).form(fields).send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

/// Posts these fields, signed.
pub(crate) async fn notify(server: &Server, fields: &[(&str, &str)]) -> (u16, String) {
    let signature = signature(fields, PASSPHRASE);
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("sha_sign", signature.as_str())]).collect();
    post(server, &fields).await
}

fn ok() -> (u16, String) {
    (200, "OK".into())
}

#[tokio::test]
async fn every_published_notification_is_judged_as_it_says() {
    let server = vendor().await;
    let cases: Value = serde_json::from_str(CASES).expect("JSON");
    assert_eq!(cases["passphrase"], PASSPHRASE);
    let cases = cases["cases"].as_array().expect("cases");
    assert!(cases.len() >= 7);
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let in_capitals = case["uppercase_keys"].as_bool().expect("a word");
        let params = case["params"].as_object().expect("fields");
        let spelled = |key: &String| if in_capitals { key.to_uppercase() } else { key.clone() };
        let mut fields: Vec<(String, String)> =
            params.iter().map(|(key, value)| (spelled(key), value.as_str().expect("text").to_owned())).collect();
        fields.push((spelled(&"sha_sign".to_owned()), case["sha_sign"].as_str().expect("text").to_owned()));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let before = server.list("postbacks").await.len();
        let (status, body) = post(&server, &fields).await;
        let postbacks = server.list("postbacks").await;
        assert_eq!(postbacks.len(), before + 1, "{name}: it is kept");
        assert_eq!(postbacks[0]["channel"], "ipn", "{name}");
        if case["valid"] == true {
            assert_eq!((status, body.as_str()), (200, "OK"), "{name}");
            assert_ne!(postbacks[0]["state"], "refused", "{name}: {}", postbacks[0]["reason"]);
        } else {
            assert_eq!((status, &postbacks[0]["state"]), (403, &json!("refused")), "{name}");
        }
    }
    let conversions = server.list("conversions").await;
    let of_order = |order: &str| conversions.iter().find(|one| one["order_id"] == order).expect("it is booked");
    let first = of_order("AB12CD34");
    let told = ["type", "click_id", "state", "product_id", "billing_type", "currency", "rebill"].map(|key| &first[key]);
    let expected = ["Purchase", "CLICKID", "unattributed", "512345", "subscription", "EUR"].map(Value::from);
    assert_eq!(told[..6].iter().copied().cloned().collect::<Vec<_>>(), expected);
    assert_eq!((told[6], &first["amounts"]["brutto"]), (&json!(false), &json!("47.00")));
    assert_eq!(of_order("ORD-3")["type"], "Refund");
    assert_eq!(of_order("ORD-4")["type"], "Purchase", "names in capitals are read");
    assert_eq!(conversions.len(), 4, "neither a forgery, nor what is unknown, nor a test is booked");
}

#[tokio::test]
async fn a_get_is_answered_so_that_the_address_can_be_set_up() {
    let server = Server::start().await;
    let response = server.client.get(ipn_url(&server)).send().await.expect("an answer");
    assert_eq!(response.status(), 200, "before there is a passphrase, without a redirect");
    assert_eq!(response.text().await.expect("text"), "OK");
    assert_eq!(server.client.head(ipn_url(&server)).send().await.expect("an answer").status(), 200);
    assert!(server.list("postbacks").await.is_empty(), "a look is no notification");
    for path in [format!("{}/ipn/digistore24", "x".repeat(24)), format!("{}/ipn/clickbank", server.tracking_id)] {
        let response = server.client.get(format!("{}/{path}", server.url)).send().await.expect("an answer");
        assert_eq!(response.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn who_does_not_know_the_passphrase_is_refused_and_kept() {
    let server = vendor().await;
    let fields = [("event", "on_payment"), ("order_id", "ORD-1"), ("product_id", "42")];
    let forged = signature(&fields, "another");
    let signed = signature(&fields, PASSPHRASE);
    let with = |more: &[(&'static str, String)]| -> Vec<(&'static str, String)> {
        fields.iter().map(|(name, value)| (*name, (*value).to_owned())).chain(more.iter().cloned()).collect()
    };
    for (fields, sentence) in [
        (with(&[("sha_sign", forged)]), "signature is wrong"),
        (with(&[("sha_sign", signed), ("amount_brutto", "9.00".into())]), "signature is wrong"),
        (with(&[("sha_sign", String::new())]), "not signed"),
        (with(&[]), "not signed"),
    ] {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, body) = post(&server, &fields).await;
        assert_eq!(status, 403, "{body}");
        assert!(body.contains(sentence) && body.contains("ipn_passphrase"), "{body}");
        let postback = server.list("postbacks").await.remove(0);
        assert_eq!((&postback["state"], &postback["conversion_id"]), (&json!("refused"), &Value::Null));
        assert!(postback["reason"].as_str().expect("a reason").contains(sentence));
    }
    assert!(server.list("conversions").await.is_empty());
}

#[tokio::test]
async fn without_a_passphrase_nothing_is_authentic_and_the_answer_says_what_to_do() {
    let server = Server::start().await;
    let fields = [("event", "on_payment"), ("order_id", "ORD-1")];
    let unkeyed = signature(&fields, "");
    let (status, body) = post(&server, &[fields[0], fields[1], ("sha_sign", &unkeyed)]).await;
    assert_eq!(status, 403);
    assert!(
        body.contains("no passphrase for Digistore24") && body.contains("groups.digistore24.ipn_passphrase"),
        "{body}"
    );
    assert_eq!(server.list("postbacks").await.remove(0)["state"], "refused");
}

#[tokio::test]
async fn forgeries_fill_no_disk_and_the_authentic_still_get_through() {
    let server = vendor_with("[limits]\nevents_per_minute = 3\n").await;
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(post(&server, &[("event", "on_payment"), ("order_id", "x"), ("sha_sign", "00")]).await.0);
    }
    assert_eq!(answers, [403, 403, 403, 429, 429, 429]);
    assert_eq!(server.list("postbacks").await.len(), 3, "what was refused is kept, so many of them");
    assert_eq!(notify(&server, &[("event", "on_payment"), ("order_id", "x")]).await, ok());
}

#[tokio::test]
async fn the_query_is_no_part_of_a_signed_notification() {
    let server = vendor().await;
    let fields =
        [("event", "on_payment"), ("order_id", "ORD-1"), ("amount_brutto", "20.00"), ("amount_netto", "10.00")];
    let signature = signature(&fields, PASSPHRASE);
    let more = [("transaction_id", "t-9"), ("click_id", "stolen"), ("amount_brutto", "999.00")];
    let signed: Vec<(&str, &str)> = fields.into_iter().chain([("sha_sign", signature.as_str())]).collect();
    let request = server.client.post(ipn_url(&server)).query(&more).form(&signed);
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    let conversion = server.list("conversions").await.remove(0);
    let told = ["transaction_id", "click_id", "value"].map(|key| &conversion[key]);
    assert_eq!(told, [&Value::Null, &Value::Null, &json!("10.00")]);
    let request = server.client.post(ipn_url(&server)).query(&[("sha_sign", &signature)]).form(&fields);
    assert_eq!(request.send().await.expect("an answer").status(), 403, "a signature in the query signs nothing");
}

#[tokio::test]
async fn a_connection_test_and_an_event_of_tomorrow_are_taken_and_change_nothing() {
    let server = vendor().await;
    assert_eq!(notify(&server, &[("event", "connection_test")]).await, ok());
    assert_eq!(notify(&server, &[("event", "on_something_new"), ("order_id", "ORD-6")]).await, ok());
    assert_eq!(notify(&server, &[("order_id", "ORD-7")]).await, ok());
    let postbacks = server.list("postbacks").await;
    let reasons: Vec<&str> = postbacks.iter().rev().map(|one| one["reason"].as_str().unwrap_or_default()).collect();
    assert!(reasons[0].contains("it works"), "{reasons:?}");
    assert!(reasons[1].contains("\"on_something_new\" is not known"), "{reasons:?}");
    assert!(postbacks.iter().all(|one| one["state"] == "accepted"), "{postbacks:#?}");
    assert!(postbacks[1]["raw"].as_str().expect("kept").contains("ORD-6"));
    assert!(server.list("conversions").await.is_empty() && server.list("order_events").await.is_empty());
}
