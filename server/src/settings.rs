//! A site's settings: their schema, changing them by JSON merge patch, and the secrets in them.
//!
//! Stored as JSON in which every secret is sealed. What a reader gets has a mask where a secret stands; sending the mask back leaves
//! the secret as it is.

use crate::store::{Site, StoreError};
use crate::vault::VaultError;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
pub use tagwerk_protocol::conversion::{Repeat, ValueRule};

mod change;
mod platforms;
mod resealing;

pub use change::{Tables, patch, place};
pub use platforms::{is_secret, outlets};
pub use resealing::{Resealed, reseal};

/// Stands where a secret is kept.
pub const MASK: &str = "********";

/// Why settings are not changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The patch asks for something that cannot be; names the key and says what could.
    #[error("{0}")]
    Invalid(String),
    /// A secret cannot be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The zone of a site that names none.
const UTC: &str = "UTC";
/// The currency of costs where nobody says another one.
const EUR: &str = "EUR";

/// A site's settings, with defaults for what was never set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSettings {
    /// What people call the site.
    pub name: String,
    /// Origins of the site's pages; none accepts events from everywhere, without cookies.
    pub origins: Vec<String>,
    /// The currency that reports are shown in.
    pub reporting_currency: Option<String>,
    /// The zone that days and hours of reports and costs are told in: an IANA name like `Europe/Berlin`.
    pub time_zone: String,
    /// What a visit cost, as its landing page's address says.
    pub cost: CostSettings,
    /// Which amount counts as the value of a purchase.
    pub purchase_value: ValueRule,
    /// What happens to somebody else's sub-id in a link.
    pub existing_subid: ExistingSubid,
    /// What the visitor has to agree to.
    pub consent: ConsentSettings,
    /// What is kept of a visitor.
    pub privacy: Privacy,
    /// How long an arrival that brought the visitor counts.
    pub attribution: Attribution,
    /// Finding out where cloaked links lead.
    pub autoscan: Autoscan,
    /// Platforms whose own pixel in the page is handed the events; the names of `groups/pixels.toml`.
    pub pixels: Vec<String>,
    /// Ids of the advertiser's own accounts that pixels are called with, by platform and event.
    pub pixel_ids: BTreeMap<String, BTreeMap<String, String>>,
    /// By tracking group.
    pub groups: BTreeMap<String, GroupSettings>,
    /// Conversion types of the site's own.
    pub types: Vec<TypeSettings>,
    /// By ad platform; the fields are those that its file declares (`crate::platforms`).
    pub platforms: BTreeMap<String, Map<String, Value>>,
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self {
            name: String::new(),
            origins: Vec::new(),
            reporting_currency: None,
            time_zone: UTC.to_owned(),
            cost: CostSettings::default(),
            purchase_value: ValueRule::default(),
            existing_subid: ExistingSubid::default(),
            consent: ConsentSettings::default(),
            privacy: Privacy::default(),
            attribution: Attribution::default(),
            autoscan: Autoscan::default(),
            pixels: Vec::new(),
            pixel_ids: BTreeMap::new(),
            groups: BTreeMap::new(),
            types: Vec::new(),
            platforms: BTreeMap::new(),
        }
    }
}

/// See [`SiteSettings::cost`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CostSettings {
    /// The parameter of a landing page's address that tells what the visit cost; none means that no address tells it.
    pub param: Option<String>,
    /// Its currency; none means the one of reports, and euros where there is none either.
    pub currency: Option<String>,
}

/// See [`SiteSettings::existing_subid`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExistingSubid {
    /// It stays.
    #[default]
    Keep,
    /// Ours takes its place.
    Replace,
}

/// See [`SiteSettings::consent`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentSettings {
    /// Whether consent is needed.
    pub mode: ConsentMode,
    /// Whether Global Privacy Control counts as a refusal.
    pub gpc: bool,
    /// Whether links are decorated before consent.
    pub decorate_without: bool,
}

/// See [`ConsentSettings::mode`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentMode {
    /// Not needed.
    #[default]
    None,
    /// Nothing is stored or sent before it is granted by a call.
    Required,
    /// As told by the page's consent signals.
    Auto,
}

/// See [`SiteSettings::privacy`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// How much of an IP address is kept.
    pub ip: IpPolicy,
    /// How long personal data is kept, in days.
    pub keep_days: u32,
}

impl Default for Privacy {
    /// A network's affiliate cookie lives 180 days and subscriptions bill for years: two years cover most rebills.
    fn default() -> Self {
        Self { ip: IpPolicy::Truncated, keep_days: 730 }
    }
}

/// See [`Privacy::ip`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpPolicy {
    /// All of it.
    Full,
    /// Its network part.
    Truncated,
    /// Nothing.
    None,
}

/// See [`SiteSettings::attribution`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attribution {
    /// How long the visitor's first arrival is kept, in days before the visit.
    pub first_touch_days: u16,
    /// How long a visit without a source of its own is credited to the last arrival that had one, in days.
    pub last_touch_days: u16,
}

