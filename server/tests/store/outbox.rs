//! How deliveries are sent: who may send, what is due, and what becomes of it.

use crate::given::{
    CLICKED, DAY, NOW, book, click, deliveries, everything, id, matched, newest, only_conversion, only_delivery,
    outbound, postback, sale, send, send_to, sending, site, visit,
};
use std::collections::BTreeMap;
use tagwerk_server::store::{
    Again, Claimed, DeliveryRow, DeliveryState, Field, Filter, OutletRow, OutletRules, Pace, Page, Settled, Settling,
    SharedStore,
};

const MINUTE: i64 = 60_000;
/// When everything in these stories is due.
const LATE: i64 = NOW + 30 * DAY;

/// A new site with one platform that gets everything, and sales that wait for it.
async fn with_sales(store: &SharedStore, sales: usize) -> String {
    let site_id = sending(store, vec![everything("hook")]).await;
    for number in 0..sales {
        book(store, &site_id, &sale(&format!("t-{number}"), None)).await;
    }
    site_id
}

/// Claims up to so many, for a minute; platforms by name.
async fn claim(store: &SharedStore, now: i64, lease: &str, most: usize) -> Vec<Claimed> {
    let mut claimed = store.claim(now, lease, now + MINUTE, most).await.expect("claimed");
    claimed.sort_by(|a, b| (&a.site_id, &a.platform).cmp(&(&b.site_id, &b.platform)));
    claimed
}

/// What became of a delivery: no state but this.
fn became(id: &str, state: DeliveryState) -> Settled {
    Settled {
        id: id.into(),
        state,
        reason: None,
        tried: true,
        not_before: NOW,
        receipt: None,
        last_status: None,
        last_answer: None,
        exchange: None,
    }
}

/// Gives the lease back.
fn settling(lease: &str, settled: Vec<Settled>) -> Settling {
    Settling { now: NOW, lease: lease.into(), until: None, settled, pace: Pace::default() }
}

async fn settle(store: &SharedStore, site_id: &str, settling: Settling) -> bool {
    store.settle(site_id, "hook", settling).await.expect("settled")
}

/// Claims the only outlet and settles one of its deliveries.
async fn settle_one(store: &SharedStore, site_id: &str, settled: Settled) {
    let lease = id();
    assert_eq!(claim(store, LATE, &lease, 9).await.len(), 1);
    assert!(settle(store, site_id, settling(&lease, vec![settled])).await);
}

async fn stop(store: &SharedStore, site_id: &str, reason: &str) {
    assert_eq!(claim(store, LATE, "stopping", 9).await.len(), 1);
    let pace = Pace { failures: 3, stopped: Some(reason.into()), ..Pace::default() };
    assert!(settle(store, site_id, Settling { pace, ..settling("stopping", Vec::new()) }).await);
}

async fn outlet(store: &SharedStore, site_id: &str) -> OutletRow {
    let mut outlets = store.outlets(site_id).await.expect("read");
    assert_eq!(outlets.len(), 1, "{outlets:?}");
    outlets.remove(0)
}

/// The ids of what is due, in its order.
async fn due(store: &SharedStore, site_id: &str, now: i64) -> Vec<String> {
    let due = store.due(site_id, "hook", now, 100).await.expect("due");
    due.into_iter().map(|due| due.delivery.id).collect()
}

async fn due_next(store: &SharedStore) -> Option<i64> {
    store.due_next().await.expect("read")
}

fn states(all: &[DeliveryRow]) -> Vec<DeliveryState> {
    all.iter().map(|row| row.state).collect()
}

