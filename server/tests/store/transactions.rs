//! One transaction's money counts once, however many types it arrives under and in whatever order.

use crate::given::{amount, book, books, orders, refund, sale, site};
use tagwerk_protocol::conversion::{Conversion, TransactionType};
use tagwerk_protocol::money::Amount;
use tagwerk_server::store::{ConversionRow, SharedStore};
use tokio::task::JoinSet;

/// The conversion as it arrives under a `type=`; identity and type follow it, as intake makes them.
pub(crate) fn under(word: &str, kind: &str, conversion: Conversion) -> Conversion {
    Conversion {
        identity: format!("{}/{word}", conversion.identity),
        kind: kind.into(),
        type_sent: Some(word.into()),
        ..conversion
    }
}

/// What all rows are worth together.
fn sum(rows: &[ConversionRow]) -> Amount {
    let values = rows.iter().filter(|row| !row.said.is_test).filter_map(ConversionRow::value);
    values.fold(Amount::ZERO, |sum, value| sum.plus(value).expect("in range"))
}

/// Identity, value and sale of every row, the sale by its identity.
fn shown(rows: &[ConversionRow]) -> Vec<(&str, Option<String>, Option<&str>)> {
    let value = |row: &ConversionRow| row.value().map(|value| value.to_string());
    rows.iter().map(|row| (row.said.identity.as_str(), value(row), row.sale_id.as_deref())).collect()
}

pub(crate) async fn the_types_of_one_transaction_give_the_same_books_in_every_order_of_arrival(store: SharedStore) {
    let told = [
        sale("t", None),
        under("InitiateCheckout", "InitiateCheckout", sale("t", None)),
        under("upsell", "Purchase", sale("t", None)),
        under("payment", "Purchase", sale("t", None)),
        refund("t", None, "-4.00"),
        under("refund", "Refund", refund("t", None, "-4.00")),
    ];
    let mut tasks = JoinSet::new();
    for order in orders(&told) {
        let (store, site_id) = (store.clone(), site(&store).await);
        tasks.spawn(async move {
            for conversion in &order {
                book(&store, &site_id, conversion).await;
            }
            let order: Vec<String> = order.into_iter().map(|conversion| conversion.identity).collect();
            (order, books(&store, &site_id).await)
        });
    }
    for (order, rows) in tasks.join_all().await {
        let expected = [
            ("network/t/payment", Some("10.00".to_owned()), None),
            ("network/t/payment/InitiateCheckout", None, None),
            ("network/t/payment/payment", None, None),
            ("network/t/payment/upsell", None, None),
            ("network/t/refund", Some("-4.00".to_owned()), Some("network/t/payment")),
            ("network/t/refund/refund", None, Some("network/t/payment")),
        ];
        assert_eq!(shown(&rows), expected, "{order:?}");
        assert_eq!(sum(&rows), amount("6.00"));
        for row in &rows {
            let reasons = row.reasons();
            let says = reasons.iter().any(|reason| reason.starts_with("the money of this transaction is booked under"));
            assert_eq!(says, row.value().is_none(), "{reasons:?}");
            assert!(row.said.value.is_some() && row.said.amounts.affiliate.is_some(), "what was said stays");
            assert!(!row.overdrawn, "the sale's money goes back once");
        }
    }
}

pub(crate) async fn a_custom_type_alone_carries_its_money_until_the_sale_arrives(store: SharedStore) {
    let site_id = site(&store).await;
    let custom = under("InitiateCheckout", "InitiateCheckout", sale("t", None));
    book(&store, &site_id, &custom).await;
    assert_eq!(
        shown(&books(&store, &site_id).await),
        [("network/t/payment/InitiateCheckout", Some("10.00".into()), None)]
    );
    book(&store, &site_id, &sale("t", None)).await;
    let rows = books(&store, &site_id).await;
    assert_eq!(rows[0].value(), Some(amount("10.00")));
    assert_eq!((rows[1].value(), rows[1].booked_under.as_deref()), (None, Some("Purchase")));
    assert_eq!(rows[1].said.value, Some(amount("10.00")), "it is there should it come to carry");
}

pub(crate) async fn a_type_that_loses_the_money_gives_its_refunds_to_the_one_that_carries(store: SharedStore) {
    let of_order = |order: &str, conversion: Conversion| Conversion { order_id: Some(order.into()), ..conversion };
    let told = [
        of_order("one", under("Späti", "Späti", sale("t", None))),
        of_order("two", under("payment", "Purchase", sale("t", None))),
        of_order("one", refund("one", None, "-1.00")),
        of_order("two", refund("two", None, "-1.00")),
    ];
    for order in orders(&told) {
        let site_id = site(&store).await;
        for conversion in &order {
            book(&store, &site_id, conversion).await;
        }
        let rows = books(&store, &site_id).await;
        let sales: Vec<_> = rows.iter().map(|row| (row.said.identity.as_str(), row.sale_id.as_deref())).collect();
        let expected = [
            ("network/one/refund", None),
            ("network/t/payment/Späti", None),
            ("network/t/payment/payment", None),
            ("network/two/refund", Some("network/t/payment/payment")),
        ];
        assert_eq!(sales, expected);
    }
}

