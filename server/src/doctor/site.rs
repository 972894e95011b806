//! A site's settings, held against one another and against the server's. Pure.

use crate::finding::Finding;
use crate::outbox::overview::{Standing, overview};
use crate::rates::is_stale;
use crate::settings::{ConsentMode, IpPolicy, SiteSettings};
use crate::visitor_cookie;
use jiff::civil::Date;
use std::collections::BTreeSet;
use url::Url;

/// What a site's settings are judged with.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The settings.
    pub settings: &'a SiteSettings,
    /// The server's public URL.
    pub public_url: Option<&'a Url>,
    /// The newest day that there are currency rates of.
    pub newest_rates: Option<Date>,
    /// Whether rates are fetched.
    pub fetches_rates: bool,
    /// Today, in UTC.
    pub today: Date,
    /// Now, in milliseconds since 1970 UTC.
    pub now: i64,
}

/// Judges them.
pub fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let settings = facts.settings;
    let mut found = origins(facts);
    found.extend(consent(settings));
    found.extend(platforms(facts));
    found.extend(rates(facts));
    found.extend(keeping(settings));
    if settings.autoscan.enabled && settings.scan_hosts().is_empty() {
        found.push(Finding::warning(
            "autoscan_no_hosts",
            "autoscan is on, and there are neither hosts nor origins whose links could be cloaked: the tag asks about none",
            "add the hosts to autoscan.hosts, or the site's origins",
        ));
    }
    let own = settings.own_hosts();
    for (name, group) in &settings.groups {
        let shared =
            group.hosts.iter().find(|host| own.iter().any(|own| own == *host || own.ends_with(&format!(".{host}"))));
        if let Some(host) = shared {
            found.push(Finding::error(
                "group_owns_the_site",
                format!("groups.{name}.hosts has {host}, which is the site's own: links inside the site get click ids"),
                "take it out; links of your own that redirect are what autoscan is for",
            ));
        }
    }
    if found.iter().all(|finding| finding.mend.is_none()) {
        found.insert(0, Finding::ok("site", "its settings do not contradict each other"));
    }
    found
}

fn origins(facts: &Facts<'_>) -> Vec<Finding> {
    let settings = facts.settings;
    let mut found = Vec::new();
    if settings.origins.is_empty() {
        found.push(Finding::warning(
            "origins_missing",
            "the site lists no origins: events are taken from everywhere, and no cookie is set, so browsers forget visitors sooner",
            "add the addresses of its pages to origins: https://www.example.com",
        ));
        return found;
    }
    let Some(public) = facts.public_url else { return found };
    let parsed: Vec<Url> = settings.origins.iter().filter_map(|origin| Url::parse(origin).ok()).collect();
    let with = |scheme: &str| {
        parsed.iter().find(|origin| origin.scheme() == scheme).map(|url| url.origin().ascii_serialization())
    };
    if let Some(origin) = with("http").filter(|_| public.scheme() == "https") {
        found.push(Finding::note(
            "origin_http",
            format!("{origin} is among the origins: pages without encryption"),
            "where the page also comes by https, let http redirect there, and take it out",
        ));
    }
    if let Some(origin) = with("https").filter(|_| public.scheme() == "http") {
        found.push(Finding::error(
            "origin_https",
            format!("{origin} has https and public_url http: browsers do not load the tag there"),
            "serve public_url by https",
        ));
    }
    let is_same =
        |origin: &Url| visitor_cookie::site(origin).is_some_and(|of| Some(of) == visitor_cookie::site(public));
    if !parsed.iter().any(is_same) {
        found.push(Finding::note(
            "third_party",
            format!(
                "{} is of another domain than every origin: its cookie is a third party's, which most browsers do not keep, so that visitors are remembered for a week at most on some, and ad blockers find it sooner",
                public.host_str().unwrap_or_default()
            ),
            "give the server a name in the site's own domain too (t.example.com), and put that into the snippet",
        ));
    }
    found
}

fn consent(settings: &SiteSettings) -> Vec<Finding> {
    let mut found = Vec::new();
    let consent = &settings.consent;
    let needed = consent.mode != ConsentMode::None;
    if needed && consent.decorate_without {
        let mut also = String::new();
        if !settings.pixels.is_empty() || settings.sends_on() {
            also.push_str(", and neither pixels nor ad platforms hear of them");
        }
        found.push(Finding::note(
            "consent_decorates",
            format!("links get click ids before the visitor agrees, and nothing is reported: such sales come in unattributed{also}"),
            "switch consent.decorate_without off, unless you want to count them",
        ));
    }
    if !needed && consent.decorate_without {
        let says = "consent.decorate_without is on, and the mode is none: it changes nothing";
        found.push(Finding::note(
            "consent_unused",
            says,
            "set consent.mode to auto or required where consent is needed",
        ));
    }
    found
}

fn platforms(facts: &Facts<'_>) -> Vec<Finding> {
    let settings = facts.settings;
    let mut found = Vec::new();
    let mut match_by_address = BTreeSet::new();
    for one in overview(settings, &[], facts.now) {
        if one.standing == Standing::Off {
            continue;
        }
        let title = one.platform.about().title;
        if one.standing == Standing::NotSetUp {
            let missing: Vec<&str> = one.missing.iter().map(|field| field.name).collect();
            found.push(Finding::error(
                "platform_incomplete",
                format!("{title} is on and lacks {}: nothing is sent", missing.join(", ")),
                format!("enter it under platforms.{}, or switch it off", one.name),
            ));
        }
        if one.test_mode {
            found.push(Finding::warning(
                "platform_tests",
                format!("{title} is in test mode: what is sent counts as a test"),
                format!("take test_event_code and validate_only off platforms.{} when you are through", one.name),
            ));
        }
        // Those that go by click ids match what is left by address and browser.
        if one.platform.about().clicks.is_some() {
            match_by_address.insert(title);
        }
    }
    if settings.privacy.ip == IpPolicy::None && !match_by_address.is_empty() {
        let titles: Vec<&str> = match_by_address.into_iter().collect();
        found.push(Finding::note(
            "ip_none",
            format!(
                "no address of a visitor is kept (privacy.ip), and {} would match more visitors by it",
                titles.join(", ")
            ),
            "where you may, set privacy.ip to truncated or full",
        ));
    }
    found
}

