//! How it stands with each platform of a site, as the operator sees it. Pure.

use crate::platforms::{self, Account, Field, Platform};
use crate::settings::SiteSettings;
use crate::store::{DeliveryState, Millis, OutletRow};
use serde_json::{Map, Value};

/// How it stands with a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is switched off, or nothing was ever said about it.
    Off,
    /// It is switched on, and settings are missing without which nothing can be sent.
    NotSetUp,
    /// What comes is sent.
    Sending,
    /// It could take nothing; it is tried again later.
    Waiting,
    /// Nothing is sent before the operator has done something.
    Stopped,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 5] = [Self::Off, Self::NotSetUp, Self::Sending, Self::Waiting, Self::Stopped];

    /// The word, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::NotSetUp => "not_set_up",
            Self::Sending => "sending",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// A platform as the operator sees it.
pub struct Overview {
    /// Its name in the settings: the platform's own, or that with `-` and a label.
    pub name: String,
    /// What the platform's file says.
    pub platform: &'static dyn Platform,
    /// How it stands.
    pub standing: Standing,
    /// The settings without which nothing can be sent, whether or not it is switched on.
    pub missing: Vec<&'static Field>,
    /// Whether what is sent counts as a test.
    pub test_mode: bool,
    /// Why it waits or is stopped.
    pub reason: Option<String>,
    /// When it is tried again, where it waits.
    pub next_attempt: Option<Millis>,
    /// When something was taken last.
    pub last_success: Option<Millis>,
    /// When something went wrong last.
    pub last_trouble: Option<Millis>,
    /// How many deliveries wait to be sent.
    pub waiting: u64,
    /// How many wait for the operator.
    pub stopped: u64,
    /// How many the platform will never take.
    pub refused: u64,
    /// How many became older than the platform takes.
    pub expired: u64,
    /// How many were delivered.
    pub delivered: u64,
    /// When the oldest delivery was made that is not sent yet.
    pub oldest_unsent: Option<Millis>,
}

/// Every platform of the registry in its order, whether or not it is set up; of those that a site may have several of, the plain name
/// first, then each label that the settings name. What the settings name and nobody knows is left out.
pub fn overview(settings: &SiteSettings, outlets: &[OutletRow], now: Millis) -> Vec<Overview> {
    let nothing = Map::new();
    let mut all = Vec::new();
    for platform in platforms::ALL.iter().copied() {
        let own = platform.about().name;
        let is_label = |name: &&str| *name != own && platforms::find(name).is_some_and(|it| it.about().name == own);
        let labels = settings.platforms.keys().map(String::as_str).filter(is_label);
        for name in std::iter::once(own).chain(labels) {
            let said = settings.platforms.get(name).unwrap_or(&nothing);
            let outlet = outlets.iter().find(|outlet| outlet.platform == name);
            all.push(one(name, platform, said, outlet, now));
        }
    }
    all
}

