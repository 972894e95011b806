//! Converting money by the euro's reference rates, as the European Central Bank publishes them for each working day. Pure: rates are
//! handed in, and every step is arithmetic on integers, never on floats.

use jiff::civil::Date;
use std::collections::HashMap;
use std::fmt;
use tagwerk_protocol::money::{Amount, Currency, SCALE};

pub mod ecb;
pub mod fetch;
pub mod import;

/// The currency that every rate is a price of: a rate of USD says how many dollars one euro is.
pub const BASE: &str = "EUR";

/// How many days a rate may lie before the day it is asked for. Easter takes four of them; more means that rates are missing.
pub const FRESH_DAYS: i32 = 5;

/// Most decimals of a rate. With ten digits before them, the product of any amount and any rate stays below 128 bits.
const RATE_SCALE: u32 = 8;
const MAX_WHOLE: usize = 10;

/// How much of a currency one euro is: above zero, with the decimals it was published with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// An integer of 10^-8.
    scaled: u64,
    decimals: u32,
}

/// Why a text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not of the form `1.0705`.
    #[error("is not a decimal like 1.0705")]
    NotADecimal,
    /// More than ten digits before the dot, or more than eight behind it.
    #[error("has too many digits")]
    OutOfRange,
    /// Nothing can be bought for it.
    #[error("is zero")]
    Zero,
}

impl Rate {
    /// One of the one is one of the other.
    const ONE: Self = Self { scaled: 10u64.pow(RATE_SCALE), decimals: 0 };

    /// Whether one is worth as much as the other.
    pub fn is_one(self) -> bool {
        self.scaled == Self::ONE.scaled
    }

    /// Reads `1.0705` or `17487`: digits with at most one dot, no sign, no exponent, no comma.
    ///
    /// # Errors
    /// The text is no such decimal, has more digits than can be reckoned with, or is zero.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return Err(RateError::NotADecimal);
        }
        let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let decimals = u32::try_from(decimals).ok().filter(|decimals| *decimals <= RATE_SCALE);
        let decimals = decimals.filter(|_| whole.len() <= MAX_WHOLE).ok_or(RateError::OutOfRange)?;
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let mantissa: u64 = digits.parse().map_err(|_| RateError::OutOfRange)?;
        match mantissa {
            0 => Err(RateError::Zero),
            _ => Ok(Self { scaled: mantissa.saturating_mul(10u64.pow(RATE_SCALE - decimals)), decimals }),
        }
    }
}

impl fmt::Display for Rate {
    /// As it was published.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10u64.pow(RATE_SCALE);
        let (whole, rest) = (self.scaled / unit, self.scaled % unit);
        match self.decimals {
            0 => write!(f, "{whole}"),
            decimals => {
                let shown = rest / 10u64.pow(RATE_SCALE - decimals.min(RATE_SCALE));
                write!(f, "{whole}.{shown:0width$}", width = decimals as usize)
            }
        }
    }
}

/// The rate of one currency on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRate {
    /// The day it was published for.
    pub day: Date,
    /// The currency.
    pub currency: Currency,
    /// How much of it one euro was.
    pub rate: Rate,
}

/// An amount in another currency, and what it was reckoned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// The amount, rounded half to even to six decimals; [`rounded`] makes it fit to be shown. The same currency leaves it as it is.
    pub amount: Amount,
    /// The day whose rate was used, the older one where two were; the day asked for where none was needed.
    pub rate_day: Date,
    /// Whether that lies more than [`FRESH_DAYS`] before the day asked for.
    pub stale: bool,
}

/// Rates of some days, ready to be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateTable {
    /// Of each currency its rates, by day.
    rates: HashMap<Currency, Vec<(Date, Rate)>>,
}

impl RateTable {
    /// A table of these rates, in any order; of two for the same day and currency the last one counts.
    pub fn new(rows: impl IntoIterator<Item = DayRate>) -> Self {
        let mut rates: HashMap<Currency, Vec<(Date, Rate)>> = HashMap::new();
        for row in rows {
            rates.entry(row.currency).or_default().push((row.day, row.rate));
        }
        for days in rates.values_mut() {
            // Stable, so that the last one told of a day is the last of that day; it is the one that a search finds.
            days.sort_by_key(|(day, _)| *day);
        }
        Self { rates }
    }

