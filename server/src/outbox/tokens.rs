//! Access tokens that have to be fetched, kept as long as they are good.

use crate::store::Millis;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long before its end a token counts as gone, in milliseconds.
const MARGIN: Millis = 60_000;
/// How long a token is good whose end is not told, in milliseconds.
const UNTOLD: Millis = 600_000;

/// The tokens of this process, by site and platform. In memory only.
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<(String, String), Token>>);

struct Token {
    value: String,
    until: Millis,
    asked_with: String,
}

impl Tokens {
    /// A token that was fetched with the same request and is still good.
    pub fn get(&self, site_id: &str, platform: &str, asked_with: &str, now: Millis) -> Option<String> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = tokens.get(&(site_id.to_owned(), platform.to_owned()))?;
        (token.asked_with == asked_with && token.until > now).then(|| token.value.clone())
    }

    /// Keeps the token of an answer (RFC 6749, section 5.1); `None` where it holds none.
    pub fn keep(&self, site_id: &str, platform: &str, asked_with: &str, answer: &Value, now: Millis) -> Option<String> {
        let value = answer.get("access_token")?.as_str().filter(|value| !value.is_empty())?.to_owned();
        let seconds =
            answer.get("expires_in").and_then(|seconds| seconds.as_i64().or_else(|| seconds.as_str()?.parse().ok()));
        let good = seconds.map_or(UNTOLD, |seconds| seconds.saturating_mul(1000).saturating_sub(MARGIN));
        let token = Token { value: value.clone(), until: now.saturating_add(good), asked_with: asked_with.to_owned() };
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert((site_id.to_owned(), platform.to_owned()), token);
        Some(value)
    }

    /// Forgets a token that is no longer good.
    pub fn forget(&self, site_id: &str, platform: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(site_id.to_owned(), platform.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_good_for_the_request_it_was_fetched_with_until_shortly_before_its_end() {
        let tokens = Tokens::default();
        let answer = json!({ "access_token": "t", "expires_in": 3600 });
        assert_eq!(tokens.keep("site", "google", "request", &answer, 0).as_deref(), Some("t"));
        assert_eq!(tokens.get("site", "google", "request", 3_539_999).as_deref(), Some("t"));
        assert_eq!(tokens.get("site", "google", "request", 3_540_000), None);
        assert_eq!(tokens.get("site", "google", "another", 0), None);
        assert_eq!(tokens.get("other", "google", "request", 0), None);
        tokens.forget("site", "google");
        assert_eq!(tokens.get("site", "google", "request", 0), None);
    }

    #[test]
    fn an_answer_without_a_token_gives_none() {
        for answer in [json!({}), json!({ "access_token": "" }), json!(null), json!({ "access_token": 7 })] {
            assert_eq!(Tokens::default().keep("site", "google", "request", &answer, 0), None);
        }
    }
}
