//! What a filled set-up form changes in a platform's settings. Pure.

use super::platform_form::{Filled, OVERTAKEN, Problems, SEEN, has, mark, stands, text, written};
use crate::platforms::about::COMMON;
use crate::platforms::{About, Field, FieldKind};
use crate::settings::MASK;
use serde_json::{Map, Value};

/// The name under which a form lists the secrets that are to be forgotten.
const FORGET: &str = "forget";

/// What a filled form changes, as a JSON merge patch of the platform's settings: what stays as it is is left out.
///
/// # Errors
/// A line of a table that is none; by field.
pub(super) fn change(about: &About, settings: &Map<String, Value>, filled: &Filled) -> Result<Value, Problems> {
    let mut change = Map::new();
    let mut problems = Problems::default();
    let all: Vec<&Field> = about.fields.iter().chain(COMMON).collect();
    for field in &all {
        let entered = text(filled, field.name);
        let wanted = match field.kind {
            FieldKind::Secret => {
                let forgotten = filled.iter().any(|(key, value)| key == FORGET && value == field.name);
                match (entered, forgotten) {
                    ("", true) if settings.contains_key(field.name) => Value::Null,
                    ("" | MASK, _) => continue,
                    (secret, _) => secret.into(),
                }
            }
            FieldKind::Switch if has(filled, field.name) => true.into(),
            FieldKind::Switch if settings.contains_key(field.name) => false.into(),
            FieldKind::Switch => continue,
            FieldKind::List => Value::Array(lines(entered).map(Value::from).collect()),
            FieldKind::Table => match table(entered, settings.get(field.name)) {
                Ok(table) => Value::Object(table),
                Err(problem) => {
                    problems.fields.push((field.name.to_owned(), problem));
                    continue;
                }
            },
            FieldKind::Text | FieldKind::Url | FieldKind::Choice(_) => entered.into(),
        };
        change.insert(field.name.to_owned(), if written(&wanted).is_empty() { Value::Null } else { wanted });
    }
    if problems != Problems::default() {
        return Err(problems);
    }
    let is_same = |field: &Field, wanted: &Value| match settings.get(field.name) {
        None => wanted.is_null(),
        Some(kept) => kept == wanted || (wanted.is_null() && written(kept).is_empty()),
    };
    // Another address clears what the platform knows the account by, unless it is said again.
    let moves = all
        .iter()
        .filter(|field| field.kind == FieldKind::Url)
        .any(|field| change.get(field.name).is_some_and(|wanted| !is_same(field, wanted)));
    for field in all {
        let stays = change.get(field.name).is_some_and(|wanted| is_same(field, wanted));
        if stays && (!moves || field.kind == FieldKind::Url) {
            change.remove(field.name);
        }
    }
    Ok(Value::Object(change))
}

/// What is in the way of a change where somebody else was faster: the settings are others than the form was made from. A form that only says
/// what stands there by now is in nobody's way.
pub(super) fn overtaken(
    about: &About,
    settings: &Map<String, Value>,
    filled: &Filled,
    change: &Value,
) -> Option<Problems> {
    let (seen, change) = (text(filled, SEEN), change.as_object()?);
    if seen.is_empty() || seen == mark(settings) || change.is_empty() {
        return None;
    }
    let fields = about.fields.iter().chain(COMMON);
    let fields = fields.filter(|field| field.kind != FieldKind::Secret && change.contains_key(field.name));
    let now = |field: &Field| stands(&settings.get(field.name).map(written).unwrap_or_default());
    let fields = fields.map(|field| (field.name.to_owned(), now(field))).collect();
    Some(Problems { fields, general: Some(OVERTAKEN.to_owned()) })
}

