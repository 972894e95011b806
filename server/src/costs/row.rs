//! A row of a file with costs. Pure.

use super::columns::{Columns, Meaning};
use super::{Cost, amount, check_days, dimensions, shortened};
use crate::csv::import::Delimiter;
use crate::csv::instant::{self, DayOrder};
use crate::csv::number::{self, Decimals};
use crate::store::Millis;
use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tagwerk_protocol::money::{Currency, SCALE};

/// What stands where a platform has no value.
const NONE: [&str; 5] = ["", "-", "--", "—", "n/a"];
/// How rows begin that sum up others.
const TOTALS: [&str; 5] = ["total", "gesamt", "summe", "grand total", "overall"];
const DECIMALS: usize = SCALE as usize;

/// The cells of a row that matter.
pub(super) struct Row<'a> {
    cells: &'a [String],
    /// Its first or only day, as it stands there.
    pub(super) first_day: &'a str,
    last_day: Option<&'a str>,
    /// What was spent, as it stands there.
    pub(super) amount: &'a str,
}

impl<'a> Row<'a> {
    /// The row; the error says why it tells no cost, as it should be.
    pub(super) fn of(cells: &'a [String], columns: &Columns, width: usize) -> Result<Self, &'static str> {
        let cell = |meaning: &Meaning| columns.place(meaning).and_then(|at| cells.get(at)).map(|cell| cell.trim());
        let first_day = cell(&Meaning::Day).or_else(|| cell(&Meaning::FirstDay)).unwrap_or_default();
        let amount = cell(&Meaning::Amount).unwrap_or_default();
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Err("it is empty");
        }
        if cells.len() == 1 && width > 1 {
            return Err("it is a line beside the table");
        }
        let is_total = |cell: &String| {
            let cell = cell.trim().to_lowercase();
            TOTALS
                .iter()
                .any(|word| cell.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)))
        };
        let sums_up = cells.first().is_some_and(is_total) || is_total(&first_day.to_owned());
        if is_none(first_day) || (sums_up && day(first_day, DayOrder::DayFirst).is_err()) {
            return Err("it tells no day, as rows that sum up others do");
        }
        if is_none(amount) {
            return Err("nothing was spent");
        }
        Ok(Self { cells, first_day, last_day: cell(&Meaning::LastDay), amount })
    }
}

fn is_none(text: &str) -> bool {
    NONE.iter().any(|none| text.eq_ignore_ascii_case(none))
}

/// How the rows of a file are read.
pub(super) struct Reading<'a> {
    /// Dimensions of rows that do not tell them themselves.
    pub(super) with: &'a BTreeMap<String, String>,
    /// The currency of rows for which nothing tells one.
    pub(super) currency: &'a str,
    /// The currency that the header tells.
    pub(super) header_currency: Option<String>,
    /// What stands between cells.
    pub(super) delimiter: Delimiter,
    /// How days are written.
    pub(super) dates: DayOrder,
    /// How decimals are written.
    pub(super) decimals: Decimals,
}

