//! Joins refunds and chargebacks to their sales after a change, over everything that the change can touch and nothing else.

use super::failure::Failure;
use super::rows::{amount, transaction_type};
use crate::attribution::Attribution;
use crate::ledger::{self, Entry};
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::conversion::{Conversion, TransactionType};

/// A tie that more conversions than this share tells nothing of which sale is meant, and is passed over: a click id pasted into
/// a newsletter, an order id that a network sends as a constant. It keeps the work for one postback small.
const CROWD: usize = 200;

/// What ties a conversion to others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Order(String),
    Transaction(String),
    Click { click_id: String, product_id: String },
}

/// Everything that ties one conversion to others.
#[derive(Clone)]
pub(super) struct Ties {
    pub(super) group: String,
    pub(super) transaction_type: TransactionType,
    ties: Vec<Tie>,
}

impl Ties {
    pub(super) fn of(conversion: &Conversion, attribution: &Attribution) -> Self {
        Self {
            group: conversion.group.clone(),
            transaction_type: conversion.transaction_type,
            ties: ties(
                conversion.order_id.as_ref(),
                conversion.transaction_id.as_ref(),
                attribution.click_id.as_ref(),
                conversion.product_id.as_ref(),
            ),
        }
    }

    /// The network's transaction.
    pub(super) fn transaction(&self) -> Option<&str> {
        self.ties.iter().find_map(|tie| match tie {
            Tie::Transaction(id) => Some(id.as_str()),
            Tie::Order(_) | Tie::Click { .. } => None,
        })
    }

    /// Of a row with those columns.
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let get = |column: &str| row.get::<_, Option<String>>(column);
        let (order, transaction) = (get("order_id")?, get("transaction_id")?);
        let (click, product) = (get("click_id")?, get("product_id")?);
        Ok(Self {
            group: row.get("tracking_group")?,
            transaction_type: transaction_type(row)?,
            ties: ties(order.as_ref(), transaction.as_ref(), click.as_ref(), product.as_ref()),
        })
    }
}

fn ties(
    order: Option<&String>,
    transaction: Option<&String>,
    click: Option<&String>,
    product: Option<&String>,
) -> Vec<Tie> {
    let click =
        click.zip(product).map(|(click, product)| Tie::Click { click_id: click.clone(), product_id: product.clone() });
    [order.cloned().map(Tie::Order), transaction.cloned().map(Tie::Transaction), click].into_iter().flatten().collect()
}

impl Tie {
    /// The condition that finds what shares it, worded so that its partial index is used, and the two values in it.
    fn condition(&self) -> (&'static str, &str, &str) {
        match self {
            Tie::Order(id) => ("order_id = ?3 AND ?4 = '' AND is_test = 0 AND carries = 1", id, ""),
            Tie::Transaction(id) => ("transaction_id = ?3 AND ?4 = '' AND is_test = 0 AND carries = 1", id, ""),
            Tie::Click { click_id, product_id } => {
                ("click_id = ?3 AND product_id = ?4 AND is_test = 0 AND carries = 1", click_id, product_id)
            }
        }
    }
}

/// Looks again at every refund that a change to a conversion can touch. `changed` is what ties it to others now, and what tied it before.
pub(super) fn rejoin(connection: &Connection, site_id: &str, changed: &[Ties]) -> Result<(), Failure> {
    let Some(first) = changed.first() else { return Ok(()) };
    let books = Books { connection, site_id, group: &first.group };
    let seeds: BTreeSet<Tie> = changed.iter().flat_map(|ties| ties.ties.iter().cloned()).collect();
    // A sale changes a join only where a refund shares a tie with it, and most sales have none.
    let only_sales = changed.iter().all(|ties| ties.transaction_type == TransactionType::Payment);
    if only_sales && !books.any_return(&seeds)? {
        return Ok(());
    }
    for back in ledger::join(&books.neighbourhood(seeds)?) {
        connection
            .prepare_cached(
                "UPDATE conversions SET sale_id = ?1, overdrawn = ?2
                 WHERE site_id = ?3 AND id = ?4 AND (sale_id IS NOT ?1 OR overdrawn IS NOT ?2)",
            )?
            .execute(params![back.sale_id, back.overdrawn, site_id, back.id])?;
    }
    Ok(())
}

