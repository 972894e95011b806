//! Every published link case, through the real DOM; and the links that nobody has used yet.

use crate::shop;
use serde_json::Value;
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::link::Existing;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn every_published_case_is_decorated_as_it_says() {
    let cases: Value = serde_json::from_str(include_str!("../cases/links.json")).expect("the cases are JSON");
    let cases = cases["cases"].as_array().expect("a list of cases");
    assert!(cases.len() >= 36);
    for case in cases {
        let existing = if case["settings"]["existing_subid"] == "replace" { Existing::Replace } else { Existing::Keep };
        shop::start("decorates=1");
        tagwerk_tag::start(&shop::settings(existing), &shop::facts("decorates=1")).expect("the tag starts");
        let original = case["href"].as_str().expect("an href");
        let mut attributes = vec![("href", original)];
        for (name, value) in case["attributes"].as_object().expect("attributes") {
            attributes.push((name, value.as_str().expect("a text")));
        }
        let link = shop::link(&attributes);
        shop::hover(&link);
        let found = shop::href(&link);
        match case["expect"].as_str() {
            None => assert_eq!(found, original, "{}", case["name"]),
            Some(expected) => {
                let at = expected.find("CLICKID").expect("a place for the id");
                let id = found.get(at..at + 32).and_then(ClickId::parse).expect("a click id");
                assert_eq!(id.visit().as_str(), shop::VISIT);
                assert_eq!(found, expected.replace("CLICKID", id.as_str()), "{}", case["name"]);
            }
        }
    }
}

#[wasm_bindgen_test]
fn a_link_keeps_its_id_as_long_as_nobody_clicks_it() {
    shop::start("decorates=1");
    let link = shop::offer();
    shop::hover(&link);
    let id = shop::id_in(&link);
    shop::hover(&link);
    assert_eq!(shop::id_in(&link), id);
}

#[wasm_bindgen_test]
fn an_id_that_the_shim_has_put_into_a_link_stays() {
    shop::start("decorates=1");
    let link = shop::offer();
    shop::hover(&link);
    let id = shop::id_in(&link);
    let more = format!("decorates=1&minted=x+{id}");
    tagwerk_tag::start(&shop::settings(Existing::Keep), &shop::facts(&more)).expect("the tag starts");
    shop::hover(&link);
    assert_eq!(shop::id_in(&link), id);
}

#[wasm_bindgen_test]
fn nothing_is_decorated_without_leave() {
    shop::start("");
    let link = shop::offer();
    shop::hover(&link);
    assert_eq!(shop::href(&link), shop::OFFER);
    assert_eq!(tagwerk_tag::scan(), 0);
    assert_eq!(shop::href(&link), shop::OFFER);
    assert_eq!(tagwerk_tag::command("decorate", shop::OFFER, shop::PAGE, ""), None);
}

#[wasm_bindgen_test]
fn a_url_is_decorated_as_a_link_would_be() {
    shop::start("decorates=1");
    let decorate = |url: &str| tagwerk_tag::command("decorate", url, "https://www.digistore24.com/redir/", "");
    assert!(decorate("1/a").expect("a URL").starts_with("1/a?cid=hbshnsrle2u9bhhz"));
    assert_eq!(decorate("https://example.com/"), None);
    assert_eq!(decorate("//["), None, "what is no URL is left alone");
}

#[wasm_bindgen_test]
fn links_that_nobody_has_used_get_ids_in_slices_up_to_a_bound() {
    shop::start("decorates=1");
    let links: Vec<_> = (0..230).map(|_| shop::offer()).collect();
    let calls = (0..9).map(|_| tagwerk_tag::scan()).take_while(|more| *more > 0).count();
    assert_eq!(calls, 4, "slices of fifty");
    let done = links.iter().filter(|link| shop::href(link).contains(shop::VISIT)).count();
    assert_eq!(done, 200);
    assert_eq!(tagwerk_tag::scan(), -1, "the share is done");
    let last = links.last().expect("a link");
    shop::hover(last);
    assert!(shop::href(last).contains(shop::VISIT), "and the rest is decorated at use");
}

#[wasm_bindgen_test]
fn a_later_search_finds_what_was_inserted_meanwhile() {
    shop::start("decorates=1");
    let early = shop::offer();
    assert_eq!(tagwerk_tag::scan(), 0);
    let id = shop::id_in(&early);
    let late = shop::link(&[("href", "/go/offer"), ("rel", "Digistore24")]);
    assert_eq!(tagwerk_tag::scan(), 0);
    assert!(shop::href(&late).starts_with("/go/offer?cid=hbshnsrle2u9bhhz"));
    assert_eq!(shop::id_in(&early), id);
}
