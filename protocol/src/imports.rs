//! `groups/imports.toml`: how the conversion exports of other tools name their columns, and which of their words mean what.

use crate::conversion::TransactionType;
use crate::group::Postback;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The table of tools.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imports {
    /// One entry a tool.
    pub tool: Vec<Tool>,
}

/// One tool whose export can be read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// What a request calls it: `format=`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What a row is that does not say; without it, a row has to.
    pub default_transaction_type: Option<TransactionType>,
    /// Words of the status of rows that were never to be paid: they are passed over.
    #[serde(default)]
    pub not_booked: Vec<String>,
    /// What columns mean, and the names they go by, the likeliest first.
    pub columns: BTreeMap<Meaning, Vec<String>>,
    /// Its words for the type of a conversion that only say what happened to the money.
    #[serde(default)]
    pub transaction_types: BTreeMap<String, TransactionType>,
}

/// What a column can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is named as the field of a conversion it fills")]
pub enum Meaning {
    ClickId,
    TransactionId,
    TransactionType,
    Type,
    OrderId,
    OrderType,
    BillingType,
    BillingStatus,
    ProductId,
    ProductName,
    Currency,
    IsTest,
    EventId,
    Sequence,
    AmountAffiliate,
    AmountVendor,
    AmountBrutto,
    AmountNetto,
    /// When it happened.
    Time,
    /// A JSON object of parameters that are passed through.
    Custom,
    /// The tracking group of the row.
    Group,
    /// What the tool made of it: approved, declined.
    Status,
}

impl Meaning {
    /// Every meaning that is one parameter of a postback.
    pub const FIELDS: [Self; 17] = [
        Self::ClickId,
        Self::TransactionId,
        Self::TransactionType,
        Self::OrderId,
        Self::OrderType,
        Self::BillingType,
        Self::BillingStatus,
        Self::ProductId,
        Self::ProductName,
        Self::Currency,
        Self::IsTest,
        Self::EventId,
        Self::Sequence,
        Self::AmountAffiliate,
        Self::AmountVendor,
        Self::AmountBrutto,
        Self::AmountNetto,
    ];

    /// The word in `imports.toml` and in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Meaning::ClickId => "click_id",
            Meaning::TransactionId => "transaction_id",
            Meaning::TransactionType => "transaction_type",
            Meaning::Type => "type",
            Meaning::OrderId => "order_id",
            Meaning::OrderType => "order_type",
            Meaning::BillingType => "billing_type",
            Meaning::BillingStatus => "billing_status",
            Meaning::ProductId => "product_id",
            Meaning::ProductName => "product_name",
            Meaning::Currency => "currency",
            Meaning::IsTest => "is_test",
            Meaning::EventId => "event_id",
            Meaning::Sequence => "sequence",
            Meaning::AmountAffiliate => "amount_affiliate",
            Meaning::AmountVendor => "amount_vendor",
            Meaning::AmountBrutto => "amount_brutto",
            Meaning::AmountNetto => "amount_netto",
            Meaning::Time => "time",
            Meaning::Custom => "custom",
            Meaning::Group => "group",
            Meaning::Status => "status",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        let others = [Self::Type, Self::Time, Self::Custom, Self::Group, Self::Status];
        Self::FIELDS.into_iter().chain(others).find(|known| known.as_str() == word)
    }

    /// Whether it is an amount of money.
    pub fn is_amount(self) -> bool {
        matches!(self, Self::AmountAffiliate | Self::AmountVendor | Self::AmountBrutto | Self::AmountNetto)
    }

    /// The parameter in which a group's postback has it; `None` where it has none of that meaning.
    pub fn param(self, postback: &Postback) -> Option<&str> {
        let (fields, amounts) = (&postback.fields, &postback.amounts);
        match self {
            Meaning::ClickId => Some(&fields.click_id),
            Meaning::TransactionType => Some(&fields.transaction_type),
            Meaning::TransactionId => fields.transaction_id.as_deref(),
            Meaning::OrderId => fields.order_id.as_deref(),
            Meaning::OrderType => fields.order_type.as_deref(),
            Meaning::BillingType => fields.billing_type.as_deref(),
            Meaning::BillingStatus => fields.billing_status.as_deref(),
            Meaning::ProductId => fields.product_id.as_deref(),
            Meaning::ProductName => fields.product_name.as_deref(),
            Meaning::Currency => fields.currency.as_deref(),
            Meaning::IsTest => fields.is_test.as_deref(),
            Meaning::EventId => fields.event_id.as_deref(),
            Meaning::Sequence => fields.sequence.as_deref(),
            Meaning::AmountAffiliate => amounts.affiliate.as_deref(),
            Meaning::AmountVendor => amounts.vendor.as_deref(),
            Meaning::AmountBrutto => amounts.brutto.as_deref(),
            Meaning::AmountNetto => amounts.netto.as_deref(),
            Meaning::Type | Meaning::Time | Meaning::Custom | Meaning::Group | Meaning::Status => None,
        }
    }
}

