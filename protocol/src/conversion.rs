//! What a postback says once it is understood.

use crate::money::{Amount, Currency};
use serde::{Deserialize, Serialize};

/// What happened to the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionType {
    /// Money came.
    Payment,
    /// Money went back.
    Refund,
    /// The bank took the money back.
    Chargeback,
}

impl TransactionType {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            TransactionType::Payment => "payment",
            TransactionType::Refund => "refund",
            TransactionType::Chargeback => "chargeback",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Payment, Self::Refund, Self::Chargeback].into_iter().find(|known| known.as_str() == word)
    }
}

/// The names of the conversion types that are built in.
pub mod conversion_type {
    /// A payment.
    pub const PURCHASE: &str = "Purchase";
    /// A payment of nothing: a free registration.
    pub const LEAD: &str = "Lead";
    /// Money that went back.
    pub const REFUND: &str = "Refund";
    /// Money that the bank took back.
    pub const CHARGEBACK: &str = "Chargeback";

    /// Whether a type is one of these.
    pub fn is_built_in(kind: &str) -> bool {
        [PURCHASE, LEAD, REFUND, CHARGEBACK].contains(&kind)
    }
}

/// The amounts a network may send, as magnitudes: the transaction type gives the sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// The affiliate's commission.
    pub affiliate: Option<Amount>,
    /// The vendor's share.
    pub vendor: Option<Amount>,
    /// What the buyer paid, tax included.
    pub brutto: Option<Amount>,
    /// What the buyer paid, without tax.
    pub netto: Option<Amount>,
}

/// Which amount counts as the value of a purchase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueRule {
    /// Brutto less netto: the rule that the AnyTrack guide documents for Digistore24.
    #[default]
    BruttoMinusNetto,
    /// The commission.
    Affiliate,
    /// The vendor's share.
    Vendor,
    /// What the buyer paid.
    Brutto,
    /// What the buyer paid, without tax.
    Netto,
}

impl ValueRule {
    /// Every rule, in the order in which they are offered.
    pub const ALL: [Self; 5] = [Self::BruttoMinusNetto, Self::Affiliate, Self::Vendor, Self::Brutto, Self::Netto];

    /// The word in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            ValueRule::BruttoMinusNetto => "brutto_minus_netto",
            ValueRule::Affiliate => "affiliate",
            ValueRule::Vendor => "vendor",
            ValueRule::Brutto => "brutto",
            ValueRule::Netto => "netto",
        }
    }

    /// The value of a payment with these amounts, never negative: the transaction type gives the sign. `Err` names the
    /// amount that is missing.
    ///
    /// # Errors
    /// An amount that the rule needs was not sent.
    pub fn value(self, amounts: &Amounts) -> Result<Amount, &'static str> {
        match self {
            ValueRule::BruttoMinusNetto => {
                let brutto = amounts.brutto.ok_or("brutto")?;
                brutto.minus(amounts.netto.ok_or("netto")?).map(Amount::magnitude).ok_or("brutto")
            }
            ValueRule::Affiliate => amounts.affiliate.ok_or("affiliate"),
            ValueRule::Vendor => amounts.vendor.ok_or("vendor"),
            ValueRule::Brutto => amounts.brutto.ok_or("brutto"),
            ValueRule::Netto => amounts.netto.ok_or("netto"),
        }
    }
}

/// A conversion as its postback tells it, before anybody knows whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// The tracking group it came through.
    pub group: String,
    /// What identifies it: a repeat has the same, and a test never that of a real one. Never empty.
    pub identity: String,
    /// A hash of all it says but what the group marks volatile: a repeat that says the same has the same.
    pub content: String,
    /// `Purchase`, `Lead`, `Refund`, `Chargeback`, or a custom type.
    pub kind: String,
    /// The `type=` of its URL, as sent; `None` where it is absent.
    pub type_sent: Option<String>,
    /// Its value by the site's rule, negative where money went back; `None` where an amount is missing.
    pub value: Option<Amount>,
    /// The currency of value and amounts.
    pub currency: Option<Currency>,
    /// Every amount that was sent.
    pub amounts: Amounts,
    /// The network's id of this transaction.
    pub transaction_id: Option<String>,
    /// What happened to the money.
    pub transaction_type: TransactionType,
    /// The network's word: initial sale, upsell, ...
    pub order_type: Option<String>,
    /// The network's word: single payment, subscription, ...
    pub billing_type: Option<String>,
    /// The network's word: paying, completed, ...
    pub billing_status: Option<String>,
    /// The network's order.
    pub order_id: Option<String>,
    /// The network's product.
    pub product_id: Option<String>,
    /// What the product is called.
    pub product_name: Option<String>,
    /// What came in the sub-id parameter, as sent; `None` where it is absent.
    pub sub_id: Option<String>,
    /// Parameters passed through (`sid1`, `campaignkey`, ...), absent ones left out.
    pub custom: Vec<(String, String)>,
    /// When the sender says it happened, in milliseconds since 1970 UTC.
    pub sent_at: Option<i64>,
    /// Whether the sender marked it as a test.
    pub is_test: bool,
    /// What a reader should know about it: a missing amount, a currency that is none.
    pub notes: Vec<String>,
}

impl Conversion {
    /// The built-in type for a transaction and its amounts: a payment is a Lead if every amount it sent is zero.
    pub fn built_in_type(transaction: TransactionType, amounts: &Amounts) -> &'static str {
        let sent = [amounts.affiliate, amounts.vendor, amounts.brutto, amounts.netto];
        let mut sent = sent.into_iter().flatten().peekable();
        match transaction {
            TransactionType::Payment if sent.peek().is_some() && sent.all(Amount::is_zero) => conversion_type::LEAD,
            TransactionType::Payment => conversion_type::PURCHASE,
            TransactionType::Refund => conversion_type::REFUND,
            TransactionType::Chargeback => conversion_type::CHARGEBACK,
        }
    }
}