/// Whether a change goes to another address without saying the secrets that are kept: they are cleared then.
pub(super) fn clears_secrets(about: &About, settings: &Map<String, Value>, change: &Value) -> bool {
    let mut fields = about.fields.iter().chain(COMMON);
    let moves = fields.any(|field| field.kind == FieldKind::Url && change.get(field.name).is_some());
    let is_lost = |field: &&Field| settings.contains_key(field.name) && change.get(field.name).is_none();
    moves && about.fields.iter().filter(|field| field.kind == FieldKind::Secret).any(|field| is_lost(&field))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// The entries, and for each that is gone a null, which is how a merge patch takes one away.
fn table(text: &str, kept: Option<&Value>) -> Result<Map<String, Value>, String> {
    let mut table = Map::new();
    for line in lines(text) {
        let pair = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        let Some((key, value)) = pair.filter(|(key, value)| !key.is_empty() && !value.is_empty()) else {
            return Err(format!("“{line}” is none of its lines; they read: Purchase = value"));
        };
        if table.keys().any(|known: &String| known.eq_ignore_ascii_case(key)) {
            return Err(format!("{key} stands there twice"));
        }
        table.insert(key.to_owned(), value.into());
    }
    if table.is_empty() {
        return Ok(table);
    }
    for key in kept.and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        table.entry(key.clone()).or_insert(Value::Null);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platforms;
    use serde_json::json;

    fn about(name: &str) -> &'static About {
        platforms::find(name).unwrap().about()
    }

    fn changed(name: &str, kept: Value, filled: &[(&str, &str)]) -> Result<Value, Problems> {
        let filled: Vec<(String, String)> =
            filled.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        change(about(name), kept.as_object().unwrap(), &filled)
    }

    #[test]
    fn what_stays_as_it_is_is_left_out() {
        let kept = json!({
            "enabled": true, "pixel_id": "1", "access_token": "sealed", "types": ["Purchase"], "send": "all",
            "event_names": { "Lead": "Contact" }, "validate_only": false, "base_url": "",
        });
        let same = [
            ("enabled", "1"),
            ("pixel_id", " 1 "),
            ("types", "Purchase\n"),
            ("send", "all"),
            ("event_names", "Lead=Contact"),
            ("access_token", ""),
            ("base_url", ""),
        ];
        assert_eq!(changed("meta", kept.clone(), &same), Ok(json!({})));
        let off = changed("meta", kept, &same[1..]);
        assert_eq!(off, Ok(json!({ "enabled": false })));
    }

    #[test]
    fn what_was_emptied_is_taken_away_but_a_secret_only_where_that_is_said() {
        let kept = json!({ "pixel_id": "1", "access_token": "sealed", "types": ["Lead"], "event_names": { "a": "b" } });
        let gone = json!({ "pixel_id": null, "types": null, "event_names": null });
        assert_eq!(changed("meta", kept.clone(), &[("pixel_id", ""), ("access_token", MASK)]), Ok(gone));
        let forget = [("pixel_id", "1"), ("types", "Lead"), ("event_names", "a = b"), ("forget", "access_token")];
        assert_eq!(changed("meta", kept, &forget), Ok(json!({ "access_token": null })));
        assert_eq!(changed("meta", json!({}), &[("forget", "access_token"), ("forget", "x")]), Ok(json!({})));
    }

    #[test]
    fn who_was_slower_is_told_what_stands_there_now() {
        let about = about("meta");
        let before = json!({ "pixel_id": "1", "access_token": "sealed" });
        let now = json!({ "pixel_id": "2", "access_token": "sealed" });
        let seen = mark(before.as_object().unwrap());
        let told = |settings: &Value, filled: &[(&str, &str)]| {
            let filled: Vec<(String, String)> =
                filled.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let settings = settings.as_object().unwrap();
            overtaken(about, settings, &filled, &change(about, settings, &filled).unwrap())
        };
        let mine = [(SEEN, seen.as_str()), ("pixel_id", "1"), ("test_event_code", "T")];
        assert_eq!(told(&before, &mine), None, "nobody was faster");
        let problems = told(&now, &mine).unwrap();
        let beside =
            |name: &str| problems.fields.iter().find(|(field, _)| field == name).map(|(_, said)| said.as_str());
        assert_eq!(beside("pixel_id"), Some("Now it is “2”."));
        assert_eq!(beside("test_event_code"), Some("Now it is empty."));
        assert_eq!(told(&now, &[(SEEN, seen.as_str()), ("pixel_id", "2")]), None, "both say the same");
    }

    #[test]
    fn a_table_names_what_is_taken_out_of_it() {
        let kept = json!({ "event_names": { "a": "1", "b": "2" } });
        let wanted = json!({ "event_names": { "a": "1", "b": null, "c": "x = y" } });
        assert_eq!(changed("meta", kept, &[("event_names", "a = 1\r\nc = x = y")]), Ok(wanted));
    }

    #[test]
    fn another_address_says_again_what_else_is_entered() {
        let kept = json!({ "pixel_id": "1", "access_token": "sealed", "send": "all" });
        let filled = [("pixel_id", "1"), ("send", "all"), ("base_url", "https://a.example")];
        let wanted = json!({ "pixel_id": "1", "send": "all", "base_url": "https://a.example" });
        let change = changed("meta", kept.clone(), &filled).unwrap();
        let said = |change: &Value, key: &str| change.get(key).cloned();
        for key in ["pixel_id", "send", "base_url"] {
            assert_eq!(said(&change, key), said(&wanted, key), "{key}");
        }
        assert!(clears_secrets(about("meta"), kept.as_object().unwrap(), &change));
        let with_secret = json!({ "base_url": "https://a.example", "access_token": "new" });
        assert!(!clears_secrets(about("meta"), kept.as_object().unwrap(), &with_secret));
    }
}
