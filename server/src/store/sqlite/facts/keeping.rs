//! Facts as they are kept: the newest one by one in the tail, the others sealed in segments.

use super::columns::pack;
use super::fact::{Column, Fact, Id, Kind, column, packed, unpacked};
use crate::store::sqlite::failure::Failure;
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeSet, HashMap};

/// How many columns a segment may have: what [`place`] leaves room for.
const COLUMNS: i64 = 1 << 16;

/// Where a column of a segment lies.
pub(super) fn place(segment: i64, column: Column) -> i64 {
    segment.saturating_mul(COLUMNS).saturating_add(i64::from(column))
}

/// The facts of one kind that are not sealed yet.
pub(super) const TAIL: &str = "SELECT fact FROM report_tail WHERE site_id = ? AND kind = ?";

/// The facts of one kind that are not sealed yet.
pub(super) fn tail(connection: &Connection, site_id: &str, kind: Kind) -> Result<Vec<Fact>, Failure> {
    let mut statement = connection.prepare_cached(TAIL)?;
    let mut rows = statement.query(params![site_id, kind.number()])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        facts.push(unpacked(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?);
    }
    Ok(facts)
}

/// The first and last place in a tail. Each is asked for by itself: both at once would look at all between them.
pub(super) const WAITING: &str = "SELECT
    (SELECT coalesce(min(seq), 1) FROM report_tail WHERE site_id = ?1 AND kind = ?2),
    (SELECT coalesce(max(seq), 0) FROM report_tail WHERE site_id = ?1 AND kind = ?2)";

/// Keeps facts of one kind. Once there are `seal` of them, that many are sealed, those that happened first before the others.
pub(super) fn append(
    connection: &Connection,
    site_id: &str,
    kind: Kind,
    facts: Vec<Fact>,
    seal: usize,
) -> Result<(), Failure> {
    if facts.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(WAITING)?;
    let (first, last): (i64, i64) =
        statement.query_row(params![site_id, kind.number()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let waiting = usize::try_from(last - first + 1).unwrap_or_default();
    if waiting + facts.len() < seal {
        return put(connection, site_id, kind, last + 1, &facts);
    }
    let mut all = tail(connection, site_id, kind)?;
    all.extend(facts);
    let mut all = without_opposites(all)?;
    all.sort_unstable();
    connection
        .prepare_cached("DELETE FROM report_tail WHERE site_id = ? AND kind = ?")?
        .execute(params![site_id, kind.number()])?;
    let mut parts = all.chunks_exact(seal.max(1));
    for part in &mut parts {
        write_segment(connection, site_id, kind, part)?;
    }
    put(connection, site_id, kind, 1, parts.remainder())
}

fn put(connection: &Connection, site_id: &str, kind: Kind, first: i64, facts: &[Fact]) -> Result<(), Failure> {
    let mut insert =
        connection.prepare_cached("INSERT INTO report_tail (site_id, kind, seq, fact) VALUES (?, ?, ?, ?)")?;
    for (seq, fact) in (first..).zip(facts) {
        insert.execute(params![site_id, kind.number(), seq, packed(fact)?])?;
    }
    Ok(())
}

/// Facts without those that take each other out. Facts are never added up to one: each has its own rounding where money is converted.
fn without_opposites(facts: Vec<Fact>) -> Result<Vec<Fact>, Failure> {
    let mut counts: HashMap<Fact, i64> = HashMap::with_capacity(facts.len());
    for fact in facts {
        // What is added up is 0 in visits and clicks, which nothing takes out.
        let opposite = column::ADDITIVE.iter().any(|column| fact.at(*column) != 0).then(|| fact.clone().negated());
        match opposite.filter(|opposite| *opposite < fact) {
            Some(opposite) => *counts.entry(opposite).or_default() -= 1,
            None => *counts.entry(fact).or_default() += 1,
        }
    }
    let copies = |(fact, count): (Fact, i64)| {
        let fact = if count < 0 { fact.negated() } else { fact };
        std::iter::repeat_n(fact, usize::try_from(count.unsigned_abs()).unwrap_or_default())
    };
    Ok(counts.into_iter().flat_map(copies).collect())
}

/// Seals facts, sorted by time.
pub(super) fn write_segment(connection: &Connection, site_id: &str, kind: Kind, facts: &[Fact]) -> Result<(), Failure> {
    let quarters: Vec<i64> = facts.iter().map(|fact| fact.quarter).collect();
    let ids = facts.iter().map(|fact| fact.id);
    let segment = connection
        .prepare_cached(
            "INSERT INTO report_segments (site_id, kind, facts, first_quarter, last_quarter, first_id, last_id)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .insert(params![
            site_id,
            kind.number(),
            i64::try_from(facts.len()).unwrap_or(i64::MAX),
            quarters.first(),
            quarters.last(),
            ids.clone().min().unwrap_or_default(),
            ids.clone().max().unwrap_or_default(),
        ])?;
    let mut insert = connection.prepare_cached("INSERT INTO report_columns (place, cells) VALUES (?, ?)")?;
    insert.execute(params![place(segment, column::ID), ids.collect::<Vec<_>>().concat()])?;
    insert.execute(params![place(segment, column::QUARTER), pack(&quarters)])?;
    let columns: BTreeSet<Column> =
        facts.iter().flat_map(|fact| fact.cells().iter().map(|(column, _)| *column)).collect();
    for column in columns {
        let values: Vec<i64> = facts.iter().map(|fact| fact.at(column)).collect();
        insert.execute(params![place(segment, column), pack(&values)])?;
    }
    Ok(())
}

/// Facts that are sealed.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) segment: i64,
    pub(super) facts: usize,
    pub(super) first_quarter: i64,
    pub(super) last_quarter: i64,
    pub(super) last_id: Id,
}

