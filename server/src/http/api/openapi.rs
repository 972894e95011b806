//! `GET /api/v1/openapi.json`: the API described for programs, by the same tables that read the requests. Without the token: it tells nothing
//! of any site.

use super::part::known;
use crate::store::{Channel, List, PostbackState};
use axum::Json;
use serde_json::{Map, Value, json};

/// A route of the API: path, method, what it does, its query, its body, the status of success and what it answers.
struct Route {
    path: &'static str,
    method: &'static str,
    summary: &'static str,
    query: Vec<Value>,
    body: Option<Value>,
    status: &'static str,
    answer: Value,
}

/// The description.
pub(super) async fn show() -> Json<Value> {
    Json(document())
}

/// The whole document: OpenAPI 3.1.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let item = paths.entry(format!("/api/v1{}", route.path)).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(route.method.to_owned(), operation(&route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tagwerk",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Money is a decimal string with its currency beside it, times are RFC 3339 in UTC, ids are opaque strings, \
                            what is absent is null. docs/api.md says what each thing means.",
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.split('}').next());
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }))
        .collect();
    parameters.extend(route.query.iter().cloned());
    let mut operation = json!({
        "summary": route.summary,
        "operationId": format!("{} {}", route.method, route.path),
        "parameters": parameters,
        "responses": {
            route.status: { "description": "as asked", "content": route.answer },
            "default": { "description": "a sentence that says what to do", "content": as_json(named("Error")) },
        },
    });
    if route.path.ends_with("/import")
        && let Some(answers) = operation.pointer_mut("/responses").and_then(Value::as_object_mut)
    {
        let whole = as_json(json!({ "type": "object" }));
        answers.insert("200".into(), json!({ "description": "what would become of each row", "content": whole }));
    }
    if let (Some(body), Some(operation)) = (&route.body, operation.as_object_mut()) {
        operation.insert("requestBody".into(), json!({ "content": body }));
    }
    operation
}

fn routes() -> Vec<Route> {
    let mut routes = vec![
        get("/openapi.json", "this description", as_json(json!({ "type": "object" }))),
        get("/sites", "every site, oldest first", as_json(items(named("Site")))),
        get("/sites/{site_id}/settings", "a site's settings, secrets hidden", as_json(json!({ "type": "object" }))),
        Route {
            method: "patch",
            body: Some(as_json(json!({ "type": "object" }))),
            ..get(
                "/sites/{site_id}/settings",
                "changes settings by a JSON merge patch",
                as_json(json!({ "type": "object" })),
            )
        },
        Route {
            query: queries(&["from", "to", "by", "model", "currency", "type", "group", "sort", "limit"]),
            ..get("/sites/{site_id}/report", "visits, clicks, conversions and money", as_json(named("Report")))
        },
        get("/sites/{site_id}/postback_urls", "every address of a site", as_json(json!({ "type": "object" }))),
        post(
            "/sites/{site_id}/tracking_id/rotate",
            "a new tracking id",
            Some(object(&[("grace_hours", integer())], &[])),
        ),
        Route {
            query: queries(&["dry_run", "group", "format", "zone", "decimals", "dates", "without_id"]),
            body: Some(json!({ "text/csv": { "schema": text() } })),
            status: "202",
            answer: as_json(named("Job")),
            ..get("/sites/{site_id}/import", "brings in past conversions, or tries to (200)", as_json(named("Job")))
        },
        post(
            "/sites/{site_id}/postbacks/{postback_id}/correct",
            "sets parameters of a postback by hand",
            Some(object(&[("set", json!({ "type": "object", "additionalProperties": maybe("string") }))], &["set"])),
        ),
        post("/sites/{site_id}/postbacks/{postback_id}/replay", "reads a postback again", None),
        post(
            "/sites/{site_id}/conversions/{conversion_id}/assign",
            "credits a conversion to a click",
            Some(object(&[("click_id", text())], &["click_id"])),
        ),
        job("/sites/{site_id}/replay", "reads the whole inbox again", None),
        job(
            "/sites/{site_id}/reconcile",
            "asks a network for what never came",
            Some(object(&[("group", text()), ("from", text()), ("to", text())], &["group", "from", "to"])),
        ),
        get("/sites/{site_id}/jobs/{job_id}", "one long task", as_json(named("Job"))),
        Route { query: queries(&["day"]), ..get("/rates", "exchange rates", as_json(json!({ "type": "object" }))) },
        Route {
            body: Some(json!({ "application/octet-stream": { "schema": text() } })),
            ..post("/rates", "takes a file of the European Central Bank", None)
        },
    ];
    for route in &mut routes {
        if route.path.ends_with("/import") {
            route.method = "post";
        }
        if route.path.ends_with("/correct") || route.path.ends_with("{postback_id}/replay") {
            route.answer = as_json(named("Postback"));
        }
        if route.path.ends_with("/assign") {
            route.answer = as_json(named("Conversion"));
        }
    }
    routes.extend(List::ALL.into_iter().map(list));
    routes.extend(List::ALL.into_iter().filter_map(table));
    routes
}

