//! Looks at a database from outside: only reading, without bringing it up to date, whether or not a server has it open.

use super::connection::{lacking, reading_to_copy};
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// Counts stop here.
const MOST_COUNTED: i64 = 100_000;

/// What there is to see of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// How it keeps its journal; `wal` is how a server opens it.
    pub journal_mode: String,
    /// How many migrations it lacks that this program knows; below zero where it is a newer version's.
    pub lacking: i32,
    /// What the engine's own quick check says of its pages and rows.
    pub check: Checked,
    /// What reports have not taken in yet, up to a hundred thousand; `None` where it has no such table.
    pub news: Option<i64>,
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// All is well.
    Good,
    /// Something is broken: its words.
    Broken(String),
    /// It did not come to an end in time.
    Unfinished,
}

/// Examines the database in this file. Its check takes at most so long.
///
/// # Errors
/// It cannot be opened or read; says what the engine says.
pub fn examine(path: &Path, patience: Duration) -> Result<Examined, String> {
    let look = || {
        let connection = reading_to_copy(path)?;
        let has_news = connection.table_exists(None, "report_news")?;
        let news = has_news.then(|| {
            let sql = "SELECT count(*) FROM (SELECT 1 FROM report_news LIMIT ?)";
            connection.query_row(sql, [MOST_COUNTED], |row| row.get(0))
        });
        Ok(Examined {
            journal_mode: connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
            lacking: lacking(&connection)?,
            news: news.transpose()?,
            check: check(&connection, patience)?,
        })
    };
    look().map_err(|error: rusqlite::Error| error.to_string())
}

fn check(connection: &Connection, patience: Duration) -> Result<Checked, rusqlite::Error> {
    let (interrupt, (done, waits)) = (connection.get_interrupt_handle(), mpsc::channel::<()>());
    let watch = std::thread::spawn(move || {
        // Ended by the sender when the check is through before.
        if waits.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
            interrupt.interrupt();
        }
    });
    let told: Result<String, _> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    drop(done);
    // A thread that only waits does not panic.
    let _ = watch.join();
    match told {
        Ok(told) if told == "ok" => Ok(Checked::Good),
        Ok(told) => Ok(Checked::Broken(told)),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => {
            Ok(Checked::Unfinished)
        }
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            Ok(Checked::Broken(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{Options, Sqlite};

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_good_database_is_current_and_in_wal_mode_open_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tagwerk.db");
        let store = Sqlite::open(&path, Options::default()).expect("a database");
        let open = examine(&path, LONG).expect("it reads");
        assert_eq!((open.journal_mode.as_str(), &open.check, open.news), ("wal", &Checked::Good, Some(0)));
        assert_eq!(open.lacking, 0);
        store.close().await;
        assert_eq!(examine(&path, LONG), Ok(open));
    }

    #[test]
    fn a_file_that_is_no_database_is_told_and_none_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tagwerk.db");
        assert!(examine(&path, LONG).is_err() && !path.exists());
        std::fs::write(&path, "no database at all, but long enough to be looked at as if it were one")
            .expect("written");
        assert!(examine(&path, LONG).is_err());
    }

    #[test]
    fn a_broken_page_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tagwerk.db");
        let connection = Connection::open(&path).expect("a database");
        connection.execute_batch("CREATE TABLE words (word TEXT)").expect("a table");
        for _ in 0..200 {
            connection.execute("INSERT INTO words VALUES (?)", ["x".repeat(500)]).expect("a row");
        }
        drop(connection);
        let mut bytes = std::fs::read(&path).expect("bytes");
        let half = bytes.len() / 2;
        bytes.iter_mut().skip(half).take(6_000).for_each(|byte| *byte = 0xaa);
        std::fs::write(&path, bytes).expect("written");
        assert!(matches!(examine(&path, LONG).expect("it opens").check, Checked::Broken(_)));
    }
}
