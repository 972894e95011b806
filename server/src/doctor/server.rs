//! The server's own settings, held against one another. Pure.

use crate::config::Config;
use crate::finding::Finding;
use crate::outgoing::address::is_public;
use std::net::SocketAddr;
use url::{Host, Url};

/// What the settings are judged with.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The settings.
    pub config: &'a Config,
    /// Variables of the environment that look like ours and are not known, each with the known one that is spelt most like it.
    pub unknown_variables: Vec<(String, Option<&'static str>)>,
    /// Whether the admin token stands in the environment.
    pub token_in_environment: bool,
    /// Groups of the operator's own that take the place of built-in ones.
    pub shadowing: Vec<String>,
}

/// Judges them.
pub fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let config = facts.config;
    let public = Url::parse(&config.public_url).ok();
    let is_open = public.as_ref().is_some_and(is_on_the_internet);
    let mut found = Vec::new();
    found.extend(address(config, public.as_ref(), is_open));
    found.extend(proxies(config, public.as_ref()));
    if config.demo && is_open {
        let says = "the demo is on, and anybody may use it";
        found.push(Finding::warning("demo_public", says, "switch it off: demo = false, TAGWERK_DEMO=0"));
    }
    if config.allow_private_targets && is_open {
        found.push(Finding::error(
            "private_targets_public",
            "outgoing requests may reach private addresses, and links that strangers name are followed",
            "switch it off: allow_private_targets = false, TAGWERK_ALLOW_PRIVATE_TARGETS=0",
        ));
    }
    if let Ok(metrics) = config.metrics_listen.parse::<SocketAddr>()
        && (metrics.ip().is_unspecified() || is_public(metrics.ip()))
    {
        let says = format!("metrics are served on {metrics} without a token, to whoever reaches it");
        found.push(Finding::warning("metrics_open", says, "listen on an address that only your monitoring reaches"));
    }
    if facts.token_in_environment {
        found.push(Finding::note(
            "token_in_environment",
            "the admin token stands in the environment, where other programs of this user and logs of containers show it",
            "start the server once with it: it is kept as a hash, and need not be given again",
        ));
    }
    for (name, nearest) in &facts.unknown_variables {
        let meant = nearest.map(|nearest| format!("did you mean {nearest}?")).unwrap_or_default();
        let mend = format!("{meant} tagwerk --help lists all");
        found.push(Finding::warning(
            "unknown_variable",
            format!("{name} in the environment is not known"),
            mend.trim(),
        ));
    }
    for name in &facts.shadowing {
        found.push(Finding::note(
            "group_shadows",
            format!("the group {name} of groups_dir takes the place of the built-in one"),
            "where it is a copy of an older version's, take it away: it keeps corrections out",
        ));
    }
    if found.iter().all(|finding| finding.mend.is_none()) {
        found.insert(0, Finding::ok("configuration", "the server's settings do not contradict each other"));
    }
    found
}

/// Whether anybody on the internet may be meant by a URL: not one of this machine or of a network of one's own.
pub fn is_on_the_internet(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.contains('.') && !name.ends_with(".localhost") && !name.ends_with(".local"),
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        None => false,
    }
}

fn address(config: &Config, public: Option<&Url>, is_open: bool) -> Option<Finding> {
    let Some(public) = public else {
        let mend = "set public_url to the address that visitors and networks use: https://t.example.com";
        let says = "public_url is not set: postback URLs and snippets name the address that the server listens on";
        // For who tries it out on one machine that is right.
        return Some(if config.listen.ip().is_loopback() {
            Finding::note("public_url_missing", says, mend)
        } else {
            Finding::error("public_url_missing", says, mend)
        });
    };
    if public.scheme() == "http" && is_open {
        return Some(Finding::error(
            "public_url_http",
            "public_url is http: pages with https load no script from it, and browsers keep no cookie of it",
            "put a reverse proxy with a certificate in front, and write https:// in public_url",
        ));
    }
    (public.scheme() == "https" && config.listen.ip().is_unspecified()).then(|| {
        Finding::note(
            "listen_open",
            format!(
                "the server listens on {}: who reaches that goes past the reverse proxy, without encryption",
                config.listen
            ),
            "listen on an address that only the proxy reaches, or close the port in the firewall",
        )
    })
}

