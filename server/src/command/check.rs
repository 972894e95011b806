//! `tagwerk check`: looks at pages as they come from their server.

use super::{database_in, load, print};
use anyhow::{Context, Result, anyhow, bail};
use reqwest::header::{HeaderName, HeaderValue};
use std::process::ExitCode;
use tagwerk_protocol::settings::{Consent, TagSettings};
use tagwerk_server::check::fetch::Asking;
use tagwerk_server::check::run::{Wishes, check as carry_out};
use tagwerk_server::check::told;
use tagwerk_server::cli::{Checking, Options};
use tagwerk_server::config::Config;
use tagwerk_server::groups::Groups;
use tagwerk_server::outgoing::Outgoing;
use tagwerk_server::settings::{ConsentMode, SiteSettings};
use tagwerk_server::store::Sites;
use tagwerk_server::store::sqlite::Sqlite;
use tagwerk_server::tag;
use url::Url;

/// Who asks. It begins as browsers do, since some servers turn away what does not.
const AGENT: &str = concat!("Mozilla/5.0 (compatible; Tagwerk/", env!("CARGO_PKG_VERSION"), "; check)");

/// Prints what was found. The status is 0 where nothing is wrong, 1 where something is, 2 where nothing could be looked at.
pub(crate) async fn check(checking: &Checking, options: &Options) -> ExitCode {
    match look(checking, options).await {
        Ok(status) => status,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn look(checking: &Checking, options: &Options) -> Result<ExitCode> {
    let config = load(options)?;
    let outgoing = Outgoing::new(config.allow_private_targets)?;
    let site = match &checking.site {
        Some(site_id) => Some(of_site(&config, site_id).await?),
        None => None,
    };
    let script = match (&checking.script, &site) {
        (Some(script), _) => Some(address(script)?),
        (None, Some(site)) => {
            let path = config.script_path.replace("{site_id}", &site.site_id);
            Url::parse(&config.public_url).ok().and_then(|public| public.join(&path).ok())
        }
        (None, None) => None,
    };
    let agent = checking.user_agent.as_deref().unwrap_or(AGENT);
    let asking = Asking {
        outgoing: &outgoing,
        agent: HeaderValue::from_str(agent).context("--user-agent")?,
        headers: checking.headers.iter().map(|header| named(header)).collect::<Result<_>>()?,
    };
    let report = carry_out(
        &asking,
        &Wishes {
            pages: checking.urls.iter().map(|url| address(url)).collect::<Result<_>>()?,
            site,
            script,
            allow_no_links: checking.allow_no_links,
            follows: !checking.no_follow,
            hosts: checking.follow.clone(),
            most_followed: checking.most_followed,
            bounds: config.autoscan,
        },
    )
    .await;
    if checking.json {
        print(&(serde_json::to_string_pretty(&report)? + "\n"));
    } else {
        print(&told::text(&report));
    }
    Ok(match (report.is_empty(), report.is_good()) {
        (true, _) => ExitCode::from(2),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(1),
    })
}

/// A page's address; without a scheme, https is meant.
fn address(text: &str) -> Result<Url> {
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
    let url = url.with_context(|| format!("{text} is no address of a page"))?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("{text} is no address of a page: it begins with neither http:// nor https://");
    }
    Ok(url)
}

/// A header as people write it: `Name: value`.
fn named(header: &str) -> Result<(HeaderName, HeaderValue)> {
    let (name, value) =
        header.split_once(':').ok_or_else(|| anyhow!("--header \"{header}\" is not like Name: value"))?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).with_context(|| format!("--header {name}"))?;
    let mut value = HeaderValue::from_str(value.trim()).with_context(|| format!("--header {name}"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// What links are judged by, as a site of this machine's data directory says.
async fn of_site(config: &Config, site_id: &str) -> Result<TagSettings> {
    let database = database_in(&config.data_dir);
    if !database.exists() {
        bail!("there is no database in {}; --data-dir says where it is", config.data_dir.display());
    }
    let own = Some(config.groups_dir.as_path()).filter(|folder| !folder.as_os_str().is_empty());
    let groups = Groups::load(own).map_err(|problem| anyhow!(problem))?;
    let store = Sqlite::open_to_read(&database)?;
    let site = store.site(site_id).await?;
    store.close().await;
    let site = site.ok_or_else(|| anyhow!("there is no site {site_id}; tagwerk site list shows all"))?;
    let settings = SiteSettings::of(&site)?;
    let scans = settings.autoscan.enabled && !settings.scan_hosts().is_empty();
    Ok(TagSettings {
        site_id: site_id.to_owned(),
        event: config.event_path.replace("{site_id}", site_id),
        rules: tag::rules_of(&groups, &settings),
        consent: match settings.consent.mode {
            ConsentMode::None => Consent::None,
            ConsentMode::Required => Consent::Required,
            ConsentMode::Auto => Consent::Auto,
        },
        decorate_without: settings.consent.decorate_without,
        scan: if scans { config.scan_path.replace("{site_id}", site_id) } else { String::new() },
        scan_hosts: if scans { settings.scan_hosts() } else { Vec::new() },
        ..TagSettings::default()
    })
}
