//! Sales whose postback never came, found by asking a network's API: a real one, on this machine.

use crate::network_api::{KEY, Mishap, NetworkApi, day};
use crate::server::{Server, error_of, sale};
use reqwest::Response;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a job may take in all.
const PATIENCE: Duration = Duration::from_secs(60);
/// The API of these tests is on this machine.
const PRIVATE: &str = "allow_private_targets = true\n";

async fn started() -> (Server, NetworkApi) {
    let (server, api) = (Server::start_with(&[], PRIVATE).await, NetworkApi::open().await);
    let settings = json!({ "groups": { "digistore24": { "api_key": KEY, "api_base_url": api.url } } });
    assert_eq!(server.patch_settings(settings).await.status(), 200);
    (server, api)
}

impl Server {
    async fn ask_to_reconcile(&self, body: Value) -> Response {
        let request = self.client.post(format!("{}/api/v1/sites/{}/reconcile", self.url, self.site_id));
        request.bearer_auth(&self.token).json(&body).send().await.expect("an answer")
    }

    /// Begins for these days, counted back from today; the job's id.
    async fn begun(&self, from: i64, to: i64) -> String {
        let answer = self.ask_to_reconcile(json!({ "group": "digistore24", "from": day(from), "to": day(to) })).await;
        assert_eq!(answer.status(), 202);
        let answer: Value = answer.json().await.expect("JSON");
        answer["id"].as_str().expect("an id").to_owned()
    }

    /// The job once it has ended.
    async fn ended(&self, job: &str) -> Value {
        let begun = Instant::now();
        loop {
            let found = self.api(&format!("/sites/{}/jobs/{job}", self.site_id)).await;
            if ["done", "failed"].iter().any(|state| found["state"] == *state) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{found}");
        }
    }

    /// Asks for today, and for the day before, in case that has just ended; the job once it has ended.
    async fn reconciled(&self) -> Value {
        let job = self.begun(1, 0).await;
        self.ended(&job).await
    }
}

#[tokio::test]
async fn a_sale_whose_postback_never_came_is_found_and_attributed_to_its_click() {
    let (server, api) = started().await;
    let click_id = server.clicked().await.to_string();
    api.sell("t-1", "O1", json!({ "transaction_amount": "165.19", "vat_amount": "1.64" }));
    api.order("O1", &click_id);
    let job = server.reconciled().await;
    assert_eq!(
        (&job["state"], &job["kind"], &job["error"]),
        (&json!("done"), &json!("reconcile"), &Value::Null),
        "{job}"
    );
    assert_eq!(job["counts"], json!({ "listed": 1, "accepted": 1 }));
    let conversions = server.list("conversions").await;
    assert_eq!(conversions.len(), 1, "{conversions:?}");
    let found = &conversions[0];
    assert_eq!(found["state"], "attributed");
    assert_eq!((&found["value"], &found["currency"]), (&json!("1.64"), &json!("EUR")));
    assert_eq!((&found["click_id"], &found["order_id"]), (&json!(click_id), &json!("O1")));
    assert_eq!((&found["custom"]["sid1"], &found["custom"]["campaignkey"]), (&json!("one"), &json!("spring")));
    let postbacks = server.list("postbacks").await;
    assert_eq!((postbacks.len(), &postbacks[0]["channel"]), (1, &json!("reconcile")), "{postbacks:?}");
}

#[tokio::test]
async fn what_is_booked_already_is_counted_and_makes_no_row() {
    let (server, api) = started().await;
    let click_id = server.clicked().await.to_string();
    assert_eq!(server.postback(&sale(&click_id, "t-1")).await.0, 200);
    let mut other_type = sale(&click_id, "t-2");
    other_type.push(("type", "upsell"));
    assert_eq!(server.postback(&other_type).await.0, 200);
    let mut test = sale(&click_id, "t-3");
    test.push(("is_test", "1"));
    assert_eq!(server.postback(&test).await.0, 200);
    for id in ["t-1", "t-2", "t-3", "t-4"] {
        api.sell(id, &format!("O-{id}"), json!({}));
    }
    let first = server.reconciled().await;
    assert_eq!(first["counts"], json!({ "listed": 4, "known": 3, "unattributed": 1 }));
    let again = server.reconciled().await;
    assert_eq!(again["counts"], json!({ "listed": 4, "known": 4 }));
    assert_eq!(server.list("postbacks").await.len(), 4);
    assert_eq!(server.list("conversions").await.len(), 4);
    let asked_for_orders = api.heard().iter().filter(|asked| asked.contains("listPurchases")).count();
    assert_eq!(asked_for_orders, 1, "{:?}", api.heard());
}

