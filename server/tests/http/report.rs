//! Reports over HTTP: what was sold, by where it came from.

use crate::server::{Server, error_of, sale, visit_with_click};
use serde_json::{Value, json};

async fn report(server: &Server, query: &str) -> Value {
    server.api(&format!("/sites/{}/report?{query}", server.site_id)).await
}

/// A visit with a click and a sale of the guide's example: 1.64 by the default rule.
async fn sold(server: &Server) {
    let click_id = server.clicked().await.to_string();
    assert_eq!(server.postback(&sale(&click_id, "t-1")).await.0, 200);
}

#[tokio::test]
async fn a_sale_is_in_the_report_as_soon_as_it_was_answered() {
    let server = Server::start().await;
    sold(&server).await;
    let told = report(&server, "by=utm_campaign").await;
    assert_eq!(told["by"], json!(["utm_campaign"]));
    assert_eq!((told["model"].as_str(), told["currency"].as_str()), (Some("click"), Some("EUR")));
    let row = json!({
        "utm_campaign": "spring",
        "visits": 1, "visitors": 1, "visitors_estimated": false, "bots": 0, "clicks": 1, "ctr": "1",
        "conversions": "1", "leads": "0", "sales": "1", "refunds": "0", "chargebacks": "0", "without_value": "0",
        "revenue": "1.64", "refunded": "0.00", "net": "1.64", "commission": "101.64",
        "epc": "1.64", "conversion_rate": "1", "cost": "0.00", "profit": "1.64", "roi": null,
        "amounts": [{"currency": "EUR", "revenue": "1.64", "refunded": "0.00", "net": "1.64", "commission": "101.64", "cost": "0.00"}],
        "not_converted": [], "stale_rates": false,
    });
    assert_eq!(told["rows"], json!([row]));
    let mut totals = row;
    totals.as_object_mut().expect("an object").remove("utm_campaign");
    assert_eq!((&told["totals"], &told["left_out"]), (&totals, &json!(0)));
}

#[tokio::test]
async fn a_refund_lowers_what_is_left_where_its_sale_came_from() {
    let server = Server::start().await;
    sold(&server).await;
    let mut back = sale("", "t-2");
    back.retain(|(name, _)| *name != "transaction_type");
    back.extend([("transaction_type", "refund"), ("order_id", "o-1")]);
    let mut first = sale("", "t-3");
    first.push(("order_id", "o-1"));
    server.postback(&first).await;
    server.postback(&back).await;
    let told = report(&server, "by=state&sort=value").await;
    let nets: Vec<(&str, &str, &str)> = told["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().expect("text");
            (text("state"), text("revenue"), text("net"))
        })
        .collect();
    assert_eq!(nets, [("attributed", "1.64", "1.64"), ("unattributed", "1.64", "0.00")]);
    assert_eq!(told["rows"][0]["visits"], Value::Null);
    assert_eq!((&told["totals"]["refunded"], &told["totals"]["refunds"]), (&json!("1.64"), &json!("1")));
}

#[tokio::test]
async fn without_being_asked_the_report_is_by_day_up_to_today() {
    let server = Server::start().await;
    sold(&server).await;
    let told = report(&server, "").await;
    assert_eq!(told["by"], json!(["day"]));
    let rows = told["rows"].as_array().expect("rows");
    let clicks: i64 = rows.iter().map(|row| row["clicks"].as_i64().expect("a number")).sum();
    assert_eq!(clicks, 1, "{rows:?}");
    assert!(rows.iter().all(|row| row["day"].as_str() <= told["to"].as_str()));
}

#[tokio::test]
async fn the_models_share_a_sale_among_the_visitor_s_visits() {
    let server = Server::start().await;
    let (mut first, _) = visit_with_click();
    let (mut second, mut click) = visit_with_click();
    first.visitor_id = Some("visitor-of-both".into());
    second.visitor_id.clone_from(&first.visitor_id);
    click.visitor_id.clone_from(&first.visitor_id);
    first.landing.at -= 1000;
    first.landing.page = "https://shop.example/?utm_campaign=letter".into();
    assert_eq!(server.post_events(&[&first, &second, &click]).await.status(), 204);
    let click_id = click.click_id.expect("a click id").to_string();
    server.postback(&sale(&click_id, "t-1")).await;
    for (model, letter, spring) in [("click", "0", "1"), ("first", "1", "0"), ("linear", "0.5", "0.5")] {
        let told = report(&server, &format!("by=utm_campaign&sort=value&model={model}")).await;
        let conversions = (&told["rows"][0]["conversions"], &told["rows"][1]["conversions"]);
        assert_eq!(conversions, (&json!(letter), &json!(spring)), "{model}");
        assert_eq!(told["totals"]["net"], "1.64", "{model}");
    }
}

#[tokio::test]
async fn money_without_a_rate_is_told_and_not_guessed() {
    let server = Server::start().await;
    assert_eq!(server.patch_settings(json!({"reporting_currency": "EUR"})).await.status(), 200);
    let mut in_gold = sale("", "t-1");
    in_gold.retain(|(name, _)| *name != "currency");
    in_gold.push(("currency", "XAU"));
    server.postback(&in_gold).await;
    server.postback(&sale("", "t-2")).await;
    let totals = report(&server, "by=product").await["totals"].clone();
    assert_eq!((&totals["net"], &totals["not_converted"]), (&json!("1.64"), &json!(["XAU"])));
    assert_eq!(totals["amounts"][1]["revenue"], "1.64");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_told() {
    let server = Server::start().await;
    for (query, word) in [
        ("by=campaign", "by cannot be campaign"),
        ("from=2026-02-30", "from must be a day"),
        ("from=2026-02-02&to=2026-02-01", "must not lie after"),
        ("model=best", "model must be one of"),
        ("days=7", "no parameter days"),
    ] {
        let response = server.api_response(&format!("/sites/{}/report?{query}", server.site_id)).await;
        let (status, sentence) = error_of(response).await;
        assert_eq!(status, 400, "{query}");
        assert!(sentence.contains(word), "{query}: {sentence}");
    }
    let nobody = server.api_response("/sites/nobody/report").await;
    assert_eq!(error_of(nobody).await, (404, "there is no such site".to_owned()));
    let bare = server.client.get(format!("{}/api/v1/sites/{}/report", server.url, server.site_id)).send().await;
    assert_eq!(bare.expect("an answer").status(), 401);
}
