//! The audit trail: who did what, when, on which site.

use super::{Tab, head};
use crate::app::SharedApp;
use crate::http::dashboard::ENTRIES;
use crate::http::dashboard::head::{Head, name};
use crate::http::dashboard::page::{self, PageAssets};
use crate::http::dashboard::when::Moment;
use crate::http::error::Error;
use crate::http::session::Analyst;
use crate::store::{Deed, DeedFilter, Place};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tagwerk_protocol::form;

/// One particular of a deed.
#[derive(Debug, PartialEq, Eq)]
struct Particular {
    name: String,
    value: String,
    /// What stood there before, where it was a change.
    before: Option<String>,
}

/// A deed, as shown.
struct Entry {
    id: String,
    at: Moment,
    who: String,
    act: String,
    site: Option<SiteName>,
    about: Vec<Particular>,
}

struct SiteName {
    /// Nothing where the site is gone.
    href: Option<String>,
    name: String,
}

/// A value that the list can be narrowed to.
struct Choice {
    word: String,
    said: String,
    chosen: bool,
}

fn choices(words: impl Iterator<Item = (String, String)>, chosen: Option<&str>) -> Vec<Choice> {
    words.map(|(word, said)| Choice { chosen: chosen == Some(&word), word, said }).collect()
}

#[derive(Template)]
#[template(path = "people_audit.html")]
struct Trail {
    assets: &'static PageAssets,
    head: Head,
    entries: Vec<Entry>,
    sites: Vec<Choice>,
    people: Vec<Choice>,
    acts: Vec<Choice>,
    is_filtered: bool,
    is_later_part: bool,
    older: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct TrailQuery {
    site: Option<String>,
    who: Option<String>,
    act: Option<String>,
    after: Option<String>,
}

pub(super) async fn show(
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Query(query): Query<TrailQuery>,
) -> Result<Response, Error> {
    let said = |word: Option<String>| word.filter(|word| !word.is_empty());
    let filter = DeedFilter { site_id: said(query.site), who: said(query.who), act: said(query.act) };
    let after = query.after.as_deref().and_then(|cursor| Place::parse(cursor).ok());
    let is_later_part = after.is_some();
    let part = app.store.deeds(filter.clone(), after, ENTRIES).await?;
    let words = app.store.deed_words().await?;
    let names: BTreeMap<String, String> =
        app.store.sites().await?.iter().map(|site| (site.site_id.clone(), name(site))).collect();
    let same = |word: String| (word.clone(), word);
    let page = Trail {
        assets: page::assets(),
        head: head(&app, &who, Tab::Audit).await?,
        sites: choices(names.clone().into_iter(), filter.site_id.as_deref()),
        people: choices(words.who.into_iter().map(same), filter.who.as_deref()),
        acts: choices(words.acts.into_iter().map(same), filter.act.as_deref()),
        is_filtered: filter != DeedFilter::default(),
        is_later_part,
        older: part.next.map(|next| older(&filter, &next)),
        entries: part.items.into_iter().map(|deed| entry(deed, &names)).collect(),
    };
    page::render(StatusCode::OK, &page)
}

/// The query of the part that follows.
fn older(filter: &DeedFilter, next: &str) -> String {
    let only = [("site", &filter.site_id), ("who", &filter.who), ("act", &filter.act)];
    let mut query = String::new();
    for (name, value) in only {
        if let Some(value) = value {
            form::push(&mut query, name, value);
        }
    }
    form::push(&mut query, "after", next);
    query
}

fn entry(deed: Deed, names: &BTreeMap<String, String>) -> Entry {
    let site = deed.site_id.map(|site_id| match names.get(&site_id) {
        Some(name) => SiteName { href: Some(format!("/sites/{site_id}")), name: name.clone() },
        None => SiteName { href: None, name: site_id },
    });
    let mut about = Vec::new();
    particulars("", &deed.about, &mut about);
    Entry { id: deed.id, at: Moment::of(deed.at), who: deed.who, act: deed.act, site, about }
}

/// What a deed was about, one line for each value.
fn particulars(path: &str, value: &Value, found: &mut Vec<Particular>) {
    match value {
        Value::Object(table) => {
            let is_change = table.len() == 2 && table.contains_key("before") && table.contains_key("after");
            if is_change {
                found.push(Particular {
                    name: path.to_owned(),
                    value: table.get("after").map(plain).unwrap_or_default(),
                    before: table.get("before").map(plain),
                });
                return;
            }
            for (key, value) in table {
                particulars(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value, found);
            }
        }
        Value::Null => {}
        value => found.push(Particular { name: path.to_owned(), value: plain(value), before: None }),
    }
}

/// A value as people read it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(text) if text.is_empty() => "nothing".into(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Array(items) if items.is_empty() => "nothing".into(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn particulars_are_told_by_their_names_and_changes_from_what_to_what() {
        let about = json!({
            "name": "A",
            "origins": ["https://a.example", "https://b.example"],
            "consent.mode": { "before": null, "after": "wait" },
            "rows": { "read": 3 },
            "note": null,
        });
        let mut found = Vec::new();
        particulars("", &about, &mut found);
        let told: Vec<(&str, Option<&str>, &str)> =
            found.iter().map(|one| (one.name.as_str(), one.before.as_deref(), one.value.as_str())).collect();
        let expected = [
            ("consent.mode", Some("nothing"), "wait"),
            ("name", None, "A"),
            ("origins", None, "https://a.example, https://b.example"),
            ("rows.read", None, "3"),
        ];
        assert_eq!(told, expected);
    }
}
