//! The trail: what is written there, who is named, and what is never there.

use super::tokens::made;
use super::{PASSWORD, attempt, invited, joined, person};
use crate::dashboard::Browser;
use crate::server::Server;
use serde_json::{Value, json};

/// The whole trail, newest first, read part by part.
async fn trail(server: &Server, query: &str) -> Vec<Value> {
    let (mut deeds, mut after) = (Vec::new(), String::new());
    loop {
        let part = server.api(&format!("/audit?limit=3{query}{after}")).await;
        deeds.extend(part["items"].as_array().expect("items").iter().cloned());
        match part["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return deeds,
        }
    }
}

fn acts(deeds: &[Value]) -> Vec<&str> {
    deeds.iter().filter_map(|deed| deed["act"].as_str()).collect()
}

#[tokio::test]
async fn a_change_of_settings_is_told_with_what_stood_there_before() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "owner").await;
    let path = format!("/sites/{}/connect/digistore24/value", server.site_id);
    assert_eq!(anna.post(&path, &[("purchase_value", "netto")]).await.status(), 303);
    let deeds = trail(&server, "&act=settings.changed").await;
    assert_eq!(deeds.len(), 1, "{deeds:?}");
    assert_eq!(deeds[0]["who"], "anna@example.com");
    assert_eq!(deeds[0]["site_id"], server.site_id.as_str());
    let change = json!({ "purchase_value": { "before": "brutto_minus_netto", "after": "netto" } });
    assert_eq!(deeds[0]["about"], change);
    assert!(server.patch_settings(json!({ "purchase_value": "netto" })).await.status().is_success());
    assert_eq!(trail(&server, "&act=settings.changed").await.len(), 1, "what changes nothing is not told");
}

#[tokio::test]
async fn signing_in_being_refused_and_signing_out_are_told() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "analyst").await;
    attempt(&server, "anna@example.com", "not the password").await;
    attempt(&server, "typed my secret here", "not the password").await;
    anna.post("/sign-out", &[]).await;
    let deeds = trail(&server, "").await;
    let expected =
        ["sign_out", "sign_in.refused", "sign_in.refused", "sign_in", "password.set", "person.added", "sign_in"];
    assert_eq!(acts(&deeds), expected);
    let refused: Vec<&Value> = deeds.iter().filter(|deed| deed["act"] == "sign_in.refused").collect();
    assert_eq!((&refused[0]["who"], &refused[0]["about"]["why"]), (&json!("somebody"), &json!("unknown e-mail")));
    assert_eq!(
        (&refused[1]["who"], &refused[1]["about"]["why"]),
        (&json!("anna@example.com"), &json!("wrong password"))
    );
    assert!(refused[1]["about"]["address"].is_string());
    assert!(!format!("{deeds:?}").contains("typed my secret"), "what was typed there may be a password");
}

#[tokio::test]
async fn no_secret_is_ever_in_the_trail() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let code = invited(&owner, "anna@example.com", "owner").await;
    let anna = joined(&server, &code).await;
    let token = made(&server, "zapier", "analyst").await;
    let site = format!("/sites/{}", server.site_id);
    let first = json!({ "groups": { "digistore24": { "ipn_passphrase": "secret-passphrase-1" } } });
    assert!(server.patch_settings(first).await.status().is_success());
    let platforms = json!({ "platforms": {
        "meta": { "enabled": true, "pixel_id": "1234567", "access_token": "secret-access-token-2" },
        "webhook": { "enabled": true, "url": "https://hooks.example/secret-path-3?key=secret-key-4" },
    } });
    let response = server.patch_settings(platforms).await;
    assert!(response.status().is_success(), "{:?}", response.text().await);
    let again = json!({ "groups": { "digistore24": { "ipn_passphrase": "secret-passphrase-5" } } });
    assert!(server.patch_settings(again).await.status().is_success());
    assert_eq!(anna.post(&format!("{site}/connect/digistore24/rotate"), &[("grace_hours", "1")]).await.status(), 303);
    let new = "another long password";
    let form = [("current", PASSWORD), ("password", new), ("again", new)];
    assert_eq!(anna.post("/account/password", &form).await.status(), 303);
    let deeds = trail(&server, "").await;
    for act in ["settings.changed", "tracking_id.rotated", "token.made", "password.set", "person.added"] {
        assert!(acts(&deeds).contains(&act), "{act} in {:?}", acts(&deeds));
    }
    let replaced = deeds.iter().any(|deed| deed["about"]["groups.digistore24.ipn_passphrase"] == "replaced");
    assert!(replaced, "{deeds:?}");
    let now = server.api("/sites").await["items"][0]["tracking_id"].as_str().expect("an id").to_owned();
    let text = format!("{deeds:?}{}", owner.page("/audit").await);
    let cookie = anna.cookie.split('=').nth(1).expect("a secret").to_owned();
    let secrets = [
        "secret-",
        PASSWORD,
        new,
        &code,
        &token,
        token.trim_start_matches("tagwerk_"),
        &server.tracking_id,
        &now,
        &cookie,
        &server.token,
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_page_is_narrowed_to_a_site_a_person_or_an_act() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "owner").await;
    let site = format!("/sites/{}", server.site_id);
    anna.post(&format!("{site}/connect/digistore24/value"), &[("purchase_value", "netto")]).await;
    owner.post(&format!("{site}/connect/digistore24/value"), &[("purchase_value", "brutto")]).await;
    let rows = async |query: &str| owner.page(&format!("/audit{query}")).await.matches("<tr role=\"row\" id=").count();
    assert_eq!(rows("").await, 6);
    assert_eq!(rows(&format!("?site={}", server.site_id)).await, 2);
    assert_eq!(rows("?who=anna%40example.com&act=settings.changed").await, 1);
    assert_eq!(rows("?act=person.removed").await, 0);
    let page = owner.page(&format!("/audit?site={}&who=&act=", server.site_id)).await;
    assert!(page.contains("purchase_value") && page.contains("brutto_minus_netto"), "{page}");
}

#[tokio::test]
async fn older_entries_are_one_link_away() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    for n in 0..55 {
        let value = ["netto", "brutto"][n % 2];
        assert!(server.patch_settings(json!({ "purchase_value": value })).await.status().is_success());
    }
    let rows = |page: &str| page.matches("<tr role=\"row\" id=").count();
    let page = owner.page("/audit?act=settings.changed").await;
    assert_eq!(rows(&page), 50);
    let older = page.split("href=\"/audit?").last().and_then(|rest| rest.split('"').next()).expect("a link");
    let older = owner.page(&format!("/audit?{}", older.replace("&#38;", "&").replace("&amp;", "&"))).await;
    assert_eq!(rows(&older), 5);
}

#[tokio::test]
async fn the_trail_refuses_what_it_does_not_know() {
    let server = Server::start().await;
    for query in ["whom=a", "limit=0", "after=nonsense", "who="] {
        assert_eq!(server.api_response(&format!("/audit?{query}")).await.status(), 400, "{query}");
    }
}
