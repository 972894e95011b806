//! From what the books know to what a platform is told. Pure.

use crate::platforms::{Parcel, Person, Touch};
use crate::settings::{ConsentMode, SiteSettings};
use crate::store::{Due, Visit};
use tagwerk_protocol::conversion::TransactionType;

/// Packs a delivery; nothing where its conversion is no longer in the books.
pub fn pack(due: &Due, settings: &SiteSettings, person: Option<Person>) -> Option<Parcel> {
    let delivery = &due.delivery;
    let credited = due.visits.first();
    let mut parcel = Parcel {
        event_id: delivery.event_id.clone(),
        kind: delivery.kind.clone(),
        at: delivery.at,
        click_id: due.click.as_ref().map(|click| click.click_id.clone()),
        clicked_at: due.click.as_ref().map(|click| click.at.min(click.received_at)),
        page: due.page.clone().or_else(|| page(due)),
        href: due.click.as_ref().map(|click| click.href.clone()),
        group: due.click.as_ref().and_then(|click| click.group.clone()),
        ip: due.ip.clone(),
        user_agent: due.user_agent.clone(),
        visitor_id: credited.and_then(|visit| visit.visitor_id.clone()),
        touches: touches(&due.visits),
        country: credited.and_then(|visit| visit.country.clone()),
        person,
        has_consent: settings.consent.mode != ConsentMode::None && credited.is_some(),
        ..Parcel::default()
    };
    // The credited visit's own cookies go before those of earlier ones.
    for visit in &due.visits {
        for (name, value) in &visit.cookies {
            parcel.cookies.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    if delivery.conversion_id.is_none() {
        return Some(parcel);
    }
    let conversion = due.conversion.as_ref()?;
    let said = &conversion.said;
    parcel.kind.clone_from(&said.kind);
    parcel.takes_back = said.transaction_type != TransactionType::Payment;
    parcel.at = conversion.at;
    parcel.value = conversion.value();
    parcel.currency.clone_from(&said.currency);
    parcel.transaction_id.clone_from(&said.transaction_id);
    parcel.order_id.clone_from(&said.order_id);
    parcel.product_id.clone_from(&said.product_id);
    parcel.product_name.clone_from(&said.product_name);
    parcel.group = Some(said.group.clone());
    parcel.is_test = said.is_test;
    parcel.click_id = conversion.attribution.click_id.clone().or(parcel.click_id);
    if let Some((event_id, transaction_id, at)) = &due.sale {
        parcel.sale = Some((event_id.clone(), *at));
        parcel.left = due.left.filter(|_| parcel.takes_back);
        if parcel.takes_back && transaction_id.is_some() {
            parcel.transaction_id.clone_from(transaction_id);
        }
    }
    Some(parcel)
}

fn page(due: &Due) -> Option<String> {
    let page = due.click.as_ref().map(|click| &click.page);
    page.or_else(|| due.visits.first().map(|visit| &visit.landing_page)).filter(|page| !page.is_empty()).cloned()
}

/// Every arrival that is known, newest first: the visits, and how the visitor first came.
fn touches(visits: &[Visit]) -> Vec<Touch> {
    let of_visits = visits.iter().map(|visit| Touch {
        at: visit.at.min(visit.received_at),
        landing_page: visit.landing_page.clone(),
        referrer: visit.referrer.clone(),
        source: visit.source.clone(),
        click_ids: visit.click_ids.clone(),
    });
    let first = visits.iter().filter_map(|visit| visit.first_touch.as_ref()).min_by_key(|first| first.at);
    let first = first.map(|first| Touch {
        at: first.at,
        landing_page: first.landing_page.clone(),
        referrer: first.referrer.clone(),
        source: first.source.clone(),
        click_ids: first.click_ids.clone(),
    });
    let mut all: Vec<Touch> = of_visits.collect();
    // The first arrival is usually one of the visits as well.
    all.extend(first.filter(|first| !visits.iter().any(|visit| visit.at == first.at)));
    all
}
