//! Taking out of the facts what stands for an erased visitor: out of the tail, and out of segments, which are sealed anew without it.
//!
//! Else facts are never taken out: what no longer holds gets its opposite beside it. But a visit's fact tells its visitor, and a value that
//! nobody else brought may tell who it was, so here neither stays.

use super::columns::unpack;
use super::entry;
use super::fact::{Column, Fact, Id, Kind, column, id_of, packed, unpacked};
use super::keeping::{append, place, write_segment};
use super::words::Words;
use crate::store::sqlite::failure::Failure;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What is gone, by the ids of its rows.
pub(in crate::store::sqlite) struct Gone<'a> {
    /// Visits.
    pub(in crate::store::sqlite) visits: &'a [String],
    /// Clicks.
    pub(in crate::store::sqlite) clicks: &'a [String],
    /// Conversions that stay, and what takes them back: they name nobody any more.
    pub(in crate::store::sqlite) conversions: &'a BTreeSet<String>,
    /// The visitor, if known.
    pub(in crate::store::sqlite) visitor_id: &'a str,
}

/// Takes out the facts of visits and clicks, and has those of conversions stand for what these are now. The rows must be so already.
pub(in crate::store::sqlite) fn erase(
    connection: &Connection,
    site_id: &str,
    gone: &Gone<'_>,
    seal: usize,
) -> Result<(), Failure> {
    connection
        .prepare_cached("UPDATE report_held SET visitor_id = NULL WHERE site_id = ? AND visitor_id = ?")?
        .execute([site_id, gone.visitor_id])?;
    let ids = |of: &[String]| of.iter().map(|id| id_of(id)).collect::<HashSet<Id>>();
    let mut removed = remove(connection, site_id, Kind::Visit, &ids(gone.visits))?;
    removed.extend(remove(connection, site_id, Kind::Click, &ids(gone.clicks))?);
    let (mut changed, mut due) = (HashSet::new(), Vec::new());
    let mut words = Words::new(connection, site_id)?;
    for id in gone.conversions {
        // What is not taken in yet is news still.
        let Some(held) = entry::held(connection, site_id, id)? else { continue };
        let now = entry::due(connection, site_id, id, &mut words)?;
        if now.as_ref().is_none_or(|now| now.facts != held.facts) {
            changed.insert(id_of(id));
            due.extend(now.iter().flat_map(|now| now.facts.iter().cloned()));
        }
        entry::keep(connection, site_id, id, now.as_ref())?;
    }
    for kind in [Kind::Conversion, Kind::Share] {
        removed.extend(remove(connection, site_id, kind, &changed)?);
        let of_kind = due.iter().filter(|fact| fact.kind_of_conversion() == kind).cloned().collect();
        append(connection, site_id, kind, of_kind, seal)?;
    }
    forget_words(connection, site_id, &removed)
}

/// Takes the facts of these rows out; answers with them.
fn remove(connection: &Connection, site_id: &str, kind: Kind, ids: &HashSet<Id>) -> Result<Vec<Fact>, Failure> {
    let mut removed = Vec::new();
    if ids.is_empty() {
        return Ok(removed);
    }
    from_tail(connection, site_id, kind, ids, &mut removed)?;
    for segment in segments(connection, site_id, kind)? {
        // Ids are looked for where they can be; a segment is read whole only if it has one of them.
        let may_have = ids.iter().any(|id| (segment.first_id..=segment.last_id).contains(id));
        if !may_have || !has_any(connection, segment.segment, ids)? {
            continue;
        }
        let (out, rest): (Vec<Fact>, Vec<Fact>) =
            facts(connection, segment.segment)?.into_iter().partition(|fact| ids.contains(&fact.id));
        removed.extend(out);
        connection
            .prepare_cached("DELETE FROM report_columns WHERE place >= ? AND place < ?")?
            .execute([place(segment.segment, 0), place(segment.segment + 1, 0)])?;
        connection.prepare_cached("DELETE FROM report_segments WHERE segment = ?")?.execute([segment.segment])?;
        if !rest.is_empty() {
            write_segment(connection, site_id, kind, &rest)?;
        }
    }
    Ok(removed)
}

fn from_tail(
    connection: &Connection,
    site_id: &str,
    kind: Kind,
    ids: &HashSet<Id>,
    removed: &mut Vec<Fact>,
) -> Result<(), Failure> {
    let mut statement =
        connection.prepare_cached("SELECT seq, fact FROM report_tail WHERE site_id = ? AND kind = ? ORDER BY seq")?;
    let mut rows = statement.query(params![site_id, kind.number()])?;
    let (mut rest, mut first) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        let fact: Fact = unpacked(row.get_ref("fact")?.as_blob().map_err(rusqlite::Error::from)?)?;
        if ids.contains(&fact.id) {
            first = Some(first.unwrap_or(row.get::<_, i64>("seq")?));
            removed.push(fact);
        } else if first.is_some() {
            rest.push(fact);
        }
    }
    drop(rows);
    // Those behind move up: places have no gaps.
    let Some(first) = first else { return Ok(()) };
    connection
        .prepare_cached("DELETE FROM report_tail WHERE site_id = ? AND kind = ? AND seq >= ?")?
        .execute(params![site_id, kind.number(), first])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO report_tail (site_id, kind, seq, fact) VALUES (?, ?, ?, ?)")?;
    for (seq, fact) in (first..).zip(&rest) {
        insert.execute(params![site_id, kind.number(), seq, packed(fact)?])?;
    }
    Ok(())
}