impl Imports {
    /// Reads the table.
    ///
    /// # Errors
    /// The text does not fit the schema, or one tool has a name for two meanings; the message names the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, String> {
        let imports: Self = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
        for tool in &imports.tool {
            let mut seen = BTreeMap::new();
            for (meaning, names) in &tool.columns {
                for name in names {
                    if let Some(other) = seen.insert(plain_name(name), meaning).filter(|other| *other != meaning) {
                        return Err(format!("{file}: {} has \"{name}\" for both {other:?} and {meaning:?}", tool.name));
                    }
                }
            }
        }
        Ok(imports)
    }

    /// The tool of that name.
    pub fn get(&self, name: &str) -> Option<&Tool> {
        self.tool.iter().find(|tool| tool.name == name)
    }
}

impl Tool {
    /// What a column of this name means, and how far down its list the name stands.
    pub fn meaning(&self, column: &str) -> Option<(Meaning, usize)> {
        let column = plain_name(column);
        self.columns.iter().find_map(|(meaning, names)| {
            let rank = names.iter().position(|name| plain_name(name) == column)?;
            Some((*meaning, rank))
        })
    }

    /// What happened to the money, where a word for the type of a conversion only says that.
    pub fn transaction_type(&self, word: &str) -> Option<TransactionType> {
        let mut types = self.transaction_types.iter();
        types.find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, kind)| *kind)
    }
}

/// The name by which columns are compared: lower case, without spaces, `_`, `-` and `.`.
pub fn plain_name(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | '.') && !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Imports {
        Imports::parse("groups/imports.toml", include_str!("../../groups/imports.toml")).expect("the table reads")
    }

    #[test]
    fn the_built_in_table_reads_and_its_names_are_compared_loosely() {
        let table = table();
        let tool = table.get("redtrack").expect("a tool");
        assert_eq!(tool.meaning("Click ID"), Some((Meaning::ClickId, 0)));
        assert_eq!(tool.meaning("PAYOUT"), Some((Meaning::AmountAffiliate, 1)));
        assert_eq!(tool.meaning("Browser"), None);
        assert_eq!(tool.transaction_type("Refund"), Some(TransactionType::Refund));
        assert_eq!(tool.transaction_type("Upsell"), None);
    }

    #[test]
    fn every_meaning_reads_from_its_own_word() {
        for (meaning, _) in table().tool.iter().flat_map(|tool| &tool.columns) {
            assert_eq!(Meaning::parse(meaning.as_str()), Some(*meaning));
        }
        assert_eq!(Meaning::parse("colour"), None);
    }

    #[test]
    fn a_name_for_two_meanings_is_an_error() {
        let text = "[[tool]]\nname = \"x\"\ntitle = \"X\"\n[tool.columns]\nclick_id = [\"id\"]\norder_id = [\"I D\"]\n";
        let error = Imports::parse("imports.toml", text).expect_err("a name twice");
        assert!(error.contains("imports.toml") && error.contains("I D"), "{error}");
    }
}
