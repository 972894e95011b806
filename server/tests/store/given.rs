//! What the behaviours start from: sites, visits, clicks and postbacks, made up but well-formed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tagwerk_protocol::conversion::{Amounts, Conversion, Repeat, TransactionType};
use tagwerk_protocol::event::{Click, Event, How, OUTBOUND_CLICK, PAGE_VIEW};
use tagwerk_protocol::money::{Amount, Currency};
use tagwerk_protocol::source::Arrival;
use tagwerk_server::store::{
    Channel, ConversionRow, DeliveryRow, NewVisit, OutletRules, Page, PostbackOutcome, PostbackRow, ReceivedEvent,
    ReceivedPostback, Said, SharedStore, Site,
};

/// When things are received in these stories.
pub(crate) const NOW: i64 = 1_700_000_000_000;
/// When visits begin.
pub(crate) const VISITED: i64 = NOW - 60_000;
/// When clicks happen.
pub(crate) const CLICKED: i64 = NOW - 30_000;

/// A new row id: time-ordered, as the application makes them.
pub(crate) fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A new site in the store; its public id.
pub(crate) async fn site(store: &SharedStore) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let site = Site {
        site_id: format!("Site{number:08}"),
        tracking_id: format!("Tracking{number:016}"),
        created_at: NOW,
        settings: serde_json::json!({}),
    };
    store.add_site(site.clone()).await.expect("a site is added");
    site.site_id
}

/// A visit id that is the same for the same number.
pub(crate) fn visit(number: u64) -> VisitId {
    VisitId::parse(&format!("v{number:015}")).expect("16 characters")
}

/// A click id of that visit, the same for the same number.
pub(crate) fn click(visit: &VisitId, number: u8) -> ClickId {
    ClickId::mint(visit, &mut |bytes: &mut [u8]| {
        bytes.fill(number);
        true
    })
    .expect("a source that delivers")
}

/// A page view that begins a visit.
pub(crate) fn page_view(visit_id: &VisitId) -> ReceivedEvent {
    received(Event {
        event_id: format!("view-{visit_id}"),
        name: PAGE_VIEW.into(),
        at: VISITED,
        visit_id: visit_id.clone(),
        visitor_id: Some("visitor".into()),
        page: "https://a.example/review".into(),
        landing: Arrival {
            at: VISITED,
            page: "https://a.example/review?utm_source=news&gclid=CjwK".into(),
            referrer: "https://search.example/".into(),
        },
        touch: None,
        first: None,
        click_id: None,
        click: None,
        attributes: Vec::new(),
        cookies: Vec::new(),
        automated: false,
    })
}

/// A click on a decorated link.
pub(crate) fn outbound(click_id: &ClickId) -> ReceivedEvent {
    let mut received = page_view(&click_id.visit());
    received.event.event_id = click_id.to_string();
    received.event.name = OUTBOUND_CLICK.into();
    received.event.at = CLICKED;
    received.event.click_id = Some(click_id.clone());
    received.event.click = Some(Click {
        group: Some("network".into()),
        href: format!("https://n.example/offer?cid={click_id}"),
        label: "Buy ä now".into(),
        how: How::Middle,
        foreign: false,
    });
    received
}

fn received(event: Event) -> ReceivedEvent {
    let pair = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    ReceivedEvent {
        id: id(),
        received_at: NOW - 10_000,
        ip: Some("203.0.113.0".into()),
        user_agent: Some("Mozilla/5.0 (X11)".into()),
        event,
        visit: NewVisit {
            id: id(),
            source: pair("utm_source", "news"),
            click_ids: pair("gclid", "CjwK"),
            cookies: BTreeMap::new(),
            built_cookies: BTreeMap::new(),
            first_touch: None,
            country: Some("DE".into()),
            device: Some("pc".into()),
            bot: false,
            cost: None,
        },
    }
}

/// A payment of 10.00 with this transaction id and sub-id.
pub(crate) fn sale(transaction: &str, sub_id: Option<&str>) -> Conversion {
    conversion(TransactionType::Payment, transaction, sub_id, "10.00")
}

/// Money that went back.
pub(crate) fn refund(transaction: &str, sub_id: Option<&str>, amount: &str) -> Conversion {
    conversion(TransactionType::Refund, transaction, sub_id, amount)
}

