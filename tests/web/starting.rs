//! What the shim hands over, and what it gets back.

use crate::shop;
use tagwerk_protocol::event::Event;
use tagwerk_protocol::form;
use tagwerk_protocol::link::Existing;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn facts_without_a_visit_leave_the_page_to_the_shim() {
    assert_eq!(tagwerk_tag::start(&shop::settings(Existing::Keep), "decorates=1"), None);
}

#[wasm_bindgen_test]
fn a_new_visitor_gets_an_id_and_its_first_arrival_is_remembered() {
    let remembered = tagwerk_tag::start(&shop::settings(Existing::Keep), &shop::facts("sourced=1")).expect("fields");
    let fields: Vec<(String, String)> = form::pairs(&remembered).collect();
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["visitor_id", "first_at", "first_page", "touch_at", "touch_page"]);
    assert_eq!(fields[0].1.len(), 16);
    let again = tagwerk_tag::start(&shop::settings(Existing::Keep), &shop::facts(&remembered)).expect("fields");
    assert_eq!(again, remembered);
}

#[wasm_bindgen_test]
fn an_event_carries_the_visitor_and_what_the_page_gave_it() {
    shop::start("visitor_id=v1&touch_at=0&touch_page=https%3A%2F%2Fold%2F&automated=1");
    let line = tagwerk_tag::command("event", "Lead & more", shop::PAGE, "attribute.value=1%2C5").expect("a line");
    let event = Event::from_line(&line).expect("an event");
    assert_eq!(event.name, "Lead & more");
    assert_eq!(event.visitor_id.as_deref(), Some("v1"));
    assert_eq!(event.attributes, [("value".to_owned(), "1,5".to_owned())]);
    assert_eq!(event.touch.expect("a touch").page, "https://old/");
    assert_eq!(event.click_id.expect("a click id").as_str(), event.event_id);
    assert!(event.automated);
    assert!(line.starts_with(&format!("event_id={}&", event.event_id)), "where the shim reads it");
    let at = event.at as f64;
    assert!((js_sys::Date::now() - at).abs() < 60_000.0, "by the visitor's clock");
}

#[wasm_bindgen_test]
fn a_page_view_has_no_click_id() {
    shop::start("");
    let line = tagwerk_tag::command("event", "PageView", shop::PAGE, "").expect("a line");
    assert_eq!(Event::from_line(&line).expect("an event").click_id, None);
}

#[wasm_bindgen_test]
fn an_unknown_command_is_no_error() {
    shop::start("");
    assert_eq!(tagwerk_tag::command("dance", "", "", ""), None);
}
