//! What a visit cost, as its landing page's address says. Pure.

use super::present;
use tagwerk_protocol::absent;
use tagwerk_protocol::money::SCALE;
use tagwerk_protocol::source;

/// Most that a visit can have cost, in whole units of its currency: beyond that, something else stands there.
const MOST: i64 = 10_000_000;
/// Most digits that are read; what stands behind them is less than can be kept.
const DIGITS: usize = 24;
const UNIT: i64 = 10_i64.pow(SCALE);

/// The parameter that tells what a visit cost.
#[derive(Debug, Clone, Copy)]
pub struct CostParam<'a> {
    /// Its name; addresses are read ignoring case.
    pub name: &'a str,
    /// The currency of what it tells, three letters.
    pub currency: &'a str,
}

/// What the visit that began on this page cost, in 10^-6, and its currency. The first value that is there counts; one that is no
/// amount, a macro that nobody expanded among them, tells no cost.
pub(super) fn of(landing_page: &str, param: CostParam<'_>) -> Option<(i64, String)> {
    let told = source::query(landing_page)
        .filter(|(name, _)| name.eq_ignore_ascii_case(param.name))
        .find_map(|(_, value)| absent::present(&value).map(str::to_owned))?;
    Some((amount(&told)?, present(param.currency)?.to_ascii_uppercase()))
}

/// An amount with a decimal point or comma and nothing to set thousands apart, in 10^-6: ad platforms tell fractions of a cent, and what is
/// smaller than can be kept is rounded.
fn amount(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_number = |part: &str| part.len() <= DIGITS && part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok().filter(|whole| *whole <= MOST)? };
    let mut digits = fraction.bytes().map(|b| i64::from(b - b'0')).chain(std::iter::repeat(0));
    let kept = digits.by_ref().take(SCALE as usize).fold(0, |kept, digit| kept * 10 + digit);
    let rounded = kept + i64::from(digits.next() >= Some(5));
    Some(whole * UNIT + rounded).filter(|scaled| *scaled <= MOST * UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(page: &str) -> Option<(i64, String)> {
        of(page, CostParam { name: "cost", currency: "eur" })
    }

    fn told(value: &str) -> Option<i64> {
        read(&format!("https://a.example/?utm_source=x&cost={value}#cost=9")).map(|(amount, _)| amount)
    }

    #[test]
    fn the_cost_is_read_with_point_or_comma_and_as_exactly_as_it_is_kept() {
        for (value, scaled) in [
            ("0.35", 350_000),
            ("0%2C35", 350_000),
            ("1", 1_000_000),
            ("+12.5+", 12_500_000),
            (".5", 500_000),
            ("0.0000014", 1),
            ("0.0000015", 2),
            ("0.9999999", 1_000_000),
            ("0", 0),
            ("1.234", 1_234_000),
            ("10000000", 10_000_000_000_000),
        ] {
            assert_eq!(told(value), Some(scaled), "{value}");
        }
        assert_eq!(read("https://a.example/?COST=1").map(|(_, currency)| currency).as_deref(), Some("EUR"));
    }

    #[test]
    fn macros_nobody_expanded_and_nonsense_tell_no_cost() {
        for value in [
            "",
            "{cost}",
            "%7Bcost%7D",
            "{{ad.cost}}",
            "__COST__",
            "${COST}",
            "[cost]",
            "%25COST%25",
            "free",
            "-0.35",
            "1e3",
            "NaN",
            "inf",
            "1.2.3",
            "1,234.5",
            "$1",
            ".",
            ",",
            "10000000.01",
            "99999999999999999999999999999999",
            "0.1234567890123456789012345",
            "1%002",
            "٣",
        ] {
            assert_eq!(told(value), None, "{value}");
        }
        assert_eq!(read("https://a.example/#cost=1"), None);
        assert_eq!(read("https://a.example/cost=1"), None);
    }

    #[test]
    fn the_first_value_that_is_there_counts() {
        assert_eq!(told("&cost={cost}&cost=2&cost=3"), Some(2_000_000));
        assert_eq!(told("much&cost=2"), None);
    }

    proptest! {
        #[test]
        fn what_is_told_is_what_is_kept(scaled in 0..=MOST * UNIT, mark in "[.,]") {
            let text = format!("{}{mark}{:06}", scaled / UNIT, scaled % UNIT);
            prop_assert_eq!(amount(&text), Some(scaled));
        }

        #[test]
        fn any_value_is_read_without_a_panic_and_within_bounds(text in "[0-9.,]{0,40}|.*") {
            if let Some(scaled) = amount(&text) {
                prop_assert!((0..=MOST * UNIT).contains(&scaled));
            }
        }
    }
}
