#![no_main]

use libfuzzer_sys::fuzz_target;
use std::fmt::Write as _;
use tagwerk_protocol::money::{Amount, Currency, SCALE};
use tagwerk_server::rates::{BASE, DayRate, RateTable, ecb};

/// The rates as the bank's XML would have them.
fn xml(rates: &[DayRate]) -> String {
    let mut file = "<Envelope><Cube>".to_owned();
    for day in rates.chunk_by(|one, other| one.day == other.day) {
        for (number, row) in day.iter().enumerate() {
            if number == 0 {
                write!(file, "<Cube time='{}'>", row.day).expect("a text takes everything");
            }
            write!(file, "<Cube currency='{}' rate='{}'/>", row.currency, row.rate).expect("a text takes everything");
        }
        file.push_str("</Cube>");
    }
    file + "</Cube></Envelope>"
}

// A file of currency rates, XML or CSV.
fuzz_target!(|file: &[u8]| {
    let rates = match ecb::read(file) {
        Ok(rates) => rates,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(ecb::read(xml(&rates).as_bytes()).as_ref(), Ok(&rates), "what reads, reads the same as XML");
    let table = RateTable::new(rates.iter().cloned());
    let base = Currency::parse(BASE).expect("a currency");
    let amount = Amount::from_scaled(123_456_789, SCALE);
    for pair in rates.windows(2) {
        let (from, to) = (&pair[0], &pair[1]);
        let day = from.day.max(to.day);
        let known = table.convert(amount, &from.currency, &from.currency, day).expect("it stays what it is");
        assert_eq!((known.amount, known.rate_day), (amount, day));
        for (one, other) in [(&from.currency, &to.currency), (&base, &to.currency), (&from.currency, &base)] {
            let there = table.convert(amount, one, other, day);
            let back = table.convert(amount.negated(), one, other, day);
            assert_eq!(there.map(|found| found.amount.negated()), back.map(|found| found.amount));
            assert!(there.is_none_or(|found| found.rate_day <= day));
        }
    }
});
