//! What a row would have been as a postback.

use super::columns::{Columns, TYPE, Target};
use super::{Choices, Delimiter, shortened};
use crate::csv::{instant, number};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use tagwerk_protocol::absent::present;
use tagwerk_protocol::conversion::{TransactionType, conversion_type};
use tagwerk_protocol::form;
use tagwerk_protocol::group::{Postback, TimeForm};
use tagwerk_protocol::imports::Meaning;

/// How far a file's clock may be ahead of ours, in milliseconds.
const CLOCKS_DIFFER: i64 = 86_400_000;

/// What reading a row depends on besides its columns.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    /// What the request said.
    pub choices: &'a Choices,
    /// What stands between cells.
    pub delimiter: Delimiter,
    /// The time zone of times without one.
    pub zone: TimeZone,
    /// Now, in milliseconds since 1970 UTC.
    pub now: i64,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// It is a postback: form-encoded pairs in the group's own parameter names.
    Postback(String),
    /// It is none, and that is as it should be.
    PassedOver(String),
}

impl<'a> Reading<'a> {
    /// Reads the time zone of the choices.
    ///
    /// # Errors
    /// It is not known.
    pub fn new(choices: &'a Choices, delimiter: Delimiter, now: i64) -> Result<Self, String> {
        let zone = TimeZone::get(&choices.zone).map_err(|_| format!("the time zone {} is not known", choices.zone))?;
        Ok(Self { choices, delimiter, zone, now })
    }

    /// Reads a row.
    ///
    /// # Errors
    /// A sentence that names the column and says what is wrong.
    pub fn row(&self, columns: &Columns<'_>, header: &[String], cells: &[String]) -> Result<Row, String> {
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(Row::PassedOver("the row is empty".into()));
        }
        if cells.len() != header.len() {
            return Err(format!("the row has {} cells, the header has {}", cells.len(), header.len()));
        }
        let mut told = Told::default();
        for ((target, cell), column) in columns.targets.iter().zip(cells).zip(header) {
            let Some(text) = present(cell) else { continue };
            let wrong = |problem: String| format!("{column}: {problem}");
            match target {
                Target::Nothing => {}
                Target::Param(name) => told.pairs.push((name.clone(), cell.clone())),
                Target::Means(meaning) if meaning.is_amount() => {
                    let amount = number::amount(text, self.choices.decimals, self.delimiter).map_err(wrong)?;
                    told.is_negative |= amount.starts_with('-');
                    told.facts.insert(*meaning, amount);
                }
                Target::Means(meaning @ (Meaning::TransactionId | Meaning::OrderId | Meaning::ClickId)) => {
                    if is_rounded(text) {
                        return Err(wrong(format!(
                            "\"{}\" was rounded by a spreadsheet; export again and keep this column as text",
                            shortened(text)
                        )));
                    }
                    told.facts.insert(*meaning, text.to_owned());
                }
                Target::Means(Meaning::Time) => told.at = Some(self.time(text).map_err(wrong)?),
                Target::Means(Meaning::Custom) => told.custom(text, columns.postback).map_err(wrong)?,
                Target::Means(meaning) => {
                    told.facts.insert(*meaning, text.to_owned());
                }
            }
        }
        if let Some(status) = told.facts.get(&Meaning::Status)
            && columns.tool.is_some_and(|tool| tool.not_booked.iter().any(|word| word.eq_ignore_ascii_case(status)))
        {
            return Ok(Row::PassedOver(format!("its status is {}", shortened(status))));
        }
        let postback = columns.postback;
        if postback.fields.transaction_id.is_some()
            && !told.facts.contains_key(&Meaning::TransactionId)
            && !self.choices.without_id
        {
            return Err("it has no transaction id, so nobody can tell whether it is booked already; without_id=true \
                        takes it all the same"
                .into());
        }
        told.happened(columns)?;
        told.query(postback).map(Row::Postback)
    }

    fn time(&self, text: &str) -> Result<Timestamp, String> {
        let at = instant::parse(text, &self.zone, self.choices.dates)?;
        if at.as_millisecond() > self.now.saturating_add(CLOCKS_DIFFER) {
            return Err(format!("\"{}\" lies in the future", shortened(text)));
        }
        Ok(at)
    }
}

