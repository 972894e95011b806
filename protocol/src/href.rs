//! Where an `href` leads: host and path as a WHATWG URL parser reads them, without the weight of a full parser.
//!
//! `\` counts as `/`, user info and port are put aside, tabs and line breaks inside are dropped, dot segments are
//! resolved. Host names beyond ASCII are not mapped: such a link matches no rule by its host.
//! Source: the URL Standard, "basic URL parser", for special schemes.

use crate::form;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// The host (lower case, no trailing dot) and path (starting with `/`) that an http(s) link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host name or address, lower case, without port and user info.
    pub host: String,
    /// Path, always starting with `/`, dot segments resolved.
    pub path: String,
}

/// Removes what a URL parser drops at both ends: control characters and spaces.
pub fn trim(href: &str) -> &str {
    let is_kept = |byte: u8| byte > b' ';
    let first = href.bytes().position(is_kept).unwrap_or_default();
    let end = href.bytes().rposition(is_kept).map_or(first, |last| last + 1);
    href.get(first..end).unwrap_or_default()
}

/// Where `href` leads on a page whose base URL is `base`; `None` unless it is http or https.
pub fn target(href: &str, base: &str) -> Option<Target> {
    let href: String = trim(href).chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    let base_scheme = scheme(base).map(|(scheme, _)| scheme);
    match scheme(&href) {
        Some((scheme, rest)) if scheme == "http" || scheme == "https" => {
            if base_scheme.as_ref() == Some(&scheme) {
                relative(rest, base)
            } else {
                authority(rest.trim_start_matches(['/', '\\']))
            }
        }
        Some(_) => None,
        None => relative(&href, base),
    }
}

/// The lower-case scheme and what follows its colon.
fn scheme(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let mut bytes = scheme.bytes();
    (bytes.next()?.is_ascii_alphabetic() && bytes.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)))
        .then(|| (scheme.to_ascii_lowercase(), rest))
}

/// A reference without a scheme, or with the base's own (`https:/a` on an https page is a path).
fn relative(href: &str, base: &str) -> Option<Target> {
    let is_slash = |c: char| matches!(c, '/' | '\\');
    let mut ahead = href.chars();
    let (first, second) = (ahead.next(), ahead.next());
    if first.is_some_and(is_slash) && second.is_some_and(is_slash) {
        return authority(href.trim_start_matches(is_slash));
    }
    let (scheme, rest) = scheme(base)?;
    if scheme != "http" && scheme != "https" {
        return None;
    }
    let base = authority(rest.trim_start_matches(is_slash))?;
    let path = match first {
        None | Some('?' | '#') => base.path,
        Some(c) if is_slash(c) => resolve(path_of(href)),
        Some(_) => {
            let folder = base.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            resolve(&[folder, "/", path_of(href)].concat())
        }
    };
    Some(Target { host: base.host, path })
}

/// `user@host:port/path?query#fragment`.
fn authority(text: &str) -> Option<Target> {
    let end = text.find(['/', '\\', '?', '#']).unwrap_or(text.len());
    let (authority, rest) = text.split_at_checked(end)?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some((_, port)) if port.contains(']') => host,
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) => return None,
        None => host,
    };
    let host = percent_decoded(host).to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let forbidden = |c: char| c <= ' ' || "#/<>?@\\^|%".contains(c);
    if host.is_empty() || host.contains(forbidden) {
        return None;
    }
    Some(Target { host: host.to_owned(), path: resolve(path_of(rest)) })
}

fn percent_decoded(host: &str) -> String {
    if host.contains('%') { form::decode(&host.replace('+', "%2B")) } else { host.to_owned() }
}

fn path_of(text: &str) -> &str {
    text.split(['?', '#']).next().unwrap_or_default()
}

/// Resolves `.` and `..`, also where they are percent-encoded.
fn resolve(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split(['/', '\\']).peekable();
    if path.starts_with(['/', '\\']) {
        segments.next();
    }
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        match plain.as_str() {
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            "." if last => kept.push(""),
            "." => {}
            _ => kept.push(segment),
        }
    }
    ["/", &kept.join("/")].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: &str = "https://shop.example/blog/post?x#y";

    fn read(href: &str) -> Option<(String, String)> {
        target(href, BASE).map(|target| (target.host, target.path))
    }

    fn leads(href: &str, host: &str, path: &str) {
        assert_eq!(read(href), Some((host.into(), path.into())), "{href:?}");
    }

    #[test]
    fn absolute_links_lead_to_their_own_host() {
        leads("https://WWW.Example.com/a/b?c#d", "www.example.com", "/a/b");
        leads("http://example.com", "example.com", "/");
        leads("//example.com:8080/a", "example.com", "/a");
        leads("https://user:pw@example.com./a", "example.com", "/a");
        leads("https://[::1]:80/a", "[::1]", "/a");
    }

    #[test]
    fn tricks_with_user_info_and_backslashes_are_seen_through() {
        leads("https://good.example@evil.example/redir", "evil.example", "/redir");
        leads(r"https://evil.example\@good.example/redir", "evil.example", "/@good.example/redir");
        leads(r"\\evil.example\a", "evil.example", "/a");
        leads(r"https:\\evil.example\a", "evil.example", "/a");
        leads("http:evil.example/a", "evil.example", "/a");
        leads("https:///evil.example/a", "evil.example", "/a");
        leads("ht\ntps://ev\til.example/a", "evil.example", "/a");
        leads("https://%65vil.example/a", "evil.example", "/a");
    }

    #[test]
    fn relative_links_lead_to_the_page_s_host() {
        leads("/go/x?y", "shop.example", "/go/x");
        leads("go/x", "shop.example", "/blog/go/x");
        leads("../go/./x", "shop.example", "/go/x");
        leads("?q", "shop.example", "/blog/post");
        leads("https:/go", "shop.example", "/go");
        leads("/a/%2e%2E/b/", "shop.example", "/b/");
        leads("..", "shop.example", "/");
    }

    #[test]
    fn other_schemes_and_broken_hosts_lead_nowhere() {
        for href in ["javascript:void(0)", "mailto:a@b.example", "tel:1", "https://", "https://a b/", "https://a:x/"] {
            assert_eq!(read(href), None, "{href:?}");
        }
    }

    proptest! {
        #[test]
        fn any_href_is_read_without_a_panic(href in ".*", base in ".*") {
            let _ = target(&href, &base);
        }
    }
}
