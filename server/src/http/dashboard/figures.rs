//! How figures are written: grouped and pointed as the reader's language does, always with the digits 0 to 9, rounded half to even.

use crate::credit::WHOLE;
use crate::reports::{Kind, Metric, Row};
use axum::http::{HeaderMap, header};
use fixed_decimal::{SignedRoundingMode, UnsignedRoundingMode};
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_locale_core::Locale;
use tagwerk_protocol::money::Amount;

/// What stands where a figure cannot be told.
const NOTHING: &str = "–";
/// Digits of millionths behind the point.
const MICRO: i16 = -6;
/// Most languages of a reader that are tried.
const MOST_LANGUAGES: usize = 5;

/// Writes figures in a reader's language.
pub(super) struct Figures {
    formatter: Option<DecimalFormatter>,
}

impl Figures {
    /// For whoever sent a request with these headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let languages = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let tags = languages.split(',').filter_map(|part| part.split(';').next()).map(str::trim).take(MOST_LANGUAGES);
        let formatter = tags
            .chain(["en"])
            .filter(|tag| *tag != "*" && !tag.contains("-u-"))
            .filter_map(|tag| Locale::try_from_str(&format!("{tag}-u-nu-latn")).ok())
            .find_map(|locale| DecimalFormatter::try_new(locale.into(), Default::default()).ok());
        Self { formatter }
    }

    fn write(&self, decimal: &Decimal) -> String {
        match &self.formatter {
            Some(formatter) => formatter.format(decimal).to_string(),
            None => decimal.to_string(),
        }
    }

    fn rounded(&self, value: i128, power: i16, decimals: i16) -> String {
        let mut decimal = Decimal::from(value);
        decimal.multiply_pow10(power);
        decimal.round_with_mode(-decimals, SignedRoundingMode::Unsigned(UnsignedRoundingMode::HalfEven));
        decimal.absolute.pad_end(-decimals);
        self.write(&decimal)
    }

    /// A number of things.
    pub(super) fn count(&self, count: impl Into<i128>) -> String {
        self.write(&Decimal::from(count.into()))
    }

    /// Money in 10^-6, to the cent.
    pub(super) fn money(&self, money: i128) -> String {
        self.rounded(money, MICRO, 2)
    }

    /// Money in 10^-6, with its cents and what more decimals it has.
    pub(super) fn exact(&self, money: i64) -> String {
        let decimals = i16::try_from(crate::costs::written(money).decimals()).unwrap_or_default();
        self.rounded(money.into(), MICRO, decimals)
    }

    /// An amount with the decimals that it has.
    pub(super) fn amount(&self, amount: Amount) -> String {
        let text = amount.to_string();
        Decimal::try_from_str(&text).map_or(text, |decimal| self.write(&decimal))
    }

    /// Millionths of things that may be shared: whole ones without decimals.
    pub(super) fn shares(&self, shares: i128) -> String {
        self.rounded(shares, MICRO, if shares % i128::from(WHOLE) == 0 { 0 } else { 2 })
    }

    /// A ratio in millionths, per cent.
    pub(super) fn percent(&self, ratio: i128) -> String {
        format!("{} %", self.rounded(ratio, MICRO + 2, 1))
    }

    /// A change in millionths, per cent, with its sign.
    pub(super) fn change(&self, ratio: i128) -> String {
        format!("{}{}", if ratio > 0 { "+" } else { "" }, self.percent(ratio))
    }

    /// A metric of a row; a dash where it cannot be told.
    pub(super) fn metric(&self, row: &Row, metric: Metric) -> String {
        let Some(value) = row.metric(metric) else { return NOTHING.to_owned() };
        match metric.kind() {
            Kind::Count if metric == Metric::Visitors && row.visitors.estimated => format!("≈ {}", self.count(value)),
            Kind::Count => self.count(value),
            Kind::Shares => self.shares(value),
            Kind::Money => self.money(value),
            Kind::Ratio => self.percent(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn of(languages: &'static str) -> Figures {
        Figures::of(&[(header::ACCEPT_LANGUAGE, HeaderValue::from_static(languages))].into_iter().collect())
    }

    #[test]
    fn figures_are_written_as_the_reader_s_language_does() {
        let money = |languages| of(languages).money(1_234_567_890_000);
        assert_eq!(money("de-DE,de;q=0.9,en;q=0.8"), "1.234.567,89");
        assert_eq!(money("en-US"), "1,234,567.89");
        assert_eq!(money("en-IN"), "12,34,567.89");
        assert_eq!(money(""), "1,234,567.89");
        assert!(money("ar-EG").bytes().all(|b| b.is_ascii_digit() || b.is_ascii_punctuation()), "{}", money("ar-EG"));
    }

    #[test]
    fn money_is_rounded_half_to_even_and_keeps_its_cents() {
        let figures = of("en");
        for (money, text) in
            [(0, "0.00"), (1_005_000, "1.00"), (1_015_000, "1.02"), (-2_500_000, "-2.50"), (4_999, "0.00")]
        {
            assert_eq!(figures.money(money), text);
        }
    }

    #[test]
    fn an_amount_keeps_the_decimals_that_it_has() {
        let amount = |text| of("de").amount(Amount::parse(text).expect("an amount"));
        let texts = ["1234.5", "1234.50", "-0.000001", "165"].map(amount);
        assert_eq!(texts, ["1.234,5", "1.234,50", "-0,000001", "165"]);
    }

    #[test]
    fn shares_ratios_and_changes_are_written_for_people() {
        let figures = of("de");
        assert_eq!((figures.shares(3_000_000), figures.shares(2_500_000)), ("3".to_owned(), "2,50".to_owned()));
        assert_eq!((figures.percent(333_333), figures.change(500_000)), ("33,3 %".to_owned(), "+50,0 %".to_owned()));
        assert_eq!(figures.change(-500_000), "-50,0 %");
    }

    #[test]
    fn what_cannot_be_told_is_a_dash_and_an_estimate_says_so() {
        let figures = of("en");
        assert_eq!(figures.metric(&Row::default(), Metric::Epc), "–");
        let row = Row { visitors: crate::store::facts::Visitors { count: 1200, estimated: true }, ..Row::default() };
        assert_eq!(figures.metric(&row, Metric::Visitors), "≈ 1,200");
    }

    #[test]
    fn a_language_that_is_none_is_not_minded() {
        assert_eq!(of("*, x, !!, klingon-u-nu-deva").count(1000), "1,000");
    }
}