fn conversion(kind: TransactionType, transaction: &str, sub_id: Option<&str>, value: &str) -> Conversion {
    Conversion {
        group: "network".into(),
        identity: format!("network/{transaction}/{}", kind.as_str()),
        content: String::new(),
        kind: if kind == TransactionType::Payment { "Purchase" } else { "Refund" }.into(),
        type_sent: None,
        value: Some(amount(value)),
        currency: Currency::parse("EUR"),
        amounts: Amounts { affiliate: Some(amount(value).magnitude()), ..Amounts::default() },
        transaction_id: Some(transaction.into()),
        transaction_type: kind,
        assumed: false,
        order_type: None,
        billing_type: None,
        billing_status: None,
        order_id: None,
        product_id: Some("product".into()),
        product_name: None,
        sub_id: sub_id.map(str::to_owned),
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

/// An amount.
pub(crate) fn amount(text: &str) -> Amount {
    Amount::parse(text).expect("an amount")
}

/// The conversion as a postback that arrives now.
pub(crate) fn postback(conversion: &Conversion) -> ReceivedPostback {
    let conversion = with_content(conversion);
    said(Ok(Said::Conversion { conversion_id: id(), conversion: Box::new(conversion) }))
}

/// The conversion with a hash of what it says, as intake makes one.
pub(crate) fn with_content(conversion: &Conversion) -> Conversion {
    let blank = Conversion { content: String::new(), ..conversion.clone() };
    Conversion { content: format!("{blank:?}"), ..blank }
}

/// A postback that arrives now.
pub(crate) fn said(said: Result<Said, String>) -> ReceivedPostback {
    ReceivedPostback {
        id: id(),
        received_at: NOW,
        group: "network".into(),
        channel: Channel::Collect,
        raw: b"sealed".to_vec(),
        said,
    }
}

/// Sends events in one request.
pub(crate) async fn send(store: &SharedStore, site_id: &str, events: Vec<ReceivedEvent>) {
    store.receive_events(site_id, events).await.expect("events are taken");
}

/// Sends a postback.
pub(crate) async fn book(store: &SharedStore, site_id: &str, conversion: &Conversion) -> PostbackOutcome {
    store.receive_postback(site_id, postback(conversion)).await.expect("a postback is taken")
}

/// The newest, as many as a part holds.
pub(crate) fn newest() -> Page {
    Page::first(1000)
}

/// Every conversion of the site, newest first.
pub(crate) async fn conversions(store: &SharedStore, site_id: &str) -> Vec<ConversionRow> {
    store.conversions(site_id, newest()).await.expect("conversions are read").items
}

/// Every postback of the site, newest first.
pub(crate) async fn postbacks(store: &SharedStore, site_id: &str) -> Vec<PostbackRow> {
    store.postbacks(site_id, newest()).await.expect("postbacks are read").items
}

/// The only conversion of the site.
pub(crate) async fn only_conversion(store: &SharedStore, site_id: &str) -> ConversionRow {
    let mut all = conversions(store, site_id).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// What the books say, without what depends on the order of arrival by its nature: ids. Sales are named by their identity.
pub(crate) async fn books(store: &SharedStore, site_id: &str) -> Vec<ConversionRow> {
    let mut rows = conversions(store, site_id).await;
    let identities: BTreeMap<String, String> =
        rows.iter().map(|row| (row.id.clone(), row.said.identity.clone())).collect();
    for row in &mut rows {
        row.id = String::new();
        row.sale_id = row.sale_id.as_ref().map(|id| identities[id].clone());
    }
    rows.sort_by(|a, b| a.said.identity.cmp(&b.said.identity));
    rows
}

/// A platform that gets the payments of visitors with a `gclid`, for a week.
pub(crate) fn matched(platform: &str) -> OutletRules {
    OutletRules {
        platform: platform.into(),
        fingerprint: "first".into(),
        everything: false,
        refunds: false,
        tests: false,
        click_params: vec!["gclid".into()],
        types: Vec::new(),
        events: Vec::new(),
        max_age: 7 * DAY,
        min_click_age: 0,
    }
}

/// One that gets everything, money that went back too.
pub(crate) fn everything(platform: &str) -> OutletRules {
    OutletRules { everything: true, refunds: true, click_params: Vec::new(), ..matched(platform) }
}

/// A day in milliseconds.
pub(crate) const DAY: i64 = 86_400_000;

/// Has a site send there, and nowhere else, from this time on.
pub(crate) async fn send_to(store: &SharedStore, site_id: &str, outlets: Vec<OutletRules>, now: i64) {
    let settings = store.site(site_id).await.expect("read").expect("a site").settings;
    let replaced = store.replace_settings(site_id, &settings, settings.clone(), outlets, now).await;
    assert!(replaced.expect("settings are replaced"));
}

/// A new site that has been sending there since before anything happened.
pub(crate) async fn sending(store: &SharedStore, outlets: Vec<OutletRules>) -> String {
    let site_id = site(store).await;
    send_to(store, &site_id, outlets, VISITED - 30 * DAY).await;
    site_id
}

/// Every delivery of the site, newest first.
pub(crate) async fn deliveries(store: &SharedStore, site_id: &str) -> Vec<DeliveryRow> {
    store.deliveries(site_id, newest()).await.expect("deliveries are read").items
}

/// The only delivery of the site.
pub(crate) async fn only_delivery(store: &SharedStore, site_id: &str) -> DeliveryRow {
    let mut all = deliveries(store, site_id).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Every order of the items.
pub(crate) fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.len() < 2 {
        return vec![items.to_vec()];
    }
    (0..items.len())
        .flat_map(|first| {
            let mut rest = items.to_vec();
            let item = rest.remove(first);
            orders(&rest).into_iter().map(move |mut order| {
                order.insert(0, item.clone());
                order
            })
        })
        .collect()
}
