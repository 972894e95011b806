//! The rules of AutoScan: which links are asked about, whose network a chain of redirects reaches, and whether it lets parameters
//! through. Pure: [`super::walk`] does the walking.

use super::answer::End;
use super::difference::{self, Difference};
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tagwerk_protocol::form;
use tagwerk_protocol::href;
use tagwerk_protocol::link::{GroupRule, LinkRules};
use url::Url;

/// Most links of one request.
pub const MOST_LINKS: usize = 50;
/// Longest link, in bytes.
pub const LONGEST_LINK: usize = 2048;
/// Begins every id that AutoScan sends through a redirect, so that people who find one in a log know what it is.
const PROBE_VISIT: &str = "tagwerkprobe0000";

/// The way from a link to where it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Every URL on it: first what was asked about, last where it ends.
    pub hops: Vec<Url>,
    /// The network it reaches, or why it reaches none.
    pub end: Result<GroupRule, End>,
}

/// What is known of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The network it leads to.
    pub group: Option<String>,
    /// Whether parameters get through; `None` where that is not known or makes no sense.
    pub forwards: Option<bool>,
    /// The network's URL it leads to, if that is the same each time.
    pub resolved: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// Whether it would be the same tomorrow.
    pub lasting: bool,
    /// The way, without a probe.
    pub hops: Vec<String>,
}

/// Reads one line of a request: a link without query and fragment on one of the site's hosts.
///
/// # Errors
/// A sentence that says why it is not followed.
pub fn asked(line: &str, hosts: &[String]) -> Result<Url, String> {
    if line.len() > LONGEST_LINK {
        return Err(format!("the link is longer than {LONGEST_LINK} bytes"));
    }
    let url = Url::parse(line).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or("only http and https links are followed")?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("a link is asked about without query, fragment and user name".into());
    }
    match url.host_str() {
        Some(host) if hosts.iter().any(|known| known == host) => Ok(url),
        host => Err(format!(
            "{} is not among the site's hosts; add it to autoscan.hosts in its settings",
            host.unwrap_or_default()
        )),
    }
}

/// The network that owns a URL.
pub fn owner<'a>(rules: &'a LinkRules, url: &Url) -> Option<&'a GroupRule> {
    let target = href::target(url.as_str(), url.as_str())?;
    rules.groups.iter().find(|group| group.owns(&target))
}

/// Adds the next URL to a way.
///
/// # Errors
/// The way goes in a circle, or gets too long.
pub fn step(hops: &mut Vec<Url>, next: Url, most: usize) -> Result<(), End> {
    let bare = |url: &Url| {
        let mut url = url.clone();
        url.set_fragment(None);
        url
    };
    if hops.iter().any(|known| bare(known) == bare(&next)) {
        return Err(End::lasting("it redirects in a circle"));
    }
    if hops.len() > most {
        return Err(End::lasting(format!("it redirects more than {most} times")));
    }
    hops.push(next);
    Ok(())
}

/// The link with a probe in the network's own parameter: plugins that let known names through only are asked the right question.
/// The id is well-formed and belongs to no visit.
pub fn probe(link: &Url, group: &GroupRule) -> Url {
    let mut query = String::new();
    form::push(&mut query, &group.sub_id, &probe_id());
    let mut url = link.clone();
    url.set_query(Some(&query));
    url
}

