//! Times and money as a person reads them.

use super::figures::Figures;
use crate::store::Millis;
use jiff::Timestamp;
use tagwerk_protocol::conversion::Conversion;
use tagwerk_protocol::money::Amount;

/// A moment, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// RFC 3339, for `<time datetime>`.
    pub(super) machine: String,
    /// The day, in UTC.
    pub(super) day: String,
    /// The time of day, in UTC.
    pub(super) time: String,
}

impl Moment {
    /// The moment of a count of milliseconds. A visitor's clock may say anything: what no calendar holds is shown as its
    /// number.
    pub(super) fn of(at: Millis) -> Self {
        match Timestamp::from_millisecond(at) {
            Ok(at) => Self {
                machine: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                day: at.strftime("%-d %b %Y").to_string(),
                time: at.strftime("%H:%M:%S").to_string(),
            },
            Err(_) => Self { machine: String::new(), day: format!("{at} ms"), time: String::new() },
        }
    }
}

/// How long ago a moment was, or how far off it is, in the largest unit that fits.
pub(super) fn apart(at: Millis, now: Millis) -> String {
    const UNITS: [(Millis, &str); 4] = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")];
    let distance = now.saturating_sub(at).saturating_abs();
    let count = |(size, unit): &(Millis, &str)| {
        let count = distance.checked_div(*size).filter(|count| *count > 0)?;
        Some(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
    };
    match (UNITS.iter().find_map(count), at > now) {
        (None, _) => "now".to_owned(),
        (Some(distance), true) => format!("in {distance}"),
        (Some(distance), false) => format!("{distance} ago"),
    }
}

/// An amount with its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Money {
    /// All of its decimals, as the reader's language writes them.
    pub(super) amount: String,
    /// Three letters; empty where the sender named none.
    pub(super) currency: String,
    /// Whether money went back.
    pub(super) negative: bool,
}

impl Money {
    /// An amount of a conversion, in that conversion's currency.
    pub(super) fn of(amount: Option<Amount>, said: &Conversion, figures: &Figures) -> Option<Self> {
        amount.map(|amount| Self {
            amount: figures.amount(amount),
            currency: said.currency.as_ref().map(|currency| currency.as_str().to_owned()).unwrap_or_default(),
            negative: amount < Amount::ZERO,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_utc() {
        let moment = Moment::of(1_697_080_237_123);
        assert_eq!(moment.machine, "2023-10-12T03:10:37Z");
        assert_eq!((moment.day.as_str(), moment.time.as_str()), ("12 Oct 2023", "03:10:37"));
    }

    #[test]
    fn a_distance_is_told_in_the_largest_unit_that_fits() {
        let apart = |seconds: Millis| apart(1_000_000_000 - seconds * 1000, 1_000_000_000);
        assert_eq!(apart(0), "now");
        assert_eq!(
            [apart(1), apart(119), apart(7_200), apart(200_000)].join(", "),
            "1 second ago, 1 minute ago, 2 hours ago, 2 days ago"
        );
        assert_eq!([apart(-61), apart(-3_600)].join(", "), "in 1 minute, in 1 hour");
        assert!(super::apart(Millis::MIN, Millis::MAX).ends_with("days ago"));
    }

    #[test]
    fn a_clock_beyond_the_calendar_is_shown_as_its_number() {
        assert_eq!(Moment::of(Millis::MAX).day, format!("{} ms", Millis::MAX));
        assert_eq!(Moment::of(Millis::MAX).machine, "");
    }
}
