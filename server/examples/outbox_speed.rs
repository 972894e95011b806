//! How fast what waits is sent on: the release server empties 100 thousand waiting deliveries of several sites to a fake of three platforms
//! on loopback. Tells deliveries a second, memory, and how fairly the outlets were served. `npm run bench:outbox` builds and runs this; it
//! writes `bench/outbox.md`.

#[path = "bench/process.rs"]
#[expect(dead_code, reason = "the other measurement uses the rest")]
mod process;
#[path = "bench/story.rs"]
#[expect(dead_code, reason = "the other measurement uses the rest")]
mod story;

use anyhow::{Context as _, Result, anyhow, ensure};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use clap::Parser;
use process::Running;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tagwerk_server::app::row_id_at;
use tagwerk_server::groups::Groups;
use tagwerk_server::reading::{self, Corrections, Ids, RawRequest};
use tagwerk_server::settings::SiteSettings;
use tagwerk_server::store::sqlite::{Options, Sqlite};
use tagwerk_server::store::{Channel, Inbox, ReceivedEvent, ReceivedPostback, Sites};
use tagwerk_server::vault::Vault;
use tagwerk_server::visit;
use tokio::task::JoinSet;

const TOKEN: &str = "bench-token-of-this-run-only";
/// What every site sends to: one that takes a thousand at once, one that takes 25, one that takes each for itself.
const PLATFORMS: [&str; 3] = ["meta", "ga4", "webhook"];
/// The postback of every sale. It is data: no source names a network.
const POSTBACK: &str = include_str!("../../bench/server/postback.txt");
/// How many visitors a site's sales come from.
const VISITS: u64 = 500;
/// How long everything may take.
const PATIENCE: Duration = Duration::from_secs(1800);

#[derive(Parser)]
#[command(about = "Measures how fast what waits for the platforms is sent")]
struct Arguments {
    /// The release server.
    #[arg(long)]
    server: PathBuf,
    /// How many deliveries wait.
    #[arg(long, default_value_t = 100_000)]
    deliveries: u64,
    /// How many sites they are of.
    #[arg(long, default_value_t = 4)]
    sites: u64,
    /// Only prints what it measured.
    #[arg(long)]
    print: bool,
}

/// What the fake platforms heard, by outlet.
#[derive(Default)]
struct Heard {
    requests: u64,
    events: HashSet<String>,
    repeated: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

type Fake = Arc<Mutex<BTreeMap<String, Heard>>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // Not the system's temporary folder: that may be memory, and then nothing is made durable.
    let beside = arguments.server.parent().context("the server has no folder")?;
    let folder = tempfile::Builder::new().prefix("bench-outbox-").tempdir_in(beside)?;
    let fake: Fake = Fake::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let platform = format!("http://{}", listener.local_addr()?);
    let router = Router::new().fallback(answer).with_state(Arc::clone(&fake));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let sites = set_up(&arguments, folder.path(), &platform).await?;
    let outlets = sites.len() * PLATFORMS.len();
    let each = arguments.deliveries.div_ceil(u64::try_from(outlets)?);
    println!("{each} sales for each of {} sites, {outlets} outlets", sites.len());
    fill(folder.path(), &sites, each).await?;

    println!("sending");
    let began = Instant::now();
    let (server, _) = start(&arguments.server, folder.path())?;
    let mut memory = Vec::new();
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        memory.push(server.usage().memory);
        let heard: u64 = fake.lock().unwrap_or_else(PoisonError::into_inner).values().map(Heard::count).sum();
        if heard >= each * u64::try_from(outlets)? {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "only {heard} were sent");
    }
    let usage = server.usage();
    server.end()?;
    let text = table(&fake.lock().unwrap_or_else(PoisonError::into_inner), &memory, usage, began);
    println!("\n{text}");
    if !arguments.print {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/outbox.md");
        std::fs::write(path, text)?;
        println!("written: bench/outbox.md");
    }
    Ok(())
}

