//! What the operator puts right by hand: a field of a postback, a click for a sale.

use crate::server::{Server, error_of, sale};
use crate::{ipn, replay};
use reqwest::Response;
use serde_json::{Value, json};

impl Server {
    /// `POST` of the API with a JSON body; the path begins behind the site's id.
    pub(crate) async fn api_post(&self, path: &str, body: &Value) -> Response {
        let request = self.client.post(format!("{}/api/v1/sites/{}{path}", self.url, self.site_id));
        request.bearer_auth(&self.token).json(body).send().await.expect("an answer")
    }

    /// As [`Self::api_post`]; the answer's JSON, which must be a 200.
    async fn fixed(&self, path: &str, body: Value) -> Value {
        let response = self.api_post(path, &body).await;
        assert_eq!(response.status(), 200, "{path} {body}");
        response.json().await.expect("JSON")
    }

    async fn correct(&self, postback: &Value, set: Value) -> Value {
        let id = postback["id"].as_str().expect("an id");
        self.fixed(&format!("/postbacks/{id}/correct"), json!({ "set": set })).await
    }

    async fn assign(&self, conversion: &Value, click_id: &str) -> Value {
        let id = conversion["id"].as_str().expect("an id");
        self.fixed(&format!("/conversions/{id}/assign"), json!({ "click_id": click_id })).await
    }

