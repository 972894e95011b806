//! A site's account with a platform, opened for sending.

use crate::app::App;
use crate::platforms::{Account, FieldKind, Platform};
use crate::settings::{self, SiteSettings};
use crate::store::Millis;
use crate::vault::random;
use serde_json::{Map, Value};

/// The account's settings, secrets in the clear. It has no `Debug`: nothing may print it.
pub struct OpenAccount {
    /// The settings.
    pub settings: Map<String, Value>,
    base_url: String,
    nonce: String,
}

impl OpenAccount {
    /// Opens what a site says about a platform.
    ///
    /// # Errors
    /// A secret does not open, or there is no randomness: a sentence for the operator.
    pub fn of(
        app: &App,
        site_id: &str,
        site: &SiteSettings,
        name: &str,
        platform: &dyn Platform,
    ) -> Result<Self, String> {
        let about = platform.about();
        let mut opened = site.platforms.get(name).cloned().unwrap_or_default();
        for field in about.fields.iter().filter(|field| field.kind == FieldKind::Secret) {
            let Some(value) = opened.get_mut(field.name) else { continue };
            let Some(sealed) = value.as_str() else { continue };
            let plain = app.vault.unseal_text(&settings::place(site_id, "platforms", name, field.name), sealed);
            *value = plain.map_err(|error| format!("platforms.{name}.{}: {error}; enter it again", field.name))?.into();
        }
        let base_url = opened.get("base_url").and_then(Value::as_str).map(str::trim).filter(|url| !url.is_empty());
        let base_url = base_url.unwrap_or(about.base_url).trim_end_matches('/').to_owned();
        let nonce = random::<16>().map_err(|error| error.to_string())?;
        let nonce = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { settings: opened, base_url, nonce })
    }

    /// The account as a platform's file sees it.
    pub fn at<'a>(&'a self, now: Millis, token: Option<&'a str>) -> Account<'a> {
        Account { settings: &self.settings, base_url: &self.base_url, token, now, nonce: &self.nonce }
    }

    /// The settings that are missing, as a sentence; nothing where everything is there.
    pub fn missing(&self, platform: &dyn Platform) -> Option<String> {
        let missing: Vec<&str> = platform.missing(&self.at(0, None)).iter().map(|field| field.name).collect();
        (!missing.is_empty()).then(|| format!("not set up: {} missing", missing.join(", ")))
    }
}
