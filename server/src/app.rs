//! What every request handler can reach.

use crate::arrivals::Arrivals;
use crate::assets::Assets;
use crate::autoscan::AutoScan;
use crate::config::Config;
use crate::groups::Groups;
use crate::http::event::EventLimiter;
use crate::http::tag::Scripts;
use crate::jobs::Bell;
use crate::outbox::tokens::Tokens;
use crate::outgoing::Outgoing;
use crate::rates::fetch::Attempts;
use crate::reconcile::client::NetworkApis;
use crate::settings::{self, SettingsError, SiteSettings, Tables};
use crate::store::{Millis, SharedStore, Site, StoreError};
use crate::vault::{Vault, VaultError, random};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use std::sync::Arc;
use tagwerk_protocol::clicks::Clicks;
use tagwerk_protocol::pixels::Pixels;
use uuid::Uuid;

/// How often a change of settings is tried again when somebody else changed them in between.
const TRIES: usize = 8;

/// The server's parts, as handlers hold them.
pub type SharedApp = Arc<App>;

/// The server's parts.
pub struct App {
    /// What it was told.
    pub config: Config,
    /// The tracking groups.
    pub groups: Groups,
    /// The ad click parameters.
    pub clicks: Clicks,
    /// How the ad platforms' own pixels are called.
    pub pixels: Pixels,
    /// Seals secrets.
    pub vault: Vault,
    /// The built tag.
    pub assets: Assets,
    /// The URL it is reached by, without a trailing slash.
    pub public_url: String,
    /// What it keeps.
    pub store: SharedStore,
    /// Counts requests with events.
    pub event_limiter: EventLimiter,
    /// Counts questions about links.
    pub scan_limiter: EventLimiter,
    /// Follows links that may be cloaked.
    pub autoscan: AutoScan,
    /// Rings when there is a new long task.
    pub jobs: Bell,
    /// Rings when there is something new for the platforms.
    pub outbox: Bell,
    /// Rings when an event or a postback has arrived.
    pub arrivals: Arrivals,
    /// Access tokens of platforms.
    pub tokens: Tokens,
    /// The one door through which requests leave.
    pub outgoing: Outgoing,
    /// Asks the networks' APIs.
    pub networks: NetworkApis,
    /// How fetching currency rates went.
    pub rates: Attempts,
    /// The sites' scripts, ready to be sent.
    pub scripts: Scripts,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such site.
    #[error("there is no such site")]
    NoSite,
    /// What was asked for cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Milliseconds since 1970 UTC.
    pub fn now(&self) -> Millis {
        now()
    }

    /// The passphrase of a group's notifications, opened; `None` where none is set or it does not open.
    pub fn passphrase(&self, site_id: &str, settings: &SiteSettings, group: &str) -> Option<String> {
        let sealed = settings.groups.get(group)?.ipn_passphrase.as_deref()?;
        let opened = self.vault.unseal_text(&settings::place(site_id, "groups", group, "ipn_passphrase"), sealed);
        opened.inspect_err(|error| tracing::error!(group, %error, "the passphrase does not open")).ok()
    }

    /// Brings every site's outlets up to its settings as this version reads them: another version may have other rules.
    ///
    /// # Errors
    /// The store is not available, or settings do not read.
    pub async fn refresh_outlets(&self) -> Result<(), StoreError> {
        for site in self.store.sites().await? {
            let outlets = settings::outlets(&SiteSettings::of(&site)?, &self.clicks);
            // Somebody who changes them just now brings their own.
            self.store
                .replace_settings(&site.site_id, &site.settings, site.settings.clone(), outlets, self.now())
                .await?;
        }
        Ok(())
    }

    /// Changes a site's settings by a JSON merge patch.
    ///
    /// # Errors
    /// There is no such site, the change cannot be, or the store is not available; nothing is changed then.
    pub async fn patch_settings(&self, site_id: &str, change: Value) -> Result<SiteSettings, ChangeError> {
        Ok(SiteSettings::read(&self.patch_settings_telling(site_id, change).await?.1)?)
    }

    /// As [`Self::patch_settings`]; tells the stored settings before and after.
    ///
    /// # Errors
    /// As there.
    pub async fn patch_settings_telling(&self, site_id: &str, change: Value) -> Result<(Value, Value), ChangeError> {
        for _ in 0..TRIES {
            let site = self.store.site(site_id).await?.ok_or(ChangeError::NoSite)?;
            if let Some(after) = self.patch_settings_as_read(&site, change.clone()).await? {
                return Ok((site.settings, after));
            }
        }
        Err(ChangeError::Store(StoreError::Busy))
    }

    /// Changes a site's settings by a JSON merge patch if they are still as they were read; tells what is stored then, and nothing where
    /// somebody was faster.
    ///
    /// # Errors
    /// The change cannot be, or the store is not available; nothing is changed then.
    pub async fn patch_settings_as_read(&self, site: &Site, change: Value) -> Result<Option<Value>, ChangeError> {
        let tables = Tables { groups: &self.groups, pixels: &self.pixels };
        let after = settings::patch(&site.site_id, &site.settings, change, tables, &self.vault)?;
        let outlets = settings::outlets(&SiteSettings::read(&after)?, &self.clicks);
        let (site_id, before) = (&site.site_id, &site.settings);
        if !self.store.replace_settings(site_id, before, after.clone(), outlets, self.now()).await? {
            return Ok(None);
        }
        // What was stopped may go on.
        self.outbox.ring();
        Ok(Some(after))
    }
}

/// Milliseconds since 1970 UTC, by the system's clock.
pub fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// A new id for a row: a UUIDv7, so that ids order by time.
pub fn row_id() -> String {
    Uuid::now_v7().to_string()
}

/// A new id for a row that belongs to something received at this time: ids and times of receipt agree.
pub fn row_id_at(received_at: Millis) -> String {
    let millis = u64::try_from(received_at).unwrap_or_default();
    let nanos = u32::try_from(millis % 1000).unwrap_or_default() * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, millis / 1000, nanos)).to_string()
}

/// A new site with ids of its own.
///
/// # Errors
/// The system gives no randomness, or the settings cannot be.
pub fn new_site(name: &str, change: Value, tables: Tables<'_>, vault: &Vault) -> Result<Site, SettingsError> {
    let site_id = identifier::<12>()?;
    let settings = settings::patch(&site_id, &json!({ "name": name }), change, tables, vault)?;
    Ok(Site { site_id, tracking_id: new_tracking_id()?, created_at: now(), settings })
}

/// A new secret tracking id.
///
/// # Errors
/// The system gives no randomness.
pub fn new_tracking_id() -> Result<String, VaultError> {
    identifier::<24>()
}

/// Characters `[A-Za-z0-9]`, unbiased.
fn identifier<const N: usize>() -> Result<String, VaultError> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(N);
    while text.len() < N {
        for byte in random::<32>()? {
            // 248 is the largest multiple of 62 in a byte.
            if let (true, Some(letter)) = (byte < 248 && text.len() < N, LETTERS.get(usize::from(byte % 62))) {
                text.push(char::from(*letter));
            }
        }
    }
    Ok(text)
}
