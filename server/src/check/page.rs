//! A page as it comes from its server: its links and forms, its scripts, and what it says about its own address and policy. Pure: everything
//! in here comes from strangers.

use html5ever::driver::{self, ParseOpts};
use html5ever::tendril::TendrilSink;
use scraper::node::Element;
use scraper::{Html, HtmlTreeSink, Node};
use tagwerk_inspect::link::Found;
use tagwerk_inspect::report::Kind;
use tagwerk_protocol::href::Target;
use url::Url;

/// Most links and most scripts that are looked at.
pub const MOST_LINKS: usize = 5_000;
const MOST_SCRIPTS: usize = 500;
/// After how much of a page it is asked whether reading goes on, in bytes.
const PART: usize = 8_192;
/// Most of a script's own text that is looked at, in bytes.
const LONGEST_SCRIPT: usize = 65_536;
/// Longest text of a link, in characters; as long as the tag's labels.
const LONGEST_TEXT: usize = 120;
/// Most nodes inside a link or form that are looked at: they may be nested.
const MOST_INSIDE: usize = 2_000;
/// Most fields of one form.
const MOST_FIELDS: usize = 200;

/// What a page holds.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its address.
    pub url: Url,
    /// The address that its first `<base href>` names.
    pub base: Option<Url>,
    /// Its links and forms, in document order, those in declared open shadow roots too.
    pub links: Vec<Link>,
    /// Its scripts, in document order.
    pub scripts: Vec<Script>,
    /// The policies in `meta` elements, each with its place in the document.
    pub policies: Vec<(usize, String)>,
    /// The last `<meta name=referrer>` that says something.
    pub referrer: Option<String>,
    /// Where `<meta http-equiv=refresh>` leads at once.
    pub refresh: Option<Url>,
    /// How many links there are beyond those looked at.
    pub unread: usize,
    /// Whether reading it was given up before its end.
    pub given_up: bool,
}

/// A link or form.
#[derive(Debug, Clone)]
pub struct Link {
    /// As the tag sees it.
    pub found: Found,
    /// The whole address it leads to, where that is http or https.
    pub url: Option<Url>,
}

/// A script element.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Its attributes, names in lower case.
    pub attributes: Vec<(String, String)>,
    /// Where it loads from.
    pub url: Option<Url>,
    /// Its own text, or the beginning of it.
    pub text: String,
    /// Whether it stands in the head.
    pub in_head: bool,
    /// Its place among the elements of the document.
    pub order: usize,
}

