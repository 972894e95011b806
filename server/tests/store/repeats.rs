//! What a repeat does, in each of the six modes; and that the books do not depend on the order of arrival.

use crate::given::{amount, book, books, conversions, orders, postbacks, sale, site};
use tagwerk_protocol::conversion::{Amounts, Conversion, Repeat};
use tagwerk_server::store::{PostbackState, SharedStore};

/// A sale under `mode` that was sent at this time and is worth so much.
fn version(mode: Repeat, sent_at: i64, value: &str) -> Conversion {
    Conversion {
        repeat: mode,
        sent_at: Some(sent_at),
        value: Some(amount(value)),
        amounts: Amounts { affiliate: Some(amount(value)), ..Amounts::default() },
        ..sale("t", None)
    }
}

/// One call of a mode that creates, as intake makes it.
fn call(mode: Repeat, number: &str) -> Conversion {
    let of_call = sale("t", None);
    Conversion {
        repeat: mode,
        series: Some(of_call.identity.clone()),
        identity: format!("{}/{number}", of_call.identity),
        ..of_call
    }
}

/// What is booked after these calls in each of their orders: always the same.
async fn booked_in_every_order(store: &SharedStore, versions: &[Conversion]) -> Vec<(Option<String>, usize)> {
    let mut all = Vec::new();
    for order in orders(versions) {
        let site_id = site(store).await;
        for conversion in &order {
            book(store, &site_id, conversion).await;
        }
        let rows = books(store, &site_id).await;
        all.push(rows.iter().map(|row| (row.value().map(|value| value.to_string()), row.reasons().len())).collect());
    }
    all.dedup();
    assert_eq!(all.len(), 1, "{all:?}");
    all.swap_remove(0)
}

fn three(mode: Repeat) -> [Conversion; 3] {
    [version(mode, 1, "10.00"), version(mode, 2, "7.00"), version(mode, 3, "0.50")]
}

pub(crate) async fn the_one_sent_first_counts_unless_the_site_says_otherwise(store: SharedStore) {
    let booked = booked_in_every_order(&store, &three(Repeat::Ignore)).await;
    assert_eq!(booked, [(Some("10.00".into()), 1)]);
}

pub(crate) async fn an_edit_is_the_one_sent_last(store: SharedStore) {
    let booked = booked_in_every_order(&store, &three(Repeat::Edit)).await;
    assert_eq!(booked, [(Some("0.50".into()), 1)]);
}

pub(crate) async fn an_edit_without_a_time_is_the_one_received_last(store: SharedStore) {
    let site_id = site(&store).await;
    for value in ["10.00", "7.00"] {
        let untimed = Conversion { sent_at: None, ..version(Repeat::Edit, 0, value) };
        book(&store, &site_id, &untimed).await;
    }
    assert_eq!(conversions(&store, &site_id).await[0].value(), Some(amount("7.00")));
}

pub(crate) async fn payouts_are_added_up_with_the_facts_of_the_first(store: SharedStore) {
    let mut versions = three(Repeat::AddPayout);
    versions[0].order_type = Some("initial_sale".into());
    versions[1].order_type = Some("upsell".into());
    let booked = booked_in_every_order(&store, &versions).await;
    assert_eq!(booked, [(Some("17.50".into()), 2)]);
    let site_id = site(&store).await;
    for conversion in versions.iter().chain(&versions) {
        book(&store, &site_id, conversion).await;
    }
    let row = &conversions(&store, &site_id).await[0];
    assert_eq!(row.said.order_type.as_deref(), Some("initial_sale"));
    assert_eq!(row.said.amounts.affiliate, Some(amount("17.50")));
    let states: Vec<String> = postbacks(&store, &site_id).await.into_iter().rev().map(|row| row.state).collect();
    assert_eq!(states, ["unattributed", "updated", "updated", "duplicate", "duplicate", "duplicate"]);
}

pub(crate) async fn a_payout_in_another_currency_is_not_added_and_told(store: SharedStore) {
    let site_id = site(&store).await;
    book(&store, &site_id, &version(Repeat::AddPayout, 1, "10.00")).await;
    let other = Conversion {
        currency: tagwerk_protocol::money::Currency::parse("USD"),
        ..version(Repeat::AddPayout, 2, "7.00")
    };
    book(&store, &site_id, &other).await;
    let row = &conversions(&store, &site_id).await[0];
    assert_eq!(row.value(), Some(amount("10.00")));
    assert!(row.reasons().iter().any(|reason| reason.contains("another currency")), "{:?}", row.reasons());
}

pub(crate) async fn each_call_of_a_creating_mode_is_a_conversion_and_counts(store: SharedStore) {
    for mode in [Repeat::CreateNew, Repeat::KeepRepeated] {
        let site_id = site(&store).await;
        for number in ["1", "2", "3"] {
            let outcome = book(&store, &site_id, &call(mode, number)).await;
            assert_eq!(outcome.state, PostbackState::Unattributed);
        }
        let rows = conversions(&store, &site_id).await;
        assert!(rows.iter().all(|row| row.value() == Some(amount("10.00"))), "{rows:?}");
        let repeated: Vec<bool> = rows.iter().map(|row| row.repeated).collect();
        let marked = mode == Repeat::KeepRepeated;
        assert_eq!(repeated, [marked, marked, false], "newest first");
    }
}

pub(crate) async fn a_rebill_is_told_by_its_number_or_by_an_earlier_payment(store: SharedStore) {
    let site_id = site(&store).await;
    let payment = |transaction: &str, sent_at| Conversion {
        recurring: true,
        past: true,
        order_id: Some("order".into()),
        sent_at: Some(sent_at),
        ..sale(transaction, None)
    };
    book(&store, &site_id, &payment("second", 2)).await;
    book(&store, &site_id, &payment("first", 1)).await;
    let numbered = Conversion { rebill: Some(true), order_id: None, ..payment("numbered", 3) };
    book(&store, &site_id, &numbered).await;
    let once = Conversion { recurring: false, ..payment("once", 4) };
    book(&store, &site_id, &once).await;
    let rows = books(&store, &site_id).await;
    let rebills: Vec<(&str, bool)> =
        rows.iter().map(|row| (row.said.transaction_id.as_deref().expect("an id"), row.rebill)).collect();
    assert_eq!(rebills, [("first", false), ("numbered", true), ("once", false), ("second", true)]);
}
