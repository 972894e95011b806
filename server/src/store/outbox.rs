//! What is on its way to the ad platforms.

use super::{ClickRow, ConversionRow, Listing, Millis, Page, PostbackRow, StoreError, Visit};
use async_trait::async_trait;
use std::collections::BTreeMap;
use tagwerk_protocol::money::Amount;

/// What a site sends to a platform, as its settings say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutletRules {
    /// The platform's name in the settings.
    pub platform: String,
    /// A hash of its settings: where it changes, what was stopped goes on.
    pub fingerprint: String,
    /// Whether it gets every conversion; else those of visitors with one of its click ids.
    pub everything: bool,
    /// Whether it takes refunds and chargebacks.
    pub refunds: bool,
    /// Whether it is in test mode, and so gets conversions that are marked as tests.
    pub tests: bool,
    /// The parameters that carry its click ids.
    pub click_params: Vec<String>,
    /// The conversion types it gets; none means all.
    pub types: Vec<String>,
    /// The events of the page that it gets.
    pub events: Vec<String>,
    /// How old an event may be that it takes, in milliseconds.
    pub max_age: Millis,
    /// How long after the click it takes a conversion at the earliest, in milliseconds.
    pub min_click_age: Millis,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is sent as soon as its time has come.
    Waiting,
    /// The platform has it.
    Delivered,
    /// The platform will never take it.
    Refused,
    /// It has become older than the platform takes.
    Expired,
    /// It waits for the operator: the platform takes nothing before something is done.
    Stopped,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Delivered, Self::Refused, Self::Expired, Self::Stopped];

    /// The word, as stored and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Stopped => "stopped",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// A delivery, as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRow {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub received_at: Millis,
    /// The platform.
    pub platform: String,
    /// What the platform tells repeats by.
    pub event_id: String,
    /// The conversion; `None` for an event of a page, whose id is then the event id.
    pub conversion_id: Option<String>,
    /// The type of the conversion, or the name of the event, when it was made.
    pub kind: String,
    /// When that happened.
    pub at: Millis,
    /// What became of it.
    pub state: DeliveryState,
    /// Why.
    pub reason: Option<String>,
    /// How often it was sent.
    pub attempts: u32,
    /// It is not sent before this time.
    pub not_before: Millis,
    /// It is not sent from this time on.
    pub deadline: Millis,
    /// With what the platform is asked for its verdict, where that comes later.
    pub receipt: Option<String>,
    /// The HTTP status of the last answer.
    pub last_status: Option<u16>,
    /// The beginning of the last answer, secrets redacted.
    pub last_answer: Option<String>,
    /// When it came to its end.
    pub finished_at: Option<Millis>,
}

/// A delivery with everything that is known about what it tells.
#[derive(Debug, Clone)]
pub struct Due {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// The conversion: the one that carries the money of its transaction. `None` for an event, and where it is no longer in the books.
    pub conversion: Option<ConversionRow>,
    /// The click, or the event's.
    pub click: Option<ClickRow>,
    /// The page of the event.
    pub page: Option<String>,
    /// The visitor's visits that are known, newest first; the first is the one that is credited.
    pub visits: Vec<Visit>,
    /// The visitor's address and browser: those of the click, else those of the visit.
    pub ip: Option<String>,
    /// See `ip`.
    pub user_agent: Option<String>,
    /// Of what takes money back: the event id of its sale, the network's id of its transaction, and when it happened.
    pub sale: Option<(String, Option<String>, Millis)>,
    /// Of what takes money back: what all refunds and chargebacks in the books leave of its sale's value; `None` where that is not known.
    pub left: Option<Amount>,
    /// The postback that told the conversion first.
    pub postback: Option<PostbackRow>,
}

/// Which outlet somebody may send to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The site.
    pub site_id: String,
    /// The platform.
    pub platform: String,
    /// How many requests in a row failed.
    pub failures: u32,
    /// How many parcels may go at once while it recovers; `None` for as many as the platform takes.
    pub room: Option<u32>,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The delivery.
    pub id: String,
    /// Its state.
    pub state: DeliveryState,
    /// Why.
    pub reason: Option<String>,
    /// Whether a request was made for it.
    pub tried: bool,
    /// It is not sent again before this time.
    pub not_before: Millis,
    /// See [`DeliveryRow::receipt`].
    pub receipt: Option<String>,
    /// See [`DeliveryRow::last_status`].
    pub last_status: Option<u16>,
    /// See [`DeliveryRow::last_answer`].
    pub last_answer: Option<String>,
    /// The request and its answer, secrets redacted, sealed.
    pub exchange: Option<Vec<u8>>,
}

