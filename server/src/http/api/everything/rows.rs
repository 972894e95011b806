//! The rows of an export: each file read part by part, in the shapes of the API.

use super::{Export, Trouble, contents};
use crate::app::App;
use crate::csv::export::{header, lines, lists};
use crate::http::api::costs::cost_json;
use crate::http::api::deliveries::whole_json;
use crate::http::api::export::custom_columns;
use crate::http::api::people::deed_json;
use crate::http::api::saved_reports::report_json;
use crate::http::api::shapes;
use crate::jobs::replay::opened;
use crate::store::{Caller, Counts, DeedFilter, Listing, Order, Page, Place, PostbackRow, Store, StoreError};
use serde_json::{Map, Value, json};
use std::io;
use std::pin::Pin;
use std::sync::Arc;

/// Rows that are read at once. Each may be as large as a request may be.
const ROWS: usize = 250;
/// What a row may come to in its file for each byte of the request that brought it: the request stands there whole, its query and body,
/// and its parameters, and of a control character JSON makes six.
const GROWTH: usize = 20;
/// What a file may come to that is not marked as one that may be large: less than the 4 GB that ZIP gives it, since rows go on coming.
const LARGE: usize = 3 << 30;

/// Reads the part of a list that comes after a place.
type Read<R> = for<'a> fn(
    &'a dyn Store,
    &'a str,
    Option<&'a str>,
) -> Pin<Box<dyn Future<Output = Result<Listing<R>, StoreError>> + Send + 'a>>;
/// What stands for a row in a file: JSON, or cells.
type Line<R> = fn(&App, R) -> Value;

impl Export {
    /// Writes every file.
    pub(super) async fn write(&mut self, settings: &str) -> Result<(), Trouble> {
        let limits = &self.app.config.limits;
        let row = limits.body_kb.saturating_add(limits.query_kb).saturating_mul(1024 * GROWTH).max(1);
        self.many = LARGE.checked_div(row).unwrap_or(1).max(1);
        let counts = self.app.store.counts(&self.site.site_id, self.many).await?;
        let readme = contents::readme(&self.site, &self.app.public_url, self.at).map_err(io::Error::other)?;
        self.whole("README.txt", readme).await?;
        self.whole("settings.json", settings.to_owned()).await?;
        self.table(&counts).await?;
        self.conversions(&counts).await?;
        self.traffic(&counts).await?;
        self.doings(&counts).await?;
        let counted = contents::counted(&self.site, self.at, &self.lines);
        self.whole("contents.json", counted).await?;
        let end = self.archive.finish().await?;
        self.reader.take(end).await
    }

    async fn conversions(&mut self, counts: &Counts) -> Result<(), Trouble> {
        self.list(
            ("conversions.jsonl", counts.conversions),
            |store, site, after| store.held_conversions(site, after, ROWS),
            shapes::conversion_json,
        )
        .await?;
        self.list(
            ("postbacks.jsonl", counts.postbacks),
            |store, site, after| store.postbacks(site, falling(after)),
            postback,
        )
        .await?;
        self.list(
            ("order_events.jsonl", counts.order_events),
            |store, site, after| store.order_events(site, falling(after)),
            |_, row| shapes::order_event_json(row),
        )
        .await
    }

    async fn traffic(&mut self, counts: &Counts) -> Result<(), Trouble> {
        self.list(
            ("visits.jsonl", counts.visits),
            |store, site, after| store.held_visits(site, after, ROWS),
            |_, (visit, caller)| with_caller(shapes::visit_json(visit), caller),
        )
        .await?;
        self.list(
            ("clicks.jsonl", counts.clicks),
            |store, site, after| store.held_clicks(site, after, ROWS),
            |_, (click, caller)| with_caller(shapes::click_json(click), caller),
        )
        .await?;
        self.list(
            ("events.jsonl", counts.events),
            |store, site, after| store.events(site, falling(after)),
            |_, row| shapes::event_json(row),
        )
        .await?;
        self.list(
            ("deliveries.jsonl", counts.deliveries),
            |store, site, after| store.held_deliveries(site, after, ROWS),
            |app, (delivery, sealed)| whole_json(app, delivery, sealed),
        )
        .await
    }

