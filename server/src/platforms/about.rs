//! What a platform says of itself: the settings it needs, its limits, what it takes.

use crate::store::Millis;
use std::time::Duration;

/// A platform as people and the outbox see it.
#[derive(Debug)]
pub struct About {
    /// The word in settings, deliveries and addresses: `meta`.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Scheme and host of its API, without a trailing slash; empty where the operator gives a whole URL.
    pub base_url: &'static str,
    /// The page about it, below `docs/platforms/`.
    pub docs: &'static str,
    /// Its settings, besides [`COMMON`].
    pub fields: &'static [Field],
    /// Whose ad click ids count as its own: a `platform` of `groups/clicks.toml`. `None` for one that is not told by click ids.
    pub clicks: Option<&'static str>,
    /// Whether it gets every conversion unless the site says otherwise; else those of visitors with one of its click ids.
    pub everything: bool,
    /// Whether it takes refunds and chargebacks.
    pub refunds: bool,
    /// Whether a site may have several of it.
    pub several: bool,
    /// What it can bear.
    pub limits: Limits,
}

/// What a platform can bear.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most parcels in one request.
    pub batch: usize,
    /// The most requests under way at the same time.
    pub parallel: usize,
    /// The most requests in a minute; 0 means that no limit is known.
    pub per_minute: u32,
    /// How old an event may be that it takes, in milliseconds.
    pub max_age: Millis,
    /// How long after the visitor's click it takes a conversion at the earliest, in milliseconds.
    pub min_click_age: Millis,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Limits {
    /// One day, in milliseconds.
    pub const DAY: Millis = 86_400_000;
    /// What holds where a platform says nothing else.
    pub const USUAL: Self = Self {
        batch: 1,
        parallel: 4,
        per_minute: 0,
        max_age: 7 * Self::DAY,
        min_click_age: 0,
        timeout: Duration::from_secs(30),
    };
}

/// One of a platform's settings.
#[derive(Debug)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether nothing can be sent without it.
    pub required: bool,
    /// What people call it, in the platform's words.
    pub label: &'static str,
    /// Where it is found, or what it does.
    pub hint: &'static str,
}

/// What a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A text.
    Text,
    /// A text that is sealed and never shown.
    Secret,
    /// An http or https URL.
    Url,
    /// `true` or `false`.
    Switch,
    /// A list of texts.
    List,
    /// A table from texts to texts, such as from conversion type to the platform's own name for it.
    Table,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Field {
    /// A text that is needed.
    pub const fn text(name: &'static str, label: &'static str, hint: &'static str) -> Self {
        Self { name, kind: FieldKind::Text, required: true, label, hint }
    }

    /// A secret that is needed.
    pub const fn secret(name: &'static str, label: &'static str, hint: &'static str) -> Self {
        Self { name, kind: FieldKind::Secret, required: true, label, hint }
    }

    /// A setting that may be left out.
    pub const fn optional(name: &'static str, kind: FieldKind, label: &'static str, hint: &'static str) -> Self {
        Self { name, kind, required: false, label, hint }
    }
}

/// The settings that every platform has.
pub const COMMON: &[Field] = &[
    Field::optional("enabled", FieldKind::Switch, "Enabled", "Whether conversions are sent."),
    Field::optional(
        "base_url",
        FieldKind::Url,
        "Base URL",
        "Stands for scheme and host of the platform's API and may carry a path prefix; changing it clears the credentials.",
    ),
    Field::optional(
        "test_event_code",
        FieldKind::Text,
        "Test event code",
        "Marks everything that is sent as a test, where the platform knows such codes. Never leave it on.",
    ),
    Field::optional(
        "validate_only",
        FieldKind::Switch,
        "Validate only",
        "Has the platform check what is sent without counting it, where it can. Never leave it on.",
    ),
    Field::optional(
        "send",
        FieldKind::Choice(&["matched", "all"]),
        "Which conversions",
        "`matched`: those of visitors who came with one of the platform's click ids; `all`: every one.",
    ),
    Field::optional(
        "types",
        FieldKind::List,
        "Conversion types",
        "Only conversions of these types are sent; none means all.",
    ),
    Field::optional(
        "events",
        FieldKind::List,
        "Events",
        "Events of the page that are sent too, such as OutboundClick.",
    ),
    Field::optional(
        "event_names",
        FieldKind::Table,
        "Event names",
        "The platform's name for a type of ours, where the usual one is not wanted.",
    ),
    Field::optional(
        "hashed_personal_data",
        FieldKind::Switch,
        "Hashed personal data",
        "Whether the buyer's e-mail address and phone number are sent, hashed, where the network tells them. Needs the buyer's consent.",
    ),
];
