//! What arrives, as it arrives: server-sent events with entries of the feed, as HTML.

use super::feed::{self, Entry};
use crate::app::SharedApp;
use crate::arrivals::Watcher;
use crate::http::dashboard::figures::Figures;
use crate::http::dashboard::head::no_site;
use crate::http::dashboard::page;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::masking::Masking;
use crate::settings::SiteSettings;
use crate::store::Millis;
use askama::Template;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// After so long the browser has to come again, and is looked at again.
const LONGEST: Duration = Duration::from_secs(300);
/// How often the session is looked at in between.
const SESSION: Duration = Duration::from_secs(5);
/// How often one looks without being rung for: another process may have taken something in.
const LOOK: Duration = Duration::from_secs(5);
/// How soon after a look one looks again at the earliest, however much rings.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a reader may take for what is sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a comment is sent, so that nobody in between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes again.
const AGAIN: Duration = Duration::from_secs(2);
/// Rows are read from so long before the last one: one that was received before it may be on disk after it.
const OVERLAP: Millis = 10_000;
/// How far back somebody who comes again may ask: the page shows what was before.
const FURTHEST: Millis = 600_000;
/// Most entries of one look: more than that nobody reads, and the newest are told.
const MOST: usize = 50;
/// Messages that wait for the reader.
const QUEUE: usize = 4;

/// Of proxies that collect answers before they pass them on.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[derive(Deserialize)]
pub(super) struct LiveQuery {
    /// When the page was made, or what it heard last, in milliseconds.
    after: Option<Millis>,
}

#[derive(Template)]
#[template(path = "today/entries.html")]
struct Entries {
    entries: Vec<Entry>,
}

/// Sends what arrives for as long as the session is good and the reader reads, some minutes at most.
pub(super) async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Query(query): Query<LiveQuery>,
    parts: Parts,
) -> Result<Response, Error> {
    let Some(site) = app.store.site(&site_id).await? else { return Ok(no_site()) };
    let zone = SiteSettings::of(&site)?.zone();
    let Some(watcher) = app.arrivals.watch() else {
        let sentence = "Too many pages watch what arrives. This one shows it when it is loaded again.";
        let busy = page::refuse(StatusCode::SERVICE_UNAVAILABLE, "Too many watch", sentence);
        return Ok(([(header::RETRY_AFTER, "60")], busy).into_response());
    };
    // A browser that comes again says what it heard last.
    let heard = parts.headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let now = app.now();
    let since = heard.or(query.after).unwrap_or(now).clamp(now.saturating_sub(FURTHEST), now);
    let (sender, receiver) = mpsc::channel(QUEUE);
    let seen = Masking::of(&app.groups, who.role);
    let feed = Feed { app, site_id, zone, seen, since, told: BTreeMap::new(), parts };
    tokio::spawn(feed.run(sender, watcher));
    let events = stream::unfold(receiver, |mut receiver| async move {
        let event: Event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), receiver))
    });
    let answer = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(page::guarded(([UNBUFFERED], answer).into_response()))
}

/// One reader's feed.
struct Feed {
    app: SharedApp,
    site_id: String,
    zone: TimeZone,
    /// What is left out for them.
    seen: Masking,
    /// The newest that is known to have been received.
    since: Millis,
    /// What was told of late, and when it was received.
    told: BTreeMap<String, Millis>,
    /// The request, with the session in it.
    parts: Parts,
}

impl Feed {
    /// Tells what arrives until the reader goes, is too slow, or may no longer hear it. A task of its own: an answer that nobody reads is
    /// not asked for more, and would keep its place for ever.
    async fn run(mut self, sender: mpsc::Sender<Event>, mut watcher: Watcher) {
        let end = Instant::now() + LONGEST;
        let mut session = Instant::now() + SESSION;
        if sender.send(Event::default().retry(AGAIN).comment("live")).await.is_err() {
            return;
        }
        loop {
            match self.look().await {
                Ok(None) => {}
                Ok(Some(event)) => {
                    if !matches!(timeout(PATIENCE, sender.send(event)).await, Ok(Ok(()))) {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "the live feed does not see what came"),
            }
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = sender.closed() => return,
            }
            tokio::select! {
                goes_on = watcher.rung() => if !goes_on { return },
                () = sleep(LOOK) => {}
                () = sender.closed() => return,
                () = sleep_until(end) => return,
            }
            if Instant::now() >= session {
                if SignedIn::from_request_parts(&mut self.parts, &self.app).await.is_err() {
                    return;
                }
                session = Instant::now() + SESSION;
            }
        }
    }

    /// What came since the last look, as a message.
    async fn look(&mut self) -> Result<Option<Event>, Error> {
        let from = self.since.saturating_sub(OVERLAP);
        let figures = Figures::of(&self.parts.headers);
        let mut entries =
            feed::newest(&self.app, &self.site_id, &self.zone, Some(from), MOST, (&figures, &self.seen)).await?;
        entries.retain(|entry| !self.told.contains_key(&entry.key));
        let Some(newest) = entries.iter().map(|entry| entry.received_at).max() else { return Ok(None) };
        self.since = self.since.max(newest);
        let forgotten = self.since.saturating_sub(2 * OVERLAP);
        self.told.retain(|_, at| *at >= forgotten);
        self.told.extend(entries.iter().map(|entry| (entry.key.clone(), entry.received_at)));
        let html = Entries { entries }.render()?;
        // What ends a line in a stream of events is not the sender's to say.
        let html = html.replace('\r', " ");
        Ok(Some(Event::default().event("arrived").id(self.since.to_string()).data(html)))
    }
}
