//! What a network's API is asked to find sales whose postback never came, and what its answers say: from a group's file to questions,
//! from answers to the parameters of the group's own postback. Pure; [`client`] asks.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tagwerk_protocol::form;
use tagwerk_protocol::group::Group;
use tagwerk_protocol::group::api::{Api, CALL, Orders, ROLE};

mod answer;
pub mod client;
mod item;

pub use answer::{Unanswered, read};
use item::{at, first, pairs, text, zone};

/// A question to an API: a path and its query, not encoded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The path, from the root of the API's host.
    pub path: String,
    /// The parameters.
    pub query: Vec<(String, String)>,
}

/// What an API says about one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The order it belongs to, as the API calls it.
    pub order: Option<String>,
    /// The parameters of a postback that would say the same.
    pub pairs: Vec<(String, String)>,
}

/// A stretch of time, up to but not including its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
}

/// The part with this number, from zero, of the time from the beginning of one day to the end of another (UTC); `None` past the end.
pub fn window(api: &Api, from: Date, to: Date, number: u32) -> Option<Window> {
    let days = i64::from(api.window.days).checked_mul(i64::from(number))?;
    let begins = from.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    if begins > to {
        return None;
    }
    let after = to.checked_add(jiff::Span::new().days(1)).ok()?;
    let length = jiff::Span::new().try_days(i64::from(api.window.days)).ok()?;
    let ends = begins.checked_add(length).map_or(after, |ends| ends.min(after));
    let at = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    Some(Window { from: at(begins)?, to: at(ends)? })
}

/// The question for one page of the transactions in a window.
pub fn transactions_question(api: &Api, role: &str, window: Window, page: u32) -> Question {
    let mut query = params(&api.transactions.params, role);
    query.push((api.window.from.clone(), told(window.from)));
    query.push((api.window.to.clone(), told(window.to)));
    query.extend(page_params(api, page));
    Question { path: path(api, &api.transactions.call), query }
}

/// The question for what these orders tell besides; they must be no more than [`Orders::at_once`].
pub fn orders_question(api: &Api, orders: &Orders, role: &str, ids: &[String]) -> Question {
    let mut query = params(&orders.params, role);
    query.push((orders.ids.clone(), ids.join(",")));
    query.extend(page_params(api, api.page.first));
    Question { path: path(api, &orders.call), query }
}

/// The transactions of an answer.
///
/// # Errors
/// The answer holds no such list.
pub fn sales(api: &Api, answer: &Value) -> Result<Vec<Sale>, String> {
    let zone = zone(api)?;
    let items = items(answer, &api.transactions.list)?;
    let sale = |item: &&Value| Sale {
        order: first(item, &api.transactions.order),
        pairs: pairs(&api.transactions.field, item, &zone),
    };
    Ok(items.iter().map(sale).collect())
}

/// What an answer tells of orders, by the order's name.
///
/// # Errors
/// The answer holds no such list.
pub fn orders(api: &Api, orders: &Orders, answer: &Value) -> Result<BTreeMap<String, Vec<(String, String)>>, String> {
    let zone = zone(api)?;
    let items = items(answer, &orders.list)?;
    let named = items.into_iter().filter_map(|item| Some((first(item, &orders.order)?, item)));
    Ok(named.map(|(order, item)| (order, pairs(&orders.field, item, &zone))).collect())
}

impl Sale {
    /// Adds what its order tells besides; what the transaction itself says stays.
    pub fn complete(&mut self, orders: &BTreeMap<String, Vec<(String, String)>>) {
        let more = self.order.as_ref().and_then(|order| orders.get(order));
        for (name, value) in more.into_iter().flatten() {
            if !self.pairs.iter().any(|(known, _)| known == name) {
                self.pairs.push((name.clone(), value.clone()));
            }
        }
    }

    /// The value of a parameter.
    pub fn get(&self, param: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == param).map(|(_, value)| value.as_str())
    }

    /// As the query of a postback.
    pub fn query(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.pairs {
            form::push(&mut text, name, value);
        }
        text
    }
}

