#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_protocol::link::{Existing, GroupRule, Link, LinkRules, Page, Plan, plan};

const ID: &str = "758eg6057boyx998uts8t098shhur7sp";

fuzz_target!(|href: &str| {
    let group = GroupRule {
        name: "network".into(),
        sub_id: "cid".into(),
        hosts: vec!["network.example".into()],
        paths: vec!["/redir/".into()],
    };
    let rules = LinkRules { groups: vec![group], existing: Existing::Keep, ..LinkRules::default() };
    let page = Page { base: "https://www.network.example/redir/7/" };
    let link = Link { href, group: None, rel: None };
    if let Plan::Decorate(decoration) = plan(&link, &rules, &page, |_| false) {
        let decorated = decoration.href(ID);
        let again = Link { href: &decorated, group: None, rel: None };
        assert!(!matches!(plan(&again, &rules, &page, |_| true), Plan::Leave(_)), "{decorated}");
    }
});
