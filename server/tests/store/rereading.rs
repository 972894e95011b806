//! Reading postbacks again: the books become what they would have been from the start, and what is known elsewhere keeps its id.

use crate::given::{
    amount, book, books, click, conversions, only_conversion, outbound, page_view, postback, postbacks, refund, said,
    sale, send, site, visit, with_content,
};
use tagwerk_protocol::conversion::{Conversion, Repeat};
use tagwerk_server::attribution::State;
use tagwerk_server::store::{OrderEvent, PostbackOutcome, PostbackState, Rereading, Said, SharedStore};

pub(crate) async fn reread(
    store: &SharedStore,
    site_id: &str,
    postback_id: &str,
    said: Result<Said, String>,
) -> PostbackOutcome {
    let rereading = Rereading { postback_id: postback_id.to_owned(), before: None, corrections: None, said };
    store.reread(site_id, rereading).await.expect("it is read again").expect("it is known")
}

pub(crate) fn says(conversion: &Conversion) -> Result<Said, String> {
    Ok(Said::Conversion { conversion_id: crate::given::id(), conversion: Box::new(with_content(conversion)) })
}

/// Books these in this order; the ids of their postbacks.
pub(crate) async fn booked(store: &SharedStore, site_id: &str, all: &[Conversion]) -> Vec<String> {
    let mut ids = Vec::new();
    for conversion in all {
        let received = postback(conversion);
        ids.push(received.id.clone());
        store.receive_postback(site_id, received).await.expect("it is taken");
    }
    ids
}

pub(crate) async fn a_refused_postback_that_is_understood_later_is_booked(store: SharedStore) {
    let site_id = site(&store).await;
    let refused = said(Err("amount_brutto is not a decimal".into()));
    let id = refused.id.clone();
    store.receive_postback(&site_id, refused).await.expect("it is taken");
    let outcome = reread(&store, &site_id, &id, says(&sale("t", None))).await;
    assert_eq!(outcome.state, PostbackState::Unattributed);
    let row = only_conversion(&store, &site_id).await;
    assert_eq!(outcome.conversion_id.as_deref(), Some(row.id.as_str()));
    assert_eq!(postbacks(&store, &site_id).await[0].conversion_id, outcome.conversion_id);
}

pub(crate) async fn a_conversion_keeps_its_id_whatever_its_postback_says_later(store: SharedStore) {
    let site_id = site(&store).await;
    let ids = booked(&store, &site_id, &[sale("t", None)]).await;
    let before = only_conversion(&store, &site_id).await;
    let other = Conversion { value: Some(amount("3.00")), ..sale("another transaction", None) };
    reread(&store, &site_id, &ids[0], says(&other)).await;
    let after = only_conversion(&store, &site_id).await;
    assert_eq!((&after.id, after.received_at), (&before.id, before.received_at));
    assert_eq!(
        (after.value(), after.said.transaction_id.as_deref()),
        (Some(amount("3.00")), Some("another transaction"))
    );
}

pub(crate) async fn a_postback_that_says_nothing_any_more_takes_its_conversion_along(store: SharedStore) {
    let site_id = site(&store).await;
    let ids = booked(&store, &site_id, &[sale("t", None), refund("t", None, "-4.00")]).await;
    let outcome = reread(&store, &site_id, &ids[0], Err("it is refused now".into())).await;
    assert_eq!((outcome.state, outcome.conversion_id), (PostbackState::Refused, None));
    let row = only_conversion(&store, &site_id).await;
    assert_eq!((row.said.kind.as_str(), row.sale_id), ("Refund", None), "the refund lost its sale");
    reread(&store, &site_id, &ids[0], says(&sale("t", None))).await;
    let rows = books(&store, &site_id).await;
    assert_eq!(rows[1].sale_id.as_deref(), Some(rows[0].said.identity.as_str()), "and finds it again");
}

pub(crate) async fn a_conversion_stays_as_long_as_one_postback_tells_it(store: SharedStore) {
    let site_id = site(&store).await;
    let ids = booked(&store, &site_id, &[sale("t", None), sale("t", None)]).await;
    let before = only_conversion(&store, &site_id).await;
    reread(&store, &site_id, &ids[0], Err("it is refused now".into())).await;
    let after = only_conversion(&store, &site_id).await;
    assert_eq!(after.id, before.id);
    assert_eq!(after.value(), Some(amount("10.00")));
    let states: Vec<String> = postbacks(&store, &site_id).await.into_iter().map(|row| row.state).collect();
    assert_eq!(states, ["unattributed", "refused"], "the second one makes it now");
}

pub(crate) async fn a_postback_may_move_to_a_conversion_that_is_there(store: SharedStore) {
    let site_id = site(&store).await;
    let ids = booked(&store, &site_id, &[sale("a", None), sale("b", None)]).await;
    let outcome = reread(&store, &site_id, &ids[1], says(&sale("a", None))).await;
    assert_eq!(outcome.state, PostbackState::Duplicate);
    let row = only_conversion(&store, &site_id).await;
    assert_eq!(row.said.transaction_id.as_deref(), Some("a"));
}

