//! What each list looks like as a table: the names of its columns, and the cells of a row in the same order. The names are those of the
//! API's fields; `docs/api.md` shows them.

use super::Cell;
use crate::costs;
use crate::store::{
    ClickRow, ConversionRow, DeliveryRow, DeliveryState, EventRow, Millis, OrderEventRow, PostbackRow, Visit,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Campaign parameters that have a column of their own; the others stand together in `source`.
const SOURCE: [&str; 5] = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];

const VISITS: [&str; 17] = [
    "visit_id",
    "visitor_id",
    "at",
    "received_at",
    "landing_page",
    "referrer",
    "country",
    "device",
    "bot",
    "cost",
    "cost_currency",
    "first_touch_at",
    "first_touch_landing_page",
    "first_touch_referrer",
    "first_touch_source",
    "first_touch_click_ids",
    "cookies",
];
const EVENTS: [&str; 8] = ["event_id", "visit_id", "at", "received_at", "name", "page", "click_id", "attributes"];
const CLICKS: [&str; 10] =
    ["click_id", "visit_id", "at", "received_at", "group", "href", "label", "page", "how", "foreign"];
const POSTBACKS: [&str; 8] = ["id", "received_at", "group", "channel", "state", "reason", "conversion_id", "raw"];
const CONVERSIONS: [&str; 27] = [
    "id",
    "at",
    "received_at",
    "state",
    "reason",
    "type",
    "type_sent",
    "value",
    "currency",
    "amount_affiliate",
    "amount_vendor",
    "amount_brutto",
    "amount_netto",
    "group",
    "transaction_id",
    "transaction_type",
    "order_type",
    "billing_type",
    "billing_status",
    "order_id",
    "product_id",
    "product_name",
    "sale_id",
    "click_id",
    "visit_id",
    "is_test",
    "rebill",
];
const ORDER_EVENTS: [&str; 10] = [
    "id",
    "received_at",
    "group",
    "order_id",
    "event",
    "transaction_id",
    "product_id",
    "billing_status",
    "click_id",
    "is_test",
];
const DELIVERIES: [&str; 15] = [
    "id",
    "received_at",
    "conversion_id",
    "event_id",
    "platform",
    "type",
    "at",
    "state",
    "reason",
    "attempts",
    "not_before",
    "deadline",
    "finished_at",
    "last_status",
    "last_answer",
];

