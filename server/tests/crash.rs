//! Whatever the moment at which the server is killed: what it acknowledged is there, once.
//!
//! Callers send events and postbacks over connections of their own and, like the tag and the networks, send again what was not
//! acknowledged. `CRASH_KILLS` says how often the server is killed (20), `CRASH_SEED` repeats a run.
#![cfg(unix)]
// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod binary;
mod dice;

use binary::{Home, Running, client, outbound, page_view};
use dice::Dice;
use reqwest::Client;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tagwerk_protocol::event::Event;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

const CALLERS: u64 = 8;

/// Something to send, again and again until it is acknowledged.
#[derive(Clone)]
enum Item {
    Events(Vec<Event>),
    Postback { transaction: String, kind: &'static str, click_id: ClickId },
}

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    events: BTreeSet<String>,
    clicks: BTreeSet<String>,
    visits: BTreeSet<String>,
    /// `random` of each request that was acknowledged.
    postbacks: BTreeSet<String>,
    /// Transaction and type.
    conversions: BTreeSet<(String, String)>,
}

/// One connection's work: what is still to be sent survives the server.
struct Caller {
    dice: Dice,
    backlog: VecDeque<Item>,
    acknowledged: Acknowledged,
}

impl Caller {
    /// A visit, a click, a sale and perhaps its refund, in any order; some of it twice.
    fn imagine(&mut self) {
        let dice = &mut self.dice;
        let mut random = |bytes: &mut [u8]| {
            bytes.fill_with(|| (dice.roll() >> 24) as u8);
            true
        };
        let visit_id = VisitId::mint(&mut random).expect("chance");
        let click_id = ClickId::mint(&visit_id, &mut random).expect("chance");
        let postback = |kind| Item::Postback { transaction: format!("t-{visit_id}"), kind, click_id: click_id.clone() };
        let mut items = match self.dice.below(2) {
            0 => vec![Item::Events(vec![page_view(&visit_id), outbound(&click_id)])],
            _ => vec![Item::Events(vec![page_view(&visit_id)]), Item::Events(vec![outbound(&click_id)])],
        };
        items.push(postback("payment"));
        if self.dice.below(3) == 0 {
            items.push(postback("refund"));
        }
        let twice = self.dice.below(items.len());
        items.push(items[twice].clone());
        while !items.is_empty() {
            let next = self.dice.below(items.len());
            self.backlog.push_back(items.swap_remove(next));
        }
    }

    /// Sends until the server is gone; with `finish`, until nothing is left to send.
    async fn work(mut self, home: Arc<Home>, url: String, finish: bool, heard: UnboundedSender<()>) -> Self {
        let client = client();
        loop {
            if self.backlog.is_empty() {
                if finish {
                    return self;
                }
                self.imagine();
            }
            let item = self.backlog[0].clone();
            if !self.send(&client, &home, &url, item).await {
                return self;
            }
            self.backlog.pop_front();
            // Nobody listens any more once the server is to be killed.
            let _ = heard.send(());
        }
    }