impl Default for Attribution {
    /// Ad platforms credit a click for 30 days unless told otherwise, and analytics looks back 90 days for what came first.
    fn default() -> Self {
        Self { first_touch_days: 90, last_touch_days: 30 }
    }
}

/// See [`SiteSettings::autoscan`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Autoscan {
    /// Whether it is on.
    pub enabled: bool,
    /// Hosts whose links are followed.
    pub hosts: Vec<String>,
    /// Whether a link whose redirect drops parameters may be replaced by where it leads.
    pub use_resolved: bool,
}

/// What a site says about one tracking group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupSettings {
    /// The passphrase of signed notifications; secret.
    pub ipn_passphrase: Option<String>,
    /// Addresses that postbacks may come from; none means any.
    pub senders: Vec<String>,
    /// The currency of its amounts, whatever postbacks say.
    pub currency: Option<String>,
    /// Extra hosts to treat as that network's.
    pub hosts: Vec<String>,
    /// How old a click may be when its sale happens, in days; none lets every click count. Refunds are exempt, and so are rebills, with
    /// every payment that recurs where the network does not say which of them are rebills.
    pub click_expiry_days: Option<u32>,
    /// The key of its API; secret.
    pub api_key: Option<String>,
    /// Scheme and host of its API, where it is not the network's own.
    pub api_base_url: Option<String>,
    /// The role that the key's account has in the sales that are asked for; none means the first that the group knows.
    pub api_role: Option<String>,
    /// How many days back its API is asked each day; none means that it is asked only when told.
    pub reconcile_days: Option<u16>,
}

/// A conversion type of the site's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeSettings {
    /// Its name, as senders spell it.
    pub name: String,
    /// What a repeat does.
    #[serde(default)]
    pub repeat: Repeat,
    /// Which words of which facet mean it.
    #[serde(default)]
    pub from: BTreeMap<FacetName, Vec<String>>,
}

/// See [`TypeSettings::from`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FacetName {
    /// The `type=` of the URL.
    Type,
    /// Payment, refund, chargeback.
    TransactionType,
    /// Initial sale, upsell.
    OrderType,
    /// Single payment, subscription, instalment.
    BillingType,
    /// Paying, completed, aborted.
    BillingStatus,
}

/// What is secret in the settings of a group.
const GROUP_SECRETS: [&str; 2] = ["ipn_passphrase", API_KEY];
const API_KEY: &str = "api_key";
const API_BASE_URL: &str = "api_base_url";

impl SiteSettings {
    /// The hosts of the site's origins.
    pub fn own_hosts(&self) -> Vec<String> {
        let host = |origin: &String| url::Url::parse(origin).ok()?.host_str().map(str::to_owned);
        self.origins.iter().filter_map(host).collect()
    }

    /// Hosts whose links may be cloaked: those listed, and those of the site's own pages.
    pub fn scan_hosts(&self) -> Vec<String> {
        let mut hosts = self.autoscan.hosts.clone();
        for host in self.own_hosts() {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    /// The zone of the site's days; UTC where what is stored is no zone any more.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// The currency of costs where nobody says another one: that of the cost parameter, else that of reports, else euros.
    pub fn cost_currency(&self) -> &str {
        self.cost.currency.as_deref().or(self.reporting_currency.as_deref()).unwrap_or(EUR)
    }

    /// Whether a platform is switched on.
    pub fn sends_on(&self) -> bool {
        self.platforms.values().any(|platform| platform.get("enabled") == Some(&Value::Bool(true)))
    }

    /// Reads stored settings; secrets stay sealed.
    ///
    /// # Errors
    /// They do not fit the schema; names the key.
    pub fn read(stored: &Value) -> Result<Self, SettingsError> {
        serde_path_to_error::deserialize(stored).map_err(|error| {
            let path = error.path().to_string();
            let problem = error.inner().to_string();
            SettingsError::Invalid(if path == "." { problem } else { format!("{path}: {problem}") })
        })
    }

    /// The settings of a stored site.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where they do not fit the schema: nobody could have stored that.
    pub fn of(site: &Site) -> Result<Self, StoreError> {
        Self::read(&site.settings)
            .map_err(|error| StoreError::Corrupt(format!("settings of the site {}: {error}", site.site_id)))
    }

    /// The settings for readers: every key, masks where secrets stand.
    ///
    /// # Errors
    /// They cannot be written as JSON.
    pub fn shown(mut self) -> Result<Value, SettingsError> {
        for group in self.groups.values_mut() {
            for secret in [&mut group.ipn_passphrase, &mut group.api_key].into_iter().flatten() {
                MASK.clone_into(secret);
            }
        }
        for (name, platform) in &mut self.platforms {
            for (field, value) in platform.iter_mut() {
                if is_secret(name, field) && !value.is_null() {
                    *value = MASK.into();
                }
            }
        }
        serde_json::to_value(self).map_err(|error| SettingsError::Invalid(error.to_string()))
    }
}

fn is_http(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
