//! The trail: who did what. Nothing secret is written there, and a trail that cannot be written stops nobody.

use crate::app::{ChangeError, SharedApp, now, row_id};
use crate::people::Who;
use crate::settings::SiteSettings;
use crate::store::{Deed, Site, Trail};
use serde_json::{Map, Value, json};

/// Most characters of one text in the particulars.
const LONGEST: usize = 500;
/// Most entries of one list or table in the particulars.
const MOST: usize = 100;

/// Writes down who did what; failure is logged, never fatal. `act` is a word like `settings.changed`; `about` never holds a secret.
pub async fn note(app: &SharedApp, who: &Who, site_id: Option<&str>, act: &str, about: Value) {
    note_in(app.store.as_ref(), who, site_id, act, about).await;
}

/// As [`note`], where there is a store but no server.
pub async fn note_in(
    store: &(impl Trail + Sync + ?Sized),
    who: &Who,
    site_id: Option<&str>,
    act: &str,
    mut about: Value,
) {
    shorten(&mut about);
    let deed = Deed {
        id: row_id(),
        at: now(),
        who: who.name.clone(),
        user_id: who.user_id.clone(),
        site_id: site_id.map(str::to_owned),
        act: act.to_owned(),
        about,
    };
    if let Err(error) = store.add_deed(deed).await {
        tracing::error!(act, %error, "the audit trail was not written");
    }
}

/// Changes a site's settings by a JSON merge patch, and writes down which keys were changed, from what to what.
///
/// # Errors
/// As [`crate::app::App::patch_settings`].
pub async fn patch_settings(
    app: &SharedApp,
    who: &Who,
    site_id: &str,
    change: Value,
) -> Result<SiteSettings, ChangeError> {
    let (before, after) = app.patch_settings_telling(site_id, change).await?;
    note_settings(app, who, site_id, &before, &after).await?;
    Ok(SiteSettings::read(&after)?)
}

/// As [`patch_settings`], if the settings are still as they were read; whether they were.
///
/// # Errors
/// As [`crate::app::App::patch_settings_as_read`].
pub async fn patch_settings_as_read(
    app: &SharedApp,
    who: &Who,
    site: &Site,
    change: Value,
) -> Result<bool, ChangeError> {
    let Some(after) = app.patch_settings_as_read(site, change).await? else { return Ok(false) };
    note_settings(app, who, &site.site_id, &site.settings, &after).await?;
    Ok(true)
}

async fn note_settings(
    app: &SharedApp,
    who: &Who,
    site_id: &str,
    before: &Value,
    after: &Value,
) -> Result<(), ChangeError> {
    let changes = changes(before, after)?;
    if !changes.is_empty() {
        note(app, who, Some(site_id), "settings.changed", Value::Object(changes)).await;
    }
    Ok(())
}

/// What changed between two stored settings: by key, what stood there before and what does now. Of secrets it says only that they
/// changed.
fn changes(before: &Value, after: &Value) -> Result<Map<String, Value>, ChangeError> {
    let shown = |stored: &Value| SiteSettings::read(stored)?.shown();
    let mut found = Map::new();
    compare("", &shown(before)?, &shown(after)?, &mut found);
    let mut sealed = Map::new();
    compare("", before, after, &mut sealed);
    for key in sealed.into_iter().map(|(key, _)| key) {
        // Masks are alike however the secret under them changed; and what stands in no file is told by its default above.
        let is_told = found
            .keys()
            .any(|told| told == &key || key.starts_with(&format!("{told}.")) || told.starts_with(&format!("{key}.")));
        let is_secret =
            ["ipn_passphrase", "api_key"].iter().any(|name| key.ends_with(name)) || key.starts_with("platforms.");
        if !is_told && is_secret {
            found.insert(key, json!("replaced"));
        }
    }
    Ok(found)
}

/// Notes every key under which two values differ; tables are looked into, lists are compared whole.
fn compare(path: &str, before: &Value, after: &Value, found: &mut Map<String, Value>) {
    if before == after {
        return;
    }
    let tables = |value: &Value| value.is_object() || value.is_null();
    if tables(before) && tables(after) && (before.is_object() || after.is_object()) {
        let empty = Map::new();
        let (left, right) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
        let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let deeper = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let of = |table: &Map<String, Value>| table.get(key).cloned().unwrap_or(Value::Null);
            compare(&deeper, &of(left), &of(right), found);
        }
        return;
    }
    let told = |value: &Value| if path.starts_with("platforms.") { without_path(value) } else { value.clone() };
    found.insert(path.to_owned(), json!({ "before": told(before), "after": told(after) }));
}

/// A platform's address without what follows its host: what gives the right to send there may stand in it.
fn without_path(value: &Value) -> Value {
    let Some((scheme, rest)) = value.as_str().and_then(|text| text.split_once("://")) else { return value.clone() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    if host.len() == rest.len() { value.clone() } else { format!("{scheme}://{host}/…").into() }
}

/// Cuts what is too long to be read: what others sent may stand in there.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(LONGEST) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Array(items) => {
            items.truncate(MOST);
            items.iter_mut().for_each(shorten);
        }
        Value::Object(table) => {
            let beyond: Vec<String> = table.keys().skip(MOST).cloned().collect();
            for key in beyond {
                table.remove(&key);
            }
            table.values_mut().for_each(shorten);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(before: Value, after: Value) -> Value {
        Value::Object(changes(&before, &after).expect("settings"))
    }

    #[test]
    fn a_change_tells_the_key_and_both_values() {
        let told = between(json!({}), json!({ "purchase_value": "netto", "consent": { "mode": "required" } }));
        assert_eq!(told["purchase_value"]["after"], "netto");
        assert!(told["purchase_value"]["before"].is_string(), "the default: {told}");
        assert_eq!(
            told.as_object().map(Map::len),
            Some(if told.get("consent.mode").is_some() { 2 } else { 1 }),
            "{told}"
        );
    }

    #[test]
    fn of_a_secret_it_is_told_only_that_it_changed() {
        let with = |secret: &str| json!({ "groups": { "net": { "ipn_passphrase": secret } } });
        let told = between(with("sealed-one"), with("sealed-two"));
        assert_eq!(told, json!({ "groups.net.ipn_passphrase": "replaced" }));
        let told = between(json!({}), with("sealed-two")).to_string();
        assert!(!told.contains("sealed"), "{told}");
    }

    #[test]
    fn of_a_platform_s_address_only_the_host_is_told() {
        let with = |url: &str| json!({ "platforms": { "webhook": { "url": url } } });
        let told = between(with("https://a.example"), with("https://me:pass@b.example/hook/s3cret?key=s3cret"));
        let expected = json!({ "before": "https://a.example", "after": "https://b.example/…" });
        assert_eq!(told, json!({ "platforms.webhook.url": expected }));
    }

    #[test]
    fn the_same_settings_are_no_change() {
        let settings = json!({ "name": "A", "groups": { "net": { "ipn_passphrase": "sealed" } } });
        assert_eq!(between(settings.clone(), settings), json!({}));
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let mut value = json!({ "a": ["ä".repeat(LONGEST + 9)], "b": vec![1; MOST + 5] });
        shorten(&mut value);
        assert_eq!(value["a"][0].as_str().map(|text| text.chars().count()), Some(LONGEST + 1));
        assert_eq!(value["b"].as_array().map(Vec::len), Some(MOST));
    }
}
