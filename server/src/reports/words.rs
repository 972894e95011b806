//! The words for dimensions and metrics, as they stand in queries, in the API and in the heads of tables.

use crate::store::facts::{Behind, Dimension};

/// Dimensions with a word of their own, in the order in which they are offered, and what people call them.
static DIMENSIONS: [(&str, Dimension, &str); 20] = [
    ("platform", Dimension::ClickIds, "Ad platform"),
    ("referrer", Dimension::Referrer, "Referrer"),
    ("landing_page", Dimension::LandingPage, "Landing page"),
    ("page", Dimension::Page, "Page"),
    ("link", Dimension::Link, "Link"),
    ("group", Dimension::Group, "Tracking group"),
    ("product", Dimension::Product, "Product"),
    ("type", Dimension::Type, "Type"),
    ("transaction_type", Dimension::TransactionType, "Transaction type"),
    ("order_type", Dimension::OrderType, "Order type"),
    ("billing_type", Dimension::BillingType, "Billing type"),
    ("billing_status", Dimension::BillingStatus, "Billing status"),
    ("state", Dimension::State, "Attribution"),
    ("country", Dimension::Country, "Country"),
    ("device", Dimension::Device, "Device"),
    ("hour", Dimension::Hour, "Hour of the day"),
    ("weekday", Dimension::Weekday, "Day of the week"),
    ("day", Dimension::Day, "Day"),
    ("week", Dimension::Week, "Week"),
    ("month", Dimension::Month, "Month"),
];
/// The campaign parameters that everybody uses, and what people call them.
const UTM: [(&str, &str); 5] = [
    ("utm_source", "Source"),
    ("utm_medium", "Medium"),
    ("utm_campaign", "Campaign"),
    ("utm_term", "Term"),
    ("utm_content", "Content"),
];
/// Parameters that networks hand through, which are words by themselves.
const HANDED_THROUGH: [&str; 6] = ["sid1", "sid2", "sid3", "sid4", "sid5", "campaignkey"];
/// Stands before the name of any other parameter that a network hands through.
const CUSTOM: &str = "custom.";
/// Longest name of a parameter.
const LONGEST: usize = 64;

/// The word for a dimension.
pub fn word(dimension: &Dimension) -> String {
    match dimension {
        Dimension::Utm(name) => name.clone(),
        Dimension::Custom(name) if HANDED_THROUGH.contains(&name.as_str()) => name.clone(),
        Dimension::Custom(name) => format!("{CUSTOM}{name}"),
        other => {
            DIMENSIONS.iter().find(|(_, known, _)| known == other).map(|(word, ..)| *word).unwrap_or_default().into()
        }
    }
}

/// What people call a dimension.
pub fn label(dimension: &Dimension) -> String {
    match dimension {
        Dimension::Utm(name) => {
            UTM.iter().find(|(known, _)| known == name).map_or_else(|| name.clone(), |(_, label)| (*label).to_owned())
        }
        Dimension::Custom(name) => name.clone(),
        other => DIMENSIONS
            .iter()
            .find(|(_, known, _)| known == other)
            .map(|(_, _, label)| *label)
            .unwrap_or_default()
            .into(),
    }
}

/// Reads the word for a dimension.
pub fn dimension(word: &str) -> Option<Dimension> {
    let is_name = |name: &str| {
        (1..=LONGEST).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b',' | b':'))
    };
    if let Some(name) = word.strip_prefix("utm_") {
        return is_name(name).then(|| Dimension::Utm(word.to_owned()));
    }
    if HANDED_THROUGH.contains(&word) {
        return Some(Dimension::Custom(word.to_owned()));
    }
    if let Some(name) = word.strip_prefix(CUSTOM) {
        return is_name(name).then(|| Dimension::Custom(name.to_owned()));
    }
    DIMENSIONS.iter().find(|(known, ..)| *known == word).map(|(_, dimension, _)| dimension.clone())
}

/// Every dimension that can always be asked for, in the order in which they are offered.
pub fn offered() -> Vec<Dimension> {
    let utm = UTM.iter().map(|(name, _)| Dimension::Utm((*name).to_owned()));
    let rest = DIMENSIONS.iter().map(|(_, dimension, _)| dimension.clone());
    let handed_through = HANDED_THROUGH.iter().map(|name| Dimension::Custom((*name).to_owned()));
    utm.chain(rest).chain(handed_through).collect()
}

/// Declares the metrics with their words and labels.
macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $label:literal, $kind:ident);* $(;)?) => {
        /// What a report tells of a group of rows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Metric { $($(#[$doc])* $name),* }

        impl Metric {
            /// Every metric, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word, as in queries and in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// What people call it.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }

            /// How it is written.
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind),* }
            }
        }
    };
}

/// What a metric is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeOf {
    /// Of these rows and no others: it counts all of them, or adds up what they say.
    Rows(Behind),
    /// Of the costs that were entered, and of the visits that say what they cost.
    Costs,
    /// Of two others, the one less the other.
    Difference(Metric, Metric),
    /// Of two others, the one divided by the other.
    Quotient(Metric, Metric),
}

