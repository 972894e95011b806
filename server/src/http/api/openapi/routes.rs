//! The routes of the API, described.

use super::{
    Route, as_json, as_text, body, body_if_any, day, integer, maybe, named, object, one_of, query, some_text, text,
};
use crate::credit::Model;
use crate::http::api::part::known;
use crate::http::api::people::OF_TRAIL;
use crate::http::api::platforms::{LONGEST_TYPE, REPLAYED};
use crate::offers::MOST_LINES;
use crate::people::{LONGEST_NAME, Role};
use crate::reports::{Compare, Period};
use crate::store::{DeliveryState, List};
use serde_json::{Value, json};

/// Every route of the API.
pub(super) fn all() -> Vec<Route> {
    let mut routes = vec![
        Route { token: false, ..get("/openapi.json", "this description", anything()) },
        get("/sites", "every site, oldest first", items(named("Site"))),
        get("/sites/{site_id}/settings", "a site's settings, secrets hidden", anything()),
        Route {
            method: "patch",
            ..takes(get("/sites/{site_id}/settings", "changes settings by a JSON merge patch", anything()), settings())
        },
        Route {
            query: report(),
            ..get("/sites/{site_id}/report", "visits, clicks, conversions and money", named("Report"))
        },
        Route {
            refusals: vec![403],
            ..get("/sites/{site_id}/postback_urls", "every address of a site that others call", anything())
        },
        Route {
            body: body_if_any(as_json(object(&[("grace_hours", integer(0, 8760))], &[]))),
            refusals: vec![400, 422],
            ..post("/sites/{site_id}/tracking_id/rotate", "gives a site a new tracking id", anything())
        },
        Route {
            answers: vec![(200, as_text("application/zip"))],
            refusals: vec![403, 503],
            ..get("/sites/{site_id}/export", "everything that is held of a site, in one ZIP file", anything())
        },
        import(),
        takes(
            post(
                "/sites/{site_id}/postbacks/{postback_id}/correct",
                "sets parameters of a postback by hand",
                named("Postback"),
            ),
            object(&[("set", set())], &["set"]),
        ),
        post("/sites/{site_id}/postbacks/{postback_id}/replay", "reads a postback again", named("Postback")),
        takes(
            post(
                "/sites/{site_id}/conversions/{conversion_id}/assign",
                "credits a conversion to a click",
                named("Conversion"),
            ),
            object(&[("click_id", some_text())], &["click_id"]),
        ),
        takes(
            post(
                "/sites/{site_id}/conversions/{conversion_id}/test",
                "marks a conversion as a test or as none",
                named("Conversion"),
            ),
            object(&[("is_test", json!({ "type": "boolean" }))], &["is_test"]),
        ),
        Route {
            method: "delete",
            refusals: vec![403],
            ..get("/sites/{site_id}/visitors/{visitor_id}", "erases a visitor, for good", erased())
        },
        takes(
            post("/sites/{site_id}/offers/check", "says what is wrong with links to offers", judged_links()),
            object(
                &[("links", json!({ "type": "array", "minItems": 1, "maxItems": MOST_LINES, "items": text() }))],
                &["links"],
            ),
        ),
        Route { refusals: vec![422], ..job("/sites/{site_id}/replay", "reads the site's whole raw inbox again") },
        takes(
            job("/sites/{site_id}/reconcile", "asks a network for sales whose postback never came"),
            object(&[("group", some_text()), ("from", day()), ("to", day())], &["group", "from", "to"]),
        ),
        get("/sites/{site_id}/jobs/{job_id}", "one long task", named("Job")),
        get(
            "/sites/{site_id}/deliveries/{delivery_id}",
            "a delivery with its last request and answer, secrets redacted",
            named("DeliveryInFull"),
        ),
        Route {
            answers: vec![(202, as_json(named("Delivery")))],
            refusals: vec![422],
            ..post(
                "/sites/{site_id}/deliveries/{delivery_id}/replay",
                "sends a delivery again under the same event id",
                anything(),
            )
        },
        get("/sites/{site_id}/platforms", "every ad platform, and how it stands", items(named("Platform"))),
        Route {
            body: body_if_any(as_json(object(&[("type", a_type())], &[]))),
            refusals: vec![400, 422],
            ..post("/sites/{site_id}/platforms/{platform}/test", "sends a test event", named("TestOutcome"))
        },
        Route {
            answers: vec![(204, json!({}))],
            refusals: vec![422],
            ..post(
                "/sites/{site_id}/platforms/{platform}/resume",
                "lets a platform go on that is stopped or waits",
                anything(),
            )
        },
        takes(
            post(
                "/sites/{site_id}/platforms/{platform}/replay",
                "sends every delivery of a platform again that is in a state",
                object(&[("count", json!({ "type": "integer", "minimum": 0 }))], &["count"]),
            ),
            object(&[("state", one_of(&REPLAYED.map(DeliveryState::as_str)))], &["state"]),
        ),
        Route { query: vec![query("day", day())], ..get("/rates", "currency rates", anything()) },
        Route {
            body: body(as_text("application/octet-stream")),
            refusals: vec![400, 422],
            ..post("/rates", "takes a file of the European Central Bank's", anything())
        },
    ];
    routes.extend(people());
    routes.extend(super::spending::all());
    routes.extend(List::ALL.into_iter().map(list));
    routes.extend(List::ALL.into_iter().filter_map(table));
    routes
}

