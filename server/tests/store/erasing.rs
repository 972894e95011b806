//! Erasing a visitor: what goes, what stays without the person, and that nothing brings it back.

use crate::facts::{START, arrival, asked, booked, by_campaign, clicked, groups, sub_id, take_in_all};
use crate::given::{
    book, conversions, deliveries, everything, id, newest, only_conversion, page_view, postbacks, refund, said, sale,
    send, send_to, sending, site, visit,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tagwerk_protocol::conversion::{Conversion, Repeat};
use tagwerk_server::attribution::{ERASED, State};
use tagwerk_server::credit::Model;
use tagwerk_server::erasing::{Names, Traces};
use tagwerk_server::store::facts::{Behind, Dimension};
use tagwerk_server::store::{
    Again, Cleansed, Cleansing, ConversionRow, Deed, DeedFilter, DeliveryState, Erased, Erasure, OrderEvent, Pace,
    PostbackRow, PostbackState, ReceivedEvent, Rereading, Said, Settled, Settling, SharedStore, StoreError,
};

const DAY: i64 = 86_400_000;
/// A visitor's id as the tag makes them.
const ANNA: &str = "anna567890123456";

/// Texts are in the clear here; what is cleansed says so, and no more.
struct Plain {
    names: Names,
    fails: bool,
}

impl Cleansing for Plain {
    fn names(&self) -> &Names {
        &self.names
    }

    fn cleanse(&self, postback: &PostbackRow, traces: &Traces, if_told: bool) -> Result<Option<Cleansed>, String> {
        if self.fails {
            return Err("it cannot be sealed".into());
        }
        let is_told = traces.are_named_in(&String::from_utf8_lossy(&postback.raw));
        let corrections = postback.corrections.as_ref().map(|_| b"cleansed".to_vec());
        Ok((is_told || !if_told).then(|| Cleansed { raw: b"cleansed".to_vec(), corrections }))
    }
}

fn erasure(fails: bool) -> Erasure {
    Erasure { cleansing: Arc::new(Plain { names: Names::default(), fails }), loose: Vec::new(), looked_until: None }
}

async fn erase(store: &SharedStore, site_id: &str, visitor_id: &str) -> Option<Erased> {
    store.erase_visitor(site_id, visitor_id, erasure(false), START + 99 * DAY).await.expect("it is erased")
}

/// Three visits of a visitor, a day apart, with a click in the second; and of others, enough of them that facts are sealed.
async fn visits(store: &SharedStore, site_id: &str, visitor: &str) {
    let mut events = Vec::new();
    for number in 1..=3 {
        let campaign = ["spring", "retarget", "mail"][number as usize - 1];
        events.push(arrival(number, Some(visitor), START + number as i64 * DAY, Some(campaign)));
    }
    let click = clicked(&events[1]);
    events.push(click);
    for number in 10..30 {
        let other = arrival(number, Some(&format!("other{number}90123456789")), START + 3600, Some("other"));
        events.push(clicked(&other));
        events.push(other);
    }
    send(store, site_id, events).await;
}

fn nobody_s(row: &ConversionRow) -> (Option<&String>, Option<&String>, Option<&String>) {
    (row.attribution.visit_id.as_ref(), row.attribution.click_id.as_ref(), row.said.sub_id.as_ref())
}

pub(crate) async fn what_a_visitor_did_is_gone_and_what_others_did_is_not(store: SharedStore) {
    let site_id = site(&store).await;
    visits(&store, &site_id, ANNA).await;
    let footprint = store.footprint(&site_id, ANNA).await.expect("read").expect("somebody");
    assert_eq!((footprint.visits, footprint.events, footprint.clicks), (3, 4, 1));
    assert_eq!((footprint.first, footprint.last), (START + DAY, START + 3 * DAY));
    let erased = erase(&store, &site_id, ANNA).await.expect("somebody");
    assert_eq!((erased.visits, erased.events, erased.clicks, erased.conversions), (3, 4, 1, 0));
    let visits = store.visits(&site_id, newest()).await.expect("read").items;
    assert_eq!(visits.len(), 20);
    assert!(visits.iter().all(|visit| visit.visitor_id.as_deref() != Some(ANNA)));
    assert_eq!(store.clicks(&site_id, newest()).await.expect("read").items.len(), 20);
    assert_eq!(store.events(&site_id, newest()).await.expect("read").items.len(), 40);
    assert_eq!(store.footprint(&site_id, ANNA).await.expect("read"), None);
    assert_eq!(erase(&store, &site_id, ANNA).await, None, "twice does no harm");
    assert!(store.is_erased(&site_id, visit(1).as_str()).await.expect("read"));
    assert!(!store.is_erased(&site_id, visit(10).as_str()).await.expect("read"));
}

pub(crate) async fn a_conversion_keeps_money_and_credit_and_names_nobody(store: SharedStore) {
    let site_id = site(&store).await;
    visits(&store, &site_id, ANNA).await;
    let mut sold = sale("t-1", Some(&sub_id(2)));
    sold.custom = vec![
        ("sid1".into(), "banner".into()),
        ("sid2".into(), "ann@example.com".into()),
        ("sid3".into(), format!("x{}", visit(2))),
    ];
    booked(&store, &site_id, &sold, START + 4 * DAY).await;
    let before = only_conversion(&store, &site_id).await;
    assert_eq!(erase(&store, &site_id, ANNA).await.expect("somebody").conversions, 1);
    let after = only_conversion(&store, &site_id).await;
    assert_eq!(nobody_s(&after), (None, None, None));
    assert_eq!((after.attribution.state, after.attribution.reason.as_deref()), (State::Attributed, Some(ERASED)));
    assert_eq!(after.source, before.source);
    assert_eq!(after.click_ids, BTreeMap::new());
    assert_eq!((&after.id, after.at, after.value()), (&before.id, before.at, before.value()));
    assert_eq!(after.said.custom, [("sid1".to_owned(), "banner".to_owned())]);
    let expected = Conversion { sub_id: None, custom: after.said.custom.clone(), ..before.said };
    assert_eq!(after.said, expected);
    let postback = postbacks(&store, &site_id).await.remove(0);
    assert_eq!((postback.raw.as_slice(), postback.state.as_str()), (b"cleansed".as_slice(), "accepted"));
    assert_eq!(postback.conversion_id.as_ref(), Some(&after.id));
}

/// What is read from the cleansed request.
fn cleansed(site_id: &str, conversion: &Conversion) -> Conversion {
    let token = tagwerk_server::erasing::token(site_id, conversion.sub_id.as_deref().expect("a sub-id"), true);
    Conversion { sub_id: Some(token), ..conversion.clone() }
}

async fn read_again(store: &SharedStore, site_id: &str, conversion: &Conversion) {
    for postback in postbacks(store, site_id).await {
        let said = Ok(Said::Conversion { conversion_id: id(), conversion: Box::new(conversion.clone()) });
        let rereading = Rereading { postback_id: postback.id, before: None, corrections: None, said };
        store.reread(site_id, rereading).await.expect("taken").expect("there");
    }
}

pub(crate) async fn reading_again_after_erasing_changes_nothing(store: SharedStore) {
    let site_id = sending(&store, vec![everything("webhook")]).await;
    visits(&store, &site_id, ANNA).await;
    let sold = crate::given::with_content(&Conversion {
        sent_at: Some(START + 3 * DAY),
        click_expiry_days: Some(30),
        ..sale("t-1", Some(&sub_id(2)))
    });
    booked(&store, &site_id, &sold, START + 4 * DAY).await;
    take_in_all(&store).await;
    erase(&store, &site_id, ANNA).await;
    let (books, reports) = (conversions(&store, &site_id).await, reports(&store, &site_id).await);
    assert_eq!(books[0].at, START + 3 * DAY, "the click is there to be before it");
    let told = deliveries(&store, &site_id).await;
    // As it is kept now, and by somebody who opened it before.
    for conversion in [cleansed(&site_id, &sold), sold.clone()] {
        read_again(&store, &site_id, &conversion).await;
        take_in_all(&store).await;
        assert_eq!(conversions(&store, &site_id).await, books);
        assert_eq!(self::reports(&store, &site_id).await, reports);
        assert_eq!(deliveries(&store, &site_id).await, told);
    }
    // Other rules give other money, and the credit stays.
    let dearer = Conversion { value: Some(crate::given::amount("12.00")), ..cleansed(&site_id, &sold) };
    read_again(&store, &site_id, &dearer).await;
    take_in_all(&store).await;
    let shared = by_campaign(&store, &site_id, Model::Linear).await;
    let half = (500_000, 6_000_000, 0);
    let expected =
        [("mail", (333_333, 4_000_000, 0)), ("retarget", (333_333, 4_000_000, 0)), ("spring", (333_334, 4_000_000, 0))];
    assert_ne!(shared.get(&Some("spring".to_owned())), Some(&half));
    for (campaign, (count, value, _)) in expected {
        let found = shared[&Some(campaign.to_owned())];
        assert!((found.0 - count).abs() <= 1 && found.1 == value, "{campaign}: {found:?}");
    }
}

/// What reports say of conversions by campaign and by link, by every model.
async fn reports(store: &SharedStore, site_id: &str) -> Vec<BTreeMap<Vec<Option<String>>, (i64, i64, i128)>> {
    let mut told = Vec::new();
    for model in Model::ALL {
        for by in [Dimension::Utm("utm_campaign".into()), Dimension::Link, Dimension::LandingPage, Dimension::State] {
            let found = groups(store, site_id, &asked(vec![by], model)).await;
            let rows = found.into_iter().map(|(values, group)| {
                let net: i128 = group.amounts.values().map(|money| money.net()).sum();
                (values, (group.counts.conversions, group.counts.refunds, net))
            });
            told.push(rows.filter(|(_, row)| *row != (0, 0, 0)).collect());
        }
    }
    told
}

pub(crate) async fn a_repeat_after_erasing_is_known_and_brings_nobody_back(store: SharedStore) {
    for repeat in [Repeat::Ignore, Repeat::Edit, Repeat::AddPayout] {
        let site_id = site(&store).await;
        visits(&store, &site_id, ANNA).await;
        let sold = Conversion { repeat, ..sale("t-1", Some(&sub_id(2))) };
        let other = Conversion { order_type: Some("again".into()), ..sold.clone() };
        book(&store, &site_id, &sold).await;
        book(&store, &site_id, &other).await;
        erase(&store, &site_id, ANNA).await;
        for known in [&sold, &other] {
            let outcome = book(&store, &site_id, known).await;
            assert_eq!(outcome.state, PostbackState::Duplicate, "{repeat:?}");
        }
        let third = Conversion { order_type: Some("third".into()), ..sold.clone() };
        book(&store, &site_id, &third).await;
        let row = only_conversion(&store, &site_id).await;
        assert_eq!(nobody_s(&row), (None, None, None), "{repeat:?}");
        assert_eq!((row.attribution.state, row.source.len()), (State::Attributed, 2), "{repeat:?}");
    }
}

pub(crate) async fn what_comes_of_the_same_click_later_is_credited_as_before_and_joins_its_sale(store: SharedStore) {
    let site_id = site(&store).await;
    visits(&store, &site_id, ANNA).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(2))), START + 4 * DAY).await;
    take_in_all(&store).await;
    erase(&store, &site_id, ANNA).await;
    let sold = only_conversion(&store, &site_id).await;
    // By click and product alone, as an affiliate is told of it; and the next payment.
    booked(&store, &site_id, &refund("t-9", Some(&sub_id(2)), "-10.00"), START + 5 * DAY).await;
    let next = Conversion { rebill: Some(true), product_id: Some("club".into()), ..sale("t-2", Some(&sub_id(2))) };
    booked(&store, &site_id, &next, START + 6 * DAY).await;
    take_in_all(&store).await;
    let rows = conversions(&store, &site_id).await;
    assert!(rows.iter().all(|row| nobody_s(row) == (None, None, None)), "{rows:?}");
    let back = rows.iter().find(|row| row.said.kind == "Refund").expect("a refund");
    assert_eq!(back.sale_id.as_ref(), Some(&sold.id));
    let found = by_campaign(&store, &site_id, Model::Click).await;
    assert_eq!(found, BTreeMap::from([(Some("retarget".to_owned()), (2_000_000, 20_000_000, 10_000_000))]));
}

