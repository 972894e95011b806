//! The trail of what was changed.

use crate::given::NOW;
use serde_json::json;
use tagwerk_server::store::{Deed, DeedFilter, DeedWords, Place, SharedStore};

fn deed(n: i64, who: &str, site_id: Option<&str>, act: &str) -> Deed {
    Deed {
        id: format!("0190-{n:04}"),
        // Two at a time: the id decides.
        at: NOW + n / 2,
        who: who.into(),
        user_id: (who != "admin token").then(|| format!("id of {who}")),
        site_id: site_id.map(str::to_owned),
        act: act.into(),
        about: json!({ "n": n, "text": "ä\"<b>" }),
    }
}

async fn trail(store: &SharedStore) -> Vec<Deed> {
    let mut deeds = Vec::new();
    for n in 0..23 {
        let who = ["anna@example.com", "admin token"][usize::from(n % 2 == 0)];
        let site_id = [None, Some("site-a"), Some("site-b")][n as usize % 3];
        let act = ["settings.changed", "cost.added"][usize::from(n % 5 == 0)];
        deeds.push(deed(n, who, site_id, act));
        store.add_deed(deed(n, who, site_id, act)).await.expect("kept");
    }
    deeds.reverse();
    deeds
}

async fn all(store: &SharedStore, filter: &DeedFilter, limit: usize) -> Vec<Deed> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let part = store.deeds(filter.clone(), after, limit).await.expect("read");
        assert!(part.items.len() <= limit);
        found.extend(part.items);
        match part.next {
            Some(next) => after = Some(Place::parse(&next).expect("a cursor")),
            None => return found,
        }
    }
}

pub(crate) async fn the_trail_is_read_newest_first_in_parts_without_gap_or_repeat(store: SharedStore) {
    assert!(all(&store, &DeedFilter::default(), 5).await.is_empty());
    let deeds = trail(&store).await;
    for limit in [1, 2, 7, 23, 100] {
        assert_eq!(all(&store, &DeedFilter::default(), limit).await, deeds, "{limit}");
    }
}

pub(crate) async fn the_trail_is_filtered_by_site_person_and_act(store: SharedStore) {
    let deeds = trail(&store).await;
    let (site, who, act) = ("site-a", "anna@example.com", "cost.added");
    for bits in 0..8 {
        let filter = DeedFilter {
            site_id: (bits & 1 > 0).then(|| site.into()),
            who: (bits & 2 > 0).then(|| who.into()),
            act: (bits & 4 > 0).then(|| act.into()),
        };
        let fits = |deed: &&Deed| {
            filter.site_id.as_deref().is_none_or(|_| deed.site_id.as_deref() == Some(site))
                && filter.who.as_deref().is_none_or(|_| deed.who == who)
                && filter.act.as_deref().is_none_or(|_| deed.act == act)
        };
        let expected: Vec<Deed> = deeds.iter().filter(fits).cloned().collect();
        assert!(!expected.is_empty() || bits == 7, "{filter:?}");
        assert_eq!(all(&store, &filter, 3).await, expected, "{filter:?}");
    }
}

pub(crate) async fn the_trail_knows_who_did_something_and_what_was_done(store: SharedStore) {
    assert_eq!(store.deed_words().await.expect("read"), DeedWords::default());
    trail(&store).await;
    let words = store.deed_words().await.expect("read");
    assert_eq!(words.who, ["admin token", "anna@example.com"]);
    assert_eq!(words.acts, ["cost.added", "settings.changed"]);
}
