//! The shapes of what is answered.

use super::{maybe, named, object, one_of, text};
use crate::http::api::shapes::{FIELD_KINDS, OUTCOMES};
use crate::outbox::overview::Standing;
use crate::people::Role;
use crate::store::{Channel, DeliveryState, PostbackState};
use serde_json::{Value, json};

/// A row in which every field is always there: `texts` and `times` present, `maybes` or null, `maps` objects, and what else there is.
fn row(texts: &[&str], maybes: &[&str], maps: &[&str], more: &[(&str, Value)]) -> Value {
    let mut fields: Vec<(&str, Value)> = texts.iter().map(|name| (*name, text())).collect();
    fields.extend(maybes.iter().map(|name| (*name, maybe("string"))));
    fields.extend(maps.iter().map(|name| (*name, json!({ "type": "object" }))));
    fields.extend(more.iter().cloned());
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    object(&fields, &names)
}

/// A delivery, with what else there is.
fn delivery(more: &[(&str, Value)]) -> Value {
    let mut fields = vec![
        ("state", one_of(&DeliveryState::ALL.map(DeliveryState::as_str))),
        ("attempts", count()),
        ("last_status", maybe("integer")),
    ];
    fields.extend(more.iter().cloned());
    row(
        &["id", "received_at", "event_id", "platform", "type", "at"],
        &["conversion_id", "reason", "not_before", "deadline", "finished_at", "last_answer"],
        &[],
        &fields,
    )
}

fn role() -> Value {
    one_of(&Role::ALL.map(Role::as_str))
}

/// A token of a program, with what else there is.
fn token(more: &[(&str, Value)]) -> Value {
    let fields = [&[("role", role())], more].concat();
    row(&["id", "name", "created_at", "created_by"], &["last_used_at"], &[], &fields)
}

fn platform() -> Value {
    let counts = ["waiting", "stopped", "refused", "expired", "delivered"].map(|name| (name, count()));
    let list_of = |row: Value| json!({ "type": "array", "items": row });
    let words = json!({ "type": ["array", "null"], "items": text() });
    let field = [("kind", one_of(&FIELD_KINDS)), ("required", json!({ "type": "boolean" })), ("words", words)];
    let mut fields = vec![
        ("state", one_of(&Standing::ALL.map(Standing::as_str))),
        ("test_mode", json!({ "type": "boolean" })),
        ("missing", list_of(row(&["field", "label", "hint"], &[], &[], &[]))),
        ("fields", list_of(row(&["name", "label", "hint"], &[], &[], &field))),
    ];
    fields.extend(counts);
    row(
        &["platform", "title", "docs"],
        &["reason", "next_attempt", "last_success", "last_trouble", "oldest_unsent"],
        &[],
        &fields,
    )
}

/// What was sent and answered last.
fn exchange() -> Vec<(&'static str, Value)> {
    vec![("request", or_null(named("Request"))), ("answer", or_null(named("Answer")))]
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// Every schema by its name.
pub(super) fn all() -> Value {
    let flag = || json!({ "type": "boolean" });
    let money = || json!({ "type": ["string", "null"], "pattern": "^-?[0-9]+(\\.[0-9]+)?$" });
    let list = || json!({ "type": "array" });
    json!({
        "Error": object(&[("error", text())], &["error"]),
        "Site": row(&["site_id", "tracking_id", "name"], &[], &["settings"], &[("origins", list())]),
        "Visit": row(
            &["visit_id", "at", "received_at", "landing_page"],
            &["visitor_id", "referrer", "country", "device"],
            &["source", "click_ids", "cookies"],
            &[("first_touch", maybe("object")), ("bot", flag()), ("cost", maybe("object"))],
        ),
        "Event": row(&["event_id", "visit_id", "at", "received_at", "name", "page"], &["click_id"], &["attributes"], &[]),
        "Click": row(
            &["click_id", "visit_id", "at", "received_at", "href", "page", "how"],
            &["group", "label"],
            &[],
            &[("foreign", flag())],
        ),
        "Postback": row(
            &["id", "received_at", "group"],
            &["reason", "raw", "conversion_id"],
            &[],
            &[
                ("state", one_of(&PostbackState::ALL.map(PostbackState::as_str))),
                ("channel", one_of(&Channel::ALL.map(Channel::as_str))),
                ("corrections", maybe("object")),
                ("parameters", maybe("object")),
            ],
        ),
        "Conversion": row(
            &["id", "at", "received_at", "type", "group", "transaction_type"],
            &[
                "reason", "currency", "transaction_id", "order_type", "billing_type", "billing_status", "order_id",
                "product_id", "product_name", "sale_id", "click_id", "visit_id",
            ],
            &["amounts", "source", "click_ids", "custom"],
            &[
                ("state", one_of(&["attributed", "unattributed", "test"])),
                ("value", money()),
                ("rebill", flag()),
                ("repeated", flag()),
            ],
        ),
        "Person": row(
            &["id", "email", "name", "created_at"],
            &["last_seen_at"],
            &[],
            &[("role", role()), ("has_password", flag()), ("disabled", flag())],
        ),
        "Token": token(&[]),
        "NewToken": token(&[("token", text())]),
        "Deed": row(&["id", "at", "who", "act"], &["user_id", "site_id"], &["about"], &[]),
        "Cost": row(
            &["id", "first_day", "last_day", "amount", "currency", "added_at"],
            &["source", "note"],
            &["dimensions"],
            &[],
        ),
        "CostFile": row(
            &["source", "delimiter"],
            &["tool", "first_day", "last_day"],
            &["totals"],
            &[
                ("dry_run", flag()),
                ("columns", list()),
                ("rows", count()),
                ("added", count()),
                ("changed", count()),
                ("same", count()),
                ("removed", count()),
                ("items", json!({ "type": "array", "items": named("Cost") })),
                ("passed_over", list()),
                ("problems", list()),
            ],
        ),
        "SavedReport": row(&["id", "name", "query", "created_at", "created_by"], &[], &[], &[]),
        "OrderEvent": row(
            &["id", "received_at", "group", "order_id", "event"],
            &["transaction_id", "product_id", "billing_status", "click_id"],
            &[],
            &[("is_test", flag())],
        ),
        "Delivery": delivery(&[]),
        "DeliveryInFull": delivery(&exchange()),
        "Request": row(&["at", "method", "url", "body"], &[], &["headers"], &[("together", count())]),
        "Answer": row(&["body"], &[], &[], &[("status", maybe("integer"))]),
        "Platform": platform(),
        "TestOutcome": row(&[], &["reason"], &[], &[vec![("outcome", one_of(&OUTCOMES))], exchange()].concat()),
        "Link": row(
            &["url", "reason", "checked_at", "expires_at"],
            &["group", "resolved"],
            &[],
            &[("forwards", maybe("boolean")), ("hops", list())],
        ),
        "Job": row(
            &["id", "created_at", "updated_at"],
            &["error"],
            &["counts"],
            &[
                ("kind", one_of(&["replay", "import", "reconcile"])),
                ("state", one_of(&["waiting", "running", "done", "failed"])),
                ("total", maybe("integer")),
                ("problems", list()),
            ],
        ),
        "Report": row(
            &["site_id", "from", "to", "time_zone", "model"],
            &["currency"],
            &["totals"],
            &[
                ("by", list()),
                ("where", list()),
                ("rows", list()),
                ("compared_with", maybe("object")),
                ("left_out", count()),
            ],
        ),
    })
}
