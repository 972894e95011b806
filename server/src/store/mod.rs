//! What the server keeps, in domain words. An engine is a folder that implements these traits and runs the conformance
//! suite in `tests/store/`. No clock and no randomness in here: times and ids are passed in.

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tagwerk_protocol::conversion::{Conversion, TransactionType};
use tagwerk_protocol::event::{Event, MAX_COOKIES};

mod arrivals;
mod backups;
mod conversion_row;
mod costs;
mod erasing;
pub mod facts;
pub mod health;
mod holdings;
mod jobs;
mod links;
mod list;
mod operators;
mod outbox;
mod people;
mod rates;
mod seals;
pub mod sqlite;
mod story;
mod tracking_ids;
mod trail;

pub use arrivals::{Arrival, Arrivals};
pub use backups::{Backup, Backups};
pub use conversion_row::ConversionRow;
pub use costs::{Costs, SavedReport};
pub use erasing::{Cleansed, Cleansing, Erased, Erasing, Erasure, Footprint};
pub use holdings::{Caller, Counts, Holdings};
pub use jobs::{Job, JobKind, JobState, Jobs, Step};
pub use links::{LinkRow, Links};
pub use list::{BadCursor, Field, Filter, List, Listing, Order, Page, Place, Time};
pub use operators::{Key, KeyKind, Operators};
pub use outbox::{
    Again, Claimed, DeliveryRow, DeliveryState, Due, Outbox, OutletRow, OutletRules, Pace, Settled, Settling,
};
pub use people::{ApiToken, People, User, UserChange};
pub use rates::{KeptRates, RateDay, Rates};
pub use seals::{SealedKind, SealedText, Seals};
pub use story::{Looked, Stories};
pub use tracking_ids::{ReplacedTrackingId, Rotation};
pub use trail::{Deed, DeedFilter, DeedWords, Trail};

/// Milliseconds since 1970 UTC.
pub type Millis = i64;

/// Why the store did not do what it was asked. Named by what the reader can do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// More waits than the queue holds: try again soon.
    #[error("more is waiting than can be written; try again soon")]
    Busy,
    /// It cannot be made durable or read now: try again later.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is stored does not read: an operator has to look.
    #[error("the store holds something that does not read: {0}")]
    Corrupt(String),
}

/// Everything the server keeps.
pub trait Store:
    Arrivals
    + Backups
    + health::Health
    + Sites
    + Inbox
    + Books
    + Costs
    + Erasing
    + facts::Facts
    + Holdings
    + Outbox
    + Jobs
    + Links
    + Rates
    + Operators
    + People
    + Trail
    + Seals
    + Stories
    + Send
    + Sync
{
}
impl<
    T: Arrivals
        + Backups
        + health::Health
        + Sites
        + Inbox
        + Books
        + Costs
        + Erasing
        + facts::Facts
        + Holdings
        + Outbox
        + Jobs
        + Links
        + Rates
        + Operators
        + People
        + Trail
        + Seals
        + Stories
        + Send
        + Sync,
> Store for T
{
}

/// The store as handlers hold it.
pub type SharedStore = Arc<dyn Store>;

/// One tracked property.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// 12 characters `[A-Za-z0-9]`, public.
    pub site_id: String,
    /// 24 characters, secret.
    pub tracking_id: String,
    /// When it was made.
    pub created_at: Millis,
    /// Its settings as JSON, secrets sealed; `crate::settings` knows what they mean.
    pub settings: Value,
}

/// Sites, their tracking ids and settings.
#[async_trait]
pub trait Sites {
    /// Adds a site.
    async fn add_site(&self, site: Site) -> Result<(), StoreError>;
    /// Every site, oldest first.
    async fn sites(&self) -> Result<Vec<Site>, StoreError>;
    /// The site with this public id.
    async fn site(&self, site_id: &str) -> Result<Option<Site>, StoreError>;
    /// The site with this secret tracking id, or with one that was replaced and has not run out yet.
    async fn site_by_tracking_id(&self, tracking_id: &str, now: Millis) -> Result<Option<Site>, StoreError>;
    /// Gives a site a new tracking id; the one before goes on for a while. `false` where there is no such site.
    async fn rotate_tracking_id(&self, site_id: &str, rotation: Rotation) -> Result<bool, StoreError>;
    /// The site's replaced tracking ids that still work, the one that runs out last first.
    async fn replaced_tracking_ids(&self, site_id: &str, now: Millis) -> Result<Vec<ReplacedTrackingId>, StoreError>;
    /// Replaces a site's settings if they are still `before`, and with them what it sends where, from now on; `false` where somebody was
    /// faster or the site is gone.
    async fn replace_settings(
        &self,
        site_id: &str,
        before: &Value,
        after: Value,
        outlets: Vec<OutletRules>,
        now: Millis,
    ) -> Result<bool, StoreError>;
}

