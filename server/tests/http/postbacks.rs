//! Postbacks of affiliates: every published case, and what repetition and concurrency do.

use crate::server::{Server, sale};
use serde_json::Value;

const CASES: &str = include_str!("../../../tests/cases/postbacks.json");

/// The click id of a case, from what stands for it.
fn click_id_of(word: &str, click_id: &str) -> String {
    let first = if click_id.starts_with('0') { "1" } else { "0" };
    match word {
        "CLICKID" => click_id.to_owned(),
        "CLICKID-TRUNCATED" => click_id[..click_id.len() - 3].to_owned(),
        "CLICKID-UPPERCASED" => click_id.to_uppercase(),
        "CLICKID-ALTERED" => format!("{first}{}", &click_id[1..]),
        other => other.to_owned(),
    }
}

#[tokio::test]
async fn every_published_case_becomes_what_it_says() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let cases: Value = serde_json::from_str(CASES).expect("JSON");
    let cases = cases["cases"].as_array().expect("cases");
    assert!(cases.len() >= 21);
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let query: Vec<(String, String)> = case["query"]
            .as_object()
            .expect("a query")
            .iter()
            .map(|(key, value)| (key.clone(), click_id_of(value.as_str().unwrap_or_default(), &click_id)))
            .collect();
        let query: Vec<(&str, &str)> = query.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let (status, _) = server.postback(&query).await;
        let expect = case["expect"].as_object().expect("an expectation");
        let postback = server.list("postbacks").await.remove(0);
        let conversions = server.list("conversions").await;
        let conversion = conversions.iter().find(|one| one["id"] == postback["conversion_id"]);
        for (key, expected) in expect {
            let of_conversion = || conversion.unwrap_or_else(|| panic!("{name}: no conversion"));
            match key.as_str() {
                "status" => assert_eq!(Some(u64::from(status)), expected.as_u64(), "{name}"),
                "state" => assert_eq!(&postback["state"], expected, "{name}: {}", postback["reason"]),
                "reason" => {
                    let reason = postback["reason"].as_str().unwrap_or_default();
                    assert!(reason.contains(expected.as_str().expect("a word")), "{name}: {reason}");
                }
                "amount_affiliate" | "amount_brutto" | "amount_netto" => {
                    let amount = key.trim_start_matches("amount_");
                    assert_eq!(&of_conversion()["amounts"][amount], expected, "{name}: {key}");
                }
                field => assert_eq!(&of_conversion()[field], expected, "{name}: {field}"),
            }
        }
        if postback["state"] == "refused" {
            assert_eq!(postback["conversion_id"], Value::Null, "{name}");
        }
        assert!(postback["raw"].as_str().expect("a text").contains("amount_affiliate="), "{name}");
    }
    assert_eq!(server.list("postbacks").await.len(), cases.len());
}

#[tokio::test]
async fn a_sale_stands_with_the_ad_that_made_it() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    assert_eq!(server.postback(&sale(&click_id, "t-1")).await, (200, "OK\n".into()));
    let conversion = server.list("conversions").await.remove(0);
    assert_eq!(conversion["state"], "attributed");
    assert_eq!(conversion["reason"], Value::Null);
    assert_eq!(conversion["click_id"], click_id.as_str());
    assert_eq!(conversion["visit_id"], &click_id[..16]);
    assert_eq!(conversion["value"], "1.64");
    assert_eq!(conversion["amounts"]["affiliate"], "101.64");
    assert_eq!(conversion["click_ids"]["gclid"], "Cj0KCQiA-Xyz_1");
    assert_eq!(conversion["source"]["utm_source"], "google");
    assert_eq!(conversion["source"]["utm_term"], Value::Null);
}

#[tokio::test]
async fn the_same_postback_from_sixteen_connections_at_once_is_booked_once() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let query = sale(&click_id, "t-1");
    let url = server.collect_url("digistore24");
    let sends = (0..16).map(|_| {
        let request = reqwest::Client::new().get(&url).query(&query);
        tokio::spawn(async move { request.send().await.expect("an answer").status().as_u16() })
    });
    let sends: Vec<_> = sends.collect();
    for send in sends {
        assert_eq!(send.await.expect("sent"), 200);
    }
    assert_eq!(server.list("conversions").await.len(), 1);
    let states: Vec<Value> = server.list("postbacks").await.iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| *state == "accepted").count(), 1);
    assert_eq!(states.iter().filter(|state| *state == "duplicate").count(), 15);
}