pub(crate) async fn a_sale_that_comes_after_its_visitor_was_erased_is_nobody_s(store: SharedStore) {
    let site_id = sending(&store, vec![everything("webhook")]).await;
    visits(&store, &site_id, ANNA).await;
    erase(&store, &site_id, ANNA).await;
    assert_eq!(book(&store, &site_id, &sale("t-1", Some(&sub_id(2)))).await.state, PostbackState::Unattributed);
    let row = only_conversion(&store, &site_id).await;
    assert_eq!(nobody_s(&row), (None, None, None));
    assert_eq!((row.attribution.state, row.attribution.reason.as_deref()), (State::Unattributed, Some(ERASED)));
    assert_eq!(deliveries(&store, &site_id).await, []);
    let event = OrderEvent {
        group: "network".into(),
        order_id: "o".into(),
        event: "missed".into(),
        transaction_id: None,
        product_id: None,
        billing_status: None,
        sub_id: Some(sub_id(2)),
        is_test: false,
    };
    store.receive_postback(&site_id, said(Ok(Said::OrderEvent(event)))).await.expect("taken");
    let noted = store.order_events(&site_id, newest()).await.expect("read").items.remove(0);
    assert_eq!(noted.event.sub_id, None);
}

pub(crate) async fn what_an_erased_browser_still_sends_is_not_taken(store: SharedStore) {
    let site_id = site(&store).await;
    visits(&store, &site_id, ANNA).await;
    erase(&store, &site_id, ANNA).await;
    let again = |number: u64, visitor: Option<&str>| {
        let mut event = page_view(&visit(number));
        event.event.event_id = format!("later-{number}-{visitor:?}");
        event.event.visitor_id = visitor.map(str::to_owned);
        event
    };
    let sent: Vec<ReceivedEvent> =
        vec![again(1, Some("another")), again(2, None), again(99, Some(ANNA)), again(98, Some("another"))];
    assert_eq!(store.receive_events(&site_id, sent).await.expect("taken"), 3);
    let visits = store.visits(&site_id, newest()).await.expect("read").items;
    let known = |number: u64| visits.iter().any(|found| found.visit_id == visit(number).as_str());
    assert_eq!([known(1), known(2), known(99), known(98)], [false, false, false, true]);
    let elsewhere = site(&store).await;
    assert_eq!(store.receive_events(&elsewhere, vec![again(1, Some(ANNA))]).await.expect("taken"), 0);
}

