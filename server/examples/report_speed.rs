//! How long reports take over many conversions: `cargo run --release --example report_speed -- 1000000 [folder]`.
//!
//! Makes a year of one site: a visit with a click and a sale each, a tenth of them by visitors that come again, a fortieth refunded, a tenth
//! in another currency, 100 campaigns, 2,000 terms, 300 contents, 50 landing pages, 30 countries. Then it takes everything into
//! the totals, and asks for reports over all of the year. Figures go to standard output as a table.

#![allow(clippy::expect_used, reason = "a measurement that cannot go on has nothing else to say")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tagwerk_protocol::conversion::{Amounts, Conversion, Repeat, TransactionType};
use tagwerk_protocol::event::{Click, Event, How, OUTBOUND_CLICK};
use tagwerk_protocol::money::{Amount, Currency};
use tagwerk_protocol::source::Arrival;
use tagwerk_server::credit::Model;
use tagwerk_server::store::sqlite::{Options, Sqlite};
use tagwerk_server::store::{
    Asked, Channel, Dimension, NewVisit, ReceivedEvent, ReceivedPostback, Said, SharedStore, Site,
};
use tokio::task::JoinSet;

const DAY: i64 = 86_400_000;
/// 2025-01-01.
const START: i64 = 20_089 * DAY;
const DAYS: i64 = 365;
const SITE: &str = "SpeedOfAYear";
/// How many writes wait at once.
const AT_ONCE: usize = 256;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse()).expect("a number of conversions");
    let folder = arguments.next().unwrap_or_else(|| "target/report_speed".into());
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = Path::new(&folder).join(format!("{count}.db"));
    let is_new = !file.exists();
    let store: SharedStore = Arc::new(Sqlite::open(&file, Options::default()).expect("the store opens"));
    if is_new {
        let began = Instant::now();
        fill(&store, count).await;
        println!("{count} visits, clicks and sales written in {:.0} s", began.elapsed().as_secs_f64());
    }
    let began = Instant::now();
    let mut taken = 0;
    loop {
        let folded = store.fold(2000).await.expect("folded");
        taken += folded.taken;
        if folded.left == 0 {
            break;
        }
    }
    let micros = began.elapsed().as_micros() as f64 / taken.max(1) as f64;
    println!("{taken} pieces of news taken in, {micros:.1} us each");
    println!("{:.2} GB on disk", std::fs::metadata(&file).expect("the file").len() as f64 / 1e9);
    println!("\n| report over {DAYS} days, {count} sales | rows | ms |\n|---|---|---|");
    for (name, asked) in questions() {
        // The first one warms the cache of the file; the middle one of five counts.
        let (mut took, mut rows): (Vec<Duration>, usize) = (Vec::new(), 0);
        for _ in 0..5 {
            let began = Instant::now();
            rows = store.totals(SITE, asked.clone()).await.expect("totals").len();
            took.push(began.elapsed());
        }
        took.sort();
        println!("| {name} | {rows} | {:.1} |", took.get(2).copied().unwrap_or_default().as_secs_f64() * 1e3);
    }
    let (_, first) = questions().remove(0);
    send(&store, 3 * count + taken as u64, 100).await;
    let began = Instant::now();
    while store.fold(2000).await.expect("folded").left > 0 {}
    let folded = began.elapsed();
    store.totals(SITE, first).await.expect("totals");
    println!("\nafter 100 more sales: taken in within {:.1} ms", folded.as_secs_f64() * 1e3);
}

fn questions() -> Vec<(String, Asked)> {
    let plain = Asked {
        dimension: Dimension::UtmCampaign,
        from: START / DAY,
        to: START / DAY + DAYS - 1,
        per_day: false,
        into: None,
        model: Model::Click,
        kind: None,
        group: None,
    };
    let into = Some("EUR".to_owned());
    let mut questions = vec![
        ("utm_campaign".to_owned(), plain.clone()),
        ("utm_campaign, linear".to_owned(), Asked { model: Model::Linear, ..plain.clone() }),
        ("utm_campaign, in one currency".to_owned(), Asked { into: into.clone(), ..plain.clone() }),
        ("utm_campaign by day".to_owned(), Asked { per_day: true, into: into.clone(), ..plain.clone() }),
        ("day".to_owned(), Asked { dimension: Dimension::All, per_day: true, ..plain.clone() }),
        ("utm_term, in one currency".to_owned(), Asked { dimension: Dimension::UtmTerm, into, ..plain.clone() }),
    ];
    let others = [
        Dimension::UtmTerm,
        Dimension::UtmContent,
        Dimension::LandingPage,
        Dimension::Country,
        Dimension::ClickIds,
        Dimension::Product,
        Dimension::Type,
    ];
    questions.extend(others.map(|dimension| (dimension.as_str().to_owned(), Asked { dimension, ..plain.clone() })));
    questions
}

async fn fill(store: &SharedStore, count: u64) {
    let site = Site {
        site_id: SITE.into(),
        tracking_id: "TrackingOfTheSpeedOfIt00".into(),
        created_at: START,
        settings: serde_json::json!({}),
    };
    store.add_site(site).await.expect("a site");
    send(store, 0, count).await;
}

/// Sends sales numbered from `first`, spread over the year.
async fn send(store: &SharedStore, first: u64, count: u64) {
    let mut waiting = JoinSet::new();
    for number in first..first + count {
        if waiting.len() >= AT_ONCE {
            waiting.join_next().await.expect("something waits").expect("it is written");
        }
        let at = START + (number - first) as i64 * (DAYS * DAY - DAY) / count as i64;
        let store = store.clone();
        waiting.spawn(async move { one(&store, number, at).await });
    }
    while let Some(done) = waiting.join_next().await {
        done.expect("it is written");
    }
}

