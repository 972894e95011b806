//! Parts of lists: filtered, in either order, from a cursor on. Every condition is a text in this file; what callers ask for is bound as
//! values alone.

use super::Sqlite;
use super::failure::Failure;
use crate::store::{Field, Filter, List, Listing, Looked, Millis, Order, Page, Place, StoreError, Time};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// Most items of one part.
const MOST: usize = 1000;
/// How far the time in a row's id may lie from the row's time of receipt: both are taken while one request is handled.
const SLACK: Millis = 60_000;

impl Sqlite {
    /// One part of the rows that `select` names `row`.
    pub(super) async fn list<T: Send + 'static>(
        &self,
        list: List,
        select: &'static str,
        site_id: &str,
        page: Page,
        read: fn(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Listing<T>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| {
            let asked = Asked::of(list, select, &site_id, &page)?;
            part(connection, list, &asked, &page, read)
        })
        .await
    }
}

impl Sqlite {
    /// One part of a table's rows, newest first, of which at most so many are looked at, unless an index finds what is asked for.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        list: List,
        table: &'static str,
        site_id: &str,
        page: Page,
        most: usize,
        read: fn(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Looked<T>, StoreError> {
        let site_id = site_id.to_owned();
        self.read(move |connection| {
            let select = selected(list, table, &page.filter);
            let mut asked = Asked::of(list, &select, &site_id, &page)?;
            let by_index = |(field, value): &&(Field, String)| is_indexed(list, *field, value);
            let only: Vec<(Field, String)> = page.filter.only.iter().filter(by_index).cloned().collect();
            let last = if only.len() == page.filter.only.len() {
                None
            } else {
                let page = Page { filter: Filter { only, ..page.filter.clone() }, ..page.clone() };
                last_of(connection, Asked::of(list, &select, &site_id, &page)?, most)?
            };
            if let Some(last) = &last {
                asked.bounded(&last.id);
            }
            let found: Looked<T> = part(connection, list, &asked, &page, read)?.into();
            Ok(match (found.next.is_some(), last) {
                (false, Some(last)) => Looked { next: Some(last.cursor()), down_to: Some(last.at), ..found },
                _ => found,
            })
        })
        .await
    }
}

/// Rows of a table, found by the index of what is asked for where SQLite, which knows nothing of the rows, would take another.
fn selected(list: List, table: &str, filter: &Filter) -> String {
    let state = filter.only.iter().find(|(field, _)| list == List::Postbacks && *field == Field::State);
    let index = match state.map(|(_, value)| value.as_str()) {
        Some("unattributed") => " INDEXED BY postbacks_unattributed",
        Some("updated") => " INDEXED BY postbacks_updated",
        Some("test") => " INDEXED BY postbacks_tests",
        _ => "",
    };
    format!("SELECT * FROM {table} AS row{index}")
}

/// Whether an index of its own finds what has this value, so that all of it may be looked through.
fn is_indexed(list: List, field: Field, value: &str) -> bool {
    match (list, field) {
        (List::Postbacks, Field::State) => !matches!(value, "accepted" | "duplicate"),
        (List::Postbacks, Field::Id | Field::ConversionId)
        | (List::Events, Field::EventId | Field::VisitId)
        | (List::Clicks, Field::ClickId | Field::VisitId)
        | (List::Visits, Field::VisitId | Field::VisitorId)
        | (List::OrderEvents, Field::OrderId | Field::TransactionId) => true,
        _ => false,
    }
}

/// The place of the last of so many rows; `None` where there are not that many.
fn last_of(connection: &Connection, mut asked: Asked, most: usize) -> Result<Option<Place>, Failure> {
    asked.values.pop();
    asked.values.push(1.into());
    asked.values.push(i64::try_from(most).unwrap_or(i64::MAX).saturating_sub(1).into());
    asked.sql.push_str(" OFFSET ?");
    let mut statement = connection.prepare_cached(&asked.sql)?;
    let mut rows = statement.query(params_from_iter(&asked.values))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Place { at: row.get("received_at")?, id: row.get("id")? }))
}

/// A statement with the values in it.
#[derive(Debug, PartialEq)]
struct Asked {
    sql: String,
    values: Vec<Value>,
}