pub(crate) async fn reading_again_what_was_read_changes_nothing(store: SharedStore) {
    let site_id = site(&store).await;
    let visit_id = visit(1);
    let click_id = click(&visit_id, 1);
    send(&store, &site_id, vec![page_view(&visit_id), outbound(&click_id)]).await;
    let late = Conversion { sent_at: Some(9), value: Some(amount("7.00")), ..sale("t", Some(click_id.as_str())) };
    let early = Conversion { sent_at: Some(1), ..sale("t", Some(click_id.as_str())) };
    let all = [late.clone(), early, late, refund("t", None, "-4.00"), sale("u", None)];
    let ids = booked(&store, &site_id, &all).await;
    let (books_before, inbox_before) = (conversions(&store, &site_id).await, postbacks(&store, &site_id).await);
    for _ in 0..2 {
        for (id, conversion) in ids.iter().zip(&all) {
            reread(&store, &site_id, id, says(conversion)).await;
        }
        assert_eq!(conversions(&store, &site_id).await, books_before);
        assert_eq!(postbacks(&store, &site_id).await, inbox_before);
    }
}

pub(crate) async fn another_rule_for_repeats_gives_the_books_it_would_have_given(store: SharedStore) {
    let told = |mode: Repeat| {
        [(1, "10.00"), (2, "7.00"), (3, "0.50")].map(|(at, value)| Conversion {
            repeat: mode,
            sent_at: Some(at),
            value: Some(amount(value)),
            ..sale("t", None)
        })
    };
    let modes = [Repeat::Ignore, Repeat::Edit, Repeat::AddPayout];
    for before in modes {
        for after in modes {
            let (moved, fresh) = (site(&store).await, site(&store).await);
            let ids = booked(&store, &moved, &told(before)).await;
            for (id, conversion) in ids.iter().zip(&told(after)) {
                reread(&store, &moved, id, says(conversion)).await;
            }
            booked(&store, &fresh, &told(after)).await;
            assert_eq!(books(&store, &moved).await, books(&store, &fresh).await, "{before:?} to {after:?}");
            let states = async |site_id: &str| -> Vec<_> {
                let rows = postbacks(&store, site_id).await;
                rows.into_iter().map(|row| (row.state, row.reason)).collect()
            };
            assert_eq!(states(&moved).await, states(&fresh).await, "{before:?} to {after:?}");
        }
    }
}

pub(crate) async fn calls_that_each_counted_become_one_when_the_rule_says_so_and_back(store: SharedStore) {
    let site_id = site(&store).await;
    let one = sale("t", None);
    let each = |number: &str| Conversion {
        repeat: Repeat::CreateNew,
        series: Some(one.identity.clone()),
        identity: format!("{}/{number}", one.identity),
        ..one.clone()
    };
    let ids = booked(&store, &site_id, &[each("1"), each("2")]).await;
    assert_eq!(conversions(&store, &site_id).await.len(), 2);
    for id in &ids {
        reread(&store, &site_id, id, says(&one)).await;
    }
    let row = only_conversion(&store, &site_id).await;
    assert_eq!(row.value(), Some(amount("10.00")));
    reread(&store, &site_id, &ids[0], says(&each("1"))).await;
    reread(&store, &site_id, &ids[1], says(&each("2"))).await;
    assert_eq!(conversions(&store, &site_id).await.len(), 2);
}

pub(crate) async fn a_click_assigned_by_hand_credits_the_sale_and_is_kept(store: SharedStore) {
    let site_id = site(&store).await;
    let visit_id = visit(1);
    let click_id = click(&visit_id, 1);
    send(&store, &site_id, vec![page_view(&visit_id), outbound(&click_id)]).await;
    let ids = booked(&store, &site_id, &[sale("t", None)]).await;
    let rereading = Rereading {
        postback_id: ids[0].clone(),
        before: None,
        corrections: Some(b"sealed corrections".to_vec()),
        said: says(&sale("t", Some(click_id.as_str()))),
    };
    let outcome = store.reread(&site_id, rereading).await.expect("read").expect("known");
    assert_eq!(outcome.state, PostbackState::Accepted);
    let row = only_conversion(&store, &site_id).await;
    assert_eq!(row.attribution.state, State::Attributed);
    let kept = store.postback(&site_id, &ids[0]).await.expect("read").expect("known");
    assert_eq!(kept.corrections.as_deref(), Some(b"sealed corrections".as_slice()));
    assert_eq!(store.postbacks_of(&site_id, &row.id).await.expect("read").len(), 1);
}

/// As if the operator had corrected this postback, so that it says this.
async fn corrected(store: &SharedStore, site_id: &str, postback_id: &str, conversion: &Conversion) {
    let before = store.postback(site_id, postback_id).await.expect("read").expect("known").corrections;
    let rereading = Rereading {
        postback_id: postback_id.to_owned(),
        before,
        corrections: Some(b"corrections".to_vec()),
        said: says(conversion),
    };
    store.reread(site_id, rereading).await.expect("read").expect("nobody was faster");
}