pub(crate) async fn a_claim_is_nobody_else_s_until_its_lease_runs_out(store: SharedStore) {
    let site_id = with_sales(&store, 1).await;
    assert_eq!(due_next(&store).await, Some(NOW));
    assert_eq!(claim(&store, NOW - 1, "early", 9).await, [], "nothing is due yet");
    let claimed = claim(&store, NOW, "one", 9).await;
    assert_eq!(claimed, [Claimed { site_id: site_id.clone(), platform: "hook".into(), failures: 0, room: Some(1) }]);
    assert_eq!(due_next(&store).await, Some(NOW + MINUTE), "when its lease runs out");
    assert_eq!(claim(&store, NOW + MINUTE - 1, "two", 9).await, []);
    assert_eq!(claim(&store, NOW + MINUTE, "two", 9).await.len(), 1);
    // Whoever holds it may hold it on.
    let until = Some(NOW + 5 * MINUTE);
    assert!(settle(&store, &site_id, Settling { until, ..settling("two", Vec::new()) }).await);
    assert_eq!(claim(&store, NOW + 5 * MINUTE - 1, "three", 9).await, []);
    assert!(settle(&store, &site_id, settling("two", Vec::new())).await, "given back");
    assert_eq!(claim(&store, NOW + MINUTE, "three", 9).await.len(), 1);

    // Of many at the same instant, one gets it.
    let site_id = with_sales(&store, 1).await;
    let claims = (0..16).map(|number| store.claim(NOW, if number % 2 == 0 { "even" } else { "odd" }, NOW + 1, 9));
    let claimed: usize =
        futures_util::future::join_all(claims).await.into_iter().map(|got| got.expect("asked").len()).sum();
    assert_eq!(claimed, 1, "{site_id}");
}

pub(crate) async fn the_outlet_that_was_served_longest_ago_goes_first(store: SharedStore) {
    let mut turns: Vec<(String, String)> = Vec::new();
    for _ in 0..3 {
        let site_id = sending(&store, vec![everything("hook"), everything("line")]).await;
        for number in 0..10 {
            book(&store, &site_id, &sale(&number.to_string(), None)).await;
        }
    }
    for turn in 0..18 {
        let now = NOW + turn;
        let claimed = claim(&store, now, &format!("lease-{turn}"), 1).await.remove(0);
        let settling = Settling { now, ..settling(&format!("lease-{turn}"), Vec::new()) };
        assert!(store.settle(&claimed.site_id, &claimed.platform, settling).await.expect("settled"));
        turns.push((claimed.site_id, claimed.platform));
    }
    // Nobody is served twice before everybody was.
    for round in turns.chunks(6) {
        let mut all = round.to_vec();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6, "{turns:?}");
    }
}

pub(crate) async fn what_is_due_comes_with_all_that_is_known_the_longest_waiting_first(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let site_id = sending(&store, vec![everything("hook")]).await;
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    for (number, received_at) in [NOW + 2, NOW, NOW + 1].into_iter().enumerate() {
        let mut received = postback(&sale(&format!("t-{number}"), Some(click_id.as_str())));
        received.received_at = received_at;
        store.receive_postback(&site_id, received).await.expect("taken");
    }
    let ask = async |now, most| store.due(&site_id, "hook", now, most).await.expect("due");
    let transactions = |due: Vec<tagwerk_server::store::Due>| -> Vec<String> {
        due.into_iter().filter_map(|due| due.conversion?.said.transaction_id).collect()
    };
    assert_eq!(transactions(ask(NOW + 2, 9).await), ["t-1", "t-2", "t-0"]);
    assert_eq!(transactions(ask(NOW + 2, 2).await), ["t-1", "t-2"]);
    assert_eq!(transactions(ask(NOW + 1, 9).await), ["t-1", "t-2"]);
    let first = ask(NOW, 1).await.remove(0);
    assert_eq!(first.delivery.conversion_id, first.conversion.as_ref().map(|row| row.id.clone()));
    assert_eq!(first.click.map(|click| (click.click_id, click.at)), Some((click_id.to_string(), CLICKED)));
    assert_eq!(
        first.visits.iter().map(|visit| visit.visit_id.as_str()).collect::<Vec<_>>(),
        [click_id.visit().as_str()]
    );
    assert_eq!((first.ip.as_deref(), first.user_agent.as_deref()), (Some("203.0.113.0"), Some("Mozilla/5.0 (X11)")));
    assert_eq!(first.postback.map(|row| row.received_at), Some(NOW));
    assert_eq!(first.sale, None);
}

