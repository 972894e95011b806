//! People: who may sign in, and what they may do.

use super::{RoleChoice, SavedQuery, Tab, done, head, roles};
use crate::app::{SharedApp, row_id};
use crate::audit;
use crate::http::dashboard::head::Head;
use crate::http::dashboard::page::{self, PageAssets};
use crate::http::dashboard::when::Moment;
use crate::http::error::Error;
use crate::http::session::{Owner, SameOrigin, new_link_of};
use crate::people::{self, Role, Unfit, Who};
use crate::store::{User, UserChange};
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

/// A person, as shown.
struct Person {
    id: String,
    email: String,
    name: String,
    state: Standing,
    last_seen: Option<Moment>,
    roles: Vec<RoleChoice>,
    /// Whether it is whoever looks.
    is_me: bool,
}

/// Whether somebody can sign in: the class and the words.
struct Standing {
    class: &'static str,
    said: &'static str,
}

fn person(user: User, who: &Who) -> Person {
    let state = match (user.disabled, user.password_hash.is_some()) {
        (true, _) => Standing { class: "stopped", said: "switched off" },
        (false, true) => Standing { class: "done", said: "active" },
        (false, false) => Standing { class: "waiting", said: "no password yet" },
    };
    Person {
        is_me: who.user_id.as_ref() == Some(&user.id),
        id: user.id,
        email: user.email,
        name: user.name,
        state,
        last_seen: user.last_seen_at.map(Moment::of),
        roles: roles(user.role),
    }
}

/// A link that was made just now.
struct FreshLink {
    email: String,
    link: String,
}

/// What somebody typed to add a person.
#[derive(Deserialize)]
pub(super) struct NewPerson {
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    assets: &'static PageAssets,
    head: Head,
    people: Vec<Person>,
    said: Option<&'static str>,
    problem: Option<String>,
    fresh: Option<FreshLink>,
    email: String,
    name: String,
    roles: Vec<RoleChoice>,
}

async fn people_page(app: &SharedApp, who: &Who) -> Result<PeoplePage, Error> {
    let people = app.store.users().await?.into_iter().map(|user| person(user, who)).collect();
    Ok(PeoplePage {
        assets: page::assets(),
        head: head(app, who, Tab::People).await?,
        people,
        said: None,
        problem: None,
        fresh: None,
        email: String::new(),
        name: String::new(),
        roles: roles(Role::ReadOnly),
    })
}

pub(super) async fn show(
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Query(query): Query<SavedQuery>,
) -> Result<Response, Error> {
    let mut page = people_page(&app, &who).await?;
    page.said = match query.saved.as_deref() {
        Some("role") => Some("The role is changed. Their sessions have ended; they sign in again."),
        Some("disabled") => Some("Switched off. Their sessions have ended."),
        Some("enabled") => Some("Switched on again."),
        Some("removed") => Some("Removed. Their sessions have ended; what they did stays in the audit trail."),
        _ => None,
    };
    page::render(StatusCode::OK, &page)
}

/// What a form says about a person, if it can be.
fn read(form: &NewPerson) -> Result<(String, String, Role), Unfit> {
    Ok((people::email(&form.email)?, people::name(&form.name)?, people::role(&form.role)?))
}

