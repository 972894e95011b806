//! What the tag is handed of a site's settings. Nothing else of them reaches a page.

use crate::app::App;
use crate::groups::Groups;
use crate::settings::{ConsentMode, ExistingSubid, SiteSettings};
use tagwerk_protocol::link::{Existing, LinkRules};
use tagwerk_protocol::settings::{Consent, TagSettings};

/// The public part of a site's settings.
pub fn settings(app: &App, site_id: &str, settings: &SiteSettings) -> TagSettings {
    let scan_hosts = if settings.autoscan.enabled { settings.scan_hosts() } else { Vec::new() };
    TagSettings {
        site_id: site_id.to_owned(),
        event: app.config.event_path.replace("{site_id}", site_id),
        glue: format!("/assets/{}", app.assets.glue()),
        wasm: format!("/assets/{}", app.assets.wasm()),
        inspect: format!("/assets/{}", app.assets.inspect()),
        inspect_wasm: format!("/assets/{}", app.assets.inspect_wasm()),
        origin: app.public_url.clone(),
        credentials: !settings.origins.is_empty(),
        consent: match settings.consent.mode {
            ConsentMode::None => Consent::None,
            ConsentMode::Required => Consent::Required,
            ConsentMode::Auto => Consent::Auto,
        },
        decorate_without: settings.consent.decorate_without,
        rules: rules(app, settings),
        clicks: app.clicks.params(),
        gpc: settings.consent.gpc,
        cookies: app.clicks.cookies(),
        pixels: app.pixels.calls(&settings.pixels, &settings.pixel_ids),
        own: settings.own_hosts(),
        // Without a host there is nothing to ask about.
        scan: if scan_hosts.is_empty() { String::new() } else { app.config.scan_path.replace("{site_id}", site_id) },
        scan_hosts,
    }
}

/// The link rules of a site: those of every group, with the site's extra hosts.
pub fn rules(app: &App, settings: &SiteSettings) -> LinkRules {
    rules_of(&app.groups, settings)
}

/// The same, for who has the groups alone.
pub fn rules_of(groups: &Groups, settings: &SiteSettings) -> LinkRules {
    let extra_hosts = |name: &str| settings.groups.get(name).map(|group| group.hosts.as_slice()).unwrap_or_default();
    LinkRules {
        // The one that stands for trackers has no links of its own.
        groups: groups
            .iter()
            .filter(|group| !group.tracker)
            .map(|group| group.link_rule(extra_hosts(&group.name)))
            .collect(),
        existing: match settings.existing_subid {
            ExistingSubid::Keep => Existing::Keep,
            ExistingSubid::Replace => Existing::Replace,
        },
        ..LinkRules::default()
    }
}
