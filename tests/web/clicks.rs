//! Which clicks are reported, as what, and what happens to their links.

use crate::shop;
use tagwerk_protocol::event::{How, OUTBOUND_CLICK};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn a_click_is_reported_once_with_all_it_says() {
    shop::start("decorates=1");
    let link = shop::offer();
    shop::click(&link, |_| {});
    let id = shop::id_in(&link);
    let [event] = shop::reported().try_into().expect("one event");
    assert_eq!(event.name, OUTBOUND_CLICK);
    assert_eq!(event.event_id, id.as_str());
    assert_eq!(event.visit_id.as_str(), shop::VISIT);
    assert_eq!(event.page, shop::PAGE);
    assert_eq!(event.landing.page, "https://shop.example/");
    assert_eq!(event.click_id, Some(id));
    let click = event.click.expect("a click");
    assert_eq!(click.group.as_deref(), Some("digistore24"));
    assert_eq!(click.href, shop::href(&link));
    assert_eq!(click.label, "Buy the course");
    assert_eq!(click.how, How::Script, "an event that a script made");
    assert!(!click.foreign);
    assert!(shop::reported().is_empty());
}

#[wasm_bindgen_test]
fn a_middle_click_counts_and_a_right_click_only_decorates() {
    shop::start("decorates=1");
    let link = shop::offer();
    tagwerk_tag::handle(&shop::mouse("auxclick", |init| init.set_button(2)), &link, "");
    assert!(shop::reported().is_empty());
    let id = shop::id_in(&link);
    tagwerk_tag::handle(&shop::mouse("auxclick", |init| init.set_button(1)), &link, "");
    let [event] = shop::reported().try_into().expect("one event");
    assert_eq!(event.click.expect("a click").how, How::Middle);
    assert_eq!(event.click_id, Some(id));
}

#[wasm_bindgen_test]
fn every_click_on_a_link_has_an_id_of_its_own() {
    shop::start("decorates=1");
    let link = shop::offer();
    shop::click(&link, |_| {});
    let first = shop::id_in(&link);
    shop::click(&link, |_| {});
    let second = shop::id_in(&link);
    assert_ne!(first, second);
    let told: Vec<_> = shop::reported().into_iter().filter_map(|event| event.click_id).collect();
    assert_eq!(told, [first, second]);
}

#[wasm_bindgen_test]
fn a_click_whose_default_was_prevented_is_not_reported_and_its_link_keeps_its_id() {
    shop::start("decorates=1");
    let link = shop::offer();
    // Only an event on its way can be prevented.
    let event = shop::click(&link, |_| {});
    let prevent = Closure::<dyn Fn(web_sys::Event)>::new(|event: web_sys::Event| event.prevent_default());
    link.add_event_listener_with_callback("click", prevent.as_ref().unchecked_ref()).expect("a listener");
    link.dispatch_event(&event).expect("an event on its way");
    let id = shop::id_in(&link);
    assert!(shop::reported().is_empty());
    shop::hover(&link);
    assert_eq!(shop::id_in(&link), id);
}

#[wasm_bindgen_test]
fn somebody_else_s_sub_id_is_told_as_foreign() {
    shop::start("decorates=1");
    let address = "https://www.digistore24.com/redir/1/a?cid=partner-7";
    let link = shop::link(&[("href", address)]);
    shop::click(&link, |_| {});
    assert_eq!(shop::href(&link), address);
    let [event] = shop::reported().try_into().expect("one event");
    let click = event.click.expect("a click");
    assert!(click.foreign);
    assert_eq!(click.href, address);
}

#[wasm_bindgen_test]
fn a_link_without_an_address_is_no_error() {
    shop::start("decorates=1");
    let link = shop::link(&[("data-tracking-group", "digistore24")]);
    shop::click(&link, |_| {});
    assert!(shop::reported().is_empty());
    assert_eq!(link.get_attribute("href"), None);
}
