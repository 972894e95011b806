//! Any order, any repetition: the same books, and the same told to the ad platforms. Random sets of what networks, trackers and pages may
//! send, read as the server reads it and booked by the real store, among the reports of the clicks that they name. `PROPTEST_CASES` says
//! how many.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;
use sha2::{Digest, Sha512};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::event::{Click, Event, How, OUTBOUND_CLICK};
use tagwerk_protocol::form;
use tagwerk_protocol::source::Arrival;
use tagwerk_server::dedupe::event_id;
use tagwerk_server::groups::Groups;
use tagwerk_server::reading::{Context, Corrections, Ids, RawRequest, read};
use tagwerk_server::settings::SiteSettings;
use tagwerk_server::store::sqlite::{Options, Sqlite};
use tagwerk_server::store::{
    Books, Channel, ConversionRow, DeliveryRow, DeliveryState, Inbox, NewVisit, OrderEventRow, Outbox, OutletRules,
    Page, ReceivedEvent, ReceivedPostback, Rereading, Said, Site, Sites,
};

/// When the first call is received; each further one a millisecond later.
const NOW: i64 = 1_700_000_000_000;
const PASSPHRASE: &str = "kasse";

/// How many sets are tried where nobody says.
const CASES: u32 = 48;

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok()).unwrap_or(CASES)
}

/// A call as its sender makes it: words and numbers from small sets, so that calls meet.
#[derive(Debug, Clone)]
struct Call {
    channel: Channel,
    kind: &'static str,
    word: Option<&'static str>,
    transaction: Option<u8>,
    order: Option<u8>,
    product: Option<u8>,
    click: u8,
    amount: u8,
    currency: &'static str,
    order_type: Option<&'static str>,
    billing_type: Option<&'static str>,
    event_id: Option<u8>,
    sequence: Option<u8>,
    is_test: bool,
    second: Option<u8>,
}

fn call() -> impl Strategy<Value = Call> {
    let channels = vec![Channel::Collect, Channel::Collect, Channel::Tracker, Channel::Ipn, Channel::Pixel];
    let words = vec!["payment", "refund", "upsell", "initial_sale", "subscription", "Späti", "InitiateCheckout"];
    let what = (
        select(channels),
        select(vec!["payment", "payment", "refund", "chargeback"]),
        prop::option::weighted(0.35, select(words)),
    );
    let which = (prop::option::weighted(0.9, 0..2_u8), prop::option::of(0..2_u8), prop::option::of(0..2_u8), 0..7_u8);
    let money = (0..4_u8, select(vec!["EUR", "EUR", "EUR", "USD"]));
    let facets = (
        prop::option::weighted(0.4, select(vec!["initial_sale", "upsell"])),
        prop::option::weighted(0.3, select(vec!["single_payment", "subscription"])),
    );
    let rest =
        (prop::option::of(0..2_u8), prop::option::of(0..3_u8), prop::bool::weighted(0.1), prop::option::of(0..4_u8));
    (what, which, money, facets, rest).prop_map(|(what, which, money, facets, rest)| {
        let ((channel, kind, word), (transaction, order, product, click)) = (what, which);
        let ((amount, currency), (order_type, billing_type)) = (money, facets);
        let (event_id, sequence, is_test, second) = rest;
        Call {
            channel,
            kind,
            word,
            transaction,
            order,
            product,
            click,
            amount,
            currency,
            order_type,
            billing_type,
            event_id,
            sequence,
            is_test,
            second,
        }
    })
}

/// The two visits that are reported, each with one click, and a third that never is.
fn click_id(number: u8) -> ClickId {
    let visit = VisitId::parse(&format!("v{:015}", number % 3)).expect("16 characters");
    let fill = |bytes: &mut [u8]| {
        bytes.fill(number);
        true
    };
    ClickId::mint(&visit, &mut { fill }).expect("a source that delivers")
}

/// What stands in the sub-id parameter: one of the clicks, one changed on the way, another's, or nothing.
fn sub_id(number: u8) -> String {
    match number {
        0..=2 => click_id(number).to_string(),
        3 => click_id(0).to_string().to_uppercase(),
        4 => click_id(1).to_string()[..29].to_owned(),
        5 => "network-77".to_owned(),
        _ => "{cid}".to_owned(),
    }
}

