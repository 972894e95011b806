//! The CSS selector that finds the links worth decorating, so that every other link of a page costs nothing. Pure.

use alloc::string::String;
use tagwerk_protocol::click_id::VisitId;
use tagwerk_protocol::link::{LinkRules, TOKEN};

/// One selector for the candidates: links to the groups' hosts, links marked by attribute or `rel`, and tokens, but
/// not those that carry an id of this visit.
pub fn selector(rules: &LinkRules, visit: &VisitId) -> String {
    let mut text = String::from(":is(a,area):is([data-tracking-group]");
    let mut add = |before: &str, value: &str, after: &str| {
        // What would end the quotes matches nothing that is worth the search.
        if !value.is_empty() && !value.bytes().any(|byte| matches!(byte, b'"' | b'\\' | b'\n')) {
            for part in [",[", before, "\"", value, "\"", after, "]"] {
                text.push_str(part);
            }
        }
    };
    add("href*=", TOKEN, "");
    for group in &rules.groups {
        add("rel~=", &group.name, " i");
        for host in &group.hosts {
            add("href*=", host, "");
        }
    }
    for link in &rules.cloaked {
        add("href*=", &link.path, "");
    }
    text.push_str("):not([href*=\"");
    text.push_str(visit.as_str());
    text.push_str("\"])");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_protocol::link::{Cloaked, GroupRule};

    fn selector_of(name: &str, hosts: &[&str]) -> String {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let group = GroupRule { name: name.into(), sub_id: "s".into(), hosts, paths: vec![] };
        let visit = VisitId::parse("hbshnsrle2u9bhhz").expect("a visit id");
        selector(&LinkRules { groups: vec![group], ..LinkRules::default() }, &visit)
    }

    #[test]
    fn it_names_hosts_attribute_rel_and_token_and_leaves_out_what_is_done() {
        assert_eq!(
            selector_of("network", &["a.example", "b.example"]),
            concat!(
                ":is(a,area):is([data-tracking-group],[href*=\"--CLICK-ID--\"],[rel~=\"network\" i],",
                "[href*=\"a.example\"],[href*=\"b.example\"]):not([href*=\"hbshnsrle2u9bhhz\"])"
            )
        );
    }

    #[test]
    fn it_names_cloaked_links_once_they_are_known() {
        let cloaked = Cloaked { host: "h".into(), path: "/go/x".into(), group: "g".into(), resolved: String::new() };
        let visit = VisitId::parse("hbshnsrle2u9bhhz").expect("a visit id");
        let rules = LinkRules { cloaked: vec![cloaked], ..LinkRules::default() };
        assert!(selector(&rules, &visit).contains(",[href*=\"/go/x\"]"));
    }

    #[test]
    fn a_name_cannot_break_out_of_its_quotes() {
        assert!(!selector_of("n\"],*[a=\"", &["h\\"]).contains("],*["));
    }
}
