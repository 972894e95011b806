//! Money: exact decimals, never a float.

use rust_decimal::Decimal;
use std::fmt;
use std::str::FromStr;

/// Most decimals an amount may have; stored amounts are integers of this scale, so that SQL can sum them.
pub const SCALE: u32 = 6;

/// An amount of money in some currency, with the decimals it was written with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountError {
    /// Not of the form `123`, `-123.45`.
    NotADecimal,
    /// More than [`SCALE`] decimals, or beyond nine million million.
    OutOfRange,
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AmountError::NotADecimal => "is not a decimal like 101.64",
            AmountError::OutOfRange => "has too many digits",
        })
    }
}

impl std::error::Error for AmountError {}

impl Amount {
    /// Nothing, without decimals.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Reads `123`, `123.45`, `-123.45` or `+1.0`: digits with at most one dot, no exponent, no grouping, no comma.
    ///
    /// # Errors
    /// The text is no such decimal, or has more digits than can be stored.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) {
            return Err(AmountError::NotADecimal);
        }
        let amount = Decimal::from_str(text).map_err(|_| AmountError::OutOfRange)?;
        let amount = Self(amount);
        if amount.decimals() > SCALE || amount.scaled().is_none() {
            return Err(AmountError::OutOfRange);
        }
        Ok(amount)
    }

    /// The amount without its sign.
    pub fn magnitude(self) -> Self {
        Self(self.0.abs())
    }

    /// The amount with the other sign; zero stays as it is.
    pub fn negated(self) -> Self {
        if self.is_zero() { self } else { Self(-self.0) }
    }

    /// `self - other`, with the decimals of the longer one; `None` beyond the range.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.result(other, self.0.checked_sub(other.0)?)
    }

    /// `self + other`, with the decimals of the longer one; `None` beyond the range.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.result(other, self.0.checked_add(other.0)?)
    }

    /// With the decimals of the longer operand, which the arithmetic drops where one of them is zero.
    fn result(self, other: Self, mut result: Decimal) -> Option<Self> {
        result.rescale(self.decimals().max(other.decimals()));
        Some(Self(result)).filter(|result| result.scaled().is_some())
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// How many decimals it was written with.
    pub fn decimals(self) -> u32 {
        self.0.scale()
    }

    /// The amount as an integer of 10^-[`SCALE`]; `None` beyond the range of 64 bits.
    pub fn scaled(self) -> Option<i64> {
        let mut scaled = self.0;
        scaled.rescale(SCALE);
        i64::try_from(scaled.mantissa()).ok().filter(|_| scaled.scale() == SCALE)
    }

    /// The amount of which [`Self::scaled`] and [`Self::decimals`] were stored.
    pub fn from_scaled(scaled: i64, decimals: u32) -> Self {
        let mut amount = Decimal::new(scaled, SCALE);
        amount.rescale(decimals.min(SCALE));
        Self(amount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", if self.is_zero() { self.0.abs() } else { self.0 })
    }
}

/// As the text it is shown as, decimals and all.
impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(format!("\"{text}\" {error}")))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An ISO 4217 code: three letters, in upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Currency(String);

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is no code of three letters")))
    }
}

impl Currency {
    /// Reads a code in any case; `None` unless it is three letters.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic())).then(|| Self(text.to_ascii_uppercase()))
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).expect(text)
    }

    #[test]
    fn the_guide_s_example_is_exact_and_keeps_its_decimals() {
        assert_eq!(amount("165.19").minus(amount("163.55")).expect("in range").to_string(), "1.64");
        assert_eq!(amount("50.00").minus(amount("50.00")).expect("in range").to_string(), "0.00");
        assert_eq!(amount("5").minus(amount("0.00")).expect("in range").to_string(), "5.00");
        assert_eq!(amount("0.00").plus(amount("5")).expect("in range").to_string(), "5.00");
        assert_eq!(amount("0.00").negated().to_string(), "0.00");
        assert_eq!(amount("-0.00").to_string(), "0.00");
    }

    #[test]
    fn commas_exponents_and_words_are_not_amounts() {
        for text in ["165,19", "1e3", "abc", "", ".", "1.", ".5", "1 000", "0x10", "--1", "1_000", "١"] {
            assert_eq!(Amount::parse(text), Err(AmountError::NotADecimal), "{text:?}");
        }
        for text in ["1.1234567", "99999999999999", "9".repeat(60).as_str()] {
            assert_eq!(Amount::parse(text), Err(AmountError::OutOfRange), "{text:?}");
        }
    }

    #[test]
    fn a_currency_is_three_letters() {
        assert_eq!(Currency::parse("eur").expect("a code").as_str(), "EUR");
        for text in ["", "EURO", "E1R", "€"] {
            assert_eq!(Currency::parse(text), None);
        }
    }

    proptest! {
        #[test]
        fn an_amount_survives_storage(units in -9_000_000_000_000i64..9_000_000_000_000, decimals in 0u32..=6, fraction in 0u32..1_000_000) {
            let mut text = units.to_string();
            if decimals > 0 {
                text.push('.');
                text.push_str(&format!("{fraction:06}")[..decimals as usize]);
            }
            let parsed = amount(&text);
            let stored = parsed.scaled().expect("in range");
            prop_assert_eq!(Amount::from_scaled(stored, parsed.decimals()).to_string(), parsed.to_string());
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = Amount::parse(&text);
        }
    }
}
