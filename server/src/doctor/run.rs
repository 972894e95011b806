//! Gathers what the doctor judges: reading alone, whether or not the server runs.

use super::{Report, around, backups, database, files, server, site};
use crate::app;
use crate::assets::Assets;
use crate::check::fetch::Asking;
use crate::check::served;
use crate::check::server::{health, look, script};
use crate::config::Config;
use crate::disk;
use crate::finding::Finding;
use crate::groups;
use crate::health::{self, Sending};
use crate::outbox::overview::{Standing, overview};
use crate::outgoing::Outgoing;
use crate::settings::SiteSettings;
use crate::store::health::Health;
use crate::store::sqlite::{Sqlite, examine};
use crate::store::{Backups, Jobs, Outbox, Page, Rates, Site, Sites, StoreError};
use crate::vault::Keys;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Who asks.
const AGENT: &str = concat!("Tagwerk/", env!("CARGO_PKG_VERSION"), " (doctor)");
/// Most long tasks of a site that are looked at.
const MOST_JOBS: usize = 50;

/// What is to be examined.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// The server's settings.
    pub config: Config,
    /// Its database.
    pub database: PathBuf,
    /// The only site to look at; without it, all are.
    pub site: Option<String>,
    /// Whether nothing is asked for over the network.
    pub offline: bool,
    /// How long the check of the database may take.
    pub patience: Duration,
    /// See [`server::Facts::unknown_variables`].
    pub unknown_variables: Vec<(String, Option<&'static str>)>,
    /// See [`server::Facts::token_in_environment`].
    pub token_in_environment: bool,
}

/// Examines a house.
///
/// # Errors
/// There is no database, or no such site: says what to do.
pub async fn examined(wishes: &Wishes) -> Result<Report, String> {
    let config = &wishes.config;
    if !wishes.database.exists() {
        let folder = config.data_dir.display();
        return Err(format!("there is no database in {folder}; --data-dir says where it is"));
    }
    let mut found = files::judge(&folder(wishes));
    let (path, patience) = (wishes.database.clone(), wishes.patience);
    let seen = tokio::task::spawn_blocking(move || examine(&path, patience));
    let seen = seen.await.unwrap_or_else(|error| Err(error.to_string()));
    let is_current = seen.as_ref().is_ok_and(|seen| seen.lacking == 0);
    let store = Sqlite::open_to_read(&wishes.database).map_err(|error| error.to_string())?;
    // What another version's database holds is not what is read here.
    let known = if is_current { store.backups().await.unwrap_or_default() } else { Vec::new() };
    let space = disk::space(&config.data_dir).ok();
    let size = |ending: &str| {
        let mut name = wishes.database.clone().into_os_string();
        name.push(ending);
        std::fs::metadata(name).map_or(0, |file| file.len())
    };
    found.extend(database::judge(&database::Facts {
        examined: seen,
        size: size(""),
        journal: size("-wal"),
        limit_mb: config.limits.database_mb,
        space,
        growth: database::growth(&known),
    }));
    if let Some(last) = known.first() {
        let beside = backups::is_one_disk(std::path::Path::new(&last.folder), &config.data_dir);
        found.extend(backups::judge(last, backups::look(last), beside));
    }
    let own = Some(config.groups_dir.as_path()).filter(|folder| !folder.as_os_str().is_empty());
    if let Err(why) = groups::Groups::load(own) {
        found.push(Finding::error("groups_broken", why, "mend the file: the server does not start with it"));
    }
    found.extend(server::judge(&server::Facts {
        config,
        unknown_variables: wishes.unknown_variables.clone(),
        token_in_environment: wishes.token_in_environment,
        shadowing: own.map(groups::shadowing).unwrap_or_default(),
    }));
    let sites = if is_current { sites(&store, wishes).await? } else { Vec::new() };
    let mut read = Vec::new();
    for site in &sites {
        match SiteSettings::of(site) {
            Ok(settings) => read.push((site, settings)),
            Err(error) => found.push(unread(&error).about(&site.site_id)),
        }
    }
    let of_sites = inside(&store, config, &read, &known, space).await;
    found.extend(of_sites.unwrap_or_else(|error| vec![unread(&error)]));
    if !wishes.offline {
        found.extend(outside(config, &read).await);
    }
    store.close().await;
    Ok(Report::new(found))
}

fn folder(wishes: &Wishes) -> files::Folder {
    let data = &wishes.config.data_dir;
    let beside = |ending: &str| {
        let name = format!("tagwerk.db{ending}");
        files::Kept::look(&name, &data.join(&name))
    };
    files::Folder {
        folder: files::Kept::look("the data directory", data),
        database: ["", "-wal", "-shm"].into_iter().map(beside).collect(),
        key: files::Kept::look("secret.key", &data.join("secret.key")),
        key_change: files::Kept::look("secret.key.new", &data.join("secret.key.new")),
        keys: Keys::of(data).map(|keys| keys.count()).map_err(|error| error.to_string()),
    }
}

fn unread(error: &StoreError) -> Finding {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Finding::error("database_unreadable", format!("{error}{cause}"), "look at the rights of the data directory's files")
}

/// The sites that are looked at.
async fn sites(store: &Sqlite, wishes: &Wishes) -> Result<Vec<Site>, String> {
    let all = store.sites().await.map_err(|error| error.to_string())?;
    let Some(wanted) = &wishes.site else { return Ok(all) };
    let found: Vec<Site> = all.into_iter().filter(|site| site.site_id == *wanted).collect();
    if found.is_empty() {
        return Err(format!("there is no site {wanted}; tagwerk site list shows all"));
    }
    Ok(found)
}

