//! What each platform says: where its requests carry the ids of events, its yes, its no for one event, and its words for an error.
//! The shapes are those of the golden cases (`tests/platforms/*.json`), which name their sources.

use crate::fake::{Heard, State};
use serde_json::{Value, json};
use std::collections::HashSet;

/// An answer, and which events it takes.
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) taken: Vec<String>,
}

fn texts(body: &Value, list: &str, id: &str) -> Vec<String> {
    let items = body.pointer(list).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.pointer(id)?.as_str().map(str::to_owned)).collect()
}

fn kind_of(platform: &str) -> &str {
    platform.split('-').next().unwrap_or(platform)
}

/// The ids of the events that a request tells.
pub(crate) fn event_ids(heard: &Heard) -> Vec<String> {
    let body = heard.json();
    match kind_of(&heard.platform) {
        "meta" | "tiktok" | "pinterest" | "snapchat" | "microsoft" => {
            let ids = texts(&body, "/data", "/event_id");
            if ids.is_empty() { texts(&body, "/data", "/eventId") } else { ids }
        }
        "ga4" => texts(&body, "/events", "/params/transaction_id"),
        "google" => texts(&body, "/events", "/transactionId"),
        "linkedin" => {
            let ids = texts(&body, "/elements", "/eventId");
            if ids.is_empty() { body["eventId"].as_str().map(str::to_owned).into_iter().collect() } else { ids }
        }
        "reddit" => texts(&body, "/data/events", "/metadata/conversion_id"),
        "x" => texts(&body, "/conversions", "/conversion_id"),
        "webhook" => body["data"]["event_id"].as_str().map(str::to_owned).into_iter().collect(),
        _ => {
            let url = url::Url::parse(&format!("http://fake{}", heard.path)).expect("a path");
            url.query_pairs().filter(|(name, _)| name == "eid").map(|(_, id)| id.into_owned()).collect()
        }
    }
}

/// Whether an access token is asked for.
pub(crate) fn is_token(heard: &Heard) -> bool {
    heard.path.ends_with("/token") || heard.path.ends_with("/accessToken")
}

/// The platform's usual answer.
pub(crate) fn usual(heard: &Heard, poison: &HashSet<String>, state: &mut State) -> Said {
    let ids = &heard.event_ids;
    let bad: Vec<usize> = (0..ids.len()).filter(|index| poison.contains(&ids[*index])).collect();
    let yes = |body: Value| Said { status: 200, body: body.to_string(), taken: ids.clone() };
    let no = |status: u16, body: Value| Said { status, body: body.to_string(), taken: Vec::new() };
    if is_token(heard) {
        let token = state.new_token();
        return no(200, json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" }));
    }
    match (kind_of(&heard.platform), bad.is_empty()) {
        ("meta", true) => yes(json!({ "events_received": ids.len(), "messages": [], "fbtrace_id": "A1" })),
        ("meta", false) => no(
            400,
            json!({ "error": { "message": "Invalid parameter", "type": "OAuthException", "code": 100, "error_subcode": 2_804_003,
                "is_transient": false, "error_user_title": "Event Timestamp Too Old", "error_user_msg": "Too old.",
                "fbtrace_id": "A2" } }),
        ),
        ("tiktok", true) => yes(json!({ "code": 0, "message": "OK", "request_id": "r", "data": {} })),
        ("tiktok", false) => {
            no(200, json!({ "code": 40002, "message": "Bad event_time", "request_id": "r", "data": {} }))
        }
        ("linkedin", true) => {
            yes(json!({ "elements": ids.iter().map(|_| json!({ "status": 201 })).collect::<Vec<_>>() }))
        }
        ("linkedin", false) => {
            let lines: Vec<String> =
                bad.iter().map(|index| format!("Index: {index}, ERROR :: /conversionHappenedAt :: too old")).collect();
            no(422, json!({ "message": lines.join("\n"), "status": 422 }))
        }
        ("reddit", true) => {
            yes(json!({ "data": { "message": format!("Successfully processed {} conversion events.", ids.len()) } }))
        }
        ("reddit", false) => no(
            400,
            json!({ "error": { "code": 400, "message": "The request has errors. None were processed.",
                "invalid_events": [{ "error_message": "event_at is too old" }] } }),
        ),
        ("google", true) if heard.method == "POST" => yes(json!({ "requestId": format!("receipt-{}", ids.join("-")) })),
        ("google", true) => yes(json!({ "requestStatusPerDestination": [{ "requestStatus": "SUCCESS" }] })),
        ("google", false) => no(
            400,
            json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT", "message": "There was a problem with the request." } }),
        ),
        ("ga4", true) => Said { status: 204, body: String::new(), taken: ids.clone() },
        ("pinterest", true) => yes(json!({ "num_events_received": ids.len(), "num_events_processed": ids.len(),
            "events": ids.iter().map(|_| json!({ "status": "processed", "error_message": "", "warning_message": "" })).collect::<Vec<_>>() })),
        ("snapchat", true) => yes(json!({ "status": "VALID", "reason": "", "warnings": [], "errors": [] })),
        ("x", true) => yes(json!({ "request": {}, "data": { "conversions_processed": ids.len(), "debug_id": "d" } })),
        ("google_ads", true) => yes(json!({ "results": [{}], "jobId": "1" })),
        ("microsoft", true) => yes(json!({ "eventsReceived": ids.len(), "traceId": "t" })),
        ("microsoft_offline", true) => yes(json!({ "PartialErrors": [] })),
        (_, true) => Said { status: 200, body: "OK".into(), taken: ids.clone() },
        (_, false) => no(400, json!({ "message": "one of them cannot be read" })),
    }
}

/// The request repeated in every field in which a platform tells what is wrong.
pub(crate) fn echo(heard: &Heard) -> String {
    let whole = heard.whole();
    json!({
        "message": whole, "code": 1, "reason": whole, "request_id": whole, "status": whole,
        "error": { "message": whole, "code": 999_999, "error_user_msg": whole, "status": "UNKNOWN", "details": [{ "reason": whole }] },
        "error_description": whole,
        "errors": [{ "message": whole, "code": "UNKNOWN" }],
        "requestId": Value::Null,
    })
    .to_string()
}
