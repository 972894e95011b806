//! A request as a platform's file makes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded::Serializer;

/// How it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// A request, secrets and all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// Header fields, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body, empty where there is none.
    pub body: String,
}

impl Request {
    /// Fetches a URL.
    pub fn get(url: String) -> Self {
        Self { method: Method::Get, url, headers: Vec::new(), body: String::new() }
    }

    /// Posts JSON.
    pub fn json(url: String, body: &Value) -> Self {
        Self {
            method: Method::Post,
            url,
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string(),
        }
    }

    /// Posts a form.
    pub fn form(url: String, fields: &[(&str, &str)]) -> Self {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        Self {
            method: Method::Post,
            url,
            headers: vec![("content-type", "application/x-www-form-urlencoded".into())],
            body,
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Adds parameters to the URL, percent-encoded.
    #[must_use]
    pub fn query(mut self, fields: &[(&str, &str)]) -> Self {
        let query = Serializer::new(String::new()).extend_pairs(fields).finish();
        let mark = if self.url.contains('?') { '&' } else { '?' };
        if !query.is_empty() {
            self.url = format!("{}{mark}{query}", self.url);
        }
        self
    }
}
