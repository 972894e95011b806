//! Sealing the secrets of settings anew.

use super::change::{SECRETS, place};
use crate::vault::{Vault, VaultError};
use serde_json::Value;

/// Settings whose secrets were sealed anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Resealed {
    /// The settings.
    pub settings: Value,
    /// How many secrets were under an older key and are under the newest now.
    pub count: u64,
    /// Secrets that no key opens, by their names; they stay as they are.
    pub damaged: Vec<String>,
}

/// Seals under the newest key what is under an older one.
///
/// # Errors
/// The system gives no randomness.
pub fn reseal(site_id: &str, stored: &Value, vault: &Vault) -> Result<Resealed, VaultError> {
    let mut resealed = Resealed { settings: stored.clone(), count: 0, damaged: Vec::new() };
    for (list, is_secret) in SECRETS {
        let Some(items) = resealed.settings.get_mut(list).and_then(Value::as_object_mut) else { continue };
        for (name, item) in items.iter_mut() {
            let fields = item.as_object_mut().into_iter().flatten();
            for (field, value) in fields.filter(|(field, _)| is_secret(name, field)) {
                let Some(sealed) = value.as_str() else { continue };
                match vault.reseal_text(&place(site_id, list, name, field), sealed) {
                    Ok(None) => {}
                    Ok(Some(anew)) => {
                        *value = anew.into();
                        resealed.count += 1;
                    }
                    Err(VaultError::Damaged) => resealed.damaged.push(format!("{list}.{name}.{field}")),
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(resealed)
}