/// The server itself speaks no TLS, so that an address with https means a proxy in front of it.
fn proxies(config: &Config, public: Option<&Url>) -> Vec<Finding> {
    let mut found = Vec::new();
    let has_proxy = public.is_some_and(|public| public.scheme() == "https");
    if has_proxy && config.trusted_proxies.is_empty() {
        found.push(Finding::error(
            "proxies_untrusted",
            "public_url is https, so there is a reverse proxy, and trusted_proxies is empty: every visitor has the proxy's address",
            "add the proxy's address to trusted_proxies, and have it send X-Forwarded-For",
        ));
    }
    let trusts_loopback = config.trusted_proxies.iter().any(std::net::IpAddr::is_loopback);
    if has_proxy && !config.trusted_proxies.is_empty() && config.listen.ip().is_loopback() && !trusts_loopback {
        found.push(Finding::error(
            "proxies_elsewhere",
            "the server listens on this machine alone, and trusted_proxies has no address of this machine: every visitor has the proxy's address",
            "add 127.0.0.1 or ::1 to trusted_proxies, whichever the proxy connects from",
        ));
    }
    if !config.country_header.is_empty() && config.trusted_proxies.is_empty() {
        found.push(Finding::warning(
            "country_unheard",
            "country_header is set and trusted_proxies is empty: no country is believed",
            "add the proxy's address to trusted_proxies",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Table;

    fn config(text: &str) -> Config {
        let table: Table = toml::from_str(text).expect("TOML");
        Config::load(None, table).expect("valid")
    }

    fn words(text: &str) -> Vec<&'static str> {
        let config = config(text);
        let facts = Facts {
            config: &config,
            unknown_variables: Vec::new(),
            token_in_environment: false,
            shadowing: Vec::new(),
        };
        judge(&facts).iter().map(|finding| finding.word).collect()
    }

    const GOOD: &str = "public_url = \"https://t.example.com\"\ntrusted_proxies = [\"127.0.0.1\"]\n";

    #[test]
    fn a_server_behind_its_proxy_is_good() {
        assert_eq!(words(GOOD), ["configuration"]);
    }

    #[test]
    fn each_contradiction_has_its_word() {
        let with = |more: &str| words(&format!("{GOOD}{more}"));
        assert_eq!(words(""), ["public_url_missing"]);
        assert_eq!(words("public_url = \"http://t.example.com\""), ["public_url_http"]);
        assert_eq!(words("public_url = \"https://t.example.com\""), ["proxies_untrusted"]);
        assert_eq!(
            words("public_url = \"https://t.example.com\"\ntrusted_proxies = [\"10.0.0.1\"]"),
            ["proxies_elsewhere"]
        );
        assert_eq!(
            words("public_url = \"http://localhost:8080\"\ncountry_header = \"cf-ipcountry\""),
            ["country_unheard"]
        );
        assert_eq!(with("listen = \"0.0.0.0:8080\""), ["listen_open"]);
        assert_eq!(with("demo = true"), ["demo_public"]);
        assert_eq!(with("allow_private_targets = true"), ["private_targets_public"]);
        assert_eq!(with("metrics_listen = \"0.0.0.0:9090\""), ["metrics_open"]);
    }

    #[test]
    fn what_harms_on_the_internet_alone_is_fine_at_home() {
        assert_eq!(
            words("public_url = \"http://localhost:8080\"\ndemo = true\nallow_private_targets = true"),
            ["configuration"]
        );
    }

    #[test]
    fn environment_and_groups_of_one_s_own_are_told() {
        let config = config(GOOD);
        let found = judge(&Facts {
            config: &config,
            unknown_variables: vec![("TAGWERK_DATADIR".into(), Some("TAGWERK_DATA_DIR"))],
            token_in_environment: true,
            shadowing: vec!["own".into()],
        });
        let words: Vec<_> = found.iter().map(|finding| finding.word).collect();
        assert_eq!(words, ["token_in_environment", "unknown_variable", "group_shadows"]);
        assert!(found[1].mend.as_deref().is_some_and(|mend| mend.contains("TAGWERK_DATA_DIR")), "{found:?}");
    }
}
