//! Link rules: which link is a network's, and what happens to it.
//!
//! First match wins: the token `--CLICK-ID--`; `data-tracking-group`; `rel`; host and path (design section 4).
//! The change is textual: everything else in the URL stays byte for byte, and the fragment stays last.

use crate::click_id::{self, ClickId};
use crate::form;
use crate::href::{self, Target};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// Stands for the click id in a link written by hand.
pub const TOKEN: &str = "--CLICK-ID--";

/// The link rules of one site: those of its active groups, and what the site says about links of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkRules {
    /// The active tracking groups.
    pub groups: Vec<GroupRule>,
    /// What happens to a sub-id of somebody else's.
    pub existing: Existing,
    /// Links of the site's own that are known to lead to a network.
    pub cloaked: Vec<Cloaked>,
}

/// A link of the site's own that redirects to a network, as AutoScan found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloaked {
    /// Host of the link.
    pub host: String,
    /// Path of the link; it has no query.
    pub path: String,
    /// The group that it leads to.
    pub group: String,
    /// The offer's own URL, where it takes the link's place; empty where the link passes its parameters on.
    pub resolved: String,
}

/// One tracking group's link rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRule {
    /// The group's name, as in `data-tracking-group` and `rel` (there in any case).
    pub name: String,
    /// The query parameter that carries the click id.
    pub sub_id: String,
    /// Hosts whose links are the network's, sub-domains included.
    pub hosts: Vec<String>,
    /// Path prefixes, one of which must match and be followed by something (`/` matches all); none means any path.
    pub paths: Vec<String>,
}

/// What happens to a non-empty sub-id that is not ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the click is reported as foreign.
    #[default]
    Keep,
    /// Ours takes its place.
    Replace,
}

/// A link as it stands in the page.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// The `href` attribute, untouched.
    pub href: &'a str,
    /// The `data-tracking-group` attribute.
    pub group: Option<&'a str>,
    /// The `rel` attribute.
    pub rel: Option<&'a str>,
}

/// The page around a link.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The document's base URL, which relative links build on.
    pub base: &'a str,
}

/// What is to happen to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// It gets a click id.
    Decorate(Decoration),
    /// It carries an id that this page load minted.
    Decorated {
        /// The group it belongs to, if one is known.
        group: Option<String>,
        /// The id it carries.
        click_id: ClickId,
    },
    /// It is a network's, but carries somebody else's sub-id, which is kept.
    Foreign {
        /// The group it belongs to.
        group: String,
    },
    /// It is left as it is.
    Leave(Reason),
}

/// Why a link is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Neither token, attribute, `rel` nor host names a group.
    NotANetwork,
    /// Only http and https are decorated.
    NotHttp,
    /// `#part` stays on the page.
    SamePage,
}

/// A link on its way to being decorated: its text with [`TOKEN`] in the places where the click id goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoration {
    /// The group it belongs to; `None` where a token stands in a link of no known group.
    pub group: Option<String>,
    text: String,
}

impl Decoration {
    /// The new `href`.
    pub fn href(&self, click_id: &str) -> String {
        let mut href = String::new();
        let mut rest = self.text.as_str();
        while let Some((before, after)) = around_token(rest) {
            href.push_str(before);
            href.push_str(click_id);
            rest = after;
        }
        href.push_str(rest);
        href
    }
}

/// What is to happen to `link` on `page`. `is_minted` tells whether an id was minted by this page load:
/// one that was not (a page saved with decorated links) is replaced.
pub fn plan(link: &Link<'_>, rules: &LinkRules, page: &Page<'_>, is_minted: impl Fn(&ClickId) -> bool) -> Plan {
    plan_at(link, rules, || href::target(link.href, page.base), is_minted)
}

/// [`plan`] for who has a URL parser of their own: `target` says where the link leads, `None` unless it is http(s).
pub fn plan_at(
    link: &Link<'_>,
    rules: &LinkRules,
    target: impl FnOnce() -> Option<Target>,
    is_minted: impl Fn(&ClickId) -> bool,
) -> Plan {
    let text = href::trim(link.href);
    if text.starts_with('#') {
        return Plan::Leave(Reason::SamePage);
    }
    let Some(target) = target() else {
        return Plan::Leave(Reason::NotHttp);
    };
    let group = rules.group_of(link, &target);
    if around_token(text).is_some() {
        return Plan::Decorate(Decoration { group: group.map(|group| group.name.clone()), text: text.to_owned() });
    }
    let known = group.map(|group| (group, "")).or_else(|| rules.cloaked(&target));
    if let Some(click_id) = minted_in(text, is_minted) {
        return Plan::Decorated { group: known.map(|(group, _)| group.name.clone()), click_id };
    }
    match known {
        Some((group, "")) => place(text, group, rules.existing),
        Some((group, resolved)) => place(resolved, group, rules.existing),
        None => Plan::Leave(Reason::NotANetwork),
    }
}

