//! Hours, days, weeks and months of a zone, as numbers that are worked out once for each quarter of an hour.

use super::fact::QUARTER;
use crate::store::facts::Dimension;
use jiff::civil::{Date, ISOWeekDate, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Unit};

const EPOCH: Date = date(1970, 1, 1);
/// Seconds of a day.
const DAY: i64 = 86_400;
/// Seconds of a quarter of an hour.
const SECONDS: i64 = QUARTER / 1000;
/// How far the numbers of days, weeks and months may stray from the order of time: a clock that is set back over midnight makes a day
/// begin twice.
const STRAY: i64 = 2;

/// What is told of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Hour,
    Weekday,
    Day,
    Week,
    Month,
}

/// Tells the hour, weekday, day, week or month of a zone.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    step: Step,
    zone: TimeZone,
}

impl Clock {
    /// The clock of a dimension of time.
    pub(super) fn of(dimension: &Dimension, zone: &TimeZone) -> Option<Self> {
        let step = match dimension {
            Dimension::Hour => Step::Hour,
            Dimension::Weekday => Step::Weekday,
            Dimension::Day => Step::Day,
            Dimension::Week => Step::Week,
            Dimension::Month => Step::Month,
            _ => return None,
        };
        Some(Self { step, zone: zone.clone() })
    }

    /// The number of what it is in a quarter of an hour.
    pub(super) fn code(&self, quarter: i64) -> i64 {
        // Beyond the calendar there is nothing to tell apart.
        let second =
            quarter.saturating_mul(SECONDS).clamp(Timestamp::MIN.as_second() + DAY, Timestamp::MAX.as_second() - DAY);
        let Ok(timestamp) = Timestamp::from_second(second) else { return 0 };
        let offset = self.zone.to_offset(timestamp);
        let local = second + i64::from(offset.seconds());
        let day = local.div_euclid(DAY);
        match self.step {
            Step::Hour => local.rem_euclid(DAY) / 3600,
            // The first day of 1970 was a Thursday.
            Step::Weekday => (day + 3).rem_euclid(7) + 1,
            Step::Day => day,
            Step::Week => (day + 3).div_euclid(7),
            Step::Month => {
                let date = offset.to_datetime(timestamp).date();
                i64::from(date.year()) * 12 + i64::from(date.month()) - 1
            }
        }
    }

    /// The smallest number that quarters of these times may have, and how many there may be.
    pub(super) fn codes(&self, first_quarter: i64, last_quarter: i64) -> (i64, u64) {
        match self.step {
            Step::Hour => (0, 24),
            Step::Weekday => (1, 7),
            Step::Day | Step::Week | Step::Month => {
                let (first, last) = (self.code(first_quarter) - STRAY, self.code(last_quarter) + STRAY);
                (first, u64::try_from(last - first + 1).unwrap_or(1))
            }
        }
    }

