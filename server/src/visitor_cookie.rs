//! The visitor's first-party cookie, which the answer to an event sets. Pure.
//!
//! A script's own storage is forgotten by some browsers after seven days; a cookie that the page's own site sets over HTTP is not. It
//! holds what the tag keeps in the browser (docs/protocol.md), under the same names, and the tag falls back on it.

use std::collections::BTreeMap;
use tagwerk_protocol::event::{Event, MAX_ID, field};
use tagwerk_protocol::form;
use tagwerk_protocol::source::Arrival;
use url::{Host, Url};

mod record;

use record::{Record, SEEN};

/// The cookie's name.
pub const NAME: &str = "tagwerk";
/// Longest value, in bytes: the cookie travels with every request to the site.
pub const MAX_VALUE: usize = 1800;
/// How long browsers keep a cookie at most.
const SECONDS: u32 = 400 * 86_400;
/// How far ahead a browser's clock may be, in milliseconds.
const AHEAD: i64 = 86_400_000;

/// What the request tells of the page that made it.
#[derive(Debug, Clone, Default)]
pub struct Asked<'a> {
    /// `Sec-Fetch-Site`, which older browsers and plain http do not send.
    pub fetch_site: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// Hosts of the site's own, whose pages are no source.
    pub own_hosts: &'a [String],
    /// Whether cookies may be set for another origin's page.
    pub credentials: bool,
    /// Every `Cookie` header.
    pub cookies: Vec<&'a str>,
    /// `Host`, as the request brings it.
    pub host: Option<&'a str>,
    /// When it came, in milliseconds since 1970 UTC.
    pub received_at: i64,
}

/// The `Set-Cookie` of the answer to this event; nothing where the page is of another site, or another visit was seen since.
pub fn after(event: &Event, asked: &Asked<'_>, public_url: &str, click_params: &[String]) -> Option<String> {
    let server = server(asked, public_url)?;
    if !may_set(asked, &server) {
        return None;
    }
    let known = asked.cookies.iter().flat_map(|header| header.split(';')).find_map(|pair| {
        let value = pair.trim().strip_prefix(NAME)?.strip_prefix('=')?;
        let fields: BTreeMap<String, String> = form::pairs(value).collect();
        fields.contains_key(field::VISIT_ID).then_some(fields)
    });
    let value = value(event, &known.unwrap_or_default(), click_params, asked)?;
    let domain = server.host_str().and_then(registrable).map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    let secure = if server.scheme() == "https" { "; Secure" } else { "" };
    Some(format!("{NAME}={value}; Path=/; Max-Age={SECONDS}; SameSite=Lax{domain}{secure}"))
}

/// The server as the page reached it: by the name in `Host` where that is of the page's own site, since one server may have a name
/// in the domain of each of its sites; else by its public URL, for a proxy may have put another name there.
fn server(asked: &Asked<'_>, public_url: &str) -> Option<Url> {
    let public = Url::parse(public_url).ok()?;
    let reached = || {
        let page = Url::parse(asked.origin?).ok()?;
        // A page that came by https asks by nothing else.
        let scheme = if page.scheme() == "https" { "https" } else { public.scheme() };
        let reached = Url::parse(&format!("{scheme}://{}", asked.host?)).ok()?;
        (site(&page)? == site(&reached)?).then_some(reached)
    };
    Some(reached().unwrap_or(public))
}

/// Whether the page is of the server's own site, so that the browser takes the cookie and it is nobody else's.
fn may_set(asked: &Asked<'_>, server: &Url) -> bool {
    match asked.fetch_site {
        Some("same-origin") => true,
        Some("same-site") => asked.credentials,
        Some(_) => false,
        None => asked.origin.and_then(|origin| Url::parse(origin).ok()).is_some_and(|page| {
            page.origin() == server.origin()
                || asked.credentials && site(&page).is_some_and(|of| Some(of) == site(server))
        }),
    }
}

/// What makes two hosts one site: the domain that somebody registered, or the whole host where there is none.
pub(crate) fn site(url: &Url) -> Option<&str> {
    let host = url.host_str()?;
    Some(registrable(host).unwrap_or(host))
}

/// The domain below which all hosts are one owner's; none for addresses, `localhost` and public suffixes.
fn registrable(host: &str) -> Option<&str> {
    match Host::parse(host) {
        Ok(Host::Domain(_)) => psl::domain_str(host),
        _ => None,
    }
}