impl Reading<'_> {
    /// The cost that a row tells.
    pub(super) fn cost(&self, row: &Row<'_>, columns: &Columns, source: &str, now: Millis) -> Result<Cost, String> {
        let first_day = day(row.first_day, self.dates)?;
        let last_day = match row.last_day.filter(|text| !is_none(text)) {
            Some(text) => day(text, self.dates)?,
            None => first_day,
        };
        check_days(first_day, last_day)?;
        let (digits, symbol) = money(row.amount);
        let currency = self.currency(row, columns, symbol)?;
        let amount = amount(&rounded(number::amount(&digits, self.decimals, self.delimiter)?))?;
        let cell = |at: usize| row.cells.get(at).map(|cell| cell.trim()).filter(|cell| !is_none(cell));
        let mut said: BTreeMap<&str, &str> = self.with.iter().map(|(w, v)| (w.as_str(), v.as_str())).collect();
        said.extend(columns.dimensions().filter_map(|(word, at)| Some((word, cell(at)?))));
        let dimensions =
            dimensions(said.into_iter()).map_err(|problem| format!("{}: {}", problem.field, problem.sentence))?;
        let mut cost = Cost {
            id: String::new(),
            first_day,
            last_day,
            dimensions,
            amount,
            currency,
            source: Some(source.to_owned()),
            note: None,
            added_at: now,
        };
        cost.id = id(&cost);
        Ok(cost)
    }

    /// The row's currency, else the header's, else the one that stands by the amount, else the one that was chosen.
    fn currency(&self, row: &Row<'_>, columns: &Columns, symbol: Option<String>) -> Result<String, String> {
        let cell = columns.place(&Meaning::Currency).and_then(|at| row.cells.get(at));
        let told = match cell.map(|cell| cell.trim()).filter(|cell| !is_none(cell)) {
            Some(cell) => Some(super::currency(cell)?),
            None => self.header_currency.clone(),
        };
        match (told, symbol) {
            (Some(told), Some(symbol)) if told != symbol => {
                Err(format!("\"{}\" is not an amount in {told}", shortened(row.amount)))
            }
            (Some(code), _) | (None, Some(code)) => Ok(code),
            (None, None) => Ok(self.currency.to_owned()),
        }
    }
}

/// Reads a day in the ways that files write it.
pub(super) fn day(text: &str, order: DayOrder) -> Result<Date, String> {
    // A day is what it says, whatever zone stands behind it.
    let plain = text.get(..10).and_then(|start| start.parse::<Date>().ok());
    if let Some(day) =
        plain.filter(|_| text.get(10..).is_some_and(|rest| rest.is_empty() || rest.starts_with(['T', ' '])))
    {
        return Ok(day);
    }
    let together = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(day) = together.then(|| strtime::parse("%Y%m%d", text).and_then(|found| found.to_date()).ok()).flatten()
    {
        return Ok(day);
    }
    let at = instant::parse(text, &TimeZone::UTC, order)
        .map_err(|sentence| sentence.replace("a time like 2026-01-31 13:45:00", "a day like 2026-01-31"))?;
    Ok(at.to_zoned(TimeZone::UTC).date())
}

/// An amount without the currency that stands before or behind it, and that currency, where it is clear.
pub(super) fn money(text: &str) -> (String, Option<String>) {
    let is_space = |c: char| c.is_whitespace() || matches!(c, '\u{202f}' | '\u{a0}' | '\u{2009}' | '\'' | '’');
    let digits: String =
        text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '−' | '+')).collect();
    let word: String = text
        .chars()
        .filter(|c| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '-' | '−' | '+') && !is_space(*c))
        .collect();
    match word.as_str() {
        "" | "$" | "¥" | "kr" | "kr." => (digits, None),
        "€" => (digits, Some("EUR".to_owned())),
        "£" => (digits, Some("GBP".to_owned())),
        "US$" => (digits, Some("USD".to_owned())),
        word if word.chars().all(char::is_uppercase) && Currency::parse(word).is_some() => {
            (digits, Some(word.to_owned()))
        }
        // What else stands there is no amount, and is told as it is.
        _ => (text.to_owned(), None),
    }
}

/// An amount with no more decimals than are kept: platforms tell floats.
fn rounded(amount: String) -> String {
    let Some((whole, decimals)) = amount.split_once('.').filter(|(_, decimals)| decimals.len() > DECIMALS) else {
        return amount;
    };
    let (kept, rest) = decimals.split_at(DECIMALS);
    let scaled = format!("{whole}{kept}").parse::<i128>().ok().filter(|scaled| *scaled >= 0);
    let Some(scaled) = scaled else { return amount };
    let scaled = scaled + i128::from(rest.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
    let unit = 10_i128.pow(SCALE);
    format!("{}.{:06}", scaled / unit, scaled % unit)
}

/// What the cost is for, as an id: the same for the same days, dimensions, currency and name of the files.
fn id(cost: &Cost) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(cost.source.as_deref().unwrap_or_default());
    add(&cost.currency);
    add(&cost.first_day.to_string());
    add(&cost.last_day.to_string());
    for (word, value) in &cost.dimensions {
        add(word);
        add(value);
    }
    let digest: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("file-{digest}")
}