fn get(path: &'static str, summary: &'static str, answer: Value) -> Route {
    Route { path, method: "get", summary, query: Vec::new(), body: None, status: "200", answer }
}

fn post(path: &'static str, summary: &'static str, body: Option<Value>) -> Route {
    Route { method: "post", body: body.map(as_json), ..get(path, summary, as_json(json!({ "type": "object" }))) }
}

fn job(path: &'static str, summary: &'static str, body: Option<Value>) -> Route {
    Route { status: "202", answer: as_json(named("Job")), ..post(path, summary, body) }
}

/// A list: its path, and what its rows are called.
fn list(list: List) -> Route {
    let (path, row) = match list {
        List::Visits => ("/sites/{site_id}/visits", "Visit"),
        List::Events => ("/sites/{site_id}/events", "Event"),
        List::Clicks => ("/sites/{site_id}/clicks", "Click"),
        List::Postbacks => ("/sites/{site_id}/postbacks", "Postback"),
        List::Conversions => ("/sites/{site_id}/conversions", "Conversion"),
        List::OrderEvents => ("/sites/{site_id}/order_events", "OrderEvent"),
        List::Deliveries => ("/sites/{site_id}/deliveries", "Delivery"),
        List::Links => ("/sites/{site_id}/links", "Link"),
        List::Jobs => ("/sites/{site_id}/jobs", "Job"),
    };
    Route { query: filters(list), ..get(path, "a list, newest first", as_json(items(named(row)))) }
}

/// The CSV file of a list, where it has one.
fn table(list: List) -> Option<Route> {
    let path = match list {
        List::Visits => "/sites/{site_id}/visits.csv",
        List::Events => "/sites/{site_id}/events.csv",
        List::Clicks => "/sites/{site_id}/clicks.csv",
        List::Postbacks => "/sites/{site_id}/postbacks.csv",
        List::Conversions => "/sites/{site_id}/conversions.csv",
        List::OrderEvents => "/sites/{site_id}/order_events.csv",
        List::Deliveries => "/sites/{site_id}/deliveries.csv",
        List::Links | List::Jobs => return None,
    };
    let file = json!({ "text/csv": { "schema": text() } });
    Some(Route { query: filters(list), ..get(path, "the list as a file", file) })
}

/// The parameters of a list, by the table that reads them.
fn filters(list: List) -> Vec<Value> {
    let of_field = |name: &str| {
        let field = list.fields().iter().find(|field| field.as_str() == name)?;
        Some(match list.words(*field) {
            Some(words) => json!({ "type": "string", "enum": words }),
            None => json!({ "type": "string", "minLength": 1 }),
        })
    };
    let schema = |name: &str| match name {
        "limit" => json!({ "type": "integer", "minimum": 1, "maximum": 1000 }),
        "order" => json!({ "type": "string", "enum": ["desc", "asc"] }),
        "time" if list.has_happened() => json!({ "type": "string", "enum": ["received_at", "at"] }),
        "time" => json!({ "type": "string", "enum": ["received_at"] }),
        "from" | "to" => json!({ "type": "string", "format": "date" }),
        _ => of_field(name).unwrap_or_else(text),
    };
    known(list).into_iter().map(|name| json!({ "name": name, "in": "query", "schema": schema(name) })).collect()
}