/// One site's conversions of one group that carry their money, tests left out.
struct Books<'a> {
    connection: &'a Connection,
    site_id: &'a str,
    group: &'a str,
}

impl Books<'_> {
    /// Whether a refund or chargeback has one of these ties.
    fn any_return(&self, ties: &BTreeSet<Tie>) -> Result<bool, Failure> {
        for tie in ties {
            let (condition, one, two) = tie.condition();
            let sql = format!(
                "SELECT 1 FROM conversions WHERE site_id = ?1 AND tracking_group = ?2 AND {condition}
                 AND transaction_type IN ('refund', 'chargeback')"
            );
            if self.connection.prepare_cached(&sql)?.exists([self.site_id, self.group, one, two])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Everything that is tied to the seeds, directly or through others, without the ties that are crowded.
    fn neighbourhood(&self, seeds: BTreeSet<Tie>) -> Result<Vec<Entry>, Failure> {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        let mut crowded: BTreeSet<Tie> = BTreeSet::new();
        let mut seen = seeds.clone();
        let mut open: Vec<Tie> = seeds.iter().cloned().collect();
        while let Some(tie) = open.pop() {
            let count = self.count(&tie)?;
            if count > CROWD {
                // The change that makes a tie crowded parts all that it joined: those are looked at this once.
                let parts = count == CROWD + 1 && seeds.contains(&tie);
                crowded.insert(tie.clone());
                if !parts {
                    continue;
                }
            }
            for entry in self.tied(&tie)? {
                for further in ties_of(&entry) {
                    if seen.insert(further.clone()) {
                        open.push(further);
                    }
                }
                entries.insert(entry.id.clone(), entry);
            }
        }
        Ok(entries.into_values().map(|entry| without(entry, &crowded)).collect())
    }

    /// How many share a tie, as far as it matters.
    fn count(&self, tie: &Tie) -> Result<usize, Failure> {
        let (condition, one, two) = tie.condition();
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM conversions
             WHERE site_id = ?1 AND tracking_group = ?2 AND {condition} LIMIT {})",
            CROWD + 2
        );
        let count: i64 =
            self.connection.prepare_cached(&sql)?.query_row([self.site_id, self.group, one, two], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn tied(&self, tie: &Tie) -> Result<Vec<Entry>, Failure> {
        let (condition, one, two) = tie.condition();
        let sql = format!(
            "SELECT id, identity, transaction_type, transaction_id, order_id, product_id, click_id, value, value_decimals, currency
             FROM conversions WHERE site_id = ?1 AND tracking_group = ?2 AND {condition}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_and_then([self.site_id, self.group, one, two], |row| self.entry(row))?;
        rows.collect()
    }

    fn entry(&self, row: &Row<'_>) -> Result<Entry, Failure> {
        Ok(Entry {
            id: row.get("id")?,
            identity: row.get("identity")?,
            group: self.group.to_owned(),
            transaction_type: transaction_type(row)?,
            transaction_id: row.get("transaction_id")?,
            order_id: row.get("order_id")?,
            product_id: row.get("product_id")?,
            click_id: row.get("click_id")?,
            value: amount(row, "value", "value_decimals")?,
            currency: row.get("currency")?,
        })
    }
}

fn ties_of(entry: &Entry) -> Vec<Tie> {
    ties(entry.order_id.as_ref(), entry.transaction_id.as_ref(), entry.click_id.as_ref(), entry.product_id.as_ref())
}

/// The entry without the ties that are crowded.
fn without(mut entry: Entry, crowded: &BTreeSet<Tie>) -> Entry {
    for tie in ties_of(&entry) {
        if crowded.contains(&tie) {
            match tie {
                Tie::Order(_) => entry.order_id = None,
                Tie::Transaction(_) => entry.transaction_id = None,
                Tie::Click { .. } => entry.click_id = None,
            }
        }
    }
    entry
}
