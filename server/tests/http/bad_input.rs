//! Every route, asked wrongly: a clear status and sentence, never a panic, and for a known site's postback never a loss.

use crate::server::{Server, sale};
use reqwest::Method;

#[tokio::test]
async fn an_unknown_tracking_id_is_told() {
    let server = Server::start().await;
    let response = server.client.get(format!("{}/{}/collect/digistore24", server.url, "x".repeat(24))).send().await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), 404);
    assert!(response.text().await.expect("text").contains("unknown tracking id"));
}

#[tokio::test]
async fn the_public_site_id_opens_no_postback_route() {
    let server = Server::start().await;
    let url = format!("{}/{}/collect/digistore24", server.url, server.site_id);
    assert_eq!(server.client.get(url).send().await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn an_unknown_group_of_a_known_site_is_told_and_kept() {
    let server = Server::start().await;
    let response =
        server.client.get(server.collect_url("nobody")).query(&sale("", "t")).send().await.expect("an answer");
    assert_eq!(response.status(), 404);
    assert!(response.text().await.expect("text").contains("digistore24"));
    let postback = server.list("postbacks").await.remove(0);
    assert_eq!((postback["state"].as_str(), postback["group"].as_str()), (Some("refused"), Some("nobody")));
}

#[tokio::test]
async fn a_query_past_the_limit_is_told_with_the_limit_and_kept() {
    let server = Server::start_with(&[], "[limits]\nquery_kb = 1\n").await;
    let long = "x".repeat(1200);
    let (status, sentence) = server.postback(&[("transaction_type", "payment"), ("sid1", &long)]).await;
    assert_eq!(status, 413);
    assert!(sentence.contains("1 kB"), "{sentence}");
    let postback = server.list("postbacks").await.remove(0);
    assert_eq!(postback["state"], "refused");
    assert!(postback["raw"].as_str().expect("a text").starts_with("transaction_type=payment"));
}

#[tokio::test]
async fn a_body_past_the_limit_is_told_with_the_limit() {
    let server = Server::start_with(&[], "[limits]\nbody_kb = 1\n").await;
    let long = format!("transaction_type=payment&sid1={}", "x".repeat(2000));
    let request = server.client.post(server.collect_url("digistore24"));
    let response = request.header("content-type", "application/x-www-form-urlencoded").body(long.clone());
    let response = response.send().await.expect("an answer");
    assert_eq!(response.status(), 413);
    assert!(response.text().await.expect("text").contains("1 kB"));
    let postback = server.list("postbacks").await.remove(0);
    assert_eq!(postback["state"], "refused");
    assert!(postback["raw"].as_str().expect("a text").contains("transaction_type=payment"));
    assert_eq!(server.post_event_body(long).await.status(), 413);
}

#[tokio::test]
async fn broken_encodings_never_panic_and_are_kept() {
    let server = Server::start().await;
    let query = "transaction_type=%E9&cid=%zz&sid1=%&amount_brutto=%C3%28&%FF=%00";
    let url = format!("{}?{query}", server.collect_url("digistore24"));
    let response = server.client.get(url).send().await.expect("an answer");
    assert_eq!(response.status(), 422);
    assert_eq!(server.list("postbacks").await.remove(0)["raw"], query);
    let request = server.client.post(server.collect_url("digistore24"));
    let body = b"transaction_type=\xff\xfe&cid=\x00".to_vec();
    let response = request.header("content-type", "application/x-www-form-urlencoded").body(body).send().await;
    assert_eq!(response.expect("an answer").status(), 422);
    assert_eq!(server.post_event_body(b"\xff\xfe\n\x00=%".to_vec()).await.status(), 422);
    assert_eq!(server.client.get(format!("{}/healthz", server.url)).send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_broken_group_in_the_path_is_told_and_kept() {
    let server = Server::start().await;
    let url = format!("{}?transaction_type=payment", server.collect_url("%FF%00"));
    assert_eq!(server.client.get(url).send().await.expect("an answer").status(), 404);
    assert_eq!(server.list("postbacks").await.remove(0)["state"], "refused");
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_path_loses_nothing() {
    let server = Server::start().await;
    let request = server.client.get(format!("{}/", server.collect_url("digistore24"))).query(&sale("", "t"));
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    assert_eq!(server.list("conversions").await.len(), 1);
}

#[tokio::test]
async fn a_form_s_content_type_is_known_in_any_case() {
    let server = Server::start().await;
    let request = server.client.post(server.collect_url("digistore24"));
    let request = request.header("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8");
    let body = "transaction_type=payment&transaction_id=t&amount_brutto=2.00&amount_netto=1.00&currency=EUR";
    assert_eq!(request.body(body).send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_clock_out_of_all_range_is_mended_by_the_receipt() {
    let server = Server::start().await;
    let (mut view, _) = crate::server::visit_with_click();
    (view.at, view.landing.at) = (i64::MAX, i64::MIN);
    assert_eq!(server.post_events(&[&view]).await.status(), 204);
    let visit = server.list("visits").await.remove(0);
    assert_eq!(visit["at"], visit["received_at"]);
    let event = server.list("events").await.remove(0);
    assert_eq!(event["at"], event["received_at"]);
}

#[tokio::test]
async fn the_api_tells_every_error_in_json() {
    let server = Server::start().await;
    for path in ["/sites/%FF/visits", "/nothing", "/sites/x/visits?limit=1&limit=2"] {
        let (status, sentence) = crate::server::error_of(server.api_response(path).await).await;
        assert!((400..500).contains(&status) && !sentence.is_empty(), "{path}: {status} {sentence}");
    }
    let request = server.client.delete(format!("{}/api/v1/sites", server.url)).bearer_auth(&server.token);
    let (status, sentence) = crate::server::error_of(request.send().await.expect("an answer")).await;
    assert!(status == 405 && sentence.contains("method"), "{status} {sentence}");
}

#[tokio::test]
async fn repeated_keys_that_disagree_are_refused_by_name_and_kept() {
    let server = Server::start().await;
    let mut query = sale("", "t");
    query.push(("amount_netto", "1.00"));
    let (status, sentence) = server.postback(&query).await;
    assert_eq!(status, 422);
    assert!(sentence.contains("amount_netto"), "{sentence}");
    assert_eq!(server.list("postbacks").await.len(), 1);
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused_and_kept() {
    let server = Server::start().await;
    let request = server.client.post(server.collect_url("digistore24")).json(&serde_json::json!({"cid": "x"}));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 422);
    assert!(response.text().await.expect("text").contains("form-encoded"));
    assert!(server.list("postbacks").await.remove(0)["raw"].as_str().expect("a text").contains("\"cid\""));
}

#[tokio::test]
async fn wrong_methods_are_told_and_book_nothing() {
    let server = Server::start().await;
    let url = server.collect_url("digistore24");
    for (method, url) in [
        (Method::PUT, url.clone()),
        (Method::DELETE, url.clone()),
        (Method::HEAD, url),
        (Method::GET, format!("{}/{}/event", server.url, server.site_id)),
        (Method::POST, format!("{}/healthz", server.url)),
        (Method::POST, format!("{}/{}.js", server.url, server.site_id)),
        (Method::PUT, format!("{}/api/v1/sites/{}/settings", server.url, server.site_id)),
    ] {
        let response =
            server.client.request(method.clone(), &url).query(&sale("", "t")).send().await.expect("an answer");
        assert_eq!(response.status(), 405, "{method} {url}");
    }
    assert_eq!(server.list("postbacks").await.len(), 0);
}

#[tokio::test]
async fn events_of_an_unknown_site_and_empty_bodies_are_told() {
    let server = Server::start().await;
    let response = server.client.post(format!("{}/{}/event", server.url, "y".repeat(12))).body("x").send().await;
    assert_eq!(response.expect("an answer").status(), 404);
    let response = server.post_event_body("\n\n").await;
    assert_eq!(response.status(), 400);
    assert!(response.text().await.expect("text").contains("no event"));
}

#[tokio::test]
async fn a_path_that_nothing_serves_is_told() {
    let server = Server::start().await;
    for path in ["/nothing/here", "/%FF%FE", "/assets/tag.0.js", "/..%2f..%2fetc/passwd", "/aaaaaaaaaaaa.js"] {
        let response = server.client.get(format!("{}{path}", server.url)).send().await.expect("an answer");
        assert!(response.status().is_client_error(), "{path}: {}", response.status());
    }
}
