//! Lets one conversion of each transaction carry its money. Of most transactions there is one; there are more where a transaction
//! arrives under several `type=`.

use super::deliveries;
use super::failure::Failure;
use super::joins::Ties;
use super::rows::transaction_type;
use crate::ledger::{self, Claim};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeSet;

/// A conversion that may carry the money of its transaction.
struct Candidate {
    id: String,
    claim: Claim,
    carries: bool,
    ties: Ties,
}

/// Looks again at the transactions of what changed; answers with what ties those to others that began or ceased to carry.
pub(super) fn choose(connection: &Connection, site_id: &str, changed: &[Ties]) -> Result<Vec<Ties>, Failure> {
    let transactions: BTreeSet<(&str, &str)> =
        changed.iter().filter_map(|ties| Some((ties.group.as_str(), ties.transaction()?))).collect();
    let mut moved = Vec::new();
    for transaction in transactions {
        let candidates = candidates(connection, site_id, transaction)?;
        let claims: Vec<Claim> = candidates.iter().map(|candidate| candidate.claim.clone()).collect();
        for (candidate, carries) in candidates.into_iter().zip(ledger::carriers(&claims)) {
            if candidate.carries != carries {
                connection
                    .prepare_cached(
                        "UPDATE conversions SET carries = ?, sale_id = NULL, overdrawn = 0 WHERE site_id = ? AND id = ?",
                    )?
                    .execute(params![carries, site_id, candidate.id])?;
                if carries {
                    // What was not sent since it did not carry is sent now.
                    deliveries::of_booked(connection, site_id, &candidate.id)?;
                }
                moved.push(candidate.ties);
            }
        }
    }
    Ok(moved)
}

fn candidates(
    connection: &Connection,
    site_id: &str,
    (group, transaction_id): (&str, &str),
) -> Result<Vec<Candidate>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT id, identity, kind, type_sent, assumed, series, carries,
                tracking_group, transaction_type, order_id, transaction_id, click_id, product_id
         FROM conversions
         WHERE site_id = ? AND tracking_group = ? AND transaction_id = ? AND is_test = 0",
    )?;
    let rows = statement.query_and_then([site_id, group, transaction_id], candidate)?;
    rows.collect()
}

fn candidate(row: &Row<'_>) -> Result<Candidate, Failure> {
    Ok(Candidate {
        id: row.get("id")?,
        claim: Claim {
            identity: row.get("identity")?,
            kind: row.get("kind")?,
            type_sent: row.get("type_sent")?,
            transaction_type: transaction_type(row)?,
            assumed: row.get("assumed")?,
            series: row.get("series")?,
        },
        carries: row.get("carries")?,
        ties: Ties::read(row)?,
    })
}
