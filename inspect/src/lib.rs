//! What `tagwerk('inspect')` answers: what the tag sees on a page, what it does, and why.
//!
//! The shim knows what happened on this page load and hands it over as [`Facts`]; the page's links and pixels are read here.
//! The rules are [`tagwerk_protocol`]'s, the very ones that the tag goes by. All is pure but `page`, which reads the browser
//! and exists on wasm32 alone. The module is fetched when somebody asks, so nobody else pays for it.

pub mod cloaked;
pub mod event;
pub mod facts;
pub mod link;
pub mod pixel;
pub mod report;
pub mod site;
pub mod source;

#[cfg(target_arch = "wasm32")]
mod page;

pub use facts::Facts;
use link::{Found, Site};
#[cfg(target_arch = "wasm32")]
pub use page::report_on;
pub use report::Report;
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::event::field;
use tagwerk_protocol::settings::TagSettings;

/// The report: what the facts say, when this page load began (in milliseconds since 1970), the links that were found in the page,
/// and whether the page has a function.
pub fn report(
    facts: Facts,
    since: f64,
    found: impl IntoIterator<Item = Found>,
    is_there: impl Fn(&str) -> bool,
) -> Report {
    let settings = TagSettings::from_text(&facts.settings);
    let (events, unread) = event::events(&facts, since);
    let (pixels, missing) = pixel::pixels(&settings.pixels, is_there);
    let mut problems = facts.problems;
    if settings.rules.groups.is_empty() {
        problems.push("no tracking group is active, so that only links with the token get click ids".to_owned());
    }
    problems.extend(unread);
    problems.extend(missing);
    let (server, said) = (site::server(&settings, &facts.origin, facts.clock_ahead), site::settings(&settings));
    let groups = site::groups(&settings.rules.groups);
    let site = Site {
        decorates: facts.consent == "granted" || settings.decorate_without,
        rules: settings.rules,
        minted: facts.minted.iter().filter_map(|id| ClickId::parse(id)).collect(),
        cloaked: cloaked::cloaked(&facts.cloaked),
        scan_hosts: said.scan_hosts.clone(),
    };
    Report {
        mode: facts.mode,
        ready: facts.ready,
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        site_id: settings.site_id,
        server,
        settings: said,
        groups,
        visit_id: facts::value(&facts.record, field::VISIT_ID),
        visitor_id: facts::value(&facts.record, field::VISITOR_ID),
        consent: facts.consent,
        source: source::source(&facts.record, &settings.clicks, &settings.own),
        links: found.into_iter().filter_map(|found| site.judge(&found)).collect(),
        minted: facts.minted,
        events,
        pixels,
        cloaked: site.cloaked,
        problems,
    }
}
