//! What handlers read off a request: its body within bounds, and where it came from.

use super::error::Error;
use crate::app::App;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::net::{IpAddr, SocketAddr};

/// Why there is no body.
#[derive(Debug)]
pub enum BodyError {
    /// It is longer than the bound.
    TooLarge,
    /// The connection broke.
    Broken,
}

/// Reads the body, up to the configured bound.
///
/// # Errors
/// It is longer, or the connection broke.
pub async fn body(app: &App, body: Body) -> Result<Bytes, BodyError> {
    match Limited::new(body, app.config.limits.body_kb * 1000).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Broken),
    }
}

impl BodyError {
    /// The answer to the caller.
    pub fn sentence(&self, app: &App) -> Error {
        match self {
            BodyError::TooLarge => {
                Error::TooLarge(format!("the body is longer than {} kB (limits.body_kb)", app.config.limits.body_kb))
            }
            BodyError::Broken => Error::Invalid("the body broke off".into()),
        }
    }
}

/// The caller's address: the peer's, or what a trusted proxy says of it.
pub fn address(app: &App, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let trusted = &app.config.trusted_proxies;
    if !trusted.contains(&peer.ip()) {
        return peer.ip();
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> =
        forwarded.flat_map(|value| value.split(',')).filter_map(|hop| hop.trim().parse().ok()).collect();
    hops.iter().rev().find(|hop| !trusted.contains(hop)).copied().unwrap_or(peer.ip())
}

/// The country that a trusted proxy tells, as two letters in upper case.
pub fn country(app: &App, peer: SocketAddr, headers: &HeaderMap) -> Option<String> {
    let name = &app.config.country_header;
    if name.is_empty() || !app.config.trusted_proxies.contains(&peer.ip()) {
        return None;
    }
    let code = headers.get(name)?.to_str().ok()?;
    (code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic())).then(|| code.to_ascii_uppercase())
}

/// A header's text, or nothing.
pub fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
