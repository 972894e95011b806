//! Where a site stands: tag seen, link clicked, test understood, first real sale. Each turns green by itself while the page is open.

use super::super::page;
use super::super::when::Moment;
use crate::app::App;
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::store::{Arrival, Channel, Millis, Order, Page, PostbackState};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

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
        Some(group) => Channel::ALL.map(|channel| of_channel(&group, channel, &arrivals)).to_vec(),
        None => of_site(&app, &site_id, &arrivals).await?,
    };
    let items: Vec<Value> = milestones.iter().map(Milestone::json).collect();
    Ok(page::guarded(Json(json!({ "milestones": items })).into_response()))
}
