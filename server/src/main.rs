//! The binary `tagwerk`: reads arguments and configuration, opens the store, and does what it was asked.

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use serde_json::json;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use tagwerk_server::app::{self, App, SharedApp};
use tagwerk_server::assets::Assets;
use tagwerk_server::autoscan::AutoScan;
use tagwerk_server::cli::{Cli, Command, Options, SiteCommand, unknown_variables};
use tagwerk_server::config::Config;
use tagwerk_server::groups::{self, Groups};
use tagwerk_server::http::operator::token_hash;
use tagwerk_server::http::session::new_one_time_link;
use tagwerk_server::http::{event, tag};
use tagwerk_server::jobs::{self, Bell};
use tagwerk_server::outgoing::Outgoing;
use tagwerk_server::reconcile::client::NetworkApis;
use tagwerk_server::settings::{SiteSettings, Tables};
use tagwerk_server::store::sqlite::{self, Sqlite};
use tagwerk_server::store::{Operators, Sites, Store};
use tagwerk_server::vault::{Vault, random};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Bounds of the histograms of request times, in seconds.
const SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Serve { options } => serve(&options).await,
        Command::Site(SiteCommand::Add { name, origins, options }) => add_site(&name, &origins, &options).await,
        Command::Site(SiteCommand::List { options }) => list_sites(&options).await,
        Command::Token { link: true, options } => make_link(&options).await,
        Command::Token { link: false, options } => make_token(&options).await,
    }
}

/// What every command needs: configuration, groups, vault and store.
struct Parts {
    config: Config,
    groups: Groups,
    vault: Vault,
    store: Arc<Sqlite>,
}

fn open(options: &Options) -> Result<Parts> {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let overrides = options.overrides(environment).map_err(|problem| anyhow!(problem))?;
    let file = options.config.clone().or_else(|| environment("TAGWERK_CONFIG").map(Into::into));
    let config = Config::load(file.as_deref(), overrides)?;
    start_log(&config)?;
    for (name, nearest) in unknown_variables(std::env::vars().map(|(name, _)| name)) {
        tracing::warn!(name, nearest, "an environment variable that is not known");
    }
    let own = (!config.groups_dir.as_os_str().is_empty()).then_some(config.groups_dir.as_path());
    let groups = Groups::load(own).map_err(|problem| anyhow!(problem))?;
    let database = config.data_dir.join("tagwerk.db");
    let vault = make_private(&config.data_dir)
        .with_context(|| format!("the data directory {} cannot be made", config.data_dir.display()))
        .and_then(|()| Ok(Vault::open(&config.data_dir, database.exists())?))?;
    make_private_file(&database);
    let limits = &config.limits;
    let store = Sqlite::open(
        &database,
        sqlite::Options {
            queue: limits.queue,
            batch: limits.batch,
            readers: limits.readers,
            max_size_mb: (limits.database_mb > 0).then_some(limits.database_mb),
        },
    )?;
    Ok(Parts { groups, vault, store: Arc::new(store), config })
}

/// Makes the data directory for nobody else to read; one that is there stays as its owner made it.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes the database's file, if it is not there, for nobody else to read: the engine gives its other files the same
/// rights. Where that fails, the engine says why when it opens it.
fn make_private_file(database: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(database));
}

fn start_log(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log).with_context(|| format!("log = \"{}\" is no filter", config.log))?;
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}

async fn serve(options: &Options) -> Result<()> {
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
    let app: SharedApp = Arc::new(App {
        event_limiter: event::limiter(config.limits.events_per_minute),
        scan_limiter: event::limiter(config.autoscan.requests_per_minute),
        autoscan: AutoScan::new(Outgoing::new(config.allow_private_targets)?, &config.autoscan),
        jobs: Bell::default(),
        networks: NetworkApis::new(Outgoing::new(config.allow_private_targets)?, &groups),
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
    let daily = tokio::spawn(jobs::daily::run(Arc::clone(&app)));
    tagwerk_server::serve::serve(listener, metrics_listener, app, asked_to_stop()).await?;
    daily.abort();
    long_tasks.abort();
    store.close().await;
    tracing::info!("what was accepted is written; good-bye");
    Ok(())
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

async fn add_site(name: &str, origins: &[String], options: &Options) -> Result<()> {
    let Parts { groups, vault, store, .. } = open(options)?;
    let pixels = groups::pixels().map_err(|problem| anyhow!(problem))?;
    let tables = Tables { groups: &groups, pixels: &pixels };
    let site = app::new_site(name, json!({ "origins": origins }), tables, &vault)?;
    store.add_site(site.clone()).await?;
    println!("site_id={}\ntracking_id={}", site.site_id, site.tracking_id);
    store.close().await;
    Ok(())
}

async fn list_sites(options: &Options) -> Result<()> {
    let Parts { store, .. } = open(options)?;
    for site in store.sites().await? {
        let settings = SiteSettings::of(&site)?;
        println!("site_id={}\ttracking_id={}\tname={}", site.site_id, site.tracking_id, settings.name);
    }
    store.close().await;
    Ok(())
}

async fn make_token(options: &Options) -> Result<()> {
    let Parts { store, .. } = open(options)?;
    let token = new_token()?;
    store.set_admin_token_hash(token_hash(&token)).await?;
    println!("{token}");
    store.close().await;
    Ok(())
}

async fn make_link(options: &Options) -> Result<()> {
    let Parts { config, store, .. } = open(options)?;
    let public_url = match config.public_url.trim_end_matches('/') {
        "" => format!("http://{}", config.listen),
        url => url.to_owned(),
    };
    println!("{}", new_one_time_link(store.as_ref(), &public_url, app::now()).await?);
    store.close().await;
    Ok(())
}

/// A new admin token: 32 random bytes as hexadecimal digits.
fn new_token() -> Result<String> {
    Ok(random::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Ready when the process is asked to stop: Ctrl-C, or SIGTERM where there is such a thing.
async fn asked_to_stop() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminated) = signal(SignalKind::terminate()) else { return interrupted.await };
        tokio::select! {
            () = interrupted => {}
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}
