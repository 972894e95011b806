//! What else has to do with a conversion: what takes it back, what shares its transaction, order or visitor.

use super::super::figures::Figures;
use super::super::when::{Moment, Money};
use crate::app::App;
use crate::store::{ConversionRow, Field, Filter, Millis, Order, Page, StoreError, Visit};
use std::collections::BTreeSet;
use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::money::Amount;

/// How many conversions of one kind are shown.
const MOST: usize = 20;
/// How many of the visitor's visits are looked at.
const VISITS: usize = 20;

/// Another conversion, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Other {
    pub(in super::super) id: String,
    pub(in super::super) at: Moment,
    pub(in super::super) kind: String,
    pub(in super::super) value: Option<Money>,
    pub(in super::super) state: &'static str,
    /// What it has to do with the one that is told.
    pub(in super::super) how: &'static str,
    pub(in super::super) transaction_id: Option<String>,
    pub(in super::super) product: Option<String>,
}

impl Other {
    /// Shows a conversion.
    pub(in super::super) fn of(row: &ConversionRow, how: &'static str, figures: &Figures) -> Self {
        Self {
            id: row.id.clone(),
            at: Moment::of(row.at),
            kind: row.said.kind.clone(),
            value: Money::of(row.value(), &row.said, figures),
            state: row.attribution.state.as_str(),
            how,
            transaction_id: row.said.transaction_id.clone(),
            product: row.said.product_name.clone().or_else(|| row.said.product_id.clone()),
        }
    }
}

/// What went back of a sale, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Returns {
    /// The sale, where the conversion takes one back.
    pub(super) sale: Option<Other>,
    /// What takes it back, oldest first; of a refund, all that take back the same sale.
    pub(super) entries: Vec<Other>,
    /// What is left, in a sentence.
    pub(super) left: Option<String>,
}

/// A refund's sale, and what takes a sale back.
pub(super) async fn returns(
    app: &App,
    site_id: &str,
    row: &ConversionRow,
    figures: &Figures,
) -> Result<(Returns, Option<ConversionRow>), StoreError> {
    let sale = match &row.sale_id {
        Some(id) => one(app, site_id, id).await?,
        None => None,
    };
    let of = sale.as_ref().unwrap_or(row);
    let back = match of.said.transaction_type {
        TransactionType::Payment => app.store.returns_of(site_id, &of.id).await?,
        TransactionType::Refund | TransactionType::Chargeback => Vec::new(),
    };
    let entries = back
        .iter()
        .map(|back| Other::of(back, if back.id == row.id { "this one" } else { "takes it back" }, figures))
        .collect();
    let returns = Returns {
        sale: sale.as_ref().map(|sale| Other::of(sale, "the sale", figures)),
        entries,
        left: left(of, &back),
    };
    Ok((returns, sale))
}

/// What is left of a sale after all that takes it back.
fn left(sale: &ConversionRow, back: &[ConversionRow]) -> Option<String> {
    if back.is_empty() {
        return None;
    }
    let value = sale.value()?;
    let mut left = value;
    for row in back.iter().filter(|row| row.booked_under.is_none()) {
        if row.said.currency != sale.said.currency {
            return Some("What went back is in another currency, so what is left cannot be told.".to_owned());
        }
        left = left.plus(row.value()?)?;
    }
    let currency = sale.said.currency.as_ref().map(|currency| currency.as_str()).unwrap_or_default();
    let went = value.minus(left)?;
    Some(if left < Amount::ZERO {
        format!("Of {value} {currency}, {went} {currency} went back: more than there was.")
    } else {
        format!("Of {value} {currency}, {went} {currency} went back. {left} {currency} is left.")
    })
}

/// The conversion of this id.
pub(in super::super) async fn one(app: &App, site_id: &str, id: &str) -> Result<Option<ConversionRow>, StoreError> {
    let page = Page { filter: Filter::only(Field::Id, id), ..Page::first(1) };
    Ok(app.store.conversions(site_id, page).await?.items.pop())
}

/// The other conversions of the same transaction, order, and visitor; each once, those first that are nearer.
pub(super) async fn related(
    app: &App,
    site_id: &str,
    row: &ConversionRow,
    visit: Option<&Visit>,
    told: &Returns,
    figures: &Figures,
) -> Result<Vec<Other>, StoreError> {
    let mut known: BTreeSet<String> = told.entries.iter().chain(&told.sale).map(|other| other.id.clone()).collect();
    known.insert(row.id.clone());
    let mut found = Vec::new();
    let mut take = |rows: Vec<ConversionRow>, how: &'static str| {
        for row in rows {
            if known.insert(row.id.clone()) {
                found.push(Other::of(&row, how, figures));
            }
        }
    };
    let lists = [
        (Field::TransactionId, &row.said.transaction_id, "same transaction"),
        (Field::OrderId, &row.said.order_id, "same order"),
    ];
    for (field, value, how) in lists {
        if let Some(value) = value {
            let only = vec![(field, value.clone()), (Field::Group, row.said.group.clone())];
            take(part(app, site_id, only, MOST).await?, how);
        }
    }
    let Some(visit) = visit else { return Ok(found) };
    take(part(app, site_id, vec![(Field::VisitId, visit.visit_id.clone())], MOST).await?, "same visit");
    if let Some(visitor_id) = &visit.visitor_id {
        for other in app.store.touches(site_id, visitor_id, Millis::MIN, Millis::MAX, VISITS).await? {
            if other.visit_id != visit.visit_id {
                take(part(app, site_id, vec![(Field::VisitId, other.visit_id)], MOST).await?, "same visitor");
            }
        }
    }
    Ok(found)
}

/// The newest conversions that have these values.
pub(super) async fn part(
    app: &App,
    site_id: &str,
    only: Vec<(Field, String)>,
    most: usize,
) -> Result<Vec<ConversionRow>, StoreError> {
    let page = Page { filter: Filter { only, ..Filter::default() }, order: Order::Falling, ..Page::first(most) };
    Ok(app.store.conversions(site_id, page).await?.items)
}
