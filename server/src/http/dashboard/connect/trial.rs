//! A test postback: made as the network makes its calls, taken as those are taken, and told step by step.

use super::super::page;
use super::super::when::Moment;
use super::group::found;
use super::{rules, ways};
use crate::app::{App, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::inbound;
use crate::http::request::address;
use crate::http::session::{Analyst, SameOrigin};
use crate::platforms;
use crate::reading::RawRequest;
use crate::settings::{self, SiteSettings};
use crate::store::{ClickRow, ConversionRow, Field, Filter, Page, PostbackRow, Site, Visit};
use crate::trial_call::{self, Asked, Fresh};
use axum::extract::{ConnectInfo, Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// How many clicks are offered to choose from.
const CLICKS: usize = 50;
/// Longest label of a link that is shown, in characters.
const LABEL: usize = 60;

/// A click to choose from.
pub(super) struct ClickChoice {
    pub(super) click_id: String,
    pub(super) said: String,
}

/// The newest clicks, as a person tells them from each other.
///
/// # Errors
/// The store is not available.
pub(super) async fn clicks(app: &App, site_id: &str) -> Result<Vec<ClickChoice>, Error> {
    let clicks = app.store.clicks(site_id, Page::first(CLICKS)).await?.items;
    let ids: BTreeSet<&String> = clicks.iter().map(|click| &click.visit_id).collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let visits = app.store.visits_by_id(site_id, &ids).await?;
    let sources: BTreeMap<&str, &Visit> = visits.iter().map(|visit| (visit.visit_id.as_str(), visit)).collect();
    let choice = |click: &ClickRow| {
        let at = Moment::of(click.at);
        let source = sources.get(click.visit_id.as_str()).map(|visit| campaign(visit)).filter(|said| !said.is_empty());
        let label = click.label.as_ref().map(|label| label.chars().take(LABEL).collect());
        let parts = [Some(format!("{} {}", at.day, at.time)), label, source];
        ClickChoice {
            click_id: click.click_id.clone(),
            said: parts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        }
    };
    Ok(clicks.iter().map(choice).collect())
}

/// Source, medium and campaign of a visit, what is there of them.
fn campaign(visit: &Visit) -> String {
    let words = ["utm_source", "utm_medium", "utm_campaign"];
    let words: Vec<&str> = words.iter().filter_map(|name| visit.source.get(*name)).map(String::as_str).collect();
    words.join(" / ")
}

#[derive(Deserialize)]
pub(super) struct TestForm {
    #[serde(default)]
    way: String,
    #[serde(default)]
    click_id: String,
}

/// Makes a test call, takes it as any other is taken, and leads to what became of it.
pub(super) async fn send(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path((site_id, name)): Path<(String, String)>,
    Form(form): Form<TestForm>,
) -> Result<Response, Error> {
    let found = match found(&app, &site_id, &name).await? {
        Ok(found) => found,
        Err(refused) => return Ok(refused),
    };
    let refuse = |sentence: &str| page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "Nothing was sent", sentence);
    let Some(kind) = ways::kind(&form.way) else {
        return Ok(refuse("Go back and choose one of the ways of this network."));
    };
    let source = source(&found.said().senders, address(&app, peer, &headers));
    let passphrase = app.passphrase(&site_id, &found.settings, &name);
    let id = format!("tagwerk-test-{}", crate::app::row_id());
    let fresh = Fresh {
        id: &id,
        now: app.now(),
        click_id: Some(form.click_id.trim()).filter(|id| !id.is_empty()),
        passphrase: passphrase.as_deref(),
        source_ip: &source.to_string(),
    };
    let raw = match trial_call::call(&found.group, kind, &fresh) {
        Ok(raw) => raw,
        Err(why) => return Ok(refuse(&format!("Go back: {why}."))),
    };
    let channel = trial_call::channel(kind);
    let kept = inbound::keep(&app, &found.site, &found.settings, channel, &name, &raw, source).await?;
    let about = json!({ "group": name, "way": kind.as_str(), "postback_id": kept.postback_id });
    audit::note(&app, &who, Some(&site_id), "postback.tested", about).await;
    let (way, postback_id) = (kind.as_str(), kept.postback_id);
    let path = format!("/sites/{site_id}/connect/{name}?way={way}&test={postback_id}#test");
    Ok(page::guarded(Redirect::to(&path).into_response()))
}

/// Who a test comes from: where the site lists senders, the first of them, since a test of the address is no test of the list.
fn source(senders: &[String], own: IpAddr) -> IpAddr {
    senders.iter().find_map(|sender| sender.parse().ok()).unwrap_or(own)
}

/// What became of a test, step by step.
pub(super) struct Told {
    pub(super) steps: Vec<Step>,
    /// Whether it was understood and booked as a test.
    pub(super) good: bool,
    pub(super) postback_id: String,
    pub(super) conversion_id: Option<String>,
}

/// A step, and how it went.
pub(super) struct Step {
    pub(super) title: &'static str,
    /// `done`, `calm` or `refused`.
    pub(super) word: &'static str,
    /// What became of it, a sentence each.
    pub(super) said: Vec<String>,
}

impl Step {
    fn new(title: &'static str, word: &'static str, said: impl Into<String>) -> Self {
        Self { title, word, said: vec![said.into()] }
    }
}

/// What became of the call that is kept as this postback; `None` where there is none.
///
/// # Errors
/// The store is not available.
pub(super) async fn told(
    app: &App,
    site: &Site,
    settings: &SiteSettings,
    postback_id: &str,
) -> Result<Option<Told>, Error> {
    let site_id = &site.site_id;
    let Some(postback) = app.store.postback(site_id, postback_id).await? else { return Ok(None) };
    let raw = app.vault.unseal(&RawRequest::place(&postback.id), &postback.raw).ok();
    let raw = raw.and_then(|raw| serde_json::from_slice::<RawRequest>(&raw).ok()).unwrap_or_default();
    let mut steps = vec![received(&postback, &raw), read(&postback)];
    let conversion = match &postback.conversion_id {
        Some(id) => {
            let page = Page { filter: Filter::only(Field::Id, id.clone()), ..Page::first(1) };
            app.store.conversions(site_id, page).await?.items.pop()
        }
        None => None,
    };
    if let Some(conversion) = &conversion {
        let visit = match &conversion.attribution.visit_id {
            Some(id) => app.store.visits_by_id(site_id, std::slice::from_ref(id)).await?.pop(),
            None => None,
        };
        let click = match &conversion.attribution.click_id {
            Some(id) => app.store.clicks_by_id(site_id, std::slice::from_ref(id)).await?.pop(),
            None => None,
        };
        steps.extend([
            type_of(conversion),
            value(conversion, settings),
            credited(conversion, visit.as_ref(), click.as_ref()),
        ]);
        steps.push(sent_to(app, settings, conversion, visit.as_ref()));
    }
    let is_test = conversion.as_ref().is_some_and(|conversion| conversion.said.is_test);
    Ok(Some(Told { good: is_test, steps, postback_id: postback.id, conversion_id: postback.conversion_id }))
}

fn received(postback: &PostbackRow, raw: &RawRequest) -> Step {
    let at = Moment::of(postback.received_at);
    let said = format!(
        "{} {} UTC, by {}, as if from {}. It is kept like any other.",
        at.day, at.time, raw.method, raw.source_ip
    );
    Step::new("Received", "done", said)
}

fn read(postback: &PostbackRow) -> Step {
    if postback.state == "refused" {
        return Step::new("Read", "refused", postback.reason.clone().unwrap_or_else(|| "It was refused.".into()));
    }
    let signed = if postback.channel == "ipn" { "The signature fits the passphrase. " } else { "" };
    Step::new("Read", "done", format!("{signed}It was understood, and booked as a test: no report counts it."))
}

fn type_of(conversion: &ConversionRow) -> Step {
    let said = &conversion.said;
    Step::new("Type", "done", format!("{}, since it is a {}.", said.kind, said.transaction_type.as_str()))
}

fn value(conversion: &ConversionRow, settings: &SiteSettings) -> Step {
    let said = &conversion.said;
    let currency = said.currency.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut step = match said.value {
        Some(value) => {
            let (rule, _) = rules::words(settings.purchase_value);
            let currency = if currency.is_empty() { currency } else { format!(" {currency}") };
            Step::new("Value", "done", format!("{value}{currency}, by the rule \u{201c}{rule}\u{201d}."))
        }
        None => Step::new("Value", "refused", "It has no value."),
    };
    step.said.extend(said.notes.iter().map(|note| format!("{}.", capital(note))));
    step
}

fn credited(conversion: &ConversionRow, visit: Option<&Visit>, click: Option<&ClickRow>) -> Step {
    let reason = conversion.attribution.reason.as_deref().map(|reason| format!("{}.", capital(reason)));
    let Some(visit) = visit else {
        let said = reason.unwrap_or_else(|| "No visit is known for it.".into());
        return Step::new("Credited to", "calm", format!("Nobody. {said}"));
    };
    let campaign = campaign(visit);
    let ids: Vec<&str> = visit.click_ids.keys().map(String::as_str).collect();
    let came =
        if campaign.is_empty() { "A visit without a campaign".to_owned() } else { format!("A visit by {campaign}") };
    let with = if ids.is_empty() { String::new() } else { format!(", which came with {}", ids.join(", ")) };
    let mut step = Step::new("Credited to", "done", format!("{came}{with}."));
    let label = click.and_then(|click| click.label.as_deref()).filter(|label| !label.is_empty());
    step.said.extend(label.map(|label| {
        let label: String = label.chars().take(LABEL).collect();
        format!("The link that was clicked: \u{201c}{label}\u{201d}.")
    }));
    step.said.extend(reason);
    step
}

/// Which platforms would get a real one, and that they do not get this one.
fn sent_to(app: &App, settings: &SiteSettings, conversion: &ConversionRow, visit: Option<&Visit>) -> Step {
    let outlets = settings::outlets(settings, &app.clicks);
    if outlets.is_empty() {
        return Step::new("Would be sent to", "calm", "Nobody: no platform is switched on.");
    }
    let came_with: Vec<String> = visit.map(|visit| visit.click_ids.keys().cloned().collect()).unwrap_or_default();
    let said = &conversion.said;
    let asked = Asked { kind: &said.kind, transaction_type: said.transaction_type, came_with: &came_with };
    let line = |rules: &crate::store::OutletRules| {
        let title = platforms::find(&rules.platform).map_or(rules.platform.as_str(), |platform| platform.about().title);
        match (trial_call::withheld(rules, &asked), rules.tests) {
            (Some(why), _) => format!("{title}: not a sale like this one, since {why}."),
            (None, true) => format!("{title}: it is in test mode, so it gets this test, too."),
            (None, false) => format!("{title}: a real one would be sent. It does not get this test."),
        }
    };
    Step { title: "Would be sent to", word: "done", said: outlets.iter().map(line).collect() }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_protocol::group::connect::WayKind;

    #[test]
    fn a_test_comes_from_a_sender_that_is_listed_where_there_is_a_list() {
        let own: IpAddr = "198.51.100.7".parse().expect("an address");
        assert_eq!(source(&[], own), own);
        assert_eq!(source(&["192.0.2.1".into(), "192.0.2.2".into()], own).to_string(), "192.0.2.1");
        assert!(ways::kind("affiliate") == Some(WayKind::Affiliate) && ways::kind("Affiliate").is_none());
    }
}
