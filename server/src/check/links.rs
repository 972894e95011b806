//! What the tag would do with a page's links: the verdicts and reasons are the inspection module's, which the tag's own rules decide. Pure.

use super::page::{self, Page};
use crate::autoscan::verdict::{LONGEST_LINK, Verdict as Followed};
use crate::finding::{Finding, counted};
use serde::Serialize;
use tagwerk_inspect::link::Site;
use tagwerk_inspect::report::{Cloaked, Kind, Link, Verdict};
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::link::{LinkRules, TOKEN};
use tagwerk_protocol::settings::{Consent, TagSettings};
use url::Url;

/// Parts of a path by which redirecting plugins are known: such links are followed first. Paths that plugins suggest, no network's names.
const CLOAKING: [&str; 12] =
    ["go", "out", "recommends", "recommend", "refer", "ref", "link", "links", "r", "redirect", "visit", "get"];

/// A row of what is told about a page's links.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// As the inspection module tells it.
    #[serde(flatten)]
    pub link: Link,
    /// Where it leads on the way, where it was followed: each address, the last where it ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<String>,
}

/// What was found out by following a link.
#[derive(Debug, Clone)]
pub struct Way {
    /// The link, without query and fragment.
    pub url: Url,
    /// Where it leads.
    pub found: Followed,
}

/// What the links of a page are judged by, as its tag says. What was found out by following counts as what AutoScan knows.
fn site(settings: &TagSettings, ways: &[Way], follows: bool) -> Site {
    let cloaked = |way: &Way| Cloaked {
        url: way.url.as_str().to_owned(),
        group: way.found.group.clone(),
        forwards: way.found.forwards != Some(false),
        resolved: None,
        reason: Some(way.found.reason.clone()),
    };
    let scans = !settings.scan.is_empty();
    Site {
        rules: settings.rules.clone(),
        // A visitor who has agreed: the rest is told once for the page.
        decorates: true,
        minted: Vec::new(),
        cloaked: ways.iter().filter(|way| scans && way.found.group.is_some()).map(cloaked).collect(),
        scan_hosts: if scans && !follows { settings.scan_hosts.clone() } else { Vec::new() },
    }
}

/// Which links are followed, those first that look cloaked: plain links on these hosts that are no network's by themselves, and links that are
/// marked as a network's on whatever host of these.
pub fn to_follow(page: &Page, settings: &TagSettings, hosts: &[String], most: usize) -> Vec<Url> {
    let site = site(settings, &[], true);
    let mut wanted: Vec<(bool, Url)> = Vec::new();
    for link in page.links.iter().filter(|link| link.found.kind == Kind::Link) {
        let Some(url) = &link.url else { continue };
        let Some(host) = url.host_str().filter(|host| hosts.iter().any(|known| known == host)) else { continue };
        let is_plain =
            url.query().is_none() && url.path() != "/" && url.as_str().len() <= LONGEST_LINK && !host.is_empty();
        let is_own = crate::autoscan::verdict::owner(&settings.rules, url).is_some();
        let mut url = url.clone();
        url.set_fragment(None);
        if !is_plain || is_own || url == page.url || wanted.iter().any(|(_, known)| *known == url) {
            continue;
        }
        let is_marked = site.judge(&link.found).is_some_and(|link| link.verdict != Verdict::Left);
        let looks_cloaked = url.path_segments().is_some_and(|mut parts| parts.any(|part| CLOAKING.contains(&part)));
        wanted.push((!(is_marked || looks_cloaked), url));
    }
    // Stable: among equals the document's order stays.
    wanted.sort_by_key(|(later, _)| *later);
    wanted.into_iter().take(most).map(|(_, url)| url).collect()
}

/// The rows of a page: links that could be a network's, and what the redirect check says of those that were followed.
pub fn rows(page: &Page, settings: &TagSettings, ways: &[Way], follows: bool) -> Vec<Row> {
    let site = site(settings, ways, follows);
    let rows = page.links.iter().filter_map(|link| {
        let way = link.url.as_ref().and_then(|url| way_of(url, ways)).filter(|way| way.found.group.is_some());
        let hops = way.map(|way| way.found.hops.clone()).unwrap_or_default();
        let judged = site.judge(&link.found).or_else(|| {
            let way = way?;
            // It leads to a network, and nobody told the tag.
            Some(Link {
                kind: link.found.kind,
                href: link.found.href.clone(),
                text: link.found.text.clone(),
                group: way.found.group.clone(),
                verdict: Verdict::Left,
                reason: format!("cloaked link that the tag does not know of: {}", way.found.reason),
                click_id: None,
            })
        })?;
        Some(Row { link: judged, hops })
    });
    rows.collect()
}

fn way_of<'a>(url: &Url, ways: &'a [Way]) -> Option<&'a Way> {
    ways.iter().find(|way| url.query().is_none() && page::target(url) == page::target(&way.url))
}

