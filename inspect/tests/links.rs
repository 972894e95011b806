//! What becomes of each link, and why: every verdict and every reason.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what must hold by failing")]

use tagwerk_inspect::link::{Found, Site};
use tagwerk_inspect::report::{Cloaked, Kind, Link, Verdict};
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::href;
use tagwerk_protocol::link::{Existing, LinkRules};

const OURS: &str = "hbshnsrle2u9bhhz1xhcgm36fwbdjgzd";
const OTHERS: &str = "758eg6057boyx998uts8t098shhur7sp";
const OFFER: &str = "https://www.digistore24.com/redir/1/a";
const BASE: &str = "https://shop.example/blog/post";

fn site() -> Site {
    let rules = "group=digistore24%7Ccid%7Cdigistore24.com%7C%2Fredir%2F&group=clickbank%7Ctid%7Chop.clickbank.net%7C";
    Site {
        rules: LinkRules::from_text(rules),
        decorates: true,
        minted: ClickId::parse(OURS).into_iter().collect(),
        cloaked: Vec::new(),
        scan_hosts: Vec::new(),
    }
}

fn found(href: &str) -> Found {
    let target = href::target(href, BASE);
    Found {
        kind: Kind::Link,
        href: href.to_owned(),
        target,
        group: None,
        rel: None,
        text: "Buy".to_owned(),
        gets: false,
        fields: Vec::new(),
    }
}

fn judged(site: &Site, found: &Found) -> Link {
    site.judge(found).unwrap_or_else(|| panic!("{} is no candidate", found.href))
}

/// A link of the site is judged like this, for that reason.
fn is(href: &str, verdict: Verdict, reason: &str) {
    let link = judged(&site(), &found(href));
    assert_eq!((link.verdict, link.reason.as_str()), (verdict, reason), "{href}");
}

#[test]
fn a_link_with_an_id_of_this_page_load_is_decorated() {
    let link = judged(&site(), &found(&format!("{OFFER}?cid={OURS}")));
    assert_eq!(link.verdict, Verdict::Decorated);
    assert_eq!(link.click_id.as_deref(), Some(OURS));
    assert_eq!(link.group.as_deref(), Some("digistore24"));
}

#[test]
fn an_id_of_this_page_load_is_seen_in_a_link_of_no_group() {
    let link = judged(&site(), &found(&format!("https://other.example/?x={OURS}")));
    assert_eq!((link.verdict, link.group, link.click_id.as_deref()), (Verdict::Decorated, None, Some(OURS)));
}

#[test]
fn a_network_s_link_will_be_decorated() {
    is(OFFER, Verdict::WillBeDecorated, "it gets a click id at the latest when it is used");
    is(
        "https://x.example/?a=--CLICK-ID--",
        Verdict::WillBeDecorated,
        "its --CLICK-ID-- becomes a click id when it is used",
    );
}

#[test]
fn an_id_of_another_page_load_is_told_and_replaced() {
    let reason = "it carries the click id of another page load, which is replaced when it is used";
    is(&format!("{OFFER}?x=1&cid={OTHERS}#cid=1"), Verdict::WillBeDecorated, reason);
}

#[test]
fn somebody_else_s_sub_id_is_kept_or_replaced_as_the_site_says() {
    let theirs = format!("{OFFER}?cid=blog");
    is(&theirs, Verdict::Foreign, "its cid is somebody else's, which this site keeps");
    let mut site = site();
    site.rules.existing = Existing::Replace;
    let link = judged(&site, &found(&theirs));
    assert_eq!(link.verdict, Verdict::WillBeDecorated);
    assert_eq!(link.reason, "its cid is somebody else's, which this site replaces when it is used");
}

#[test]
fn without_consent_links_are_left_where_the_site_wants_consent_for_it() {
    let site = Site { decorates: false, ..site() };
    let link = judged(&site, &found(OFFER));
    assert_eq!(link.verdict, Verdict::Left);
    assert_eq!(link.reason, "the visitor has not agreed, and this site decorates nothing without");
    assert_eq!(link.group.as_deref(), Some("digistore24"));
}

#[test]
fn an_unknown_group_is_named_with_those_that_are_known() {
    let link = judged(&site(), &Found { group: Some(" digistore42 ".into()), ..found("https://x.example/") });
    assert_eq!(link.verdict, Verdict::Left);
    assert_eq!(
        link.reason,
        "data-tracking-group names digistore42, which is no active group: this site has digistore24, clickbank"
    );
    let link = judged(&site(), &Found { rel: Some("nofollow digistore42".into()), ..found("https://x.example/") });
    assert_eq!(link.reason, "rel names digistore42, which is no active group: this site has digistore24, clickbank");
}

#[test]
fn a_link_marked_for_a_group_belongs_to_it_wherever_it_leads() {
    for marked in [
        Found { group: Some("ClickBank".into()), ..found("/go") },
        Found { rel: Some("nofollow clickbank".into()), ..found("/go") },
    ] {
        let link = judged(&site(), &marked);
        assert_eq!((link.verdict, link.group.as_deref()), (Verdict::WillBeDecorated, Some("clickbank")));
    }
}

#[test]
fn a_path_that_is_not_the_network_s_is_told() {
    is(
        "https://www.digistore24.com/login",
        Verdict::Left,
        "www.digistore24.com is digistore24's, but the path /login is none of /redir/",
    );
}

#[test]
fn a_link_that_only_names_a_network_s_host_is_told() {
    is(
        "https://evil.example/?to=www.digistore24.com",
        Verdict::Left,
        "its address names digistore24's digistore24.com, but leads to evil.example",
    );
}