/// What a row tells.
#[derive(Default)]
struct Told {
    facts: BTreeMap<Meaning, String>,
    pairs: Vec<(String, String)>,
    at: Option<Timestamp>,
    is_negative: bool,
}

impl Told {
    fn custom(&mut self, text: &str, postback: &Postback) -> Result<(), String> {
        let found: BTreeMap<String, String> =
            serde_json::from_str(text).map_err(|_| "it must be a JSON object of texts".to_owned())?;
        self.pairs.extend(found.into_iter().filter(|(name, _)| postback.custom.contains(name)));
        Ok(())
    }

    /// What happened to the money, in the group's own word. Where only a type says so, a word that says no more than that is no type of
    /// its own: a postback of the same sale would not have sent it.
    fn happened(&mut self, columns: &Columns<'_>) -> Result<(), String> {
        let word_of = |kind: TransactionType| {
            let mut words = columns.postback.transaction_types.iter();
            let word = words.find(|(_, known)| **known == kind).map(|(word, _)| word.clone());
            word.ok_or_else(|| format!("{} has no word for a {}", columns.group.title, kind.as_str()))
        };
        let known = |word: &str| {
            let own = columns.postback.transaction_types.keys().find(|known| known.eq_ignore_ascii_case(word));
            match own {
                Some(own) => Some(Ok(own.clone())),
                None => {
                    let of_tool = columns.tool.and_then(|tool| tool.transaction_type(word));
                    of_tool.or_else(|| built_in(word)).map(word_of)
                }
            }
        };
        if let Some(word) = self.facts.get(&Meaning::TransactionType) {
            // A word that nobody knows is refused where postbacks are read, and can be put right there.
            if let Some(known) = known(word) {
                self.facts.insert(Meaning::TransactionType, known?);
            }
            return Ok(());
        }
        if let Some(known) = self.facts.get(&Meaning::Type).and_then(|word| known(word)) {
            self.facts.remove(&Meaning::Type);
            self.facts.insert(Meaning::TransactionType, known?);
            return Ok(());
        }
        if let Some(assumed) = columns.tool.and_then(|tool| tool.default_transaction_type) {
            if self.is_negative {
                return Err("its amount is negative, but nothing says that it is a refund".into());
            }
            self.facts.insert(Meaning::TransactionType, word_of(assumed)?);
        }
        Ok(())
    }

    fn query(mut self, postback: &Postback) -> Result<String, String> {
        let mut query = String::new();
        for (meaning, value) in &self.facts {
            let name = if *meaning == Meaning::Type { Some(TYPE) } else { meaning.param(postback) };
            if let Some(name) = name {
                form::push(&mut query, name, value);
            }
        }
        // A field that tells to the fraction of a second goes before one of whole seconds.
        let exact = postback.time.iter().find(|field| field.form == TimeForm::Rfc3339);
        if let Some(field) = exact.or(postback.time.first()) {
            let at = self.at.ok_or("it does not say when it happened")?;
            let at = match field.form {
                TimeForm::Rfc3339 => format!("{at:.3}"),
                TimeForm::UnixSeconds => at.as_second().to_string(),
            };
            form::push(&mut query, &field.param, &at);
        }
        self.pairs.sort();
        self.pairs.dedup();
        for (name, value) in &self.pairs {
            form::push(&mut query, name, value);
        }
        Ok(query)
    }
}

/// What happened to the money, where a word is a built-in type or our own word for it.
fn built_in(word: &str) -> Option<TransactionType> {
    let types = [
        (conversion_type::PURCHASE, TransactionType::Payment),
        (conversion_type::LEAD, TransactionType::Payment),
        (conversion_type::REFUND, TransactionType::Refund),
        (conversion_type::CHARGEBACK, TransactionType::Chargeback),
    ];
    let known = types.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, kind)| kind);
    known.or_else(|| TransactionType::parse(&word.to_ascii_lowercase()))
}

/// Whether an id looks like `1.23457E+15`: a spreadsheet took it for a number, and its last digits are gone.
fn is_rounded(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once(['E', 'e']) else { return false };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let has_mark = number.contains(['.', ',']);
    has_mark && is_digits(&number.replacen(['.', ','], "", 1)) && exponent.strip_prefix('+').is_some_and(is_digits)
}
