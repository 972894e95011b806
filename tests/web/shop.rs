//! A shop's page as the tag is asked about it.

use std::cell::RefCell;
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::link::Existing;

pub(crate) const VISIT: &str = "hbshnsrle2u9bhhz";
const BASE: &str = "https://shop.example/blog/post";

thread_local! {
    static MINTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The groups of the site's settings.
const GROUPS: [&str; 2] = [
    "digistore24|cid|digistore24.com,checkout-ds24.com|/redir/,/content/,/product/",
    "clickbank|tid|hop.clickbank.net|",
];

/// The record of a visit, with more in it.
pub(crate) fn record(more: &str) -> String {
    format!(
        "visit_id={VISIT}&landing_at=1&landing_page=https%3A%2F%2Fshop.example%2F&landing_referrer=&from=+&seen=2{more}"
    )
}

/// Asks the tag; the parts have NUL between them.
pub(crate) fn ask(parts: &[&str]) -> String {
    tagwerk_tag::ask(&parts.join("\0"))
}

/// Hands the rules over and starts the tag on the shop's page.
pub(crate) fn start(existing: Existing) {
    MINTED.with_borrow_mut(Vec::clear);
    let word = if existing == Existing::Replace { "replace" } else { "keep" };
    ask(&["rules", word, GROUPS[0], GROUPS[1]]);
    assert!(!ask(&["start", &record("")]).is_empty(), "the tag starts");
}

/// What becomes of a link.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) group: String,
    pub(crate) id: ClickId,
    pub(crate) href: String,
    pub(crate) foreign: bool,
}

/// Asks about a link as the shim does: trimmed, with what the browser's own parser says of it and the id of this page
/// load that stands in it. `None` where the link is left alone.
pub(crate) fn plan(href: &str, group: &str, rel: &str) -> Option<Planned> {
    let href = href.trim_matches(|c| c <= ' ');
    if href.starts_with('#') {
        return None;
    }
    let url = web_sys::Url::new_with_base(href, BASE).ok()?;
    if !matches!(url.protocol().as_str(), "http:" | "https:") {
        return None;
    }
    let host = url.hostname();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let lower = href.to_lowercase();
    let mine = MINTED.with_borrow(|minted| minted.iter().find(|id| lower.contains(*id)).cloned()).unwrap_or_default();
    let answer = ask(&["plan", href, host, &url.pathname(), group, rel, &mine]);
    if answer.is_empty() {
        return None;
    }
    let parts: Vec<&str> = answer.split('\0').collect();
    assert_eq!(parts.len(), 4, "{answer:?}");
    let planned = Planned {
        group: parts[0].into(),
        id: ClickId::parse(parts[1]).expect("a click id"),
        href: parts[2].into(),
        foreign: parts[3] == "1",
    };
    assert_eq!(planned.id.visit().as_str(), VISIT);
    MINTED.with_borrow_mut(|minted| minted.push(planned.id.to_string()));
    Some(planned)
}
