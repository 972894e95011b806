//! An import: the rows of a file as postbacks of the channel `import`, in parts. A dry run rehearses the same parts that a real run books.

use crate::app::{now, row_id};
use crate::csv::import::columns::{Columns, group_column};
use crate::csv::import::row::{Reading, Row};
use crate::csv::import::{Choices, Place, Sheet};
use crate::groups::Groups;
use crate::reading::{self, Context, Corrections, Ids, RawRequest};
use crate::settings::SiteSettings;
use crate::store::{Channel, ReceivedPostback};
use crate::vault::{Vault, VaultError};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use tagwerk_protocol::imports::Imports;

pub mod rehearsal;

/// How many rows are read, and booked in one transaction.
pub const STEP: usize = 500;

/// Why an import does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file or what was said of it cannot be; the sentence says what to do.
    #[error("{0}")]
    Refused(String),
    /// A row cannot be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was kept of the file does not read.
    #[error("the file that was kept does not read: {0}")]
    Damaged(String),
}

impl From<String> for ImportError {
    fn from(sentence: String) -> Self {
        ImportError::Refused(sentence)
    }
}

/// What rows are read with.
#[derive(Clone, Copy)]
pub struct Importer<'a> {
    /// The tracking groups.
    pub groups: &'a Groups,
    /// What other tools call their columns.
    pub imports: &'a Imports,
    /// Seals the raw requests.
    pub vault: &'a Vault,
    /// The site's settings.
    pub settings: &'a SiteSettings,
}

/// A file whose header is understood.
pub struct Opened<'a> {
    importer: Importer<'a>,
    /// What the request said.
    pub choices: &'a Choices,
    /// The file.
    pub sheet: Sheet<'a>,
    reading: Reading<'a>,
    group_column: Option<usize>,
    columns: BTreeMap<String, Result<Columns<'a>, String>>,
}

/// A row, and what becomes of it.
#[derive(Debug)]
pub struct Line {
    /// The line of the file it begins on.
    pub number: u64,
    /// What becomes of it.
    pub became: Became,
}

/// What becomes of a row.
#[derive(Debug)]
pub enum Became {
    /// A postback.
    Arrival(Box<ReceivedPostback>),
    /// Nothing, and that is as it should be.
    PassedOver(String),
    /// Nothing, since it does not read.
    Unreadable(String),
}

/// Some rows of a file.
pub struct Part {
    /// The rows.
    pub lines: Vec<Line>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<Place>,
}

impl<'a> Importer<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// Its header does not read, or what is needed is missing.
    pub fn open(&self, file: &'a [u8], choices: &'a Choices) -> Result<Opened<'a>, ImportError> {
        let sheet = Sheet::open(file)?;
        let reading = Reading::new(choices, sheet.delimiter, now())?;
        let group_column = group_column(&sheet.header, self.imports, choices);
        let mut opened = Opened { importer: *self, choices, sheet, reading, group_column, columns: BTreeMap::new() };
        match &choices.group {
            // What is wrong with the header is told before anything is begun.
            Some(group) => drop(opened.columns(group)?),
            None if group_column.is_none() => {
                return Err(ImportError::Refused(format!(
                    "say which group the rows are of: group= one of {}",
                    self.groups.names()
                )));
            }
            None => {}
        }
        Ok(opened)
    }
}