    /// The rate that holds for a currency on a day: that day's, or on weekends, holidays and days yet to be published that of the last
    /// day before. `None` where the table begins later or does not know the currency; the euro itself is always one.
    pub fn rate(&self, currency: &Currency, day: Date) -> Option<(Date, Rate)> {
        if currency.as_str() == BASE {
            return Some((day, Rate::ONE));
        }
        let days = self.rates.get(currency)?;
        let until = days.partition_point(|(known, _)| *known <= day);
        days.get(until.checked_sub(1)?).copied()
    }

    /// What amounts of one currency are multiplied by to be in another on a day, across the euro. `None` where there is no rate on that day
    /// or before.
    pub fn factor(&self, from: &Currency, to: &Currency, day: Date) -> Option<Factor> {
        if from == to {
            return Some(Factor { from: Rate::ONE, to: Rate::ONE, rate_day: day, stale: false });
        }
        let (from_day, from) = self.rate(from, day)?;
        let (to_day, to) = self.rate(to, day)?;
        let rate_day = from_day.min(to_day);
        Some(Factor { from, to, rate_day, stale: is_stale(rate_day, day) })
    }

    /// What an amount was worth in another currency on a day, across the euro and rounded once. `None` where there is no rate on that day
    /// or before, or the result is beyond what an amount can hold.
    pub fn convert(&self, amount: Amount, from: &Currency, to: &Currency, day: Date) -> Option<Converted> {
        if from == to {
            return Some(Converted { amount, rate_day: day, stale: false });
        }
        let factor = self.factor(from, to, day)?;
        let amount = Amount::from_scaled(factor.apply(amount.scaled()?)?, SCALE);
        Some(Converted { amount, rate_day: factor.rate_day, stale: factor.stale })
    }
}

/// From one currency into another on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    from: Rate,
    to: Rate,
    /// The day whose rate it is, the older one where it is made of two; the day asked for where none was needed.
    pub rate_day: Date,
    /// Whether that lies more than [`FRESH_DAYS`] before the day asked for.
    pub stale: bool,
}

impl Factor {
    /// An amount in 10^-6 of the one currency in 10^-6 of the other, rounded half to even; `None` beyond 64 bits.
    pub fn apply(&self, scaled: i64) -> Option<i64> {
        if self.from == self.to {
            return Some(scaled);
        }
        let product = i128::from(scaled) * i128::from(self.to.scaled);
        i64::try_from(divided_half_even(product, i128::from(self.from.scaled))?).ok()
    }
}

/// Whether a rate of one day is too old to be used for another without saying so.
pub fn is_stale(rate_day: Date, day: Date) -> bool {
    day.duration_since(rate_day).as_hours() > i64::from(FRESH_DAYS) * 24
}

/// An amount with so many decimals, half to even: two are what people are shown.
pub fn rounded(amount: Amount, decimals: u32) -> Option<Amount> {
    let unit = 10i64.pow(SCALE.checked_sub(decimals)?);
    let units = divided_half_even(i128::from(amount.scaled()?), i128::from(unit))?;
    let scaled = i64::try_from(units).ok()?.checked_mul(unit)?;
    Some(Amount::from_scaled(scaled, decimals))
}