impl Asked {
    /// # Errors
    /// The cursor does not read, or the list has no such field or time: the caller has to check before.
    fn of(list: List, select: &str, site_id: &str, page: &Page) -> Result<Self, Failure> {
        let mut asked =
            Self { sql: format!("{select} WHERE row.site_id = ?1"), values: vec![Value::Text(site_id.to_owned())] };
        let time = column(list, page.time)?;
        let sorted_by_id = page.time == Time::Received && has_id_of_receipt(list);
        if let Some(from) = page.filter.from {
            asked.and(&format!("{time} >= ?"), &[from.into()]);
        }
        if let Some(until) = page.filter.until {
            asked.and(&format!("{time} < ?"), &[until.into()]);
        }
        if sorted_by_id {
            // Ids begin with the time of receipt: these bounds leave out no row, and let the rest be passed over unread.
            if let Some(from) = page.filter.from {
                asked.and("row.id >= ?", &[first_id(from.saturating_sub(SLACK)).into()]);
            }
            if let Some(until) = page.filter.until {
                asked.and("row.id < ?", &[first_id(until.saturating_add(SLACK)).into()]);
            }
        }
        let mut is_narrow = false;
        for (field, value) in &page.filter.only {
            let condition = condition(list, *field, value)
                .ok_or_else(|| Failure::Unreadable(format!("{list:?} has no {} to be filtered by", field.as_str())))?;
            let value = match (field, value.as_str()) {
                (Field::Bot | Field::Foreign, "true") => Value::Integer(1),
                (Field::Bot | Field::Foreign, "false") => Value::Integer(0),
                (_, text) => Value::Text(text.to_owned()),
            };
            is_narrow |= condition.starts_with(BY_ID);
            let count = condition.matches('?').count() - condition.matches("?1").count();
            asked.and(condition, &vec![value; count]);
        }
        let (beyond, order) = match page.order {
            Order::Falling => ("<", "DESC"),
            Order::Rising => (">", "ASC"),
        };
        if let Some(Place { at, id }) = page.place().map_err(|error| Failure::Unreadable(error.to_string()))? {
            if sorted_by_id {
                asked.and(&format!("row.id {beyond} ?"), &[id.into()]);
            } else {
                // The first condition follows from the second, and is what the index is entered by.
                asked.and(&format!("{time} {beyond}= ?"), &[at.into()]);
                asked.and(&format!("({time}, row.id) {beyond} (?, ?)"), &[at.into(), id.into()]);
            }
        }
        // What an index of its own finds is sorted; else SQLite would pass over all rows in their order to spare itself that.
        let spelt = if is_narrow { "+" } else { "" };
        let by = if sorted_by_id { String::new() } else { format!("{spelt}{time} {order}, ") };
        asked.sql.push_str(&format!(" ORDER BY {by}row.id {order} LIMIT ?"));
        // One more than asked for tells whether another part follows.
        let and_one = i64::try_from(limit(page)).unwrap_or(i64::MAX).saturating_add(1);
        asked.values.push(and_one.into());
        Ok(asked)
    }

    /// Nothing that came before the row of this id.
    fn bounded(&mut self, id: &str) {
        let begins = "row.site_id = ?1";
        self.sql = self.sql.replacen(begins, &format!("{begins} AND row.id >= ?2"), 1);
        self.values.insert(1, Value::Text(id.to_owned()));
    }

    /// One condition more, with the values for the bare `?` in it.
    fn and(&mut self, condition: &str, values: &[Value]) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend_from_slice(values);
    }
}

fn limit(page: &Page) -> usize {
    page.limit.clamp(1, MOST)
}

/// The column that bounds a list in time.
fn column(list: List, time: Time) -> Result<&'static str, Failure> {
    match (time, list) {
        (Time::Happened, list) if list.has_happened() => Ok("row.at"),
        (Time::Happened, list) => Err(Failure::Unreadable(format!("{list:?} do not say when they happened"))),
        (Time::Received, List::Jobs) => Ok("row.created_at"),
        (Time::Received, List::Links) => Ok("row.checked_at"),
        (Time::Received, _) => Ok("row.received_at"),
    }
}

/// Whether a row's id is of the time at which it was received, so that ids order rows as these times do. A conversion keeps its id when
/// the postback that made it says something else later, and is received with another one from then on.
fn has_id_of_receipt(list: List) -> bool {
    list != List::Conversions
}