impl LinkRules {
    /// No rules.
    pub const fn new() -> Self {
        Self { groups: Vec::new(), existing: Existing::Keep, cloaked: Vec::new() }
    }

    /// The group that a cloaked link leads to, and what stands in its place.
    fn cloaked(&self, target: &Target) -> Option<(&GroupRule, &str)> {
        let found = self.cloaked.iter().find(|link| link.host == target.host && link.path == target.path)?;
        Some((self.groups.iter().find(|group| group.name == found.group)?, &found.resolved))
    }

    /// The group a link belongs to: by attribute, then by `rel`, then by host and path.
    fn group_of(&self, link: &Link<'_>, target: &Target) -> Option<&GroupRule> {
        let named = |name: &str| self.groups.iter().find(|group| group.name.eq_ignore_ascii_case(name));
        link.group
            .and_then(|name| named(name.trim()))
            .or_else(|| link.rel.and_then(|rel| rel.split_ascii_whitespace().find_map(named)))
            .or_else(|| self.groups.iter().find(|group| group.owns(target)))
    }
}

impl GroupRule {
    /// Whether host and path are this network's.
    pub fn owns(&self, target: &Target) -> bool {
        self.hosts.iter().any(|host| is_or_is_below(&target.host, host))
            && (self.paths.is_empty() || self.paths.iter().any(|prefix| leads_below(&target.path, prefix)))
    }
}

fn is_or_is_below(host: &str, parent: &str) -> bool {
    host.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn leads_below(path: &str, prefix: &str) -> bool {
    prefix == "/" || path.strip_prefix(prefix).is_some_and(|rest| rest.bytes().any(|b| b != b'/'))
}

/// Finds the place of the sub-id in the text: an existing parameter of that name, else the end of the query.
fn place(text: &str, group: &GroupRule, existing: Existing) -> Plan {
    let (before, fragment) = split(text, b'#');
    let (path, query) = split(before, b'?');
    let mut text = path.to_owned();
    let mut is_placed = false;
    let mut separator = '?';
    for part in form::split(query.strip_prefix('?').unwrap_or_default(), b'&') {
        text.push(separator);
        separator = '&';
        let (name, value) = form::split_once(part, b'=').unwrap_or((part, ""));
        if name != group.sub_id {
            text.push_str(part);
            continue;
        }
        if !value.is_empty() && existing == Existing::Keep && ClickId::parse(value).is_none() {
            return Plan::Foreign { group: group.name.clone() };
        }
        push_place(&mut text, &group.sub_id);
        is_placed = true;
    }
    if !is_placed {
        if !matches!(text.as_bytes().last(), Some(b'?' | b'&')) {
            text.push('&');
        }
        push_place(&mut text, &group.sub_id);
    }
    text.push_str(fragment);
    Plan::Decorate(Decoration { group: Some(group.name.clone()), text })
}

fn push_place(text: &mut String, sub_id: &str) {
    for part in [sub_id, "=", TOKEN] {
        text.push_str(part);
    }
}

/// The text before and after its first token.
fn around_token(text: &str) -> Option<(&str, &str)> {
    // Not by `split_once`: the standard library's search for a text weighs as much as all the rules here.
    let at = text.as_bytes().windows(TOKEN.len()).position(|window| window == TOKEN.as_bytes())?;
    Some((text.get(..at)?, text.get(at + TOKEN.len()..)?))
}

/// Splits before the first `mark`, which stays with what follows.
fn split(text: &str, mark: u8) -> (&str, &str) {
    text.bytes().position(|byte| byte == mark).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// The id of this page load in a link, wherever it stands: a token may have been anywhere.
fn minted_in(text: &str, is_minted: impl Fn(&ClickId) -> bool) -> Option<ClickId> {
    (0..text.len()).find_map(|at| ClickId::parse(text.get(at..at + click_id::LENGTH)?).filter(&is_minted))
}
