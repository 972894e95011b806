//! What the tag knows of this page load, as the shim hands it over. Plain data.

use serde::Deserialize;
use tagwerk_protocol::form;

/// The shim's facts. What an older shim does not hand over has its default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// `wasm`, or `shim` where the shim works alone.
    pub mode: String,
    /// Whether it is decided which of the two it is.
    pub ready: bool,
    /// The site's public settings, as [`tagwerk_protocol::settings`] writes them.
    pub settings: String,
    /// The record of visit and visitor, form-encoded.
    pub record: String,
    /// `granted`, `pending` or `denied`.
    pub consent: String,
    /// The click ids of this page load that stand in links.
    pub minted: Vec<String>,
    /// Lines that were sent, each with the status of the answer: 0 where there was none, nothing while it is awaited.
    pub sent: Vec<(String, Option<u16>)>,
    /// Lines that wait for consent.
    pub held: Vec<String>,
    /// Lines that no server has acknowledged, one a line.
    pub outbox: String,
    /// What AutoScan answered, one link a line.
    pub cloaked: Vec<String>,
    /// What went wrong so far.
    pub problems: Vec<String>,
    /// The tag's server.
    pub origin: String,
    /// How far the visitor's clock is ahead of the server's, in milliseconds.
    pub clock_ahead: Option<f64>,
}

/// The first value of that name in a form-encoded text, unless it is empty.
pub fn value(text: &str, name: &str) -> Option<String> {
    form::pairs(text).find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value)
}
