//! What an operator's machines ask: is it alive, is it ready, how is it doing.

use super::error::Error;
use super::operator::Operator;
use crate::app::SharedApp;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "OK\n"
}

/// `GET /readyz`: a write goes through.
///
/// # Errors
/// 503 where it does not.
pub async fn readyz(State(app): State<SharedApp>) -> Result<&'static str, Error> {
    app.store.check().await?;
    Ok("OK\n")
}

/// `GET /metrics`, with the token: Prometheus' text form.
pub async fn metrics(_: Operator, State(app): State<SharedApp>) -> impl IntoResponse {
    open_metrics(State(app)).await
}

/// The same on an address of its own, which only the operator's network reaches.
pub async fn open_metrics(State(app): State<SharedApp>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}
