//! Where a site stands: tag seen, link clicked, test understood, first real sale. Each turns green by itself while the page is open.

use super::super::page;
use super::super::when::Moment;
use crate::app::App;
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::jobs::replay::opened;
use crate::postback_urls;
use crate::reading::{Corrections, parameters};
use crate::store::{Arrival, Channel, Field, Filter, Millis, Order, Page, PostbackState};
use crate::trial_call;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tagwerk_protocol::group::Group;
use tagwerk_protocol::group::connect::WayKind;

/// How many of the last postbacks are looked at.
pub(super) const LOOKED_AT: usize = 10_000;
/// The same, for people.
pub(super) const LOOKED_AT_SAID: &str = "10,000";

/// Something that has happened, or is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Milestone {
    /// What programs know it by.
    pub(super) id: String,
    /// What it is.
    pub(super) title: &'static str,
    /// Whether it has happened.
    pub(super) done: bool,
    /// When, or what to do for it.
    pub(super) said: String,
}

impl Milestone {
    /// Of what was seen since this time, or is waited for.
    fn since(id: &str, title: &'static str, at: Option<Millis>, next: &str) -> Self {
        Self::new(id, title, at, "since", next)
    }

    /// Of what came last at this time, or is waited for.
    fn last(id: &str, title: &'static str, at: Option<Millis>, next: &str) -> Self {
        Self::new(id, title, at, "last", next)
    }

    fn new(id: &str, title: &'static str, at: Option<Millis>, word: &str, next: &str) -> Self {
        let said = match at.map(Moment::of) {
            Some(at) => format!("{word} {} {} UTC", at.day, at.time),
            None => next.to_owned(),
        };
        Self { id: id.to_owned(), title, done: at.is_some(), said }
    }

    fn json(&self) -> Value {
        json!({ "id": self.id, "title": self.title, "done": self.done, "said": self.said })
    }
}

/// When the last call of these came that fits.
pub(super) fn last(arrivals: &[Arrival], fits: impl Fn(&Arrival) -> bool) -> Option<Millis> {
    arrivals.iter().filter(|arrival| fits(arrival)).map(|arrival| arrival.last).max()
}

/// Where the site stands, whatever the network.
///
/// # Errors
/// The store is not available.
pub(super) async fn of_site(app: &App, site_id: &str, arrivals: &[Arrival]) -> Result<Vec<Milestone>, Error> {
    let first = || Page { order: Order::Rising, ..Page::first(1) };
    let event = app.store.events(site_id, first()).await?.items.first().map(|event| event.received_at);
    let click = app.store.clicks(site_id, first()).await?.items.first().map(|click| click.received_at);
    let test = last(arrivals, |arrival| arrival.state == PostbackState::Test);
    let sale = last(arrivals, Arrival::is_real);
    Ok(vec![
        Milestone::since("tag", "Tag seen", event, "Paste the snippet into your pages, then open one of them."),
        Milestone::since("click", "Link clicked", click, "On that page, click a link to one of your offers."),
        Milestone::last(
            "test",
            "Test postback understood",
            test,
            "Choose your network below, and send a test from its page.",
        ),
        Milestone::last(
            "sale",
            "Real sales arrive",
            sale,
            "Enter the postback URL at the network. The next sale comes by it.",
        ),
    ])
}

/// Whether a real call of this group has come by this channel.
pub(super) fn of_channel(group: &str, channel: Channel, arrivals: &[Arrival]) -> Milestone {
    let at = last(arrivals, |arrival| arrival.group == group && arrival.channel == channel && arrival.is_real());
    let title = match channel {
        Channel::Ipn => "Real notifications arrive",
        _ => "Real postbacks arrive",
    };
    Milestone::last(&format!("real-{}", channel.as_str()), title, at, "Waiting for the first real one.")
}

/// How many of a group's last postbacks are opened to see by which of its URLs they came.
const OPENED: usize = 500;

/// When the last real postback came by each of a group's URLs, as far as postbacks say by which.
pub(super) type CameBy = Vec<(WayKind, Millis)>;

/// Opens a group's last postbacks and tells by which URL they came.
///
/// # Errors
/// The store is not available.
pub(super) async fn came_by(app: &App, site_id: &str, group: &Group) -> Result<CameBy, Error> {
    let mut found = CameBy::new();
    let Some(postback) = group.postback.as_ref().filter(|_| postback_urls::tells_apart(group)) else {
        return Ok(found);
    };
    let only = vec![(Field::Group, group.name.clone()), (Field::Channel, Channel::Collect.as_str().to_owned())];
    let page = Page { filter: Filter { only, ..Filter::default() }, ..Page::first(OPENED) };
    for row in app.store.postbacks(site_id, page).await?.items {
        let is_real =
            row.conversion_id.is_some() && ["accepted", "unattributed", "updated"].contains(&row.state.as_str());
        let Some(raw) = is_real.then(|| opened(app, &row).ok()).flatten() else { continue };
        let names: Vec<String> =
            parameters(Channel::Collect, &raw, &Corrections::new()).into_iter().map(|(name, _)| name).collect();
        let Some(kind) = postback_urls::came_by(postback, &names) else { continue };
        if !found.iter().any(|(known, _)| *known == kind) {
            found.push((kind, row.received_at));
        }
        if found.len() == 2 {
            break;
        }
    }
    Ok(found)
}

/// Whether a real call has come by this way: by its URL, where calls say by which they came, else by its channel.
pub(super) fn of_way(group: &Group, kind: WayKind, arrivals: &[Arrival], came_by: &CameBy) -> Milestone {
    match kind {
        WayKind::Affiliate | WayKind::Vendor if postback_urls::tells_apart(group) => {
            let at = came_by.iter().find(|(known, _)| *known == kind).map(|(_, at)| *at);
            let id = format!("real-{}", kind.as_str());
            let others = of_channel(&group.name, Channel::Collect, arrivals).done;
            let next = match others {
                true => "Real ones came, but none says that it came by this URL as it stands.",
                false => "Waiting for the first real one.",
            };
            Milestone::last(&id, "Real postbacks arrive by this URL", at, next)
        }
        _ => of_channel(&group.name, trial_call::channel(kind), arrivals),
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    group: Option<String>,
}

/// The milestones for a page that waits: those of a group, or those of the site.
pub(super) async fn poll(
    _: SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let arrivals = app.store.arrivals(&site_id, LOOKED_AT).await?;
    let milestones = match asked.group {
        Some(name) => {
            let mut milestones = Channel::ALL.map(|channel| of_channel(&name, channel, &arrivals)).to_vec();
            if let Some(group) = app.groups.get(&name).filter(|group| postback_urls::tells_apart(group)) {
                let came_by = came_by(&app, &site_id, group).await?;
                let ways = [WayKind::Affiliate, WayKind::Vendor];
                milestones.extend(ways.map(|kind| of_way(group, kind, &arrivals, &came_by)));
            }
            milestones
        }
        None => of_site(&app, &site_id, &arrivals).await?,
    };
    let items: Vec<Value> = milestones.iter().map(Milestone::json).collect();
    Ok(page::guarded(Json(json!({ "milestones": items })).into_response()))
}
