//! Configuration: documented defaults, then a file, then the environment, then flags.
//!
//! The annotated defaults (`server.default.toml`) are the base layer and the list of known keys, so that documentation and
//! defaults cannot disagree.

use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use toml::Table;
use toml::de::{DeTable, DeValue};

/// The annotated defaults.
pub const DEFAULTS: &str = include_str!("../server.default.toml");

/// Longest query that can be asked for, in kB: the HTTP library reads no URL beyond 65,534 bytes.
const MAX_QUERY_KB: usize = 64;

/// Longest time a page's request may be held, in seconds.
const LONGEST_HOLD: u64 = 10;

/// First segments of paths that the server needs for itself.
const TAKEN: [&str; 10] =
    ["api", "assets", "dashboard", "demo", "healthz", "metrics", "readyz", "sign-in", "sign-out", "sites"];

/// What the server is told. Each field is documented in `server.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in server.default.toml, for operators and readers alike")]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub public_url: String,
    pub groups_dir: PathBuf,
    pub script_path: String,
    pub event_path: String,
    pub scan_path: String,
    pub trusted_proxies: Vec<IpAddr>,
    pub country_header: String,
    pub metrics_listen: String,
    pub allow_private_targets: bool,
    pub demo: bool,
    pub log: String,
    pub limits: Limits,
    pub autoscan: Autoscan,
    pub rates: Rates,
    pub outbox: Outbox,
}

/// How what waits for the ad platforms is sent. Each field is documented in `server.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in server.default.toml, for operators and readers alike")]
pub struct Outbox {
    pub outlets: usize,
    pub lease_seconds: u64,
    pub first_retry_seconds: u64,
    pub longest_retry_seconds: u64,
}

/// Bounds. Each field is documented in `server.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in server.default.toml, for operators and readers alike")]
pub struct Limits {
    pub body_kb: usize,
    pub query_kb: usize,
    pub import_mb: usize,
    pub events_per_minute: u32,
    pub queue: usize,
    pub batch: usize,
    pub readers: u32,
    pub database_mb: u64,
    pub shutdown_seconds: u64,
}

/// How AutoScan follows links. Each field is documented in `server.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in server.default.toml, for operators and readers alike")]
pub struct Autoscan {
    pub requests_per_minute: u32,
    pub followings_per_minute: u32,
    pub followings: usize,
    pub followings_per_host: usize,
    pub hops: usize,
    pub hop_seconds: u64,
    pub whole_seconds: u64,
    pub hold_seconds: u64,
    pub links: usize,
    pub keep_days: u32,
    pub retry_minutes: u32,
}

