//! Reading postbacks again: the books become what they would be had the postback said so from the start.

use super::attributions::{reason_of_maker, state_of_maker};
use super::conversions::{Booked, booked, booked_as, content_key, keep_reading, remove, rewrite, settle, write};
use super::deliveries::conversion_gone;
use super::erased::without_erased;
use super::failure::Failure;
use super::inbox::without_conversion;
use super::joins::Ties;
use super::rows::json;
use crate::attribution::Attribution;
use crate::repeats::{Effect, effect, fold};
use crate::store::{Millis, PostbackOutcome, PostbackState, Rereading, Said};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::Conversion;

/// A postback that tells a conversion.
struct Teller {
    id: String,
    received_at: Millis,
    content: Vec<u8>,
    reading: Option<String>,
}

/// Takes what a postback says now; `None` where there is no such postback, or it was corrected since it was read.
pub(super) fn reread(
    connection: &Connection,
    site_id: &str,
    rereading: &Rereading,
) -> Result<Option<PostbackOutcome>, Failure> {
    let id = rereading.postback_id.as_str();
    let before: Option<(Millis, Option<String>, Option<Vec<u8>>)> = connection
        .prepare_cached("SELECT received_at, conversion_id, corrections FROM postbacks WHERE site_id = ? AND id = ?")?
        .query_row([site_id, id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((received_at, old, known)) = before else { return Ok(None) };
    if known != rereading.before {
        return Ok(None);
    }
    if let Some(corrections) = &rereading.corrections {
        connection
            .prepare_cached("UPDATE postbacks SET corrections = ? WHERE site_id = ? AND id = ?")?
            .execute(params![corrections, site_id, id])?;
    }
    connection.prepare_cached("DELETE FROM order_events WHERE site_id = ? AND id = ?")?.execute([site_id, id])?;
    // What only the row of a conversion holds must stand beside its postback before the row changes.
    if let Some(old) = &old
        && let Some(booked) = booked_as(connection, site_id, old)?
        && booked.versions == 1
    {
        keep_reading(connection, site_id, &booked)?;
    }
    hand_over(connection, site_id, id)?;
    let outcome = match &rereading.said {
        Ok(Said::Conversion { conversion_id, conversion }) => {
            let conversion = without_erased(connection, site_id, conversion)?;
            let target = match booked(connection, site_id, &conversion.identity)? {
                Some(booked) => {
                    if booked.versions == 1 {
                        keep_reading(connection, site_id, &booked)?;
                    }
                    booked.id
                }
                None => {
                    sole_conversion(connection, site_id, id, old.as_deref())?.unwrap_or_else(|| conversion_id.clone())
                }
            };
            let content = content_key(&conversion.content);
            let corrected = rereading.corrections.is_some() || known.is_some();
            // The same call, put right by hand in another postback, stays as it was put right.
            let yields = !corrected && is_corrected(connection, site_id, &target, &content, id)?;
            let reading = if yields { None } else { Some(json(conversion.as_ref())?) };
            connection
                .prepare_cached(
                    "UPDATE postbacks SET conversion_id = ?, content = ?, reading = ? WHERE site_id = ? AND id = ?",
                )?
                .execute(params![target, content, reading, site_id, id])?;
            if !yields {
                // Others that say the same are read alike.
                connection
                    .prepare_cached(
                        "UPDATE postbacks INDEXED BY postbacks_of_a_conversion SET reading = NULL
                         WHERE site_id = ? AND conversion_id = ? AND content = ? AND reading IS NOT NULL AND id <> ?",
                    )?
                    .execute(params![site_id, target, content, id])?;
            }
            if old.as_deref() != Some(&target)
                && let Some(old) = &old
            {
                refresh(connection, site_id, old)?;
            }
            refresh(connection, site_id, &target)?;
            read_outcome(connection, site_id, id)?
        }
        said => {
            let outcome = without_conversion(connection, site_id, id, received_at, said)?;
            connection
                .prepare_cached(
                    "UPDATE postbacks SET state = ?, reason = ?, conversion_id = NULL, content = NULL, reading = NULL
                     WHERE site_id = ? AND id = ?",
                )?
                .execute(params![outcome.state.as_str(), outcome.reason, site_id, id])?;
            if let Some(old) = &old {
                refresh(connection, site_id, old)?;
            }
            outcome
        }
    };
    Ok(Some(outcome))
}

/// Whether another postback tells the same version of this conversion and was corrected by hand.
fn is_corrected(
    connection: &Connection,
    site_id: &str,
    conversion_id: &str,
    content: &[u8],
    postback_id: &str,
) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM postbacks INDEXED BY postbacks_of_a_conversion
               WHERE site_id = ? AND conversion_id = ? AND content = ? AND id <> ? AND corrections IS NOT NULL";
    Ok(connection.prepare_cached(sql)?.exists(params![site_id, conversion_id, content, postback_id])?)
}

/// Hands the version that this postback holds to another one that tells it, too.
fn hand_over(connection: &Connection, site_id: &str, postback_id: &str) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE postbacks SET reading = holder.reading
             FROM postbacks AS holder
             WHERE holder.site_id = ?1 AND holder.id = ?2 AND holder.reading IS NOT NULL
               AND postbacks.site_id = ?1 AND postbacks.id = (
                   SELECT id FROM postbacks AS other
                   WHERE other.site_id = ?1 AND other.conversion_id = holder.conversion_id
                     AND other.content = holder.content AND other.id <> holder.id
                   ORDER BY id LIMIT 1)",
        )?
        .execute([site_id, postback_id])?;
    Ok(())
}