pub(crate) async fn reports_count_the_visitor_no_longer_and_the_conversions_as_before(store: SharedStore) {
    for others in [0, 40] {
        let site_id = site(&store).await;
        visits(&store, &site_id, ANNA).await;
        booked(&store, &site_id, &sale("t-1", Some(&sub_id(2))), START + 4 * DAY).await;
        booked(&store, &site_id, &sale("t-2", Some(&sub_id(12))), START + 4 * DAY).await;
        booked(&store, &site_id, &refund("t-1", None, "-4.00"), START + 5 * DAY).await;
        take_in_all(&store).await;
        // More on top, so that what is erased lies in the middle of what is sealed, and other facts in the tail.
        let more = (100..100 + others).map(|number| arrival(number, None, START + DAY, Some("other")));
        send(&store, &site_id, more.collect()).await;
        take_in_all(&store).await;
        let (before, money) = (by_visits(&store, &site_id).await, reports(&store, &site_id).await);
        assert_eq!(before[&Some("spring".to_owned())], (1, 1));
        erase(&store, &site_id, ANNA).await;
        for _ in 0..2 {
            let after = by_visits(&store, &site_id).await;
            let expected: BTreeMap<_, _> = before
                .iter()
                .filter(|(name, _)| name.as_deref() == Some("other"))
                .map(|(a, b)| (a.clone(), *b))
                .collect();
            assert_eq!(after, expected, "visits and visitors");
            assert_eq!(reports(&store, &site_id).await, money, "conversions");
            adds_up(&store, &site_id).await;
            take_in_all(&store).await;
        }
    }
}

