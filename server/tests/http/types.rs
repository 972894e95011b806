//! Conversion types of the site's own, what is mapped to them, and what a group's settings say about its conversions.

use crate::ipn::{notify, vendor};
use crate::server::{Server, sale, visit_with_click};
use serde_json::{Value, json};

async fn with_types(types: Value) -> Server {
    let server = Server::start().await;
    assert_eq!(server.patch_settings(json!({ "types": types })).await.status(), 200);
    server
}

/// Tells a sale with more parameters; the type it is booked under.
async fn type_of(server: &Server, transaction: &str, more: &[(&str, &str)]) -> Value {
    let mut query = sale("", transaction);
    query.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    query.extend(more);
    let (status, body) = server.postback(&query).await;
    assert_eq!(status, 200, "{body}");
    let found = server.list("conversions").await.into_iter().find(|one| one["transaction_id"] == transaction);
    found.expect("it is booked")["type"].clone()
}

#[tokio::test]
async fn types_are_told_apart_as_their_senders_spell_them() {
    let server = with_types(json!([{"name": "Trial", "from": {"type": ["trial"]}}])).await;
    for (transaction, word, kind) in [
        ("1", "trial", "Trial"),
        ("2", "Trial", "Trial"),
        ("3", "TRIAL", "TRIAL"),
        ("4", "trial ", "Trial"),
        ("5", "other", "other"),
    ] {
        assert_eq!(type_of(&server, transaction, &[("type", word)]).await, kind, "{word:?}");
    }
}

#[tokio::test]
async fn each_facet_can_be_mapped_to_a_type_and_all_facets_are_kept() {
    let server = with_types(json!([
        {"name": "Trial", "from": {"type": ["trial"]}},
        {"name": "Reversal", "from": {"transaction_type": ["chargeback"]}},
        {"name": "Upsell", "from": {"order_type": ["upsell"]}},
        {"name": "Subscriber", "from": {"billing_type": ["subscription"]}},
        {"name": "PaidUp", "from": {"billing_status": ["completed"]}},
    ]))
    .await;
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[], "Purchase"),
        (&[("type", "trial"), ("order_type", "upsell")], "Trial"),
        (&[("transaction_type", "chargeback")], "Reversal"),
        (&[("order_type", "Upsell")], "Upsell"),
        (&[("type", "upsell")], "Upsell"),
        (&[("billing_type", "subscription")], "Subscriber"),
        (&[("billing_status", "completed")], "PaidUp"),
        // The first type of the list that fits.
        (&[("billing_status", "completed"), ("order_type", "upsell"), ("billing_type", "subscription")], "Upsell"),
    ];
    for (number, (more, kind)) in cases.iter().enumerate() {
        assert_eq!(type_of(&server, &number.to_string(), more).await, *kind, "{more:?}");
    }
    let last = server.list("conversions").await.remove(0);
    let facets = ["transaction_type", "order_type", "billing_type", "billing_status"].map(|facet| &last[facet]);
    assert_eq!(json!(facets), json!(["payment", "upsell", "subscription", "completed"]));
}

#[tokio::test]
async fn the_same_transaction_under_a_mapped_type_is_still_one() {
    let server = with_types(json!([{"name": "Upsell", "from": {"order_type": ["upsell"]}}])).await;
    assert_eq!(type_of(&server, "t", &[("order_type", "upsell")]).await, "Upsell");
    assert_eq!(server.patch_settings(json!({"types": []})).await.status(), 200);
    server.postback(&[sale("", "t"), vec![("order_type", "upsell")]].concat()).await;
    assert_eq!(server.list("conversions").await.len(), 1, "identity is what was sent, not what it is mapped to");
    assert_eq!(server.list("postbacks").await[0]["state"], "duplicate");
}

#[tokio::test]
async fn a_currency_that_is_stated_wrongly_is_put_right_for_the_group() {
    let server = Server::start().await;
    let change = json!({"groups": {"digistore24": {"currency": "USD"}}});
    assert_eq!(server.patch_settings(change).await.status(), 200);
    server.postback(&sale("", "t-1")).await;
    let conversion = server.list("conversions").await.remove(0);
    assert_eq!((&conversion["currency"], &conversion["value"]), (&json!("USD"), &json!("1.64")));
    assert!(server.list("postbacks").await[0]["raw"].as_str().expect("text").contains("currency=EUR"), "as sent");
}

const DAY: i64 = 86_400_000;