/// An event as the tag sent it, with what the server found out about it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedEvent {
    /// UUIDv7 of its row.
    pub id: String,
    /// When it arrived.
    pub received_at: Millis,
    /// What the tag said.
    pub event: Event,
    /// The visitor's address, as much of it as the site keeps.
    pub ip: Option<String>,
    /// The visitor's browser, in its own words.
    pub user_agent: Option<String>,
    /// What becomes of its visit, if this is the first that is heard of it.
    pub visit: NewVisit,
}

/// A visit as it is written, once.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVisit {
    /// UUIDv7 of its row.
    pub id: String,
    /// Campaign parameters of the arrival that brought the visitor.
    pub source: BTreeMap<String, String>,
    /// Ad click ids of that arrival.
    pub click_ids: BTreeMap<String, String>,
    /// The ad platforms' own cookies in the page. What later events of the visit tell is added; what is known stays.
    pub cookies: BTreeMap<String, String>,
    /// Cookies made of the ad click ids; those in the page go before them, whenever they are told.
    pub built_cookies: BTreeMap<String, String>,
    /// The first arrival of this visitor that is known, with source and click ids.
    pub first_touch: Option<FirstTouch>,
    /// Two letters, where a proxy tells.
    pub country: Option<String>,
    /// `pc`, `smartphone`, ... as the user agent says.
    pub device: Option<String>,
    /// Whether the user agent is a known bot, or the browser is driven by a program.
    pub bot: bool,
    /// What it cost, as its landing page's address says: 10^-6 of a currency, three letters.
    pub cost: Option<(i64, String)>,
}

/// Adds the cookies that are not known yet, up to [`MAX_COOKIES`] in all; whether any was.
pub fn add_cookies(known: &mut BTreeMap<String, String>, more: &BTreeMap<String, String>) -> bool {
    let before = known.len();
    for (name, value) in more {
        if known.len() < MAX_COOKIES {
            known.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    known.len() > before
}

/// How a visitor first came.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
pub struct FirstTouch {
    /// When, in milliseconds since 1970 UTC.
    pub at: Millis,
    /// The landing page.
    pub landing_page: String,
    /// The referrer.
    pub referrer: Option<String>,
    /// Campaign parameters.
    pub source: BTreeMap<String, String>,
    /// Ad click ids.
    pub click_ids: BTreeMap<String, String>,
}

/// The channel by which a postback came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `/{tracking_id}/collect/{group}`.
    Collect,
    /// `/{tracking_id}/ipn/{group}`: a signed notification.
    Ipn,
    /// `/{tracking_id}/postback`: the way trackers are called.
    Tracker,
    /// `/{site_id}/postback`: an image in a page.
    Pixel,
    /// A row of a file that was imported.
    Import,
    /// What the network's API told when it was asked.
    Reconcile,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 6] = [Self::Collect, Self::Ipn, Self::Tracker, Self::Pixel, Self::Import, Self::Reconcile];

    /// The word, as stored and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Collect => "collect",
            Channel::Ipn => "ipn",
            Channel::Tracker => "tracker",
            Channel::Pixel => "pixel",
            Channel::Import => "import",
            Channel::Reconcile => "reconcile",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// A postback as it arrived, and what intake made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedPostback {
    /// UUIDv7 of its row.
    pub id: String,
    /// When it arrived.
    pub received_at: Millis,
    /// The group in its URL, as sent.
    pub group: String,
    /// The channel.
    pub channel: Channel,
    /// The raw request, sealed.
    pub raw: Vec<u8>,
    /// What it says, or why it cannot be understood.
    pub said: Result<Said, String>,
}

/// A postback that was read again: under other rules, or with something corrected by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Rereading {
    /// The postback.
    pub postback_id: String,
    /// What was corrected in it when it was read, sealed. Where the postback has other corrections by now, somebody was faster, and
    /// nothing happens.
    pub before: Option<Vec<u8>>,
    /// What the operator corrected, sealed; `None` leaves that as it is.
    pub corrections: Option<Vec<u8>>,
    /// What it says now, or why it cannot be understood.
    pub said: Result<Said, String>,
}

