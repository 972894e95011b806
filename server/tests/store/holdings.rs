//! All that is kept of a site, for whoever takes it along.

use crate::given::{
    NOW, book, click, conversions, deliveries, everything, outbound, page_view, sale, send, sending, site, visit,
};
use jiff::civil::date;
use tagwerk_server::costs::Cost;
use tagwerk_server::store::{Counts, Page, SharedStore};

/// Reads all of a list, so many rows at a time.
macro_rules! whole {
    ($store:ident, $list:ident, $site_id:expr, $most:expr) => {{
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let part = $store.$list($site_id, after.as_deref(), $most).await.expect("read");
            assert!(part.items.len() <= $most && (part.next.is_none() || part.items.len() == $most));
            found.extend(part.items);
            after = part.next;
            if after.is_none() {
                break found;
            }
        }
    }};
}

pub(crate) async fn what_is_held_is_read_whole_whatever_the_parts(store: SharedStore) {
    let (site_id, other) = (sending(&store, vec![everything("meta")]).await, site(&store).await);
    for number in 0..5 {
        let visit_id = visit(number);
        let click_id = click(&visit_id, 1);
        send(&store, &site_id, vec![page_view(&visit_id), outbound(&click_id)]).await;
        book(&store, &site_id, &sale(&format!("t-{number}"), Some(&click_id.to_string()))).await;
    }
    send(&store, &other, vec![page_view(&visit(9))]).await;
    let visits = store.visits(&site_id, Page::first(9)).await.expect("read").items;
    let clicks = store.clicks(&site_id, Page::first(9)).await.expect("read").items;
    let (booked, sent) = (conversions(&store, &site_id).await, deliveries(&store, &site_id).await);
    assert_eq!((visits.len(), clicks.len(), booked.len(), sent.len()), (5, 5, 5, 5));
    for most in [1, 2, 4, 5, 6] {
        let held = whole!(store, held_visits, &site_id, most);
        assert_eq!(held.into_iter().map(|(visit, _)| visit).collect::<Vec<_>>(), visits);
        let held = whole!(store, held_clicks, &site_id, most);
        assert_eq!(held.into_iter().map(|(click, _)| click).collect::<Vec<_>>(), clicks);
        let mut held = whole!(store, held_conversions, &site_id, most);
        assert!(held.is_sorted_by(|one, next| one.id > next.id), "by id, the greatest first");
        held.sort_by_key(|row| booked.iter().position(|known| known.id == row.id));
        assert_eq!(held, booked);
        let mut held: Vec<_> = whole!(store, held_deliveries, &site_id, most);
        held.sort_by_key(|(row, _)| sent.iter().position(|known| known.id == row.id));
        assert_eq!(held.into_iter().map(|(delivery, _)| delivery).collect::<Vec<_>>(), sent);
    }
    let (caller, event) = (whole!(store, held_visits, &site_id, 9).remove(0).1, page_view(&visit(1)));
    assert_eq!((caller.ip, caller.user_agent), (event.ip, event.user_agent), "with who it came from");
}

pub(crate) async fn what_comes_between_two_parts_changes_neither(store: SharedStore) {
    let site_id = site(&store).await;
    let cost = |id: &str| Cost {
        id: id.into(),
        first_day: date(2026, 1, 1),
        last_day: date(2026, 1, 1),
        dimensions: [].into(),
        amount: 1,
        currency: "EUR".into(),
        source: None,
        note: None,
        added_at: NOW,
    };
    store.add_costs(&site_id, vec![cost("a"), cost("c"), cost("e")]).await.expect("kept");
    let part = store.held_costs(&site_id, None, 2).await.expect("read");
    let ids = |costs: &[Cost]| costs.iter().map(|cost| cost.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&part.items), ["e", "c"]);
    store.add_costs(&site_id, vec![cost("f"), Cost { amount: 2, ..cost("a") }]).await.expect("kept");
    store.remove_cost(&site_id, "c").await.expect("removed");
    let rest = store.held_costs(&site_id, part.next.as_deref(), 2).await.expect("read");
    assert_eq!((ids(&rest.items), rest.items[0].amount, rest.next), (vec!["a".to_owned()], 2, None));
}

pub(crate) async fn rows_are_counted_so_far_and_for_each_site(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    assert_eq!(store.counts(&site_id, 9).await.expect("counted"), Counts::default());
    for number in 0..3 {
        send(&store, &site_id, vec![page_view(&visit(number))]).await;
    }
    book(&store, &site_id, &sale("t-1", None)).await;
    send(&store, &other, vec![page_view(&visit(7))]).await;
    let counts = store.counts(&site_id, 2).await.expect("counted");
    assert_eq!(counts, Counts { visits: 2, events: 2, conversions: 1, postbacks: 1, ..Counts::default() });
}
