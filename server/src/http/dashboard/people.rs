//! People, tokens, the trail and one's own account: the pages that belong to the server, not to a site.

mod account;
mod list;
mod tokens;
mod trail;

use super::head::{Head, SiteLink, TabLink, name};
use super::page;
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::people::{Role, Who};
use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

/// The routes of these pages.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/people", get(list::show).post(list::add))
        .route("/people/{user_id}/role", post(list::change_role))
        .route("/people/{user_id}/link", post(list::link))
        .route("/people/{user_id}/disable", post(list::disable))
        .route("/people/{user_id}/enable", post(list::enable))
        .route("/people/{user_id}/remove", post(list::remove))
        .route("/tokens", get(tokens::show).post(tokens::make))
        .route("/tokens/{token_id}/revoke", post(tokens::revoke))
        .route("/audit", get(trail::show))
        .route("/account", get(account::show))
        .route("/account/name", post(account::rename))
        .route("/account/password", post(account::change_password))
        .route("/account/sessions", post(account::end_others))
}

/// What was done just now: an address that a form leads back to says it.
#[derive(Deserialize)]
struct SavedQuery {
    saved: Option<String>,
}

/// The pages of the server, in the order in which they are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Account,
    People,
    Tokens,
    Audit,
}

impl Tab {
    const ALL: [Self; 4] = [Self::Account, Self::People, Self::Tokens, Self::Audit];

    fn label(self) -> &'static str {
        match self {
            Tab::Account => "Account",
            Tab::People => "People",
            Tab::Tokens => "API tokens",
            Tab::Audit => "Audit trail",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Tab::Account => "/account",
            Tab::People => "/people",
            Tab::Tokens => "/tokens",
            Tab::Audit => "/audit",
        }
    }

    /// The lowest role that sees the page.
    fn role(self) -> Role {
        match self {
            Tab::Account => Role::ReadOnly,
            Tab::Audit => Role::Analyst,
            Tab::People | Tab::Tokens => Role::Owner,
        }
    }
}

/// What stands at the top of these pages: every site, and the pages that whoever is signed in may see.
async fn head(app: &SharedApp, who: &Who, here: Tab) -> Result<Head, Error> {
    let sites = app.store.sites().await?;
    let sites = sites.iter().map(|site| SiteLink { site_id: site.site_id.clone(), name: name(site) }).collect();
    let tabs = Tab::ALL.into_iter().filter(|tab| who.role >= tab.role());
    let tabs = tabs.map(|tab| TabLink { label: tab.label(), href: tab.path().into(), is_here: tab == here }).collect();
    Ok(Head { site_id: String::new(), name: "This server".into(), sites, tabs, who: Some(who.clone()) })
}

/// Leads back to a page that says what was done.
fn done(path: &str, said: &str) -> Response {
    page::guarded(Redirect::to(&format!("{path}?saved={said}")).into_response())
}

/// A role that can be chosen.
struct RoleChoice {
    word: &'static str,
    label: &'static str,
    means: &'static str,
    chosen: bool,
}

/// The roles, with this one chosen.
fn roles(chosen: Role) -> Vec<RoleChoice> {
    let choice = |role: Role| RoleChoice {
        word: role.as_str(),
        label: role.label(),
        means: role.means(),
        chosen: role == chosen,
    };
    Role::ALL.into_iter().map(choice).collect()
}
