//! Totals for reports: what came or changed is folded into them, in the order in which it did.
//!
//! Triggers note each new visit and click, and each conversion that is new, gone or changed, in the transaction that makes it so. Folding
//! takes the oldest of these notes, works out what the totals should hold of each conversion, takes out what they held of it before and
//! puts in what they should hold now, all in one transaction.

mod cells;
mod class;
mod entry;
mod origin;
mod span;

use super::Sqlite;
use super::facts::{self, News};
use super::failure::Failure;
use super::rows::json;
use crate::credit::{self, Model};
use crate::store::{Asked, Folded, Measures, Millis, Reports, StoreError, Total};
use async_trait::async_trait;
use cells::{Cells, known_number};
use class::{Class, Classes};
use origin::{Origins, origin};
use rusqlite::{Connection, Row, params};
use span::{DAYS, Part};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

#[async_trait]
impl Reports for Sqlite {
    async fn fold(&self, limit: usize) -> Result<Folded, StoreError> {
        let seal = self.seal;
        self.writer.write(move |connection| fold(connection, limit, seal)).await
    }

    async fn totals(&self, site_id: &str, asked: Asked) -> Result<Vec<Total>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| totals(connection, &site_id, &asked)).await
    }
}

pub(super) fn fold(connection: &Connection, limit: usize, seal: usize) -> Result<Folded, Failure> {
    let mut sites: BTreeMap<String, News> = BTreeMap::new();
    let mut statement =
        connection.prepare_cached("SELECT seq, site_id, what, id FROM report_news ORDER BY seq LIMIT ?")?;
    let mut rows = statement.query([i64::try_from(limit.max(1)).unwrap_or(i64::MAX)])?;
    let (mut taken, mut until) = (0, 0i64);
    while let Some(row) = rows.next()? {
        let news = sites.entry(row.get("site_id")?).or_default();
        let (what, id): (String, String) = (row.get("what")?, row.get("id")?);
        match what.as_str() {
            "visit" => news.visits.push(id),
            "click" => news.clicks.push(id),
            _ => drop(news.conversions.insert(id)),
        }
        until = row.get("seq")?;
        taken += 1;
    }
    drop(rows);
    for (site_id, news) in sites {
        facts::take_in(connection, &site_id, &news, seal)?;
        take_in(connection, &site_id, news)?;
    }
    connection.prepare_cached("DELETE FROM report_news WHERE seq <= ?")?.execute([until])?;
    let left: Option<i64> =
        connection.prepare_cached("SELECT max(seq) FROM report_news")?.query_row([], |row| row.get(0))?;
    let left = left.map_or(0, |last| u64::try_from(last.saturating_sub(until)).unwrap_or_default());
    Ok(Folded { taken, left })
}

fn take_in(connection: &Connection, site_id: &str, mut news: News) -> Result<(), Failure> {
    let (mut cells, mut origins) = (Cells::default(), Origins::new(connection, site_id));
    let mut classes = Classes::new(connection, site_id)?;
    let traffic = classes.traffic("")?;
    for id in &news.visits {
        take_visit(connection, site_id, id, traffic, &mut cells, &mut news.conversions)?;
    }
    for id in &news.clicks {
        take_click(connection, site_id, id, &mut cells, &mut classes)?;
    }
    let mut refunds = Vec::new();
    for id in &news.conversions {
        let mut statement = connection.prepare_cached(REFUNDS)?;
        let found = statement.query_map([site_id, id], |row| row.get::<_, String>(0))?;
        refunds.extend(found.collect::<Result<Vec<_>, _>>()?);
    }
    news.conversions.extend(refunds);
    for id in &news.conversions {
        let held = entry::held(connection, site_id, id)?;
        let due = entry::due(connection, site_id, id, &mut origins)?;
        if held == due {
            continue;
        }
        for (entry, out) in [(&held, true), (&due, false)] {
            if let Some(entry) = entry {
                cells.add_entry(entry, out, &mut origins, &mut classes)?;
            }
        }
        entry::keep(connection, site_id, id, due.as_ref())?;
    }
    cells.write(connection, site_id)
}

