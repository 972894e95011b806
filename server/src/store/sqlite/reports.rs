//! Totals for reports: what came or changed is folded into them, in the order in which it did.
//!
//! Triggers note each new visit and click, and each conversion that is new, gone or changed, in the transaction that makes it so. Folding
//! takes the oldest of these notes, works out what the totals should hold of each conversion, takes out what they held of it before and
//! puts in what they should hold now, all in one transaction.

mod cells;
mod entry;
mod origin;
mod span;

use super::Sqlite;
use super::failure::Failure;
use crate::credit::{self, Model};
use crate::store::{Asked, Folded, Measures, Millis, Reports, StoreError, Total};
use async_trait::async_trait;
use cells::Cells;
use origin::{Origins, origin};
use rusqlite::{Connection, Row, named_params, params};
use span::{DAYS, Part};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

#[async_trait]
impl Reports for Sqlite {
    async fn fold(&self, limit: usize) -> Result<Folded, StoreError> {
        self.writer.write(move |connection| fold(connection, limit)).await
    }

    async fn totals(&self, site_id: &str, asked: Asked) -> Result<Vec<Total>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| totals(connection, &site_id, &asked)).await
    }
}

/// What came or changed at one site.
#[derive(Default)]
struct News {
    visits: Vec<String>,
    clicks: Vec<String>,
    conversions: BTreeSet<String>,
}

fn fold(connection: &Connection, limit: usize) -> Result<Folded, Failure> {
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
    for id in &news.visits {
        take_visit(connection, site_id, id, &mut cells, &mut news.conversions)?;
    }
    for id in &news.clicks {
        take_click(connection, site_id, id, &mut cells)?;
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
                cells.add_entry(entry, out, &mut origins)?;
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
    cells.add_traffic(began.div_euclid(DAY), &origin(row)?, "", measures);
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
fn take_click(connection: &Connection, site_id: &str, id: &str, cells: &mut Cells) -> Result<(), Failure> {
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
    cells.add_traffic(clicked.div_euclid(DAY), &origin(row)?, &group.unwrap_or_default(), measures);
    Ok(())
}

/// Which currencies a part is about.
#[derive(Clone, Copy, PartialEq)]
enum Which<'a> {
    All,
    /// This one, and what has none.
    Only(&'a str),
    Others(&'a str),
}

fn totals(connection: &Connection, site_id: &str, asked: &Asked) -> Result<Vec<Total>, Failure> {
    let days: Vec<Part> = vec![(DAYS, asked.from, asked.to)];
    let parts = span::parts(asked.from, asked.to);
    let reads = match (asked.per_day, &asked.into) {
        (true, _) => vec![(days, Which::All, true)],
        (false, None) => vec![(parts, Which::All, false)],
        (false, Some(into)) => vec![(parts, Which::Only(into), false), (days, Which::Others(into), true)],
    };
    let mut totals = Vec::new();
    for (parts, which, per_day) in reads {
        let mut statement = connection.prepare_cached(&totals_sql(which, per_day))?;
        let (Which::Only(currency) | Which::Others(currency)) = which else {
            for part in parts {
                read_part(&mut statement, site_id, asked, part, None, &mut totals)?;
            }
            continue;
        };
        for part in parts {
            read_part(&mut statement, site_id, asked, part, Some(currency), &mut totals)?;
        }
    }
    Ok(totals)
}

fn read_part(
    statement: &mut rusqlite::Statement<'_>,
    site_id: &str,
    asked: &Asked,
    (per, from, to): Part,
    currency: Option<&str>,
    totals: &mut Vec<Total>,
) -> Result<(), Failure> {
    let mut rows = statement.query(named_params! {
        ":site": site_id,
        ":dimension": asked.dimension.as_str(),
        ":model": asked.model.as_str(),
        ":per": per,
        ":from": from,
        ":to": to,
        ":kind": asked.kind,
        ":group": asked.group,
        ":currency": currency,
    })?;
    while let Some(row) = rows.next()? {
        totals.push(total(row)?);
    }
    Ok(())
}

/// Reads totals. Traffic has no type and no currency; of a tracking group there are clicks but no visits.
fn totals_sql(which: Which<'_>, per_day: bool) -> String {
    let (day, and_day) = if per_day { ("span", ", span") } else { ("NULL", "") };
    let currencies = match which {
        Which::All => ":currency IS NULL",
        Which::Only(_) => "currency IN (:currency, '')",
        Which::Others(_) => "currency NOT IN (:currency, '')",
    };
    let click = Model::Click.as_str();
    format!(
        "SELECT value, {day} AS day, currency, sum(visits) AS visits, sum(bots) AS bots,
                sum(iif(:group IS NULL OR tracking_group = :group, clicks, 0)) AS clicks,
                sum(conversions) AS conversions, sum(refunds) AS refunds, sum(unvalued) AS unvalued,
                sum(gross) AS gross, sum(gross_micro) AS gross_micro,
                sum(refunded) AS refunded, sum(refunded_micro) AS refunded_micro
         FROM report_totals
         WHERE site_id = :site AND dimension = :dimension AND model IN ('{click}', :model)
           AND per = :per AND span BETWEEN :from AND :to
           AND (:kind IS NULL OR kind IN (:kind, '')) AND (:group IS NULL OR tracking_group = :group OR kind = '')
           AND {currencies}
         GROUP BY value, currency{and_day}"
    )
}

fn total(row: &Row<'_>) -> Result<Total, Failure> {
    let present = |text: String| (!text.is_empty()).then_some(text);
    let money = |units: &str, rest: &str| {
        Ok::<_, Failure>(i128::from(row.get::<_, i64>(units)?) * 1_000_000 + i128::from(row.get::<_, i64>(rest)?))
    };
    Ok(Total {
        value: present(row.get("value")?),
        day: row.get("day")?,
        currency: present(row.get("currency")?),
        measures: Measures {
            visits: row.get("visits")?,
            bots: row.get("bots")?,
            clicks: row.get("clicks")?,
            conversions: row.get("conversions")?,
            refunds: row.get("refunds")?,
            unvalued: row.get("unvalued")?,
            gross: money("gross", "gross_micro")?,
            refunded: money("refunded", "refunded_micro")?,
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
        for (which, parameters) in [(Which::All, 9), (Which::Only("EUR"), 9), (Which::Others("EUR"), 9)] {
            let plan = plan(&totals_sql(which, false), parameters);
            let key = "SEARCH report_totals USING PRIMARY KEY (site_id=? AND dimension=? AND model=? AND per=? AND span>? AND span<?)";
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
