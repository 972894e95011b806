//! What an answer says about where to go next, as a browser would read it: a redirecting status with its `Location`, or a page with
//! `<meta http-equiv=refresh>`. Pure: everything in here comes from strangers.

use url::Url;

/// Longest URL that is gone to, in bytes.
pub const LONGEST_URL: usize = 4096;
/// How much of a page is read in search of a redirect, in bytes.
pub const LONGEST_PAGE: usize = 16_384;
/// A page that shows itself for longer than this, in seconds, is a page, whatever it does then.
const LONGEST_WAIT: f64 = 10.0;

/// The parts of an answer that may lead on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The header `Location`.
    pub location: Option<&'a [u8]>,
    /// The beginning of the body, where it is a page.
    pub page: &'a [u8],
}

/// Why a way ends without a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// A sentence.
    pub reason: String,
    /// Whether it would end the same way tomorrow.
    pub lasting: bool,
}

impl End {
    /// An end that stays so.
    pub fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasting: true }
    }

    /// An end that may be another one soon.
    pub fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasting: false }
    }
}

/// Whether the body of an answer with this status and content type can lead on.
pub fn is_page(status: u16, content_type: Option<&str>) -> bool {
    (200..300).contains(&status) && content_type.is_none_or(|kind| kind.to_ascii_lowercase().contains("html"))
}

/// Where an answer to `url` leads.
///
/// # Errors
/// Nowhere, or to what is not followed.
pub fn next(url: &Url, answer: &Answer<'_>) -> Result<Url, End> {
    let host = url.host_str().unwrap_or_default();
    match answer.status {
        301 | 302 | 303 | 307 | 308 => match answer.location {
            Some(location) => resolve(url, &String::from_utf8_lossy(location)),
            None => Err(End::lasting(format!("{host} answered {} without saying where to", answer.status))),
        },
        200..=299 => match refresh(&String::from_utf8_lossy(answer.page)) {
            Some(target) => resolve(url, &target),
            None => Err(End::lasting(format!("it ends at {host}, which redirects no further"))),
        },
        // Who is told to go away, to prove something or to come later may be told otherwise another time.
        401 | 403 | 407 | 408 | 425 | 429 | 500.. => Err(End::passing(format!("{host} answered {}", answer.status))),
        status => Err(End::lasting(format!("{host} answered {status}"))),
    }
}

fn resolve(base: &Url, target: &str) -> Result<Url, End> {
    let host = base.host_str().unwrap_or_default();
    let url = base.join(target).map_err(|_| End::lasting(format!("{host} redirects to what is no URL")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(End::lasting(format!("{host} redirects to {}:, which is not followed", url.scheme())));
    }
    if url.as_str().len() > LONGEST_URL {
        return Err(End::lasting(format!("{host} redirects to a URL of more than {LONGEST_URL} bytes")));
    }
    Ok(url)
}

/// Where the first `<meta http-equiv=refresh>` of a page leads. Source: the HTML Standard, "shared declarative refresh steps".
pub fn refresh(page: &str) -> Option<String> {
    let mut rest = page;
    loop {
        rest = rest.get(rest.find('<')?..)?;
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->")?.1;
            continue;
        }
        rest = rest.strip_prefix('<')?;
        let is_meta = rest.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("meta"));
        let Some(tag) = rest.get(4..).filter(|tag| is_meta && tag.starts_with(is_space_or_slash)) else { continue };
        let (attributes, after) = attributes(tag);
        rest = after;
        let value = |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        if !value("http-equiv").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("refresh")) {
            continue;
        }
        if let Some(target) = value("content").and_then(refresh_target) {
            return Some(target);
        }
    }
}

fn is_space_or_slash(c: char) -> bool {
    c.is_ascii_whitespace() || c == '/'
}

/// The attributes of a tag, names in lower case, and what follows it.
fn attributes(tag: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    let mut rest = tag;
    loop {
        rest = rest.trim_start_matches(is_space_or_slash);
        let end = rest.find(|c: char| is_space_or_slash(c) || c == '>' || c == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
        if name.is_empty() && !rest.starts_with('=') {
            return (found, rest.strip_prefix('>').unwrap_or(rest));
        }
        let Some(after) = rest.strip_prefix('=') else { continue };
        let after = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => after.get(1..).unwrap_or_default().split_once(quote).unwrap_or((after, "")),
            None => {
                let end = after.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(after.len());
                after.split_at_checked(end).unwrap_or((after, ""))
            }
        };
        rest = after;
        found.push((name.to_ascii_lowercase(), unescaped(value)));
    }
}

/// The URL in the `content` of a `<meta http-equiv=refresh>`: `0; url=...`. Nothing where the page shows itself first.
pub fn refresh_target(content: &str) -> Option<String> {
    let content = content.trim_start();
    let end = content.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(content.len());
    let (seconds, rest) = content.split_at_checked(end)?;
    if !seconds.starts_with('.') && seconds.split('.').next()?.parse::<f64>().ok()? > LONGEST_WAIT {
        return None;
    }
    let is_space = |c: char| c.is_ascii_whitespace();
    let rest = rest.trim_start_matches(is_space);
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest).trim_start_matches(is_space);
    let url = match rest.get(..3) {
        Some(word) if word.eq_ignore_ascii_case("url") => {
            let after = rest.get(3..)?.trim_start_matches(is_space);
            after.strip_prefix('=').map_or(rest, |url| url.trim_start_matches(is_space))
        }
        _ => rest,
    };
    let quote = url.chars().next().filter(|c| matches!(c, '"' | '\''));
    let url = match quote {
        Some(quote) => url.get(1..)?.split(quote).next()?,
        None => url,
    };
    let url = url.trim();
    (!url.is_empty()).then(|| url.to_owned())
}