/// How a metric is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number of things.
    Count,
    /// Things that models may share: millionths.
    Shares,
    /// Money of the report's currency, in 10^-6.
    Money,
    /// A ratio in millionths, shown per cent.
    Ratio,
}

metrics! {
    /// Arrivals.
    Visits = "visits", "Visits", Count;
    /// Browsers that came.
    Visitors = "visitors", "Visitors", Count;
    /// Visits of programs, which are in the visits.
    Bots = "bots", "Bots", Count;
    /// Outbound clicks.
    Clicks = "clicks", "Clicks", Count;
    /// Clicks per visit.
    Ctr = "ctr", "CTR", Ratio;
    /// Conversions that take nothing back.
    Conversions = "conversions", "Conversions", Shares;
    /// Of them leads.
    Leads = "leads", "Leads", Shares;
    /// Of them sales.
    Sales = "sales", "Sales", Shares;
    /// Refunds.
    Refunds = "refunds", "Refunds", Shares;
    /// Chargebacks.
    Chargebacks = "chargebacks", "Chargebacks", Shares;
    /// Conversions and what takes them back, as far as their value is not known.
    WithoutValue = "without_value", "Without value", Shares;
    /// What was paid.
    Revenue = "revenue", "Revenue", Money;
    /// What went back.
    Refunded = "refunded", "Refunded", Money;
    /// Revenue less what went back.
    Net = "net", "Net", Money;
    /// What the affiliate gets, less what was taken back.
    Commission = "commission", "Commission", Money;
    /// Net per click.
    Epc = "epc", "EPC", Money;
    /// Conversions per click.
    ConversionRate = "conversion_rate", "Conv. rate", Ratio;
    /// What was spent.
    Cost = "cost", "Cost", Money;
    /// Net less cost.
    Profit = "profit", "Profit", Money;
    /// Profit per cost.
    Roi = "roi", "ROI", Ratio;
}

impl Metric {
    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.as_str() == word)
    }

    /// What it is made of.
    pub fn made_of(self) -> MadeOf {
        use MadeOf::{Costs, Difference, Quotient, Rows};
        match self {
            Self::Visits | Self::Visitors => Rows(Behind::Visits),
            Self::Bots => Rows(Behind::Bots),
            Self::Clicks => Rows(Behind::Clicks),
            Self::Ctr => Quotient(Self::Clicks, Self::Visits),
            Self::Conversions | Self::Revenue => Rows(Behind::Conversions),
            Self::Leads => Rows(Behind::Leads),
            Self::Sales => Rows(Behind::Sales),
            Self::Refunds => Rows(Behind::Refunds),
            Self::Chargebacks => Rows(Behind::Chargebacks),
            Self::WithoutValue => Rows(Behind::Unvalued),
            Self::Refunded => Rows(Behind::Returns),
            Self::Net | Self::Commission => Rows(Behind::Money),
            Self::Epc => Quotient(Self::Net, Self::Clicks),
            Self::ConversionRate => Quotient(Self::Conversions, Self::Clicks),
            Self::Cost => Costs,
            Self::Profit => Difference(Self::Net, Self::Cost),
            Self::Roi => Quotient(Self::Profit, Self::Cost),
        }
    }

    /// Whether it takes visits to tell it.
    pub fn of_visits(self) -> bool {
        matches!(self, Self::Visits | Self::Visitors | Self::Bots | Self::Ctr | Self::Cost | Self::Profit | Self::Roi)
    }

    /// Whether it takes clicks to tell it.
    pub fn of_clicks(self) -> bool {
        matches!(self, Self::Clicks | Self::Ctr | Self::Epc | Self::ConversionRate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_dimension_that_is_offered_has_a_word_and_a_label_of_its_own() {
        let offered = offered();
        let words: BTreeSet<String> = offered.iter().map(word).collect();
        let labels: BTreeSet<String> = offered.iter().map(label).collect();
        assert_eq!((words.len(), labels.len()), (offered.len(), offered.len()));
        for one in offered {
            assert_eq!(dimension(&word(&one)), Some(one));
        }
    }

    #[test]
    fn other_campaign_parameters_and_other_parameters_of_networks_are_known_by_their_names() {
        assert_eq!(dimension("utm_id"), Some(Dimension::Utm("utm_id".into())));
        assert_eq!(dimension("custom.tid"), Some(Dimension::Custom("tid".into())));
        assert_eq!(word(&Dimension::Custom("tid".into())), "custom.tid");
        for nothing in ["utm_", "utm_a,b", "utm_a:b", "custom.", "sid6", "", "Day", "click_ids"] {
            assert_eq!(dimension(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn every_metric_is_known_by_its_word() {
        for metric in Metric::ALL {
            assert_eq!(Metric::parse(metric.as_str()), Some(*metric));
        }
    }
}
