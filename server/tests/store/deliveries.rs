//! Which deliveries there are: of each sale one to each platform that is to know of it, made with what the books say.

use crate::given::{
    CLICKED, DAY, NOW, VISITED, amount, book, click, deliveries, everything, matched, only_delivery, orders, outbound,
    page_view, postback, refund, sale, send, send_to, sending, visit,
};
use crate::rereading::{booked, reread, says};
use crate::transactions::under;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::conversion::{Conversion, Repeat};
use tagwerk_server::dedupe::event_id;
use tagwerk_server::store::{DeliveryRow, DeliveryState, Due, FirstTouch, OutletRules, ReceivedEvent, SharedStore};

/// Platform and event id of everything that waits.
fn waiting(all: &[DeliveryRow]) -> BTreeSet<(String, String)> {
    let waiting = all.iter().filter(|row| row.state == DeliveryState::Waiting);
    waiting.map(|row| (row.platform.clone(), row.event_id.clone())).collect()
}

async fn states(store: &SharedStore, site_id: &str) -> Vec<DeliveryState> {
    deliveries(store, site_id).await.into_iter().map(|row| row.state).collect()
}

/// The same visit with other click ids.
fn with_click_ids(mut event: ReceivedEvent, click_ids: &[&str]) -> ReceivedEvent {
    event.visit.click_ids = click_ids.iter().map(|param| ((*param).to_owned(), "CjwK".to_owned())).collect();
    event
}

/// The same visit, begun at this time by this visitor.
fn begun(mut event: ReceivedEvent, visitor_id: &str, at: i64) -> ReceivedEvent {
    event.event.visitor_id = Some(visitor_id.into());
    event.event.landing.at = at;
    event
}

async fn due(store: &SharedStore, site_id: &str, platform: &str) -> Vec<Due> {
    store.due(site_id, platform, NOW, 100).await.expect("due")
}

pub(crate) async fn a_sale_is_one_delivery_to_each_platform_however_it_is_told(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let told = sale("t", Some(click_id.as_str()));
    let ways = [told.clone(), told.clone(), under("upsell", "Purchase", told.clone()), sale("t", None)];
    for order in orders(&ways) {
        let site_id = sending(&store, vec![matched("google"), everything("hook")]).await;
        send(&store, &site_id, vec![outbound(&click_id)]).await;
        for conversion in &order {
            book(&store, &site_id, conversion).await;
        }
        let id = event_id(&site_id, &told);
        let all = deliveries(&store, &site_id).await;
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!(waiting(&all), BTreeSet::from([("google".into(), id.clone()), ("hook".into(), id)]));
    }
}

pub(crate) async fn a_platform_gets_what_any_kept_touch_of_the_visitor_brought_and_nothing_else(store: SharedStore) {
    let (own, other) = (visit(1), visit(2));
    let click_id = click(&own, 1);
    let bare = || with_click_ids(outbound(&click_id), &[]);
    let first_touch = |param: &str| {
        let click_ids = BTreeMap::from([(param.to_owned(), "CjwK".to_owned())]);
        let mut event = bare();
        let (landing_page, referrer, source) = ("https://a.example/".to_owned(), None, BTreeMap::new());
        event.visit.first_touch = Some(FirstTouch { at: VISITED - DAY, landing_page, referrer, source, click_ids });
        event
    };
    let earlier = |visitor: &str, at: i64| begun(with_click_ids(page_view(&other), &["gclid"]), visitor, at);
    let cases: [(&str, Vec<ReceivedEvent>, bool); 8] = [
        ("the visit of the click", vec![outbound(&click_id)], true),
        ("its name in capitals", vec![with_click_ids(outbound(&click_id), &["GCLID"])], true),
        ("an earlier visit", vec![earlier("visitor", VISITED - DAY), bare()], true),
        ("how the visitor first came", vec![first_touch("gclid")], true),
        ("first by another platform", vec![first_touch("fbclid")], false),
        ("another platform's", vec![with_click_ids(outbound(&click_id), &["fbclid"])], false),
        ("another visitor's visit", vec![earlier("somebody else", VISITED - DAY), bare()], false),
        ("no touch", vec![bare()], false),
    ];
    for (name, events, expected) in cases {
        let site_id = sending(&store, vec![matched("google")]).await;
        for event in events {
            send(&store, &site_id, vec![event]).await;
        }
        book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
        assert_eq!(deliveries(&store, &site_id).await.len(), usize::from(expected), "{name}");
    }
    // What came after the sale did not bring it.
    let site_id = sending(&store, vec![matched("google")]).await;
    send(&store, &site_id, vec![bare()]).await;
    let mut afterwards = earlier("visitor", NOW + 5000);
    afterwards.received_at = NOW + 5000;
    send(&store, &site_id, vec![afterwards]).await;
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    assert_eq!(deliveries(&store, &site_id).await, []);
}

