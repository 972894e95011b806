//! The course of a period: what came in each of its hours, or on each of its days. Pure.

use super::super::figures::Figures;
use super::days::Days;
use crate::reports::{Circumstances, Metric, Report, Row, decimal};
use crate::store::Millis;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeMap;

/// Most points: days of the longest period that is offered, and then some.
const MOST: usize = 400;

/// The course of a period.
pub(super) struct Course {
    /// `hour` or `day`.
    pub(super) step: &'static str,
    /// The zone, by its IANA name.
    pub(super) zone: String,
    /// The currency of the revenue.
    pub(super) currency: Option<String>,
    /// The hours or days.
    pub(super) points: Vec<Point>,
}

/// An hour or a day.
pub(super) struct Point {
    /// When it begins, in seconds since 1970.
    pub(super) x: i64,
    /// The same for people.
    pub(super) label: String,
    /// Figures; `None` where the hour is still to come.
    pub(super) values: Option<Values>,
}

/// What came in it.
pub(super) struct Values {
    pub(super) visits: Value,
    pub(super) clicks: Value,
    pub(super) sales: Value,
    pub(super) revenue: Value,
}

/// A figure for programs and for people.
pub(super) struct Value {
    pub(super) machine: String,
    pub(super) said: String,
}

impl Course {
    /// Whether there is anything to draw.
    pub(super) fn is_empty(&self) -> bool {
        let is_zero = |value: &Value| value.machine == "0";
        let nothing =
            |values: &Values| [&values.visits, &values.clicks, &values.sales, &values.revenue].into_iter().all(is_zero);
        self.points.iter().filter_map(|point| point.values.as_ref()).all(nothing)
    }
}

/// The course as a report of the period tells it, which is by hour or by day.
pub(super) fn course(days: &Days, now: &Circumstances, at: Millis, report: &Report, figures: &Figures) -> Course {
    let rows: BTreeMap<&str, &Row> =
        report.rows.iter().filter_map(|row| Some((row.values.first()?.as_deref()?, row))).collect();
    let of = |value: &str| values(rows.get(value).copied(), figures);
    let mut points = Vec::new();
    if days.by_hour() {
        for hour in 0..24_i8 {
            let Some(begins) = start(days.question.from, hour, now) else { continue };
            let is_to_come = begins.as_millisecond() > at;
            let value = format!("{hour:02}");
            points.push(Point {
                x: begins.as_second(),
                label: format!("{value}:00"),
                values: (!is_to_come).then(|| of(&value)),
            });
        }
    } else {
        let mut day = days.question.from;
        while day <= days.question.to && points.len() < MOST {
            if let Some(begins) = start(day, 0, now) {
                let (x, label) = (begins.as_second(), day.strftime("%-d %b %Y").to_string());
                points.push(Point { x, label, values: Some(of(&day.to_string())) });
            }
            let Ok(next) = day.checked_add(1.day()) else { break };
            day = next;
        }
    }
    Course {
        step: if days.by_hour() { "hour" } else { "day" },
        zone: now.zone.iana_name().unwrap_or("UTC").to_owned(),
        currency: report.currency.clone(),
        points,
    }
}

fn start(day: Date, hour: i8, now: &Circumstances) -> Option<Timestamp> {
    Some(day.at(hour, 0, 0, 0).to_zoned(now.zone.clone()).ok()?.timestamp())
}

fn values(row: Option<&Row>, figures: &Figures) -> Values {
    let nothing = Row::default();
    let row = row.unwrap_or(&nothing);
    let value = |metric: Metric, machine: fn(i128) -> String| Value {
        machine: machine(row.metric(metric).unwrap_or_default()),
        said: figures.metric(row, metric),
    };
    let (whole, millionths) = (|count: i128| count.to_string(), |value: i128| decimal(value, 0));
    Values {
        visits: value(Metric::Visits, whole),
        clicks: value(Metric::Clicks, whole),
        sales: value(Metric::Sales, millionths),
        revenue: value(Metric::Revenue, millionths),
    }
}
