//! What a platform is told, and what not: sales of its own visitors, refunds where they are taken, events and hashes of people where the
//! site says so.

use crate::fake::Fake;
use crate::home::{BROWSER, Home, sale};
use crate::platforms;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tagwerk_server::store::DeliveryState;

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_sale_goes_out_with_the_click_and_browser_of_its_visitor() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    home.sales(1, 1).await;
    home.send();
    let heard = fake.hears("meta", 1).await;
    let event = &heard[0].json()["data"][0];
    assert_eq!((&event["event_name"], &event["custom_data"]["currency"]), (&json!("Purchase"), &json!("EUR")));
    assert_eq!(event["custom_data"]["value"], json!(1.64));
    let user = &event["user_data"];
    assert_eq!(
        (&user["client_ip_address"], &user["client_user_agent"]),
        (&json!("127.0.0.0"), &json!(BROWSER)),
        "as the site keeps it"
    );
    assert!(user["fbc"].as_str().is_some_and(|fbc| fbc.starts_with("fb.1.")), "{user}");
}

#[tokio::test]
async fn whoever_came_by_no_ad_of_a_platform_is_told_only_to_those_that_get_everything() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    let mut all = platforms::all(&fake, &["meta", "tiktok", "webhook"]);
    all["tiktok"]["send"] = json!("all");
    home.set_up(all).await;
    // Nobody's click.
    home.postback(&sale("", "T1")).await;
    home.send();
    home.delivered("webhook").await;
    let platforms: Vec<String> = home.deliveries().await.into_iter().map(|row| row.platform).collect();
    assert!(!platforms.contains(&"meta".to_owned()) && platforms.contains(&"tiktok".to_owned()), "{platforms:?}");
    assert_eq!(fake.heard("meta").len(), 0);
}

#[tokio::test]
async fn refunds_go_where_they_are_taken_under_an_id_of_their_own_and_name_their_sale() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &["meta", "tiktok", "google", "ga4", "webhook", "postback"])).await;
    let click = home.clicks(1).await[0].to_string();
    home.postback(&sale(&click, "T1")).await;
    let mut refund = sale(&click, "T1");
    refund.retain(|(name, _)| !["transaction_type", "amount_brutto", "amount_netto"].contains(name));
    refund.extend([("transaction_type", "refund"), ("amount_brutto", "100.00"), ("amount_netto", "99.36")]);
    home.postback(&refund).await;
    home.send();
    for platform in ["meta", "tiktok"] {
        assert_eq!(home.delivered(platform).await.len(), 1, "{platform} takes none");
    }
    for platform in ["google", "ga4", "webhook", "postback"] {
        let rows = home.until(platform, |row| row.state == DeliveryState::Delivered || row.receipt.is_some()).await;
        assert_eq!(rows.len(), 2, "{platform}: {rows:?}");
        assert_ne!(rows[0].event_id, rows[1].event_id);
    }
    let rows = home.deliveries().await;
    let id = |kind: &str| rows.iter().find(|row| row.kind == kind).expect("a row").event_id.clone();
    // Google is told the sale again, with what is left of it.
    let told: Vec<Value> = fake
        .heard("google")
        .iter()
        .flat_map(|heard| heard.json()["events"].as_array().cloned().unwrap_or_default())
        .collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|event| event["transactionId"] == json!(id("Purchase"))), "{told:?}");
    let mut values: Vec<f64> = told.iter().filter_map(|event| event["conversionValue"].as_f64()).collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values, [1.0, 1.64]);
    let hooks = fake.heard("webhook");
    let refund = hooks
        .iter()
        .map(|heard| heard.json()["data"].clone())
        .find(|data| data["takes_back"] == json!(true))
        .expect("it");
    assert_eq!(refund["sale"]["event_id"], json!(id("Purchase")));
    assert_eq!((&refund["value"], &refund["sale"]["left"]), (&json!("-0.64"), &json!("1.00")));
}

#[tokio::test]
async fn an_outbound_click_is_sent_where_the_site_says_so_under_its_own_id() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    let mut all = platforms::all(&fake, &["meta", "tiktok"]);
    all["meta"]["events"] = json!(["OutboundClick"]);
    home.set_up(all).await;
    let click = home.clicks(1).await[0].to_string();
    home.send();
    let rows = home.delivered("meta").await;
    assert_eq!((rows.len(), rows[0].event_id.as_str(), rows[0].kind.as_str()), (1, click.as_str(), "OutboundClick"));
    assert_eq!(rows[0].conversion_id, None);
    let event = &fake.heard("meta")[0].json()["data"][0];
    assert_eq!((&event["event_name"], &event["event_id"]), (&json!("OutboundClick"), &json!(click)));
    assert_eq!(home.deliveries().await.len(), 1, "the other platform is not told, nor of the page view");
}

#[tokio::test]
async fn the_buyer_is_told_hashed_and_only_where_the_switch_is_on() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    let mut all = platforms::all(&fake, &["meta", "tiktok", "webhook"]);
    all["meta"]["hashed_personal_data"] = json!(true);
    home.set_up(all).await;
    let click = home.clicks(1).await[0].to_string();
    let mut told = sale(&click, "T1");
    told.extend([("email", " Jane.Doe@Example.COM "), ("first_name", "Jane"), ("address_phone_no", "+49 30 1234567")]);
    home.postback(&told).await;
    home.send();
    for platform in ["meta", "tiktok", "webhook"] {
        home.delivered(platform).await;
    }
    let user = fake.heard("meta")[0].json()["data"][0]["user_data"].clone();
    assert_eq!(user["em"], json!([hash("jane.doe@example.com")]));
    assert_eq!(user["ph"], json!([hash("49301234567")]));
    for platform in ["tiktok", "webhook"] {
        let whole = fake.heard(platform)[0].whole();
        assert!(
            !whole.contains(&hash("jane.doe@example.com")) && !whole.contains("sha256\":\""),
            "{platform}: {whole}"
        );
    }
    for platform in ["meta", "tiktok", "webhook"] {
        let whole = fake.heard(platform)[0].whole().to_ascii_lowercase();
        assert!(!whole.contains("jane") && !whole.contains("1234567\""), "{platform}: {whole}");
    }
}

#[tokio::test]
async fn an_import_of_the_past_is_told_to_nobody() {
    let fake = Fake::start().await;
    let home = Home::start().await;
    home.sales(1, 2).await;
    home.set_up(platforms::all(&fake, &["meta"])).await;
    assert_eq!(home.deliveries().await, [], "what came before it was switched on is not told");
    home.sales(3, 1).await;
    assert_eq!(home.deliveries().await.len(), 1);
}
