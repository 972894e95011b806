//! Pixels in pages: a real image on the public id, for everything that moves no money.

use crate::server::Server;
use crate::tracker::call;
use reqwest::{Response, header};
use serde_json::{Value, json};

fn url(server: &Server) -> String {
    format!("{}/{}/postback", server.url, server.site_id)
}

async fn load(server: &Server, query: &[(&str, &str)]) -> Response {
    server.client.get(url(server)).query(&[("format", "img")]).query(query).send().await.expect("an answer")
}

#[tokio::test]
async fn a_pixel_is_a_gif_of_one_transparent_dot_that_nobody_keeps() {
    let server = Server::start().await;
    let response = load(&server, &[("clickid", "__cid__"), ("type", "InitiateCheckout")]).await;
    assert_eq!(response.status(), 200);
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!(header(header::CONTENT_TYPE), "image/gif");
    assert!(header(header::CACHE_CONTROL).contains("no-store"));
    let gif = response.bytes().await.expect("bytes");
    assert_eq!(&gif[..10], b"GIF89a\x01\x00\x01\x00", "one dot wide and high");
    assert!(gif.contains(&0x2c) && gif.last() == Some(&0x3b), "an image block, and the trailer");
    assert_eq!(gif[13..19], [0, 0, 0, 0xff, 0xff, 0xff], "a table of two colours");
    assert_eq!(gif[19..27], [0x21, 0xf9, 4, 1, 0, 0, 0, 0], "of which the first is transparent");
}

#[tokio::test]
async fn an_order_form_that_opens_is_credited_to_its_click() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    assert_eq!(load(&server, &[("clickid", &click_id), ("type", "InitiateCheckout")]).await.status(), 200);
    let conversion = server.list("conversions").await.remove(0);
    let keys = ["type", "state", "click_id", "value", "currency", "reason"];
    let expected = json!(["InitiateCheckout", "attributed", click_id, null, null, null]);
    assert_eq!(json!(keys.map(|key| &conversion[key])), expected);
    assert_eq!(conversion["click_ids"]["gclid"], "Cj0KCQiA-Xyz_1");
    assert_eq!(server.list("postbacks").await[0]["channel"], "pixel");
}

#[tokio::test]
async fn a_click_id_that_nobody_filled_in_is_absent() {
    let server = Server::start().await;
    assert_eq!(load(&server, &[("clickid", "__cid__"), ("type", "InitiateCheckout")]).await.status(), 200);
    let conversion = server.list("conversions").await.remove(0);
    assert_eq!((&conversion["state"], &conversion["click_id"]), (&json!("unattributed"), &Value::Null));
    assert_eq!(conversion["reason"], "no click id was sent");
}

#[tokio::test]
async fn a_pixel_that_would_move_money_is_refused_and_kept() {
    let server = Server::start().await;
    let mapped = json!({"types": [{"name": "Purchase", "from": {"type": ["Bought"]}}]});
    assert_eq!(server.patch_settings(mapped).await.status(), 200);
    let words = [
        "Purchase",
        "purchase",
        "Refund",
        "refund",
        "Chargeback",
        "payment",
        "chargeback",
        "upsell",
        "subscription",
        "Bought",
        "",
    ];
    for word in words {
        let response = load(&server, &[("clickid", "x"), ("type", word), ("sum", "99.00")]).await;
        assert_eq!(response.status(), 422, "{word:?}");
        assert!(response.text().await.expect("text").contains("type="), "{word:?}");
        assert_eq!(server.list("postbacks").await[0]["state"], "refused", "{word:?}");
    }
    let told_otherwise = [("clickid", "x"), ("type", "Visit"), ("transaction_type", "payment")];
    assert_eq!(load(&server, &told_otherwise).await.status(), 422);
    assert!(server.list("conversions").await.is_empty());
}

#[tokio::test]
async fn what_a_pixel_says_of_money_and_transactions_is_not_listened_to() {
    let server = Server::start().await;
    let claim =
        [("clickid", "x"), ("type", "Späti"), ("txid", "t-1"), ("sum", "0.01"), ("currency", "EUR"), ("order_id", "o")];
    let later = [("clickid", "x"), ("type", "Späti"), ("txid", "t-2"), ("sum", "8.00"), ("currency", "EUR")];
    assert_eq!(load(&server, &claim).await.status(), 200);
    let told = [("clickid", "x"), ("type", "Späti"), ("txid", "t-1"), ("sum", "8.00"), ("currency", "EUR")];
    assert_eq!(call(&server, &told).await.0, 200);
    assert_eq!(call(&server, &later).await.0, 200);
    assert_eq!(load(&server, &later).await.status(), 200);
    let conversions = server.list("conversions").await;
    let of_pixels: Vec<&Value> = conversions.iter().filter(|one| one["transaction_id"].is_null()).collect();
    assert_eq!((conversions.len(), of_pixels.len()), (4, 2), "neither takes the other's place: {conversions:#?}");
    for one in &of_pixels {
        assert_eq!(json!([one["value"], one["amounts"]["affiliate"], one["order_id"]]), json!([null, null, null]));
    }
    for one in conversions.iter().filter(|one| !one["transaction_id"].is_null()) {
        assert_eq!(one["value"], "8.00", "the money of the transaction is the sender's: {one}");
    }
}

#[tokio::test]
async fn a_pixel_loaded_again_counts_once() {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    for _ in 0..3 {
        assert_eq!(load(&server, &[("clickid", &click_id), ("type", "InitiateCheckout")]).await.status(), 200);
    }
    assert_eq!(server.list("conversions").await.len(), 1);
}

#[tokio::test]
async fn one_address_can_load_so_many_pixels_a_minute() {
    let server = Server::start_with(&[], "[limits]\nevents_per_minute = 2\n").await;
    let mut answers = Vec::new();
    for number in 0..4 {
        let response = load(&server, &[("clickid", &format!("x{number}")), ("type", "InitiateCheckout")]).await;
        assert_eq!(response.headers().contains_key(header::RETRY_AFTER), response.status() == 429);
        answers.push(response.status().as_u16());
    }
    assert_eq!(answers, [200, 200, 429, 429]);
    assert_eq!(server.list("postbacks").await.len(), 2);
    assert_eq!(
        call(&server, &[("clickid", "x"), ("sum", "1"), ("txid", "t")]).await.0,
        200,
        "trackers are not counted"
    );
}

#[tokio::test]
async fn the_public_id_takes_no_postback_by_post() {
    let server = Server::start().await;
    let response = server.client.post(url(&server)).form(&[("type", "InitiateCheckout")]).send().await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), 405);
    assert!(response.text().await.expect("text").contains("secret tracking id"));
    assert!(server.list("postbacks").await.is_empty());
}
