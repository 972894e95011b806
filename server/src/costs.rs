//! What ads cost: entered by hand, read from the files of ad platforms, and spread over the days it was spent on. Pure.
//!
//! What a single visit cost, as its landing page's address says, is kept with the visit (`visit.rs`).

pub mod columns;
pub mod file;
mod row;

use crate::store::Millis;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use std::collections::BTreeMap;
use tagwerk_protocol::money::{Amount, Currency, SCALE};

/// What was spent on some days for some of the visits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Opaque. That of a cost from a file follows from what it is for, so that the same row of a later file takes its place.
    pub id: String,
    /// The first day it was spent on, in the site's zone.
    pub first_day: Date,
    /// The last day, included.
    pub last_day: Date,
    /// Which visits it was spent for: values by the words of reports that visits have ([`is_dimension`]). None is all of them.
    pub dimensions: BTreeMap<String, String>,
    /// How much, in 10^-6 of the currency; of all days together.
    pub amount: i64,
    /// Three letters.
    pub currency: String,
    /// The name of the files it came from; `None` where it was entered by hand.
    pub source: Option<String>,
    /// What somebody noted.
    pub note: Option<String>,
    /// When it was entered, or last told by a file.
    pub added_at: Millis,
}

/// Dimensions that costs may name, besides `utm_*`.
pub const DIMENSIONS: [&str; 5] = ["platform", "referrer", "landing_page", "country", "device"];
/// Most dimensions of a cost.
const MAX_DIMENSIONS: usize = 10;
/// Most bytes of the name of a campaign parameter, and most characters of a value or note.
const LONGEST_NAME: usize = 64;
const LONGEST_TEXT: usize = 500;
/// Most days that one cost is spread over: ten years.
const MAX_DAYS: i32 = 3660;
/// The first of the days that a cost can be spent on: outside of them, something was read wrongly.
pub const FIRST: Date = date(2000, 1, 1);
/// The last of them.
pub const LAST: Date = date(2199, 12, 31);
/// Most that one cost can be, in 10^-6: a million million of the currency.
const MOST: i64 = 1_000_000_000_000_000_000;

/// The part of a cost that falls on each day of a range, both days included: exact, the parts of all of its days add up to the amount.
/// Every day has the same part; what does not divide goes to the first days, 10^-6 each.
pub fn spread(cost: &Cost, from: Date, to: Date) -> Vec<(Date, i64)> {
    let Some(days) = days(cost.first_day, cost.last_day) else { return Vec::new() };
    let (part, rest) = (cost.amount.div_euclid(days), cost.amount.rem_euclid(days));
    let (mut day, end) = (cost.first_day.max(from), cost.last_day.min(to));
    let mut parts = Vec::new();
    while day <= end {
        let before = between(cost.first_day, day);
        parts.push((day, part + i64::from(before < rest)));
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    parts
}

/// How many days lie from the first to the last, both included; `None` where the last lies before the first.
fn days(first: Date, last: Date) -> Option<i64> {
    (first <= last).then(|| between(first, last) + 1)
}

fn between(first: Date, later: Date) -> i64 {
    first.until(later).map_or(0, |span| i64::from(span.get_days()))
}

/// Whether costs can be told apart by this: a word for what visits have.
pub fn is_dimension(word: &str) -> bool {
    let is_parameter = |name: &str| {
        (1..=LONGEST_NAME).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.'))
    };
    DIMENSIONS.contains(&word) || word.strip_prefix("utm_").is_some_and(is_parameter)
}

/// An amount of 10^-6 as people write it: with at least two decimals, and no more than it has.
pub fn written(scaled: i64) -> Amount {
    let decimals = (2..SCALE).find(|decimals| scaled % 10_i64.pow(SCALE - decimals) == 0);
    Amount::from_scaled(scaled, decimals.unwrap_or(SCALE))
}

/// What keeping some costs would change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Costs that were not there.
    pub added: usize,
    /// Costs that say something else than before.
    pub changed: usize,
    /// Costs that are there as they are.
    pub same: usize,
    /// Costs of nothing that take away one that was there.
    pub removed: usize,
}

impl Change {
    /// Compares what is told with what is kept, by the ids.
    pub fn of(kept: &[Cost], told: &[Cost]) -> Self {
        let kept: BTreeMap<&str, &Cost> = kept.iter().map(|cost| (cost.id.as_str(), cost)).collect();
        let mut change = Self::default();
        for cost in told {
            match kept.get(cost.id.as_str()) {
                Some(_) if cost.amount == 0 => change.removed += 1,
                Some(before) if before.amount == cost.amount => change.same += 1,
                Some(_) => change.changed += 1,
                None => change.added += usize::from(cost.amount != 0),
            }
        }
        change
    }
}

/// What people say of a cost, as texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The first day, like `2026-01-31`.
    pub first_day: String,
    /// The last day; empty where it is the first.
    pub last_day: String,
    /// Which visits it was spent for; what is empty is not there.
    pub dimensions: BTreeMap<String, String>,
    /// How much, like `1234.56`.
    pub amount: String,
    /// Three letters.
    pub currency: String,
    /// What they note; may be empty.
    pub note: String,
}

