//! What an event says about its visit. Pure.

use crate::settings::{Attribution, IpPolicy};
use crate::store::{FirstTouch, NewVisit};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;
use tagwerk_protocol::clicks::{Clicks, is_cookie_value};
use tagwerk_protocol::event::Event;
use tagwerk_protocol::source::{self, Arrival};

mod cost;

pub use cost::CostParam;

const DAY: i64 = 86_400_000;

/// What the request tells besides the event.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The user agent, as sent.
    pub user_agent: String,
    /// Two letters, where a proxy tells.
    pub country: Option<String>,
}

/// What a visit is read by.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The platforms' parameters and cookies.
    pub clicks: &'a Clicks,
    /// Hosts of the site's own, whose pages are no source.
    pub own_hosts: &'a [String],
    /// How long touches count.
    pub attribution: &'a Attribution,
    /// What tells its cost, if anything does.
    pub cost: Option<CostParam<'a>>,
}

/// The visit as it is written if this event is the first that is heard of it.
pub fn of(id: String, event: &Event, rules: Rules<'_>, request: &Request) -> NewVisit {
    let click_params = &rules.clicks.params();
    let counts = |touch: &Arrival, days: u16| event.landing.at.saturating_sub(touch.at) <= i64::from(days) * DAY;
    // A visit without a source of its own is credited to the last arrival that had one.
    let last = event.touch.as_ref().filter(|_| !event.landing.has_source(click_params, rules.own_hosts));
    let credited = last.filter(|touch| counts(touch, rules.attribution.last_touch_days)).unwrap_or(&event.landing);
    let (source, click_ids) = read(credited, click_params);
    let first = event.first.as_ref().filter(|touch| counts(touch, rules.attribution.first_touch_days));
    let agent = woothee::parser::Parser::new().parse(&request.user_agent);
    let category = agent.map(|agent| agent.category).filter(|category| *category != "UNKNOWN");
    NewVisit {
        id,
        cookies: cookies(event, rules.clicks),
        built_cookies: rules
            .clicks
            .built_cookies(credited.at, |param| click_ids.get(param).map(String::as_str))
            .collect(),
        source,
        click_ids,
        first_touch: first.map(|first| {
            let (source, click_ids) = read(first, click_params);
            FirstTouch {
                at: first.at,
                landing_page: first.page.clone(),
                referrer: present(&first.referrer),
                source,
                click_ids,
            }
        }),
        country: request.country.clone(),
        bot: event.automated || category == Some("crawler"),
        device: category.map(str::to_owned),
        // Of its own landing page: the arrival that it is credited to was paid for once.
        cost: rules.cost.and_then(|param| cost::of(&event.landing.page, param)),
    }
}

/// The platforms' own cookies, as the page had them; the first of a name counts.
fn cookies(event: &Event, clicks: &Clicks) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for (name, value) in event.cookies.iter().filter(|(name, value)| clicks.is_cookie(name) && is_cookie_value(value)) {
        kept.entry(name.clone()).or_insert_with(|| value.clone());
    }
    kept
}

fn read(arrival: &Arrival, click_params: &[String]) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let source = source::read(&arrival.page, click_params);
    (source.utm.into_iter().collect(), source.click_ids.into_iter().collect())
}

/// As much of a visitor's address as a site keeps: all of it, its network (of the second kind the first 24 bits of IPv4, 48 of IPv6), or
/// nothing.
pub fn kept_address(address: IpAddr, policy: IpPolicy) -> Option<String> {
    match (policy, address.to_canonical()) {
        (IpPolicy::None, _) => None,
        (IpPolicy::Full, address) => Some(address.to_string()),
        (IpPolicy::Truncated, IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            Some(Ipv4Addr::new(a, b, c, 0).to_string())
        }
        (IpPolicy::Truncated, IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            Some(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_string())
        }
    }
}