/// A visit, its click and its sale, and sometimes its refund.
async fn one(store: &SharedStore, number: u64, at: i64) {
    let (visit, click) = visit(number, at);
    let sub_id = click.event.click_id.as_ref().map(ToString::to_string);
    store.receive_events(SITE, vec![visit, click]).await.expect("events");
    let sale = conversion(number, TransactionType::Payment, sub_id.clone());
    store.receive_postback(SITE, postback(sale, at + 120_000)).await.expect("a sale");
    if number.is_multiple_of(40) {
        let back = conversion(number, TransactionType::Refund, sub_id);
        store.receive_postback(SITE, postback(back, at + 3_600_000)).await.expect("a refund");
    }
}

fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A number between 0 and `below` that looks like chance, the same for the same number and salt.
fn chance(number: u64, salt: u64, below: u64) -> u64 {
    let mixed = (number ^ (salt << 56)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) % below
}

fn visit(number: u64, at: i64) -> (ReceivedEvent, ReceivedEvent) {
    let visit_id = VisitId::parse(&format!("v{number:015}")).expect("16 characters");
    let click_id = ClickId::mint(&visit_id, &mut |bytes: &mut [u8]| {
        // Below what a source without bias would throw away.
        bytes.fill((number % 200) as u8);
        true
    });
    let click_id = click_id.expect("a click id");
    let pairs = [
        ("utm_source", format!("source-{}", chance(number, 1, 10))),
        ("utm_campaign", format!("campaign-{}", chance(number, 2, 100))),
        ("utm_term", format!("term-{}", chance(number, 3, 2000))),
        ("utm_content", format!("content-{}", chance(number, 4, 300))),
    ];
    let source: BTreeMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), value)).into();
    let page = format!("https://shop.example/page-{}", chance(number, 5, 50));
    let new_visit = NewVisit {
        id: id(),
        source,
        click_ids: BTreeMap::from([("gclid".to_owned(), format!("Cj0K{number}"))]),
        cookies: BTreeMap::new(),
        built_cookies: BTreeMap::new(),
        first_touch: None,
        country: Some(format!("C{}", chance(number, 6, 30))),
        device: Some(["pc", "smartphone", "tablet"].get(chance(number, 7, 3) as usize).copied().unwrap_or("pc").into()),
        bot: false,
        cost: None,
    };
    // A tenth of the visitors of some thousand visits before come again.
    let visitor = if number.is_multiple_of(10) { number.saturating_sub(5001) } else { number };
    let view = Event {
        event_id: format!("view-{visit_id}"),
        name: "PageView".into(),
        at,
        visit_id: visit_id.clone(),
        visitor_id: Some(format!("visitor-{visitor}")),
        page: page.clone(),
        landing: Arrival { at, page, referrer: String::new() },
        touch: None,
        first: None,
        click_id: None,
        click: None,
        attributes: Vec::new(),
        cookies: Vec::new(),
        automated: false,
    };
    let click = Event {
        event_id: click_id.to_string(),
        name: OUTBOUND_CLICK.into(),
        at: at + 30_000,
        click_id: Some(click_id.clone()),
        click: Some(Click {
            group: Some("network".into()),
            href: format!("https://network.example/offer?cid={click_id}"),
            label: "Buy now".into(),
            how: How::Left,
            foreign: false,
        }),
        ..view.clone()
    };
    let received =
        |event, received_at, visit| ReceivedEvent { id: id(), received_at, event, ip: None, user_agent: None, visit };
    (received(view, at + 50, new_visit.clone()), received(click, at + 30_050, NewVisit { id: id(), ..new_visit }))
}

fn conversion(number: u64, transaction_type: TransactionType, sub_id: Option<String>) -> Conversion {
    let goes_back = transaction_type != TransactionType::Payment;
    let amount = Amount::from_scaled(10_000 * (100 + chance(number, 8, 10_000)) as i64, 2);
    let transaction = format!("t-{number}");
    let identity = format!("network/{transaction}/{}", transaction_type.as_str());
    Conversion {
        group: "network".into(),
        content: identity.clone(),
        identity,
        kind: if goes_back { "Refund" } else { "Purchase" }.into(),
        type_sent: None,
        value: Some(if goes_back { amount.negated() } else { amount }),
        currency: Currency::parse(if chance(number, 9, 10) == 0 { "USD" } else { "EUR" }),
        amounts: Amounts { affiliate: Some(amount), ..Amounts::default() },
        transaction_id: Some(transaction),
        transaction_type,
        assumed: false,
        order_type: None,
        billing_type: None,
        billing_status: None,
        order_id: None,
        product_id: Some(format!("product-{}", chance(number, 10, 20))),
        product_name: None,
        sub_id,
        custom: Vec::new(),
        sent_at: None,
        is_test: false,
        repeat: Repeat::Ignore,
        series: None,
        rebill: None,
        recurring: false,
        click_expiry_days: None,
        past: false,
        marked: false,
        notes: Vec::new(),
    }
}

fn postback(conversion: Conversion, received_at: i64) -> ReceivedPostback {
    ReceivedPostback {
        id: id(),
        received_at,
        group: "network".into(),
        channel: Channel::Collect,
        raw: vec![7; 300],
        said: Ok(Said::Conversion { conversion_id: id(), conversion: Box::new(conversion) }),
    }
}