#[tokio::test]
async fn a_postback_that_comes_late_finds_its_transaction_booked_whatever_repeats_do() {
    for repeat in ["ignore", "edit", "add_payout", "keep_repeated", "create_new"] {
        let (server, api) = started().await;
        let types = json!({ "types": [{ "name": "Purchase", "repeat": repeat }] });
        assert_eq!(server.patch_settings(types).await.status(), 200);
        let click_id = server.clicked().await.to_string();
        api.sell("t-1", "O1", json!({ "transaction_amount": "165.19", "vat_amount": "1.64" }));
        api.order("O1", &click_id);
        assert_eq!(server.reconciled().await["counts"], json!({ "listed": 1, "accepted": 1 }));
        assert_eq!(server.postback(&sale(&click_id, "t-1")).await.0, 200);
        let conversions = server.list("conversions").await;
        let values: Vec<&Value> =
            conversions.iter().map(|found| &found["value"]).filter(|value| !value.is_null()).collect();
        assert_eq!(values, ["1.64"], "{repeat}: {conversions:?}");
    }
}

#[tokio::test]
async fn a_refund_of_a_part_joins_its_sale() {
    let (server, api) = started().await;
    api.sell("t-1", "O1", json!({}));
    let part = json!({ "transaction_type": "refund", "transaction_amount": "-88.20", "vat_amount": "-14.08" });
    api.sell("r-1", "O1", part);
    assert_eq!(server.reconciled().await["counts"], json!({ "listed": 2, "unattributed": 2 }));
    let conversions = server.list("conversions").await;
    let of = |kind: &str| conversions.iter().find(|found| found["type"] == kind).expect("it is there");
    assert_eq!(of("Refund")["sale_id"], of("Purchase")["id"]);
    assert_eq!(of("Refund")["value"], "-14.08");
    assert_eq!(of("Refund")["amounts"]["brutto"], "88.20");
}

#[tokio::test]
async fn a_test_order_stays_out_of_the_books() {
    let (server, api) = started().await;
    api.sell("t-1", "O1", json!({ "order_type": "test" }));
    assert_eq!(server.reconciled().await["counts"], json!({ "listed": 1, "test": 1 }));
    assert_eq!(server.reconciled().await["counts"], json!({ "listed": 1, "known": 1 }));
    assert_eq!(server.list("conversions").await[0]["state"], "test");
}

#[tokio::test]
async fn every_page_of_every_stretch_of_time_is_read_whatever_goes_wrong_between() {
    let (server, api) = started().await;
    for number in 0..5 {
        api.sell(&format!("t-{number}"), &format!("O{number}"), json!({}));
    }
    api.sell("t-old", "O-old", json!({ "transaction_created_at": crate::network_api::at(40) }));
    let mishaps = [Some(Mishap::TooMany), None, Some(Mishap::Broken), None, Some(Mishap::Garbage), Some(Mishap::Error)];
    api.then(mishaps);
    let job = server.begun(45, 0).await;
    let job = server.ended(&job).await;
    assert_eq!((&job["state"], &job["error"]), (&json!("done"), &Value::Null), "{job}");
    assert_eq!(job["counts"], json!({ "listed": 6, "unattributed": 6 }));
    let mut found: Vec<String> =
        server.list("conversions").await.iter().map(|sale| sale["transaction_id"].to_string()).collect();
    found.sort();
    assert_eq!(found, ["\"t-0\"", "\"t-1\"", "\"t-2\"", "\"t-3\"", "\"t-4\"", "\"t-old\""]);
}

