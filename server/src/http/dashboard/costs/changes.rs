//! What is changed from the page of costs: one by hand, those of a file taken back, and the parameter that tells what a visit cost.

use super::{Asked, DEFAULT_DAYS, Notice, costs_page, platforms_offered, today};
use crate::app::{ChangeError, SharedApp, row_id};
use crate::audit;
use crate::costs::Said;
use crate::http::dashboard::figures::Figures;
use crate::http::dashboard::head::{Tab, find, no_site};
use crate::http::dashboard::page;
use crate::http::error::Error;
use crate::http::session::{Analyst, Owner, SameOrigin};
use crate::settings::{SettingsError, SiteSettings};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use tagwerk_protocol::form;

/// Leads back to the list, which says what was done.
fn done(site_id: &str, query: &str) -> Response {
    page::guarded(Redirect::to(&format!("/sites/{site_id}/costs?{query}")).into_response())
}

/// Adds a cost by hand.
pub(super) async fn add(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Costs).await? else { return Ok(no_site()) };
    let of = |name: &str| fields.get(name).map(|value| value.trim().to_owned()).unwrap_or_default();
    let dimensions = fields.iter().filter_map(|(name, value)| {
        Some((name.strip_prefix("of.")?.to_owned(), value.trim().to_owned())).filter(|(_, value)| !value.is_empty())
    });
    let said = Said {
        first_day: of("first_day"),
        last_day: of("last_day"),
        dimensions: dimensions.collect(),
        // People write decimals as their language does; what stands here is one amount without thousands set apart.
        amount: of("amount").replace(',', "."),
        currency: of("currency"),
        note: of("note"),
    };
    match said.read(row_id(), app.now()) {
        Ok(cost) => {
            let about = json!({
                "id": cost.id,
                "days": [cost.first_day.to_string(), cost.last_day.to_string()],
                "dimensions": cost.dimensions,
                "amount": crate::costs::written(cost.amount),
                "currency": cost.currency,
            });
            let mut query = "said=added".to_owned();
            if cost.last_day < today(&app, &SiteSettings::of(&site)?).saturating_sub((DEFAULT_DAYS - 1).days()) {
                form::push(&mut query, "from", &cost.first_day.to_string());
                form::push(&mut query, "to", &cost.last_day.to_string());
            }
            app.store.add_costs(&site_id, vec![cost]).await?;
            audit::note(&app, &who, Some(&site_id), "cost.added", about).await;
            Ok(done(&site_id, &query))
        }
        Err(problem) => {
            let mut page = costs_page(&app, &who, &site, head, Asked::default(), &Figures::of(&headers)).await?;
            page.notice =
                Some(Notice { good: false, said: "The cost was not added: see the field that is marked.".into() });
            page.platforms =
                platforms_offered(&app, said.dimensions.get("platform").map(String::as_str).unwrap_or_default());
            page.said = said;
            page.wrong = Some(problem);
            page::render(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Removes one cost.
pub(super) async fn remove(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, cost_id)): Path<(String, String)>,
) -> Result<Response, Error> {
    let removed = app.store.remove_cost(&site_id, &cost_id).await?;
    if removed {
        audit::note(&app, &who, Some(&site_id), "cost.removed", json!({ "id": cost_id })).await;
    }
    Ok(done(&site_id, if removed { "said=removed" } else { "said=gone" }))
}

/// Which costs are removed.
#[derive(Deserialize)]
pub(super) struct ForgetForm {
    #[serde(default)]
    source: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// Removes what came from files of a name.
pub(super) async fn forget(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Form(given): Form<ForgetForm>,
) -> Result<Response, Error> {
    let days = given.from.parse::<Date>().ok().zip(given.to.parse::<Date>().ok());
    let Some((from, to)) = days else {
        let sentence = "Go back and say from which day to which.";
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "Those are no days", sentence));
    };
    let count = app.store.remove_costs_of(&site_id, &given.source, from, to).await?;
    let about = json!({ "source": given.source, "from": given.from, "to": given.to, "count": count });
    audit::note(&app, &who, Some(&site_id), "costs.removed", about).await;
    Ok(done(&site_id, &format!("said=forgotten&count={count}")))
}

/// What tells the cost of a visit.
#[derive(Deserialize)]
pub(super) struct ParameterForm {
    #[serde(default)]
    param: String,
    #[serde(default)]
    currency: String,
}

/// Changes which parameter tells what a visit cost.
pub(super) async fn parameter(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    headers: HeaderMap,
    Form(given): Form<ParameterForm>,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Costs).await? else { return Ok(no_site()) };
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let change = json!({ "cost": { "param": some(&given.param), "currency": some(&given.currency) } });
    match audit::patch_settings(&app, &who, &site_id, change).await {
        Ok(_) => Ok(done(&site_id, "said=parameter#parameter")),
        Err(ChangeError::Settings(SettingsError::Invalid(sentence))) => {
            let mut page = costs_page(&app, &who, &site, head, Asked::default(), &Figures::of(&headers)).await?;
            page.notice = Some(Notice { good: false, said: "The parameter was not saved.".into() });
            (page.param_said, page.param_currency, page.param_wrong) = (given.param, given.currency, Some(sentence));
            page::render(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}
