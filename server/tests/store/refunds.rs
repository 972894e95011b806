//! Refunds and chargebacks find their sales, whatever order they arrive in.

use crate::given::{amount, book, books, click, orders, refund, sale, site, visit};
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::{Conversion, TransactionType};
use tagwerk_server::store::{ReceivedPostback, SharedStore};
use tokio::task::JoinSet;

/// Which sale each refund joins, both by transaction id.
async fn joins(store: &SharedStore, site_id: &str) -> BTreeMap<String, Option<String>> {
    let rows = books(store, site_id).await;
    let name = |identity: &str| identity.split('/').nth(1).unwrap_or_default().to_owned();
    rows.iter()
        .filter(|row| row.said.transaction_type != TransactionType::Payment)
        .map(|row| (name(&row.said.identity), row.sale_id.as_deref().map(name)))
        .collect()
}

fn expected(pairs: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    pairs.iter().map(|(back, sale)| ((*back).to_owned(), sale.map(str::to_owned))).collect()
}

fn of_order(conversion: Conversion, order: &str) -> Conversion {
    Conversion { order_id: Some(order.into()), ..conversion }
}

pub(crate) async fn a_refund_joins_its_sale(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    book(&store, &site_id, &sale("sale", Some(click_id.as_str()))).await;
    book(&store, &site_id, &refund("back", Some(click_id.as_str()), "-10.00")).await;
    book(&store, &site_id, &refund("again", Some(click_id.as_str()), "-10.00")).await;
    let found = joins(&store, &site_id).await;
    assert_eq!(found.values().filter(|sale| sale.is_some()).count(), 1, "it can be taken back once: {found:?}");
    book(&store, &site_id, &refund("alone", None, "-10.00")).await;
    assert_eq!(joins(&store, &site_id).await["alone"], None);
}

pub(crate) async fn refunds_join_the_same_sales_in_every_order_of_arrival(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let cid = Some(click_id.as_str());
    let told = [
        of_order(sale("a", cid), "1"),
        Conversion { value: Some(amount("7.00")), ..sale("b", cid) },
        of_order(refund("r", None, "-10.00"), "1"),
        Conversion { identity: "network/b-back/refund".into(), ..refund("b", None, "-3.00") },
        refund("by-click", cid, "-4.00"),
    ];
    // The order takes all of `a`, the transaction 3 of `b`; so only `b` has 4 left for the refund that names nothing.
    let wanted = expected(&[("r", Some("a")), ("b-back", Some("b")), ("by-click", Some("b"))]);
    let mut tasks = JoinSet::new();
    for order in orders(&told) {
        let (store, site_id) = (store.clone(), site(&store).await);
        tasks.spawn(async move {
            for conversion in &order {
                book(&store, &site_id, conversion).await;
            }
            let names: Vec<String> = order.iter().map(|conversion| conversion.identity.clone()).collect();
            (names, joins(&store, &site_id).await)
        });
    }
    for (order, found) in tasks.join_all().await {
        assert_eq!(found, wanted, "{order:?}");
    }
}

pub(crate) async fn a_sale_that_changes_gives_its_refunds_back(store: SharedStore) {
    let site_id = site(&store).await;
    let late = Conversion { sent_at: Some(9), ..of_order(sale("a", None), "1") };
    let early = Conversion { sent_at: Some(1), ..of_order(sale("a", None), "2") };
    book(&store, &site_id, &late).await;
    book(&store, &site_id, &of_order(refund("one", None, "-1.00"), "1")).await;
    book(&store, &site_id, &of_order(refund("two", None, "-1.00"), "2")).await;
    assert_eq!(joins(&store, &site_id).await, expected(&[("one", Some("a")), ("two", None)]));
    book(&store, &site_id, &early).await;
    assert_eq!(joins(&store, &site_id).await, expected(&[("one", None), ("two", Some("a"))]));
}

