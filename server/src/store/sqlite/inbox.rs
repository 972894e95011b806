//! What arrives: events and postbacks, each request one write.

use super::attributions::{click_reported, visit_reported};
use super::deliveries::{self, Happened};
use super::failure::Failure;
use super::rows::{self, from_json, json};
use super::{Sqlite, conversions, erased, forgetting, rereading};
use crate::store::{
    Inbox, Millis, PostbackOutcome, PostbackRow, PostbackState, ReceivedEvent, ReceivedPostback, Rereading, Said,
    StoreError, add_cookies,
};
use async_trait::async_trait;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::event::Click;

#[async_trait]
impl Inbox for Sqlite {
    async fn receive_events(&self, site_id: &str, events: Vec<ReceivedEvent>) -> Result<usize, StoreError> {
        let site_id = site_id.to_owned();
        self.writer.write(move |connection| take_events(connection, &site_id, &events)).await
    }

    async fn receive_postback(&self, site_id: &str, postback: ReceivedPostback) -> Result<PostbackOutcome, StoreError> {
        let site_id = site_id.to_owned();
        self.writer.write(move |connection| take_postback(connection, &site_id, &postback)).await
    }

    async fn rehearse_postbacks(
        &self,
        site_id: &str,
        postbacks: Vec<ReceivedPostback>,
    ) -> Result<Vec<PostbackOutcome>, StoreError> {
        let site_id = site_id.to_owned();
        self.writer.write(move |connection| rehearse_postbacks(connection, &site_id, &postbacks)).await
    }

    async fn reread(&self, site_id: &str, rereading: Rereading) -> Result<Option<PostbackOutcome>, StoreError> {
        let site_id = site_id.to_owned();
        self.writer.write(move |connection| rereading::reread(connection, &site_id, &rereading)).await
    }

    async fn forget(&self, site_id: &str, before: Millis, most: usize) -> Result<usize, StoreError> {
        let (site_id, most) = (site_id.to_owned(), i64::try_from(most).unwrap_or(i64::MAX));
        self.writer.write(move |connection| forgetting::forget(connection, &site_id, before, most)).await
    }

    async fn postbacks_from(
        &self,
        site_id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<PostbackRow>, StoreError> {
        let (site_id, after) = (site_id.to_owned(), after.unwrap_or_default().to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let sql = "SELECT * FROM postbacks WHERE site_id = ? AND id > ? ORDER BY id LIMIT ?";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_and_then(params![site_id, after, limit], rows::postback)?;
            rows.collect()
        })
        .await
    }
}

/// Takes events; of how many nothing is kept, since they tell of somebody who was erased.
fn take_events(connection: &Connection, site_id: &str, events: &[ReceivedEvent]) -> Result<usize, Failure> {
    let mut visits: BTreeSet<&str> = BTreeSet::new();
    let mut clicks: BTreeSet<&str> = BTreeSet::new();
    let mut refused = 0;
    for received in events {
        if is_of_erased(connection, site_id, received)? {
            refused += 1;
            continue;
        }
        if !keep_event(connection, site_id, received)? {
            continue;
        }
        if keep_visit(connection, site_id, received)? {
            visits.insert(received.event.visit_id.as_str());
        } else {
            keep_cookies(connection, site_id, received)?;
        }
        if let (Some(click_id), Some(click)) = (&received.event.click_id, &received.event.click)
            && keep_click(connection, site_id, received, click_id, click)?
        {
            clicks.insert(click_id.as_str());
        }
        let happened = Happened {
            event_id: &received.event.event_id,
            name: &received.event.name,
            visit_id: received.event.visit_id.as_str(),
            at: received.event.at,
            received_at: received.received_at,
        };
        deliveries::of_event(connection, site_id, &happened)?;
    }
    for visit_id in visits {
        visit_reported(connection, site_id, visit_id)?;
    }
    for click_id in clicks {
        click_reported(connection, site_id, click_id)?;
    }
    Ok(refused)
}