/// What a postback says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Something that is booked.
    Conversion {
        /// UUIDv7 for the conversion, if it is a new one; of the time of its receipt.
        conversion_id: String,
        /// The conversion as told.
        conversion: Box<Conversion>,
    },
    /// Something about an order that moves no money.
    OrderEvent(OrderEvent),
    /// Nothing that is booked.
    Nothing {
        /// What it was.
        reason: String,
        /// Whether that is as it should be; else somebody has to look.
        settled: bool,
    },
}

/// What happened to an order without money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// The tracking group.
    pub group: String,
    /// The network's order.
    pub order_id: String,
    /// The network's word for it.
    pub event: String,
    /// The network's transaction.
    pub transaction_id: Option<String>,
    /// The network's product.
    pub product_id: Option<String>,
    /// The network's word: paying, aborted, ...
    pub billing_status: Option<String>,
    /// What came in the sub-id parameter.
    pub sub_id: Option<String>,
    /// Whether the sender marked it as a test.
    pub is_test: bool,
}

/// What became of a postback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PostbackState {
    /// It made a conversion that is attributed.
    Accepted,
    /// It repeats one that made a conversion.
    Duplicate,
    /// It changed a conversion.
    Updated,
    /// It made a conversion that matches no visit.
    Unattributed,
    /// It made a conversion marked as a test.
    Test,
    /// It cannot be understood.
    Refused,
}

impl PostbackState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Duplicate, Self::Updated, Self::Unattributed, Self::Test, Self::Refused];

    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Updated => "updated",
            Self::Unattributed => "unattributed",
            Self::Test => "test",
            Self::Refused => "refused",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// What became of a postback, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostbackOutcome {
    /// The state.
    pub state: PostbackState,
    /// The reason, where there is something to say.
    pub reason: Option<String>,
    /// The conversion it made, repeats or changed.
    pub conversion_id: Option<String>,
}

/// What arrives. Each call is durable when it returns `Ok`.
#[async_trait]
pub trait Inbox {
    /// Takes the events of one request, all or none. Event ids that are known change nothing. A visit is written with the first event
    /// that is heard of it and claims the conversions that waited for it. Nothing is kept of what tells of a visit or visitor that was
    /// erased; how many events that were.
    async fn receive_events(&self, site_id: &str, events: Vec<ReceivedEvent>) -> Result<usize, StoreError>;
    /// Takes a postback: keeps it, makes or finds its conversion, attributes it, lets one conversion of each
    /// transaction carry its money, and joins refunds to sales.
    async fn receive_postback(&self, site_id: &str, postback: ReceivedPostback) -> Result<PostbackOutcome, StoreError>;
    /// What would become of these postbacks, received in this order: nothing of it is kept.
    async fn rehearse_postbacks(
        &self,
        site_id: &str,
        postbacks: Vec<ReceivedPostback>,
    ) -> Result<Vec<PostbackOutcome>, StoreError>;
    /// Brings the books up to what a postback says when it is read again. Its conversion keeps its id as long as a postback tells it.
    /// `None` where there is no such postback, or somebody was faster. Of postbacks that are the same call, one that was corrected by hand
    /// is the one that is booked.
    async fn reread(&self, site_id: &str, rereading: Rereading) -> Result<Option<PostbackOutcome>, StoreError>;
    /// Takes addresses, browsers, and what was said to the platforms out of rows received before this time, so many rows at most in one
    /// go; how many rows were looked at. Nothing is looked at twice.
    async fn forget(&self, site_id: &str, before: Millis, most: usize) -> Result<usize, StoreError>;
    /// The postbacks received after the one of this id, oldest first; from the very first without one.
    async fn postbacks_from(
        &self,
        site_id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<PostbackRow>, StoreError>;
}

/// A visit, as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    /// 16 characters.
    pub visit_id: String,
    /// The browser's first-party id.
    pub visitor_id: Option<String>,
    /// When it began, by the visitor's clock.
    pub at: Millis,
    /// When it was first heard of.
    pub received_at: Millis,
    /// The page it began on.
    pub landing_page: String,
    /// The page that led there.
    pub referrer: Option<String>,
    /// Campaign parameters.
    pub source: BTreeMap<String, String>,
    /// Ad click ids.
    pub click_ids: BTreeMap<String, String>,
    /// The ad platforms' own cookies, and where the page had none, those made of the ad click ids.
    pub cookies: BTreeMap<String, String>,
    /// How this visitor first came.
    pub first_touch: Option<FirstTouch>,
    /// Two letters.
    pub country: Option<String>,
    /// What kind of device.
    pub device: Option<String>,
    /// Whether it is a bot or an automated browser.
    pub bot: bool,
    /// What it cost, as its landing page's address says: 10^-6 of a currency, three letters.
    pub cost: Option<(i64, String)>,
}