/// How sending to an outlet goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pace {
    /// See [`Claimed::failures`].
    pub failures: u32,
    /// See [`Claimed::room`].
    pub room: Option<u32>,
    /// Nothing is sent before this time.
    pub not_before: Millis,
    /// Why.
    pub reason: Option<String>,
    /// Why nothing is sent before the operator has done something.
    pub stopped: Option<String>,
    /// Whether something was taken.
    pub success: bool,
}

/// An outlet as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutletRow {
    /// The platform.
    pub platform: String,
    /// Since when it gets what comes.
    pub since: Millis,
    /// Why nothing is sent before the operator has done something.
    pub stopped: Option<String>,
    /// How many requests in a row failed.
    pub failures: u32,
    /// Nothing is sent before this time.
    pub not_before: Millis,
    /// Why it waits.
    pub reason: Option<String>,
    /// When something was taken last.
    pub last_success: Option<Millis>,
    /// When something went wrong last.
    pub last_trouble: Option<Millis>,
    /// How many were delivered.
    pub delivered: u64,
    /// How many there are in each other state.
    pub counts: BTreeMap<String, u64>,
    /// When the oldest was made that is not sent yet.
    pub oldest_unsent: Option<Millis>,
}

/// Which deliveries the operator sends again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// One.
    One(String),
    /// Every one of a platform that is in this state.
    All(String, DeliveryState),
}

/// What is sent to the platforms. Deliveries are made where conversions and events are.
#[async_trait]
pub trait Outbox {
    /// Deliveries, newest first.
    async fn deliveries(&self, site_id: &str, page: Page) -> Result<Listing<DeliveryRow>, StoreError>;
    /// A delivery, with its last request and answer, sealed.
    async fn delivery(&self, site_id: &str, id: &str) -> Result<Option<(DeliveryRow, Option<Vec<u8>>)>, StoreError>;
    /// The site's outlets, by name.
    async fn outlets(&self, site_id: &str) -> Result<Vec<OutletRow>, StoreError>;
    /// When something is due next, over all sites: a time that has passed where something is due now. `None` where nothing waits.
    async fn due_next(&self) -> Result<Option<Millis>, StoreError>;
    /// Claims up to so many outlets that have something due and nobody sends to, those first that were served longest ago.
    async fn claim(&self, now: Millis, lease: &str, until: Millis, most: usize) -> Result<Vec<Claimed>, StoreError>;
    /// What is due at an outlet, the one that waits longest first.
    async fn due(&self, site_id: &str, platform: &str, now: Millis, most: usize) -> Result<Vec<Due>, StoreError>;
    /// Keeps what became of deliveries, and how the outlet goes on. Where the lease is no longer ours, what was delivered is kept all the
    /// same; the outlet is somebody else's. `release` gives the lease back, else it is held until `until`. Answers whether it is still ours.
    async fn settle(&self, site_id: &str, platform: &str, settling: Settling) -> Result<bool, StoreError>;
    /// Ends what has become too old; how many.
    async fn expire(&self, now: Millis, most: usize) -> Result<usize, StoreError>;
    /// Lets an outlet go on that was stopped or waits; `false` where there is none.
    async fn resume(&self, site_id: &str, platform: &str, now: Millis) -> Result<bool, StoreError>;
    /// Has deliveries sent again, under the same event ids, for at least a day; how many.
    async fn send_again(&self, site_id: &str, again: Again, now: Millis) -> Result<usize, StoreError>;
}

/// See [`Outbox::settle`].
#[derive(Debug, Clone, PartialEq)]
pub struct Settling {
    /// The time.
    pub now: Millis,
    /// The lease.
    pub lease: String,
    /// Until when it is held on; `None` gives it back.
    pub until: Option<Millis>,
    /// What became of deliveries.
    pub settled: Vec<Settled>,
    /// How the outlet goes on.
    pub pace: Pace,
}
