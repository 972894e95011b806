//! The whole report on a page that has something of everything. `report.json` is what it is; `www/tagwerk.d.ts`, the report
//! without WebAssembly (`plain.js`) and the report in a browser are held against the same file.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what must hold by failing")]

mod sample;

use serde_json::Value;
use tagwerk_inspect::link::Found;
use tagwerk_inspect::report::{Kind, Source, State};
use tagwerk_inspect::{Facts, Report, report};
use tagwerk_protocol::href;

/// When the page load began: after all that the sample tells, which is of years ago.
const SINCE: f64 = 1_750_000_000_000.0;

fn facts() -> Facts {
    serde_json::from_str(sample::FACTS).expect("the facts")
}

fn sample_report(facts: Facts) -> Report {
    let found = sample::LINKS.map(|(kind, href, text, group)| {
        let target = href::target(href, "https://shop.example/");
        Found {
            kind,
            href: href.to_owned(),
            target,
            group: group.map(str::to_owned),
            rel: None,
            text: text.to_owned(),
            gets: kind == Kind::Form,
            fields: Vec::new(),
        }
    });
    report(facts, SINCE, found, |function| sample::FUNCTIONS.contains(&function))
}

/// A report as it is written down, of the version at hand.
fn written(text: &str) -> Value {
    let mut report: Value = serde_json::from_str(text).expect("the report");
    report["version"] = env!("CARGO_PKG_VERSION").into();
    report
}

#[test]
fn the_report_is_as_written_down() {
    let report = serde_json::to_value(sample_report(facts())).expect("a report");
    assert_eq!(report, written(sample::REPORT), "the report is\n{report:#}");
}

#[test]
fn a_direct_visit_is_credited_to_the_touch_before_it() {
    let mut facts = facts();
    facts.record = "visit_id=hbshnsrle2u9bhhz&landing_at=9&landing_page=https%3A%2F%2Fshop.example%2F&\
                    touch_at=1&touch_page=https%3A%2F%2Fshop.example%2F%3Fgclid%3Dx"
        .to_owned();
    let source = sample_report(facts).source;
    assert_eq!(source.click_ids.0, [("gclid".to_owned(), "x".to_owned())]);
    assert!(source.landing.is_some_and(|landing| landing.click_ids.0.is_empty()));
    assert!(source.last.is_some_and(|last| last.page.ends_with("gclid=x")));
    assert_eq!(source.first, None);
}

#[test]
fn a_visit_without_any_source_has_none() {
    let mut facts = facts();
    facts.record = "visit_id=hbshnsrle2u9bhhz&landing_at=9&landing_page=https%3A%2F%2Fshop.example%2F".to_owned();
    let source = sample_report(facts).source;
    assert!(source == Source { landing: source.landing.clone(), ..Source::default() });
}

#[test]
fn what_does_not_read_is_a_problem_and_nothing_else() {
    let facts = Facts {
        settings: "pixel=fbq".to_owned(),
        outbox: "name=Lost".to_owned(),
        cloaked: vec!["reason=no+address".to_owned()],
        ..Facts::default()
    };
    let report = sample_report(facts);
    assert_eq!(
        report.problems,
        [
            "no tracking group is active, so that only links with the token get click ids",
            "an event's line does not read: the event has no at",
            "a pixel's call does not read: fbq",
        ]
    );
    assert!(report.events.is_empty() && report.cloaked.is_empty());
    assert!(report.pixels.iter().all(|pixel| !pixel.switched_on));
}

#[test]
fn a_pixel_that_the_site_does_not_feed_is_found_with_its_platform() {
    let report = sample_report(Facts::default());
    let found: Vec<_> =
        report.pixels.iter().map(|pixel| (pixel.function.as_str(), pixel.platforms.join(" "))).collect();
    assert_eq!(found, [("fbq", "meta".to_owned()), ("ttq.track", "tiktok".to_owned())]);
    assert!(report.pixels.iter().all(|pixel| pixel.found && !pixel.switched_on && pixel.events.is_empty()));
}

#[test]
fn an_event_of_this_page_load_that_nobody_has_answered_is_on_its_way() {
    let mut facts = facts();
    facts.outbox = facts.outbox.replace("at=1690000000000", "at=1750000000001");
    let event = sample_report(facts).events.pop().expect("the latest event");
    assert_eq!((event.event_id.as_str(), event.state), ("e0", State::InFlight));
}

#[test]
fn an_older_shim_s_facts_are_enough() {
    let facts = r#"{"mode":"shim","consent":"pending","cloaked":["url=https%3A%2F%2Fshop.example%2Fgo"],"later":1}"#;
    let facts: Facts = serde_json::from_str(facts).expect("facts");
    let report = serde_json::to_value(report(facts, SINCE, [], |_| false)).expect("a report");
    assert_eq!(report, written(include_str!("least.json")), "the report is\n{report:#}");
}
