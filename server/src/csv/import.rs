//! A file of past conversions: where its rows begin and end, what its columns mean for a tracking group, and what each row would have been
//! as a postback. Pure: the same file gives the same postbacks.

use super::formula::restore;
use super::instant::DayOrder;
use super::number::Decimals;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Chain, Read};
use std::str::FromStr;

pub mod columns;
pub mod row;

/// Most bytes of a row: as long as the longest postback may be.
const MAX_ROW: usize = 16_000;
/// Most columns of a file.
const MAX_COLUMNS: usize = 300;
/// An empty line, which is passed over.
const BEFORE: &[u8] = b"\n";
const NOT_UTF8: &str = "is not UTF-8; save the file as \"CSV UTF-8\"";

/// What a request says of a file besides the file. It is kept with the job, so that an import goes on after a crash as it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// The tracking group of all rows; `None` where a column tells.
    pub group: Option<String>,
    /// The tool whose export it is; `None` to find out.
    pub format: Option<String>,
    /// The time zone of times without one, by its IANA name.
    pub zone: String,
    /// How decimals are written.
    pub decimals: Decimals,
    /// In which order days and months with slashes are written.
    pub dates: DayOrder,
    /// What single columns mean, by their names in the file: our word or the group's parameter; empty to leave one out.
    pub columns: BTreeMap<String, String>,
    /// Whether rows without a transaction id are taken, though nobody can tell whether they are booked already.
    pub without_id: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            group: None,
            format: None,
            zone: "UTC".into(),
            decimals: Decimals::default(),
            dates: DayOrder::default(),
            columns: BTreeMap::new(),
            without_id: false,
        }
    }
}

impl Choices {
    /// Takes one parameter of a request; `false` if it is none of these.
    ///
    /// # Errors
    /// Its value cannot be; the sentence names it.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let some = || Some(value.trim().to_ascii_lowercase()).filter(|value| !value.is_empty());
        match name {
            "group" => self.group = some(),
            "format" => self.format = some().filter(|value| value != "auto"),
            "zone" => {
                jiff::tz::TimeZone::get(value)
                    .map_err(|_| format!("zone is \"{value}\"; it must be like Europe/Berlin or UTC"))?;
                value.clone_into(&mut self.zone);
            }
            "decimals" => {
                self.decimals = Decimals::parse(value).ok_or("decimals must be auto, point or comma")?;
            }
            "dates" => {
                self.dates = DayOrder::parse(value).ok_or("dates must be auto, day_first or month_first")?;
            }
            "without_id" => {
                self.without_id = match value {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return Err("without_id must be true or false".into()),
                };
            }
            _ => match name.strip_prefix("column.") {
                Some(column) => {
                    self.columns.insert(column.to_owned(), value.trim().to_owned());
                }
                None => return Ok(false),
            },
        }
        Ok(true)
    }
}

/// What stands between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
}

impl Delimiter {
    const ALL: [Self; 3] = [Self::Comma, Self::Semicolon, Self::Tab];

    fn byte(self) -> u8 {
        match self {
            Delimiter::Comma => b',',
            Delimiter::Semicolon => b';',
            Delimiter::Tab => b'\t',
        }
    }

    /// The word, as shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Delimiter::Comma => "comma",
            Delimiter::Semicolon => "semicolon",
            Delimiter::Tab => "tab",
        }
    }
}

/// A place in a file: a byte, and the line it lies on. Its text is what a job keeps as its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub byte: usize,
    /// The line, from 1.
    pub line: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.byte, self.line)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(byte, line)| byte.parse().ok().zip(line.parse().ok()));
        parts.map(|(byte, line)| Self { byte, line }).ok_or_else(|| format!("\"{text}\" is no place in a file"))
    }
}

/// A file with its header read.
#[derive(Debug, Clone)]
pub struct Sheet<'a> {
    text: &'a [u8],
    /// What stands between its cells.
    pub delimiter: Delimiter,
    /// The names of its columns, without outer space.
    pub header: Vec<String>,
    first: Place,
}