/// Where a segment's ids lie.
struct Range {
    segment: i64,
    first_id: Id,
    last_id: Id,
}

fn segments(connection: &Connection, site_id: &str, kind: Kind) -> Result<Vec<Range>, Failure> {
    let sql = "SELECT segment, first_id, last_id FROM report_segments WHERE site_id = ? AND kind = ? ORDER BY segment";
    let mut statement = connection.prepare_cached(sql)?;
    let range = |row: &rusqlite::Row<'_>| {
        Ok(Range { segment: row.get("segment")?, first_id: row.get("first_id")?, last_id: row.get("last_id")? })
    };
    let rows = statement.query_map(params![site_id, kind.number()], range)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn cells(connection: &Connection, segment: i64, column: Column) -> Result<Option<Vec<u8>>, Failure> {
    let mut statement = connection.prepare_cached("SELECT cells FROM report_columns WHERE place = ?")?;
    let mut rows = statement.query([place(segment, column)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(row.get("cells")?))
}

fn has_any(connection: &Connection, segment: i64, ids: &HashSet<Id>) -> Result<bool, Failure> {
    let bytes = cells(connection, segment, column::ID)?.unwrap_or_default();
    Ok(bytes.as_chunks::<16>().0.iter().any(|id| ids.contains(id)))
}

/// The facts of a segment, as they were sealed.
fn facts(connection: &Connection, segment: i64) -> Result<Vec<Fact>, Failure> {
    let mut statement = connection
        .prepare_cached("SELECT place, cells FROM report_columns WHERE place >= ? AND place < ? ORDER BY place")?;
    let begin = place(segment, 0);
    let mut rows = statement.query([begin, place(segment + 1, 0)])?;
    let (mut ids, mut columns): (Vec<Id>, BTreeMap<Column, Vec<u8>>) = (Vec::new(), BTreeMap::new());
    while let Some(row) = rows.next()? {
        let number = Column::try_from(row.get::<_, i64>("place")? - begin)
            .map_err(|_| Failure::Unreadable("a column of facts lies nowhere".into()))?;
        let cells: Vec<u8> = row.get("cells")?;
        match number {
            column::ID => ids = cells.as_chunks().0.to_vec(),
            number => drop(columns.insert(number, cells)),
        }
    }
    let all = 0..ids.len();
    let mut facts: Vec<Fact> = ids.into_iter().map(Fact::of_id).collect();
    for (number, cells) in &columns {
        let cells = unpack(cells, &all)?;
        for (row, fact) in facts.iter_mut().enumerate() {
            match *number {
                column::QUARTER => fact.quarter = cells.at(row),
                number => fact.put(number, cells.at(row)),
            }
        }
    }
    Ok(facts)
}

/// Takes out the values that nothing has any more of what these facts had.
fn forget_words(connection: &Connection, site_id: &str, removed: &[Fact]) -> Result<(), Failure> {
    let words = removed.iter().flat_map(|fact| fact.cells().iter().copied());
    let mut unused: BTreeSet<(Column, i64)> = words.filter(|(column, _)| *column >= column::FIRST_DIMENSION).collect();
    for kind in [Kind::Visit, Kind::Click, Kind::Conversion, Kind::Share] {
        let mut statement = connection.prepare_cached(super::keeping::TAIL)?;
        let mut rows = statement.query(params![site_id, kind.number()])?;
        while let Some(row) = rows.next()? {
            let fact: Fact = unpacked(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
            unused.retain(|cell| !fact.cells().contains(cell));
        }
        for segment in segments(connection, site_id, kind)?.into_iter().rev() {
            if unused.is_empty() {
                return Ok(());
            }
            let columns: BTreeSet<Column> = unused.iter().map(|(column, _)| *column).collect();
            for column in columns {
                for code in codes(connection, segment.segment, column)? {
                    unused.remove(&(column, code));
                }
            }
        }
    }
    for (column, code) in unused {
        connection
            .prepare_cached("DELETE FROM report_words WHERE site_id = ? AND dimension = ? AND code = ?")?
            .execute(params![site_id, column, code])?;
    }
    Ok(())
}

/// The values that a column of a segment has, each once.
fn codes(connection: &Connection, segment: i64, column: Column) -> Result<HashSet<i64>, Failure> {
    let Some(bytes) = cells(connection, segment, column)? else { return Ok(HashSet::new()) };
    let facts: i64 = connection
        .prepare_cached("SELECT facts FROM report_segments WHERE segment = ?")?
        .query_row([segment], |row| row.get(0))?;
    let rows = 0..usize::try_from(facts).unwrap_or_default();
    let cells = unpack(&bytes, &rows)?;
    Ok(rows.map(|row| cells.at(row)).collect())
}