fn rates(facts: &Facts<'_>) -> Option<Finding> {
    let currency = facts.settings.reporting_currency.as_deref()?;
    let mend = if facts.fetches_rates {
        "look at the server's log, and whether it may reach the address in rates.url; tagwerk rates import takes files"
    } else {
        "switch rates.enabled on, or give it files: tagwerk rates import"
    };
    match facts.newest_rates {
        None => Some(Finding::warning(
            "rates_missing",
            format!("reports are to be in {currency}, and there are no currency rates: other currencies stay apart"),
            mend,
        )),
        Some(day) if is_stale(day, facts.today) => {
            let says = format!("reports are in {currency}, and the newest currency rates are of {day}");
            Some(Finding::warning("rates_old", says, mend))
        }
        Some(_) => None,
    }
}

/// What is forgotten before it has done its work.
fn keeping(settings: &SiteSettings) -> Vec<Finding> {
    let keep = settings.privacy.keep_days;
    let mut found = Vec::new();
    for (name, group) in &settings.groups {
        if let Some(days) = group.click_expiry_days.filter(|days| *days > keep) {
            found.push(Finding::warning(
                "keep_too_short",
                format!("groups.{name}.click_expiry_days is {days}, and what is known of visitors is forgotten after {keep} days"),
                "raise privacy.keep_days, or lower click_expiry_days",
            ));
        }
    }
    let touches = [
        ("first_touch_days", settings.attribution.first_touch_days),
        ("last_touch_days", settings.attribution.last_touch_days),
    ];
    for (key, days) in touches {
        if u32::from(days) > keep {
            found.push(Finding::note(
                "touch_too_long",
                format!("attribution.{key} is {days}, and what is known of visitors is forgotten after {keep} days"),
                "raise privacy.keep_days, or lower it",
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use serde_json::{Value, json};

    const TODAY: Date = date(2026, 11, 23);

    fn words_on(server: &str, settings: Value, newest_rates: Option<Date>) -> Vec<&'static str> {
        let settings = SiteSettings::read(&settings).expect("settings");
        let url = Url::parse(server).expect("a URL");
        let facts = Facts {
            settings: &settings,
            public_url: Some(&url),
            newest_rates,
            fetches_rates: true,
            today: TODAY,
            now: 0,
        };
        judge(&facts).iter().map(|finding| finding.word).collect()
    }

    /// The words for a site of this server's domain, with these settings besides its origin.
    fn words(more: Value) -> Vec<&'static str> {
        let mut settings = json!({"origins": ["https://www.example.com"]});
        json_patch::merge(&mut settings, &more);
        words_on("https://t.example.com", settings, None)
    }

    #[test]
    fn a_site_whose_settings_fit_is_good() {
        assert_eq!(words(json!({})), ["site"]);
    }

    #[test]
    fn each_contradiction_of_a_site_has_its_word() {
        for (more, word) in [
            (json!({"origins": []}), "origins_missing"),
            (json!({"origins": ["https://www.example.com", "http://old.example.com"]}), "origin_http"),
            (json!({"origins": ["https://www.example.net"]}), "third_party"),
            (json!({"consent": {"mode": "required", "decorate_without": true}}), "consent_decorates"),
            (json!({"consent": {"decorate_without": true}}), "consent_unused"),
            (json!({"reporting_currency": "EUR"}), "rates_missing"),
            (json!({"privacy": {"keep_days": 100}, "groups": {"g": {"click_expiry_days": 180}}}), "keep_too_short"),
            (json!({"privacy": {"keep_days": 60}}), "touch_too_long"),
            (json!({"groups": {"g": {"hosts": ["www.example.com"]}}}), "group_owns_the_site"),
            (json!({"platforms": {"meta": {"enabled": true}}}), "platform_incomplete"),
        ] {
            assert_eq!(words(more.clone()), [word], "{more}");
        }
        assert_eq!(
            words(json!({"origins": [], "autoscan": {"enabled": true}})),
            ["origins_missing", "autoscan_no_hosts"]
        );
        let https = json!({"origins": ["https://www.example.com"]});
        assert_eq!(words_on("http://t.example.com", https, None), ["origin_https"]);
    }

    #[test]
    fn platforms_in_test_mode_or_without_addresses_are_told() {
        let meta = json!({"enabled": true, "pixel_id": "1", "access_token": "sealed", "test_event_code": "TEST1"});
        assert_eq!(words(json!({"platforms": {"meta": meta}})), ["platform_tests"]);
        let meta = json!({"enabled": true, "pixel_id": "1", "access_token": "sealed"});
        assert_eq!(words(json!({"platforms": {"meta": meta}, "privacy": {"ip": "none"}})), ["ip_none"]);
    }

    #[test]
    fn rates_of_last_week_are_old() {
        let of = |day| {
            let settings = json!({"origins": ["https://www.example.com"], "reporting_currency": "EUR"});
            words_on("https://t.example.com", settings, Some(day))
        };
        assert_eq!(of(date(2026, 11, 20)), ["site"]);
        assert_eq!(of(date(2026, 11, 10)), ["rates_old"]);
    }
}