pub(crate) async fn a_test_refund_joins_nothing_and_takes_nothing(store: SharedStore) {
    let site_id = site(&store).await;
    let test = |conversion: Conversion| Conversion { is_test: true, ..conversion };
    book(&store, &site_id, &of_order(sale("a", None), "1")).await;
    book(&store, &site_id, &test(of_order(refund("test", None, "-10.00"), "1"))).await;
    book(&store, &site_id, &test(of_order(sale("test-sale", None), "1"))).await;
    book(&store, &site_id, &of_order(refund("real", None, "-10.00"), "1")).await;
    assert_eq!(joins(&store, &site_id).await, expected(&[("test", None), ("real", Some("a"))]));
}

pub(crate) async fn a_refund_of_another_group_joins_nothing(store: SharedStore) {
    let site_id = site(&store).await;
    book(&store, &site_id, &of_order(sale("a", None), "1")).await;
    let elsewhere = Conversion { group: "elsewhere".into(), ..of_order(refund("r", None, "-1.00"), "1") };
    book(&store, &site_id, &elsewhere).await;
    assert_eq!(joins(&store, &site_id).await, expected(&[("r", None)]));
}

pub(crate) async fn a_click_id_shared_by_a_crowd_joins_nothing_in_any_order(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let cid = Some(click_id.as_str());
    let of = |index: usize| Conversion { product_id: Some("crowd".into()), ..sale(&format!("s{index}"), cid) };
    // One sale is worth enough for the refund: it would be found, if the others were not so many.
    let big = Conversion { value: Some(amount("50.00")), ..of(0) };
    let back = Conversion { product_id: Some("crowd".into()), ..refund("r", cid, "-20.00") };
    let named = of_order(Conversion { product_id: Some("crowd".into()), ..refund("n", cid, "-5.00") }, "1");
    let mut firsts = Vec::new();
    for refunds_first in [true, false] {
        let site_id = site(&store).await;
        let refunds = [back.clone(), named.clone()];
        let mut told: Vec<Conversion> = (1..260).map(of).collect();
        told.push(of_order(of(260), "1"));
        told.insert(0, big.clone());
        let at = if refunds_first { 0 } else { told.len() };
        told.splice(at..at, refunds);
        firsts.push(halfway(&store, &site_id, &told[..20]).await);
        for part in told[20..].chunks(60) {
            all(&store, &site_id, part).await;
        }
        assert_eq!(joins(&store, &site_id).await, expected(&[("r", None), ("n", Some("s260"))]));
    }
    assert_eq!(firsts[0], expected(&[("r", Some("s0")), ("n", None)]), "as long as they are few, it is found");
}

pub(crate) async fn the_refund_that_takes_more_than_is_left_says_so_in_every_order_of_arrival(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let cid = Some(click_id.as_str());
    let told = [
        of_order(sale("a", cid), "1"),
        of_order(refund("b", None, "-6.00"), "1"),
        of_order(refund("c", None, "-5.00"), "1"),
        refund("by-click", cid, "-1.00"),
    ];
    for order in orders(&told) {
        let site_id = site(&store).await;
        for conversion in &order {
            book(&store, &site_id, conversion).await;
        }
        // By its click nothing is taken that is not there: it stays without a sale instead.
        assert_eq!(joins(&store, &site_id).await, expected(&[("b", Some("a")), ("c", Some("a")), ("by-click", None)]));
        let rows = books(&store, &site_id).await;
        let flagged: Vec<&str> =
            rows.iter().filter(|row| row.overdrawn).map(|row| row.said.identity.as_str()).collect();
        assert_eq!(flagged, ["network/c/refund"]);
        let told = rows.iter().filter(|row| row.reasons().iter().any(|reason| reason.contains("was left of the sale")));
        assert_eq!(told.count(), 1);
    }
}

async fn halfway(store: &SharedStore, site_id: &str, told: &[Conversion]) -> BTreeMap<String, Option<String>> {
    all(store, site_id, told).await;
    joins(store, site_id).await
}

/// Sends them all at once.
async fn all(store: &SharedStore, site_id: &str, told: &[Conversion]) {
    let mut tasks = JoinSet::new();
    for conversion in told {
        let sent: ReceivedPostback = crate::given::postback(conversion);
        let (store, site_id) = (store.clone(), site_id.to_owned());
        tasks.spawn(async move { store.receive_postback(&site_id, sent).await.expect("taken") });
    }
    tasks.join_all().await;
}
