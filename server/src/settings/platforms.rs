//! What a site may say about an ad platform, held to what the platform's own file declares, and what follows for its outlets.

use super::{SiteSettings, is_http};
use crate::platforms::about::COMMON;
use crate::platforms::{self, Field, FieldKind};
use crate::store::OutletRules;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tagwerk_protocol::clicks::Clicks;

/// Stands for scheme and host of the platform.
pub(super) const BASE_URL: &str = "base_url";

/// A platform's own settings; `None` for a platform that is not known.
pub(super) fn own_fields(platform: &str) -> Option<&'static [Field]> {
    platforms::find(platform).map(|platform| platform.about().fields)
}

/// Whether a setting is sealed and never shown.
pub fn is_secret(platform: &str, field: &str) -> bool {
    own_fields(platform).into_iter().flatten().any(|known| known.name == field && known.kind == FieldKind::Secret)
}

/// Whether a setting is what the platform knows the account by.
pub(super) fn is_credential(platform: &str, field: &str) -> bool {
    let is_address = addresses(platform).contains(&field);
    !is_address && own_fields(platform).into_iter().flatten().any(|known| known.name == field)
}

/// The settings of a platform that hold the address at which its secrets are shown.
pub(super) fn addresses(platform: &str) -> Vec<&'static str> {
    // A URL with macros in it is kept as a text.
    let is_address = |field: &&Field| field.kind == FieldKind::Url || field.name == "url";
    let own = own_fields(platform).into_iter().flatten().filter(is_address);
    own.map(|field| field.name).chain([BASE_URL]).collect()
}

/// Holds what a site says about a platform to the platform's own file.
///
/// # Errors
/// Names the key and says what could stand there.
pub(super) fn check(name: &str, settings: &Map<String, Value>) -> Result<(), String> {
    let Some(own) = own_fields(name) else {
        let known: Vec<String> = platforms::ALL
            .iter()
            .map(|platform| {
                let about = platform.about();
                if about.several { format!("{0}, {0}-<label>", about.name) } else { about.name.to_owned() }
            })
            .collect();
        return Err(format!("platforms.{name}: there is no such platform; there are {}", known.join(", ")));
    };
    for (key, value) in settings {
        let Some(field) = own.iter().chain(COMMON).find(|known| known.name == key) else {
            let known: Vec<&str> = own.iter().chain(COMMON).map(|field| field.name).collect();
            return Err(format!("platforms.{name}: unknown field `{key}`, expected one of {}", known.join(", ")));
        };
        if let Some(wanted) = problem(field.kind, value) {
            return Err(format!("platforms.{name}.{key}: must be {wanted}"));
        }
    }
    Ok(())
}

/// What would fit in a setting's place, where this does not.
fn problem(kind: FieldKind, value: &Value) -> Option<String> {
    let is_text = |value: &Value| value.is_string();
    let (fits, wanted) = match (kind, value) {
        (_, Value::Null) => return None,
        (FieldKind::Text | FieldKind::Secret, value) => (is_text(value), "a text".to_owned()),
        (FieldKind::Url, value) => {
            (value.as_str().is_some_and(|text| text.is_empty() || is_http(text)), "an http or https URL".to_owned())
        }
        (FieldKind::Switch, value) => (value.is_boolean(), "true or false".to_owned()),
        (FieldKind::List, value) => {
            (value.as_array().is_some_and(|list| list.iter().all(is_text)), "a list of texts".to_owned())
        }
        (FieldKind::Table, value) => {
            (value.as_object().is_some_and(|table| table.values().all(is_text)), "a table of texts".to_owned())
        }
        (FieldKind::Choice(words), value) => {
            (value.as_str().is_some_and(|text| words.contains(&text)), format!("one of {}", words.join(", ")))
        }
    };
    (!fits).then_some(wanted)
}

/// What the site sends where: one outlet for each platform that is switched on.
pub fn outlets(settings: &SiteSettings, clicks: &Clicks) -> Vec<OutletRules> {
    let on = settings.platforms.iter().filter(|(_, platform)| platform.get("enabled") == Some(&Value::Bool(true)));
    on.filter_map(|(name, said)| {
        let about = platforms::find(name)?.about();
        let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
        let list = |key: &str| -> Vec<String> {
            let items = said.get(key).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let params = clicks.click.iter().filter(|click| about.clicks == Some(click.platform.as_str()));
        let mut rules = OutletRules {
            platform: name.clone(),
            fingerprint: String::new(),
            everything: match text("send") {
                "all" => true,
                "matched" => false,
                _ => about.everything,
            },
            refunds: about.refunds,
            tests: !text("test_event_code").is_empty() || said.get("validate_only") == Some(&Value::Bool(true)),
            click_params: params.map(|click| click.param.clone()).collect(),
            types: list("types"),
            events: list("events"),
            max_age: about.limits.max_age,
            min_click_age: about.limits.min_click_age,
        };
        rules.fingerprint = fingerprint(said, &rules);
        Some(rules)
    })
    .collect()
}

/// Differs where anything differs that the site says about the platform, or that follows from it.
fn fingerprint(said: &Map<String, Value>, rules: &OutletRules) -> String {
    let text = format!("{}\n{rules:?}", Value::Object(said.clone()));
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
