//! What the tag reports: `POST /{site_id}/event`, one event a line.

use super::cors::{cors, settings};
use super::error::Error;
use super::request::{self, address, country, header_text, network};
use crate::app::{SharedApp, row_id};
use crate::settings::SiteSettings;
use crate::store::{Millis, ReceivedEvent};
use crate::visit::{self, Request};
use crate::visitor_cookie::{self, Asked};
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use tagwerk_protocol::event::Event;

/// What a browser is told whose visitor was erased.
const ERASED: &str = "this visitor was erased, so nothing of it is kept; once the site's data is cleared in the browser, it is a new one";

/// Counts requests with events by site and address.
pub type EventLimiter = RateLimiter<(String, IpAddr), DashMapStateStore<(String, IpAddr)>, DefaultClock>;

/// A limiter of so many requests a minute.
pub fn limiter(per_minute: u32) -> EventLimiter {
    RateLimiter::keyed(Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN)))
}

/// Takes events.
///
/// # Errors
/// The sentence for the tag's author; nothing the sender could mend is answered with a 5xx.
pub async fn receive(
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let settings = settings(&app, &site_id).await?;
    let cors = cors(&settings, &headers)?;
    let answer = match take(&app, &site_id, &settings, peer, &headers, body).await {
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Ok(Some(cookie)) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        Err(error) => error.into_response(),
    };
    Ok((cors, answer).into_response())
}

/// A clock that is out of all range says nothing: then the receipt counts.
fn mend_times(event: &mut Event, received_at: Millis) {
    let arrivals = [Some(&mut event.landing), event.touch.as_mut(), event.first.as_mut()];
    let times = arrivals.into_iter().flatten().map(|arrival| &mut arrival.at).chain([&mut event.at]);
    for at in times.filter(|at| jiff::Timestamp::from_millisecond(**at).is_err()) {
        *at = received_at;
    }
}

/// Keeps the events, and answers the visitor's cookie where the page may have one.
async fn take(
    app: &SharedApp,
    site_id: &str,
    settings: &SiteSettings,
    peer: SocketAddr,
    headers: &HeaderMap,
    body: Body,
) -> Result<Option<HeaderValue>, Error> {
    let from = address(app, peer, headers);
    let key = (site_id.to_owned(), network(from));
    let ip = visit::kept_address(from, settings.privacy.ip);
    if app.event_limiter.check_key(&key).is_err() {
        let limit = app.config.limits.events_per_minute;
        return Err(Error::TooMany(format!(
            "more than {limit} requests a minute from one address (limits.events_per_minute)"
        )));
    }
    let body = request::body(app, body).await.map_err(|error| error.sentence(app))?;
    let text = String::from_utf8_lossy(&body);
    let request = Request {
        user_agent: header_text(headers, header::USER_AGENT).unwrap_or_default().to_owned(),
        country: country(app, peer, headers),
    };
    let own_hosts = settings.own_hosts();
    let cost = settings.cost.param.as_deref();
    let cost = cost.map(|name| visit::CostParam { name, currency: settings.cost_currency() });
    let rules = visit::Rules { clicks: &app.clicks, own_hosts: &own_hosts, attribution: &settings.attribution, cost };
    let received_at = app.now();
    let mut events = Vec::new();
    let mut broken = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match Event::from_line(line.trim()) {
            Ok(mut event) => {
                mend_times(&mut event, received_at);
                let visit = visit::of(row_id(), &event, rules, &request);
                let (ip, user_agent) = (ip.clone(), visit::present(&request.user_agent));
                events.push(ReceivedEvent { id: row_id(), received_at, event, ip, user_agent, visit });
            }
            Err(error) => broken.push(format!("line {}: {error}", index + 1)),
        }
    }
    let (mut kept, all) = (events.len(), events.len() + broken.len());
    let mut cookie = cookie(app, settings, headers, &events);
    if kept > 0 {
        let erased = app.store.receive_events(site_id, events).await?;
        kept -= erased;
        if erased > 0 {
            // The browser is not reminded of what was erased.
            cookie = None;
            broken.push(ERASED.to_owned());
        }
        app.arrivals.ring();
        metrics::counter!("tagwerk_events_total").increment(kept as u64);
        if settings.sends_on() {
            app.outbox.ring();
        }
    }
    match broken.as_slice() {
        [] if kept == 0 => Err(Error::Invalid("the body holds no event; send one a line, form-encoded".into())),
        [] => Ok(cookie),
        [first, ..] => Err(Error::Refused(format!("{first}; {} of {} events were kept", kept, all))),
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The visitor's cookie after the latest of these events; it is only sent by a tag that has the visitor's consent.
fn cookie(
    app: &SharedApp,
    settings: &SiteSettings,
    headers: &HeaderMap,
    events: &[ReceivedEvent],
) -> Option<HeaderValue> {
    let latest = events.iter().max_by_key(|received| received.event.at)?;
    let asked = Asked {
        fetch_site: header_text(headers, SEC_FETCH_SITE),
        origin: header_text(headers, header::ORIGIN),
        own_hosts: &settings.own_hosts(),
        // Without listed origins the tag sends none, and the browser takes none from another origin.
        credentials: !settings.origins.is_empty(),
        cookies: headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok()).collect(),
        host: header_text(headers, header::HOST),
        received_at: latest.received_at,
    };
    let cookie = visitor_cookie::after(&latest.event, &asked, &app.public_url, &app.clicks.params())?;
    HeaderValue::try_from(cookie).ok()
}
