//! Starts the real binary on a free port, with a data directory of its own, and stops it when dropped.

use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use tagwerk_protocol::click_id::{ClickId, Random, VisitId};
use tagwerk_protocol::event::{Click, Event, How};
use tagwerk_protocol::source::Arrival;
use tempfile::TempDir;

/// The admin token of every server under test.
pub(crate) const TOKEN: &str = "token-of-the-tests";

/// A running server with one site.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) site_id: String,
    pub(crate) tracking_id: String,
    pub(crate) client: Client,
    /// What it printed before it was ready.
    pub(crate) printed: Vec<String>,
    child: Child,
    data: TempDir,
}

/// The binary with a data directory, on a free port.
pub(crate) fn command(data: &Path) -> Command {
    // Every test passes here before it makes a client.
    tagwerk_server::outgoing::choose_cryptography();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagwerk"));
    command
        .env_clear()
        .env("TAGWERK_LISTEN", "127.0.0.1:0")
        .env("TAGWERK_DATA_DIR", data)
        .env("TAGWERK_ADMIN_TOKEN", TOKEN)
        .env("TAGWERK_RATES", "0")
        .env("TAGWERK_LOG", "error");
    command
}

/// Adds a site by the command line and tells its ids.
pub(crate) fn add_site(data: &Path, name: &str) -> (String, String) {
    let output = command(data).args(["site", "add", "--name", name]).output().expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_else(|| panic!("no {key} in {text:?}")).to_owned()
    };
    (value("site_id="), value("tracking_id="))
}

impl Server {
    /// Starts a server with default settings.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[], "").await
    }

    /// Starts a server with more arguments to `serve` and a configuration file.
    pub(crate) async fn start_with(arguments: &[&str], config: &str) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let (site_id, tracking_id) = add_site(data.path(), "Test");
        Self::run(data, site_id, tracking_id, arguments, config)
    }

    /// Stops it and starts it again on the same data.
    pub(crate) fn restarted(self) -> Self {
        self.restarted_with("")
    }

    /// As [`Self::restarted`], with this configuration file.
    pub(crate) fn restarted_with(mut self, config: &str) -> Self {
        self.stop();
        self.started_again(config)
    }

    /// Kills it, at whatever it is doing, and starts it again on the same data.
    pub(crate) fn killed_with(mut self, config: &str) -> Self {
        self.child.kill().expect("it is there");
        self.child.wait().expect("it ends");
        self.started_again(config)
    }

    fn started_again(mut self, config: &str) -> Self {
        let data = std::mem::replace(&mut self.data, tempfile::tempdir().expect("a folder"));
        Self::run(data, self.site_id.clone(), self.tracking_id.clone(), &[], config)
    }

    fn run(data: TempDir, site_id: String, tracking_id: String, arguments: &[&str], config: &str) -> Self {
        let file = data.path().join("tagwerk.toml");
        std::fs::write(&file, config).expect("written");
        let mut child = command(data.path())
            .env("TAGWERK_CONFIG", &file)
            .arg("serve")
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut printed = Vec::new();
        let mut url = None;
        for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
            let line = line.expect("text");
            if let Some(found) = line.strip_prefix("listening on ") {
                url = Some(found.to_owned());
                break;
            }
            printed.push(line);
        }
        let url = url.unwrap_or_else(|| panic!("the server did not start: {printed:?}"));
        Self { url, token: TOKEN.into(), site_id, tracking_id, client: Client::new(), printed, child, data }
    }

    /// Asks it to stop and waits until it has; tells whether it ended well.
    pub(crate) fn stop(&mut self) -> bool {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        // SAFETY: a signal to a child of ours that has not been waited for.
        #[allow(unsafe_code)]
        unsafe {
            libc::kill(pid, libc::SIGTERM);
        }
        self.child.wait().expect("it ends").success()
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// `GET` of the API, as JSON; the path begins behind `/api/v1`.
    pub(crate) async fn api(&self, path: &str) -> Value {
        let response = self.api_response(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.expect("JSON")
    }

    pub(crate) async fn api_response(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token);
        request.send().await.expect("an answer")
    }

    /// Every item of one of the site's lists, part by part.
    pub(crate) async fn all(&self, name: &str) -> Vec<Value> {
        let (mut items, mut after) = (Vec::new(), String::new());
        loop {
            let part = self.api(&format!("/sites/{}/{name}?limit=1000{after}", self.site_id)).await;
            items.extend(part["items"].as_array().expect("items").iter().cloned());
            match part["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return items,
            }
        }
    }

    /// The newest items of one of the site's lists.
    pub(crate) async fn list(&self, name: &str) -> Vec<Value> {
        let listing = self.api(&format!("/sites/{}/{name}?limit=1000", self.site_id)).await;
        listing["items"].as_array().expect("items").clone()
    }

    pub(crate) async fn patch_settings(&self, change: Value) -> Response {
        let request = self.client.patch(format!("{}/api/v1/sites/{}/settings", self.url, self.site_id));
        request.bearer_auth(&self.token).json(&change).send().await.expect("an answer")
    }

    pub(crate) async fn post_events(&self, events: &[&Event]) -> Response {
        let body: Vec<String> = events.iter().map(|event| event.to_line()).collect();
        self.post_event_body(body.join("\n")).await
    }

    pub(crate) async fn post_event_body(&self, body: impl Into<reqwest::Body>) -> Response {
        let request = self.client.post(format!("{}/{}/event", self.url, self.site_id));
        request.header("content-type", "text/plain").body(body).send().await.expect("an answer")
    }

    /// The URL that postbacks of a group go to.
    pub(crate) fn collect_url(&self, group: &str) -> String {
        format!("{}/{}/collect/{group}", self.url, self.tracking_id)
    }

    /// A postback by GET; the answer's status and body.
    pub(crate) async fn postback(&self, query: &[(&str, &str)]) -> (u16, String) {
        let request = self.client.get(self.collect_url("digistore24")).query(query);
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    }

    /// A visit with one click, reported; the click's id.
    pub(crate) async fn clicked(&self) -> ClickId {
        let (view, click) = visit_with_click();
        assert_eq!(self.post_events(&[&view, &click]).await.status(), 204);
        click.click_id.expect("a click id")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Random enough for tests, different in each call.
struct Counting;

impl Random for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        for byte in bytes {
            let seed = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *byte = (seed >> 40) as u8;
        }
        true
    }
}

