//! Every published link case, with the browser's own URL parser; and what else is said of links.

use crate::shop::{self, ask, plan};
use serde_json::Value;
use tagwerk_protocol::link::Existing;
use wasm_bindgen_test::wasm_bindgen_test;

const OFFER: &str = "https://www.digistore24.com/redir/1/a?x=%E9#top";

#[wasm_bindgen_test]
fn every_published_case_is_decorated_as_it_says() {
    let cases: Value = serde_json::from_str(include_str!("../cases/links.json")).expect("the cases are JSON");
    let cases = cases["cases"].as_array().expect("a list of cases");
    assert!(cases.len() >= 36);
    for case in cases {
        let replaces = case["settings"]["existing_subid"] == "replace";
        shop::start(if replaces { Existing::Replace } else { Existing::Keep });
        let attribute = |name: &str| case["attributes"][name].as_str().unwrap_or_default();
        let href = case["href"].as_str().expect("an href");
        let planned = plan(href, attribute("data-tracking-group"), attribute("rel"));
        match case["expect"].as_str() {
            None => assert!(planned.is_none_or(|planned| planned.foreign), "{}", case["name"]),
            Some(expected) => {
                assert!(planned.is_some(), "{} is decorated", case["name"]);
                let planned = planned.expect("a plan");
                assert_eq!(planned.href, expected.replace("CLICKID", planned.id.as_str()), "{}", case["name"]);
            }
        }
    }
}

#[wasm_bindgen_test]
fn a_link_keeps_the_id_that_this_page_load_gave_it() {
    shop::start(Existing::Keep);
    let first = plan(OFFER, "", "").expect("an offer");
    assert_eq!(first.group, "digistore24");
    let again = plan(&first.href, "", "").expect("an offer");
    assert_eq!((again.id, again.href), (first.id, first.href));
}

#[wasm_bindgen_test]
fn every_link_gets_an_id_of_its_own() {
    shop::start(Existing::Keep);
    let ids: std::collections::HashSet<String> =
        (0..100).map(|_| plan(OFFER, "", "").expect("an offer").id.to_string()).collect();
    assert_eq!(ids.len(), 100);
}

#[wasm_bindgen_test]
fn somebody_else_s_sub_id_stays_and_is_told() {
    shop::start(Existing::Keep);
    let href = "https://www.digistore24.com/redir/1/a?cid=partner-7";
    let planned = plan(href, "", "").expect("an offer");
    assert!(planned.foreign);
    assert_eq!(planned.href, href);
}

#[wasm_bindgen_test]
fn the_selector_finds_what_is_worth_decorating_and_nothing_that_is_done() {
    shop::start(Existing::Keep);
    let selector = ask(&["wanted"]);
    let document = web_sys::window().expect("a window").document().expect("a document");
    let matches = |href: &str, rel: &str| {
        let link = document.create_element("a").expect("a link");
        link.set_attribute("href", href).expect("an attribute");
        link.set_attribute("rel", rel).expect("an attribute");
        link.matches(&selector).expect("a selector")
    };
    assert!(matches(OFFER, ""));
    assert!(matches("/go/x", "nofollow DigiStore24"));
    assert!(matches("/go/x?s=--CLICK-ID--", ""));
    assert!(!matches("/about", "nofollow"));
    assert!(!matches(&plan(OFFER, "", "").expect("an offer").href, ""));
}

#[wasm_bindgen_test]
fn a_cloaked_link_is_decorated_once_the_server_has_told() {
    shop::start(Existing::Keep);
    assert!(plan("/go/x", "", "").is_none());
    assert_eq!(ask(&["cloaked", "shop.example", "/go/x", "digistore24", ""]), "");
    assert!(plan("/go/x", "", "").expect("a cloaked link").href.starts_with("/go/x?cid=hbshnsrle2u9bhhz"));
    ask(&["start", &shop::record("")]);
    assert!(plan("/go/x", "", "").is_some(), "what the server told outlives another record");
}
