//! The tag's line in a page: is it there, once, the right one, and does it run? Pure.

use super::page::{Page, Script};
use super::signs::{self, Does};
use crate::finding::Finding;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tagwerk_protocol::settings::TagSettings;
use url::Url;

/// Length of a site's public id.
const SITE_ID: usize = 12;
/// How every script of a tag begins its settings.
const BEGINNING: &str = "site_id=";
/// Types of a script that a browser runs; none is one, too.
const RUNS: [&str; 6] =
    ["", "module", "text/javascript", "application/javascript", "application/x-javascript", "text/ecmascript"];

/// A script of the page that is a tag, and what its server sent.
#[derive(Debug, Clone)]
pub struct Tag {
    /// The element.
    pub script: Script,
    /// Its address, wherever in the element it stands; none where the tag's text stands in the element itself.
    pub url: Option<Url>,
    /// The settings in it.
    pub settings: TagSettings,
    /// What was sent.
    pub body: Vec<u8>,
}

/// The address that a script element loads from, also one that is held back: then it stands in an attribute like `data-src`.
pub fn address(script: &Script, base: &Url) -> Option<Url> {
    let held = || {
        let mut others = script.attributes.iter().filter(|(name, _)| name != "src" && name.ends_with("src"));
        others.find_map(|(_, value)| base.join(value.trim()).ok())
    };
    script.url.clone().or_else(held).filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// Whether an address could be a tag's script: a part of its path is as long as a site's id, with or without an ending.
pub fn is_like_a_tag(url: &Url) -> bool {
    let is_id = |part: &str| {
        let stem = part.strip_suffix(".js").or_else(|| part.strip_suffix(".mjs")).unwrap_or(part);
        stem.len() == SITE_ID && stem.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    url.path_segments().into_iter().flatten().any(is_id)
}

/// The settings in a tag's script.
pub fn settings_in(script: &str) -> Option<TagSettings> {
    let mut rest = script;
    loop {
        let at = rest.find(BEGINNING)?;
        let (before, after) = rest.split_at_checked(at)?;
        let text = match before.as_bytes().last() {
            Some(b'"') => {
                let quoted = rest.get(at.checked_sub(1)?..)?;
                serde_json::Deserializer::from_str(quoted).into_iter::<String>().next().and_then(Result::ok)
            }
            // Minifiers change quotes, and nothing in the settings needs to be escaped for them.
            Some(quote @ (b'\'' | b'`')) => after.split(char::from(*quote)).next().map(str::to_owned),
            _ => None,
        };
        let settings = text.map(|text| TagSettings::from_text(&text));
        if let Some(settings) =
            settings.filter(|settings| settings.site_id.len() == SITE_ID && !settings.event.is_empty())
        {
            return Some(settings);
        }
        rest = after.get(BEGINNING.len()..)?;
    }
}

/// What there is to say about the tags of a page. `site_id` is the one that is wanted.
pub fn judge(page: &Page, tags: &[Tag], site_id: Option<&str>) -> Vec<Finding> {
    let Some(tag) = tags.first() else { return missing(page, site_id) };
    let mut found = Vec::new();
    let mut ids: Vec<&str> = tags.iter().map(|tag| tag.settings.site_id.as_str()).collect();
    if tags.len() > 1 {
        ids.sort_unstable();
        ids.dedup();
        let of = if ids.len() > 1 { format!(", of the sites {}", ids.join(" and ")) } else { String::new() };
        let says =
            format!("the tag is on the page {} times{of}; the first one works, the others do nothing", tags.len());
        found.push(Finding::warning(
            "tag_twice",
            says,
            "take all but one out: theme, plugin and tag manager may each add one",
        ));
    }
    if let Some(wanted) = site_id.filter(|wanted| *wanted != tag.settings.site_id) {
        found.push(Finding::error(
            "tag_other_site",
            format!("the tag is that of the site {}, not of {wanted}", tag.settings.site_id),
            "put in the line that the dashboard shows for this site",
        ));
    }
    match runs(page, tag) {
        Some(why_not) => found.push(why_not),
        None => found.extend(place(tag)),
    }
    found.extend(integrity(tag));
    if found.iter().all(|finding| finding.mend.is_none()) {
        found.insert(0, Finding::ok("tag", format!("the tag of the site {} is there", tag.settings.site_id)));
    }
    found
}

fn missing(page: &Page, site_id: Option<&str>) -> Vec<Finding> {
    let which = site_id.map(|id| format!(" of the site {id}")).unwrap_or_default();
    let managers = signs::managers(&page.scripts);
    if managers.is_empty() {
        return vec![Finding::error(
            "tag_missing",
            format!("the tag{which} is not on the page"),
            "put the line that the dashboard shows into its head; a page from a cache may be older than the line",
        )];
    }
    vec![Finding::note(
        "tag_unseen",
        format!(
            "the tag{which} is not in the page's HTML; {} may load it, which only a browser sees",
            managers.join(" and ")
        ),
        "give the tag's address with --script to check the rest, and look with the helper extension",
    )]
}

/// Whether the browser runs it.
fn runs(page: &Page, tag: &Tag) -> Option<Finding> {
    let kind = tag.script.attribute("type").unwrap_or_default().trim().to_ascii_lowercase();
    let sign = signs::sign(&tag.script);
    match sign.map(|sign| (sign.does, sign)) {
        Some((Does::Asks, sign)) => {
            return Some(Finding::warning(
                "tag_held_back",
                format!(
                    "{} holds the tag back until the visitor agrees: before, no link is tagged and no visit is seen",
                    sign.who
                ),
                "let the tag load at once and set its consent mode: then it stores and sends nothing before the visitor agrees, and loses nothing",
            ));
        }
        Some((Does::Delays, sign)) => {
            let mend = if sign.mend.is_empty() { "exclude the tag's address from it" } else { sign.mend.as_str() };
            let says = format!("{} delays the tag: a click before it runs is not seen", sign.who);
            return Some(Finding::warning("tag_delayed", says, mend));
        }
        _ => {}
    }
    if !RUNS.contains(&kind.as_str()) {
        let says = format!("no browser runs the tag: its type is {kind}");
        return Some(Finding::error("tag_never_runs", says, "take the type off the tag's line"));
    }
    if tag.script.attribute("nomodule").is_some() && kind != "module" {
        let says = "no browser of these years runs the tag: it has the attribute nomodule";
        return Some(Finding::error("tag_never_runs", says, "take nomodule off the tag's line"));
    }
    let url = match &tag.url {
        Some(url) if !is_a_copy(url, &tag.settings) => url,
        _ => {
            let mend = sign.map(|sign| sign.mend.as_str()).filter(|mend| !mend.is_empty());
            return Some(Finding::warning(
                "tag_copied",
                "the page has a copy of the tag in a script of its own, which does not hear of changed settings or a new version",
                mend.unwrap_or("exclude the tag from what combines scripts, so that it comes from its server"),
            ));
        }
    };
    if page.url.scheme() == "https" && url.scheme() == "http" {
        let says = "the page is https and the tag's address http: browsers do not load it";
        return Some(Finding::error("tag_insecure", says, "write https:// in the tag's line"));
    }
    (tag.script.url.is_none()).then(|| {
        Finding::error(
            "tag_never_runs",
            "the tag's line has no src",
            "something took its src away; put the line in as the dashboard shows it",
        )
    })
}

/// Whether the script is not its server's: the site's id does not stand in its address.
pub fn is_a_copy(url: &Url, settings: &TagSettings) -> bool {
    !url.path().contains(&settings.site_id)
}

/// Where it stands, and how it loads.
fn place(tag: &Tag) -> Vec<Finding> {
    let mut found = Vec::new();
    let has = |name: &str| tag.script.attribute(name).is_some();
    let is_module = tag.script.attribute("type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("module"));
    if !has("async") && !has("defer") && !is_module && tag.url.is_some() {
        found.push(Finding::note(
            "tag_holds_up",
            "the tag's line has no async, so the page waits for it",
            "add async to it",
        ));
    }
    if !tag.script.in_head {
        found.push(Finding::note(
            "tag_late",
            "the tag's line stands in the body, so clicks before it has come are not seen",
            "put it into the head if you can",
        ));
    }
    found
}

/// Whether what was sent is what the line pins.
fn integrity(tag: &Tag) -> Option<Finding> {
    let pinned = tag.script.attribute("integrity").map(str::trim).filter(|pinned| !pinned.is_empty())?;
    if tag.script.attribute("crossorigin").is_none() {
        let says = "the tag's line has integrity and no crossorigin: browsers do not run it";
        return Some(Finding::error("tag_integrity", says, "add crossorigin=\"anonymous\", or take integrity off"));
    }
    // Of several algorithms a browser goes by the strongest alone; their names sort by strength.
    let strongest = pinned.split_whitespace().filter_map(|hash| hash.split('-').next()).max().unwrap_or_default();
    let fits = |hash: &str| match hash.split_once('-').filter(|(name, _)| *name == strongest) {
        Some(("sha256", value)) => value == BASE64.encode(Sha256::digest(&tag.body)),
        Some(("sha384", value)) => value == BASE64.encode(Sha384::digest(&tag.body)),
        Some(("sha512", value)) => value == BASE64.encode(Sha512::digest(&tag.body)),
        _ => false,
    };
    if pinned.split_whitespace().any(fits) {
        return Some(Finding::note(
            "tag_pinned",
            "the tag's line pins what its script is: the next change of a setting, or of the server's version, stops it",
            "take integrity off unless whoever changes settings publishes the pages, too",
        ));
    }
    Some(Finding::error(
        "tag_integrity",
        "the script is not the one that the tag's line pins by integrity: browsers do not run it",
        "take integrity off, or put in the hash of what is served now",
    ))
}

#[cfg(test)]
mod tests;