/// A click of so many days ago, reported now.
pub(crate) async fn clicked_before(server: &Server, days: i64) -> String {
    let (mut view, mut click) = visit_with_click();
    for event in [&mut view, &mut click] {
        event.at -= days * DAY;
        event.landing.at -= days * DAY;
    }
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    click.click_id.expect("an id").to_string()
}

#[tokio::test]
async fn clicks_that_are_too_old_get_no_credit_for_new_payments_alone() {
    let server = vendor().await;
    let change = json!({"groups": {"digistore24": {"click_expiry_days": 30}}});
    assert_eq!(server.patch_settings(change).await.status(), 200);
    let (old, young) = (clicked_before(&server, 31).await, clicked_before(&server, 29).await);
    let told = async |click_id: &str, transaction: &str, kind: &str, billing: &str| {
        let mut query = sale(click_id, transaction);
        query.retain(|(name, _)| *name != "transaction_type");
        query.extend([("transaction_type", kind), ("billing_type", billing)]);
        assert_eq!(server.postback(&query).await.0, 200);
        server.list("conversions").await.remove(0)
    };
    assert_eq!(told(&young, "1", "payment", "single_payment").await["state"], "attributed");
    let expired = told(&old, "2", "payment", "single_payment").await;
    assert_eq!((&expired["state"], &expired["visit_id"]), (&json!("unattributed"), &Value::Null));
    assert_eq!(expired["click_id"], old.as_str(), "the click is known, and so is why it does not count");
    assert!(expired["reason"].as_str().expect("a reason").contains("31 days old"), "{expired}");
    for (transaction, kind) in [("3", "refund"), ("4", "chargeback")] {
        assert_eq!(told(&old, transaction, kind, "single_payment").await["state"], "attributed", "{kind}");
    }
    // A postback does not tell a subscription's first payment from a later one.
    assert_eq!(told(&old, "5", "payment", "subscription").await["state"], "attributed");
    for (number, state) in [("1", "unattributed"), ("2", "attributed")] {
        let transaction = format!("n-{number}");
        let fields = [
            ("event", "on_payment"),
            ("order_id", "A1"),
            ("billing_type", "subscription"),
            ("transaction_id", transaction.as_str()),
            ("pay_sequence_no", number),
            ("click_id", &old),
        ];
        assert_eq!(notify(&server, &fields).await.0, 200);
        assert_eq!(server.list("conversions").await[0]["state"], state, "payment {number}");
    }
}

#[tokio::test]
async fn without_an_expiry_a_click_counts_however_old_it_is() {
    let server = Server::start().await;
    let old = clicked_before(&server, 700).await;
    server.postback(&sale(&old, "t-1")).await;
    assert_eq!(server.list("conversions").await[0]["state"], "attributed");
}

#[tokio::test]
async fn tests_are_no_part_of_the_books() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let as_test = |mut query: Vec<(&'static str, String)>| {
        query.push(("is_test", "1".into()));
        query
    };
    let owned = |transaction: &str, kind: &str| -> Vec<(&'static str, String)> {
        let query = [("cid", click_id.as_str()), ("transaction_id", transaction), ("transaction_type", kind)];
        let amounts = [("amount_brutto", "10.00"), ("amount_netto", "4.00"), ("currency", "EUR"), ("product_id", "1")];
        query.into_iter().chain(amounts).map(|(name, value)| (name, value.to_owned())).collect()
    };
    let calls = [
        as_test(owned("t-1", "payment")),
        owned("t-1", "payment"),
        as_test(owned("r-1", "refund")),
        as_test(owned("t-2", "payment")),
        owned("r-2", "refund"),
    ];
    for call in &calls {
        let call: Vec<(&str, &str)> = call.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(server.postback(&call).await.0, 200);
    }
    let conversions = server.list("conversions").await;
    let states: Vec<&str> = conversions.iter().rev().map(|one| one["state"].as_str().expect("a state")).collect();
    assert_eq!(states, ["test", "attributed", "test", "test", "attributed"]);
    let (real_refund, test_refund, sale) = (&conversions[0], &conversions[2], &conversions[3]);
    assert_eq!(real_refund["sale_id"], sale["id"], "the one real sale, though a test has its click and product, too");
    assert_eq!(test_refund["sale_id"], Value::Null);
    let report = server.api(&format!("/sites/{}/report?by=day", server.site_id)).await;
    let text = report["totals"].to_string();
    assert!(text.contains("6.00"), "the real sale and its refund: {text}");
    assert!(!text.contains("12.00") && !text.contains("18.00"), "and no test: {text}");
}
