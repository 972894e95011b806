//! Facts for reports: narrow rows of numbers, kept in columns, and questions that scan the columns they name.
//!
//! Triggers note each new visit and click, and each conversion that is new, gone or changed, in the transaction that makes it so
//! (`report_news`). Taking in reads the oldest of these notes, makes facts of them, and takes out those that no longer hold by adding their
//! opposite, all in one transaction. The newest facts lie one by one in a tail; once there are enough of them they are sealed: one value
//! for each column of so many facts, in as few bytes as hold it.

mod behind;
mod block;
mod clock;
mod columns;
mod entry;
mod erasing;
mod exchange;
mod fact;
mod groups;
mod keeping;
mod kept;
mod origin;
mod plan;
mod scan;
mod taking;
mod tally;
mod traffic;
mod values;
mod visitors;
mod words;

use super::Sqlite;
use super::failure::Failure;
use crate::store::StoreError;
use crate::store::facts::{Asked, Behind, Dimension, Facts, Folded, Groups, RowsBehind};
use async_trait::async_trait;
use behind::Part;
pub(super) use erasing::{Gone, erase};
pub(super) use kept::Kept;
use rusqlite::Connection;
use std::sync::Arc;

#[async_trait]
impl Facts for Sqlite {
    async fn take_in(&self, limit: usize) -> Result<Folded, StoreError> {
        let seal = self.seal;
        self.writer.write(move |connection| taking::take_in(connection, limit, seal)).await
    }

    async fn groups(&self, site_id: &str, asked: Asked) -> Result<Groups, StoreError> {
        let (site_id, kept) = (site_id.to_owned(), Arc::clone(&self.kept));
        let groups = move |connection: &Connection| groups::groups(connection, &site_id, &asked, &kept);
        self.read(move |connection| at_once(connection, groups)).await
    }

    async fn rows_behind(
        &self,
        site_id: &str,
        asked: Asked,
        of: Behind,
        before: Option<String>,
        limit: usize,
    ) -> Result<RowsBehind, StoreError> {
        let site_id = site_id.to_owned();
        let part = Part { before: before.map(|id| fact::id_of(&id)), limit };
        let rows = move |connection: &Connection| behind::rows_behind(connection, &site_id, &asked, of, &part);
        self.read(move |connection| at_once(connection, rows)).await
    }

    async fn values(&self, site_id: &str, dimension: Dimension, limit: usize) -> Result<Vec<String>, StoreError> {
        let site_id = site_id.to_owned();
        let values = move |connection: &Connection| values::values(connection, &site_id, &dimension, limit);
        self.read(move |connection| at_once(connection, values)).await
    }

    async fn names(&self, site_id: &str) -> Result<Vec<Dimension>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| values::names(connection, &site_id)).await
    }
}

/// Reads everything as it was at one moment.
fn at_once<T>(connection: &Connection, read: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
    let transaction = connection.unchecked_transaction()?;
    read(&transaction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{Options, connection};
    use rusqlite::params_from_iter;

    /// How SQLite goes about a statement with so many parameters.
    pub(super) fn plan(sql: &str, parameters: usize) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = connection::writing(&folder.path().join("tagwerk.db"), &Options::default()).expect("it opens");
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
        let nothing = vec![rusqlite::types::Null; parameters];
        let lines = statement.query_map(params_from_iter(nothing), |row| row.get::<_, String>("detail"));
        lines.expect("a plan").collect::<Result<Vec<_>, _>>().expect("lines").join("\n")
    }

    #[test]
    fn words_tails_and_segments_are_found_by_their_keys() {
        let tail = plan(keeping::TAIL, 2);
        assert!(tail.contains("SEARCH report_tail USING PRIMARY KEY (site_id=? AND kind=?)"), "{tail}");
        let segments = plan(keeping::SEGMENTS, 4);
        assert!(
            segments.contains("INDEX report_segments_of_a_site (site_id=? AND kind=? AND last_quarter>?)"),
            "{segments}"
        );
        let word = plan(words::WORD, 3);
        assert!(word.contains("PRIMARY KEY (site_id=? AND dimension=? AND code=?)"), "{word}");
        let code = plan(words::CODE, 3);
        assert!(code.contains("(site_id=? AND dimension=? AND word=?)"), "{code}");
    }
}
