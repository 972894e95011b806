//! Sessions: what ends them, and that what ended opens nothing.

use super::{PASSWORD, attempt, id_of, invited, joined, person};
use crate::dashboard::{Browser, location, session};
use crate::server::{Server, command};
use reqwest::header::USER_AGENT;

/// Whether this browser is still let in.
async fn is_in(browser: &Browser<'_>) -> bool {
    browser.get("/account").await.status() == 200
}

/// Another browser with the same cookie, as somebody has it who stole it.
fn thief<'a>(server: &'a Server, browser: &Browser<'_>) -> Browser<'a> {
    let mut thief = Browser::new(server);
    thief.cookie = browser.cookie.clone();
    thief
}

/// Signs in once more, elsewhere.
async fn elsewhere<'a>(server: &'a Server, email: &str) -> Browser<'a> {
    let mut browser = Browser::new(server);
    let response = browser.post("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
    browser.cookie = session(&response).expect("a session");
    browser
}

#[tokio::test]
async fn a_stolen_cookie_opens_nothing_after_signing_out() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "analyst").await;
    let thief = thief(&server, &anna);
    assert!(is_in(&thief).await);
    anna.post("/sign-out", &[]).await;
    assert!(!is_in(&thief).await && !is_in(&anna).await);
}

#[tokio::test]
async fn a_new_password_ends_every_session_but_goes_on_where_it_was_changed() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let mut anna = person(&server, &owner, "anna@example.com", "analyst").await;
    let (thief, phone) = (thief(&server, &anna), elsewhere(&server, "anna@example.com").await);
    let change = async |browser: &Browser<'_>, current: &str, new: &str| {
        browser.post("/account/password", &[("current", current), ("password", new), ("again", new)]).await
    };
    assert_eq!(change(&anna, "not the password", "another long password").await.status(), 422);
    assert_eq!(change(&anna, PASSWORD, "short").await.status(), 422);
    assert_eq!(change(&anna, PASSWORD, "anna@example.com").await.status(), 422);
    assert!(is_in(&phone).await);
    let changed = change(&anna, PASSWORD, "another long password").await;
    assert_eq!((changed.status().as_u16(), location(&changed)), (303, "/account?saved=password"));
    assert!(!is_in(&thief).await && !is_in(&phone).await);
    anna.cookie = session(&changed).expect("a new secret");
    assert!(is_in(&anna).await);
    assert_eq!(attempt(&server, "anna@example.com", PASSWORD).await.status(), 401);
    assert_eq!(attempt(&server, "anna@example.com", "another long password").await.status(), 303);
}

#[tokio::test]
async fn guessing_the_password_of_a_browser_left_alone_is_slowed_down_too() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "analyst").await;
    let form = [("current", "not the password"), ("password", PASSWORD), ("again", PASSWORD)];
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(anna.post("/account/password", &form).await.status().as_u16());
    }
    assert_eq!(statuses, [422, 422, 422, 422, 422, 429]);
}

#[tokio::test]
async fn a_new_role_and_being_removed_end_the_sessions() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "owner").await;
    assert_eq!(anna.get("/people").await.status(), 200);
    let id = id_of(&server, "anna@example.com").await;
    owner.post(&format!("/people/{id}/role"), &[("role", "read_only")]).await;
    assert!(!is_in(&anna).await);
    let anna = elsewhere(&server, "anna@example.com").await;
    assert_eq!(anna.get("/people").await.status(), 403);
    let response = owner.post(&format!("/people/{id}/remove"), &[]).await;
    assert_eq!(location(&response), "/people?saved=removed");
    assert!(!is_in(&anna).await);
    assert_eq!(attempt(&server, "anna@example.com", PASSWORD).await.status(), 401);
    assert_eq!(owner.post(&format!("/people/{id}/remove"), &[]).await.status(), 404);
}

#[tokio::test]
async fn a_new_admin_token_ends_everybody_s_sessions() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "analyst").await;
    assert!(command(server.data()).arg("token").output().expect("the binary runs").status.success());
    assert!(!is_in(&owner).await && !is_in(&anna).await);
}

#[tokio::test]
async fn the_secret_is_another_one_after_each_sign_in_and_the_one_before_opens_nothing() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "analyst").await;
    let before = thief(&server, &anna);
    let again = anna.post("/sign-in", &[("email", "anna@example.com"), ("password", PASSWORD)]).await;
    let secret = session(&again).expect("a session");
    assert_ne!(secret, anna.cookie);
    assert!(!is_in(&before).await);
}

#[tokio::test]
async fn one_sees_where_one_is_signed_in_and_ends_the_others() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let code = invited(&owner, "anna@example.com", "analyst").await;
    let anna = joined(&server, &code).await;
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    let request = anna.client.post(format!("{}/sign-in", server.url)).header("origin", &server.url);
    let form = [("email", "anna@example.com"), ("password", PASSWORD)];
    let response = request.header(USER_AGENT, firefox).form(&form).send().await.expect("an answer");
    let mut other = Browser::new(&server);
    other.cookie = session(&response).expect("a session");
    let page = anna.page("/account").await;
    assert!(page.contains("Firefox on Linux") && page.contains("A browser that is not known"), "{page}");
    assert_eq!(page.matches("this one").count(), 1, "{page}");
    let ended = anna.post("/account/sessions", &[]).await;
    assert_eq!(location(&ended), "/account?saved=sessions");
    assert!(is_in(&anna).await && !is_in(&other).await);
    assert!(is_in(&owner).await, "another's stay");
}

#[tokio::test]
async fn one_gives_oneself_a_name_and_the_admin_token_has_none() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "read_only").await;
    let saved = anna.post("/account/name", &[("name", " Anna B. ")]).await;
    assert_eq!(location(&saved), "/account?saved=name");
    assert_eq!(server.api("/people").await["items"][0]["name"], "Anna B.");
    assert_eq!(anna.post("/account/name", &[("name", " ")]).await.status(), 422);
    assert_eq!(owner.post("/account/name", &[("name", "King")]).await.status(), 422);
    let form = [("current", ""), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(owner.post("/account/password", &form).await.status(), 422);
}
