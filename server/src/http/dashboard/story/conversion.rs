//! The story of one conversion: whose it is, what led to it, what arrived, how it was read, what became of it and who was told.

use super::super::deliveries::DeliveryEntry;
use super::super::figures::Figures;
use super::super::head::{Head, Tab, find, no_site};
use super::super::incoming::{self, ClickEntry, ConversionEntry, VisitEntry};
use super::super::platforms::Notice;
use super::super::when::Moment;
use super::super::{page, worklist};
use super::arrived::{Arrived, form_of};
use super::change::{Done, title_of};
use super::related::{self, Other, Returns, one, returns};
use super::touches::{Touches, touches};
use super::whose::{Known, span, whose};
use super::worked_out::{Sources, Worked, worked_out};
use crate::app::{App, SharedApp};
use crate::attribution::ERASED;
use crate::audit;
use crate::dedupe;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::jobs::replay::{corrections_of, opened};
use crate::masking::{HIDDEN, Masking};
use crate::people::Role;
use crate::rates::{RateTable, rounded};
use crate::reading::{click_id_parameter, parameters};
use crate::settings::SiteSettings;
use crate::store::{
    Channel, ConversionRow, DeliveryRow, DeliveryState, Field, Filter, Millis, Order, OrderEventRow, Page, PostbackRow,
    StoreError,
};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::tz::TimeZone;
use page::PageAssets;
use serde::Deserialize;
use serde_json::json;
use tagwerk_protocol::money::Currency;

/// How many postbacks of one conversion are shown; the log has all of them.
const POSTBACKS: usize = 20;
/// How many facts of its order are shown.
const ORDER_EVENTS: usize = 50;
/// How many deliveries are shown.
const DELIVERIES: usize = 50;

/// What the page is asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    show: String,
    done: Option<String>,
    count: Option<u64>,
}

/// A fact of the order, as shown.
pub(super) struct OrderEntry {
    id: String,
    at: Moment,
    event: String,
    billing_status: Option<String>,
    is_test: bool,
}

/// The click, as shown.
pub(super) struct Clicked {
    entry: ClickEntry,
    how: &'static str,
    /// How long before the conversion.
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "story.html")]
struct Story {
    assets: &'static PageAssets,
    head: Head,
    notice: Option<Notice>,
    /// Whether who is looking may change anything.
    may_change: bool,
    title: String,
    entry: ConversionEntry,
    received: Moment,
    whose: Vec<String>,
    visit: Option<VisitEntry>,
    visitor_id: Option<String>,
    touches: Option<Touches>,
    clicked: Option<Clicked>,
    postbacks: Vec<Arrived>,
    has_more_postbacks: bool,
    shows_everything: bool,
    hides: bool,
    worked: Vec<Worked>,
    converted: Option<String>,
    returns: Returns,
    order_id: Option<String>,
    order_events: Vec<OrderEntry>,
    deliveries: Vec<DeliveryEntry>,
    no_deliveries: &'static str,
    can_send_again: bool,
    related: Vec<Other>,
    is_test: bool,
    can_assign: bool,
    clicks: Vec<worklist::ClickChoice>,
}