/// The conversion that this postback alone tells: it keeps its id, whatever it is from now on.
fn sole_conversion(
    connection: &Connection,
    site_id: &str,
    postback_id: &str,
    conversion_id: Option<&str>,
) -> Result<Option<String>, Failure> {
    let Some(conversion_id) = conversion_id else { return Ok(None) };
    let sql = "SELECT 1 FROM postbacks WHERE site_id = ? AND conversion_id = ? AND id <> ?";
    let shared = connection.prepare_cached(sql)?.exists([site_id, conversion_id, postback_id])?;
    Ok((!shared).then(|| conversion_id.to_owned()))
}

/// Brings a conversion up to what its postbacks say, and each of those to what it does to the ones received before it.
fn refresh(connection: &Connection, site_id: &str, id: &str) -> Result<(), Failure> {
    let existing = booked_as(connection, site_id, id)?;
    let tellers = tellers(connection, site_id, id)?;
    let versions = versions(&tellers, existing.as_ref())?;
    let (Some(folded), Some(first)) = (fold(&versions), tellers.first()) else {
        if let Some(existing) = existing {
            remove(connection, site_id, id)?;
            conversion_gone(connection, site_id, id, &existing.said)?;
            settle(connection, site_id, vec![existing.ties])?;
        }
        return Ok(());
    };
    let count = u32::try_from(versions.len()).unwrap_or(u32::MAX);
    let attribution = match &existing {
        Some(booked) => rewrite(connection, site_id, booked, first.received_at, &folded, count)?,
        None => {
            let attribution = write(connection, site_id, id, first.received_at, &folded, count)?;
            settle(connection, site_id, vec![Ties::of(&folded, &attribution)])?;
            attribution
        }
    };
    tell(connection, site_id, id, &tellers, &versions, &attribution, &folded)?;
    if count == 1 {
        connection
            .prepare_cached(
                "UPDATE postbacks INDEXED BY postbacks_of_a_conversion SET reading = NULL
                 WHERE site_id = ? AND conversion_id = ? AND reading IS NOT NULL",
            )?
            .execute([site_id, id])?;
    }
    Ok(())
}

fn tellers(connection: &Connection, site_id: &str, id: &str) -> Result<Vec<Teller>, Failure> {
    let sql = "SELECT id, received_at, coalesce(content, x'') AS content, reading
               FROM postbacks INDEXED BY postbacks_of_a_conversion
               WHERE site_id = ? AND conversion_id = ? ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([site_id, id], |row| {
        Ok(Teller {
            id: row.get("id")?,
            received_at: row.get("received_at")?,
            content: row.get("content")?,
            reading: row.get("reading")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The versions that the tellers tell, in the order of their first receipt. One that none of them holds is the one in the books.
fn versions(tellers: &[Teller], existing: Option<&Booked>) -> Result<Vec<Conversion>, Failure> {
    let mut readings: BTreeMap<&[u8], Conversion> = BTreeMap::new();
    for teller in tellers {
        if let Some(reading) = &teller.reading {
            readings.insert(&teller.content, serde_json::from_str(reading)?);
        }
    }
    if let Some(booked) = existing {
        let key = content_key(&booked.said.content);
        if let Some(teller) = tellers.iter().find(|teller| teller.content == key) {
            readings.entry(&teller.content).or_insert_with(|| booked.said.clone());
        }
    }
    let mut versions = Vec::with_capacity(readings.len());
    for teller in tellers {
        versions.extend(readings.remove(teller.content.as_slice()));
    }
    Ok(versions)
}

/// Says of each teller what it did to those received before it.
fn tell(
    connection: &Connection,
    site_id: &str,
    id: &str,
    tellers: &[Teller],
    versions: &[Conversion],
    attribution: &Attribution,
    booked: &Conversion,
) -> Result<(), Failure> {
    let keys: Vec<Vec<u8>> = versions.iter().map(|version| content_key(&version.content)).collect();
    let mut heard = 0;
    for teller in tellers {
        let version = keys.iter().position(|key| *key == teller.content).unwrap_or_default();
        let before = versions.get(..version).unwrap_or_default();
        let (effect, reason) = match versions.get(version) {
            Some(told) if version >= heard => {
                heard = version + 1;
                let effect = effect(before, told);
                (effect, effect.reason(before, told).map(str::to_owned))
            }
            _ => (Effect::Repeats, None),
        };
        let (state, reason) = match effect {
            Effect::Makes => (state_of_maker(attribution.state), reason_of_maker(attribution, &booked.notes)),
            Effect::Changes => (PostbackState::Updated, reason),
            Effect::Repeats | Effect::Loses => (PostbackState::Duplicate, reason),
        };
        connection
            .prepare_cached(
                "UPDATE postbacks SET state = ?1, reason = ?2
                 WHERE site_id = ?3 AND id = ?4 AND conversion_id = ?5 AND (state IS NOT ?1 OR reason IS NOT ?2)",
            )?
            .execute(params![state.as_str(), reason, site_id, teller.id, id])?;
    }
    Ok(())
}

fn read_outcome(connection: &Connection, site_id: &str, id: &str) -> Result<PostbackOutcome, Failure> {
    let (state, reason, conversion_id): (String, Option<String>, Option<String>) = connection
        .prepare_cached("SELECT state, reason, conversion_id FROM postbacks WHERE site_id = ? AND id = ?")?
        .query_row([site_id, id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let state = PostbackState::parse(&state).ok_or_else(|| Failure::Unreadable(format!("{state:?} is no state")))?;
    Ok(PostbackOutcome { state, reason, conversion_id })
}
