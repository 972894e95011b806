//! Events, and the visits and clicks they tell of.

use crate::given::{NOW, VISITED, click, id, newest, outbound, page_view, send, site, visit};
use std::collections::BTreeMap;
use tagwerk_server::store::{FirstTouch, ReceivedEvent, SharedStore};
use tokio::task::JoinSet;

pub(crate) async fn a_known_event_id_changes_nothing(store: SharedStore) {
    let site_id = site(&store).await;
    let first = page_view(&visit(1));
    send(&store, &site_id, vec![first.clone()]).await;
    let mut again = page_view(&visit(2));
    again.event.event_id = first.event.event_id.clone();
    again.event.page = "https://elsewhere.example/".into();
    send(&store, &site_id, vec![again]).await;
    let events = store.events(&site_id, newest()).await.expect("read").items;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].page, first.event.page);
    assert_eq!(store.visits(&site_id, newest()).await.expect("read").items.len(), 1);
}

pub(crate) async fn the_same_event_from_many_connections_is_kept_once(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 7);
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let (store, site_id, event) = (store.clone(), site_id.clone(), outbound(&click_id));
        tasks.spawn(async move { store.receive_events(&site_id, vec![event]).await });
    }
    for answer in tasks.join_all().await {
        answer.expect("a repeat is taken as well");
    }
    assert_eq!(store.events(&site_id, newest()).await.expect("read").items.len(), 1);
    assert_eq!(store.clicks(&site_id, newest()).await.expect("read").items.len(), 1);
    assert_eq!(store.visits(&site_id, newest()).await.expect("read").items.len(), 1);
}

pub(crate) async fn an_event_keeps_everything_it_said(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 9);
    let mut sent = page_view(&visit(1));
    sent.event.name = "Späti \u{1f6d2}".into();
    sent.event.click_id = Some(click_id.clone());
    sent.event.attributes = vec![("value".into(), "1.50".into()), ("value".into(), "9".into())];
    send(&store, &site_id, vec![sent.clone()]).await;
    let kept = store.events(&site_id, newest()).await.expect("read").items.remove(0);
    assert_eq!(kept.event_id, sent.event.event_id);
    assert_eq!(kept.visit_id, visit(1).as_str());
    assert_eq!((kept.at, kept.received_at), (VISITED, NOW - 10_000));
    assert_eq!((kept.name, kept.page), (sent.event.name, sent.event.page));
    assert_eq!(kept.click_id.as_deref(), Some(click_id.as_str()));
    assert_eq!(kept.attributes, BTreeMap::from([("value".into(), "1.50".into())]), "the first of a name counts");
    assert_eq!(store.clicks(&site_id, newest()).await.expect("read").items, [], "it opened no link");
}

/// A page view of this visit that tells these cookies.
fn with_cookies(number: u64, pairs: &[(&str, &str)]) -> ReceivedEvent {
    let mut view = page_view(&visit(number));
    view.event.event_id = id();
    view.visit.cookies = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    view
}

async fn cookies(store: &SharedStore, site_id: &str) -> Vec<(String, String)> {
    store.visits(site_id, newest()).await.expect("read").items.remove(0).cookies.into_iter().collect()
}

pub(crate) async fn a_visit_s_cookies_are_added_to_and_never_overwritten(store: SharedStore) {
    let site_id = site(&store).await;
    send(&store, &site_id, vec![with_cookies(1, &[("_fbp", "first")])]).await;
    let more = [with_cookies(1, &[("_fbp", "forged"), ("_ga", "added")]), with_cookies(1, &[])];
    send(&store, &site_id, more.to_vec()).await;
    assert_eq!(cookies(&store, &site_id).await, [("_fbp".into(), "first".into()), ("_ga".into(), "added".into())]);
}

pub(crate) async fn a_cookie_of_the_page_goes_before_one_that_was_built(store: SharedStore) {
    let site_id = site(&store).await;
    let mut first = with_cookies(1, &[]);
    first.visit.built_cookies = BTreeMap::from([("_fbc".into(), "fb.1.5.built".into())]);
    send(&store, &site_id, vec![first]).await;
    assert_eq!(cookies(&store, &site_id).await, [("_fbc".into(), "fb.1.5.built".into())]);
    send(&store, &site_id, vec![with_cookies(1, &[("_fbc", "fb.1.6.own")])]).await;
    assert_eq!(cookies(&store, &site_id).await, [("_fbc".into(), "fb.1.6.own".into())]);
}

pub(crate) async fn a_visit_keeps_a_bounded_number_of_cookies(store: SharedStore) {
    let site_id = site(&store).await;
    for part in 0..3 {
        let names: Vec<String> = (0..40).map(|number| format!("_gac_{part}_{number}")).collect();
        let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        send(&store, &site_id, vec![with_cookies(1, &pairs)]).await;
    }
    assert_eq!(cookies(&store, &site_id).await.len(), 50);
}

pub(crate) async fn a_visit_is_written_once_and_never_again(store: SharedStore) {
    let site_id = site(&store).await;
    send(&store, &site_id, vec![page_view(&visit(1))]).await;
    let before = store.visits(&site_id, newest()).await.expect("read").items;
    let mut forged = page_view(&visit(1));
    forged.event.event_id = "another".into();
    forged.event.landing.page = "https://forged.example/".into();
    forged.event.visitor_id = Some("somebody".into());
    forged.visit.source = BTreeMap::from([("utm_source".into(), "forged".into())]);
    forged.visit.bot = true;
    send(&store, &site_id, vec![forged]).await;
    assert_eq!(store.visits(&site_id, newest()).await.expect("read").items, before);
    assert_eq!(store.events(&site_id, newest()).await.expect("read").items.len(), 2);
}

