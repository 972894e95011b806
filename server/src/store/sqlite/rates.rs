//! The euro's reference rates.

use super::Sqlite;
use super::failure::Failure;
use crate::rates::{DayRate, Rate};
use crate::store::{KeptRates, Millis, RateDay, Rates, StoreError};
use async_trait::async_trait;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tagwerk_protocol::money::Currency;

/// The rates from `?1` to `?2`, and of each currency the last one before. The currencies are found one after the other, each by a
/// look into the index: all their rates need not be gone through.
const BETWEEN: &str = "
    WITH RECURSIVE codes (currency) AS (
        SELECT min(currency) FROM rates
        UNION ALL
        SELECT (SELECT min(rates.currency) FROM rates WHERE rates.currency > codes.currency)
        FROM codes WHERE codes.currency IS NOT NULL
    )
    SELECT rates.day, rates.currency, rates.rate
    FROM codes CROSS JOIN rates ON rates.currency = codes.currency
    WHERE rates.day <= ?2 AND rates.day >= coalesce(
        (SELECT max(before.day) FROM rates AS before WHERE before.currency = codes.currency AND before.day <= ?1), ?1)
    ORDER BY rates.currency, rates.day";

#[async_trait]
impl Rates for Sqlite {
    async fn keep_rates(&self, rates: Vec<DayRate>, source: &str, now: Millis) -> Result<KeptRates, StoreError> {
        let source = source.to_owned();
        self.writer.write(move |connection| keep(connection, &rates, &source, now)).await
    }

    async fn rates_between(&self, from: Date, to: Date) -> Result<Vec<DayRate>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(BETWEEN)?;
            let mut rows = statement.query(params![from.to_string(), to.to_string()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(rate(row)?);
            }
            Ok(found)
        })
        .await
    }

    async fn rate_days(&self, from: Date, to: Date) -> Result<Vec<RateDay>, StoreError> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM rate_days WHERE day BETWEEN ? AND ? ORDER BY day")?;
            let mut rows = statement.query(params![from.to_string(), to.to_string()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(rate_day(row)?);
            }
            Ok(found)
        })
        .await
    }

    async fn newest_rate_day(&self) -> Result<Option<RateDay>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM rate_days ORDER BY day DESC LIMIT 1")?;
            let mut rows = statement.query([])?;
            rows.next()?.map(rate_day).transpose()
        })
        .await
    }
}

fn keep(connection: &Connection, rates: &[DayRate], source: &str, now: Millis) -> Result<KeptRates, Failure> {
    let mut known = connection.prepare_cached("SELECT rate FROM rates WHERE currency = ? AND day = ?")?;
    let mut keep = connection.prepare_cached(
        "INSERT INTO rates (currency, day, rate) VALUES (?, ?, ?)
         ON CONFLICT (currency, day) DO UPDATE SET rate = excluded.rate",
    )?;
    let mut note = connection.prepare_cached(
        "INSERT INTO rate_days (day, source, received_at) VALUES (?, ?, ?)
         ON CONFLICT (day) DO UPDATE SET source = excluded.source, received_at = excluded.received_at",
    )?;
    let mut kept = KeptRates::default();
    for row in rates {
        let (currency, day, rate) = (row.currency.as_str(), row.day.to_string(), row.rate.to_string());
        let before: Option<String> = known.query_row(params![currency, day], |row| row.get(0)).optional()?;
        match before {
            Some(before) if before == rate => continue,
            Some(_) => kept.changed += 1,
            None => kept.added += 1,
        }
        keep.execute(params![currency, day, rate])?;
        note.execute(params![day, source, now])?;
    }
    Ok(kept)
}

fn rate(row: &Row<'_>) -> Result<DayRate, Failure> {
    let (currency, rate): (String, String) = (row.get("currency")?, row.get("rate")?);
    let read = Currency::parse(&currency).zip(Rate::parse(&rate).ok());
    let (currency, rate) =
        read.ok_or_else(|| Failure::Unreadable(format!("the rate {rate:?} of the currency {currency:?}")))?;
    Ok(DayRate { day: day(row)?, currency, rate })
}

fn rate_day(row: &Row<'_>) -> Result<RateDay, Failure> {
    Ok(RateDay { day: day(row)?, source: row.get("source")?, received_at: row.get("received_at")? })
}

fn day(row: &Row<'_>) -> Result<Date, Failure> {
    let day: String = row.get("day")?;
    day.parse().map_err(|_| Failure::Unreadable(format!("the day {day:?} of a rate")))
}