impl Call {
    fn raw(&self) -> RawRequest {
        let sum = ["0.00", "5.00", "7.50", "19.99"][usize::from(self.amount)];
        let text = |prefix: &str, number: Option<u8>| number.map(|number| format!("{prefix}{number}"));
        let owned = |word: Option<&str>| word.map(str::to_owned);
        let second = self.second.map(|second| (NOW / 1000 - 100 + i64::from(second)).to_string());
        let fields: Vec<(&str, Option<String>)> = match self.channel {
            Channel::Ipn => vec![
                ("event", Some(format!("on_{}", self.kind))),
                ("transaction_id", text("t", self.transaction)),
                ("order_id", text("o", self.order)),
                ("product_id", text("p", self.product)),
                ("click_id", Some(sub_id(self.click))),
                ("amount_brutto", Some(sum.to_owned())),
                ("amount_netto", Some("0.00".to_owned())),
                ("currency", owned(Some(self.currency))),
                ("order_type", owned(self.order_type)),
                ("billing_type", owned(self.billing_type)),
                ("pay_sequence_no", text("", self.sequence)),
                ("api_mode", owned(Some(if self.is_test { "test" } else { "live" }))),
            ],
            Channel::Collect => vec![
                ("cid", Some(sub_id(self.click))),
                ("transaction_id", text("t", self.transaction)),
                ("transaction_type", owned(Some(self.kind))),
                ("type", owned(self.word)),
                ("order_id", text("o", self.order)),
                ("product_id", text("p", self.product)),
                ("amount_brutto", Some(sum.to_owned())),
                ("amount_netto", Some("0.00".to_owned())),
                ("currency", owned(Some(self.currency))),
                ("order_type", owned(self.order_type)),
                ("billing_type", owned(self.billing_type)),
                ("is_test", self.is_test.then(|| "1".to_owned())),
                ("datetime_unix", second),
            ],
            _ => vec![
                ("clickid", Some(sub_id(self.click))),
                ("txid", text("t", self.transaction)),
                ("type", owned(self.word.or(Some(self.kind)))),
                ("product_id", text("p", self.product)),
                ("sum", Some(sum.to_owned())),
                ("currency", owned(Some(self.currency))),
                ("rdtk_event_id", text("e", self.event_id)),
                ("is_test", self.is_test.then(|| "1".to_owned())),
            ],
        };
        let mut pairs: Vec<(&str, String)> =
            fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        if self.channel == Channel::Ipn {
            let signature = signature(&pairs);
            pairs.push(("sha_sign", signature));
        }
        let mut text = String::new();
        pairs.iter().for_each(|(name, value)| form::push(&mut text, name, value));
        let (query, body) = if self.channel == Channel::Ipn { (String::new(), text) } else { (text, String::new()) };
        RawRequest { query, body, ..RawRequest::default() }
    }
}

fn signature(pairs: &[(&str, String)]) -> String {
    let sorted: BTreeMap<&str, &str> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let text: String = sorted.iter().map(|(name, value)| format!("{name}={value}{PASSPHRASE}")).collect();
    Sha512::digest(text).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// What a site says about types. Those that book each call anew are exempt, since there every call counts by design.
#[derive(Debug, Clone)]
struct Rules {
    settings: serde_json::Value,
    edits: bool,
}

fn rules() -> impl Strategy<Value = Rules> {
    let mode = || select(vec!["ignore", "add_payout", "ignore_by_event_id", "edit"]);
    (mode(), mode(), mode(), any::<bool>()).prop_map(|(purchase, upsell, own, mapped)| {
        let modes = if mapped { vec![purchase, upsell, own] } else { vec![purchase, own] };
        let mut types = vec![json!({"name": "Purchase", "repeat": purchase}), json!({"name": "Späti", "repeat": own})];
        if mapped {
            types.push(json!({"name": "Upsell", "repeat": upsell, "from": {"order_type": ["upsell"]}}));
        }
        let groups = json!({"digistore24": {"ipn_passphrase": "sealed", "click_expiry_days": 30}});
        Rules { settings: json!({"types": types, "groups": groups}), edits: modes.contains(&"edit") }
    })
}

/// One thing that happens to the server.
#[derive(Clone)]
enum Step {
    Call(Box<RawRequest>, Channel),
    Reported(u8),
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Call(raw, channel) => write!(f, "{} {}{}", channel.as_str(), raw.query, raw.body),
            Step::Reported(click) => write!(f, "reported {}", sub_id(*click)),
        }
    }
}

