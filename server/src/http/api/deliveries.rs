//! One delivery: its last request and answer, and sending it again.

use super::settings::existing;
use super::shapes::{answer_json, delivery_json, request_json};
use crate::app::{App, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::operator::{Changing, Operator};
use crate::masking::Masking;
use crate::outbox::opened;
use crate::people::Role;
use crate::store::{Again, DeliveryRow};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// A delivery with its last request, secrets redacted, and what was answered.
pub(super) async fn one(
    Operator(who): Operator,
    State(app): State<SharedApp>,
    Path((site_id, delivery_id)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    existing(&app, &site_id).await?;
    let (delivery, sealed) = app.store.delivery(&site_id, &delivery_id).await?.ok_or_else(no_delivery)?;
    Ok(Json(whole_seen(&app, &Masking::of(&app.groups, who.role), delivery, sealed)))
}

/// A delivery with its last request and answer, as far as they are kept and open.
pub(super) fn whole_json(app: &App, delivery: DeliveryRow, sealed: Option<Vec<u8>>) -> Value {
    whole_seen(app, &Masking::of(&app.groups, Role::Owner), delivery, sealed)
}

/// The same as somebody sees it.
fn whole_seen(app: &App, seen: &Masking, delivery: DeliveryRow, sealed: Option<Vec<u8>>) -> Value {
    let exchange = sealed.and_then(|sealed| opened(app, &delivery.id, &sealed)).map(|exchange| seen.masked(exchange));
    let mut json = delivery_json(seen.masked(delivery));
    if let Some(fields) = json.as_object_mut() {
        fields.insert("request".into(), exchange.as_ref().map(request_json).into());
        fields.insert("answer".into(), exchange.as_ref().map(answer_json).into());
    }
    json
}

/// Sends a delivery again, whatever became of it, under the same event id; answers with it as it waits then.
pub(super) async fn replay(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path((site_id, delivery_id)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Value>), Error> {
    existing(&app, &site_id).await?;
    let count = app.store.send_again(&site_id, Again::One(delivery_id.clone()), app.now()).await?;
    app.outbox.ring();
    let (delivery, _) = app.store.delivery(&site_id, &delivery_id).await?.ok_or_else(no_delivery)?;
    if count == 0 {
        return Err(Error::Refused(super::platforms::switched_off(&delivery.platform)));
    }
    let about = json!({ "platform": delivery.platform, "delivery_id": delivery.id, "count": count });
    audit::note(&app, &who, Some(&site_id), "delivery.resent", about).await;
    Ok((StatusCode::ACCEPTED, Json(delivery_json(delivery))))
}

fn no_delivery() -> Error {
    Error::NotFound("there is no such delivery".into())
}
