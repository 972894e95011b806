//! What SQLite alone takes to make the same rows durable: a database with the same tables and indexes, the rows as the server
//! wrote them, nothing else.

use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::path::Path;
use std::time::{Duration, Instant};

/// The rows of the newest requests, table by table.
pub(crate) struct Rows {
    schema: Vec<String>,
    tables: Vec<Table>,
}

struct Table {
    insert: String,
    rows: Vec<Vec<Value>>,
}

/// How fast the rows went in.
pub(crate) struct Committed {
    /// Requests' rows a second.
    pub(crate) rate: f64,
    /// Milliseconds of each commit, sorted.
    pub(crate) commits: Vec<f64>,
}

impl Rows {
    /// Reads the newest rows of these tables, `requests` of the first and of the others as many as belong to them.
    ///
    /// # Errors
    /// The database does not read.
    pub(crate) fn read(database: &Path, tables: &[(&str, u64)], requests: u64) -> Result<Self> {
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let schema = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        // Every row refers to its site.
        let mut all = vec![table(&connection, "SELECT * FROM sites", "sites")?];
        for (name, each) in tables {
            let sql = format!("SELECT * FROM {name} ORDER BY id DESC LIMIT {}", requests / each);
            all.push(table(&connection, &sql, name)?);
        }
        Ok(Self { schema, tables: all })
    }

    /// Writes the rows into a new database, so many requests' rows in each commit, until they or `most` are over.
    ///
    /// # Errors
    /// The database does not take them.
    pub(crate) fn commit(&self, folder: &Path, in_each: usize, most: Duration) -> Result<Committed> {
        let path = folder.join("commits.db");
        let connection = Connection::open(&path)?;
        // As server/src/store/sqlite/connection.rs has it.
        for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL"), ("temp_store", "MEMORY")] {
            connection.pragma_update(None, name, value)?;
        }
        connection.pragma_update(None, "cache_size", -16_000)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        for sql in &self.schema {
            connection.execute_batch(sql)?;
        }
        let (sites, tables) = self.tables.split_at(1);
        for table in sites {
            table.insert(&connection, 0, table.rows.len())?;
        }
        let requests = tables.first().map_or(0, |table| table.rows.len());
        let mut commits = Vec::new();
        let mut done = 0;
        let began = Instant::now();
        while done < requests && began.elapsed() < most {
            let since = Instant::now();
            let next = (done + in_each).min(requests);
            connection.execute_batch("BEGIN IMMEDIATE")?;
            for table in tables {
                let share = |number: usize| number * table.rows.len() / requests;
                table.insert(&connection, share(done), share(next))?;
            }
            connection.execute_batch("COMMIT")?;
            commits.push(since.elapsed().as_secs_f64() * 1000.0);
            done = next;
        }
        let rate = done as f64 / began.elapsed().as_secs_f64();
        drop(connection);
        for file in ["commits.db", "commits.db-wal", "commits.db-shm"] {
            let _ = std::fs::remove_file(folder.join(file));
        }
        commits.sort_by(f64::total_cmp);
        Ok(Committed { rate, commits })
    }
}

fn table(connection: &Connection, sql: &str, name: &str) -> Result<Table> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let marks = vec!["?"; columns].join(", ");
    let names = statement.column_names().join(", ");
    let mut rows: Vec<Vec<Value>> = statement
        .query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?
        .collect::<Result<_, _>>()?;
    rows.reverse();
    Ok(Table { insert: format!("INSERT INTO {name} ({names}) VALUES ({marks})"), rows })
}

impl Table {
    fn insert(&self, connection: &Connection, from: usize, to: usize) -> Result<()> {
        let mut statement = connection.prepare_cached(&self.insert)?;
        for row in self.rows.get(from..to).unwrap_or_default() {
            statement.execute(params_from_iter(row))?;
        }
        Ok(())
    }
}