pub(crate) async fn what_became_of_a_delivery_is_kept_with_its_exchange(store: SharedStore) {
    let site_id = with_sales(&store, 2).await;
    let ids = due(&store, &site_id, NOW).await;
    assert_eq!(claim(&store, NOW, "lease", 9).await.len(), 1);
    let delivered = Settled {
        last_status: Some(200),
        last_answer: Some("{\"ok\":true}".into()),
        exchange: Some(b"sealed".to_vec()),
        ..became(&ids[0], DeliveryState::Delivered)
    };
    let refused =
        Settled { reason: Some("no identifier".into()), tried: false, ..became(&ids[1], DeliveryState::Refused) };
    let pace = Pace { success: true, room: Some(2), ..Pace::default() };
    let settling = Settling { now: NOW + 5, pace, ..settling("lease", vec![delivered, refused]) };
    assert!(settle(&store, &site_id, settling).await);
    let read = async |id: &str| store.delivery(&site_id, id).await.expect("read").expect("a delivery");
    let (row, exchange) = read(&ids[0]).await;
    assert_eq!((row.state, row.attempts, row.finished_at), (DeliveryState::Delivered, 1, Some(NOW + 5)));
    assert_eq!((row.last_status, row.last_answer.as_deref()), (Some(200), Some("{\"ok\":true}")));
    assert_eq!(exchange.as_deref(), Some(&b"sealed"[..]));
    let (row, exchange) = read(&ids[1]).await;
    assert_eq!((row.state, row.attempts, row.reason.as_deref()), (DeliveryState::Refused, 0, Some("no identifier")));
    assert_eq!((row.last_status, exchange), (None, None));
    let outlet = outlet(&store, &site_id).await;
    assert_eq!((outlet.delivered, outlet.last_success, outlet.last_trouble), (1, Some(NOW + 5), None));
    assert_eq!(due_next(&store).await, None);
    book(&store, &site_id, &sale("t-9", None)).await;
    assert_eq!(claim(&store, NOW, "lease", 9).await[0].room, Some(2));
}

pub(crate) async fn what_fails_waits_for_its_time(store: SharedStore) {
    let site_id = with_sales(&store, 2).await;
    let ids = due(&store, &site_id, NOW).await;
    assert_eq!(claim(&store, NOW, "lease", 9).await.len(), 1);
    let later =
        Settled { not_before: NOW + 7000, reason: Some("HTTP 500".into()), ..became(&ids[0], DeliveryState::Waiting) };
    let judged =
        Settled { not_before: NOW + 9000, receipt: Some("r-1".into()), ..became(&ids[1], DeliveryState::Waiting) };
    let pace =
        Pace { failures: 2, room: Some(1), not_before: NOW + 6000, reason: Some("HTTP 500".into()), ..Pace::default() };
    assert!(settle(&store, &site_id, Settling { pace, ..settling("lease", vec![later, judged]) }).await);
    assert_eq!(due_next(&store).await, Some(NOW + 7000));
    assert_eq!(claim(&store, NOW + 6999, "lease", 9).await, []);
    let claimed = claim(&store, NOW + 7000, "lease", 9).await;
    assert_eq!((claimed[0].failures, claimed[0].room), (2, Some(1)));
    assert_eq!(due(&store, &site_id, NOW + 7000).await, [ids[0].clone()]);
    assert_eq!(due(&store, &site_id, NOW + 9000).await, ids);
    let told = outlet(&store, &site_id).await;
    assert_eq!((told.failures, told.reason.as_deref(), told.last_trouble), (2, Some("HTTP 500"), Some(NOW)));
    let receipts: Vec<Option<String>> =
        deliveries(&store, &site_id).await.into_iter().map(|row| row.receipt).filter(Option::is_some).collect();
    assert_eq!(receipts, [Some("r-1".to_owned())]);
    assert!(deliveries(&store, &site_id).await.iter().all(|row| row.attempts == 1 && row.finished_at.is_none()));
    // A whole platform that waits is not claimed for what comes new, either.
    let pace = Pace { failures: 3, not_before: NOW + 60_000, ..Pace::default() };
    assert!(settle(&store, &site_id, Settling { pace, ..settling("lease", Vec::new()) }).await);
    book(&store, &site_id, &sale("t-9", None)).await;
    assert_eq!(due_next(&store).await, Some(NOW + 60_000));
    assert_eq!(claim(&store, NOW + 59_999, "lease", 9).await, []);
}