/// Names with those of a source behind them.
fn with_source(names: &[&str]) -> Vec<String> {
    names.iter().chain(&SOURCE).chain(&["source", "click_ids"]).map(|name| (*name).to_owned()).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A map as JSON text; nothing where it is empty.
fn json<T: Serialize>(map: &BTreeMap<String, T>) -> Cell {
    let text = (!map.is_empty()).then(|| serde_json::to_string(map).ok()).flatten();
    Cell::text(text)
}

fn source(source: &BTreeMap<String, String>, click_ids: &BTreeMap<String, String>) -> Vec<Cell> {
    let mut others = source.clone();
    let mut cells: Vec<Cell> = SOURCE.iter().map(|name| Cell::text(others.remove(*name))).collect();
    cells.extend([json(&others), json(click_ids)]);
    cells
}

/// The columns of visits.
pub fn visit_columns() -> Vec<String> {
    with_source(&VISITS)
}

/// A visit's cells.
pub fn visit(visit: Visit) -> Vec<Cell> {
    let first = visit.first_touch.as_ref();
    let mut cells = vec![
        visit.visit_id.into(),
        Cell::text(visit.visitor_id),
        Cell::Time(visit.at),
        Cell::Time(visit.received_at),
        visit.landing_page.into(),
        Cell::text(visit.referrer),
        Cell::text(visit.country),
        Cell::text(visit.device),
        Cell::Flag(visit.bot),
        Cell::amount(visit.cost.as_ref().map(|(amount, _)| costs::written(*amount))),
        Cell::text(visit.cost.as_ref().map(|(_, currency)| currency.as_str())),
        first.map_or(Cell::Nothing, |first| Cell::Time(first.at)),
        Cell::text(first.map(|first| first.landing_page.as_str())),
        Cell::text(first.and_then(|first| first.referrer.as_deref())),
        first.map_or(Cell::Nothing, |first| json(&first.source)),
        first.map_or(Cell::Nothing, |first| json(&first.click_ids)),
        json(&visit.cookies),
    ];
    cells.extend(source(&visit.source, &visit.click_ids));
    cells
}

/// The columns of events.
pub fn event_columns() -> Vec<String> {
    names(&EVENTS)
}

/// An event's cells.
pub fn event(event: EventRow) -> Vec<Cell> {
    vec![
        event.event_id.into(),
        event.visit_id.into(),
        Cell::Time(event.at),
        Cell::Time(event.received_at),
        event.name.into(),
        event.page.into(),
        Cell::text(event.click_id),
        json(&event.attributes),
    ]
}

/// The columns of clicks.
pub fn click_columns() -> Vec<String> {
    names(&CLICKS)
}

/// A click's cells.
pub fn click(click: ClickRow) -> Vec<Cell> {
    vec![
        click.click_id.into(),
        click.visit_id.into(),
        Cell::Time(click.at),
        Cell::Time(click.received_at),
        Cell::text(click.group),
        click.href.into(),
        Cell::text(click.label),
        click.page.into(),
        click.how.into(),
        Cell::Flag(click.foreign),
    ]
}

/// The columns of postbacks.
pub fn postback_columns() -> Vec<String> {
    names(&POSTBACKS)
}

/// A postback's cells; `raw` is its request as people read it, which somebody else has to open.
pub fn postback(postback: PostbackRow, raw: Option<String>) -> Vec<Cell> {
    vec![
        postback.id.into(),
        Cell::Time(postback.received_at),
        postback.group.into(),
        postback.channel.into(),
        postback.state.into(),
        Cell::text(postback.reason),
        Cell::text(postback.conversion_id),
        Cell::text(raw),
    ]
}

/// The columns of conversions; `custom` are the parameters passed through that have a column of their own.
pub fn conversion_columns(custom: &[String]) -> Vec<String> {
    let mut columns = with_source(&CONVERSIONS);
    columns.extend(custom.iter().cloned());
    columns.push("custom".to_owned());
    columns
}

/// A conversion's cells.
pub fn conversion(conversion: ConversionRow, custom: &[String]) -> Vec<Cell> {
    let (value, reasons) = (conversion.value(), conversion.reasons());
    let said = conversion.said;
    let mut passed: BTreeMap<String, String> = said.custom.into_iter().collect();
    let mut cells = vec![
        conversion.id.into(),
        Cell::Time(conversion.at),
        Cell::Time(conversion.received_at),
        conversion.attribution.state.as_str().into(),
        Cell::text((!reasons.is_empty()).then(|| reasons.join("; "))),
        said.kind.into(),
        Cell::text(said.type_sent),
        Cell::amount(value),
        Cell::text(said.currency.as_ref().map(|code| code.as_str())),
        Cell::amount(said.amounts.affiliate),
        Cell::amount(said.amounts.vendor),
        Cell::amount(said.amounts.brutto),
        Cell::amount(said.amounts.netto),
        said.group.into(),
        Cell::text(said.transaction_id),
        said.transaction_type.as_str().into(),
        Cell::text(said.order_type),
        Cell::text(said.billing_type),
        Cell::text(said.billing_status),
        Cell::text(said.order_id),
        Cell::text(said.product_id),
        Cell::text(said.product_name),
        Cell::text(conversion.sale_id),
        Cell::text(conversion.attribution.click_id.or(said.sub_id)),
        Cell::text(conversion.attribution.visit_id),
        Cell::Flag(said.is_test),
        Cell::Flag(conversion.rebill),
    ];
    cells.extend(source(&conversion.source, &conversion.click_ids));
    cells.extend(custom.iter().map(|name| Cell::text(passed.remove(name))));
    cells.push(json(&passed));
    cells
}

/// The columns of events of orders.
pub fn order_event_columns() -> Vec<String> {
    names(&ORDER_EVENTS)
}

/// An order event's cells.
pub fn order_event(row: OrderEventRow) -> Vec<Cell> {
    let event = row.event;
    vec![
        row.id.into(),
        Cell::Time(row.received_at),
        event.group.into(),
        event.order_id.into(),
        event.event.into(),
        Cell::text(event.transaction_id),
        Cell::text(event.product_id),
        Cell::text(event.billing_status),
        Cell::text(event.sub_id),
        Cell::Flag(event.is_test),
    ]
}

/// The columns of deliveries.
pub fn delivery_columns() -> Vec<String> {
    names(&DELIVERIES)
}

/// A delivery's cells.
pub fn delivery(row: DeliveryRow) -> Vec<Cell> {
    let time = |at: Option<Millis>| at.map_or(Cell::Nothing, Cell::Time);
    let is_open = matches!(row.state, DeliveryState::Waiting | DeliveryState::Stopped);
    let next = Some(row.not_before).filter(|_| row.state == DeliveryState::Waiting);
    vec![
        row.id.into(),
        Cell::Time(row.received_at),
        Cell::text(row.conversion_id),
        row.event_id.into(),
        row.platform.into(),
        row.kind.into(),
        Cell::Time(row.at),
        row.state.as_str().into(),
        Cell::text(row.reason),
        Cell::Number(row.attempts.into()),
        time(next),
        Cell::Time(row.deadline),
        time(row.finished_at.filter(|_| !is_open)),
        row.last_status.map_or(Cell::Nothing, |status| Cell::Number(status.into())),
        Cell::text(row.last_answer),
    ]
}
