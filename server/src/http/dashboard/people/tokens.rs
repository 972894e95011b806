//! API tokens: made, shown once, revoked.

use super::{RoleChoice, SavedQuery, Tab, done, head, roles};
use crate::app::SharedApp;
use crate::http::dashboard::head::Head;
use crate::http::dashboard::page::{self, PageAssets};
use crate::http::dashboard::when::Moment;
use crate::http::error::Error;
use crate::http::operator::{new_token, revoke_token};
use crate::http::session::{Owner, SameOrigin};
use crate::people::{self, Role, Unfit, Who};
use crate::store::ApiToken;
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

/// A token, as shown: without itself.
struct Entry {
    id: String,
    name: String,
    role: &'static str,
    made: Moment,
    made_by: String,
    last_used: Option<Moment>,
}

fn entry(token: ApiToken) -> Entry {
    Entry {
        id: token.id,
        name: token.name,
        role: token.role.label(),
        made: Moment::of(token.created_at),
        made_by: token.created_by,
        last_used: token.last_used_at.map(Moment::of),
    }
}

/// A token that was made just now.
struct Fresh {
    name: String,
    token: String,
}

#[derive(Template)]
#[template(path = "people_tokens.html")]
struct TokensPage {
    assets: &'static PageAssets,
    head: Head,
    tokens: Vec<Entry>,
    revoked: bool,
    problem: Option<String>,
    fresh: Option<Fresh>,
    name: String,
    roles: Vec<RoleChoice>,
    api_url: String,
}

async fn tokens_page(app: &SharedApp, who: &Who) -> Result<TokensPage, Error> {
    Ok(TokensPage {
        assets: page::assets(),
        head: head(app, who, Tab::Tokens).await?,
        tokens: app.store.tokens().await?.into_iter().map(entry).collect(),
        revoked: false,
        problem: None,
        fresh: None,
        name: String::new(),
        roles: roles(Role::ReadOnly),
        api_url: format!("{}/api/v1/sites", app.public_url),
    })
}

pub(super) async fn show(
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Query(query): Query<SavedQuery>,
) -> Result<Response, Error> {
    let mut page = tokens_page(&app, &who).await?;
    page.revoked = query.saved.as_deref() == Some("revoked");
    page::render(StatusCode::OK, &page)
}

#[derive(Deserialize)]
pub(super) struct NewToken {
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
}

fn read(form: &NewToken) -> Result<(String, Role), Unfit> {
    Ok((people::name(&form.name)?, people::role(&form.role)?))
}

pub(super) async fn make(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Form(form): Form<NewToken>,
) -> Result<Response, Error> {
    match read(&form) {
        Ok((name, role)) => {
            let (_, token) = new_token(&app, &who, name.clone(), role).await?;
            let mut page = tokens_page(&app, &who).await?;
            page.fresh = Some(Fresh { name, token });
            page::render(StatusCode::OK, &page)
        }
        Err(unfit) => {
            let mut page = tokens_page(&app, &who).await?;
            page.problem = Some(format!("No token was made: {unfit}."));
            page.roles = roles(Role::parse(&form.role).unwrap_or(Role::ReadOnly));
            page.name = form.name;
            page::render(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

pub(super) async fn revoke(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(token_id): Path<String>,
) -> Result<Response, Error> {
    // One that somebody else has revoked meanwhile is as gone as it was meant to be.
    revoke_token(&app, &who, &token_id).await?;
    Ok(done("/tokens", "revoked"))
}
