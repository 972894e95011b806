//! The public part of a site's settings, as the tag is handed it: an explicit list, so that nothing else can reach a page.
//!
//! One form-encoded text. The shim reads it by `URLSearchParams`, the WebAssembly part by [`TagSettings::from_text`].

use crate::form;
use crate::link::{Existing, GroupRule, LinkRules};
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What the tag may know about its site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagSettings {
    /// The site's public id.
    pub site_id: String,
    /// Where events go: a path on the server the script came from.
    pub event: String,
    /// Path of the JavaScript glue of the WebAssembly part.
    pub glue: String,
    /// Path of the WebAssembly part.
    pub wasm: String,
    /// The server's public URL, for a tag that cannot tell where its script came from.
    pub origin: String,
    /// Whether events are sent with cookies; only where the server lists the page's origin.
    pub credentials: bool,
    /// Whether the visitor has to agree before anything is stored or sent.
    pub consent: Consent,
    /// Whether links are decorated before consent.
    pub decorate_without: bool,
    /// Link rules of the active groups.
    pub rules: LinkRules,
    /// Ad click id parameters, in the spelling of `clicks.toml`.
    pub clicks: Vec<String>,
    /// Whether Global Privacy Control counts as a refusal.
    pub gpc: bool,
    /// Names of the ad platforms' cookies that are read, in the spelling of `clicks.toml`; a trailing `*` stands for any ending.
    pub cookies: Vec<String>,
    /// How the page's own pixels are called: one `function events template` each (docs/protocol.md).
    pub pixels: Vec<String>,
    /// Hosts of the site's own, whose pages are no source of a visit.
    pub own: Vec<String>,
    /// Where links are sent that may be cloaked; empty where AutoScan is off.
    pub scan: String,
    /// Hosts whose links may be cloaked.
    pub scan_hosts: Vec<String>,
    /// Path of the JavaScript of the inspection module.
    pub inspect: String,
    /// Path of the WebAssembly of the inspection module.
    pub inspect_wasm: String,
}

/// When the tag may store and send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Consent {
    /// Always.
    #[default]
    None,
    /// Once `tagwerk('consent', 'granted')` was called.
    Required,
    /// Once a consent signal of the page, or that call, says so.
    Auto,
}

impl Consent {
    /// The word in settings and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Consent::None => "none",
            Consent::Required => "required",
            Consent::Auto => "auto",
        }
    }
}

mod field {
    pub(super) const SITE_ID: &str = "site_id";
    pub(super) const EVENT: &str = "event";
    pub(super) const GLUE: &str = "glue";
    pub(super) const WASM: &str = "wasm";
    pub(super) const ORIGIN: &str = "origin";
    pub(super) const CREDENTIALS: &str = "credentials";
    pub(super) const CONSENT: &str = "consent";
    pub(super) const DECORATE_WITHOUT: &str = "decorate_without";
    pub(super) const EXISTING: &str = "existing";
    pub(super) const GROUP: &str = "group";
    pub(super) const CLICKS: &str = "clicks";
    pub(super) const GPC: &str = "gpc";
    pub(super) const COOKIES: &str = "cookies";
    pub(super) const PIXEL: &str = "pixel";
    pub(super) const OWN: &str = "own";
    pub(super) const SCAN: &str = "scan";
    pub(super) const SCAN_HOSTS: &str = "scan_hosts";
    pub(super) const INSPECT: &str = "inspect";
    pub(super) const INSPECT_WASM: &str = "inspect_wasm";
}

/// Between the parts of a group: name, sub-id, hosts, paths. No host, path or parameter name holds it.
const PART: char = '|';
/// Between the items of a part.
const ITEM: char = ',';

/// Characters that a group's name, parameter, hosts and paths must not hold, since they separate them on the wire.
pub const SEPARATORS: [char; 2] = [PART, ITEM];