/// Visits and visitors by campaign, those without any left out.
async fn by_visits(store: &SharedStore, site_id: &str) -> BTreeMap<Option<String>, (i64, u64)> {
    let found = groups(store, site_id, &asked(vec![Dimension::Utm("utm_campaign".into())], Model::Click)).await;
    let rows = found.into_iter().map(|(values, group)| {
        let visitors = group.visitors.map_or(0, |visitors| visitors.count);
        (values.into_iter().next().flatten(), (group.counts.visits, visitors))
    });
    rows.filter(|(_, row)| row.0 != 0).collect()
}

/// Totals are the sums of their parts, and behind each figure is what the lists show.
async fn adds_up(store: &SharedStore, site_id: &str) {
    let total = groups(store, site_id, &asked(Vec::new(), Model::Click)).await.into_values().next().expect("a total");
    let parts =
        groups(store, site_id, &asked(vec![Dimension::Utm("utm_campaign".into()), Dimension::Day], Model::Click)).await;
    let sum = |of: fn(&tagwerk_server::store::facts::Group) -> i64| parts.values().map(of).sum::<i64>();
    assert_eq!(sum(|group| group.counts.visits), total.counts.visits);
    assert_eq!(sum(|group| group.counts.clicks), total.counts.clicks);
    assert_eq!(sum(|group| group.counts.sales), total.counts.sales);
    let visits = store.visits(site_id, newest()).await.expect("read").items;
    let clicks = store.clicks(site_id, newest()).await.expect("read").items;
    let sales = conversions(store, site_id).await.into_iter().filter(|row| row.said.kind == "Purchase");
    let listed = [visits.len(), clicks.len(), sales.count()];
    for (of, listed) in [Behind::Visits, Behind::Clicks, Behind::Sales].into_iter().zip(listed) {
        let rows = store.rows_behind(site_id, asked(Vec::new(), Model::Click), of, None, 1000).await.expect("rows");
        assert_eq!((rows.rows.len(), rows.total), (listed, listed as u64), "{of:?}");
        let ids: Vec<String> = rows.rows.into_iter().map(|row| row.id).collect();
        let found = match of {
            Behind::Visits => store.visits_of_rows(site_id, &ids).await.expect("read").len(),
            Behind::Clicks => store.clicks_of_rows(site_id, &ids).await.expect("read").len(),
            _ => store.conversions_of_rows(site_id, &ids).await.expect("read").len(),
        };
        assert_eq!(found, listed, "{of:?}");
    }
    let whole = total.counts;
    assert_eq!([whole.visits, whole.clicks, whole.sales / 1_000_000], listed.map(|count| count as i64));
}

