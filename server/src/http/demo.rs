//! The demo: a landing page with links of every kind, and a page that stands in for the network they lead to.
//!
//! Served only where the configuration says so: the network's page shows the first site's secret tracking id.

mod sale;

use super::dashboard::page;
use super::error::Error;
use crate::app::{App, SharedApp, new_site};
use crate::assets::hash;
use crate::settings::{SettingsError, Tables};
use crate::store::Site;
use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sale::{Sale, Sent};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use tagwerk_protocol::group::{Group, Postback};
use tagwerk_protocol::{absent, form, source};
use url::Url;

/// The product that the review recommends, as the network numbers it.
const PRODUCT: &str = "438218";
/// The affiliate who wrote the review.
const AFFILIATE: &str = "yourname";

/// The demo's routes: the landing page, and the network's paths on this host.
pub fn routes(app: &App) -> Router<SharedApp> {
    let mut routes = Router::new()
        .route("/demo", get(landing))
        .route("/demo/go/{campaign}", get(cloaked))
        .route("/demo/files/{file}", get(file));
    let paths = network(app).map(|(group, _)| group.link.paths.as_slice()).unwrap_or_default();
    for path in paths {
        routes = routes.route(&format!("{path}{{*rest}}"), get(offer));
    }
    routes
}

/// The demo's site: links to this very host count as the network's.
///
/// # Errors
/// The system gives no randomness, or this host is no name for a setting.
pub fn site(app: &App) -> Result<Site, SettingsError> {
    let mut hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let own = Url::parse(&app.public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    hosts.extend(own.filter(|own| !hosts.contains(own)));
    let groups: Map<String, Value> =
        network(app).map(|(group, _)| (group.name.clone(), json!({ "hosts": hosts }))).into_iter().collect();
    let tables = Tables { groups: &app.groups, pixels: &app.pixels };
    new_site("Kitchen Notes (demo)", json!({ "groups": groups }), tables, &app.vault)
}

/// The network that the demo stands in for: the first that calls postback URLs.
fn network(app: &App) -> Option<(&Group, &Postback)> {
    app.groups.iter().find_map(|group| Some((group, group.postback.as_ref()?)))
}

fn no_network() -> Error {
    Error::NotFound("the demo needs a tracking group with postbacks and a site".into())
}

/// The network's path to the product, for a campaign.
fn promolink(group: &Group, campaign: &str) -> String {
    let path = group.link.paths.first().map_or("/", String::as_str);
    format!("{path}{PRODUCT}/{AFFILIATE}/{campaign}")
}

#[derive(Template)]
#[template(path = "demo/landing.html")]
struct Landing<'a> {
    files: &'static Urls,
    script: String,
    group: &'a str,
    title: &'a str,
    sub_id: &'a str,
    promolink: String,
    tokenlink: String,
    latelink: String,
    arrived: Vec<(String, String)>,
}

async fn landing(State(app): State<SharedApp>, RawQuery(query): RawQuery) -> Result<Response, Error> {
    let (group, _) = network(&app).ok_or_else(no_network)?;
    let site = app.store.sites().await?.into_iter().next().ok_or_else(no_network)?;
    let script_path = app.config.script_path.replace("{site_id}", &site.site_id);
    let link = |campaign: &str| format!("{}{}", app.public_url, promolink(group, campaign));
    let arrival = source::read(&format!("?{}", query.unwrap_or_default()), &app.clicks.params());
    let page = Landing {
        files: urls(),
        script: format!("{}{script_path}", app.public_url),
        group: &group.name,
        title: &group.title,
        sub_id: &group.link.sub_id,
        promolink: link("review"),
        tokenlink: link("verdict"),
        latelink: link("reader-price"),
        arrived: arrival.utm.into_iter().chain(arrival.click_ids).collect(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], page::html(&page)?)
        .into_response())
}

/// A cloaked link: a path of the site's own that leads to the network, query and all.
async fn cloaked(
    State(app): State<SharedApp>,
    Path(campaign): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let (group, _) = network(&app).ok_or_else(no_network)?;
    // What comes in the path leaves in a header: letters that need no escaping, and nothing else.
    let campaign: String = campaign.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{query}", promolink(group, &campaign));
    Ok((StatusCode::FOUND, [(header::LOCATION, target), (header::CACHE_CONTROL, "no-store".to_owned())])
        .into_response())
}

#[derive(Template)]
#[template(path = "demo/offer.html")]
struct Offer<'a> {
    files: &'static Urls,
    title: &'a str,
    sub_id: &'a str,
    click_id: Option<String>,
    product: String,
    affiliate: Option<String>,
    campaign: Option<String>,
    collect: String,
    sale: Sale,
}

async fn offer(
    State(app): State<SharedApp>,
    Path(rest): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let (group, postback) = network(&app).ok_or_else(no_network)?;
    let site = app.store.sites().await?.into_iter().next().ok_or_else(no_network)?;
    let query: Vec<(String, String)> = form::pairs(query.as_deref().unwrap_or_default()).collect();
    let mut segments = rest.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned);
    let sent = Sent {
        sub_id: &group.link.sub_id,
        product: segments.next().unwrap_or_else(|| PRODUCT.to_owned()),
        affiliate: segments.next(),
        campaign: segments.next(),
        query,
    };
    let click_id = sent.get(&group.link.sub_id).and_then(absent::present).map(str::to_owned);
    let page = Offer {
        files: urls(),
        title: &group.title,
        sub_id: &group.link.sub_id,
        click_id,
        product: sent.product.clone(),
        affiliate: sent.affiliate.clone(),
        campaign: sent.campaign.clone(),
        collect: format!("/{}/collect/{}", site.tracking_id, group.name),
        sale: sale::of(postback, &sent),
    };
    page::render(StatusCode::OK, &page)
}

/// The URLs of what the demo's pages load.
struct Urls {
    css: String,
    late: String,
    offer: String,
    icon: &'static str,
}

struct File {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const CSS: File = File {
    name: "demo.css",
    content_type: "text/css; charset=utf-8",
    text: include_str!("../../../www/demo/demo.css"),
};
const LATE: File = File {
    name: "late.js",
    content_type: "text/javascript; charset=utf-8",
    text: include_str!("../../../www/demo/late.js"),
};
const OFFER: File = File {
    name: "offer.js",
    content_type: "text/javascript; charset=utf-8",
    text: include_str!("../../../www/demo/offer.js"),
};

/// The hash goes into the query, so that a changed file is fetched anew.
fn urls() -> &'static Urls {
    static URLS: LazyLock<Urls> = LazyLock::new(|| {
        let url = |file: &File| format!("/demo/files/{}?{}", file.name, hash(file.text.as_bytes()));
        Urls { css: url(&CSS), late: url(&LATE), offer: url(&OFFER), icon: &page::assets().icon }
    });
    &URLS
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(file) = [CSS, LATE, OFFER].into_iter().find(|file| file.name == name) else {
        return Error::NotFound("there is no such file".into()).into_response();
    };
    let etag = format!("\"{}\"", hash(file.text.as_bytes()));
    let kept = [
        (header::CACHE_CONTROL, "public, max-age=300".to_owned()),
        (header::ETAG, etag.clone()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(header::CONTENT_TYPE, file.content_type)], file.text).into_response()
}
