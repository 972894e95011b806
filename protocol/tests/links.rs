//! Link rules, held to the published cases and to their promises.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what must hold by failing"
)]

use proptest::prelude::*;
use serde_json::Value;
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::group::Group;
use tagwerk_protocol::link::{Existing, GroupRule, Link, LinkRules, Page, Plan, Reason, plan};

const PAGE: Page<'static> = Page { base: "https://shop.example/blog/post" };
const OURS: &str = "hbshnsrle2u9bhhz1xhcgm36fwbdjgzd";

fn rules(existing: Existing) -> LinkRules {
    let group = |name: &str, text: &str| Group::parse(name, name, text).expect("a group").link_rule(&[]);
    LinkRules {
        groups: vec![
            group("digistore24", include_str!("../../groups/digistore24.toml")),
            group("clickbank", include_str!("../../groups/clickbank.toml")),
        ],
        existing,
        ..LinkRules::default()
    }
}

fn decorated(href: &str) -> Option<String> {
    decorated_as(&Link { href, group: None, rel: None }, Existing::Keep)
}

fn decorated_as(link: &Link<'_>, existing: Existing) -> Option<String> {
    match plan(link, &rules(existing), &PAGE, |_| false) {
        Plan::Decorate(decoration) => Some(decoration.href("CLICKID")),
        _ => None,
    }
}

#[test]
fn every_published_case_is_decorated_as_it_says() {
    let cases: Value = serde_json::from_str(include_str!("../../tests/cases/links.json")).expect("the cases are JSON");
    let cases = cases["cases"].as_array().expect("a list of cases");
    assert!(cases.len() >= 36);
    for case in cases {
        let link = Link {
            href: case["href"].as_str().expect("an href"),
            group: case["attributes"]["data-tracking-group"].as_str(),
            rel: case["attributes"]["rel"].as_str(),
        };
        let existing = if case["settings"]["existing_subid"] == "replace" { Existing::Replace } else { Existing::Keep };
        assert_eq!(decorated_as(&link, existing).as_deref(), case["expect"].as_str(), "{}", case["name"]);
    }
}

#[test]
fn the_ampersand_is_not_doubled() {
    assert_eq!(
        decorated("https://digistore24.com/redir/1/a?x=1&").as_deref(),
        Some("https://digistore24.com/redir/1/a?x=1&cid=CLICKID")
    );
}

#[test]
fn outer_white_space_is_dropped() {
    assert_eq!(
        decorated(" \n https://digistore24.com/redir/1/a\t").as_deref(),
        Some("https://digistore24.com/redir/1/a?cid=CLICKID")
    );
}

#[test]
fn a_host_is_read_as_the_browser_reads_it() {
    assert!(decorated(r"https:\\digistore24.com\redir\1\a").is_some());
    assert!(decorated("https://me@digistore24.com:443/redir/1/a").is_some());
    assert!(decorated(r"https://evil.example\@digistore24.com/redir/1/a").is_none());
    assert!(decorated("https://digistore24.com/x/../redir/1/a").is_some());
    assert!(decorated("https://digistore24.com/redir/../receipt/1").is_none());
}

#[test]
fn a_path_needs_something_behind_its_prefix() {
    assert!(decorated("https://digistore24.com/redir/").is_none());
    assert!(decorated("https://digistore24.com/redir").is_none());
    assert!(decorated("https://digistore24.com/redirect/1").is_none());
}

#[test]
fn an_unknown_group_attribute_falls_through_to_the_host() {
    let link = Link { href: "https://digistore24.com/redir/1/a", group: Some("nobody"), rel: None };
    assert!(decorated_as(&link, Existing::Keep).is_some());
}

#[test]
fn the_attribute_wins_over_the_host() {
    let link = Link { href: "https://digistore24.com/redir/1/a", group: Some("ClickBank"), rel: None };
    assert_eq!(decorated_as(&link, Existing::Keep).as_deref(), Some("https://digistore24.com/redir/1/a?tid=CLICKID"));
}

