//! Amounts of money as people's files have them: with a decimal point or comma, with or without thousands set apart. What could be read
//! in two ways is refused.

use crate::csv::import::Delimiter;
use std::fmt::Write as _;

/// How a file writes decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decimals {
    /// As each amount shows by itself.
    #[default]
    Auto,
    /// `1234.56`; commas set thousands apart.
    Point,
    /// `1234,56`; points set thousands apart.
    Comma,
}

impl Decimals {
    /// Reads the word of a request.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Decimals::Auto),
            "point" => Some(Decimals::Point),
            "comma" => Some(Decimals::Comma),
            _ => None,
        }
    }
}

/// The amount with a decimal point and nothing to set thousands apart, its decimals as they are.
///
/// # Errors
/// A sentence: it is no amount, or could be two.
pub fn amount(text: &str, decimals: Decimals, delimiter: Delimiter) -> Result<String, String> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix(['-', '−']) {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let no_amount = || format!("\"{}\" is not an amount like 1234.56", shortened(text));
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',') {
        return Err(no_amount());
    }
    let mark = match decimals {
        Decimals::Point => '.',
        Decimals::Comma => ',',
        Decimals::Auto => decimal_mark(digits, delimiter).ok_or_else(|| {
            let plain: String = digits.chars().filter(char::is_ascii_digit).collect();
            format!(
                "\"{}\" could be {} or {plain}; say which with decimals=point or decimals=comma",
                shortened(text),
                digits.replace(',', "."),
            )
        })?,
    };
    let other = if mark == '.' { ',' } else { '.' };
    let (whole, fraction) = match digits.split_once(mark) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let whole = ungrouped(whole, other).ok_or_else(no_amount)?;
    let mut amount = format!("{sign}{whole}");
    if let Some(fraction) = fraction {
        if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return Err(no_amount());
        }
        let _ = write!(amount, ".{fraction}");
    }
    Ok(amount)
}

/// Which mark sets decimals apart, as the digits show by themselves; `None` where both could be.
fn decimal_mark(digits: &str, delimiter: Delimiter) -> Option<char> {
    let marks: Vec<char> = digits.chars().filter(|c| !c.is_ascii_digit()).collect();
    let Some(last) = marks.last().copied() else { return Some('.') };
    let (first, after) = (*marks.first()?, digits.rsplit_once(last).map_or("", |(_, after)| after));
    let before = digits.split(last).next().unwrap_or_default();
    match marks.len() {
        // The last of two kinds sets the decimals apart.
        _ if first != last => Some(last),
        // Three digits behind a single mark: thousands, or decimals.
        1 if after.len() == 3 && (1..=3).contains(&before.len()) && !before.starts_with('0') => {
            // A file of points and commas between its cells is written where points set decimals apart.
            (last == '.' && delimiter == Delimiter::Comma).then_some('.')
        }
        1 => Some(last),
        _ => Some(if last == '.' { ',' } else { '.' }),
    }
}

/// Digits with thousands set apart by `mark`, or not at all.
fn ungrouped(whole: &str, mark: char) -> Option<String> {
    let mut groups = whole.split(mark);
    let first = groups.next().unwrap_or_default();
    let is_digits = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let mut rest = groups.peekable();
    if !is_digits(first) || (rest.peek().is_some() && first.len() > 3) {
        return None;
    }
    rest.try_fold(first.to_owned(), |digits, group| (group.len() == 3 && is_digits(group)).then(|| digits + group))
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(40)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tagwerk_protocol::money::Amount;

    fn read(text: &str) -> Result<String, String> {
        amount(text, Decimals::Auto, Delimiter::Comma)
    }

    #[test]
    fn an_amount_that_can_only_be_one_is_read() {
        for (text, is) in [
            ("101.64", "101.64"),
            ("-1.64", "-1.64"),
            (" 12,50 ", "12.50"),
            ("1.234,56", "1234.56"),
            ("1,234.56", "1234.56"),
            ("1.234.567", "1234567"),
            ("12,3456", "12.3456"),
            ("0,125", "0.125"),
            ("1234", "1234"),
            ("0.00", "0.00"),
            ("1.234", "1.234"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(is), "{text}");
        }
    }

    #[test]
    fn an_amount_that_could_be_two_is_refused_and_says_both() {
        let error = read("1,234").expect_err("two");
        assert!(error.contains("1.234 or 1234") && error.contains("decimals="), "{error}");
        assert_eq!(amount("1,234", Decimals::Comma, Delimiter::Comma).as_deref(), Ok("1.234"));
        assert_eq!(amount("1,234", Decimals::Point, Delimiter::Comma).as_deref(), Ok("1234"));
        // Where semicolons stand between cells, a single point may well set thousands apart.
        assert!(amount("1.234", Decimals::Auto, Delimiter::Semicolon).is_err());
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", "-", "abc", "1e3", "€ 5", "1.23.4", "1,23,456", "12.", ".5", "1234,567.8", "1 000", "--1", "1.2,3.4"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn our_own_amounts_are_read_as_they_are(scaled in any::<i32>(), decimals in 0u32..=6) {
            let own = Amount::from_scaled(i64::from(scaled) * 1000, decimals).to_string();
            let own = own.as_str();
            prop_assert_eq!(read(own), Ok(own.to_owned()));
        }

        #[test]
        fn what_is_read_is_an_amount_whatever_stands_there(text in "[-+0-9.,]{0,12}|.*") {
            for decimals in [Decimals::Auto, Decimals::Point, Decimals::Comma] {
                if let Ok(read) = amount(&text, decimals, Delimiter::Semicolon) {
                    let plain = read.trim_start_matches('-');
                    prop_assert!(!plain.is_empty() && plain.chars().all(|c| c.is_ascii_digit() || c == '.'), "{}", read);
                }
            }
        }
    }
}
