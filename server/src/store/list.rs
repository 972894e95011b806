//! Which part of a list is asked for: a filter, an order, and a place in it.

use super::{Channel, DeliveryState, JobKind, JobState, Millis, PostbackState};
use crate::attribution::State;
use serde::Serialize;
use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::event::How;

/// One part of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing<T> {
    /// The items, in the order that was asked for.
    pub items: Vec<T>,
    /// The cursor of the next part; `None` at the end.
    pub next: Option<String>,
}

/// Which part of a list is asked for. The default is its beginning, newest first, everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The cursor that the part before gave, under the same order and time; `None` for the beginning.
    pub after: Option<String>,
    /// How many, at most.
    pub limit: usize,
    /// Which come first.
    pub order: Order,
    /// The time that orders and bounds the list.
    pub time: Time,
    /// Which rows are in it.
    pub filter: Filter,
}

impl Page {
    /// The beginning of a list, newest first, everything.
    pub fn first(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The row after which the part begins; `None` for the beginning.
    ///
    /// # Errors
    /// The cursor is none that a list gives.
    pub fn place(&self) -> Result<Option<Place>, BadCursor> {
        self.after.as_deref().map(Place::parse).transpose()
    }
}

/// A cursor does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is none that a list gives")]
pub struct BadCursor;

/// A row's place in a list: what arrives later does not move it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The time that orders the list.
    pub at: Millis,
    /// The row's id.
    pub id: String,
}

impl Place {
    /// The text that callers hand back.
    pub fn cursor(&self) -> String {
        format!("{}_{}", self.at, self.id)
    }

    /// Reads such a text.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(cursor: &str) -> Result<Self, BadCursor> {
        let (at, id) = cursor.split_once('_').ok_or(BadCursor)?;
        let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        match at.parse() {
            Ok(at) if is_id => Ok(Self { at, id: id.to_owned() }),
            _ => Err(BadCursor),
        }
    }
}

/// Which rows of a list come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    #[default]
    Falling,
    /// Oldest first.
    Rising,
}

/// The time that orders and bounds a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Time {
    /// When it was received (of a job: made; of a link: found out).
    #[default]
    Received,
    /// When it happened, as far as that is known; for lists that have it ([`List::has_happened`]).
    Happened,
}

/// Which rows are in a list: those of which all of this is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// At this time or later.
    pub from: Option<Millis>,
    /// Before this time.
    pub until: Option<Millis>,
    /// Fields with exactly these values; each has to be one of the list's ([`List::fields`]).
    pub only: Vec<(Field, String)>,
}

impl Filter {
    /// Rows that have this value there.
    pub fn only(field: Field, value: impl Into<String>) -> Self {
        Self { only: vec![(field, value.into())], ..Self::default() }
    }
}

/// Declares the fields with their words, each of which is the name of the field in the API.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $word:literal),* $(,)?) => {
        /// What a list can be filtered by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Field { $($(#[$doc])* $name),* }

        impl Field {
            /// The word, as in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Field::$name => $word),* }
            }
        }
    };
}

fields! {
    /// The row itself.
    Id = "id",
    /// What became of it.
    State = "state",
    /// The type of a conversion.
    Type = "type",
    /// The tracking group.
    Group = "group",
    /// How a postback came.
    Channel = "channel",
    /// The click id, as shown.
    ClickId = "click_id",
    /// The visit.
    VisitId = "visit_id",
    /// The visitor.
    VisitorId = "visitor_id",
    /// The sender's id of an event.
    EventId = "event_id",
    /// The conversion that a postback tells, or a delivery sends.
    ConversionId = "conversion_id",
    /// The network's transaction.
    TransactionId = "transaction_id",
    /// Payment, refund or chargeback.
    TransactionType = "transaction_type",
    /// The network's order.
    OrderId = "order_id",
    /// The network's product.
    ProductId = "product_id",
    /// The network's word for the kind of order.
    OrderType = "order_type",
    /// The network's word for the kind of payment.
    BillingType = "billing_type",
    /// The currency.
    Currency = "currency",
    /// The name of an event.
    Name = "name",
    /// The network's word for what happened to an order.
    Event = "event",
    /// What a job does.
    Kind = "kind",
    /// The ad platform.
    Platform = "platform",
    /// The country of a visit.
    Country = "country",
    /// The device of a visit.
    Device = "device",
    /// How a link was used.
    How = "how",
    /// A link's address.
    Url = "url",
    /// Whether a visit is a bot's.
    Bot = "bot",
    /// Whether a click kept somebody else's sub-id.
    Foreign = "foreign",
    /// The source of the visit.
    UtmSource = "utm_source",
    /// The medium of the visit.
    UtmMedium = "utm_medium",
    /// The campaign of the visit.
    UtmCampaign = "utm_campaign",
    /// The search term of the visit.
    UtmTerm = "utm_term",
    /// The ad of the visit.
    UtmContent = "utm_content",
}

