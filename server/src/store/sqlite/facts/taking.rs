//! Taking in what is news: visits and clicks are facts as they come, of conversions what stands for them is kept up to date.

use super::entry;
use super::fact::{Fact, Kind};
use super::keeping::append;
use super::traffic;
use super::words::Words;
use crate::credit;
use crate::store::facts::Folded;
use crate::store::sqlite::failure::Failure;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

/// What came or changed at one site.
#[derive(Default)]
struct News {
    visits: Vec<String>,
    clicks: Vec<String>,
    conversions: BTreeSet<String>,
}

/// The refunds of a sale, which are credited as it is.
const REFUNDS: &str = "SELECT id FROM conversions WHERE site_id = ? AND sale_id = ?";
/// The conversions that a visit of this visitor, begun in between, may have a share in.
const LATER: &str = "SELECT id FROM report_held WHERE site_id = ? AND visitor_id = ? AND counted_at BETWEEN ? AND ?";
/// The conversions of a click, which tell where it led.
const OF_A_CLICK: &str =
    "SELECT id FROM conversions WHERE site_id = ?1 AND lead_visit = substr(?2, 1, 16) AND click_id = ?2";

/// The oldest news.
const NEWS: &str = "SELECT seq, site_id, what, id FROM report_news ORDER BY seq LIMIT ?";

/// Takes in at most so much of the news, the oldest first; `seal` facts of a kind are sealed.
pub(super) fn take_in(connection: &Connection, limit: usize, seal: usize) -> Result<Folded, Failure> {
    let mut sites: BTreeMap<String, News> = BTreeMap::new();
    let mut statement = connection.prepare_cached(NEWS)?;
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
        take_in_site(connection, &site_id, news, seal)?;
    }
    connection.prepare_cached("DELETE FROM report_news WHERE seq <= ?")?.execute([until])?;
    let left: Option<i64> =
        connection.prepare_cached("SELECT max(seq) FROM report_news")?.query_row([], |row| row.get(0))?;
    let left = left.map_or(0, |last| u64::try_from(last.saturating_sub(until)).unwrap_or_default());
    Ok(Folded { taken, left })
}

fn take_in_site(connection: &Connection, site_id: &str, news: News, seal: usize) -> Result<(), Failure> {
    let mut words = Words::new(connection, site_id)?;
    let (mut visits, mut clicks) = (Vec::new(), Vec::new());
    let mut conversions = news.conversions;
    for id in &news.visits {
        let Some(came) = traffic::visit(connection, site_id, id, &mut words)? else { continue };
        visits.push(came.fact);
        if let Some(visitor_id) = came.visitor_id {
            let until = came.began.saturating_add(credit::LOOK_BACK);
            let mut statement = connection.prepare_cached(LATER)?;
            let found =
                statement.query_map(params![site_id, visitor_id, came.began, until], |row| row.get::<_, String>(0))?;
            for id in found {
                conversions.insert(id?);
            }
        }
    }
    for id in &news.clicks {
        let Some(clicked) = traffic::click(connection, site_id, id, &mut words)? else { continue };
        clicks.push(clicked.fact);
        conversions.extend(ids(connection, OF_A_CLICK, site_id, &clicked.click_id)?);
    }
    let mut refunds = Vec::new();
    for id in &conversions {
        refunds.extend(ids(connection, REFUNDS, site_id, id)?);
    }
    conversions.extend(refunds);
    let changes = changes(connection, site_id, &conversions, &mut words)?;
    let (whole, shares) = changes.into_iter().partition(|fact| fact.kind_of_conversion() == Kind::Conversion);
    for (kind, facts) in
        [(Kind::Visit, visits), (Kind::Click, clicks), (Kind::Conversion, whole), (Kind::Share, shares)]
    {
        append(connection, site_id, kind, facts, seal)?;
    }
    Ok(())
}

fn ids(connection: &Connection, sql: &str, site_id: &str, of: &str) -> Result<Vec<String>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map([site_id, of], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// What to write where other facts are due for conversions than those that stand for them.
fn changes(
    connection: &Connection,
    site_id: &str,
    conversions: &BTreeSet<String>,
    words: &mut Words<'_>,
) -> Result<Vec<Fact>, Failure> {
    let mut facts = Vec::new();
    for id in conversions {
        let held = entry::held(connection, site_id, id)?;
        let due = entry::due(connection, site_id, id, words)?;
        if held != due {
            entry::keep(connection, site_id, id, due.as_ref())?;
            facts.extend(entry::difference(held, due.as_ref()));
        }
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::*;

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
    fn refunds_later_conversions_and_those_of_a_click_are_found_by_their_index() {
        assert!(plan(REFUNDS, 2).contains("INDEX conversions_of_a_sale (site_id=? AND sale_id=?)"));
        let later = plan(LATER, 4);
        assert!(
            later.contains(
                "INDEX report_held_of_a_visitor (site_id=? AND visitor_id=? AND counted_at>? AND counted_at<?)"
            ),
            "{later}"
        );
        let of_a_click = plan(OF_A_CLICK, 2);
        let index = "INDEX conversions_of_a_visit (site_id=? AND lead_visit=? AND click_id=?)";
        assert!(of_a_click.contains(index), "{of_a_click}");
    }
}
