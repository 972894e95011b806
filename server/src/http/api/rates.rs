//! Currency rates: what is known, and a file supplied by hand.

use super::shapes::time;
use crate::app::SharedApp;
use crate::audit;
use crate::http::error::Error;
use crate::http::operator::{Administrator, Operator};
use crate::http::request::{BodyError, body_within};
use crate::rates::ecb::MAX_BYTES;
use crate::rates::import::{ImportError, Imported, day_of, import};
use crate::rates::{BASE, DayRate, is_stale};
use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

/// Which rates are asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    day: Option<String>,
}

/// `GET /api/v1/rates`: the newest rates, or with `?day=` those that hold for that day.
pub(super) async fn list(
    _: Operator,
    State(app): State<SharedApp>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Error> {
    let today = day_of(app.now()).unwrap_or_default();
    let day = asked.day.as_deref().map(day_asked).transpose()?.unwrap_or(today);
    let newest = app.store.newest_rate_day().await?;
    let rates = app.store.rates_between(day, day).await?;
    let item = |row: &DayRate| {
        json!({
            "currency": row.currency.as_str(),
            "rate": row.rate.to_string(),
            "day": row.day.to_string(),
            "stale": is_stale(row.day, day),
        })
    };
    let attempt = app.rates.last();
    Ok(Json(json!({
        "base": BASE,
        "newest_day": newest.as_ref().map(|newest| newest.day.to_string()),
        "source": newest.as_ref().map(|newest| newest.source.as_str()),
        "received_at": newest.as_ref().and_then(|newest| time(newest.received_at)),
        "stale": newest.is_none_or(|newest| is_stale(newest.day, today)),
        "fetching": app.config.rates.is_on(),
        "tried_at": attempt.at.and_then(time),
        "error": attempt.error,
        "items": rates.iter().map(item).collect::<Vec<_>>(),
        "next": null,
    })))
}

/// `POST /api/v1/rates`: the body is a file of the ECB's.
pub(super) async fn take(
    Administrator(who): Administrator,
    State(app): State<SharedApp>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let file = body_within(MAX_BYTES, body).await.map_err(|error| match error {
        BodyError::TooLarge(_) => Error::TooLarge(format!("the file is longer than {} MB", MAX_BYTES / 1_000_000)),
        BodyError::Broken => Error::Invalid("the body broke off".into()),
    })?;
    match import(app.store.as_ref(), file, "supplied to the API", app.now()).await {
        Ok(imported) => {
            let told = imported_json(&imported);
            audit::note(&app, &who, None, "rates.supplied", told.clone()).await;
            Ok(Json(told))
        }
        Err(ImportError::File(error)) => Err(Error::Refused(error.to_string())),
        Err(ImportError::Store(error)) => Err(error.into()),
    }
}

fn imported_json(imported: &Imported) -> Value {
    json!({
        "from": imported.from.to_string(),
        "to": imported.to.to_string(),
        "rates": imported.rates,
        "added": imported.kept.added,
        "changed": imported.kept.changed,
    })
}

fn day_asked(text: &str) -> Result<Date, Error> {
    let day = text.parse().ok().filter(|_| text.len() == 10);
    day.ok_or_else(|| Error::Invalid("day must be like 2024-06-28".into()))
}
