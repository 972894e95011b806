//! What handlers read off a request: its body within bounds, and where it came from.

use super::error::Error;
use crate::app::App;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Why a body is not whole.
#[derive(Debug)]
pub enum BodyError {
    /// It is longer than the bound; this is how it begins.
    TooLarge(Vec<u8>),
    /// The connection broke.
    Broken,
}

/// Reads the body, up to the configured bound.
///
/// # Errors
/// It is longer, or the connection broke.
pub async fn body(app: &App, body: Body) -> Result<Vec<u8>, BodyError> {
    body_within(app.config.limits.body_kb * 1000, body).await
}

/// Reads the body, up to so many bytes.
///
/// # Errors
/// It is longer, or the connection broke.
pub async fn body_within(limit: usize, mut body: Body) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        bytes.extend_from_slice(&data);
        if bytes.len() > limit {
            bytes.truncate(limit);
            return Err(BodyError::TooLarge(bytes));
        }
    }
    Ok(bytes)
}

impl BodyError {
    /// The answer to the caller.
    pub fn sentence(&self, app: &App) -> Error {
        match self {
            BodyError::TooLarge(_) => {
                Error::TooLarge(format!("the body is longer than {} kB (limits.body_kb)", app.config.limits.body_kb))
            }
            BodyError::Broken => Error::Invalid("the body broke off".into()),
        }
    }
}

/// The caller's address: the peer's, or what trusted proxies say of it. Read from the right; what stands left of the first
/// hop that is not trusted, or does not read, anybody could have written.
pub fn address(app: &App, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    caller(&app.config.trusted_proxies, peer.ip(), headers)
}

fn caller(trusted: &[IpAddr], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut caller = peer.to_canonical();
    let headers: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default()).collect();
    for hop in headers.iter().rev().flat_map(|value| value.rsplit(',')) {
        if !trusted.contains(&caller) {
            break;
        }
        let hop = hop.trim();
        let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
        let Some(address) = hop.parse::<IpAddr>().ok().or_else(with_port) else { break };
        caller = address.to_canonical();
    }
    caller
}

/// What counts as one caller where requests are counted: an IPv4 address, or the /64 that one IPv6 caller has at hand.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// The country that a trusted proxy tells, as two letters in upper case.
pub fn country(app: &App, peer: SocketAddr, headers: &HeaderMap) -> Option<String> {
    let name = &app.config.country_header;
    if name.is_empty() || !app.config.trusted_proxies.contains(&peer.ip().to_canonical()) {
        return None;
    }
    let code = headers.get(name)?.to_str().ok()?;
    (code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic())).then(|| code.to_ascii_uppercase())
}

/// A header's text, or nothing.
pub fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    fn caller_of(peer: &str, forwarded: &[&'static str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", header::HeaderValue::from_static(value));
        }
        caller(&[ip("10.0.0.1"), ip("10.0.0.2")], ip(peer), &headers)
    }

    #[test]
    fn a_peer_that_is_not_trusted_speaks_for_itself_alone() {
        assert_eq!(caller_of("203.0.113.9", &["198.51.100.1"]), ip("203.0.113.9"));
    }

    #[test]
    fn the_last_hop_that_is_not_trusted_is_the_caller() {
        assert_eq!(caller_of("10.0.0.1", &["9.9.9.9, 198.51.100.1, 10.0.0.2"]), ip("198.51.100.1"));
        assert_eq!(caller_of("10.0.0.1", &["9.9.9.9", "198.51.100.1:5555"]), ip("198.51.100.1"));
        assert_eq!(caller_of("::ffff:10.0.0.1", &["[2001:db8::1]:80"]), ip("2001:db8::1"));
    }

    #[test]
    fn a_hop_that_does_not_read_vouches_for_nothing_before_it() {
        assert_eq!(caller_of("10.0.0.1", &["9.9.9.9, unknown"]), ip("10.0.0.1"));
    }

    #[test]
    fn addresses_of_one_household_count_as_one() {
        let of = |text: &str| network(ip(text));
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