/// Whether no page follows this one. An API that does not say how many there are has no more where a page is not full.
pub fn is_last(api: &Api, answer: &Value, page: u32, items: usize) -> bool {
    let done = page.saturating_sub(api.page.first).saturating_add(1);
    match at(answer, &api.page.count).and_then(text).and_then(|count| count.parse::<u32>().ok()) {
        Some(count) => items == 0 || done >= count,
        None => items < usize::try_from(api.page.items).unwrap_or(usize::MAX),
    }
}

/// What tells one page from another; `None` for an empty one.
pub fn fingerprint(sales: &[Sale]) -> Option<String> {
    if sales.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    for sale in sales {
        let query = sale.query();
        hash.update(query.len().to_be_bytes());
        hash.update(query.as_bytes());
    }
    Some(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// Holds a group's API to its own cases.
///
/// # Errors
/// A case does not hold; names it.
pub fn check_cases(group: &Group) -> Result<(), String> {
    let Some(api) = &group.api else { return Ok(()) };
    zone(api)?;
    for case in &api.case {
        let found = found(api, &case.transactions, case.orders.as_deref());
        if found.as_ref() != Ok(&case.expect) {
            return Err(format!("the case `{}` of the API gives {found:?}, not {:?}", case.name, case.expect));
        }
    }
    Ok(())
}

fn found(api: &Api, transactions: &str, more: Option<&str>) -> Result<Vec<String>, String> {
    let answer = |text: &str| read(api, 200, None, text.as_bytes()).map_err(|why| why.to_string());
    let mut sales = sales(api, &answer(transactions)?)?;
    if let (Some(call), Some(text)) = (&api.orders, more) {
        let orders = orders(api, call, &answer(text)?)?;
        sales.iter_mut().for_each(|sale| sale.complete(&orders));
    }
    Ok(sales.iter().map(Sale::query).collect())
}

fn path(api: &Api, call: &str) -> String {
    api.path.replace(CALL, call)
}

fn params(params: &BTreeMap<String, String>, role: &str) -> Vec<(String, String)> {
    params.iter().map(|(name, value)| (name.clone(), value.replace(ROLE, role))).collect()
}

fn page_params(api: &Api, page: u32) -> [(String, String); 2] {
    [(api.page.number.clone(), page.to_string()), (api.page.size.clone(), api.page.items.to_string())]
}

fn told(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// The items of the list at a place. A table counts as the list of its values, and nothing as none: so the language that many APIs
/// are written in spells an empty list, and one with gaps.
fn items<'a>(answer: &'a Value, place: &str) -> Result<Vec<&'a Value>, String> {
    match at(answer, place) {
        Some(Value::Array(items)) => Ok(items.iter().collect()),
        Some(Value::Object(items)) => Ok(items.values().collect()),
        Some(Value::Null) => Ok(Vec::new()),
        _ => Err(format!("the answer has no list at {place}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Groups;
    use jiff::civil::date;
    use proptest::prelude::*;
    use serde_json::json;

    /// The built-in group that has an API.
    fn group() -> Group {
        let groups = Groups::load(None).expect("the built-in groups");
        groups.iter().find(|group| group.api.is_some()).expect("a group with an API").clone()
    }

    fn api() -> Api {
        group().api.expect("an API")
    }

    #[test]
    fn a_question_names_the_window_the_page_and_the_role() {
        let api = api();
        let window = window(&api, date(2026, 2, 1), date(2026, 2, 3), 0).expect("a window");
        let question = transactions_question(&api, "affiliate", window, 2);
        let get = |name: &str| question.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert!(question.path.ends_with("/listTransactions"), "{}", question.path);
        assert_eq!(get("from"), Some("2026-02-01T00:00:00+00:00"));
        assert_eq!(get("to"), Some("2026-02-04T00:00:00+00:00"));
        assert_eq!(get("page_no"), Some("2"));
        assert_eq!(get("search[role]"), Some("affiliate"));
    }

    #[test]
    fn a_question_for_orders_names_them_all() {
        let api = api();
        let call = api.orders.clone().expect("a call for orders");
        let question = orders_question(&api, &call, "vendor", &["A1".into(), "B2".into()]);
        assert!(question.query.contains(&("search[purchase_id]".into(), "A1,B2".into())), "{question:?}");
    }

    #[test]
    fn what_a_transaction_says_itself_counts_more_than_what_its_order_tells() {
        let mut sale = Sale { order: Some("A".into()), pairs: vec![("cid".into(), "own".into())] };
        let more = vec![("cid".to_owned(), "order".to_owned()), ("sid1".to_owned(), "x".to_owned())];
        sale.complete(&[("A".to_owned(), more)].into());
        assert_eq!(sale.query(), "cid=own&sid1=x");
        let mut other = Sale { order: None, pairs: vec![] };
        other.complete(&[("A".to_owned(), vec![("cid".to_owned(), "order".to_owned())])].into());
        assert_eq!(other.query(), "");
    }

    #[test]
    fn the_last_page_is_known_by_the_count_and_where_there_is_none_by_a_page_that_is_not_full() {
        let api = api();
        let full = usize::try_from(api.page.items).expect("small");
        for (count, page, items, expected) in [
            (json!(3), 1, full, false),
            (json!("3"), 2, full, false),
            (json!(3), 3, full, true),
            (json!(0), 1, 0, true),
            (json!(9), 2, 0, true),
            (json!(null), 1, full, false),
            (json!(null), 1, full - 1, true),
        ] {
            let answer = json!({ "data": { "page_count": count } });
            assert_eq!(is_last(&api, &answer, page, items), expected, "{count} {page} {items}");
        }
    }

    #[test]
    fn lists_are_read_as_other_languages_spell_them() {
        let api = api();
        let found =
            |list: Value| sales(&api, &json!({ "data": { "transaction_list": list } })).map(|sales| sales.len());
        assert_eq!(found(json!([{ "id": 1 }, { "id": 2 }])), Ok(2));
        assert_eq!(found(json!({ "0": { "id": 1 }, "5": { "id": 2 } })), Ok(2));
        assert_eq!(found(json!([])), Ok(0));
        assert_eq!(found(json!(null)), Ok(0));
        assert!(found(json!("none")).is_err());
        assert!(sales(&api, &json!({ "data": {} })).is_err());
    }

    #[test]
    fn a_case_that_does_not_hold_is_told_by_its_name() {
        let mut group = group();
        assert_eq!(check_cases(&group), Ok(()));
        let api = group.api.as_mut().expect("an API");
        let case = api.case.first_mut().expect("a case");
        case.expect.pop();
        let name = case.name.clone();
        let error = check_cases(&group).expect_err("a wrong case");
        assert!(error.contains(&name), "{error}");
    }

    proptest! {
        #[test]
        fn windows_follow_each_other_and_cover_every_day(start in 0i32..20_000, length in 0i32..800, days in 1u32..60) {
            let mut api = api();
            api.window.days = days;
            let from = date(1970, 1, 1).checked_add(jiff::Span::new().days(start)).expect("in range");
            let to = from.checked_add(jiff::Span::new().days(length)).expect("in range");
            let found: Vec<Window> = (0..).map_while(|number| window(&api, from, to, number)).collect();
            let seconds = |days: i32| i64::from(days) * 86_400;
            prop_assert_eq!(found.first().map(|first| first.from.as_second()), Some(seconds(start)));
            prop_assert_eq!(found.last().map(|last| last.to.as_second()), Some(seconds(start + length + 1)));
            prop_assert!(found.windows(2).all(|pair| pair[0].to == pair[1].from));
            prop_assert!(found.iter().all(|window| window.from < window.to));
        }
    }
}