fn probe_id() -> String {
    let mut number = 0;
    let id = VisitId::parse(PROBE_VISIT).and_then(|visit| {
        ClickId::mint(&visit, &mut |bytes: &mut [u8]| {
            for byte in bytes {
                *byte = number;
                number = (number + 7) % 252;
            }
            true
        })
    });
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// Whether the link has to be followed a third time, as it is: only that tells what the probe changed from what changes each time.
pub fn is_unclear(plain: &Way, probed: &Way) -> bool {
    match (&plain.end, &probed.end) {
        (Err(_), _) => false,
        (Ok(_), Err(end)) => end.lasting,
        (Ok(group), Ok(_)) => difference(group, plain, probed) != Difference::None,
    }
}

/// How another way of the same link ends otherwise than the first.
fn difference(group: &GroupRule, first: &Way, other: &Way) -> Difference {
    match (&other.end, first.hops.last(), other.hops.last()) {
        (Ok(reached), Some(first), Some(other)) if reached.name == group.name => {
            difference::between(first, other, &group.sub_id)
        }
        _ => Difference::Address,
    }
}

/// What the ways of a link say: as it is, with a probe where the first reaches a network by redirects, and as it is once more
/// where these two leave it unclear.
pub fn verdict(plain: Way, probed: Option<Way>, again: Option<Way>) -> Verdict {
    let hops: Vec<String> = plain.hops.iter().map(|url| url.as_str().to_owned()).collect();
    let group = match &plain.end {
        Ok(group) => group,
        Err(end) => {
            let End { reason, lasting } = end.clone();
            return Verdict { group: None, forwards: None, resolved: None, reason, lasting, hops };
        }
    };
    let (forwards, mut reason, lasting) = match &probed {
        None if hops.len() == 1 => (Some(true), "the link itself is the network's".into(), true),
        None => (None, "it leads to the network; whether parameters get through was not asked".into(), false),
        Some(probed) => through(group, &plain, probed, again.as_ref()),
    };
    let is_same = |other: &Way| difference(group, &plain, other) == Difference::None;
    // An address that is another one each time is one visitor's own, and nobody else may be sent there.
    let is_steady = hops.len() == 1 || probed.as_ref().is_some_and(is_same) || again.as_ref().is_some_and(is_same);
    if forwards == Some(false) && !is_steady {
        reason.push_str("; its address is not the same each time");
    }
    let resolved = if is_steady { hops.last().cloned() } else { None };
    Verdict { group: Some(group.name.clone()), forwards, resolved, reason, lasting, hops }
}

/// Whether the probe got through, with the reason, and whether that stays so.
fn through(group: &GroupRule, plain: &Way, probed: &Way, again: Option<&Way>) -> (Option<bool>, String, bool) {
    match &probed.end {
        Err(end) if !end.lasting => (
            None,
            format!("it leads to the network; whether parameters get through is not known: {}", end.reason),
            false,
        ),
        Err(end) => (Some(false), format!("with a parameter it leads elsewhere: {}", end.reason), true),
        Ok(reached) if reached.name != group.name => {
            (Some(false), format!("with a parameter it leads elsewhere: to {}", reached.name), true)
        }
        Ok(_) => {
            let query = probed.hops.last().and_then(Url::query).unwrap_or_default();
            let sent: Vec<String> =
                form::pairs(query).filter(|(name, _)| *name == group.sub_id).map(|(_, value)| value).collect();
            let id = probe_id();
            let is_probe = |value: &String| value.eq_ignore_ascii_case(&id);
            let sub_id = &group.sub_id;
            if !sent.iter().any(is_probe) {
                return (Some(false), format!("it leads to the network and drops {sub_id}"), true);
            }
            if !sent.iter().all(is_probe) {
                // Which of several the network reads is anybody's guess.
                let reason = format!("it leads to the network with a {sub_id} of its own beside ours");
                return (Some(false), reason, true);
            }
            if difference(group, plain, probed) != Difference::Address {
                return (Some(true), format!("it leads to the network and passes {sub_id} on"), true);
            }
            match again {
                // Whoever rotates offers does so with and without a parameter.
                Some(again) if again.end.is_ok() && difference(group, plain, again) != Difference::None => {
                    let reason = format!("it leads to the network, not always to one address, and passes {sub_id} on");
                    (Some(true), reason, true)
                }
                Some(again) if again.end.is_ok() => {
                    let reason =
                        "with a parameter it leads to another address of the network, or one that lacks something";
                    (Some(false), reason.into(), true)
                }
                _ => (None, "with a parameter it led to another address of the network".into(), false),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    fn group(name: &str, host: &str) -> GroupRule {
        GroupRule { name: name.into(), sub_id: "sub".into(), hosts: vec![host.into()], paths: vec!["/go/".into()] }
    }

    fn way(last: &str) -> Way {
        let hops = vec![url("https://shop.example/x"), url(last)];
        Way { hops, end: Ok(group("n", "n.example")) }
    }

    /// The verdict where the probe ends at this URL, in which `ID` stands for the probe.
    fn of(last: &str) -> Verdict {
        of_three(last, None)
    }

    /// The verdict where a third walk ends there.
    fn of_three(last: &str, again: Option<&str>) -> Verdict {
        verdict(way("https://n.example/go/1?a=b"), Some(way(&last.replace("ID", &probe_id()))), again.map(way))
    }

    #[test]
    fn a_probe_that_arrives_got_through() {
        for last in [
            "https://n.example/go/1?a=b&sub=ID",
            "https://n.example/go/1?sub=ID&a=b#x",
            "https://n.example/go/1/?a=b&sub=ID&sub=ID",
        ] {
            let found = of(last);
            assert_eq!((found.forwards, found.group.as_deref()), (Some(true), Some("n")), "{found:?}");
            assert_eq!(found.resolved.as_deref(), Some("https://n.example/go/1?a=b"), "without the probe");
        }
        let upper = "https://n.example/go/1?a=b&sub=ID".replace("ID", &probe_id().to_uppercase());
        assert_eq!(of(&upper).forwards, Some(true));
    }

    #[test]
    fn a_probe_that_does_not_arrive_in_its_place_was_dropped() {
        for last in [
            "https://n.example/go/1?a=b",
            "https://n.example/go/1?a=b&other=ID",
            "https://n.example/go/1?a=b&sub=somebody&sub=ID",
            "https://n.example/go/1?a=b&sub=ID&sub=somebody",
            "https://n.example/go/1?a=b&sub=",
            "https://n.example/go/ID?a=b#sub=ID",
        ] {
            let found = of_three(last, Some("https://n.example/go/1?a=b"));
            assert_eq!((found.forwards, found.lasting), (Some(false), true), "{last}: {found:?}");
            assert!(found.resolved.is_some());
        }
    }

    #[test]
    fn a_probe_that_costs_the_link_a_parameter_or_its_offer_did_not_get_through() {
        for last in ["https://n.example/go/1?sub=ID", "https://n.example/go/home?a=b&sub=ID"] {
            assert!(is_unclear(&way("https://n.example/go/1?a=b"), &way(last)), "{last}");
            let found = of_three(last, Some("https://n.example/go/1?a=b"));
            assert_eq!((found.forwards, found.lasting), (Some(false), true), "{last}: {found:?}");
            assert_eq!(found.resolved.as_deref(), Some("https://n.example/go/1?a=b"), "what it leads to otherwise");
            assert_eq!((of(last).forwards, of(last).lasting), (None, false), "{last}: not known without a third walk");
        }
    }

    #[test]
    fn a_link_that_rotates_offers_passes_parameters_on_and_has_no_address_of_its_own() {
        let found = of_three("https://n.example/go/2?a=b&sub=ID", Some("https://n.example/go/3"));
        assert_eq!((found.forwards, found.resolved), (Some(true), None), "{}", found.reason);
    }

    #[test]
    fn an_address_that_is_each_visitor_s_own_is_handed_to_nobody_else() {
        let found = of_three("https://n.example/go/1?a=c", Some("https://n.example/go/1?a=d"));
        assert_eq!((found.forwards, found.resolved), (Some(false), None));
        assert!(found.reason.contains("not the same each time"), "{}", found.reason);
        let found = of_three("https://n.example/go/1?a=c&sub=ID", Some("https://n.example/go/1?a=d"));
        assert_eq!((found.forwards, found.resolved), (Some(true), None), "each visitor gets an id on the way");
        let found = of_three("https://n.example/go/1?a=c", Some("https://n.example/go/1?a=b"));
        assert!(found.resolved.is_some(), "the parameter changed it, not the time");
    }

    #[test]
    fn a_probe_that_leads_elsewhere_was_not_let_through() {
        let elsewhere = Way { end: Ok(group("m", "m.example")), ..way("https://m.example/go/1") };
        assert_eq!(verdict(way("https://n.example/go/1"), Some(elsewhere), None).forwards, Some(false));
        let nowhere = Way { end: Err(End::lasting("404")), ..way("https://shop.example/404") };
        assert_eq!(verdict(way("https://n.example/go/1"), Some(nowhere), None).forwards, Some(false));
    }

    #[test]
    fn a_probe_that_failed_says_nothing_for_long() {
        let failed = Way { end: Err(End::passing("too slow")), ..way("https://shop.example/y") };
        let found = verdict(way("https://n.example/go/1"), Some(failed), None);
        assert_eq!((found.forwards, found.lasting, found.group.as_deref()), (None, false, Some("n")));
        assert!(found.reason.contains("too slow"), "{}", found.reason);
    }

    #[test]
    fn a_way_that_reaches_no_network_tells_why() {
        let nowhere = Way { end: Err(End::lasting("it redirects in a circle")), ..way("https://shop.example/y") };
        let found = verdict(nowhere, None, None);
        assert_eq!((found.group, found.forwards, found.resolved), (None, None, None));
        assert_eq!(found.hops, ["https://shop.example/x", "https://shop.example/y"]);
        assert!(found.lasting && found.reason.contains("circle"));
    }

    #[test]
    fn a_link_of_the_network_s_own_needs_no_probe() {
        let own = Way { hops: vec![url("https://n.example/go/1")], end: Ok(group("n", "n.example")) };
        assert_eq!(verdict(own, None, None).forwards, Some(true));
    }

    #[test]
    fn a_link_is_asked_about_on_the_site_s_hosts_alone() {
        let hosts = ["shop.example".to_owned(), "[::1]".to_owned()];
        for line in ["https://shop.example/go/x", "http://SHOP.example:8080", "http://[::1]/a"] {
            assert!(asked(line, &hosts).is_ok(), "{line}");
        }
        for (line, why) in [
            ("https://evil.example/go/x", "evil.example is not among"),
            ("https://sub.shop.example/", "not among"),
            ("https://shop.example@evil.example/", "user name"),
            ("https://shop.example/x?y", "without query"),
            ("https://shop.example/x#y", "without query"),
            ("https://shop.example/x?", "without query"),
            ("file:///etc/passwd", "http"),
            ("/go/x", "http"),
            ("", "http"),
        ] {
            let reason = asked(line, &hosts).expect_err(line);
            assert!(reason.contains(why), "{line}: {reason}");
        }
        assert!(asked(&format!("https://shop.example/{}", "x".repeat(LONGEST_LINK)), &hosts).is_err());
    }

    #[test]
    fn the_probe_is_a_click_id_that_tells_what_it_is() {
        let sent = probe(&url("https://shop.example/go"), &group("n", "n.example"));
        let id = sent.as_str().strip_prefix("https://shop.example/go?sub=").expect("in its place").to_owned();
        let read = ClickId::parse(&id).expect("well-formed");
        assert_eq!(read.visit().as_str(), PROBE_VISIT);
    }

    #[test]
    fn a_circle_and_a_way_without_end_end() {
        let mut hops = vec![url("https://a.example/")];
        assert!(step(&mut hops, url("https://a.example/2"), 3).is_ok());
        assert!(step(&mut hops, url("https://a.example/#again"), 3).expect_err("a circle").reason.contains("circle"));
        assert!(step(&mut hops, url("https://a.example/3"), 3).is_ok());
        assert!(step(&mut hops, url("https://a.example/4"), 3).is_ok());
        assert!(step(&mut hops, url("https://a.example/5"), 3).expect_err("too long").reason.contains("3 times"));
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in ".*") {
            if let Ok(url) = asked(&line, &["shop.example".to_owned()]) {
                prop_assert_eq!(url.host_str(), Some("shop.example"));
            }
        }

        #[test]
        fn any_chain_is_judged_without_a_panic(path in "[a-z/?=&%#]{0,30}") {
            let rules = LinkRules { groups: vec![group("n", "n.example")], ..LinkRules::default() };
            let last = url(&format!("https://n.example/{path}"));
            let end = owner(&rules, &last).cloned().ok_or(End::lasting("nowhere"));
            let plain = Way { hops: vec![url("https://shop.example/"), last.clone()], end: end.clone() };
            let probed = Way { hops: vec![last], end };
            let again = is_unclear(&plain, &probed).then(|| probed.clone());
            let found = verdict(plain, Some(probed), again);
            prop_assert!(found.group.is_some() || found.resolved.is_none() && found.forwards.is_none());
        }
    }
}
