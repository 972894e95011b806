//! How a page comes: by which way, as what, and what it says of referrers and of addresses without encryption. Pure.

use super::page::Page;
use crate::finding::{Finding, counted};
use tagwerk_inspect::report::{Link, Verdict};
use url::Url;

/// What a page's answer says about it.
#[derive(Debug, Clone, Default)]
pub struct Delivered {
    /// The addresses before the page's own, in order.
    pub before: Vec<Url>,
    /// The status.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The header `Referrer-Policy`.
    pub referrer_policy: Option<String>,
    /// Whether there is more of it than was read.
    pub is_cut: bool,
}

/// Referrer policies that browsers know.
const REFERRER_POLICIES: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "same-origin",
    "origin",
    "strict-origin",
    "origin-when-cross-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

/// Whether it is a page at all.
///
/// # Errors
/// It is none; says why and what to do.
pub fn is_page(answer: &Delivered) -> Result<(), Finding> {
    if !(200..300).contains(&answer.status) {
        let mend = match answer.status {
            401 | 403 | 407 | 429 => {
                "its server, or what stands in front of it, turns programs away: give --user-agent or --header what it wants"
            }
            _ => "look at the address",
        };
        return Err(Finding::error("page_status", format!("its server answers {}", answer.status), mend));
    }
    match answer.content_type.as_deref().filter(|kind| !kind.to_ascii_lowercase().contains("html")) {
        Some(kind) => {
            Err(Finding::error("page_type", format!("it is no page, but {kind}"), "give the address of a page"))
        }
        None => Ok(()),
    }
}

/// What there is to say about how the page came. `links` are those that could be a network's, `tag` is its server's origin.
pub fn judge(answer: &Delivered, page: &Page, links: &[Link], tag: Option<&Url>) -> Vec<Finding> {
    let mut found = Vec::new();
    if let (Some(first), last) = (answer.before.first(), &page.url) {
        let times = counted(answer.before.len(), "redirect", "redirects");
        let lost = first.query().is_some_and(|query| !last.query().unwrap_or_default().contains(query));
        found.push(if lost {
            Finding::warning(
                "page_redirect_drops",
                format!("{first} leads to {last} by {times}, which lose what stood behind the question mark: campaigns and ad click ids do not arrive"),
                "have the redirect keep the query, or advertise the address that it leads to",
            )
        } else {
            Finding::note("page_redirected", format!("{first} leads to {last} by {times}"), "")
        });
    }
    if let Some(to) = &page.refresh {
        let says = format!("the page sends visitors on to {to} by itself");
        found.push(Finding::note("page_refresh", says, "check the page that it leads to"));
    }
    if answer.is_cut || page.given_up {
        let says = "the page is larger, or nested deeper, than what is read, so its end was not looked at";
        found.push(Finding::note("page_cut", says, ""));
    }
    if page.unread > 0 {
        let says = format!("{} more were not looked at", counted(page.unread, "link", "links"));
        found.push(Finding::note("page_links_cut", says, ""));
    }
    found.extend(unencrypted(page, links));
    found.extend(referrer(answer, page, tag));
    found
}

/// Links of networks without encryption on a page that has it.
fn unencrypted(page: &Page, links: &[Link]) -> Option<Finding> {
    if page.url.scheme() != "https" {
        let says = "the page itself comes without encryption (http)";
        return Some(Finding::note("page_http", says, "serve it by https: browsers keep less for pages without"));
    }
    let is_plain = |link: &&Link| {
        let href = link.href.trim_start();
        link.verdict != Verdict::Left && href.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"))
    };
    let count = links.iter().filter(is_plain).count();
    (count > 0).then(|| {
        Finding::warning(
            "links_http",
            format!(
                "{} of a network without encryption (http)",
                counted(count, "link leads to a page", "links lead to pages")
            ),
            "write https:// in them: a redirect on the way may lose the click id, and anybody may read it",
        )
    })
}

/// A policy under which the browser hides the page's origin from the tag's server.
fn referrer(answer: &Delivered, page: &Page, tag: Option<&Url>) -> Option<Finding> {
    let header = answer.referrer_policy.as_deref().and_then(|value| {
        let mut words = value.split(',').map(|word| word.trim().to_ascii_lowercase());
        words.rfind(|word| REFERRER_POLICIES.contains(&word.as_str()))
    });
    let in_page = page.referrer.clone().map(|word| match word.as_str() {
        "never" => "no-referrer".to_owned(),
        _ => word,
    });
    let in_page = in_page.filter(|word| REFERRER_POLICIES.contains(&word.as_str()));
    let policy = in_page.or(header)?;
    if !matches!(policy.as_str(), "no-referrer" | "same-origin") {
        return None;
    }
    let other = tag.is_some_and(|tag| tag.origin() != page.url.origin());
    other.then(|| {
        Finding::note(
            "referrer_policy",
            format!("the page's referrer policy is {policy}: the last events of a visit, sent as it leaves, may be refused, and networks do not see where their visitors come from"),
            "set strict-origin-when-cross-origin, which is what browsers do by themselves",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::page;

    fn page(url: &str, html: &str) -> Page {
        page::read(html, &Url::parse(url).expect("a URL"), |_, _| true, || true)
    }

    fn words(answer: &Delivered, page: &Page, tag: Option<&str>) -> Vec<&'static str> {
        let tag = tag.map(|tag| Url::parse(tag).expect("a URL"));
        judge(answer, page, &[], tag.as_ref()).iter().map(|finding| finding.word).collect()
    }

    #[test]
    fn what_is_no_page_is_told_by_status_or_type() {
        let word = |status, kind: Option<&str>| {
            let answer = Delivered { status, content_type: kind.map(str::to_owned), ..Delivered::default() };
            is_page(&answer).map_err(|finding| finding.word)
        };
        assert_eq!(word(404, None), Err("page_status"));
        assert_eq!(word(200, Some("application/pdf")), Err("page_type"));
        assert_eq!(word(200, Some("text/html; charset=utf-8")), Ok(()));
        assert_eq!(word(200, None), Ok(()));
    }

    #[test]
    fn a_redirect_that_loses_the_query_is_told_apart_from_one_that_does_not() {
        let before = |url: &str| Delivered { before: vec![Url::parse(url).expect("a URL")], ..Delivered::default() };
        let kept = page("https://shop.example/a?gclid=x", "");
        assert_eq!(words(&before("https://shop.example/?gclid=x"), &kept, None), ["page_redirected"]);
        let lost = page("https://shop.example/a", "");
        assert_eq!(words(&before("https://shop.example/?gclid=x"), &lost, None), ["page_redirect_drops"]);
        assert_eq!(words(&before("https://shop.example/"), &lost, None), ["page_redirected"]);
    }

    #[test]
    fn a_policy_that_hides_the_origin_matters_where_the_server_is_another_origin() {
        let answer =
            Delivered { referrer_policy: Some("origin, no-referrer, nonsense".into()), ..Delivered::default() };
        let plain = page("https://shop.example/", "");
        assert_eq!(words(&answer, &plain, Some("https://t.example/x.js")), ["referrer_policy"]);
        assert_eq!(words(&answer, &plain, Some("https://shop.example/x.js")), [""; 0]);
        let overruled = page("https://shop.example/", "<meta name=referrer content=unsafe-url>");
        assert_eq!(words(&answer, &overruled, Some("https://t.example/x.js")), [""; 0]);
        let in_page = page("https://shop.example/", "<meta name=referrer content=never>");
        assert_eq!(words(&Delivered::default(), &in_page, Some("https://t.example/x.js")), ["referrer_policy"]);
    }
}
