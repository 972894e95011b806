#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cell::Cell;
use tagwerk_protocol::link::{GroupRule, LinkRules};
use tagwerk_protocol::settings::TagSettings;
use tagwerk_server::check::csp::{Policies, TagRequests};
use tagwerk_server::check::snippet::{address, is_like_a_tag, settings_in};
use tagwerk_server::check::{links, page, signs};
use tagwerk_server::finding::lines;
use url::Url;

/// Most parts of a page that are read: as deep as it may be nested, that takes no time.
const PARTS: usize = 64;

// A policy in the page's header, then the page.
fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let policy = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let html = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let url = Url::parse("https://shop.example/blog/post?x=1").expect("a URL");
    let script = Url::parse("https://t.example/abcDEF123456.js").expect("a URL");
    let headers = [(policy.clone(), false), (policy, true)];
    let read = Cell::new(0);
    let goes_on = || read.replace(read.get() + 1) < PARTS;
    let page = page::read(&html, &url, |base, metas| Policies::new(&url, &headers, metas).allow_base(base), goes_on);
    let policies = Policies::new(&url, &headers, &page.policies);
    for parser_inserted in [true, false] {
        let found = policies.judge(&TagRequests {
            script: &script,
            glue: script.join("/assets/tag.1.js").ok(),
            event: script.join("/abcDEF123456/event").ok(),
            nonce: "abc",
            integrity: "sha256-abc",
            parser_inserted,
            order: 7,
        });
        assert!(policies.is_empty() == found.is_empty());
        assert!(found.iter().all(|finding| !finding.says.is_empty()));
        assert!(!lines(&found, "").contains('\u{1b}'));
    }
    let base = page.base.as_ref().unwrap_or(&url);
    for script in &page.scripts {
        let _ = signs::sign(script);
        let _ = settings_in(&script.text);
        if let Some(url) = address(script, base) {
            assert!(matches!(url.scheme(), "http" | "https"));
            let _ = is_like_a_tag(&url);
        }
    }
    let group = GroupRule {
        name: "network".into(),
        sub_id: "cid".into(),
        hosts: vec!["network.example".into()],
        paths: vec!["/redir/".into()],
    };
    let rules = LinkRules { groups: vec![group], ..LinkRules::default() };
    let settings = TagSettings { rules, ..TagSettings::default() };
    let hosts = ["shop.example".to_owned()];
    for url in links::to_follow(&page, &settings, &hosts, 25) {
        assert!(url.host_str() == Some("shop.example") && url.query().is_none());
    }
    let rows = links::rows(&page, &settings, &[], true);
    assert!(rows.len() <= page.links.len() && rows.iter().all(|row| !row.link.reason.is_empty()));
    let _ = links::judge(&page, &settings, &rows, &[], true);
});
