use super::*;
use crate::check::page::read;
use tagwerk_protocol::link::{Existing, GroupRule};

fn settings() -> TagSettings {
    let group = GroupRule {
        name: "network".into(),
        sub_id: "sub".into(),
        hosts: vec!["network.example".into()],
        paths: vec!["/redir/".into()],
    };
    TagSettings { rules: LinkRules { groups: vec![group], ..LinkRules::default() }, ..TagSettings::default() }
}

fn page(html: &str) -> Page {
    read(html, &Url::parse("https://shop.example/post").expect("a URL"), |_, _| true, || true)
}

fn way(url: &str, group: Option<&str>, forwards: Option<bool>) -> Way {
    Way {
        url: Url::parse(url).expect("a URL"),
        found: Followed {
            group: group.map(str::to_owned),
            forwards,
            resolved: None,
            reason: "because".into(),
            lasting: true,
            hops: vec![url.to_owned(), "https://network.example/redir/1".into()],
        },
    }
}

fn words(html: &str, settings: &TagSettings, ways: &[Way]) -> Vec<&'static str> {
    let page = page(html);
    let rows = rows(&page, settings, ways, true);
    judge(&page, settings, &rows, ways, true).iter().map(|finding| finding.word).collect()
}

const OFFER: &str = "<a href=https://network.example/redir/1>Buy</a>";

#[test]
fn links_get_the_verdicts_and_reasons_of_the_inspection_module() {
    let page = page(&format!("{OFFER}<a href=https://network.example/>Home</a><a href=/about>About</a>"));
    let rows = rows(&page, &settings(), &[], true);
    let told: Vec<_> = rows.iter().map(|row| (row.link.verdict, row.link.reason.as_str())).collect();
    assert_eq!(
        told,
        [
            (Verdict::WillBeDecorated, "it gets a click id at the latest when it is used"),
            (Verdict::Left, "network.example is network's, but the path / is none of /redir/"),
        ]
    );
}

#[test]
fn each_thing_about_links_has_its_word() {
    let plain = settings();
    assert_eq!(words(OFFER, &plain, &[]), ["links"]);
    assert_eq!(words("<a href=/about>", &plain, &[]), ["links_none"]);
    assert_eq!(words("<a href=https://network.example/redir/1?sub=theirs>", &plain, &[]), ["links_foreign"]);
    let named = format!("{OFFER}<a data-tracking-group=netwerk href=/x>");
    assert_eq!(words(&named, &plain, &[]), ["links", "links_unknown_group"]);
    let consent = TagSettings { consent: Consent::Auto, ..settings() };
    assert_eq!(words(OFFER, &consent, &[]), ["links", "links_consent"]);
    let replaces = LinkRules { existing: Existing::Replace, ..settings().rules };
    let replaces = TagSettings { rules: replaces, ..settings() };
    assert_eq!(words("<a href=https://network.example/redir/1?sub=theirs>", &replaces, &[]), ["links"]);
}

#[test]
fn a_page_may_be_without_links_where_that_is_wanted() {
    let page = page("<p>thank you</p>");
    assert_eq!(judge(&page, &settings(), &[], &[], false), []);
}

#[test]
fn a_saved_page_s_click_ids_are_told() {
    let id = "abcdefgh01234567abcdefgh012345";
    let whole = (0..36 * 36).find_map(|check| {
        let digit = |value: u32| char::from_digit(value, 36).expect("a digit");
        ClickId::parse(&format!("{id}{}{}", digit(check / 36), digit(check % 36)))
    });
    let html = format!("<a href=https://network.example/redir/1?sub={}>", whole.expect("one of them fits"));
    assert_eq!(words(&html, &settings(), &[]), ["links", "links_stale"]);
}

#[test]
fn a_redirect_that_drops_the_click_id_is_an_error_and_one_that_nobody_knows_a_warning() {
    let html = format!("{OFFER}<a href=/go/1>Go</a>");
    let drops = way("https://shop.example/go/1", Some("network"), Some(false));
    assert_eq!(words(&html, &settings(), &[drops]), ["links", "redirect_drops"]);
    let passes = way("https://shop.example/go/1", Some("network"), Some(true));
    assert_eq!(words(&html, &settings(), std::slice::from_ref(&passes)), ["links", "cloaked_unknown"]);
    let marked = format!("{OFFER}<a href=/go/1 data-tracking-group=Network>Go</a>");
    assert_eq!(words(&marked, &settings(), std::slice::from_ref(&passes)), ["links"]);
    let scans = TagSettings { scan: "/scan".into(), ..settings() };
    assert_eq!(words("<a href=/go/1>Go</a>", &scans, &[passes]), ["links"], "AutoScan tells the tag");
    let nowhere = way("https://shop.example/go/1", None, None);
    assert_eq!(words(&html, &settings(), &[nowhere]), ["links"]);
    let unclear = way("https://shop.example/go/1", Some("network"), None);
    assert_eq!(words(&marked, &settings(), &[unclear]), ["links", "redirect_unclear"]);
}

#[test]
fn the_way_of_a_followed_link_stands_in_its_row() {
    let page = page("<a href=/go/1>Go</a>");
    let ways = [way("https://shop.example/go/1", Some("network"), Some(true))];
    let rows = rows(&page, &settings(), &ways, true);
    assert_eq!(rows[0].hops, ["https://shop.example/go/1", "https://network.example/redir/1"]);
    assert!(rows[0].link.verdict == Verdict::Left && rows[0].link.reason.contains("does not know of"), "{rows:?}");
}

#[test]
fn plain_links_of_the_page_s_hosts_are_followed_those_first_that_look_cloaked() {
    let page = page(
        "<a href=/about><a href=/go/2><a href=/x?y=1><a href=/post#here><a href=https://elsewhere.example/go/3><a href=/><a href=/about#x>
         <a href=https://network.example/redir/1><a href=/special data-tracking-group=network>",
    );
    let hosts = ["shop.example".to_owned(), "network.example".to_owned()];
    let to_follow = |most| {
        let urls = to_follow(&page, &settings(), &hosts, most);
        urls.iter().map(|url| url.path().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(to_follow(10), ["/go/2", "/special", "/about"]);
    assert_eq!(to_follow(1), ["/go/2"]);
}
