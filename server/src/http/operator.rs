//! The operator, known by the bearer token.

use super::error::Error;
use super::request::header_text;
use crate::app::SharedApp;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Whoever sent the admin token.
#[derive(Debug)]
pub struct Operator;

/// The hash under which a token, a link's code or a session is kept.
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// Whether this is the admin token, compared in constant time.
///
/// # Errors
/// The store is not available.
pub async fn is_admin_token(app: &SharedApp, token: &str) -> Result<bool, Error> {
    let kept = app.store.admin_token_hash().await?;
    Ok(kept.is_some_and(|kept| kept.ct_eq(&token_hash(token)).into()))
}

impl FromRequestParts<SharedApp> for Operator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Error> {
        let sent = header_text(&parts.headers, header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        match sent {
            Some(token) if is_admin_token(app, token).await? => Ok(Self),
            Some(_) => Err(Error::Unauthorized("this is not the admin token; `tagwerk token` makes a new one".into())),
            None => Err(Error::Unauthorized("send the admin token: Authorization: Bearer ...".into())),
        }
    }
}
