//! The demo: served where it is asked for, and true to what it shows.

use crate::server::Server;
use reqwest::Client;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use tagwerk_protocol::form;

async fn demo() -> Server {
    Server::start_with(&["--demo"], "").await
}

async fn page(server: &Server, path: &str) -> String {
    let response = server.client.get(format!("{}{path}", server.url)).send().await.expect("an answer");
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.expect("text")
}

/// The value of an attribute, as a browser reads it.
fn attribute(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().expect("a value").replace("&#38;", "&")
}

#[tokio::test]
async fn without_being_asked_for_there_is_no_demo() {
    let server = Server::start().await;
    for path in ["/demo", "/redir/438218/yourname/review", "/demo/go/x", "/demo/files/demo.css"] {
        let response = server.client.get(format!("{}{path}", server.url)).send().await.expect("an answer");
        assert_eq!(response.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_review_has_the_tag_of_the_first_site_and_links_of_every_kind() {
    let server = demo().await;
    let page = page(&server, "/demo").await;
    let site_id = server.api("/sites").await["items"][0]["site_id"].as_str().expect("an id").to_owned();
    for part in [
        format!("<script async src=\"{}/{site_id}.js\"></script>", server.url),
        format!("href=\"{}/redir/438218/yourname/review\"", server.url),
        "data-tracking-group=\"digistore24\"".into(),
        "rel=\"nofollow sponsored digistore24\"".into(),
        "?cid=--CLICK-ID--\"".into(),
        format!("data-href=\"{}/redir/438218/yourname/reader-price\"", server.url),
    ] {
        assert!(page.contains(&part), "{part} in {page}");
    }
}

#[tokio::test]
async fn what_an_arrival_brought_is_shown_as_text() {
    let server = demo().await;
    let page = page(&server, "/demo?utm_source=%3Cscript%3Ealert(1)%3C/script%3E&gclid=Gg").await;
    assert!(page.contains("gclid=Gg") && page.contains("alert(1)") && !page.contains("<script>alert"), "{page}");
}

#[tokio::test]
async fn a_cloaked_link_leads_to_the_network_with_its_query() {
    let server = demo().await;
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    for (path, target) in [
        ("/demo/go/lessons?cid=ID&x=%20", "/redir/438218/yourname/lessons?cid=ID&x=%20"),
        ("/demo/go/%0d%0aa:b%2f..", "/redir/438218/yourname/ab"),
    ] {
        let response = client.get(format!("{}{path}", server.url)).send().await.expect("an answer");
        let location = response.headers().get(LOCATION).expect("a target").to_str().expect("text").to_owned();
        assert_eq!((response.status().as_u16(), location.as_str()), (302, target));
    }
}

#[tokio::test]
async fn the_network_s_page_shows_the_click_id_it_got_or_that_none_came() {
    let server = demo().await;
    for path in
        ["/redir/438218/yourname/review", "/redir/438218/yourname/", "/content/438218/1/yourname", "/product/438218"]
    {
        assert!(page(&server, &format!("{path}?cid=GOT-THIS")).await.contains(">GOT-THIS<"), "{path}");
        let without = page(&server, &format!("{path}?cid=")).await;
        assert!(without.contains("No click id arrived"), "{path}");
    }
    let hostile = page(&server, "/redir/%3Cimg%20src=x%3E/a?cid=%3Cscript%3E").await;
    assert!(!hostile.contains("<img") && !hostile.contains("<script>"), "{hostile}");
}

#[tokio::test]
async fn the_calls_of_the_network_s_page_make_a_sale_an_upsell_and_a_refund() {
    let server = demo().await;
    let page = page(&server, "/redir/438218/yourname/review?cid=ID").await;
    let collect = format!("{}{}", server.url, attribute(&page, "data-collect"));
    let transaction_id = attribute(&page, "data-transaction-id");
    let buttons: Vec<String> = page
        .split("data-changes=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default().replace("&#38;", "&"))
        .collect();
    assert_eq!(buttons.len(), 3);
    for (number, changes) in buttons.iter().enumerate() {
        let mut query: Vec<(String, String)> = form::pairs(&attribute(&page, "data-parameters")).collect();
        let changes = form::pairs(changes).chain([(transaction_id.clone(), format!("t-{number}"))]);
        for (name, value) in changes {
            query.iter_mut().find(|(known, _)| *known == name).expect("a parameter of the sale").1 = value;
        }
        let response = server.client.get(&collect).query(&query).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
    }
    let site_id = server.api("/sites").await["items"][0]["site_id"].as_str().expect("an id").to_owned();
    let conversions = server.api(&format!("/sites/{site_id}/conversions")).await;
    let shown: Vec<_> = conversions["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|one| ["type", "value", "order_type"].map(|key| one[key].as_str().unwrap_or_default().to_owned()))
        .collect();
    assert_eq!(
        shown,
        [["Refund", "-1.64", "initial_sale"], ["Purchase", "2.24", "upsell"], ["Purchase", "1.64", "initial_sale"]]
    );
}
