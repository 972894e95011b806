//! What was spent on ads: costs by hand, and from files.

use super::sent_file::{self, whole};
use super::settings::existing;
use super::shapes::time;
use crate::app::{SharedApp, row_id};
use crate::audit;
use crate::costs::columns::Meaning;
use crate::costs::file::{Choices, Line, MAX_BYTES};
use crate::costs::{Cost, FIRST, LAST, Said, written};
use crate::http::error::Error;
use crate::http::operator::{Changing, Operator};
use crate::http::request;
use crate::http::spending::{Looked, days, look, take, totals};
use crate::settings::SiteSettings;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tagwerk_protocol::form;

/// Costs of a part when no limit is asked for, and most of them.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Most costs and lines that a dry run tells one by one.
const SHOWN: usize = 500;

/// A cost.
pub(super) fn cost_json(cost: &Cost) -> Value {
    json!({
        "id": cost.id,
        "first_day": cost.first_day.to_string(),
        "last_day": cost.last_day.to_string(),
        "dimensions": cost.dimensions,
        "amount": written(cost.amount),
        "currency": cost.currency,
        "source": cost.source,
        "note": cost.note,
        "added_at": time(cost.added_at),
    })
}

/// `GET .../costs`: those that touch the days asked for, the latest first.
pub(super) async fn list(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Error> {
    existing(&app, &site_id).await?;
    let mut sent = sent(query.as_deref(), &["from", "to", "limit", "after"])?;
    let from = sent.remove("from").map_or(Ok(FIRST), |text| day("from", &text))?;
    let to = sent.remove("to").map_or(Ok(LAST), |text| day("to", &text))?;
    let limit = match sent.remove("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .ok_or_else(|| Error::Invalid(format!("limit must be a number from 1 to {MAX_LIMIT}")))?,
    };
    let after = sent.remove("after").map(|text| place(&text)).transpose()?;
    let mut costs = app.store.costs(&site_id, from, to).await?;
    if let Some(after) = after {
        costs.retain(|cost| (cost.last_day, cost.id.as_str()) < (after.0, after.1.as_str()));
    }
    let has_more = costs.len() > limit;
    costs.truncate(limit);
    let next = costs.last().filter(|_| has_more).map(|last| format!("{}_{}", last.last_day, last.id));
    Ok(Json(json!({ "items": costs.iter().map(cost_json).collect::<Vec<_>>(), "next": next })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    first_day: String,
    #[serde(default)]
    last_day: Option<String>,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    amount: String,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

/// `POST .../costs`: keeps a cost; answers with it.
pub(super) async fn add(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Error> {
    let site = existing(&app, &site_id).await?;
    let body = request::body(&app, body).await.map_err(|error| error.sentence(&app))?;
    let New { first_day, last_day, dimensions, amount, currency, note } =
        serde_json::from_slice(&body).map_err(|error| {
            let example = r#"{"first_day": "2026-01-31", "amount": "12.50", "dimensions": {"utm_campaign": "Winter"}}"#;
            Error::Invalid(format!("the body must be like {example}: {error}"))
        })?;
    let settings = SiteSettings::of(&site)?;
    let said = Said {
        first_day,
        last_day: last_day.unwrap_or_default(),
        dimensions,
        amount,
        currency: currency.unwrap_or_else(|| settings.cost_currency().to_owned()),
        note: note.unwrap_or_default(),
    };
    let cost = said
        .read(row_id(), app.now())
        .map_err(|problem| Error::Refused(format!("{}: {}", problem.field, problem.sentence)))?;
    app.store.add_costs(&site_id, vec![cost.clone()]).await?;
    audit::note(&app, &who, Some(&site_id), "cost.added", cost_json(&cost)).await;
    Ok((StatusCode::CREATED, Json(cost_json(&cost))))
}

/// `DELETE .../costs/{cost_id}`.
pub(super) async fn remove(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path((site_id, cost_id)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    existing(&app, &site_id).await?;
    if !app.store.remove_cost(&site_id, &cost_id).await? {
        return Err(Error::NotFound("there is no such cost".into()));
    }
    audit::note(&app, &who, Some(&site_id), "cost.removed", json!({ "id": cost_id })).await;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE .../costs?source=&from=&to=`: takes away what came from files of a name and lies in these days whole.
pub(super) async fn remove_of(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Error> {
    existing(&app, &site_id).await?;
    let mut sent = sent(query.as_deref(), &["source", "from", "to"])?;
    let mut needed = |name: &str| {
        sent.remove(name).ok_or_else(|| Error::Invalid(format!("say which: source, from and to; {name} is missing")))
    };
    let (source, from, to) = (needed("source")?, day("from", &needed("from")?)?, day("to", &needed("to")?)?);
    let count = app.store.remove_costs_of(&site_id, &source, from, to).await?;
    let about = json!({ "source": source, "from": from.to_string(), "to": to.to_string(), "count": count });
    audit::note(&app, &who, Some(&site_id), "costs.removed", about).await;
    Ok(Json(json!({ "count": count })))
}

/// `POST .../costs/import`: takes a file, or tells what would become of it.
pub(super) async fn import(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Error> {
    let site = existing(&app, &site_id).await?;
    let (choices, dry_run) = choices(query.as_deref().unwrap_or_default())?;
    let file = whole(&headers, body, MAX_BYTES / 1_000_000, None).await?;
    let currency = SiteSettings::of(&site)?.cost_currency().to_owned();
    let looked = look(&app, &site_id, file, choices, currency).await?;
    let looked = looked.map_err(|refused| Error::Refused(refused.sentence))?;
    if !dry_run {
        take(&app, &who, &site_id, &looked.told).await?;
    }
    Ok(Json(looked_json(&looked, dry_run)))
}

fn looked_json(Looked { told, change }: &Looked, dry_run: bool) -> Value {
    let line = |line: &Line| json!({ "line": line.number, "reason": line.reason });
    let lines = |lines: &[Line]| lines.iter().take(SHOWN).map(line).collect::<Vec<_>>();
    let columns = told.columns.names.iter().zip(&told.columns.meanings);
    let columns =
        columns.map(|(column, becomes)| json!({ "column": column, "becomes": becomes.as_ref().map(Meaning::as_str) }));
    let days = days(&told.costs);
    json!({
        "dry_run": dry_run,
        "source": told.source,
        "tool": told.tool,
        "delimiter": told.delimiter.as_str(),
        "columns": columns.collect::<Vec<_>>(),
        "rows": told.rows,
        "first_day": days.map(|(first, _)| first.to_string()),
        "last_day": days.map(|(_, last)| last.to_string()),
        "totals": totals(&told.costs),
        "added": change.added,
        "changed": change.changed,
        "same": change.same,
        "removed": change.removed,
        "items": told.costs.iter().take(SHOWN).map(cost_json).collect::<Vec<_>>(),
        "passed_over": lines(&told.passed_over),
        "problems": lines(&told.problems),
    })
}

/// What the query says of a file, and whether it is only to be looked at.
fn choices(query: &str) -> Result<(Choices, bool), Error> {
    const KNOWN: &str = "source, currency, decimals, dates, column.<name> and with.<dimension>";
    let mut choices = Choices::default();
    let dry_run = sent_file::choices(query, KNOWN, |name, value| choices.set(name, value))?;
    Ok((choices, dry_run))
}

/// The parameters of a query, each known and there once.
fn sent(query: Option<&str>, known: &[&str]) -> Result<BTreeMap<String, String>, Error> {
    let mut sent = BTreeMap::new();
    for (name, value) in form::pairs(query.unwrap_or_default()) {
        if !known.contains(&name.as_str()) {
            return Err(Error::Invalid(format!("{name} is not known here; there are {}", known.join(", "))));
        }
        if value.contains('\0') {
            return Err(Error::Invalid(format!("{name} must not have a null character in it")));
        }
        if sent.insert(name.clone(), value).is_some() {
            return Err(Error::Invalid(format!("{name} stands there twice")));
        }
    }
    Ok(sent)
}

fn day(name: &str, text: &str) -> Result<Date, Error> {
    let day = text.parse().ok().filter(|_| text.len() == 10);
    day.ok_or_else(|| Error::Invalid(format!("{name} must be a day like 2026-01-31")))
}

/// Where a part begins: the last day and the id of the cost before it.
fn place(text: &str) -> Result<(Date, String), Error> {
    let parts = text.split_once('_').and_then(|(day, id)| Some((day.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Error::Invalid("after must be the `next` of the part before".into()))
}
