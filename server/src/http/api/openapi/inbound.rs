//! What pages, networks and monitors call, described: no token, and answers in plain text. Where the operator chose other paths for the
//! tag (`script_path`, `event_path`, `scan_path`), those stand in the place of the ones here.

use super::{Route, as_text, body, body_if_any, query, text};
use serde_json::{Value, json};

/// The trackers' parameters that a pixel or a postback can have.
const TRACKER: [&str; 6] = ["clickid", "type", "sum", "txid", "currency", "format"];

/// Every route outside the API, but the pages for people.
pub(super) fn all() -> Vec<Route> {
    let lines = || body(as_text("text/plain"));
    let gif_or_ok = json!({
        "text/plain": { "schema": text() },
        "image/gif": { "schema": { "type": "string", "format": "binary" } },
    });
    let mut routes = vec![
        Route {
            refusals: vec![],
            refusal: as_text("text/javascript"),
            ..get("/{site_id}.js", "the tag's script with the site's public settings", as_text("text/javascript"))
        },
        Route {
            refusal: as_text("text/javascript"),
            ..get("/assets/{name}", "a part of the tag, kept for ever under this name", any_file())
        },
        Route {
            method: "post",
            body: lines(),
            answers: vec![(204, json!({}))],
            refusals: vec![400, 403, 422, 429],
            ..get("/{site_id}/event", "what the tag reports: one event a line", json!({}))
        },
        Route {
            method: "post",
            body: lines(),
            refusals: vec![400, 403, 429],
            ..get(
                "/{site_id}/scan",
                "what is known of links that may be cloaked: one URL a line",
                as_text("text/plain"),
            )
        },
        get("/healthz", "the process answers", as_text("text/plain")),
        get("/readyz", "a write goes through", as_text("text/plain")),
        Route { token: true, ..get("/metrics", "Prometheus' text form", as_text("text/plain")) },
    ];
    for path in ["/{site_id}/event", "/{site_id}/scan"] {
        routes.push(Route {
            method: "options",
            answers: vec![(204, json!({}))],
            refusals: vec![403],
            ..get(path, "a browser asks before it sends", json!({}))
        });
    }
    for method in ["get", "post"] {
        routes.extend([
            Route {
                refusals: vec![403, 413, 422, 429],
                ..called(method, "/{tracking_id}/collect/{group}", "a network's postback, query and form body merged")
            },
            Route {
                refusals: vec![403, 413, 422, 429],
                ..called(method, "/{tracking_id}/ipn/{group}", "a network's signed notification; a GET asks whether the address answers")
            },
            Route {
                query: TRACKER.iter().map(|name| query(name, text())).collect(),
                answers: vec![(200, gif_or_ok.clone())],
                refusals: vec![403, 405, 413, 422, 429],
                ..called(
                    method,
                    "/{id}/postback",
                    "the way trackers are called, under the tracking id; under the public site id, by GET, an image that moves no money",
                )
            },
        ]);
    }
    routes
}

fn get(path: &str, summary: &str, content: Value) -> Route {
    Route {
        path: path.to_owned(),
        method: "get",
        summary: summary.to_owned(),
        token: false,
        query: Vec::new(),
        body: None,
        answers: vec![(200, content)],
        refusals: Vec::new(),
        refusal: as_text("text/plain"),
    }
}

fn called(method: &'static str, path: &str, summary: &str) -> Route {
    let form = json!({
        "application/x-www-form-urlencoded": {
            "schema": { "type": "object", "additionalProperties": { "type": "string" } },
        },
    });
    Route {
        method,
        body: (method == "post").then(|| body_if_any(form)).flatten(),
        ..get(path, summary, as_text("text/plain"))
    }
}

fn any_file() -> Value {
    json!({ "*/*": { "schema": { "type": "string", "format": "binary" } } })
}