impl Heard {
    fn count(&self) -> u64 {
        u64::try_from(self.events.len()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, event_id: &str) {
        if !self.events.insert(event_id.to_owned()) {
            self.repeated += 1;
        }
    }
}

/// Answers as the platforms do, `/<site>/<platform>/...`, and counts what it was told.
async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let (site, platform) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let header = request.headers().get("webhook-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Ok(body) = axum::body::to_bytes(request.into_body(), 1 << 24).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    let list = |key: &str| said.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut fake = fake.lock().unwrap_or_else(PoisonError::into_inner);
    let heard = fake.entry(format!("{site}/{platform}")).or_default();
    let now = Instant::now();
    heard.requests += 1;
    heard.first.get_or_insert(now);
    heard.last = Some(now);
    match platform {
        "meta" => {
            let events = list("data");
            events.iter().filter_map(|event| event.get("event_id")?.as_str()).for_each(|id| heard.take(id));
            Json(json!({ "events_received": events.len(), "messages": [], "fbtrace_id": "t" })).into_response()
        }
        "ga4" => {
            let ids = list("events");
            ids.iter()
                .filter_map(|event| event.pointer("/params/transaction_id")?.as_str())
                .for_each(|id| heard.take(id));
            StatusCode::NO_CONTENT.into_response()
        }
        _ => {
            heard.take(header.as_deref().unwrap_or_default());
            StatusCode::OK.into_response()
        }
    }
}

/// Makes the sites and switches their platforms on; answers the sites' ids.
async fn set_up(arguments: &Arguments, folder: &Path, platform: &str) -> Result<Vec<String>> {
    for number in 0..arguments.sites {
        let made =
            command(&arguments.server, folder).args(["site", "add", "--name", &format!("bench {number}")]).output()?;
        ensure!(made.status.success(), "no site: {}", String::from_utf8_lossy(&made.stderr));
    }
    let (server, url) = start(&arguments.server, folder)?;
    tagwerk_server::outgoing::choose_cryptography();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let listed = client.get(format!("{url}/api/v1/sites")).bearer_auth(TOKEN).send().await?;
    let listed: Value = listed.error_for_status()?.json().await?;
    let items = listed.get("items").and_then(Value::as_array).context("no sites")?;
    let sites: Vec<String> = items.iter().filter_map(|site| site.get("site_id")?.as_str()).map(str::to_owned).collect();
    for site in &sites {
        let at = |name: &str| format!("{platform}/{site}/{name}");
        let change = json!({ "platforms": {
            "meta": { "enabled": true, "send": "all", "pixel_id": "1", "access_token": "t", "base_url": at("meta") },
            "ga4": { "enabled": true, "measurement_id": "G-1", "api_secret": "s", "base_url": at("ga4") },
            "webhook": { "enabled": true, "url": at("webhook"), "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" },
        } });
        let url = format!("{url}/api/v1/sites/{site}/settings");
        let changed = client.patch(url).bearer_auth(TOKEN).json(&change).send().await?;
        ensure!(changed.status().is_success(), "settings: {}", changed.text().await?);
    }
    server.end()?;
    Ok(sites)
}

fn command(server: &Path, folder: &Path) -> Command {
    let mut command = Command::new(server);
    command
        .env("TAGWERK_LISTEN", "127.0.0.1:0")
        .env("TAGWERK_DATA_DIR", folder)
        .env("TAGWERK_ADMIN_TOKEN", TOKEN)
        .env("TAGWERK_ALLOW_PRIVATE_TARGETS", "true")
        .env("TAGWERK_LOG", "warn");
    command
}

/// Starts the server; answers its URL too.
fn start(server: &Path, folder: &Path) -> Result<(Running, String)> {
    let mut server = Running::start(command(server, folder).arg("serve").stdout(Stdio::piped()))?;
    let output = server.output().context("no output")?;
    let mut lines = BufReader::new(output).lines();
    loop {
        let line = lines.next().context("the server ended")??;
        if let Some(url) = line.strip_prefix("listening on ") {
            let url = url.to_owned();
            // Whoever writes must be read.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((server, url));
        }
    }
}

/// Receives so many sales for each site through the store's own writer, at the present time: nothing is too old to be sent.
async fn fill(folder: &Path, sites: &[String], each: u64) -> Result<()> {
    let options = Options { queue: 1 << 17, batch: 1 << 14, readers: 1, ..Options::default() };
    let store = Arc::new(Sqlite::open(&folder.join("tagwerk.db"), options)?);
    let groups = Groups::load(None).map_err(|problem| anyhow!(problem))?;
    let vault = Vault::open(folder, true)?;
    for site_id in sites {
        let site = store.site(site_id).await?.context("no such site")?;
        let settings = SiteSettings::of(&site)?;
        let clicks = visit(&store, site_id, &settings).await?;
        let mut writes = JoinSet::new();
        for number in 0..each {
            let click = clicks.get(usize::try_from(number)? % clicks.len()).context("no clicks")?;
            let postback = sale(&groups, &settings, &vault, number, click)?;
            let (store, site_id) = (Arc::clone(&store), site_id.clone());
            writes.spawn(async move { store.receive_postback(&site_id, postback).await.map(drop) });
        }
        while let Some(written) = writes.join_next().await {
            written??;
        }
    }
    store.close().await;
    Ok(())
}

/// Some visitors of a site, whose clicks the sales come from; answers the click ids.
async fn visit(store: &Sqlite, site_id: &str, settings: &SiteSettings) -> Result<Vec<String>> {
    let table = tagwerk_server::groups::clicks().map_err(|problem| anyhow!(problem))?;
    let received_at = tagwerk_server::app::now();
    let mut clicks = Vec::new();
    for number in 0..VISITS {
        let happened = story::events(story::Moment { number, at: received_at - 60_000 }).context("no ids")?;
        clicks.extend(happened.iter().filter_map(|event| event.click_id.as_ref()).map(|id| id.as_str().to_owned()));
        let own_hosts = settings.own_hosts();
        let rules =
            visit::Rules { clicks: &table, own_hosts: &own_hosts, attribution: &settings.attribution, cost: None };
        let request = visit::Request { user_agent: "Mozilla/5.0 (Windows NT 10.0)".into(), country: None };
        let events = happened.into_iter().map(|event| ReceivedEvent {
            id: row_id_at(received_at),
            received_at,
            ip: Some("192.0.2.0".into()),
            user_agent: Some(request.user_agent.clone()),
            visit: visit::of(row_id_at(received_at), &event, rules, &request),
            event,
        });
        store.receive_events(site_id, events.collect()).await?;
    }
    Ok(clicks)
}

fn sale(
    groups: &Groups,
    settings: &SiteSettings,
    vault: &Vault,
    number: u64,
    click_id: &str,
) -> Result<ReceivedPostback> {
    let mut line = String::new();
    for (index, piece) in POSTBACK.trim_end().split(['{', '}']).enumerate() {
        line.push_str(&match (index % 2, piece) {
            (0, piece) => piece.to_owned(),
            (_, "click_id") => click_id.to_owned(),
            (_, "transaction" | "order") => format!("B{number}"),
            (_, "transaction_type") => "payment".into(),
            (_, "order_type") => "initial_sale".into(),
            (_, "billing_type") => "single_payment".into(),
            (_, "billing_status") => "completed".into(),
            (_, "affiliate" | "vendor" | "brutto" | "netto") => "19.90".into(),
            (_, "product") => "7".into(),
            (_, "seconds") => (tagwerk_server::app::now() / 1000).to_string(),
            _ => String::new(),
        });
    }
    let (group, query) = line.split_once('?').context("the postback has no query")?;
    let raw = RawRequest {
        method: "GET".into(),
        query: query.into(),
        source_ip: "192.0.2.1".into(),
        ..RawRequest::default()
    };
    let received_at = tagwerk_server::app::now();
    let id = row_id_at(received_at);
    let context = reading::Context { groups, settings, passphrase: &|_| None };
    let ids = Ids { postback: &id, conversion: row_id_at(received_at) };
    let said = reading::read(&context, Channel::Collect, group, &raw, &Corrections::new(), ids)?;
    Ok(ReceivedPostback {
        received_at,
        group: group.to_owned(),
        channel: Channel::Collect,
        raw: vault.seal(&RawRequest::place(&id), &serde_json::to_vec(&raw)?)?,
        said: Ok(said),
        id,
    })
}

fn table(fake: &BTreeMap<String, Heard>, memory: &[f64], usage: process::Usage, began: Instant) -> String {
    let after = |at: Option<Instant>| at.map_or(0.0, |at| at.duration_since(began).as_secs_f64());
    let all: u64 = fake.values().map(Heard::count).sum();
    let repeated: u64 = fake.values().map(|heard| heard.repeated).sum();
    let end = fake.values().map(|heard| after(heard.last)).fold(0.0, f64::max);
    let start = fake.values().map(|heard| after(heard.first)).fold(f64::MAX, f64::min);
    let half = memory.len() / 2;
    let peak = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    let (early, late) = memory.split_at(half);
    let mut text = format!(
        "# Sending on\n\nMade by `npm run bench:outbox`: what waits of several sites, sent to fakes of three platforms on loopback, by the release \
         server on the same machine.\n\n| what | figure |\n|---|---|\n| deliveries | {all}, of which {repeated} came twice |\n| a second | {:.0} |\n\
         | memory, most in the first half and in the second | {:.0} MB, {:.0} MB |\n| processor | {:.1} s, of which the writer {:.1} s |\n\n\
         | outlet | deliveries | requests | first after | last after | a second |\n|---|---|---|---|---|---|\n",
        all as f64 / (end - start).max(0.001),
        peak(early),
        peak(late),
        usage.cpu,
        usage.writer,
    );
    let mut sites: BTreeMap<&str, usize> = BTreeMap::new();
    for (outlet, heard) in fake {
        let (site, platform) = outlet.split_once('/').unwrap_or((outlet, ""));
        let next = sites.len() + 1;
        let number = *sites.entry(site).or_insert(next);
        let (first, last) = (after(heard.first), after(heard.last));
        let rate = heard.count() as f64 / (last - first).max(0.001);
        text.push_str(&format!(
            "| site {number}, {platform} | {} | {} | {first:.1} s | {last:.1} s | {rate:.0} |\n",
            heard.count(),
            heard.requests
        ));
    }
    text
}
