//! Takes secrets out of texts that people get to see.

use super::about::{About, FieldKind};
use super::account::Account;

/// Stands where a secret was.
const GONE: &str = "•••";
/// The shortest text that counts as a secret: shorter ones would tear words apart.
const SHORTEST: usize = 4;

/// The secrets of an account, in every spelling in which a request may carry them.
pub struct Redaction(Vec<String>);

impl Redaction {
    /// The secrets of this account: its secret settings, and the token that was fetched.
    pub fn of(about: &About, account: &Account<'_>) -> Self {
        let named = about.fields.iter().filter(|field| field.kind == FieldKind::Secret);
        let texts = named.filter_map(|field| account.text(field.name)).chain(account.token);
        let mut all: Vec<String> = texts.filter(|text| text.len() >= SHORTEST).flat_map(spellings).collect();
        // The longest first: one secret may begin with another.
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        all.dedup();
        Self(all)
    }

    /// The text without them.
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, GONE))
    }
}

/// As it is, in JSON, and percent-encoded in the ways in use.
fn spellings(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let spaces = form.replace('+', "%20");
    vec![secret.to_owned(), json.trim_matches('"').to_owned(), spaces, form.to_lowercase(), form]
}
