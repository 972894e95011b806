//! What reports are made of: a narrow row for every visit, click and conversion, kept in columns, so that any question about millions of
//! them is a scan of the few columns it names.

use super::{Millis, StoreError};
use crate::credit::Model;
use crate::rates::RateTable;
use async_trait::async_trait;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::ops::{AddAssign, Neg};
use std::sync::Arc;
use tagwerk_protocol::money::Currency;

/// By what rows are told apart and filtered. A conversion has what its credited visit has, what its click has, and what it says itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// A campaign parameter of the credited visit, by its name: `utm_source`, `utm_id`, ...
    Utm(String),
    /// The names of the credited visit's ad click ids, sorted and joined by commas.
    ClickIds,
    /// The host of the page that led to the credited visit.
    Referrer,
    /// Path of the credited visit's landing page.
    LandingPage,
    /// Country of the credited visit, two letters.
    Country,
    /// Device of the credited visit.
    Device,
    /// Host and path of the page on which the link was clicked. Of clicks and conversions.
    Page,
    /// Host and path that the clicked link led to. Of clicks and conversions.
    Link,
    /// The tracking group. Of clicks and conversions.
    Group,
    /// The network's product, by its id. Of conversions.
    Product,
    /// The conversion's type.
    Type,
    /// `payment`, `refund` or `chargeback`.
    TransactionType,
    /// The network's word for the kind of order.
    OrderType,
    /// The network's word for the kind of payment.
    BillingType,
    /// The network's word for how billing stands.
    BillingStatus,
    /// [`ATTRIBUTED`] to a visit or [`UNATTRIBUTED`].
    State,
    /// A parameter of the conversion that the network hands through, by its name: `sid1`, `campaignkey`, ...
    Custom(String),
    /// Hour of the day in the question's zone: `00` to `23`.
    Hour,
    /// Day of the week in the question's zone: `1` (Monday) to `7`.
    Weekday,
    /// Day in the question's zone: `2026-01-31`.
    Day,
    /// ISO week in the question's zone: `2026-W05`.
    Week,
    /// Month in the question's zone: `2026-01`.
    Month,
}

/// The value of [`Dimension::State`] for what is credited to a visit.
pub const ATTRIBUTED: &str = "attributed";
/// The value of [`Dimension::State`] for what is credited to nobody.
pub const UNATTRIBUTED: &str = "unattributed";

impl Dimension {
    /// Whether it tells when something happened.
    pub fn is_time(&self) -> bool {
        matches!(self, Self::Hour | Self::Weekday | Self::Day | Self::Week | Self::Month)
    }

    /// Whether visits can be told apart by it.
    pub fn has_visits(&self) -> bool {
        use Dimension::*;
        self.is_time() || matches!(self, Utm(_) | ClickIds | Referrer | LandingPage | Country | Device)
    }

    /// Whether clicks can be told apart by it.
    pub fn has_clicks(&self) -> bool {
        self.has_visits() || matches!(self, Self::Page | Self::Link | Self::Group)
    }
}

/// One condition: a row is in if its value is one of these; `None` stands for having none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Of what.
    pub dimension: Dimension,
    /// Which values.
    pub values: Vec<Option<String>>,
}

/// Which rows are asked for, and what they are told apart by.
///
/// A condition on what visits do not have leaves no visit in; likewise for clicks.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// By what; none makes one total.
    pub by: Vec<Dimension>,
    /// Conditions, all of which hold.
    pub conditions: Vec<Condition>,
    /// From this time on; whole quarters of an hour.
    pub from: Millis,
    /// Before this time; whole quarters of an hour.
    pub until: Millis,
    /// The zone of days and hours.
    pub zone: TimeZone,
    /// Who gets the credit.
    pub model: Model,
    /// The currency that money is converted into, each row's by itself at the rate of its day in UTC; `None` converts nothing.
    pub into: Option<Currency>,
    /// The rates that it is converted by.
    pub rates: Arc<RateTable>,
    /// Whether visitors are counted, which takes longer.
    pub visitors: bool,
}

/// Money of one kind of one group of rows, in 10^-6.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Money {
    /// What was paid, by the site's rule of value.
    pub revenue: i128,
    /// What went back, as a magnitude.
    pub refunded: i128,
    /// What the affiliate gets of it, less what was taken back.
    pub commission: i128,
    /// What visits cost, as their landing pages' addresses say.
    pub cost: i128,
}

impl Money {
    /// What is left of the revenue.
    pub fn net(self) -> i128 {
        self.revenue - self.refunded
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        self.revenue += other.revenue;
        self.refunded += other.refunded;
        self.commission += other.commission;
        self.cost += other.cost;
    }
}