/// The page.
pub(super) async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path((site_id, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Log).await? else { return Ok(no_site()) };
    let (seen, figures) = (Masking::of(&app.groups, who.role), Figures::of(&headers));
    let Some(row) = one(&app, &site_id, &id).await?.map(|row| seen.masked(row)) else { return Ok(no_conversion()) };
    let settings = SiteSettings::of(&site)?;
    let may_change = who.role >= Role::Analyst;
    let shows_everything = may_change && asked.show == "everything";
    if shows_everything {
        audit::note(&app, &who, Some(&site_id), "postback.opened", json!({ "conversion_id": row.id })).await;
    }
    let (returns, sale) = returns(&app, &site_id, &row, &figures).await?;
    // A refund that names no click of its own came of that of its sale.
    let attribution = &row.attribution;
    let visit = by_id(attribution.visit_id.as_ref(), async |ids| app.store.visits_by_id(&site_id, ids).await).await?;
    let click = by_id(attribution.click_id.as_ref(), async |ids| app.store.clicks_by_id(&site_id, ids).await).await?;
    let (visit, click) = (visit.map(|visit| seen.masked(visit)), click.map(|click| seen.masked(click)));
    let known = Known { visit: visit.as_ref(), click: click.as_ref(), takes_back: sale.is_some() };
    let touches = match &visit {
        Some(visit) => Some(touches(&app, &site_id, &row, sale.as_ref(), visit, &seen).await?),
        None => None,
    };
    let of_it =
        Page { filter: Filter::only(Field::ConversionId, &*row.id), order: Order::Rising, ..Page::first(POSTBACKS) };
    let tellers = app.store.postbacks(&site_id, of_it).await?;
    let booked = teller(&tellers.items);
    let read = booked.map(|postback| parameters_of(&app, postback)).unwrap_or_default();
    let or_hidden = |name: &str, value: String| match seen.is_everywhere() && seen.is_told_by(name, &value) {
        true => HIDDEN.to_owned(),
        false => value,
    };
    let read: Vec<(String, String)> =
        read.into_iter().map(|(name, value)| (name.clone(), or_hidden(&name, value))).collect();
    let form = booked.and_then(|postback| form_of(&app.groups, &postback.channel, &postback.group));
    let sources = Sources { parameters: &read, form, settings: &settings };
    let rows = seen.all(deliveries(&app, &site_id, &row).await?);
    let (now, outlets) = (app.now(), app.store.outlets(&site_id).await?);
    let postbacks: Vec<Arrived> =
        tellers.items.iter().map(|postback| Arrived::of(&app, postback, &seen, shows_everything)).collect();
    let ad_parameters = app.clicks.params();
    let page = Story {
        assets: page::assets(),
        notice: Done { done: asked.done, count: asked.count }.notice(),
        may_change,
        title: title_of(&row),
        received: Moment::of(row.received_at),
        whose: whose(&row, &known),
        visitor_id: visit.as_ref().and_then(|visit| visit.visitor_id.clone()),
        touches,
        has_more_postbacks: tellers.next.is_some(),
        shows_everything,
        hides: postbacks.iter().any(Arrived::hides),
        postbacks,
        worked: worked_out(&row, &sources),
        converted: converted(&app, &settings, &row).await?,
        order_id: row.said.order_id.clone(),
        order_events: order_events(&app, &site_id, &row).await?,
        no_deliveries: why_nothing_is_sent(&row, outlets.is_empty()),
        can_send_again: may_change
            && !row.said.is_test
            && rows.iter().any(|row| matches!(row.state, DeliveryState::Refused | DeliveryState::Expired)),
        deliveries: rows.into_iter().map(|row| DeliveryEntry::of(row, &outlets, now)).collect(),
        related: related::related(&app, &site_id, &row, visit.as_ref(), &returns, &figures).await?,
        is_test: row.said.is_test,
        can_assign: may_change && takes_click_ids(&app, &tellers.items),
        clicks: if may_change { worklist::clicks(&app, &site_id).await? } else { Vec::new() },
        returns,
        head,
        clicked: click.clone().map(|click| {
            let begun = click.at.min(click.received_at);
            Clicked {
                before: row.at.checked_sub(begun).filter(|length| *length >= 0).map(span),
                how: how_opened(&click.how),
                entry: incoming::click(click, &ad_parameters),
            }
        }),
        visit: visit.clone().map(incoming::visit),
        entry: incoming::conversion(row, visit.as_ref(), click.as_ref(), &figures),
    };
    page::render(StatusCode::OK, &page)
}

/// The one of this id, if there is an id.
async fn by_id<T>(
    id: Option<&String>,
    look: impl AsyncFnOnce(&[String]) -> Result<Vec<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    match id {
        Some(id) => Ok(look(std::slice::from_ref(id)).await?.pop()),
        None => Ok(None),
    }
}

/// The postback whose words are booked: the last one that changed it, else the one that made it.
fn teller(postbacks: &[PostbackRow]) -> Option<&PostbackRow> {
    let changed = postbacks.iter().rev().find(|postback| postback.state == "updated");
    changed.or_else(|| postbacks.iter().find(|postback| postback.state != "duplicate")).or(postbacks.first())
}

/// What a postback says, with what was corrected in the place of what was sent.
pub(in super::super) fn parameters_of(app: &App, postback: &PostbackRow) -> Vec<(String, String)> {
    let (Some(channel), Ok(raw)) = (Channel::parse(&postback.channel), opened(app, postback)) else {
        return Vec::new();
    };
    parameters(channel, &raw, &corrections_of(app, postback).unwrap_or_default())
}

/// Whether a click can be set in everything that tells it.
fn takes_click_ids(app: &App, postbacks: &[PostbackRow]) -> bool {
    let takes = |postback: &PostbackRow| {
        Channel::parse(&postback.channel)
            .is_some_and(|channel| click_id_parameter(&app.groups, channel, &postback.group).is_some())
    };
    !postbacks.is_empty() && postbacks.iter().all(takes)
}