pub(crate) async fn erasing_before_and_after_taking_in_comes_to_the_same(store: SharedStore) {
    let mut told = Vec::new();
    for taken_in_before in [false, true] {
        let site_id = site(&store).await;
        visits(&store, &site_id, ANNA).await;
        booked(&store, &site_id, &sale("t-1", Some(&sub_id(2))), START + 4 * DAY).await;
        if taken_in_before {
            take_in_all(&store).await;
        }
        erase(&store, &site_id, ANNA).await;
        take_in_all(&store).await;
        adds_up(&store, &site_id).await;
        told.push((reports(&store, &site_id).await, by_visits(&store, &site_id).await));
    }
    assert_eq!(told[0], told[1]);
}

pub(crate) async fn values_that_nobody_else_brought_are_forgotten(store: SharedStore) {
    let site_id = site(&store).await;
    let mut alone = arrival(1, Some(ANNA), START, Some("for-anna-alone"));
    alone.event.landing.page = "https://a.example/confirm/of-anna".into();
    let mut shared = arrival(2, Some(ANNA), START, Some("shared"));
    shared.event.landing.page = "https://a.example/for-all".into();
    let mut other = arrival(3, Some("bob4567890123456"), START, Some("shared"));
    other.event.landing.page = "https://a.example/for-all".into();
    let more = (50..70).map(|number| arrival(number, None, START, Some("more")));
    send(&store, &site_id, [alone, shared, other].into_iter().chain(more).collect()).await;
    take_in_all(&store).await;
    let values = async |dimension: Dimension| store.values(&site_id, dimension, 100).await.expect("read");
    assert!(values(Dimension::LandingPage).await.contains(&"/confirm/of-anna".to_owned()));
    erase(&store, &site_id, ANNA).await;
    assert!(!values(Dimension::LandingPage).await.contains(&"/confirm/of-anna".to_owned()));
    assert!(values(Dimension::LandingPage).await.contains(&"/for-all".to_owned()));
    assert_eq!(values(Dimension::Utm("utm_campaign".into())).await, ["more", "shared"]);
    // Those that come later get numbers of their own.
    send(&store, &site_id, vec![arrival(80, None, START, Some("new"))]).await;
    take_in_all(&store).await;
    assert_eq!(by_visits(&store, &site_id).await[&Some("new".to_owned())], (1, 1));
}