impl<'a> Opened<'a> {
    /// The columns, as a group reads them.
    ///
    /// # Errors
    /// There is no such group, or it misses a column.
    pub fn columns(&mut self, group: &str) -> Result<Columns<'a>, String> {
        if let Some(known) = self.columns.get(group) {
            return known.clone();
        }
        let Importer { groups, imports, .. } = self.importer;
        let found = match groups.get(group) {
            Some(known) => Columns::of(&self.sheet.header, known, imports, self.choices),
            None => Err(format!("there is no group \"{group}\"; there are {}", groups.names())),
        };
        // A file may name as many groups as it has rows; those that are none are not remembered.
        if groups.get(group).is_some() {
            self.columns.insert(group.to_owned(), found.clone());
        }
        found
    }

    /// The groups that were met so far, with what became of each column.
    pub fn met(&self) -> impl Iterator<Item = (&str, &Columns<'a>)> {
        self.columns.iter().filter_map(|(group, columns)| Some((group.as_str(), columns.as_ref().ok()?)))
    }

    /// The next rows from a place on.
    ///
    /// # Errors
    /// A raw request cannot be sealed.
    pub fn part(&mut self, from: Place) -> Result<Part, ImportError> {
        let mut lines = Vec::new();
        let mut next = from;
        for record in self.sheet.rows(from).take(STEP) {
            next = record.next;
            let became = match record.cells {
                Err(problem) => Became::Unreadable(format!("the row {problem}")),
                Ok(cells) => self.became(&cells)?,
            };
            lines.push(Line { number: record.line, became });
        }
        let is_last = self.sheet.rows(next).next().is_none();
        Ok(Part { lines, next: (!is_last).then_some(next) })
    }

    fn became(&mut self, cells: &[String]) -> Result<Became, ImportError> {
        let told = self.group_column.and_then(|at| cells.get(at)).map(|cell| cell.trim().to_ascii_lowercase());
        let told = told.filter(|told| !told.is_empty());
        let group = match (&self.choices.group, told) {
            (Some(group), Some(told)) if *group != told => {
                return Ok(Became::PassedOver(format!("it is of the group {}", shortened(&told))));
            }
            (Some(group), _) => group.clone(),
            (None, Some(told)) => told,
            (None, None) => return Ok(Became::Unreadable("it does not say which group it is of".into())),
        };
        let header = self.sheet.header.clone();
        let row = match self.columns(&group) {
            Ok(columns) => self.reading.row(&columns, &header, cells),
            Err(problem) => Err(problem),
        };
        Ok(match row {
            Ok(Row::Postback(query)) => Became::Arrival(Box::new(self.arrival(&group, query)?)),
            Ok(Row::PassedOver(reason)) => Became::PassedOver(reason),
            Err(problem) => Became::Unreadable(problem),
        })
    }

    /// The row as it would have arrived.
    fn arrival(&self, group: &str, query: String) -> Result<ReceivedPostback, ImportError> {
        let Importer { groups, vault, settings, .. } = self.importer;
        let raw = RawRequest { method: "CSV".into(), query, ..RawRequest::default() };
        let (received_at, id) = (now(), row_id());
        // Files are not signed.
        let context = Context { groups, settings, passphrase: &|_| None };
        let ids = Ids { postback: &id, conversion: row_id() };
        let said = reading::read(&context, Channel::Import, group, &raw, &Corrections::new(), ids);
        let text = serde_json::to_vec(&raw).map_err(|error| ImportError::Damaged(error.to_string()))?;
        let raw = vault.seal(&RawRequest::place(&id), &text)?;
        Ok(ReceivedPostback {
            id,
            received_at,
            group: group.to_owned(),
            channel: Channel::Import,
            raw,
            said: said.map_err(|refusal| refusal.to_string()),
        })
    }
}

/// What a job keeps of an import until it is through: what was said of the file, and the file. Not sealed yet.
///
/// # Errors
/// None in practice: both are written to memory.
pub fn pack(choices: &Choices, file: &[u8]) -> Result<Vec<u8>, ImportError> {
    let damaged = |error: std::io::Error| ImportError::Damaged(error.to_string());
    let mut choices = serde_json::to_vec(choices).map_err(|error| ImportError::Damaged(error.to_string()))?;
    choices.push(b'\n');
    let mut packed = DeflateEncoder::new(choices.clone(), Compression::fast());
    packed.write_all(file).map_err(damaged)?;
    packed.finish().map_err(damaged)
}

/// What [`pack`] packed.
///
/// # Errors
/// It is nothing that was packed.
pub fn unpack(packed: &[u8]) -> Result<(Choices, Vec<u8>), ImportError> {
    let end = packed.iter().position(|byte| *byte == b'\n').unwrap_or(packed.len());
    let (choices, file) = packed.split_at_checked(end).unwrap_or((packed, &[]));
    let choices = serde_json::from_slice(choices).map_err(|error| ImportError::Damaged(error.to_string()))?;
    let mut text = Vec::new();
    DeflateDecoder::new(file.get(1..).unwrap_or_default())
        .read_to_end(&mut text)
        .map_err(|error| ImportError::Damaged(error.to_string()))?;
    Ok((choices, text))
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(40)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let choices = Choices { group: Some("x".into()), zone: "Europe/Berlin".into(), ..Choices::default() };
        for file in [b"a,b\n1,2\n".as_slice(), b"", b"\n\n\xff"] {
            let (said, text) = unpack(&pack(&choices, file).expect("packed")).expect("unpacked");
            assert_eq!((said, text.as_slice()), (choices.clone(), file));
        }
        assert!(unpack(b"nothing").is_err());
    }
}
