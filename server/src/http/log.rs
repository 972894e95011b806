//! One structured line a request, and its metrics: the route's pattern, never its path, which may hold a secret tracking id.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;

/// Logs and counts each request.
pub async fn requests(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let start = Instant::now();
    let response = next.run(request).await;
    let seconds = start.elapsed().as_secs_f64();
    let status = response.status().as_u16();
    tracing::info!(method = method.as_str(), route, status, milliseconds = seconds * 1e3, "request");
    metrics::counter!("tagwerk_requests_total", "route" => route.clone(), "status" => status.to_string()).increment(1);
    metrics::histogram!("tagwerk_request_seconds", "route" => route).record(seconds);
    response
}
