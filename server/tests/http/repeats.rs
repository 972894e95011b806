//! What repeats do under each of the six modes: to the books, and to the postbacks that brought them.

use crate::server::Server;
use serde_json::{Value, json};

/// A transaction told several times under one type with this mode, at these seconds and with these sums; the books and the postbacks' states.
async fn told(mode: &str, calls: &[(u32, &str)]) -> (Vec<Value>, Vec<Value>) {
    let server = Server::start().await;
    let types = json!({"purchase_value": "affiliate", "types": [{"name": "Purchase", "repeat": mode}]});
    assert_eq!(server.patch_settings(types).await.status(), 200);
    for (second, sum) in calls {
        let second = (1_697_080_000 + second).to_string();
        let query = [
            ("transaction_id", "t"),
            ("transaction_type", "payment"),
            ("amount_affiliate", sum),
            ("currency", "EUR"),
            ("datetime_unix", &second),
        ];
        assert_eq!(server.postback(&query).await.0, 200, "{mode}");
    }
    let mut postbacks = server.list("postbacks").await;
    let mut conversions = server.list("conversions").await;
    postbacks.reverse();
    conversions.reverse();
    (conversions, postbacks)
}

fn states(postbacks: &[Value]) -> Vec<&str> {
    postbacks.iter().map(|one| one["state"].as_str().expect("a state")).collect()
}

fn values(conversions: &[Value]) -> Vec<&str> {
    conversions.iter().map(|one| one["value"].as_str().expect("a value")).collect()
}

/// The second is what the first said; the third says something else, and later.
const CALLS: [(u32, &str); 3] = [(10, "5.00"), (10, "5.00"), (20, "7.00")];
/// The same, the later one first.
const LATER_FIRST: [(u32, &str); 3] = [(20, "7.00"), (10, "5.00"), (10, "5.00")];

#[tokio::test]
async fn ignore_keeps_what_was_sent_first() {
    let (books, postbacks) = told("ignore", &CALLS).await;
    assert_eq!((values(&books), states(&postbacks)), (vec!["5.00"], vec!["unattributed", "duplicate", "duplicate"]));
    assert_eq!(postbacks[1]["reason"], Value::Null);
    assert!(postbacks[2]["reason"].as_str().expect("a reason").contains("sent earlier"));
    assert!(postbacks.iter().all(|one| one["conversion_id"] == books[0]["id"]));
    let (books, postbacks) = told("ignore", &LATER_FIRST).await;
    assert_eq!((values(&books), states(&postbacks)), (vec!["5.00"], vec!["unattributed", "updated", "duplicate"]));
}

#[tokio::test]
async fn edit_keeps_what_was_sent_last() {
    let (books, postbacks) = told("edit", &CALLS).await;
    assert_eq!((values(&books), states(&postbacks)), (vec!["7.00"], vec!["unattributed", "duplicate", "updated"]));
    assert_eq!(postbacks[2]["conversion_id"], books[0]["id"], "under the id that it had");
    let (books, postbacks) = told("edit", &LATER_FIRST).await;
    assert_eq!((values(&books), states(&postbacks)), (vec!["7.00"], vec!["unattributed", "duplicate", "duplicate"]));
}

#[tokio::test]
async fn add_payout_adds_what_differs_and_nothing_twice() {
    for calls in [CALLS, LATER_FIRST] {
        let (books, postbacks) = told("add_payout", &calls).await;
        assert_eq!(values(&books), ["12.00"], "{calls:?}");
        assert_eq!(books[0]["amounts"]["affiliate"], "12.00");
        assert!(
            books[0]["reason"].as_str().expect("a reason").contains("2 calls are added up"),
            "{}",
            books[0]["reason"]
        );
        let updated = states(&postbacks).iter().filter(|state| **state == "updated").count();
        assert_eq!(updated, 1, "{:?}", states(&postbacks));
    }
}

#[tokio::test]
async fn keep_repeated_books_each_call_and_marks_all_but_the_first() {
    let (books, postbacks) = told("keep_repeated", &CALLS).await;
    assert_eq!((values(&books), states(&postbacks)), (vec!["5.00", "5.00", "7.00"], vec!["unattributed"; 3]));
    let marks: Vec<&Value> = books.iter().map(|one| &one["repeated"]).collect();
    assert_eq!(marks, [&json!(false), &json!(true), &json!(true)]);
}

#[tokio::test]
async fn create_new_books_each_call() {
    let (books, postbacks) = told("create_new", &CALLS).await;
    assert_eq!((values(&books), states(&postbacks)), (vec!["5.00", "5.00", "7.00"], vec!["unattributed"; 3]));
    assert!(books.iter().all(|one| one["repeated"] == false));
}

#[tokio::test]
async fn ignore_by_event_id_falls_back_to_the_transaction_where_no_event_id_is_sent() {
    let (books, postbacks) = told("ignore_by_event_id", &CALLS).await;
    assert_eq!((values(&books), states(&postbacks)), (vec!["5.00"], vec!["unattributed", "duplicate", "duplicate"]));
}

#[tokio::test]
async fn modes_are_chosen_for_each_type() {
    let server = Server::start().await;
    let types = json!({"types": [{"name": "Deposit", "repeat": "create_new"}, {"name": "Trial", "repeat": "ignore"}]});
    assert_eq!(server.patch_settings(types).await.status(), 200);
    for word in ["Deposit", "Trial", "Unnamed"] {
        for _ in 0..2 {
            let query =
                [("type", word), ("transaction_id", word), ("transaction_type", "payment"), ("currency", "EUR")];
            assert_eq!(server.postback(&query).await.0, 200);
        }
    }
    let conversions = server.list("conversions").await;
    let count = |word: &str| conversions.iter().filter(|one| one["type"] == word).count();
    assert_eq!((count("Deposit"), count("Trial"), count("Unnamed")), (2, 1, 1));
}

#[tokio::test]
async fn an_unknown_mode_is_refused_by_name() {
    let server = Server::start().await;
    let response = server.patch_settings(json!({"types": [{"name": "A", "repeat": "sometimes"}]})).await;
    let (status, sentence) = crate::server::error_of(response).await;
    assert_eq!(status, 422);
    assert!(sentence.contains("types[0].repeat") && sentence.contains("keep_repeated"), "{sentence}");
}
