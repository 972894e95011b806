//! The ad platforms of a site: how it stands with each, why, and what can be done about it.

use super::head::{Head, Tab, find, no_site};
use super::page;
use super::when::{Moment, apart};
use crate::app::{App, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::session::{Analyst, SameOrigin, SignedIn};
use crate::outbox::overview::{Overview, Standing, overview};
use crate::platforms;
use crate::settings::SiteSettings;
use crate::store::{Again, DeliveryState, Field, Filter, Millis, Page, Site, StoreError};
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use page::PageAssets;
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded::byte_serialize;

/// How many of the newest refusals are asked for their reasons.
const REFUSALS: usize = 100;
/// How much of a reason is shown beside others, in characters; a delivery's own page has all of it.
const LONGEST: usize = 180;
/// How many different reasons are shown.
const REASONS: usize = 3;

/// A moment, and how far off it is.
pub(super) struct When {
    /// The moment.
    pub(super) at: Moment,
    /// How far off.
    pub(super) apart: String,
}

impl When {
    /// A moment as seen now.
    pub(super) fn of(at: Millis, now: Millis) -> Self {
        Self { at: Moment::of(at), apart: apart(at, now) }
    }
}

/// A reason, and how many of the newest refusals have it.
pub(super) struct Reason {
    pub(super) said: String,
    pub(super) count: usize,
}

/// How it stands with one platform.
pub(super) struct PlatformEntry {
    /// Its name in the settings.
    pub(super) name: String,
    /// What people call it, with its label where a site may have several.
    pub(super) title: String,
    /// Its page, below `docs/platforms/`.
    pub(super) docs: &'static str,
    /// The word of its state.
    pub(super) standing: &'static str,
    /// The state, said.
    pub(super) said: &'static str,
    /// Whether the site has ever said anything about it.
    pub(super) used: bool,
    /// What people call the settings that are missing.
    pub(super) missing: Vec<&'static str>,
    pub(super) test_mode: bool,
    pub(super) reason: Option<String>,
    pub(super) next_attempt: Option<When>,
    pub(super) last_success: Option<When>,
    pub(super) last_trouble: Option<When>,
    pub(super) oldest_unsent: Option<When>,
    pub(super) waiting: u64,
    pub(super) stopped: u64,
    pub(super) refused: u64,
    pub(super) expired: u64,
    pub(super) delivered: u64,
    /// Why the newest were refused.
    pub(super) reasons: Vec<Reason>,
}

impl PlatformEntry {
    fn of(overview: Overview, settings: &SiteSettings, now: Millis) -> Self {
        let about = overview.platform.about();
        let when = |at: Option<Millis>| at.map(|at| When::of(at, now));
        let used =
            settings.platforms.get(&overview.name).is_some_and(|said| !said.is_empty() || overview.name != about.name);
        Self {
            title: title(&overview.name),
            docs: about.docs,
            standing: overview.standing.as_str(),
            said: match overview.standing {
                Standing::Off => "off",
                Standing::NotSetUp => "not set up",
                Standing::Sending => "sending",
                Standing::Waiting => "waiting",
                Standing::Stopped => "stopped",
            },
            used,
            missing: overview.missing.iter().map(|field| field.label).collect(),
            test_mode: overview.test_mode,
            reason: overview.reason,
            next_attempt: when(overview.next_attempt),
            last_success: when(overview.last_success),
            last_trouble: when(overview.last_trouble),
            oldest_unsent: when(overview.oldest_unsent),
            waiting: overview.waiting,
            stopped: overview.stopped,
            refused: overview.refused,
            expired: overview.expired,
            delivered: overview.delivered,
            reasons: Vec::new(),
            name: overview.name,
        }
    }

    /// Whether something may be sent to try it out.
    pub(super) fn can_be_tried(&self) -> bool {
        self.used && self.missing.is_empty()
    }

    /// Whether there is something that the operator may let go on.
    pub(super) fn can_go_on(&self) -> bool {
        matches!(self.standing, "stopped" | "waiting")
    }

    /// Whether it is on.
    pub(super) fn is_on(&self) -> bool {
        self.standing != Standing::Off.as_str()
    }
}

/// What people call the platform of this name in the settings.
pub(super) fn title(name: &str) -> String {
    let Some(platform) = platforms::find(name) else { return name.to_owned() };
    let about = platform.about();
    match name.strip_prefix(about.name).and_then(|rest| rest.strip_prefix('-')) {
        Some(label) => format!("{}: {label}", about.title),
        None => about.title.to_owned(),
    }
}

/// How it stands with each platform; of those that refused something, why.
pub(super) async fn entries(app: &App, site: &Site, settings: &SiteSettings) -> Result<Vec<PlatformEntry>, StoreError> {
    let now = app.now();
    let outlets = app.store.outlets(&site.site_id).await?;
    let mut entries: Vec<PlatformEntry> =
        overview(settings, &outlets, now).into_iter().map(|one| PlatformEntry::of(one, settings, now)).collect();
    for entry in entries.iter_mut().filter(|entry| entry.refused > 0) {
        entry.reasons = reasons(app, &site.site_id, &entry.name).await?;
    }
    Ok(entries)
}

/// How it stands with one platform, whether or not the site has said anything about it yet.
pub(super) async fn entry(app: &App, site: &Site, settings: &SiteSettings, name: &str) -> Result<PlatformEntry, Error> {
    let mut with_it = settings.clone();
    with_it.platforms.entry(name.to_owned()).or_default();
    let entries = entries(app, site, &with_it).await?;
    let mut entry = entries
        .into_iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| Error::NotFound("there is no such platform".into()))?;
    entry.used &= settings.platforms.contains_key(name);
    Ok(entry)
}

