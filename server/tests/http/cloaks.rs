//! A site with a plugin that cloaks links, on a free port: what redirecting plugins do, well and badly.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::io::{BufRead, BufReader, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// The site; `url` is its origin.
pub(crate) struct Cloaks {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    heard: watch::Sender<Vec<String>>,
    cookies: AtomicUsize,
    /// Those who wait at `/held/...`: how many now, and how many at most.
    held: Mutex<(usize, usize)>,
    release: Semaphore,
}

impl Cloaks {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Arc::new(Inner {
            url: url.clone(),
            heard: watch::Sender::default(),
            cookies: AtomicUsize::new(0),
            held: Mutex::default(),
            release: Semaphore::new(0),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    /// A link of this site.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What it was asked for, path and query, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.inner.heard.borrow().clone()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn asked(&self, times: usize) {
        let mut heard = self.inner.heard.subscribe();
        heard.wait_for(|heard| heard.len() >= times).await.expect("the site is there");
    }

    /// Lets so many who wait at `/held/...` go.
    pub(crate) fn release(&self, count: usize) {
        self.inner.release.add_permits(count);
    }

    /// How many waited at `/held/...` at the same time, at most.
    pub(crate) fn most_held(&self) -> usize {
        self.inner.held.lock().expect("not poisoned").1
    }

    /// How many requests brought a cookie.
    pub(crate) fn cookies(&self) -> usize {
        self.inner.cookies.load(Ordering::Relaxed)
    }
}

async fn answer(State(site): State<Arc<Inner>>, uri: Uri, headers: HeaderMap) -> Response {
    let earlier = site.heard.borrow().iter().filter(|heard| **heard == uri.path()).count();
    site.heard.send_modify(|heard| heard.push(uri.to_string()));
    if headers.contains_key(header::COOKIE) {
        site.cookies.fetch_add(1, Ordering::Relaxed);
    }
    let query = uri.query().unwrap_or_default();
    let offer = format!("{}/redir/7/partner/", site.url);
    let forwarded = if query.is_empty() { offer.clone() } else { format!("{offer}?{query}") };
    let known = query.split('&').find(|pair| pair.starts_with("cid=")).unwrap_or("cid=");
    let found = |target: &str| {
        let cookie = (header::SET_COOKIE, "seen=1; Path=/".to_owned());
        (StatusCode::FOUND, [(header::LOCATION, target.to_owned()), cookie]).into_response()
    };
    let step = |number: &str| number.parse::<u32>().unwrap_or_default();
    match uri.path().split('/').skip(1).collect::<Vec<_>>().as_slice() {
        ["go", "forwards"] => found(&forwarded),
        ["go", "relative"] => {
            Redirect::permanent(forwarded.strip_prefix(&site.url).unwrap_or_default()).into_response()
        }
        ["go", "drops"] => found(&format!("{offer}?aff=%E9")),
        ["go", "knows"] => found(&format!("{offer}?{known}")),
        ["go", "replaces"] if query.is_empty() => found(&format!("{offer}?aff=7")),
        ["go", "replaces"] => found(&forwarded),
        ["go", "visit"] => found(&format!("{offer}?sid={}", site.heard.borrow().len())),
        ["go", "sets"] => found(&format!("{offer}?{}", if query.is_empty() { "cid=theplugin" } else { known })),
        ["go", "own"] => found(&format!("{offer}?cid=theplugin&{query}")),
        ["go", "chain", "0"] => found(&forwarded),
        ["go", "chain", n] => found(&format!("/go/chain/{}?{query}", step(n) - 1)),
        ["go", "circle"] => found("/go/elcric"),
        ["go", "elcric"] => found("/go/circle"),
        ["go", "endless", n] => found(&format!("/go/endless/{}", step(n) + 1)),
        ["go", "page"] => {
            let target = forwarded.replace('&', "&amp;");
            Html(format!("<head><meta http-equiv=refresh content=\"0; url={target}\">")).into_response()
        }
        ["go", "silent"] => std::future::pending().await,
        ["go", "file"] => found("file:///etc/passwd"),
        ["go", "flaky"] if earlier == 0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        ["go", "flaky"] => found(&forwarded),
        ["held", ..] => {
            hold(&site).await;
            found(&forwarded)
        }
        ["about"] => Html("<p>About us</p>").into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn hold(site: &Inner) {
    {
        let mut held = site.held.lock().expect("not poisoned");
        *held = (held.0 + 1, held.1.max(held.0 + 1));
    }
    site.release.acquire().await.expect("not closed").forget();
    site.held.lock().expect("not poisoned").0 -= 1;
}

/// A page without an end: its link, and a task that ends when nobody reads it any more.
pub(crate) fn endless_page() -> (String, JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let link = format!("http://{}/go/endless", listener.local_addr().expect("an address"));
    let task = tokio::task::spawn_blocking(move || {
        let (mut reader, _) = listener.accept().expect("somebody connects");
        // An answer before the question would be none.
        let mut question = BufReader::new(&reader).lines();
        question.find(|line| line.as_ref().is_ok_and(String::is_empty)).expect("a question").expect("readable");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n";
        let mut more = reader.write_all(head.as_bytes());
        while more.is_ok() {
            more = reader.write_all(&[b'x'; 4096]);
        }
    });
    (link, task)
}
