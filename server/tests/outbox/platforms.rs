//! The settings of each platform as the tests set it up, at the fake.

use crate::fake::Fake;
use serde_json::{Map, Value, json};
use tagwerk_server::platforms::{self, FieldKind};

/// The secret of a platform's setting: a text with characters that each encoding writes in its own way, and a mark that none changes.
pub(crate) fn secret(platform: &str, field: &str) -> String {
    format!("~/*+\"Zq7Mark{platform}{field}\\/~%*=")
}

/// What a site says of a platform: every setting filled in, switched on.
pub(crate) fn settings(fake: &Fake, name: &str) -> Value {
    let platform = platforms::find(name).expect("a platform");
    let mut said = Map::new();
    for field in platform.about().fields {
        let value = match field.kind {
            FieldKind::Secret => json!(secret(name, field.name)),
            FieldKind::Text if field.required => json!("1234567890"),
            FieldKind::Table if field.required || field.name == "conversions" || field.name == "event_ids" => {
                json!({ "Purchase": "104012", "Refund": "104013", "OutboundClick": "104014" })
            }
            _ => continue,
        };
        said.insert(field.name.to_owned(), value);
    }
    match platform.about().name {
        // Of several ways in, one.
        "x" => drop(said.remove("pixel_token")),
        "linkedin" => {
            for name in ["client_id", "client_secret", "refresh_token"] {
                said.remove(name);
            }
        }
        "postback" => {
            said.insert("url".into(), json!(format!("{}/{name}?eid={{event_id}}&v={{value}}&k={{secret}}", fake.url)));
        }
        "webhook" => {
            said.insert("url".into(), json!(format!("{}/{name}/hook", fake.url)));
        }
        _ => {}
    }
    if !platform.about().several {
        said.insert("base_url".into(), json!(format!("{}/{name}", fake.url)));
    }
    said.insert("enabled".into(), json!(true));
    Value::Object(said)
}

/// Several platforms, each as [`settings`] says.
pub(crate) fn all(fake: &Fake, names: &[&str]) -> Value {
    Value::Object(names.iter().map(|name| ((*name).to_owned(), settings(fake, name))).collect())
}

/// As [`settings`], with something else in it.
pub(crate) fn with(fake: &Fake, name: &str, change: Value) -> Value {
    let mut said = settings(fake, name);
    json_patch::merge(&mut said, &change);
    json!({ name: said })
}