/// The refunds of a sale, which are credited as it is.
const REFUNDS: &str = "SELECT id FROM conversions WHERE site_id = ? AND sale_id = ?";
/// The conversions that a visit of this visitor, begun in between, may have a share in.
const LATER: &str = "SELECT id FROM report_entries WHERE site_id = ? AND visitor_id = ? AND counted_at BETWEEN ? AND ?";

/// Counts a visit, and names the conversions it may have a share in.
fn take_visit(
    connection: &Connection,
    site_id: &str,
    id: &str,
    class: i64,
    cells: &mut Cells,
    conversions: &mut BTreeSet<String>,
) -> Result<(), Failure> {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(|| {
        format!(
            "SELECT min(visits.at, visits.received_at) AS began, visits.visitor_id, visits.bot, {}
             FROM visits WHERE visits.site_id = ? AND visits.id = ?",
            origin::COLUMNS
        )
    });
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, id])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let (began, visitor_id): (Millis, Option<String>) = (row.get("began")?, row.get("visitor_id")?);
    let measures = Measures { visits: 1, bots: row.get("bot")?, ..Measures::default() };
    cells.add_traffic(began.div_euclid(DAY), class, &origin(row)?, "", measures);
    if let Some(visitor_id) = visitor_id {
        let until = began.saturating_add(credit::LOOK_BACK);
        let mut statement = connection.prepare_cached(LATER)?;
        let found = statement.query_map(params![site_id, visitor_id, began, until], |row| row.get::<_, String>(0))?;
        for id in found {
            conversions.insert(id?);
        }
    }
    Ok(())
}

/// Counts a click where its visit came from.
fn take_click(
    connection: &Connection,
    site_id: &str,
    id: &str,
    cells: &mut Cells,
    classes: &mut Classes<'_>,
) -> Result<(), Failure> {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(|| {
        format!(
            "SELECT min(clicks.at, clicks.received_at) AS clicked, clicks.tracking_group, {} FROM clicks
             JOIN visits ON visits.site_id = clicks.site_id AND visits.visit_id = clicks.visit_id
             WHERE clicks.site_id = ? AND clicks.id = ?",
            origin::COLUMNS
        )
    });
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, id])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let (clicked, group): (Millis, Option<String>) = (row.get("clicked")?, row.get("tracking_group")?);
    let measures = Measures { clicks: 1, ..Measures::default() };
    let group = group.unwrap_or_default();
    cells.add_traffic(clicked.div_euclid(DAY), classes.traffic(&group)?, &origin(row)?, &group, measures);
    Ok(())
}

/// Reads the totals of one series of one kind of span, all days in one or each day by itself.
fn totals_sql(per_day: bool) -> String {
    let (day, and_day) = if per_day { ("span", ", span") } else { ("NULL", "") };
    format!(
        "SELECT class, value, {day}, sum(visits), sum(bots), sum(clicks), sum(conversions), sum(refunds), sum(unvalued),
                sum(gross), sum(gross_micro), sum(refunded), sum(refunded_micro)
         FROM report_totals
         WHERE series = ? AND span BETWEEN ? AND ? AND class IN (SELECT value FROM json_each(?))
         GROUP BY class, value{and_day}"
    )
}

