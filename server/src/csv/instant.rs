//! Dates and times as people's files have them. What could be read in two ways is refused.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// In which order a file writes days and months with slashes between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayOrder {
    /// As each date shows by itself.
    #[default]
    Auto,
    /// `31/12/2026`.
    DayFirst,
    /// `12/31/2026`.
    MonthFirst,
}

impl DayOrder {
    /// Reads the word of a request.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(DayOrder::Auto),
            "day_first" => Some(DayOrder::DayFirst),
            "month_first" => Some(DayOrder::MonthFirst),
            _ => None,
        }
    }
}

/// Years that a conversion can lie in: outside of them, something was read wrongly.
const YEARS: std::ops::Range<i16> = 2000..2200;
const CLOCKS: [&str; 4] = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p"];
const DATES: [&str; 7] = ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%b %d %Y", "%d %b %Y", "%B %d %Y", "%d %B %Y"];

/// Reads a time: RFC 3339; `2026-01-31 13:45:00` and the other orders, with or without a time, `UTC` or an offset; seconds or milliseconds
/// since 1970. A time without a zone is one of `zone`; a date without a time is its midnight there.
///
/// # Errors
/// A sentence: it is no time, or could be two.
pub fn parse(text: &str, zone: &TimeZone, order: DayOrder) -> Result<Timestamp, String> {
    let text = text.trim();
    let shown = text.get(..text.floor_char_boundary(40)).unwrap_or_default();
    let no_time = || format!("\"{shown}\" is not a time like 2026-01-31 13:45:00");
    let at = match since_1970(text) {
        Some(at) => at,
        None => match text.parse::<Timestamp>() {
            Ok(at) => Some(at),
            Err(_) => {
                let (local, zone) = match text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT")) {
                    Some(local) => (local.trim_end(), &TimeZone::UTC),
                    None => (text, zone),
                };
                let local = local.replace(',', " ").split_whitespace().collect::<Vec<_>>().join(" ");
                let local = civil(&local, order).map_err(|two| match two {
                    true => {
                        format!("\"{shown}\" could be two days; say which with dates=day_first or dates=month_first")
                    }
                    false => no_time(),
                })?;
                zone.to_ambiguous_timestamp(local).compatible().ok()
            }
        },
    };
    at.filter(|at| YEARS.contains(&at.to_zoned(TimeZone::UTC).year())).ok_or_else(no_time)
}

/// Seconds, or milliseconds, since 1970; `None` where the text is no number.
fn since_1970(text: &str) -> Option<Option<Timestamp>> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(match text.len() {
        9..=10 => text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()),
        13 => text.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        _ => None,
    })
}

/// A date, and a time if there is one. The error says whether it could be two.
fn civil(text: &str, order: DayOrder) -> Result<DateTime, bool> {
    if let Ok(local) = text.parse::<DateTime>() {
        return Ok(local);
    }
    // The time begins where its first colon's digits do.
    let clock_at = text.find(':').and_then(|colon| text.get(..colon)?.rfind([' ', 'T']));
    let (date, clock) = match clock_at {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    };
    let clock = match clock {
        None => Time::midnight(),
        Some(clock) => {
            let clock = clock.to_ascii_uppercase();
            let read = |form: &&str| strtime::parse(form, &clock).ok().and_then(|found| found.to_time().ok());
            CLOCKS.iter().find_map(read).ok_or(false)?
        }
    };
    let read = |form: &str| strtime::parse(form, date).ok().and_then(|found| found.to_date().ok()).filter(in_range);
    if let Some(date) = DATES.iter().find_map(|form| read(form)) {
        return Ok(date.to_datetime(clock));
    }
    let (day_first, month_first) = (read("%d/%m/%Y"), read("%m/%d/%Y"));
    let date = match (order, day_first, month_first) {
        (DayOrder::DayFirst, date, _) | (DayOrder::MonthFirst, _, date) => date.ok_or(false)?,
        (DayOrder::Auto, Some(one), Some(two)) if one != two => return Err(true),
        (DayOrder::Auto, one, two) => one.or(two).ok_or(false)?,
    };
    Ok(date.to_datetime(clock))
}