#[test]
fn an_id_minted_by_this_page_load_stays() {
    let href = format!("https://digistore24.com/redir/1/a?cid={OURS}&x=1");
    let found = plan(&Link { href: &href, group: None, rel: None }, &rules(Existing::Replace), &PAGE, |_| true);
    let click_id = ClickId::parse(OURS).expect("a published id");
    assert_eq!(found, Plan::Decorated { group: Some("digistore24".into()), click_id });
}

#[test]
fn a_link_that_had_a_token_is_known_again_by_its_id() {
    let href = format!("https://example.com/out?x={OURS}#y");
    let found = plan(&Link { href: &href, group: None, rel: None }, &rules(Existing::Keep), &PAGE, |_| true);
    assert_eq!(found, Plan::Decorated { group: None, click_id: ClickId::parse(OURS).expect("a published id") });
}

#[test]
fn an_id_where_a_token_was_is_known_whatever_is_around_it() {
    for (href, group) in [
        (format!("https://digistore24.com/redir/1/a?sid1={OURS}"), Some("digistore24")),
        (format!("https://digistore24.com/redir/1/a?cid=partner&sid1={OURS}"), Some("digistore24")),
        (format!("https://example.com/out?x=tw_{OURS}"), None),
        (format!("https://example.com/out?to=https%3A%2F%2Fa%2F%3Fs%3D{}", OURS.to_uppercase()), None),
    ] {
        let link = Link { href: &href, group: None, rel: None };
        let found = plan(&link, &rules(Existing::Keep), &PAGE, |id| id.as_str() == OURS);
        let click_id = ClickId::parse(OURS).expect("a published id");
        assert_eq!(found, Plan::Decorated { group: group.map(str::to_owned), click_id }, "{href}");
    }
}

#[test]
fn somebody_else_s_sub_id_behind_an_empty_one_is_kept() {
    let link = Link { href: "https://digistore24.com/redir/1/a?cid=&cid=x", group: None, rel: None };
    assert_eq!(plan(&link, &rules(Existing::Keep), &PAGE, |_| false), Plan::Foreign { group: "digistore24".into() });
}

#[test]
fn somebody_else_s_sub_id_is_told_as_foreign() {
    let link = Link { href: "https://digistore24.com/redir/1/a?cid=x", group: None, rel: None };
    assert_eq!(plan(&link, &rules(Existing::Keep), &PAGE, |_| false), Plan::Foreign { group: "digistore24".into() });
}

#[test]
fn what_is_left_alone_has_a_reason() {
    let reason = |href: &str| {
        plan(&Link { href, group: Some("digistore24"), rel: None }, &rules(Existing::Keep), &PAGE, |_| false)
    };
    assert_eq!(reason("#top"), Plan::Leave(Reason::SamePage));
    assert_eq!(reason("tel:123"), Plan::Leave(Reason::NotHttp));
    assert_eq!(decorated("/about"), None);
}

#[test]
fn no_two_groups_claim_one_host() {
    let rules = rules(Existing::Keep);
    for (index, group) in rules.groups.iter().enumerate() {
        for other in rules.groups.iter().skip(index + 1) {
            assert!(!group.hosts.iter().any(|host| other.hosts.contains(host)), "{} and {}", group.name, other.name);
        }
    }
}

/// A query of parameters that are not the sub-id, with whatever bytes a page may hold.
fn foreign_query() -> impl Strategy<Value = String> {
    proptest::collection::vec("(sid[1-5]|u|flag)(=[a-zA-Z0-9%+{}/,;:@!$'()*~._-]{0,12})?", 0..5)
        .prop_map(|parts| parts.join("&"))
}

