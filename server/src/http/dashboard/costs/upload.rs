//! A file of costs: looked at first, and taken when whoever brought it says so.

use super::{Choice, Entry, Sum, entry, platforms_offered, sums};
use crate::app::SharedApp;
use crate::costs::DIMENSIONS;
use crate::costs::columns::Meaning;
use crate::costs::file::{Choices, Line, MAX_BYTES, Refused};
use crate::http::dashboard::figures::Figures;
use crate::http::dashboard::head::{Head, Tab, find, no_site};
use crate::http::dashboard::page::{self, PageAssets};
use crate::http::error::Error;
use crate::http::session::{Analyst, SameOrigin};
use crate::http::spending::{Looked, days, look, take, totals};
use crate::settings::SiteSettings;
use askama::Template;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::BTreeMap;
use tagwerk_protocol::form;

/// Most bytes of a form with a file in it: the second time it comes as base64.
pub(super) const MAX_FORM: usize = MAX_BYTES / 3 * 4 + 500_000;
/// Costs, and lines that make none, that are shown.
const SHOWN: usize = 50;
/// The fields that say something of all rows.
const OF_ALL: [&str; 4] = ["utm_source", "utm_medium", "utm_campaign", "platform"];

/// A column of the file, and what it can mean.
struct ColumnEntry {
    index: usize,
    name: String,
    first: String,
    choices: Vec<Choice>,
}

/// A line that makes no cost.
struct LineEntry {
    number: u64,
    reason: String,
}

#[derive(Template)]
#[template(path = "costs/file.html")]
struct FilePage {
    assets: &'static PageAssets,
    head: Head,
    /// Why the file is not read, if it is not.
    problem: Option<String>,
    file_name: String,
    /// The file, to be sent again.
    file: String,
    source: String,
    currency: String,
    decimals: Vec<Choice>,
    dates: Vec<Choice>,
    of_all: BTreeMap<String, String>,
    platforms: Vec<Choice>,
    columns: Vec<ColumnEntry>,
    rows: String,
    days: Option<String>,
    sums: Vec<Sum>,
    added: usize,
    changed: usize,
    same: usize,
    removed: usize,
    entries: Vec<Entry>,
    more: usize,
    problems: Vec<LineEntry>,
    more_problems: usize,
    passed_over: Vec<LineEntry>,
    more_passed_over: usize,
}

impl FilePage {
    fn of_all(&self, word: &str) -> &str {
        self.of_all.get(word).map(String::as_str).unwrap_or_default()
    }

    /// Whether there is something to be taken.
    fn can_be_taken(&self) -> bool {
        self.added + self.changed + self.same + self.removed > 0
    }
}

/// What came with the form.
#[derive(Default)]
struct Sent {
    file_name: String,
    file: Vec<u8>,
    fields: BTreeMap<String, String>,
}

impl Sent {
    async fn read(mut form: Multipart) -> Result<Self, MultipartError> {
        let mut sent = Self::default();
        while let Some(field) = form.next_field().await? {
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" => {
                    sent.file_name = field.file_name().unwrap_or_default().to_owned();
                    sent.file = field.bytes().await?.into();
                }
                // What was looked at before, as it was.
                "again" => sent.file = BASE64.decode(field.bytes().await?).unwrap_or_default(),
                _ => drop(sent.fields.insert(name, field.text().await?)),
            }
        }
        if let Some(name) = sent.fields.get("file_name") {
            sent.file_name.clone_from(name);
        }
        Ok(sent)
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(|value| value.trim()).unwrap_or_default()
    }

    /// What is said of the file; its columns by their names.
    fn choices(&self, names: &[String]) -> Result<Choices, String> {
        let mut choices = Choices::default();
        for name in ["source", "currency", "decimals", "dates"] {
            if !self.field(name).is_empty() {
                choices.set(name, self.field(name))?;
            }
        }
        for word in OF_ALL {
            choices.set(&format!("with.{word}"), self.field(word))?;
        }
        for (index, name) in names.iter().enumerate() {
            if let Some(meaning) = self.fields.get(&format!("column-{index}")) {
                choices.columns.insert(name.clone(), meaning.clone());
            }
        }
        Ok(choices)
    }
}

/// Shows what would become of a file, or takes it.
pub(super) async fn upload(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    headers: HeaderMap,
    form: Multipart,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Costs).await? else { return Ok(no_site()) };
    let refuse = |sentence: &str| Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "The file was not read", sentence));
    let sent = match Sent::read(form).await {
        Ok(sent) => sent,
        Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => return refuse(&too_long()),
        Err(_) => return refuse("It did not arrive whole. Go back and try again."),
    };
    if sent.file.len() > MAX_BYTES {
        return refuse(&too_long());
    }
    if sent.file.is_empty() {
        return refuse(
            "Go back and choose a file first: the CSV export of an ad platform, or a table of your own saved as CSV.",
        );
    }
    let settings = SiteSettings::of(&site)?;
    let currency = settings.cost_currency().to_owned();
    // Forms name columns by their places: names of any kind do not travel well.
    let has_columns = sent.fields.keys().any(|name| name.starts_with("column-"));
    let names = if has_columns {
        match look(&app, &site_id, sent.file.clone(), Choices::default(), currency.clone()).await? {
            Ok(looked) => looked.told.columns.names,
            Err(refused) => refused.columns,
        }
    } else {
        Vec::new()
    };
    let looked = match sent.choices(&names) {
        Ok(choices) => look(&app, &site_id, sent.file.clone(), choices, currency.clone()).await?,
        Err(sentence) => Err(Refused { sentence, columns: names }),
    };
    if let (Ok(looked), "1") = (&looked, sent.field("take")) {
        let new = take(&app, &who, &site_id, &looked.told).await?;
        let mut query = format!("said=imported&count={new}&same={}", looked.told.costs.len().saturating_sub(new));
        if let Some((first, last)) = days(&looked.told.costs) {
            form::push(&mut query, "from", &first.to_string());
            form::push(&mut query, "to", &last.to_string());
        }
        return Ok(page::guarded(Redirect::to(&format!("/sites/{site_id}/costs?{query}")).into_response()));
    }
    let status = if looked.is_ok() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let platforms = platforms_offered(&app, sent.field("platform"));
    page::render(status, &file_page(head, sent, looked, currency, platforms, &Figures::of(&headers)))
}

