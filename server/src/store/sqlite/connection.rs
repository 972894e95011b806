//! Connections to the database file: the one that writes, and those that read.

use super::failure::may_pass;
use super::{OpenError, Options};
use r2d2::{NopErrorHandler, Pool};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, MAIN_DB, OpenFlags, TransactionBehavior};
use rusqlite_migration::{M, Migrations};
use std::path::Path;
use std::time::Duration;

/// How long another process (`tagwerk site add`) may hold the lock before a write gives up.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// How long a reader may wait for a connection.
const READER_WAIT: Duration = Duration::from_secs(5);
const STATEMENTS: usize = 160;

fn migrations() -> Migrations<'static> {
    Migrations::new(vec![
        M::up(include_str!("migrations/0001_init.sql")),
        M::up(include_str!("migrations/0002_links.sql")),
        M::up(include_str!("migrations/0003_cookies.sql")),
        M::up(include_str!("migrations/0004_books.sql")),
        M::up(include_str!("migrations/0005_rates.sql")),
        M::up(include_str!("migrations/0006_reports.sql")),
        M::up(include_str!("migrations/0007_tracking_ids.sql")),
        M::up(include_str!("migrations/0008_lists.sql")),
        M::up(include_str!("migrations/0009_job_payloads.sql")),
        M::up(include_str!("migrations/0010_outbox.sql")),
        M::up(include_str!("migrations/0011_people.sql")),
        M::up(include_str!("migrations/0012_facts.sql")),
        M::up(include_str!("migrations/0013_costs.sql")),
        M::up(include_str!("migrations/0014_story.sql")),
        M::up(include_str!("migrations/0015_backups.sql")),
        M::up(include_str!("migrations/0016_erasing.sql")),
    ])
}

/// How many migrations a database still lacks; below zero where it is a newer version's.
pub(super) fn lacking(connection: &Connection) -> Result<i32, rusqlite::Error> {
    migrations().pending_migrations(connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => err,
        _ => rusqlite::Error::InvalidQuery,
    })
}

/// Opens the connection that writes, and brings the schema up to date.
pub(super) fn writing(path: &Path, options: &Options) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| OpenError::Database { path: path.to_owned(), source };
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    prepare(&connection, options).map_err(failed)?;
    // SQLite opens a file that it may not write read-only, without a word.
    if connection.is_readonly(MAIN_DB).map_err(failed)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    // Two processes that start on a new file see the same old version; the second one finds the work done when it looks again.
    migrations().to_latest(&mut connection).or_else(|_| migrations().to_latest(&mut connection)).map_err(|source| {
        match source {
            rusqlite_migration::Error::RusqliteError { err, .. } if may_pass(&err) => failed(err),
            source => OpenError::Schema { path: path.to_owned(), source },
        }
    })?;
    Ok(connection)
}

