//! `GET /api/v1/openapi.json`: what can be called, described for programs, by the same tables that read the requests. Without the token:
//! it tells nothing of any site. The dashboard's pages are for people and not in it.

mod inbound;
mod routes;
mod schemas;
mod spending;

use axum::Json;
use serde_json::{Map, Value, json};

/// A route: what it does, what it takes, and what it answers.
struct Route {
    path: String,
    method: &'static str,
    summary: String,
    /// Whether a token is asked for.
    token: bool,
    query: Vec<Value>,
    body: Option<Value>,
    /// Statuses of success, and the content of each.
    answers: Vec<(u16, Value)>,
    /// Statuses of what is refused, besides those that follow from the rest.
    refusals: Vec<u16>,
    /// What a refusal looks like.
    refusal: Value,
}

/// The description.
pub(super) async fn show() -> Json<Value> {
    Json(document())
}

/// The whole document: OpenAPI 3.1.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes::all().into_iter().chain(inbound::all()) {
        let item = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
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
            "schemas": schemas::all(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let in_path: Vec<&str> =
        route.path.split('{').skip(1).map(|part| part.split('}').next().unwrap_or_default()).collect();
    let mut parameters: Vec<Value> = in_path
        .iter()
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }))
        .collect();
    parameters.extend(route.query.iter().cloned());
    let mut responses: Map<String, Value> = Map::new();
    for (status, content) in &route.answers {
        responses.insert(status.to_string(), json!({ "description": says(*status), "content": content }));
    }
    let mut refusals = route.refusals.clone();
    let all_stores = [
        (route.token, 401),
        (route.token && route.method != "get", 403),
        (!in_path.is_empty(), 404),
        (!route.query.is_empty() && route.token, 400),
        (route.body.is_some(), 413),
        (true, 503),
    ];
    refusals.extend(all_stores.into_iter().filter(|(is, _)| *is).map(|(_, status)| status));
    for status in refusals {
        responses.insert(status.to_string(), json!({ "description": says(status), "content": route.refusal }));
    }
    let mut operation = json!({
        "summary": route.summary,
        "operationId": format!("{} {}", route.method, route.path),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(operation) = operation.as_object_mut() {
        if let Some(body) = &route.body {
            operation.insert("requestBody".into(), body.clone());
        }
        if !route.token {
            operation.insert("security".into(), json!([]));
        }
    }
    operation
}

/// What a status means here.
fn says(status: u16) -> &'static str {
    match status {
        200 => "as asked",
        201 => "it is made",
        202 => "it has begun; what is answered tells how far it is",
        204 => "it is on disk",
        304 => "it is the one that the caller has",
        400 => "the request does not read; the sentence says why",
        401 => "the token is missing, wrong or revoked",
        403 => "not with the role of this token, or not for this caller",
        404 => "there is no such thing",
        405 => "not by this method",
        413 => "it is longer than the bound that the sentence names",
        422 => "the request reads and cannot be accepted; the sentence says why",
        429 => "too often; see Retry-After",
        _ => "it cannot be made durable or read now; see Retry-After",
    }
}

/// Content: JSON of this schema.
fn as_json(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// Content: text of this kind.
fn as_text(kind: &str) -> Value {
    json!({ kind: { "schema": { "type": "string" } } })
}

/// A body that has to be there.
fn body(content: Value) -> Option<Value> {
    Some(json!({ "required": true, "content": content }))
}

/// A body that may be left out.
fn body_if_any(content: Value) -> Option<Value> {
    Some(json!({ "required": false, "content": content }))
}

/// A parameter of the query.
fn query(name: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "schema": schema })
}

fn named(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// Text that is not empty and has no null character, which no stored text has.
fn some_text() -> Value {
    json!({ "type": "string", "minLength": 1, "pattern": "^[^\\u0000]*$" })
}

fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

fn integer(least: u32, most: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn day() -> Value {
    json!({ "type": "string", "format": "date" })
}

fn maybe(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

fn object(fields: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every `.route("...")` of a table with its methods, as written.
    fn table_of_routes(table: &str, prefix: &str) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for line in table.lines().filter_map(|line| line.trim().strip_prefix(".route(")) {
            let (path, handlers) = line.split_once(", ").expect("a path and its handlers");
            let path = match path {
                "&event_path" => "/{site_id}/event",
                "&scan_path" => "/{site_id}/scan",
                path => path.trim_matches('"'),
            };
            for method in ["get", "post", "patch", "delete", "options"] {
                if handlers.contains(&format!("{method}(")) {
                    found.insert((plain(&format!("{prefix}{path}")), method.to_owned()));
                }
            }
        }
        found
    }

    /// A path with every name of a part replaced: tables and description may call them differently.
    fn plain(path: &str) -> String {
        let parts = path.split('/').map(|part| match part.split_once('}') {
            Some((_, ending)) if part.starts_with('{') => format!("*{ending}"),
            _ => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    #[test]
    fn every_route_is_described_and_every_description_has_its_route() {
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("methods");
                methods.keys().map(move |method| (plain(path), method.clone()))
            })
            .collect();
        let mut routes = table_of_routes(include_str!("../api.rs"), "/api/v1");
        routes.extend(table_of_routes(include_str!("../mod.rs"), ""));
        // The tag's script is what no other route takes.
        routes.insert(("/*.js".into(), "get".into()));
        assert_eq!(described, routes);
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