pub(crate) async fn under_a_lost_lease_only_what_was_delivered_is_kept(store: SharedStore) {
    let site_id = with_sales(&store, 3).await;
    let ids = due(&store, &site_id, NOW).await;
    assert_eq!(claim(&store, NOW, "slow", 9).await.len(), 1);
    assert_eq!(claim(&store, NOW + MINUTE, "quick", 9).await.len(), 1);
    let settled = vec![
        became(&ids[0], DeliveryState::Delivered),
        became(&ids[1], DeliveryState::Refused),
        Settled { not_before: NOW + DAY, ..became(&ids[2], DeliveryState::Waiting) },
    ];
    let pace = Pace { stopped: Some("the token has expired".into()), ..Pace::default() };
    assert!(!settle(&store, &site_id, Settling { pace, ..settling("slow", settled) }).await);
    assert_eq!(due(&store, &site_id, NOW).await, ids[1..]);
    let told = outlet(&store, &site_id).await;
    assert_eq!((told.delivered, told.stopped), (1, None));
    assert_eq!(claim(&store, NOW + MINUTE, "third", 9).await, [], "it is still the quick one's");
    assert!(settle(&store, &site_id, settling("quick", vec![became(&ids[0], DeliveryState::Delivered)])).await);
    assert_eq!(outlet(&store, &site_id).await.delivered, 1, "what was delivered twice is counted once");
}

pub(crate) async fn what_was_delivered_is_delivered_whatever_became_of_it_meanwhile(store: SharedStore) {
    let site_id = with_sales(&store, 1).await;
    let row = only_delivery(&store, &site_id).await;
    assert_eq!(claim(&store, NOW, "lease", 9).await.len(), 1);
    // It expires while its request is under way.
    assert_eq!(store.expire(row.deadline, 9).await.expect("expired"), 1);
    assert!(settle(&store, &site_id, settling("lease", vec![became(&row.id, DeliveryState::Delivered)])).await);
    let after = only_delivery(&store, &site_id).await;
    assert_eq!((after.state, after.reason, after.attempts), (DeliveryState::Delivered, None, 1));
    // Nothing else takes that back.
    for state in [DeliveryState::Refused, DeliveryState::Waiting, DeliveryState::Stopped] {
        settle(&store, &site_id, settling("lease", vec![became(&row.id, state)])).await;
        assert_eq!(only_delivery(&store, &site_id).await.state, DeliveryState::Delivered);
    }
}

pub(crate) async fn a_stopped_outlet_holds_what_waits_until_it_is_resumed(store: SharedStore) {
    let site_id = with_sales(&store, 2).await;
    stop(&store, &site_id, "the token has expired").await;
    book(&store, &site_id, &sale("later", None)).await;
    assert_eq!(states(&deliveries(&store, &site_id).await), [DeliveryState::Stopped; 3]);
    assert!(deliveries(&store, &site_id).await.iter().all(|row| row.finished_at.is_none()), "it is not over");
    assert_eq!(due_next(&store).await, None);
    assert_eq!(claim(&store, NOW + DAY, "lease", 9).await, []);
    let told = outlet(&store, &site_id).await;
    assert_eq!((told.stopped.as_deref(), told.last_trouble), (Some("the token has expired"), Some(NOW)));
    assert!(!store.resume(&site_id, "line", NOW).await.expect("asked"), "there is no such outlet");
    assert!(store.resume(&site_id, "hook", NOW).await.expect("asked"));
    assert_eq!(states(&deliveries(&store, &site_id).await), [DeliveryState::Waiting; 3]);
    let claimed = claim(&store, NOW, "lease", 9).await;
    assert_eq!((claimed[0].failures, claimed[0].room), (0, Some(1)), "one parcel goes first");
    assert_eq!(outlet(&store, &site_id).await.stopped, None);
}

