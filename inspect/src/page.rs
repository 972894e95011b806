//! The page: its links and forms, those in open shadow roots too, and which functions it has. The export.

use crate::link::Found;
use crate::report::Kind;
use crate::{Facts, report};
use gloo::utils::{document, window};
use js_sys::Reflect;
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use tagwerk_protocol::href::Target;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, NodeList, Url};

/// Where HTML and SVG links and forms keep their address.
const ADDRESSES: [&str; 3] = ["href", "xlink:href", "action"];
/// Longest text of a link, in characters; the tag's labels are as long.
const LONGEST_TEXT: usize = 120;

/// The report on this page, of the shim's facts.
///
/// # Errors
/// The facts are not of the shape that [`Facts`] tells; the error names what is wrong.
#[wasm_bindgen(js_name = report)]
pub fn report_on(facts: JsValue) -> Result<JsValue, JsValue> {
    let facts: Facts = serde_wasm_bindgen::from_value(facts)?;
    // A browser without it has every event of the outbox wait.
    let since = window().performance().map_or(f64::INFINITY, |clock| clock.time_origin());
    Ok(report(facts, since, links(), is_there).serialize(&Serializer::json_compatible())?)
}

/// Every link and form with an address, in document order, those of an open shadow root after its host.
fn links() -> Vec<Found> {
    let mut found = Vec::new();
    if let Ok(elements) = document().query_selector_all("*") {
        gather(&elements, &mut found);
    }
    found
}

fn gather(elements: &NodeList, found: &mut Vec<Found>) {
    for element in (0..elements.length()).filter_map(|at| elements.item(at)) {
        let element: Element = element.unchecked_into();
        if let "a" | "area" | "form" | "A" | "AREA" | "FORM" = element.tag_name().as_str() {
            found.extend(read(&element));
        }
        if let Some(Ok(elements)) = element.shadow_root().map(|root| root.query_selector_all("*")) {
            gather(&elements, found);
        }
    }
}

/// Reads a link or form; nothing where it has no address.
fn read(element: &Element) -> Option<Found> {
    let is_form = element.tag_name().eq_ignore_ascii_case("form");
    // A form without an address sends to its own page.
    let own_page = || (is_form && element.has_attribute("data-tracking-group")).then(String::new);
    let href = ADDRESSES.into_iter().find_map(|name| element.get_attribute(name)).or_else(own_page)?;
    let url = element.base_uri().ok()?.and_then(|base| Url::new_with_base(&href, &base).ok());
    let url = url.filter(|url| matches!(url.protocol().as_str(), "http:" | "https:"));
    Some(Found {
        kind: if is_form { Kind::Form } else { Kind::Link },
        target: url.as_ref().map(|url| {
            let host = url.hostname();
            Target { host: host.strip_suffix('.').unwrap_or(&host).to_owned(), path: url.pathname() }
        }),
        gets: is_form && !element.get_attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
        group: element.get_attribute("data-tracking-group"),
        rel: element.get_attribute("rel"),
        text: text(element),
        fields: if is_form { fields(element) } else { Vec::new() },
        href,
    })
}

/// The element's text, else what stands in for it, white space collapsed.
fn text(element: &Element) -> String {
    let content = || element.text_content();
    let stand_in = |name: &'static str| move || element.get_attribute(name);
    let sources: [&dyn Fn() -> Option<String>; 4] =
        [&content, &stand_in("aria-label"), &stand_in("alt"), &stand_in("title")];
    let collapsed = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = sources.into_iter().filter_map(|source| source()).map(collapsed).find(|text| !text.is_empty());
    text.unwrap_or_default().chars().take(LONGEST_TEXT).collect()
}

/// A form's fields, with the values that the page gave them; what a visitor fills in is nobody's business.
fn fields(form: &Element) -> Vec<(String, String)> {
    let Ok(fields) = form.query_selector_all("input[name][value]") else { return Vec::new() };
    let fields = (0..fields.length()).filter_map(|at| fields.item(at)?.dyn_into::<Element>().ok());
    fields.filter_map(|field| Some((field.get_attribute("name")?, field.get_attribute("value")?))).collect()
}

/// Whether the page has a function of that path below `window`.
fn is_there(path: &str) -> bool {
    let mut value = JsValue::from(window());
    for name in path.split('.') {
        match Reflect::get(&value, &JsValue::from(name)) {
            Ok(next) => value = next,
            // Nothing there, or a getter that throws.
            Err(_) => return false,
        }
    }
    value.is_function()
}
