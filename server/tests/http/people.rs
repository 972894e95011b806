//! People with roles: inviting them, signing in, sessions, tokens, and the trail of it all.

mod roles;
mod seen;
mod sessions;
pub(crate) mod tokens;
mod trail;

use crate::dashboard::{Browser, location, session};
use crate::server::{Server, TOKEN, add_site, command};
use reqwest::Response;
use reqwest::header::RETRY_AFTER;

/// A password that anybody here may choose.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The code of the link that a page shows.
pub(crate) fn code_on(page: &str) -> String {
    let rest = page.split("/sign-in?code=").nth(1).expect("a link on the page");
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

/// Adds a person; the code of their link.
pub(crate) async fn invited(owner: &Browser<'_>, email: &str, role: &str) -> String {
    let response = owner.post("/people", &[("email", email), ("name", "Somebody"), ("role", role)]).await;
    assert_eq!(response.status(), 200);
    code_on(&response.text().await.expect("text"))
}

/// A browser in which whoever has this code has chosen the password.
pub(crate) async fn joined<'a>(server: &'a Server, code: &str) -> Browser<'a> {
    let mut browser = Browser::new(server);
    let form = [("code", code), ("password", PASSWORD), ("again", PASSWORD)];
    let response = browser.post("/sign-in", &form).await;
    assert_eq!((response.status().as_u16(), location(&response)), (303, "/"));
    browser.cookie = session(&response).expect("a session");
    browser
}

/// A browser in which a new person of this role is signed in.
pub(crate) async fn person<'a>(server: &'a Server, owner: &Browser<'_>, email: &str, role: &str) -> Browser<'a> {
    joined(server, &invited(owner, email, role).await).await
}

/// An attempt to sign in by password.
pub(crate) async fn attempt(server: &Server, email: &str, password: &str) -> Response {
    Browser::new(server).post("/sign-in", &[("email", email), ("password", password)]).await
}

/// The id that the page of the people knows somebody by.
pub(crate) async fn id_of(server: &Server, email: &str) -> String {
    let people = server.api("/people").await;
    let items = people["items"].as_array().expect("people");
    let found = items.iter().find(|person| person["email"] == email).expect("the person");
    found["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn somebody_who_was_invited_chooses_a_password_and_signs_in_by_it() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let code = invited(&owner, "Anna@Example.com", "analyst").await;
    let form = Browser::new(&server).page(&format!("/sign-in?code={code}")).await;
    assert!(form.contains("anna@example.com") && form.contains("Choose a password"), "{form}");
    let anna = joined(&server, &code).await;
    let account = anna.page("/account").await;
    assert!(account.contains("anna@example.com") && account.contains("analyst"), "{account}");
    let response = attempt(&server, " ANNA@example.COM ", PASSWORD).await;
    assert_eq!((response.status().as_u16(), location(&response)), (303, "/"));
}

#[tokio::test]
async fn a_link_is_used_up_by_the_password_it_sets_and_by_nothing_less() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let code = invited(&owner, "long.address@example.com", "owner").await;
    let nobody = Browser::new(&server);
    let choose = async |password: &str, again: &str| {
        let response = nobody.post("/sign-in", &[("code", &code), ("password", password), ("again", again)]).await;
        let status = response.status().as_u16();
        (status, session(&response).is_some(), response.text().await.expect("text"))
    };
    for (password, again, why) in [
        ("eleven char", "eleven char", "at least 12 characters"),
        (PASSWORD, "something else", "the two passwords differ"),
        ("Long.Address@example.com", "Long.Address@example.com", "must not be the e-mail address"),
    ] {
        let (status, signed_in, page) = choose(password, again).await;
        assert_eq!((status, signed_in), (422, false), "{password}");
        assert!(page.contains(why) && page.contains(&code), "{page}");
    }
    let (status, signed_in, _) = choose(PASSWORD, PASSWORD).await;
    assert_eq!((status, signed_in), (303, true));
    let (status, signed_in, page) = choose(PASSWORD, PASSWORD).await;
    assert_eq!((status, signed_in), (401, false));
    assert!(page.contains("used before"), "{page}");
}

#[tokio::test]
async fn a_new_link_sets_a_new_password_and_ends_the_link_before() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let first = invited(&owner, "anna@example.com", "analyst").await;
    let id = id_of(&server, "anna@example.com").await;
    let page = owner.post(&format!("/people/{id}/link"), &[]).await.text().await.expect("text");
    let second = code_on(&page);
    assert_ne!(first, second);
    let form = [("code", first.as_str()), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(Browser::new(&server).post("/sign-in", &form).await.status(), 401);
    joined(&server, &second).await;
}

#[tokio::test]
async fn a_wrong_password_and_an_address_of_nobody_are_answered_alike() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    person(&server, &owner, "anna@example.com", "analyst").await;
    invited(&owner, "new@example.com", "analyst").await;
    let mut answers = Vec::new();
    for email in ["anna@example.com", "nobody@example.com", "new@example.com", "no address"] {
        let response = attempt(&server, email, "not the password").await;
        assert_eq!((response.status().as_u16(), session(&response)), (401, None), "{email}");
        answers.push(response.text().await.expect("text").replace(email, "EMAIL"));
    }
    assert!(answers[0].contains("E-mail or password is wrong."), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test]