/// What is wrong with a cost that somebody enters: the name of a field, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `first_day`, `last_day`, `amount`, `currency`, `note`, or the word of a dimension.
    pub field: String,
    /// What is wrong with it, and how it should be.
    pub sentence: String,
}

impl Problem {
    fn new(field: &str, sentence: impl Into<String>) -> Self {
        Self { field: field.to_owned(), sentence: sentence.into() }
    }
}

impl Said {
    /// The cost it is, under this id.
    ///
    /// # Errors
    /// The first field that cannot be, and how it should be.
    pub fn read(&self, id: String, now: Millis) -> Result<Cost, Problem> {
        let first_day = day(&self.first_day).map_err(|sentence| Problem::new("first_day", sentence))?;
        let last_day = match self.last_day.trim() {
            "" => first_day,
            text => day(text).map_err(|sentence| Problem::new("last_day", sentence))?,
        };
        check_days(first_day, last_day).map_err(|sentence| Problem::new("last_day", sentence))?;
        let dimensions = dimensions(self.dimensions.iter().map(|(word, value)| (word.as_str(), value.as_str())))?;
        let amount = amount(self.amount.trim()).map_err(|sentence| Problem::new("amount", sentence))?;
        if amount == 0 {
            return Err(Problem::new("amount", "a cost is more than nothing"));
        }
        let currency = currency(&self.currency).map_err(|sentence| Problem::new("currency", sentence))?;
        let note = text(&self.note).map_err(|sentence| Problem::new("note", sentence))?;
        Ok(Cost { id, first_day, last_day, dimensions, amount, currency, source: None, note, added_at: now })
    }
}

/// Reads a day like `2026-01-31`.
fn day(text: &str) -> Result<Date, String> {
    let text = text.trim();
    let day = text.parse::<Date>().ok().filter(|_| text.len() == 10).filter(|day| (FIRST..=LAST).contains(day));
    day.ok_or_else(|| format!("\"{}\" is not a day like 2026-01-31", shortened(text)))
}

/// Whether a cost can be spread over these days.
fn check_days(first: Date, last: Date) -> Result<(), String> {
    if !(FIRST..=LAST).contains(&first) || !(FIRST..=LAST).contains(&last) {
        return Err(format!("days lie between {FIRST} and {LAST}"));
    }
    if last < first {
        return Err(format!("the last day ({last}) lies before the first ({first})"));
    }
    if first.saturating_add(MAX_DAYS.days()) <= last {
        return Err(format!("a cost is spread over at most {MAX_DAYS} days"));
    }
    Ok(())
}

/// Reads an amount with a decimal point, in 10^-6.
fn amount(text: &str) -> Result<i64, String> {
    let amount = Amount::parse(text).map_err(|error| format!("\"{}\" {error}", shortened(text)))?;
    match amount.scaled() {
        Some(scaled) if scaled < 0 => Err(format!("\"{}\" is negative; a cost is what was spent", shortened(text))),
        Some(scaled) if scaled <= MOST => Ok(scaled),
        _ => Err(format!("\"{}\" is too much to be a cost", shortened(text))),
    }
}

fn currency(text: &str) -> Result<String, String> {
    let code = Currency::parse(text.trim());
    code.map(|code| code.to_string()).ok_or_else(|| format!("\"{}\" is not a code of three letters", shortened(text)))
}

/// The dimensions that say something.
fn dimensions<'a>(said: impl Iterator<Item = (&'a str, &'a str)>) -> Result<BTreeMap<String, String>, Problem> {
    let mut dimensions = BTreeMap::new();
    for (word, value) in said {
        if !is_dimension(word) {
            let known = DIMENSIONS.join(", ");
            return Err(Problem::new(
                word,
                format!("costs are not told apart by \"{}\"; they are by utm_*, {known}", shortened(word)),
            ));
        }
        let Some(value) = text(value).map_err(|sentence| Problem::new(word, sentence))? else { continue };
        if word == "country" && !(value.len() == 2 && value.bytes().all(|b| b.is_ascii_uppercase())) {
            let sentence = format!("\"{}\" is not a country's two letters, like DE", shortened(&value));
            return Err(Problem::new(word, sentence));
        }
        dimensions.insert(word.to_owned(), value);
    }
    if dimensions.len() > MAX_DIMENSIONS {
        return Err(Problem::new("dimensions", format!("a cost has at most {MAX_DIMENSIONS} of them")));
    }
    Ok(dimensions)
}