pub(crate) async fn what_waits_to_be_sent_is_stopped_for_good(store: SharedStore) {
    let site_id = sending(&store, vec![everything("webhook")]).await;
    visits(&store, &site_id, ANNA).await;
    let sold = sale("t-1", Some(&sub_id(2)));
    book(&store, &site_id, &sold).await;
    book(&store, &site_id, &sale("t-2", Some(&sub_id(12)))).await;
    let states = async || {
        let mut found = deliveries(&store, &site_id).await;
        // Those of one instant stand in no order of their own.
        found.sort_by_key(|one| one.reason.clone());
        found.into_iter().map(|one| (one.state, one.reason)).collect::<Vec<_>>()
    };
    assert!(states().await.iter().all(|(state, _)| *state == DeliveryState::Waiting));
    assert_eq!(erase(&store, &site_id, ANNA).await.expect("somebody").stopped, 1);
    let expected = [(DeliveryState::Waiting, None), (DeliveryState::Refused, Some(ERASED.to_owned()))];
    assert_eq!(states().await, expected);
    let all = deliveries(&store, &site_id).await;
    let stopped = all.into_iter().find(|one| one.state == DeliveryState::Refused).expect("one").id;
    let refused = Again::All("webhook".into(), DeliveryState::Refused);
    for again in [Again::One(stopped), refused] {
        assert_eq!(store.send_again(&site_id, again, START).await.expect("taken"), 0);
    }
    read_again_all(&store, &site_id, &sold).await;
    send_to(&store, &site_id, vec![everything("webhook"), everything("second")], START - 99 * DAY).await;
    assert_eq!(states().await, expected);
}

