//! Tokens of programs.

use crate::dashboard::{Browser, location};
use crate::server::{Server, error_of};
use reqwest::Response;
use serde_json::{Value, json};

/// Makes a token by the API.
pub(crate) async fn made(server: &Server, name: &str, role: &str) -> String {
    let response = make(server, &json!({ "name": name, "role": role })).await;
    assert_eq!(response.status(), 201);
    let made: Value = response.json().await.expect("JSON");
    made["token"].as_str().expect("the token").to_owned()
}

async fn make(server: &Server, body: &Value) -> Response {
    let request = server.client.post(format!("{}/api/v1/tokens", server.url)).bearer_auth(&server.token);
    request.json(body).send().await.expect("an answer")
}

async fn get(server: &Server, token: &str, path: &str) -> Response {
    let request = server.client.get(format!("{}/api/v1{path}", server.url)).bearer_auth(token);
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn a_token_made_on_the_page_is_shown_once_and_reads_until_it_is_revoked() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let page = owner.post("/tokens", &[("name", "zapier"), ("role", "read_only")]).await.text().await.expect("text");
    let rest = page.split("tagwerk_").nth(1).expect("a token on the page");
    let secret: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let token = format!("tagwerk_{secret}");
    assert_eq!(get(&server, &token, "/sites").await.status(), 200);
    let page = owner.page("/tokens").await;
    assert!(page.contains("zapier") && !page.contains(&secret), "{page}");
    let tokens = server.api("/tokens").await;
    let kept = &tokens["items"][0];
    assert_eq!(
        (&kept["name"], &kept["role"], &kept["created_by"]),
        (&json!("zapier"), &json!("read_only"), &json!("admin token"))
    );
    assert!(kept["last_used_at"].is_string(), "{kept}");
    assert!(!tokens.to_string().contains(&secret));
    let id = kept["id"].as_str().expect("an id");
    let revoked = owner.post(&format!("/tokens/{id}/revoke"), &[]).await;
    assert_eq!(location(&revoked), "/tokens?saved=revoked");
    let (status, sentence) = error_of(get(&server, &token, "/sites").await).await;
    assert_eq!(status, 401);
    assert!(sentence.contains("revoked"), "{sentence}");
}

#[tokio::test]
async fn a_token_revoked_by_the_api_opens_nothing_from_then_on() {
    let server = Server::start().await;
    let token = made(&server, "spreadsheet", "owner").await;
    let id = server.api("/tokens").await["items"][0]["id"].as_str().expect("an id").to_owned();
    let revoke = async || {
        let request = server.client.delete(format!("{}/api/v1/tokens/{id}", server.url)).bearer_auth(&token);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(revoke().await, 204);
    assert_eq!(revoke().await, 401, "it revoked itself");
    assert_eq!(get(&server, &token, "/sites").await.status(), 401);
    assert_eq!(server.api("/tokens").await["items"], json!([]));
}

#[tokio::test]
async fn a_token_that_only_reads_does_not_learn_the_tracking_id() {
    let server = Server::start().await;
    let (reader, analyst) = (made(&server, "reader", "read_only").await, made(&server, "analyst", "analyst").await);
    let sites: Value = get(&server, &reader, "/sites").await.json().await.expect("JSON");
    assert_eq!(sites["items"][0]["tracking_id"], "********");
    let urls = format!("/sites/{}/postback_urls", server.site_id);
    let (status, sentence) = error_of(get(&server, &reader, &urls).await).await;
    assert_eq!(status, 403);
    assert!(sentence.contains("an analyst or owner") && sentence.contains("read-only"), "{sentence}");
    let sites: Value = get(&server, &analyst, "/sites").await.json().await.expect("JSON");
    assert_eq!(sites["items"][0]["tracking_id"], server.tracking_id);
    assert_eq!(get(&server, &analyst, &urls).await.status(), 200);
}

#[tokio::test]
async fn people_tokens_and_the_trail_are_read_in_the_role_that_they_take() {
    let server = Server::start().await;
    let reader = made(&server, "reader", "read_only").await;
    let analyst = made(&server, "analyst", "analyst").await;
    let owner = made(&server, "owner", "owner").await;
    for (path, expected) in [("/people", [403, 403, 200]), ("/tokens", [403, 403, 200]), ("/audit", [403, 200, 200])] {
        for (token, expected) in [&reader, &analyst, &owner].into_iter().zip(expected) {
            assert_eq!(get(&server, token, path).await.status(), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_is_refused_with_what_could() {
    let server = Server::start().await;
    for (body, expected, part) in [
        (json!({ "name": "a" }), 400, "the body must be like"),
        (json!(["a", "owner"]), 400, "the body must be like"),
        (json!({ "name": " ", "role": "owner" }), 422, "a name is missing"),
        (json!({ "name": "a", "role": "king" }), 422, "a role is owner, analyst or read_only"),
    ] {
        let (status, sentence) = error_of(make(&server, &body).await).await;
        assert_eq!(status, expected, "{body}");
        assert!(sentence.contains(part), "{sentence}");
    }
}