/// What there is to say about the links of a page. `wants_some` is off where a page without any is as it should be.
pub fn judge(page: &Page, settings: &TagSettings, rows: &[Row], ways: &[Way], wants_some: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let rules = &settings.rules;
    let tagged = rows.iter().filter(|row| is_tagged(&row.link)).count();
    let foreign = rows.iter().filter(|row| row.link.verdict == Verdict::Foreign).count();
    let scans = !settings.scan.is_empty();
    if tagged > 0 {
        let says = format!("{} a click id", counted(tagged, "link gets", "links get"));
        found.push(Finding::ok("links", says));
    } else if foreign == 0 && wants_some {
        let groups: Vec<&str> = rules.groups.iter().map(|group| group.name.as_str()).collect();
        found.push(Finding::error(
            "links_none",
            format!("no link of the page gets a click id (active groups: {})", groups.join(", ")),
            "mark the links with data-tracking-group, or add their hosts to the group; --allow-no-links where there are none to be",
        ));
    }
    if foreign > 0 {
        found.push(Finding::warning(
            "links_foreign",
            format!(
                "{} a sub-id of somebody else's, which this site keeps: their sales are credited to no click",
                counted(foreign, "link carries", "links carry")
            ),
            "take the sub-id out of them, or set existing_subid to replace",
        ));
    }
    for way in ways {
        let Some(group) = &way.found.group else { continue };
        let hits = || {
            page.links
                .iter()
                .filter(|link| link.url.as_ref().is_some_and(|url| way_of(url, std::slice::from_ref(way)).is_some()))
        };
        let marked = hits().any(|link| is_marked(&link.found, rules));
        let url = &way.url;
        match way.found.forwards {
            Some(false) => {
                let sub_id =
                    rules.groups.iter().find(|known| known.name == *group).map_or("sub-id", |it| it.sub_id.as_str());
                found.push(Finding::error(
                    "redirect_drops",
                    format!("{url} leads to {group}, and the {sub_id} does not survive it: {}", way.found.reason),
                    "have the redirect pass its parameters on, or link to the offer itself; with autoscan.use_resolved the tag does so",
                ));
            }
            _ if !scans && !marked => found.push(Finding::warning(
                "cloaked_unknown",
                format!("{url} leads to {group}, and the tag does not know it"),
                "switch autoscan on, or put data-tracking-group on the link",
            )),
            Some(true) => {}
            None => {
                let says = format!("{url} leads to {group}: {}", way.found.reason);
                found.push(Finding::note("redirect_unclear", says, "run it again"));
            }
        }
    }
    let unknown: Vec<&Row> = rows.iter().filter(|row| names_no_group(page, row, rules)).collect();
    if let Some(first) = unknown.first() {
        let says = format!(
            "{} a group that is not active: {}",
            counted(unknown.len(), "link names", "links name"),
            first.link.reason
        );
        found.push(Finding::warning("links_unknown_group", says, "look at how data-tracking-group is spelt"));
    }
    let stale = page.links.iter().filter(|link| carries_an_id(&link.found.href)).count();
    if stale > 0 {
        found.push(Finding::note(
            "links_stale",
            format!(
                "{} a click id of another page load, which the tag replaces",
                counted(stale, "link carries", "links carry")
            ),
            "the page was saved with them; take them out, for visitors without the tag",
        ));
    }
    if settings.consent != Consent::None && !settings.decorate_without && tagged > 0 {
        let says = "links get their click ids once the visitor has agreed, as the site's consent mode says";
        found.push(Finding::note("links_consent", says, ""));
    }
    found
}

fn is_tagged(link: &Link) -> bool {
    matches!(link.verdict, Verdict::WillBeDecorated | Verdict::Decorated)
}

/// Whether the page itself says whose link it is.
fn is_marked(found: &tagwerk_inspect::link::Found, rules: &LinkRules) -> bool {
    let is_known = |name: &str| rules.groups.iter().any(|group| group.name.eq_ignore_ascii_case(name.trim()));
    let by_rel = found.rel.as_deref().unwrap_or_default().split_ascii_whitespace().any(is_known);
    by_rel || found.group.as_deref().is_some_and(is_known) || found.href.contains(TOKEN)
}

/// Whether the link of a row names a group by attribute that there is not.
fn names_no_group(page: &Page, row: &Row, rules: &LinkRules) -> bool {
    let named = |name: &str| {
        let name = name.trim();
        !name.is_empty() && !rules.groups.iter().any(|group| group.name.eq_ignore_ascii_case(name))
    };
    row.link.verdict == Verdict::Left
        && page
            .links
            .iter()
            .any(|link| link.found.href == row.link.href && link.found.group.as_deref().is_some_and(named))
}

/// Whether an address carries a well-formed click id.
fn carries_an_id(href: &str) -> bool {
    let (_, query) = href.split_once('?').unwrap_or_default();
    tagwerk_protocol::form::pairs(query.split('#').next().unwrap_or_default())
        .any(|(_, value)| ClickId::parse(&value).is_some())
}

#[cfg(test)]
mod tests;