async fn read_again_all(store: &SharedStore, site_id: &str, sold: &Conversion) {
    let of_it = postbacks(store, site_id).await.into_iter().find(|postback| postback.raw == b"cleansed").expect("one");
    let conversion = cleansed(site_id, &crate::given::with_content(sold));
    let said = Ok(Said::Conversion { conversion_id: id(), conversion: Box::new(conversion) });
    let rereading = Rereading { postback_id: of_it.id, before: None, corrections: None, said };
    store.reread(site_id, rereading).await.expect("taken").expect("there");
}

pub(crate) async fn what_was_told_of_an_erased_visitor_meanwhile_is_not_kept(store: SharedStore) {
    let site_id = sending(&store, vec![everything("webhook")]).await;
    visits(&store, &site_id, ANNA).await;
    book(&store, &site_id, &sale("t-1", Some(&sub_id(2)))).await;
    let now = crate::given::NOW;
    store.claim(now, "lease", now + 60_000, 1).await.expect("claimed");
    let due = store.due(&site_id, "webhook", now, 9).await.expect("read").remove(0);
    erase(&store, &site_id, ANNA).await;
    let settled = Settled {
        id: due.delivery.id.clone(),
        state: DeliveryState::Delivered,
        reason: None,
        tried: true,
        not_before: now,
        receipt: Some("receipt".into()),
        last_status: Some(200),
        last_answer: Some("with an address".into()),
        exchange: Some(b"sealed".to_vec()),
    };
    let pace = Pace { success: true, ..Pace::default() };
    let settling = Settling { now, lease: "lease".into(), until: None, settled: vec![settled], pace };
    store.settle(&site_id, "webhook", settling).await.expect("settled");
    let (kept, exchange) = store.delivery(&site_id, &due.delivery.id).await.expect("read").expect("there");
    assert_eq!((kept.state, kept.receipt, kept.last_answer, exchange), (DeliveryState::Delivered, None, None, None));
}

pub(crate) async fn a_visit_that_names_no_visitor_is_erased_by_its_own_id(store: SharedStore) {
    let site_id = site(&store).await;
    let first = arrival(1, None, START, Some("spring"));
    let click = clicked(&first);
    send(&store, &site_id, vec![first, click, arrival(2, None, START, Some("spring"))]).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(1))), START + DAY).await;
    take_in_all(&store).await;
    let erased = erase(&store, &site_id, visit(1).as_str()).await.expect("a visit");
    assert_eq!((erased.visits, erased.conversions), (1, 1));
    let found = by_campaign(&store, &site_id, Model::Linear).await;
    assert_eq!(found, BTreeMap::from([(Some("spring".to_owned()), (1_000_000, 10_000_000, 0))]));
    assert_eq!(by_visits(&store, &site_id).await, BTreeMap::from([(Some("spring".to_owned()), (1, 1))]));
}

pub(crate) async fn what_belongs_to_the_same_order_and_names_nobody_is_cleansed_too(store: SharedStore) {
    let site_id = site(&store).await;
    visits(&store, &site_id, ANNA).await;
    let of_order = |conversion: Conversion| Conversion { order_id: Some("o-1".into()), ..conversion };
    book(&store, &site_id, &of_order(sale("t-1", Some(&sub_id(2))))).await;
    book(&store, &site_id, &of_order(refund("t-2", None, "-10.00"))).await;
    // Another visitor's, however it came into the same order, and another order's.
    book(&store, &site_id, &of_order(sale("t-3", Some(&sub_id(12))))).await;
    book(&store, &site_id, &sale("t-4", None)).await;
    let joined = async || {
        let rows = conversions(&store, &site_id).await;
        rows.into_iter().map(|row| (row.id, row.sale_id, row.attribution.state)).collect::<Vec<_>>()
    };
    let before = joined().await;
    let erased = erase(&store, &site_id, ANNA).await.expect("somebody");
    assert_eq!((erased.conversions, erased.postbacks), (2, 2));
    assert_eq!(joined().await, before);
    let mut raws: BTreeMap<String, bool> = BTreeMap::new();
    let rows = conversions(&store, &site_id).await;
    for postback in postbacks(&store, &site_id).await {
        let row = rows.iter().find(|row| Some(&row.id) == postback.conversion_id.as_ref()).expect("its conversion");
        raws.insert(row.said.transaction_id.clone().expect("an id"), postback.raw == b"cleansed");
    }
    assert_eq!(
        raws.into_iter().map(|(id, is)| (id.as_str() == "t-1" || id == "t-2") == is).collect::<Vec<_>>(),
        [true; 4]
    );
}

