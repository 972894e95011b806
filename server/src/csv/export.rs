//! Lists as CSV (RFC 4180, UTF-8, a header row). A cell that a spreadsheet would take for a formula is defused ([`super::formula`]);
//! amounts are numbers whatever their sign, since they are made of nothing but digits, a point and a minus.

use super::formula::defuse;
use crate::store::Millis;
use tagwerk_protocol::money::Amount;

pub mod lists;

/// What stands in one cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing: what is absent looks like an empty text.
    Nothing,
    /// A text that somebody sent; it is defused.
    Text(String),
    /// An amount of money.
    Amount(Amount),
    /// A time, RFC 3339 in UTC to the millisecond.
    Time(Millis),
    /// A number.
    Number(i64),
    /// Yes or no: `true`, `false`.
    Flag(bool),
}

impl Cell {
    /// A text, or nothing.
    pub fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Cell::Nothing, |text| Cell::Text(text.into()))
    }

    /// An amount, or nothing.
    pub fn amount(amount: Option<Amount>) -> Self {
        amount.map_or(Cell::Nothing, Cell::Amount)
    }

    /// The text as it stands in the file, before it is quoted.
    fn shown(&self) -> String {
        match self {
            Cell::Nothing => String::new(),
            Cell::Text(text) => defuse(text).into_owned(),
            Cell::Amount(amount) => amount.to_string(),
            Cell::Time(at) => jiff::Timestamp::from_millisecond(*at).map(|at| format!("{at:.3}")).unwrap_or_default(),
            Cell::Number(number) => number.to_string(),
            Cell::Flag(flag) => flag.to_string(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

/// The lines of some rows, as they stand in the file; each ends with CR LF.
pub fn lines<R: AsRef<[Cell]>>(rows: impl IntoIterator<Item = R>) -> Vec<u8> {
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(Vec::new());
    for row in rows {
        // Writing to memory does not fail.
        let _ = file.write_record(row.as_ref().iter().map(Cell::shown));
    }
    file.into_inner().unwrap_or_default()
}

/// The header line.
pub fn header(columns: &[String]) -> Vec<u8> {
    let cells: Vec<Cell> = columns.iter().map(|name| Cell::Text(name.clone())).collect();
    lines([cells])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::import::Sheet;
    use proptest::prelude::*;

    fn text(rows: &[Vec<Cell>]) -> String {
        String::from_utf8(lines(rows)).expect("UTF-8")
    }

    #[test]
    fn quotes_commas_and_line_breaks_are_quoted_as_rfc_4180_says() {
        let row = vec!["a,b".into(), "say \"x\"".into(), "one\r\ntwo".into(), Cell::Nothing, "ä".into()];
        assert_eq!(text(&[row]), "\"a,b\",\"say \"\"x\"\"\",\"one\r\ntwo\",,ä\r\n");
    }

    #[test]
    fn a_negative_amount_is_a_number_and_a_text_that_looks_like_one_is_none() {
        let amount = Amount::parse("-1.64").expect("an amount");
        let row = vec![Cell::Amount(amount), "-1.64".into(), Cell::Number(-2), Cell::Flag(true), Cell::Time(0)];
        assert_eq!(text(&[row]), "-1.64,'-1.64,-2,true,1970-01-01T00:00:00.000Z\r\n");
    }

    #[test]
    fn a_time_beyond_all_calendars_is_an_empty_cell() {
        assert_eq!(text(&[vec![Cell::Time(i64::MAX), "x".into()]]), ",x\r\n");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was(
            rows in proptest::collection::vec(
                proptest::collection::vec("[-=+@,;'\"\t\r\na＝ ]{0,8}|.*", 3), 1..6
            )
        ) {
            let mut file = header(&["a".into(), "b".into(), "c".into()]);
            file.extend(lines(rows.iter().map(|row| row.iter().map(|cell| cell.as_str().into()).collect::<Vec<Cell>>())));
            let sheet = Sheet::open(&file).expect("a header");
            let read: Vec<Vec<String>> = sheet.rows(sheet.first()).map(|row| row.cells.expect("cells")).collect();
            prop_assert_eq!(read, rows);
        }
    }
}
