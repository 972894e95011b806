//! The ad platforms of a site: how each stands, a test event, letting one go on, sending again.

use super::settings::existing;
use super::shapes::{overview_json, trial_json};
use crate::app::{App, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::operator::{Administrator, Changing, Operator};
use crate::http::request;
use crate::outbox::overview::overview;
use crate::outbox::trial;
use crate::platforms;
use crate::settings::SiteSettings;
use crate::store::{Again, DeliveryState};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// What can be sent again all at once. What waits is sent anyway.
pub(super) const REPLAYED: [DeliveryState; 4] =
    [DeliveryState::Refused, DeliveryState::Expired, DeliveryState::Stopped, DeliveryState::Delivered];
/// The longest name of a type in a test event, in characters.
pub(super) const LONGEST_TYPE: usize = 100;

/// What a test event is of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    #[serde(rename = "type", default = "purchase")]
    kind: String,
}

fn purchase() -> String {
    "Purchase".to_owned()
}

/// Which deliveries are sent again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    state: String,
}

/// Every platform that is known, whether or not it is set up.
pub(super) async fn list(
    _: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Json<Value>, Error> {
    let settings = SiteSettings::of(&existing(&app, &site_id).await?)?;
    let outlets = app.store.outlets(&site_id).await?;
    let items: Vec<Value> = overview(&settings, &outlets, app.now()).iter().map(overview_json).collect();
    Ok(Json(json!({ "items": items, "next": null })))
}

/// Sends a test event at once; answers with what was sent and what came of it.
pub(super) async fn test(
    Administrator(who): Administrator,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let Test { kind } = sent(&app, body, r#"{"type": "Purchase"}"#).await?;
    if kind.trim().is_empty() || kind.chars().count() > LONGEST_TYPE {
        return Err(Error::Invalid(format!("type must be a name of at most {LONGEST_TYPE} characters")));
    }
    let settings = SiteSettings::of(&existing(&app, &site_id).await?)?;
    is_known(&name)?;
    let trial = trial::send(&app, &site_id, &settings, &name, &kind).await;
    let about = json!({ "platform": name, "type": kind, "sent": trial.is_ok() });
    audit::note(&app, &who, Some(&site_id), "platform.tested", about).await;
    let trial = trial.map_err(Error::Refused)?;
    Ok(Json(trial_json(trial)))
}

/// Lets a platform go on that is stopped or waits.
pub(super) async fn resume(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    existing(&app, &site_id).await?;
    is_known(&name)?;
    if !app.store.resume(&site_id, &name, app.now()).await? {
        return Err(Error::Refused(switched_off(&name)));
    }
    app.outbox.ring();
    audit::note(&app, &who, Some(&site_id), "platform.resumed", json!({ "platform": name })).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends every delivery of a platform again that is in a state; answers with how many they are.
pub(super) async fn replay(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let Which { state } = sent(&app, body, r#"{"state": "refused"}"#).await?;
    let Some(state) = REPLAYED.into_iter().find(|known| known.as_str() == state) else {
        let known = REPLAYED.map(DeliveryState::as_str).join(", ");
        return Err(Error::Invalid(format!("state must be one of {known}")));
    };
    let settings = SiteSettings::of(&existing(&app, &site_id).await?)?;
    is_known(&name)?;
    let is_on = settings.platforms.get(&name).is_some_and(|said| said.get("enabled") == Some(&Value::Bool(true)));
    if !is_on {
        return Err(Error::Refused(switched_off(&name)));
    }
    let count = app.store.send_again(&site_id, Again::All(name.clone(), state), app.now()).await?;
    app.outbox.ring();
    let about = json!({ "platform": name, "state": state.as_str(), "count": count });
    audit::note(&app, &who, Some(&site_id), "platform.resent", about).await;
    Ok(Json(json!({ "count": count })))
}

/// Why nothing goes to a platform, and what to do.
pub(super) fn switched_off(name: &str) -> String {
    format!("{name} is switched off; set platforms.{name}.enabled to true first")
}

fn is_known(name: &str) -> Result<(), Error> {
    match platforms::find(name) {
        Some(_) => Ok(()),
        None => Err(Error::NotFound("there is no such platform; the list of platforms names them".into())),
    }
}

/// Reads a body that is an object; none at all is an empty one.
async fn sent<T: DeserializeOwned>(app: &App, body: Body, example: &str) -> Result<T, Error> {
    let body = request::body(app, body).await.map_err(|error| error.sentence(app))?;
    // By way of an object: a list in its place would be read by position.
    let fields = if body.is_empty() { Ok(Map::new()) } else { serde_json::from_slice::<Map<String, Value>>(&body) };
    fields
        .and_then(|fields| serde_json::from_value(fields.into()))
        .map_err(|error| Error::Invalid(format!("the body must be like {example}: {error}")))
}
