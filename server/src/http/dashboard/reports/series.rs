//! What a report covers, over time: the totals of its hours, days, weeks or months, for the chart.

use super::Asked;
use crate::app::App;
use crate::reporting::{Answer, without_visitors};
use crate::reports::{Column, Compare, Kind, MAX_LIMIT, Metric, Question, Row};
use crate::store::StoreError;
use crate::store::facts::Dimension;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{ToSpan, Unit};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Shown where they can be told.
const METRICS: [Metric; 4] = [Metric::Visits, Metric::Clicks, Metric::Sales, Metric::Revenue];
/// Longest range that is shown by days and by weeks, in days.
const MOST_DAYS: i32 = 120;
const MOST_WEEKS: i32 = 1100;

/// The chart's figures.
pub(super) struct Series {
    /// As `assets/chart.js` reads it; safe inside a script element.
    pub(super) json: String,
    /// What it is of, in words.
    pub(super) said: String,
}

/// The totals over time; nothing where there is nothing to draw.
pub(super) async fn over_time(
    app: &App,
    site_id: &str,
    asked: &Asked,
    answered: &Answer,
) -> Result<Option<Series>, StoreError> {
    let question = &asked.question;
    let metrics: Vec<Metric> = METRICS.into_iter().filter(|metric| question.has(*metric)).collect();
    if metrics.is_empty() || answered.report.rows.is_empty() {
        return Ok(None);
    }
    let step = step(question);
    let over_time = Question {
        by: vec![step.clone()],
        compare: Compare::None,
        sort: (Column::Value, false),
        limit: MAX_LIMIT,
        ..question.clone()
    };
    let rows = if question.by == over_time.by && answered.report.left_out == 0 {
        answered.report.rows.clone()
    } else {
        without_visitors(app, site_id, &over_time).await?.rows
    };
    let points = points(question, &step);
    if points.len() < 2 {
        return Ok(None);
    }
    Ok(Some(Series {
        json: json(question, &step, &points, &rows, &metrics, answered.report.currency.as_deref()),
        said: format!(
            "{} by {}",
            metrics.iter().map(|metric| metric.label()).collect::<Vec<_>>().join(", "),
            word(&step)
        ),
    }))
}

fn step(question: &Question) -> Dimension {
    let days = question.from.until((Unit::Day, question.to)).map_or(0, |span| span.get_days());
    match days {
        0 => Dimension::Hour,
        1..MOST_DAYS => Dimension::Day,
        MOST_DAYS..MOST_WEEKS => Dimension::Week,
        _ => Dimension::Month,
    }
}

fn word(step: &Dimension) -> &'static str {
    match step {
        Dimension::Hour => "hour",
        Dimension::Day => "day",
        Dimension::Week => "week",
        _ => "month",
    }
}

/// The points in time: the value by which reports know each, and when it begins, in seconds since 1970.
fn points(question: &Question, step: &Dimension) -> Vec<(String, i64)> {
    let start = |day: Date, hour: i8| {
        let at = day.at(hour, 0, 0, 0).to_zoned(question.zone.clone());
        at.map(|at| at.timestamp().as_second()).unwrap_or_default()
    };
    if *step == Dimension::Hour {
        return (0..24).map(|hour| (format!("{hour:02}"), start(question.from, hour))).collect();
    }
    let mut points = Vec::new();
    let mut day = match step {
        Dimension::Week => monday(question.from),
        Dimension::Month => question.from.first_of_month(),
        _ => question.from,
    };
    while day <= question.to && points.len() < MAX_LIMIT {
        let (value, next) = match step {
            Dimension::Week => {
                let week = day.iso_week_date();
                (format!("{:04}-W{:02}", week.year(), week.week()), day.checked_add(7.days()))
            }
            Dimension::Month => (format!("{:04}-{:02}", day.year(), day.month()), day.checked_add(1.month())),
            _ => (day.to_string(), day.checked_add(1.day())),
        };
        points.push((value, start(day, 0)));
        let Ok(next) = next else { break };
        day = next;
    }
    points
}

/// The Monday of a day's week.
fn monday(day: Date) -> Date {
    let week = day.iso_week_date();
    ISOWeekDate::new(week.year(), week.week(), Weekday::Monday).map_or(day, |monday| monday.date())
}

fn json(
    question: &Question,
    step: &Dimension,
    points: &[(String, i64)],
    rows: &[Row],
    metrics: &[Metric],
    currency: Option<&str>,
) -> String {
    let found: HashMap<&str, &Row> =
        rows.iter().filter_map(|row| Some((row.values.first()?.as_deref()?, row))).collect();
    let nothing = Row::default();
    let series: Vec<Value> = metrics
        .iter()
        .map(|metric| {
            let values: Vec<Value> = points
                .iter()
                .map(|(value, _)| {
                    let row = found.get(value.as_str()).copied().unwrap_or(&nothing);
                    row.metric(*metric).map_or(Value::Null, |told| number(told, *metric))
                })
                .collect();
            let unit = if metric.kind() == Kind::Money { "money" } else { "count" };
            json!({ "label": metric.label(), "unit": unit, "currency": currency, "values": values })
        })
        .collect();
    let zone = question.zone.iana_name().unwrap_or("UTC");
    let x: Vec<i64> = points.iter().map(|(_, at)| *at).collect();
    // Nothing in here may end the script element that it stands in.
    json!({ "x": x, "step": word(step), "zone": zone, "series": series }).to_string().replace('<', "\\u003c")
}

/// What a chart draws needs no more than a float holds.
#[allow(clippy::cast_precision_loss, reason = "a picture is not exact")]
fn number(told: i128, metric: Metric) -> Value {
    match metric.kind() {
        Kind::Count => json!(told as f64),
        Kind::Shares | Kind::Money | Kind::Ratio => json!(told as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::Circumstances;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    fn question(query: &str, zone: &str) -> Question {
        let pairs: Vec<(String, String)> = tagwerk_protocol::form::pairs(query).collect();
        let zone = TimeZone::get(zone).expect("a zone");
        let now = Circumstances { today: date(2026, 3, 31), zone, currency: None };
        Question::read(&pairs, &now).expect("a question")
    }

    #[test]
    fn the_step_fits_the_range() {
        let step = |query| word(&step(&question(query, "UTC")));
        assert_eq!(step("period=today"), "hour");
        assert_eq!(step("period=last_90_days"), "day");
        assert_eq!(step("from=2025-01-01"), "week");
        assert_eq!(step("from=2020-01-01"), "month");
    }

    #[test]
    fn every_point_is_there_whether_or_not_anything_happened() {
        let days = points(&question("from=2026-03-28&to=2026-03-30", "Europe/Berlin"), &Dimension::Day);
        let lengths: Vec<i64> = days.windows(2).map(|two| two[1].1 - two[0].1).collect();
        assert_eq!((days[0].0.as_str(), lengths), ("2026-03-28", vec![86_400, 82_800]));
        let weeks = points(&question("from=2026-01-01&to=2026-01-12", "UTC"), &Dimension::Week);
        assert_eq!(
            weeks.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>(),
            ["2026-W01", "2026-W02", "2026-W03"]
        );
        assert_eq!(points(&question("from=2026-01-31&to=2026-03-01", "UTC"), &Dimension::Month).len(), 3);
    }

    #[test]
    fn nothing_in_the_json_ends_its_script() {
        let question = question("period=today", "UTC");
        let text =
            json(&question, &Dimension::Hour, &points(&question, &Dimension::Hour), &[], &METRICS, Some("</script>"));
        assert!(!text.contains('<'), "{text}");
    }
}