impl Segment {
    /// A column as it is packed; nothing where every fact has nothing in it.
    pub(super) fn column(&self, connection: &Connection, column: Column) -> Result<Option<Vec<u8>>, Failure> {
        let mut statement = connection.prepare_cached("SELECT cells FROM report_columns WHERE place = ?")?;
        let mut rows = statement.query([place(self.segment, column)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?.to_vec()))
    }

    /// The ids of its facts.
    pub(super) fn ids(&self, connection: &Connection) -> Result<Vec<Id>, Failure> {
        let bytes = self.column(connection, column::ID)?.unwrap_or_default();
        Ok(bytes.as_chunks().0.to_vec())
    }
}

/// The segments of one kind that are of these times, the newest first.
pub(super) const SEGMENTS: &str = "SELECT segment, facts, first_quarter, last_quarter, last_id FROM report_segments
    WHERE site_id = ? AND kind = ? AND last_quarter >= ? AND first_quarter < ? ORDER BY last_quarter DESC, segment DESC";

/// The segments of one kind that have facts from one quarter of an hour on and before another, the newest first.
pub(super) fn segments(
    connection: &Connection,
    site_id: &str,
    kind: Kind,
    from: i64,
    until: i64,
) -> Result<Vec<Segment>, Failure> {
    let mut statement = connection.prepare_cached(SEGMENTS)?;
    let rows = statement.query_map(params![site_id, kind.number(), from, until], segment)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn segment(row: &Row<'_>) -> Result<Segment, rusqlite::Error> {
    Ok(Segment {
        segment: row.get("segment")?,
        facts: usize::try_from(row.get::<_, i64>("facts")?).unwrap_or_default(),
        first_quarter: row.get("first_quarter")?,
        last_quarter: row.get("last_quarter")?,
        last_id: row.get("last_id")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(value: i64) -> Fact {
        Fact::new("", 0).with(column::VALUE, value)
    }

    #[test]
    fn what_takes_each_other_out_is_dropped_and_nothing_is_added_up() {
        let plain = Fact::new("", 0).with(column::BOT, 1);
        let facts = vec![fact(5), fact(-5), fact(5), fact(-3), fact(2), fact(1), plain.clone(), plain.clone()];
        let mut left = without_opposites(facts).expect("facts");
        left.sort_unstable();
        let mut expected = vec![fact(5), fact(-3), fact(2), fact(1), plain.clone(), plain];
        expected.sort_unstable();
        assert_eq!(left, expected);
    }
}
