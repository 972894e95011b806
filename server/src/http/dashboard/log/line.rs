//! A line of the log: when, what, what became of it, and where it leads. Pure.

use super::super::came_from::{Origin, Pair};
use super::super::story::how_opened;
use super::super::when::Moment;
use crate::store::{ClickRow, EventRow, OrderEventRow, PostbackRow, Visit};

/// Where a line leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) label: &'static str,
    pub(super) href: String,
}

/// A line, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: Moment,
    pub(super) title: String,
    pub(super) href: String,
    pub(super) state: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) about: Vec<Pair>,
    pub(super) links: Vec<Link>,
}

fn link(label: &'static str, href: String) -> Link {
    Link { label, href }
}

/// A postback.
pub(super) fn postback(site_id: &str, row: PostbackRow) -> Line {
    let to_conversion =
        row.conversion_id.map(|id| link("its conversion", format!("/sites/{site_id}/conversions/{id}")));
    Line {
        at: Moment::of(row.received_at),
        title: row.group,
        href: format!("/sites/{site_id}/log/postbacks/{}", row.id),
        state: Some(row.state),
        reason: row.reason,
        about: vec![Pair::new("by", row.channel)],
        links: to_conversion.into_iter().collect(),
    }
}

/// An event.
pub(super) fn event(site_id: &str, row: EventRow) -> Line {
    let mut about = vec![Pair::new("on", row.page)];
    about.extend(Pair::some("click id", row.click_id));
    about.extend(row.attributes.into_iter().map(|(name, value)| Pair { name, value }));
    Line {
        at: Moment::of(row.received_at),
        title: row.name,
        href: format!("/sites/{site_id}/log/events/{}", row.event_id),
        state: None,
        reason: None,
        about,
        links: vec![link("its visit", format!("/sites/{site_id}/visits/{}", row.visit_id))],
    }
}

/// A click.
pub(super) fn click(site_id: &str, row: ClickRow) -> Line {
    let mut about = vec![Pair::new("opened", how_opened(&row.how)), Pair::new("on", row.page)];
    if row.label.is_some() {
        about.push(Pair::new("leads to", row.href.as_str()));
    }
    about.push(Pair::new("click id", row.click_id.as_str()));
    Line {
        at: Moment::of(row.received_at),
        title: row.label.unwrap_or(row.href),
        href: format!("/sites/{site_id}/log/events/{}", row.click_id),
        state: row.group,
        reason: row.foreign.then(|| "kept another tracker’s sub-id".to_owned()),
        about,
        links: vec![link("its visit", format!("/sites/{site_id}/visits/{}", row.visit_id))],
    }
}

/// A visit.
pub(super) fn visit(site_id: &str, row: Visit) -> Line {
    let origin = Origin::of(&row.source, &row.click_ids, Some(&row.landing_page), row.referrer.as_deref());
    let title = origin.campaign.iter().take(3).map(|pair| pair.value.as_str()).collect::<Vec<_>>().join(" / ");
    let title = match (title.is_empty(), origin.click_ids.first(), &origin.referrer) {
        (false, _, _) => title,
        (true, Some(id), _) => format!("an ad ({})", id.name),
        (true, None, Some(_)) => "another page".to_owned(),
        (true, None, None) => "directly".to_owned(),
    };
    let mut about: Vec<Pair> = origin.landing_page.map(|page| Pair::new("landed on", page)).into_iter().collect();
    about.extend(Pair::some("referred by", origin.referrer));
    about.extend(origin.click_ids);
    about.extend(Pair::some("device", row.device));
    about.extend(Pair::some("country", row.country));
    let visitor = row.visitor_id.map(|id| link("its visitor", format!("/sites/{site_id}/visitors/{id}")));
    Line {
        at: Moment::of(row.received_at),
        title,
        href: format!("/sites/{site_id}/visits/{}", row.visit_id),
        state: row.bot.then(|| "bot".to_owned()),
        reason: None,
        about,
        links: visitor.into_iter().collect(),
    }
}

/// What happened to an order.
pub(super) fn order_event(site_id: &str, row: OrderEventRow) -> Line {
    let event = row.event;
    let about = [
        Some(Pair::new("order", event.order_id)),
        Pair::some("transaction", event.transaction_id),
        Pair::some("billing status", event.billing_status),
        Pair::some("product", event.product_id),
        Some(Pair::new("network", event.group)),
    ];
    Line {
        at: Moment::of(row.received_at),
        title: event.event,
        href: format!("/sites/{site_id}/log/postbacks/{}", row.id),
        state: event.is_test.then(|| "test".to_owned()),
        reason: None,
        about: about.into_iter().flatten().collect(),
        links: Vec::new(),
    }
}
