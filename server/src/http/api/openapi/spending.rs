//! Costs and saved reports, described.

use super::routes::{anything, get, items, post, takes};
use super::{Route, as_json, as_text, body, day, integer, named, object, one_of, query, some_text, text};
use crate::http::api::saved_reports::{LONGEST_NAME, LONGEST_QUERY};
use serde_json::{Value, json};

/// A parameter without which the request is refused.
fn needed(name: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "required": true, "schema": schema })
}

/// The routes.
pub(super) fn all() -> [Route; 8] {
    let removes = |path: &str, summary: &str| Route {
        method: "delete",
        answers: vec![(204, json!({}))],
        ..get(path, summary, anything())
    };
    let count = json!({ "type": "integer", "minimum": 0 });
    [
        Route {
            query: vec![
                query("from", day()),
                query("to", day()),
                query("limit", integer(1, 1000)),
                query("after", json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9A-Za-z-]+$" })),
            ],
            ..get("/sites/{site_id}/costs", "what was spent on ads, the latest first", items(named("Cost")))
        },
        Route {
            answers: vec![(201, as_json(named("Cost")))],
            ..takes(post("/sites/{site_id}/costs", "keeps a cost", anything()), new_cost())
        },
        Route {
            method: "delete",
            query: vec![needed("source", some_text()), needed("from", day()), needed("to", day())],
            ..get(
                "/sites/{site_id}/costs",
                "takes away what came from files of a name and lies in these days",
                object(&[("count", count)], &["count"]),
            )
        },
        Route {
            query: vec![
                query("dry_run", one_of(&["true", "false", "1", "0"])),
                query(
                    "source",
                    json!({ "type": "string", "maxLength": 60, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" }),
                ),
                query("currency", json!({ "type": "string", "pattern": "^[A-Za-z]{3}$" })),
                query("decimals", one_of(&["auto", "point", "comma"])),
                query("dates", one_of(&["auto", "day_first", "month_first"])),
            ],
            body: body(as_text("text/csv")),
            refusals: vec![422],
            ..post(
                "/sites/{site_id}/costs/import",
                "takes a file of what was spent, or tells what would become of it",
                named("CostFile"),
            )
        },
        removes("/sites/{site_id}/costs/{cost_id}", "removes a cost"),
        get("/sites/{site_id}/saved_reports", "the reports that are kept under a name", items(named("SavedReport"))),
        takes(
            post(
                "/sites/{site_id}/saved_reports",
                "keeps a report under a name; one of the same name is replaced",
                named("SavedReport"),
            ),
            object(&[("name", one_line(LONGEST_NAME)), ("query", one_line(LONGEST_QUERY))], &["name", "query"]),
        ),
        removes("/sites/{site_id}/saved_reports/{report_id}", "removes a saved report"),
    ]
}

fn one_line(longest: usize) -> Value {
    json!({ "type": "string", "maxLength": longest, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" })
}

/// A cost as it is entered; docs/api.md says what each field takes.
fn new_cost() -> Value {
    let or_null = |schema: Value| json!({ "anyOf": [schema, { "type": "null" }] });
    object(
        &[
            ("first_day", day()),
            ("last_day", or_null(day())),
            ("dimensions", json!({ "type": "object", "additionalProperties": text() })),
            ("amount", json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,6})?$" })),
            ("currency", or_null(json!({ "type": "string", "pattern": "^[A-Za-z]{3}$" }))),
            ("note", or_null(one_line(500))),
        ],
        &["first_day", "amount"],
    )
}