pub(crate) async fn a_platform_that_gets_everything_gets_what_is_nobody_s_too(store: SharedStore) {
    let site_id = sending(&store, vec![matched("google"), everything("hook")]).await;
    book(&store, &site_id, &sale("t", None)).await;
    let row = only_delivery(&store, &site_id).await;
    assert_eq!((row.platform.as_str(), row.kind.as_str(), row.state), ("hook", "Purchase", DeliveryState::Waiting));
    assert_eq!((row.at, row.received_at, row.not_before, row.deadline), (NOW, NOW, NOW, NOW + 7 * DAY));
    assert_eq!((row.attempts, row.last_status, row.finished_at), (0, None, None));
}

pub(crate) async fn a_visit_that_reports_late_makes_the_deliveries_then(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let site_id = sending(&store, vec![matched("google")]).await;
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    assert_eq!(deliveries(&store, &site_id).await, []);
    send(&store, &site_id, vec![page_view(&visit(1))]).await;
    let row = only_delivery(&store, &site_id).await;
    assert_eq!(row.event_id, event_id(&site_id, &sale("t", None)));
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    assert_eq!(only_delivery(&store, &site_id).await, row);
}

pub(crate) async fn an_earlier_visit_that_reports_late_brings_what_came_later(store: SharedStore) {
    let click_id = click(&visit(2), 1);
    let site_id = sending(&store, vec![matched("google")]).await;
    send(&store, &site_id, vec![with_click_ids(outbound(&click_id), &[])]).await;
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    let somebody = begun(page_view(&visit(3)), "somebody else", VISITED - DAY);
    let after = begun(page_view(&visit(4)), "visitor", NOW + 5000);
    for event in [somebody, ReceivedEvent { received_at: NOW + 5000, ..after }] {
        send(&store, &site_id, vec![event]).await;
        assert_eq!(deliveries(&store, &site_id).await, []);
    }
    send(&store, &site_id, vec![begun(page_view(&visit(1)), "visitor", VISITED - DAY)]).await;
    assert_eq!(only_delivery(&store, &site_id).await.platform, "google");
}

pub(crate) async fn tests_go_to_platforms_in_test_mode_alone_and_under_ids_of_their_own(store: SharedStore) {
    let site_id = sending(&store, vec![everything("live"), OutletRules { tests: true, ..everything("trying") }]).await;
    let test = Conversion { is_test: true, identity: "network/t/payment/test".into(), ..sale("t", None) };
    book(&store, &site_id, &test).await;
    let row = only_delivery(&store, &site_id).await;
    assert_eq!(row.platform, "trying");
    assert!(row.event_id.starts_with("test"), "{}", row.event_id);
    book(&store, &site_id, &sale("t", None)).await;
    let all = deliveries(&store, &site_id).await;
    let ids = |platform: &str| all.iter().filter(|row| row.platform == platform).count();
    assert_eq!((ids("live"), ids("trying")), (1, 2));
}

pub(crate) async fn money_that_goes_back_is_told_where_it_is_taken_with_its_sale(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let site_id = sending(&store, vec![matched("google"), everything("hook")]).await;
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    book(&store, &site_id, &refund("t", Some(click_id.as_str()), "-4.00")).await;
    let row = only_delivery(&store, &site_id).await;
    assert_eq!((row.platform.as_str(), row.kind.as_str()), ("hook", "Refund"));
    assert_eq!(due(&store, &site_id, "hook").await[0].sale, None, "its sale is not known yet");
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    let told = due(&store, &site_id, "hook").await;
    let back = told.iter().find(|due| due.delivery.kind == "Refund").expect("the refund");
    let of_sale = event_id(&site_id, &sale("t", None));
    assert_eq!(back.sale, Some((of_sale.clone(), Some("t".into()), NOW)));
    assert_ne!(back.delivery.event_id, of_sale);
}

pub(crate) async fn types_and_events_are_sent_where_they_are_wanted(store: SharedStore) {
    let leads = OutletRules { types: vec!["lead".into()], ..everything("leads") };
    let clicks = OutletRules { types: vec!["none".into()], events: vec!["outboundclick".into()], ..matched("clicks") };
    let site_id = sending(&store, vec![leads, clicks]).await;
    book(&store, &site_id, &sale("t", None)).await;
    assert_eq!(deliveries(&store, &site_id).await, []);
    book(&store, &site_id, &Conversion { kind: "Lead".into(), ..sale("u", None) }).await;
    assert_eq!(only_delivery(&store, &site_id).await.platform, "leads");

    let (known, bare) = (click(&visit(1), 1), click(&visit(2), 1));
    let nobody = begun(with_click_ids(outbound(&bare), &[]), "somebody else", VISITED);
    send(&store, &site_id, vec![page_view(&visit(1)), nobody]).await;
    for _ in 0..2 {
        send(&store, &site_id, vec![outbound(&known)]).await;
    }
    let told = due(&store, &site_id, "clicks").await;
    assert_eq!(told.len(), 1, "the event of a visit with a gclid, once: {told:?}");
    let row = &told[0].delivery;
    assert_eq!((row.kind.as_str(), row.conversion_id.as_deref(), row.at), ("OutboundClick", None, CLICKED));
    assert_eq!((row.event_id.as_str(), row.received_at), (known.as_str(), NOW - 10_000));
    assert_eq!(told[0].click.as_ref().map(|click| click.click_id.as_str()), Some(known.as_str()));
    assert_eq!(told[0].page.as_deref(), Some("https://a.example/review"));
}