fn too_long() -> String {
    format!("It is longer than {} MB. Export fewer days at once.", MAX_BYTES / 1_000_000)
}

fn file_page(
    head: Head,
    sent: Sent,
    looked: Result<Looked, Refused>,
    currency: String,
    platforms: Vec<Choice>,
    figures: &Figures,
) -> FilePage {
    let chosen = |name: &str, words: &[(&'static str, &'static str)]| -> Vec<Choice> {
        let given = sent.field(name);
        words.iter().map(|(word, said)| Choice::new(word, said, *word == given)).collect()
    };
    let decimals = chosen("decimals", &[("auto", "as they show"), ("point", "1,234.56"), ("comma", "1.234,56")]);
    let dates =
        chosen("dates", &[("auto", "as they show"), ("day_first", "31/12/2026"), ("month_first", "12/31/2026")]);
    let of_all = OF_ALL.map(|word| (word.to_owned(), sent.field(word).to_owned())).into();
    let mut page = FilePage {
        assets: page::assets(),
        problem: None,
        file: BASE64.encode(&sent.file),
        source: sent.field("source").to_owned(),
        currency: Some(sent.field("currency")).filter(|code| !code.is_empty()).unwrap_or(&currency).to_owned(),
        decimals,
        dates,
        of_all,
        platforms,
        columns: Vec::new(),
        rows: String::new(),
        days: None,
        sums: Vec::new(),
        added: 0,
        changed: 0,
        same: 0,
        removed: 0,
        entries: Vec::new(),
        more: 0,
        problems: Vec::new(),
        more_problems: 0,
        passed_over: Vec::new(),
        more_passed_over: 0,
        file_name: sent.file_name.clone(),
        head,
    };
    match looked {
        Err(refused) => {
            let said = |index: usize| sent.fields.get(&format!("column-{index}")).and_then(|word| Meaning::parse(word));
            let columns = refused.columns.into_iter().enumerate();
            page.columns =
                columns.map(|(index, name)| column(index, name, String::new(), said(index).as_ref())).collect();
            page.problem = Some(refused.sentence);
        }
        Ok(Looked { told, change }) => {
            let first = told.examples;
            let columns = told.columns.names.into_iter().zip(told.columns.meanings).enumerate();
            let example = |index: usize| first.get(index).cloned().unwrap_or_default();
            page.columns =
                columns.map(|(index, (name, meaning))| column(index, name, example(index), meaning.as_ref())).collect();
            page.source = told.source;
            page.rows = figures.count(i128::try_from(told.rows).unwrap_or_default());
            page.days = days(&told.costs).map(|(first, last)| super::days_said(first, last));
            page.sums = sums(&totals(&told.costs), figures);
            (page.added, page.changed, page.same, page.removed) =
                (change.added, change.changed, change.same, change.removed);
            page.more = told.costs.len().saturating_sub(SHOWN);
            let site_id = page.head.site_id.clone();
            page.entries = told.costs.into_iter().take(SHOWN).map(|cost| entry(cost, &site_id, figures)).collect();
            (page.problems, page.more_problems) = lines(told.problems);
            (page.passed_over, page.more_passed_over) = lines(told.passed_over);
        }
    }
    page
}

fn lines(lines: Vec<Line>) -> (Vec<LineEntry>, usize) {
    let more = lines.len().saturating_sub(SHOWN);
    let shown = lines.into_iter().take(SHOWN).map(|line| LineEntry { number: line.number, reason: line.reason });
    (shown.collect(), more)
}

fn column(index: usize, name: String, first: String, meaning: Option<&Meaning>) -> ColumnEntry {
    const MEANINGS: [(&str, &str); 10] = [
        ("day", "the day"),
        ("first_day", "the first day"),
        ("last_day", "the last day"),
        ("amount", "what was spent"),
        ("currency", "its currency"),
        ("utm_source", "source (utm_source)"),
        ("utm_medium", "medium (utm_medium)"),
        ("utm_campaign", "campaign (utm_campaign)"),
        ("utm_term", "term (utm_term)"),
        ("utm_content", "content (utm_content)"),
    ];
    let here = meaning.map(Meaning::as_str).unwrap_or_default();
    let mut choices = vec![Choice::new("", "not read", here.is_empty())];
    choices.extend(MEANINGS.iter().map(|(word, said)| Choice::new(word, said, *word == here)));
    choices.extend(DIMENSIONS.iter().map(|word| Choice::new(word, &super::label(word), *word == here)));
    if !choices.iter().any(|choice| choice.chosen) {
        choices.push(Choice::new(here, here, true));
    }
    ColumnEntry { index, name, first, choices }
}
