//! The links that lead to offers, pasted and looked at line by line.

use super::super::head::{Head, Tab, find, no_site};
use super::super::page::{self, PageAssets};
use crate::app::{App, SharedApp};
use crate::http::error::Error;
use crate::http::session::{SameOrigin, SignedIn};
use crate::offers::{self, Judged, Verdict};
use crate::settings::SiteSettings;
use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

/// Longest text that is looked at, in bytes.
const LONGEST: usize = 400_000;

#[derive(Template)]
#[template(path = "connect/offers.html")]
struct OffersPage {
    assets: &'static PageAssets,
    head: Head,
    text: String,
    judged: Option<Vec<Entry>>,
    good: usize,
    look: usize,
    wrong: usize,
    cut: bool,
    /// Examples of links, by what their networks call them.
    examples: Vec<(String, String)>,
}

struct Entry {
    judged: Judged,
    /// What people call the group.
    title: Option<String>,
    /// How it fares, for people.
    said: &'static str,
    /// A word for style sheets.
    word: &'static str,
}

fn entry(app: &App, judged: Judged) -> Entry {
    let title = judged.group.as_deref().and_then(|name| app.groups.get(name)).map(|group| group.title.clone());
    let (said, word) = match judged.verdict {
        Verdict::Good => ("good", "done"),
        Verdict::Look => ("look at it", "waiting"),
        Verdict::Wrong => ("wrong", "refused"),
    };
    Entry { judged, title, said, word }
}

fn examples(app: &App) -> Vec<(String, String)> {
    let of_group = app.groups.iter().filter_map(|group| Some((group, group.offers.as_ref()?)));
    let shapes = of_group.flat_map(|(group, offers)| offers.shape.iter().map(move |shape| (group, shape)));
    shapes.map(|(group, shape)| (format!("{} {}", group.title, shape.name), shape.example.clone())).collect()
}

/// The page, empty.
pub(super) async fn show(
    _: SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Response, Error> {
    let Some((_, head)) = find(&app, &site_id, Tab::Connect).await? else { return Ok(no_site()) };
    let page = OffersPage {
        assets: page::assets(),
        head,
        text: String::new(),
        judged: None,
        good: 0,
        look: 0,
        wrong: 0,
        cut: false,
        examples: examples(&app),
    };
    page::render(StatusCode::OK, &page)
}

#[derive(Deserialize)]
pub(super) struct Pasted {
    #[serde(default)]
    links: String,
}

/// Looks at what was pasted. Nothing of it is kept.
pub(super) async fn check(
    _: SameOrigin,
    _: SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    Form(pasted): Form<Pasted>,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Connect).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let mut text = pasted.links;
    text.truncate(text.floor_char_boundary(LONGEST));
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let judged = app.check_offers(&site_id, &settings, &text).await?;
    let count = |verdict: Verdict| judged.iter().filter(|one| one.verdict == verdict).count();
    let page = OffersPage {
        assets: page::assets(),
        head,
        good: count(Verdict::Good),
        look: count(Verdict::Look),
        wrong: count(Verdict::Wrong),
        cut: lines > offers::MOST_LINES,
        judged: Some(judged.into_iter().map(|judged| entry(&app, judged)).collect()),
        text,
        examples: examples(&app),
    };
    page::render(StatusCode::OK, &page)
}
