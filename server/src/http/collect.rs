//! Postbacks of affiliate networks: `GET or POST /{tracking_id}/collect/{group}`.
//!
//! For a known site nothing is lost: what cannot be understood is stored and answered with the reason.

use super::error::Error;
use super::request::{self, BodyError, address, header_text};
use crate::app::{SharedApp, row_id};
use crate::intake::{self, Rules};
use crate::settings::SiteSettings;
use crate::store::{Channel, ReceivedPostback, Said};
use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, State};
use axum::http::{HeaderMap, Method, header};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use tagwerk_protocol::form;
use tagwerk_protocol::money::Currency;

/// A raw request, as it is kept (sealed): enough to understand it again later.
#[derive(Debug, Serialize, Deserialize)]
pub struct RawRequest {
    /// GET or POST.
    pub method: String,
    /// The query as it stood in the URL.
    pub query: String,
    /// The body; bytes that are no UTF-8 are replaced.
    pub body: String,
    /// Who sent it.
    pub source_ip: String,
}

impl RawRequest {
    /// Where it belongs: what is sealed for one postback opens for no other.
    pub fn place(postback_id: &str) -> String {
        format!("postback/{postback_id}")
    }

    /// The request as people read it: the query, and the body on a line of its own.
    pub fn text(&self) -> String {
        if self.body.is_empty() { self.query.clone() } else { format!("{}\n{}", self.query, self.body) }
    }
}

/// Takes a postback.
///
/// # Errors
/// The sentence for the network; see the module.
pub async fn receive(
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<&'static str, Error> {
    if method == Method::HEAD {
        return Err(Error::Method("HEAD is not known here; postbacks come by GET or POST".into()));
    }
    let (tracking_id, group) = named(uri.path());
    let site = app.store.site_by_tracking_id(tracking_id).await?;
    let Some(site) = site else {
        return Err(Error::NotFound("unknown tracking id; copy the postback URL from the dashboard again".into()));
    };
    let settings = SiteSettings::of(&site)?;
    let source_ip = address(&app, peer, &headers);
    let mut query = uri.query().unwrap_or_default().to_owned();
    let mut refused = None;
    let limit = app.config.limits.query_kb * 1000;
    if query.len() > limit {
        query.truncate(query.floor_char_boundary(limit));
        refused = Some(Error::TooLarge(format!(
            "the query is longer than {} kB (limits.query_kb)",
            app.config.limits.query_kb
        )));
    }
    let body = match request::body(&app, body).await {
        Ok(body) => String::from_utf8_lossy(&body).into_owned(),
        Err(error) => {
            let sentence = error.sentence(&app);
            let BodyError::TooLarge(begins) = error else { return Err(sentence) };
            refused = Some(sentence);
            String::from_utf8_lossy(&begins).into_owned()
        }
    };
    // From here on nothing is waited for but the store: rows are in the order of their receipt.
    let received_at = app.now();
    let id = row_id();
    let said = match refused {
        Some(error) => Err(error),
        None => understand(&app, &settings, &group, source_ip, &headers, &query, &body),
    };
    let raw = RawRequest { method: method.to_string(), query, body, source_ip: source_ip.to_string() };
    let raw = serde_json::to_vec(&raw).map_err(Error::broken)?;
    let raw = app.vault.seal(&RawRequest::place(&id), &raw)?;
    let (said, answer) = match said {
        Ok(conversion) => (Ok(Said { conversion_id: row_id(), conversion }), Ok("OK\n")),
        Err(error) => (Err(error.to_string()), Err(error)),
    };
    let postback = ReceivedPostback {
        id,
        received_at,
        group: shortened(&group.to_ascii_lowercase()),
        channel: Channel::Collect,
        raw,
        said,
    };
    let outcome = app.store.receive_postback(&site.site_id, postback).await?;
    metrics::counter!("tagwerk_postbacks_total", "state" => outcome.state.as_str()).increment(1);
    answer
}

fn understand(
    app: &SharedApp,
    settings: &SiteSettings,
    group: &str,
    source_ip: IpAddr,
    headers: &HeaderMap,
    query: &str,
    body: &str,
) -> Result<tagwerk_protocol::conversion::Conversion, Error> {
    let Some(known) = app.groups.get(group) else {
        return Err(Error::NotFound(format!("there is no group of that name; there are {}", app.groups.names())));
    };
    let of_group = settings.groups.get(group);
    let senders = of_group.map(|group| group.senders.as_slice()).unwrap_or_default();
    if !senders.is_empty() && !senders.iter().any(|sender| sender.parse() == Ok(source_ip)) {
        return Err(Error::Forbidden(format!("{source_ip} is not among the senders that this site accepts")));
    }
    let content_type = header_text(headers, header::CONTENT_TYPE);
    let is_form = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    };
    if !body.is_empty() && content_type.is_some_and(|kind| !is_form(kind)) {
        return Err(Error::Refused("the body must be form-encoded (application/x-www-form-urlencoded)".into()));
    }
    let pairs: Vec<(String, String)> = form::pairs(query).chain(form::pairs(body)).collect();
    let currency = of_group.and_then(|group| group.currency.as_deref()).and_then(Currency::parse);
    intake::understand(&pairs, known, &Rules { value: settings.purchase_value, currency }).map_err(Error::Refused)
}

/// Tracking id and group of a path `/{tracking_id}/collect/{group}`, read by hand: whatever bytes stand there, and with a slash at
/// the end, it is still a postback of a known site. A group typed in another case means that network.
fn named(path: &str) -> (&str, String) {
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let tracking_id = parts.next().unwrap_or_default();
    let group = form::decode(parts.nth(1).unwrap_or_default());
    (tracking_id, group.trim_end_matches('/').to_ascii_lowercase())
}

/// A group's name as it is stored when it may be anything.
fn shortened(group: &str) -> String {
    group.get(..group.floor_char_boundary(64)).unwrap_or_default().to_owned()
}
