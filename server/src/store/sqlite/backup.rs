//! Copies a database while whoever writes it goes on.

use super::connection::reading_to_copy;
use rusqlite::Connection;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database cannot be read.
    #[error("the database {path} cannot be read", path = path.display())]
    Source {
        /// Where it is.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The copy cannot be written.
    #[error("the copy {path} cannot be written", path = path.display())]
    Target {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Something went wrong on the way.
    #[error("the database {from} cannot be copied to {to}", from = from.display(), to = to.display())]
    Copying {
        /// The database.
        from: PathBuf,
        /// The copy.
        to: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
}

/// Copies a database, as it is at one moment, to a new file that nobody else may read, and waits until that is on disk. The database is
/// only read: it is not brought up to date, and who writes it need not wait. What was deleted in it is not in the copy.
///
/// # Errors
/// The database cannot be read, or the copy is there already or cannot be written. What there is of a copy then is left to the caller.
pub fn copy(from: &Path, to: &Path) -> Result<(), CopyError> {
    let connection = reading_to_copy(from).map_err(|source| CopyError::Source { path: from.to_owned(), source })?;
    let target = |source| CopyError::Target { path: to.to_owned(), source };
    drop(private(to).map_err(target)?);
    vacuum(&connection, to).map_err(|source| CopyError::Copying {
        from: from.to_owned(),
        to: to.to_owned(),
        source,
    })?;
    File::open(to).and_then(|file| file.sync_all()).map_err(target)
}

/// A new file for nobody else to read. SQLite fills one that is empty, and leaves its rights as they are.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn vacuum(connection: &Connection, to: &Path) -> Result<(), rusqlite::Error> {
    let path = to.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(to.to_owned()))?;
    connection.execute("VACUUM INTO ?1", [path]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{Options, Sqlite};

    #[tokio::test]
    async fn nothing_that_is_there_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("tagwerk.db"), folder.path().join("copy.db"));
        Sqlite::open(&from, Options::default()).expect("a database").close().await;
        std::fs::write(&to, "precious").expect("written");
        assert!(matches!(copy(&from, &to), Err(CopyError::Target { .. })));
        assert_eq!(std::fs::read_to_string(&to).expect("there"), "precious");
    }

    #[test]
    fn a_database_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("tagwerk.db"), folder.path().join("copy.db"));
        assert!(matches!(copy(&from, &to), Err(CopyError::Source { .. })));
        assert!(!from.exists() && !to.exists());
    }

    #[test]
    fn what_was_deleted_is_not_in_a_copy() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("tagwerk.db"), folder.path().join("copy.db"));
        let database = Connection::open(&from).expect("a database");
        let rows = "CREATE TABLE told (name TEXT); INSERT INTO told VALUES ('forget-me'), ('keep-me'); DELETE FROM told WHERE name = 'forget-me'";
        database.execute_batch(rows).expect("rows");
        copy(&from, &to).expect("copied");
        let holds = |path: &Path, word: &str| {
            let bytes = std::fs::read(path).expect("bytes");
            bytes.windows(word.len()).any(|found| found == word.as_bytes())
        };
        assert!(holds(&from, "forget-me"), "the engine lets what is deleted stand");
        assert!(!holds(&to, "forget-me") && holds(&to, "keep-me"));
    }

    #[test]
    fn a_database_of_an_older_version_is_copied_and_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("tagwerk.db"), folder.path().join("copy.db"));
        let old = Connection::open(&from).expect("a database");
        old.pragma_update(None, "journal_mode", "WAL").expect("WAL");
        old.execute_batch("CREATE TABLE old (name TEXT); INSERT INTO old VALUES ('x'); PRAGMA user_version = 1")
            .expect("rows");
        copy(&from, &to).expect("copied");
        let version = |path: &Path| -> i64 {
            let connection = Connection::open(path).expect("it opens");
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number")
        };
        assert_eq!((version(&from), version(&to)), (1, 1));
    }
}
