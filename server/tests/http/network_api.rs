//! A network's API on a free port: lists what it sold in pages, and goes wrong when it is told to.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// The key that it knows.
pub(crate) const KEY: &str = "123-the-key-of-the-tests";
/// How many transactions it puts on a page, whatever is asked for.
const PAGE: usize = 2;

/// What it does instead of an answer, once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mishap {
    /// 429, with `Retry-After: 1`.
    TooMany,
    /// 500.
    Broken,
    /// 200 and an error in it.
    Error,
    /// 200 and no JSON.
    Garbage,
    /// The page before the one that was asked for.
    PageBefore,
    /// It waits until it is told to go on.
    Held,
}

/// The API; `url` is its origin.
pub(crate) struct NetworkApi {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    transactions: Mutex<Vec<Value>>,
    orders: Mutex<Vec<Value>>,
    mishaps: Mutex<VecDeque<Option<Mishap>>>,
    heard: watch::Sender<Vec<String>>,
    release: Option<Semaphore>,
}

impl NetworkApi {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Arc::new(Inner { release: Some(Semaphore::new(0)), ..Inner::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    /// It has sold something: a transaction of now, with more or other fields.
    pub(crate) fn sell(&self, id: &str, order: &str, more: Value) {
        let mut transaction = json!({
            "transaction_id": id, "purchase_id": order, "transaction_type": "payment", "transaction_created_at": at(0),
            "amount": "294.00", "transaction_amount": "294.00", "vat_amount": "46.94", "affiliate_amount": "101.64",
            "currency": "EUR", "main_product_id": "500418", "billing_type": "single_payment", "order_type": "live",
        });
        json_patch::merge(&mut transaction, &more);
        self.inner.transactions.lock().expect("not poisoned").push(transaction);
    }

    /// It knows of which click an order came.
    pub(crate) fn order(&self, id: &str, click_id: &str) {
        let order = json!({ "id": id, "click_id": click_id, "sub_ids": { "sid1": "one" }, "campaignkey": "spring" });
        self.inner.orders.lock().expect("not poisoned").push(order);
    }

    /// What it does at its next questions, one each; `None` for an answer.
    pub(crate) fn then(&self, mishaps: impl IntoIterator<Item = Option<Mishap>>) {
        self.inner.mishaps.lock().expect("not poisoned").extend(mishaps);
    }

    /// What it was asked for with the right key, path and query, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.inner.heard.borrow().clone()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn asked(&self, times: usize) {
        let mut heard = self.inner.heard.subscribe();
        heard.wait_for(|heard| heard.len() >= times).await.expect("the API is there");
    }
}

/// RFC 3339, so many days ago.
pub(crate) fn at(days_ago: i64) -> String {
    let now = jiff::Timestamp::now().as_second() - days_ago * 86_400;
    jiff::Timestamp::from_second(now).expect("in range").to_string()
}

/// The date, so many days ago (UTC).
pub(crate) fn day(days_ago: i64) -> String {
    at(days_ago)[..10].to_owned()
}

async fn answer(
    State(api): State<Arc<Inner>>,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let told = |body: Value| (StatusCode::OK, body.to_string()).into_response();
    let error = |code: u32, message: &str| {
        told(json!({ "api_version": "1.2", "result": "error", "code": code, "message": message }))
    };
    api.heard.send_modify(|heard| heard.push(uri.to_string()));
    if headers.get("X-DS-API-KEY").is_none_or(|key| key != KEY) {
        return error(2, "The API key is invalid.");
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(1);
    let mut page = number("page_no");
    let mishap = api.mishaps.lock().expect("not poisoned").pop_front().flatten();
    match mishap {
        None => {}
        Some(Mishap::TooMany) => {
            return (StatusCode::TOO_MANY_REQUESTS, [("Retry-After", "1")], "slow down").into_response();
        }
        Some(Mishap::Broken) => return (StatusCode::INTERNAL_SERVER_ERROR, "oops").into_response(),
        Some(Mishap::Error) => return error(9, "Invalid function call."),
        Some(Mishap::Garbage) => return (StatusCode::OK, "<html>maintenance</html>").into_response(),
        Some(Mishap::PageBefore) => page -= 1,
        Some(Mishap::Held) => {
            let release = api.release.as_ref().expect("it is there");
            release.acquire().await.expect("not closed").forget();
        }
    }
    match uri.path().rsplit('/').next() {
        Some("listTransactions") => {
            let (from, to) = (query["from"].clone(), query["to"].clone());
            let sold = api.transactions.lock().expect("not poisoned").clone();
            let within = |sale: &&Value| {
                let at = sale["transaction_created_at"].as_str().expect("a time");
                (from.as_str()..to.as_str()).contains(&at)
            };
            let sold: Vec<&Value> = sold.iter().filter(within).collect();
            let list: Vec<&Value> = sold.iter().copied().skip((page - 1) * PAGE).take(PAGE).collect();
            told(json!({ "api_version": "1.2", "result": "success", "data": {
                "page_no": page, "page_size": PAGE, "page_count": sold.len().div_ceil(PAGE), "transaction_list": list,
            } }))
        }
        Some("listPurchases") => {
            let wanted: Vec<&str> = query["search[purchase_id]"].split(',').collect();
            let orders = api.orders.lock().expect("not poisoned").clone();
            let is_wanted = |order: &&Value| order["id"].as_str().is_some_and(|id| wanted.contains(&id));
            let list: Vec<&Value> = orders.iter().filter(is_wanted).collect();
            told(json!({ "api_version": "1.2", "result": "success", "data": { "purchase_list": list } }))
        }
        _ => error(9, "Invalid function call."),
    }
}