/// Whether an event tells of a visit or a visitor that was erased.
fn is_of_erased(connection: &Connection, site_id: &str, received: &ReceivedEvent) -> Result<bool, Failure> {
    let event = &received.event;
    if erased::is_erased(connection, site_id, erased::VISIT, event.visit_id.as_str())? {
        return Ok(true);
    }
    match &event.visitor_id {
        Some(visitor_id) => erased::is_erased(connection, site_id, erased::VISITOR, visitor_id),
        None => Ok(false),
    }
}

/// Whether the event is new.
fn keep_event(connection: &Connection, site_id: &str, received: &ReceivedEvent) -> Result<bool, Failure> {
    let event = &received.event;
    let mut attributes: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in &event.attributes {
        attributes.entry(name).or_insert(value);
    }
    let kept = connection
        .prepare_cached(
            "INSERT INTO events (site_id, id, event_id, visit_id, at, received_at, name, page, click_id, attributes)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site_id, event_id) DO NOTHING",
        )?
        .execute(params![
            site_id,
            received.id,
            event.event_id,
            event.visit_id.as_str(),
            event.at,
            received.received_at,
            event.name,
            event.page,
            event.click_id.as_ref().map(ClickId::as_str),
            json(&attributes)?,
        ])?;
    Ok(kept > 0)
}

/// Adds the cookies that a known visit has not told yet: platforms set theirs after the first event.
fn keep_cookies(connection: &Connection, site_id: &str, received: &ReceivedEvent) -> Result<(), Failure> {
    if received.visit.cookies.is_empty() {
        return Ok(());
    }
    let visit_id = received.event.visit_id.as_str();
    let mut statement = connection.prepare_cached("SELECT cookies FROM visits WHERE site_id = ? AND visit_id = ?")?;
    let mut rows = statement.query(params![site_id, visit_id])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let mut known: BTreeMap<String, String> = from_json(row, "cookies")?;
    if add_cookies(&mut known, &received.visit.cookies) {
        connection
            .prepare_cached("UPDATE visits SET cookies = ? WHERE site_id = ? AND visit_id = ?")?
            .execute(params![json(&known)?, site_id, visit_id])?;
    }
    Ok(())
}

/// Whether the visit is new; one that is known stays as it is, but for its cookies.
fn keep_visit(connection: &Connection, site_id: &str, received: &ReceivedEvent) -> Result<bool, Failure> {
    let (event, visit) = (&received.event, &received.visit);
    let referrer = Some(&event.landing.referrer).filter(|referrer| !referrer.is_empty());
    let kept = connection
        .prepare_cached(
            "INSERT INTO visits (site_id, id, visit_id, visitor_id, at, received_at, landing_page, referrer, source,
                                 click_ids, cookies, built_cookies, first_touch, country, device, bot, cost,
                                 cost_currency, ip, user_agent)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site_id, visit_id) DO NOTHING",
        )?
        .execute(params![
            site_id,
            visit.id,
            event.visit_id.as_str(),
            event.visitor_id,
            event.landing.at,
            received.received_at,
            event.landing.page,
            referrer,
            json(&visit.source)?,
            json(&visit.click_ids)?,
            json(&visit.cookies)?,
            json(&visit.built_cookies)?,
            visit.first_touch.as_ref().map(json).transpose()?,
            visit.country,
            visit.device,
            visit.bot,
            visit.cost.as_ref().map(|(amount, _)| amount),
            visit.cost.as_ref().map(|(_, currency)| currency),
            received.ip,
            received.user_agent,
        ])?;
    Ok(kept > 0)
}

