//! The European Central Bank's files of reference rates: XML (one day, ninety days, or all since 1999) and CSV (one day or all). Pure.
//!
//! A file comes from the network or from anybody's hand: what it may hold is bounded, and what is wrong with it is told with its line.

use super::{BASE, DayRate, Rate};
use csv::{ReaderBuilder, StringRecord, Trim};
use jiff::civil::{Date, date};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::collections::HashSet;
use tagwerk_protocol::money::Currency;

/// Longest file, in bytes. All days since 1999 take about ten million.
pub const MAX_BYTES: usize = 20_000_000;
/// Most rates in one file. All days since 1999 have about 230,000.
const MAX_RATES: usize = 400_000;
/// Most currencies of one day. There were never more than 41.
const MAX_CURRENCIES: usize = 200;
/// How deep the XML may nest. The bank's goes four deep.
const MAX_DEPTH: usize = 16;
/// How many attributes of one element are looked at.
const MAX_ATTRIBUTES: usize = 16;
/// The first day of the euro.
const FIRST_DAY: Date = date(1999, 1, 1);

/// Why a file is not taken, in words for whoever supplied it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct FileError {
    /// The line, from 1, where it is about one.
    pub line: Option<u64>,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl FileError {
    fn whole(problem: impl Into<String>) -> Self {
        Self { line: None, problem: problem.into() }
    }

    fn at(line: u64, problem: impl Into<String>) -> Self {
        Self { line: Some(line), problem: problem.into() }
    }
}

