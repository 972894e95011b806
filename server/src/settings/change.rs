//! Changing settings: a JSON merge patch is checked, its secrets are sealed, and nothing is changed where a key cannot be.

use super::platforms::{self, addresses, is_credential, is_secret};
use super::{
    API_BASE_URL, API_KEY, Attribution, GROUP_SECRETS, GroupSettings, MASK, SettingsError, SiteSettings, is_http,
};
use crate::groups::Groups;
use crate::vault::Vault;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::ops::RangeInclusive;
use tagwerk_protocol::group::api::Api;
use tagwerk_protocol::money::Currency;
use tagwerk_protocol::pixels::Pixels;
use tagwerk_protocol::settings::SEPARATORS;

/// What settings may name.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    /// The tracking groups.
    pub groups: &'a Groups,
    /// The ad platforms' own pixels.
    pub pixels: &'a Pixels,
}

/// How long a touch may count, in days.
const TOUCH_DAYS: RangeInclusive<u16> = 1..=730;
/// How long the name of the cost parameter may be.
const COST_PARAM_BYTES: usize = 64;
/// How many days back a network's API may be asked each day.
const RECONCILE_DAYS: RangeInclusive<u16> = 1..=180;

/// Changes stored settings by a JSON merge patch (RFC 7396): new secrets are sealed, everything is checked.
///
/// # Errors
/// Names the key and says what could stand there; nothing is changed then.
pub fn patch(
    site_id: &str,
    stored: &Value,
    mut change: Value,
    tables: Tables<'_>,
    vault: &Vault,
) -> Result<Value, SettingsError> {
    if !change.is_object() {
        return Err(SettingsError::Invalid("a change of settings is a JSON object".into()));
    }
    refuse_lists_for_tables(&change).map_err(SettingsError::Invalid)?;
    refuse_unknown_keys_to_be_removed(&change).map_err(SettingsError::Invalid)?;
    let mut settings = stored.clone();
    forget_credentials_of_another_base_url(&mut settings, &change);
    seal_secrets(site_id, &mut change, vault)?;
    json_patch::merge(&mut settings, &change);
    check(&SiteSettings::read(&settings)?, tables).map_err(SettingsError::Invalid)?;
    Ok(settings)
}

