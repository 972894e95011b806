//! Reading the raw inbox again: after a change of rules, the books are what the new rules would have made, and what is known elsewhere
//! keeps its id.

use crate::ipn;
use crate::server::{Server, error_of, sale, visit_with_click};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a replay may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    /// The newest items of one of the site's lists, filtered.
    pub(crate) async fn list_of(&self, name: &str, query: &str) -> Vec<Value> {
        let listing = self.api(&format!("/sites/{}/{name}?{query}", self.site_id)).await;
        listing["items"].as_array().expect("items").clone()
    }
}

/// Replays everything; the job once it is through.
pub(crate) async fn replayed(server: &Server) -> Value {
    let response = server.api_post("/replay", &json!({})).await;
    assert_eq!(response.status(), 202);
    let job: Value = response.json().await.expect("JSON");
    assert_eq!((&job["kind"], &job["state"]), (&json!("replay"), &json!("waiting")));
    let id = job["id"].as_str().expect("an id").to_owned();
    let begun = Instant::now();
    loop {
        let job = server.api(&format!("/sites/{}/jobs/{id}", server.site_id)).await;
        if job["state"] == "done" {
            return job;
        }
        assert_ne!(job["state"], "failed", "{job}");
        assert!(begun.elapsed() < PATIENCE, "{job}");
    }
}

/// Everything that the story is told with, whichever server hears it.
struct Story {
    events: Vec<tagwerk_protocol::event::Event>,
    click_id: String,
}

impl Story {
    fn new() -> Self {
        let (view, click) = visit_with_click();
        let click_id = click.click_id.as_ref().expect("a click id").to_string();
        Self { events: vec![view, click], click_id }
    }

    /// Sales, an upsell under a type of its own, conflicting repeats, refunds, a rebill, a test, one that cannot be understood, a signed
    /// notification, a tracker's call, in this order.
    async fn tell(&self, server: &Server) {
        let events: Vec<_> = self.events.iter().collect();
        assert_eq!(server.post_events(&events).await.status(), 204);
        let at = |second: u32| (1_697_080_000 + second).to_string();
        let call = |transaction: &str, changes: &[(&str, &str)]| {
            let mut query: BTreeMap<String, String> = sale(&self.click_id, transaction)
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            query.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            query
        };
        for query in [
            call("t-1", &[("order_id", "o-1"), ("datetime_unix", &at(10))]),
            call("t-1", &[("order_id", "o-1"), ("datetime_unix", &at(10)), ("random", "another")]),
            call("t-1", &[("order_id", "o-1"), ("datetime_unix", &at(20)), ("amount_netto", "160.00")]),
            call("t-2", &[("order_id", "o-1"), ("order_type", "upsell"), ("type", "upsell")]),
            call("t-3", &[("order_id", "o-1"), ("transaction_type", "refund")]),
            call("t-4", &[("order_id", "o-2"), ("billing_type", "subscription"), ("cid", "")]),
            call("t-5", &[("order_id", "o-2"), ("billing_type", "subscription"), ("cid", ""), ("currency", "USD")]),
            call("t-6", &[("is_test", "1")]),
            call("t-7", &[("transaction_type", "nothing")]),
            call("", &[("product_id", "1")]),
        ] {
            let url = server.collect_url("digistore24");
            let status = server.client.get(url).query(&query).send().await.expect("an answer").status();
            assert!(status == 200 || status == 422, "{status}");
        }
        let notification = [
            ("event", "on_payment"),
            ("order_id", "o-3"),
            ("transaction_id", "t-8"),
            ("amount_brutto", "10.00"),
            ("amount_netto", "8.00"),
            ("amount_vendor", "5.00"),
            ("currency", "EUR"),
            ("click_id", &self.click_id),
        ];
        ipn::notify(server, &notification).await;
        ipn::notify(server, &[("event", "on_payment_missed"), ("order_id", "o-3")]).await;
        let tracker = format!("{}/{}/postback", server.url, server.tracking_id);
        for kind in ["Sale", "Rebill"] {
            let query = [("clickid", self.click_id.as_str()), ("sum", "5.00"), ("txid", "t-9"), ("type", kind)];
            server.client.get(&tracker).query(&query).send().await.expect("an answer");
        }
    }
}

/// The books without what depends on when and where they were written: ids are replaced by what they stand for.
async fn books(server: &Server) -> Value {
    let mut conversions = server.list("conversions").await;
    let name = |row: &Value| format!("{} {} {}", row["transaction_id"], row["type"], row["transaction_type"]);
    let names: BTreeMap<String, String> =
        conversions.iter().map(|row| (row["id"].as_str().expect("an id").to_owned(), name(row))).collect();
    for row in &mut conversions {
        row["sale_id"] = row["sale_id"].as_str().map(|id| names[id].clone()).into();
        if row["at"] == row["received_at"] {
            row["at"] = "as received".into();
        }
        row["id"] = Value::Null;
        row["received_at"] = Value::Null;
    }
    conversions.sort_by_key(|row| row.to_string());
    let mut postbacks = server.list("postbacks").await;
    for row in &mut postbacks {
        row["conversion_id"] = row["conversion_id"].as_str().map(|id| names[id].clone()).into();
        row["id"] = Value::Null;
        row["received_at"] = Value::Null;
    }
    let mut order_events = server.list("order_events").await;
    for row in &mut order_events {
        row["id"] = Value::Null;
        row["received_at"] = Value::Null;
    }
    json!({ "conversions": conversions, "postbacks": postbacks, "order_events": order_events })
}