impl<'a> Sheet<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// The file is empty, or its header does not read; the sentence says what to do.
    pub fn open(file: &'a [u8]) -> Result<Self, String> {
        if file.starts_with(&[0xff, 0xfe]) || file.starts_with(&[0xfe, 0xff]) || file.starts_with(b"PK\x03\x04") {
            return Err(format!("the file {NOT_UTF8}"));
        }
        let bom = if file.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
        let start = Place { byte: bom, line: 1 };
        // Some spreadsheets write and read a first line that names the delimiter.
        let rest = file.get(bom..).unwrap_or_default();
        let named = Delimiter::ALL.into_iter().find_map(|delimiter| {
            let after = rest.strip_prefix(b"sep=")?.strip_prefix(&[delimiter.byte()])?;
            after.starts_with(b"\n").then_some((delimiter, 6)).or(after.starts_with(b"\r\n").then_some((delimiter, 7)))
        });
        let (delimiters, start) = match named {
            Some((delimiter, length)) => (vec![delimiter], Place { byte: bom + length, line: 2 }),
            None => (Delimiter::ALL.to_vec(), start),
        };
        // The delimiter that makes the most columns; the first of those that make as many.
        let mut best: Option<(Delimiter, Record)> = None;
        for delimiter in delimiters {
            let Some(header) = Rows::new(file, delimiter, start).next() else { return Err("the file is empty".into()) };
            let wider = |(_, best): &(_, Record)| header.width() > best.width();
            if best.as_ref().is_none_or(wider) {
                best = Some((delimiter, header));
            }
        }
        let Some((delimiter, header)) = best else { return Err("the file is empty".into()) };
        let cells = header.cells.map_err(|problem| format!("the header {problem}"))?;
        if cells.len() > MAX_COLUMNS {
            return Err(format!("the file has {} columns; {MAX_COLUMNS} are read at most", cells.len()));
        }
        let header_cells = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        Ok(Self { text: file, delimiter, header: header_cells, first: header.next })
    }

    /// Where the rows begin.
    pub fn first(&self) -> Place {
        self.first
    }

    /// The rows from a place on.
    pub fn rows(&self, from: Place) -> Rows<'a> {
        Rows::new(self.text, self.delimiter, from)
    }
}

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Its cells, defused ones restored; or why they do not read, to be put behind "the row".
    pub cells: Result<Vec<String>, String>,
    /// Where the next one begins.
    pub next: Place,
}

impl Record {
    fn width(&self) -> usize {
        self.cells.as_ref().map_or(0, Vec::len)
    }
}

/// Goes through the rows of a file.
pub struct Rows<'a> {
    text: &'a [u8],
    base: usize,
    at: Place,
    reader: csv::Reader<Chain<&'static [u8], &'a [u8]>>,
}

impl<'a> Rows<'a> {
    fn new(text: &'a [u8], delimiter: Delimiter, from: Place) -> Self {
        let rest = text.get(from.byte..).unwrap_or_default();
        let mut reader = csv::ReaderBuilder::new();
        reader.has_headers(false).flexible(true).delimiter(delimiter.byte());
        // The reader drops a byte order mark where it begins to read. Rows must read the same wherever reading begins.
        let reader = reader.from_reader(BEFORE.chain(rest));
        Self { text, base: from.byte, at: from, reader }
    }

    /// The place that lies behind, with its lines counted.
    fn place(&self, byte: usize) -> Place {
        let between = self.text.get(self.at.byte..byte).unwrap_or_default();
        let lines = between.iter().enumerate().filter(|(at, c)| match c {
            b'\n' => true,
            b'\r' => self.text.get(self.at.byte + at + 1) != Some(&b'\n'),
            _ => false,
        });
        Place { byte, line: self.at.line + u64::try_from(lines.count()).unwrap_or_default() }
    }
}

impl Iterator for Rows<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        // Empty lines are no rows; the line of a row is the one its first cell stands on.
        let rest = self.text.get(self.at.byte..).unwrap_or_default();
        let empty = rest.iter().take_while(|c| matches!(c, b'\n' | b'\r')).count();
        self.at = self.place(self.at.byte + empty);
        let mut record = csv::ByteRecord::new();
        // Reading from memory fails in no other way than at the end.
        if !self.reader.read_byte_record(&mut record).unwrap_or(false) {
            return None;
        }
        let read = usize::try_from(self.reader.position().byte()).unwrap_or_default();
        let end = (self.base + read).saturating_sub(BEFORE.len());
        let cells = if record.as_slice().len() > MAX_ROW {
            Err(format!("is longer than {} kB; is a closing quote missing?", MAX_ROW / 1000))
        } else {
            let cells = record.iter().map(|cell| std::str::from_utf8(cell).map(|cell| restore(cell).into_owned()));
            cells.collect::<Result<Vec<_>, _>>().map_err(|_| NOT_UTF8.to_owned())
        };
        let line = self.at.line;
        self.at = self.place(end);
        Some(Record { line, cells, next: self.at })
    }
}

