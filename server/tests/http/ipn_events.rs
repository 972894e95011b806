//! What signed notifications become: payments and what takes them back, and facts of an order.

use crate::ipn::{notify, vendor};
use crate::server::{Server, sale};
use crate::types::clicked_before;
use serde_json::{Value, json};

fn ok() -> (u16, String) {
    (200, "OK".into())
}

/// A payment of this order by this transaction; what follows replaces or adds.
fn payment<'a>(transaction: &'a str, order: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("event", "on_payment"),
        ("transaction_id", transaction),
        ("order_id", order),
        ("product_id", "512345"),
        ("amount_brutto", "119.00"),
        ("amount_netto", "100.00"),
        ("amount_vendor", "70.00"),
        ("currency", "EUR"),
        ("billing_type", "single_payment"),
        ("api_mode", "live"),
    ];
    fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    fields.extend(more);
    fields
}

async fn by_transaction(server: &Server, transaction: &str) -> Value {
    let found = server.list("conversions").await.into_iter().find(|one| one["transaction_id"] == transaction);
    found.unwrap_or_else(|| panic!("{transaction} is not booked"))
}

#[tokio::test]
async fn a_payment_is_credited_to_the_click_that_comes_back_in_it() {
    let server = vendor().await;
    let click_id = server.clicked().await.to_string();
    assert_eq!(notify(&server, &payment("3999938", "A1", &[("click_id", &click_id)])).await, ok());
    let conversion = by_transaction(&server, "3999938").await;
    assert_eq!(conversion["state"], "attributed");
    assert_eq!(conversion["click_ids"]["gclid"], "Cj0KCQiA-Xyz_1");
    assert_eq!((&conversion["value"], &conversion["amounts"]["vendor"]), (&json!("19.00"), &json!("70.00")));
}

#[tokio::test]
async fn refund_and_chargeback_find_their_sale_by_the_order_whenever_they_come() {
    let server = vendor().await;
    let back = |event, transaction, order| payment(transaction, order, &[("event", event)]);
    assert_eq!(notify(&server, &back("on_refund", "r-1", "A1")).await, ok());
    assert_eq!(notify(&server, &payment("s-1", "A1", &[])).await, ok());
    assert_eq!(notify(&server, &payment("s-2", "A2", &[])).await, ok());
    assert_eq!(notify(&server, &back("on_chargeback", "c-2", "A2")).await, ok());
    for (back, sale, kind) in [("r-1", "s-1", "Refund"), ("c-2", "s-2", "Chargeback")] {
        let (back, sale) = (by_transaction(&server, back).await, by_transaction(&server, sale).await);
        assert_eq!((&back["sale_id"], &back["type"], &back["value"]), (&sale["id"], &json!(kind), &json!("-19.00")));
    }
    // The network delivers in no order, and again: a payment told anew after its refund changes nothing.
    assert_eq!(notify(&server, &payment("s-1", "A1", &[])).await, ok());
    assert_eq!(server.list("postbacks").await[0]["state"], "duplicate");
    assert_eq!(server.list("conversions").await.len(), 4);
}

#[tokio::test]
async fn what_moves_no_money_becomes_a_fact_of_its_order() {
    let server = vendor().await;
    assert_eq!(notify(&server, &payment("s-1", "A1", &[])).await, ok());
    let before = server.list("conversions").await;
    let events = [
        "on_payment_missed",
        "payment_denial",
        "on_rebill_cancelled",
        "on_rebill_resumed",
        "last_paid_day",
        "on_affiliation",
        "on_payment_subscription_signup",
    ];
    for event in events {
        let fields = payment("s-1", "A1", &[("event", event), ("billing_status", "aborted"), ("click_id", "abc")]);
        assert_eq!(notify(&server, &fields).await, ok());
        let postback = server.list("postbacks").await.remove(0);
        assert_eq!((&postback["state"], &postback["conversion_id"]), (&json!("accepted"), &Value::Null), "{event}");
    }
    let found = server.list("order_events").await;
    let words: Vec<&str> = found.iter().rev().map(|one| one["event"].as_str().expect("a word")).collect();
    assert_eq!(words, events);
    let told = ["group", "order_id", "transaction_id", "product_id", "billing_status", "click_id", "is_test"];
    let expected = json!(["digistore24", "A1", "s-1", "512345", "aborted", "abc", false]);
    assert_eq!(json!(told.map(|key| &found[0][key])), expected);
    assert_eq!(server.list("conversions").await, before, "no money is moved");
}

#[tokio::test]
async fn a_fact_without_an_order_is_kept_and_shown_as_one_to_look_at() {
    let server = vendor().await;
    assert_eq!(notify(&server, &[("event", "on_rebill_cancelled")]).await, ok());
    let postback = server.list("postbacks").await.remove(0);
    assert_eq!(postback["state"], "refused");
    assert!(postback["reason"].as_str().expect("a reason").contains("names no order"));
    assert!(server.list("order_events").await.is_empty());
}

