//! `tagwerk serve`: runs the server until it is asked to stop.

use super::token::new_token;
use super::{Parts, open};
use anyhow::{Context, Result, anyhow};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_server::app::{App, SharedApp};
use tagwerk_server::arrivals::Arrivals;
use tagwerk_server::assets::Assets;
use tagwerk_server::autoscan::AutoScan;
use tagwerk_server::cli::Options;
use tagwerk_server::groups;
use tagwerk_server::http::operator::token_hash;
use tagwerk_server::http::session::new_one_time_link;
use tagwerk_server::http::{event, tag};
use tagwerk_server::jobs::{self, Bell};
use tagwerk_server::outbox::{self, tokens::Tokens};
use tagwerk_server::outgoing::Outgoing;
use tagwerk_server::rates::fetch::{Attempts, Fetcher};
use tagwerk_server::reconcile::client::NetworkApis;
use tagwerk_server::store::Store;
use tagwerk_server::vault::random;
use tokio::net::TcpListener;

/// Bounds of the histograms of request times, in seconds.
const SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// Serves, and prints where.
pub(crate) async fn serve(options: &Options) -> Result<()> {
    // Whoever started us may ask us to stop as soon as we can be reached.
    let asked_to_stop = asked_to_stop()?;
    let Parts { config, groups, vault, store } = open(options)?;
    let assets = Assets::embedded().map_err(|problem| anyhow!(problem))?;
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let metrics_listener = match config.metrics_listen.as_str() {
        "" => None,
        address => Some(TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?),
    };
    let address = listener.local_addr()?;
    let public_url = match config.public_url.trim_end_matches('/') {
        "" => format!("http://{address}"),
        url => url.to_owned(),
    };
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    let outgoing = Outgoing::new(config.allow_private_targets)?;
    let app: SharedApp = Arc::new(App {
        event_limiter: event::limiter(config.limits.events_per_minute),
        scan_limiter: event::limiter(config.autoscan.requests_per_minute),
        autoscan: AutoScan::new(outgoing.clone(), &config.autoscan),
        jobs: Bell::default(),
        outbox: Bell::default(),
        arrivals: Arrivals::default(),
        tokens: Tokens::default(),
        outgoing: outgoing.clone(),
        networks: NetworkApis::new(outgoing.clone(), &groups),
        rates: Attempts::default(),
        scripts: tag::Scripts::default(),
        clicks: groups::clicks().map_err(|problem| anyhow!(problem))?,
        pixels: groups::pixels().map_err(|problem| anyhow!(problem))?,
        store: Arc::clone(&store) as Arc<dyn Store>,
        config,
        groups,
        vault,
        assets,
        public_url,
        metrics,
    });
    // A store that cannot be written now must not keep the server from saying so to those who call it.
    if let Err(error) = prepare(&app).await {
        tracing::error!(
            error = format!("{error:#}"),
            "the store cannot be written; every write is answered with 503 until it can"
        );
    }
    println!("listening on http://{address}");
    std::io::stdout().flush()?;
    // A step that is cut off is not kept, and done again at the next start.
    let long_tasks = tokio::spawn(jobs::run(Arc::clone(&app)));
    let forgetting = tokio::spawn(jobs::forget::run(Arc::clone(&app)));
    let sending = tokio::spawn(outbox::run(Arc::clone(&app)));
    let daily = tokio::spawn(jobs::daily::run(Arc::clone(&app)));
    let fetcher = Fetcher::new(outgoing, app.config.rates.clone(), spread()?, app.rates.clone());
    let rates = tokio::spawn(fetcher.run(Arc::clone(&app.store)));
    tagwerk_server::serve::serve(listener, metrics_listener, app, asked_to_stop).await?;
    rates.abort();
    daily.abort();
    sending.abort();
    forgetting.abort();
    long_tasks.abort();
    store.close().await;
    tracing::info!("what was accepted is written; good-bye");
    Ok(())
}

/// Up to seventeen minutes, so that not all servers ask for the same file at the same moment.
fn spread() -> Result<Duration> {
    Ok(Duration::from_secs(u64::from(u16::from_be_bytes(random::<2>()?) % 1024)))
}

/// Sees to the admin token and, for the demo, to its site; prints what a person needs to get in.
async fn prepare(app: &SharedApp) -> Result<()> {
    let kept = app.store.admin_token_hash().await?;
    let given = std::env::var("TAGWERK_ADMIN_TOKEN").ok().filter(|token| !token.is_empty());
    let first_start = kept.is_none();
    match given {
        Some(token) if kept.as_deref() != Some(&token_hash(&token)) => {
            app.store.set_admin_token_hash(token_hash(&token)).await?;
        }
        None if first_start => {
            let token = new_token()?;
            app.store.set_admin_token_hash(token_hash(&token)).await?;
            println!("admin token (shown once): {token}");
        }
        _ => {}
    }
    if app.config.demo && app.store.sites().await?.is_empty() {
        app.store.add_site(tagwerk_server::http::demo::site(app)?).await?;
    }
    app.refresh_outlets().await?;
    if first_start || app.config.demo {
        println!("sign in once:  {}", new_one_time_link(app.store.as_ref(), &app.public_url, app.now()).await?);
    }
    if app.config.demo {
        println!("demo:          {}/demo", app.public_url);
    } else if app.store.sites().await?.is_empty() {
        println!("no site yet:   tagwerk site add --name 'My site' --origin https://my.example");
    }
    Ok(())
}

/// Ready when the process is asked to stop: Ctrl-C, or SIGTERM where there is such a thing. What comes between this call and the
/// first look at what it gives is not missed, and does not end the process.
#[cfg(unix)]
fn asked_to_stop() -> Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let listened = "cannot listen for signals";
    let mut interrupted = signal(SignalKind::interrupt()).context(listened)?;
    let mut terminated = signal(SignalKind::terminate()).context(listened)?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// Ready when the process is asked to stop: Ctrl-C. What comes between this call and the first look at what it gives is not missed.
#[cfg(windows)]
fn asked_to_stop() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupted = tokio::signal::windows::ctrl_c().context("cannot listen for Ctrl-C")?;
    Ok(async move {
        interrupted.recv().await;
    })
}
