//! What is in an export, and what is not: the same words in the file itself, on the page, and in the answer.

use crate::http::api::shapes::time;
use crate::http::error::Error;
use crate::settings::{MASK, SiteSettings};
use crate::store::{Counts, Site};
use askama::Template;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A file of an export.
pub(in crate::http) struct Says {
    /// Its name.
    pub(in crate::http) name: &'static str,
    /// What stands in it, in a sentence.
    pub(in crate::http) what: &'static str,
    /// How many lines it has, where that is counted beforehand.
    pub(in crate::http) count: Option<fn(&Counts) -> u64>,
}

/// The files, in the order in which they are written.
pub(in crate::http) const FILES: [Says; 16] = [
    Says { name: "README.txt", what: "what each file is, when all was made, and by which version", count: None },
    Says { name: "settings.json", what: "the site's name and settings; secrets are named and left out", count: None },
    Says {
        name: "conversions.csv",
        what: "the conversions as a table, for a spreadsheet",
        count: Some(|counts| counts.conversions),
    },
    Says {
        name: "conversions.jsonl",
        what: "leads, sales, refunds and chargebacks, with the source they are credited to",
        count: Some(|counts| counts.conversions),
    },
    Says {
        name: "postbacks.jsonl",
        what: "what networks sent, as it came: personal fields of buyers are readable here",
        count: Some(|counts| counts.postbacks),
    },
    Says {
        name: "order_events.jsonl",
        what: "what happened to orders without money",
        count: Some(|counts| counts.order_events),
    },
    Says {
        name: "visits.jsonl",
        what: "arrivals with their source; addresses and browsers as far as they are kept",
        count: Some(|counts| counts.visits),
    },
    Says {
        name: "clicks.jsonl",
        what: "clicks on offers; addresses and browsers as far as they are kept",
        count: Some(|counts| counts.clicks),
    },
    Says { name: "events.jsonl", what: "what happened on pages", count: Some(|counts| counts.events) },
    Says {
        name: "deliveries.jsonl",
        what: "what was sent to ad platforms, with the last request and answer as far as they are kept",
        count: Some(|counts| counts.deliveries),
    },
    Says { name: "costs.jsonl", what: "what was spent on ads", count: Some(|counts| counts.costs) },
    Says {
        name: "saved_reports.jsonl",
        what: "reports that are kept under a name",
        count: Some(|counts| counts.saved_reports),
    },
    Says {
        name: "links.jsonl",
        what: "where cloaked links lead, as AutoScan found out",
        count: Some(|counts| counts.links),
    },
    Says { name: "jobs.jsonl", what: "imports, replays and reconciliations", count: Some(|counts| counts.jobs) },
    Says { name: "audit.jsonl", what: "who changed what of this site", count: Some(|counts| counts.deeds) },
    Says { name: "contents.json", what: "how many lines each file has; it is written last", count: None },
];

/// What is left out on purpose, each in a few words.
pub(in crate::http) fn left_out() -> [&'static str; 4] {
    [
        "secrets: passphrases, keys of networks, tokens of ad platforms, and the tracking id, with which anybody could report sales",
        "what belongs to the server and to no single site: people, passwords, sessions, API tokens, currency rates",
        "the sums behind reports: they are made of what is here",
        "what was deleted, erased, or ran out by the site's own settings",
    ]
}

/// The settings, secrets hidden and named.
///
/// # Errors
/// They do not read.
pub(super) fn settings(site: &Site) -> Result<String, Error> {
    let shown = SiteSettings::of(site)?.shown()?;
    let mut hidden = vec!["tracking_id".to_owned()];
    secrets("settings", &shown, &mut hidden);
    let settings = json!({
        "site_id": site.site_id,
        "created_at": time(site.created_at),
        "settings": shown,
        "left_out": hidden,
    });
    Ok(format!("{settings:#}\n"))
}

/// The paths of what is hidden.
fn secrets(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text == MASK => found.push(path.to_owned()),
        Value::Object(table) => table.iter().for_each(|(key, value)| secrets(&format!("{path}.{key}"), value, found)),
        _ => {}
    }
}

#[derive(Template)]
#[template(path = "export_readme.txt")]
struct Readme<'a> {
    site_id: &'a str,
    name: &'a str,
    address: &'a str,
    at: String,
    version: &'static str,
    files: &'static [Says],
    left_out: [&'static str; 4],
}

/// The file that says what the others are.
///
/// # Errors
/// It cannot be made.
pub(super) fn readme(site: &Site, address: &str, at: Timestamp) -> Result<String, askama::Error> {
    let name = SiteSettings::of(site).map(|settings| settings.name).unwrap_or_default();
    // On a line of its own, whatever it is made of.
    let name: String = name.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    Readme {
        site_id: &site.site_id,
        name: &name,
        address,
        at: format!("{at:.0}"),
        version: env!("CARGO_PKG_VERSION"),
        files: &FILES,
        left_out: left_out(),
    }
    .render()
}

/// How many lines each file has.
pub(super) fn counted(site: &Site, at: Timestamp, lines: &[(&'static str, u64)]) -> String {
    let lines: serde_json::Map<String, Value> =
        lines.iter().map(|(name, count)| ((*name).to_owned(), (*count).into())).collect();
    let counted = json!({
        "site_id": site.site_id,
        "made_at": format!("{at:.3}"),
        "version": env!("CARGO_PKG_VERSION"),
        "lines": lines,
    });
    format!("{counted:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_that_is_hidden_is_named_by_its_path() {
        let shown = json!({ "name": "x", "groups": { "net": { "ipn_passphrase": MASK } }, "types": [] });
        let mut found = Vec::new();
        secrets("settings", &shown, &mut found);
        assert_eq!(found, ["settings.groups.net.ipn_passphrase"]);
    }

    #[test]
    fn the_readme_names_every_file_and_keeps_to_plain_lines() {
        let site = Site {
            site_id: "Site".into(),
            tracking_id: "secret".into(),
            created_at: 0,
            settings: json!({ "name": "A <b>&\nB" }),
        };
        let text = readme(&site, "https://t.example", Timestamp::from_second(1_800_000_000).expect("a time"));
        let text = text.expect("a text");
        for file in &FILES {
            assert!(text.contains(file.name) && text.contains(file.what), "{}: {text}", file.name);
        }
        assert!(text.contains("A <b>& B") && text.contains("2027-01-15T08:00:00Z"), "{text}");
        assert!(!text.contains("secret.") && text.lines().all(|line| line.chars().count() <= 200), "{text}");
    }
}
