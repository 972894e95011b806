//! What is kept of a request and its answer, for the operator to see: secrets redacted, and sealed, since it tells of visitors.

use crate::platforms::redaction::Redaction;
use crate::platforms::{Answer, Request};
use crate::store::Millis;
use serde::{Deserialize, Serialize};

/// How much of a body is kept, in characters.
const MOST: usize = 16_000;
/// How much of an answer the list shows, in characters.
const SHOWN: usize = 300;

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// When it was sent.
    pub at: Millis,
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The header fields.
    pub headers: Vec<(String, String)>,
    /// The body: of a batch, the part for this delivery, as a request of its own.
    pub body: String,
    /// How many deliveries went in the same request.
    pub together: usize,
    /// The HTTP status; `None` where there was no answer.
    pub status: Option<u16>,
    /// The answer's body, or why there was none.
    pub answer: String,
}

impl Exchange {
    /// What is sealed for one delivery opens for no other.
    pub fn place(delivery_id: &str) -> String {
        format!("delivery/{delivery_id}")
    }

    /// What is kept of a request and what came of it.
    pub fn of(
        redaction: &Redaction,
        request: &Request,
        heard: &Result<Answer, String>,
        at: Millis,
        together: usize,
    ) -> Self {
        let clean = |text: &str| cut(&redaction.redact(text), MOST);
        let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), clean(value)));
        let (status, answer) = match heard {
            Ok(answer) => (Some(answer.status), clean(&answer.body)),
            Err(reason) => (None, clean(reason)),
        };
        Self {
            at,
            method: format!("{:?}", request.method).to_uppercase(),
            url: clean(&request.url),
            headers: headers.collect(),
            body: clean(&request.body),
            together,
            status,
            answer,
        }
    }

    /// The beginning of the answer, for the list.
    pub fn shown_answer(&self) -> String {
        cut(&self.answer, SHOWN)
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
