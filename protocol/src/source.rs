//! The traffic source: what a landing page's URL and the referrer say about where a visit came from.

use crate::absent;
use crate::form;
use crate::href;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// One arrival at the site: enough to read the traffic source from, now or later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrival {
    /// When, in milliseconds since 1970 UTC.
    pub at: i64,
    /// The landing page's full URL.
    pub page: String,
    /// `document.referrer`, possibly empty.
    pub referrer: String,
}

/// Campaign parameters and ad click ids, as they stood in a landing page's URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// `utm_*` parameters, names in lower case, first present value each.
    pub utm: Vec<(String, String)>,
    /// Ad click ids in the spelling of `clicks.toml`; the values keep case and length.
    pub click_ids: Vec<(String, String)>,
}

/// Reads the source from a landing page's URL. `click_params` are the ad platforms' parameters; their names are
/// matched ignoring case, since platforms and mailers disagree on it (`ScCid`, `sccid`).
pub fn read(page: &str, click_params: &[String]) -> Source {
    let mut source = Source::default();
    for (name, value) in query(page) {
        let Some(value) = absent::present(&value) else { continue };
        let name = name.to_ascii_lowercase();
        let found = if name.starts_with("utm_") {
            Some((&mut source.utm, name))
        } else {
            click_params
                .iter()
                .find(|param| param.eq_ignore_ascii_case(&name))
                .map(|param| (&mut source.click_ids, param.clone()))
        };
        if let Some((list, name)) = found
            && !list.iter().any(|(known, _)| *known == name)
        {
            list.push((name, value.to_owned()));
        }
    }
    source
}

impl Source {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.utm.is_empty() && self.click_ids.is_empty()
    }
}

impl Arrival {
    /// Whether this arrival tells where the visitor came from: by campaign or ad click id, or by a page of a host that is
    /// neither the page's own nor among the site's `own` hosts.
    pub fn has_source(&self, click_params: &[String], own: &[String]) -> bool {
        !read(&self.page, click_params).is_empty() || self.is_referred(own)
    }

    /// Whether a page of somebody else's host led here.
    fn is_referred(&self, own: &[String]) -> bool {
        let host = |url: &str| href::target(url, "").map(|target| target.host);
        host(&self.referrer).is_some_and(|referrer| !own.contains(&referrer) && Some(referrer) != host(&self.page))
    }
}

/// The parameters of a page's URL, in their order.
pub fn query(page: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let before = page.split('#').next().unwrap_or_default();
    form::pairs(before.split_once('?').map_or("", |(_, query)| query))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn params() -> Vec<String> {
        vec!["gclid".into(), "ScCid".into()]
    }

    #[test]
    fn campaign_and_click_ids_are_read_with_case_and_length_kept() {
        let source = read(
            "https://a.example/?utm_source=Face%20book&gclid=CjwKCAjw_aB-1&sccid=X&UTM_Term=t#utm_id=9",
            &params(),
        );
        assert_eq!(source.utm, [("utm_source".into(), "Face book".into()), ("utm_term".into(), "t".into())]);
        assert_eq!(source.click_ids, [("gclid".into(), "CjwKCAjw_aB-1".into()), ("ScCid".into(), "X".into())]);
    }

    #[test]
    fn empty_values_and_unexpanded_macros_are_no_source() {
        assert!(read("https://a.example/?utm_source=&gclid={gclid}", &params()).is_empty());
    }

    #[test]
    fn the_first_present_value_counts() {
        let source = read("https://a.example/?gclid=&gclid=1&gclid=2", &params());
        assert_eq!(source.click_ids, [("gclid".into(), "1".into())]);
    }

    #[test]
    fn a_referrer_on_another_host_is_a_source_and_one_s_own_is_not() {
        let arrival = |referrer: &str| Arrival { at: 0, page: "https://a.example/x".into(), referrer: referrer.into() };
        let own = ["blog.a.example".to_owned()];
        assert!(arrival("https://search.example/").has_source(&params(), &own));
        assert!(!arrival("https://A.example/y").has_source(&params(), &own));
        assert!(!arrival("https://blog.a.example/").has_source(&params(), &own));
        assert!(!arrival("").has_source(&params(), &own));
    }

    proptest! {
        #[test]
        fn any_page_url_is_read_without_a_panic(page in ".*") {
            let _ = read(&page, &params());
        }
    }
}
