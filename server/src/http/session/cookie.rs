//! The cookie that keeps an operator signed in.

use axum::http::{HeaderMap, HeaderValue, header};
use url::{Host, Url};

/// Accepted by browsers only with `Secure`, without `Domain` and for the whole host: nobody else can set it.
const HOST_COOKIE: &str = "__Host-tagwerk";
// Not `tagwerk`: that one is the visitor's.
const PLAIN_COOKIE: &str = "tagwerk-session";

/// The cookies that a session goes by, for a server that is reached by this URL.
///
/// Over https it is the `__Host-` one. Over plain http a browser refuses `Secure` cookies, save for the machine's own
/// address in Chromium and Firefox; Safari refuses them there as well. So the machine's own address gets both, and any
/// other plain one, where nothing is kept from a listener anyway, the plain one.
fn names(public_url: &str) -> &'static [&'static str] {
    let url = Url::parse(public_url).ok();
    match url.as_ref().map(|url| (url.scheme(), url.host())) {
        Some(("https", _)) => &[HOST_COOKIE],
        Some((_, Some(host))) if is_this_machine(&host) => &[HOST_COOKIE, PLAIN_COOKIE],
        _ => &[PLAIN_COOKIE],
    }
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Sets a session's cookies for so many seconds; 0 removes them.
pub(super) fn set(headers: &mut HeaderMap, public_url: &str, session: &str, seconds: i64) {
    for name in names(public_url) {
        let secure = if *name == HOST_COOKIE { "; Secure" } else { "" };
        let cookie = format!("{name}={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

/// The session that a request's cookies name.
pub(super) fn get<'a>(headers: &'a HeaderMap, public_url: &str) -> Option<&'a str> {
    names(public_url).iter().find_map(|name| {
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_for(public_url: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        set(&mut headers, public_url, "S", 60);
        headers.get_all(header::SET_COOKIE).into_iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn over_https_the_cookie_is_the_host_s_alone() {
        assert_eq!(
            set_for("https://t.example"),
            ["__Host-tagwerk=S; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"]
        );
    }

    #[test]
    fn over_plain_http_on_another_host_it_is_not_secure_since_it_would_be_refused() {
        assert_eq!(set_for("http://t.example"), ["tagwerk-session=S; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"]);
    }

    #[test]
    fn the_machine_s_own_address_gets_both_and_either_signs_in() {
        for url in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1"] {
            assert_eq!(set_for(url).len(), 2, "{url}");
        }
        for sent in ["__Host-tagwerk=S", "a=b; tagwerk-session=S"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(sent));
            assert_eq!(get(&headers, "http://127.0.0.1:8080"), Some("S"), "{sent}");
        }
    }

    #[test]
    fn over_https_a_plain_cookie_that_a_neighbour_may_have_set_counts_for_nothing() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("tagwerk-session=S; x__Host-tagwerk=S"));
        assert_eq!(get(&headers, "https://t.example"), None);
    }
}
