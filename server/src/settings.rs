//! A site's settings: their schema, changing them by JSON merge patch, and the secrets in them.
//!
//! Stored as JSON in which every secret is sealed. What a reader gets has a mask where a secret stands; sending the mask back leaves
//! the secret as it is.

use crate::groups::Groups;
use crate::store::{Site, StoreError};
use crate::vault::{Vault, VaultError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::ValueRule;
use tagwerk_protocol::money::Currency;
use tagwerk_protocol::settings::SEPARATORS;

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

/// A site's settings, with defaults for what was never set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSettings {
    /// What people call the site.
    pub name: String,
    /// Origins of the site's pages; none accepts events from everywhere, without cookies.
    pub origins: Vec<String>,
    /// The currency that reports are shown in.
    pub reporting_currency: Option<String>,
    /// Which amount counts as the value of a purchase.
    pub purchase_value: ValueRule,
    /// What happens to somebody else's sub-id in a link.
    pub existing_subid: ExistingSubid,
    /// What the visitor has to agree to.
    pub consent: ConsentSettings,
    /// What is kept of a visitor.
    pub privacy: Privacy,
    /// Finding out where cloaked links lead.
    pub autoscan: Autoscan,
    /// By tracking group.
    pub groups: BTreeMap<String, GroupSettings>,
    /// Conversion types of the site's own.
    pub types: Vec<TypeSettings>,
    /// By ad platform; the fields are those of [`PLATFORMS`].
    pub platforms: BTreeMap<String, Map<String, Value>>,
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

/// See [`TypeSettings::repeat`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Nothing.
    #[default]
    Ignore,
    /// It replaces what was said.
    Edit,
    /// Its payout is added.
    AddPayout,
    /// It is kept, marked as repeated.
    KeepRepeated,
    /// It makes another conversion.
    CreateNew,
    /// Nothing, known by its event id.
    IgnoreByEventId,
}

/// See [`TypeSettings::from`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FacetName {
    /// Payment, refund, chargeback.
    TransactionType,
    /// Initial sale, upsell.
    OrderType,
    /// Single payment, subscription, instalment.
    BillingType,
    /// Paying, completed, aborted.
    BillingStatus,
}

/// What a platform's setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// A text.
    Text,
    /// A text that is sealed and never shown.
    Secret,
    /// A table from conversion type to the platform's own name for it.
    Table,
}

/// The platforms and their credentials, in each platform's own words. Every one also has [`COMMON`].
pub const PLATFORMS: &[(&str, &[(&str, Field)])] = &[
    ("meta", &[("pixel_id", Field::Text), ("access_token", Field::Secret)]),
    ("tiktok", &[("pixel_code", Field::Text), ("access_token", Field::Secret)]),
    ("ga4", &[("measurement_id", Field::Text), ("api_secret", Field::Secret)]),
    (
        "google",
        &[
            ("customer_id", Field::Text),
            ("conversion_actions", Field::Table),
            ("client_id", Field::Text),
            ("client_secret", Field::Secret),
            ("refresh_token", Field::Secret),
        ],
    ),
];

/// What every platform has: a switch (`enabled`, boolean), and these texts.
pub const COMMON: [&str; 2] = ["test_event_code", "base_url"];
const ENABLED: &str = "enabled";
const BASE_URL: &str = "base_url";
const GROUP_SECRET: &str = "ipn_passphrase";

impl SiteSettings {
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
            if let Some(secret) = &mut group.ipn_passphrase {
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

fn is_secret(platform: &str, field: &str) -> bool {
    fields(platform).is_some_and(|fields| fields.iter().any(|(name, kind)| *name == field && *kind == Field::Secret))
}

fn fields(platform: &str) -> Option<&'static [(&'static str, Field)]> {
    PLATFORMS.iter().find(|(name, _)| *name == platform).map(|(_, fields)| *fields)
}

/// Changes stored settings by a JSON merge patch (RFC 7396): new secrets are sealed, everything is checked.
///
/// # Errors
/// Names the key and says what could stand there; nothing is changed then.
pub fn patch(
    site_id: &str,
    stored: &Value,
    mut change: Value,
    groups: &Groups,
    vault: &Vault,
) -> Result<Value, SettingsError> {
    if !change.is_object() {
        return Err(SettingsError::Invalid("a change of settings is a JSON object".into()));
    }
    refuse_lists_for_tables(&change).map_err(SettingsError::Invalid)?;
    let mut settings = stored.clone();
    forget_credentials_of_another_base_url(&mut settings, &change);
    seal_secrets(site_id, &mut change, vault)?;
    json_patch::merge(&mut settings, &change);
    check(&SiteSettings::read(&settings)?, groups).map_err(SettingsError::Invalid)?;
    Ok(settings)
}

/// What is a table must be written as one: a list in its place would be read by position, and its secrets not be seen.
fn refuse_lists_for_tables(change: &Value) -> Result<(), String> {
    let is_table = |value: &Value| value.is_object() || value.is_null();
    for key in ["consent", "privacy", "autoscan", "groups", "platforms"] {
        let Some(value) = change.get(key) else { continue };
        if !is_table(value) {
            return Err(format!("{key}: must be an object"));
        }
        let holds_tables = key == "groups" || key == "platforms";
        for (name, item) in value.as_object().into_iter().flatten().filter(|_| holds_tables) {
            if !is_table(item) {
                return Err(format!("{key}.{name}: must be an object"));
            }
        }
    }
    match change.get("types").and_then(Value::as_array) {
        Some(types) if !types.iter().all(Value::is_object) => Err("types: each must be an object".into()),
        _ => Ok(()),
    }
}

