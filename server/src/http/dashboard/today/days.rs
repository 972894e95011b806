//! Which days Today is about, and which it is compared with. Pure.

use crate::credit::Model;
use crate::reports::{Circumstances, Column, Compare, Metric, Period, Question};
use crate::store::Millis;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The periods that are offered.
pub(super) const OFFERED: [Period; 4] = [Period::Today, Period::Yesterday, Period::Last7Days, Period::Last30Days];
/// What a time that bounds facts is a whole number of.
const QUARTER: Millis = 15 * 60_000;

/// A period, and the one before it.
pub(super) struct Days {
    /// The period.
    pub(super) period: Period,
    /// What is asked of it, with nothing told apart.
    pub(super) question: Question,
    /// The same of as many days before.
    pub(super) before: Question,
    /// When the comparison ends, where the period is not over yet: as far into it as now is.
    pub(super) before_until: Option<Millis>,
    /// What it is compared with, in words.
    pub(super) against: String,
}

impl Days {
    /// The period of this word, or today, as seen at this time.
    pub(super) fn of(word: Option<&str>, now: &Circumstances, at: Millis) -> Self {
        let period = OFFERED.into_iter().find(|period| Some(period.as_str()) == word).unwrap_or(Period::Today);
        let (from, to) = period.days(now.today);
        let length = i64::from(to.since(from).map(|span| span.get_days()).unwrap_or_default()) + 1;
        let back = |day: Date| day.checked_sub(length.days()).unwrap_or(day);
        let question = Question {
            from,
            to,
            period: Some(period),
            compare: Compare::None,
            by: Vec::new(),
            conditions: Vec::new(),
            model: Model::default(),
            currency: now.currency.clone(),
            sort: (Column::Metric(Metric::Net), true),
            limit: usize::MAX,
            zone: now.zone.clone(),
        };
        let before = Question { from: back(from), to: back(to), period: None, ..question.clone() };
        let is_open = to >= now.today;
        let before_until = is_open.then(|| earlier(at, length, &now.zone)).flatten();
        let against = match period {
            Period::Today => "yesterday at this time",
            Period::Yesterday => "the day before",
            Period::Last7Days => "the 7 days before",
            _ => "the 30 days before",
        };
        Self { period, question, before, before_until, against: against.to_owned() }
    }

    /// Whether the chart tells hours apart.
    pub(super) fn by_hour(&self) -> bool {
        matches!(self.period, Period::Today | Period::Yesterday)
    }
}

/// The same time of day so many days before, and the quarter of an hour that it is in to its end.
fn earlier(at: Millis, days: i64, zone: &TimeZone) -> Option<Millis> {
    let now = Timestamp::from_millisecond(at).ok()?.to_zoned(zone.clone());
    let then = now.checked_sub(days.days()).ok()?.timestamp().as_millisecond();
    then.checked_add(QUARTER - 1)?.checked_div(QUARTER)?.checked_mul(QUARTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(text: &str) -> Millis {
        text.parse::<Timestamp>().expect("a time").as_millisecond()
    }

    fn of(word: Option<&str>, now: &str) -> Days {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let today = now.parse::<Timestamp>().expect("a time").to_zoned(zone.clone()).date();
        Days::of(word, &Circumstances { today, zone, currency: None }, at(now))
    }

    #[test]
    fn today_is_compared_with_yesterday_up_to_the_same_quarter_of_an_hour() {
        let days = of(None, "2026-03-10T13:07:30Z");
        assert_eq!((days.question.from, days.question.to), (date(2026, 3, 10), date(2026, 3, 10)));
        assert_eq!((days.before.from, days.before.to), (date(2026, 3, 9), date(2026, 3, 9)));
        assert_eq!(days.before_until, Some(at("2026-03-09T13:15:00Z")));
        assert!(days.by_hour());
    }

    #[test]
    fn the_day_is_the_site_s_and_so_is_the_time_of_day_over_a_change_of_clocks() {
        // Half past midnight in Berlin, and the day before had 23 hours.
        let days = of(Some("today"), "2026-03-29T22:30:00Z");
        assert_eq!(days.question.from, date(2026, 3, 30));
        assert_eq!(days.before_until, Some(at("2026-03-28T23:30:00Z")));
    }

    #[test]
    fn what_is_over_is_compared_with_whole_days() {
        let days = of(Some("yesterday"), "2026-03-10T13:07:30Z");
        assert_eq!((days.question.to, days.before.to, days.before_until), (date(2026, 3, 9), date(2026, 3, 8), None));
    }

    #[test]
    fn seven_days_are_compared_with_the_seven_before_as_far_as_today_has_come() {
        let days = of(Some("last_7_days"), "2026-03-10T13:00:00Z");
        assert_eq!((days.question.from, days.before.from), (date(2026, 3, 4), date(2026, 2, 25)));
        assert_eq!((days.before.to, days.before_until), (date(2026, 3, 3), Some(at("2026-03-03T13:00:00Z"))));
        assert!(!days.by_hour());
    }

    #[test]
    fn a_month_is_as_many_days_whatever_the_calendar_calls_them() {
        let days = of(Some("last_30_days"), "2026-04-30T10:00:00Z");
        assert_eq!(
            (days.question.from, days.before.from, days.before.to),
            (date(2026, 4, 1), date(2026, 3, 2), date(2026, 3, 31))
        );
    }

    #[test]
    fn a_period_that_is_not_offered_is_today() {
        assert_eq!(of(Some("this_year"), "2026-04-30T10:00:00Z").period, Period::Today);
    }
}
