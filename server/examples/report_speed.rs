//! How long reports take over many rows: `cargo run --release --example report_speed -- 8500000 1300000 200000 [folder]`, so many visits,
//! clicks and sales. `npm run bench:reports` runs it, then measures the pages of a server on the same folder.
//!
//! Makes the year up to today of one site: three of ten visitors come again, a twentieth of the sales are refunded, a tenth are in another currency, every
//! fourth visit tells its cost. 100 campaigns with 20 terms and 5 contents each, 50 landing pages, 30 countries, 12 links, 20 products. Then it
//! takes everything into the facts, and asks. Figures go to standard output as a table.

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
use tagwerk_server::rates::{DayRate, Rate, RateTable};
use tagwerk_server::reading::RawRequest;
use tagwerk_server::store::facts::{Asked, Behind, Condition, Dimension};
use tagwerk_server::store::sqlite::{Options, Sqlite};
use tagwerk_server::store::{Channel, NewVisit, ReceivedEvent, ReceivedPostback, Said, SharedStore, Site};
use tagwerk_server::vault::Vault;
use tokio::task::JoinSet;

const DAY: i64 = 86_400_000;
const DAYS: i64 = 365;
const SITE: &str = "SpeedOfAYear";
const ZONE: &str = "Europe/Berlin";
/// How many visits with what came of them are sent at once.
const BATCH: u64 = 500;
/// How many writes wait at once.
const AT_ONCE: usize = 8;
/// How much is taken in at once.
const TAKEN_AT_ONCE: usize = 10_000;
/// How often each question is asked.
const TIMES: usize = 7;

/// How many rows of each kind there are.
#[derive(Clone, Copy)]
struct Rows {
    visits: u64,
    clicks: u64,
    sales: u64,
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |usual: u64| arguments.next().map_or(Ok(usual), |text| text.parse()).expect("a number of rows");
    let rows = Rows { visits: number(850_000), clicks: number(130_000), sales: number(20_000) };
    let folder = arguments.next().unwrap_or_else(|| "target/report_speed".into());
    let folder = Path::new(&folder).join(format!("{}-{}-{}", rows.visits, rows.clicks, rows.sales));
    std::fs::create_dir_all(&folder).expect("a folder");
    // What a server on this folder looks for.
    let file = folder.join("tagwerk.db");
    let is_new = !file.exists();
    let vault = Arc::new(Vault::open(&folder, !is_new).expect("keys"));
    let store: SharedStore = Arc::new(Sqlite::open(&file, Options::default()).expect("the store opens"));
    if is_new {
        let began = Instant::now();
        let start = today() - (DAYS - 1) * DAY;
        let site = Site {
            site_id: SITE.into(),
            tracking_id: "TrackingOfTheSpeedOfIt00".into(),
            created_at: start,
            settings: serde_json::json!({"name": "A year", "time_zone": ZONE, "reporting_currency": "EUR"}),
        };
        store.add_site(site).await.expect("a site");
        store.keep_rates(rates(start).collect(), "made up", start).await.expect("rates");
        Filling { store: store.clone(), vault: vault.clone(), start }.fill(rows, 0).await;
        println!(
            "{} visits, {} clicks and {} sales written in {:.0} s",
            rows.visits,
            rows.clicks,
            rows.sales,
            began.elapsed().as_secs_f64()
        );
    }
    let (taken, took) = take_in_all(&store).await;
    println!("{taken} pieces of news taken in, {:.1} us each", took.as_micros() as f64 / taken.max(1) as f64);
    println!("{:.2} GB on disk", std::fs::metadata(&file).expect("the file").len() as f64 / 1e9);
    let start = store.site(SITE).await.expect("a site").expect("a site").created_at;
    println!("\n| question | groups or rows | ms | slowest of {TIMES} |\n|---|---|---|---|");
    for (name, asked) in questions(start) {
        let mut groups = 0;
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let began = Instant::now();
            groups = store.groups(SITE, asked.clone()).await.expect("an answer").groups.len();
            took.push(began.elapsed());
        }
        show(name, groups as u64, took);
    }
    for (name, asked, of) in figures(start) {
        let mut total = 0;
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let began = Instant::now();
            total = store.rows_behind(SITE, asked.clone(), of, None, 50).await.expect("rows").total;
            took.push(began.elapsed());
        }
        show(name, total, took);
    }
    let filling = Filling { store: store.clone(), vault, start };
    filling.fill(Rows { visits: 100, clicks: 100, sales: 100 }, rows.visits + taken).await;
    let (_, took) = take_in_all(&store).await;
    println!("\nafter 100 more visits, clicks and sales: taken in within {:.1} ms", took.as_secs_f64() * 1e3);
}

