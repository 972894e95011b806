//! What the visitor's cookie holds, and what of it is left out where it does not fit. Pure.

use super::MAX_VALUE;
use tagwerk_protocol::event::field;
use tagwerk_protocol::form;
use tagwerk_protocol::source::Arrival;

/// Lengths that pages are cut to, until all fit.
const PAGE_LENGTHS: [usize; 7] = [1024, 512, 384, 256, 128, 64, 32];
/// When a page of the visit was last seen; the shim's own field.
pub(super) const SEEN: &str = "seen";

/// What the cookie holds.
pub(super) struct Record<'a> {
    pub(super) visit_id: &'a str,
    pub(super) seen: i64,
    pub(super) visitor_id: Option<&'a String>,
    pub(super) arrivals: [(&'static str, Option<Arrival>); 3],
}

impl Record<'_> {
    /// The text, with so much of it left out that it fits: referrers, then what pages hold besides their source, then pages' ends.
    pub(super) fn fitting(&self, click_params: &[String]) -> Option<String> {
        let whole = || self.text(true, str::to_owned);
        let bare = || self.text(false, str::to_owned);
        let essential = |page: &str| source_only(page, click_params);
        let short =
            PAGE_LENGTHS.iter().map(|length| self.text(false, |page| cut(&essential(page), *length).to_owned()));
        let mut texts = [whole(), bare(), self.text(false, essential)].into_iter().chain(short);
        texts.find(|text| text.len() <= MAX_VALUE)
    }

    fn text(&self, with_referrers: bool, shown: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        form::push(&mut text, field::VISIT_ID, self.visit_id);
        form::push(&mut text, SEEN, &self.seen.to_string());
        if let Some(visitor_id) = self.visitor_id {
            form::push(&mut text, field::VISITOR_ID, visitor_id);
        }
        for (prefix, arrival) in &self.arrivals {
            let Some(arrival) = arrival else { continue };
            form::push(&mut text, &[prefix, field::AT].concat(), &arrival.at.to_string());
            form::push(&mut text, &[prefix, field::PAGE].concat(), &shown(&arrival.page));
            if with_referrers && !arrival.referrer.is_empty() {
                form::push(&mut text, &[prefix, field::REFERRER].concat(), &arrival.referrer);
            }
        }
        text
    }
}

/// The address with only those parameters that a source is read from, and without its fragment.
pub(super) fn source_only(page: &str, click_params: &[String]) -> String {
    let page = page.split('#').next().unwrap_or_default();
    let Some((path, query)) = page.split_once('?') else { return page.to_owned() };
    let is_source = |pair: &&str| {
        let name = form::decode(pair.split('=').next().unwrap_or_default()).to_ascii_lowercase();
        name.starts_with("utm_") || click_params.iter().any(|param| param.eq_ignore_ascii_case(&name))
    };
    let kept: Vec<&str> = query.split('&').filter(is_source).collect();
    if kept.is_empty() { path.to_owned() } else { [path, "?", &kept.join("&")].concat() }
}

/// The beginning of an address. No parameter is cut in two, since half a click id is somebody else's, and no percent escape.
fn cut(page: &str, length: usize) -> &str {
    let (begin, rest) = page.split_at(page.floor_char_boundary(length));
    if rest.is_empty() {
        return page;
    }
    let whole = |end: Option<usize>| end.and_then(|end| begin.get(..end));
    if begin.contains('?') {
        let is_between = rest.starts_with('&');
        return if is_between { begin } else { whole(begin.rfind(['?', '&'])).unwrap_or_default() };
    }
    let escape = begin.rfind('%').filter(|at| at + 2 >= begin.len());
    whole(escape).unwrap_or(begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_never_cut_within_a_parameter_or_an_escape() {
        assert_eq!(cut("https://a/?gclid=123&utm_source=s", 20), "https://a/?gclid=123");
        assert_eq!(cut("https://a/?gclid=123&utm_source=s", 22), "https://a/?gclid=123");
        assert_eq!(cut("https://a/?gclid=123&utm_source=s", 19), "https://a/");
        assert_eq!(cut("https://a/%C3%A4", 12), "https://a/");
        assert_eq!(cut("https://a/%C3%A4", 13), "https://a/%C3");
        assert_eq!(cut("https://a/%C3%A4", 14), "https://a/%C3");
        assert_eq!(cut("https://a/\u{e4}", 11), "https://a/");
    }
}
