//! One's own account: name, password, and where one is signed in.

use super::{SavedQuery, Tab, done, head};
use crate::app::SharedApp;
use crate::audit;
use crate::http::dashboard::head::Head;
use crate::http::dashboard::page::{self, PageAssets};
use crate::http::dashboard::when::Moment;
use crate::http::error::Error;
use crate::http::session::{Attempts, SameOrigin, Session, begin, hashed, is_right, waiting};
use crate::people;
use crate::store::{Key, User, UserChange};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// A session, as shown.
struct Entry {
    browser: String,
    began: Moment,
    seen: Moment,
    until: Moment,
    /// Whether it is the one that asks.
    is_this: bool,
}

#[derive(Template)]
#[template(path = "people_account.html")]
struct Account {
    assets: &'static PageAssets,
    head: Head,
    /// The person; nobody for the admin token and one-time links.
    user: Option<User>,
    who: String,
    role: &'static str,
    means: &'static str,
    sessions: Vec<Entry>,
    said: Option<&'static str>,
    problem: Option<String>,
}

impl Account {
    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_this)
    }
}

async fn account(app: &SharedApp, session: &Session) -> Result<Account, Error> {
    let who = &session.who;
    let user = match &who.user_id {
        Some(user_id) => app.store.user(user_id).await?,
        None => None,
    };
    let sessions = app.store.sessions_of(who.user_id.as_deref(), app.now()).await?;
    let entry = |key: Key| Entry {
        is_this: key.hash == session.key.hash,
        browser: key.browser.unwrap_or_else(|| "A browser that is not known".into()),
        began: Moment::of(key.made_at),
        seen: Moment::of(key.seen_at),
        until: Moment::of(key.until),
    };
    Ok(Account {
        assets: page::assets(),
        head: head(app, who, Tab::Account).await?,
        user,
        who: who.name.clone(),
        role: who.role.label(),
        means: who.role.means(),
        sessions: sessions.into_iter().map(entry).collect(),
        said: None,
        problem: None,
    })
}

pub(super) async fn show(
    session: Session,
    State(app): State<SharedApp>,
    Query(query): Query<SavedQuery>,
) -> Result<Response, Error> {
    let mut page = account(&app, &session).await?;
    page.said = match query.saved.as_deref() {
        Some("name") => Some("Saved."),
        Some("password") => {
            Some("The password is changed. You stay signed in here, and were signed out everywhere else.")
        }
        Some("sessions") => Some("The other sessions have ended."),
        _ => None,
    };
    page::render(StatusCode::OK, &page)
}

async fn refuse(app: &SharedApp, session: &Session, status: StatusCode, problem: String) -> Result<Response, Error> {
    let mut page = account(app, session).await?;
    page.problem = Some(problem);
    page::render(status, &page)
}

/// What is said to those who have no account of their own.
const NO_PERSON: &str =
    "Nothing was changed: the admin token and one-time links have no name and no password of their own.";

#[derive(Deserialize)]
pub(super) struct NameForm {
    #[serde(default)]
    name: String,
}

pub(super) async fn rename(
    _: SameOrigin,
    session: Session,
    State(app): State<SharedApp>,
    Form(form): Form<NameForm>,
) -> Result<Response, Error> {
    let Some(user_id) = &session.who.user_id else {
        return refuse(&app, &session, StatusCode::UNPROCESSABLE_ENTITY, NO_PERSON.into()).await;
    };
    let name = match people::name(&form.name) {
        Ok(name) => name,
        Err(unfit) => {
            let problem = format!("Not saved: {unfit}.");
            return refuse(&app, &session, StatusCode::UNPROCESSABLE_ENTITY, problem).await;
        }
    };
    app.store.change_user(user_id, UserChange::Name(name.clone())).await?;
    audit::note(&app, &session.who, None, "person.renamed", json!({ "name": name })).await;
    Ok(done("/account", "name"))
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    #[serde(default)]
    current: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

pub(super) async fn change_password(
    _: SameOrigin,
    session: Session,
    State(app): State<SharedApp>,
    Extension(attempts): Extension<Arc<Attempts>>,
    headers: HeaderMap,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Error> {
    let refused = |problem: String| refuse(&app, &session, StatusCode::UNPROCESSABLE_ENTITY, problem);
    let user = match &session.who.user_id {
        Some(user_id) => app.store.user(user_id).await?,
        None => None,
    };
    let Some(user) = user else { return refused(NO_PERSON.into()).await };
    if let Err(unfit) = people::fit_password(&form.password, &user.email) {
        return refused(format!("Not changed: {unfit}.")).await;
    }
    if form.password != form.again {
        return refused("Not changed: the two new passwords differ.".into()).await;
    }
    // Whoever finds a browser left alone must not try out passwords here either.
    if let Err(left) = attempts.begin(&user.email, app.now()) {
        let problem = format!("Not changed: too many wrong passwords. Wait {}.", waiting(left));
        return refuse(&app, &session, StatusCode::TOO_MANY_REQUESTS, problem).await;
    }
    if !is_right(form.current, user.password_hash.clone()).await? {
        return refused("Not changed: that is not your password so far.".into()).await;
    }
    attempts.forget(&user.email);
    app.store.change_user(&user.id, UserChange::Password(hashed(form.password).await?)).await?;
    audit::note(&app, &session.who, None, "password.set", json!({ "by": "the person" })).await;
    begin(&app, &headers, &session.who, "/account?saved=password").await
}

pub(super) async fn end_others(
    _: SameOrigin,
    session: Session,
    State(app): State<SharedApp>,
) -> Result<Response, Error> {
    let ended = app.store.end_other_sessions(session.who.user_id.as_deref(), &session.key.hash).await?;
    audit::note(&app, &session.who, None, "sessions.ended", json!({ "count": ended })).await;
    Ok(done("/account", "sessions"))
}
