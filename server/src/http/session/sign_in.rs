//! Signing in, by e-mail and password, by the admin token or by a one-time link; and signing out.

use super::{Attempts, SameOrigin, begin, cookie, end, to_the_form};
use crate::app::SharedApp;
use crate::audit;
use crate::http::dashboard::page::{self, PageAssets};
use crate::http::error::Error;
use crate::http::operator::{is_admin_token, token_hash};
use crate::http::request::address;
use crate::people::{self, Who, password};
use crate::store::{Key, KeyKind, Millis, User, UserChange};
use askama::Template;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

/// What somebody is called in the trail who is not known, or not yet.
const NOBODY: &str = "somebody";
/// Hashing takes memory: so many at once, and the others wait.
static HASHING: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);

/// The routes of signing in and out.
pub fn routes() -> Router<SharedApp> {
    Router::new().route("/sign-in", get(form).post(sign_in)).route("/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    assets: &'static PageAssets,
    /// Whether there are people, who sign in by their address.
    people: bool,
    email: &'a str,
    code: Option<&'a str>,
    /// Whose password the link sets.
    person: Option<&'a User>,
    problem: Option<&'a str>,
}

impl SignIn<'_> {
    async fn new(app: &SharedApp) -> Result<Self, Error> {
        let people = !app.store.users().await?.is_empty();
        Ok(Self { assets: page::assets(), people, email: "", code: None, person: None, problem: None })
    }

    fn refused(&self, status: StatusCode) -> Result<Response, Error> {
        page::render(status, self)
    }
}

#[derive(Deserialize)]
struct CodeQuery {
    code: Option<String>,
}

/// Shows the form, or for a one-time link its button: programs that look at links before people do must not use it up.
async fn form(State(app): State<SharedApp>, Query(query): Query<CodeQuery>) -> Result<Response, Error> {
    let mut form = SignIn::new(&app).await?;
    let person = match &query.code {
        Some(code) => person_of(&app, app.store.key(KeyKind::OneTimeLink, &token_hash(code), app.now()).await?).await?,
        None => None,
    };
    form.code = query.code.as_deref();
    form.person = person.as_ref();
    page::render(StatusCode::OK, &form)
}

async fn person_of(app: &SharedApp, key: Option<Key>) -> Result<Option<User>, Error> {
    Ok(match key.and_then(|key| key.user_id) {
        Some(user_id) => app.store.user(&user_id).await?,
        None => None,
    })
}

#[derive(Deserialize)]
struct SignInForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

async fn sign_in(
    _: SameOrigin,
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(attempts): Extension<Arc<Attempts>>,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Result<Response, Error> {
    let from = address(&app, peer, &headers).to_string();
    if !attempts.may_try(&app, peer, &headers) {
        let mut page = SignIn::new(&app).await?;
        page.problem = Some("Too many attempts from your address. Wait a minute.");
        return page.refused(StatusCode::TOO_MANY_REQUESTS);
    }
    let attempt = Attempt { app: &app, attempts: &attempts, headers: &headers, from: &from };
    if !form.code.is_empty() {
        attempt.by_link(&form).await
    } else if !form.token.trim().is_empty() {
        attempt.by_token(&form.token).await
    } else {
        attempt.by_password(&form).await
    }
}

/// One attempt to sign in.
struct Attempt<'a> {
    app: &'a SharedApp,
    attempts: &'a Attempts,
    headers: &'a HeaderMap,
    /// The address it came from.
    from: &'a str,
}

