//! People, tokens and the trail.

use super::part;
use super::shapes::time;
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::operator::{Administrator, Changing, new_token, revoke_token};
use crate::http::request;
use crate::people::{self, Role, Unfit};
use crate::store::{ApiToken, Deed, DeedFilter, Place, User};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tagwerk_protocol::form;

/// The parameters of the trail.
pub(super) const OF_TRAIL: [&str; 5] = ["limit", "after", "site_id", "who", "act"];

/// Everybody who may sign in, by address.
pub(super) async fn people(_: Administrator, State(app): State<SharedApp>) -> Result<Json<Value>, Error> {
    let items: Vec<Value> = app.store.users().await?.into_iter().map(user_json).collect();
    Ok(Json(json!({ "items": items, "next": null })))
}

/// Every token, newest first, without itself.
pub(super) async fn tokens(_: Administrator, State(app): State<SharedApp>) -> Result<Json<Value>, Error> {
    let items: Vec<Value> = app.store.tokens().await?.into_iter().map(token_json).collect();
    Ok(Json(json!({ "items": items, "next": null })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: String,
    role: String,
}

/// Makes a token; the answer is the one place where it stands.
pub(super) async fn make_token(
    Administrator(who): Administrator,
    State(app): State<SharedApp>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Error> {
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    // By way of an object: a list in its place would be read by position.
    let asked: NewToken = serde_json::from_slice::<Map<String, Value>>(&body)
        .and_then(|fields| serde_json::from_value(fields.into()))
        .map_err(|error| {
            let example = r#"{"name": "spreadsheet", "role": "read_only"}"#;
            Error::Invalid(format!("the body must be like {example}: {error}"))
        })?;
    let read = || -> Result<(String, Role), Unfit> { Ok((people::name(&asked.name)?, people::role(&asked.role)?)) };
    let (name, role) = read().map_err(|unfit| Error::Refused(unfit.to_string()))?;
    let (token, secret) = new_token(&app, &who, name, role).await?;
    let mut json = token_json(token);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("token".into(), secret.into());
    }
    Ok((StatusCode::CREATED, Json(json)))
}

/// Revokes a token at once.
pub(super) async fn remove_token(
    Administrator(who): Administrator,
    State(app): State<SharedApp>,
    Path(token_id): Path<String>,
) -> Result<StatusCode, Error> {
    if revoke_token(&app, &who, &token_id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound("there is no such token".into()))
    }
}

/// The trail, newest first, in parts.
pub(super) async fn audit(
    _: Changing,
    State(app): State<SharedApp>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Error> {
    let (filter, after, limit) = asked(query.as_deref().unwrap_or_default()).map_err(Error::Invalid)?;
    let part = app.store.deeds(filter, after, limit).await?;
    let items: Vec<Value> = part.items.into_iter().map(deed_json).collect();
    Ok(Json(json!({ "items": items, "next": part.next })))
}

fn asked(query: &str) -> Result<(DeedFilter, Option<Place>, usize), String> {
    let mut sent: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form::pairs(query) {
        if !OF_TRAIL.contains(&name.as_str()) {
            return Err(format!("the trail knows no {name:?}; it knows {}", OF_TRAIL.join(", ")));
        }
        if value.is_empty() {
            return Err(format!("{name} must not be empty"));
        }
        // No stored text has this character, and an engine may not take it.
        if value.contains('\0') {
            return Err(format!("{name} must not have a null character in it"));
        }
        if sent.insert(name.clone(), value).is_some() {
            return Err(format!("{name} stands there twice"));
        }
    }
    let after = sent.remove("after").map(|cursor| Place::parse(&cursor)).transpose();
    let filter = DeedFilter { site_id: sent.remove("site_id"), who: sent.remove("who"), act: sent.remove("act") };
    Ok((
        filter,
        after.map_err(|_| "after must be the `next` of the part before")?,
        part::limit(sent.remove("limit").as_deref())?,
    ))
}

fn user_json(user: User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role.as_str(),
        "has_password": user.password_hash.is_some(),
        "disabled": user.disabled,
        "created_at": time(user.created_at),
        "last_seen_at": user.last_seen_at.and_then(time),
    })
}

fn token_json(token: ApiToken) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "role": token.role.as_str(),
        "created_at": time(token.created_at),
        "created_by": token.created_by,
        "last_used_at": token.last_used_at.and_then(time),
    })
}

/// A deed of the trail.
pub(super) fn deed_json(deed: Deed) -> Value {
    json!({
        "id": deed.id,
        "at": time(deed.at),
        "who": deed.who,
        "user_id": deed.user_id,
        "site_id": deed.site_id,
        "act": deed.act,
        "about": deed.about,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trail_is_asked_for_by_names_it_knows_once_each() {
        let (filter, after, limit) = asked("who=admin+token&limit=7&after=12_0190-a").expect("it reads");
        assert_eq!(filter, DeedFilter { who: Some("admin token".into()), ..DeedFilter::default() });
        assert_eq!((after.map(|place| place.at), limit), (Some(12), 7));
        for query in ["whom=a", "who=a&who=b", "who=", "limit=0", "limit=1001", "after=x", "who=%00"] {
            assert!(asked(query).is_err(), "{query}");
        }
    }
}
