//! Whose a conversion is, whatever order its visit, its click and its postback arrive in.

use crate::given::{
    CLICKED, NOW, VISITED, book, books, click, only_conversion, orders, outbound, page_view, postbacks, sale, send,
    site, visit,
};
use tagwerk_server::attribution::State;
use tagwerk_server::store::{PostbackState, SharedStore};

pub(crate) async fn a_conversion_is_credited_to_its_click_and_tells_its_source(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    let reported = outbound(&click_id);
    send(&store, &site_id, vec![reported.clone()]).await;
    let outcome = book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    assert_eq!((outcome.state, outcome.reason.clone()), (PostbackState::Accepted, None));
    let booked = only_conversion(&store, &site_id).await;
    assert_eq!(outcome.conversion_id.as_ref(), Some(&booked.id));
    assert_eq!((booked.attribution.state, &booked.attribution.reason), (State::Attributed, &None));
    assert_eq!(booked.attribution.click_id.as_deref(), Some(click_id.as_str()));
    assert_eq!(booked.attribution.visit_id.as_deref(), Some(visit(1).as_str()));
    assert_eq!((booked.source, booked.click_ids), (reported.visit.source, reported.visit.click_ids));
}

pub(crate) async fn a_click_that_was_never_reported_is_credited_to_its_visit(store: SharedStore) {
    let site_id = site(&store).await;
    send(&store, &site_id, vec![page_view(&visit(1))]).await;
    let outcome = book(&store, &site_id, &sale("t", Some(click(&visit(1), 1).as_str()))).await;
    assert_eq!(outcome.state, PostbackState::Accepted);
    assert!(outcome.reason.is_some_and(|reason| reason.contains("never reported")));
    let booked = only_conversion(&store, &site_id).await;
    assert_eq!(booked.attribution.visit_id.as_deref(), Some(visit(1).as_str()));
}

pub(crate) async fn a_click_id_in_capitals_is_the_same_click(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    book(&store, &site_id, &sale("t", Some(&click_id.as_str().to_uppercase()))).await;
    let booked = only_conversion(&store, &site_id).await;
    assert_eq!((booked.attribution.state, booked.attribution.reason), (State::Attributed, None));
    assert_eq!(booked.attribution.click_id.as_deref(), Some(click_id.as_str()));
}

pub(crate) async fn a_truncated_click_id_is_credited_to_its_visit(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    let outcome = book(&store, &site_id, &sale("t", click_id.as_str().get(..29))).await;
    assert_eq!(outcome.state, PostbackState::Accepted);
    assert!(outcome.reason.is_some_and(|reason| reason.contains("damaged")));
    let booked = only_conversion(&store, &site_id).await;
    assert_eq!(booked.attribution.visit_id.as_deref(), Some(visit(1).as_str()));
    assert_eq!(booked.attribution.click_id, None);
}

pub(crate) async fn an_altered_click_id_is_kept_as_unattributed(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    let altered = format!("x{}", &click_id.as_str()[1..]);
    let outcome = book(&store, &site_id, &sale("t", Some(&altered))).await;
    assert_eq!(outcome.state, PostbackState::Unattributed);
    let booked = only_conversion(&store, &site_id).await;
    assert_eq!((booked.attribution.state, booked.attribution.visit_id), (State::Unattributed, None));
    assert_eq!(booked.said.sub_id, Some(altered));
}

pub(crate) async fn a_sale_without_a_click_id_is_kept_as_unattributed(store: SharedStore) {
    let site_id = site(&store).await;
    let outcome = book(&store, &site_id, &sale("t", None)).await;
    assert_eq!(outcome.state, PostbackState::Unattributed);
    assert!(outcome.reason.is_some());
    assert!(only_conversion(&store, &site_id).await.source.is_empty());
}

pub(crate) async fn another_site_s_visit_gets_no_credit(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    let click_id = click(&visit(1), 1);
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    send(&store, &other, vec![outbound(&click_id)]).await;
    assert_eq!(only_conversion(&store, &site_id).await.attribution.state, State::Unattributed);
}

pub(crate) async fn a_visit_that_reports_late_claims_what_waited_for_it(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    let mut waiting = sale("t", Some(click_id.as_str()));
    waiting.notes = vec!["a note".into()];
    book(&store, &site_id, &waiting).await;
    let repeat = book(&store, &site_id, &waiting).await;
    assert_eq!(repeat.state, PostbackState::Duplicate);
    book(&store, &site_id, &sale("damaged", click_id.as_str().get(..20))).await;
    book(&store, &site_id, &sale("other", Some(click(&visit(2), 1).as_str()))).await;

    send(&store, &site_id, vec![page_view(&visit(1))]).await;
    let states: Vec<(String, Option<String>)> =
        postbacks(&store, &site_id).await.into_iter().map(|row| (row.state, row.reason)).rev().collect();
    let words: Vec<&str> = states.iter().map(|(state, _)| state.as_str()).collect();
    assert_eq!(words, ["accepted", "duplicate", "accepted", "unattributed"]);
    let reason = states[0].1.as_deref().expect("a reason");
    assert!(reason.contains("never reported") && reason.contains("a note"), "{reason}");
    let attributed: Vec<State> = books(&store, &site_id).await.into_iter().map(|row| row.attribution.state).collect();
    assert_eq!(attributed, [State::Attributed, State::Unattributed, State::Attributed], "damaged, other, t");
}

