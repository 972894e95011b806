//! Everything that can be called, on one screen, grouped by who calls it.

use crate::app::SharedApp;
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, map_response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use std::sync::Arc;

pub mod api;
pub mod collect;
pub mod cors;
pub mod dashboard;
pub mod demo;
pub mod error;
pub mod event;
pub mod inbound;
pub mod ipn;
pub mod log;
pub mod operator;
pub mod probe;
pub mod request;
pub mod scan;
pub mod session;
mod spending;
pub mod tag;
pub mod tracker;

use error::Error;

/// The whole server.
pub fn router(app: SharedApp) -> Router {
    // One name for the first segment everywhere: the router wants it so.
    let event_path = app.config.event_path.replace("{site_id}", "{id}");
    let scan_path = app.config.scan_path.replace("{site_id}", "{id}");
    let mut routes = Router::new()
        // The tag, from pages.
        .route("/assets/{name}", get(tag::asset))
        .route(&event_path, post(event::receive).options(cors::preflight))
        .route(&scan_path, post(scan::receive).options(cors::preflight))
        // Affiliate networks.
        .route("/{id}/collect/{*group}", get(collect::receive).post(collect::receive))
        .route("/{id}/ipn/{*group}", get(ipn::receive).post(ipn::receive))
        .route("/{id}/postback", get(tracker::receive).post(tracker::receive))
        // The operator's machines.
        .route("/healthz", get(probe::healthz))
        .route("/readyz", get(probe::readyz))
        .route("/metrics", get(probe::metrics))
        .nest("/api/v1", api::routes().layer(map_response(error::as_json)))
        // The operator.
        .merge(
            dashboard::routes()
                .merge(session::routes())
                .layer(from_fn(session::remember))
                .layer(Extension(Arc::new(session::Attempts::default()))),
        );
    if app.config.demo {
        routes = routes.merge(demo::routes(&app));
    }
    routes
        // The tag's script: its path is the operator's choice and ends in what no route pattern can hold.
        .fallback(tag::script)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(log::requests))
        .with_state(app)
}

async fn wrong_method(method: Method, uri: Uri) -> Error {
    let path = if ["/collect/", "/ipn/", "/postback"].iter().any(|part| uri.path().contains(part)) {
        "postbacks come by GET or POST"
    } else {
        "try another method"
    };
    Error::Method(format!("{method} is not known here; {path}"))
}
