//! `GET /api/v1/sites/{site_id}/report`: what was sold, by where it came from. `docs/attribution.md` explains what the numbers mean.

use super::settings::existing;
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::operator::Operator;
use crate::reporting::{Answer, answer, circumstances};
use crate::reports::{Kind, Metric, Question, Row, decimal, words};
use crate::settings::SiteSettings;
use crate::store::facts::Money;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Map, Value, json};
use tagwerk_protocol::form;

/// Answers with a report.
///
/// # Errors
/// There is no such site, the query asks for what cannot be, or the facts are not up to date yet, which after an import of millions may
/// take minutes.
pub(super) async fn show(
    _operator: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Error> {
    let site = existing(&app, &site_id).await?;
    let pairs: Vec<(String, String)> = form::pairs(query.as_deref().unwrap_or_default()).collect();
    let now = circumstances(&SiteSettings::of(&site)?, app.now());
    let question = Question::read(&pairs, &now).map_err(Error::Invalid)?;
    let answered = answer(&app, &site_id, &question).await?;
    Ok(Json(report_json(&site_id, &question, &answered)))
}

fn report_json(site_id: &str, question: &Question, answered: &Answer) -> Value {
    let Answer { report, before } = answered;
    let currency = report.currency.as_deref();
    let row = |row: &Row| {
        let names = question.by.iter().map(words::word).zip(row.values.iter().cloned().map(Value::from));
        let mut shown: Map<String, Value> = names.collect();
        shown.extend(figures(question, row, currency));
        if let Some(beside) = before.as_ref().and_then(|before| before.row(row)) {
            shown.insert("before".into(), figures(question, &beside, currency).into());
        }
        Value::from(shown)
    };
    let mut totals = figures(question, &report.totals, currency);
    if let Some(before) = before {
        totals.insert("before".into(), figures(question, before.totals(), currency).into());
    }
    let compared =
        question.before().map(|before| json!({ "from": before.from.to_string(), "to": before.to.to_string() }));
    let conditions = question.conditions.iter().flat_map(|condition| {
        let word = words::word(&condition.dimension);
        condition.values.iter().map(move |value| format!("{word}:{}", value.as_deref().unwrap_or_default()))
    });
    json!({
        "site_id": site_id,
        "from": question.from.to_string(),
        "to": question.to.to_string(),
        "time_zone": question.zone.iana_name().unwrap_or("UTC"),
        "compared_with": compared,
        "by": question.by.iter().map(words::word).collect::<Vec<_>>(),
        "where": conditions.collect::<Vec<_>>(),
        "model": question.model.as_str(),
        "currency": currency,
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
        "left_out": report.left_out,
        "totals": totals,
    })
}

/// Every metric, `null` where it cannot be told, and the money as it was sent.
fn figures(question: &Question, row: &Row, currency: Option<&str>) -> Map<String, Value> {
    let figure = |metric: &Metric| {
        let told = row.metric(*metric).filter(|_| question.has(*metric));
        let value = match metric.kind() {
            Kind::Count => told.and_then(|told| i64::try_from(told).ok()).into(),
            Kind::Shares | Kind::Ratio => told.map(|told| decimal(told, 0)).into(),
            Kind::Money => told.filter(|_| currency.is_some()).map(|told| decimal(told, 2)).into(),
        };
        (metric.as_str().to_owned(), value)
    };
    let mut shown: Map<String, Value> = Metric::ALL.iter().map(figure).collect();
    let amounts: Vec<Value> = row.amounts.iter().map(|(currency, money)| money_json(currency, *money)).collect();
    shown.extend([
        ("visitors_estimated".to_owned(), row.visitors.estimated.into()),
        ("amounts".to_owned(), amounts.into()),
        ("not_converted".to_owned(), row.not_converted.iter().cloned().collect::<Vec<_>>().into()),
        ("stale_rates".to_owned(), row.stale.into()),
    ]);
    shown
}

fn money_json(currency: &Option<String>, money: Money) -> Value {
    json!({
        "currency": currency,
        "revenue": decimal(money.revenue, 2),
        "refunded": decimal(money.refunded, 2),
        "net": decimal(money.net(), 2),
        "commission": decimal(money.commission, 2),
        "cost": decimal(money.cost, 2),
    })
}