/// A page view of a visit that came by an ad, and a click in it.
pub(crate) fn visit_with_click() -> (Event, Event) {
    let visit_id = VisitId::mint(&mut Counting).expect("random");
    let click_id = ClickId::mint(&visit_id, &mut Counting).expect("random");
    let page = "https://shop.example/review?utm_source=google&utm_campaign=spring&gclid=Cj0KCQiA-Xyz_1";
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis()).expect("in range");
    let view = Event {
        event_id: format!("view-{visit_id}"),
        name: "PageView".into(),
        at: now,
        visitor_id: Some(format!("visitor-{visit_id}")),
        page: page.into(),
        landing: Arrival { at: now, page: page.into(), referrer: "https://www.google.com/".into() },
        touch: None,
        first: None,
        click_id: None,
        click: None,
        attributes: vec![],
        cookies: vec![],
        automated: false,
        visit_id,
    };
    let click = Event {
        event_id: click_id.to_string(),
        name: "OutboundClick".into(),
        click: Some(Click {
            group: Some("digistore24".into()),
            href: format!("https://www.digistore24.com/redir/1/a/?cid={click_id}"),
            label: "Buy now".into(),
            how: How::Left,
            foreign: false,
        }),
        click_id: Some(click_id),
        ..view.clone()
    };
    (view, click)
}

/// The guide's published sale, under this click id and transaction.
pub(crate) fn sale<'a>(click_id: &'a str, transaction_id: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("cid", click_id),
        ("transaction_id", transaction_id),
        ("transaction_type", "payment"),
        ("amount_brutto", "165.19"),
        ("amount_netto", "163.55"),
        ("amount_affiliate", "101.64"),
        ("currency", "EUR"),
        ("product_id", "500418"),
        ("random", "Cc7JguMzOlxJ0HeJTqFsKOnKbBwlFQyX"),
    ]
}

/// The sentence of a JSON error answer.
pub(crate) async fn error_of(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or(json!(null));
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}
