//! How domain values lie in columns.

use super::failure::Failure;
use crate::attribution::{Attribution, State};
use crate::erasing;
use crate::store::{ClickRow, ConversionRow, EventRow, LinkRow, OrderEvent, OrderEventRow, PostbackRow, Visit};
use rusqlite::Row;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::{Amounts, Conversion, Repeat, TransactionType};
use tagwerk_protocol::money::{Amount, Currency};

/// A map or list as JSON text.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    Ok(serde_json::to_string(value)?)
}

/// Reads JSON text; a column that is null gives the empty value.
pub(super) fn from_json<T: DeserializeOwned + Default>(row: &Row<'_>, column: &str) -> Result<T, Failure> {
    match row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)? {
        Some(text) => Ok(serde_json::from_str(text)?),
        None => Ok(T::default()),
    }
}

/// An amount as a scaled integer and the decimals it was written with.
#[derive(Clone, Copy)]
pub(super) struct Money {
    pub(super) scaled: Option<i64>,
    pub(super) decimals: Option<u32>,
}

impl Money {
    pub(super) fn of(amount: Option<Amount>) -> Result<Self, Failure> {
        let Some(amount) = amount else { return Ok(Self { scaled: None, decimals: None }) };
        let scaled = amount.scaled().ok_or_else(|| Failure::Unreadable(format!("{amount} is too large to be kept")))?;
        Ok(Self { scaled: Some(scaled), decimals: Some(amount.decimals()) })
    }
}

/// The amount in `column` and `column_decimals`.
pub(super) fn amount(row: &Row<'_>, column: &str, decimals: &str) -> Result<Option<Amount>, Failure> {
    let scaled: Option<i64> = row.get(column)?;
    let decimals: Option<u32> = row.get(decimals)?;
    Ok(scaled.zip(decimals).map(|(scaled, decimals)| Amount::from_scaled(scaled, decimals)))
}

/// The word in `transaction_type`.
pub(super) fn transaction_type(row: &Row<'_>) -> Result<TransactionType, Failure> {
    let word: String = row.get("transaction_type")?;
    TransactionType::parse(&word).ok_or_else(|| Failure::Unreadable(format!("{word:?} is no transaction type")))
}

pub(super) fn visit(row: &Row<'_>) -> Result<Visit, Failure> {
    let mut cookies: BTreeMap<String, String> = from_json(row, "built_cookies")?;
    cookies.extend(from_json::<BTreeMap<_, _>>(row, "cookies")?);
    Ok(Visit {
        cookies,
        visit_id: row.get("visit_id")?,
        visitor_id: row.get("visitor_id")?,
        at: row.get("at")?,
        received_at: row.get("received_at")?,
        landing_page: row.get("landing_page")?,
        referrer: row.get("referrer")?,
        source: from_json(row, "source")?,
        click_ids: from_json(row, "click_ids")?,
        first_touch: from_json(row, "first_touch")?,
        country: row.get("country")?,
        device: row.get("device")?,
        bot: row.get("bot")?,
        cost: row.get::<_, Option<i64>>("cost")?.zip(row.get("cost_currency")?),
    })
}

pub(super) fn event(row: &Row<'_>) -> Result<EventRow, Failure> {
    Ok(EventRow {
        event_id: row.get("event_id")?,
        visit_id: row.get("visit_id")?,
        at: row.get("at")?,
        received_at: row.get("received_at")?,
        name: row.get("name")?,
        page: row.get("page")?,
        click_id: row.get("click_id")?,
        attributes: from_json(row, "attributes")?,
    })
}

pub(super) fn click(row: &Row<'_>) -> Result<ClickRow, Failure> {
    Ok(ClickRow {
        click_id: row.get("click_id")?,
        visit_id: row.get("visit_id")?,
        at: row.get("at")?,
        received_at: row.get("received_at")?,
        group: row.get("tracking_group")?,
        href: row.get("href")?,
        label: row.get("label")?,
        page: row.get("page")?,
        how: row.get("how")?,
        foreign: row.get("is_foreign")?,
    })
}

pub(super) fn link(row: &Row<'_>) -> Result<LinkRow, Failure> {
    Ok(LinkRow {
        id: row.get("id")?,
        url: row.get("url")?,
        group: row.get("tracking_group")?,
        forwards: row.get("forwards")?,
        resolved: row.get("resolved")?,
        reason: row.get("reason")?,
        hops: from_json(row, "hops")?,
        rules: row.get("rules")?,
        checked_at: row.get("checked_at")?,
        expires_at: row.get("expires_at")?,
    })
}

