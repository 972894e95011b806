//! Where a visit came from, as a person reads it. Pure.

use std::collections::BTreeMap;
use tagwerk_protocol::form;

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// What it is.
    pub(super) name: String,
    /// What it says.
    pub(super) value: String,
}

impl Pair {
    /// A pair.
    pub(super) fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: value.into() }
    }

    /// A pair, if there is a value.
    pub(super) fn some(name: &str, value: Option<impl Into<String>>) -> Option<Self> {
        value.map(|value| Self::new(name, value))
    }
}

/// Where a visit came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// Campaign parameters, the five well-known ones first and without their `utm_`.
    pub(super) campaign: Vec<Pair>,
    /// Ad click ids.
    pub(super) click_ids: Vec<Pair>,
    /// The page it began on, without the parameters that stand above.
    pub(super) landing_page: Option<String>,
    /// The page that led there.
    pub(super) referrer: Option<String>,
    /// The text of the link that was clicked.
    pub(super) link: Option<String>,
}

impl Origin {
    /// What a visit says of where it came from.
    pub(super) fn of(
        source: &BTreeMap<String, String>,
        click_ids: &BTreeMap<String, String>,
        landing_page: Option<&str>,
        referrer: Option<&str>,
    ) -> Self {
        const FIRST: [&str; 5] = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];
        let known = FIRST.into_iter().filter_map(|name| {
            source.get(name).map(|value| Pair::new(name.strip_prefix("utm_").unwrap_or(name), value.as_str()))
        });
        let others = source.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
        Self {
            campaign: known.chain(others.map(|(name, value)| Pair::new(name, value.as_str()))).collect(),
            click_ids: click_ids.iter().map(|(name, value)| Pair::new(name, value.as_str())).collect(),
            landing_page: landing_page.map(|page| without(page, |name| shown(name, source, click_ids))),
            referrer: referrer.map(str::to_owned),
            link: None,
        }
    }

    /// Whether neither campaign nor ad click id is known.
    pub(super) fn is_plain(&self) -> bool {
        self.campaign.is_empty() && self.click_ids.is_empty()
    }
}

fn shown(name: &str, source: &BTreeMap<String, String>, click_ids: &BTreeMap<String, String>) -> bool {
    source.keys().chain(click_ids.keys()).any(|known| known.eq_ignore_ascii_case(name))
}

/// An address without the parameters of its query that `drop` names; everything else stays as it is.
pub(super) fn without(address: &str, drop: impl Fn(&str) -> bool) -> String {
    let (before, fragment) = match address.find('#') {
        Some(at) => address.split_at(at),
        None => (address, ""),
    };
    let Some((path, query)) = before.split_once('?') else { return address.to_owned() };
    let name = |part: &str| form::decode(part.split('=').next().unwrap_or_default());
    let kept: Vec<&str> = query.split('&').filter(|part| !drop(&name(part))).collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    format!("{path}{mark}{}{fragment}", kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_well_known_parameters_come_first_and_by_their_short_names() {
        let source = map(&[("utm_campaign", "spring"), ("utm_aaa", "1"), ("utm_source", "google"), ("utm_term", "t")]);
        let names: Vec<String> =
            Origin::of(&source, &map(&[]), None, None).campaign.into_iter().map(|pair| pair.name).collect();
        assert_eq!(names, ["source", "campaign", "term", "utm_aaa"]);
    }

    #[test]
    fn a_landing_page_is_shown_without_what_stands_above_it() {
        let page = "https://a.example/x?UTM_Source=g&id=7&gclid=G%20&b#part?utm_source=kept";
        let origin = Origin::of(&map(&[("utm_source", "g")]), &map(&[("gclid", "G")]), Some(page), None);
        assert_eq!(origin.landing_page.as_deref(), Some("https://a.example/x?id=7&b#part?utm_source=kept"));
    }

    #[test]
    fn a_query_that_is_all_campaign_leaves_no_question_mark() {
        let origin = Origin::of(&map(&[("utm_source", "g")]), &map(&[]), Some("https://a.example/?utm_source=g"), None);
        assert_eq!(origin.landing_page.as_deref(), Some("https://a.example/"));
    }

    #[test]
    fn a_visit_without_campaign_and_click_id_is_plain_whatever_referred_it() {
        assert!(Origin::of(&map(&[]), &map(&[]), Some("https://a.example/"), Some("https://b.example/")).is_plain());
        assert!(!Origin::of(&map(&[]), &map(&[("fbclid", "F")]), None, None).is_plain());
    }
}