pub(crate) async fn what_was_brought_in_afterwards_is_told_to_nobody(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let site_id = sending(&store, vec![matched("google"), everything("hook")]).await;
    book(&store, &site_id, &Conversion { past: true, ..sale("t", Some(click_id.as_str())) }).await;
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    assert_eq!(deliveries(&store, &site_id).await, []);
}

pub(crate) async fn what_was_there_before_the_platform_is_not_sent_to_it(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let site_id = sending(&store, Vec::new()).await;
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    send_to(&store, &site_id, vec![matched("google"), everything("hook")], NOW + 1).await;
    // Neither told again nor claimed by its visit.
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    assert_eq!(deliveries(&store, &site_id).await, []);
    let mut later = postback(&sale("u", None));
    later.received_at = NOW + 1;
    store.receive_postback(&site_id, later).await.expect("taken");
    assert_eq!(only_delivery(&store, &site_id).await.platform, "hook");
}

pub(crate) async fn what_is_older_than_the_platform_takes_expires_at_once(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let patient = OutletRules { max_age: 9 * DAY, ..matched("patient") };
    let site_id = sending(&store, vec![matched("strict"), patient]).await;
    let mut clicked = begun(outbound(&click_id), "visitor", NOW - 10 * DAY);
    clicked.event.at = NOW - 10 * DAY;
    send(&store, &site_id, vec![clicked]).await;
    let sold_at = NOW - 8 * DAY;
    book(&store, &site_id, &Conversion { sent_at: Some(sold_at), ..sale("t", Some(click_id.as_str())) }).await;
    let all = deliveries(&store, &site_id).await;
    let row = |platform: &str| all.iter().find(|row| row.platform == platform).expect("a delivery");
    let (strict, patient) = (row("strict"), row("patient"));
    assert_eq!((strict.state, strict.finished_at), (DeliveryState::Expired, Some(NOW)));
    assert_eq!(strict.reason.as_deref(), Some("older than the platform takes (168 hours)"));
    assert_eq!((patient.state, patient.at, patient.deadline), (DeliveryState::Waiting, sold_at, sold_at + 9 * DAY));
}

pub(crate) async fn what_the_click_is_too_young_for_waits(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let slow = OutletRules { min_click_age: 3_600_000, ..matched("slow") };
    let site_id = sending(&store, vec![slow, OutletRules { min_click_age: 1000, ..matched("quick") }]).await;
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    let all = deliveries(&store, &site_id).await;
    let not_before = |platform: &str| all.iter().find(|row| row.platform == platform).map(|row| row.not_before);
    assert_eq!((not_before("slow"), not_before("quick")), (Some(CLICKED + 3_600_000), Some(NOW)));
    assert!(due(&store, &site_id, "slow").await.is_empty());
    assert_eq!(due(&store, &site_id, "quick").await.len(), 1);
}

pub(crate) async fn what_leaves_the_books_is_not_sent_and_what_returns_is(store: SharedStore) {
    let site_id = sending(&store, vec![everything("hook")]).await;
    let ids = booked(&store, &site_id, &[sale("t", None)]).await;
    let before = only_delivery(&store, &site_id).await;
    reread(&store, &site_id, &ids[0], Err("it is refused now".into())).await;
    let gone = only_delivery(&store, &site_id).await;
    assert_eq!(gone.state, DeliveryState::Refused);
    assert_eq!(gone.reason.as_deref(), Some("the conversion is no longer in the books"));
    assert!(due(&store, &site_id, "hook").await.is_empty());
    let outcome = reread(&store, &site_id, &ids[0], says(&sale("t", None))).await;
    let after = only_delivery(&store, &site_id).await;
    assert_eq!((&after.id, &after.event_id), (&before.id, &before.event_id));
    assert_eq!((after.state, after.reason), (DeliveryState::Waiting, None));
    assert_eq!(after.conversion_id, outcome.conversion_id, "it tells the conversion that is there now");
    assert!(due(&store, &site_id, "hook").await[0].conversion.is_some());
}

