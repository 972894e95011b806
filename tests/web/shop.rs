//! A page with links in it, and the tag started on it as the shim would.

use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::event::Event;
use tagwerk_protocol::link::{Existing, GroupRule, LinkRules};
use tagwerk_protocol::settings::TagSettings;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement, MouseEvent, MouseEventInit};

pub(crate) const VISIT: &str = "hbshnsrle2u9bhhz";
pub(crate) const PAGE: &str = "https://shop.example/blog/post";
pub(crate) const OFFER: &str = "https://www.digistore24.com/redir/1/a?x=%E9#top";

/// The site's settings as the shim hands them over.
pub(crate) fn settings(existing: Existing) -> String {
    let group = |name: &str, sub_id: &str, hosts: &[&str], paths: &[&str]| GroupRule {
        name: name.into(),
        sub_id: sub_id.into(),
        hosts: hosts.iter().map(|host| (*host).into()).collect(),
        paths: paths.iter().map(|path| (*path).into()).collect(),
    };
    let groups = vec![
        group("digistore24", "cid", &["digistore24.com", "checkout-ds24.com"], &["/redir/", "/content/", "/product/"]),
        group("clickbank", "tid", &["hop.clickbank.net"], &[]),
    ];
    TagSettings { rules: LinkRules { groups, existing }, ..TagSettings::default() }.to_text()
}

/// The shim's facts, with more of them.
pub(crate) fn facts(more: &str) -> String {
    format!("visit_id={VISIT}&seen=2&landing_at=1&landing_page=https%3A%2F%2Fshop.example%2F&landing_referrer=&{more}")
}

/// Starts the tag on an empty page.
pub(crate) fn start(more: &str) {
    stage().set_inner_html("");
    tagwerk_tag::start(&settings(Existing::Keep), &facts(more)).expect("the tag starts");
}

pub(crate) fn document() -> Document {
    web_sys::window().expect("a window").document().expect("a document")
}

/// Where the links of a test stand; the rest of the page is the test runner's.
fn stage() -> Element {
    document().get_element_by_id("stage").unwrap_or_else(|| {
        let stage = document().create_element("div").expect("an element");
        stage.set_id("stage");
        document().body().expect("a body").append_child(&stage).expect("a place");
        stage
    })
}

/// Puts a link into the page.
pub(crate) fn link(attributes: &[(&str, &str)]) -> Element {
    let link = document().create_element("a").expect("a link");
    for (name, value) in attributes {
        link.set_attribute(name, value).expect("an attribute");
    }
    link.set_text_content(Some("Buy the course"));
    stage().append_child(&link).expect("a place");
    link
}

pub(crate) fn offer() -> Element {
    link(&[("href", OFFER)])
}

pub(crate) fn href(link: &Element) -> String {
    link.get_attribute("href").expect("an href")
}

/// The click id that a link to the offer carries.
pub(crate) fn id_in(link: &Element) -> ClickId {
    let href = href(link);
    let rest = href.strip_prefix("https://www.digistore24.com/redir/1/a?x=%E9&cid=").expect("the offer's address");
    ClickId::parse(rest.strip_suffix("#top").expect("the fragment last")).expect("a click id")
}

pub(crate) fn mouse(kind: &str, change: impl FnOnce(&MouseEventInit)) -> MouseEvent {
    let init = MouseEventInit::new();
    init.set_cancelable(true);
    init.set_detail(1);
    change(&init);
    MouseEvent::new_with_mouse_event_init_dict(kind, &init).expect("an event")
}

/// Lets the visitor's pointer come over a link.
pub(crate) fn hover(link: &Element) {
    tagwerk_tag::handle(&mouse("pointerover", |_| {}), link, "");
}

/// Lets the tag see a click on a link; answers the event.
pub(crate) fn click(link: &Element, change: impl FnOnce(&MouseEventInit)) -> MouseEvent {
    let event = mouse("click", change);
    tagwerk_tag::handle(&event, link, link.unchecked_ref::<HtmlElement>().inner_text().as_str());
    event
}

/// What the tag reports now.
pub(crate) fn reported() -> Vec<Event> {
    let lines = tagwerk_tag::settle(PAGE).unwrap_or_default();
    lines.lines().map(|line| Event::from_line(line).expect("an event")).collect()
}
