//! What the binary can be asked to do, one file for each command, and what all of them need: configuration, log, groups, vault, store.

use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_server::cli::{Options, unknown_variables};
use tagwerk_server::config::Config;
use tagwerk_server::groups::Groups;
use tagwerk_server::store::sqlite::{self, Sqlite};
use tagwerk_server::vault::Vault;
use tracing_subscriber::EnvFilter;

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod person;
pub(crate) mod rates;
pub(crate) mod serve;
pub(crate) mod site;
pub(crate) mod token;

/// What every command needs: configuration, groups, vault and store.
struct Parts {
    config: Config,
    groups: Groups,
    vault: Vault,
    store: Arc<Sqlite>,
}

/// The configuration.
fn load(options: &Options) -> Result<Config> {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let overrides = options.overrides(environment).map_err(|problem| anyhow!(problem))?;
    let file = options.config.clone().or_else(|| environment("TAGWERK_CONFIG").map(Into::into));
    Ok(Config::load(file.as_deref(), overrides)?)
}

/// The configuration, with the log started that it asks for.
fn configured(options: &Options) -> Result<Config> {
    let config = load(options)?;
    start_log(&config)?;
    for (name, nearest) in unknown_variables(std::env::vars().map(|(name, _)| name)) {
        tracing::warn!(name, nearest, "an environment variable that is not known");
    }
    Ok(config)
}

fn open(options: &Options) -> Result<Parts> {
    open_as(configured(options)?)
}

fn open_as(config: Config) -> Result<Parts> {
    let own = (!config.groups_dir.as_os_str().is_empty()).then_some(config.groups_dir.as_path());
    let groups = Groups::load(own).map_err(|problem| anyhow!(problem))?;
    let database = database_in(&config.data_dir);
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
            ..sqlite::Options::default()
        },
    )?;
    Ok(Parts { groups, vault, store: Arc::new(store), config })
}

/// Prints a whole answer. A reader that went away (`| head`) has seen what it wanted.
fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The database of a data directory.
fn database_in(folder: &Path) -> PathBuf {
    folder.join("tagwerk.db")
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
