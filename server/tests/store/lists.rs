//! The lists: newest first, in parts, complete.

use crate::given::{book, click, newest, outbound, page_view, sale, send, site, visit};
use std::collections::BTreeSet;
use tagwerk_server::store::{Listing, Page, SharedStore, StoreError};

/// Reads a list in parts of 3 and gives what identifies its items.
async fn in_parts<T, F>(read: impl Fn(Page) -> F, name: impl Fn(&T) -> String) -> Vec<String>
where
    F: Future<Output = Result<Listing<T>, StoreError>>,
{
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let part = read(Page { after, limit: 3 }).await.expect("a part is read");
        assert!(part.items.len() == 3 || part.next.is_none(), "only the last part is shorter");
        names.extend(part.items.iter().map(&name));
        match part.next {
            Some(next) => after = Some(next),
            None => return names,
        }
    }
}

/// Ten visits with a click and a sale each.
async fn ten(store: &SharedStore, site_id: &str) {
    for number in 0..10 {
        let click_id = click(&visit(number), 1);
        send(store, site_id, vec![outbound(&click_id)]).await;
        book(store, site_id, &sale(&format!("t{number}"), Some(click_id.as_str()))).await;
    }
}

pub(crate) async fn every_list_can_be_read_in_parts_without_gap_or_repeat(store: SharedStore) {
    let site_id = site(&store).await;
    ten(&store, &site_id).await;
    let (store, site_id) = (&store, site_id.as_str());
    let lists = [
        in_parts(|page| store.visits(site_id, page), |row| row.visit_id.clone()).await,
        in_parts(|page| store.events(site_id, page), |row| row.event_id.clone()).await,
        in_parts(|page| store.clicks(site_id, page), |row| row.click_id.clone()).await,
        in_parts(|page| store.postbacks(site_id, page), |row| row.id.clone()).await,
        in_parts(|page| store.conversions(site_id, page), |row| row.id.clone()).await,
    ];
    for names in lists {
        assert_eq!(names.len(), 10);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 10, "{names:?}");
    }
}

pub(crate) async fn lists_are_newest_first(store: SharedStore) {
    let site_id = site(&store).await;
    ten(&store, &site_id).await;
    let clicks = store.clicks(&site_id, newest()).await.expect("read").items;
    let found: Vec<&str> = clicks.iter().map(|row| row.click_id.as_str()).collect();
    let wanted: Vec<String> = (0..10).rev().map(|number| click(&visit(number), 1).to_string()).collect();
    assert_eq!(found, wanted);
    let sales = store.conversions(&site_id, newest()).await.expect("read").items;
    let found: Vec<Option<String>> = sales.into_iter().map(|row| row.said.transaction_id).collect();
    let wanted: Vec<Option<String>> = (0..10).rev().map(|number| Some(format!("t{number}"))).collect();
    assert_eq!(found, wanted);
}

pub(crate) async fn a_part_that_ends_the_list_has_no_cursor(store: SharedStore) {
    let site_id = site(&store).await;
    assert_eq!(store.clicks(&site_id, newest()).await.expect("read"), Listing { items: Vec::new(), next: None });
    ten(&store, &site_id).await;
    let exactly = store.postbacks(&site_id, Page { after: None, limit: 10 }).await.expect("read");
    assert_eq!((exactly.items.len(), exactly.next), (10, None));
    let fewer = store.postbacks(&site_id, Page { after: None, limit: 9 }).await.expect("read");
    assert_eq!((fewer.items.len(), fewer.next.is_some()), (9, true));
    let most = store.postbacks(&site_id, Page { after: None, limit: usize::MAX }).await.expect("read");
    assert_eq!(most.items.len(), 10);
}

pub(crate) async fn a_site_sees_its_own_alone(store: SharedStore) {
    let (one, two) = (site(&store).await, site(&store).await);
    ten(&store, &one).await;
    assert_eq!(store.visits(&two, newest()).await.expect("read").items, []);
    assert_eq!(store.events(&two, newest()).await.expect("read").items, []);
    assert_eq!(store.clicks(&two, newest()).await.expect("read").items, []);
    assert_eq!(store.postbacks(&two, newest()).await.expect("read").items, []);
    assert_eq!(store.conversions(&two, newest()).await.expect("read").items, []);
}

pub(crate) async fn visits_and_clicks_are_found_by_their_ids(store: SharedStore) {
    let (one, two) = (site(&store).await, site(&store).await);
    ten(&store, &one).await;
    let visits = [3, 77, 5].map(|number| visit(number).to_string());
    let found = store.visits_by_id(&one, &visits).await.expect("read");
    let mut found: Vec<String> = found.into_iter().map(|row| row.visit_id).collect();
    found.sort();
    assert_eq!(found, [visits[0].clone(), visits[2].clone()]);
    let clicks = [3, 77].map(|number| click(&visit(number), 1).to_string());
    let found = store.clicks_by_id(&one, &clicks).await.expect("read");
    let found: Vec<String> = found.into_iter().map(|row| row.click_id).collect();
    assert_eq!(found, [clicks[0].clone()]);
    assert_eq!(store.visits_by_id(&two, &visits).await.expect("read"), []);
    assert_eq!(store.clicks_by_id(&two, &clicks).await.expect("read"), []);
    assert_eq!(store.clicks_by_id(&one, &[]).await.expect("read"), []);
}

pub(crate) async fn what_was_answered_can_be_read_at_once(store: SharedStore) {
    let site_id = site(&store).await;
    for number in 0..50 {
        send(&store, &site_id, vec![page_view(&visit(number))]).await;
        let first = store.visits(&site_id, Page { after: None, limit: 1 }).await.expect("read").items;
        assert_eq!(first[0].visit_id, visit(number).as_str());
    }
}

pub(crate) async fn the_check_says_that_writing_works(store: SharedStore) {
    store.check().await.expect("a fresh store can be written");
    store.check().await.expect("and again");
}