/// A text without outer space; nothing where it is empty.
fn text(text: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("it must be a single line of text".into());
    }
    if text.chars().count() > LONGEST_TEXT {
        return Err(format!("it has more than {LONGEST_TEXT} characters"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(40)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cost(first_day: Date, last_day: Date, amount: i64) -> Cost {
        Cost {
            id: "c".into(),
            first_day,
            last_day,
            dimensions: BTreeMap::new(),
            amount,
            currency: "EUR".into(),
            source: None,
            note: None,
            added_at: 0,
        }
    }

    fn said(change: impl FnOnce(&mut Said)) -> Said {
        let mut said = Said {
            first_day: "2026-01-30".into(),
            last_day: "2026-02-01".into(),
            dimensions: [("utm_campaign", "Winter "), ("utm_term", "")].map(|(k, v)| (k.into(), v.into())).into(),
            amount: "10.50".into(),
            currency: "eur".into(),
            note: String::new(),
        };
        change(&mut said);
        said
    }

    fn problem(change: impl FnOnce(&mut Said)) -> Problem {
        said(change).read("c".into(), 0).expect_err("a problem")
    }

    #[test]
    fn what_does_not_divide_goes_to_the_first_days() {
        let cost = cost(date(2026, 1, 30), date(2026, 2, 1), 10_000_001);
        let parts = [(30, 1, 3_333_334), (31, 1, 3_333_334), (1, 2, 3_333_333)];
        let parts = parts.map(|(day, month, part)| (date(2026, month, day), part));
        assert_eq!(spread(&cost, FIRST, LAST), parts);
        assert_eq!(spread(&cost, parts[1].0, parts[1].0), parts[1..2]);
        assert_eq!(spread(&cost, date(2026, 2, 2), LAST), []);
    }

    #[test]
    fn a_cost_that_ends_before_it_begins_is_on_no_day() {
        assert_eq!(spread(&cost(date(2026, 1, 2), date(2026, 1, 1), 5), FIRST, LAST), []);
    }

    #[test]
    fn what_people_say_is_read_with_its_empty_fields_left_out() {
        let cost = said(|_| ()).read("c".into(), 7).expect("a cost");
        assert_eq!((cost.first_day, cost.last_day), (date(2026, 1, 30), date(2026, 2, 1)));
        assert_eq!(cost.dimensions, [("utm_campaign".to_owned(), "Winter".to_owned())].into());
        assert_eq!((cost.amount, cost.currency.as_str(), cost.note), (10_500_000, "EUR", None));
        let one = said(|said| said.last_day = String::new()).read("c".into(), 7).expect("a cost");
        assert_eq!(one.last_day, one.first_day);
    }

    #[test]
    fn what_cannot_be_is_told_by_its_field() {
        assert_eq!(problem(|said| said.first_day = "31.1.2026".into()).field, "first_day");
        assert_eq!(problem(|said| said.first_day = "0026-01-31".into()).field, "first_day");
        assert_eq!(problem(|said| said.last_day = "2026-01-29".into()).field, "last_day");
        assert_eq!(problem(|said| said.last_day = "2036-02-29".into()).field, "last_day");
        for amount in ["", "0", "-5", "5,5", "1e9", "9999999999999", "1.1234567"] {
            assert_eq!(problem(|said| said.amount = amount.into()).field, "amount", "{amount}");
        }
        assert_eq!(problem(|said| said.currency = "euro".into()).field, "currency");
        assert_eq!(problem(|said| said.note = "x".repeat(501)).field, "note");
        let with = |word: &str, value: &str| {
            let (word, value) = (word.to_owned(), value.to_owned());
            problem(|said| drop(said.dimensions.insert(word, value))).field
        };
        for word in ["product", "type", "sid1", "page", "day", "utm_", "utm_A b", "group"] {
            assert_eq!(with(word, "x"), word);
        }
        assert_eq!(with("country", "Germany"), "country");
        assert_eq!(with("utm_source", "a\nb"), "utm_source");
    }

    #[test]
    fn an_amount_is_shown_with_the_decimals_it_has() {
        let amounts = [(0, "0.00"), (5_000_000, "5.00"), (350_000, "0.35"), (1_234_500, "1.2345"), (1, "0.000001")];
        for (scaled, text) in amounts {
            assert_eq!(written(scaled).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn the_parts_of_all_days_are_the_amount_and_differ_by_no_more_than_the_smallest_unit(
            start in 0i32..2000, length in 0i32..400, amount in 0..=MOST
        ) {
            let first = FIRST.saturating_add(start.days());
            let cost = cost(first, first.saturating_add(length.days()), amount);
            let parts = spread(&cost, FIRST, LAST);
            prop_assert_eq!(parts.len(), usize::try_from(length).unwrap_or_default() + 1);
            prop_assert_eq!(parts.iter().map(|(_, part)| part).sum::<i64>(), amount);
            let (least, most) = (parts.iter().map(|(_, part)| part).min(), parts.iter().map(|(_, part)| part).max());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1));
        }

        #[test]
        fn a_range_has_the_parts_that_its_days_have_of_all(
            length in 0i32..60, amount in 0i64..1_000_000, from in -5i32..70, more in 0i32..70
        ) {
            let first = date(2026, 1, 1);
            let cost = cost(first, first.saturating_add(length.days()), amount);
            let (from, to) = (first.saturating_add(from.days()), first.saturating_add((from + more).days()));
            let mut all = spread(&cost, FIRST, LAST);
            all.retain(|(day, _)| (from..=to).contains(day));
            prop_assert_eq!(spread(&cost, from, to), all);
        }

        #[test]
        fn any_amount_is_shown_as_it_is(scaled in 0..=MOST) {
            prop_assert_eq!(amount(&written(scaled).to_string()), Ok(scaled));
        }
    }
}