/// A set of steps, and two orders of it in which each step comes at least once.
#[derive(Debug, Clone)]
struct Story {
    rules: Rules,
    steps: Vec<Step>,
    orders: Vec<Vec<usize>>,
}

fn story() -> impl Strategy<Value = Story> {
    (rules(), prop::collection::vec(call(), 1..14), prop::collection::vec(any::<Index>(), 0..8)).prop_flat_map(
        |(rules, mut calls, repeated)| {
            if rules.edits {
                // Which of two edits is the later one is not told where there is no time, or the same.
                calls.iter_mut().for_each(|call| call.channel = Channel::Collect);
                calls.iter_mut().zip(0..).for_each(|(call, number)| call.second = Some(number));
            }
            let mut steps: Vec<Step> =
                calls.iter().map(|call| Step::Call(Box::new(call.raw()), call.channel)).collect();
            steps.extend([Step::Reported(0), Step::Reported(1)]);
            let all: Vec<usize> =
                (0..steps.len()).chain(repeated.iter().map(|index| index.index(steps.len()))).collect();
            let shuffled = Just(all).prop_shuffle();
            (Just(rules), Just(steps), prop::collection::vec(shuffled, 2)).prop_map(|(rules, steps, orders)| Story {
                rules,
                steps,
                orders,
            })
        },
    )
}

fn reported(number: u8) -> ReceivedEvent {
    let click_id = click_id(number);
    let at = NOW - 1_000_000;
    let page = "https://a.example/review?utm_source=news&gclid=CjwK".to_owned();
    ReceivedEvent {
        id: row_id(),
        received_at: NOW,
        ip: None,
        user_agent: None,
        event: Event {
            event_id: click_id.to_string(),
            name: OUTBOUND_CLICK.into(),
            at,
            visit_id: click_id.visit(),
            visitor_id: Some("visitor".into()),
            landing: Arrival { at, page: page.clone(), referrer: String::new() },
            page,
            touch: None,
            first: None,
            click: Some(Click {
                group: None,
                href: "https://n.example/".into(),
                label: String::new(),
                how: How::Left,
                foreign: false,
            }),
            click_id: Some(click_id),
            attributes: Vec::new(),
            cookies: Vec::new(),
            automated: false,
        },
        visit: NewVisit {
            id: row_id(),
            source: BTreeMap::from([("utm_source".into(), "news".into())]),
            // The visitor came from an ad once, and then by themselves.
            click_ids: (number == 0).then(|| ("gclid".into(), "CjwK".into())).into_iter().collect(),
            cookies: BTreeMap::new(),
            built_cookies: BTreeMap::new(),
            first_touch: None,
            country: None,
            device: None,
            bot: false,
            cost: None,
        },
    }
}

/// Platforms that are to know of different things.
fn outlets() -> Vec<OutletRules> {
    let outlet = |platform: &str| OutletRules {
        platform: platform.into(),
        fingerprint: String::new(),
        everything: true,
        refunds: true,
        tests: false,
        click_params: vec!["gclid".into()],
        types: Vec::new(),
        events: Vec::new(),
        max_age: 30 * 86_400_000,
        min_click_age: 0,
    };
    vec![
        outlet("everything"),
        OutletRules { everything: false, refunds: false, ..outlet("matched") },
        OutletRules { types: vec!["Purchase".into(), "Refund".into()], ..outlet("typed") },
        OutletRules { tests: true, ..outlet("trying") },
    ]
}

