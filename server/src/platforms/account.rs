//! A site's account with a platform: its settings, with the secrets opened.

use crate::store::Millis;
use serde_json::{Map, Value};

/// What a request is made with.
pub struct Account<'a> {
    /// The settings, secrets in the clear.
    pub settings: &'a Map<String, Value>,
    /// Scheme, host and perhaps a path prefix, without a trailing slash.
    pub base_url: &'a str,
    /// The access token that was fetched ([`super::Platform::token_request`]).
    pub token: Option<&'a str>,
    /// The time of sending.
    pub now: Millis,
    /// 32 characters `[a-z0-9]` that no other request has.
    pub nonce: &'a str,
}

impl<'a> Account<'a> {
    /// A text that is there and not empty.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.settings.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.settings.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The texts of a list.
    pub fn list(&self, name: &str) -> Vec<&'a str> {
        self.settings.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// An entry of a table; keys are read ignoring case.
    pub fn entry(&self, table: &str, key: &str) -> Option<&'a str> {
        let table = self.settings.get(table)?.as_object()?;
        let (_, value) = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        value.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The platform's name for a type of ours as the operator wants it.
    pub fn event_name(&self, kind: &str) -> Option<&'a str> {
        self.entry("event_names", kind)
    }

    /// Whether a setting is there and holds something.
    pub fn has(&self, name: &str) -> bool {
        match self.settings.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Object(table)) => !table.is_empty(),
            Some(Value::Bool(on)) => *on,
            Some(Value::Number(_)) => true,
        }
    }

    /// The code that marks what is sent as a test.
    pub fn test_event_code(&self) -> Option<&'a str> {
        self.text("test_event_code")
    }

    /// Whether the platform is to check what is sent without counting it.
    pub fn validates_only(&self) -> bool {
        self.is_on("validate_only")
    }

    /// A URL below the base URL.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}