    async fn only(&self, list: &str) -> Value {
        let mut all = self.list(list).await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

#[tokio::test]
async fn a_refused_postback_becomes_a_sale_when_its_field_is_corrected() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let mut query = sale(&click_id, "t-1");
    query.retain(|(name, _)| *name != "transaction_type");
    query.push(("transaction_type", "paid"));
    assert_eq!(server.postback(&query).await.0, 422);
    let worklist = server.list_of("postbacks", "state=refused").await;
    assert_eq!(worklist.len(), 1);
    assert!(worklist[0]["reason"].as_str().is_some_and(|reason| reason.contains("transaction_type")), "{worklist:?}");
    assert_eq!(
        (&worklist[0]["corrections"], &worklist[0]["parameters"]["transaction_type"]),
        (&json!({}), &json!("paid"))
    );

    let postback = server.correct(&worklist[0], json!({ "Transaction-Type": "payment" })).await;
    assert_eq!((&postback["state"], &postback["reason"]), (&json!("accepted"), &Value::Null), "{postback}");
    for same in ["id", "received_at", "raw", "group", "channel"] {
        assert_eq!(postback[same], worklist[0][same], "{same}");
    }
    assert_eq!(postback["corrections"], json!({ "Transaction-Type": "payment" }));
    assert_eq!(postback["parameters"]["Transaction-Type"], "payment");
    assert_eq!(postback["parameters"].get("transaction_type"), None);
    let conversion = server.only("conversions").await;
    assert_eq!(postback["conversion_id"], conversion["id"]);
    assert_eq!((&conversion["value"], &conversion["state"]), (&json!("1.64"), &json!("attributed")));
    assert_eq!(conversion["received_at"], postback["received_at"]);
    assert_eq!(server.list_of("postbacks", "state=refused").await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_correction_that_is_taken_back_takes_its_conversion_along() {
    let server = Server::start().await;
    let mut query = sale("", "t-1");
    query.retain(|(name, _)| *name != "transaction_type");
    assert_eq!(server.postback(&query).await.0, 422);
    let refused = server.only("postbacks").await;
    let booked = server.correct(&refused, json!({ "transaction_type": "payment" })).await;
    assert_eq!(server.list("conversions").await.len(), 1);
    let again = server.correct(&booked, json!({ "transaction_type": null })).await;
    assert_eq!((&again["state"], &again["conversion_id"]), (&json!("refused"), &Value::Null));
    assert_eq!((&again["reason"], &again["corrections"]), (&refused["reason"], &json!({})));
    assert_eq!(server.list("conversions").await, [Value::Null; 0]);
}

#[tokio::test]
async fn corrections_add_up_and_an_empty_one_takes_a_parameter_away() {
    let server = Server::start().await;
    let mut query = sale("", "t-1");
    query.push(("is_test", "1"));
    server.postback(&query).await;
    let test = server.only("postbacks").await;
    assert_eq!(test["state"], "test");
    let before = server.only("conversions").await;
    server.correct(&test, json!({ "is_test": "" })).await;
    let postback = server.correct(&test, json!({ "amount_netto": "165.00", "my_own": "x" })).await;
    assert_eq!(postback["corrections"], json!({ "is_test": "", "amount_netto": "165.00", "my_own": "x" }));
    assert_eq!(postback["parameters"].get("is_test"), None);
    let conversion = server.only("conversions").await;
    assert_eq!((&conversion["state"], &conversion["value"]), (&json!("unattributed"), &json!("0.19")));
    assert_eq!((&conversion["id"], &conversion["received_at"]), (&before["id"], &before["received_at"]));
}

#[tokio::test]
async fn an_unattributed_sale_is_assigned_to_a_click_and_stays_so() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    assert_eq!(server.postback(&sale("", "t-1")).await.0, 200);
    let worklist = server.list_of("conversions", "state=unattributed").await;
    assert_eq!(worklist.len(), 1);
    let conversion = server.assign(&worklist[0], &click_id.to_uppercase()).await;
    assert_eq!(conversion["state"], "attributed", "{conversion}");
    assert_eq!((&conversion["click_id"], &conversion["source"]["utm_campaign"]), (&json!(click_id), &json!("spring")));
    for same in ["id", "received_at", "value", "transaction_id"] {
        assert_eq!(conversion[same], worklist[0][same], "{same}");
    }
    assert_eq!(server.only("postbacks").await["corrections"], json!({ "cid": click_id }));

    // Neither the network's repeat, nor reading everything again, takes it away.
    assert_eq!(server.postback(&sale("", "t-1")).await.0, 200);
    assert_eq!(server.only("conversions").await, conversion);
    replay::replayed(&server).await;
    assert_eq!(server.only("conversions").await, conversion);
    assert_eq!(server.list("postbacks").await[0]["state"], "duplicate");
}

#[tokio::test]
async fn a_sale_without_a_transaction_id_is_still_known_by_its_repeats_after_a_correction() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let mut query = sale("", "");
    query.retain(|(name, _)| *name != "transaction_id");
    server.postback(&query).await;
    let before = server.only("conversions").await;
    let conversion = server.assign(&before, &click_id).await;
    assert_eq!((&conversion["id"], &conversion["state"]), (&before["id"], &json!("attributed")));
    server.postback(&query).await;
    assert_eq!(server.only("conversions").await, conversion);
}

#[tokio::test]
async fn every_channel_has_its_own_name_for_the_click_id() {
    let server = ipn::vendor().await;
    let click_id = server.clicked().await.to_string();
    let fields = [
        ("event", "on_payment"),
        ("order_id", "O1"),
        ("transaction_id", "t-1"),
        ("amount_brutto", "10.00"),
        ("amount_netto", "8.00"),
        ("currency", "EUR"),
    ];
    assert_eq!(ipn::notify(&server, &fields).await.0, 200);
    let url = format!("{}/{}/postback?sum=5.00&txid=t-2&currency=EUR", server.url, server.tracking_id);
    assert_eq!(server.client.get(url).send().await.expect("an answer").status(), 200);
    for conversion in server.list("conversions").await {
        assert_eq!(server.assign(&conversion, &click_id).await["click_id"], json!(click_id));
    }
    let corrected: Vec<Value> = server.list("postbacks").await.iter().map(|one| one["corrections"].clone()).collect();
    assert_eq!(corrected, [json!({ "clickid": click_id }), json!({ "click_id": click_id })]);
}

#[tokio::test]
async fn one_postback_is_read_again_by_the_rules_of_now() {
    let server = Server::start().await;
    for transaction in ["t-1", "t-2"] {
        server.postback(&sale("", transaction)).await;
    }
    server.patch_settings(json!({ "purchase_value": "netto" })).await;
    let id = server.list("postbacks").await[1]["id"].as_str().expect("an id").to_owned();
    let postback = server.fixed(&format!("/postbacks/{id}/replay"), json!({})).await;
    assert_eq!((&postback["id"], &postback["state"]), (&json!(id), &json!("unattributed")));
    let values: Vec<Value> = server.list("conversions").await.iter().map(|one| one["value"].clone()).collect();
    assert_eq!(values, ["1.64", "163.55"], "the other one waits");
}

#[tokio::test]
async fn what_cannot_be_put_right_is_told() {
    let server = Server::start().await;
    server.postback(&sale("", "t-1")).await;
    let (postback, conversion) = (server.only("postbacks").await, server.only("conversions").await);
    let correct = format!("/postbacks/{}/correct", postback["id"].as_str().expect("an id"));
    let assign = format!("/conversions/{}/assign", conversion["id"].as_str().expect("an id"));
    let fine = json!({ "set": { "cid": "x" } });
    let click = json!({ "click_id": "nobody" });
    for (path, body, status, part) in [
        ("/postbacks/nothing/correct", &fine, 404, "no such postback"),
        ("/postbacks/nothing/replay", &fine, 404, "no such postback"),
        ("/conversions/nothing/assign", &click, 404, "no such conversion"),
        (&assign, &click, 422, "no click of this site"),
        (&correct, &json!({ "set": {} }), 422, "nothing to set"),
        (&correct, &json!({ "set": { "": "x" } }), 422, "the name of a parameter"),
        (&correct, &json!({ "set": { "cid": "x".repeat(2001) } }), 422, "cid is longer than"),
        (&correct, &json!({ "set": { "cid": 7 } }), 400, "the body must be like"),
        (&correct, &json!({ "sett": {} }), 400, "unknown field"),
        (&assign, &json!({}), 400, "missing field"),
    ] {
        let (found, sentence) = error_of(server.api_post(path, body).await).await;
        assert!(found == status && sentence.contains(part), "{path} {body}: {found} {sentence}");
    }
    let elsewhere = server.client.post(format!("{}/api/v1/sites/nobody{correct}", server.url));
    let elsewhere = elsewhere.bearer_auth(&server.token).json(&fine).send().await.expect("an answer");
    assert_eq!(error_of(elsewhere).await, (404, "there is no such site".into()));
    let unknown = server.client.post(format!("{}/api/v1/sites/{}{correct}", server.url, server.site_id));
    assert_eq!(unknown.json(&fine).send().await.expect("an answer").status(), 401);
    assert_eq!(server.api_response(&format!("/sites/{}{correct}", server.site_id)).await.status(), 405);
    assert_eq!((server.only("postbacks").await, server.only("conversions").await), (postback, conversion));
}

#[tokio::test]
async fn fifty_corrections_are_enough() {
    let server = Server::start().await;
    server.postback(&sale("", "t-1")).await;
    let postback = server.only("postbacks").await;
    let many = |numbers: std::ops::Range<u32>| -> Value {
        numbers.map(|number| (format!("p{number}"), json!("x"))).collect::<serde_json::Map<_, _>>().into()
    };
    assert_eq!(server.correct(&postback, many(0..50)).await["corrections"], many(0..50));
    let path = format!("/postbacks/{}/correct", postback["id"].as_str().expect("an id"));
    let (status, sentence) = error_of(server.api_post(&path, &json!({ "set": many(50..51) })).await).await;
    assert_eq!((status, sentence.as_str()), (422, "a postback has at most 50 corrections"));
}
