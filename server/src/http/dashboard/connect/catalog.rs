//! The catalog: every tracking group, what it is for, and whether anything has come by it.

use super::super::head::{Head, Tab, find, no_site};
use super::super::page::{self, PageAssets};
use super::super::when::apart;
use super::milestones::{self, LOOKED_AT, LOOKED_AT_SAID, Milestone};
use super::snippet;
use super::ways::Words;
use crate::app::{App, SharedApp};
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::store::{Arrival, Millis, PostbackState};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use tagwerk_protocol::group::Group;

/// A group, as it stands in the catalog.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) about: Words,
    /// Whether it is the operator's own.
    pub(super) own: bool,
    pub(super) standing: Standing,
}

/// What has come by a group.
pub(super) struct Standing {
    /// A word for it, as in style sheets.
    pub(super) word: &'static str,
    /// What people call it.
    pub(super) said: &'static str,
    /// How long ago the last call was.
    pub(super) last: Option<String>,
    /// How many calls there are of each state, among those that were looked at.
    pub(super) counts: Vec<(&'static str, u64)>,
}

impl Standing {
    /// What these calls come to; `receives` tells whether the group has an address at all.
    pub(super) fn of(receives: bool, arrivals: &[&Arrival], now: Millis) -> Self {
        let count = |state: PostbackState| arrivals.iter().filter(|one| one.state == state).map(|one| one.count).sum();
        let counts: Vec<(&str, u64)> = PostbackState::ALL
            .into_iter()
            .map(|state| (state.as_str(), count(state)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let (word, said) = if !receives {
            ("calm", "links only")
        } else if arrivals.iter().any(|one| one.is_real()) {
            ("done", "connected")
        } else if arrivals.iter().any(|one| one.state == PostbackState::Refused) {
            ("refused", "only refused ones so far")
        } else if arrivals.is_empty() {
            ("calm", "nothing yet")
        } else {
            ("waiting", "only tests so far")
        };
        let last = arrivals.iter().map(|one| one.last).max().map(|at| apart(at, now));
        Self { word, said, last, counts }
    }
}

/// Whether others can call about sales of this group.
pub(super) fn receives(group: &Group) -> bool {
    group.postback.is_some() || group.ipn.is_some()
}

/// The groups in the order in which they are offered: networks that tell of sales, the operator's own behind the built-in ones; then
/// those that have links alone; then whoever calls as trackers are called.
pub(super) fn in_order(app: &App) -> Vec<&Group> {
    let mut groups: Vec<&Group> = app.groups.iter().collect();
    groups.sort_by_key(|group| (group.tracker, !receives(group), app.groups.is_own(&group.name)));
    groups
}

#[derive(Template)]
#[template(path = "connect.html")]
struct Catalog {
    assets: &'static PageAssets,
    head: Head,
    milestones: Vec<Milestone>,
    snippet: String,
    entries: Vec<Entry>,
    looked_at: &'static str,
}

/// The page.
pub(super) async fn show(
    _: SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Connect).await? else { return Ok(no_site()) };
    let arrivals = app.store.arrivals(&site_id, LOOKED_AT).await?;
    let now = app.now();
    let entry = |group: &Group| {
        let of_group: Vec<&Arrival> = arrivals.iter().filter(|one| one.group == group.name).collect();
        let about = group.connect.as_ref().map(|connect| connect.about.as_str()).unwrap_or_default();
        Entry {
            name: group.name.clone(),
            title: group.title.clone(),
            about: Words::of(about),
            own: app.groups.is_own(&group.name),
            standing: Standing::of(receives(group), &of_group, now),
        }
    };
    let page = Catalog {
        assets: page::assets(),
        milestones: milestones::of_site(&app, &site_id, &arrivals).await?,
        snippet: snippet::line(&app, &site_id),
        entries: in_order(&app).into_iter().map(entry).collect(),
        looked_at: LOOKED_AT_SAID,
        head,
    };
    page::render(StatusCode::OK, &page)
}