    /// What a number stands for, as it is shown.
    pub(super) fn label(&self, code: i64) -> String {
        match self.step {
            Step::Hour => format!("{code:02}"),
            Step::Weekday => code.to_string(),
            Step::Day => date_of(code).to_string(),
            Step::Week => {
                let week = date_of(code.saturating_mul(7) - 3).iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Step::Month => format!("{:04}-{:02}", code.div_euclid(12), code.rem_euclid(12) + 1),
        }
    }

    /// The number of what is shown; `None` where nothing is shown so.
    pub(super) fn parse(&self, label: &str) -> Option<i64> {
        let code = match self.step {
            Step::Hour => label.parse().ok().filter(|hour| (0..24).contains(hour)),
            Step::Weekday => label.parse().ok().filter(|day| (1..8).contains(day)),
            Step::Day => label.parse::<Date>().ok().map(day_of),
            Step::Week => {
                let (year, week) = label.split_once("-W")?;
                let week = ISOWeekDate::new(year.parse().ok()?, week.parse().ok()?, Weekday::Monday).ok()?;
                Some((day_of(week.date()) + 3).div_euclid(7))
            }
            Step::Month => {
                let (year, month) = label.split_once('-')?;
                let (year, month): (i64, i64) = (year.parse().ok()?, month.parse().ok()?);
                Some(year * 12 + month - 1)
            }
        };
        code.filter(|code| self.label(*code) == label)
    }
}

/// The date of a day since 1970.
pub(super) fn date_of(day: i64) -> Date {
    let beyond = if day < 0 { Date::MIN } else { Date::MAX };
    Span::new().try_days(day).ok().and_then(|days| EPOCH.checked_add(days).ok()).unwrap_or(beyond)
}

fn day_of(date: Date) -> i64 {
    EPOCH.until((Unit::Day, date)).map(|days| i64::from(days.get_days())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEPS: [Dimension; 5] =
        [Dimension::Hour, Dimension::Weekday, Dimension::Day, Dimension::Week, Dimension::Month];

    fn shown(zone: &str, dimension: &Dimension, time: &str) -> String {
        let zone = TimeZone::get(zone).expect("a zone");
        let clock = Clock::of(dimension, &zone).expect("a clock");
        let time: Timestamp = time.parse().expect("a time");
        clock.label(clock.code(time.as_second().div_euclid(SECONDS)))
    }

    #[test]
    fn a_time_is_told_as_clocks_in_its_zone_show_it() {
        let night = "2026-03-29T01:15:00Z";
        assert_eq!(
            STEPS.map(|step| shown("Europe/Vienna", &step, night)),
            ["03", "7", "2026-03-29", "2026-W13", "2026-03"]
        );
        assert_eq!(
            STEPS.map(|step| shown("Asia/Kathmandu", &step, night)),
            ["07", "7", "2026-03-29", "2026-W13", "2026-03"]
        );
        let year = "2026-12-31T18:15:00Z";
        assert_eq!(
            STEPS.map(|step| shown("Asia/Kathmandu", &step, year)),
            ["00", "5", "2027-01-01", "2026-W53", "2027-01"]
        );
        assert_eq!(STEPS.map(|step| shown("UTC", &step, year)), ["18", "4", "2026-12-31", "2026-W53", "2026-12"]);
    }

    #[test]
    fn what_is_not_shown_so_is_no_label() {
        let clock = |step| Clock::of(&step, &TimeZone::UTC).expect("a clock");
        for (step, wrong) in [
            (Dimension::Hour, "7"),
            (Dimension::Hour, "24"),
            (Dimension::Weekday, "0"),
            (Dimension::Day, "2026-02-30"),
            (Dimension::Day, "2026-1-1"),
            (Dimension::Week, "2026-W54"),
            (Dimension::Month, "2026-13"),
            (Dimension::Month, ""),
        ] {
            assert_eq!(clock(step).parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_beyond_the_calendar_do_no_harm() {
        for step in STEPS {
            let clock = Clock::of(&step, &TimeZone::get("America/New_York").expect("a zone")).expect("a clock");
            for quarter in [i64::MIN, i64::MAX] {
                assert!(!clock.label(clock.code(quarter)).is_empty());
            }
            for code in [i64::MIN / 16, i64::MAX / 16] {
                assert!(!clock.label(code).is_empty());
            }
        }
    }

    proptest! {
        #[test]
        fn every_quarter_is_told_as_the_zone_s_calendar_tells_it(
            quarter in 1_000_000i64..2_200_000,
            zone in prop::sample::select(vec!["UTC", "Europe/Vienna", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Africa/Cairo"]),
        ) {
            let zone = TimeZone::get(zone).expect("a zone");
            let zoned = Timestamp::from_second(quarter * SECONDS).expect("a time").to_zoned(zone.clone());
            for (step, format) in STEPS.into_iter().zip(["%H", "%u", "%Y-%m-%d", "%G-W%V", "%Y-%m"]) {
                let clock = Clock::of(&step, &zone).expect("a clock");
                let code = clock.code(quarter);
                prop_assert_eq!(clock.label(code), zoned.strftime(format).to_string());
                prop_assert_eq!(clock.parse(&clock.label(code)), Some(code));
                let (first, count) = clock.codes(quarter - 3, quarter + 40);
                prop_assert!(code >= first && ((code - first) as u64) < count);
            }
        }
    }
}