pub(crate) async fn a_postback_without_a_conversion_is_cleansed_where_it_tells_of_the_visitor(store: SharedStore) {
    let site_id = site(&store).await;
    visits(&store, &site_id, ANNA).await;
    for raw in [format!("cid={}", sub_id(2)), format!("cid={}", sub_id(12)), "nothing".to_owned()] {
        let mut refused = said(Err(format!("it says {raw}")));
        refused.raw = raw.into_bytes();
        store.receive_postback(&site_id, refused).await.expect("taken");
    }
    assert_eq!(store.loose_postbacks(&site_id, None, 99).await.expect("read").len(), 3);
    assert_eq!(erase(&store, &site_id, ANNA).await.expect("somebody").postbacks, 1);
    let kept = postbacks(&store, &site_id).await;
    assert_eq!(kept.iter().filter(|postback| postback.raw == b"cleansed").count(), 1);
    let cleansed = kept.iter().find(|postback| postback.raw == b"cleansed").expect("one");
    assert_eq!((cleansed.state.as_str(), cleansed.reason.as_deref()), ("refused", Some(ERASED)));
}

pub(crate) async fn the_trail_no_longer_names_the_visitor(store: SharedStore) {
    let site_id = site(&store).await;
    visits(&store, &site_id, ANNA).await;
    for about in [serde_json::json!({ "click_id": sub_id(2), "n": 1 }), serde_json::json!({ "click_id": sub_id(12) })] {
        let deed = Deed {
            id: id(),
            at: START,
            who: "anna".into(),
            user_id: None,
            site_id: Some(site_id.clone()),
            act: "conversion.assigned".into(),
            about,
        };
        store.add_deed(deed).await.expect("kept");
    }
    erase(&store, &site_id, ANNA).await;
    let deeds = store.deeds(DeedFilter::default(), None, 9).await.expect("read").items;
    let told: Vec<String> = deeds.iter().map(|deed| deed.about.to_string()).collect();
    assert!(told.contains(&r#"{"click_id":"(erased)","n":1}"#.to_owned()), "{told:?}");
    assert!(told.iter().any(|about| about.contains(&sub_id(12))), "{told:?}");
}

pub(crate) async fn a_visitor_is_erased_whole_or_not_at_all(store: SharedStore) {
    let site_id = site(&store).await;
    visits(&store, &site_id, ANNA).await;
    book(&store, &site_id, &sale("t-1", Some(&sub_id(2)))).await;
    take_in_all(&store).await;
    let all = async || {
        (
            store.visits(&site_id, newest()).await.expect("read"),
            conversions(&store, &site_id).await,
            postbacks(&store, &site_id).await,
            by_visits(&store, &site_id).await,
        )
    };
    let before = all().await;
    let failed = store.erase_visitor(&site_id, ANNA, erasure(true), START).await;
    assert!(matches!(failed, Err(StoreError::Corrupt(_))), "{failed:?}");
    assert_eq!(all().await, before);
    assert!(!store.is_erased(&site_id, visit(1).as_str()).await.expect("read"));
    assert!(erase(&store, &site_id, ANNA).await.is_some());
}

pub(crate) async fn nothing_is_known_of_a_visitor_of_another_site(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    visits(&store, &site_id, ANNA).await;
    assert_eq!(erase(&store, &other, ANNA).await, None);
    assert_eq!(erase(&store, &site_id, "").await, None);
    assert_eq!(store.visits(&site_id, newest()).await.expect("read").items.len(), 23);
}