fn row_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A new site on which these steps happen in this order; what was read, by postback.
async fn told(
    store: &Sqlite,
    groups: &Groups,
    story: &Story,
    order: &[usize],
) -> (String, Vec<(String, Result<Said, String>)>) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let site_id = format!("Site{:08}", NEXT.fetch_add(1, Ordering::Relaxed));
    let site = Site {
        site_id: site_id.clone(),
        tracking_id: format!("Tracking{site_id}"),
        created_at: NOW,
        settings: story.rules.settings.clone(),
    };
    store.add_site(site).await.expect("a site");
    let settings = &story.rules.settings;
    let replaced = store.replace_settings(&site_id, settings, settings.clone(), outlets(), NOW - 1).await;
    assert!(replaced.expect("settings"));
    let settings = SiteSettings::read(&story.rules.settings).expect("settings");
    let context = Context { groups, settings: &settings, passphrase: &|_| Some(PASSPHRASE.to_owned()) };
    let mut read_as = Vec::new();
    for (number, step) in order.iter().enumerate() {
        match &story.steps[*step] {
            Step::Reported(click) => {
                store.receive_events(&site_id, vec![reported(*click)]).await.expect("taken");
            }
            Step::Call(raw, channel) => {
                let id = row_id();
                let ids = Ids { postback: &id, conversion: row_id() };
                let said = read(&context, *channel, "digistore24", raw, &Corrections::new(), ids);
                let postback = ReceivedPostback {
                    received_at: NOW + i64::try_from(number).expect("few"),
                    group: "digistore24".into(),
                    channel: *channel,
                    raw: Vec::new(),
                    said: said.map_err(|refusal| refusal.to_string()),
                    id,
                };
                read_as.push((postback.id.clone(), postback.said.clone()));
                store.receive_postback(&site_id, postback).await.expect("taken");
            }
        }
    }
    (site_id, read_as)
}

/// What the books say, without ids and times of receipt, and what follows from those: a time that is the receipt's, and which of several
/// payments without times of their own came first.
async fn books(store: &Sqlite, site_id: &str) -> Vec<ConversionRow> {
    let mut rows = store.conversions(site_id, Page { limit: 1000, ..Page::default() }).await.expect("read").items;
    let identities: BTreeMap<String, String> =
        rows.iter().map(|row| (row.id.clone(), row.said.identity.clone())).collect();
    let untimed = rows.iter().any(|row| row.at == row.received_at);
    for row in &mut rows {
        row.id.clear();
        row.sale_id = row.sale_id.as_ref().map(|id| identities[id].clone());
        if row.at == row.received_at {
            row.at = 0;
        }
        row.received_at = 0;
        row.rebill &= row.said.rebill.is_some() || !untimed;
    }
    rows.sort_by(|a, b| a.said.identity.cmp(&b.said.identity));
    rows
}

async fn deliveries(store: &Sqlite, site_id: &str) -> Vec<DeliveryRow> {
    store.deliveries(site_id, Page { limit: 1000, ..Page::default() }).await.expect("read").items
}

/// What each platform is to be told: its event ids, as they would be on any other site.
async fn told_on(
    store: &Sqlite,
    site_id: &str,
    rows: &[ConversionRow],
) -> Result<Vec<(String, String)>, TestCaseError> {
    let ids: BTreeMap<String, String> =
        rows.iter().map(|row| (event_id(site_id, &row.said), event_id("any", &row.said))).collect();
    let mut told = Vec::new();
    for row in deliveries(store, site_id).await {
        if row.state == DeliveryState::Waiting {
            let id = ids.get(&row.event_id);
            prop_assert!(id.is_some(), "nothing in the books has this event id: {row:?}");
            told.extend(id.map(|id| (row.platform, id.clone())));
        }
    }
    told.sort();
    // Whoever gets everything gets one of each there is.
    let all = |is_wanted: &dyn Fn(&ConversionRow) -> bool| -> Vec<String> {
        let wanted: BTreeSet<&String> =
            rows.iter().filter(|row| is_wanted(row)).filter_map(|row| ids.get(&event_id(site_id, &row.said))).collect();
        wanted.into_iter().cloned().collect()
    };
    let of = |platform: &str| -> Vec<String> {
        told.iter().filter(|(of, _)| of == platform).map(|(_, id)| id.clone()).collect()
    };
    prop_assert_eq!(of("everything"), all(&|row| !row.said.is_test));
    prop_assert_eq!(of("typed"), all(&|row| !row.said.is_test && ["Purchase", "Refund"].contains(&&*row.said.kind)));
    prop_assert_eq!(of("trying"), all(&|_| true));
    let from_an_ad = |row: &ConversionRow| {
        !row.said.is_test && row.said.transaction_type == TransactionType::Payment && row.attribution.visit_id.is_some()
    };
    prop_assert_eq!(of("matched"), all(&from_an_ad));
    Ok(told)
}