pub(crate) async fn of_the_same_call_the_one_corrected_by_hand_is_booked_in_every_order(store: SharedStore) {
    let click_id = click(&visit(1), 1);
    // The same call, whatever was made of it.
    let sent = with_content(&sale("t", None));
    let assigned = Conversion { sub_id: Some(click_id.to_string()), ..sent.clone() };
    let says = |said: &Conversion| {
        Ok(Said::Conversion { conversion_id: crate::given::id(), conversion: Box::new(said.clone()) })
    };
    for (which, then) in [(0, [0, 1]), (0, [1, 0]), (1, [0, 1]), (1, [1, 0])] {
        let site_id = site(&store).await;
        send(&store, &site_id, vec![page_view(&visit(1)), outbound(&click_id)]).await;
        let mut ids = booked(&store, &site_id, &[sale("t", None), sale("t", None)]).await;
        let id = only_conversion(&store, &site_id).await.id;
        let rereading = Rereading {
            postback_id: ids[which].clone(),
            before: None,
            corrections: Some(b"corrections".to_vec()),
            said: says(&assigned),
        };
        store.reread(&site_id, rereading).await.expect("read").expect("known");
        // It is sent once more, as it was at first.
        ids.extend(booked(&store, &site_id, &[sale("t", None)]).await);
        for index in then.into_iter().chain([2]) {
            let before = store.postback(&site_id, &ids[index]).await.expect("read").expect("known").corrections;
            let said = if index == which { says(&assigned) } else { says(&sent) };
            let rereading = Rereading { postback_id: ids[index].clone(), before, corrections: None, said };
            store.reread(&site_id, rereading).await.expect("read").expect("known");
        }
        let row = only_conversion(&store, &site_id).await;
        assert_eq!((row.attribution.state, row.id), (State::Attributed, id), "{which} {then:?}");
    }
}

pub(crate) async fn what_was_corrected_since_it_was_read_is_not_read_again(store: SharedStore) {
    let site_id = site(&store).await;
    let ids = booked(&store, &site_id, &[sale("t", None)]).await;
    corrected(&store, &site_id, &ids[0], &sale("t2", None)).await;
    let stale =
        Rereading { postback_id: ids[0].clone(), before: None, corrections: None, said: says(&sale("t", None)) };
    assert_eq!(store.reread(&site_id, stale).await.expect("read"), None);
    assert_eq!(only_conversion(&store, &site_id).await.said.transaction_id.as_deref(), Some("t2"));
    corrected(&store, &site_id, &ids[0], &sale("t3", None)).await;
    assert_eq!(only_conversion(&store, &site_id).await.said.transaction_id.as_deref(), Some("t3"));
}

pub(crate) async fn a_fact_about_an_order_is_kept_and_replaced(store: SharedStore) {
    let site_id = site(&store).await;
    let event = OrderEvent {
        group: "network".into(),
        order_id: "order".into(),
        event: "payment_missed".into(),
        transaction_id: None,
        product_id: Some("7".into()),
        billing_status: Some("unpaid".into()),
        sub_id: None,
        is_test: false,
    };
    let received = said(Ok(Said::OrderEvent(event.clone())));
    let id = received.id.clone();
    let outcome = store.receive_postback(&site_id, received).await.expect("taken");
    assert_eq!((outcome.state, outcome.conversion_id), (PostbackState::Accepted, None));
    let page = || tagwerk_server::store::Page { limit: 9, ..Default::default() };
    let rows = store.order_events(&site_id, page()).await.expect("read").items;
    assert_eq!((rows.len(), &rows[0].event), (1, &event));
    let resumed = OrderEvent { event: "rebill_resumed".into(), ..event };
    reread(&store, &site_id, &id, Ok(Said::OrderEvent(resumed.clone()))).await;
    let rows = store.order_events(&site_id, page()).await.expect("read").items;
    assert_eq!((rows.len(), &rows[0].event), (1, &resumed));
    assert!(conversions(&store, &site_id).await.is_empty());
}

pub(crate) async fn a_postback_that_is_not_there_is_not_read_again(store: SharedStore) {
    let site_id = site(&store).await;
    let elsewhere = site(&store).await;
    let ids = booked(&store, &site_id, &[sale("t", None)]).await;
    let rereading = Rereading { postback_id: ids[0].clone(), before: None, corrections: None, said: Err("no".into()) };
    assert_eq!(store.reread(&elsewhere, rereading).await.expect("read"), None);
    assert_eq!(conversions(&store, &site_id).await.len(), 1);
    book(&store, &site_id, &sale("t", None)).await;
    let read: Vec<String> = store
        .postbacks_from(&site_id, Some(&ids[0]), 10)
        .await
        .expect("read")
        .into_iter()
        .map(|row| row.state)
        .collect();
    assert_eq!(read, ["duplicate"]);
}
