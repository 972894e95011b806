//! Files that tell what was spent: one row for each day and campaign, as ad platforms and trackers export them. Pure: the same file says
//! the same costs, under the same ids.

use super::columns::Columns;
use super::row::{Reading, Row, day, money};
use super::{Cost, MOST, dimensions, shortened};
use crate::csv::import::{Delimiter, Sheet};
use crate::csv::instant::DayOrder;
use crate::csv::number::{self, Decimals};
use crate::store::Millis;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most bytes of a file.
pub const MAX_BYTES: usize = 5_000_000;
/// The name of files that say nothing of where they come from.
const UNNAMED: &str = "file";
/// In how many of its first lines a file may say what it is before its header comes.
const PREAMBLE: usize = 30;
/// Most characters of the name of a kind of file.
const LONGEST_SOURCE: usize = 60;

/// What is said of a file besides the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Under which name its costs are kept: a later file of this name takes the place of what it tells again. `None` for what the file
    /// seems to be.
    pub source: Option<String>,
    /// The currency of rows that tell none.
    pub currency: Option<String>,
    /// How decimals are written.
    pub decimals: Decimals,
    /// In which order days and months with slashes are written.
    pub dates: DayOrder,
    /// What single columns mean, by their names in the file; empty to leave one out.
    pub columns: BTreeMap<String, String>,
    /// Dimensions of rows that do not tell them themselves.
    pub with: BTreeMap<String, String>,
}

impl Choices {
    /// Takes one parameter of a request; `false` if it is none of these.
    ///
    /// # Errors
    /// Its value cannot be; the sentence names it.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let value = value.trim();
        let some = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match name {
            "source" if value.chars().count() > LONGEST_SOURCE || value.chars().any(char::is_control) => {
                return Err(format!("source must be a name of at most {LONGEST_SOURCE} characters"));
            }
            "source" => self.source = some(),
            "currency" if value.is_empty() => self.currency = None,
            "currency" => {
                self.currency = Some(super::currency(value).map_err(|sentence| format!("currency: {sentence}"))?)
            }
            "decimals" => self.decimals = Decimals::parse(value).ok_or("decimals must be auto, point or comma")?,
            "dates" => self.dates = DayOrder::parse(value).ok_or("dates must be auto, day_first or month_first")?,
            _ => match (name.strip_prefix("column."), name.strip_prefix("with.")) {
                (Some(column), _) => drop(self.columns.insert(column.to_owned(), value.to_owned())),
                (None, Some(word)) => {
                    let known = dimensions([(word, value)].into_iter());
                    let known = known.map_err(|problem| format!("with.{}: {}", shortened(word), problem.sentence))?;
                    self.with.remove(word);
                    self.with.extend(known);
                }
                (None, None) => return Ok(false),
            },
        }
        Ok(true)
    }
}

/// A row, and why it makes no cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line of the file it begins on.
    pub number: u64,
    /// A sentence without a full stop.
    pub reason: String,
}

/// What a file says.
#[derive(Debug, Clone)]
pub struct Told {
    /// Whose file it seems to be.
    pub tool: Option<&'static str>,
    /// The name its costs are kept under.
    pub source: String,
    /// What stands between its cells.
    pub delimiter: Delimiter,
    /// What its columns mean.
    pub columns: Columns,
    /// The cells of its first row.
    pub examples: Vec<String>,
    /// How many rows it has.
    pub rows: usize,
    /// What was spent, the latest day first; rows for the same are one cost, and one of nothing takes away what was kept before.
    pub costs: Vec<Cost>,
    /// Rows that tell no cost, as it should be: totals, and what was not spent.
    pub passed_over: Vec<Line>,
    /// Rows that do not read.
    pub problems: Vec<Line>,
}

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong, and what to do.
    pub sentence: String,
    /// The columns it has, as far as they are known.
    pub columns: Vec<String>,
}

impl From<String> for Refused {
    fn from(sentence: String) -> Self {
        Self { sentence, columns: Vec::new() }
    }
}