/// Everything as it stands, ids included.
async fn whole(server: &Server) -> Value {
    json!([server.list("conversions").await, server.list("postbacks").await, server.list("order_events").await])
}

/// The story told under rules that are changed afterwards, and replayed, gives the books of the story told under the new rules; a second
/// replay changes nothing; what is there before and after keeps its id and its time of receipt.
async fn replay_gives_the_books_of(change: Value) {
    let story = Story::new();
    let (old, new) = (Server::start().await, Server::start().await);
    assert_eq!(new.patch_settings(change.clone()).await.status(), 200);
    story.tell(&old).await;
    story.tell(&new).await;
    let before = books(&old).await;
    let of_transactions = |rows: Vec<Value>| -> BTreeMap<String, (Value, Value)> {
        let pairs = rows.into_iter().map(|row| {
            let key = format!("{} {}", row["transaction_id"], row["transaction_type"]);
            (key, (row["id"].clone(), row["received_at"].clone()))
        });
        pairs.collect()
    };
    let ids_before = of_transactions(old.list("conversions").await);
    assert_eq!(old.patch_settings(change.clone()).await.status(), 200);
    assert_eq!(books(&old).await, before, "rules alone change nothing that is booked: {change}");
    let job = replayed(&old).await;
    let outcomes: u64 = job["counts"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
    assert_eq!(outcomes as usize, old.list("postbacks").await.len(), "{job}");
    assert_eq!((&job["problems"], &job["error"]), (&json!([]), &Value::Null));
    let after = books(&old).await;
    assert_ne!(after, before, "{change} is a change");
    assert_eq!(after, books(&new).await, "{change}");
    for (transaction, now) in of_transactions(old.list("conversions").await) {
        if let Some(then) = ids_before.get(&transaction) {
            // Where each call became a conversion of its own, or several became one, only one of them can be the same.
            if old.list_of("conversions", &format!("transaction_id={}", transaction.trim_matches('"'))).await.len() == 1
            {
                assert_eq!(now, *then, "{transaction}");
            }
        }
    }
    let (whole_after, _) = (whole(&old).await, replayed(&old).await);
    assert_eq!(whole(&old).await, whole_after, "{change}, once more");
}

#[tokio::test]
async fn another_rule_for_the_value() {
    replay_gives_the_books_of(json!({ "purchase_value": "affiliate" })).await;
}

#[tokio::test]
async fn a_currency_that_the_sender_states_wrongly() {
    replay_gives_the_books_of(json!({ "groups": { "digistore24": { "currency": "CHF" } } })).await;
}

#[tokio::test]
async fn types_of_the_site_s_own() {
    let types = json!([
        { "name": "Upsell", "from": { "order_type": ["upsell"] } },
        { "name": "Subscription", "from": { "billing_type": ["subscription"] } },
    ]);
    replay_gives_the_books_of(json!({ "types": types })).await;
}

#[tokio::test]
async fn repeats_that_edit() {
    replay_gives_the_books_of(json!({ "types": [{ "name": "Purchase", "repeat": "edit" }] })).await;
}

#[tokio::test]
async fn repeats_that_add_to_the_payout() {
    replay_gives_the_books_of(json!({ "types": [{ "name": "Purchase", "repeat": "add_payout" }] })).await;
}

#[tokio::test]
async fn repeats_that_count_each() {
    replay_gives_the_books_of(json!({ "types": [{ "name": "Purchase", "repeat": "create_new" }] })).await;
}

#[tokio::test]
async fn a_passphrase_that_was_missing() {
    replay_gives_the_books_of(json!({ "groups": { "digistore24": { "ipn_passphrase": ipn::PASSPHRASE } } })).await;
}

#[tokio::test]
async fn one_replay_at_a_time_and_jobs_are_listed() {
    let server = Server::start().await;
    let none = json!({ "items": [], "next": null });
    assert_eq!(server.api(&format!("/sites/{}/jobs", server.site_id)).await, none);
    server.postback(&sale("", "t-1")).await;
    let first = replayed(&server).await;
    let second = replayed(&server).await;
    assert_eq!(server.list("jobs").await, [second.clone(), first.clone()]);
    assert_eq!(server.list_of("jobs", "state=done&kind=replay&limit=1").await, [second]);
    assert_eq!(server.list_of("jobs", "state=failed").await, [Value::Null; 0]);
    assert_eq!(first["counts"], json!({ "unattributed": 1 }));
    let keys: Vec<&String> = first.as_object().expect("an object").keys().collect();
    assert!(!keys.iter().any(|key| ["cursor", "payload"].contains(&key.as_str())), "{keys:?}");
    let missing = server.api_response(&format!("/sites/{}/jobs/nothing", server.site_id)).await;
    assert_eq!(error_of(missing).await, (404, "there is no such job".into()));
}
