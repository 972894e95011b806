//! Link rules: which link is a network's, and what happens to it.
//!
//! First match wins: the token `--CLICK-ID--`; `data-tracking-group`; `rel`; host and path (design section 4).
//! The change is textual: everything else in the URL stays byte for byte, and the fragment stays last.

use crate::click_id::ClickId;
use crate::href::{self, Target};

/// Stands for the click id in a link written by hand.
pub const TOKEN: &str = "--CLICK-ID--";

/// The link rules of one site: those of its active groups, and what the site says about links of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkRules {
    /// The active tracking groups.
    pub groups: Vec<GroupRule>,
    /// What happens to a sub-id of somebody else's.
    pub existing: Existing,
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

/// A link on its way to being decorated: its text around the places where the click id goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoration {
    /// The group it belongs to; `None` where a token stands in a link of no known group.
    pub group: Option<String>,
    pieces: Vec<String>,
}

impl Decoration {
    /// The new `href`.
    pub fn href(&self, click_id: &str) -> String {
        self.pieces.join(click_id)
    }
}

/// What is to happen to `link` on `page`. `is_minted` tells whether an id was minted by this page load:
/// one that was not (a page saved with decorated links) is replaced.
pub fn plan(link: &Link<'_>, rules: &LinkRules, page: &Page<'_>, is_minted: impl Fn(&ClickId) -> bool) -> Plan {
    let text = href::trim(link.href);
    if text.starts_with('#') {
        return Plan::Leave(Reason::SamePage);
    }
    let Some(target) = href::target(text, page.base) else {
        return Plan::Leave(Reason::NotHttp);
    };
    let group = rules.group_of(link, &target);
    if text.contains(TOKEN) {
        return Plan::Decorate(Decoration {
            group: group.map(|group| group.name.clone()),
            pieces: text.split(TOKEN).map(str::to_owned).collect(),
        });
    }
    match group {
        Some(group) => place(text, group, rules.existing, is_minted),
        None => match decorated_by_token(text, &is_minted) {
            Some(click_id) => Plan::Decorated { group: None, click_id },
            None => Plan::Leave(Reason::NotANetwork),
        },
    }
}

impl LinkRules {
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
fn place(text: &str, group: &GroupRule, existing: Existing, is_minted: impl Fn(&ClickId) -> bool) -> Plan {
    let (before, fragment) = split(text, '#');
    let (path, query) = split(before, '?');
    let query = query.strip_prefix('?');
    let mut piece = path.to_owned();
    piece.push('?');
    let mut pieces = Vec::new();
    for (index, part) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        if index > 0 {
            piece.push('&');
        }
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if name != group.sub_id {
            piece.push_str(part);
            continue;
        }
        match ClickId::parse(value) {
            Some(click_id) if is_minted(&click_id) => {
                return Plan::Decorated { group: Some(group.name.clone()), click_id };
            }
            None if !value.is_empty() && existing == Existing::Keep => {
                return Plan::Foreign { group: group.name.clone() };
            }
            _ => {}
        }
        piece.push_str(name);
        piece.push('=');
        pieces.push(std::mem::take(&mut piece));
    }
    if pieces.is_empty() {
        if !piece.ends_with(['?', '&']) {
            piece.push('&');
        }
        piece.push_str(&group.sub_id);
        piece.push('=');
        pieces.push(std::mem::take(&mut piece));
    }
    piece.push_str(fragment);
    pieces.push(piece);
    Plan::Decorate(Decoration { group: Some(group.name.clone()), pieces })
}

/// Splits before the first `mark`, which stays with what follows.
fn split(text: &str, mark: char) -> (&str, &str) {
    text.find(mark).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// The id of this page load in a link that had a token and belongs to no group: it is looked for in the query's values.
fn decorated_by_token(text: &str, is_minted: impl Fn(&ClickId) -> bool) -> Option<ClickId> {
    text.split(['?', '&', '=', '#', '/']).find_map(|part| ClickId::parse(part).filter(|id| is_minted(id)))
}