#[tokio::test]
async fn a_page_that_comes_again_ends_the_job_and_books_nothing_twice() {
    let (server, api) = started().await;
    for number in 0..4 {
        api.sell(&format!("t-{number}"), &format!("O{number}"), json!({ "click_id": "somebody-elses" }));
    }
    api.then([None, Some(Mishap::PageBefore), Some(Mishap::PageBefore), Some(Mishap::PageBefore)]);
    let job = server.reconciled().await;
    assert_eq!(job["state"], "failed", "{job}");
    assert!(job["error"].as_str().is_some_and(|error| error.contains("page 2")), "{job}");
    assert_eq!(server.list("postbacks").await.len(), 2);
    assert_eq!(server.reconciled().await["counts"], json!({ "listed": 4, "known": 2, "unattributed": 2 }));
}

#[tokio::test]
async fn an_error_that_does_not_pass_ends_the_job_with_its_sentence() {
    let (server, api) = started().await;
    api.then([Some(Mishap::Error); 3]);
    let job = server.reconciled().await;
    assert_eq!(job["state"], "failed", "{job}");
    assert_eq!(job["error"], "the API answered with an error: Invalid function call.");
    assert_eq!(api.heard().len(), 3);
}

#[tokio::test]
async fn a_wrong_key_ends_the_job_at_once_and_is_told_without_the_key() {
    let (server, api) = started().await;
    let wrong = json!({ "groups": { "digistore24": { "api_key": "99-another-key" } } });
    assert_eq!(server.patch_settings(wrong).await.status(), 200);
    let job = server.reconciled().await;
    assert_eq!(job["state"], "failed", "{job}");
    assert_eq!(job["error"], "the API refuses the key: The API key is invalid.");
    assert_eq!(api.heard().len(), 1);
    assert!(!job.to_string().contains("another-key"), "{job}");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_the_rest_is_booked() {
    let (server, api) = started().await;
    api.sell("t-1", "O1", json!({ "transaction_type": "refund_request" }));
    api.sell("t-2", "O2", json!({ "transaction_id": null }));
    api.sell("t-3", "O3", json!({}));
    let job = server.reconciled().await;
    assert_eq!(job["counts"], json!({ "listed": 3, "unreadable": 2, "unattributed": 1 }));
    let problems = job["problems"].to_string();
    assert!(problems.contains("O1") && problems.contains("refund_request") && problems.contains("O2"), "{problems}");
}

#[tokio::test]
async fn killed_at_any_page_it_ends_as_if_it_had_not_been() {
    let (mut server, api) = started().await;
    for number in 0..6 {
        api.sell(&format!("t-{number}"), &format!("O{number}"), json!({ "click_id": "somebody-elses" }));
    }
    let held = Some(Mishap::Held);
    api.then([held, None, held, None, held]);
    let job = server.begun(1, 0).await;
    for asked in [1, 3, 5] {
        api.asked(asked).await;
        server = server.killed_with(PRIVATE);
    }
    let job = server.ended(&job).await;
    assert_eq!((&job["state"], &job["counts"]), (&json!("done"), &json!({ "listed": 6, "unattributed": 6 })));
    let page =
        |asked: &String| asked.split("page_no=").nth(1).and_then(|rest| rest.split('&').next()).map(str::to_owned);
    let pages: Vec<String> = api.heard().iter().filter_map(page).collect();
    assert_eq!(pages, ["1", "1", "2", "2", "3", "3"]);
    assert_eq!(server.list("postbacks").await.len(), 6);
    assert_eq!(server.list("conversions").await.len(), 6);
}

#[tokio::test]
async fn one_at_a_time_for_a_site() {
    let (server, api) = started().await;
    api.then([Some(Mishap::Held)]);
    server.begun(0, 0).await;
    let body = json!({ "group": "digistore24", "from": day(0), "to": day(0) });
    let (status, sentence) = error_of(server.ask_to_reconcile(body).await).await;
    assert_eq!(status, 422);
    assert!(sentence.contains("already"), "{sentence}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_by_name() {
    let (server, _api) = started().await;
    let (today, before) = (day(0), day(1));
    for (body, expected) in [
        (json!({ "group": "nobody", "from": before, "to": today }), "nobody"),
        (json!({ "group": "clickbank", "from": before, "to": today }), "no API"),
        (json!({ "group": "digistore24", "from": today, "to": before }), "from must not be after to"),
        (json!({ "group": "digistore24", "from": "1990-01-01", "to": today }), "days"),
        (json!({ "group": "digistore24", "from": "yesterday", "to": today }), "2026-01-01"),
        (json!({ "group": "digistore24", "from": before }), "to"),
        (json!({ "group": "digistore24", "from": before, "to": today, "key": "x" }), "key"),
    ] {
        let (status, sentence) = error_of(server.ask_to_reconcile(body.clone()).await).await;
        assert_eq!(status, 400, "{body}");
        assert!(sentence.contains(expected), "{body}: {sentence}");
    }
    let nobody = server.client.post(format!("{}/api/v1/sites/{}/reconcile", server.url, server.site_id));
    assert_eq!(nobody.json(&json!({})).send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn without_a_key_the_place_to_get_one_is_told() {
    let server = Server::start().await;
    let body = json!({ "group": "digistore24", "from": day(0), "to": day(0) });
    let (status, sentence) = error_of(server.ask_to_reconcile(body).await).await;
    assert_eq!(status, 400);
    assert!(sentence.contains("groups.digistore24.api_key") && sentence.contains("API keys"), "{sentence}");
}

#[tokio::test]
async fn the_key_is_never_shown_and_does_not_travel_to_another_address() {
    let (server, _api) = started().await;
    let settings = server.api(&format!("/sites/{}/settings", server.site_id)).await;
    assert_eq!(settings["groups"]["digistore24"]["api_key"], "********");
    let elsewhere = json!({ "groups": { "digistore24": { "api_base_url": "https://elsewhere.example" } } });
    let after: Value = server.patch_settings(elsewhere).await.json().await.expect("JSON");
    assert_eq!(after["groups"]["digistore24"]["api_key"], Value::Null);
    let both = json!({ "groups": { "digistore24": { "api_base_url": null, "api_key": "another" } } });
    let after: Value = server.patch_settings(both).await.json().await.expect("JSON");
    assert_eq!(after["groups"]["digistore24"]["api_key"], "********");
}

#[tokio::test]
async fn settings_of_an_api_that_cannot_be_are_refused_by_name() {
    let server = Server::start().await;
    for (group, setting, expected) in [
        ("clickbank", json!({ "api_key": "x" }), "groups.clickbank.api_key"),
        ("digistore24", json!({ "api_base_url": "ftp://a.example" }), "api_base_url"),
        ("digistore24", json!({ "api_role": "owner" }), "affiliate, vendor"),
        ("digistore24", json!({ "reconcile_days": 0 }), "reconcile_days"),
    ] {
        let (status, sentence) = error_of(server.patch_settings(json!({ "groups": { group: setting } })).await).await;
        assert_eq!(status, 422);
        assert!(sentence.contains(expected), "{sentence}");
    }
}

#[tokio::test]
async fn it_is_asked_once_a_day_where_the_operator_wants_it_so() {
    let (server, api) = started().await;
    api.sell("t-1", "O1", json!({ "click_id": "somebody-elses" }));
    let daily = json!({ "groups": { "digistore24": { "reconcile_days": 3, "api_role": "vendor" } } });
    assert_eq!(server.patch_settings(daily).await.status(), 200);
    let server = server.restarted_with(PRIVATE);
    api.asked(1).await;
    let asked = api.heard().first().expect("a question").clone();
    assert!(asked.contains(&format!("from={}", day(3))) && asked.contains("search%5Brole%5D=vendor"), "{asked}");
    let jobs = server.list("jobs").await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    server.ended(jobs[0]["id"].as_str().expect("an id")).await;
    let server = server.restarted_with(PRIVATE);
    assert_eq!(server.reconciled().await["counts"], json!({ "listed": 1, "known": 1 }));
    assert_eq!(server.list("jobs").await.len(), 2);
}