/// Reads a file of either form; the rates come in the file's order and are at least one.
///
/// # Errors
/// The file is none of the bank's, was cut off, contradicts itself or holds more than any of the bank's does.
pub fn read(file: &[u8]) -> Result<Vec<DayRate>, FileError> {
    if file.len() > MAX_BYTES {
        return Err(FileError::whole(format!("the file is longer than {} MB", MAX_BYTES / 1_000_000)));
    }
    if file.starts_with(b"PK\x03\x04") {
        return Err(FileError::whole("this is a ZIP archive; unpack it and supply the CSV file in it"));
    }
    let text = std::str::from_utf8(file).map_err(|error| {
        let before = file.get(..error.valid_up_to()).unwrap_or_default();
        FileError::at(line_after(before), "this is no text in UTF-8; supply the XML or CSV file as it was downloaded")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rates = if text.trim_start().starts_with('<') { read_xml(text) } else { read_csv(text) }?;
    if rates.is_empty() {
        return Err(FileError::whole("there are no rates in it; supply one of the ECB's eurofxref files, XML or CSV"));
    }
    Ok(rates)
}

/// The number of the line that begins after, or goes on behind, this text.
fn line_after(text: &[u8]) -> u64 {
    1 + text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// What was read so far, and the bounds on it.
#[derive(Default)]
struct Gathered {
    rates: Vec<DayRate>,
    days: HashSet<Date>,
    /// The currencies of the day that is being read.
    of_day: HashSet<Currency>,
}

impl Gathered {
    /// Begins a day.
    fn day(&mut self, text: &str) -> Result<Date, String> {
        let day = parse_day(text)?;
        if !self.days.insert(day) {
            return Err(format!("{day} stands in the file twice; leave one of them"));
        }
        self.of_day.clear();
        Ok(day)
    }

    /// Takes one rate of the day that was begun. An absent one is passed over, and so is the euro's own.
    fn rate(&mut self, day: Date, currency: &str, rate: &str) -> Result<(), String> {
        let code = parse_currency(currency)?;
        if rate.is_empty() || rate == "N/A" {
            return Ok(());
        }
        let rate = Rate::parse(rate).map_err(|error| format!("the rate of {code}, \"{}\", {error}", shown(rate)))?;
        if code.as_str() == BASE {
            let one = rate.is_one();
            return if one { Ok(()) } else { Err(format!("a euro is {rate} euros here; it has to be 1")) };
        }
        if self.of_day.len() >= MAX_CURRENCIES || self.rates.len() >= MAX_RATES {
            return Err(
                "there are more rates than the ECB has ever published; supply its file as it was downloaded".into()
            );
        }
        if !self.of_day.insert(code.clone()) {
            return Err(format!("{code} stands twice for {day}; leave one of them"));
        }
        self.rates.push(DayRate { day, currency: code, rate });
        Ok(())
    }
}

fn parse_day(text: &str) -> Result<Date, String> {
    let iso = text.len() == 10 && text.is_ascii();
    let day = if iso { text.parse().ok() } else { Date::strptime("%d %B %Y", text).ok() };
    match day {
        Some(day) if day < FIRST_DAY => Err(format!("{day} was before the euro, whose rates begin in 1999")),
        Some(day) => Ok(day),
        None => Err(format!("\"{}\" is no day like 2024-06-28", shown(text))),
    }
}

fn parse_currency(text: &str) -> Result<Currency, String> {
    Currency::parse(text).ok_or_else(|| format!("\"{}\" is no currency like USD", shown(text)))
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

fn read_xml(text: &str) -> Result<Vec<DayRate>, FileError> {
    let mut reader = Reader::from_str(text);
    let mut gathered = Gathered::default();
    let mut depth = 0usize;
    // The day that is open, and how deep its element lies.
    let mut open: Option<(Date, usize)> = None;
    loop {
        let before = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let line = |position: usize| line_after(text.as_bytes().get(..position).unwrap_or(text.as_bytes()));
        let wrong = |problem: String| FileError::at(line(before), problem);
        let event = reader.read_event().map_err(|error| {
            let position = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
            FileError::at(line(position), format!("this does not read as XML ({error}); download the file again"))
        })?;
        match event {
            Event::Start(element) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(wrong("this nests deeper than any file of the ECB's".into()));
                }
                let day = cube(&element, open.map(|(day, _)| day), &mut gathered).map_err(wrong)?;
                open = open.or_else(|| day.map(|day| (day, depth)));
            }
            Event::Empty(element) => {
                cube(&element, open.map(|(day, _)| day), &mut gathered).map_err(wrong)?;
            }
            Event::End(_) => {
                open = open.filter(|(_, at)| *at < depth);
                depth = depth.saturating_sub(1);
            }
            Event::DocType(_) => {
                return Err(wrong(
                    "this is a web page or has a DOCTYPE, which the ECB's file has not; download it again".into(),
                ));
            }
            Event::Eof if depth > 0 => {
                return Err(wrong("the file ends here, before it is complete; download it again".into()));
            }
            Event::Eof => return Ok(gathered.rates),
            _ => {}
        }
    }
}

/// Takes what an element says: `<Cube time="...">` begins a day, which is returned, and `<Cube currency="..." rate="..."/>` is a rate.
fn cube(element: &BytesStart<'_>, open: Option<Date>, gathered: &mut Gathered) -> Result<Option<Date>, String> {
    if element.local_name().into_inner() != "Cube" {
        return Ok(None);
    }
    let (mut time, mut currency, mut rate) = (None, None, None);
    // A search for doubled names would compare each with all before it.
    for attribute in element.attributes().with_checks(false).take(MAX_ATTRIBUTES) {
        let attribute = attribute.map_err(|error| format!("this does not read as XML ({error})"))?;
        let place = match attribute.key.local_name().into_inner() {
            "time" => &mut time,
            "currency" => &mut currency,
            "rate" => &mut rate,
            _ => continue,
        };
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| format!("this does not read as XML ({error})"))?;
        if place.replace(value.trim().to_owned()).is_some() {
            return Err("an attribute stands here twice".into());
        }
    }
    match (time, currency, rate) {
        (Some(_), None, None) if open.is_some() => Err("a day begins within another one".into()),
        (Some(time), None, None) => gathered.day(&time).map(Some),
        (None, Some(currency), Some(rate)) => {
            let day = open.ok_or("this rate belongs to no day: it must stand in a Cube with a time")?;
            gathered.rate(day, &currency, &rate).map(|()| None)
        }
        (None, None, None) => Ok(None),
        _ => Err("a Cube must have a time, or a currency and a rate".into()),
    }
}

fn read_csv(text: &str) -> Result<Vec<DayRate>, FileError> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut currencies: Option<Vec<String>> = None;
    let mut gathered = Gathered::default();
    loop {
        let more = reader.read_record(&mut record);
        let line = record.position().map_or(1, csv::Position::line);
        let wrong = |problem: String| FileError::at(line, problem);
        if !more.map_err(|error| wrong(format!("this does not read as CSV ({error}); download the file again")))? {
            return Ok(gathered.rates);
        }
        match &currencies {
            None => currencies = Some(header(&record).map_err(wrong)?),
            Some(currencies) => row(&record, currencies, &mut gathered).map_err(wrong)?,
        }
    }
}

