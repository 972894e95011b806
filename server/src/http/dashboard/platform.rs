//! One platform of a site: its set-up, what a test event came to, and what was sent to it of late.

use super::deliveries::{DeliveryEntry, ExchangeShown};
use super::head::Tab;
use super::incoming::Part;
use super::platform_change;
use super::platform_form::{self, Input, Problems, SetUpForm};
use super::platforms::{Done, Notice, PlatformEntry, entry};
use super::{Head, find, no_site, page};
use crate::app::{App, ChangeError, SharedApp};
use crate::audit;
use crate::http::error::Error;
use crate::http::session::{Owner, SameOrigin, SignedIn};
use crate::outbox::trial::{self, Trial};
use crate::platforms::{self, Account, Fate, Platform};
use crate::settings::{SettingsError, SiteSettings};
use crate::store::{Field, Filter, Page, Site, StoreError};
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use page::PageAssets;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How many of the latest deliveries are shown.
const LATEST: usize = 20;
/// How often a change is tried anew that others were faster than.
const TRIES: usize = 8;

/// What a test event came to.
struct TrialShown {
    kind: String,
    good: bool,
    /// What it came to, in a word.
    word: &'static str,
    /// Why, or what the platform said besides.
    said: Option<String>,
    exchange: Option<ExchangeShown>,
}

impl TrialShown {
    fn of(kind: &str, came: Result<Trial, String>) -> Self {
        let (good, word, said, exchange) = match came {
            Err(why) => (false, "not sent", Some(why), None),
            Ok(Trial { fate, exchange }) => {
                let (good, word, said) = match fate {
                    Fate::Delivered(note) => (true, "taken", note),
                    Fate::Duplicate(note) => (true, "taken before", Some(note)),
                    Fate::Enquire(..) => (
                        true,
                        "accepted",
                        Some("The platform judges it later; its own pages show what became of it.".into()),
                    ),
                    Fate::Later(_, reason) | Fate::Down(_, reason) => (false, "not now", Some(reason)),
                    Fate::Refused(reason) => (false, "refused", Some(reason)),
                    Fate::Stop(reason) | Fate::Renew(reason) => (false, "stopped", Some(reason)),
                };
                (good, word, said, exchange.map(ExchangeShown::of))
            }
        };
        Self { kind: kind.to_owned(), good, word, said, exchange }
    }
}

#[derive(Template)]
#[template(path = "platform.html")]
struct PlatformPage {
    assets: &'static PageAssets,
    head: Head,
    notice: Option<Notice>,
    entry: PlatformEntry,
    form: SetUpForm,
    /// The types that a test event may have.
    types: Vec<String>,
    trial: Option<TrialShown>,
    /// Of a platform that a site may have several of: its own name.
    several: Option<&'static str>,
    label_problem: Option<String>,
    latest: Part<DeliveryEntry>,
}

/// A platform of a site, found.
struct Found {
    site: Site,
    head: Head,
    settings: SiteSettings,
    name: String,
    platform: &'static dyn Platform,
}

impl Found {
    /// What the site says of it, secrets sealed.
    fn said(&self) -> Map<String, Value> {
        self.settings.platforms.get(&self.name).cloned().unwrap_or_default()
    }

    fn form(&self, filled: Option<(&platform_form::Filled, &Problems)>) -> SetUpForm {
        let (about, said) = (self.platform.about(), self.said());
        let account = Account { settings: &said, base_url: about.base_url, token: None, now: 0, nonce: "" };
        let missing = self.platform.missing(&account);
        match filled {
            None => SetUpForm::of(about, &said, &missing),
            Some((filled, problems)) => SetUpForm::refused(about, &said, &missing, filled, problems),
        }
    }

    async fn page(self, app: &App, shown: Shown) -> Result<Response, Error> {
        let about = self.platform.about();
        let entry = entry(app, &self.site, &self.settings, &self.name).await?;
        let filter = Filter::only(Field::Platform, self.name.clone());
        let latest = app.store.deliveries(&self.site.site_id, Page { filter, ..Page::first(LATEST) }).await?;
        let (outlets, now) = (app.store.outlets(&self.site.site_id).await?, app.now());
        let mut types: Vec<String> = ["Purchase", "Lead"].map(str::to_owned).into();
        if about.refunds {
            types.push("Refund".into());
        }
        types.extend(self.settings.types.iter().map(|kind| kind.name.clone()));
        types.dedup();
        let form = shown.form.unwrap_or_else(|| self.form(None));
        let is_refused = form.is_refused() || shown.label_problem.is_some();
        let page = PlatformPage {
            assets: page::assets(),
            head: self.head,
            notice: shown.notice,
            entry,
            form,
            types,
            trial: shown.trial,
            several: about.several.then_some(about.name),
            label_problem: shown.label_problem,
            latest: Part::of(latest, |row| DeliveryEntry::of(row, &outlets, now)),
        };
        page::render(if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &page)
    }
}

