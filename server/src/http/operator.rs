//! Programs, known by the bearer token they send: the admin token, or a token with a role.

use super::error::Error;
use super::request::header_text;
use super::session::secret;
use crate::app::{SharedApp, row_id};
use crate::audit;
use crate::people::{Role, Who};
use crate::store::{ApiToken, Millis};
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How much later a use has to be than the last that was noted, in milliseconds, to be noted itself.
const NOTED_EVERY: Millis = 60_000;

/// Whoever sent a token that counts: may read.
#[derive(Debug)]
pub struct Operator(pub Who);

/// Whoever sent the token of an analyst or owner: may work with what is there.
#[derive(Debug)]
pub struct Changing(pub Who);

/// Whoever sent the token of an owner: may do everything. The admin token is one.
#[derive(Debug)]
pub struct Administrator(pub Who);

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

/// Whether a use now is to be noted after this one.
pub(super) fn is_to_be_noted(last: Option<Millis>, now: Millis) -> bool {
    last.is_none_or(|last| now - last >= NOTED_EVERY)
}

/// Makes a token, writes down that it was made, and gives it: it is shown this once.
///
/// # Errors
/// The store does not take it, or the system gives no randomness.
pub(super) async fn new_token(
    app: &SharedApp,
    who: &Who,
    name: String,
    role: Role,
) -> Result<(ApiToken, String), Error> {
    let secret = format!("tagwerk_{}", secret().map_err(Error::broken)?);
    let token = ApiToken {
        id: row_id(),
        name,
        role,
        hash: token_hash(&secret),
        created_at: app.now(),
        created_by: who.name.clone(),
        last_used_at: None,
    };
    app.store.add_token(token.clone()).await?;
    audit::note(app, who, None, "token.made", json!({ "name": token.name, "role": role.as_str() })).await;
    Ok((token, secret))
}

/// Revokes a token at once, and writes it down; `false` where there is none.
///
/// # Errors
/// The store does not take it.
pub(super) async fn revoke_token(app: &SharedApp, who: &Who, id: &str) -> Result<bool, Error> {
    let Some(token) = app.store.remove_token(id).await? else { return Ok(false) };
    audit::note(app, who, None, "token.revoked", json!({ "name": token.name, "role": token.role.as_str() })).await;
    Ok(true)
}

async fn bearer(parts: &Parts, app: &SharedApp) -> Result<Who, Error> {
    let sent = header_text(&parts.headers, header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let Some(sent) = sent else {
        return Err(Error::Unauthorized("send a token: Authorization: Bearer ...".into()));
    };
    if is_admin_token(app, sent).await? {
        return Ok(Who::owner("admin token"));
    }
    let Some(token) = app.store.token(&token_hash(sent)).await? else {
        let sentence = "this is neither the admin token nor one of the API tokens; it may have been revoked";
        return Err(Error::Unauthorized(sentence.into()));
    };
    let now = app.now();
    if is_to_be_noted(token.last_used_at, now)
        && let Err(error) = app.store.use_token(&token.id, now).await
    {
        // What a token is for goes on where writing fails.
        tracing::warn!(%error, "the use of a token was not noted");
    }
    Ok(Who { name: format!("token: {}", token.name), role: token.role, user_id: None })
}

async fn at_least(role: Role, parts: &Parts, app: &SharedApp) -> Result<Who, Error> {
    let who = bearer(parts, app).await?;
    if who.role >= role {
        return Ok(who);
    }
    let takes = if role == Role::Owner { "an owner" } else { "an analyst or owner" };
    Err(Error::Forbidden(format!("this takes the token of {takes}; this one is {}", who.role)))
}

impl FromRequestParts<SharedApp> for Operator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Error> {
        Ok(Self(bearer(parts, app).await?))
    }
}

impl FromRequestParts<SharedApp> for Changing {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Error> {
        Ok(Self(at_least(Role::Analyst, parts, app).await?))
    }
}

impl FromRequestParts<SharedApp> for Administrator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Error> {
        Ok(Self(at_least(Role::Owner, parts, app).await?))
    }
}