/// Reads a file; `currency` is that of rows for which neither the file nor the choices tell one.
///
/// # Errors
/// It is no table, or it is not clear where it tells the day and the amount.
pub fn read(file: &[u8], choices: &Choices, currency: &str, now: Millis) -> Result<Told, Refused> {
    let file = utf8(file);
    let (sheet, columns, before) = header(&file, choices)?;
    let source = choices.source.clone().unwrap_or_else(|| columns.tool.unwrap_or(UNNAMED).to_owned());
    let mut told = Told {
        tool: columns.tool,
        source,
        delimiter: sheet.delimiter,
        columns,
        examples: Vec::new(),
        rows: 0,
        costs: Vec::new(),
        passed_over: Vec::new(),
        problems: Vec::new(),
    };
    let mut rows: Vec<(u64, Row<'_>)> = Vec::new();
    let width = sheet.header.len();
    let records: Vec<_> = sheet.rows(sheet.first()).map(|record| (record.line + before, record.cells)).collect();
    told.examples = records.iter().find_map(|(_, cells)| cells.clone().ok()).unwrap_or_default();
    for (number, cells) in &records {
        let number = *number;
        told.rows += 1;
        match cells {
            Err(problem) => told.problems.push(Line { number, reason: format!("the row {problem}") }),
            Ok(cells) => match Row::of(cells, &told.columns, width) {
                Ok(row) => rows.push((number, row)),
                Err(reason) => told.passed_over.push(Line { number, reason: reason.to_owned() }),
            },
        }
    }
    let reading = Reading {
        with: &choices.with,
        currency: choices.currency.as_deref().unwrap_or(currency),
        header_currency: told.columns.currency.clone(),
        delimiter: sheet.delimiter,
        dates: settled(choices.dates, DayOrder::Auto, [DayOrder::DayFirst, DayOrder::MonthFirst], |order| {
            rows.iter().map(|(_, row)| day(row.first_day, order).is_ok()).collect()
        }),
        decimals: settled(choices.decimals, Decimals::Auto, [Decimals::Point, Decimals::Comma], |decimals| {
            rows.iter()
                .map(|(_, row)| number::amount(&money(row.amount).0, decimals, sheet.delimiter).is_ok())
                .collect()
        }),
    };
    let mut costs: BTreeMap<String, Cost> = BTreeMap::new();
    for (number, row) in rows {
        match reading.cost(&row, &told.columns, &told.source, now) {
            Err(reason) => told.problems.push(Line { number, reason }),
            Ok(cost) => match costs.get_mut(&cost.id) {
                None => drop(costs.insert(cost.id.clone(), cost)),
                Some(known) => match known.amount.checked_add(cost.amount).filter(|sum| *sum <= MOST) {
                    Some(sum) => known.amount = sum,
                    None => {
                        let reason = "the rows of this day and campaign come to too much to be a cost".to_owned();
                        told.problems.push(Line { number, reason });
                    }
                },
            },
        }
    }
    told.problems.sort_by_key(|line| line.number);
    told.costs = costs.into_values().collect();
    told.costs.sort_by(|one, other| (other.last_day, &one.dimensions).cmp(&(one.last_day, &other.dimensions)));
    Ok(told)
}

/// The text of the file in UTF-8: some export UTF-16 for spreadsheets.
fn utf8(file: &[u8]) -> Cow<'_, [u8]> {
    let unit: fn([u8; 2]) -> u16 = match file {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return Cow::Borrowed(file),
    };
    let pairs = file.chunks_exact(2).skip(1).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
    let units = pairs.map(unit);
    let text: String = char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Cow::Owned(text.into_bytes())
}

/// Where the table begins: some exports say what they are in lines before it. With how many lines stand before.
fn header<'a>(file: &'a [u8], choices: &Choices) -> Result<(Sheet<'a>, Columns, u64), Refused> {
    let mut widest: Vec<String> = Vec::new();
    let mut missing: Option<&str> = None;
    let mut problem: Option<Refused> = None;
    let mut start = 0;
    for line in 0..PREAMBLE {
        let rest = file.get(start..).unwrap_or_default();
        if let Some(sheet) = Some(Sheet::open(rest)).filter(|_| !rest.is_empty()).transpose()? {
            match Columns::of(&sheet.header, &choices.columns) {
                Ok(columns) => match columns.missing() {
                    None => return Ok((sheet, columns, u64::try_from(line).unwrap_or_default())),
                    Some(_) if sheet.header.len() <= widest.len() => {}
                    Some(what) => (widest, missing) = (sheet.header, Some(what)),
                },
                Err(sentence) if sheet.header.len() > widest.len() => {
                    problem = Some(Refused { sentence, columns: sheet.header.clone() });
                    widest = sheet.header;
                }
                Err(_) => {}
            }
        }
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { break };
        start += end + 1;
    }
    if let Some(refused) = problem.filter(|_| missing.is_none()) {
        return Err(refused);
    }
    let what = missing.ok_or_else(|| "the file is empty".to_owned())?;
    let names: Vec<String> = widest.iter().take(12).map(|name| format!("\"{}\"", shortened(name))).collect();
    let sentence = format!("no column tells {what}; say which does. The columns are {}", names.join(", "));
    Err(Refused { sentence, columns: widest })
}

/// The way of reading that reads every row that any of them reads, if the rows do not show it one by one and there is just one.
fn settled<W: Copy + PartialEq>(chosen: W, auto: W, ways: [W; 2], reads: impl Fn(W) -> Vec<bool>) -> W {
    let by_itself = reads(auto);
    if chosen != auto || by_itself.iter().all(|reads| *reads) {
        return chosen;
    }
    let [one, other] = ways.map(&reads);
    let readable: Vec<bool> = one.iter().zip(&other).map(|(one, other)| *one || *other).collect();
    match (one == readable, other == readable, ways) {
        (true, false, [one, _]) => one,
        (false, true, [_, other]) => other,
        _ => auto,
    }
}

#[cfg(test)]
mod tests;
