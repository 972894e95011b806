//! What was spent on ads, and saved reports.

use super::Sqlite;
use super::failure::Failure;
use super::rows::{from_json, json};
use crate::costs::Cost;
use crate::store::{Costs, SavedReport, StoreError};
use async_trait::async_trait;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};

#[async_trait]
impl Costs for Sqlite {
    async fn costs(&self, site_id: &str, from: Date, to: Date) -> Result<Vec<Cost>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| {
            let sql =
                "SELECT * FROM costs INDEXED BY costs_by_day WHERE site_id = ? AND last_day >= ? AND first_day <= ?
                       ORDER BY last_day DESC, id DESC";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_and_then(params![site_id, from.to_string(), to.to_string()], cost)?;
            rows.collect()
        })
        .await
    }

    async fn add_costs(&self, site_id: &str, costs: Vec<Cost>) -> Result<usize, StoreError> {
        let site_id = site_id.to_owned();
        self.writer.write(move |connection| add(connection, &site_id, &costs)).await
    }

    async fn remove_cost(&self, site_id: &str, id: &str) -> Result<bool, StoreError> {
        let (site_id, id) = (site_id.to_owned(), id.to_owned());
        self.writer.write(move |connection| remove(connection, &site_id, &id)).await
    }

    async fn remove_costs_of(&self, site_id: &str, source: &str, from: Date, to: Date) -> Result<usize, StoreError> {
        let (site_id, source) = (site_id.to_owned(), source.to_owned());
        self.writer
            .write(move |connection| {
                let sql = "DELETE FROM costs WHERE site_id = ? AND source = ? AND first_day >= ? AND last_day <= ?";
                let days = (from.to_string(), to.to_string());
                Ok(connection.prepare_cached(sql)?.execute(params![site_id, source, days.0, days.1])?)
            })
            .await
    }

    async fn saved_reports(&self, site_id: &str) -> Result<Vec<SavedReport>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| {
            let sql = "SELECT * FROM saved_reports WHERE site_id = ? ORDER BY name";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_and_then(params![site_id], report)?;
            rows.collect()
        })
        .await
    }

    async fn save_report(&self, site_id: &str, report: SavedReport) -> Result<SavedReport, StoreError> {
        let site_id = site_id.to_owned();
        self.writer.write(move |connection| save(connection, &site_id, &report)).await
    }

    async fn remove_report(&self, site_id: &str, id: &str) -> Result<bool, StoreError> {
        let (site_id, id) = (site_id.to_owned(), id.to_owned());
        self.writer
            .write(move |connection| {
                let sql = "DELETE FROM saved_reports WHERE site_id = ? AND id = ?";
                Ok(connection.prepare_cached(sql)?.execute(params![site_id, id])? > 0)
            })
            .await
    }
}

fn add(connection: &Connection, site_id: &str, costs: &[Cost]) -> Result<usize, Failure> {
    let mut keep = connection.prepare_cached(
        "INSERT INTO costs (site_id, id, first_day, last_day, dimensions, amount, currency, source, note, added_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (site_id, id) DO UPDATE SET
             first_day = excluded.first_day, last_day = excluded.last_day, dimensions = excluded.dimensions,
             amount = excluded.amount, currency = excluded.currency, source = excluded.source, note = excluded.note,
             added_at = excluded.added_at
         WHERE (first_day, last_day, dimensions, amount, currency, source, note) IS NOT
               (excluded.first_day, excluded.last_day, excluded.dimensions, excluded.amount, excluded.currency,
                excluded.source, excluded.note)",
    )?;
    let mut new = 0;
    for cost in costs {
        if cost.amount == 0 {
            new += usize::from(remove(connection, site_id, &cost.id)?);
            continue;
        }
        new += keep.execute(params![
            site_id,
            cost.id,
            cost.first_day.to_string(),
            cost.last_day.to_string(),
            json(&cost.dimensions)?,
            cost.amount,
            cost.currency,
            cost.source,
            cost.note,
            cost.added_at,
        ])?;
    }
    Ok(new)
}

fn remove(connection: &Connection, site_id: &str, id: &str) -> Result<bool, Failure> {
    let sql = "DELETE FROM costs WHERE site_id = ? AND id = ?";
    Ok(connection.prepare_cached(sql)?.execute(params![site_id, id])? > 0)
}

fn save(connection: &Connection, site_id: &str, report: &SavedReport) -> Result<SavedReport, Failure> {
    let sql = "INSERT INTO saved_reports (site_id, id, name, query, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT (site_id, name) DO UPDATE SET
                   query = excluded.query, created_at = excluded.created_at, created_by = excluded.created_by";
    let SavedReport { id, name, query, created_at, created_by } = report;
    connection.prepare_cached(sql)?.execute(params![site_id, id, name, query, created_at, created_by])?;
    let sql = "SELECT id FROM saved_reports WHERE site_id = ? AND name = ?";
    let kept = connection.prepare_cached(sql)?.query_row(params![site_id, name], |row| row.get(0)).optional()?;
    let id = kept.ok_or_else(|| Failure::Unreadable(format!("the report {name:?} is not there")))?;
    Ok(SavedReport { id, ..report.clone() })
}

pub(super) fn cost(row: &Row<'_>) -> Result<Cost, Failure> {
    Ok(Cost {
        id: row.get("id")?,
        first_day: day(row, "first_day")?,
        last_day: day(row, "last_day")?,
        dimensions: from_json(row, "dimensions")?,
        amount: row.get("amount")?,
        currency: row.get("currency")?,
        source: row.get("source")?,
        note: row.get("note")?,
        added_at: row.get("added_at")?,
    })
}

fn report(row: &Row<'_>) -> Result<SavedReport, Failure> {
    Ok(SavedReport {
        id: row.get("id")?,
        name: row.get("name")?,
        query: row.get("query")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

fn day(row: &Row<'_>, column: &str) -> Result<Date, Failure> {
    let day: String = row.get(column)?;
    day.parse().map_err(|_| Failure::Unreadable(format!("the day {day:?} of a cost")))
}