    /// Whether it was acknowledged.
    async fn send(&mut self, client: &Client, home: &Home, url: &str, item: Item) -> bool {
        match item {
            Item::Events(events) => {
                let Ok(answer) = home.report(client, url, &events).await else { return false };
                assert_eq!(answer.status(), 204);
                for event in events {
                    self.acknowledged.visits.insert(event.visit_id.to_string());
                    self.acknowledged.clicks.extend(event.click_id.map(|id| id.to_string()));
                    self.acknowledged.events.insert(event.event_id);
                }
            }
            Item::Postback { transaction, kind, click_id } => {
                let random = format!("{:016x}", self.dice.roll());
                let query = [
                    ("transaction_id", transaction.as_str()),
                    ("transaction_type", kind),
                    ("cid", click_id.as_str()),
                    ("amount_affiliate", "101.64"),
                    ("amount_brutto", "165.19"),
                    ("amount_netto", "163.55"),
                    ("currency", "EUR"),
                    ("product_id", "1"),
                    ("random", random.as_str()),
                ];
                let Ok(answer) = home.tell(client, url, &query).await else { return false };
                assert_eq!(answer.status(), 200);
                self.acknowledged.postbacks.insert(random);
                self.acknowledged.conversions.insert((transaction, kind.to_owned()));
            }
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_once_however_often_the_server_is_killed() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let kills: u64 = number("CRASH_KILLS").unwrap_or(20);
    let seed: u64 = number("CRASH_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("CRASH_SEED={seed} CRASH_KILLS={kills}");
    let mut dice = Dice(seed);
    let home = Arc::new(Home::new());
    let mut callers: Vec<Caller> = (0..CALLERS)
        .map(|_| Caller { dice: Dice(dice.roll()), backlog: VecDeque::new(), acknowledged: Acknowledged::default() })
        .collect();
    for _ in 0..kills {
        if dice.below(5) == 0 {
            // Not even started: it dies somewhere on the way to listening.
            let mut early = home.serving("").stdout(std::process::Stdio::null()).spawn().expect("the binary runs");
            early.kill().expect("a process of ours");
            early.wait().expect("it is gone");
        }
        let running = Running::start(home.serving(""));
        let (heard, mut hears) = unbounded_channel();
        let mut at_work = JoinSet::new();
        for caller in callers.drain(..) {
            at_work.spawn(caller.work(home.clone(), running.url.clone(), false, heard.clone()));
        }
        drop(heard);
        // The moment is a number of acknowledgements; other requests are on their way at that very instant.
        for _ in 0..dice.below(150) {
            hears.recv().await.expect("callers at work");
        }
        running.kill();
        callers = at_work.join_all().await;
    }
    let running = Running::start(home.serving(""));
    let mut at_work = JoinSet::new();
    for caller in callers.drain(..) {
        at_work.spawn(caller.work(home.clone(), running.url.clone(), true, unbounded_channel().0));
    }
    let mut all = Acknowledged::default();
    for caller in at_work.join_all().await {
        assert!(caller.backlog.is_empty(), "the last server was not killed");
        all.events.extend(caller.acknowledged.events);
        all.clicks.extend(caller.acknowledged.clicks);
        all.visits.extend(caller.acknowledged.visits);
        all.postbacks.extend(caller.acknowledged.postbacks);
        all.conversions.extend(caller.acknowledged.conversions);
    }
    assert!(all.events.len() as u64 > kills, "there was work");
    let client = client();
    let list = async |name: &str| home.list(&client, &running.url, name).await;
    assert_eq!(once(&list("events").await, "event_id"), all.events);
    assert_eq!(once(&list("clicks").await, "click_id"), all.clicks);
    assert_eq!(once(&list("visits").await, "visit_id"), all.visits);
    let conversions = list("conversions").await;
    check_conversions(&conversions, &all.conversions);
    check_postbacks(&list("postbacks").await, &conversions, &all.postbacks);
    running.stop();
    println!("{} events and {} postbacks were acknowledged, all are there once", all.events.len(), all.postbacks.len());
}

/// The values of a field, each of which must be there once.
fn once(items: &[Value], field: &str) -> BTreeSet<String> {
    let values: BTreeSet<String> = items.iter().map(|item| text(item, field)).collect();
    assert_eq!(values.len(), items.len(), "a {field} is there twice");
    values
}

fn text(item: &Value, field: &str) -> String {
    item[field].as_str().unwrap_or_else(|| panic!("no {field} in {item}")).to_owned()
}

/// One conversion for each transaction and type, credited to its click, and every refund joined to its sale.
fn check_conversions(conversions: &[Value], acknowledged: &BTreeSet<(String, String)>) {
    let key = |item: &Value| (text(item, "transaction_id"), text(item, "transaction_type"));
    let by_key: BTreeMap<(String, String), &Value> = conversions.iter().map(|item| (key(item), item)).collect();
    assert_eq!(by_key.len(), conversions.len(), "a conversion is there twice");
    assert_eq!(by_key.keys().cloned().collect::<BTreeSet<_>>(), *acknowledged);
    for ((transaction, kind), item) in &by_key {
        assert_eq!((&item["state"], &item["reason"]), (&Value::from("attributed"), &Value::Null), "{item}");
        assert_eq!(item["click_ids"]["gclid"], "CjwK", "{item}");
        if kind == "refund" {
            let sale = by_key[&(transaction.clone(), "payment".to_owned())];
            assert_eq!(item["sale_id"], sale["id"], "{item}");
        }
    }
}

/// One row for each request that was acknowledged, at most one for each that was not; one of a conversion's made it.
fn check_postbacks(postbacks: &[Value], conversions: &[Value], acknowledged: &BTreeSet<String>) {
    let random = |item: &Value| text(item, "raw").split("random=").nth(1).expect("a random").to_owned();
    let seen: BTreeSet<String> = postbacks.iter().map(random).collect();
    assert_eq!(seen.len(), postbacks.len(), "a request is there twice");
    assert_eq!(
        acknowledged.difference(&seen).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "an acknowledged one is lost"
    );
    let mut makers: BTreeMap<String, usize> = BTreeMap::new();
    for item in postbacks {
        match item["state"].as_str() {
            Some("accepted") => *makers.entry(text(item, "conversion_id")).or_default() += 1,
            Some("duplicate") => {}
            _ => panic!("{item}"),
        }
    }
    let ids = once(conversions, "id");
    assert_eq!(makers.keys().cloned().collect::<BTreeSet<_>>(), ids);
    assert!(makers.values().all(|count| *count == 1), "{makers:?}");
}
