//! Who may do what: every route that changes something, walked in every role. The routes are read from the sources, so that one that is
//! new has to be added to the table.

use super::person;
use super::tokens::made;
use crate::dashboard::{Browser, location};
use crate::server::Server;
use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Takes {
    /// Anybody who is signed in.
    Anybody,
    Analyst,
    Owner,
}
use Takes::{Analyst, Anybody, Owner};

/// The lowest role that each write of the dashboard takes.
const PAGES: &[(&str, Takes)] = &[
    ("/account/name", Anybody),
    ("/account/password", Anybody),
    ("/account/sessions", Anybody),
    ("/people", Owner),
    ("/people/{user_id}/disable", Owner),
    ("/people/{user_id}/enable", Owner),
    ("/people/{user_id}/link", Owner),
    ("/people/{user_id}/remove", Owner),
    ("/people/{user_id}/role", Owner),
    ("/sites/{site_id}/connect/{group}", Owner),
    ("/sites/{site_id}/connect/{group}/rotate", Owner),
    ("/sites/{site_id}/connect/{group}/test", Analyst),
    ("/sites/{site_id}/connect/{group}/value", Owner),
    ("/sites/{site_id}/conversions/{conversion_id}/again", Analyst),
    ("/sites/{site_id}/conversions/{conversion_id}/assign", Analyst),
    ("/sites/{site_id}/conversions/{conversion_id}/test", Analyst),
    ("/sites/{site_id}/costs", Analyst),
    ("/sites/{site_id}/costs/forget", Analyst),
    ("/sites/{site_id}/costs/parameter", Owner),
    ("/sites/{site_id}/costs/{cost_id}/remove", Analyst),
    ("/sites/{site_id}/deliveries/{delivery_id}/replay", Analyst),
    ("/sites/{site_id}/offers", Anybody),
    ("/sites/{site_id}/platforms/{name}", Owner),
    ("/sites/{site_id}/platforms/{name}/again", Analyst),
    ("/sites/{site_id}/platforms/{name}/another", Owner),
    ("/sites/{site_id}/platforms/{name}/remove", Owner),
    ("/sites/{site_id}/platforms/{name}/resume", Analyst),
    ("/sites/{site_id}/platforms/{name}/test", Owner),
    ("/sites/{site_id}/postbacks/{postback_id}/correct", Analyst),
    ("/sites/{site_id}/postbacks/{postback_id}/replay", Analyst),
    ("/sites/{site_id}/replay", Analyst),
    ("/sites/{site_id}/reports/saved", Analyst),
    ("/sites/{site_id}/reports/saved/{report_id}/remove", Analyst),
    ("/sites/{site_id}/settings", Owner),
    ("/sites/{site_id}/visitors/{visitor_id}/erase", Owner),
    ("/tokens", Owner),
    ("/tokens/{token_id}/revoke", Owner),
];

/// The lowest role that each write of the API takes.
const API: &[(&str, Takes)] = &[
    ("/rates", Owner),
    ("/sites/{site_id}/conversions/{conversion_id}/assign", Analyst),
    ("/sites/{site_id}/conversions/{conversion_id}/test", Analyst),
    ("/sites/{site_id}/costs", Analyst),
    ("/sites/{site_id}/costs/import", Analyst),
    ("/sites/{site_id}/costs/{cost_id}", Analyst),
    ("/sites/{site_id}/deliveries/{delivery_id}/replay", Analyst),
    ("/sites/{site_id}/import", Analyst),
    ("/sites/{site_id}/offers/check", Anybody),
    ("/sites/{site_id}/platforms/{platform}/replay", Analyst),
    ("/sites/{site_id}/platforms/{platform}/resume", Analyst),
    ("/sites/{site_id}/platforms/{platform}/test", Owner),
    ("/sites/{site_id}/postbacks/{postback_id}/correct", Analyst),
    ("/sites/{site_id}/postbacks/{postback_id}/replay", Analyst),
    ("/sites/{site_id}/reconcile", Analyst),
    ("/sites/{site_id}/replay", Analyst),
    ("/sites/{site_id}/saved_reports", Analyst),
    ("/sites/{site_id}/saved_reports/{report_id}", Analyst),
    ("/sites/{site_id}/settings", Owner),
    ("/sites/{site_id}/tracking_id/rotate", Owner),
    ("/sites/{site_id}/visitors/{visitor_id}", Owner),
    ("/tokens", Owner),
    ("/tokens/{token_id}", Owner),
];

/// Every `.rs` file at or below this path.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).expect("a folder") {
        found.extend(sources(&entry.expect("an entry").path()));
    }
    found
}

/// The paths of the routes in these sources that take one of these methods, with the method.
pub(super) fn routes(paths: &[&str], methods: &[Method]) -> Vec<(String, Method)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut found = Vec::new();
    for file in paths.iter().flat_map(|path| sources(&root.join(path))) {
        let text = std::fs::read_to_string(&file).expect("text");
        for call in text.split(".route(").skip(1) {
            let mut depth = 1;
            let end = call.find(|c: char| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                depth == 0
            });
            let call = &call[..end.expect("a closing bracket")];
            let Some(path) = call.split('"').nth(1) else { continue };
            for method in methods {
                if call.contains(&format!("{}(", method.as_str().to_lowercase())) {
                    found.push((path.to_owned(), method.clone()));
                }
            }
        }
    }
    assert!(found.len() > 5, "the sources are read: {found:?}");
    found
}