/// The currencies of the columns after the first one.
fn header(record: &StringRecord) -> Result<Vec<String>, String> {
    if !record.get(0).is_some_and(|name| name.eq_ignore_ascii_case("date")) {
        return Err("the first line must be like Date,USD,JPY,... with commas between; supply the ECB's file as it was downloaded".into());
    }
    // The bank ends each line with a comma.
    let mut names: Vec<&str> = record.iter().skip(1).collect();
    while names.last().is_some_and(|name| name.is_empty()) {
        names.pop();
    }
    let mut known = HashSet::new();
    names
        .into_iter()
        .map(|name| {
            let code = parse_currency(name)?;
            if known.len() >= MAX_CURRENCIES {
                return Err("there are more currencies than the ECB has ever published".into());
            }
            if known.insert(code.clone()) {
                Ok(code.to_string())
            } else {
                Err(format!("there are two columns of {code}"))
            }
        })
        .collect()
}

fn row(record: &StringRecord, currencies: &[String], gathered: &mut Gathered) -> Result<(), String> {
    let mut cells = record.iter();
    let day = gathered.day(cells.next().unwrap_or_default())?;
    for currency in currencies {
        let cell = cells.next().ok_or("the line ends before its last currency; download the file again")?;
        gathered.rate(day, currency, cell)?;
    }
    match cells.find(|cell| !cell.is_empty()) {
        Some(_) => Err("the line has more values than the first one has currencies".into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAILY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='2024-06-28'>
			<Cube currency='USD' rate='1.0705'/>
			<Cube currency='JPY' rate='171.94'/>
			<Cube currency='HUF' rate='395.10'/>
		</Cube>
	</Cube>
</gesmes:Envelope>
"#;

    /// Rates as `day code rate`.
    fn told(rates: &[DayRate]) -> Vec<String> {
        rates.iter().map(|row| format!("{} {} {}", row.day, row.currency, row.rate)).collect()
    }

    fn refused(file: &[u8]) -> String {
        read(file).expect_err("refused").to_string()
    }

    #[test]
    fn the_daily_xml_is_read_as_published() {
        let rates = read(DAILY.as_bytes()).expect("a file");
        assert_eq!(told(&rates), ["2024-06-28 USD 1.0705", "2024-06-28 JPY 171.94", "2024-06-28 HUF 395.10"]);
    }

    #[test]
    fn the_historic_xml_has_many_days() {
        let file = r#"<gesmes:Envelope xmlns:gesmes="x" xmlns="y"><Cube><Cube time="2024-06-28"><Cube currency="USD" rate="1.0705"/></Cube>
            <Cube time="2024-06-27"><Cube currency="USD" rate="1.0696"/><Cube currency="ROL" rate="41135"></Cube></Cube></Cube></gesmes:Envelope>"#;
        let rates = read(file.as_bytes()).expect("a file");
        assert_eq!(told(&rates), ["2024-06-28 USD 1.0705", "2024-06-27 USD 1.0696", "2024-06-27 ROL 41135"]);
    }

    #[test]
    fn the_daily_csv_has_its_day_in_words_and_a_comma_at_the_end() {
        let rates = read(b"Date, USD, JPY, \n28 June 2024, 1.0705, 171.94, \n").expect("a file");
        assert_eq!(told(&rates), ["2024-06-28 USD 1.0705", "2024-06-28 JPY 171.94"]);
    }

    #[test]
    fn the_historic_csv_has_gaps() {
        let file = "\u{feff}Date,USD,CYP,\r\n2024-06-28,1.0705,N/A,\r\n1999-01-04,1.1789,0.58231,\r\n";
        let rates = read(file.as_bytes()).expect("a file");
        assert_eq!(told(&rates), ["2024-06-28 USD 1.0705", "1999-01-04 USD 1.1789", "1999-01-04 CYP 0.58231"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (good, bad, line, words) in [
            ("1.0705", "1,0705", 9, "the rate of USD, \"1,0705\", is not a decimal"),
            ("'USD'", "'US$'", 9, "\"US$\" is no currency"),
            ("2024-06-28", "28.06.2024", 8, "\"28.06.2024\" is no day"),
            ("'171.94'/", "'171.94'", 14, "does not read as XML"),
        ] {
            let said = refused(DAILY.replace(good, bad).as_bytes());
            assert!(said.starts_with(&format!("line {line}: ")) && said.contains(words), "{bad}: {said}");
        }
        let said = refused(b"Date,USD\n2024-06-28,1.0705\n2024-06-27,x\n");
        assert!(said.starts_with("line 3: the rate of USD, \"x\""), "{said}");
    }

    #[test]
    fn a_file_that_was_cut_off_is_not_taken_in_part() {
        let lines: Vec<&str> = DAILY.lines().collect();
        for kept in 1..lines.len() {
            let part = lines[..kept].join("\n");
            assert!(read(part.as_bytes()).is_err(), "{kept} lines");
        }
        assert!(
            refused(b"Date,USD,JPY\n2024-06-28,1.0705,171.94\n2024-06-27,1.0696").starts_with("line 3: the line ends")
        );
    }

    #[test]
    fn what_is_none_of_the_bank_s_files_says_what_to_do() {
        for (file, words) in [
            (&b"PK\x03\x04..."[..], "unpack it"),
            (b"<!doctype html><html><body>Not found</body></html>", "web page"),
            (b"<html><body>Not found</body></html>", "no rates in it"),
            (b"{\"error\": 1}", "first line must be like Date,USD"),
            (b"Date;USD\n2024-06-28;1,0705\n", "commas between"),
            (b"", "no rates in it"),
            (b"Date,USD\n", "no rates in it"),
            (b"caf\xe9\n", "UTF-8"),
        ] {
            let said = refused(file);
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (file, words) in [
            (&b"Date,USD,USD\n2024-06-28,1,2\n"[..], "two columns of USD"),
            (b"Date,USD\n2024-06-28,1\n2024-06-28,2\n", "2024-06-28 stands in the file twice"),
            (b"Date,USD\n2024-06-28,1,2\n", "more values"),
            (b"Date,USD\n2024-06-28,0.0\n", "is zero"),
            (b"Date,USD\n2024-06-28,-1\n", "not a decimal"),
            (b"Date,USD\n1998-12-31,1\n", "before the euro"),
            (b"Date,EUR,USD\n2024-06-28,2,1\n", "a euro is 2 euros"),
            (b"<C><Cube currency='USD' rate='1'/></C>", "belongs to no day"),
            (b"<C><Cube time='2024-06-28'><Cube time='2024-06-27'/></Cube></C>", "within another"),
            (b"<C><Cube time='2024-06-28'><Cube currency='USD'/></Cube></C>", "must have a time"),
            (b"<C><Cube time='2024-06-28'><Cube currency='USD' currency='USD' rate='1'/></Cube></C>", "twice"),
            (
                b"<C><Cube time='2024-06-28'><Cube currency='USD' rate='1'/><Cube currency='usd' rate='2'/></Cube></C>",
                "USD stands twice",
            ),
        ] {
            let said = refused(file);
            assert!(said.contains(words), "{said}");
        }
        let own = read(b"Date,EUR,USD\n2024-06-28,1.00,1.0705\n").expect("a euro is a euro");
        assert_eq!(told(&own), ["2024-06-28 USD 1.0705"]);
    }

    #[test]
    fn hostile_files_meet_their_bounds() {
        let deep = "<a>".repeat(100_000);
        assert!(refused(deep.as_bytes()).contains("nests deeper"));
        let entities = r#"<!DOCTYPE x [<!ENTITY a "1"><!ENTITY b "&a;&a;">]><Cube time='2024-06-28'><Cube currency='USD' rate='&b;'/></Cube>"#;
        assert!(refused(entities.as_bytes()).contains("DOCTYPE"));
        let unknown = "<Cube time='2024-06-28'><Cube currency='USD' rate='&b;'/></Cube>";
        assert!(refused(unknown.as_bytes()).contains("does not read as XML"));
        let attributes: String = (0..200_000).map(|number| format!(" a{number}=''")).collect();
        assert!(refused(format!("<Cube{attributes}/>").as_bytes()).contains("no rates"));
        let codes: Vec<String> = ('A'..='Z').flat_map(|a| ('A'..='Z').map(move |b| format!("X{a}{b}"))).collect();
        let header = format!("Date,{}\n", codes.join(","));
        assert!(refused(header.as_bytes()).contains("more currencies"));
        assert!(refused(&vec![b' '; MAX_BYTES + 1]).contains("longer than 20 MB"));
    }

    #[test]
    fn more_rates_than_there_ever_were_are_refused() {
        let codes: Vec<String> =
            (0..MAX_CURRENCIES).map(|n| format!("{}{}X", letter(n / 26), letter(n % 26))).collect();
        let rows = "1,".repeat(MAX_CURRENCIES);
        let first = date(1999, 1, 1);
        let days = first.series(jiff::ToSpan::day(1)).take(MAX_RATES / MAX_CURRENCIES + 1);
        let file: String = days.map(|day| format!("{day},{rows}\n")).collect();
        let said = refused(format!("Date,{}\n{file}", codes.join(",")).as_bytes());
        assert!(said.starts_with("line 2002: there are more rates"), "{said}");
    }

    fn letter(number: usize) -> char {
        char::from(b'A' + u8::try_from(number % 26).expect("a letter"))
    }

    fn xml(rates: &[(Date, Vec<(String, String)>)]) -> String {
        let mut file = "<?xml version=\"1.0\"?>\n<e:Envelope xmlns:e=\"x\">\n<Cube>\n".to_owned();
        for (day, rates) in rates {
            file.push_str(&format!("<Cube time=\"{day}\">\n"));
            for (code, rate) in rates {
                file.push_str(&format!("<Cube currency=\"{code}\" rate=\"{rate}\"/>\n"));
            }
            file.push_str("</Cube>\n");
        }
        file + "</Cube>\n</e:Envelope>\n"
    }

    fn csv(codes: &[String], rates: &[(Date, Vec<(String, String)>)]) -> String {
        let mut file = format!("Date,{},\n", codes.join(","));
        for (day, rates) in rates {
            let cell = |code: &String| {
                let known = rates.iter().find(|(known, _)| known == code);
                known.map_or("N/A", |(_, rate)| rate).to_owned()
            };
            let cells: Vec<String> = codes.iter().map(cell).collect();
            file.push_str(&format!("{day},{},\n", cells.join(",")));
        }
        file
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_file_changed_at_random_is_read_without_a_panic(at in 0..DAILY.len(), with in ".{0,5}", gone in 0usize..9) {
            let mut file = DAILY.as_bytes().to_vec();
            let end = (at + gone).min(file.len());
            file.splice(at..end, with.into_bytes());
            let _ = read(&file);
        }

        #[test]
        fn both_forms_of_the_same_rates_read_the_same(
            days in proptest::collection::btree_map(0i32..9000, proptest::collection::btree_map("[A-Z]{3}", "[1-9][0-9]{0,6}(\\.[0-9]{1,6})?", 1..6), 1..6),
        ) {
            let days: Vec<(Date, Vec<(String, String)>)> = days
                .into_iter()
                .map(|(number, rates)| {
                    let day = FIRST_DAY.checked_add(jiff::ToSpan::days(number)).expect("in range");
                    (day, rates.into_iter().filter(|(code, _)| code != BASE).collect())
                })
                .collect();
            let expected: Vec<String> =
                days.iter().flat_map(|(day, rates)| rates.iter().map(move |(code, rate)| format!("{day} {code} {rate}"))).collect();
            prop_assume!(!expected.is_empty());
            let codes: std::collections::BTreeSet<String> =
                days.iter().flat_map(|(_, rates)| rates.iter().map(|(code, _)| code.clone())).collect();
            let codes: Vec<String> = codes.into_iter().collect();
            prop_assert_eq!(&told(&read(xml(&days).as_bytes()).expect("XML")), &expected);
            prop_assert_eq!(&told(&read(csv(&codes, &days).as_bytes()).expect("CSV")), &expected);
        }
    }
}
