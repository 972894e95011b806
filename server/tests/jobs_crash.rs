//! Long tasks and SIGKILL: a replay, an import or a reconciliation that is killed again and again ends as one that never was.
//!
//! Each is prepared once, in one data directory, of which there are then two copies: on one the task runs through, on the other
//! the server is killed. `CRASH_KILLS` says how often for each task (6), `CRASH_SEED` repeats a run.
#![cfg(unix)]
// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code, reason = "what other tests do with the binary")]
mod binary;
mod dice;
#[allow(dead_code, reason = "what other tests do with the network's API")]
#[path = "http/network_api.rs"]
mod network_api;

use binary::{Home, Running, TOKEN, client, outbound, page_view};
use dice::Dice;
use network_api::{KEY, NetworkApi, day};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tokio::task::JoinSet;

/// How long a task may take in all.
const PATIENCE: Duration = Duration::from_secs(120);

/// A new click of a new visit.
fn new_click(dice: &mut Dice) -> ClickId {
    let mut random = |bytes: &mut [u8]| {
        bytes.fill_with(|| (dice.roll() >> 24) as u8);
        true
    };
    let visit_id = VisitId::mint(&mut random).expect("chance");
    ClickId::mint(&visit_id, &mut random).expect("chance")
}

/// A long task of the API's.
#[derive(Clone)]
struct Task {
    /// Behind the site in the path.
    path: &'static str,
    query: Vec<(&'static str, String)>,
    body: String,
    /// How many things it counts in all.
    things: usize,
}

/// The books, as they can be compared.
#[derive(Debug, PartialEq)]
struct Books {
    conversions: Vec<Value>,
    postbacks: Vec<Value>,
    job: Value,
}

fn seeded(test: &str) -> (Dice, usize) {
    let said = |name: &str| std::env::var(name).ok();
    let kills = said("CRASH_KILLS").map_or(6, |text| text.parse().expect("a number"));
    let seed =
        said("CRASH_SEED").map_or_else(|| RandomState::new().hash_one(test), |text| text.parse().expect("a number"));
    println!("{test}: CRASH_SEED={seed} CRASH_KILLS={kills}");
    (Dice(seed), kills)
}

/// The server, with a network's API on this machine that may be asked as often as one likes.
fn start(home: &Home) -> Running {
    let groups = home.data.path().join("groups");
    std::fs::create_dir_all(&groups).expect("made");
    let known = concat!(env!("CARGO_MANIFEST_DIR"), "/../groups/digistore24.toml");
    let text = std::fs::read_to_string(known).expect("the group");
    let often = text.replace("requests_per_minute = 60", "requests_per_minute = 60000");
    assert_ne!(text, often);
    std::fs::write(groups.join("digistore24.toml"), often).expect("written");
    let config = home.data.path().join("jobs.toml");
    std::fs::write(&config, format!("groups_dir = {:?}\nallow_private_targets = true\n", groups.display().to_string()))
        .expect("written");
    let mut command = home.serving("");
    command.env("TAGWERK_CONFIG", config);
    Running::start(command)
}

/// Another home, with everything that this one holds. Its server must not run.
fn twin(home: &Home) -> Home {
    let data = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(home.data.path()).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a kind").is_file() {
            std::fs::copy(entry.path(), data.path().join(entry.file_name())).expect("copied");
        }
    }
    Home { data, site_id: home.site_id.clone(), tracking_id: home.tracking_id.clone() }
}

fn api(home: &Home, client: &Client, running: &Running, method: Method, path: &str) -> RequestBuilder {
    client.request(method, format!("{}/api/v1/sites/{}{path}", running.url, home.site_id)).bearer_auth(TOKEN)
}

async fn change_settings(home: &Home, client: &Client, running: &Running, change: Value) {
    let answer = api(home, client, running, Method::PATCH, "/settings").json(&change).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
}

/// Begins, and answers with the job's id.
async fn begin(home: &Home, client: &Client, running: &Running, task: &Task) -> String {
    let request = api(home, client, running, Method::POST, task.path).query(&task.query).body(task.body.clone());
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 202, "{:?}", answer.text().await);
    let job: Value = answer.json().await.expect("JSON");
    job["id"].as_str().expect("an id").to_owned()
}

