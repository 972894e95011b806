//! The report on a page in a browser.
#![cfg(target_arch = "wasm32")]
// The linter knows `#[test]` alone as a test; here as there, failing is how a test speaks.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod sample;

use js_sys::{Function, JSON, Object, Reflect};
use serde_json::{Value, json};
use tagwerk_inspect::report::Kind;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Document, Element, ShadowRootInit, ShadowRootMode};

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

fn document() -> Document {
    gloo::utils::document()
}

/// An empty place for a test's links; the rest of the page is the test runner's.
fn stage() -> Element {
    let stage = document().get_element_by_id("stage").unwrap_or_else(|| {
        let stage = document().create_element("div").expect("an element");
        stage.set_id("stage");
        document().body().expect("a body").append_child(&stage).expect("a place");
        stage
    });
    stage.set_inner_html("");
    stage
}

fn element(kind: &str, attributes: &[(&str, &str)], text: &str) -> Element {
    let element = document().create_element(kind).expect("an element");
    for (name, value) in attributes {
        element.set_attribute(name, value).expect("an attribute");
    }
    element.set_text_content(Some(text));
    element
}

/// What the page is told, as JSON would have it.
fn report(facts: &str) -> Value {
    let facts = JSON::parse(facts).expect("facts");
    let report = tagwerk_inspect::report_on(facts).expect("a report");
    let text = JSON::stringify(&report).expect("plain values").as_string().expect("a text");
    serde_json::from_str(&text).expect("JSON")
}

fn links(report: &Value) -> Vec<(String, String)> {
    let text = |link: &Value, name: &str| link[name].as_str().expect("a text").to_owned();
    report["links"].as_array().expect("links").iter().map(|link| (text(link, "text"), text(link, "verdict"))).collect()
}

/// Whole numbers come back from a browser without their `.0`.
fn numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.into_iter().map(numbers).collect(),
        Value::Object(items) => items.into_iter().map(|(name, value)| (name, numbers(value))).collect(),
        other => other,
    }
}

#[wasm_bindgen_test]
fn the_report_is_as_written_down() {
    let stage = stage();
    for (kind, address, text, group) in sample::LINKS {
        let (kind, name) = if kind == Kind::Form { ("form", "action") } else { ("a", "href") };
        let link = element(kind, &[(name, address)], &format!(" {text}\n"));
        if let Some(group) = group {
            link.set_attribute("data-tracking-group", group).expect("an attribute");
        }
        stage.append_child(&link).expect("a place");
    }
    for path in sample::FUNCTIONS {
        let mut place = JsValue::from(js_sys::global());
        let (name, above) = path
            .split('.')
            .collect::<Vec<_>>()
            .split_last()
            .map(|(name, above)| (*name, above.to_vec()))
            .expect("a name");
        for name in above {
            let next = JsValue::from(Object::new());
            Reflect::set(&place, &name.into(), &next).expect("an object");
            place = next;
        }
        Reflect::set(&place, &name.into(), &Function::new_no_args("")).expect("a function");
    }
    let mut written: Value = serde_json::from_str(sample::REPORT).expect("the report");
    written["version"] = env!("CARGO_PKG_VERSION").into();
    assert_eq!(numbers(report(sample::FACTS)), numbers(written));
}

#[wasm_bindgen_test]
fn links_of_svg_area_and_open_shadow_roots_are_found_and_closed_ones_cannot_be() {
    let stage = stage();
    let offer = "https://hop.clickbank.net/?vendor=v";
    stage.set_inner_html(&format!(
        "<svg><a href='{offer}'><text>svg</text></a><a xlink:href='{offer}'><text>xlink</text></a></svg>\
         <map><area href='{offer}' alt='area'></map><p id='open'></p><p id='closed'></p><a href='{offer}' title='last'></a>"
    ));
    for (id, mode) in [("open", ShadowRootMode::Open), ("closed", ShadowRootMode::Closed)] {
        let host = document().get_element_by_id(id).expect("the host");
        let root = host.attach_shadow(&ShadowRootInit::new(mode)).expect("a root");
        root.set_inner_html(&format!("<a href='{offer}'>{id}</a>"));
    }
    let found: Vec<String> = links(&report(sample::FACTS)).into_iter().map(|(text, _)| text).collect();
    assert_eq!(found, ["svg", "xlink", "area", "open", "last"]);
}

#[wasm_bindgen_test]
fn an_address_is_read_as_the_browser_reads_it() {
    let stage = stage();
    stage.set_inner_html(
        "<a href='https:\\\\hop.CLICKBANK.net\\?vendor=v'>backslashes</a><a href=' http://user@hop.clickbank.net:80/'>user</a>\
         <a href='https://hop.clickbank.net.evil.example/'>evil</a>",
    );
    let verdicts = links(&report(sample::FACTS));
    let expected = [("backslashes", "will_be_decorated"), ("user", "will_be_decorated"), ("evil", "left")];
    assert_eq!(verdicts, expected.map(|(text, verdict)| (text.to_owned(), verdict.to_owned())));
}

#[wasm_bindgen_test]
fn nothing_of_the_page_is_changed() {
    let stage = stage();
    stage.set_inner_html("<a href='https://hop.clickbank.net/?vendor=v'>offer</a>");
    let before = stage.inner_html();
    report(sample::FACTS);
    assert_eq!(stage.inner_html(), before);
}

#[wasm_bindgen_test]
fn a_pixel_s_getter_that_throws_is_a_pixel_that_is_not_there() {
    let throwing = Function::new_no_args(
        "Object.defineProperty(window, 'uetq', { configurable: true, get() { throw new Error('no') } })",
    );
    throwing.call0(&JsValue::UNDEFINED).expect("a getter");
    let settings = r#"{"settings":"pixel=uetq.push+*+%5B%5D&pixel=JSON.parse+*+%5B%5D&pixel=no.such.thing+*+%5B%5D"}"#;
    let report = report(settings);
    let fed = report["pixels"].as_array().expect("pixels").iter().filter(|row| row["switched_on"] == true);
    let found: Vec<Value> = fed.map(|row| row["found"].clone()).collect();
    assert_eq!(found, [false, true, false]);
}

#[wasm_bindgen_test]
fn facts_of_another_shape_are_refused_by_name() {
    let facts = JSON::parse(r#"{"minted":7}"#).expect("facts");
    assert!(tagwerk_inspect::report_on(facts).is_err());
}
