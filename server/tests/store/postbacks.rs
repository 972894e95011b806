//! Postbacks: kept whatever they say, booked once whatever their number and order.

use crate::given::{
    CLICKED, NOW, amount, book, books, click, conversions, only_conversion, orders, outbound, page_view, postback,
    postbacks, said, sale, send, site, visit, with_content,
};
use tagwerk_protocol::conversion::{Amounts, Conversion};
use tagwerk_protocol::money::Currency;
use tagwerk_server::attribution::State;
use tagwerk_server::store::{PostbackState, SharedStore};
use tokio::task::JoinSet;

pub(crate) async fn a_postback_keeps_everything_it_said(store: SharedStore) {
    let site_id = site(&store).await;
    let told = with_content(&Conversion {
        kind: "Späti".into(),
        type_sent: Some("Späti".into()),
        amounts: Amounts {
            affiliate: Some(amount("101.64")),
            vendor: Some(amount("0.000001")),
            brutto: Some(amount("165.19")),
            netto: Some(amount("163.5")),
        },
        currency: Currency::parse("USD"),
        order_type: Some("upsell".into()),
        billing_type: Some("single_payment".into()),
        billing_status: Some("completed".into()),
        order_id: Some("o".into()),
        product_name: Some("bottle + 2 \"Books\"".into()),
        custom: vec![("sid2".into(), "b".into()), ("campaignkey".into(), "'; --".into())],
        sent_at: Some(CLICKED),
        notes: vec!["one".into(), "two".into()],
        ..sale("t", Some("whatever"))
    });
    let sent = postback(&told);
    store.receive_postback(&site_id, sent.clone()).await.expect("taken");
    let booked = only_conversion(&store, &site_id).await;
    assert_eq!(booked.said, told);
    assert_eq!((booked.received_at, booked.sale_id), (NOW, None));
    let row = postbacks(&store, &site_id).await.remove(0);
    assert_eq!((row.id, row.received_at, row.group), (sent.id, sent.received_at, sent.group));
    assert_eq!((row.channel.as_str(), row.raw), ("collect", sent.raw));
    assert_eq!(row.conversion_id, Some(booked.id));
}

pub(crate) async fn what_cannot_be_understood_is_kept_with_its_reason(store: SharedStore) {
    let site_id = site(&store).await;
    let sent = said(Err("transaction_type is missing".into()));
    let outcome = store.receive_postback(&site_id, sent.clone()).await.expect("taken");
    assert_eq!(outcome.state, PostbackState::Refused);
    assert_eq!(conversions(&store, &site_id).await, []);
    let row = postbacks(&store, &site_id).await.remove(0);
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("refused", Some("transaction_type is missing")));
    assert_eq!((row.conversion_id, row.raw), (None, sent.raw));
}

pub(crate) async fn a_repeat_is_a_duplicate_that_names_the_first_and_changes_nothing(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    let told = sale("t", Some(click_id.as_str()));
    let first = book(&store, &site_id, &told).await;
    let before = conversions(&store, &site_id).await;
    for _ in 0..3 {
        let again = book(&store, &site_id, &told).await;
        assert_eq!(again.state, PostbackState::Duplicate);
        assert_eq!((again.reason, &again.conversion_id), (None, &first.conversion_id));
    }
    assert_eq!(conversions(&store, &site_id).await, before);
    let words: Vec<String> = postbacks(&store, &site_id).await.into_iter().map(|row| row.state).collect();
    assert_eq!(words, ["duplicate", "duplicate", "duplicate", "accepted"]);
}

pub(crate) async fn sixteen_at_the_same_instant_make_one_conversion(store: SharedStore) {
    let site_id = site(&store).await;
    send(&store, &site_id, vec![page_view(&visit(1))]).await;
    let told = sale("t", Some(click(&visit(1), 1).as_str()));
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let (store, site_id, sent) = (store.clone(), site_id.clone(), postback(&told));
        tasks.spawn(async move { store.receive_postback(&site_id, sent).await.expect("taken") });
    }
    let outcomes = tasks.join_all().await;
    let booked = only_conversion(&store, &site_id).await;
    assert!(outcomes.iter().all(|outcome| outcome.conversion_id.as_ref() == Some(&booked.id)));
    let count = |state| outcomes.iter().filter(|outcome| outcome.state == state).count();
    assert_eq!((count(PostbackState::Accepted), count(PostbackState::Duplicate)), (1, 15));
    assert_eq!(postbacks(&store, &site_id).await.len(), 16);
}

