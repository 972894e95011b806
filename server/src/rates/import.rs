//! Taking a file of rates into the store, whoever supplied it. Taking it twice, or going on after an interruption, does no harm.

use super::DayRate;
use super::ecb::{self, FileError};
use crate::store::{KeptRates, Millis, Rates, StoreError};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// About how many rates one transaction takes: others that write wait no longer than for that.
const PART: usize = 1000;

/// What a file brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub to: Date,
    /// How many rates it has.
    pub rates: usize,
    /// What was new in it.
    pub kept: KeptRates,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Something is wrong with it; nothing of it was kept.
    #[error(transparent)]
    File(#[from] FileError),
    /// It cannot be kept now. What was kept of it stays, and taking it again completes it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a file of either form and keeps its rates. `source` says where it comes from, in a few words.
///
/// # Errors
/// The file is refused, or the store does not take it.
pub async fn import(
    store: &(impl Rates + ?Sized),
    file: Vec<u8>,
    source: &str,
    now: Millis,
) -> Result<Imported, ImportError> {
    // All days since 1999 take long enough to read that nobody else should wait for it.
    let read = tokio::task::spawn_blocking(move || ecb::read(&file)).await;
    let rates = read.map_err(|_| whole("the file cannot be read to its end"))??;
    let days = || rates.iter().map(|row| row.day);
    let (from, to) = days().min().zip(days().max()).ok_or_else(|| whole("there are no rates in it"))?;
    if day_of(now).is_some_and(|today| today.saturating_add(1.day()) < to) {
        return Err(whole(&format!(
            "it has rates of {to}, a day that is yet to come; look at the file, or at the clock"
        )));
    }
    let count = rates.len();
    let mut kept = KeptRates::default();
    for part in parts(rates) {
        let of_part = store.keep_rates(part, source, now).await?;
        kept.added += of_part.added;
        kept.changed += of_part.changed;
    }
    Ok(Imported { from, to, rates: count, kept })
}

/// The day in UTC; `None` for a time beyond all calendars.
pub fn day_of(now: Millis) -> Option<Date> {
    Timestamp::from_millisecond(now).ok().map(|now| now.to_zoned(TimeZone::UTC).date())
}

fn whole(problem: &str) -> ImportError {
    ImportError::File(FileError { line: None, problem: problem.to_owned() })
}

/// The rates in parts, none of which ends within a day.
fn parts(rates: Vec<DayRate>) -> Vec<Vec<DayRate>> {
    let mut parts: Vec<Vec<DayRate>> = Vec::new();
    for row in rates {
        match parts.last_mut() {
            Some(part) if part.len() < PART || part.last().is_some_and(|last| last.day == row.day) => part.push(row),
            _ => parts.push(vec![row]),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{Options, Sqlite};
    use jiff::civil::date;

    fn store() -> (Sqlite, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        (Sqlite::open(&folder.path().join("tagwerk.db"), Options::default()).expect("it opens"), folder)
    }

    fn at(day: Date) -> Millis {
        day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).expect("a time").timestamp().as_millisecond()
    }

    #[tokio::test]
    async fn a_long_file_is_taken_in_parts_and_a_second_time_changes_nothing() {
        let (store, _folder) = store();
        let codes: Vec<String> = ('A'..='Z').map(|letter| format!("XX{letter}")).collect();
        let first = date(2020, 1, 1);
        let days: Vec<Date> = first.series(1.day()).take(100).collect();
        let row = |day: &Date| format!("{day},{}\n", "1.5,".repeat(codes.len()));
        let file = format!("Date,{}\n{}", codes.join(","), days.iter().map(row).collect::<String>());
        let now = at(date(2024, 6, 28));
        let imported = import(&store, file.clone().into_bytes(), "a", now).await.expect("taken");
        let (to, rates) = (*days.last().expect("days"), 2600);
        assert_eq!(imported, Imported { from: first, to, rates, kept: KeptRates { added: 2600, changed: 0 } });
        assert_eq!(store.rates_between(first, to).await.expect("read").len(), 2600);
        let again = import(&store, file.into_bytes(), "b", now).await.expect("taken");
        assert_eq!(again.kept, KeptRates::default());
        store.close().await;
    }

    #[test]
    fn no_part_ends_within_a_day() {
        let day = date(2020, 1, 1);
        let row = |number: usize| DayRate {
            day: day.saturating_add(i64::try_from(number / 300).expect("small").days()),
            currency: tagwerk_protocol::money::Currency::parse("USD").expect("a code"),
            rate: super::super::Rate::parse("1").expect("a rate"),
        };
        let lengths: Vec<usize> = parts((0..3000).map(row).collect()).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1200, 1200, 600]);
    }

    #[tokio::test]
    async fn rates_of_days_to_come_are_refused_whole() {
        let (store, _folder) = store();
        let file = b"Date,USD\n2024-06-27,1.0696\n2024-06-30,1.0705\n";
        let error = import(&store, file.to_vec(), "a", at(date(2024, 6, 28))).await.expect_err("refused");
        assert!(error.to_string().contains("2024-06-30, a day that is yet to come"), "{error}");
        assert_eq!(store.newest_rate_day().await.expect("read"), None);
        assert!(import(&store, file.to_vec(), "a", at(date(2024, 6, 29))).await.is_ok(), "east of here it is tomorrow");
        store.close().await;
    }
}
