//! SIGKILL anywhere between a postback and a platform's answer: each conversion reaches each platform, and always under the same event id.
//!
//! Three platforms on this machine note what they are told: one that takes batches, a signed webhook, a postback. The server is killed
//! before it sends, while a platform thinks, after its answer, and while platforms are down. `CRASH_KILLS` says how often (12),
//! `CRASH_SEED` repeats a run.
#![cfg(unix)]
// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code, reason = "what other tests do with the binary")]
mod binary;
mod dice;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use binary::{Home, Running, TOKEN, client, outbound, page_view};
use dice::Dice;
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the server is told about sending: leases and waits of a second.
const CONFIG: &str = "[outbox]\nlease_seconds = 1\nfirst_retry_seconds = 1\nlongest_retry_seconds = 1\n";

/// The server, which may send to platforms on this machine.
fn serving(home: &Home) -> Command {
    let mut command = home.serving(CONFIG);
    command.env("TAGWERK_ALLOW_PRIVATE_TARGETS", "true");
    command
}

/// What the platforms do when they are told something. They note it in any case.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Answer,
    /// They think until they are in another mood.
    Think,
    /// They are down.
    Fail,
}

/// How many parcels came, and how many requests were answered.
#[derive(Clone, Copy, Default)]
struct Counts {
    heard: usize,
    answered: usize,
}

/// The event ids of each platform, with what each tells and how often it came.
type Heard = BTreeMap<(String, String), (String, usize)>;

/// Three platforms on one port.
struct Fake {
    url: String,
    mood: watch::Sender<Mood>,
    counts: watch::Sender<Counts>,
    heard: Mutex<Heard>,
    /// What was answered with a yes: platform and event id.
    taken: Mutex<BTreeSet<(String, String)>>,
}

impl Fake {
    async fn open() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let fake = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            mood: watch::Sender::new(Mood::Answer),
            counts: watch::Sender::default(),
            heard: Mutex::default(),
            taken: Mutex::default(),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&fake));
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    fn note(&self, platform: &str, told: &[(String, String)]) {
        let mut heard = self.heard.lock().expect("not poisoned");
        for (event_id, what) in told {
            let noted = heard.entry((platform.into(), event_id.clone())).or_insert((what.clone(), 0));
            assert_eq!(noted.0, *what, "{platform} was told two things under {event_id}");
            noted.1 += 1;
        }
        self.counts.send_modify(|counts| counts.heard += told.len());
    }

    async fn until(&self, reached: impl Fn(&Counts) -> bool) {
        let mut counts = self.counts.subscribe();
        let waiting = counts.wait_for(|counts| reached(counts));
        tokio::time::timeout(PATIENCE, waiting).await.expect("something is sent").expect("the platforms are there");
    }
}

/// Event id of everything in a request, with what it tells of which order.
fn read(platform: &str, query: &BTreeMap<String, String>, headers: &HeaderMap, body: &[u8]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let json = || -> Value { serde_json::from_slice(body).expect("JSON") };
    match platform {
        "/postback" => {
            let what = if query["value"].starts_with('-') { "back" } else { "sale" };
            vec![(query["id"].clone(), format!("{what} {}", query["order"]))]
        }
        "/webhook" => {
            let data = &json()["data"];
            assert_eq!(headers["webhook-id"], text(&data["event_id"]));
            let what = if data["takes_back"] == true { "back" } else { "sale" };
            vec![(text(&data["event_id"]), format!("{what} {}", text(&data["order_id"])))]
        }
        _ => {
            let body = json();
            let events = body["data"].as_array().expect("events");
            let order = |event: &Value| text(&event["custom_data"]["order_id"]);
            events.iter().map(|event| (text(&event["event_id"]), format!("sale {}", order(event)))).collect()
        }
    }
}