/// The books without what depends on when and under which id something arrived.
async fn books(server: &Server) -> Vec<String> {
    let conversions = server.list("conversions").await;
    let identity_of = |id: &Value| {
        let sale = conversions.iter().find(|one| one["id"] == *id);
        sale.map_or(Value::Null, |one| one["transaction_id"].clone())
    };
    let mut rows: Vec<String> = conversions
        .iter()
        .map(|one| {
            let keys = ["transaction_id", "type", "value", "currency", "state", "click_id", "visit_id"];
            let values: Vec<String> = keys.iter().map(|key| one[*key].to_string()).collect();
            format!("{} sale={}", values.join(" "), identity_of(&one["sale_id"]))
        })
        .collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn any_order_and_any_repetition_gives_the_same_books() {
    let (view, click) = crate::server::visit_with_click();
    let click_id = click.click_id.clone().expect("an id").to_string();
    let with = |id: &str, kind: &str, brutto: &str| {
        let mut query = sale(&click_id, "").into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<Vec<_>>();
        for (key, value) in &mut query {
            match key.as_str() {
                "transaction_id" => id.clone_into(value),
                "transaction_type" => kind.clone_into(value),
                "amount_brutto" => brutto.clone_into(value),
                _ => {}
            }
        }
        query
    };
    let calls = [
        with("s-1", "payment", "165.19"),
        with("r-1", "refund", "165.19"),
        with("s-2", "payment", "200.00"),
        with("s-1", "payment", "166.00"),
        with("c-1", "chargeback", "200.00"),
    ];
    let mut expected = None;
    for turn in 0..calls.len() {
        let server = Server::start().await;
        if turn % 2 == 0 {
            assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
        }
        let mut order: Vec<_> = calls.iter().collect();
        order.rotate_left(turn);
        for call in order.iter().chain(order.iter().rev()) {
            let query: Vec<(&str, &str)> = call.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(server.postback(&query).await.0, 200);
        }
        if turn % 2 == 1 {
            assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
        }
        let found = books(&server).await;
        assert_eq!(found.len(), 4, "{found:#?}");
        assert_eq!(expected.get_or_insert_with(|| found.clone()), &found, "turn {turn}");
    }
}

/// A published sale, changed.
fn sale_with<'a>(click_id: &'a str, id: &'a str, kind: &'a str, word: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let mut query = sale(click_id, id);
    for (name, value) in &mut query {
        if *name == "transaction_type" {
            *value = kind;
        }
    }
    query.extend(word.map(|word| ("type", word)));
    query
}

#[tokio::test]
async fn one_transaction_s_money_counts_once_however_many_types_it_arrives_under() {
    let (view, click) = crate::server::visit_with_click();
    let click_id = click.click_id.clone().expect("an id").to_string();
    let calls = [
        sale_with(&click_id, "m1", "payment", Some("InitiateCheckout")),
        sale_with(&click_id, "m1", "refund", Some("refund")),
        sale_with(&click_id, "m1", "payment", Some("upsell")),
        sale_with(&click_id, "m1", "payment", None),
        sale_with(&click_id, "m1", "payment", Some("payment")),
        sale_with(&click_id, "m1", "refund", None),
    ];
    for turn in 0..calls.len() {
        let server = Server::start().await;
        assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
        for call in calls.iter().cycle().skip(turn).take(calls.len()) {
            assert_eq!(server.postback(call).await.0, 200);
        }
        let conversions = server.list("conversions").await;
        assert_eq!(conversions.len(), 6, "each is a conversion of its own");
        let valued = |kind: &str| -> Vec<&Value> {
            let of_kind = conversions.iter().filter(|one| one["transaction_type"] == kind);
            of_kind.filter(|one| one["value"] != Value::Null).collect()
        };
        let (sales, refunds) = (valued("payment"), valued("refund"));
        assert_eq!((sales.len(), refunds.len()), (1, 1), "turn {turn}: {conversions:#?}");
        assert_eq!((&sales[0]["value"], &sales[0]["type"]), (&"1.64".into(), &"Purchase".into()));
        assert_eq!((&sales[0]["reason"], &refunds[0]["reason"]), (&Value::Null, &Value::Null));
        assert_eq!(refunds[0]["value"], "-1.64");
        for conversion in &conversions {
            assert_eq!(conversion["amounts"]["affiliate"], "101.64", "the amounts stay");
            assert_eq!(conversion["state"], "attributed");
            let is_refund = conversion["transaction_type"] == "refund";
            assert_eq!(&conversion["sale_id"], if is_refund { &sales[0]["id"] } else { &Value::Null });
            if conversion["value"] == Value::Null {
                let reason = conversion["reason"].as_str().expect("a reason");
                let under = if is_refund { "booked under Refund" } else { "booked under Purchase" };
                assert!(reason.contains(under), "{reason}");
            }
        }
    }
}

