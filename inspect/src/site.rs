//! What the site has set, as the tag was handed it. Pure.

use crate::report::{Group, Server, Settings};
use tagwerk_protocol::link::{Existing, GroupRule};
use tagwerk_protocol::settings::TagSettings;

/// Whom the tag talks to: `origin` is where the script came from, `clock_ahead` what the module heard of the server's clock.
pub fn server(settings: &TagSettings, origin: &str, clock_ahead: Option<f64>) -> Server {
    let at = |path: &String| [origin, path].concat();
    let assets = [&settings.glue, &settings.wasm, &settings.inspect, &settings.inspect_wasm];
    Server {
        origin: origin.to_owned(),
        event: at(&settings.event),
        assets: assets.into_iter().filter(|path| !path.is_empty()).map(at).collect(),
        hosts: if settings.credentials { settings.own.clone() } else { Vec::new() },
        clock_ahead,
    }
}

/// What decides what the tag does.
pub fn settings(settings: &TagSettings) -> Settings {
    Settings {
        consent: settings.consent.as_str().to_owned(),
        decorate_without: settings.decorate_without,
        gpc: settings.gpc,
        existing: if settings.rules.existing == Existing::Replace { "replace" } else { "keep" }.to_owned(),
        scan_hosts: if settings.scan.is_empty() { Vec::new() } else { settings.scan_hosts.clone() },
    }
}

/// The rules of each group.
pub fn groups(groups: &[GroupRule]) -> Vec<Group> {
    let row = |group: &GroupRule| Group {
        name: group.name.clone(),
        sub_id: group.sub_id.clone(),
        hosts: group.hosts.clone(),
        paths: group.paths.clone(),
    };
    groups.iter().map(row).collect()
}
