//! Runs the server on a listener until it is told to stop, then lets open requests end.

use crate::app::SharedApp;
use crate::http;
use crate::totals;
use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Serves until `shutdown` is ready; then takes no new connections and gives open requests the configured time.
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: TcpListener,
    metrics: Option<TcpListener>,
    app: SharedApp,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let grace = Duration::from_secs(app.config.limits.shutdown_seconds);
    let (stop, stopped) = watch::channel(false);
    let metrics_app = app.clone();
    if let Some(metrics) = metrics {
        let router = Router::new().route("/metrics", get(http::probe::open_metrics)).with_state(metrics_app);
        let stopped = stopped.clone();
        tokio::spawn(axum::serve(metrics, router).with_graceful_shutdown(wait(stopped)).into_future());
    }
    let upkeep = tokio::spawn(forget(app.clone()));
    let totals = tokio::spawn(totals::keep_up(app.store.clone()));
    let watched = app.clone();
    let router = http::router(app).into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|connection| {
        // Answers are small: waiting to fill a packet would only delay them.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
    });
    let server = axum::serve(listener, router).with_graceful_shutdown(wait(stopped.clone())).into_future();
    let mut server = tokio::spawn(server);
    tokio::select! {
        ended = &mut server => return ended.unwrap_or_else(|error| Err(std::io::Error::other(error))),
        () = shutdown => {}
    }
    upkeep.abort();
    totals.abort();
    tracing::info!("shutting down: no new connections, open requests may end");
    let _ = stop.send(true);
    // A live feed never ends by itself.
    watched.arrivals.end();
    match tokio::time::timeout(grace, &mut server).await {
        Ok(ended) => ended.unwrap_or_else(|error| Err(std::io::Error::other(error))),
        Err(_) => {
            tracing::warn!(seconds = grace.as_secs(), "some requests did not end in time");
            server.abort();
            Ok(())
        }
    }
}

/// Lets go of what would pile up: histograms gather single values until somebody asks for them, and nobody may ever ask; and
/// addresses that have gone quiet need not be counted.
async fn forget(app: SharedApp) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        app.metrics.run_upkeep();
        app.event_limiter.retain_recent();
        app.scan_limiter.retain_recent();
        app.autoscan.forget();
    }
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, and so is the server's reason to run.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