/// The smallest id that a row of this time can have (a UUIDv7 begins with its milliseconds).
pub(super) fn first_id(at: Millis) -> String {
    let millis = u64::try_from(at).unwrap_or_default().min((1 << 48) - 1);
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// How a condition begins that finds rows by an index of its own.
const BY_ID: &str = "row.id IN (";

/// The condition on a field; nothing where the list does not have it. What finds few rows by an index of its own is asked for their ids
/// first: else SQLite, which does not know how many rows a site has, reads them all in the order that is wanted.
fn condition(list: List, field: Field, value: &str) -> Option<&'static str> {
    // Of visits, and of conversions the visit's, or what is kept of it where the visitor was erased.
    let of_source = match (list, field) {
        (List::Visits, Field::UtmSource) => Some("row.source ->> '$.utm_source' = ?"),
        (List::Visits, Field::UtmMedium) => Some("row.source ->> '$.utm_medium' = ?"),
        (List::Visits, Field::UtmCampaign) => Some("row.source ->> '$.utm_campaign' = ?"),
        (List::Visits, Field::UtmTerm) => Some("row.source ->> '$.utm_term' = ?"),
        (List::Visits, Field::UtmContent) => Some("row.source ->> '$.utm_content' = ?"),
        (_, Field::UtmSource) => Some("coalesce(visits.source, erased.source) ->> '$.utm_source' = ?"),
        (_, Field::UtmMedium) => Some("coalesce(visits.source, erased.source) ->> '$.utm_medium' = ?"),
        (_, Field::UtmCampaign) => Some("coalesce(visits.source, erased.source) ->> '$.utm_campaign' = ?"),
        (_, Field::UtmTerm) => Some("coalesce(visits.source, erased.source) ->> '$.utm_term' = ?"),
        (_, Field::UtmContent) => Some("coalesce(visits.source, erased.source) ->> '$.utm_content' = ?"),
        _ => None,
    };
    match (list, field) {
        (List::Visits | List::Conversions, _) if of_source.is_some() => of_source,
        (List::Postbacks | List::Conversions, Field::Id) => Some("row.id = ?"),
        (List::Visits, Field::VisitId) => Some("row.visit_id = ?"),
        (List::Visits, Field::VisitorId) => {
            Some("row.id IN (SELECT id FROM visits WHERE site_id = ?1 AND visitor_id = ?)")
        }
        (List::Visits, Field::Country) => Some("row.country = ?"),
        (List::Visits, Field::Device) => Some("row.device = ?"),
        (List::Visits, Field::Bot) => Some("row.bot = ?"),
        (List::Events, Field::EventId) => Some("row.event_id = ?"),
        (List::Events, Field::VisitId) => Some("row.id IN (SELECT id FROM events WHERE site_id = ?1 AND visit_id = ?)"),
        (List::Clicks, Field::VisitId) => Some("row.id IN (SELECT id FROM clicks WHERE site_id = ?1 AND visit_id = ?)"),
        (List::Events, Field::ClickId) => Some("row.click_id = lower(?)"),
        (List::Events, Field::Name) => Some("row.name = ?"),
        (List::Clicks, Field::ClickId) => Some("row.click_id = lower(?)"),
        (List::Clicks | List::Postbacks | List::Conversions | List::OrderEvents | List::Links, Field::Group) => {
            Some("row.tracking_group = ?")
        }
        (List::Clicks, Field::How) => Some("row.how = ?"),
        (List::Clicks, Field::Foreign) => Some("row.is_foreign = ?"),
        // Worded as their partial indexes are.
        (List::Postbacks, Field::State) if value == "refused" => {
            Some("row.id IN (SELECT id FROM postbacks WHERE site_id = ?1 AND state = 'refused')")
        }
        (List::Postbacks, Field::State) if value == "unattributed" => Some("row.state = 'unattributed'"),
        (List::Postbacks, Field::State) if value == "updated" => Some("row.state = 'updated'"),
        (List::Postbacks, Field::State) if value == "test" => Some("row.state = 'test'"),
        (List::Conversions, Field::State) if value == "unattributed" => Some("row.state = 'unattributed'"),
        (List::Conversions, Field::State) if value == "test" => Some("row.state = 'test'"),
        (List::Postbacks | List::Conversions | List::Jobs, Field::State) => Some("row.state = ?"),
        (List::Postbacks, Field::Channel) => Some("row.channel = ?"),
        (List::Postbacks, Field::ConversionId) => {
            Some("row.id IN (SELECT id FROM postbacks WHERE site_id = ?1 AND conversion_id = ?)")
        }
        (List::Conversions, Field::Type) => Some("row.kind = ?"),
        (List::Conversions, Field::TransactionId) => {
            Some("row.id IN (SELECT id FROM conversions WHERE site_id = ?1 AND transaction_id = ?)")
        }
        (List::Conversions, Field::OrderId) => {
            Some("row.id IN (SELECT id FROM conversions WHERE site_id = ?1 AND order_id = ?)")
        }
        (List::Conversions, Field::VisitId) => {
            Some("row.id IN (SELECT id FROM conversions WHERE site_id = ?1 AND lead_visit = ? AND visit_id = ?)")
        }
        (List::OrderEvents, Field::TransactionId) => {
            Some("row.id IN (SELECT id FROM order_events WHERE site_id = ?1 AND transaction_id = ?)")
        }
        (List::Conversions, Field::TransactionType) => Some("row.transaction_type = ?"),
        (List::OrderEvents, Field::OrderId) => {
            Some("row.id IN (SELECT id FROM order_events WHERE site_id = ?1 AND order_id = ?)")
        }
        (List::Conversions | List::OrderEvents, Field::ProductId) => Some("row.product_id = ?"),
        (List::Conversions, Field::OrderType) => Some("row.order_type = ?"),
        (List::Conversions, Field::BillingType) => Some("row.billing_type = ?"),
        (List::Conversions, Field::Currency) => Some("row.currency = ?"),
        (List::Conversions, Field::ClickId) => Some(OF_A_CLICK),
        (List::OrderEvents, Field::Event) => Some("row.event = ?"),
        (List::Links, Field::Url) => Some("row.url = ?"),
        (List::Jobs, Field::Kind) => Some("row.kind = ?"),
        (List::Deliveries, Field::Platform) => Some("row.platform = ?"),
        (List::Deliveries, Field::Type) => Some("row.kind = ?"),
        (List::Deliveries, Field::EventId) => Some(
            "row.id IN (SELECT id FROM deliveries INDEXED BY deliveries_of_an_event WHERE site_id = ?1 AND event_id = ?)",
        ),
        // Most deliveries were delivered, and few others are looked for among them.
        (List::Deliveries, Field::State) if value == "delivered" => Some("row.state = ?"),
        (List::Deliveries, Field::State) => {
            Some("row.id IN (SELECT id FROM deliveries WHERE site_id = ?1 AND state <> 'delivered' AND state = ?)")
        }
        (List::Deliveries, Field::ConversionId) => {
            Some("row.id IN (SELECT id FROM deliveries WHERE site_id = ?1 AND conversion_id = ?)")
        }
        _ => None,
    }
}