/// What belongs to the server and to no site.
fn people() -> [Route; 5] {
    let role = || one_of(&Role::ALL.map(Role::as_str));
    let name = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*[!-~][^\\u0000-\\u001f\\u007f-\\u009f]*$" });
    let of_trail = |name: &&str| match *name {
        "limit" => query("limit", integer(1, 1000)),
        "after" => query("after", cursor()),
        name => query(name, some_text()),
    };
    [
        Route { refusals: vec![403], ..get("/people", "everybody who may sign in", items(named("Person"))) },
        Route { refusals: vec![403], ..get("/tokens", "the tokens of programs, newest first", items(named("Token"))) },
        Route {
            answers: vec![(201, as_json(named("NewToken")))],
            ..takes(
                post("/tokens", "makes a token, and tells it this once", anything()),
                object(&[("name", name), ("role", role())], &["name", "role"]),
            )
        },
        Route {
            method: "delete",
            answers: vec![(204, json!({}))],
            ..get("/tokens/{token_id}", "revokes a token at once", anything())
        },
        Route {
            refusals: vec![403],
            query: OF_TRAIL.iter().map(of_trail).collect(),
            ..get("/audit", "who did what, newest first, in parts", items(named("Deed")))
        },
    ]
}

/// Where a part of a list begins.
fn cursor() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{1,15}_[0-9A-Za-z-]+$" })
}

pub(super) fn get(path: &str, summary: &str, answer: Value) -> Route {
    Route {
        path: format!("/api/v1{path}"),
        method: "get",
        summary: summary.to_owned(),
        token: true,
        query: Vec::new(),
        body: None,
        answers: vec![(200, as_json(answer))],
        refusals: Vec::new(),
        refusal: as_json(named("Error")),
    }
}

pub(super) fn post(path: &str, summary: &str, answer: Value) -> Route {
    Route { method: "post", ..get(path, summary, answer) }
}

fn job(path: &str, summary: &str) -> Route {
    Route { answers: vec![(202, as_json(named("Job")))], ..post(path, summary, anything()) }
}

/// The route with a JSON body.
pub(super) fn takes(route: Route, schema: Value) -> Route {
    Route { body: body(as_json(schema)), refusals: vec![400, 422], ..route }
}

pub(super) fn anything() -> Value {
    json!({ "type": "object" })
}

pub(super) fn items(row: Value) -> Value {
    object(&[("items", json!({ "type": "array", "items": row })), ("next", maybe("string"))], &["items", "next"])
}

/// The name of a conversion type or an event, some character of which is no space.
fn a_type() -> Value {
    json!({ "type": "string", "maxLength": LONGEST_TYPE, "pattern": "[!-~]" })
}

/// What can be set in a postback.
fn set() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 50,
        "propertyNames": { "maxLength": 100, "pattern": "[^_-]" },
        "additionalProperties": { "type": ["string", "null"], "maxLength": 2000 },
    })
}

/// How much was erased.
fn erased() -> Value {
    let counts = ["visits", "events", "clicks", "conversions", "postbacks", "deliveries_stopped", "deliveries_cleared"];
    let mut fields: Vec<(&str, Value)> =
        counts.iter().map(|name| (*name, json!({ "type": "integer", "minimum": 0 }))).collect();
    fields.push(("log_emptied", json!({ "type": "boolean" })));
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    object(&fields, &names)
}