#[tokio::test]
async fn what_is_authentic_is_answered_ok_even_where_it_cannot_be_understood() {
    let server = vendor().await;
    assert_eq!(notify(&server, &payment("s-1", "A1", &[("amount_brutto", "much")])).await, ok());
    let postback = server.list("postbacks").await.remove(0);
    assert_eq!(postback["state"], "refused");
    assert!(postback["reason"].as_str().expect("a reason").contains("amount_brutto"));
}

#[tokio::test]
async fn rebills_are_told_from_first_payments_by_their_number() {
    let server = vendor().await;
    for number in ["1", "2", "3"] {
        let fields = [("billing_type", "subscription"), ("pay_sequence_no", number)];
        assert_eq!(notify(&server, &payment(&format!("s-{number}"), "A1", &fields)).await, ok());
    }
    assert_eq!(notify(&server, &payment("single", "A2", &[("pay_sequence_no", "0")])).await, ok());
    for (transaction, is_rebill) in [("s-1", false), ("s-2", true), ("s-3", true), ("single", false)] {
        assert_eq!(by_transaction(&server, transaction).await["rebill"], is_rebill, "{transaction}");
    }
}

#[tokio::test]
async fn rebills_told_by_postback_are_those_whose_order_or_click_has_an_earlier_one() {
    let server = Server::start().await;
    let click_id = clicked_before(&server, 1).await;
    let now = jiff::Timestamp::now().as_second();
    let told = async |transaction: &str, order: &str, billing: &str, second: i64| {
        let second = (now + second).to_string();
        let mut query = sale(&click_id, transaction);
        query.extend([("order_id", order), ("billing_type", billing), ("datetime_unix", &second)]);
        assert_eq!(server.postback(&query).await.0, 200);
    };
    // The second payment arrives before the first.
    told("s-2", "A1", "subscription", -1).await;
    told("s-1", "A1", "subscription", -2).await;
    told("s-3", "A2", "subscription", -1).await;
    told("i-1", "", "installment", -3).await;
    told("once", "A1", "single_payment", -1).await;
    for (transaction, is_rebill) in [("s-1", false), ("s-2", true), ("s-3", false), ("i-1", false), ("once", false)] {
        assert_eq!(by_transaction(&server, transaction).await["rebill"], is_rebill, "{transaction}");
    }
}

#[tokio::test]
async fn without_a_transaction_id_order_event_and_number_identify_a_payment() {
    let server = vendor().await;
    let numbered = |number| payment("", "A1", &[("pay_sequence_no", number)]);
    for (fields, state) in
        [(numbered("1"), "unattributed"), (numbered("1"), "duplicate"), (numbered("2"), "unattributed")]
    {
        assert_eq!(notify(&server, &fields).await, ok());
        assert_eq!(server.list("postbacks").await[0]["state"], state);
    }
    assert_eq!(server.list("conversions").await.len(), 2);
}

#[tokio::test]
async fn a_notification_of_a_test_purchase_is_kept_apart() {
    let server = vendor().await;
    assert_eq!(notify(&server, &payment("s-1", "A1", &[("api_mode", "test")])).await, ok());
    assert_eq!(by_transaction(&server, "s-1").await["state"], "test");
    assert_eq!(notify(&server, &payment("s-1", "A1", &[])).await, ok());
    assert_eq!(server.list("conversions").await.len(), 2, "the real one beside it");
}

#[tokio::test]
async fn a_sale_told_by_postback_and_notification_counts_once_in_either_order() {
    let server = vendor().await;
    let click_id = server.clicked().await.to_string();
    let mut told_by_postback = sale(&click_id, "");
    told_by_postback.push(("datetime_unix", "1697080237"));
    for (transaction, notified_first) in [("v-1", true), ("v-2", false)] {
        for (name, value) in &mut told_by_postback {
            if *name == "transaction_id" {
                *value = transaction;
            }
        }
        let notification = payment(transaction, "A1", &[("click_id", &click_id)]);
        for is_notification in [notified_first, !notified_first] {
            if is_notification {
                assert_eq!(notify(&server, &notification).await, ok());
            } else {
                assert_eq!(server.postback(&told_by_postback).await.0, 200);
            }
        }
    }
    let conversions = server.list("conversions").await;
    assert_eq!(conversions.len(), 2, "{conversions:#?}");
    let told = |one: &Value| ["value", "currency", "state", "amounts"].map(|key| one[key].clone());
    assert_eq!(told(&conversions[0]), told(&conversions[1]), "whichever came first");
    assert_eq!(conversions[0]["value"], "1.64");
}
