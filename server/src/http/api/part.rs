//! Which part of a list a query asks for. A parameter that the list does not know is refused by name: a filter with a slip in it must not
//! answer with everything.

use crate::http::error::Error;
use crate::store::{Field, Filter, List, Millis, Order, Page, Time};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeMap;
use tagwerk_protocol::form;

/// Items of a list when no limit is asked for.
const DEFAULT_LIMIT: usize = 100;
/// Most items of a list.
const MAX_LIMIT: usize = 1000;

/// Reads the query of a list.
///
/// # Errors
/// A parameter is not known, stands there twice, or has a value that it cannot have.
pub(super) fn asked(list: List, query: Option<&str>) -> Result<Page, Error> {
    read(list, query.unwrap_or_default()).map_err(Error::Invalid)
}

fn read(list: List, query: &str) -> Result<Page, String> {
    let mut sent: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form::pairs(query) {
        if sent.contains_key(&name) {
            return Err(format!("{name} stands there twice"));
        }
        sent.insert(name, value);
    }
    let mut page = Page::first(limit(sent.remove("limit").as_deref())?);
    page.after = sent.remove("after").or_else(|| sent.remove("cursor"));
    page.place().map_err(|_| "after must be the `next` of the part before")?;
    page.order = match sent.remove("order").as_deref() {
        None | Some("desc") => Order::Falling,
        Some("asc") => Order::Rising,
        Some(_) => return Err("order must be desc or asc".into()),
    };
    page.time = match sent.remove("time").as_deref() {
        None | Some("received_at") => Time::Received,
        Some("at") if list.has_happened() => Time::Happened,
        Some(_) if list.has_happened() => return Err("time must be received_at or at".into()),
        Some(_) => return Err("time must be received_at: this list has no other".into()),
    };
    page.filter = Filter {
        from: sent.remove("from").map(|text| begin(&text).ok_or_else(|| not_a_time("from"))).transpose()?,
        until: sent.remove("to").map(|text| end(&text).ok_or_else(|| not_a_time("to"))).transpose()?,
        only: Vec::new(),
    };
    for field in list.fields() {
        if let Some(value) = sent.remove(field.as_str()) {
            check(list, *field, &value)?;
            page.filter.only.push((*field, value));
        }
    }
    match sent.keys().next() {
        None => Ok(page),
        Some(unknown) => Err(format!("this list knows no {unknown:?}; it knows {}", known(list).join(", "))),
    }
}

/// How many items a part has at most, as the query says.
pub(super) fn limit(sent: Option<&str>) -> Result<usize, String> {
    let Some(text) = sent else { return Ok(DEFAULT_LIMIT) };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| format!("limit must be a number from 1 to {MAX_LIMIT}"))
}

/// Every parameter of a list.
pub(super) fn known(list: List) -> Vec<&'static str> {
    let general = ["limit", "after", "order", "time", "from", "to"];
    general.into_iter().chain(list.fields().iter().map(|field| field.as_str())).collect()
}

fn check(list: List, field: Field, value: &str) -> Result<(), String> {
    let name = field.as_str();
    if value.is_empty() {
        return Err(format!("{name} must not be empty"));
    }
    // No stored text has this character, and an engine may not take it.
    if value.contains('\0') {
        return Err(format!("{name} must not have a null character in it"));
    }
    match list.words(field) {
        Some(words) if !words.contains(&value) => Err(format!("{name} must be one of {}", words.join(", "))),
        _ => Ok(()),
    }
}

fn not_a_time(name: &str) -> String {
    format!("{name} must be a day like 2026-01-31 or a time like 2026-01-31T12:00:00Z (in a URL, + is written %2B)")
}

/// The first moment of a day (UTC), or a time.
fn begin(text: &str) -> Option<Millis> {
    match text.parse::<Date>() {
        Ok(day) if text.len() == 10 => day_begins(day),
        _ => time(text),
    }
}

/// The first moment after a day (UTC), or a time, which is not in the range itself.
fn end(text: &str) -> Option<Millis> {
    match text.parse::<Date>() {
        // The day after the last one of all calendars is no day, and nothing lies beyond it.
        Ok(day) if text.len() == 10 => day.checked_add(1.day()).ok().map_or(Some(Millis::MAX), day_begins),
        _ => time(text),
    }
}

fn day_begins(day: Date) -> Option<Millis> {
    day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp().as_millisecond())
}

fn time(text: &str) -> Option<Millis> {
    // RFC 3339 alone: other forms that the parser knows say less, or more, than they seem to.
    let is_plain = text.is_ascii() && text.get(10..11).is_some_and(|t| t.eq_ignore_ascii_case("t"));
    text.parse::<Timestamp>().ok().filter(|_| is_plain && !text.contains('[')).map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(list: List, query: &str) -> String {
        read(list, query).expect_err(query)
    }

    #[test]
    fn an_empty_query_asks_for_the_newest_hundred() {
        assert_eq!(read(List::Visits, "").expect("reads"), Page::first(100));
    }

    #[test]
    fn everything_that_can_be_asked_is_read() {
        let page = read(
            List::Conversions,
            "limit=5&after=17_0190-ab&order=asc&time=at&from=2026-01-31&to=2026-02-01T00:00:00.5%2B01:00&state=test&utm_source=a+b",
        )
        .expect("reads");
        let wanted = Page {
            after: Some("17_0190-ab".into()),
            limit: 5,
            order: Order::Rising,
            time: Time::Happened,
            filter: Filter {
                from: Some(1_769_817_600_000),
                until: Some(1_769_900_400_500),
                only: vec![(Field::State, "test".into()), (Field::UtmSource, "a b".into())],
            },
        };
        assert_eq!(page, wanted);
    }

    #[test]
    fn the_last_day_is_meant_whole_and_a_last_time_is_left_out() {
        let until = |query| read(List::Visits, query).expect("reads").filter.until;
        assert_eq!(until("to=2026-01-31"), until("to=2026-02-01T00:00:00Z"));
        assert_eq!(until("to=9999-12-31"), Some(Millis::MAX));
    }

    #[test]
    fn what_cannot_be_is_told_with_what_can() {
        assert!(
            refused(List::Visits, "utm=x").contains("\"utm\"; it knows limit, after, order, time, from, to, visit_id")
        );
        assert_eq!(refused(List::Postbacks, "state=lost").split(" of ").next(), Some("state must be one"));
        assert_eq!(refused(List::Postbacks, "time=at"), "time must be received_at: this list has no other");
        assert_eq!(refused(List::Visits, "time=when"), "time must be received_at or at");
        assert_eq!(refused(List::Visits, "bot=1"), "bot must be one of true, false");
        assert_eq!(refused(List::Visits, "country="), "country must not be empty");
        assert_eq!(refused(List::Visits, "country=DE&country=AT"), "country stands there twice");
        for query in ["limit=0", "limit=1001", "limit=x", "after=x", "after=1_", "after=x_1", "order=up", "country=%00"]
        {
            refused(List::Visits, query);
        }
        for time in
            ["2026-02-30", "yesterday", "2026-01-31T12:00", "2026-01-31 12:00Z", "20260131", "2026-01-31T00:00Z[UTC]"]
        {
            assert!(refused(List::Visits, &format!("from={time}")).starts_with("from must be a day"), "{time}");
        }
    }

    #[test]
    fn every_field_of_every_list_has_a_name_of_its_own() {
        for list in List::ALL {
            let names = known(list);
            let distinct: std::collections::BTreeSet<_> = names.iter().collect();
            assert_eq!(names.len(), distinct.len(), "{list:?}");
        }
    }
}