/// What was found in each link.
fn judged_links() -> Value {
    let verdict = || one_of(&["good", "look", "wrong"]);
    let finding = object(
        &[("code", text()), ("verdict", verdict()), ("said", text()), ("mend", maybe("string"))],
        &["code", "verdict", "said", "mend"],
    );
    let judged = object(
        &[
            ("line", json!({ "type": "integer", "minimum": 1 })),
            ("link", text()),
            ("verdict", verdict()),
            ("group", maybe("string")),
            ("kind", maybe("string")),
            ("sub_id", json!({ "enum": ["none", "token", "macro", "ours", "fixed", null] })),
            ("findings", json!({ "type": "array", "items": finding })),
            ("decorated", maybe("string")),
        ],
        &["line", "link", "verdict", "group", "kind", "sub_id", "findings", "decorated"],
    );
    object(&[("items", json!({ "type": "array", "items": judged }))], &["items"])
}

/// The keys of the settings; docs/api.md says what each takes.
fn settings() -> Value {
    let keys = [
        "name",
        "origins",
        "reporting_currency",
        "time_zone",
        "cost",
        "purchase_value",
        "existing_subid",
        "consent",
        "privacy",
        "attribution",
        "autoscan",
        "pixels",
        "pixel_ids",
        "groups",
        "types",
        "platforms",
    ];
    object(&keys.map(|key| (key, json!({}))), &[])
}

/// The parameters of a report, of which an empty one counts as one that is not there.
fn report() -> Vec<Value> {
    let or_empty = |schema: Value| json!({ "anyOf": [schema, { "const": "" }] });
    vec![
        query("from", or_empty(day())),
        query("to", or_empty(day())),
        query("period", or_empty(one_of(&Period::ALL.map(Period::as_str)))),
        query("by", text()),
        query("where", text()),
        query("compare", or_empty(one_of(&Compare::ALL.map(Compare::as_str)))),
        query("model", or_empty(one_of(&Model::ALL.map(Model::as_str)))),
        query("currency", or_empty(json!({ "type": "string", "pattern": "^[A-Za-z]{3}$" }))),
        query("sort", text()),
        query("limit", or_empty(integer(1, 10_000))),
    ]
}

fn import() -> Route {
    let flag = || one_of(&["true", "false", "1", "0"]);
    Route {
        query: vec![
            query("dry_run", flag()),
            query("group", text()),
            query("format", text()),
            query("zone", some_text()),
            query("decimals", one_of(&["auto", "point", "comma"])),
            query("dates", one_of(&["auto", "day_first", "month_first"])),
            query("without_id", flag()),
        ],
        body: body(as_text("text/csv")),
        answers: vec![(200, as_json(anything())), (202, as_json(named("Job")))],
        refusals: vec![422],
        ..post("/sites/{site_id}/import", "brings in past conversions, or tells what would become of them", anything())
    }
}

/// A list: its path, and what its rows are called.
fn list(list: List) -> Route {
    let (path, row) = match list {
        List::Visits => ("visits", "Visit"),
        List::Events => ("events", "Event"),
        List::Clicks => ("clicks", "Click"),
        List::Postbacks => ("postbacks", "Postback"),
        List::Conversions => ("conversions", "Conversion"),
        List::OrderEvents => ("order_events", "OrderEvent"),
        List::Deliveries => ("deliveries", "Delivery"),
        List::Links => ("links", "Link"),
        List::Jobs => ("jobs", "Job"),
    };
    let summary = "a list, newest first: filtered, sorted, in parts";
    Route { query: filters(list, &[]), ..get(&format!("/sites/{{site_id}}/{path}"), summary, items(named(row))) }
}

/// The CSV file of a list, where it has one.
fn table(list: List) -> Option<Route> {
    let path = match list {
        List::Visits => "visits",
        List::Events => "events",
        List::Clicks => "clicks",
        List::Postbacks => "postbacks",
        List::Conversions => "conversions",
        List::OrderEvents => "order_events",
        List::Deliveries => "deliveries",
        List::Links | List::Jobs => return None,
    };
    Some(Route {
        query: filters(list, &["limit"]),
        answers: vec![(200, as_text("text/csv"))],
        ..get(&format!("/sites/{{site_id}}/{path}.csv"), "every row of a list as a file", anything())
    })
}

/// The parameters of a list, by the table that reads them.
fn filters(list: List, without: &[&str]) -> Vec<Value> {
    let of_field = |name: &str| {
        let field = list.fields().iter().find(|field| field.as_str() == name)?;
        list.words(*field).map(|words| one_of(&words))
    };
    let schema = |name: &str| match name {
        "limit" => integer(1, 1000),
        "after" => cursor(),
        "order" => one_of(&["desc", "asc"]),
        "time" if list.has_happened() => one_of(&["received_at", "at"]),
        "time" => one_of(&["received_at"]),
        "from" | "to" => day(),
        _ => of_field(name).unwrap_or_else(some_text),
    };
    known(list).into_iter().filter(|name| !without.contains(name)).map(|name| query(name, schema(name))).collect()
}
