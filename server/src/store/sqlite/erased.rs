//! What is known of visitors that were erased: that they were, and what their conversions are credited to.

use super::failure::Failure;
use crate::attribution::Lead;
use crate::erasing::{self, Traces};
use crate::store::{Millis, OrderEvent};
use rusqlite::{Connection, OptionalExtension, params};
use std::borrow::Cow;
use std::collections::BTreeSet;
use tagwerk_protocol::conversion::Conversion;

/// Why a delivery ends that was not sent before its visitor was erased.
pub(super) const ERASED: &str = crate::attribution::ERASED;

/// The hash of a visit's id, or of a visitor's.
pub(super) fn hash_of(site_id: &str, of: &str, id: &str) -> [u8; 16] {
    erasing::hash(site_id, of, id)
}

/// What a hash of a visit's id is made of besides the id.
pub(super) const VISIT: &str = "visit";
/// What a hash of a visitor's id is made of besides the id.
pub(super) const VISITOR: &str = "visitor";

/// Whether a visit or visitor was erased.
pub(super) fn is_erased(connection: &Connection, site_id: &str, of: &str, id: &str) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM erased_ids WHERE site_id = ? AND hash = ?";
    Ok(connection.prepare_cached(sql)?.exists(params![site_id, hash_of(site_id, of, id)])?)
}

/// When the visit of a token began and its click happened, as far as that is kept.
pub(super) fn times(
    connection: &Connection,
    site_id: &str,
    token: &str,
) -> Result<(Option<Millis>, Option<Millis>), Failure> {
    let sql = "SELECT began, clicked_at FROM erased_credits WHERE site_id = ? AND token = ?";
    let found = connection
        .prepare_cached(sql)?
        .query_row([site_id, token], |row| Ok((Some(row.get(0)?), row.get(1)?)))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// The token that stands for a sub-id of an erased visit; `None` for any other.
fn token_of(connection: &Connection, site_id: &str, sub_id: Option<&str>) -> Result<Option<(String, String)>, Failure> {
    let lead = Lead::of(sub_id);
    let (Some(sub_id), Some(visit_id)) = (sub_id, lead.visit_id()) else { return Ok(None) };
    if !is_erased(connection, site_id, VISIT, visit_id.as_str())? {
        return Ok(None);
    }
    let token = erasing::token(site_id, sub_id, matches!(lead, Lead::Click(_)));
    Ok(Some((token, visit_id.to_string())))
}

/// A conversion as it is booked: one that names an erased visit names none.
pub(super) fn without_erased<'a>(
    connection: &Connection,
    site_id: &str,
    conversion: &'a Conversion,
) -> Result<Cow<'a, Conversion>, Failure> {
    let Some((token, visit_id)) = token_of(connection, site_id, conversion.sub_id.as_deref())? else {
        return Ok(Cow::Borrowed(conversion));
    };
    let traces = Traces { visits: BTreeSet::from([visit_id]), ..Traces::default() };
    let mut conversion = conversion.clone();
    conversion.sub_id = Some(token);
    conversion.custom.retain(|(_, value)| !value.contains('@') && !traces.are_in(value));
    Ok(Cow::Owned(conversion))
}

/// What happened to an order, likewise.
pub(super) fn order_event_without_erased<'a>(
    connection: &Connection,
    site_id: &str,
    event: &'a OrderEvent,
) -> Result<Cow<'a, OrderEvent>, Failure> {
    let Some((token, _)) = token_of(connection, site_id, event.sub_id.as_deref())? else {
        return Ok(Cow::Borrowed(event));
    };
    Ok(Cow::Owned(OrderEvent { sub_id: Some(token), ..event.clone() }))
}