/// The cookie's value: what the event tells of visit and visitor, and what it leaves untold as it was.
fn value(
    event: &Event,
    known: &BTreeMap<String, String>,
    click_params: &[String],
    asked: &Asked<'_>,
) -> Option<String> {
    let number = |name: &str| known.get(name).and_then(|text| text.parse::<i64>().ok());
    // A clock that was once far ahead must not keep out every visit to come for as long as the cookie lives.
    let latest = asked.received_at.saturating_add(AHEAD);
    let known_seen = number(SEEN).filter(|seen| *seen <= latest).unwrap_or(i64::MIN);
    let is_same_visit = known.get(field::VISIT_ID).is_some_and(|id| id == event.visit_id.as_str());
    // A line that waited for a later page must not bring back the visit before.
    if known_seen > event.at && !is_same_visit {
        return None;
    }
    let arrival = |prefix: &str| {
        let text = |part: &str| known.get(&[prefix, part].concat()).cloned();
        Some(Arrival {
            at: number(&[prefix, field::AT].concat())?,
            page: text(field::PAGE)?,
            referrer: text(field::REFERRER).unwrap_or_default(),
        })
    };
    let own = || event.landing.has_source(click_params, asked.own_hosts).then(|| event.landing.clone());
    let is_id = |id: &&String| {
        id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let record = Record {
        visit_id: event.visit_id.as_str(),
        seen: event.at.max(if is_same_visit { known_seen } else { i64::MIN }).min(latest),
        visitor_id: event.visitor_id.as_ref().or_else(|| known.get(field::VISITOR_ID).filter(is_id)),
        arrivals: [
            (field::LANDING, Some(event.landing.clone())),
            (field::FIRST, event.first.clone().or_else(|| arrival(field::FIRST))),
            (field::TOUCH, event.touch.clone().or_else(own).or_else(|| arrival(field::TOUCH))),
        ],
    };
    record.fitting(click_params)
}

#[cfg(test)]
mod tests {
    use super::record::source_only;
    use super::*;
    use proptest::prelude::*;
    use tagwerk_protocol::click_id::VisitId;

    const SERVER: &str = "https://t.shop.com";

    fn params() -> Vec<String> {
        vec!["gclid".into(), "fbclid".into()]
    }

    fn arrival(at: i64, page: &str) -> Arrival {
        Arrival { at, page: page.to_owned(), referrer: "https://www.google.com/".into() }
    }

    fn event(page: &str) -> Event {
        Event {
            event_id: "e".into(),
            name: "PageView".into(),
            at: 2000,
            visit_id: VisitId::parse("0123456789abcdef").expect("an id"),
            visitor_id: Some("visitor".into()),
            page: page.into(),
            landing: arrival(1000, page),
            touch: None,
            first: Some(arrival(1, page)),
            click_id: None,
            click: None,
            attributes: vec![],
            cookies: vec![],
            automated: false,
        }
    }

    fn same_site() -> Asked<'static> {
        Asked { fetch_site: Some("same-site"), credentials: true, ..Asked::default() }
    }

    fn fields(cookie: &str) -> BTreeMap<String, String> {
        let (pair, _) = cookie.split_once("; ").expect("attributes");
        form::pairs(pair.strip_prefix("tagwerk=").expect("the name")).collect()
    }

    fn set(event: &Event, cookies: &[&str]) -> Option<BTreeMap<String, String>> {
        let asked = Asked { cookies: cookies.to_vec(), ..same_site() };
        after(event, &asked, SERVER, &params()).map(|cookie| fields(&cookie))
    }

    fn is_set(asked: &Asked<'_>, server: &str) -> bool {
        after(&event("https://shop.com/"), asked, server, &params()).is_some()
    }

    #[test]
    fn it_holds_the_record_under_the_names_of_the_wire() {
        let found = set(&event("https://shop.com/?gclid=A b"), &[]).expect("a cookie");
        let pairs: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (page, referrer) = ("https://shop.com/?gclid=A b", "https://www.google.com/");
        assert_eq!(
            pairs,
            [
                ("first_at", "1"),
                ("first_page", page),
                ("first_referrer", referrer),
                ("landing_at", "1000"),
                ("landing_page", page),
                ("landing_referrer", referrer),
                ("seen", "2000"),
                ("touch_at", "1000"),
                ("touch_page", page),
                ("touch_referrer", referrer),
                ("visit_id", "0123456789abcdef"),
                ("visitor_id", "visitor"),
            ]
        );
    }

    #[test]
    fn it_is_the_whole_domain_s_that_somebody_registered() {
        let attributes = |server: &str| {
            let cookie = after(&event("https://shop.com/"), &same_site(), server, &params()).expect("a cookie");
            cookie.split_once("; ").expect("attributes").1.to_owned()
        };
        let common = "Path=/; Max-Age=34560000; SameSite=Lax";
        assert_eq!(attributes("https://t.shop.com"), format!("{common}; Domain=shop.com; Secure"));
        assert_eq!(attributes("http://a.b.shop.co.uk:81"), format!("{common}; Domain=shop.co.uk"));
        assert_eq!(attributes("https://shop.github.io"), format!("{common}; Domain=shop.github.io; Secure"));
        for host in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080", "http://co.uk"] {
            assert_eq!(attributes(host), common, "{host}");
        }
    }

    #[test]
    fn a_page_of_another_site_gets_none() {
        for fetch_site in ["cross-site", "none", "whatever"] {
            let asked =
                Asked { fetch_site: Some(fetch_site), origin: Some(SERVER), credentials: true, ..Asked::default() };
            assert!(!is_set(&asked, SERVER), "{fetch_site}");
        }
    }

    #[test]
    fn without_credentials_only_a_page_of_the_very_origin_gets_one() {
        assert!(!is_set(&Asked { credentials: false, ..same_site() }, SERVER));
        assert!(is_set(&Asked { fetch_site: Some("same-origin"), ..Asked::default() }, SERVER));
    }

    #[test]
    fn a_browser_that_does_not_tell_is_judged_by_its_origin() {
        let from = |origin: Option<&'static str>, credentials, server: &str| {
            is_set(&Asked { origin, credentials, ..Asked::default() }, server)
        };
        assert!(from(Some("https://www.shop.com"), true, SERVER));
        assert!(!from(Some("https://www.shop.com"), false, SERVER));
        assert!(from(Some("https://t.shop.com"), false, SERVER));
        for other in [Some("https://shop.com.evil.com"), Some("https://evil.com"), Some("null"), Some(""), None] {
            assert!(!from(other, true, SERVER), "{other:?}");
        }
        assert!(!from(Some("https://evil.co.uk"), true, "https://t.shop.co.uk"), "a public suffix makes no site");
        assert!(!from(Some("https://evil.github.io"), true, "https://shop.github.io"));
        assert!(from(Some("http://127.0.0.1:1"), true, "http://127.0.0.1:2"), "a site has no port");
        assert!(!from(Some("http://127.0.0.1:1"), true, "http://10.0.0.1:1"), "addresses share no domain");
        assert!(!from(Some("http://localhost:1"), false, "http://localhost:2"));
    }

    #[test]
    fn what_the_event_leaves_untold_stays_as_it_was() {
        let known = "a=b; tagwerk=visit_id=old&seen=5&visitor_id=v&first_at=3&first_page=https%3A%2F%2Ff.com%2F&touch_at=4&touch_page=https%3A%2F%2Ft.com%2F";
        let bare = Event { visitor_id: None, first: None, ..event("https://shop.com/") };
        let direct = Event { landing: Arrival { referrer: String::new(), ..bare.landing.clone() }, ..bare };
        let found = set(&direct, &[known]).expect("a cookie");
        let get = |name: &str| found.get(name).map(String::as_str);
        assert_eq!((get("visitor_id"), get("first_page")), (Some("v"), Some("https://f.com/")));
        assert_eq!(get("touch_page"), Some("https://t.com/"));
        assert_eq!(get("visit_id"), Some("0123456789abcdef"));
    }

    #[test]
    fn a_line_that_waited_does_not_bring_back_the_visit_before() {
        assert_eq!(set(&event("https://shop.com/"), &["tagwerk=visit_id=fedcba9876543210&seen=2001"]), None);
        let same =
            set(&event("https://shop.com/"), &["tagwerk=visit_id=0123456789abcdef&seen=2001"]).expect("a cookie");
        assert_eq!(same.get("seen").map(String::as_str), Some("2001"));
    }

    #[test]
    fn a_clock_that_was_far_ahead_keeps_no_later_visit_out() {
        let ahead = format!("tagwerk=visit_id=fedcba9876543210&seen={}", 2000 + 2 * AHEAD);
        assert_eq!(set(&event("https://shop.com/"), &[&ahead]).expect("a cookie")["visit_id"], "0123456789abcdef");
        let far = Event { at: i64::MAX, ..event("https://shop.com/") };
        assert_eq!(set(&far, &[]).expect("a cookie")["seen"], AHEAD.to_string(), "a day after the receipt at most");
    }

    #[test]
    fn a_server_that_the_page_s_own_site_has_a_name_for_goes_by_that_name() {
        let from = |host: &'static str, origin: &'static str, public_url: &str| {
            let asked = Asked { host: Some(host), origin: Some(origin), ..same_site() };
            let cookie = after(&event("https://shop.com/"), &asked, public_url, &params()).expect("a cookie");
            cookie.split_once("SameSite=Lax").expect("attributes").1.to_owned()
        };
        assert_eq!(from("t.other.com:8443", "https://www.other.com", SERVER), "; Domain=other.com; Secure");
        assert_eq!(from("t.other.com", "https://www.other.com", "http://127.0.0.1:8080"), "; Domain=other.com; Secure");
        for host in ["127.0.0.1:8080", "t.other.com", "", "a b", "com"] {
            assert_eq!(from(host, "https://www.shop.com", SERVER), "; Domain=shop.com; Secure", "{host}");
        }
    }

    #[test]
    fn a_cookie_of_that_name_that_is_somebody_else_s_is_no_record() {
        let cookies = [
            "tagwerk=S%0d%0a",
            "xtagwerk=visit_id=x&visitor_id=y",
            "tagwerk=visit_id=x&seen=z&visitor_id=%0d%0aSet-Cookie",
        ];
        let bare = Event { visitor_id: None, ..event("https://shop.com/") };
        assert_eq!(set(&bare, &cookies).expect("a cookie").get("visitor_id"), None);
    }

    #[test]
    fn what_is_too_long_loses_referrers_first_then_what_is_no_source() {
        let mut long =
            event(&format!("https://shop.com/a?x={}&gclid=Id_1&utm_source=s#{}", "y".repeat(400), "z".repeat(50)));
        let found = set(&long, &[]).expect("a cookie");
        assert!(!found.contains_key("landing_referrer"));
        assert!(found["landing_page"].contains("yyy"));
        long.landing.page.insert_str(long.landing.page.find("&gclid").expect("the parameter"), &"y".repeat(400));
        let found = set(&long, &[]).expect("a cookie");
        assert_eq!(found["landing_page"], "https://shop.com/a?gclid=Id_1&utm_source=s");
    }

    proptest! {
        #[test]
        fn whatever_the_pages_it_fits_and_is_one_header(
            landing in "https://[a-z]{1,300}\\.com/(%[0-9A-F]{2}|[^?#]){0,600}(\\?(gclid=|utm_source=|x=).{0,900})?",
            first in ".{0,2000}",
            referrer in ".{0,900}",
        ) {
            let mut event = event(&landing);
            event.first = Some(arrival(1, &first));
            event.landing.referrer = referrer;
            let cookie = after(&event, &same_site(), SERVER, &params()).expect("a cookie");
            let (pair, _) = cookie.split_once("; ").expect("attributes");
            prop_assert!(pair.len() <= "tagwerk=".len() + MAX_VALUE);
            prop_assert!(cookie.bytes().all(|b| matches!(b, b' '..=b'~')) && !pair.contains([' ', '"', ',', ';', '\\']));
            let kept = &fields(&cookie)["landing_page"];
            let essential = source_only(&landing, &params());
            if *kept != landing {
                prop_assert!(essential.starts_with(kept.as_str()), "{}", kept);
                let escape = kept.rfind('%').filter(|at| at + 2 >= kept.len());
                let two = escape.and_then(|at| essential.get(at + 1..at + 3)).unwrap_or_default();
                prop_assert!(!(two.len() == 2 && two.bytes().all(|b| b.is_ascii_hexdigit())), "{} cut within %{}", kept, two);
            }
        }
    }
}