/// Why the newest were refused, the most frequent reason first.
async fn reasons(app: &App, site_id: &str, platform: &str) -> Result<Vec<Reason>, StoreError> {
    let refused = DeliveryState::Refused.as_str().to_owned();
    let only = vec![(Field::Platform, platform.to_owned()), (Field::State, refused)];
    let page = Page { filter: Filter { only, ..Filter::default() }, ..Page::first(REFUSALS) };
    let mut reasons: Vec<Reason> = Vec::new();
    for delivery in app.store.deliveries(site_id, page).await?.items {
        let said = delivery.reason.unwrap_or_else(|| "no reason was given".to_owned());
        match reasons.iter_mut().find(|reason| reason.said == said) {
            Some(reason) => reason.count += 1,
            None => reasons.push(Reason { said, count: 1 }),
        }
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    reasons.truncate(REASONS);
    for reason in &mut reasons {
        if let Some((end, _)) = reason.said.char_indices().nth(LONGEST) {
            reason.said.truncate(end);
            reason.said.push('…');
        }
    }
    Ok(reasons)
}

#[derive(Template)]
#[template(path = "platforms.html")]
struct Platforms {
    assets: &'static PageAssets,
    head: Head,
    notice: Option<Notice>,
    /// Those that the site uses.
    used: Vec<PlatformEntry>,
    /// All others.
    unused: Vec<PlatformEntry>,
}

/// What was done just now.
pub(super) struct Notice {
    pub(super) good: bool,
    pub(super) said: String,
}

/// What a page is told by the one that led to it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Done {
    pub(super) done: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) count: Option<u64>,
}

impl Done {
    /// In words; nothing for what was never done.
    pub(super) fn notice(&self) -> Option<Notice> {
        let title = self.platform.as_deref().filter(|name| platforms::find(name).is_some()).map(title);
        let title = title.as_deref().unwrap_or("the platform");
        let good = |said: String| Some(Notice { good: true, said });
        match self.done.as_deref()? {
            "saved" => good("Saved.".into()),
            "moved" => Some(Notice {
                good: false,
                said: "Saved. The address is another one, so the secrets that were meant for the one before are cleared: enter them again."
                    .into(),
            }),
            "removed" => good(format!("The settings of {title} are gone, credentials and all. What was sent stays in the list of deliveries.")),
            "resumed" => good(format!("Sending to {title} goes on.")),
            "again" => match self.count.unwrap_or_default() {
                0 => Some(Notice {
                    good: false,
                    said: format!("Nothing is sent again: {title} is switched off, or nothing is in that state any more."),
                }),
                1 => good(format!("One delivery to {title} is sent again, under the same event id.")),
                count => good(format!("{count} deliveries to {title} are sent again, under the same event ids.")),
            },
            _ => None,
        }
    }
}

/// The table of all platforms.
pub(super) async fn show(
    _: SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Platforms).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let entries = entries(&app, &site, &settings).await?;
    let (used, unused) = entries.into_iter().partition(|entry| entry.used);
    page::render(StatusCode::OK, &Platforms { assets: page::assets(), head, notice: done.notice(), used, unused })
}

/// To which page a form of both pages leads back.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Back {
    state: String,
    back: String,
}

/// Leads back to where the form stood.
fn led(site_id: &str, name: &str, back: &str, done: &str) -> Response {
    let platform: String = byte_serialize(name.as_bytes()).collect();
    let page = if back == "platform" { format!("/{platform}") } else { String::new() };
    let path = format!("/sites/{site_id}/platforms{page}?done={done}&platform={platform}");
    page::guarded(Redirect::to(&path).into_response())
}

/// Lets a platform go on that is stopped or waits.
pub(super) async fn resume(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    Form(form): Form<Back>,
) -> Result<Response, Error> {
    if !app.store.resume(&site_id, &name, app.now()).await? {
        let sentence = "Nothing is sent to it: it is switched off, or was never set up.";
        return Ok(page::refuse(StatusCode::NOT_FOUND, "There is nothing to go on with", sentence));
    }
    app.outbox.ring();
    audit::note(&app, &who, Some(&site_id), "platform.resumed", json!({ "platform": name })).await;
    Ok(led(&site_id, &name, &form.back, "resumed"))
}

/// Sends everything of a platform again that is in one state.
pub(super) async fn again(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    Form(form): Form<Back>,
) -> Result<Response, Error> {
    if app.store.site(&site_id).await?.is_none() || platforms::find(&name).is_none() {
        return Ok(no_site());
    }
    let states = [DeliveryState::Refused, DeliveryState::Expired];
    let Some(state) = states.into_iter().find(|state| state.as_str() == form.state) else {
        let sentence = "What was refused and what has expired can be sent again. Go back and choose one of them.";
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "That cannot be sent again", sentence));
    };
    let count = app.store.send_again(&site_id, Again::All(name.clone(), state), app.now()).await?;
    app.outbox.ring();
    let about = json!({ "platform": name, "state": state.as_str(), "count": count });
    audit::note(&app, &who, Some(&site_id), "platform.resent", about).await;
    Ok(led(&site_id, &name, &form.back, &format!("again&count={count}")))
}