pub(crate) async fn what_two_conversions_tell_is_sent_as_long_as_one_of_them_is_in_the_books(store: SharedStore) {
    for first in [0, 1] {
        let site_id = sending(&store, vec![everything("hook")]).await;
        let ids = booked(&store, &site_id, &[sale("t", None), under("upsell", "Purchase", sale("t", None))]).await;
        let id = only_delivery(&store, &site_id).await.event_id;
        reread(&store, &site_id, &ids[first], Err("it is refused now".into())).await;
        let told = due(&store, &site_id, "hook").await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].delivery.event_id, id);
        assert!(told[0].conversion.as_ref().is_some_and(|row| row.value() == Some(amount("10.00"))));
        reread(&store, &site_id, &ids[1 - first], Err("it is refused now".into())).await;
        assert_eq!(states(&store, &site_id).await, [DeliveryState::Refused]);
    }
}

pub(crate) async fn a_corrected_transaction_stays_one_delivery(store: SharedStore) {
    let site_id = sending(&store, vec![everything("hook")]).await;
    let ids = booked(&store, &site_id, &[sale("t", None)]).await;
    let before = only_delivery(&store, &site_id).await;
    reread(&store, &site_id, &ids[0], says(&sale("t-corrected", None))).await;
    assert_eq!(only_delivery(&store, &site_id).await, before);
    let told = due(&store, &site_id, "hook").await.remove(0);
    let transaction = told.conversion.and_then(|row| row.said.transaction_id);
    assert_eq!(transaction.as_deref(), Some("t-corrected"));
    // What takes the sale back names it by the id under which it was told.
    book(&store, &site_id, &refund("t-corrected", None, "-4.00")).await;
    let told = due(&store, &site_id, "hook").await;
    let back = told.iter().find_map(|due| due.sale.clone()).expect("a refund");
    assert_eq!(back.0, before.event_id);
}

pub(crate) async fn what_a_conversion_no_longer_is_is_not_sent(store: SharedStore) {
    let site_id = sending(&store, vec![OutletRules { types: vec!["Purchase".into()], ..everything("sales") }]).await;
    let version = |kind: &str, sent_at: i64| Conversion {
        kind: kind.into(),
        repeat: Repeat::Edit,
        sent_at: Some(sent_at),
        ..sale("t", None)
    };
    book(&store, &site_id, &version("Purchase", 1)).await;
    let before = only_delivery(&store, &site_id).await;
    book(&store, &site_id, &version("Lead", 2)).await;
    let row = only_delivery(&store, &site_id).await;
    assert_eq!(row.state, DeliveryState::Refused);
    assert!(row.reason.is_some_and(|reason| reason.contains("not for this platform")));
    book(&store, &site_id, &version("Purchase", 3)).await;
    assert_eq!(only_delivery(&store, &site_id).await, before);
}

pub(crate) async fn a_payment_that_turns_out_to_be_a_refund_is_not_told_as_a_payment(store: SharedStore) {
    let site_id = sending(&store, vec![OutletRules { refunds: false, ..everything("hook") }]).await;
    let assumed = Conversion { assumed: true, ..under("sale?", "Purchase", sale("t", None)) };
    let ids = booked(&store, &site_id, &[assumed, refund("t", None, "-10.00")]).await;
    let told = due(&store, &site_id, "hook").await;
    assert!(told.iter().all(|due| due.conversion.is_none()), "the books know of no payment: {told:?}");
    reread(&store, &site_id, &ids[1], Err("it is refused now".into())).await;
    assert!(due(&store, &site_id, "hook").await[0].conversion.is_some(), "and now they do");
}

pub(crate) async fn a_sale_is_told_with_the_visit_that_any_of_its_postbacks_names(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let named = under("upsell", "Purchase", sale("t", Some(click_id.as_str())));
    for order in orders(&[sale("t", None), named]) {
        let site_id = sending(&store, vec![matched("google")]).await;
        send(&store, &site_id, vec![outbound(&click_id)]).await;
        for conversion in &order {
            book(&store, &site_id, conversion).await;
        }
        let told = due(&store, &site_id, "google").await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].conversion.as_ref().map(|row| row.said.identity.as_str()), Some("network/t/payment"));
        assert_eq!(told[0].visits.first().map(|visit| visit.visit_id.as_str()), Some(click_id.visit().as_str()));
        assert_eq!(told[0].user_agent.as_deref(), Some("Mozilla/5.0 (X11)"));
    }
}

pub(crate) async fn a_rehearsal_sends_nothing(store: SharedStore) {
    let site_id = sending(&store, vec![everything("hook")]).await;
    store.rehearse_postbacks(&site_id, vec![postback(&sale("t", None))]).await.expect("rehearsed");
    assert_eq!(deliveries(&store, &site_id).await, []);
    assert_eq!(store.due_next().await.expect("read"), None);
}