/// A text as it is shown in a sentence.
fn shortened(text: &str) -> Cow<'_, str> {
    match text.get(..text.floor_char_boundary(40)) {
        Some(short) if short.len() < text.len() => Cow::Owned(format!("{short}…")),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(file: &str) -> Vec<(u64, Vec<String>)> {
        let sheet = Sheet::open(file.as_bytes()).expect("a header");
        sheet.rows(sheet.first()).map(|row| (row.line, row.cells.expect("cells"))).collect()
    }

    #[test]
    fn the_delimiter_is_the_one_that_makes_the_most_columns() {
        for (file, delimiter) in [
            ("a,b;c\n", Delimiter::Comma),
            ("a;b;c\n1,5;2;3", Delimiter::Semicolon),
            ("a\tb\n", Delimiter::Tab),
            ("\u{feff}\"a;x\",b,c\n", Delimiter::Comma),
            ("sep=;\r\na,b;c\n", Delimiter::Semicolon),
            ("one\n", Delimiter::Comma),
        ] {
            assert_eq!(Sheet::open(file.as_bytes()).expect(file).delimiter, delimiter, "{file}");
        }
        assert_eq!(Sheet::open("\u{feff}\"a;x\",b".as_bytes()).expect("a header").header, ["a;x", "b"]);
    }

    #[test]
    fn a_row_is_named_by_the_line_it_begins_on() {
        let file = "sep=,\r\na,b\r\n1,\"x\r\ny\"\r\n\r\n\r\n2,z\r\n3,'=1\r\n";
        let rows = lines(file);
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [3, 7, 8]);
        assert_eq!(rows[0].1, ["1", "x\r\ny"]);
        assert_eq!(rows[2].1, ["3", "=1"]);
        assert_eq!(lines("a,b\r1,2\r3,4").iter().map(|row| row.0).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn reading_goes_on_from_the_place_where_it_stopped() {
        let file = "a,b\r\n1,\"x\n\n\"\r\n2,\"\"\"\"\n\n3,z";
        let sheet = Sheet::open(file.as_bytes()).expect("a header");
        let all: Vec<Record> = sheet.rows(sheet.first()).collect();
        assert_eq!(all.len(), 3);
        for (at, row) in all.iter().enumerate() {
            let place: Place = row.next.to_string().parse().expect("a place");
            let rest: Vec<Record> = sheet.rows(place).collect();
            assert_eq!(rest, all[at + 1..]);
        }
    }

    #[test]
    fn what_is_no_text_says_what_to_do() {
        assert!(Sheet::open(b"").is_err());
        assert!(Sheet::open(b"\xff\xfea\0,\0").expect_err("UTF-16").contains("CSV UTF-8"));
        assert!(Sheet::open(b"a,\xe4\n").expect_err("Latin-1").contains("CSV UTF-8"));
        let sheet = Sheet::open(b"a,b\nx,\xe4\ny,z\n").expect("a header");
        let rows: Vec<Record> = sheet.rows(sheet.first()).collect();
        assert!(rows[0].cells.as_ref().is_err_and(|problem| problem.contains("UTF-8")));
        assert!(rows[1].cells.is_ok());
    }

    #[test]
    fn a_row_of_an_open_quote_is_bounded() {
        let file = format!("a,b\n\"{}", "x".repeat(MAX_ROW + 1));
        let sheet = Sheet::open(file.as_bytes()).expect("a header");
        let row = sheet.rows(sheet.first()).next().expect("a row");
        assert!(row.cells.expect_err("too long").contains("closing quote"));
    }

    proptest! {
        #[test]
        fn any_file_is_read_to_its_end_from_every_place(file in "[\",;\t\r\na1'=]{0,60}|.*") {
            if let Ok(sheet) = Sheet::open(file.as_bytes()) {
                let all: Vec<Record> = sheet.rows(sheet.first()).collect();
                for (at, row) in all.iter().enumerate() {
                    let rest: Vec<Record> = sheet.rows(row.next).collect();
                    prop_assert_eq!(rest.as_slice(), all.get(at + 1..).unwrap_or_default());
                }
            }
        }
    }
}