pub(super) fn postback(row: &Row<'_>) -> Result<PostbackRow, Failure> {
    Ok(PostbackRow {
        id: row.get("id")?,
        received_at: row.get("received_at")?,
        group: row.get("tracking_group")?,
        channel: row.get("channel")?,
        state: row.get("state")?,
        reason: row.get("reason")?,
        raw: row.get("raw")?,
        conversion_id: row.get("conversion_id")?,
        corrections: row.get("corrections")?,
    })
}

pub(super) fn order_event(row: &Row<'_>) -> Result<OrderEventRow, Failure> {
    Ok(OrderEventRow {
        id: row.get("id")?,
        received_at: row.get("received_at")?,
        event: OrderEvent {
            group: row.get("tracking_group")?,
            order_id: row.get("order_id")?,
            event: row.get("event")?,
            transaction_id: row.get("transaction_id")?,
            product_id: row.get("product_id")?,
            billing_status: row.get("billing_status")?,
            sub_id: row.get::<_, Option<String>>("sub_id")?.filter(|id| erasing::is_token(id).is_none()),
            is_test: row.get("is_test")?,
        },
    })
}

/// What a conversion's postbacks say, as it is booked.
pub(super) fn said(row: &Row<'_>) -> Result<Conversion, Failure> {
    let currency: Option<String> = row.get("currency")?;
    let repeat: String = row.get("repeat_mode")?;
    Ok(Conversion {
        group: row.get("tracking_group")?,
        identity: row.get("identity")?,
        content: row.get("content")?,
        kind: row.get("kind")?,
        type_sent: row.get("type_sent")?,
        value: amount(row, "value", "value_decimals")?,
        currency: currency.as_deref().and_then(Currency::parse),
        amounts: Amounts {
            affiliate: amount(row, "affiliate", "affiliate_decimals")?,
            vendor: amount(row, "vendor", "vendor_decimals")?,
            brutto: amount(row, "brutto", "brutto_decimals")?,
            netto: amount(row, "netto", "netto_decimals")?,
        },
        transaction_id: row.get("transaction_id")?,
        transaction_type: transaction_type(row)?,
        assumed: row.get("assumed")?,
        order_type: row.get("order_type")?,
        billing_type: row.get("billing_type")?,
        billing_status: row.get("billing_status")?,
        order_id: row.get("order_id")?,
        product_id: row.get("product_id")?,
        product_name: row.get("product_name")?,
        sub_id: row.get("sub_id")?,
        custom: from_json(row, "custom")?,
        sent_at: row.get("sent_at")?,
        is_test: row.get("is_test")?,
        marked: row.get("marked")?,
        repeat: Repeat::parse(&repeat).ok_or_else(|| Failure::Unreadable(format!("{repeat:?} is no repeat mode")))?,
        series: row.get("series")?,
        rebill: row.get("rebill")?,
        recurring: row.get("recurring")?,
        click_expiry_days: row.get("click_expiry_days")?,
        past: row.get("past")?,
        notes: from_json(row, "notes")?,
    })
}

/// A conversion, with `source` and `click_ids` of its visit beside it, and what the one that carries its money says.
pub(super) fn conversion(row: &Row<'_>) -> Result<ConversionRow, Failure> {
    let state: String = row.get("state")?;
    // What stands in the place of an erased visitor's click id is told to nobody.
    let named = |id: Option<String>| id.filter(|id| erasing::is_token(id).is_none());
    let said = said(row)?;
    Ok(ConversionRow {
        id: row.get("id")?,
        at: row.get("at")?,
        received_at: row.get("received_at")?,
        attribution: Attribution {
            state: State::parse(&state).ok_or_else(|| Failure::Unreadable(format!("{state:?} is no state")))?,
            reason: row.get("reason")?,
            click_id: named(row.get("click_id")?),
            visit_id: row.get("visit_id")?,
        },
        said: Conversion { sub_id: named(said.sub_id), ..said },
        sale_id: row.get("shown_sale_id")?,
        booked_under: row.get("booked_under")?,
        overdrawn: row.get("overdrawn")?,
        repeated: row.get("repeated")?,
        rebill: row.get("shown_rebill")?,
        source: from_json(row, "source")?,
        click_ids: from_json(row, "click_ids")?,
    })
}
