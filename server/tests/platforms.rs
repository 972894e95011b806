//! The platforms held to their golden cases: `tests/platforms/<name>.json`, one file for each row of the registry.
//!
//! ```text
//! { "requests": [{ "name", "source", "settings": {}, "token", "now", "parcels": [{}],
//!                  "request": { "method", "url", "headers": {}, "body": JSON or text } or "refused": "words of the reason" }],
//!   "answers":  [{ "name", "source", "status", "retry_after", "body": JSON or text, "parcels": 1, "outcome": {} }],
//!   "tokens":   [{ "name", "source", "settings", "now", "request": {} }],
//!   "enquiries":[{ "name", "source", "settings", "receipt", "request": {} or "status", "body", "fate": {} }],
//!   "missing":  [{ "name", "settings", "fields": [] }] }
//! ```
//! Durations in fates are `{ "secs", "nanos" }`. A `source` says where a case comes from.
// The parts of a test say what must hold by failing, too.
#![allow(clippy::panic)]

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tagwerk_server::platforms::{self, Account, Answer, Fate, Outcome, Parcel, Platform, Request};

/// The time of sending where a case names none.
const NOW: i64 = 1_697_090_000_000;
const NONCE: &str = "0123456789abcdefghijklmnopqrstuv";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    requests: Vec<RequestCase>,
    answers: Vec<AnswerCase>,
    #[serde(default)]
    tokens: Vec<TokenCase>,
    #[serde(default)]
    enquiries: Vec<EnquiryCase>,
    #[serde(default)]
    missing: Vec<MissingCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestCase {
    name: String,
    source: String,
    settings: Map<String, Value>,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    now: Option<i64>,
    parcels: Vec<Parcel>,
    #[serde(default)]
    request: Option<Wanted>,
    #[serde(default)]
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerCase {
    name: String,
    source: String,
    status: u16,
    #[serde(default)]
    retry_after: Option<u64>,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    parcels: Option<usize>,
    outcome: Outcome,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenCase {
    name: String,
    source: String,
    settings: Map<String, Value>,
    #[serde(default)]
    now: Option<i64>,
    request: Wanted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnquiryCase {
    name: String,
    source: String,
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    token: Option<String>,
    receipt: String,
    #[serde(default)]
    request: Option<Wanted>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    fate: Option<Fate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MissingCase {
    name: String,
    settings: Map<String, Value>,
    fields: Vec<String>,
}

fn cases(name: &str) -> Cases {
    let path = format!("{}/tests/platforms/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn each(mut test: impl FnMut(&dyn Platform, Cases, &str)) {
    for platform in platforms::ALL {
        let name = platform.about().name;
        test(*platform, cases(name), name);
    }
}

fn account<'a>(
    platform: &dyn Platform,
    settings: &'a Map<String, Value>,
    token: Option<&'a str>,
    now: Option<i64>,
) -> Account<'a> {
    let base_url = settings.get("base_url").and_then(Value::as_str).unwrap_or(platform.about().base_url);
    Account { settings, base_url, token, now: now.unwrap_or(NOW), nonce: NONCE }
}

/// The request as the cases write it: header names sorted, a JSON body as JSON.
fn shown(request: &Request) -> Value {
    let headers: BTreeMap<&str, &str> = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = match serde_json::from_str::<Value>(&request.body) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
        _ if request.body.is_empty() => Value::Null,
        _ => Value::from(request.body.clone()),
    };
    json!({ "method": request.method, "url": request.url, "headers": headers, "body": body })
}

fn wanted(wanted: &Wanted) -> Value {
    json!({ "method": wanted.method, "url": wanted.url, "headers": wanted.headers, "body": wanted.body })
}

fn answer(status: u16, retry_after: Option<u64>, body: &Value) -> Answer {
    let body = match body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Answer { status, retry_after: retry_after.map(Duration::from_secs), body }
}

#[test]
fn every_request_is_the_one_that_the_platform_documents() {
    each(|platform, cases, platform_name| {
        assert!(!cases.requests.is_empty(), "{platform_name}: no requests");
        for case in cases.requests {
            let name = format!("{platform_name}: {} ({})", case.name, case.source);
            let account = account(platform, &case.settings, case.token.as_deref(), case.now);
            let accepted: Result<(), String> =
                case.parcels.iter().try_for_each(|parcel| platform.accepts(parcel, &account));
            match (&case.request, &case.refused) {
                (Some(request), None) => {
                    assert_eq!(accepted, Ok(()), "{name}");
                    let parcels: Vec<&Parcel> = case.parcels.iter().collect();
                    assert_eq!(shown(&platform.request(&parcels, &account)), wanted(request), "{name}");
                }
                (None, Some(words)) => {
                    let reason = accepted.expect_err(&name);
                    assert!(reason.contains(words.as_str()), "{name}: {reason}");
                }
                _ => panic!("{name}: a case wants a request or a refusal"),
            }
        }
    });
}

#[test]
fn every_answer_means_what_the_platform_documents() {
    each(|platform, cases, platform_name| {
        assert!(!cases.answers.is_empty(), "{platform_name}: no answers");
        for case in cases.answers {
            let name = format!("{platform_name}: {} ({})", case.name, case.source);
            let parcel = |index| Parcel { event_id: format!("event-{index}"), ..Parcel::default() };
            let parcels: Vec<Parcel> = (0..case.parcels.unwrap_or(1)).map(parcel).collect();
            let parcels: Vec<&Parcel> = parcels.iter().collect();
            let answer = answer(case.status, case.retry_after, &case.body);
            assert_eq!(platform.outcome(&answer, &parcels), case.outcome, "{name}");
        }
    });
}

#[test]
fn every_token_is_asked_for_as_the_platform_documents() {
    each(|platform, cases, platform_name| {
        for case in cases.tokens {
            let name = format!("{platform_name}: {} ({})", case.name, case.source);
            let account = account(platform, &case.settings, None, case.now);
            let request = platform.token_request(&account).unwrap_or_else(|| panic!("{name}: no token is asked for"));
            assert_eq!(shown(&request), wanted(&case.request), "{name}");
        }
    });
}

#[test]
fn what_is_judged_later_is_asked_for_as_the_platform_documents() {
    each(|platform, cases, platform_name| {
        for case in cases.enquiries {
            let name = format!("{platform_name}: {} ({})", case.name, case.source);
            if let Some(request) = &case.request {
                let account = account(platform, &case.settings, case.token.as_deref(), None);
                let enquiry = platform.enquiry(&case.receipt, &account).unwrap_or_else(|| panic!("{name}: no enquiry"));
                assert_eq!(shown(&enquiry), wanted(request), "{name}");
            }
            if let (Some(status), Some(fate)) = (case.status, &case.fate) {
                assert_eq!(&platform.enquired(&answer(status, None, &case.body), &case.receipt), fate, "{name}");
            }
            assert!(case.request.is_some() || case.fate.is_some(), "{name}: a case wants a request or a fate");
        }
    });
}

#[test]
fn what_is_missing_is_told() {
    each(|platform, cases, platform_name| {
        for case in cases.missing {
            let missing = platform.missing(&account(platform, &case.settings, None, None));
            let names: Vec<&str> = missing.iter().map(|field| field.name).collect();
            assert_eq!(names, case.fields, "{platform_name}: {}", case.name);
        }
    });
}

#[test]
fn no_answer_is_too_strange_and_every_parcel_gets_a_fate() {
    let bodies = [
        "",
        "<html><body>502 Bad Gateway</body></html>",
        "null",
        "[]",
        "{}",
        "{\"error\":7}",
        "{\"data\":[{}]}",
        "\u{0}",
    ];
    each(|platform, _, name| {
        for status in [200, 204, 301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504] {
            for body in bodies {
                let parcels = [Parcel::default(), Parcel::default(), Parcel::default()];
                let count = platform.about().limits.batch.min(parcels.len());
                let parcels: Vec<&Parcel> = parcels.iter().take(count).collect();
                let outcome = platform.outcome(&answer(status, None, &Value::from(body)), &parcels);
                if let Outcome::Each(fates) = &outcome {
                    assert_eq!(fates.len(), parcels.len(), "{name}: {status} {body}");
                }
                if status >= 500 || status == 429 || status == 408 {
                    let is_later = matches!(&outcome, Outcome::All(Fate::Down(..) | Fate::Later(..)));
                    assert!(is_later, "{name}: {status} {body} is {outcome:?}");
                }
            }
        }
    });
}
