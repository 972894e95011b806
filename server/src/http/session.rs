//! Signing in and out: by the admin token or by a one-time link; a cookie keeps the session. Only hashes are stored.

mod cookie;
mod origin;

use super::dashboard::page::{self, PageAssets};
use super::error::Error;
use super::operator::{is_admin_token, token_hash};
use super::request::{address, network};
use crate::app::SharedApp;
use crate::store::{KeyKind, Millis, Operators, StoreError};
use crate::vault::random;
use askama::Template;
use axum::extract::{ConnectInfo, Form, FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

pub use origin::SameOrigin;

/// How long a session lasts.
const SESSION_SECONDS: i64 = 30 * 24 * 60 * 60;
/// How long a one-time link may wait to be used.
const LINK_SECONDS: i64 = 24 * 60 * 60;
/// Attempts to sign in, per address and minute.
const ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// Addresses after which those that have gone quiet are forgotten.
const FORGET_AT: usize = 10_000;

type Attempts = DefaultKeyedRateLimiter<IpAddr>;

/// The routes of signing in and out.
pub fn routes() -> Router<SharedApp> {
    let attempts: Arc<Attempts> = Arc::new(RateLimiter::keyed(Quota::per_minute(ATTEMPTS)));
    Router::new()
        .route("/sign-in", get(form).post(sign_in).layer(Extension(attempts)))
        .route("/sign-out", post(sign_out))
}

/// Whoever has signed in. Everybody else is led to the form.
#[derive(Debug)]
pub struct SignedIn;

impl FromRequestParts<SharedApp> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Response> {
        let Some(session) = cookie::get(&parts.headers, &app.public_url) else { return Err(to_the_form()) };
        match app.store.has_key(KeyKind::Session, &token_hash(session), app.now()).await {
            Ok(true) => Ok(Self),
            Ok(false) => Err(to_the_form()),
            Err(error) => Err(Error::from(error).into_response()),
        }
    }
}

fn to_the_form() -> Response {
    page::guarded(Redirect::to("/sign-in").into_response())
}

/// Makes a link that signs in once, within a day.
///
/// # Errors
/// The store does not take it, or the system gives no randomness.
pub async fn new_one_time_link(
    store: &(impl Operators + Sync + ?Sized),
    public_url: &str,
    now: Millis,
) -> Result<String, StoreError> {
    let code = secret().map_err(|error| StoreError::Unavailable(error.into()))?;
    store.add_key(KeyKind::OneTimeLink, token_hash(&code), now + LINK_SECONDS * 1000).await?;
    Ok(format!("{public_url}/sign-in?code={code}"))
}

/// 256 random bits in letters that need no escaping.
fn secret() -> Result<String, crate::vault::VaultError> {
    Ok(BASE64.encode(random::<32>()?))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    assets: &'static PageAssets,
    code: Option<String>,
    problem: Option<&'a str>,
}

#[derive(Deserialize)]
struct CodeQuery {
    code: Option<String>,
}

/// Shows the form, or for a one-time link its button: programs that look at links before people do must not use it up.
async fn form(Query(query): Query<CodeQuery>) -> Result<Response, Error> {
    page::render(StatusCode::OK, &SignIn { assets: page::assets(), code: query.code, problem: None })
}

#[derive(Deserialize)]
struct SignInForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    code: String,
}

async fn sign_in(
    _: SameOrigin,
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(attempts): Extension<Arc<Attempts>>,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Result<Response, Error> {
    let refuse =
        |status, problem| page::render(status, &SignIn { assets: page::assets(), code: None, problem: Some(problem) });
    if attempts.len() > FORGET_AT {
        attempts.retain_recent();
    }
    if attempts.check_key(&network(address(&app, peer, &headers))).is_err() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "Too many attempts from your address. Wait a minute.");
    }
    let (good, problem) = if form.code.is_empty() {
        let problem = "That is not the admin token.";
        (is_admin_token(&app, form.token.trim()).await?, problem)
    } else {
        let problem = "This link was used before, or is older than a day.";
        (app.store.take_key(KeyKind::OneTimeLink, &token_hash(&form.code), app.now()).await?, problem)
    };
    if !good {
        tracing::warn!("a sign-in was refused");
        return refuse(StatusCode::UNAUTHORIZED, problem);
    }
    let session = secret()?;
    app.store.add_key(KeyKind::Session, token_hash(&session), app.now() + SESSION_SECONDS * 1000).await?;
    let mut response = page::guarded(Redirect::to("/").into_response());
    cookie::set(response.headers_mut(), &app.public_url, &session, SESSION_SECONDS);
    Ok(response)
}

async fn sign_out(_: SameOrigin, State(app): State<SharedApp>, headers: HeaderMap) -> Result<Response, Error> {
    if let Some(session) = cookie::get(&headers, &app.public_url) {
        app.store.take_key(KeyKind::Session, &token_hash(session), app.now()).await?;
    }
    let mut response = to_the_form();
    cookie::set(response.headers_mut(), &app.public_url, "", 0);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_256_bits_and_fits_a_cookie_and_a_url() {
        let secret = secret().unwrap();
        assert_eq!(secret.len(), 43);
        assert!(secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    }
}