pub(crate) async fn conflicting_repeats_in_every_order_give_the_same_books(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    let version = |value: &str, sent_at, sub_id: Option<&str>| Conversion {
        value: Some(amount(value)),
        sent_at,
        ..sale("t", sub_id)
    };
    let versions = [
        version("1.00", None, None),
        version("2.00", Some(CLICKED + 2), Some(click_id.as_str())),
        version("3.00", Some(CLICKED + 1), Some(click_id.as_str())),
        version("4.00", Some(CLICKED + 1), None),
    ];
    let earliest = versions[2..].iter().map(with_content).min_by(|a, b| a.content.cmp(&b.content)).expect("two");
    for order in orders(&versions) {
        let site_id = site(&store).await;
        send(&store, &site_id, vec![outbound(&click_id)]).await;
        for told in &order {
            let outcome = book(&store, &site_id, told).await;
            if outcome.state != PostbackState::Accepted && outcome.state != PostbackState::Unattributed {
                assert!(outcome.reason.is_some(), "{outcome:?}");
            }
        }
        let booked = only_conversion(&store, &site_id).await;
        assert_eq!(booked.said, earliest);
        let expected = if earliest.sub_id.is_some() { State::Attributed } else { State::Unattributed };
        assert_eq!(booked.attribution.state, expected);
        let kept = postbacks(&store, &site_id).await;
        assert_eq!(kept.len(), versions.len(), "every version stays in the inbox");
        let makers: Vec<&str> =
            kept.iter().map(|row| row.state.as_str()).filter(|word| !["duplicate", "updated"].contains(word)).collect();
        let maker = if earliest.sub_id.is_some() { "accepted" } else { "unattributed" };
        assert_eq!(makers, [maker], "the first one shows what is booked now");
    }
}

pub(crate) async fn a_conflicting_repeat_that_counts_keeps_id_and_receipt(store: SharedStore) {
    let site_id = site(&store).await;
    let late = Conversion { sent_at: Some(CLICKED + 9), ..sale("t", None) };
    let early = Conversion { sent_at: Some(CLICKED + 1), value: Some(amount("7.00")), ..sale("t", None) };
    let first = book(&store, &site_id, &late).await;
    let mut sent = postback(&early);
    sent.received_at = NOW + 500;
    let second = store.receive_postback(&site_id, sent).await.expect("taken");
    assert_eq!((second.state, &second.conversion_id), (PostbackState::Updated, &first.conversion_id));
    let booked = only_conversion(&store, &site_id).await;
    assert_eq!((Some(booked.id), booked.received_at), (first.conversion_id, NOW));
    assert_eq!(booked.said.value, Some(amount("7.00")));
}

pub(crate) async fn a_test_is_kept_apart(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    let mut told = sale("t", Some(click_id.as_str()));
    told.is_test = true;
    assert_eq!(book(&store, &site_id, &told).await.state, PostbackState::Test);
    assert_eq!(only_conversion(&store, &site_id).await.attribution.state, State::Test);
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    let booked = only_conversion(&store, &site_id).await;
    assert_eq!(booked.attribution.state, State::Test, "a late visit makes no sale of it");
    assert_eq!(postbacks(&store, &site_id).await[0].state, "test");
}

pub(crate) async fn a_test_with_the_transaction_of_a_real_sale_is_kept_beside_it(store: SharedStore) {
    let identity = "network/t/payment/test".into();
    let test = Conversion { is_test: true, identity, sent_at: Some(CLICKED), ..sale("t", None) };
    let real = Conversion { sent_at: Some(CLICKED + 5), ..sale("t", None) };
    let mut seen = Vec::new();
    for order in orders(&[test, real]) {
        let site_id = site(&store).await;
        for told in &order {
            book(&store, &site_id, told).await;
        }
        seen.push(books(&store, &site_id).await);
    }
    assert_eq!(seen[0], seen[1]);
    let states: Vec<State> = seen[0].iter().map(|row| row.attribution.state).collect();
    assert_eq!(states, [State::Unattributed, State::Test]);
    assert!(seen[0].iter().all(|row| row.value().is_some()), "neither takes the other's money");
}

pub(crate) async fn the_same_identity_on_two_sites_is_two_conversions(store: SharedStore) {
    let (one, two) = (site(&store).await, site(&store).await);
    let first = book(&store, &one, &sale("t", None)).await;
    let second = book(&store, &two, &sale("t", None)).await;
    assert_eq!((first.state, second.state), (PostbackState::Unattributed, PostbackState::Unattributed));
    assert_ne!(first.conversion_id, second.conversion_id);
}

pub(crate) async fn money_keeps_value_and_decimals(store: SharedStore) {
    for text in ["0", "0.00", "1.64", "-1.640", "101.6", "9000000000000.000001", "-9000000000000"] {
        let site_id = site(&store).await;
        let told = Conversion { value: Some(amount(text)), ..sale("t", None) };
        book(&store, &site_id, &told).await;
        let booked = only_conversion(&store, &site_id).await;
        assert_eq!(booked.said.value.map(|value| value.to_string()).as_deref(), Some(text));
        assert_eq!(booked.said.amounts.brutto, None);
    }
}
