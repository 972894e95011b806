//! Where a write came from: only our own pages may make one, whatever cookies a browser sends along.

use crate::app::SharedApp;
use crate::http::dashboard::page;
use crate::http::request::header_text;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request that one of our own pages made.
#[derive(Debug)]
pub struct SameOrigin;

impl FromRequestParts<SharedApp> for SameOrigin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Response> {
        let text = |name| header_text(&parts.headers, name);
        let host = text(header::HOST).or(parts.uri.authority().map(|authority| authority.as_str()));
        if is_own(text(header::ORIGIN), text(SEC_FETCH_SITE), host, &app.public_url) {
            return Ok(Self);
        }
        let sentence =
            "This request did not come from one of this server's own pages. Open the dashboard and try again there.";
        Err(page::refuse(StatusCode::FORBIDDEN, "Not from here", sentence))
    }
}

/// Whether a request with these headers comes from a page of ours. Every browser sends `Origin` with a form's POST;
/// where it is missing, `Sec-Fetch-Site` must say so. A request with neither was made by no page of ours.
fn is_own(origin: Option<&str>, fetch_site: Option<&str>, host: Option<&str>, public_url: &str) -> bool {
    match origin {
        Some(origin) => {
            let of_host = origin.split_once("://").map(|(_, host)| host).filter(|host| !host.is_empty());
            origin.eq_ignore_ascii_case(public_url)
                || matches!((of_host, host), (Some(from), Some(to)) if from.eq_ignore_ascii_case(to))
        }
        None => fetch_site == Some("same-origin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "https://t.example";

    #[test]
    fn the_public_url_and_the_host_asked_are_our_own() {
        assert!(is_own(Some("https://t.example"), None, None, PUBLIC));
        assert!(is_own(Some("http://127.0.0.1:8080"), None, Some("127.0.0.1:8080"), PUBLIC));
    }

    #[test]
    fn another_page_is_not_our_own_whatever_else_it_says() {
        for origin in
            ["https://evil.example", "null", "", "https://t.example.evil.example", "://", "http://127.0.0.1:9"]
        {
            assert!(!is_own(Some(origin), Some("same-origin"), Some("127.0.0.1:8080"), PUBLIC), "{origin}");
        }
    }

    #[test]
    fn without_an_origin_only_a_same_origin_fetch_is_our_own() {
        assert!(is_own(None, Some("same-origin"), None, PUBLIC));
        for site in [None, Some("same-site"), Some("cross-site"), Some("none")] {
            assert!(!is_own(None, site, Some("t.example"), PUBLIC), "{site:?}");
        }
    }
}