fn in_range(date: &Date) -> bool {
    YEARS.contains(&date.year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<String, String> {
        parse(text, &TimeZone::UTC, DayOrder::Auto).map(|at| at.to_string())
    }

    #[test]
    fn the_usual_forms_are_read() {
        for text in [
            "2023-10-12T03:10:37Z",
            "2023-10-12T05:10:37+02:00",
            "2023-10-12 03:10:37",
            "2023-10-12T03:10:37 UTC",
            "2023-10-12 03:10:37 UTC",
            "2023/10/12 03:10:37",
            "12.10.2023 03:10:37",
            "12.10.2023, 03:10:37",
            "Oct 12, 2023 03:10:37",
            "12 Oct 2023 03:10:37 am",
            "October 12, 2023, 3:10:37 AM",
            "10/12/2023 03:10:37 X",
            "1697080237",
            "1697080237000",
        ] {
            match read(text) {
                Ok(at) => assert_eq!(at, "2023-10-12T03:10:37Z", "{text}"),
                Err(_) => assert!(text.ends_with('X'), "{text}"),
            }
        }
        assert_eq!(read("2023-10-12").as_deref(), Ok("2023-10-12T00:00:00Z"));
        assert_eq!(read("12.10.2023 15:04").as_deref(), Ok("2023-10-12T15:04:00Z"));
        assert_eq!(read("2026-01-01T00:00:00.125Z").as_deref(), Ok("2026-01-01T00:00:00.125Z"));
    }

    #[test]
    fn a_day_that_could_be_two_is_refused_until_the_order_is_said() {
        let error = read("10/12/2023").expect_err("two");
        assert!(error.contains("dates=day_first"), "{error}");
        assert_eq!(read("10/31/2023 1:05 PM").as_deref(), Ok("2023-10-31T13:05:00Z"));
        assert_eq!(read("31/10/2023").as_deref(), Ok("2023-10-31T00:00:00Z"));
        assert_eq!(read("11/11/2023").as_deref(), Ok("2023-11-11T00:00:00Z"));
        let ordered = |order| parse("10/12/2023", &TimeZone::UTC, order).map(|at| at.to_string());
        assert_eq!(ordered(DayOrder::DayFirst).as_deref(), Ok("2023-12-10T00:00:00Z"));
        assert_eq!(ordered(DayOrder::MonthFirst).as_deref(), Ok("2023-10-12T00:00:00Z"));
    }

    #[test]
    fn a_time_without_a_zone_is_one_of_the_zone_that_was_named() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let read = |text| parse(text, &berlin, DayOrder::Auto).map(|at| at.to_string());
        assert_eq!(read("2023-07-12 03:10").as_deref(), Ok("2023-07-12T01:10:00Z"));
        assert_eq!(read("2023-07-12 03:10 UTC").as_deref(), Ok("2023-07-12T03:10:00Z"));
        assert_eq!(read("2023-12-12").as_deref(), Ok("2023-12-11T23:00:00Z"));
        // Skipped and repeated by the clock's change: later, and the first of the two.
        assert_eq!(read("2023-03-26 02:30").as_deref(), Ok("2023-03-26T01:30:00Z"));
        assert_eq!(read("2023-10-29 02:30").as_deref(), Ok("2023-10-29T00:30:00Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in
            ["", "soon", "12.13.2023", "0023-10-12", "12.10.23", "99999999", "2023-10-12 25:00", "2023-02-30", "1"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn our_own_times_are_read_to_the_millisecond(millis in 946_684_800_000i64..7_000_000_000_000) {
            let at = Timestamp::from_millisecond(millis).expect("in range");
            prop_assert_eq!(parse(&format!("{at:.3}"), &TimeZone::UTC, DayOrder::Auto), Ok(at));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "[0-9:./ TZ-]{0,24}|.*") {
            for order in [DayOrder::Auto, DayOrder::DayFirst, DayOrder::MonthFirst] {
                let _ = parse(&text, &TimeZone::UTC, order);
            }
        }
    }
}