impl Attempt<'_> {
    async fn by_token(&self, token: &str) -> Result<Response, Error> {
        if is_admin_token(self.app, token.trim()).await? {
            return self.let_in(&Who::owner("admin token"), "admin token").await;
        }
        self.refuse(&Who::owner(NOBODY), "wrong admin token").await?;
        let mut page = SignIn::new(self.app).await?;
        page.problem = Some("That is not the admin token.");
        page.refused(StatusCode::UNAUTHORIZED)
    }

    async fn by_link(&self, form: &SignInForm) -> Result<Response, Error> {
        let (app, now) = (self.app, self.app.now());
        let hash = token_hash(&form.code);
        let found = app.store.key(KeyKind::OneTimeLink, &hash, now).await?;
        if let Some(user) = person_of(app, found).await? {
            return self.set_password(form, &hash, &user).await;
        }
        match app.store.take_key(KeyKind::OneTimeLink, &hash, now).await? {
            Some(key) if key.user_id.is_none() => self.let_in(&Who::owner(&key.holder), "one-time link").await,
            _ => self.used_up().await,
        }
    }

    async fn used_up(&self) -> Result<Response, Error> {
        self.refuse(&Who::owner(NOBODY), "link that is used up or too old").await?;
        let mut page = SignIn::new(self.app).await?;
        page.problem = Some("This link was used before, or is older than a day.");
        page.refused(StatusCode::UNAUTHORIZED)
    }

    /// A person's link is used up by the password it sets, and not by one that cannot be.
    async fn set_password(&self, form: &SignInForm, hash: &[u8], user: &User) -> Result<Response, Error> {
        let app = self.app;
        let problem = if user.disabled {
            Some("This account is switched off. An owner can switch it on again, under People.".to_owned())
        } else if let Err(unfit) = people::fit_password(&form.password, &user.email) {
            Some(format!("Not set: {unfit}."))
        } else if form.password != form.again {
            Some("Not set: the two passwords differ.".to_owned())
        } else {
            None
        };
        if let Some(problem) = problem {
            let mut page = SignIn::new(app).await?;
            page.code = Some(&form.code);
            page.person = Some(user);
            page.problem = Some(&problem);
            return page.refused(StatusCode::UNPROCESSABLE_ENTITY);
        }
        let hashed = hashed(form.password.clone()).await?;
        if app.store.take_key(KeyKind::OneTimeLink, hash, app.now()).await?.is_none() {
            return self.used_up().await;
        }
        app.store.change_user(&user.id, UserChange::Password(hashed)).await?;
        self.attempts.forget(&user.email);
        let who = who(user);
        audit::note(app, &who, None, "password.set", json!({ "by": "link" })).await;
        self.let_in(&who, "one-time link").await
    }

    async fn by_password(&self, form: &SignInForm) -> Result<Response, Error> {
        let app = self.app;
        // What is no address at all is nobody's, and takes as long.
        let email = people::email(&form.email).unwrap_or_default();
        if let Err(left) = self.attempts.begin(&email, app.now()) {
            return self.wait(&form.email, left).await;
        }
        let user = app.store.user_by_email(&email).await?;
        let kept = user.as_ref().filter(|user| !user.disabled).and_then(|user| user.password_hash.clone());
        let is_right = is_right(form.password.clone(), kept).await?;
        if let (true, Some(user)) = (is_right, &user) {
            self.attempts.forget(&email);
            return self.let_in(&who(user), "password").await;
        }
        // Who is not known is not named: people type passwords where addresses belong.
        let whom = user.as_ref().map_or_else(|| Who::owner(NOBODY), who);
        self.refuse(&whom, if user.is_some() { "wrong password" } else { "unknown e-mail" }).await?;
        let mut page = SignIn::new(app).await?;
        page.email = &form.email;
        page.problem = Some("E-mail or password is wrong.");
        page.refused(StatusCode::UNAUTHORIZED)
    }

    async fn wait(&self, email: &str, left: Millis) -> Result<Response, Error> {
        let problem = format!("Too many wrong passwords for this account. Wait {}, then try again.", waiting(left));
        let mut page = SignIn::new(self.app).await?;
        page.email = email;
        page.problem = Some(&problem);
        let mut response = page.refused(StatusCode::TOO_MANY_REQUESTS)?;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds(left)));
        Ok(response)
    }

    async fn let_in(&self, who: &Who, by: &str) -> Result<Response, Error> {
        let response = begin(self.app, self.headers, who, "/").await?;
        audit::note(self.app, who, None, "sign_in", self.about("by", by)).await;
        Ok(response)
    }

    async fn refuse(&self, who: &Who, why: &str) -> Result<(), Error> {
        self.attempts.note(self.app, who, self.about("why", why)).await;
        Ok(())
    }

    fn about(&self, name: &str, word: &str) -> Value {
        json!({ name: word, "address": self.from, "browser": super::browser(self.headers) })
    }
}

/// A person, as the trail names them.
fn who(user: &User) -> Who {
    Who { name: user.email.clone(), role: user.role, user_id: Some(user.id.clone()) }
}

/// Milliseconds in seconds, rounded up.
fn seconds(left: Millis) -> i64 {
    left.saturating_add(999) / 1000
}

/// How long somebody has to wait, as people say it.
pub(crate) fn waiting(left: Millis) -> String {
    match seconds(left) {
        1 => "a second".into(),
        short @ ..=90 => format!("{short} seconds"),
        long => format!("{} minutes", long.saturating_add(59) / 60),
    }
}

/// Hashes a password where waiting does no harm.
pub(crate) async fn hashed(text: String) -> Result<String, Error> {
    let _turn = HASHING.acquire().await.map_err(Error::broken)?;
    tokio::task::spawn_blocking(move || password::hash(&text)).await.map_err(Error::broken)?.map_err(Error::broken)
}

/// Whether a password is the one that was hashed, found out where waiting does no harm.
pub(crate) async fn is_right(text: String, kept: Option<String>) -> Result<bool, Error> {
    if text.chars().count() > people::LONGEST_PASSWORD {
        return Ok(false);
    }
    let _turn = HASHING.acquire().await.map_err(Error::broken)?;
    tokio::task::spawn_blocking(move || password::is_right(&text, kept.as_deref())).await.map_err(Error::broken)
}

async fn sign_out(_: SameOrigin, State(app): State<SharedApp>, headers: HeaderMap) -> Result<Response, Error> {
    let found = super::find(&app, &headers).await?;
    end(&app, &headers, app.now()).await?;
    if let Some(session) = found {
        audit::note(&app, &session.who, None, "sign_out", json!({})).await;
    }
    let mut response = to_the_form();
    cookie::set(response.headers_mut(), &app.public_url, "", 0);
    Ok(response)
}