/// The middle one of several, the first among them, which warms the cache of the file.
fn show(name: &str, found: u64, mut took: Vec<Duration>) {
    took.sort();
    let at = |place: usize| took.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3;
    println!("| {name} | {found} | {:.1} | {:.1} |", at(took.len() / 2), at(took.len().saturating_sub(1)));
}

async fn take_in_all(store: &SharedStore) -> (u64, Duration) {
    let began = Instant::now();
    let mut taken = 0;
    loop {
        let folded = store.take_in(TAKEN_AT_ONCE).await.expect("taken in");
        taken += folded.taken as u64;
        if folded.left == 0 {
            return (taken, began.elapsed());
        }
    }
}

fn utm(name: &str) -> Dimension {
    Dimension::Utm(format!("utm_{name}"))
}

/// When this day began.
fn today() -> i64 {
    jiff::Timestamp::now().as_millisecond() / DAY * DAY
}

/// A question about all of the year.
fn year(start: i64, by: Vec<Dimension>) -> Asked {
    Asked {
        by,
        conditions: Vec::new(),
        from: start,
        until: start + DAYS * DAY,
        zone: jiff::tz::TimeZone::get(ZONE).expect("a zone"),
        model: Model::Click,
        into: Currency::parse("EUR"),
        rates: Arc::new(RateTable::new(rates(start))),
        visitors: false,
    }
}

/// Dollars of every day.
fn rates(start: i64) -> impl Iterator<Item = DayRate> {
    let first = jiff::Timestamp::from_millisecond(start).expect("a time").to_zoned(jiff::tz::TimeZone::UTC).date();
    let row = move |day: i64| DayRate {
        day: first.saturating_add(jiff::Span::new().days(day)),
        currency: Currency::parse("USD").expect("a currency"),
        rate: Rate::parse(&format!("1.{:04}", 300 + day)).expect("a rate"),
    };
    (-5..DAYS).map(row)
}

fn is(dimension: Dimension, values: &[&str]) -> Condition {
    Condition { dimension, values: values.iter().map(|value| Some((*value).to_owned())).collect() }
}

fn questions(start: i64) -> Vec<(&'static str, Asked)> {
    let year = |by| year(start, by);
    let last = |days: i64, by| Asked { from: start + (DAYS - days) * DAY, ..year(by) };
    let campaigns = || vec![utm("campaign")];
    let ads = || vec![utm("campaign"), utm("term"), utm("content")];
    let narrow =
        || vec![is(Dimension::Device, &["pc", "tablet"]), is(utm("source"), &["source-1", "source-2", "source-3"])];
    vec![
        ("headline of today, with visitors", Asked { visitors: true, ..last(1, Vec::new()) }),
        ("30 days by day", last(30, vec![Dimension::Day])),
        ("30 days by day, with visitors", Asked { visitors: true, ..last(30, vec![Dimension::Day]) }),
        ("year in one", year(Vec::new())),
        ("year in one, with visitors", Asked { visitors: true, ..year(Vec::new()) }),
        ("year by month", year(vec![Dimension::Month])),
        ("year by campaign", year(campaigns())),
        ("year by campaign, with visitors", Asked { visitors: true, ..year(campaigns()) }),
        ("year by campaign, linear", Asked { model: Model::Linear, ..year(campaigns()) }),
        ("year by campaign, in dollars", Asked { into: Currency::parse("USD"), ..year(campaigns()) }),
        ("year by campaign, term and content", year(ads())),
        ("year by campaign, term and content, with visitors", Asked { visitors: true, ..year(ads()) }),
        (
            "year by landing page, country and device, two conditions",
            Asked { conditions: narrow(), ..year(vec![Dimension::LandingPage, Dimension::Country, Dimension::Device]) },
        ),
        ("year by weekday and hour", year(vec![Dimension::Weekday, Dimension::Hour])),
        ("year by day and campaign", year(vec![Dimension::Day, utm("campaign")])),
        ("year by link and product", year(vec![Dimension::Link, Dimension::Product])),
    ]
}

