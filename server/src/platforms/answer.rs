//! What a platform answered, and what becomes of what was sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// An answer, as much of it as is read.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What `Retry-After` says, in time from now.
    pub retry_after: Option<Duration>,
    /// The beginning of the body, read as UTF-8 with whatever is none replaced.
    pub body: String,
}

/// What an answer means for the parcels of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The same for all.
    All(Fate),
    /// For each its own, in the order of the request.
    Each(Vec<Fate>),
    /// One of them spoils the rest: they are sent again in halves. For a single one it means [`Fate::Refused`].
    Split(String),
}

/// What becomes of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The platform has it; what it adds, such as a warning.
    Delivered(Option<String>),
    /// The platform had it already.
    Duplicate(String),
    /// It may be taken later: after this time where the platform says so, else after the usual one.
    Later(Option<Duration>, String),
    /// The whole platform can take nothing now (throttled, down): nothing is sent to it before this time, or the usual one.
    Down(Option<Duration>, String),
    /// It is judged later: the platform is asked with this receipt after this time.
    Enquire(String, Duration),
    /// It will never be taken, and why.
    Refused(String),
    /// The access token is no longer good: one new token is fetched and it is sent once more.
    Renew(String),
    /// Nothing will be taken before the operator has done something, and what.
    Stop(String),
}

impl Answer {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; `Null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The beginning of the body for a sentence, on one line.
    pub fn excerpt(&self) -> String {
        let words = self.body.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = words.chars().take(200).collect();
        if short.len() < words.len() { format!("{short}…") } else { short }
    }

    /// What the status alone means, for one parcel or all: success; try again (408, 425, 429, 5xx, redirects); stop (401, 403, and 404,
    /// where an address of the account's is wrong); refused.
    pub fn by_status(&self) -> Fate {
        let said = format!("HTTP {}: {}", self.status, self.excerpt());
        match self.status {
            200..=299 => Fate::Delivered(None),
            401 | 403 | 404 => Fate::Stop(said),
            408 | 425 | 429 => Fate::Down(self.retry_after, said),
            300..=399 | 500.. => Fate::Down(self.retry_after, said),
            _ => Fate::Refused(said),
        }
    }

    /// What the status alone means for a batch that is taken whole or not at all: what is refused is split.
    pub fn by_status_of_batch(&self) -> Outcome {
        match self.by_status() {
            Fate::Refused(said) => Outcome::Split(said),
            fate => Outcome::All(fate),
        }
    }
}
