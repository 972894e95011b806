//! The operator's JSON API and probes.

use crate::server::{Server, error_of, sale, visit_with_click};
use serde_json::{Value, json};

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let server = Server::start().await;
    for path in ["/api/v1/sites", "/api/v1/nothing", "/metrics"] {
        let bare = server.client.get(format!("{}{path}", server.url)).send().await.expect("an answer");
        assert_eq!(bare.status(), 401, "{path}");
        let wrong = server.client.get(format!("{}{path}", server.url)).bearer_auth("wrong").send().await;
        assert_eq!(wrong.expect("an answer").status(), 401, "{path}");
    }
}

#[tokio::test]
async fn sites_are_listed_with_both_ids_and_settings() {
    let server = Server::start().await;
    let listing = server.api("/sites").await;
    assert_eq!(listing["next"], Value::Null);
    let site = &listing["items"][0];
    assert_eq!(site["site_id"], server.site_id.as_str());
    assert_eq!(site["tracking_id"], server.tracking_id.as_str());
    assert_eq!((site["name"].as_str(), &site["origins"]), (Some("Test"), &json!([])));
    assert_eq!(site["settings"]["purchase_value"], "brutto_minus_netto");
    assert_eq!((server.site_id.len(), server.tracking_id.len()), (12, 24));
}

#[tokio::test]
async fn a_list_is_read_in_parts_without_gap_or_repeat() {
    let server = Server::start().await;
    for number in 0..7 {
        server.postback(&sale("", &format!("t-{number}"))).await;
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let part = server.api(&format!("/sites/{}/conversions?limit=3{after}", server.site_id)).await;
        seen.extend(part["items"].as_array().expect("items").iter().map(|one| one["transaction_id"].clone()));
        match part["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["t-6", "t-5", "t-4", "t-3", "t-2", "t-1", "t-0"]);
}

#[tokio::test]
async fn a_limit_or_cursor_that_cannot_be_is_told() {
    let server = Server::start().await;
    for query in ["limit=0", "limit=1001", "limit=x", "after=x"] {
        let response = server.api_response(&format!("/sites/{}/visits?{query}", server.site_id)).await;
        assert_eq!(error_of(response).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn every_list_of_an_unknown_site_is_not_found() {
    let server = Server::start().await;
    for list in ["visits", "clicks", "events", "postbacks", "conversions", "deliveries", "settings"] {
        let response = server.api_response(&format!("/sites/nobody/{list}")).await;
        let (status, sentence) = error_of(response).await;
        assert_eq!((status, sentence.as_str()), (404, "there is no such site"), "{list}");
    }
}

#[tokio::test]
async fn a_conversion_has_every_field_of_the_contract() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    let mut query = sale(&click_id, "t-1");
    query.extend([("sid2", "two"), ("billing_type", "subscription"), ("product_name", "bottle + 2")]);
    server.postback(&query).await;
    let conversion = server.list("conversions").await.remove(0);
    let keys: Vec<&String> = conversion.as_object().expect("an object").keys().collect();
    for key in [
        "id",
        "at",
        "received_at",
        "state",
        "reason",
        "type",
        "value",
        "currency",
        "amounts",
        "group",
        "transaction_id",
        "transaction_type",
        "order_type",
        "billing_type",
        "billing_status",
        "order_id",
        "product_id",
        "product_name",
        "sale_id",
        "click_id",
        "visit_id",
        "source",
        "click_ids",
        "custom",
    ] {
        assert!(keys.iter().any(|known| *known == key), "{key}");
    }
    assert_eq!(
        conversion["amounts"],
        json!({"affiliate": "101.64", "vendor": null, "brutto": "165.19", "netto": "163.55"})
    );
    assert_eq!(
        conversion["custom"],
        json!({"sid1": null, "sid2": "two", "sid3": null, "sid4": null, "sid5": null, "campaignkey": null})
    );
    assert_eq!(conversion["product_name"], "bottle + 2");
    let at = conversion["received_at"].as_str().expect("a time");
    assert!(at.ends_with('Z') && at.len() == "2026-01-01T00:00:00.000Z".len(), "{at}");
    assert_eq!(server.list("deliveries").await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_first_touch_is_kept_with_its_source() {
    let server = Server::start().await;
    let (mut view, _) = visit_with_click();
    view.landing.at = 1_700_000_000_000 + 86_400_000;
    view.first = Some(tagwerk_protocol::source::Arrival {
        at: 1_700_000_000_000,
        page: "https://shop.example/?utm_source=news&fbclid=F".into(),
        referrer: String::new(),
    });
    server.post_events(&[&view]).await;
    let first = server.list("visits").await.remove(0)["first_touch"].clone();
    assert_eq!((&first["source"]["utm_source"], &first["click_ids"]["fbclid"]), (&json!("news"), &json!("F")));
    assert_eq!(first["at"], "2023-11-14T22:13:20.000Z");
}

#[tokio::test]
async fn the_probes_answer_and_the_metrics_count() {
    let server = Server::start().await;
    for probe in ["/healthz", "/readyz"] {
        let response = server.client.get(format!("{}{probe}", server.url)).send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{probe}");
    }
    server.postback(&sale("", "t-1")).await;
    let request = server.client.get(format!("{}/metrics", server.url)).bearer_auth(&server.token);
    let text = request.send().await.expect("an answer").text().await.expect("text");
    assert!(text.contains("tagwerk_postbacks_total{state=\"unattributed\"} 1"), "{text}");
    assert!(!text.contains(&server.tracking_id), "no secret in a metric's labels");
}