/// Where currency rates come from. Each field is documented in `server.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in server.default.toml, for operators and readers alike")]
pub struct Rates {
    pub enabled: bool,
    pub url: String,
    pub history_url: String,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{file}: {problem}")]
    Malformed {
        /// The file.
        file: String,
        /// What the parser says, with the line.
        problem: String,
    },
    /// A key that is not known.
    #[error("{file}, line {line}: unknown key `{key}`{}", hint(.nearest))]
    UnknownKey {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The key, with its table.
        key: String,
        /// The known key that is spelt most like it.
        nearest: Option<String>,
    },
    /// A value that cannot be.
    #[error("{0}")]
    Invalid(String),
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

impl Config {
    /// Puts the layers together: defaults, the file if one is given, and what environment and flags say.
    ///
    /// # Errors
    /// The file cannot be read, has a key that is not known, or a value cannot be; the message says where and what to do.
    pub fn load(file: Option<&Path>, overrides: Table) -> Result<Self, ConfigError> {
        let defaults: Table =
            toml::from_str(DEFAULTS).map_err(|error| ConfigError::Invalid(format!("server.default.toml: {error}")))?;
        let mut layers = defaults.clone();
        if let Some(file) = file {
            let shown = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|source| ConfigError::Unreadable { file: shown.clone(), source })?;
            refuse_unknown_keys(&shown, &text, &defaults)?;
            let table: Table = toml::from_str(&text)
                .map_err(|error| ConfigError::Malformed { file: shown, problem: error.to_string() })?;
            merge(&mut layers, table);
        }
        merge(&mut layers, overrides);
        let config: Self = layers
            .try_into()
            .map_err(|error| ConfigError::Invalid(format!("the configuration does not fit: {error}")))?;
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |problem: String| Err(ConfigError::Invalid(problem));
        for (key, path) in
            [("script_path", &self.script_path), ("event_path", &self.event_path), ("scan_path", &self.scan_path)]
        {
            let rest = path.replacen("{site_id}", "", 1);
            if !path.starts_with('/') || rest == *path || rest.contains(['?', '#', ' ', '{', '}', '*']) {
                return refuse(format!("{key} = \"{path}\" must begin with / and hold {{site_id}} once"));
            }
        }
        for (key, path) in [("event_path", &self.event_path), ("scan_path", &self.scan_path)] {
            let segments: Vec<&str> = path.split('/').skip(1).collect();
            if !segments.contains(&"{site_id}") || segments.contains(&"") {
                return refuse(format!("{key} = \"{path}\" must hold {{site_id}} between two slashes"));
            }
            if segments.first().is_some_and(|first| TAKEN.contains(first)) || segments.get(1) == Some(&"collect") {
                return refuse(format!("{key} = \"{path}\" begins like a path of the server's own"));
            }
        }
        if self.scan_path == self.event_path {
            return refuse("scan_path and event_path must differ".into());
        }
        if !self.public_url.is_empty() {
            let origin = url::Url::parse(&self.public_url)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none());
            if origin.is_none() {
                return refuse(format!(
                    "public_url = \"{}\" must be like https://t.example.com, without a path",
                    self.public_url
                ));
            }
        }
        if self.limits.queue == 0
            || self.limits.batch == 0
            || self.limits.readers == 0
            || self.limits.events_per_minute == 0
        {
            return refuse(
                "limits.queue, limits.batch, limits.readers and limits.events_per_minute must be at least 1".into(),
            );
        }
        self.autoscan.validate()?;
        self.rates.validate()?;
        if self.limits.query_kb > MAX_QUERY_KB {
            return refuse(format!("limits.query_kb must be at most {MAX_QUERY_KB}: longer URLs are not read at all"));
        }
        if !self.metrics_listen.is_empty() && self.metrics_listen.parse::<SocketAddr>().is_err() {
            return refuse(format!("metrics_listen = \"{}\" must be like 127.0.0.1:9090", self.metrics_listen));
        }
        Ok(())
    }
}

impl Autoscan {
    fn validate(&self) -> Result<(), ConfigError> {
        let counts = [self.followings, self.followings_per_host, self.hops, self.links];
        let seconds = [self.hop_seconds, self.whole_seconds];
        if counts.contains(&0)
            || seconds.contains(&0)
            || self.requests_per_minute == 0
            || self.followings_per_minute == 0
        {
            return Err(ConfigError::Invalid(
                "autoscan: every number but hold_seconds, keep_days and retry_minutes must be at least 1".into(),
            ));
        }
        if self.hold_seconds > LONGEST_HOLD {
            return Err(ConfigError::Invalid(format!(
                "autoscan.hold_seconds must be at most {LONGEST_HOLD}: pages wait no longer"
            )));
        }
        Ok(())
    }
}

impl Rates {
    /// Whether rates are fetched at all.
    pub fn is_on(&self) -> bool {
        self.enabled && !self.url.is_empty()
    }

    fn validate(&self) -> Result<(), ConfigError> {
        for (key, text) in [("rates.url", &self.url), ("rates.history_url", &self.history_url)] {
            let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            if !text.is_empty() && url.is_none_or(|url| !url.username().is_empty() || url.password().is_some()) {
                return Err(ConfigError::Invalid(format!(
                    "{key} = \"{text}\" must be like https://www.example.com/rates.xml, without a user name, or empty"
                )));
            }
        }
        Ok(())
    }
}

fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn refuse_unknown_keys(file: &str, text: &str, known: &Table) -> Result<(), ConfigError> {
    let malformed =
        |error: toml::de::Error| ConfigError::Malformed { file: file.to_owned(), problem: error.to_string() };
    let table = DeTable::parse(text).map_err(malformed)?;
    check_table(file, text, table.get_ref(), known, "")
}