/// Each transaction's money is carried once for each thing that happened to it, however many calls told it, unless its events are told apart.
fn counted_once(rows: &[ConversionRow]) -> Result<(), TestCaseError> {
    let mut carried: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.said.is_test && row.said.series.is_none() && row.booked_under.is_none()) {
        if let Some(transaction) = &row.said.transaction_id {
            let what = (row.said.group.as_str(), transaction.as_str(), row.said.transaction_type.as_str());
            *carried.entry(what).or_default() += 1;
        }
    }
    prop_assert!(carried.values().all(|count| *count == 1), "{carried:?}");
    Ok(())
}

fn with_store(test: impl AsyncFn(&Sqlite, &Groups, &Story) -> Result<(), TestCaseError>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let store = Sqlite::open(&folder.path().join("tagwerk.db"), Options::default()).expect("a store");
    let groups = Groups::load(None).expect("the built-in groups");
    let config = ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&story(), |story| runtime.block_on(test(&store, &groups, &story)));
    runtime.block_on(store.close());
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn every_order_and_every_repetition_gives_the_same_books_and_tells_platforms_the_same() {
    with_store(async |store, groups, story| {
        let in_order: Vec<usize> = (0..story.steps.len()).collect();
        let (site_id, _) = told(store, groups, story, &in_order).await;
        let expected = books(store, &site_id).await;
        counted_once(&expected)?;
        let sent = told_on(store, &site_id, &expected).await?;
        for order in &story.orders {
            let (site_id, _) = told(store, groups, story, order).await;
            let found = books(store, &site_id).await;
            let others = |rows: &[ConversionRow], among: &[ConversionRow]| -> String {
                rows.iter().filter(|row| !among.contains(row)).map(|row| format!("\n  {row:?}")).collect()
            };
            prop_assert!(
                found == expected,
                "in the order {order:?} these are in the books:{}\ninstead of these:{}",
                others(&found, &expected),
                others(&expected, &found)
            );
            prop_assert_eq!(told_on(store, &site_id, &found).await?, sent.clone(), "in the order {:?}", order);
        }
        Ok(())
    });
}

#[test]
fn reading_everything_again_changes_nothing() {
    with_store(async |store, groups, story| {
        let order = &story.orders[0];
        let (site_id, read_as) = told(store, groups, story, order).await;
        let all = async || {
            let page = || Page { limit: 1000, ..Page::default() };
            let conversions = store.conversions(&site_id, page()).await.expect("read").items;
            let postbacks = store.postbacks(&site_id, page()).await.expect("read").items;
            let events: Vec<OrderEventRow> = store.order_events(&site_id, page()).await.expect("read").items;
            (conversions, postbacks, events, deliveries(store, &site_id).await)
        };
        let before = all().await;
        for (postback_id, said) in read_as {
            let said = said.map(|said| match said {
                Said::Conversion { conversion, .. } => Said::Conversion { conversion_id: row_id(), conversion },
                other => other,
            });
            let rereading = Rereading { postback_id, before: None, corrections: None, said };
            store.reread(&site_id, rereading).await.expect("reread");
        }
        let after = all().await;
        prop_assert_eq!(after.0, before.0);
        prop_assert_eq!(after.1, before.1);
        prop_assert_eq!(after.2, before.2);
        prop_assert_eq!(after.3, before.3);
        Ok(())
    });
}