/// What is a table must be written as one: a list in its place would be read by position, and its secrets not be seen.
fn refuse_lists_for_tables(change: &Value) -> Result<(), String> {
    let is_table = |value: &Value| value.is_object() || value.is_null();
    for key in ["cost", "consent", "privacy", "attribution", "autoscan", "pixel_ids", "groups", "platforms"] {
        let Some(value) = change.get(key) else { continue };
        if !is_table(value) {
            return Err(format!("{key}: must be an object"));
        }
        let holds_tables = ["groups", "platforms", "pixel_ids"].contains(&key);
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

/// What is set to null is gone before the settings are read, and a slip in its name would not be told.
fn refuse_unknown_keys_to_be_removed(change: &Value) -> Result<(), String> {
    let known = serde_json::to_value(SiteSettings::default()).unwrap_or_default();
    let of_group = serde_json::to_value(GroupSettings::default()).unwrap_or_default();
    refuse_unknown_nulls("", change, &known)?;
    for key in ["cost", "consent", "privacy", "attribution", "autoscan"] {
        let of = |value: &Value| value.get(key).cloned().unwrap_or_default();
        refuse_unknown_nulls(&format!("{key}."), &of(change), &of(&known))?;
    }
    for (name, group) in change["groups"].as_object().into_iter().flatten() {
        refuse_unknown_nulls(&format!("groups.{name}."), group, &of_group)?;
    }
    Ok(())
}

fn refuse_unknown_nulls(place: &str, change: &Value, known: &Value) -> Result<(), String> {
    let nulls = change.as_object().into_iter().flatten().filter(|(_, value)| value.is_null());
    match nulls.map(|(key, _)| key).find(|key| known.get(key.as_str()).is_none()) {
        Some(key) => Err(format!("{place}{key}: there is no such key")),
        None => Ok(()),
    }
}

/// A token must not travel to an address it was not entered for.
fn forget_credentials_of_another_base_url(settings: &mut Value, change: &Value) {
    for (list, addresses, is_credential) in [
        ("platforms", addresses as fn(&str) -> Vec<&'static str>, is_credential as fn(&str, &str) -> bool),
        ("groups", |_| vec![API_BASE_URL], |_, field| field == API_KEY),
    ] {
        for (name, item) in change.get(list).and_then(Value::as_object).into_iter().flatten() {
            let kept = settings.get_mut(list).and_then(|list| list.get_mut(name)).and_then(Value::as_object_mut);
            let Some(kept) = kept else { continue };
            let moves = |address: &&str| {
                item.get(address).is_some_and(|there| kept.get(*address).unwrap_or(&Value::Null) != there)
            };
            if addresses(name).iter().any(moves) {
                kept.retain(|field, _| !is_credential(name, field));
            }
        }
    }
}

/// Whether a field is secret, by the name of its table and its own.
type IsSecret = fn(&str, &str) -> bool;

/// Where secrets may stand: the key of a table of tables, and which of the fields of its tables are secret.
pub(super) const SECRETS: [(&str, IsSecret); 2] =
    [("groups", |_, field| GROUP_SECRETS.contains(&field)), ("platforms", is_secret)];

fn seal_secrets(site_id: &str, change: &mut Value, vault: &Vault) -> Result<(), SettingsError> {
    for (list, is_secret) in SECRETS {
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
pub fn place(site_id: &str, list: &str, name: &str, field: &str) -> String {
    format!("settings/{site_id}/{list}/{name}/{field}")
}

fn check(settings: &SiteSettings, Tables { groups, pixels }: Tables<'_>) -> Result<(), String> {
    for origin in &settings.origins {
        if url::Url::parse(origin).map(|url| url.origin().ascii_serialization()).as_ref() != Ok(origin) {
            return Err(format!("origins: \"{origin}\" must be like https://shop.example, without a path"));
        }
    }
    check_currency("reporting_currency", settings.reporting_currency.as_deref())?;
    // A zone is found by any spelling; kept is only the one that the programs of others know, too.
    let is_zone = |zone: TimeZone| zone.iana_name() == Some(settings.time_zone.as_str());
    if !TimeZone::get(&settings.time_zone).is_ok_and(is_zone) {
        let zone = &settings.time_zone;
        return Err(format!("time_zone: \"{zone}\" must be the name of a time zone, like Europe/Berlin or UTC"));
    }
    check_cost(settings)?;
    if settings.privacy.keep_days == 0 {
        return Err("privacy.keep_days: must be at least 1".into());
    }
    let Attribution { first_touch_days, last_touch_days } = settings.attribution;
    for (key, days) in [("first_touch_days", first_touch_days), ("last_touch_days", last_touch_days)] {
        if !TOUCH_DAYS.contains(&days) {
            return Err(format!(
                "attribution.{key}: must be a number from {} to {}",
                TOUCH_DAYS.start(),
                TOUCH_DAYS.end()
            ));
        }
    }
    check_hosts("autoscan.hosts", &settings.autoscan.hosts)?;
    check_pixels(settings, pixels)?;
    for (name, group) in &settings.groups {
        if groups.get(name).is_none() {
            return Err(format!("groups.{name}: there is no such group; there are {}", groups.names()));
        }
        check_currency(&format!("groups.{name}.currency"), group.currency.as_deref())?;
        check_api(name, groups.get(name).and_then(|group| group.api.as_ref()), group)?;
        check_hosts(&format!("groups.{name}.hosts"), &group.hosts)?;
        if group.click_expiry_days == Some(0) {
            return Err(format!("groups.{name}.click_expiry_days: must be at least 1, or null for any age"));
        }
        if let Some(sender) = group.senders.iter().find(|sender| sender.parse::<std::net::IpAddr>().is_err()) {
            return Err(format!("groups.{name}.senders: \"{sender}\" must be an IP address"));
        }
    }
    for (index, kind) in settings.types.iter().enumerate() {
        if kind.name.is_empty() || settings.types.iter().take(index).any(|earlier| earlier.name == kind.name) {
            return Err(format!("types: the name \"{}\" must be there, and once", kind.name));
        }
    }
    settings.platforms.iter().try_for_each(|(name, platform)| platforms::check(name, platform))
}

fn check_pixels(settings: &SiteSettings, pixels: &Pixels) -> Result<(), String> {
    let unknown = |platform: &str| {
        let known = pixels.platforms().join(", ");
        format!("\"{platform}\" has no pixel that is known; there are {known}")
    };
    for (platform, ids) in &settings.pixel_ids {
        if pixels.id(platform).is_none() {
            return Err(format!("pixel_ids: {}", unknown(platform)));
        }
        pixels.check_ids(platform, ids).map_err(|problem| format!("pixel_ids.{platform}: {problem}"))?;
    }
    for (index, platform) in settings.pixels.iter().enumerate() {
        let needs_id = pixels.id(platform).ok_or_else(|| format!("pixels: {}", unknown(platform)))?.is_some();
        if needs_id && !settings.pixel_ids.contains_key(platform) {
            return Err(format!(
                "pixels: {platform} is called with ids of your account; give them in pixel_ids.{platform}"
            ));
        }
        if settings.pixels.iter().take(index).any(|earlier| earlier == platform) {
            return Err(format!("pixels: {platform} stands there twice"));
        }
    }
    Ok(())
}

fn check_api(name: &str, api: Option<&Api>, settings: &GroupSettings) -> Result<(), String> {
    let given = [
        (API_KEY, settings.api_key.is_some()),
        (API_BASE_URL, settings.api_base_url.is_some()),
        ("api_role", settings.api_role.is_some()),
        ("reconcile_days", settings.reconcile_days.is_some()),
    ];
    let Some(api) = api else {
        return match given.iter().find(|(_, is_given)| *is_given) {
            Some((field, _)) => Err(format!("groups.{name}.{field}: this group has no API that could be asked")),
            None => Ok(()),
        };
    };
    if settings.api_base_url.as_deref().is_some_and(|text| !is_http(text)) {
        return Err(format!("groups.{name}.{API_BASE_URL}: must be an http or https URL"));
    }
    if let Some(role) = settings.api_role.as_ref().filter(|role| !api.roles.contains(role)) {
        let known = api.roles.join(", ");
        return Err(format!("groups.{name}.api_role: \"{role}\" must be one of {known}"));
    }
    if settings.reconcile_days.is_some_and(|days| !RECONCILE_DAYS.contains(&days)) {
        let (first, last) = (RECONCILE_DAYS.start(), RECONCILE_DAYS.end());
        return Err(format!("groups.{name}.reconcile_days: must be a number from {first} to {last}"));
    }
    Ok(())
}

/// What tells a visit's cost must be a parameter that tells nothing else.
fn check_cost(settings: &SiteSettings) -> Result<(), String> {
    check_currency("cost.currency", settings.cost.currency.as_deref())?;
    let Some(param) = settings.cost.param.as_deref() else { return Ok(()) };
    let is_name = !param.is_empty()
        && param.len() <= COST_PARAM_BYTES
        && param.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if !is_name {
        return Err(format!(
            "cost.param: \"{param}\" must be the name of a parameter, like cost: up to {COST_PARAM_BYTES} letters, digits, \
             \"_\", \"-\" and \".\""
        ));
    }
    let is_click_id = |known: &String| known.eq_ignore_ascii_case(param);
    if param.to_ascii_lowercase().starts_with("utm_") || crate::groups::clicks()?.params().iter().any(is_click_id) {
        return Err(format!(
            "cost.param: \"{param}\" says where a visit came from; use a parameter of its own, like cost"
        ));
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
            && !host.contains(['/', '@', '?', '#', ' ', '*'])
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
