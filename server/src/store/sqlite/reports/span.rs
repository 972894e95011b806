//! Days and months as numbers, and how many days are read as whole months.

use crate::store::Day;
use jiff::civil::{Date, date};
use jiff::{Span, Unit};

/// Rows of one day each.
pub(super) const DAYS: &str = "day";
/// Rows of one month each.
pub(super) const MONTHS: &str = "month";

const EPOCH: Date = date(1970, 1, 1);

fn date_of(day: Day) -> Date {
    // Beyond the calendar there is nothing to tell apart.
    let beyond = if day < 0 { Date::MIN } else { Date::MAX };
    Span::new().try_days(day).ok().and_then(|days| EPOCH.checked_add(days).ok()).unwrap_or(beyond)
}

/// The day of a date.
fn day_of(date: Date) -> Day {
    EPOCH.until((Unit::Day, date)).map(|days| i64::from(days.get_days())).unwrap_or_default()
}

/// The month of a day: months since 1970.
pub(super) fn month_of(day: Day) -> i64 {
    let date = date_of(day);
    (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1
}

/// Rows of which kind, from and to which.
pub(super) type Part = (&'static str, i64, i64);

/// Days as few rows as hold them: whole months, and the days before and after.
pub(super) fn parts(from: Day, to: Day) -> Vec<Part> {
    let (first, last) = (date_of(from), date_of(to));
    let begins = if first.day() == 1 { month_of(from) } else { month_of(from) + 1 };
    let ends = if last == last.last_of_month() { month_of(to) } else { month_of(to) - 1 };
    if begins > ends {
        return vec![(DAYS, from, to)];
    }
    let mut parts = vec![(MONTHS, begins, ends)];
    if first.day() != 1 {
        parts.push((DAYS, from, day_of(first.last_of_month())));
    }
    if last != last.last_of_month() {
        parts.push((DAYS, day_of(last.first_of_month()), to));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_months_are_read_as_months() {
        let day = |year, month, day| day_of(date(year, month, day));
        assert_eq!(parts(day(1970, 1, 1), day(1970, 2, 28)), [(MONTHS, 0, 1)]);
        let (from, to) = (day(1971, 1, 31), day(1971, 3, 1));
        assert_eq!(parts(from, to), [(MONTHS, 13, 13), (DAYS, from, from), (DAYS, to, to)]);
        let (from, to) = (day(1971, 1, 2), day(1971, 2, 27));
        assert_eq!(parts(from, to), [(DAYS, from, to)]);
    }

    proptest! {
        #[test]
        fn the_parts_hold_each_day_once(from in -1000i64..40_000, length in 0i64..900) {
            let to = from + length;
            let parts = parts(from, to);
            for day in from - 40..=to + 40 {
                let held = |part: &&Part| match part {
                    (DAYS, from, to) => (*from..=*to).contains(&day),
                    (_, from, to) => (*from..=*to).contains(&month_of(day)),
                };
                let times = parts.iter().filter(held).count();
                prop_assert_eq!(times, usize::from((from..=to).contains(&day)));
            }
        }
    }
}
