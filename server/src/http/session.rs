//! Sessions: who is signed in, by a cookie of which only the hash is kept, and what their role lets them do.

mod attempts;
mod cookie;
mod links;
mod origin;
mod present;
mod sign_in;

use super::dashboard::page;
use super::error::Error;
use super::operator::{is_to_be_noted, token_hash};
use crate::app::SharedApp;
use crate::people::{Role, Who};
use crate::store::{Key, KeyKind, Millis};
use crate::vault::random;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

pub(super) use attempts::Attempts;
pub use links::{new_link_of, new_one_time_link};
pub use origin::SameOrigin;
pub(super) use present::{remember, who_is_here};
pub use sign_in::routes;
pub(super) use sign_in::{hashed, is_right, waiting};

/// How long a session lasts, in seconds.
const SESSION_SECONDS: i64 = 30 * 24 * 60 * 60;

/// Whoever has signed in: may look. Everybody else is led to the form.
#[derive(Debug)]
pub struct SignedIn(pub Who);

/// Whoever has signed in as analyst or owner: costs, saved reports, corrections, assigning, replays, resending.
#[derive(Debug)]
pub struct Analyst(pub Who);

/// Whoever has signed in as owner: settings, credentials of platforms, people, tokens, erasing, rotating ids.
#[derive(Debug)]
pub struct Owner(pub Who);

/// A session that is good, and whose it is.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) who: Who,
    pub(super) key: Key,
}

impl FromRequestParts<SharedApp> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Response> {
        let found = find(app, &parts.headers).await.map_err(IntoResponse::into_response)?;
        let session = found.ok_or_else(to_the_form)?;
        present::note(&session.who);
        Ok(session)
    }
}

impl FromRequestParts<SharedApp> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Response> {
        Ok(Self(Session::from_request_parts(parts, app).await?.who))
    }
}

impl FromRequestParts<SharedApp> for Analyst {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Response> {
        Ok(Self(at_least(Role::Analyst, parts, app).await?))
    }
}

impl FromRequestParts<SharedApp> for Owner {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Response> {
        Ok(Self(at_least(Role::Owner, parts, app).await?))
    }
}

async fn at_least(role: Role, parts: &mut Parts, app: &SharedApp) -> Result<Who, Response> {
    let who = Session::from_request_parts(parts, app).await?.who;
    if who.role >= role {
        return Ok(who);
    }
    let takes = if role == Role::Owner { "an owner" } else { "an analyst or an owner" };
    let sentence = format!(
        "This takes {takes}. You are signed in as {}, {}. An owner can change what you may do, under People.",
        who.name, who.role
    );
    Err(page::refuse(StatusCode::FORBIDDEN, "Not with your role", &sentence))
}

/// The session that a request's cookie names, if it is good.
async fn find(app: &SharedApp, headers: &HeaderMap) -> Result<Option<Session>, Error> {
    let Some(secret) = cookie::get(headers, &app.public_url) else { return Ok(None) };
    let now = app.now();
    let Some(key) = app.store.key(KeyKind::Session, &token_hash(secret), now).await? else { return Ok(None) };
    let who = match &key.user_id {
        None => Who::owner(&key.holder),
        Some(user_id) => match app.store.user(user_id).await? {
            Some(user) if !user.disabled => Who { name: user.email, role: user.role, user_id: Some(user.id) },
            _ => return Ok(None),
        },
    };
    if is_to_be_noted(Some(key.seen_at), now)
        && let Err(error) = app.store.see_session(&key.hash, now).await
    {
        // Looking goes on where writing fails.
        tracing::warn!(%error, "the use of a session was not noted");
    }
    Ok(Some(Session { who, key }))
}

fn to_the_form() -> Response {
    page::guarded(Redirect::to("/sign-in").into_response())
}

/// Begins a session and leads to this place. A secret that the browser had before opens nothing any more.
pub(super) async fn begin(app: &SharedApp, headers: &HeaderMap, who: &Who, to: &str) -> Result<Response, Error> {
    let now = app.now();
    end(app, headers, now).await?;
    let secret = secret().map_err(Error::broken)?;
    let key = Key {
        kind: KeyKind::Session,
        hash: token_hash(&secret),
        made_at: now,
        seen_at: now,
        until: now + SESSION_SECONDS * 1000,
        user_id: who.user_id.clone(),
        holder: who.name.clone(),
        browser: browser(headers),
    };
    if !app.store.add_key(key.clone()).await? {
        return Ok(to_the_form());
    }
    app.store.see_session(&key.hash, now + 1).await?;
    let mut response = page::guarded(Redirect::to(to).into_response());
    cookie::set(response.headers_mut(), &app.public_url, &secret, SESSION_SECONDS);
    Ok(response)
}

/// Ends the session that a request's cookie names; whose it was.
async fn end(app: &SharedApp, headers: &HeaderMap, now: Millis) -> Result<Option<Key>, Error> {
    let Some(secret) = cookie::get(headers, &app.public_url) else { return Ok(None) };
    Ok(app.store.take_key(KeyKind::Session, &token_hash(secret), now).await?)
}

/// The browser and its system in words, as far as the user agent says.
fn browser(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let found = woothee::parser::Parser::new().parse(agent)?;
    (found.name != "UNKNOWN").then(|| match found.os {
        "UNKNOWN" => found.name.to_owned(),
        os => format!("{} on {os}", found.name),
    })
}

/// 256 random bits in letters that need no escaping.
pub(super) fn secret() -> Result<String, crate::vault::VaultError> {
    Ok(BASE64.encode(random::<32>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_secret_has_256_bits_and_fits_a_cookie_and_a_url() {
        let secret = secret().unwrap();
        assert_eq!(secret.len(), 43);
        assert!(secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    }

    #[test]
    fn a_browser_is_told_roughly_and_nonsense_not_at_all() {
        let of = |agent: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
            browser(&headers)
        };
        let firefox = of("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
        assert_eq!(firefox.as_deref(), Some("Firefox on Linux"));
        assert_eq!(of("<script>alert(1)</script>"), None);
    }
}