async fn take(
    State(fake): State<Arc<Fake>>,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let platform = if uri.path().ends_with("/events") { "/events" } else { uri.path() };
    let told = read(platform, &query, &headers, &body);
    fake.note(platform, &told);
    let mood = *fake.mood.subscribe().wait_for(|mood| *mood != Mood::Think).await.expect("the platforms are there");
    fake.counts.send_modify(|counts| counts.answered += 1);
    match mood {
        Mood::Fail => (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>").into_response(),
        _ => {
            let count = told.len();
            let taken = told.into_iter().map(|(event_id, _)| (platform.to_owned(), event_id));
            fake.taken.lock().expect("not poisoned").extend(taken);
            axum::Json(json!({ "events_received": count })).into_response()
        }
    }
}

/// What was told to the server.
#[derive(Default)]
struct Told {
    sales: BTreeSet<String>,
    refunds: BTreeSet<String>,
}

impl Told {
    fn reports(&self) -> usize {
        self.sales.len() * 3 + self.refunds.len() * 2
    }
}

/// A visit from an ad, its click, its sale, perhaps a refund; each postback perhaps twice.
async fn sell(home: &Home, client: &Client, url: &str, dice: &mut Dice, told: &mut Told) {
    let mut random = |bytes: &mut [u8]| {
        bytes.fill_with(|| (dice.roll() >> 24) as u8);
        true
    };
    let visit_id = VisitId::mint(&mut random).expect("chance");
    let click_id = ClickId::mint(&visit_id, &mut random).expect("chance");
    let mut events = [page_view(&visit_id), outbound(&click_id)];
    for event in &mut events {
        event.landing.page = "https://a.example/?utm_source=ads&fbclid=IwAR0abc".into();
    }
    let order = format!("o-{visit_id}");
    let mut postbacks = vec![(format!("s-{visit_id}"), "payment")];
    if dice.below(3) == 0 {
        postbacks.push((format!("r-{visit_id}"), "refund"));
    }
    // The visit may report before or after its sale.
    let reports_first = dice.below(2) == 0;
    let report = async || {
        assert_eq!(home.report(client, url, &events).await.expect("an answer").status(), 204);
    };
    if reports_first {
        report().await;
    }
    for (transaction, kind) in postbacks {
        for _ in 0..=dice.below(2) {
            let query = [
                ("transaction_id", transaction.as_str()),
                ("transaction_type", kind),
                ("order_id", order.as_str()),
                ("cid", click_id.as_str()),
                ("amount_affiliate", "101.64"),
                ("amount_brutto", "165.19"),
                ("amount_netto", "163.55"),
                ("currency", "EUR"),
                ("product_id", "1"),
            ];
            assert_eq!(home.tell(client, url, &query).await.expect("an answer").status(), 200);
        }
        match kind {
            "refund" => told.refunds.insert(format!("back {order}")),
            _ => told.sales.insert(format!("sale {order}")),
        };
    }
    if !reports_first {
        report().await;
    }
}

async fn set_up(home: &Home, client: &Client, running: &Running, fake: &Fake) {
    let template = "id={event_id}&order={order_id}&value={value}";
    let settings = json!({ "platforms": {
        "meta": { "enabled": true, "pixel_id": "1", "base_url": fake.url, "access_token": "token-of-the-tests" },
        "webhook": { "enabled": true, "url": format!("{}/webhook", fake.url), "secret": "a-secret-of-the-tests-0123456789" },
        "postback": { "enabled": true, "url": format!("{}/postback?{template}", fake.url) },
    }});
    let url = format!("{}/api/v1/sites/{}/settings", running.url, home.site_id);
    let answer = client.patch(url).bearer_auth(TOKEN).json(&settings).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
}

fn is_delivered(known: &[Value], (path, event_id): &(String, String)) -> bool {
    let platform = if path == "/events" { "meta" } else { path.trim_start_matches('/') };
    let is_it = |row: &&Value| row["platform"] == platform && row["event_id"] == event_id.as_str();
    known.iter().find(is_it).is_some_and(|row| row["state"] == "delivered")
}

/// Asks again and again until everything is delivered.
async fn all_delivered(home: &Home, client: &Client, running: &Running, reports: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let deliveries = home.list(client, &running.url, "deliveries").await;
        let waits = deliveries.iter().find(|row| row["state"] != "delivered");
        if deliveries.len() == reports && waits.is_none() {
            return deliveries;
        }
        assert!(begun.elapsed() < PATIENCE, "{} of {reports}; {waits:?}", deliveries.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_conversion_reaches_each_platform_under_one_event_id_however_often_the_server_is_killed() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let kills: u64 = number("CRASH_KILLS").unwrap_or(12);
    let seed: u64 = number("CRASH_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("CRASH_SEED={seed} CRASH_KILLS={kills}");
    let mut dice = Dice(seed);
    let (home, fake, client) = (Home::new(), Fake::open().await, client());
    let mut told = Told::default();
    let (mut taken, mut not_kept) = (BTreeSet::new(), 0);
    let running = Running::start(serving(&home));
    set_up(&home, &client, &running, &fake).await;
    running.stop();
    for kill in 0..kills {
        // The first four kills are one of each kind.
        let kind = if kill < 4 { kill } else { dice.below(4) as u64 };
        let running = Running::start(serving(&home));
        let known = home.list(&client, &running.url, "deliveries").await;
        not_kept += taken.iter().filter(|taken| !is_delivered(&known, taken)).count();
        let before = *fake.counts.borrow();
        fake.mood.send_replace(match kind {
            1 => Mood::Think,
            3 => Mood::Fail,
            _ => Mood::Answer,
        });
        for _ in 0..=dice.below(3) {
            sell(&home, &client, &running.url, &mut dice, &mut told).await;
        }
        match kind {
            // At once: perhaps nothing was sent yet.
            0 => {}
            // It was sent, and not answered.
            1 => fake.until(|counts| counts.heard > before.heard).await,
            // Some answers were given; whether they were kept is a matter of moments.
            _ => {
                let answers = before.answered + 1 + dice.below(3);
                fake.until(|counts| counts.answered >= answers).await;
                for _ in 0..dice.below(3) {
                    home.list(&client, &running.url, "deliveries").await;
                }
            }
        }
        running.kill();
        taken = std::mem::take(&mut *fake.taken.lock().expect("not poisoned"));
        // Whoever still thinks answers nobody.
        fake.mood.send_replace(Mood::Answer);
        if dice.below(4) == 0 {
            let mut early = serving(&home).stdout(Stdio::null()).spawn().expect("the binary runs");
            early.kill().expect("a process of ours");
            early.wait().expect("it is gone");
        }
    }
    let running = Running::start(serving(&home));
    sell(&home, &client, &running.url, &mut dice, &mut told).await;
    let deliveries = all_delivered(&home, &client, &running, told.reports()).await;
    running.stop();

    let heard = fake.heard.lock().expect("not poisoned").clone();
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (platform, expected) in [
        ("/events", told.sales.clone()),
        ("/webhook", told.sales.union(&told.refunds).cloned().collect()),
        ("/postback", told.sales.union(&told.refunds).cloned().collect()),
    ] {
        let known: Vec<(&str, &str)> = heard
            .iter()
            .filter(|((of, _), _)| of == platform)
            .map(|((_, event_id), (what, _))| (event_id.as_str(), what.as_str()))
            .collect();
        // By event id, as a platform counts that tells repeats: each once, and all of them.
        let counted: BTreeSet<String> = known.iter().map(|(_, what)| (*what).to_owned()).collect();
        assert_eq!(counted, expected, "{platform}");
        assert_eq!(known.len(), expected.len(), "{platform} counts something twice: {known:?}");
        for (event_id, what) in known {
            ids.entry(what).or_default().insert(event_id);
        }
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "every platform knows it by the same id: {ids:?}");
    let listed: BTreeSet<&str> = deliveries.iter().map(|row| row["event_id"].as_str().expect("an id")).collect();
    assert_eq!(listed, ids.values().flatten().copied().collect());
    let times: usize = heard.values().map(|(_, times)| times).sum();
    assert!(kills < 4 || times > heard.len(), "no kill had anything sent again");
    println!(
        "{} deliveries of {} conversions, sent {times} times; {not_kept} yeses were lost with the server",
        heard.len(),
        ids.len()
    );
}
