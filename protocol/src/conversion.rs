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

/// What a repeat does, a postback that says something else under the identity of one that is booked. One that says the same is never
/// booked twice, except by the two modes that create.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Nothing: the one that was sent first counts.
    #[default]
    Ignore,
    /// The one that was sent last counts.
    Edit,
    /// Facts of the one that was sent first, amounts of all added up.
    AddPayout,
    /// Each call is a conversion; all but the first received are marked as repeated.
    KeepRepeated,
    /// Each call is a conversion.
    CreateNew,
    /// Nothing, but what tells repeats apart is the sender's event id, not the transaction.
    IgnoreByEventId,
}

impl Repeat {
    /// Every mode.
    pub const ALL: [Self; 6] =
        [Self::Ignore, Self::Edit, Self::AddPayout, Self::KeepRepeated, Self::CreateNew, Self::IgnoreByEventId];

    /// The word, as stored and in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Repeat::Ignore => "ignore",
            Repeat::Edit => "edit",
            Repeat::AddPayout => "add_payout",
            Repeat::KeepRepeated => "keep_repeated",
            Repeat::CreateNew => "create_new",
            Repeat::IgnoreByEventId => "ignore_by_event_id",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// Whether each call makes a conversion of its own.
    pub fn creates(self) -> bool {
        matches!(self, Repeat::KeepRepeated | Repeat::CreateNew)
    }
}

/// The amounts a network may send, as magnitudes: the transaction type gives the sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl Amounts {
    /// Each amount of both added up; what only one of them has stays as it is there. `None` beyond the range.
    pub fn plus(self, other: Self) -> Option<Self> {
        let add = |one: Option<Amount>, two: Option<Amount>| match (one, two) {
            (Some(one), Some(two)) => one.plus(two).map(Some),
            (one, two) => Some(one.or(two)),
        };
        Some(Self {
            affiliate: add(self.affiliate, other.affiliate)?,
            vendor: add(self.vendor, other.vendor)?,
            brutto: add(self.brutto, other.brutto)?,
            netto: add(self.netto, other.netto)?,
        })
    }
}

/// A conversion as its postback tells it, before anybody knows whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether that was taken for granted, since the sender does not say: what another postback of the transaction says goes before it.
    pub assumed: bool,
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
    /// Whether it is a test: as the sender says, or as it was marked by hand.
    pub is_test: bool,
    /// Whether that was marked by hand.
    #[serde(default)]
    pub marked: bool,
    /// What a repeat of it does.
    pub repeat: Repeat,
    /// What it shares with its repeats where each of them is a conversion of its own.
    pub series: Option<String>,
    /// Whether it is a later payment of a subscription or in instalments, where the sender tells.
    pub rebill: Option<bool>,
    /// Whether it belongs to payments that recur.
    pub recurring: bool,
    /// How old its click may be, in days, for it to be credited; `None` for any age.
    pub click_expiry_days: Option<u32>,
    /// Whether it was brought in afterwards: then the sender's time counts, whether or not a click is known.
    pub past: bool,
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
