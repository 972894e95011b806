#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tagwerk_protocol::link::{GroupRule, LinkRules};
use tagwerk_server::autoscan::answer::{Answer, LONGEST_URL, next};
use tagwerk_server::autoscan::verdict::{Way, asked, is_unclear, owner, probe, step, verdict};
use url::Url;

static RULES: LazyLock<LinkRules> = LazyLock::new(|| {
    let group = GroupRule {
        name: "network".into(),
        sub_id: "cid".into(),
        hosts: vec!["network.example".into()],
        paths: vec!["/redir/".into()],
    };
    LinkRules { groups: vec![group], ..LinkRules::default() }
});

/// The way of answers from `link` on: each part is a page, or the `Location` of a redirect if it begins with `>`.
fn walk(link: Url, parts: &[&[u8]]) -> Way {
    let mut hops = vec![link.clone()];
    let mut here = link;
    let mut parts = parts.iter().copied();
    let end = loop {
        if let Some(group) = owner(&RULES, &here) {
            break Ok(group.clone());
        }
        let part = parts.next().unwrap_or_default();
        let answer = match part.strip_prefix(b">") {
            Some(location) => Answer { status: 302, location: Some(location), page: b"" },
            None => Answer { status: 200, location: None, page: part },
        };
        match next(&here, &answer).and_then(|next| step(&mut hops, next.clone(), 10).map(|()| next)) {
            Ok(next) => here = next,
            Err(end) => break Err(end),
        }
    };
    Way { hops, end }
}

// A line of a request, then what the hosts on the way answer, without a probe and later on.
fuzz_target!(|data: &[u8]| {
    let mut parts = data.split(|byte| *byte == 0);
    let line = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let hosts = ["shop.example".to_owned()];
    let link = asked(&line, &hosts).unwrap_or_else(|_| Url::parse("https://shop.example/go/x").expect("a link"));
    assert_eq!(link.host_str(), Some("shop.example"));
    assert!(link.query().is_none() && link.fragment().is_none());
    let parts: Vec<&[u8]> = parts.collect();
    let (one, two) = parts.split_at(parts.len() / 2);
    let plain = walk(link.clone(), one);
    assert!(plain.hops.len() <= 11);
    assert!(plain.hops.iter().all(|url| matches!(url.scheme(), "http" | "https") && url.as_str().len() <= LONGEST_URL));
    let probed = plain.end.as_ref().ok().map(|group| walk(probe(&link, group), two));
    let again = probed.as_ref().filter(|probed| is_unclear(&plain, probed)).map(|_| walk(link.clone(), two));
    let found = verdict(plain, probed, again);
    assert!(!found.reason.is_empty());
    assert!(found.group.is_some() || found.forwards.is_none() && found.resolved.is_none());
});
