//! Raw requests of networks and pixels: kept whole, understood, booked, in this order for whoever calls.
//!
//! For a known site nothing is lost: what cannot be understood is stored and answered with the reason.

use super::error::Error;
use super::request::{self, BodyError, address, header_text, network};
use crate::app::{App, SharedApp, row_id};
use crate::cleansing;
use crate::reading::{self, Context, Corrections, Ids, RawRequest, Refusal};
use crate::settings::SiteSettings;
use crate::store::{Channel, ReceivedPostback, Site};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Uri, header};
use std::net::{IpAddr, SocketAddr};

/// A request as it came in.
pub struct Call {
    /// The address it came from, proxies not looked through yet.
    pub peer: SocketAddr,
    /// GET or POST.
    pub method: Method,
    /// The path and query as sent.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
}

/// Takes one call for a site: it is on disk when this returns `Ok`. The inner error is what to tell a sender whose call could not be
/// understood; it is kept all the same.
///
/// # Errors
/// The call could not be made durable, or did not arrive whole.
pub async fn take(
    app: &SharedApp,
    site: &Site,
    channel: Channel,
    group: &str,
    call: Call,
) -> Result<Result<(), Refusal>, Error> {
    let settings = SiteSettings::of(site)?;
    let source_ip = address(app, call.peer, &call.headers);
    let mut query = call.uri.query().unwrap_or_default().to_owned();
    let mut cut = None;
    let limit = app.config.limits.query_kb * 1000;
    if query.len() > limit {
        query.truncate(query.floor_char_boundary(limit));
        cut = Some(format!("the query is longer than {} kB (limits.query_kb)", app.config.limits.query_kb));
    }
    let body = match request::body(app, call.body).await {
        Ok(body) => String::from_utf8_lossy(&body).into_owned(),
        Err(error) => {
            let sentence = error.sentence(app);
            let BodyError::TooLarge(begins) = error else { return Err(sentence) };
            cut = Some(sentence.to_string());
            String::from_utf8_lossy(&begins).into_owned()
        }
    };
    let raw = RawRequest {
        method: call.method.to_string(),
        query,
        body,
        source_ip: source_ip.to_string(),
        content_type: header_text(&call.headers, header::CONTENT_TYPE).map(str::to_owned),
        cut,
        erased: None,
    };
    Ok(keep(app, site, &settings, channel, group, &raw, source_ip).await?.answer)
}

/// A call that is on disk.
pub struct Kept {
    /// The row of the postback.
    pub postback_id: String,
    /// What to tell its sender.
    pub answer: Result<(), Refusal>,
}

/// Understands and books a raw request that has arrived whole.
///
/// # Errors
/// The call could not be made durable, or there were too many from this address that may not send.
pub async fn keep(
    app: &SharedApp,
    site: &Site,
    settings: &SiteSettings,
    channel: Channel,
    group: &str,
    raw: &RawRequest,
    source_ip: IpAddr,
) -> Result<Kept, Error> {
    // From here on nothing is waited for but the store: rows are in the order of their receipt.
    let (received_at, postback_id) = (app.now(), row_id());
    let (mut postback, answer) = received(app, site, settings, channel, group, raw, postback_id.clone(), received_at)?;
    // Who may not send can fill no disk: past the bound it is told so, and nothing is kept.
    if matches!(answer, Err(Refusal::Forbidden(_))) {
        within_bounds(app, &site.site_id, source_ip)?;
    }
    // Whoever was erased does not come back with what a network still tells.
    if let Some(visit) = cleansing::named_visit(app, channel, group, raw)
        && app.store.is_erased(&site.site_id, &visit).await?
    {
        postback.raw =
            cleansing::at_receipt(app, site, settings, channel, group, raw, visit, &postback_id, received_at)?;
    }
    let outcome = app.store.receive_postback(&site.site_id, postback).await?;
    app.arrivals.ring();
    metrics::counter!("tagwerk_postbacks_total", "state" => outcome.state.as_str()).increment(1);
    if settings.sends_on() {
        app.outbox.ring();
    }
    Ok(Kept { postback_id, answer })
}

/// Counts a call that anybody could have made, as events are counted.
///
/// # Errors
/// There were too many from this address.
pub(super) fn within_bounds(app: &App, site_id: &str, source: IpAddr) -> Result<(), Error> {
    let limit = app.config.limits.events_per_minute;
    app.event_limiter.check_key(&(site_id.to_owned(), network(source))).map_err(|_| {
        Error::TooMany(format!("more than {limit} calls a minute from one address (limits.events_per_minute)"))
    })
}

/// A raw request as the store takes it, and what to tell its sender.
///
/// # Errors
/// It cannot be sealed.
#[expect(clippy::too_many_arguments, reason = "what makes a row: whose, whence, what, and its id and time")]
pub fn received(
    app: &App,
    site: &Site,
    settings: &SiteSettings,
    channel: Channel,
    group: &str,
    raw: &RawRequest,
    id: String,
    received_at: i64,
) -> Result<(ReceivedPostback, Result<(), Refusal>), Error> {
    let sealed = serde_json::to_vec(raw).map_err(Error::broken)?;
    let sealed = app.vault.seal(&RawRequest::place(&id), &sealed)?;
    let said = app.read(site, settings, channel, group, raw, &Corrections::new(), &id, received_at);
    let (said, answer) = match said {
        Ok(said) => (Ok(said), Ok(())),
        Err(refusal) => (Err(refusal.to_string()), Err(refusal)),
    };
    let group = app.group_of(channel, group);
    Ok((ReceivedPostback { id, received_at, group, channel, raw: sealed, said }, answer))
}

impl App {
    /// Reads a raw request by the rules of now.
    ///
    /// # Errors
    /// It says nothing that can be booked.
    #[expect(clippy::too_many_arguments, reason = "what makes a row: whose, whence, what, and its id and time")]
    pub fn read(
        &self,
        site: &Site,
        settings: &SiteSettings,
        channel: Channel,
        group: &str,
        raw: &RawRequest,
        corrections: &Corrections,
        postback_id: &str,
        received_at: i64,
    ) -> Result<crate::store::Said, Refusal> {
        let passphrase = |group: &str| self.passphrase(&site.site_id, settings, group);
        let context = Context { groups: &self.groups, settings, passphrase: &passphrase };
        let ids = Ids { postback: postback_id, conversion: crate::app::row_id_at(received_at) };
        reading::read(&context, channel, group, raw, corrections, ids)
    }

    /// The group's name as it is stored: what stands in the URL may be anything.
    pub fn group_of(&self, channel: Channel, group: &str) -> String {
        let name = match channel {
            Channel::Tracker | Channel::Pixel => self.groups.tracker().map_or(group, |group| group.name.as_str()),
            _ => group,
        };
        let name = name.to_ascii_lowercase();
        name.get(..name.floor_char_boundary(64)).unwrap_or_default().to_owned()
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownGroup(sentence) => Error::NotFound(sentence),
            Refusal::Forbidden(sentence) => Error::Forbidden(sentence),
            Refusal::TooLarge(sentence) => Error::TooLarge(sentence),
            Refusal::NotUnderstood(sentence) => Error::Refused(sentence),
        }
    }
}
