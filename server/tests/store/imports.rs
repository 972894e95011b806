//! What is brought in afterwards, beside what was told at the time; and dry runs.

use crate::given::{amount, book, books, conversions, orders, postback, postbacks, said, sale, site};
use tagwerk_protocol::conversion::{Amounts, Conversion, Repeat};
use tagwerk_server::store::{PostbackState, SharedStore};

/// A sale worth so much, sent at this time.
fn version(mode: Repeat, sent_at: i64, value: &str, past: bool) -> Conversion {
    Conversion {
        repeat: mode,
        sent_at: Some(sent_at),
        value: Some(amount(value)),
        amounts: Amounts { affiliate: Some(amount(value)), ..Amounts::default() },
        past,
        ..sale("t", None)
    }
}

pub(crate) async fn what_is_brought_in_afterwards_changes_nothing_that_was_told_at_the_time(store: SharedStore) {
    for (mode, booked) in [(Repeat::Ignore, "10.00"), (Repeat::Edit, "2.00"), (Repeat::AddPayout, "12.00")] {
        let told = [version(mode, 5, "10.00", false), version(mode, 6, "2.00", false)];
        let brought = [version(mode, 1, "7.00", true), version(mode, 9, "8.00", true)];
        for order in orders(&[&told[..], &brought[..]].concat()) {
            let site_id = site(&store).await;
            for conversion in &order {
                book(&store, &site_id, conversion).await;
            }
            let rows = books(&store, &site_id).await;
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].value(), Some(amount(booked)), "{mode:?} {order:?}");
        }
    }
}

pub(crate) async fn what_is_brought_in_twice_says_that_it_is_booked(store: SharedStore) {
    let site_id = site(&store).await;
    book(&store, &site_id, &version(Repeat::Ignore, 5, "10.00", false)).await;
    book(&store, &site_id, &version(Repeat::Ignore, 1, "7.00", true)).await;
    let row = postbacks(&store, &site_id).await.remove(0);
    assert_eq!(row.state, "duplicate");
    assert!(row.reason.is_some_and(|reason| reason.contains("brought in afterwards")));
    let site_id = site(&store).await;
    book(&store, &site_id, &version(Repeat::Ignore, 1, "7.00", true)).await;
    book(&store, &site_id, &version(Repeat::Ignore, 5, "10.00", false)).await;
    let row = postbacks(&store, &site_id).await.remove(0);
    assert_eq!(row.state, "updated");
    assert!(row.reason.is_some_and(|reason| reason.contains("told at the time")));
}

pub(crate) async fn a_rehearsal_tells_what_would_become_and_keeps_nothing(store: SharedStore) {
    let site_id = site(&store).await;
    book(&store, &site_id, &sale("known", None)).await;
    let refused = said(Err("it cannot be read".into()));
    let all = [postback(&sale("known", None)), postback(&sale("new", None)), postback(&sale("new", None)), refused];
    let outcomes = store.rehearse_postbacks(&site_id, all.to_vec()).await.expect("rehearsed");
    let states: Vec<PostbackState> = outcomes.iter().map(|outcome| outcome.state).collect();
    let expected =
        [PostbackState::Duplicate, PostbackState::Unattributed, PostbackState::Duplicate, PostbackState::Refused];
    assert_eq!(states, expected);
    assert_eq!(conversions(&store, &site_id).await.len(), 1);
    assert_eq!(postbacks(&store, &site_id).await.len(), 1);
    // The same ids can be received for good afterwards.
    for (postback, rehearsed) in all.into_iter().zip(outcomes) {
        assert_eq!(store.receive_postback(&site_id, postback).await.expect("received"), rehearsed);
    }
}