impl Script {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a page that came from this address. `allow_base` says whether its links may build on a base address, and `goes_on`, which is asked
/// after each part, whether reading does: elements that are nested by the ten thousand take longer the deeper they are.
pub fn read(
    html: &str,
    url: &Url,
    allow_base: impl Fn(&Url, &[(usize, String)]) -> bool,
    goes_on: impl Fn() -> bool,
) -> Page {
    let (document, given_up) = parsed(html, goes_on);
    let mut reader = Reader::default();
    let (mut links, mut scripts, mut referrer, mut refresh) = (Vec::new(), Vec::new(), None, None);
    let mut unread = 0;
    let mut hidden = 0_usize;
    for edge in document.tree.root().traverse() {
        let (node, opens) = match edge {
            ego_tree::iter::Edge::Open(node) => (node, true),
            ego_tree::iter::Edge::Close(node) => (node, false),
        };
        let Node::Element(element) = node.value() else { continue };
        if is_inert(element) {
            hidden = if opens { hidden.saturating_add(1) } else { hidden.saturating_sub(1) };
        }
        if !opens || hidden > 0 {
            continue;
        }
        reader.order += 1;
        match element.name() {
            "body" => reader.body = true,
            "base" if reader.base.is_none() => {
                reader.base = attribute(element, "href").and_then(|it| url.join(it).ok())
            }
            "meta" => {
                let content = attribute(element, "content").unwrap_or_default();
                let equiv = attribute(element, "http-equiv").unwrap_or_default().trim().to_ascii_lowercase();
                match equiv.as_str() {
                    "content-security-policy" if !reader.body => {
                        reader.policies.push((reader.order, content.to_owned()))
                    }
                    "refresh" => {
                        let target = crate::autoscan::answer::refresh_target(content);
                        refresh = refresh.or_else(|| target.and_then(|it| url.join(&it).ok()));
                    }
                    _ => {}
                }
                let is_referrer = attribute(element, "name").is_some_and(|name| name.eq_ignore_ascii_case("referrer"));
                if is_referrer && !content.trim().is_empty() {
                    referrer = Some(content.trim().to_ascii_lowercase());
                }
            }
            "script" if scripts.len() < MOST_SCRIPTS => scripts.push((node, reader.script(element))),
            "a" | "area" | "form" if links.len() >= MOST_LINKS => unread += 1,
            "a" | "area" | "form" => links.push(node),
            _ => {}
        }
    }
    let base = reader.base.take().filter(|base| allow_base(base, &reader.policies));
    let builds_on = base.as_ref().unwrap_or(url);
    let links = links.into_iter().filter_map(|node| {
        let Node::Element(element) = node.value() else { return None };
        let inside = || node.descendants().take(MOST_INSIDE);
        let texts = || inside().filter_map(|node| node.value().as_text()).map(|text| &**text);
        link(element, builds_on, texts, || fields(inside().filter_map(|node| node.value().as_element())))
    });
    let links = links.collect();
    let scripts = scripts.into_iter().map(|(node, script)| {
        let mut text = String::new();
        for part in node.children().filter_map(|child| child.value().as_text()) {
            let room = LONGEST_SCRIPT.saturating_sub(text.len());
            text.extend(part.char_indices().take_while(|(at, _)| *at < room).map(|(_, c)| c));
        }
        let src = script.attribute("src").map(str::trim).filter(|src| !src.is_empty());
        Script { url: src.and_then(|src| builds_on.join(src).ok()), text, ..script }
    });
    let scripts = scripts.collect();
    Page { url: url.clone(), base, links, scripts, policies: reader.policies, referrer, refresh, unread, given_up }
}

/// The page as a tree, and whether reading was given up.
fn parsed(html: &str, goes_on: impl Fn() -> bool) -> (Html, bool) {
    let sink = HtmlTreeSink::new(Html::new_document());
    let mut parser = driver::parse_document(sink, ParseOpts::default());
    let mut rest = html;
    while !rest.is_empty() {
        if !goes_on() {
            return (parser.finish(), true);
        }
        let end = (0..=rest.len().min(PART)).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (part, after) = rest.split_at_checked(end.max(1)).unwrap_or((rest, ""));
        parser.process(part.into());
        rest = after;
    }
    (parser.finish(), false)
}

/// How far a page is read.
#[derive(Default)]
struct Reader {
    order: usize,
    body: bool,
    base: Option<Url>,
    policies: Vec<(usize, String)>,
}

impl Reader {
    fn script(&self, element: &Element) -> Script {
        let attributes = element.attrs().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        Script { attributes: attributes.collect(), in_head: !self.body, order: self.order, ..Script::default() }
    }
}

/// A template is no part of the page, unless it declares an open shadow root, which the tag looks into.
fn is_inert(element: &Element) -> bool {
    let declares = attribute(element, "shadowrootmode").is_some_and(|mode| mode.trim().eq_ignore_ascii_case("open"));
    element.name() == "template" && !declares
}

/// The value of an attribute, of an SVG link's `xlink:href` too.
fn attribute<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.attr(name).or_else(|| element.attrs().find(|(known, _)| *known == name).map(|(_, value)| value))
}

/// A link or form as the tag sees it; nothing where it has no address.
fn link<'a, T: Iterator<Item = &'a str>>(
    element: &Element,
    base: &Url,
    texts: impl FnOnce() -> T,
    fields: impl FnOnce() -> Vec<(String, String)>,
) -> Option<Link> {
    let is_form = element.name() == "form";
    let group = attribute(element, "data-tracking-group").map(str::to_owned);
    let own_page = || (is_form && group.is_some()).then_some("");
    let href = attribute(element, "href").or_else(|| attribute(element, "action")).or_else(own_page)?;
    let url = base.join(href).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let post = attribute(element, "method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
    let found = Found {
        kind: if is_form { Kind::Form } else { Kind::Link },
        href: href.to_owned(),
        target: url.as_ref().and_then(target),
        group,
        rel: attribute(element, "rel").map(str::to_owned),
        text: text(element, texts()),
        gets: is_form && !post,
        fields: if is_form { fields() } else { Vec::new() },
    };
    Some(Link { found, url })
}

/// Where a whole address leads, as link rules want it.
pub fn target(url: &Url) -> Option<Target> {
    let host = url.host_str()?;
    Some(Target { host: host.strip_suffix('.').unwrap_or(host).to_owned(), path: url.path().to_owned() })
}

/// The element's text, else what stands in for it, white space collapsed.
fn text<'a>(element: &Element, texts: impl Iterator<Item = &'a str>) -> String {
    let mut content = String::new();
    for word in texts.flat_map(str::split_whitespace) {
        if content.len() > LONGEST_TEXT * 4 {
            break;
        }
        if !content.is_empty() {
            content.push(' ');
        }
        content.push_str(word);
    }
    let stand_ins = ["aria-label", "alt", "title"].into_iter().filter_map(|name| attribute(element, name));
    let stand_ins = stand_ins.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let found = std::iter::once(content).chain(stand_ins).find(|text| !text.is_empty()).unwrap_or_default();
    found.chars().take(LONGEST_TEXT).collect()
}

/// A form's fields, with the values that the page gave them.
fn fields<'a>(elements: impl Iterator<Item = &'a Element>) -> Vec<(String, String)> {
    let fields = elements.filter(|element| element.name() == "input");
    let fields = fields.filter_map(|field| Some((field.attr("name")?.to_owned(), field.attr("value")?.to_owned())));
    fields.take(MOST_FIELDS).collect()
}

#[cfg(test)]
mod tests;