pub(crate) async fn a_click_that_reports_late_takes_the_doubt_away(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    send(&store, &site_id, vec![page_view(&visit(1))]).await;
    book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    assert!(only_conversion(&store, &site_id).await.attribution.reason.is_some());
    send(&store, &site_id, vec![outbound(&click(&visit(1), 2))]).await;
    assert!(only_conversion(&store, &site_id).await.attribution.reason.is_some(), "another click says nothing");
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    let booked = only_conversion(&store, &site_id).await;
    assert_eq!((booked.attribution.state, booked.attribution.reason), (State::Attributed, None));
    let row = postbacks(&store, &site_id).await.remove(0);
    assert_eq!((row.state.as_str(), row.reason), ("accepted", None));
}

pub(crate) async fn the_books_do_not_depend_on_when_visit_and_click_were_reported(store: SharedStore) {
    #[derive(Clone, Copy)]
    enum Step {
        Visit,
        Click,
        Sale,
    }
    let click_id = click(&visit(1), 1);
    let mut told = sale("t", Some(click_id.as_str()));
    told.sent_at = Some(CLICKED + 1);
    let mut seen = Vec::new();
    for order in orders(&[Step::Visit, Step::Click, Step::Sale]) {
        let site_id = site(&store).await;
        for step in order {
            match step {
                Step::Visit => send(&store, &site_id, vec![page_view(&visit(1))]).await,
                Step::Click => send(&store, &site_id, vec![outbound(&click_id)]).await,
                Step::Sale => drop(book(&store, &site_id, &told).await),
            }
        }
        seen.push(books(&store, &site_id).await);
    }
    assert_eq!(seen[0][0].at, CLICKED + 1);
    for other in &seen {
        assert_eq!(*other, seen[0]);
    }
}

pub(crate) async fn a_click_of_another_visit_does_not_vouch(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    let mut forged = outbound(&click_id);
    forged.event.visit_id = visit(2);
    send(&store, &site_id, vec![forged]).await;
    let outcome = book(&store, &site_id, &sale("t", Some(click_id.as_str()))).await;
    assert_eq!(outcome.state, PostbackState::Unattributed);
    send(&store, &site_id, vec![page_view(&visit(1))]).await;
    let reason = only_conversion(&store, &site_id).await.attribution.reason;
    assert!(reason.is_some_and(|reason| reason.contains("never reported")), "the click is of another visit");
}

pub(crate) async fn the_sender_s_time_counts_between_click_and_receipt(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    send(&store, &site_id, vec![outbound(&click_id)]).await;
    for (name, sub_id, sent_at, at) in [
        ("between", Some(click_id.as_str()), Some(CLICKED + 5), CLICKED + 5),
        ("before the click", Some(click_id.as_str()), Some(CLICKED - 5), NOW),
        ("after the receipt", Some(click_id.as_str()), Some(NOW + 5), NOW),
        ("without a time", Some(click_id.as_str()), None, NOW),
        ("by its visit", Some(click(&visit(1), 2).as_str()), Some(VISITED + 5), VISITED + 5),
        ("of nobody", None, Some(CLICKED + 5), NOW),
    ] {
        let site_id = &site_id;
        let mut told = sale(name, sub_id);
        told.sent_at = sent_at;
        book(&store, site_id, &told).await;
        let rows = books(&store, site_id).await;
        let booked = rows.iter().find(|row| row.said.transaction_id.as_deref() == Some(name)).expect(name);
        assert_eq!((booked.at, booked.received_at), (at, NOW), "{name}");
    }
}

pub(crate) async fn a_visitor_s_clock_that_runs_ahead_does_not_rule_out_the_sender_s_time(store: SharedStore) {
    let site_id = site(&store).await;
    let click_id = click(&visit(1), 1);
    let mut reported = outbound(&click_id);
    reported.event.at = NOW + 1_000_000;
    send(&store, &site_id, vec![reported.clone()]).await;
    let mut told = sale("t", Some(click_id.as_str()));
    told.sent_at = Some(reported.received_at + 1);
    book(&store, &site_id, &told).await;
    assert_eq!(only_conversion(&store, &site_id).await.at, reported.received_at + 1);
}