/// The integer nearest to `dividend / divisor`, the even one of two; `None` unless the divisor is above zero.
fn divided_half_even(dividend: i128, divisor: i128) -> Option<i128> {
    if divisor <= 0 {
        return None;
    }
    let (below, rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    let up = match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => below.rem_euclid(2) == 1,
        std::cmp::Ordering::Greater => true,
    };
    below.checked_add(i128::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).expect(code)
    }

    fn amount(text: &str) -> Amount {
        Amount::parse(text).expect(text)
    }

    fn row(day: Date, code: &str, rate: &str) -> DayRate {
        DayRate { day, currency: currency(code), rate: Rate::parse(rate).expect(rate) }
    }

    /// Friday and Monday of one week, and the Friday of dollars alone.
    fn table() -> RateTable {
        RateTable::new([
            row(date(2024, 7, 1), "USD", "1.0745"),
            row(date(2024, 6, 28), "USD", "1.0705"),
            row(date(2024, 6, 28), "JPY", "171.94"),
            row(date(2024, 6, 28), "GBP", "0.84638"),
        ])
    }

    fn converted(text: &str, from: &str, to: &str, day: Date) -> Option<Converted> {
        table().convert(amount(text), &currency(from), &currency(to), day)
    }

    #[test]
    fn euros_are_multiplied_and_dollars_divided() {
        let day = date(2024, 6, 28);
        let to_dollars = converted("100.00", "EUR", "USD", day).expect("a rate");
        assert_eq!(to_dollars.amount.to_string(), "107.050000");
        let to_euros = converted("100.00", "USD", "EUR", day).expect("a rate");
        // 100 / 1.0705 = 93.41429238...
        assert_eq!(to_euros.amount.to_string(), "93.414292");
        assert_eq!((to_euros.rate_day, to_euros.stale), (day, false));
    }

    #[test]
    fn two_other_currencies_cross_the_euro_and_are_rounded_once() {
        // 100 / 1.0705 * 171.94 = 16061.65343...; by way of six-decimal euros it would end in ...653366.
        let found = converted("100", "USD", "JPY", date(2024, 6, 28)).expect("both rates");
        assert_eq!(found.amount.to_string(), "16061.653433");
    }

    #[test]
    fn weekends_use_the_last_day_before() {
        for day in [date(2024, 6, 29), date(2024, 6, 30)] {
            let found = converted("1", "EUR", "USD", day).expect("Friday's");
            assert_eq!((found.amount.to_string().as_str(), found.rate_day), ("1.070500", date(2024, 6, 28)));
            assert!(!found.stale);
        }
        let monday = converted("1", "EUR", "USD", date(2024, 7, 1)).expect("Monday's");
        assert_eq!(monday.rate_day, date(2024, 7, 1));
    }

    #[test]
    fn a_rate_of_more_than_five_days_before_is_stale() {
        assert!(!converted("1", "EUR", "USD", date(2024, 7, 6)).expect("a rate").stale);
        assert!(converted("1", "EUR", "USD", date(2024, 7, 7)).expect("a rate").stale);
    }

    #[test]
    fn of_two_rates_the_older_day_is_told() {
        let found = converted("1", "JPY", "USD", date(2024, 7, 4)).expect("both rates");
        assert_eq!((found.rate_day, found.stale), (date(2024, 6, 28), true));
    }

    #[test]
    fn before_the_first_rate_and_for_unknown_currencies_there_is_none() {
        assert_eq!(converted("1", "EUR", "USD", date(2024, 6, 27)), None);
        assert_eq!(converted("1", "EUR", "XXX", date(2024, 6, 28)), None);
        assert_eq!(
            RateTable::default().convert(amount("1"), &currency("USD"), &currency("EUR"), date(2024, 6, 28)),
            None
        );
    }

    #[test]
    fn the_same_currency_needs_no_rate_and_keeps_its_decimals() {
        let found = RateTable::default().convert(amount("1.50"), &currency("XXX"), &currency("XXX"), date(2024, 6, 28));
        let found = found.expect("no rate is needed");
        assert_eq!((found.amount.to_string().as_str(), found.stale), ("1.50", false));
    }

    #[test]
    fn of_two_rates_for_one_day_the_last_one_counts() {
        let day = date(2024, 6, 28);
        let table = RateTable::new([row(day, "USD", "1.0705"), row(day, "USD", "1.0706")]);
        assert_eq!(table.rate(&currency("USD"), day), Some((day, Rate::parse("1.0706").expect("a rate"))));
    }

    #[test]
    fn halves_go_to_the_even_neighbour_on_both_sides_of_zero() {
        for (text, shown) in
            [("0.125", "0.12"), ("0.135", "0.14"), ("-0.125", "-0.12"), ("-0.135", "-0.14"), ("2", "2.00")]
        {
            assert_eq!(rounded(amount(text), 2).expect("in range").to_string(), shown);
        }
        assert_eq!(rounded(amount("-0.001"), 2).expect("in range").to_string(), "0.00");
        assert_eq!(rounded(amount("1"), 7), None);
    }

    #[test]
    fn a_result_beyond_the_range_is_none() {
        let day = date(2024, 6, 28);
        let table = RateTable::new([row(day, "IDR", "9999999999.99999999"), row(day, "KWD", "0.00000001")]);
        assert_eq!(table.convert(amount("9000000000000"), &currency("KWD"), &currency("IDR"), day), None);
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in ["", "-1", "+1", "1,07", "1e3", ".5", "1.", "N/A", "NaN", "inf", "1.0.0", "١"] {
            assert_eq!(Rate::parse(text), Err(RateError::NotADecimal), "{text:?}");
        }
        for text in ["10000000000", "1.123456789", &"9".repeat(80)] {
            assert_eq!(Rate::parse(text), Err(RateError::OutOfRange), "{text:?}");
        }
        assert_eq!(Rate::parse("0.000"), Err(RateError::Zero));
    }

    prop_compose! {
        fn any_rate()(whole in 0u64..=9_999_999_999, fraction in "[0-9]{0,8}") -> Rate {
            let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
            Rate::parse(&text).unwrap_or(Rate::ONE)
        }
    }

    fn by(from: Rate, to: Rate) -> RateTable {
        let day = date(2024, 6, 28);
        RateTable::new([
            DayRate { day, currency: currency("AAA"), rate: from },
            DayRate { day, currency: currency("BBB"), rate: to },
        ])
    }

    fn scaled_by(table: &RateTable, amount: i64, from: &str, to: &str) -> Option<i64> {
        let found =
            table.convert(Amount::from_scaled(amount, SCALE), &currency(from), &currency(to), date(2024, 6, 28));
        found.and_then(|found| found.amount.scaled())
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = Rate::parse(&text);
        }

        #[test]
        fn a_rate_is_shown_as_it_was_published(whole in 1u64..=9_999_999_999, fraction in "[0-9]{0,8}") {
            let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
            prop_assert_eq!(Rate::parse(&text).expect("a rate").to_string(), text);
        }

        #[test]
        fn the_result_is_the_nearest_one_there_is(amount in any::<i64>(), from in any_rate(), to in any_rate()) {
            // |result * from - amount * to| <= from / 2 says it without a division.
            if let Some(found) = scaled_by(&by(from, to), amount, "AAA", "BBB") {
                let off = i128::from(found) * i128::from(from.scaled) - i128::from(amount) * i128::from(to.scaled);
                prop_assert!(off.abs() * 2 <= i128::from(from.scaled));
            } else {
                prop_assert!(i128::from(amount).abs() * i128::from(to.scaled) / i128::from(from.scaled) >= i128::from(i64::MAX));
            }
        }

        #[test]
        fn a_rate_of_one_changes_nothing(amount in any::<i64>()) {
            prop_assert_eq!(scaled_by(&by(Rate::ONE, Rate::ONE), amount, "AAA", "BBB"), Some(amount));
            prop_assert_eq!(scaled_by(&by(Rate::ONE, Rate::ONE), amount, "EUR", "BBB"), Some(amount));
        }

        #[test]
        fn a_refund_is_worth_what_its_sale_was(amount in -i64::MAX..=i64::MAX, from in any_rate(), to in any_rate()) {
            let table = by(from, to);
            let (sale, refund) = (scaled_by(&table, amount, "AAA", "BBB"), scaled_by(&table, -amount, "AAA", "BBB"));
            prop_assert_eq!(sale.map(|sale| -sale), refund.filter(|refund| *refund != i64::MIN));
        }

        #[test]
        fn the_sum_of_the_parts_is_off_by_less_than_one_unit_each(
            parts in proptest::collection::vec(-1_000_000_000_000i64..1_000_000_000_000, 1..20),
            from in any_rate(),
            to in any_rate(),
        ) {
            let table = by(from, to);
            let each: Option<Vec<i64>> = parts.iter().map(|part| scaled_by(&table, *part, "AAA", "BBB")).collect();
            if let (Some(each), Some(whole)) = (each, scaled_by(&table, parts.iter().sum(), "AAA", "BBB")) {
                let sum: i128 = each.iter().map(|part| i128::from(*part)).sum();
                prop_assert!((sum - i128::from(whole)).unsigned_abs() <= parts.len() as u128);
            }
        }

        #[test]
        fn there_and_back_ends_where_it_began(cents in -100_000_000i64..100_000_000, from in 1u64..20_000, to in 1u64..20_000) {
            // For rates that lie within 20,000 of each other, as all real ones do, cents survive both ways.
            let rate = |units: u64| Rate { scaled: units * 10u64.pow(RATE_SCALE - 2), decimals: 2 };
            let table = by(rate(from.max(100)), rate(to.max(100)));
            let there = scaled_by(&table, cents * 10_000, "AAA", "BBB").expect("in range");
            let back = scaled_by(&table, there, "BBB", "AAA").expect("in range");
            prop_assert_eq!(rounded(Amount::from_scaled(back, SCALE), 2).and_then(Amount::scaled), Some(cents * 10_000));
        }
    }
}
