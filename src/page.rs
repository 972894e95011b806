//! The page: finding, reading and changing links, and what an event says.

use crate::clicks::Press;
use alloc::borrow::ToOwned;
use alloc::string::String;
use tagwerk_protocol::href::Target;
use tagwerk_protocol::link::Link;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{MouseEvent, NodeList, Url};

pub(crate) use web_sys::{Element, Event};

#[wasm_bindgen]
extern "C" {
    // A function, since a static of the page's costs the module its table of functions.
    #[wasm_bindgen(catch, js_namespace = document, js_name = querySelectorAll)]
    fn query_selector_all(selector: &str) -> Result<NodeList, JsValue>;
}

/// Where HTML and SVG links keep their address.
const HREFS: [&str; 2] = ["href", "xlink:href"];

/// The browser's clock, in milliseconds since 1970.
pub(crate) fn now() -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds, far below 2^53")]
    let now = js_sys::Date::now() as i64;
    now
}

/// Random bytes from the browser; `false` where it has none.
pub(crate) fn random(bytes: &mut [u8]) -> bool {
    getrandom::fill(bytes).is_ok()
}

/// A link's attributes, as they stand in the page.
pub(crate) struct Anchor {
    /// The attribute that holds the address.
    pub(crate) name: &'static str,
    /// The address.
    pub(crate) href: String,
    group: Option<String>,
    rel: Option<String>,
    /// What relative addresses build on.
    pub(crate) base: String,
}

impl Anchor {
    /// Reads a link; `None` where it has no address.
    pub(crate) fn read(link: &Element) -> Option<Self> {
        let (name, href) = HREFS.into_iter().find_map(|name| Some((name, link.get_attribute(name)?)))?;
        Some(Self {
            name,
            href,
            group: link.get_attribute("data-tracking-group"),
            rel: link.get_attribute("rel"),
            base: link.base_uri().ok()??,
        })
    }

    /// The link as the rules see it.
    pub(crate) fn link(&self) -> Link<'_> {
        Link { href: &self.href, group: self.group.as_deref(), rel: self.rel.as_deref() }
    }
}

/// Where an address in this page leads; `None` unless it is http(s). The browser has a URL parser, ours would weigh more
/// than all the other rules.
pub(crate) fn target(href: &str, base: &str) -> Option<Target> {
    let url = Url::new_with_base(href, base).ok()?;
    let host = url.hostname();
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    matches!(url.protocol().as_str(), "http:" | "https:").then(|| Target { host, path: url.pathname() })
}

/// Changes a link's address.
pub(crate) fn write(link: &Element, name: &str, href: &str) {
    // Only names that no element may have are refused.
    let _ = link.set_attribute(name, href);
}

/// Lets `ask` look at what an event says about how a link was opened.
pub(crate) fn press<T>(event: &Event, ask: impl FnOnce(Press<'_>) -> T) -> T {
    let kind = event.type_();
    let mouse: &MouseEvent = event.unchecked_ref();
    ask(Press {
        kind: &kind,
        button: mouse.button(),
        modified: mouse.ctrl_key() || mouse.meta_key() || mouse.shift_key(),
        detail: mouse.detail(),
        trusted: event.is_trusted(),
    })
}

/// The links that a selector finds now.
pub(crate) struct Found(NodeList, u32);

impl Found {
    /// Searches the document.
    pub(crate) fn search(selector: &str) -> Option<Self> {
        query_selector_all(selector).ok().map(|links| Self(links, 0))
    }
}

impl Iterator for Found {
    type Item = Element;

    fn next(&mut self) -> Option<Element> {
        let link = self.0.item(self.1)?;
        self.1 += 1;
        Some(link.unchecked_into())
    }
}