    async fn doings(&mut self, counts: &Counts) -> Result<(), Trouble> {
        self.list(
            ("costs.jsonl", counts.costs),
            |store, site, after| store.held_costs(site, after, ROWS),
            |_, cost| cost_json(&cost),
        )
        .await?;
        self.list(
            ("saved_reports.jsonl", counts.saved_reports),
            |store, site, _| {
                Box::pin(async move { Ok(Listing { items: store.saved_reports(site).await?, next: None }) })
            },
            |_, report| report_json(&report),
        )
        .await?;
        self.list(
            ("links.jsonl", counts.links),
            // A link that is looked at again meanwhile goes to the end: read from there, it might never be met.
            |store, site, after| store.links(site, Page { order: Order::Rising, ..falling(after) }),
            |_, row| shapes::link_json(row),
        )
        .await?;
        self.list(
            ("jobs.jsonl", counts.jobs),
            |store, site, after| store.jobs(site, falling(after)),
            |_, row| shapes::job_json(row),
        )
        .await?;
        self.list(
            ("audit.jsonl", counts.deeds),
            |store, site, after| {
                Box::pin(async move {
                    let filter = DeedFilter { site_id: Some(site.to_owned()), ..DeedFilter::default() };
                    let place = after.map(Place::parse).transpose();
                    let place = place.map_err(|error| StoreError::Corrupt(error.to_string()))?;
                    store.deeds(filter, place, ROWS).await
                })
            },
            |_, row| deed_json(row),
        )
        .await
    }

    /// A file that is there as a whole.
    async fn whole(&mut self, name: &'static str, text: String) -> Result<(), Trouble> {
        self.begin(name, 0).await?;
        let part = self.archive.write(move |out| out.write_all(text.as_bytes())).await?;
        self.reader.take(part).await
    }

    /// A list as JSON Lines.
    async fn list<R: Send + 'static>(
        &mut self,
        (name, count): (&'static str, u64),
        read: Read<R>,
        line: Line<R>,
    ) -> Result<(), Trouble> {
        self.begin(name, count).await?;
        let (mut after, mut written) = (None, 0_u64);
        loop {
            let listing = read(self.app.store.as_ref(), &self.site.site_id, after.as_deref()).await?;
            written = written.saturating_add(listing.items.len() as u64);
            let (app, items) = (Arc::clone(&self.app), listing.items);
            let part = self.archive.write(move |out| {
                for row in items {
                    serde_json::to_writer(&mut *out, &line(&app, row))?;
                    out.write_all(b"\n")?;
                }
                Ok(())
            });
            let part = part.await?;
            self.reader.take(part).await?;
            after = listing.next;
            if after.is_none() {
                self.lines.push((name, written));
                return Ok(());
            }
        }
    }

    /// The conversions as a table.
    async fn table(&mut self, counts: &Counts) -> Result<(), Trouble> {
        const NAME: &str = "conversions.csv";
        self.begin(NAME, counts.conversions).await?;
        let custom = Arc::new(custom_columns(&self.app));
        let head = header(&lists::conversion_columns(&custom));
        let part = self.archive.write(move |out| out.write_all(&head)).await?;
        self.reader.take(part).await?;
        // The header is a line, too.
        let (mut after, mut written) = (None, 1_u64);
        loop {
            let listing = self.app.store.held_conversions(&self.site.site_id, after.as_deref(), ROWS).await?;
            written = written.saturating_add(listing.items.len() as u64);
            let (custom, items) = (Arc::clone(&custom), listing.items);
            let part = self
                .archive
                .write(move |out| out.write_all(&lines(items.into_iter().map(|row| lists::conversion(row, &custom)))));
            let part = part.await?;
            self.reader.take(part).await?;
            after = listing.next;
            if after.is_none() {
                self.lines.push((NAME, written));
                return Ok(());
            }
        }
    }

    async fn begin(&mut self, name: &'static str, count: u64) -> Result<(), Trouble> {
        let is_large = count >= self.many as u64;
        let part = self.archive.begin(name, is_large).await?;
        self.reader.take(part).await
    }
}

/// The part of a list of the API after this place.
fn falling(after: Option<&str>) -> Page {
    Page { after: after.map(str::to_owned), ..Page::first(ROWS) }
}

fn with(mut json: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut json, more) {
        fields.extend(more);
    }
    json
}

fn with_caller(json: Value, caller: Caller) -> Value {
    with(json, json!({ "ip": caller.ip, "user_agent": caller.user_agent }))
}

/// A postback with all that is kept of the request.
fn postback(app: &App, row: PostbackRow) -> Value {
    let mut more = Map::new();
    match opened(app, &row).map(serde_json::to_value) {
        Ok(Ok(request)) => {
            more.insert("request".into(), request);
        }
        Ok(Err(error)) => {
            more.insert("request".into(), Value::Null);
            more.insert("problem".into(), error.to_string().into());
        }
        Err(problem) => {
            more.insert("request".into(), Value::Null);
            more.insert("problem".into(), problem.into());
        }
    }
    with(shapes::postback_json(app, row), more.into())
}
