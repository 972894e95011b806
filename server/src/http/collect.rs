//! Postbacks of affiliate networks: `GET or POST /{tracking_id}/collect/{group}`; and the way trackers are called,
//! `GET or POST /{tracking_id}/postback`.

use super::error::Error;
use super::inbound::{Call, take};
use crate::app::SharedApp;
use crate::store::{Channel, Site};
use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, State};
use axum::http::{HeaderMap, Method};
use std::net::SocketAddr;
use tagwerk_protocol::form;

/// Takes a postback of a network.
///
/// # Errors
/// The sentence for the network; see [`super::inbound`].
pub async fn receive(
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<&'static str, Error> {
    let (tracking_id, group) = named(uri.path());
    let site = site(&app, &method, tracking_id).await?;
    take(&app, &site, Channel::Collect, &group, Call { peer, method, uri, headers, body }).await??;
    Ok("OK\n")
}

/// The site of a secret tracking id.
///
/// # Errors
/// There is none, or the method is none that networks use.
pub(super) async fn site(app: &SharedApp, method: &Method, tracking_id: &str) -> Result<Site, Error> {
    if method == Method::HEAD {
        return Err(Error::Only("HEAD is not known here; postbacks come by GET or POST".into(), "GET, POST"));
    }
    let site = app.store.site_by_tracking_id(tracking_id, app.now()).await?;
    site.ok_or_else(|| Error::NotFound("unknown tracking id; copy the postback URL from the dashboard again".into()))
}

/// Tracking id and group of a path `/{tracking_id}/collect/{group}`, read by hand: whatever bytes stand there, and with a slash at
/// the end, it is still a postback of a known site. A group typed in another case means that network.
pub(super) fn named(path: &str) -> (&str, String) {
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let tracking_id = parts.next().unwrap_or_default();
    let group = form::decode(parts.nth(1).unwrap_or_default());
    (tracking_id, group.trim_end_matches('/').to_ascii_lowercase())
}