/// What the store says of the sites.
async fn inside(
    store: &Sqlite,
    config: &Config,
    sites: &[(&Site, SiteSettings)],
    known: &[crate::store::Backup],
    space: Option<disk::Space>,
) -> Result<Vec<Finding>, StoreError> {
    let now = app::now();
    let public = Url::parse(&config.public_url).ok();
    let mut found = Vec::new();
    for (site, settings) in sites {
        let rates = store.newest_rate_day().await?;
        let mut of_site = site::judge(&site::Facts {
            settings,
            public_url: public.as_ref(),
            newest_rates: rates.map(|rates| rates.day),
            fetches_rates: config.rates.is_on(),
            today: Timestamp::now().to_zoned(TimeZone::UTC).date(),
            now,
        });
        let outlets = store.outlets(&site.site_id).await?;
        let facts = health::Facts {
            site_id: site.site_id.clone(),
            vitals: store.vitals(&site.site_id, now).await?,
            platforms: overview(settings, &outlets, now).iter().filter_map(sending).collect(),
            space,
            backup: known.first().cloned(),
            since: site.created_at,
        };
        let (of_machine, signs): (Vec<_>, Vec<_>) = health::judge(&facts, now)
            .into_iter()
            .partition(|sign| matches!(sign.kind, health::Kind::Disk | health::Kind::Backup));
        found.extend(of_machine.iter().map(|sign| around::sign(sign, &config.public_url)));
        of_site.extend(signs.iter().map(|sign| around::sign(sign, &config.public_url)));
        of_site.extend(around::jobs(&store.jobs(&site.site_id, Page::first(MOST_JOBS)).await?.items));
        found.extend(of_site.into_iter().map(|finding| finding.about(&called(site, settings))));
    }
    Ok(found)
}

/// What people call a site, with its id.
fn called(site: &Site, settings: &SiteSettings) -> String {
    if settings.name.is_empty() { site.site_id.clone() } else { format!("{} ({})", settings.name, site.site_id) }
}

/// How sending to a platform goes; what is not set up is told with the settings.
fn sending(one: &crate::outbox::overview::Overview) -> Option<Sending> {
    if matches!(one.standing, Standing::Off | Standing::NotSetUp) {
        return None;
    }
    let stopped = one.reason.clone().filter(|_| one.standing == Standing::Stopped);
    Some(Sending {
        name: one.name.clone(),
        title: one.platform.about().title.to_owned(),
        stopped,
        not_set_up: false,
        waiting: one.waiting,
        failed: one.refused.saturating_add(one.expired),
        oldest: one.oldest_unsent,
    })
}

/// The server as the world sees it.
async fn outside(config: &Config, sites: &[(&Site, SiteSettings)]) -> Vec<Finding> {
    // The addresses are the operator's own: where the server stands at home, they lead there.
    let outgoing = match Outgoing::new(true) {
        Ok(outgoing) => outgoing,
        Err(error) => {
            return vec![Finding::error("server_down", error.to_string(), "look at this machine's certificates")];
        }
    };
    let asking = Asking { outgoing: &outgoing, agent: HeaderValue::from_static(AGENT), headers: Vec::new() };
    let mut found = Vec::new();
    let Some(public) = public_url(config) else { return found };
    let now = Timestamp::now();
    let alive = health(&asking, &public).await;
    let host = public.host_str().unwrap_or_default().to_owned();
    found.extend(served::alive(&alive, &host, now));
    found.push(clock(&asking, config).await);
    if alive.is_err() {
        return found;
    }
    let own = tokio::task::spawn_blocking(Assets::embedded).await.ok().and_then(Result::ok);
    for (site, settings) in sites {
        let path = config.script_path.replace("{site_id}", &site.site_id);
        let Ok(url) = public.join(&path) else { continue };
        let served = look(&asking, &url, script(&asking, &url).await, &settings.origins).await;
        let mut of_site = served::judge(&served, false, now);
        let other =
            served.settings.as_ref().zip(own.as_ref()).is_some_and(|(served, own)| !served.glue.ends_with(own.glue()));
        if other {
            of_site.push(Finding::warning(
                "script_version",
                "the public URL serves the tag of another version than this program's",
                "restart the server after an upgrade; where a cache stands in front, empty it",
            ));
        }
        // Whether the server lives was told once.
        of_site.retain(|finding| !found.contains(finding));
        found.extend(of_site.into_iter().map(|finding| finding.about(&called(site, settings))));
    }
    found
}

/// Where the server is asked for: where the settings say, else where it listens.
fn public_url(config: &Config) -> Option<Url> {
    if config.public_url.is_empty() {
        return (config.listen.port() != 0).then(|| Url::parse(&format!("http://{}", config.listen)).ok())?;
    }
    Url::parse(&config.public_url).ok()
}

/// Compares the clock with that of who publishes the currency rates, whom the server asks every day anyway.
async fn clock(asking: &Asking<'_>, config: &Config) -> Finding {
    let unknown = |why: &str| {
        Finding::note(
            "clock_unchecked",
            format!("whether the clock is right was not checked: {why}"),
            "timedatectl tells",
        )
    };
    let Some(url) = Url::parse(&config.rates.url).ok().filter(|_| config.rates.is_on()) else {
        return unknown("there is nobody to compare it with, since rates are not fetched");
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    match asking.once(Method::HEAD, &url, HeaderMap::new(), 0).await {
        Err(unanswered) => unknown(&unanswered.says),
        Ok(answer) => match answer.ahead {
            None => unknown(&format!("{host} does not tell the time")),
            Some(ahead) => served::clock(ahead, &host)
                .unwrap_or_else(|| Finding::ok("clock", format!("the clock agrees with that of {host}"))),
        },
    }
}