fn figures(start: i64) -> Vec<(&'static str, Asked, Behind)> {
    let year = |by| year(start, by);
    let of_campaign = || Asked { conditions: vec![is(utm("campaign"), &["campaign-7"])], ..year(Vec::new()) };
    vec![
        ("visits behind a campaign of the year", of_campaign(), Behind::Visits),
        ("clicks behind a campaign of the year", of_campaign(), Behind::Clicks),
        ("sales behind a campaign of the year", of_campaign(), Behind::Sales),
        ("sales behind it, linear", Asked { model: Model::Linear, ..of_campaign() }, Behind::Sales),
        ("visits behind the year", year(Vec::new()), Behind::Visits),
    ]
}

/// Writes rows spread over the year.
#[derive(Clone)]
struct Filling {
    store: SharedStore,
    vault: Arc<Vault>,
    start: i64,
}

impl Filling {
    /// Writes so many, visits numbered from `first`.
    async fn fill(&self, rows: Rows, first: u64) {
        let mut waiting = JoinSet::new();
        let mut from = 0;
        while from < rows.visits {
            if waiting.len() >= AT_ONCE {
                waiting.join_next().await.expect("something waits").expect("it is written");
            }
            let until = (from + BATCH).min(rows.visits);
            let filling = self.clone();
            waiting.spawn(async move { filling.some(rows, first, from..until).await });
            from = until;
        }
        while let Some(done) = waiting.join_next().await {
            done.expect("it is written");
        }
    }

    /// Some visits, the clicks of some of them, and the sales of some of these, some of which are refunded.
    async fn some(&self, rows: Rows, first: u64, numbers: std::ops::Range<u64>) {
        let nth = |number: u64, of: u64| number * of / rows.visits;
        let until_now = (jiff::Timestamp::now().as_millisecond() - self.start - DAY / 24) as f64;
        let (mut events, mut postbacks) = (Vec::new(), Vec::new());
        for place in numbers {
            let at = self.start + (place as f64 / rows.visits as f64 * until_now) as i64;
            let number = first + place;
            let (visit, click) = visit(number, at);
            let sub_id = click.event.click_id.as_ref().map(ToString::to_string);
            events.push(visit);
            if nth(place, rows.clicks) == nth(place + 1, rows.clicks) {
                continue;
            }
            events.push(click);
            if nth(place, rows.sales) != nth(place + 1, rows.sales) {
                let sale = conversion(number, TransactionType::Payment, sub_id.clone());
                postbacks.push(self.postback(sale, at + 120_000));
                if number.is_multiple_of(20) {
                    let back = conversion(number, TransactionType::Refund, sub_id);
                    postbacks.push(self.postback(back, at + 3_000_000));
                }
            }
        }
        self.store.receive_events(SITE, events).await.expect("events");
        for postback in postbacks {
            self.store.receive_postback(SITE, postback).await.expect("a sale");
        }
    }

    /// A conversion as it was received.
    fn postback(&self, conversion: Conversion, received_at: i64) -> ReceivedPostback {
        let id = id();
        let raw = RawRequest {
            method: "GET".into(),
            query: format!(
                "cid={}&type={}&amount={}&transaction_id={}&email=buyer@example.com",
                conversion.sub_id.as_deref().unwrap_or_default(),
                conversion.transaction_type.as_str(),
                conversion.value.map(|value| value.to_string()).unwrap_or_default(),
                conversion.transaction_id.as_deref().unwrap_or_default()
            ),
            source_ip: "192.0.2.7".into(),
            ..RawRequest::default()
        };
        ReceivedPostback {
            raw: self.vault.seal(&RawRequest::place(&id), &serde_json::to_vec(&raw).expect("json")).expect("sealed"),
            id,
            received_at,
            group: "network".into(),
            channel: Channel::Collect,
            said: Ok(Said::Conversion { conversion_id: self::id(), conversion: Box::new(conversion) }),
        }
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
    // Some campaigns are much larger than others, as they are.
    let campaign = chance(number, 2, 100) * chance(number, 12, 100) / 100;
    let pairs = [
        ("utm_source", format!("source-{}", campaign % 10)),
        ("utm_campaign", format!("campaign-{campaign}")),
        ("utm_term", format!("term-{campaign}-{}", chance(number, 3, 20))),
        ("utm_content", format!("content-{campaign}-{}", chance(number, 4, 5))),
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
        bot: number.is_multiple_of(50),
        cost: number.is_multiple_of(4).then(|| (10_000 * (1 + chance(number, 14, 200)) as i64, "EUR".to_owned())),
    };
    // Three of ten visitors of some thousand visits before come again.
    let visitor = if chance(number, 11, 10) < 3 { number.saturating_sub(5001) } else { number };
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
            href: format!("https://network.example/offer-{}?cid={click_id}", chance(number, 13, 12)),
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
