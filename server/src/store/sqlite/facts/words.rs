//! The numbers of dimensions and of their values.

use super::fact::{Column, column};
use crate::store::facts::Dimension;
use crate::store::sqlite::failure::Failure;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// How many dimensions a site may have. Names beyond are not told apart: anybody can put any `utm_` into an address.
const MOST_DIMENSIONS: usize = 512;
/// How the name of a campaign parameter begins among dimensions.
const UTM: &str = "utm:";
/// How the name of a handed-through parameter begins among dimensions.
const CUSTOM: &str = "custom:";
/// The currencies of money, kept as if they were a dimension.
pub(super) const CURRENCY: &str = "currency";

/// The name of a dimension, as stored; those of time have none.
pub(super) fn name(dimension: &Dimension) -> Option<String> {
    use Dimension::*;
    let plain = match dimension {
        Utm(name) => return Some(format!("{UTM}{name}")),
        Custom(name) => return Some(format!("{CUSTOM}{name}")),
        Hour | Weekday | Day | Week | Month => return None,
        ClickIds => "click_ids",
        Referrer => "referrer",
        LandingPage => "landing_page",
        Country => "country",
        Device => "device",
        Page => "page",
        Link => "link",
        Group => "group",
        Product => "product",
        Type => "type",
        TransactionType => "transaction_type",
        OrderType => "order_type",
        BillingType => "billing_type",
        BillingStatus => "billing_status",
        State => "state",
    };
    Some(plain.to_owned())
}

/// The open-ended dimension of a stored name.
pub(super) fn open_ended(name: &str) -> Option<Dimension> {
    let utm = name.strip_prefix(UTM).map(|name| Dimension::Utm(name.to_owned()));
    utm.or_else(|| name.strip_prefix(CUSTOM).map(|name| Dimension::Custom(name.to_owned())))
}

/// A dimension of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) column: Column,
    /// How many values it has, which are numbered from 1.
    pub(super) words: i64,
}

/// The dimensions of a site, by their names.
pub(super) fn dimensions(connection: &Connection, site_id: &str) -> Result<HashMap<String, Known>, Failure> {
    let sql = "SELECT name, number, words FROM report_dimensions WHERE site_id = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let rows =
        statement.query_map([site_id], |row| Ok((row.get(0)?, Known { column: row.get(1)?, words: row.get(2)? })))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The number of a value.
pub(super) const CODE: &str = "SELECT code FROM report_words WHERE site_id = ? AND dimension = ? AND word = ?";

/// The number of a value, if it ever came.
pub(super) fn code_of(
    connection: &Connection,
    site_id: &str,
    column: Column,
    word: &str,
) -> Result<Option<i64>, Failure> {
    let mut statement = connection.prepare_cached(CODE)?;
    Ok(statement.query_row(params![site_id, column, word], |row| row.get(0)).optional()?)
}

/// The value of a number.
pub(super) const WORD: &str = "SELECT word FROM report_words WHERE site_id = ? AND dimension = ? AND code = ?";

/// The value of a number.
pub(super) fn word_of(
    connection: &Connection,
    site_id: &str,
    column: Column,
    code: i64,
) -> Result<Option<String>, Failure> {
    let mut statement = connection.prepare_cached(WORD)?;
    Ok(statement.query_row(params![site_id, column, code], |row| row.get(0)).optional()?)
}

/// The numbers of one site's dimensions and values, new ones if they are new, for one write.
pub(super) struct Words<'a> {
    connection: &'a Connection,
    site_id: &'a str,
    dimensions: HashMap<String, Known>,
    codes: HashMap<(Column, String), i64>,
}

impl<'a> Words<'a> {
    pub(super) fn new(connection: &'a Connection, site_id: &'a str) -> Result<Self, Failure> {
        Ok(Self { connection, site_id, dimensions: dimensions(connection, site_id)?, codes: HashMap::new() })
    }

    /// The cell of a dimension's value; `None` where there is no value.
    pub(super) fn cell(&mut self, dimension: &Dimension, word: &str) -> Result<Option<(Column, i64)>, Failure> {
        match name(dimension) {
            Some(name) => self.cell_of(&name, word),
            None => Ok(None),
        }
    }

    /// The cell of a value, by the dimension's name.
    pub(super) fn cell_of(&mut self, name: &str, word: &str) -> Result<Option<(Column, i64)>, Failure> {
        if word.is_empty() {
            return Ok(None);
        }
        let Some(known) = self.known(name)? else { return Ok(None) };
        let key = (known.column, word.to_owned());
        if let Some(code) = self.codes.get(&key) {
            return Ok(Some((known.column, *code)));
        }
        let code = match code_of(self.connection, self.site_id, known.column, word)? {
            Some(code) => code,
            None => self.new_word(name, known, word)?,
        };
        self.codes.insert(key, code);
        Ok(Some((known.column, code)))
    }

    fn known(&mut self, name: &str) -> Result<Option<Known>, Failure> {
        if let Some(known) = self.dimensions.get(name) {
            return Ok(Some(*known));
        }
        let count = self.dimensions.len();
        let Some(column) = u16::try_from(count).ok().filter(|_| count < MOST_DIMENSIONS) else { return Ok(None) };
        let known = Known { column: column::FIRST_DIMENSION + column, words: 0 };
        self.connection
            .prepare_cached("INSERT INTO report_dimensions (site_id, number, name, words) VALUES (?, ?, ?, 0)")?
            .execute(params![self.site_id, known.column, name])?;
        self.dimensions.insert(name.to_owned(), known);
        Ok(Some(known))
    }

    fn new_word(&mut self, name: &str, known: Known, word: &str) -> Result<i64, Failure> {
        let code = known.words + 1;
        self.connection
            .prepare_cached("INSERT INTO report_words (site_id, dimension, code, word) VALUES (?, ?, ?, ?)")?
            .execute(params![self.site_id, known.column, code, word])?;
        self.connection
            .prepare_cached("UPDATE report_dimensions SET words = ? WHERE site_id = ? AND number = ?")?
            .execute(params![code, self.site_id, known.column])?;
        self.dimensions.insert(name.to_owned(), Known { words: code, ..known });
        Ok(code)
    }
}