impl TagSettings {
    /// The settings as the tag receives them.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                form::push(&mut text, name, value);
            }
        };
        let flag = |on: bool| if on { "1" } else { "" };
        put(field::SITE_ID, &self.site_id);
        put(field::EVENT, &self.event);
        put(field::GLUE, &self.glue);
        put(field::WASM, &self.wasm);
        put(field::ORIGIN, &self.origin);
        put(field::CREDENTIALS, if self.credentials { "include" } else { "same-origin" });
        put(field::CONSENT, self.consent.as_str());
        put(field::DECORATE_WITHOUT, flag(self.decorate_without));
        put(field::EXISTING, if self.rules.existing == Existing::Replace { "replace" } else { "keep" });
        for group in &self.rules.groups {
            let part = PART.to_string();
            let item = ITEM.to_string();
            put(
                field::GROUP,
                &[group.name.as_str(), &group.sub_id, &group.hosts.join(&item), &group.paths.join(&item)].join(&part),
            );
        }
        put(field::CLICKS, &self.clicks.join(&ITEM.to_string()));
        put(field::GPC, flag(self.gpc));
        put(field::COOKIES, &self.cookies.join(&ITEM.to_string()));
        for pixel in &self.pixels {
            put(field::PIXEL, pixel);
        }
        put(field::OWN, &self.own.join(&ITEM.to_string()));
        put(field::SCAN, &self.scan);
        put(field::SCAN_HOSTS, &self.scan_hosts.join(&ITEM.to_string()));
        put(field::INSPECT, &self.inspect);
        put(field::INSPECT_WASM, &self.inspect_wasm);
        text
    }

    /// Reads what [`Self::to_text`] wrote; what is missing has its default.
    pub fn from_text(text: &str) -> Self {
        let mut settings = Self { rules: LinkRules::from_text(text), ..Self::default() };
        for (name, value) in form::pairs(text) {
            match name.as_str() {
                field::SITE_ID => settings.site_id = value,
                field::EVENT => settings.event = value,
                field::GLUE => settings.glue = value,
                field::WASM => settings.wasm = value,
                field::ORIGIN => settings.origin = value,
                field::CREDENTIALS => settings.credentials = value == "include",
                field::CONSENT => {
                    settings.consent = match value.as_str() {
                        "none" => Consent::None,
                        "auto" => Consent::Auto,
                        _ => Consent::Required,
                    };
                }
                field::DECORATE_WITHOUT => settings.decorate_without = value == "1",
                field::CLICKS => settings.clicks = items(&value),
                field::GPC => settings.gpc = value == "1",
                field::COOKIES => settings.cookies = items(&value),
                field::PIXEL => settings.pixels.push(value),
                field::OWN => settings.own = items(&value),
                field::SCAN => settings.scan = value,
                field::SCAN_HOSTS => settings.scan_hosts = items(&value),
                field::INSPECT => settings.inspect = value,
                field::INSPECT_WASM => settings.inspect_wasm = value,
                _ => {}
            }
        }
        settings
    }
}

impl LinkRules {
    /// Reads the link rules out of what [`TagSettings::to_text`] wrote.
    pub fn from_text(text: &str) -> Self {
        let mut rules = Self::default();
        for (name, value) in form::pairs(text) {
            if name == field::GROUP {
                rules.groups.extend(GroupRule::from_text(&value));
            } else if name == field::EXISTING {
                rules.existing = Existing::from_word(&value);
            }
        }
        rules
    }
}

impl GroupRule {
    /// Reads one group of the settings: name, sub-id, hosts and paths, with `|` between them.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut parts = form::split(text, PART as u8);
        Some(Self {
            name: parts.next()?.to_owned(),
            sub_id: parts.next()?.to_owned(),
            hosts: items(parts.next()?),
            paths: items(parts.next()?),
        })
    }
}

impl Existing {
    /// Reads the word of the settings; what is not known keeps.
    pub fn from_word(word: &str) -> Self {
        if word == "replace" { Self::Replace } else { Self::Keep }
    }
}

fn items(text: &str) -> Vec<String> {
    form::split(text, ITEM as u8).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn settings_read_back_from_their_text() {
        let settings = TagSettings {
            site_id: "abcDEF123456".into(),
            event: "/abcDEF123456/event".into(),
            glue: "/assets/tag.1.js".into(),
            wasm: "/assets/tag.2.wasm".into(),
            origin: "https://t.example".into(),
            credentials: true,
            consent: Consent::Auto,
            decorate_without: true,
            rules: LinkRules {
                groups: vec![
                    GroupRule {
                        name: "a".into(),
                        sub_id: "cid".into(),
                        hosts: vec!["a.example".into(), "[::1]".into()],
                        paths: vec![],
                    },
                    GroupRule { name: "b".into(), sub_id: "tid".into(), hosts: vec![], paths: vec!["/x/".into()] },
                ],
                existing: Existing::Replace,
                cloaked: vec![],
            },
            clicks: vec!["gclid".into(), "ScCid".into()],
            gpc: true,
            cookies: vec!["_fbp".into(), "_gac_*".into()],
            pixels: vec![r#"fbq * ["trackCustom","{event}",{},{"eventID":"{event_id}"}]"#.into()],
            own: vec!["shop.example".into(), "blog.shop.example".into()],
            scan: "/abcDEF123456/scan".into(),
            scan_hosts: vec!["shop.example".into()],
            inspect: "/assets/inspect.1.js".into(),
            inspect_wasm: "/assets/inspect.2.wasm".into(),
        };
        assert_eq!(TagSettings::from_text(&settings.to_text()), settings);
    }

    #[test]
    fn an_unknown_consent_word_asks_for_consent() {
        assert_eq!(TagSettings::from_text("consent=maybe").consent, Consent::Required);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = TagSettings::from_text(&text);
        }
    }
}