/// The lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Visits.
    Visits,
    /// Events.
    Events,
    /// Clicks.
    Clicks,
    /// Postbacks.
    Postbacks,
    /// Conversions.
    Conversions,
    /// What happened to orders without money.
    OrderEvents,
    /// Deliveries to ad platforms.
    Deliveries,
    /// Links that may be cloaked.
    Links,
    /// Long tasks.
    Jobs,
}

impl List {
    /// Every list.
    pub const ALL: [Self; 9] = [
        Self::Visits,
        Self::Events,
        Self::Clicks,
        Self::Postbacks,
        Self::Conversions,
        Self::OrderEvents,
        Self::Deliveries,
        Self::Links,
        Self::Jobs,
    ];

    /// What it can be filtered by.
    pub fn fields(self) -> &'static [Field] {
        use Field::*;
        match self {
            List::Visits => {
                &[VisitId, VisitorId, Country, Device, Bot, UtmSource, UtmMedium, UtmCampaign, UtmTerm, UtmContent]
            }
            List::Events => &[EventId, VisitId, ClickId, Name],
            List::Clicks => &[ClickId, VisitId, Group, How, Foreign],
            List::Postbacks => &[Id, State, Group, Channel, ConversionId],
            List::Conversions => &[
                Id,
                State,
                Type,
                Group,
                TransactionId,
                TransactionType,
                OrderId,
                ProductId,
                OrderType,
                BillingType,
                Currency,
                ClickId,
                VisitId,
                UtmSource,
                UtmMedium,
                UtmCampaign,
                UtmTerm,
                UtmContent,
            ],
            List::OrderEvents => &[Group, OrderId, Event, ProductId, TransactionId],
            List::Deliveries => &[State, Platform, Type, ConversionId, EventId],
            List::Links => &[Url, Group],
            List::Jobs => &[Kind, State],
        }
    }

    /// Whether its rows say when they happened, besides when they were received.
    pub fn has_happened(self) -> bool {
        matches!(self, List::Visits | List::Events | List::Clicks | List::Conversions)
    }

    /// The values that a field of this list can have, where they are few and known.
    pub fn words(self, field: Field) -> Option<Vec<&'static str>> {
        match (self, field) {
            (List::Postbacks, Field::State) => Some(PostbackState::ALL.map(PostbackState::as_str).to_vec()),
            (List::Conversions, Field::State) => {
                Some([State::Attributed, State::Unattributed, State::Test].map(State::as_str).to_vec())
            }
            (List::Deliveries, Field::State) => Some(DeliveryState::ALL.map(DeliveryState::as_str).to_vec()),
            (List::Jobs, Field::State) => {
                use JobState::*;
                Some([Waiting, Running, Done, Failed].map(JobState::as_str).to_vec())
            }
            (_, Field::Kind) => {
                Some([JobKind::Replay, JobKind::Import, JobKind::Reconcile].map(JobKind::as_str).to_vec())
            }
            (_, Field::Channel) => Some(Channel::ALL.map(Channel::as_str).to_vec()),
            (_, Field::TransactionType) => {
                use TransactionType::*;
                Some([Payment, Refund, Chargeback].map(TransactionType::as_str).to_vec())
            }
            (_, Field::How) => {
                use How::*;
                Some([Left, Middle, Modified, Keyboard, Form, Script, Early].map(How::as_str).to_vec())
            }
            (_, Field::Bot | Field::Foreign) => Some(vec!["true", "false"]),
            _ => None,
        }
    }
}