/// A token must not travel to an address it was not entered for.
fn forget_credentials_of_another_base_url(settings: &mut Value, change: &Value) {
    let Some(platforms) = change.get("platforms").and_then(Value::as_object) else { return };
    for (name, platform) in platforms {
        let kept = settings.pointer_mut(&format!("/platforms/{name}")).and_then(Value::as_object_mut);
        if let (Some(kept), Some(base_url)) = (kept, platform.get(BASE_URL))
            && kept.get(BASE_URL).unwrap_or(&Value::Null) != base_url
        {
            let credentials = fields(name).unwrap_or_default();
            kept.retain(|field, _| !credentials.iter().any(|(name, _)| name == field));
        }
    }
}

fn seal_secrets(site_id: &str, change: &mut Value, vault: &Vault) -> Result<(), SettingsError> {
    for (list, is_secret) in [
        ("groups", (|_, field| field == GROUP_SECRET) as fn(&str, &str) -> bool),
        ("platforms", is_secret as fn(&str, &str) -> bool),
    ] {
        let Some(list_value) = change.get_mut(list).and_then(Value::as_object_mut) else { continue };
        for (name, item) in list_value.iter_mut() {
            let Some(item) = item.as_object_mut() else { continue };
            item.retain(|field, value| !(is_secret(name, field) && value == MASK));
            for (field, value) in item.iter_mut() {
                if let (true, Value::String(secret)) = (is_secret(name, field), &value) {
                    *value = vault.seal_text(&place(site_id, list, name, field), secret)?.into();
                }
            }
        }
    }
    Ok(())
}

/// Where a secret belongs; what is sealed for one place opens at no other.
fn place(site_id: &str, list: &str, name: &str, field: &str) -> String {
    format!("settings/{site_id}/{list}/{name}/{field}")
}

fn check(settings: &SiteSettings, groups: &Groups) -> Result<(), String> {
    for origin in &settings.origins {
        if url::Url::parse(origin).map(|url| url.origin().ascii_serialization()).as_ref() != Ok(origin) {
            return Err(format!("origins: \"{origin}\" must be like https://shop.example, without a path"));
        }
    }
    check_currency("reporting_currency", settings.reporting_currency.as_deref())?;
    if settings.privacy.keep_days == 0 {
        return Err("privacy.keep_days: must be at least 1".into());
    }
    check_hosts("autoscan.hosts", &settings.autoscan.hosts)?;
    for (name, group) in &settings.groups {
        if groups.get(name).is_none() {
            return Err(format!("groups.{name}: there is no such group; there are {}", groups.names()));
        }
        check_currency(&format!("groups.{name}.currency"), group.currency.as_deref())?;
        check_hosts(&format!("groups.{name}.hosts"), &group.hosts)?;
        if let Some(sender) = group.senders.iter().find(|sender| sender.parse::<std::net::IpAddr>().is_err()) {
            return Err(format!("groups.{name}.senders: \"{sender}\" must be an IP address"));
        }
    }
    for (index, kind) in settings.types.iter().enumerate() {
        if kind.name.is_empty() || settings.types.iter().take(index).any(|earlier| earlier.name == kind.name) {
            return Err(format!("types: the name \"{}\" must be there, and once", kind.name));
        }
    }
    settings.platforms.iter().try_for_each(|(name, platform)| check_platform(name, platform))
}

fn check_platform(name: &str, platform: &Map<String, Value>) -> Result<(), String> {
    let Some(fields) = fields(name) else {
        let known = PLATFORMS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        return Err(format!("platforms.{name}: there is no such platform; there are {known}"));
    };
    for (field, value) in platform {
        let kind = fields.iter().find(|(known, _)| known == field).map(|(_, kind)| *kind);
        let kind = kind.or_else(|| COMMON.contains(&field.as_str()).then_some(Field::Text));
        let fits = match (kind, value) {
            (_, Value::Null) | (Some(Field::Text | Field::Secret), Value::String(_)) => true,
            (Some(Field::Table), Value::Object(table)) => table.values().all(Value::is_string),
            (None, Value::Bool(_)) if field == ENABLED => true,
            (None, _) if field != ENABLED => {
                let known =
                    fields.iter().map(|(name, _)| *name).chain([ENABLED]).chain(COMMON).collect::<Vec<_>>().join(", ");
                return Err(format!("platforms.{name}: unknown field `{field}`, expected one of {known}"));
            }
            _ => false,
        };
        if !fits {
            let wanted = match kind {
                Some(Field::Table) => "a table of texts",
                Some(_) => "a text",
                None => "true or false",
            };
            return Err(format!("platforms.{name}.{field}: must be {wanted}"));
        }
        let is_http = |text: &str| url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if field == BASE_URL && value.as_str().is_some_and(|text| !is_http(text)) {
            return Err(format!("platforms.{name}.{field}: must be an http or https URL"));
        }
    }
    Ok(())
}

fn check_currency(key: &str, code: Option<&str>) -> Result<(), String> {
    match code {
        Some(code) if Currency::parse(code).is_none() => {
            Err(format!("{key}: \"{code}\" must be a code of three letters"))
        }
        _ => Ok(()),
    }
}

fn check_hosts(key: &str, hosts: &[String]) -> Result<(), String> {
    let is_host = |host: &str| {
        !host.is_empty()
            && host.to_ascii_lowercase() == *host
            && !host.contains(SEPARATORS)
            && !host.contains(['/', '@', '?', '#', ' '])
            && !host.ends_with('.')
            // A host beyond ASCII is matched as what it stands for in a URL.
            && url::Host::parse(host).is_ok_and(|parsed| parsed.to_string() == *host)
    };
    match hosts.iter().find(|host| !is_host(host)) {
        Some(host) => {
            Err(format!("{key}: \"{host}\" must be a bare host name or address in lower case, without a port"))
        }
        None => Ok(()),
    }
}
