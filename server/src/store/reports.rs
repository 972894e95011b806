//! What reports are made of: totals by day and dimension, kept up to date from what comes and changes.

use super::StoreError;
use crate::credit::Model;
use async_trait::async_trait;
use std::ops::{AddAssign, Neg};

/// Days since 1970-01-01, in UTC.
pub type Day = i64;

/// By what totals are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// By nothing: everything in one.
    All,
    /// `utm_source` of the credited visit.
    UtmSource,
    /// `utm_medium` of the credited visit.
    UtmMedium,
    /// `utm_campaign` of the credited visit.
    UtmCampaign,
    /// `utm_term` of the credited visit.
    UtmTerm,
    /// `utm_content` of the credited visit.
    UtmContent,
    /// The names of the credited visit's ad click ids, sorted and joined by commas.
    ClickIds,
    /// Path of the credited visit's landing page.
    LandingPage,
    /// Country of the credited visit.
    Country,
    /// Device of the credited visit.
    Device,
    /// The tracking group.
    Group,
    /// The network's product.
    Product,
    /// The conversion's type.
    Type,
    /// [`ATTRIBUTED`] to a visit or [`UNATTRIBUTED`].
    State,
}

/// The value of [`Dimension::State`] for what is credited to a visit.
pub const ATTRIBUTED: &str = "attributed";
/// The value of [`Dimension::State`] for what is credited to nobody.
pub const UNATTRIBUTED: &str = "unattributed";

impl Dimension {
    /// Those that the credited visit gives, in the order in which they are kept.
    pub const OF_VISIT: [Self; 9] = [
        Self::UtmSource,
        Self::UtmMedium,
        Self::UtmCampaign,
        Self::UtmTerm,
        Self::UtmContent,
        Self::ClickIds,
        Self::LandingPage,
        Self::Country,
        Self::Device,
    ];

    /// The word, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::All => "all",
            Dimension::UtmSource => "utm_source",
            Dimension::UtmMedium => "utm_medium",
            Dimension::UtmCampaign => "utm_campaign",
            Dimension::UtmTerm => "utm_term",
            Dimension::UtmContent => "utm_content",
            Dimension::ClickIds => "click_ids",
            Dimension::LandingPage => "landing_page",
            Dimension::Country => "country",
            Dimension::Device => "device",
            Dimension::Group => "group",
            Dimension::Product => "product",
            Dimension::Type => "type",
            Dimension::State => "state",
        }
    }

    /// Whether visits can be told apart by it.
    pub fn has_visits(self) -> bool {
        !matches!(self, Dimension::Group | Dimension::Product | Dimension::Type | Dimension::State)
    }

    /// Whether clicks can be told apart by it.
    pub fn has_clicks(self) -> bool {
        self.has_visits() || self == Dimension::Group
    }
}

/// Which totals are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// By what.
    pub dimension: Dimension,
    /// The first day.
    pub from: Day,
    /// The last day, included.
    pub to: Day,
    /// Whether each total is of one day.
    pub per_day: bool,
    /// If given, totals in any other currency are of one day each, so that they can be converted at that day's rate.
    pub into: Option<String>,
    /// Who gets the credit.
    pub model: Model,
    /// Conversions of this type alone; visits and clicks are not touched by it.
    pub kind: Option<String>,
    /// Conversions and clicks of this tracking group alone; visits are not touched by it.
    pub group: Option<String>,
}

/// What is counted. Only what carries its money and is no test counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measures {
    /// Visits, those of bots among them.
    pub visits: i64,
    /// Visits of bots.
    pub bots: i64,
    /// Outbound clicks.
    pub clicks: i64,
    /// Payments and what else moves no money back, in millionths.
    pub conversions: i64,
    /// Refunds and chargebacks, in millionths.
    pub refunds: i64,
    /// Those of both whose value is not known, in millionths.
    pub unvalued: i64,
    /// What was paid, in 10^-6.
    pub gross: i128,
    /// What went back, as a magnitude, in 10^-6.
    pub refunded: i128,
}

impl AddAssign for Measures {
    fn add_assign(&mut self, other: Self) {
        self.visits += other.visits;
        self.bots += other.bots;
        self.clicks += other.clicks;
        self.conversions += other.conversions;
        self.refunds += other.refunds;
        self.unvalued += other.unvalued;
        self.gross += other.gross;
        self.refunded += other.refunded;
    }
}

impl Neg for Measures {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            visits: -self.visits,
            bots: -self.bots,
            clicks: -self.clicks,
            conversions: -self.conversions,
            refunds: -self.refunds,
            unvalued: -self.unvalued,
            gross: -self.gross,
            refunded: -self.refunded,
        }
    }
}

/// One total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The dimension's value; `None` where there is none, and for [`Dimension::All`].
    pub value: Option<String>,
    /// Its day; `None` where it is of all days asked for.
    pub day: Option<Day>,
    /// The currency of its money; `None` where none is known, and for traffic.
    pub currency: Option<String>,
    /// What is counted.
    pub measures: Measures,
}

/// What folding did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folded {
    /// How much of the news it took in.
    pub taken: usize,
    /// How much of it is left.
    pub left: u64,
}

/// Totals for reports. What was answered is news at once; totals know it once it is folded in.
#[async_trait]
pub trait Reports {
    /// Takes in at most so many of the visits, clicks and changed conversions that the totals do not know yet, oldest first. Calling it
    /// too often does no harm.
    async fn fold(&self, limit: usize) -> Result<Folded, StoreError>;
    /// Totals of what was folded in; some of them may share value, day and currency, and some may be of nothing.
    async fn totals(&self, site_id: &str, asked: Asked) -> Result<Vec<Total>, StoreError>;
}