/// What is counted. Only conversions that carry their money and are no test count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Visits, those of bots among them.
    pub visits: i64,
    /// Visits of bots.
    pub bots: i64,
    /// Outbound clicks.
    pub clicks: i64,
    /// Conversions that take nothing back, in millionths: sales, leads and those of other types.
    pub conversions: i64,
    /// Of them those of the type Lead or CompleteRegistration, in millionths.
    pub leads: i64,
    /// Of them payments of the type Purchase, and those of types of the site's own that move money, in millionths.
    pub sales: i64,
    /// Refunds, in millionths.
    pub refunds: i64,
    /// Chargebacks, in millionths.
    pub chargebacks: i64,
    /// Conversions, refunds and chargebacks whose value is not known, in millionths.
    pub unvalued: i64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.visits += other.visits;
        self.bots += other.bots;
        self.clicks += other.clicks;
        self.conversions += other.conversions;
        self.leads += other.leads;
        self.sales += other.sales;
        self.refunds += other.refunds;
        self.chargebacks += other.chargebacks;
        self.unvalued += other.unvalued;
    }
}

impl Neg for Counts {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            visits: -self.visits,
            bots: -self.bots,
            clicks: -self.clicks,
            conversions: -self.conversions,
            leads: -self.leads,
            sales: -self.sales,
            refunds: -self.refunds,
            chargebacks: -self.chargebacks,
            unvalued: -self.unvalued,
        }
    }
}

/// How many visitors there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Visitors {
    /// How many; visits without a visitor are a visitor each.
    pub count: u64,
    /// Whether that is an estimate, off by two per cent or so.
    pub estimated: bool,
}

/// A group of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Its values, in the order of [`Asked::by`]; `None` where there is none.
    pub values: Vec<Option<String>>,
    /// What is counted.
    pub counts: Counts,
    /// Visitors, if they were asked for.
    pub visitors: Option<Visitors>,
    /// Money as it was sent, by currency; under `None` what came without one.
    pub amounts: BTreeMap<Option<String>, Money>,
    /// All of it in the currency asked for, as far as rates are known.
    pub converted: Money,
    /// Currencies of money that is not in `converted`, since no rate is known.
    pub not_converted: Vec<Option<String>>,
    /// Whether a rate was used that is older than it should be.
    pub stale: bool,
}

/// The answer to a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// The groups, in any order; each combination of values once, none of nothing.
    pub groups: Vec<Group>,
    /// Visitors over all groups, if they were asked for: one that is in several groups counts once.
    pub visitors: Option<Visitors>,
}

/// Which rows are behind a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Behind {
    /// Visits.
    Visits,
    /// Of them those of bots.
    Bots,
    /// Of them those that say what they cost.
    Paid,
    /// Clicks.
    Clicks,
    /// Conversions that take nothing back.
    Conversions,
    /// Of them leads.
    Leads,
    /// Of them sales.
    Sales,
    /// Refunds and chargebacks.
    Returns,
    /// Of them refunds.
    Refunds,
    /// Of them chargebacks.
    Chargebacks,
    /// Conversions, refunds and chargebacks: whatever moves money or may.
    Money,
    /// Of them those whose value is not known.
    Unvalued,
}

/// A row behind a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowBehind {
    /// The id of its row (a UUIDv7).
    pub id: String,
    /// How much of it counts, in millionths: all of it, or by some models its share.
    pub count: i64,
    /// How much of its value counts, in 10^-6 of its own currency; negative where money went back, 0 where it is not known. Of a visit
    /// behind [`Behind::Paid`], what it cost.
    pub value: i64,
    /// How much of its commission counts, likewise.
    pub commission: i64,
}

/// A part of the rows behind a figure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowsBehind {
    /// The rows, newest first by their ids.
    pub rows: Vec<RowBehind>,
    /// How many there are in all.
    pub total: u64,
    /// How much counts of all of them, in millionths: the figure itself, where it is a number of things.
    pub count: i64,
}

/// What taking in did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folded {
    /// How much of the news it took in.
    pub taken: usize,
    /// How much of it is left.
    pub left: u64,
}

/// Facts for reports. What was answered is news at once; facts know it once it is taken in.
#[async_trait]
pub trait Facts {
    /// Takes in at most so many of the visits, clicks and changed conversions that the facts do not know yet, oldest first. Calling it
    /// too often does no harm.
    async fn take_in(&self, limit: usize) -> Result<Folded, StoreError>;
    /// What was taken in, in groups.
    async fn groups(&self, site_id: &str, asked: Asked) -> Result<Groups, StoreError>;
    /// The rows behind a figure of a report that was asked the same: those whose ids come before `before` (newest first), so many at most.
    async fn rows_behind(
        &self,
        site_id: &str,
        asked: Asked,
        of: Behind,
        before: Option<String>,
        limit: usize,
    ) -> Result<RowsBehind, StoreError>;
    /// The values that a dimension has in what was taken in of the site, those of the newest rows among them, so many at most, sorted.
    async fn values(&self, site_id: &str, dimension: Dimension, limit: usize) -> Result<Vec<String>, StoreError>;
    /// The names of the campaign parameters ([`Dimension::Utm`]) and handed-through parameters ([`Dimension::Custom`]) that there are.
    async fn names(&self, site_id: &str) -> Result<Vec<Dimension>, StoreError>;
}
