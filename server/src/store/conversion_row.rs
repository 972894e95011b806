//! A conversion as it is listed: what its postback said, and what the books make of it.

use super::Millis;
use crate::attribution::Attribution;
use crate::ledger;
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::Conversion;
use tagwerk_protocol::money::Amount;

/// A conversion, as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversionRow {
    /// Its id.
    pub id: String,
    /// When it happened: the sender's time if it lies between click and receipt, else the receipt.
    pub at: Millis,
    /// When its postback arrived.
    pub received_at: Millis,
    /// What is known of whose it is.
    pub attribution: Attribution,
    /// What its postback said.
    pub said: Conversion,
    /// The sale that a refund or chargeback takes back; one that does not carry its money shows the sale of the one that does.
    pub sale_id: Option<String>,
    /// Where another conversion carries the money of this transaction, that one's type.
    pub booked_under: Option<String>,
    /// Whether it takes back more than was left of its sale.
    pub overdrawn: bool,
    /// Whether it repeats an earlier one, kept because its type says that each call counts.
    pub repeated: bool,
    /// Whether it is a later payment of those that recur: as the sender says, else if the same order, or the same click and product,
    /// has an earlier one.
    pub rebill: bool,
    /// Source of its visit.
    pub source: BTreeMap<String, String>,
    /// Ad click ids of its visit.
    pub click_ids: BTreeMap<String, String>,
}

impl ConversionRow {
    /// What it is worth: nothing of its own where another conversion carries the money of its transaction.
    pub fn value(&self) -> Option<Amount> {
        self.said.value.filter(|_| self.booked_under.is_none())
    }

    /// Everything there is to say about it.
    pub fn reasons(&self) -> Vec<String> {
        let booked_under = self.booked_under.as_deref().map(ledger::booked_under);
        let overdrawn = self.overdrawn.then(|| ledger::OVERDRAWN.to_owned());
        let told = self.attribution.reason.iter().chain(&self.said.notes).cloned();
        told.chain(booked_under).chain(overdrawn).collect()
    }
}