async fn job(home: &Home, client: &Client, running: &Running, id: &str) -> Value {
    let answer = api(home, client, running, Method::GET, &format!("/jobs/{id}")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

fn has_ended(job: &Value) -> bool {
    ["done", "failed"].iter().any(|state| job["state"] == *state)
}

fn counted(job: &Value) -> usize {
    let counts = job["counts"].as_object().expect("counts").values().filter_map(Value::as_u64);
    usize::try_from(counts.sum::<u64>()).expect("64 bits")
}

/// Asks again and again until the job has ended, or has counted so many.
async fn until(home: &Home, client: &Client, running: &Running, id: &str, count: usize) -> Value {
    let begun = Instant::now();
    loop {
        let found = job(home, client, running, id).await;
        if has_ended(&found) || counted(&found) >= count {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{found}");
    }
}

/// Runs the task without harm.
async fn uninterrupted(home: &Home, task: &Task) -> Value {
    let (client, running) = (client(), start(home));
    let id = begin(home, &client, &running, task).await;
    let ended = until(home, &client, &running, &id, usize::MAX).await;
    running.stop();
    ended
}

/// Runs the task on a server that is killed so many times; how many of them found it at work.
async fn interrupted(home: &Home, task: &Task, kills: usize, dice: &mut Dice) -> (Value, usize) {
    let (client, mut running) = (client(), start(home));
    let id = begin(home, &client, &running, task).await;
    let (mut seen, mut at_work) = (0, 0);
    for _ in 0..kills {
        if dice.below(4) != 0 {
            // After so many more, and then some moments: a step is under way at that very instant.
            let further = seen + 1 + dice.below(task.things / kills.max(1) + 1);
            seen = counted(&until(home, &client, &running, &id, further).await);
            for _ in 0..dice.below(4) {
                job(home, &client, &running, &id).await;
            }
        }
        let last = job(home, &client, &running, &id).await;
        running.kill();
        at_work += usize::from(!has_ended(&last));
        if dice.below(3) == 0 {
            // It does not even come up again: it dies somewhere on the way.
            let mut early = home.serving("").stdout(std::process::Stdio::null()).spawn().expect("the binary runs");
            early.kill().expect("a process of ours");
            early.wait().expect("it is gone");
        }
        running = start(home);
        let now = job(home, &client, &running, &id).await;
        assert!(counted(&now) >= counted(&last), "what was counted is gone: {last} {now}");
    }
    let ended = until(home, &client, &running, &id, usize::MAX).await;
    running.stop();
    (ended, at_work)
}

/// What there is in the end; ids and times of receipt only where both runs share them.
async fn books(home: &Home, job: &Value, with_ids: bool) -> Books {
    let (client, running) = (client(), start(home));
    let mut conversions = home.list(&client, &running.url, "conversions").await;
    let mut postbacks = home.list(&client, &running.url, "postbacks").await;
    running.stop();
    if !with_ids {
        let name = |item: &Value| format!("{} {}", item["transaction_id"], item["transaction_type"]);
        let names: BTreeMap<String, String> =
            conversions.iter().map(|item| (item["id"].to_string(), name(item))).collect();
        let named = |item: &mut Value, field: &str| {
            if let Some(name) = names.get(&item[field].to_string()) {
                item[field] = name.as_str().into();
            }
        };
        for item in conversions.iter_mut().chain(&mut postbacks) {
            for field in ["sale_id", "conversion_id"] {
                named(item, field);
            }
            for field in ["id", "received_at"] {
                item[field] = Value::Null;
            }
        }
        for list in [&mut conversions, &mut postbacks] {
            list.sort_by_key(Value::to_string);
        }
    }
    let mut job = job.clone();
    for field in ["id", "created_at", "updated_at"] {
        job[field] = Value::Null;
    }
    Books { conversions, postbacks, job }
}

/// Runs the task on two copies of a home, and holds what comes of it against each other.
async fn holds(name: &str, home: &Home, task: Task, with_ids: bool, kills: usize, dice: &mut Dice) -> Books {
    let (smooth, rough) = (twin(home), twin(home));
    let whole = uninterrupted(&smooth, &task).await;
    assert_eq!(whole["state"], "done", "{whole}");
    let (pieces, at_work) = interrupted(&rough, &task, kills, dice).await;
    println!("{name}: killed {kills} times, {at_work} of them at work; {}", pieces["counts"]);
    assert!(kills == 0 || at_work > 0, "no kill found it at work");
    let (expected, found) = (books(&smooth, &whole, with_ids).await, books(&rough, &pieces, with_ids).await);
    assert_eq!(found.job, expected.job);
    assert_eq!(found.conversions.len(), expected.conversions.len());
    for (one, other) in found.conversions.iter().zip(&expected.conversions) {
        assert_eq!(one, other);
    }
    assert_eq!(found.postbacks, expected.postbacks);
    found
}

/// The postbacks of one order, as they may come: a sale, an upsell, a refund; one that is refused; one that comes twice.
fn postbacks(order: usize, click_id: &ClickId) -> Vec<Vec<(&'static str, String)>> {
    let postback = |suffix: &str, kind: &str, more: &[(&'static str, &str)]| {
        let mut query = vec![
            ("transaction_id", format!("t-{order}-{suffix}")),
            ("order_id", format!("o-{order}")),
            ("transaction_type", kind.to_owned()),
            ("amount_affiliate", format!("{order}.64")),
            ("amount_brutto", format!("{}.19", order + 60)),
            ("amount_netto", format!("{}.55", order + 50)),
            ("currency", "EUR".to_owned()),
            ("cid", click_id.to_string()),
        ];
        query.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        query
    };
    vec![
        postback("a", "payment", &[("order_type", "initial_sale")]),
        postback("b", "payment", &[("order_type", "upsell")]),
        postback("a", "payment", &[("order_type", "initial_sale"), ("country", "DE")]),
        postback("r", "refund", &[]),
        postback("x", "moved_house", &[]),
    ]
}

const CALLERS: usize = 8;

/// A site with the postbacks of so many orders, half of them with clicks that are known. Its server has stopped.
async fn with_postbacks(orders: usize, dice: &mut Dice) -> Home {
    let home = Arc::new(Home::new());
    let running = start(&home);
    let clicks: Vec<ClickId> = (0..orders).map(|_| new_click(dice)).collect();
    let mut at_work = JoinSet::new();
    for caller in 0..CALLERS {
        let (home, url, clicks) = (Arc::clone(&home), running.url.clone(), clicks.clone());
        at_work.spawn(async move {
            let client = client();
            for (order, click_id) in clicks.iter().enumerate().skip(caller).step_by(CALLERS) {
                if order % 2 == 0 {
                    let events = [page_view(&click_id.visit()), outbound(click_id)];
                    assert_eq!(home.report(&client, &url, &events).await.expect("an answer").status(), 204);
                }
                for query in postbacks(order, click_id) {
                    let pairs: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    let status = home.tell(&client, &url, &pairs).await.expect("an answer").status();
                    assert!([200, 422].contains(&status.as_u16()), "{status}");
                }
            }
        });
    }
    at_work.join_all().await;
    running.stop();
    Arc::into_inner(home).expect("the callers are through")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_is_killed_again_and_again_gives_the_books_of_one_that_was_not() {
    let (mut dice, kills) = seeded("replay");
    let orders = 240;
    let home = with_postbacks(orders, &mut dice).await;
    let (client, running) = (client(), start(&home));
    let before = home.list(&client, &running.url, "conversions").await;
    let rules = json!({
        "purchase_value": "affiliate",
        "types": [{ "name": "Upsell", "from": { "order_type": ["upsell"] } }],
        "groups": { "digistore24": { "currency": "USD" } },
    });
    change_settings(&home, &client, &running, rules).await;
    running.stop();
    let things = orders * 5;
    let task = Task { path: "/replay", query: Vec::new(), body: "{}".into(), things };
    let after = holds("replay", &home, task, true, kills, &mut dice).await;
    assert_eq!(counted(&after.job), things);
    // The rules of now, and the ids of then.
    let ids = |list: &[Value]| list.iter().map(|item| item["id"].to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&after.conversions), ids(&before));
    let sale = |list: &[Value]| list.iter().find(|item| item["transaction_id"] == "t-7-b").cloned().expect("a sale");
    let (old, new) = (sale(&before), sale(&after.conversions));
    assert_eq!((&old["type"], &old["value"], &old["currency"]), (&json!("Purchase"), &json!("9.64"), &json!("EUR")));
    assert_eq!((&new["type"], &new["value"], &new["currency"]), (&json!("Upsell"), &json!("7.64"), &json!("USD")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_again_and_again_books_each_row_once() {
    let (mut dice, kills) = seeded("import");
    let home = Home::new();
    let (client, running) = (client(), start(&home));
    let click_id = new_click(&mut dice);
    let events = [page_view(&click_id.visit()), outbound(&click_id)];
    assert_eq!(home.report(&client, &running.url, &events).await.expect("an answer").status(), 204);
    running.stop();
    let rows = 2000;
    let mut file =
        "transaction_id,transaction_type,order_id,amount_brutto,amount_netto,currency,datetime_full,cid\n".to_owned();
    for row in 0..rows {
        let (order, click_id) = (row / 2, if row % 10 == 0 { click_id.as_str() } else { "" });
        let (kind, at) = (if row % 8 == 7 { "refund" } else { "payment" }, "2024-05-06T07:08:09+02:00");
        // Every hundredth does not read.
        let amount = if row % 100 == 50 { "much".to_owned() } else { format!("{}.19", row % 97 + 20) };
        writeln!(file, "t-{row},{kind},o-{order},{amount},{}.00,EUR,{at},{click_id}", row % 7).expect("a text");
    }
    let task = Task { path: "/import", query: vec![("group", "digistore24".into())], body: file, things: rows };
    let after = holds("import", &home, task, false, kills, &mut dice).await;
    assert_eq!((counted(&after.job), &after.job["total"]), (rows, &json!(rows)));
    assert_eq!(after.conversions.len(), rows - rows / 100);
    assert!(after.conversions.iter().any(|item| item["state"] == "attributed"));
    assert!(after.conversions.iter().any(|item| !item["sale_id"].is_null()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconciliation_that_is_killed_again_and_again_books_what_was_missing_once() {
    let (mut dice, kills) = seeded("reconciliation");
    let (home, network) = (Home::new(), NetworkApi::open().await);
    let (client, running) = (client(), start(&home));
    let settings = json!({ "groups": { "digistore24": { "api_key": KEY, "api_base_url": network.url } } });
    change_settings(&home, &client, &running, settings).await;
    let sales = 120;
    for sale in 0..sales {
        let (id, order, click_id) = (format!("t-{sale}"), format!("o-{sale}"), new_click(&mut dice));
        network.sell(&id, &order, json!({}));
        if sale % 2 == 0 {
            network.order(&order, click_id.as_str());
            let events = [page_view(&click_id.visit()), outbound(&click_id)];
            assert_eq!(home.report(&client, &running.url, &events).await.expect("an answer").status(), 204);
        }
        if sale % 3 == 0 {
            let postback = [
                ("transaction_id", id.as_str()),
                ("transaction_type", "payment"),
                ("amount_brutto", "294.00"),
                ("amount_netto", "247.06"),
                ("currency", "EUR"),
                ("cid", click_id.as_str()),
            ];
            assert_eq!(home.tell(&client, &running.url, &postback).await.expect("an answer").status(), 200);
        }
    }
    running.stop();
    let body = json!({ "group": "digistore24", "from": day(1), "to": day(0) }).to_string();
    let task = Task { path: "/reconcile", query: Vec::new(), body, things: sales };
    let after = holds("reconciliation", &home, task, false, kills, &mut dice).await;
    assert_eq!((&after.job["counts"]["listed"], &after.job["counts"]["known"]), (&json!(sales), &json!(sales / 3)));
    assert_eq!((after.conversions.len(), after.postbacks.len()), (sales, sales));
    assert!(after.conversions.iter().any(|item| item["state"] == "attributed"));
}
