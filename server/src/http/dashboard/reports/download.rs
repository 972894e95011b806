//! A report as a file (CSV): every row, plain numbers.

use super::Asked;
use crate::app::SharedApp;
use crate::csv::export::{Cell, header, lines};
use crate::http::dashboard::head::{Tab, find, no_site};
use crate::http::dashboard::page;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::reporting::answer;
use crate::reports::{Kind, MAX_LIMIT, Metric, Question, Report, Row, decimal, words};
use crate::settings::SiteSettings;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use tagwerk_protocol::money::Amount;

/// The file.
pub(super) async fn file(
    _: SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let Some((site, _)) = find(&app, &site_id, Tab::Reports).await? else { return Ok(no_site()) };
    let (asked, problem) = Asked::read(query.as_deref(), &SiteSettings::of(&site)?, app.now());
    if let Some(problem) = problem {
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "That is not a report", &problem));
    }
    let question = Question { limit: MAX_LIMIT, ..asked.question.clone() };
    let answered = answer(&app, &site_id, &question).await?;
    let name = format!("tagwerk-{site_id}-report-{}-{}.csv", question.from, question.to);
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (CACHE_CONTROL, "no-store".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, text(&question, &answered.report)).into_response())
}

/// The file's text: a row each, and none of totals, which a spreadsheet would count in.
fn text(question: &Question, report: &Report) -> Vec<u8> {
    let metrics: Vec<Metric> = Metric::ALL.iter().copied().filter(|metric| question.has(*metric)).collect();
    let dimensions = question.by.iter().map(words::word);
    let columns: Vec<String> = dimensions
        .chain(metrics.iter().map(|metric| metric.as_str().to_owned()))
        .chain(["currency".to_owned()])
        .collect();
    let row = |row: &Row| -> Vec<Cell> {
        let values = row.values.iter().map(|value| Cell::text(value.clone()));
        let figures = metrics.iter().map(|metric| figure(row, *metric));
        values.chain(figures).chain([Cell::text(report.currency.clone())]).collect()
    };
    let mut text = header(&columns);
    text.extend(lines(report.rows.iter().map(row)));
    text
}

fn figure(row: &Row, metric: Metric) -> Cell {
    let Some(value) = row.metric(metric) else { return Cell::Nothing };
    match metric.kind() {
        Kind::Count => i64::try_from(value).map_or(Cell::Nothing, Cell::Number),
        Kind::Shares | Kind::Ratio => Cell::amount(Amount::parse(&decimal(value, 0)).ok()),
        Kind::Money => Cell::amount(Amount::parse(&decimal(value, 2)).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::Circumstances;
    use crate::store::facts::{Counts, Money};
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    #[test]
    fn a_file_has_plain_numbers_and_defuses_what_looks_like_a_formula() {
        let now = Circumstances { today: date(2026, 1, 31), zone: TimeZone::UTC, currency: None };
        let pairs = [("by".to_owned(), "product,country".to_owned())];
        let question = Question::read(&pairs, &now).expect("a question");
        let row = Row {
            values: vec![Some("=cmd|' /C calc'!A0".into()), None],
            counts: Counts { sales: 1_500_000, refunds: 1_000_000, ..Counts::default() },
            converted: Money { revenue: 1_000_000, refunded: 2_500_000, ..Money::default() },
            ..Row::default()
        };
        let report = Report { currency: Some("EUR".into()), rows: vec![row], ..Report::default() };
        let text = String::from_utf8(text(&question, &report)).expect("UTF-8");
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some(
                "product,country,conversions,leads,sales,refunds,chargebacks,without_value,revenue,refunded,net,commission,currency"
            )
        );
        assert_eq!(lines.next(), Some("'=cmd|' /C calc'!A0,,0,0,1.5,1,0,0,1.00,2.50,-1.50,0.00,EUR"));
    }
}
