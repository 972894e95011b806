//! What the tag asks about links that may be cloaked: `POST /{site_id}/scan`, one URL a line, one answer a line.

use super::cors::{cors, settings};
use super::error::Error;
use super::request::{BodyError, address, body_within, network};
use crate::app::SharedApp;
use crate::autoscan::verdict::{LONGEST_LINK, MOST_LINKS, asked};
use crate::autoscan::{self, Scanned};
use crate::settings::SiteSettings;
use crate::store::LinkRow;
use crate::tag;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::form;
use tagwerk_protocol::link::{Existing, LinkRules};
use url::Url;

/// Longest body, in bytes; a line may end in CR LF.
const LONGEST_BODY: usize = MOST_LINKS * (LONGEST_LINK + 2);

/// Answers what is known of the links.
///
/// # Errors
/// There is no such site, AutoScan is off for it, or the body does not read.
pub async fn receive(
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let settings = settings(&app, &site_id).await?;
    let cors = cors(&settings, &headers)?;
    let answer = match answer(&app, site_id, &settings, peer, &headers, body).await {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
            (kind, text).into_response()
        }
        Err(error) => error.into_response(),
    };
    Ok((cors, answer).into_response())
}

async fn answer(
    app: &SharedApp,
    site_id: String,
    settings: &SiteSettings,
    peer: SocketAddr,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Error> {
    if !settings.autoscan.enabled {
        return Err(Error::Forbidden(
            "AutoScan is off for this site; switch autoscan.enabled on in its settings".into(),
        ));
    }
    if app.scan_limiter.check_key(&(site_id.clone(), network(address(app, peer, headers)))).is_err() {
        let limit = app.config.autoscan.requests_per_minute;
        return Err(Error::TooMany(format!(
            "more than {limit} questions a minute from one address (autoscan.requests_per_minute)"
        )));
    }
    let body = body_within(LONGEST_BODY, body).await.map_err(|error| match error {
        BodyError::TooLarge(_) => Error::TooLarge(format!("the body is longer than {LONGEST_BODY} bytes")),
        BodyError::Broken => Error::Invalid("the body broke off".into()),
    })?;
    let text = String::from_utf8_lossy(&body);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.len() > MOST_LINKS {
        return Err(Error::Invalid(format!(
            "the body holds {} links; send 1 to {MOST_LINKS}, one a line",
            lines.len()
        )));
    }
    let hosts = settings.scan_hosts();
    let links: Vec<_> = lines.iter().map(|line| asked(line, &hosts)).collect();
    let good: Vec<_> = links.iter().flatten().cloned().collect();
    let site = Scanned::new(site_id, tag::rules(app, settings));
    let mut found = autoscan::ask(app, &site, &good).await?.into_iter();
    let mut answer = String::new();
    for (line, link) in lines.iter().zip(links) {
        let found = link.and_then(|_| match found.next() {
            Some(found) => found.map_err(str::to_owned),
            None => Err("it was not asked about".to_owned()),
        });
        answer.push_str(&told(line, found, &site.rules, settings.autoscan.use_resolved));
        answer.push('\n');
    }
    Ok(answer)
}

/// The line of one link.
fn told(asked: &str, found: Result<LinkRow, String>, rules: &LinkRules, use_resolved: bool) -> String {
    let mut line = String::new();
    form::push(&mut line, "url", asked);
    let reason = match found {
        Err(reason) => reason,
        Ok(mut link) => {
            if let Some(group) = &link.group {
                form::push(&mut line, "group", group);
            }
            match (link.forwards, &link.resolved) {
                (Some(true), _) => match kept_sub_id(&link, rules) {
                    Some(name) => {
                        link.reason = format!("its redirect sets {name} itself, and existing_subid keeps that")
                    }
                    None => form::push(&mut line, "forwards", "1"),
                },
                (Some(false), Some(resolved)) if use_resolved => form::push(&mut line, "resolved", resolved),
                _ => {}
            }
            link.reason
        }
    };
    form::push(&mut line, "reason", &reason);
    line
}

/// The parameter that holds a sub-id of the redirect's own, where the site keeps those: ours would take its place.
fn kept_sub_id<'a>(link: &LinkRow, rules: &'a LinkRules) -> Option<&'a str> {
    let group = rules.groups.iter().find(|group| Some(&group.name) == link.group.as_ref())?;
    let last = Url::parse(link.hops.last()?).ok()?;
    let is_own =
        |(name, value): (String, String)| name == group.sub_id && !value.is_empty() && ClickId::parse(&value).is_none();
    let has_own = form::pairs(last.query()?).any(is_own);
    (has_own && rules.existing == Existing::Keep).then_some(group.sub_id.as_str())
}