pub(crate) async fn a_version_that_leaves_the_transaction_gives_the_money_back(store: SharedStore) {
    let site_id = site(&store).await;
    let custom = under("Späti", "Späti", sale("t", None));
    let moved = Conversion { identity: "moves".into(), sent_at: Some(9), ..sale("t", None) };
    let elsewhere = Conversion { transaction_id: Some("other".into()), sent_at: Some(1), ..moved.clone() };
    let returned = under("refund", "Refund", refund("t", None, "-1.00"));
    for conversion in [&custom, &moved, &returned] {
        book(&store, &site_id, conversion).await;
    }
    let ten = || Some("10.00".to_owned());
    let one_back = || Some("-1.00".to_owned());
    assert_eq!(
        shown(&books(&store, &site_id).await),
        [
            ("moves", ten(), None),
            ("network/t/payment/Späti", None, None),
            ("network/t/refund/refund", one_back(), Some("moves")),
        ]
    );
    book(&store, &site_id, &elsewhere).await;
    assert_eq!(
        shown(&books(&store, &site_id).await),
        [
            ("moves", ten(), None),
            ("network/t/payment/Späti", ten(), None),
            ("network/t/refund/refund", one_back(), Some("network/t/payment/Späti")),
        ]
    );
}

pub(crate) async fn another_group_site_or_test_takes_no_money_away(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    let custom = under("Späti", "Späti", sale("t", None));
    let named = |identity: &str, conversion: Conversion| Conversion { identity: identity.into(), ..conversion };
    let neighbours = [
        named("group", Conversion { group: "elsewhere".into(), ..sale("t", None) }),
        named("test", Conversion { is_test: true, ..sale("t", None) }),
        named("nameless", Conversion { transaction_id: None, ..sale("t", None) }),
        sale("u", None),
    ];
    book(&store, &other, &sale("t", None)).await;
    book(&store, &site_id, &custom).await;
    for neighbour in &neighbours {
        book(&store, &site_id, neighbour).await;
    }
    let rows = books(&store, &site_id).await;
    assert_eq!(rows.iter().filter(|row| row.value() == Some(amount("10.00"))).count(), 5, "{rows:#?}");
}

pub(crate) async fn a_transaction_under_a_crowd_of_types_counts_once(store: SharedStore) {
    let site_id = site(&store).await;
    let mut told: Vec<Conversion> =
        (0..250).map(|index| under(&format!("{index:03}"), "Späti", sale("t", None))).collect();
    told.insert(200, refund("t", None, "-4.00"));
    told.push(sale("t", None));
    let mut tasks = JoinSet::new();
    for conversion in told {
        let (store, site_id) = (store.clone(), site_id.clone());
        tasks.spawn(async move { book(&store, &site_id, &conversion).await });
    }
    tasks.join_all().await;
    let rows = books(&store, &site_id).await;
    let carrying: Vec<_> = shown(&rows).into_iter().filter(|(_, value, _)| value.is_some()).collect();
    let expected = [
        ("network/t/payment", Some("10.00".to_owned()), None),
        ("network/t/refund", Some("-4.00".to_owned()), Some("network/t/payment")),
    ];
    assert_eq!(carrying, expected);
}

pub(crate) async fn what_is_booked_is_known_by_its_transaction_and_by_its_identity(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    let test = Conversion { identity: "test/t3".into(), is_test: true, ..sale("t3", None) };
    let booked = [sale("t1", None), under("upsell", "Purchase", sale("t1", None)), refund("t2", None, "-4.00"), test];
    for conversion in &booked {
        book(&store, &site_id, conversion).await;
    }
    let ids: Vec<String> = ["t1", "t2", "t3", "t4"].into_iter().map(str::to_owned).collect();
    let known = store.booked_transactions(&site_id, "network", &ids).await.expect("read");
    let expected = [("t1".to_owned(), TransactionType::Payment), ("t2".to_owned(), TransactionType::Refund)];
    assert_eq!(known, expected);
    assert_eq!(store.booked_transactions(&site_id, "another", &ids).await.expect("read"), []);
    assert_eq!(store.booked_transactions(&other, "network", &ids).await.expect("read"), []);
    let identities = ["test/t3".to_owned(), "test/t4".to_owned()];
    assert_eq!(store.booked_identities(&site_id, &identities).await.expect("read"), ["test/t3"]);
    assert_eq!(store.booked_identities(&other, &identities).await.expect("read"), Vec::<String>::new());
}