/// The text, or nothing where it is empty.
pub fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_protocol::click_id::VisitId;

    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";

    fn event(landing: &str, touch: Option<&str>) -> Event {
        let arrival = |page: &str| Arrival { at: 1, page: page.to_owned(), referrer: String::new() };
        Event {
            event_id: "e".into(),
            name: "PageView".into(),
            at: 1,
            visit_id: VisitId::parse("0123456789abcdef").expect("an id"),
            visitor_id: None,
            page: landing.into(),
            landing: arrival(landing),
            touch: touch.map(arrival),
            first: None,
            click_id: None,
            click: None,
            attributes: vec![],
            cookies: vec![],
            automated: false,
        }
    }

    fn visit(event: &Event, user_agent: &str) -> NewVisit {
        let request = Request { user_agent: user_agent.into(), country: None };
        let clicks = crate::groups::clicks().expect("the table");
        of(
            "row".into(),
            event,
            Rules {
                clicks: &clicks,
                own_hosts: &[],
                attribution: &Attribution::default(),
                cost: Some(CostParam { name: "cost", currency: "EUR" }),
            },
            &request,
        )
    }

    #[test]
    fn as_much_of_an_address_is_kept_as_the_site_says() {
        let kept = |address: &str, policy| kept_address(address.parse().expect(address), policy);
        for (address, truncated) in [
            ("203.0.113.77", "203.0.113.0"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
            ("2001:db8:1:2::9", "2001:db8:1::"),
        ] {
            assert_eq!(kept(address, IpPolicy::Truncated).as_deref(), Some(truncated));
            assert_eq!(kept(address, IpPolicy::None), None);
        }
        assert_eq!(kept("203.0.113.77", IpPolicy::Full).as_deref(), Some("203.0.113.77"));
    }

    /// A direct visit, so many days after an arrival with a source.
    fn visit_after(days: i64, more: i64) -> NewVisit {
        let mut event = event("https://a.example/", Some("https://a.example/?gclid=old"));
        event.landing.at = 1 + days * DAY + more;
        event.first = event.touch.clone();
        visit(&event, CHROME)
    }

    #[test]
    fn the_source_is_read_from_the_landing_page() {
        let visit = visit(&event("https://a.example/?gclid=X&utm_source=g", None), CHROME);
        assert_eq!(visit.click_ids.get("gclid").map(String::as_str), Some("X"));
        assert_eq!(visit.source.get("utm_source").map(String::as_str), Some("g"));
        assert_eq!(visit.device.as_deref(), Some("pc"));
        assert!(!visit.bot);
    }

    #[test]
    fn a_direct_visit_is_credited_to_the_last_touch() {
        let visit = visit(&event("https://a.example/", Some("https://a.example/?gclid=old")), CHROME);
        assert_eq!(visit.click_ids.get("gclid").map(String::as_str), Some("old"));
    }

    #[test]
    fn a_source_of_its_own_goes_before_the_last_touch() {
        let visit = visit(&event("https://a.example/?gclid=own", Some("https://a.example/?gclid=old")), CHROME);
        assert_eq!(visit.click_ids.get("gclid").map(String::as_str), Some("own"));
    }

    #[test]
    fn the_last_touch_is_credited_for_its_days_and_not_a_moment_longer() {
        assert_eq!(visit_after(30, 0).click_ids.get("gclid").map(String::as_str), Some("old"));
        let late = visit_after(30, 1);
        assert!(late.click_ids.is_empty());
        assert!(late.first_touch.is_some(), "the first touch has days of its own");
    }

    #[test]
    fn the_first_touch_is_kept_for_its_days_and_not_a_moment_longer() {
        assert!(visit_after(90, 0).first_touch.is_some());
        assert!(visit_after(90, 1).first_touch.is_none());
    }

    #[test]
    fn a_touch_that_seems_to_come_after_the_visit_counts() {
        assert_eq!(visit_after(-1, 0).click_ids.get("gclid").map(String::as_str), Some("old"));
    }

    #[test]
    fn of_the_page_s_cookies_those_of_platforms_are_kept_as_they_stand() {
        let long = "x".repeat(1025);
        let pairs = [
            ("_fbp", "fb.1.1.2"),
            ("_fbp", "later"),
            ("session", "secret"),
            ("_gac_UA-1", "1.2.A-b"),
            ("_ga", &long),
            ("_ttp", "a\u{e4}"),
            ("_epik", ""),
        ];
        let cookies = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let visit = visit(&Event { cookies, ..event("https://a.example/", None) }, CHROME);
        let kept: Vec<(&str, &str)> =
            visit.cookies.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(kept, [("_fbp", "fb.1.1.2"), ("_gac_UA-1", "1.2.A-b")]);
    }

    #[test]
    fn a_click_id_of_the_credited_arrival_makes_the_cookie_with_the_arrival_s_time() {
        let built = |visit: NewVisit| visit.built_cookies.get("_fbc").cloned();
        let mut own = event("https://a.example/?fbclid=IwAR-Own_1", Some("https://a.example/?fbclid=old"));
        own.landing.at = 1_700_000_000_123;
        assert_eq!(built(visit(&own, CHROME)).as_deref(), Some("fb.1.1700000000123.IwAR-Own_1"));
        let mut direct = event("https://a.example/", Some("https://a.example/?fbclid=IwAR-Old_1"));
        direct.landing.at = DAY;
        assert_eq!(built(visit(&direct, CHROME)).as_deref(), Some("fb.1.1.IwAR-Old_1"));
        direct.landing.at = 31 * DAY;
        assert_eq!(built(visit(&direct, CHROME)), None, "what is not credited makes no cookie");
    }

    #[test]
    fn a_visit_costs_what_its_own_landing_page_says() {
        let paid = "https://a.example/?cost=0.35";
        assert_eq!(visit(&event(paid, None), CHROME).cost, Some((350_000, "EUR".to_owned())));
        let credited = "https://a.example/?gclid=old&cost=0.35";
        assert_eq!(visit(&event("https://a.example/", Some(credited)), CHROME).cost, None);
    }

    #[test]
    fn what_tells_the_cost_is_no_source() {
        let direct = visit(&event("https://a.example/?cost=0.35", Some("https://a.example/?gclid=old")), CHROME);
        assert_eq!(direct.click_ids.get("gclid").map(String::as_str), Some("old"));
        assert!(direct.source.is_empty());
    }

    #[test]
    fn bots_and_automated_browsers_are_marked() {
        let bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
        assert!(visit(&event("https://a.example/", None), bot).bot);
        let automated = Event { automated: true, ..event("https://a.example/", None) };
        assert!(visit(&automated, CHROME).bot);
    }
}