pub(crate) async fn a_resumed_outlet_sends_at_once_what_was_tried_and_not_what_is_too_young(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let site_id = sending(&store, vec![OutletRules { min_click_age: 3_600_000, ..everything("hook") }]).await;
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    book(&store, &site_id, &sale("young", Some(click_id.as_str()))).await;
    for transaction in ["tried", "untried"] {
        book(&store, &site_id, &sale(transaction, None)).await;
    }
    let ids = due(&store, &site_id, NOW).await;
    let tried = Settled { not_before: NOW + 2 * DAY, ..became(&ids[0], DeliveryState::Waiting) };
    settle_one(&store, &site_id, tried).await;
    // One that waits by itself, and one that was stopped besides.
    for stops in [false, true] {
        if stops {
            stop(&store, &site_id, "the token has expired").await;
        }
        assert!(store.resume(&site_id, "hook", NOW + 1).await.expect("asked"));
        assert_eq!(due(&store, &site_id, NOW + 1).await.len(), 2);
        assert_eq!(due(&store, &site_id, CLICKED + 3_600_000).await.len(), 3);
    }
}

pub(crate) async fn what_is_switched_off_goes_on_when_it_is_switched_on_again(store: SharedStore) {
    let site_id = with_sales(&store, 1).await;
    let before = only_delivery(&store, &site_id).await;
    send_to(&store, &site_id, Vec::new(), NOW).await;
    let off = only_delivery(&store, &site_id).await;
    assert_eq!((off.state, off.reason.as_deref()), (DeliveryState::Stopped, Some("the platform is switched off")));
    assert_eq!(store.outlets(&site_id).await.expect("read"), []);
    assert_eq!(due_next(&store).await, None);
    book(&store, &site_id, &sale("meanwhile", None)).await;
    send_to(&store, &site_id, vec![everything("hook")], NOW + 5).await;
    let on = only_delivery(&store, &site_id).await;
    assert_eq!((on.state, &on.id, &on.event_id), (DeliveryState::Waiting, &before.id, &before.event_id));
    assert_eq!(outlet(&store, &site_id).await.since, NOW + 5);
    assert_eq!(claim(&store, NOW + 5, "lease", 9).await.len(), 1);
}

pub(crate) async fn changed_settings_let_an_outlet_go_on_and_the_same_do_not(store: SharedStore) {
    let site_id = with_sales(&store, 1).await;
    stop(&store, &site_id, "the token has expired").await;
    let since = outlet(&store, &site_id).await.since;
    send_to(&store, &site_id, vec![everything("hook"), everything("line")], NOW).await;
    assert_eq!(only_delivery(&store, &site_id).await.state, DeliveryState::Stopped, "another platform's settings");
    let rules = OutletRules { types: vec!["Lead".into()], fingerprint: "second".into(), ..everything("hook") };
    send_to(&store, &site_id, vec![rules], NOW + 5).await;
    assert_eq!(only_delivery(&store, &site_id).await.state, DeliveryState::Waiting);
    let told = outlet(&store, &site_id).await;
    assert_eq!((told.since, told.stopped), (since, None), "it has been there all along");
    book(&store, &site_id, &sale("not a lead", None)).await;
    assert_eq!(deliveries(&store, &site_id).await.len(), 1, "its rules are the new ones");
}