fn queries(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({ "name": name, "in": "query", "schema": text() })).collect()
}

fn as_json(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn named(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn items(row: Value) -> Value {
    object(&[("items", json!({ "type": "array", "items": row })), ("next", maybe("string"))], &["items", "next"])
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn integer() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn maybe(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

fn object(fields: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// A row in which every field is always there: `texts` and `times` present, `maybes` or null, `maps` objects, and what else there is.
fn row(texts: &[&str], maybes: &[&str], maps: &[&str], more: &[(&str, Value)]) -> Value {
    let mut fields: Vec<(&str, Value)> = texts.iter().map(|name| (*name, text())).collect();
    fields.extend(maybes.iter().map(|name| (*name, maybe("string"))));
    fields.extend(maps.iter().map(|name| (*name, json!({ "type": "object" }))));
    fields.extend(more.iter().cloned());
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    object(&fields, &names)
}

fn schemas() -> Value {
    let flag = || json!({ "type": "boolean" });
    let money = || json!({ "type": ["string", "null"], "pattern": "^-?[0-9]+(\\.[0-9]+)?$" });
    let one_of = |words: Vec<&str>| json!({ "type": "string", "enum": words });
    let list = || json!({ "type": "array" });
    json!({
        "Error": object(&[("error", text())], &["error"]),
        "Site": row(&["site_id", "tracking_id", "name"], &[], &["settings"], &[("origins", list())]),
        "Visit": row(
            &["visit_id", "at", "received_at", "landing_page"],
            &["visitor_id", "referrer", "country", "device"],
            &["source", "click_ids", "cookies"],
            &[("first_touch", maybe("object")), ("bot", flag())],
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
                ("state", one_of(PostbackState::ALL.iter().map(|state| state.as_str()).collect())),
                ("channel", one_of(Channel::ALL.iter().map(|channel| channel.as_str()).collect())),
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
                ("state", one_of(vec!["attributed", "unattributed", "test"])),
                ("value", money()),
                ("rebill", flag()),
                ("repeated", flag()),
            ],
        ),
        "OrderEvent": row(
            &["id", "received_at", "group", "order_id", "event"],
            &["transaction_id", "product_id", "billing_status", "click_id"],
            &[],
            &[("is_test", flag())],
        ),
        "Delivery": { "type": "object" },
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
                ("kind", one_of(vec!["replay", "import", "reconcile"])),
                ("state", one_of(vec!["waiting", "running", "done", "failed"])),
                ("total", maybe("integer")),
                ("problems", list()),
            ],
        ),
        "Report": row(
            &["site_id", "from", "to", "model"],
            &["type", "group", "currency"],
            &["totals"],
            &[("by", list()), ("rows", list()), ("left_out", integer())],
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every `.route("...")` of the API's table with its methods, as written.
    fn table_of_routes() -> BTreeSet<(String, String)> {
        let table = include_str!("../api.rs");
        let mut found = BTreeSet::new();
        for line in table.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
            let (path, handlers) = line.split_once('"').expect("a path");
            for method in ["get", "post", "patch"] {
                if handlers.contains(&format!("{method}(")) {
                    found.insert((format!("/api/v1{path}"), method.to_owned()));
                }
            }
        }
        found
    }

    #[test]
    fn every_route_is_described_and_every_description_has_its_route() {
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("methods");
                methods.keys().map(move |method| (path.clone(), method.clone()))
            })
            .collect();
        assert_eq!(described, table_of_routes());
    }

    #[test]
    fn every_schema_that_is_referred_to_is_there() {
        let document = document();
        let text = document.to_string();
        let names = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().expect("a name"));
        for name in names {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
