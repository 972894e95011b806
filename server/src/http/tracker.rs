//! The way trackers are called: `GET or POST /{tracking_id}/postback?clickid=&sum=&type=&txid=` by servers, and
//! `GET /{site_id}/postback?format=img&clickid=&type=` as an image in pages, where it moves no money.

use super::collect::site;
use super::error::Error;
use super::inbound::{Call, take, within_bounds};
use super::request::address;
use crate::app::SharedApp;
use crate::store::Channel;
use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;

/// The smallest transparent GIF.
const GIF: &[u8; 43] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// Takes a postback; which of the two it is, the id in the path says.
///
/// # Errors
/// The sentence for the caller; see [`super::inbound`].
pub async fn receive(
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let id = uri.path().trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
    let Some(of_pixel) = app.store.site(&id).await? else {
        let site = site(&app, &method, &id).await?;
        take(&app, &site, Channel::Tracker, "", Call { peer, method, uri, headers, body }).await??;
        return Ok("OK\n".into_response());
    };
    if method != Method::GET {
        let sentence = "a pixel is loaded by GET; postbacks with money go to the secret tracking id";
        return Err(Error::Only(sentence.into(), "GET"));
    }
    // The public id is known to everybody, so what it may store is bounded as events are.
    within_bounds(&app, &of_pixel.site_id, address(&app, peer, &headers))?;
    take(&app, &of_pixel, Channel::Pixel, "", Call { peer, method, uri, headers, body }).await??;
    let fresh = [
        (header::CONTENT_TYPE, "image/gif"),
        (header::CACHE_CONTROL, "no-store, max-age=0"),
        (header::PRAGMA, "no-cache"),
    ];
    Ok((fresh, GIF.as_slice()).into_response())
}
