//! Signs of programs that hold scripts back or load them from elsewhere: data, in `signs.toml`. Pure.

use super::page::Script;
use serde::Deserialize;
use std::sync::LazyLock;

/// What a program does to a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// It runs once the visitor has agreed to something.
    Asks,
    /// It runs at the visitor's first movement, or some seconds later.
    Delays,
    /// Its text is served by the page's own host.
    Copies,
}

/// One sign.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// The program.
    pub who: String,
    /// What it does.
    pub does: Does,
    /// Where to switch it off, in its own words.
    #[serde(default)]
    pub mend: String,
    attribute: String,
    value: Option<String>,
}

/// What loads other scripts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manager {
    /// The program.
    pub who: String,
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signs {
    sign: Vec<Sign>,
    manager: Vec<Manager>,
}

static SIGNS: LazyLock<Signs> = LazyLock::new(|| {
    // A test reads it, too: what does not read has no signs.
    toml::from_str(include_str!("signs.toml")).unwrap_or(Signs { sign: Vec::new(), manager: Vec::new() })
});

/// The first sign that a script shows.
pub fn sign(script: &Script) -> Option<&'static Sign> {
    SIGNS.sign.iter().find(|sign| script.attribute(&sign.attribute).is_some_and(|value| sign.fits(value)))
}

/// What loads other scripts on a page with these scripts.
pub fn managers(scripts: &[Script]) -> Vec<&'static str> {
    let has = |text: &str| {
        let stands_in = |script: &Script| {
            script.text.contains(text) || script.attributes.iter().any(|(_, value)| value.contains(text))
        };
        scripts.iter().any(stands_in)
    };
    SIGNS.manager.iter().filter(|manager| has(&manager.text)).map(|manager| manager.who.as_str()).collect()
}

impl Sign {
    fn fits(&self, value: &str) -> bool {
        let Some(wanted) = &self.value else { return true };
        let value = value.trim().to_ascii_lowercase();
        match (wanted.strip_prefix('*'), wanted.strip_suffix('*')) {
            (Some(_), Some(_)) => value.contains(wanted.trim_matches('*')),
            (None, Some(beginning)) => value.starts_with(beginning),
            _ => value == *wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(attributes: &[(&str, &str)]) -> Script {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Script { attributes, ..Script::default() }
    }

    #[test]
    fn the_table_reads_and_each_of_its_signs_can_be_shown() {
        let signs: Signs = toml::from_str(include_str!("signs.toml")).expect("it reads");
        for known in &signs.sign {
            let value = known.value.as_deref().unwrap_or("anything").replace('*', "");
            assert!(sign(&script(&[(&known.attribute, &value)])).is_some(), "{known:?}");
        }
        assert!(signs.manager.iter().all(|manager| !manager.text.is_empty()));
    }

    #[test]
    fn a_script_that_nobody_touches_shows_no_sign() {
        for attributes in [
            &[("src", "https://t.example/abcDEF123456.js"), ("async", "")][..],
            &[("src", "/abcDEF123456.js"), ("type", "module"), ("class", "tag"), ("data-cfasync", "false")],
            &[("src", "/a.js"), ("type", "text/javascript"), ("nonce", "abc")],
        ] {
            assert!(sign(&script(attributes)).is_none(), "{attributes:?}");
        }
    }

    #[test]
    fn the_most_telling_sign_is_told() {
        let found = sign(&script(&[("type", "text/plain"), ("data-cookieconsent", "marketing")])).expect("a sign");
        assert_eq!((found.who.as_str(), found.does), ("Cookiebot", Does::Asks));
        let found = sign(&script(&[("type", "ab12cd-text/javascript")])).expect("a sign");
        assert_eq!(found.does, Does::Delays);
    }
}
