//! Links that may be cloaked, and where they lead.

use crate::given::{NOW, id, newest, site};
use tagwerk_server::store::{LinkRow, Page, SharedStore};

fn link(url: &str, group: Option<&str>) -> LinkRow {
    LinkRow {
        id: id(),
        url: url.into(),
        group: group.map(str::to_owned),
        forwards: group.map(|_| false),
        resolved: group.map(|_| "https://n.example/redir/1?a=%E9".into()),
        reason: "it leads to the network and drops \"cid\"".into(),
        hops: vec![url.into(), "https://n.example/redir/1?a=%E9".into()],
        rules: "rules".into(),
        checked_at: NOW,
        expires_at: NOW + 1000,
    }
}

async fn keep(store: &SharedStore, site_id: &str, link: LinkRow, most: usize) {
    store.keep_link(site_id, link, most).await.expect("kept");
}

async fn urls(store: &SharedStore, site_id: &str) -> Vec<String> {
    store.links(site_id, newest()).await.expect("read").items.into_iter().map(|row| row.url).collect()
}

pub(crate) async fn what_was_found_out_about_a_link_is_kept_whole(store: SharedStore) {
    let site_id = site(&store).await;
    let (known, other) = (link("https://s.example/go/1", Some("network")), link("https://s.example/about", None));
    keep(&store, &site_id, known.clone(), 9).await;
    keep(&store, &site_id, other.clone(), 9).await;
    let asked = [known.url.clone(), "https://s.example/never".to_owned(), other.url.clone()];
    let mut found = store.links_by_url(&site_id, &asked).await.expect("read");
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found, [known, other]);
}

pub(crate) async fn a_new_answer_takes_the_place_of_the_one_before(store: SharedStore) {
    let site_id = site(&store).await;
    keep(&store, &site_id, link("https://s.example/go/1", None), 9).await;
    keep(&store, &site_id, link("https://s.example/go/2", None), 9).await;
    let again = link("https://s.example/go/1", Some("network"));
    keep(&store, &site_id, again.clone(), 9).await;
    assert_eq!(
        urls(&store, &site_id).await,
        ["https://s.example/go/1", "https://s.example/go/2"],
        "found out last comes first"
    );
    assert_eq!(store.links_by_url(&site_id, std::slice::from_ref(&again.url)).await.expect("read"), [again]);
}

pub(crate) async fn of_too_many_links_those_of_no_network_go_first_then_the_oldest(store: SharedStore) {
    let site_id = site(&store).await;
    for (url, group) in [("a", Some("n")), ("b", None), ("c", Some("n")), ("d", None)] {
        keep(&store, &site_id, link(url, group), 4).await;
    }
    let left = |most: usize, url: &'static str, group: Option<&'static str>| {
        let (store, site_id) = (store.clone(), site_id.clone());
        async move {
            keep(&store, &site_id, link(url, group), most).await;
            urls(&store, &site_id).await
        }
    };
    assert_eq!(left(4, "e", Some("n")).await, ["e", "d", "c", "a"]);
    assert_eq!(left(4, "e", Some("n")).await, ["e", "d", "c", "a"], "a repeat adds nothing");
    assert_eq!(left(3, "f", Some("n")).await, ["f", "e", "c"]);
    assert_eq!(left(3, "g", None).await, ["f", "e", "c"]);
}

pub(crate) async fn a_site_s_links_are_its_own(store: SharedStore) {
    let (one, two) = (site(&store).await, site(&store).await);
    keep(&store, &one, link("https://s.example/go/1", Some("network")), 1).await;
    keep(&store, &two, link("https://s.example/go/1", None), 1).await;
    for (site_id, group) in [(&one, Some("network")), (&two, None)] {
        let found = store.links(site_id, newest()).await.expect("read").items;
        assert_eq!((found.len(), found[0].group.as_deref()), (1, group));
    }
}

pub(crate) async fn links_are_read_in_parts(store: SharedStore) {
    let site_id = site(&store).await;
    for number in 0..5 {
        keep(&store, &site_id, link(&format!("u{number}"), None), 9).await;
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let part = store.links(&site_id, Page { after, ..Page::first(2) }).await.expect("read");
        found.extend(part.items.into_iter().map(|row| row.url));
        match part.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, ["u4", "u3", "u2", "u1", "u0"]);
}
