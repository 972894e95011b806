//! The way trackers are called: one postback for each macro, event ids, twenty subs.

use crate::server::Server;
use serde_json::{Value, json};

fn url(server: &Server) -> String {
    format!("{}/{}/postback", server.url, server.tracking_id)
}

/// A call by GET; the answer's status and body.
pub(crate) async fn call(server: &Server, query: &[(&str, &str)]) -> (u16, String) {
    let response = server.client.get(url(server)).query(query).send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

async fn told(server: &Server, query: &[(&str, &str)]) {
    assert_eq!(call(server, query).await, (200, "OK\n".into()), "{query:?}");
}

#[tokio::test]
async fn every_parameter_of_a_tracker_is_understood() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let subs: Vec<(String, String)> = (1..=20).map(|n| (format!("sub{n}"), format!("value-{n}"))).collect();
    let mut query = vec![
        ("clickid", click_id.as_str()),
        ("sum", "12.50"),
        ("type", "payment"),
        ("txid", "t-1"),
        ("currency", "usd"),
        ("rdtk_event_id", "e-1"),
        ("product_id", "77"),
        ("order_id", "o-1"),
    ];
    query.extend(subs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    told(&server, &query).await;
    let conversion = server.list("conversions").await.remove(0);
    let keys = ["type", "value", "currency", "transaction_id", "state", "click_id", "product_id", "order_id"];
    let expected = json!(["Purchase", "12.50", "USD", "t-1", "attributed", click_id, "77", "o-1"]);
    assert_eq!(json!(keys.map(|key| &conversion[key])), expected);
    for (name, value) in &subs {
        assert_eq!(conversion["custom"][name], value.as_str());
    }
    let posted = server.client.post(url(&server)).form(&query).send().await.expect("an answer");
    assert_eq!(posted.status(), 200);
    let spelled: Vec<(String, &str)> = query.iter().map(|(name, value)| (name.to_uppercase(), *value)).collect();
    let spelled: Vec<(&str, &str)> = spelled.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    told(&server, &spelled).await;
    assert_eq!(server.list("conversions").await.len(), 1, "by POST and in capitals it is the same call");
    assert_eq!(server.list("postbacks").await[0]["channel"], "tracker");
}

#[tokio::test]
async fn macros_that_nobody_replaced_are_absent() {
    let server = Server::start().await;
    told(&server, &[("clickid", "{clickid}"), ("sum", "1.00"), ("type", "{type}"), ("txid", "{txid}")]).await;
    let conversion = server.list("conversions").await.remove(0);
    assert_eq!(
        json!([conversion["click_id"], conversion["transaction_id"], conversion["type"]]),
        json!([null, null, "Purchase"])
    );
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_and_kept() {
    let server = Server::start().await;
    let (status, sentence) = call(&server, &[("clickid", "x"), ("sum", "12,50"), ("type", "payment")]).await;
    assert_eq!(status, 422);
    assert!(sentence.contains("sum"), "{sentence}");
    assert_eq!(server.list("postbacks").await[0]["state"], "refused");
    let unknown = format!("{}/{}/postback?clickid=x&sum=1", server.url, "x".repeat(24));
    assert_eq!(server.client.get(unknown).send().await.expect("an answer").status(), 404);
}

/// Every order of these calls.
fn orders<T: Copy>(calls: &[T]) -> Vec<Vec<T>> {
    if calls.is_empty() {
        return vec![Vec::new()];
    }
    let orders = (0..calls.len()).flat_map(|first| {
        let mut rest = calls.to_vec();
        let call = rest.remove(first);
        orders(&rest).into_iter().map(move |mut order| {
            order.insert(0, call);
            order
        })
    });
    orders.collect()
}

/// Sends these calls of a sale and its refund in every order. Each postback of the tracker's way is one macro in `type=`; the network
/// sends all of them for the sale, and all of them for the refund.
async fn in_every_order(calls: &[(bool, &str)]) {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let orders = orders(calls);
    for (turn, order) in orders.iter().enumerate() {
        let product = format!("p-{turn}");
        for (is_refund, word) in order {
            let txid = format!("{}-{turn}", if *is_refund { "refund" } else { "sale" });
            let facts =
                [("clickid", click_id.as_str()), ("sum", "12.50"), ("currency", "EUR"), ("product_id", &product)];
            let query: Vec<(&str, &str)> = facts.into_iter().chain([("txid", txid.as_str()), ("type", word)]).collect();
            told(&server, &query).await;
        }
    }
    let conversions = server.all("conversions").await;
    for (turn, order) in orders.iter().enumerate() {
        let of_turn = conversions.iter().filter(|one| one["product_id"] == format!("p-{turn}"));
        let valued: Vec<&Value> = of_turn.filter(|one| !one["value"].is_null()).collect();
        let of = |kind: &str| valued.iter().filter(|one| one["transaction_type"] == kind).collect::<Vec<_>>();
        let (sales, refunds) = (of("payment"), of("refund"));
        assert_eq!((sales.len(), refunds.len()), (1, 1), "{order:?}: {valued:#?}");
        assert_eq!((&sales[0]["value"], &refunds[0]["value"]), (&json!("12.50"), &json!("-12.50")), "{order:?}");
        assert_eq!(refunds[0]["sale_id"], sales[0]["id"], "{order:?}");
    }
}

#[tokio::test]
async fn one_postback_for_each_macro_books_a_sale_and_its_refund_once_in_every_order() {
    let calls =
        [(false, "payment"), (false, "initial_sale"), (false, "completed"), (true, "refund"), (true, "initial_sale")];
    in_every_order(&calls).await;
}

#[tokio::test]
async fn a_fact_that_comes_with_a_refund_makes_it_no_second_sale() {
    // The refund's own `type={order_type}` says initial_sale: that alone would look like one.
    let calls = [(false, "single_payment"), (false, "payment"), (true, "single_payment"), (true, "refund")];
    in_every_order(&calls).await;
}

#[tokio::test]
async fn event_ids_tell_repeats_apart_where_the_site_says_so() {
    let server = Server::start().await;
    let types = json!({"types": [{"name": "Deposit", "repeat": "ignore_by_event_id"}]});
    assert_eq!(server.patch_settings(types).await.status(), 200);
    let deposit =
        |event, sum| [("clickid", "x"), ("type", "Deposit"), ("txid", "t"), ("rdtk_event_id", event), ("sum", sum)];
    for (event, sum, state) in [
        ("e-1", "5.00", "unattributed"),
        ("e-1", "5.00", "duplicate"),
        ("e-2", "7.00", "unattributed"),
        ("e-1", "6.00", "duplicate"),
    ] {
        told(&server, &deposit(event, sum)).await;
        let postback = server.list("postbacks").await.remove(0);
        // Of conflicting repeats without a time one counts for good, by its hash: which one, is not the point here.
        let is_expected = postback["state"] == state || (sum == "6.00" && postback["state"] == "updated");
        assert!(is_expected, "{event} {sum}: {postback}");
    }
    let conversions = server.list("conversions").await;
    assert_eq!(conversions.len(), 2, "each event is one");
    assert!(conversions.iter().all(|one| !one["value"].is_null()), "and each has its money: {conversions:#?}");
    assert_eq!(conversions[0]["value"], "7.00");
}

#[tokio::test]
async fn event_ids_tell_nothing_apart_without_that() {
    let server = Server::start().await;
    for event in ["e-1", "e-2"] {
        told(&server, &[("clickid", "x"), ("type", "Deposit"), ("txid", "t"), ("rdtk_event_id", event), ("sum", "5")])
            .await;
    }
    assert_eq!(server.list("conversions").await.len(), 1);
}

#[tokio::test]
async fn the_senders_of_a_tracker_can_be_listed() {
    let server = Server::start().await;
    let only = |sender: &str| json!({"groups": {"tracker": {"senders": [sender]}}});
    assert_eq!(server.patch_settings(only("203.0.113.9")).await.status(), 200);
    let (status, sentence) = call(&server, &[("clickid", "x"), ("sum", "1"), ("txid", "t")]).await;
    assert_eq!(status, 403);
    assert!(sentence.contains("127.0.0.1"), "{sentence}");
    assert_eq!(server.list("postbacks").await[0]["state"], "refused");
    assert_eq!(server.patch_settings(only("127.0.0.1")).await.status(), 200);
    told(&server, &[("clickid", "x"), ("sum", "1"), ("txid", "t")]).await;
}
