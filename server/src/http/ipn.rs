//! Signed notifications of a network to a vendor: `GET or POST /{tracking_id}/ipn/{group}`.

use super::collect::{named, site};
use super::error::Error;
use super::inbound::{Call, take};
use crate::app::SharedApp;
use crate::store::Channel;
use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, State};
use axum::http::{HeaderMap, Method};
use std::net::SocketAddr;

/// What the network takes for success: these two letters and nothing else.
const OK: &str = "OK";

/// Takes a notification; a GET only asks whether the address answers. What is authentic is answered `OK`, whatever is made of it.
///
/// # Errors
/// The sentence for the network: it is not signed, or not by who knows the passphrase.
pub async fn receive(
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<&'static str, Error> {
    let (tracking_id, group) = named(uri.path());
    let asks_only = method == Method::GET || method == Method::HEAD;
    let site = site(&app, if asks_only { &Method::GET } else { &method }, tracking_id).await?;
    if app.groups.get(&group).is_none_or(|group| group.ipn.is_none()) {
        return Err(Error::NotFound(format!("no group named \"{}\" sends notifications", shortened(&group))));
    }
    if asks_only {
        return Ok(OK);
    }
    take(&app, &site, Channel::Ipn, &group, Call { peer, method, uri, headers, body }).await??;
    Ok(OK)
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(40)).unwrap_or_default()
}