/// The click id that a conversion shows: that of ours that its sub-id is, else the sub-id as sent.
const OF_A_CLICK: &str = "row.id IN (
    SELECT id FROM conversions WHERE site_id = ?1 AND lead_visit = substr(lower(?), 1, 16) AND click_id = lower(?)
    UNION ALL
    SELECT id FROM conversions
    WHERE site_id = ?1 AND lead_visit = substr(lower(?), 1, 16) AND click_id IS NULL AND sub_id = ?
    UNION ALL
    SELECT id FROM conversions WHERE site_id = ?1 AND state = 'unattributed' AND click_id IS NULL AND sub_id = ?
    UNION ALL
    SELECT id FROM conversions WHERE site_id = ?1 AND state = 'test' AND click_id IS NULL AND sub_id = ?)";

fn part<T>(
    connection: &Connection,
    list: List,
    asked: &Asked,
    page: &Page,
    read: fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Listing<T>, Failure> {
    let limit = limit(page);
    let time = column(list, page.time)?.trim_start_matches("row.");
    let mut statement = connection.prepare_cached(&asked.sql)?;
    let mut rows = statement.query(params_from_iter(&asked.values))?;
    let mut items = Vec::new();
    let mut last: Option<Place> = None;
    while let Some(row) = rows.next()? {
        if items.len() == limit {
            return Ok(Listing { items, next: last.as_ref().map(Place::cursor) });
        }
        items.push(read(row)?);
        last = Some(Place { at: row.get(time)?, id: row.get("id")? });
    }
    Ok(Listing { items, next: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::books::CONVERSIONS;
    use crate::store::sqlite::{Options, connection};

    /// How SQLite would read a part, as it says: the steps, one a line.
    fn plan(list: List, page: &Page) -> String {
        let select = match list {
            List::Visits => "SELECT * FROM visits AS row",
            List::Events => "SELECT * FROM events AS row",
            List::Clicks => "SELECT * FROM clicks AS row",
            List::Postbacks => "SELECT * FROM postbacks AS row",
            List::Conversions => CONVERSIONS,
            List::OrderEvents => "SELECT * FROM order_events AS row",
            List::Links => "SELECT * FROM links AS row",
            List::Deliveries => "SELECT * FROM deliveries AS row",
            List::Jobs => "SELECT * FROM jobs AS row",
        };
        plan_of(&Asked::of(list, select, "Site", page).expect("it can be asked"))
    }

    fn plan_of(asked: &Asked) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let connection =
            connection::writing(&directory.path().join("tagwerk.db"), &Options::default()).expect("a database");
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", asked.sql)).expect("SQL");
        let steps = statement.query_map(params_from_iter(&asked.values), |row| row.get::<_, String>("detail"));
        let steps: Vec<String> = steps.expect("a plan").collect::<Result<_, _>>().expect("a plan");
        steps.join("\n")
    }

    fn filtered(list: List, field: Field, value: &str) -> String {
        plan(list, &Page { filter: Filter::only(field, value), ..Page::first(50) })
    }

    fn assert_entered_by(plan: &str, index: &str) {
        let found = plan.lines().any(|step| step.starts_with("SEARCH") && step.contains(index));
        assert!(found, "no search by {index}:\n{plan}");
        assert!(!plan.lines().any(|step| step.starts_with("SCAN row")), "{plan}");
    }

    #[test]
    fn what_is_found_by_its_ids_is_not_looked_for_in_the_order_of_time() {
        for (list, field) in [
            (List::Conversions, Field::TransactionId),
            (List::Conversions, Field::OrderId),
            (List::Conversions, Field::VisitId),
            (List::Conversions, Field::ClickId),
            (List::Visits, Field::VisitorId),
            (List::OrderEvents, Field::OrderId),
            (List::Deliveries, Field::ConversionId),
            (List::Deliveries, Field::EventId),
        ] {
            let plan = filtered(list, field, "x");
            let by_id = |step: &str| step.starts_with("SEARCH row ") && step.contains("(site_id=? AND id=?)");
            assert!(plan.lines().any(by_id), "{list:?} by {}:\n{plan}", field.as_str());
        }
    }

    #[test]
    fn what_people_look_for_is_found_by_an_index() {
        for (list, field, value, index) in [
            (List::Visits, Field::VisitId, "v", "(site_id=? AND visit_id=?)"),
            (List::Visits, Field::VisitorId, "v", "visits_of_a_visitor (site_id=? AND visitor_id=?)"),
            (List::Events, Field::EventId, "e", "(site_id=? AND event_id=?)"),
            (List::Events, Field::VisitId, "v", "events_of_a_visit (site_id=? AND visit_id=?)"),
            (List::Clicks, Field::ClickId, "c", "(site_id=? AND click_id=?)"),
            (List::Clicks, Field::VisitId, "v", "clicks_of_a_visit (site_id=? AND visit_id=?)"),
            (List::Postbacks, Field::State, "refused", "postbacks_refused (site_id=? AND state=?)"),
            (List::Postbacks, Field::ConversionId, "c", "postbacks_of_a_conversion (site_id=? AND conversion_id=?)"),
            (List::Conversions, Field::State, "unattributed", "conversions_unattributed (site_id=? AND state=?)"),
            (List::Conversions, Field::State, "test", "conversions_tests (site_id=? AND state=?)"),
            (
                List::Conversions,
                Field::TransactionId,
                "t",
                "conversions_of_a_transaction (site_id=? AND transaction_id=?)",
            ),
            (List::Conversions, Field::OrderId, "o", "conversions_of_an_order (site_id=? AND order_id=?)"),
            (List::Conversions, Field::VisitId, "v", "conversions_of_a_visit (site_id=? AND lead_visit=?)"),
            (
                List::Conversions,
                Field::ClickId,
                "c",
                "conversions_of_a_visit (site_id=? AND lead_visit=? AND click_id=?)",
            ),
            (List::Links, Field::Url, "u", "(site_id=? AND url=?)"),
            (List::Deliveries, Field::ConversionId, "c", "deliveries_of_a_conversion (site_id=? AND conversion_id=?)"),
            (List::Deliveries, Field::EventId, "e", "deliveries_of_an_event (site_id=? AND event_id=?)"),
            (List::Deliveries, Field::State, "refused", "deliveries_unfinished (site_id=?"),
        ] {
            assert_entered_by(&filtered(list, field, value), index);
        }
    }

    #[test]
    fn what_is_looked_through_only_so_far_goes_on_where_it_stopped() {
        for (filter, index) in [
            (vec![(Field::State, "unattributed")], "postbacks_unattributed (site_id=? AND state=? AND id>? AND id<?)"),
            (
                vec![(Field::State, "test"), (Field::Channel, "ipn")],
                "postbacks_tests (site_id=? AND state=? AND id>? AND id<?)",
            ),
            (vec![(Field::Channel, "ipn")], "PRIMARY KEY (site_id=? AND id>? AND id<?)"),
        ] {
            let only = filter.iter().map(|(field, value)| (*field, (*value).to_owned())).collect();
            let page =
                Page { after: Some("5_0190".into()), filter: Filter { only, ..Filter::default() }, ..Page::first(50) };
            let select = selected(List::Postbacks, "postbacks", &page.filter);
            let mut asked = Asked::of(List::Postbacks, &select, "Site", &page).expect("it can be asked");
            asked.bounded("0180");
            let plan = plan_of(&asked);
            assert_entered_by(&plan, index);
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }

    #[test]
    fn a_range_of_time_and_a_cursor_are_entered_by_an_index_and_nothing_is_sorted_as_a_whole() {
        for list in List::ALL {
            for time in [Time::Received, Time::Happened] {
                // Visits, events and clicks are sorted by when they happened without an index: it would cost the tables that have
                // the most rows more than the few who ask gain.
                if time == Time::Happened && list != List::Conversions {
                    continue;
                }
                let page = Page {
                    after: Some("5_0190".into()),
                    time,
                    filter: Filter { from: Some(1), until: Some(9), only: Vec::new() },
                    ..Page::first(50)
                };
                let plan = plan(list, &page);
                let index = match (list, time) {
                    (List::Conversions, Time::Received) => {
                        "conversions_by_receipt (site_id=? AND received_at>? AND received_at<?)"
                    }
                    (List::Conversions, Time::Happened) => "conversions_by_time (site_id=? AND at>? AND at<?)",
                    _ => "PRIMARY KEY (site_id=? AND id>? AND id<?)",
                };
                assert_entered_by(&plan, index);
                let sorts = plan.lines().filter(|step| step.contains("TEMP B-TREE") && !step.contains("LAST TERM"));
                assert_eq!(sorts.count(), 0, "{plan}");
            }
        }
    }

    #[test]
    fn every_field_of_every_list_has_its_condition() {
        for list in List::ALL {
            for field in list.fields() {
                assert!(condition(list, *field, "x").is_some(), "{list:?} {field:?}");
            }
        }
    }

    #[test]
    fn what_is_asked_for_never_becomes_part_of_the_statement() {
        let hostile = "'; DROP TABLE visits; --";
        for list in List::ALL {
            for field in list.fields() {
                let page = Page { filter: Filter::only(*field, hostile), ..Page::first(1) };
                let asked = Asked::of(list, "SELECT * FROM t AS row", hostile, &page).expect("it can be asked");
                assert!(!asked.sql.contains("DROP"), "{}", asked.sql);
            }
        }
    }

    #[test]
    fn the_smallest_id_of_a_time_sorts_before_every_id_made_then() {
        let at = 1_700_000_000_123;
        let made = crate::app::row_id_at(at);
        assert!(first_id(at) <= made && made < first_id(at + 1), "{made}");
    }
}