pub(crate) async fn a_visit_keeps_what_it_cost_when_it_was_first_heard_of(store: SharedStore) {
    let site_id = site(&store).await;
    let mut first = page_view(&visit(1));
    first.visit.cost = Some((350_001, "USD".into()));
    let mut later = page_view(&visit(1));
    later.visit.cost = Some((9, "EUR".into()));
    let free = page_view(&visit(2));
    for received in [first, later, free] {
        send(&store, &site_id, vec![received]).await;
    }
    let visits = store.visits(&site_id, newest()).await.expect("read").items;
    let cost =
        |number| visits.iter().find(|found| found.visit_id == visit(number).as_str()).expect("listed").cost.clone();
    assert_eq!(cost(1), Some((350_001, "USD".to_owned())));
    assert_eq!(cost(2), None);
}

pub(crate) async fn a_visit_tells_where_it_came_from(store: SharedStore) {
    let site_id = site(&store).await;
    let mut sent = page_view(&visit(1));
    let touch = FirstTouch {
        at: 5,
        landing_page: "https://a.example/?utm_source=x".into(),
        referrer: None,
        source: BTreeMap::from([("utm_source".into(), "x".into())]),
        click_ids: BTreeMap::new(),
    };
    sent.visit.first_touch = Some(touch.clone());
    sent.visit.bot = true;
    send(&store, &site_id, vec![sent.clone()]).await;
    let mut plain = page_view(&visit(2));
    plain.event.landing.referrer = String::new();
    plain.event.visitor_id = None;
    plain.visit.country = None;
    plain.visit.device = None;
    send(&store, &site_id, vec![plain]).await;
    let visits = store.visits(&site_id, newest()).await.expect("read").items;
    let (plain, kept) = (&visits[0], &visits[1]);
    assert_eq!(kept.visit_id, visit(1).as_str());
    assert_eq!(kept.visitor_id.as_deref(), Some("visitor"));
    assert_eq!((kept.at, kept.received_at), (VISITED, NOW - 10_000));
    assert_eq!(kept.landing_page, sent.event.landing.page);
    assert_eq!(kept.referrer.as_deref(), Some("https://search.example/"));
    assert_eq!((&kept.source, &kept.click_ids), (&sent.visit.source, &sent.visit.click_ids));
    assert_eq!(kept.first_touch.as_ref(), Some(&touch));
    assert_eq!((kept.country.as_deref(), kept.device.as_deref(), kept.bot), (Some("DE"), Some("pc"), true));
    assert_eq!((&plain.referrer, &plain.visitor_id, &plain.country, &plain.device), (&None, &None, &None, &None));
    assert_eq!((&plain.first_touch, plain.bot), (&None, false));
}

pub(crate) async fn a_click_is_kept_once_with_its_link(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 3);
    let sent = outbound(&click_id);
    let mut other = outbound(&click_id);
    other.event.event_id = "another".into();
    send(&store, &site_id, vec![sent.clone(), other]).await;
    let clicks = store.clicks(&site_id, newest()).await.expect("read").items;
    assert_eq!(clicks.len(), 1);
    let (kept, link) = (&clicks[0], sent.event.click.expect("a click"));
    assert_eq!((kept.click_id.as_str(), kept.visit_id.as_str()), (click_id.as_str(), visit(1).as_str()));
    assert_eq!((&kept.group, &kept.href, kept.label.as_ref()), (&link.group, &link.href, Some(&link.label)));
    assert_eq!((kept.how.as_str(), kept.foreign, &kept.page), ("middle", false, &sent.event.page));
    assert_eq!((kept.at, kept.received_at), (sent.event.at, sent.received_at));
}

pub(crate) async fn the_events_of_one_request_are_taken_all_or_none(store: SharedStore) {
    let site_id = site(&store).await;
    let (first, mut second) = (page_view(&visit(1)), page_view(&visit(2)));
    second.id = first.id.clone();
    store.receive_events(&site_id, vec![first.clone(), second]).await.expect_err("two rows of one id");
    assert_eq!(store.events(&site_id, newest()).await.expect("read").items, []);
    assert_eq!(store.visits(&site_id, newest()).await.expect("read").items, []);
    send(&store, &site_id, vec![first]).await;
    assert_eq!(store.events(&site_id, newest()).await.expect("read").items.len(), 1);
}

pub(crate) async fn a_write_that_fails_takes_no_other_with_it(store: SharedStore) {
    let site_id = site(&store).await;
    let mut tasks = JoinSet::new();
    for number in 0..60u64 {
        let (store, mut event) = (store.clone(), page_view(&visit(number)));
        let fails = number % 3 == 0;
        let site_id = if fails { "NoSuchSite00".to_owned() } else { site_id.clone() };
        event.id = id();
        tasks.spawn(async move { (fails, store.receive_events(&site_id, vec![event]).await) });
    }
    for (fails, answer) in tasks.join_all().await {
        assert_eq!(answer.is_err(), fails, "{answer:?}");
    }
    assert_eq!(store.events(&site_id, newest()).await.expect("read").items.len(), 40);
    assert_eq!(store.events("NoSuchSite00", newest()).await.expect("read").items, []);
}