async fn order_events(app: &App, site_id: &str, row: &ConversionRow) -> Result<Vec<OrderEntry>, StoreError> {
    let Some(order_id) = &row.said.order_id else { return Ok(Vec::new()) };
    let only = vec![(Field::OrderId, order_id.clone()), (Field::Group, row.said.group.clone())];
    let page = Page { filter: Filter { only, ..Filter::default() }, ..Page::first(ORDER_EVENTS) };
    let mut rows: Vec<OrderEventRow> = app.store.order_events(site_id, page).await?.items;
    rows.reverse();
    let entry = |row: OrderEventRow| OrderEntry {
        at: Moment::of(row.received_at),
        event: row.event.event,
        billing_status: row.event.billing_status,
        is_test: row.event.is_test,
        id: row.id,
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// What the platforms are told of it: as itself, or as another that tells the same transaction.
pub(super) async fn deliveries(app: &App, site_id: &str, row: &ConversionRow) -> Result<Vec<DeliveryRow>, StoreError> {
    let mut found: Vec<DeliveryRow> = Vec::new();
    let event_id = dedupe::event_id(site_id, &row.said);
    for (field, value) in [(Field::ConversionId, row.id.clone()), (Field::EventId, event_id)] {
        let page = Page { filter: Filter::only(field, value), ..Page::first(DELIVERIES) };
        for delivery in app.store.deliveries(site_id, page).await?.items {
            if !found.iter().any(|known| known.id == delivery.id) {
                found.push(delivery);
            }
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

fn why_nothing_is_sent(row: &ConversionRow, no_platforms: bool) -> &'static str {
    if no_platforms {
        "No platform is switched on."
    } else if row.said.past {
        "It was brought in afterwards: no platform is told of what is past."
    } else if row.attribution.reason.as_deref() == Some(ERASED) {
        "The visitor was erased: nobody is told anything any more."
    } else if row.said.is_test {
        "It is a test, and no platform takes tests."
    } else if row.attribution.visit_id.is_none() {
        "No platform is told of it as long as nobody is credited: a platform gets what its own ads brought. It is told once this is assigned to a click."
    } else {
        "The visitor came by no ad of a platform that is switched on, or that platform wants other types, or was switched on later."
    }
}

/// The value in the currency of reports, with the rate that it was converted by.
async fn converted(app: &App, settings: &SiteSettings, row: &ConversionRow) -> Result<Option<String>, Error> {
    let into = settings.reporting_currency.as_deref().and_then(Currency::parse);
    let (Some(into), Some(from), Some(value)) = (into, row.said.currency.as_ref(), row.value()) else {
        return Ok(None);
    };
    if into == *from {
        return Ok(None);
    }
    let Some(day) = day(row.at) else { return Ok(None) };
    let table = RateTable::new(app.store.rates_between(day, day).await?);
    let (from, into) = (from.as_str(), into);
    let Some(found) = row.said.currency.as_ref().and_then(|from| table.convert(value, from, &into, day)) else {
        return Ok(Some(format!(
            "Reports are in {}, and no rate of {from} is known for {day}: it stands there in its own currency.",
            into.as_str()
        )));
    };
    let amount = rounded(found.amount, 2).unwrap_or(found.amount);
    let stale = if found.stale { ", which is older than it should be" } else { "" };
    let rates: Vec<String> = [row.said.currency.as_ref(), Some(&into)]
        .into_iter()
        .flatten()
        .filter_map(|currency| {
            let (_, rate) = table.rate(currency, day).filter(|(_, rate)| !rate.is_one())?;
            Some(format!("1 EUR = {rate} {}", currency.as_str()))
        })
        .collect();
    Ok(Some(format!(
        "In reports: {value} {from} = {amount} {} by the reference rate of {}{stale} ({}).",
        into.as_str(),
        found.rate_day,
        rates.join(", ")
    )))
}

fn day(at: Millis) -> Option<jiff::civil::Date> {
    jiff::Timestamp::from_millisecond(at).ok().map(|at| at.to_zoned(TimeZone::UTC).date())
}

/// How a link was opened, in words.
pub(in super::super) fn how_opened(how: &str) -> &'static str {
    match how {
        "left" => "by a click or tap",
        "middle" => "with the middle button",
        "modified" => "with a key held, in a tab or window of its own",
        "keyboard" => "with the keyboard",
        "form" => "by sending a form",
        "script" => "by the page’s own script",
        "early" => "before all of the tag had loaded",
        _ => "in a way that nobody names",
    }
}

/// There is no such conversion.
pub(super) fn no_conversion() -> Response {
    let sentence = "It may belong to another site, or its postbacks say something else by now. The log’s search finds it by its transaction.";
    page::refuse(StatusCode::NOT_FOUND, "There is no such conversion", sentence)
}