/// Resolves the character references that stand in URLs.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let reference = after.split_once(';').filter(|(name, _)| name.len() <= 8);
        match reference.and_then(|(name, after)| Some((character(name)?, after))) {
            Some((character, after)) => {
                text.push(character);
                rest = after;
            }
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "lt" => Some('<'),
        "gt" => Some('>'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base() -> Url {
        Url::parse("https://shop.example/go/x").expect("a URL")
    }

    fn redirect(status: u16, location: &str) -> Result<String, End> {
        let answer = Answer { status, location: Some(location.as_bytes()), page: b"" };
        next(&base(), &answer).map(String::from)
    }

    fn page(body: &str) -> Option<String> {
        let answer = Answer { status: 200, location: None, page: body.as_bytes() };
        next(&base(), &answer).map(String::from).ok()
    }

    #[test]
    fn every_redirecting_status_leads_to_its_location() {
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(redirect(status, "/y?a=%E9&b=x+y").as_deref(), Ok("https://shop.example/y?a=%E9&b=x+y"));
        }
        assert_eq!(redirect(302, "//n.example/a").as_deref(), Ok("https://n.example/a"));
        assert_eq!(redirect(302, " http://n.example\\a ").as_deref(), Ok("http://n.example/a"));
    }

    #[test]
    fn what_is_not_http_is_not_followed() {
        for location in
            ["file:///etc/passwd", "javascript:alert(1)", "data:text/html,x", "mailto:a@b.example", "http://"]
        {
            let end = redirect(302, location).expect_err(location);
            assert!(end.lasting && end.reason.contains("shop.example"), "{end:?}");
        }
        assert!(redirect(302, &format!("/{}", "x".repeat(LONGEST_URL))).is_err());
    }

    #[test]
    fn an_answer_without_a_redirect_ends_the_way() {
        let of = |status: u16| next(&base(), &Answer { status, ..Answer::default() }).expect_err("the end");
        for status in [200, 204, 300, 302, 304, 400, 404, 410] {
            assert!(of(status).lasting, "{status}");
        }
        for status in [401, 403, 408, 429, 500, 502, 503, 999] {
            assert!(!of(status).lasting, "{status}");
        }
    }

    #[test]
    fn a_page_that_refreshes_leads_on() {
        for body in [
            r#"<html><head><meta http-equiv="refresh" content="0;url=https://n.example/a?b=1&amp;c=2">"#,
            "<META HTTP-EQUIV=Refresh CONTENT='3; URL=https://n.example/a?b=1&#38;c=2'/>",
            "<meta content=\"0, https://n.example/a?b=1&c=2\"\nhttp-equiv='refresh'>",
            "<meta charset=utf-8><meta http-equiv=refresh content=\"0;url='https://n.example/a?b=1&c=2' x\">",
            "<noscript><meta name=x http-equiv=refresh content=0;url=https://n.example/a?b=1&#x26;c=2></noscript>",
            "a < b <metal> <meta/http-equiv=refresh content='.5 ;url = https://n.example/a?b=1&c=2'>",
        ] {
            assert_eq!(page(body).as_deref(), Some("https://n.example/a?b=1&c=2"), "{body}");
        }
    }

    #[test]
    fn a_page_that_stays_leads_nowhere() {
        for body in [
            "",
            "<p>refresh</p>",
            "<meta http-equiv=refresh content=5>",
            "<meta http-equiv=refresh content='300;url=/next'>",
            "<meta http-equiv=content-type content='0;url=/next'>",
            "<!-- <meta http-equiv=refresh content='0;url=/next'> -->",
            "<meta http-equiv=refresh",
        ] {
            assert_eq!(page(body), None, "{body}");
        }
    }

    #[test]
    fn only_pages_are_read() {
        assert!(is_page(200, Some("Text/HTML; charset=utf-8")) && is_page(200, None));
        assert!(!is_page(200, Some("application/pdf")) && !is_page(302, Some("text/html")));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_a_panic(status in 100u16..1000, location in any::<Vec<u8>>(), page in any::<Vec<u8>>()) {
            let answer = Answer { status, location: Some(&location), page: &page };
            if let Ok(url) = next(&base(), &answer) {
                prop_assert!(matches!(url.scheme(), "http" | "https") && url.as_str().len() <= LONGEST_URL);
            }
        }

        #[test]
        fn any_page_is_read_without_a_panic(page in "[<>!=/'\"&;#a-z0-9 -]*(<meta http-equiv=refresh content=)?[<>!=/'\"&;#.url0-9 -]*") {
            let _ = refresh(&page);
        }

        #[test]
        fn a_refresh_leads_where_it_says(path in "[a-z0-9/?=%+._~-]{1,40}", seconds in 0u8..=10) {
            let body = format!("<p>x<meta http-equiv=\"refresh\" content=\"{seconds}; url=/{path}\">");
            prop_assert_eq!(refresh(&body), Some(format!("/{path}")));
        }
    }
}