async fn after_five_wrong_passwords_the_account_waits_even_for_the_right_one_and_the_admin_token_does_not() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    person(&server, &owner, "anna@example.com", "owner").await;
    for n in 0..5 {
        assert_eq!(attempt(&server, "anna@example.com", "not the password").await.status(), 401, "{n}");
    }
    let refused = attempt(&server, "Anna@example.com", PASSWORD).await;
    assert_eq!((refused.status().as_u16(), session(&refused)), (429, None));
    let wait: u32 = refused.headers()[RETRY_AFTER].to_str().expect("text").parse().expect("seconds");
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(refused.text().await.expect("text").contains("Too many wrong passwords for this account."));
    Browser::signed_in(&server).await;
}

#[tokio::test]
async fn an_address_of_nobody_waits_as_any_other_does() {
    let server = Server::start().await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(attempt(&server, "nobody@example.com", "not the password").await.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
}

#[tokio::test]
async fn who_is_switched_off_is_out_at_once_and_comes_back_when_switched_on() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let anna = person(&server, &owner, "anna@example.com", "analyst").await;
    let id = id_of(&server, "anna@example.com").await;
    let response = owner.post(&format!("/people/{id}/disable"), &[]).await;
    assert_eq!((response.status().as_u16(), location(&response)), (303, "/people?saved=disabled"));
    assert_eq!(location(&anna.get("/account").await), "/sign-in");
    assert_eq!(attempt(&server, "anna@example.com", PASSWORD).await.status(), 401);
    assert_eq!(owner.post(&format!("/people/{id}/link"), &[]).await.status(), 422);
    owner.post(&format!("/people/{id}/enable"), &[]).await;
    assert_eq!(location(&anna.get("/account").await), "/sign-in", "the session stays ended");
    assert_eq!(attempt(&server, "anna@example.com", PASSWORD).await.status(), 303);
}

#[tokio::test]
async fn an_address_is_given_once_and_what_was_typed_stays_in_the_form() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    invited(&owner, "anna@example.com", "analyst").await;
    let add = async |email: &str, name: &str, role: &str| {
        let response = owner.post("/people", &[("email", email), ("name", name), ("role", role)]).await;
        assert_eq!(response.status(), 422, "{email}");
        response.text().await.expect("text")
    };
    let page = add("ANNA@example.com", "Anne", "owner").await;
    assert!(page.contains("somebody&#39;s already") || page.contains("somebody's already"), "{page}");
    assert!(page.contains(r#"value="Anne""#), "{page}");
    assert!(add("no address", "Anne", "owner").await.contains("no e-mail address"));
    assert!(add("b@example.com", "", "owner").await.contains("a name is missing"));
    assert!(add("b@example.com", "B", "king").await.contains("a role is owner, analyst or read_only"));
    assert_eq!(server.api("/people").await["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn names_that_try_to_be_markup_are_shown_as_they_are() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let hostile = "<script>alert(1)</script>\u{202e}\"'&";
    let form = [("email", "a&b@example.com"), ("name", hostile), ("role", "analyst")];
    assert_eq!(owner.post("/people", &form).await.status(), 200);
    let form = [("name", hostile), ("role", "read_only")];
    assert_eq!(owner.post("/tokens", &form).await.status(), 200);
    for path in ["/people", "/tokens", "/audit"] {
        let page = owner.page(path).await;
        assert!(!page.contains("<script>alert"), "{path}");
        assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{path}: {page}");
    }
    assert!(owner.page("/people").await.contains("<bdi>a&#38;b@example.com</bdi>"));
}

#[tokio::test]
async fn the_command_line_adds_a_person_and_prints_a_link() {
    let server = Server::start().await;
    let add = |email: &str, role: &str| {
        let arguments = ["person", "add", "--email", email, "--role", role, "--public-url", &server.url];
        command(server.data()).args(arguments).output().expect("the binary runs")
    };
    let output = add("Anna@example.com", "read_only");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(printed.starts_with(&server.url), "{printed}");
    let anna = joined(&server, &code_on(&printed)).await;
    assert!(anna.page("/account").await.contains("read-only"));
    for (email, role) in [("anna@example.com", "owner"), ("nobody", "owner"), ("b@example.com", "king")] {
        assert!(!add(email, role).status.success(), "{email} {role}");
    }
    let deeds = server.api("/audit?act=person.added").await;
    assert_eq!(deeds["items"][0]["who"], "command line");
}

#[tokio::test]
async fn the_top_of_a_site_s_page_says_who_is_signed_in() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let (second, _) = add_site(server.data(), "Second");
    let anna = person(&server, &owner, "anna@example.com", "read_only").await;
    for path in [format!("/sites/{second}/worklist"), "/account".into()] {
        let page = anna.page(&path).await;
        assert!(page.contains(r#"href="/account""#) && page.contains("anna@example.com"), "{path}");
        assert!(page.contains("read-only"), "{path}");
    }
    assert!(owner.page("/account").await.contains("admin token"));
    assert_ne!(TOKEN, "admin token");
}
