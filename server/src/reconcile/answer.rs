//! How an API's answer went: what it says, or why there is nothing to read, and what to do then. Pure.

use super::{at, text};
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use tagwerk_protocol::group::api::Api;

/// Longest stretch of an API's own words that is shown, in characters.
const SHOWN: usize = 200;
/// Longest time that an API may ask us to wait; one that wants more is asked again after this.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Why there is no answer. Named by what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The key is wrong or may not do this: the operator has to look.
    WrongKey(String),
    /// It may not be asked there: the operator has to look.
    Forbidden(String),
    /// It is too much, or it is not there: ask again, after this time where it says so.
    Later(Option<Duration>, String),
    /// It says something else than it should: once more, then stop.
    Unreadable(String),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKey(why) | Self::Forbidden(why) | Self::Later(_, why) | Self::Unreadable(why) => {
                f.write_str(why)
            }
        }
    }
}

/// Reads an answer: its HTTP status, its `Retry-After` and its body.
///
/// # Errors
/// There is nothing to read; says what to do.
pub fn read(api: &Api, status: u16, retry_after: Option<&str>, body: &[u8]) -> Result<Value, Unanswered> {
    let later = |why: String| Unanswered::Later(retry_after.and_then(wait), why);
    match status {
        429 => return Err(later("the API says that it was asked too often".into())),
        408 | 500..=599 => return Err(later(format!("the API answered with status {status}"))),
        _ => {}
    }
    let said = serde_json::from_slice::<Value>(body).ok();
    let failure = said.as_ref().and_then(|said| failure(api, said));
    match (status, said, failure) {
        (_, _, Some((true, why))) => Err(Unanswered::WrongKey(format!("the API refuses the key: {why}"))),
        (401 | 403, _, failure) => {
            let why = failure.map_or_else(|| format!("status {status}"), |(_, why)| why);
            Err(Unanswered::WrongKey(format!("the API refuses the key: {why}")))
        }
        (_, _, Some((false, why))) => Err(Unanswered::Unreadable(format!("the API answered with an error: {why}"))),
        (200, Some(said), None) if succeeded(api, &said) => Ok(said),
        (200, Some(_), None) => {
            let place = &api.answer.result;
            Err(Unanswered::Unreadable(format!("the API's answer does not say at {place} how it went")))
        }
        (200, None, _) => Err(Unanswered::Unreadable("the API's answer is no JSON".into())),
        _ => Err(Unanswered::Unreadable(format!("the API answered with status {status}"))),
    }
}

fn result(api: &Api, said: &Value) -> Option<String> {
    at(said, &api.answer.result).and_then(text)
}

fn succeeded(api: &Api, said: &Value) -> bool {
    result(api, said).is_some_and(|word| word.eq_ignore_ascii_case(&api.answer.success))
}

/// What an answer says went wrong, and whether that is the key.
fn failure(api: &Api, said: &Value) -> Option<(bool, String)> {
    let word = result(api, said)?;
    if word.eq_ignore_ascii_case(&api.answer.success) {
        return None;
    }
    let code = at(said, &api.answer.code).and_then(text);
    let message = at(said, &api.answer.message).and_then(text).unwrap_or(word);
    let is_key = code.as_ref().is_some_and(|code| api.answer.wrong_key.contains(code));
    Some((is_key, shown(&message)))
}

/// A stranger's words, shortened to one line.
fn shown(message: &str) -> String {
    let line = message.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(SHOWN).collect()
}

/// How long `Retry-After` asks to wait: seconds, or a date, of which the clock of whoever waits may think what it likes.
fn wait(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Groups;
    use proptest::prelude::*;

    /// The API of the built-in group that has one.
    fn api() -> Api {
        let groups = Groups::load(None).expect("the built-in groups");
        groups.iter().find_map(|group| group.api.clone()).expect("a group with an API")
    }

    fn asked(status: u16, body: &str) -> Result<Value, Unanswered> {
        read(&api(), status, None, body.as_bytes())
    }

    #[test]
    fn an_error_in_an_answer_of_status_200_is_an_error() {
        let answer =
            asked(200, r#"{"api_version": "1.2", "result": "error", "code": 9, "message": "Invalid\nfunction call."}"#);
        let expected = "the API answered with an error: Invalid function call.";
        assert_eq!(answer, Err(Unanswered::Unreadable(expected.into())));
    }

    #[test]
    fn a_wrong_key_is_told_whatever_the_status() {
        for status in [200, 400, 401, 403] {
            let body = r#"{"result": "error", "code": "2", "message": "The API key is invalid."}"#;
            let answer = asked(status, body);
            let expected = "the API refuses the key: The API key is invalid.";
            assert_eq!(answer, Err(Unanswered::WrongKey(expected.into())), "{status}");
        }
        assert!(matches!(asked(403, "<html>"), Err(Unanswered::WrongKey(_))));
    }

    #[test]
    fn too_many_requests_and_a_broken_server_are_for_later() {
        let later = read(&api(), 429, Some("17"), b"");
        assert!(matches!(later, Err(Unanswered::Later(Some(wait), _)) if wait.as_secs() == 17), "{later:?}");
        let later = read(&api(), 429, Some("99999999"), b"");
        assert!(matches!(later, Err(Unanswered::Later(Some(wait), _)) if wait == LONGEST_WAIT), "{later:?}");
        for status in [408, 500, 502, 503] {
            assert!(matches!(asked(status, "{}"), Err(Unanswered::Later(None, _))), "{status}");
        }
    }

    #[test]
    fn what_is_no_answer_is_unreadable() {
        for (status, body) in [(200, "<html>"), (200, "{}"), (200, "[]"), (200, ""), (302, ""), (404, "{}")] {
            assert!(matches!(asked(status, body), Err(Unanswered::Unreadable(_))), "{status} {body}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_told(status in 100u16..600, retry in ".*", body in prop::collection::vec(any::<u8>(), 0..200)) {
            let read = read(&api(), status, Some(&retry), &body);
            prop_assert!(read.is_err(), "random bytes are no answer");
        }

        #[test]
        fn a_message_is_one_line_of_bounded_length(message in "\\PC{0,400}|[\\x00-\\x1f]{1,9}") {
            let shown = shown(&message);
            prop_assert!(shown.chars().count() <= SHOWN && !shown.chars().any(char::is_control));
        }
    }
}