/// An event, as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// The sender's id.
    pub event_id: String,
    /// Its visit.
    pub visit_id: String,
    /// When, by the visitor's clock.
    pub at: Millis,
    /// When it arrived.
    pub received_at: Millis,
    /// Its name.
    pub name: String,
    /// The page it happened on.
    pub page: String,
    /// The click id handed out with it.
    pub click_id: Option<String>,
    /// What `trigger` was given.
    pub attributes: BTreeMap<String, String>,
}

/// A click, as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct ClickRow {
    /// Its id.
    pub click_id: String,
    /// Its visit.
    pub visit_id: String,
    /// When, by the visitor's clock.
    pub at: Millis,
    /// When it arrived.
    pub received_at: Millis,
    /// The tracking group.
    pub group: Option<String>,
    /// Where the link led.
    pub href: String,
    /// The link's text.
    pub label: Option<String>,
    /// The page it stood on.
    pub page: String,
    /// `left`, `middle`, ...
    pub how: String,
    /// Whether it kept somebody else's sub-id.
    pub foreign: bool,
}

/// A postback, as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct PostbackRow {
    /// Its id.
    pub id: String,
    /// When it arrived.
    pub received_at: Millis,
    /// The group in its URL.
    pub group: String,
    /// The channel.
    pub channel: String,
    /// What became of it.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// The raw request, sealed.
    pub raw: Vec<u8>,
    /// The conversion it made or repeats.
    pub conversion_id: Option<String>,
    /// What the operator corrected, sealed.
    pub corrections: Option<Vec<u8>>,
}

/// An event of an order, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEventRow {
    /// Its id: that of its postback.
    pub id: String,
    /// When it arrived.
    pub received_at: Millis,
    /// What happened.
    pub event: OrderEvent,
}

/// What can be read. Everything is there as soon as the request that made it was answered.
#[async_trait]
pub trait Books {
    /// Visits, newest first.
    async fn visits(&self, site_id: &str, page: Page) -> Result<Listing<Visit>, StoreError>;
    /// Events, newest first.
    async fn events(&self, site_id: &str, page: Page) -> Result<Listing<EventRow>, StoreError>;
    /// Clicks, newest first.
    async fn clicks(&self, site_id: &str, page: Page) -> Result<Listing<ClickRow>, StoreError>;
    /// Postbacks, newest first.
    async fn postbacks(&self, site_id: &str, page: Page) -> Result<Listing<PostbackRow>, StoreError>;
    /// Conversions, newest first.
    async fn conversions(&self, site_id: &str, page: Page) -> Result<Listing<ConversionRow>, StoreError>;
    /// What happened to orders without money, newest first.
    async fn order_events(&self, site_id: &str, page: Page) -> Result<Listing<OrderEventRow>, StoreError>;
    /// The postback of this id.
    async fn postback(&self, site_id: &str, id: &str) -> Result<Option<PostbackRow>, StoreError>;
    /// The postbacks that tell this conversion, oldest first.
    async fn postbacks_of(&self, site_id: &str, conversion_id: &str) -> Result<Vec<PostbackRow>, StoreError>;
    /// The visits of these ids that are known, in any order.
    async fn visits_by_id(&self, site_id: &str, visit_ids: &[String]) -> Result<Vec<Visit>, StoreError>;
    /// The clicks of these ids that are known, in any order.
    async fn clicks_by_id(&self, site_id: &str, click_ids: &[String]) -> Result<Vec<ClickRow>, StoreError>;
    /// The visits of these rows (the ids of facts) that are there, in the order of the ids.
    async fn visits_of_rows(&self, site_id: &str, ids: &[String]) -> Result<Vec<Visit>, StoreError>;
    /// The clicks of these rows (the ids of facts) that are there, in the order of the ids.
    async fn clicks_of_rows(&self, site_id: &str, ids: &[String]) -> Result<Vec<ClickRow>, StoreError>;
    /// The conversions of these ids that are there, in the order of the ids.
    async fn conversions_of_rows(&self, site_id: &str, ids: &[String]) -> Result<Vec<ConversionRow>, StoreError>;
    /// Which of these transactions of a group are booked, tests aside: their ids, and what happened to the money.
    async fn booked_transactions(
        &self,
        site_id: &str,
        group: &str,
        transaction_ids: &[String],
    ) -> Result<Vec<(String, TransactionType)>, StoreError>;
    /// Which of these identities are booked.
    async fn booked_identities(&self, site_id: &str, identities: &[String]) -> Result<Vec<String>, StoreError>;
    /// Whether a write would go through now; the error says why not.
    async fn check(&self) -> Result<(), StoreError>;
}
