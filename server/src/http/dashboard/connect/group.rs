//! One tracking group of a site: how it is connected, what has come by it, and what the site says about it.

use super::super::head::{Head, Tab, find, no_site};
use super::super::page::{self, PageAssets};
use super::super::when::Moment;
use super::catalog::{Standing, receives};
use super::milestones::{self, LOOKED_AT, LOOKED_AT_SAID, Milestone};
use super::rules::{self, ValueChoice};
use super::settings_form::{Filled, Input, Problems, SettingsForm};
use super::trial::{self, ClickChoice, Told};
use super::ways::{self, Shown, Test, WayEntry, Words};
use crate::app::{App, SharedApp};
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::people::{Role, Who};
use crate::postback_urls;
use crate::settings::{GroupSettings, SiteSettings};
use crate::store::{Arrival, Channel, Site};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tagwerk_protocol::group::Group;

#[derive(Template)]
#[template(path = "connect/group.html")]
struct GroupPage {
    assets: &'static PageAssets,
    head: Head,
    name: String,
    title: String,
    about: Words,
    standing: Standing,
    looked_at: &'static str,
    /// Whether sales are told at all.
    receives: bool,
    ways: Vec<WayEntry>,
    /// Of a group with several postback URLs, whether a real one has come by any of them.
    any_url: Option<Milestone>,
    clicks: Vec<ClickChoice>,
    told: Option<Told>,
    value: Option<ValueChoice>,
    form: SettingsForm,
    /// Tracking ids that still work beside the one of now: what they begin with, and until when.
    replaced: Vec<(String, Moment)>,
    saved: Option<String>,
    /// Whether postback URLs are shown, and tests are sent.
    may_work: bool,
    /// Whether settings are changed.
    may_change: bool,
}

impl GroupPage {
    /// Whether this was saved just now.
    fn said(&self, what: &str) -> bool {
        self.saved.as_deref() == Some(what)
    }
}

/// A group of a site, found.
pub(super) struct Found {
    pub(super) site: Site,
    pub(super) head: Head,
    pub(super) settings: SiteSettings,
    pub(super) group: Group,
}

/// The group, or the page that says that there is none.
///
/// # Errors
/// The store is not available.
pub(super) async fn found(app: &SharedApp, site_id: &str, name: &str) -> Result<Result<Found, Response>, Error> {
    let Some((site, head)) = find(app, site_id, Tab::Connect).await? else { return Ok(Err(no_site())) };
    let Some(group) = app.groups.get(name) else {
        let sentence = format!("There are {}. Connect lists them.", app.groups.names());
        return Ok(Err(page::refuse(StatusCode::NOT_FOUND, "There is no such tracking group", &sentence)));
    };
    let settings = SiteSettings::of(&site)?;
    Ok(Ok(Found { site, head, settings, group: group.clone() }))
}

/// What was done just now.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Done {
    saved: Option<String>,
    test: Option<String>,
    way: Option<String>,
}

impl Found {
    /// What the site says about the group, secrets sealed.
    pub(super) fn said(&self) -> GroupSettings {
        self.settings.groups.get(&self.group.name).cloned().unwrap_or_default()
    }

    /// Its page, for whom it is.
    ///
    /// # Errors
    /// The store is not available.
    pub(super) async fn page(
        self,
        app: &App,
        who: &Who,
        done: Done,
        refused: Option<(&Filled, &Problems)>,
    ) -> Result<Response, Error> {
        let (site_id, group, said) = (self.site.site_id.clone(), &self.group, self.said());
        let (may_work, may_change) = (who.role >= Role::Analyst, who.role >= Role::Owner);
        let arrivals = app.store.arrivals(&site_id, LOOKED_AT).await?;
        let of_group: Vec<&Arrival> = arrivals.iter().filter(|one| one.group == group.name).collect();
        let came_by = milestones::came_by(app, &site_id, group).await?;
        let form = SettingsForm::of(group, &said, refused);
        let shown = Shown {
            urls: postback_urls::of(&app.public_url, &site_id, &self.site.tracking_id, [group]),
            secrets: may_work,
            has_passphrase: said.ipn_passphrase.is_some(),
            arrivals: &arrivals,
            came_by: &came_by,
            tested: done.way.as_deref().and_then(ways::kind),
        };
        let told = match &done.test {
            Some(postback_id) => trial::told(app, &self.site, &self.settings, postback_id).await?,
            None => None,
        };
        let replaced = match may_change {
            true => app.store.replaced_tracking_ids(&site_id, app.now()).await?,
            false => Vec::new(),
        };
        let begins = |id: &str| id.get(..4).unwrap_or_default().to_owned();
        let page = GroupPage {
            assets: page::assets(),
            name: group.name.clone(),
            title: group.title.clone(),
            about: Words::of(group.connect.as_ref().map(|connect| connect.about.as_str()).unwrap_or_default()),
            standing: Standing::of(receives(group), &of_group, app.now()),
            looked_at: LOOKED_AT_SAID,
            receives: receives(group),
            ways: ways::of(group, shown),
            any_url: postback_urls::tells_apart(group)
                .then(|| milestones::of_channel(&group.name, Channel::Collect, &arrivals)),
            clicks: if may_work { trial::clicks(app, &site_id).await? } else { Vec::new() },
            told,
            value: rules::of(group, self.settings.purchase_value),
            form,
            replaced: replaced.iter().map(|old| (begins(&old.tracking_id), Moment::of(old.until))).collect(),
            saved: done.saved,
            may_work,
            may_change,
            head: self.head,
        };
        let status = if page.form.refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        page::render(status, &page)
    }
}

/// The page.
pub(super) async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path((site_id, name)): Path<(String, String)>,
    Query(done): Query<Done>,
) -> Result<Response, Error> {
    match found(&app, &site_id, &name).await? {
        Ok(found) => found.page(&app, &who, done, None).await,
        Err(refused) => Ok(refused),
    }
}