proptest! {
    #[test]
    fn everything_but_the_added_parameter_stays_byte_for_byte(query in foreign_query(), fragment in "(#[a-z=&?]{0,8})?") {
        let asked = if query.is_empty() { String::new() } else { format!("?{query}") };
        let href = format!("https://www.digistore24.com/redir/1/a/{asked}{fragment}");
        let new = decorated(&href).expect("the link is the network's");
        let added = if query.is_empty() { "?cid=CLICKID" } else { "&cid=CLICKID" };
        prop_assert_eq!(new.replacen(added, "", 1), href);
    }

    #[test]
    fn decorating_twice_changes_nothing_more(query in foreign_query()) {
        let href = format!("https://www.digistore24.com/redir/1/a/?{query}");
        let Plan::Decorate(decoration) = plan(&Link { href: &href, group: None, rel: None }, &rules(Existing::Keep), &PAGE, |_| false) else {
            return Err(TestCaseError::fail("the link is the network's"));
        };
        let once = decoration.href(OURS);
        let again = plan(&Link { href: &once, group: None, rel: None }, &rules(Existing::Keep), &PAGE, |_| true);
        prop_assert!(matches!(again, Plan::Decorated { .. }), "{:?}", again);
    }

    #[test]
    fn any_link_is_planned_without_a_panic(href in ".*", group in ".*", rel in ".*") {
        let _ = plan(&Link { href: &href, group: Some(&group), rel: Some(&rel) }, &rules(Existing::Keep), &PAGE, |_| false);
    }

    #[test]
    fn hosts_match_whole_labels_only(prefix in "[a-z0-9-]{1,12}") {
        let rule = GroupRule { name: "n".into(), sub_id: "s".into(), hosts: vec!["network.example".into()], paths: vec![] };
        let rules = LinkRules { groups: vec![rule], ..LinkRules::default() };
        let found = |host: String| {
            let href = format!("https://{host}/x");
            matches!(plan(&Link { href: &href, group: None, rel: None }, &rules, &PAGE, |_| false), Plan::Decorate(_))
        };
        for (host, expected) in [
            ([prefix.as_str(), "network.example"].concat(), false),
            ([prefix.as_str(), ".network.example"].concat(), true),
            (["network.example.", prefix.as_str()].concat(), false),
        ] {
            prop_assert_eq!(found(host.clone()), expected, "{}", host);
        }
    }
}

mod cloaked {
    use super::*;
    use tagwerk_protocol::link::Cloaked;

    fn cloaked(path: &str, resolved: &str) -> Cloaked {
        Cloaked {
            host: "shop.example".into(),
            path: path.into(),
            group: "digistore24".into(),
            resolved: resolved.into(),
        }
    }

    fn planned(href: &str, is_minted: bool) -> Plan {
        let offer = "https://www.digistore24.com/redir/1/a?x=%25E9";
        let gone = Cloaked { group: "gone".into(), ..cloaked("/go/z", "") };
        let cloaked = vec![cloaked("/go/x", ""), cloaked("/go/y", offer), gone];
        let rules = LinkRules { cloaked, ..rules(Existing::Keep) };
        plan(&Link { href, group: None, rel: None }, &rules, &Page { base: "https://shop.example/blog/" }, |_| {
            is_minted
        })
    }

    fn decorated(href: &str) -> Option<String> {
        match planned(href, false) {
            Plan::Decorate(decoration) => Some(decoration.href("CLICKID")),
            _ => None,
        }
    }

    #[test]
    fn a_link_that_passes_parameters_on_is_decorated_itself() {
        assert_eq!(decorated("/go/x#top").as_deref(), Some("/go/x?cid=CLICKID#top"));
    }

    #[test]
    fn a_link_that_drops_parameters_gives_way_to_the_offer() {
        assert_eq!(
            decorated("http://shop.example:8080/go/y").as_deref(),
            Some("https://www.digistore24.com/redir/1/a?x=%25E9&cid=CLICKID")
        );
    }

    #[test]
    fn other_links_and_those_of_a_group_that_is_not_active_stay() {
        for href in ["/go/z", "/about", "/go/x/", "https://other.example/go/x"] {
            assert_eq!(decorated(href), None, "{href}");
        }
    }

    #[test]
    fn a_decorated_cloaked_link_keeps_its_id() {
        let href = "/go/x?cid=758eg6057boyx998uts8t098shhur7sp";
        assert!(matches!(planned(href, true), Plan::Decorated { group: Some(group), .. } if group == "digistore24"));
    }

    #[test]
    fn a_link_with_a_group_of_its_own_needs_no_verdict() {
        let text = "https://www.digistore24.com/redir/1/a";
        assert_eq!(decorated(text), Some(format!("{text}?cid=CLICKID")));
    }
}
