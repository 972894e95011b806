//! `GET /api/v1/sites/{site_id}/report`: what was sold, by where it came from. `docs/attribution.md` explains what the numbers mean.

use super::settings::existing;
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::operator::Operator;
use crate::rates::RateTable;
use crate::report::{Question, Report, Row, Sums, decimal, report};
use crate::settings::SiteSettings;
use crate::store::StoreError;
use crate::totals;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tagwerk_protocol::form;
use tagwerk_protocol::money::Currency;

/// How long a report waits for the totals to be brought up to date.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers with a report.
///
/// # Errors
/// There is no such site, the query asks for what cannot be, or the totals are not up to date yet, which after an import of millions may
/// take minutes.
pub(super) async fn show(
    _: Operator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Error> {
    let site = existing(&app, &site_id).await?;
    let reporting = SiteSettings::of(&site)?.reporting_currency.as_deref().and_then(Currency::parse);
    let pairs: Vec<(String, String)> = form::pairs(query.as_deref().unwrap_or_default()).collect();
    let today = jiff::Timestamp::from_millisecond(app.now()).map_err(Error::broken)?;
    let today = today.to_zoned(jiff::tz::TimeZone::UTC).date();
    let question = Question::read(&pairs, today, reporting).map_err(Error::Invalid)?;
    if totals::catch_up(&app.store, PATIENCE).await? > 0 {
        return Err(StoreError::Busy.into());
    }
    let found = app.store.totals(&site_id, question.asked()).await?;
    let rates = RateTable::new(app.store.rates_between(question.from, question.to).await?);
    let report = report(&question, found, &rates, &app.clicks);
    Ok(Json(report_json(&site_id, &question, &report)))
}

fn report_json(site_id: &str, question: &Question, report: &Report) -> Value {
    let rows: Vec<Value> = report.rows.iter().map(|row| row_json(question, row, report).into()).collect();
    let mut totals = row_json(question, &report.totals, report);
    for word in question.by_words() {
        totals.remove(word);
    }
    json!({
        "site_id": site_id,
        "from": question.from.to_string(),
        "to": question.to.to_string(),
        "by": question.by_words(),
        "model": question.model.as_str(),
        "type": question.kind,
        "group": question.group,
        "currency": report.currency,
        "rows": rows,
        "left_out": report.left_out,
        "totals": totals,
    })
}

fn row_json(question: &Question, row: &Row, report: &Report) -> Map<String, Value> {
    let mut shown = Map::new();
    for word in question.by_words() {
        let value = match word {
            crate::report::DAY => row.day.map(|day| day.to_string()),
            _ => row.value.clone(),
        };
        shown.insert(word.to_owned(), value.into());
    }
    let counts = &row.counts;
    let (has_visits, has_clicks) = (question.by.has_visits(), question.by.has_clicks());
    let number = |count: i64| Value::from(decimal(count.into(), 0));
    let in_currency = |money: i128| report.currency.as_ref().map(|_| decimal(money, 2));
    let amounts: Vec<Value> = row.amounts.iter().map(|(currency, sums)| sums_json(currency, *sums)).collect();
    let facts = [
        ("visits", has_visits.then_some(counts.visits).into()),
        ("bots", has_visits.then_some(counts.bots).into()),
        ("clicks", has_clicks.then_some(counts.clicks).into()),
        ("conversions", number(counts.conversions)),
        ("refunds", number(counts.refunds)),
        ("without_value", number(counts.unvalued)),
        ("gross", in_currency(row.converted.gross).into()),
        ("refunded", in_currency(row.converted.refunded).into()),
        ("net", in_currency(row.converted.net()).into()),
        ("amounts", amounts.into()),
        ("not_converted", row.not_converted.iter().cloned().collect::<Vec<_>>().into()),
        ("stale_rates", row.stale.into()),
        ("conversion_rate", row.conversion_rate().map(|rate| decimal(rate, 0)).into()),
        ("epc", row.earnings_per_click().and_then(in_currency).into()),
    ];
    shown.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    shown
}

fn sums_json(currency: &Option<String>, sums: Sums) -> Value {
    json!({
        "currency": currency,
        "gross": decimal(sums.gross, 2),
        "refunded": decimal(sums.refunded, 2),
        "net": decimal(sums.net(), 2),
    })
}
