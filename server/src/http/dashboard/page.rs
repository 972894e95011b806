//! How every page for a person leaves the server: rendered, with its headers, next to its style, script and icon.

use crate::assets::hash;
use crate::http::error::Error;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::LazyLock;

/// Nothing but our own style, script and icon; no frame around us, no form that leads away.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

mod chart {
    include!(concat!(env!("OUT_DIR"), "/chart.rs"));
}

/// The URLs of what a page loads; each changes with the content, so that it may be kept for ever.
#[derive(Debug)]
pub(crate) struct PageAssets {
    /// The style sheet.
    pub(crate) css: String,
    /// The script.
    pub(crate) js: String,
    /// The icon.
    pub(crate) icon: String,
    /// The chart library, for pages with charts; `None` where the server was built without it.
    pub(crate) chart: Option<ChartAssets>,
}

/// The URLs of the chart library.
#[derive(Debug)]
pub(crate) struct ChartAssets {
    /// Its style sheet.
    pub(crate) css: String,
    /// Its script.
    pub(crate) js: String,
}

struct File {
    name: String,
    content_type: &'static str,
    bytes: &'static [u8],
}

impl File {
    fn new(stem: &str, ending: &str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { name: format!("{stem}.{}.{ending}", hash(bytes)), content_type, bytes }
    }
}

/// The style sheet: what all pages share, then what single pages have of their own.
const CSS: &str = concat!(
    include_str!("../../../assets/base.css"),
    include_str!("../../../assets/today.css"),
    include_str!("../../../assets/reports.css"),
    include_str!("../../../assets/costs.css"),
    include_str!("../../../assets/story.css"),
    include_str!("../../../assets/log.css"),
    include_str!("../../../assets/connect.css"),
    include_str!("../../../assets/settings.css"),
    include_str!("../../../assets/people.css"),
);

/// The script: each part in a block of its own, so that their names do not meet.
const JS: &str = concat!(
    "{\n",
    include_str!("../../../assets/base.js"),
    "}\n{\n",
    include_str!("../../../assets/chart.js"),
    "}\n{\n",
    include_str!("../../../assets/live.js"),
    "}\n{\n",
    include_str!("../../../assets/reports.js"),
    "}\n{\n",
    include_str!("../../../assets/connect.js"),
    "}\n",
);

struct Files {
    css: File,
    js: File,
    icon: File,
    chart: Option<(File, File)>,
    urls: PageAssets,
}

static FILES: LazyLock<Files> = LazyLock::new(|| {
    const STYLE: &str = "text/css; charset=utf-8";
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    let css = File::new("dashboard", "css", STYLE, CSS.as_bytes());
    let js = File::new("dashboard", "js", SCRIPT, JS.as_bytes());
    let icon = File::new("icon", "svg", "image/svg+xml", include_bytes!("../../../assets/icon.svg"));
    let chart = chart::CSS.zip(chart::JS);
    let chart = chart.map(|(css, js)| (File::new("chart", "css", STYLE, css), File::new("chart", "js", SCRIPT, js)));
    let url = |file: &File| format!("/dashboard/{}", file.name);
    let urls = PageAssets {
        css: url(&css),
        js: url(&js),
        icon: url(&icon),
        chart: chart.as_ref().map(|(css, js)| ChartAssets { css: url(css), js: url(js) }),
    };
    Files { css, js, icon, chart, urls }
});

/// The URLs of what a page loads.
pub(crate) fn assets() -> &'static PageAssets {
    &FILES.urls
}

/// The routes of what a page loads.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/dashboard/{file}", get(file))
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let chart = FILES.chart.iter().flat_map(|(css, js)| [css, js]);
    let mut files = [&FILES.css, &FILES.js, &FILES.icon].into_iter().chain(chart);
    let Some(file) = files.find(|file| file.name == name) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let etag = format!("\"{}\"", file.name);
    let kept = [
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
        (header::ETAG, etag.clone()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(header::CONTENT_TYPE, file.content_type)], file.bytes).into_response()
}

/// Renders a page and puts the headers of every page on it.
pub(crate) fn render(status: StatusCode, page: &impl Template) -> Result<Response, Error> {
    Ok(guarded((status, html(page)?).into_response()))
}

/// A page as HTML, without the headers of the dashboard.
pub(crate) fn html(page: &impl Template) -> Result<axum::response::Html<String>, Error> {
    Ok(axum::response::Html(page.render()?))
}

/// Puts the headers of every page on a response: what may load, what may be told to others, and that nothing is kept.
pub(crate) fn guarded(mut response: Response) -> Response {
    let headers: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Tells other hosts nothing. Not `no-referrer`: under that, browsers send `Origin: null` with our own forms, and
        // their origin could not be checked.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page that says why something was not done.
#[derive(Template)]
#[template(path = "refused.html")]
pub(crate) struct Refused<'a> {
    pub(crate) assets: &'static PageAssets,
    pub(crate) title: &'a str,
    pub(crate) sentence: &'a str,
}

/// Says why something was not done.
pub(crate) fn refuse(status: StatusCode, title: &str, sentence: &str) -> Response {
    match render(status, &Refused { assets: assets(), title, sentence }) {
        Ok(page) => page,
        Err(error) => error.into_response(),
    }
}