fn one(
    name: &str,
    platform: &'static dyn Platform,
    said: &Map<String, Value>,
    outlet: Option<&OutletRow>,
    now: Millis,
) -> Overview {
    // Sealed secrets will do: what counts is whether they are there.
    let account = Account { settings: said, base_url: platform.about().base_url, token: None, now, nonce: "" };
    let missing = platform.missing(&account);
    let waits = outlet.filter(|outlet| outlet.not_before > now && outlet.reason.is_some());
    let stopped = outlet.and_then(|outlet| outlet.stopped.clone());
    let standing = if !account.is_on("enabled") {
        Standing::Off
    } else if !missing.is_empty() {
        Standing::NotSetUp
    } else if stopped.is_some() {
        Standing::Stopped
    } else if waits.is_some() {
        Standing::Waiting
    } else {
        Standing::Sending
    };
    let count =
        |state: DeliveryState| outlet.and_then(|outlet| outlet.counts.get(state.as_str())).copied().unwrap_or_default();
    Overview {
        name: name.to_owned(),
        platform,
        standing,
        missing,
        test_mode: account.test_event_code().is_some() || account.validates_only(),
        reason: match standing {
            Standing::Stopped => stopped,
            Standing::Waiting => waits.and_then(|outlet| outlet.reason.clone()),
            Standing::Off | Standing::NotSetUp | Standing::Sending => None,
        },
        next_attempt: waits.filter(|_| standing == Standing::Waiting).map(|outlet| outlet.not_before),
        last_success: outlet.and_then(|outlet| outlet.last_success),
        last_trouble: outlet.and_then(|outlet| outlet.last_trouble),
        waiting: count(DeliveryState::Waiting),
        stopped: count(DeliveryState::Stopped),
        refused: count(DeliveryState::Refused),
        expired: count(DeliveryState::Expired),
        delivered: outlet.map(|outlet| outlet.delivered).unwrap_or_default(),
        oldest_unsent: outlet.and_then(|outlet| outlet.oldest_unsent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Millis = 1_000_000;

    fn settings(platforms: Value) -> SiteSettings {
        SiteSettings::read(&json!({ "platforms": platforms })).expect("settings")
    }

    fn outlet(platform: &str) -> OutletRow {
        OutletRow {
            platform: platform.into(),
            since: 0,
            stopped: None,
            failures: 0,
            not_before: 0,
            reason: None,
            last_success: Some(900_000),
            last_trouble: None,
            delivered: 7,
            counts: [("waiting".to_owned(), 2), ("refused".to_owned(), 1)].into(),
            oldest_unsent: Some(800_000),
        }
    }

    fn of(name: &str, said: Value, outlets: &[OutletRow]) -> Overview {
        let found = overview(&settings(json!({ name: said })), outlets, NOW);
        found.into_iter().find(|overview| overview.name == name).expect("the platform")
    }

    #[test]
    fn a_site_that_says_nothing_sees_every_platform_switched_off_with_what_it_would_need() {
        let found = overview(&settings(json!({})), &[], NOW);
        let names: Vec<&str> = found.iter().map(|overview| overview.name.as_str()).collect();
        let known: Vec<&str> = platforms::ALL.iter().map(|platform| platform.about().name).collect();
        assert_eq!(names, known);
        assert!(found.iter().all(|overview| overview.standing == Standing::Off && !overview.test_mode));
        let missing: Vec<&str> = found[0].missing.iter().map(|field| field.name).collect();
        assert_eq!(missing, ["pixel_id", "access_token"]);
    }

    #[test]
    fn what_is_switched_on_without_its_credentials_is_not_set_up() {
        let found = of("meta", json!({ "enabled": true, "pixel_id": "1" }), &[outlet("meta")]);
        assert_eq!(found.standing, Standing::NotSetUp);
        assert_eq!(found.missing.iter().map(|field| field.name).collect::<Vec<_>>(), ["access_token"]);
    }

    #[test]
    fn what_is_set_up_and_switched_off_again_is_off_and_misses_nothing() {
        let found = of("meta", json!({ "enabled": false, "pixel_id": "1", "access_token": "sealed" }), &[]);
        assert_eq!((found.standing, found.missing.len()), (Standing::Off, 0));
    }

    fn set_up(outlet: OutletRow) -> Overview {
        let said = json!({ "enabled": true, "pixel_id": "1", "access_token": "sealed", "test_event_code": "T1" });
        of("meta", said, &[outlet])
    }

    #[test]
    fn what_is_set_up_sends_and_tells_its_counts() {
        let found = set_up(outlet("meta"));
        assert_eq!((found.standing, found.reason, found.next_attempt), (Standing::Sending, None, None));
        assert_eq!((found.waiting, found.refused, found.expired, found.stopped, found.delivered), (2, 1, 0, 0, 7));
        assert_eq!((found.last_success, found.oldest_unsent), (Some(900_000), Some(800_000)));
        assert!(found.test_mode);
    }

    #[test]
    fn after_a_failure_it_waits_until_its_next_attempt() {
        let failed = OutletRow { reason: Some("HTTP 503".into()), failures: 1, not_before: NOW + 1, ..outlet("meta") };
        let found = set_up(failed.clone());
        assert_eq!((found.standing, found.next_attempt), (Standing::Waiting, Some(NOW + 1)));
        assert_eq!(found.reason.as_deref(), Some("HTTP 503"));
        let found = set_up(OutletRow { not_before: NOW, ..failed });
        assert_eq!((found.standing, found.next_attempt), (Standing::Sending, None));
    }

    #[test]
    fn keeping_to_a_limit_of_requests_is_not_waiting() {
        let found = set_up(OutletRow { not_before: NOW + 500, ..outlet("meta") });
        assert_eq!((found.standing, found.next_attempt), (Standing::Sending, None));
    }

    #[test]
    fn what_is_stopped_says_why_whatever_else_it_waits_for() {
        let found = set_up(OutletRow {
            stopped: Some("the token has expired".into()),
            reason: Some("HTTP 503".into()),
            not_before: NOW + 1,
            ..outlet("meta")
        });
        assert_eq!((found.standing, found.next_attempt), (Standing::Stopped, None));
        assert_eq!(found.reason.as_deref(), Some("the token has expired"));
    }

    #[test]
    fn labels_follow_their_platform_each_with_its_own_standing() {
        let said = json!({ "webhook-crm": { "enabled": true }, "webhook": {}, "nobody": { "enabled": true } });
        let found = overview(&settings(said), &[], NOW);
        let names: Vec<&str> = found.iter().map(|overview| overview.name.as_str()).collect();
        let at = names.iter().position(|name| *name == "webhook").expect("the plain one");
        assert_eq!(names[at..at + 2], ["webhook", "webhook-crm"]);
        assert_eq!((found[at].standing, found[at + 1].standing), (Standing::Off, Standing::NotSetUp));
        assert!(!names.contains(&"nobody"));
    }
}