fn prepare(connection: &Connection, options: &Options) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Where fsync alone does not reach the platter (macOS), this does; elsewhere it changes nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten, so that who was erased stands nowhere in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if let Some(megabytes) = options.max_size_mb {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let bytes = i64::try_from(megabytes.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
        let pages = bytes.checked_div(page).unwrap_or(bytes).min(i64::from(u32::MAX - 1));
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// The pool of connections that read. It opens them in the background and never fails here.
pub(super) fn readers(path: &Path, count: u32) -> Pool<SqliteConnectionManager> {
    Pool::builder()
        .max_size(count.max(1))
        .connection_timeout(READER_WAIT)
        .test_on_check_out(false)
        .error_handler(Box::new(NopErrorHandler))
        .build_unchecked(reading(path))
}

/// How a connection that reads is opened.
pub(super) fn reading(path: &Path) -> SqliteConnectionManager {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    SqliteConnectionManager::file(path).with_flags(flags).with_init(|connection| {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // A first read tells at once whether the file can be read at all.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
    })
}

/// Opens a connection that writes to a database that is there, and leaves its schema as it is.
pub(super) fn writing_what_is_there(path: &Path) -> Result<Connection, rusqlite::Error> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Opens a connection that reads everything to copy it.
pub(super) fn reading_to_copy(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // A first read tells at once whether the file can be read at all.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::facts::Facts;
    use crate::store::sqlite::Sqlite;
    use crate::store::{Books, Jobs, Links, Page, Sites};

    /// Opens a database as an earlier version left it: with so many of the migrations, and these rows.
    async fn opened_from(version: usize, rows: &str) -> (Sqlite, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tagwerk.db");
        let mut connection = Connection::open(&path).expect("a database");
        connection.pragma_update(None, "journal_mode", "WAL").expect("WAL");
        migrations().to_version(&mut connection, version).expect("the version before");
        connection.execute_batch(rows).expect("rows");
        drop(connection);
        (Sqlite::open(&path, Options::default()).expect("it opens"), folder)
    }

    #[tokio::test]
    async fn a_database_from_before_links_and_cookies_opens_with_its_rows() {
        let rows = r#"
            INSERT INTO sites (site_id, tracking_id, created_at, settings) VALUES ('site', 'secret', 1, '{"name":"Old"}');
            INSERT INTO visits (site_id, id, visit_id, at, received_at, landing_page, source, click_ids, bot)
                VALUES ('site', 'row', 'abcdefgh01234567', 2, 3, 'https://a.example/?gclid=X', '{}', '{"gclid":"X"}', 0);"#;
        let (store, _folder) = opened_from(1, rows).await;
        let site = store.site("site").await.expect("read").expect("the site");
        assert_eq!(crate::settings::SiteSettings::of(&site).expect("settings").name, "Old");
        let visits = store.visits("site", Page::first(9)).await.expect("read").items;
        assert_eq!(visits.len(), 1);
        assert_eq!(visits[0].click_ids.get("gclid").map(String::as_str), Some("X"));
        assert!(visits[0].cookies.is_empty());
        assert!(store.links("site", Page::first(9)).await.expect("read").items.is_empty());
        store.close().await;
    }

    #[tokio::test]
    async fn a_long_task_from_before_payloads_stood_apart_goes_on_with_its_own() {
        let rows = "
            INSERT INTO sites (site_id, tracking_id, created_at, settings) VALUES ('site', 'secret', 1, '{}');
            INSERT INTO jobs (site_id, id, kind, state, position, counts, problems, payload, created_at, updated_at)
                VALUES ('site', 'job', 'import', 'running', '7:2', '{}', '[]', x'0102', 2, 3);";
        let (store, _folder) = opened_from(8, rows).await;
        let open = store.open_jobs().await.expect("read");
        assert_eq!((open.len(), open[0].payload.as_slice()), (1, [1, 2].as_slice()));
        assert_eq!(store.job("site", "job").await.expect("read").as_ref(), open.first());
        store.close().await;
    }

    #[tokio::test]
    async fn what_was_there_before_facts_is_taken_into_them_once() {
        let rows = r#"
            INSERT INTO sites (site_id, tracking_id, created_at, settings) VALUES ('site', 'secret', 1, '{}');
            INSERT INTO visits (site_id, id, visit_id, at, received_at, landing_page, source, click_ids, bot)
                VALUES ('site', '0190a0b0-c0d0-7000-8000-000000000001', 'abcdefgh01234567', 2, 3, 'https://a.example/', '{}', '{}', 0);
            DELETE FROM report_news;"#;
        let (store, _folder) = opened_from(10, rows).await;
        assert_eq!(store.take_in(9).await.expect("taken in").taken, 1);
        let asked = crate::store::facts::Asked {
            by: Vec::new(),
            conditions: Vec::new(),
            from: 0,
            until: 900_000,
            zone: jiff::tz::TimeZone::UTC,
            model: crate::credit::Model::Click,
            into: None,
            rates: std::sync::Arc::default(),
            visitors: false,
        };
        let found = store.groups("site", asked).await.expect("an answer");
        assert_eq!(found.groups.first().map(|group| group.counts.visits), Some(1));
        store.close().await;
    }

    #[test]
    fn the_migrations_are_sound() {
        migrations().validate().expect("every migration runs");
    }
}
