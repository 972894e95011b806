//! What was spent on ads, and saved reports.

use crate::given::{NOW, site};
use jiff::civil::{Date, date};
use tagwerk_server::costs::Cost;
use tagwerk_server::store::{SavedReport, SharedStore};

const FIRST: Date = date(2026, 1, 1);
const LAST: Date = date(2026, 1, 31);

fn cost(id: &str, first_day: Date, last_day: Date) -> Cost {
    Cost {
        id: id.into(),
        first_day,
        last_day,
        dimensions: [("utm_campaign".to_owned(), "Winter ä \"x\"".to_owned())].into(),
        amount: 10_000_001,
        currency: "EUR".into(),
        source: None,
        note: None,
        added_at: NOW,
    }
}

fn of_file(id: &str, source: &str, day: Date) -> Cost {
    Cost { source: Some(source.into()), ..cost(id, day, day) }
}

async fn add(store: &SharedStore, site_id: &str, costs: &[Cost]) -> usize {
    store.add_costs(site_id, costs.to_vec()).await.expect("kept")
}

async fn ids(store: &SharedStore, site_id: &str, from: Date, to: Date) -> Vec<String> {
    store.costs(site_id, from, to).await.expect("read").into_iter().map(|cost| cost.id).collect()
}

pub(crate) async fn costs_are_read_by_the_days_they_touch(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    let (second, third) = (date(2026, 1, 2), date(2026, 1, 3));
    let costs =
        [cost("b", second, second), cost("a", second, second), cost("long", FIRST, LAST), cost("c", third, third)];
    assert_eq!(add(&store, &site_id, &costs).await, 4);
    store.add_costs(&other, vec![cost("other", FIRST, LAST)]).await.expect("kept");
    assert_eq!(ids(&store, &site_id, FIRST, LAST).await, ["long", "c", "b", "a"]);
    assert_eq!(ids(&store, &site_id, FIRST, FIRST).await, ["long"]);
    assert_eq!(ids(&store, &site_id, second, second).await, ["long", "b", "a"]);
    assert_eq!(ids(&store, &site_id, date(2026, 2, 1), date(2026, 3, 1)).await, [""; 0]);
}

pub(crate) async fn a_cost_is_kept_as_it_was_told(store: SharedStore) {
    let site_id = site(&store).await;
    let full = Cost { note: Some("a ' note".into()), amount: i64::MAX, ..of_file("c", "Meta", FIRST) };
    let bare = Cost { dimensions: [].into(), ..cost("b", FIRST, LAST) };
    add(&store, &site_id, &[full.clone(), bare.clone()]).await;
    assert_eq!(store.costs(&site_id, FIRST, LAST).await.expect("read"), [bare, full]);
}

pub(crate) async fn a_cost_under_the_same_id_takes_the_place_of_the_one_before(store: SharedStore) {
    let site_id = site(&store).await;
    let before = of_file("c", "Meta", FIRST);
    assert_eq!(add(&store, &site_id, &[before.clone(), of_file("d", "Meta", FIRST)]).await, 2);
    let again = Cost { added_at: NOW + 1, ..before.clone() };
    assert_eq!(add(&store, &site_id, &[again]).await, 0, "it says nothing new");
    let restated = Cost { amount: 11_000_000, added_at: NOW + 2, ..before };
    assert_eq!(add(&store, &site_id, std::slice::from_ref(&restated)).await, 1);
    let kept = store.costs(&site_id, FIRST, LAST).await.expect("read");
    assert_eq!((kept.len(), &kept[1]), (2, &restated));
}

pub(crate) async fn a_cost_of_nothing_takes_away_what_was_under_its_id(store: SharedStore) {
    let site_id = site(&store).await;
    let before = of_file("c", "Meta", FIRST);
    add(&store, &site_id, std::slice::from_ref(&before)).await;
    let nothing = Cost { amount: 0, ..before };
    assert_eq!(add(&store, &site_id, std::slice::from_ref(&nothing)).await, 1);
    assert_eq!(add(&store, &site_id, &[nothing]).await, 0);
    assert_eq!(ids(&store, &site_id, FIRST, LAST).await, [""; 0]);
}

pub(crate) async fn a_cost_is_removed_once_and_from_its_own_site(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    add(&store, &site_id, &[cost("c", FIRST, LAST)]).await;
    assert!(!store.remove_cost(&other, "c").await.expect("tried"));
    assert!(store.remove_cost(&site_id, "c").await.expect("removed"));
    assert!(!store.remove_cost(&site_id, "c").await.expect("tried"));
}

pub(crate) async fn what_came_from_one_kind_of_file_is_removed_by_its_days(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    let costs = [
        of_file("in", "Meta", FIRST),
        of_file("out", "Meta", date(2026, 1, 2)),
        of_file("of another", "Google", FIRST),
        cost("by hand", FIRST, FIRST),
        Cost { last_day: date(2026, 1, 2), ..of_file("longer", "Meta", FIRST) },
    ];
    add(&store, &site_id, &costs).await;
    assert_eq!(store.remove_costs_of(&site_id, "Meta", FIRST, FIRST).await.expect("removed"), 1);
    assert_eq!(ids(&store, &site_id, FIRST, LAST).await, ["out", "longer", "of another", "by hand"]);
    assert_eq!(store.remove_costs_of(&other, "Meta", FIRST, LAST).await.expect("removed"), 0);
}

fn report(id: &str, name: &str, query: &str) -> SavedReport {
    SavedReport {
        id: id.into(),
        name: name.into(),
        query: query.into(),
        created_at: NOW,
        created_by: "anna@example.com".into(),
    }
}

pub(crate) async fn a_saved_report_takes_the_place_of_the_one_with_its_name(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    let (a, b) = (report("1", "b", "by=day"), report("2", "a", "by=utm_source"));
    assert_eq!(store.save_report(&site_id, a.clone()).await.expect("kept"), a);
    assert_eq!(store.save_report(&site_id, b.clone()).await.expect("kept"), b);
    store.save_report(&other, report("1", "b", "by=page")).await.expect("kept");
    let again = SavedReport { created_by: "ben".into(), created_at: NOW + 1, ..report("3", "b", "by=week") };
    let kept = SavedReport { id: "1".into(), ..again.clone() };
    assert_eq!(store.save_report(&site_id, again).await.expect("kept"), kept);
    assert_eq!(store.saved_reports(&site_id).await.expect("read"), [b, kept]);
}

pub(crate) async fn a_saved_report_is_removed_once_and_from_its_own_site(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    store.save_report(&site_id, report("1", "a", "by=day")).await.expect("kept");
    assert!(!store.remove_report(&other, "1").await.expect("tried"));
    assert!(store.remove_report(&site_id, "1").await.expect("removed"));
    assert!(!store.remove_report(&site_id, "1").await.expect("tried"));
}