pub(super) async fn add(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Form(form): Form<NewPerson>,
) -> Result<Response, Error> {
    let problem = match read(&form) {
        Err(unfit) => unfit.to_string(),
        Ok((email, name, role)) => {
            let user = User {
                id: row_id(),
                email: email.clone(),
                name: name.clone(),
                role,
                password_hash: None,
                created_at: app.now(),
                last_seen_at: None,
                disabled: false,
            };
            let id = user.id.clone();
            if app.store.add_user(user).await? {
                let about = json!({ "email": email, "name": name, "role": role.as_str() });
                audit::note(&app, &who, None, "person.added", about).await;
                return show_link(&app, &who, &id, email).await;
            }
            format!("{email} is somebody's already; a new link for them is made in their row")
        }
    };
    let mut page = people_page(&app, &who).await?;
    page.problem = Some(format!("Nobody was added: {problem}."));
    page.roles = roles(Role::parse(&form.role).unwrap_or(Role::ReadOnly));
    (page.email, page.name) = (form.email, form.name);
    page::render(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

async fn show_link(app: &SharedApp, who: &Who, user_id: &str, email: String) -> Result<Response, Error> {
    let link = new_link_of(app.store.as_ref(), &app.public_url, app.now(), user_id).await?;
    let mut page = people_page(app, who).await?;
    page.fresh = Some(FreshLink { email, link });
    page::render(StatusCode::OK, &page)
}

/// The person, or a page that says there is none.
async fn existing(app: &SharedApp, user_id: &str) -> Result<Result<User, Response>, Error> {
    Ok(app.store.user(user_id).await?.ok_or_else(|| {
        page::refuse(
            StatusCode::NOT_FOUND,
            "There is no such person",
            "Somebody may have removed them meanwhile. The list under People shows who is there.",
        )
    }))
}

pub(super) async fn link(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(user_id): Path<String>,
) -> Result<Response, Error> {
    let user = match existing(&app, &user_id).await? {
        Ok(user) => user,
        Err(page) => return Ok(page),
    };
    if user.disabled {
        let mut page = people_page(&app, &who).await?;
        page.problem = Some(format!("No link was made: {} is switched off.", user.email));
        return page::render(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    audit::note(&app, &who, None, "person.link", json!({ "email": user.email })).await;
    show_link(&app, &who, &user.id, user.email).await
}

#[derive(Deserialize)]
pub(super) struct RoleForm {
    #[serde(default)]
    role: String,
}

pub(super) async fn change_role(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(user_id): Path<String>,
    Form(form): Form<RoleForm>,
) -> Result<Response, Error> {
    let user = match existing(&app, &user_id).await? {
        Ok(user) => user,
        Err(page) => return Ok(page),
    };
    let role = match people::role(&form.role) {
        Ok(role) => role,
        Err(unfit) => {
            let mut page = people_page(&app, &who).await?;
            page.problem = Some(format!("Nothing was changed: {unfit}."));
            return page::render(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
    };
    if role != user.role {
        app.store.change_user(&user.id, UserChange::Role(role)).await?;
        let about = json!({ "email": user.email, "role": { "before": user.role.as_str(), "after": role.as_str() } });
        audit::note(&app, &who, None, "person.role", about).await;
    }
    Ok(done("/people", "role"))
}

pub(super) async fn disable(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(user_id): Path<String>,
) -> Result<Response, Error> {
    switch(&app, &who, &user_id, true).await
}

pub(super) async fn enable(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(user_id): Path<String>,
) -> Result<Response, Error> {
    switch(&app, &who, &user_id, false).await
}

async fn switch(app: &SharedApp, who: &Who, user_id: &str, off: bool) -> Result<Response, Error> {
    let user = match existing(app, user_id).await? {
        Ok(user) => user,
        Err(page) => return Ok(page),
    };
    let (act, said) = if off { ("person.disabled", "disabled") } else { ("person.enabled", "enabled") };
    if user.disabled != off {
        app.store.change_user(&user.id, UserChange::Disabled(off)).await?;
        audit::note(app, who, None, act, json!({ "email": user.email })).await;
    }
    Ok(done("/people", said))
}

pub(super) async fn remove(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(user_id): Path<String>,
) -> Result<Response, Error> {
    let user = match existing(&app, &user_id).await? {
        Ok(user) => user,
        Err(page) => return Ok(page),
    };
    app.store.remove_user(&user.id).await?;
    audit::note(&app, &who, None, "person.removed", json!({ "email": user.email, "role": user.role.as_str() })).await;
    Ok(done("/people", "removed"))
}