#[test]
fn what_is_not_http_or_stays_on_the_page_is_told() {
    is("mailto:help@digistore24.com", Verdict::Left, "it is not http or https");
    let link = judged(&site(), &Found { group: Some("digistore24".into()), ..found("#offer") });
    assert_eq!(link.reason, "it leads to a place on the same page");
}

#[test]
fn a_link_that_has_nothing_to_do_with_a_network_is_no_candidate() {
    for other in [
        found("https://other.example/"),
        found("/about"),
        found("#top"),
        found("mailto:a@b.example"),
        Found { rel: Some("nofollow NoOpener external".into()), ..found("https://other.example/") },
        Found { group: Some("  ".into()), ..found("https://other.example/") },
    ] {
        assert_eq!(site().judge(&other), None, "{other:?}");
    }
}

fn cloaked(change: impl FnOnce(&mut Cloaked)) -> Site {
    let mut cloaked = Cloaked {
        url: "https://shop.example/go/x".into(),
        group: Some("digistore24".into()),
        forwards: false,
        resolved: None,
        reason: Some("two hops".into()),
    };
    change(&mut cloaked);
    Site { cloaked: vec![cloaked], ..site() }
}

#[test]
fn a_cloaked_link_that_passes_parameters_on_is_decorated_itself() {
    let site = cloaked(|cloaked| cloaked.forwards = true);
    let link = judged(&site, &found("/go/x?a=1#top"));
    assert_eq!((link.verdict, link.group.as_deref()), (Verdict::WillBeDecorated, Some("digistore24")));
    assert_eq!(link.reason, "cloaked link: two hops; it gets a click id at the latest when it is used");
    let link = judged(&site, &found(&format!("/go/x?cid={OURS}")));
    assert_eq!((link.verdict, link.click_id.as_deref()), (Verdict::Decorated, Some(OURS)));
}

#[test]
fn a_cloaked_link_that_drops_parameters_is_replaced_or_left_as_the_answer_says() {
    let site = cloaked(|cloaked| cloaked.resolved = Some(OFFER.into()));
    let link = judged(&site, &found("/go/x"));
    assert_eq!(link.verdict, Verdict::WillBeDecorated);
    assert_eq!(link.reason, format!("cloaked link: two hops; it becomes a link to {OFFER}"));
    let refused = Site { decorates: false, ..site };
    assert_eq!(judged(&refused, &found("/go/x")).verdict, Verdict::Left);
    let link = judged(&cloaked(|_| {}), &found("/go/x"));
    assert_eq!((link.verdict, link.group.as_deref()), (Verdict::Left, Some("digistore24")));
    assert_eq!(link.reason, "cloaked link that drops parameters: two hops");
}

#[test]
fn a_link_that_autoscan_followed_to_no_network_is_left_for_its_reason() {
    let site = cloaked(|cloaked| cloaked.group = None);
    let link = judged(&site, &found("/go/x"));
    assert_eq!((link.verdict, link.group, link.reason.as_str()), (Verdict::Left, None, "AutoScan: two hops"));
}

#[test]
fn a_link_that_autoscan_has_yet_to_follow_is_told() {
    let site = Site { scan_hosts: vec!["shop.example".into()], ..site() };
    let link = judged(&site, &found("/go/y"));
    assert_eq!((link.verdict, link.reason.as_str()), (Verdict::Left, "AutoScan has not said where it leads"));
    for other in ["/", "/go/y?a=1", "https://other.example/go/y"] {
        assert_eq!(site.judge(&found(other)), None, "{other}");
    }
}

#[test]
fn a_cloaked_link_to_a_group_that_is_not_active_is_left() {
    let site = cloaked(|cloaked| {
        cloaked.forwards = true;
        cloaked.group = Some("gone".into());
    });
    let link = judged(&site, &found("/go/x"));
    assert_eq!(link.verdict, Verdict::Left);
    assert_eq!(link.reason, "cloaked link: two hops; its group is unknown: this site has digistore24, clickbank");
}

fn form(gets: bool, fields: &[(&str, &str)]) -> Found {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Found { kind: Kind::Form, gets, fields, ..found(&format!("{OFFER}?cid=blog")) }
}

#[test]
fn a_form_gets_its_id_when_it_is_sent() {
    let link = judged(&site(), &form(true, &[]));
    assert_eq!(link.verdict, Verdict::WillBeDecorated);
    assert_eq!(link.reason, "it gets a click id at the latest when it is sent");
}

#[test]
fn a_get_form_s_field_counts_and_its_address_s_query_does_not() {
    let link = judged(&site(), &form(true, &[("cid", OURS)]));
    assert_eq!((link.verdict, link.click_id.as_deref()), (Verdict::Decorated, Some(OURS)));
    let link = judged(&site(), &form(true, &[("cid", "blog")]));
    assert_eq!(link.verdict, Verdict::Foreign);
}

#[test]
fn a_post_form_s_address_counts_and_its_fields_do_not() {
    assert_eq!(judged(&site(), &form(false, &[("cid", OURS)])).verdict, Verdict::Foreign);
}

#[test]
fn a_token_in_a_field_makes_a_form_a_candidate() {
    let form = Found { href: "https://other.example/".into(), ..form(true, &[("x", "--CLICK-ID--")]) };
    let form = Found { target: href::target(&form.href, BASE), ..form };
    let link = judged(&site(), &form);
    assert_eq!(link.reason, "the --CLICK-ID-- in its field becomes a click id when it is sent");
}