fn totals(connection: &Connection, site_id: &str, asked: &Asked) -> Result<Vec<Total>, Failure> {
    let classes = class::of_site(connection, site_id)?;
    let is_asked = |class: &Class| {
        let is = |asked: &Option<String>, word: &String| asked.as_ref().is_none_or(|asked| asked == word);
        class.kind.is_empty() || is(&asked.kind, &class.kind) && is(&asked.group, &class.group)
    };
    // Money that has to be converted is read by day, whatever is asked for.
    let by_day = |class: &Class| {
        let has_other = |into: &String| !class.currency.is_empty() && class.currency != *into;
        asked.per_day || asked.into.as_ref().is_some_and(has_other)
    };
    let asked_for = classes.iter().filter(|(_, class)| is_asked(class));
    let (daily, summed): (Vec<_>, Vec<_>) = asked_for.partition(|(_, class)| by_day(class));
    let models: BTreeSet<Model> = [Model::Click, asked.model].into();
    let mut totals = Vec::new();
    let days: Vec<Part> = vec![(DAYS, asked.from, asked.to)];
    for (chosen, parts, per_day) in [(daily, days, true), (summed, span::parts(asked.from, asked.to), false)] {
        if chosen.is_empty() {
            continue;
        }
        let chosen = json(&chosen.iter().map(|(number, _)| **number).collect::<Vec<i64>>())?;
        let mut statement = connection.prepare_cached(&totals_sql(per_day))?;
        for (per, from, to) in parts {
            for model in &models {
                let Some(series) = known_number(connection, site_id, (asked.dimension, *model), per)? else { continue };
                let mut rows = statement.query(params![series, from, to, chosen])?;
                while let Some(row) = rows.next()? {
                    let number: i64 = row.get(0)?;
                    let Some(class) = classes.get(&number) else { continue };
                    totals.push(total(row, class, asked)?);
                }
            }
        }
    }
    Ok(totals)
}

/// Reads one total. Of a tracking group there are clicks of its own, but all visits.
fn total(row: &Row<'_>, class: &Class, asked: &Asked) -> Result<Total, Failure> {
    let present = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let money = |units: usize, rest: usize| {
        Ok::<_, Failure>(i128::from(row.get::<_, i64>(units)?) * 1_000_000 + i128::from(row.get::<_, i64>(rest)?))
    };
    let has_clicks = asked.group.as_ref().is_none_or(|group| *group == class.group);
    Ok(Total {
        value: present(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?),
        day: row.get(2)?,
        currency: present(&class.currency),
        measures: Measures {
            visits: row.get(3)?,
            bots: row.get(4)?,
            clicks: if has_clicks { row.get(5)? } else { 0 },
            conversions: row.get(6)?,
            refunds: row.get(7)?,
            unvalued: row.get(8)?,
            gross: money(9, 10)?,
            refunded: money(11, 12)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{Options, connection};
    use rusqlite::params_from_iter;

    /// How SQLite goes about a statement with so many parameters.
    fn plan(sql: &str, parameters: usize) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = connection::writing(&folder.path().join("tagwerk.db"), &Options::default()).expect("it opens");
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
        let nothing = vec![rusqlite::types::Null; parameters];
        let lines = statement.query_map(params_from_iter(nothing), |row| row.get::<_, String>("detail"));
        lines.expect("a plan").collect::<Result<Vec<_>, _>>().expect("lines").join("\n")
    }

    #[test]
    fn totals_are_found_by_their_key() {
        for per_day in [false, true] {
            let plan = plan(&totals_sql(per_day), 4);
            let key = "SEARCH report_totals USING PRIMARY KEY (series=? AND span>? AND span<?)";
            assert!(plan.contains(key), "{plan}");
        }
    }

    #[test]
    fn a_visitor_s_touches_are_found_in_order_by_their_index() {
        let plan = plan(&entry::touches_sql(), 5);
        assert!(
            plan.contains("USING INDEX visits_of_a_visitor (site_id=? AND visitor_id=? AND <expr>>? AND <expr><?)"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[test]
    fn refunds_and_later_conversions_are_found_by_their_index() {
        assert!(plan(REFUNDS, 2).contains("INDEX conversions_of_a_sale (site_id=? AND sale_id=?)"));
        let plan = plan(LATER, 4);
        assert!(
            plan.contains(
                "INDEX report_entries_of_a_visitor (site_id=? AND visitor_id=? AND counted_at>? AND counted_at<?)"
            ),
            "{plan}"
        );
    }
}