fn check_table(file: &str, text: &str, table: &DeTable<'_>, known: &Table, prefix: &str) -> Result<(), ConfigError> {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match (known.get(name), value.get_ref()) {
            (None, _) => {
                let line = text.get(..key.span().start).unwrap_or_default().matches('\n').count() + 1;
                let nearest = known
                    .keys()
                    .map(|known| (strsim::damerau_levenshtein(known, name), known))
                    .min()
                    .filter(|(distance, known)| *distance <= known.len().max(name.len()) / 2)
                    .map(|(_, known)| format!("{prefix}{known}"));
                return Err(ConfigError::UnknownKey {
                    file: file.to_owned(),
                    line,
                    key: format!("{prefix}{name}"),
                    nearest,
                });
            }
            (Some(toml::Value::Table(known)), DeValue::Table(table)) => {
                check_table(file, text, table, known, &format!("{prefix}{name}."))?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tagwerk.toml");
        std::fs::write(&file, text).expect("written");
        Config::load(Some(&file), Table::new())
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let config = Config::load(None, Table::new()).expect("the defaults are valid");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert!(!config.allow_private_targets);
    }

    #[test]
    fn a_file_goes_before_the_defaults_and_flags_before_the_file() {
        assert_eq!(load("[limits]\nqueue = 7\n").expect("valid").limits.queue, 7);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("t.toml");
        std::fs::write(&file, "demo = true\nlog = \"warn\"\n").expect("written");
        let flags: Table = toml::from_str("log = \"debug\"").expect("TOML");
        let config = Config::load(Some(&file), flags).expect("valid");
        assert!(config.demo);
        assert_eq!(config.log, "debug");
    }

    #[test]
    fn without_a_url_no_rates_are_fetched() {
        assert!(load("").expect("valid").rates.is_on());
        assert!(!load("[rates]\nurl = \"\"").expect("valid").rates.is_on());
        assert!(!load("[rates]\nenabled = false").expect("valid").rates.is_on());
    }

    #[test]
    fn an_unknown_key_is_told_with_file_line_and_the_nearest_known_key() {
        let error = load("demo = true\n\n[limits]\nque = 7\n").expect_err("unknown").to_string();
        assert!(
            error.contains("tagwerk.toml, line 4: unknown key `limits.que`; did you mean `limits.queue`?"),
            "{error}"
        );
        let error = load("listne = \"x\"\n").expect_err("unknown").to_string();
        assert!(error.contains("line 1") && error.contains("`listen`"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_are_refused_by_name() {
        for (text, key) in [
            ("listen = \"here\"", "listen"),
            ("script_path = \"/tag.js\"", "script_path"),
            ("script_path = \"/{x}/{site_id}.js\"", "script_path"),
            ("event_path = \"/assets/{site_id}\"", "event_path"),
            ("event_path = \"/e/{site_id}.txt\"", "event_path"),
            ("event_path = \"/{x}/{site_id}\"", "event_path"),
            ("event_path = \"/{site_id}/collect\"", "event_path"),
            ("event_path = \"/{site_id}/\"", "event_path"),
            ("scan_path = \"/api/{site_id}\"", "scan_path"),
            ("scan_path = \"/scan\"", "scan_path"),
            ("scan_path = \"/{site_id}/event\"", "scan_path"),
            ("[autoscan]\nhops = 0", "autoscan"),
            ("[autoscan]\nhold_seconds = 11", "autoscan.hold_seconds"),
            ("[limits]\nquery_kb = 100", "limits.query_kb"),
            ("public_url = \"t.example.com\"", "public_url"),
            ("public_url = \"https://t.example.com/x\"", "public_url"),
            ("[limits]\nqueue = 0", "limits.queue"),
            ("metrics_listen = \"x\"", "metrics_listen"),
            ("[rates]\nurl = \"ftp://a.example/x\"", "rates.url"),
            ("[rates]\nurl = \"https://me:pw@a.example/x\"", "rates.url"),
            ("[rates]\nhistory_url = \"a.example\"", "rates.history_url"),
            ("listen = ", "line 1"),
        ] {
            let error = load(text).expect_err(text).to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }
}