#[tokio::test]
async fn more_refunded_than_sold_is_flagged_and_not_clipped() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    for (id, kind) in [("o-1", "chargeback"), ("o-1", "payment"), ("o-1", "refund")] {
        assert_eq!(server.postback(&sale_with(&click_id, id, kind, None)).await.0, 200);
    }
    let conversions = server.list("conversions").await;
    let back: Vec<&Value> = conversions.iter().filter(|one| one["transaction_type"] != "payment").collect();
    assert!(back.iter().all(|one| one["value"] == "-1.64" && one["sale_id"] != Value::Null), "{back:#?}");
    let flagged = back.iter().filter_map(|one| one["reason"].as_str());
    assert_eq!(flagged.collect::<Vec<_>>(), ["more was refunded than was left of the sale"]);
}

#[tokio::test]
async fn get_and_post_and_both_mean_the_same() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let query = sale(&click_id, "t-1");
    let url = server.collect_url("digistore24");
    let posted = server.client.post(&url).form(&query).send().await.expect("an answer");
    assert_eq!(posted.status(), 200);
    let (in_url, in_body) = query.split_at(4);
    let both = server.client.post(&url).query(in_url).form(in_body).send().await.expect("an answer");
    assert_eq!(both.status(), 200);
    assert_eq!(server.postback(&query).await.0, 200);
    assert_eq!(server.list("conversions").await.len(), 1);
}

#[tokio::test]
async fn a_sale_whose_click_was_never_reported_is_attributed_to_its_visit() {
    let server = Server::start().await;
    let (view, click) = crate::server::visit_with_click();
    assert_eq!(server.post_events(&[&view]).await.status(), 204);
    let click_id = click.click_id.expect("an id").to_string();
    assert_eq!(server.postback(&sale(&click_id, "t-1")).await.0, 200);
    let conversion = server.list("conversions").await.remove(0);
    assert_eq!(conversion["state"], "attributed");
    assert_eq!(conversion["click_ids"]["gclid"], "Cj0KCQiA-Xyz_1");
    assert!(conversion["reason"].as_str().expect("a reason").contains("never reported"));
}

#[tokio::test]
async fn a_visit_that_reports_late_claims_its_sale() {
    let server = Server::start().await;
    let (view, click) = crate::server::visit_with_click();
    let click_id = click.click_id.clone().expect("an id").to_string();
    server.postback(&sale(&click_id, "t-1")).await;
    assert_eq!(server.list("conversions").await.remove(0)["state"], "unattributed");
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    assert_eq!(server.list("conversions").await.remove(0)["state"], "attributed");
    assert_eq!(server.list("postbacks").await.remove(0)["state"], "accepted");
}

#[tokio::test]
async fn a_group_s_name_in_another_case_is_that_group() {
    let server = Server::start().await;
    let request = server.client.get(server.collect_url("Digistore24")).query(&sale("", "t-1"));
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    assert_eq!(server.list("conversions").await.remove(0)["group"], "digistore24");
}

#[tokio::test]
async fn a_sender_that_is_not_listed_is_refused_and_kept() {
    let server = Server::start().await;
    let change = serde_json::json!({"groups": {"digistore24": {"senders": ["203.0.113.9"]}}});
    assert_eq!(server.patch_settings(change).await.status(), 200);
    let (status, sentence) = server.postback(&sale("", "t-1")).await;
    assert_eq!(status, 403, "{sentence}");
    assert_eq!(server.list("postbacks").await.remove(0)["state"], "refused");
}