/// Whether the click is new.
fn keep_click(
    connection: &Connection,
    site_id: &str,
    received: &ReceivedEvent,
    click_id: &ClickId,
    click: &Click,
) -> Result<bool, Failure> {
    let event = &received.event;
    let kept = connection
        .prepare_cached(
            "INSERT INTO clicks (site_id, id, click_id, visit_id, at, received_at, tracking_group, href, label, page, how,
                                 is_foreign, ip, user_agent)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site_id, click_id) DO NOTHING",
        )?
        .execute(params![
            site_id,
            received.id,
            click_id.as_str(),
            event.visit_id.as_str(),
            event.at,
            received.received_at,
            click.group,
            click.href,
            Some(&click.label).filter(|label| !label.is_empty()),
            event.page,
            click.how.as_str(),
            click.foreign,
            received.ip,
            received.user_agent,
        ])?;
    Ok(kept > 0)
}

/// Takes one postback: books what it says, and keeps it with what became of it.
pub(super) fn take_postback(
    connection: &Connection,
    site_id: &str,
    postback: &ReceivedPostback,
) -> Result<PostbackOutcome, Failure> {
    let (outcome, content, reading) = match &postback.said {
        Ok(Said::Conversion { conversion_id, conversion }) => {
            let conversion = erased::without_erased(connection, site_id, conversion)?;
            let booking = conversions::book(connection, site_id, postback.received_at, conversion_id, &conversion)?;
            (booking.outcome, Some(booking.content), booking.reading)
        }
        said => (without_conversion(connection, site_id, &postback.id, postback.received_at, said)?, None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO postbacks (site_id, id, received_at, tracking_group, channel, state, reason, raw, conversion_id,
                                    content, reading)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            site_id,
            postback.id,
            postback.received_at,
            postback.group,
            postback.channel.as_str(),
            outcome.state.as_str(),
            outcome.reason,
            postback.raw,
            outcome.conversion_id,
            content,
            reading,
        ])?;
    Ok(outcome)
}

/// Takes postbacks and undoes it.
fn rehearse_postbacks(
    connection: &Connection,
    site_id: &str,
    postbacks: &[ReceivedPostback],
) -> Result<Vec<PostbackOutcome>, Failure> {
    connection.prepare_cached("SAVEPOINT rehearsal")?.execute([])?;
    let outcomes = postbacks.iter().map(|postback| take_postback(connection, site_id, postback)).collect();
    connection.prepare_cached("ROLLBACK TO rehearsal")?.execute([])?;
    connection.prepare_cached("RELEASE rehearsal")?.execute([])?;
    outcomes
}

/// What becomes of a postback that makes no conversion; a fact about an order is kept.
pub(super) fn without_conversion(
    connection: &Connection,
    site_id: &str,
    postback_id: &str,
    received_at: Millis,
    said: &Result<Said, String>,
) -> Result<PostbackOutcome, Failure> {
    let (state, reason) = match said {
        Ok(Said::OrderEvent(event)) => {
            let event = erased::order_event_without_erased(connection, site_id, event)?;
            connection
                .prepare_cached(
                    "INSERT INTO order_events (site_id, id, received_at, tracking_group, order_id, event, transaction_id,
                                               product_id, billing_status, sub_id, is_test)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    site_id,
                    postback_id,
                    received_at,
                    event.group,
                    event.order_id,
                    event.event,
                    event.transaction_id,
                    event.product_id,
                    event.billing_status,
                    event.sub_id,
                    event.is_test,
                ])?;
            let state = if event.is_test { PostbackState::Test } else { PostbackState::Accepted };
            (state, Some(format!("{} is noted on the order {}", event.event, event.order_id)))
        }
        Ok(Said::Nothing { reason, settled: true }) => (PostbackState::Accepted, Some(reason.clone())),
        Ok(Said::Nothing { reason, settled: false }) | Err(reason) => (PostbackState::Refused, Some(reason.clone())),
        Ok(Said::Conversion { .. }) => (PostbackState::Accepted, None),
    };
    Ok(PostbackOutcome { state, reason, conversion_id: None })
}