pub(crate) async fn the_word_of_a_sender_with_old_settings_stops_nothing(store: SharedStore) {
    let site_id = with_sales(&store, 2).await;
    let ids = due(&store, &site_id, NOW).await;
    assert_eq!(claim(&store, NOW, "old", 9).await.len(), 1);
    send_to(&store, &site_id, vec![OutletRules { fingerprint: "second".into(), ..everything("hook") }], NOW + 5).await;
    assert_eq!(claim(&store, NOW + 5, "new", 9).await, [], "what is under way is not sent a second time meanwhile");
    let pace = Pace { stopped: Some("the old token has expired".into()), ..Pace::default() };
    let settled = vec![became(&ids[0], DeliveryState::Delivered), became(&ids[1], DeliveryState::Stopped)];
    assert!(!settle(&store, &site_id, Settling { pace, ..settling("old", settled) }).await);
    assert_eq!(outlet(&store, &site_id).await.stopped, None);
    assert_eq!(claim(&store, NOW + 5, "new", 9).await.len(), 1, "and the rest goes on at once");
    assert_eq!(due(&store, &site_id, NOW + 5).await, ids[1..]);
}

pub(crate) async fn what_gets_too_old_expires_with_its_last_reason(store: SharedStore) {
    let site_id = with_sales(&store, 3).await;
    let ids = due(&store, &site_id, NOW).await;
    settle_one(
        &store,
        &site_id,
        Settled { reason: Some("HTTP 500".into()), ..became(&ids[0], DeliveryState::Waiting) },
    )
    .await;
    settle_one(&store, &site_id, became(&ids[1], DeliveryState::Delivered)).await;
    let end = NOW + 7 * DAY;
    assert_eq!(store.expire(end - 1, 9).await.expect("expired"), 0);
    assert_eq!(store.expire(end, 1).await.expect("expired"), 1);
    assert_eq!(store.expire(end, 9).await.expect("expired"), 1);
    assert_eq!(store.expire(end, 9).await.expect("expired"), 0);
    let all = deliveries(&store, &site_id).await;
    let row = |id: &str| all.iter().find(|row| row.id == id).expect("a delivery");
    let reason = row(&ids[0]).reason.as_deref();
    assert_eq!(reason, Some("older than the platform takes (168 hours); last: HTTP 500"));
    assert_eq!((row(&ids[0]).state, row(&ids[0]).finished_at), (DeliveryState::Expired, Some(end)));
    assert_eq!(row(&ids[1]).state, DeliveryState::Delivered);
    assert_eq!(row(&ids[2]).reason.as_deref(), Some("older than the platform takes (168 hours)"));
    // What is stopped gets old, too.
    let site_id = with_sales(&store, 1).await;
    stop(&store, &site_id, "the token has expired").await;
    assert_eq!(store.expire(end, 9).await.expect("expired"), 1);
}

pub(crate) async fn what_is_sent_again_keeps_its_event_id_and_is_counted_once(store: SharedStore) {
    let site_id = with_sales(&store, 3).await;
    let ids = due(&store, &site_id, NOW).await;
    for (id, state) in ids.iter().zip([DeliveryState::Delivered, DeliveryState::Refused, DeliveryState::Delivered]) {
        settle_one(&store, &site_id, became(id, state)).await;
    }
    let before = store.delivery(&site_id, &ids[0]).await.expect("read").expect("a delivery").0;
    let now = before.deadline + DAY;
    let again = async |again: Again| store.send_again(&site_id, again, now).await.expect("asked");
    assert_eq!(again(Again::One("nobody's".into())).await, 0);
    assert_eq!(again(Again::One(ids[0].clone())).await, 1);
    let after = store.delivery(&site_id, &ids[0]).await.expect("read").expect("a delivery").0;
    assert_eq!((&after.id, &after.event_id, after.attempts), (&before.id, &before.event_id, 1));
    assert_eq!((after.state, after.not_before, after.finished_at), (DeliveryState::Waiting, now, None));
    assert_eq!(after.deadline, now + DAY, "for a day at least");
    assert_eq!(outlet(&store, &site_id).await.delivered, 1);
    assert_eq!(again(Again::All("hook".into(), DeliveryState::Refused)).await, 1);
    assert_eq!(again(Again::All("hook".into(), DeliveryState::Delivered)).await, 1);
    assert_eq!(again(Again::All("line".into(), DeliveryState::Waiting)).await, 0);
    assert_eq!(outlet(&store, &site_id).await.delivered, 0);
    assert_eq!(due(&store, &site_id, now).await.len(), 3);
    // To an outlet that is stopped it goes when that goes on; to one that is switched off it does not go.
    stop(&store, &site_id, "the token has expired").await;
    assert_eq!(again(Again::One(ids[0].clone())).await, 1);
    assert_eq!(states(&deliveries(&store, &site_id).await), [DeliveryState::Stopped; 3]);
    send_to(&store, &site_id, Vec::new(), now).await;
    assert_eq!(again(Again::One(ids[0].clone())).await, 0);
}