/// What a page shows besides how it stands.
#[derive(Default)]
struct Shown {
    notice: Option<Notice>,
    form: Option<SetUpForm>,
    trial: Option<TrialShown>,
    label_problem: Option<String>,
}

async fn found(app: &SharedApp, site_id: &str, name: &str) -> Result<Result<Found, Response>, Error> {
    let Some((site, head)) = find(app, site_id, Tab::Platforms).await? else { return Ok(Err(no_site())) };
    let Some(platform) = platforms::find(name) else {
        let sentence = "It may be spelled differently. The page of the platforms lists all that there are.";
        return Ok(Err(page::refuse(StatusCode::NOT_FOUND, "There is no such platform", sentence)));
    };
    let settings = SiteSettings::of(&site)?;
    Ok(Ok(Found { site, head, settings, name: name.to_owned(), platform }))
}

/// The page.
pub(super) async fn show(
    _: SignedIn,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    Query(done): Query<Done>,
) -> Result<Response, Error> {
    match found(&app, &site_id, &name).await? {
        Ok(found) => found.page(&app, Shown { notice: done.notice(), ..Shown::default() }).await,
        Err(refused) => Ok(refused),
    }
}

/// Keeps what the form says; what cannot be is told beside it.
pub(super) async fn save(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    Form(filled): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    for _ in 0..TRIES {
        let found = match found(&app, &site_id, &name).await? {
            Ok(found) => found,
            Err(refused) => return Ok(refused),
        };
        let (about, said) = (found.platform.about(), found.said());
        let change = platform_change::change(about, &said, &filled).and_then(|change| {
            let overtaken = platform_change::overtaken(about, &said, &filled, &change);
            overtaken.map_or(Ok(change), Err)
        });
        let problems = match change {
            Err(problems) => problems,
            Ok(change) => {
                let done = if platform_change::clears_secrets(about, &said, &change) { "moved" } else { "saved" };
                let patch = json!({ "platforms": { name.as_str(): change } });
                match audit::patch_settings_as_read(&app, &who, &found.site, patch).await {
                    Ok(true) => {
                        let path = format!("/sites/{site_id}/platforms/{name}?done={done}");
                        return Ok(page::guarded(Redirect::to(&path).into_response()));
                    }
                    Ok(false) => continue,
                    Err(ChangeError::Settings(SettingsError::Invalid(sentence))) => Problems::told(&name, &sentence),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let form = found.form(Some((&filled, &problems)));
        return found.page(&app, Shown { form: Some(form), ..Shown::default() }).await;
    }
    Err(StoreError::Busy.into())
}

/// Forgets everything that the site says about it.
pub(super) async fn remove(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
) -> Result<Response, Error> {
    if let Err(refused) = found(&app, &site_id, &name).await? {
        return Ok(refused);
    }
    audit::patch_settings(&app, &who, &site_id, json!({ "platforms": { name.as_str(): null } })).await?;
    let path = format!("/sites/{site_id}/platforms?done=removed&platform={name}");
    Ok(page::guarded(Redirect::to(&path).into_response()))
}

#[derive(Deserialize)]
pub(super) struct TestForm {
    #[serde(default, rename = "type")]
    kind: String,
}

/// Sends a test event. What came of it is kept nowhere, so it is shown at once.
pub(super) async fn test(
    _: SameOrigin,
    Owner(who): Owner,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    Form(form): Form<TestForm>,
) -> Result<Response, Error> {
    let found = match found(&app, &site_id, &name).await? {
        Ok(found) => found,
        Err(refused) => return Ok(refused),
    };
    let kind = if form.kind.trim().is_empty() { "Purchase" } else { form.kind.trim() };
    let came = trial::send(&app, &site_id, &found.settings, &name, kind).await;
    let about = json!({ "platform": name, "type": kind, "sent": came.is_ok() });
    audit::note(&app, &who, Some(&site_id), "platform.tested", about).await;
    found.page(&app, Shown { trial: Some(TrialShown::of(kind, came)), ..Shown::default() }).await
}

#[derive(Deserialize)]
pub(super) struct LabelForm {
    #[serde(default)]
    label: String,
}

/// Leads to the set-up of another one, under a label.
pub(super) async fn another(
    _: SameOrigin,
    _: Owner,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    Form(form): Form<LabelForm>,
) -> Result<Response, Error> {
    let found = match found(&app, &site_id, &name).await? {
        Ok(found) => found,
        Err(refused) => return Ok(refused),
    };
    let about = found.platform.about();
    let wanted = format!("{}-{}", about.name, form.label.trim());
    let problem = if !about.several || platforms::find(&wanted).is_none() {
        "A label has 1 to 40 letters (a to z), digits, hyphens and underscores."
    } else if found.settings.platforms.contains_key(&wanted) {
        "There is one with this label already."
    } else {
        let path = format!("/sites/{site_id}/platforms/{wanted}#form");
        return Ok(page::guarded(Redirect::to(&path).into_response()));
    };
    found.page(&app, Shown { label_problem: Some(problem.to_owned()), ..Shown::default() }).await
}