/// The routes with the role that the table says, their placeholders filled.
fn walked(
    server: &Server,
    table: &[(&str, Takes)],
    paths: &[&str],
    methods: &[Method],
) -> Vec<(String, Method, Takes)> {
    let table: BTreeMap<&str, Takes> = table.iter().copied().collect();
    let filled = |path: &str| {
        let parts = path.split('/').map(|part| match part {
            "{site_id}" => server.site_id.clone(),
            part if part.starts_with('{') => "meta".to_owned(),
            part => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let walk = routes(paths, methods).into_iter().map(|(path, method)| {
        let takes = table.get(path.as_str()).unwrap_or_else(|| panic!("{path}: say in the table which role it takes"));
        (filled(&path), method, *takes)
    });
    walk.collect()
}

fn writes_of_pages(server: &Server) -> Vec<(String, Method, Takes)> {
    walked(server, PAGES, &["dashboard", "dashboard.rs"], &[Method::POST])
}

#[tokio::test]
async fn every_write_of_a_page_takes_the_role_that_it_should() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let reader = person(&server, &owner, "reader@example.com", "read_only").await;
    let analyst = person(&server, &owner, "analyst@example.com", "analyst").await;
    let nobody = Browser::new(&server);
    for (path, _, takes) in writes_of_pages(&server) {
        let response = nobody.post(&path, &[]).await;
        assert_eq!((response.status().as_u16(), location(&response)), (303, "/sign-in"), "nobody: {path}");
        for (browser, role, name) in [(&reader, Anybody, "reader"), (&analyst, Analyst, "analyst")] {
            let response = browser.post(&path, &[]).await;
            let refused = response.status() == StatusCode::FORBIDDEN;
            assert_eq!(refused, role < takes, "{name}: {path} answers {}", response.status());
            assert_ne!(location(&response), "/sign-in", "{name}: {path}");
            if refused {
                let page = response.text().await.expect("text");
                assert!(page.contains("This takes") && page.contains(&format!("{name}@example.com")), "{page}");
            }
        }
    }
}

#[tokio::test]
async fn every_write_of_a_page_from_another_page_is_refused() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let mut paths: Vec<String> = writes_of_pages(&server).into_iter().map(|(path, ..)| path).collect();
    paths.extend(["/sign-in".into(), "/sign-out".into()]);
    for path in paths {
        for origin in [Some("https://evil.example"), Some("null"), None] {
            let response = owner.post_from(origin, &path, &[]).await;
            assert_eq!(response.status(), 403, "{path} from {origin:?}");
        }
        for site in ["cross-site", "same-site", "none"] {
            let request = owner.client.post(format!("{}{path}", server.url)).header(COOKIE, &owner.cookie);
            let response = request.header("sec-fetch-site", site).form(&[("a", "b")]).send().await.expect("an answer");
            assert_eq!(response.status(), 403, "{path} from {site}");
        }
    }
    assert_eq!(owner.get("/account").await.status(), 200, "nobody was signed out");
    assert_eq!(server.api("/people").await["items"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn every_write_of_the_api_takes_the_role_that_it_should() {
    let server = Server::start().await;
    let reader = made(&server, "reader", "read_only").await;
    let analyst = made(&server, "analyst", "analyst").await;
    let methods = [Method::POST, Method::PATCH, Method::PUT, Method::DELETE];
    for (path, method, takes) in walked(&server, API, &["api.rs"], &methods) {
        let url = format!("{}/api/v1{path}", server.url);
        let ask = async |token: Option<&str>| {
            let request = server.client.request(method.clone(), &url).body("{}");
            let request = match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            };
            request.send().await.expect("an answer").status().as_u16()
        };
        assert_eq!(ask(None).await, 401, "nobody: {path}");
        assert_eq!(ask(Some("wrong")).await, 401, "wrong: {path}");
        assert_eq!(ask(Some(&reader)).await == 403, Anybody < takes, "reader: {path}");
        assert_eq!(ask(Some(&analyst)).await == 403, Analyst < takes, "analyst: {path}");
    }
}

#[tokio::test]
async fn the_pages_of_the_server_are_for_those_whom_they_concern() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let reader = person(&server, &owner, "reader@example.com", "read_only").await;
    let analyst = person(&server, &owner, "analyst@example.com", "analyst").await;
    for (path, takes) in [("/account", Anybody), ("/audit", Analyst), ("/people", Owner), ("/tokens", Owner)] {
        for (browser, role) in [(&reader, Anybody), (&analyst, Analyst), (&owner, Owner)] {
            let expected = if role < takes { 403 } else { 200 };
            assert_eq!(browser.get(path).await.status(), expected, "{path} as {role:?}");
            let offered = browser.page("/account").await.contains(&format!(r#"href="{path}""#));
            assert_eq!(offered, role >= takes, "{path} as {role:?}");
        }
        assert_eq!(location(&Browser::new(&server).get(path).await), "/sign-in", "{path}");
    }
}