pub(crate) async fn counts_and_the_oldest_unsent_are_told_of_each_outlet(store: SharedStore) {
    let site_id = sending(&store, vec![everything("hook"), matched("google")]).await;
    for number in 0..5 {
        let mut received = postback(&sale(&format!("t-{number}"), None));
        received.received_at = NOW + number;
        store.receive_postback(&site_id, received).await.expect("taken");
    }
    let ids = due(&store, &site_id, NOW + 9).await;
    for (id, state) in ids.iter().zip([DeliveryState::Delivered, DeliveryState::Refused, DeliveryState::Expired]) {
        settle_one(&store, &site_id, became(id, state)).await;
    }
    let outlets = store.outlets(&site_id).await.expect("read");
    let names: Vec<&str> = outlets.iter().map(|outlet| outlet.platform.as_str()).collect();
    assert_eq!(names, ["google", "hook"]);
    assert_eq!((&outlets[0].counts, outlets[0].oldest_unsent), (&BTreeMap::new(), None));
    let counts = [("expired".to_owned(), 1), ("refused".to_owned(), 1), ("waiting".to_owned(), 2)];
    assert_eq!((&outlets[1].counts, outlets[1].delivered), (&BTreeMap::from(counts), 1));
    assert_eq!(outlets[1].oldest_unsent, Some(NOW + 3));
    stop(&store, &site_id, "the token has expired").await;
    let outlets = store.outlets(&site_id).await.expect("read");
    assert_eq!((outlets[1].counts.get("stopped"), outlets[1].oldest_unsent), (Some(&2), Some(NOW + 3)));
}

pub(crate) async fn deliveries_are_filtered_and_a_site_s_own(store: SharedStore) {
    let site_id = sending(&store, vec![everything("hook"), everything("line")]).await;
    book(&store, &site_id, &sale("t", None)).await;
    let conversion = only_conversion(&store, &site_id).await;
    let other = site(&store).await;
    let all = deliveries(&store, &site_id).await;
    let asked = async |site_id: &str, field: Field, value: &str| {
        let page = Page { filter: Filter::only(field, value), ..newest() };
        store.deliveries(site_id, page).await.expect("read").items.len()
    };
    for (field, value, found) in [
        (Field::Platform, "hook", 1),
        (Field::Platform, "google", 0),
        (Field::State, "waiting", 2),
        (Field::State, "delivered", 0),
        (Field::Type, "Purchase", 2),
        (Field::ConversionId, &conversion.id, 2),
        (Field::EventId, &all[0].event_id, 2),
        (Field::EventId, "another", 0),
    ] {
        assert_eq!(asked(&site_id, field, value).await, found, "{field:?} {value}");
        assert_eq!(asked(&other, field, value).await, 0);
    }
    assert_eq!(store.delivery(&other, &all[0].id).await.expect("read"), None);
    assert_eq!(store.due(&other, "hook", NOW, 9).await.expect("due").len(), 0);
}
