//! A whole server in this process: the real parts, a database on disk, the real runner. What it is told comes in by HTTP.

use crate::fake::PATIENCE;
use crate::log;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tagwerk_protocol::click_id::{ClickId, Random, VisitId};
use tagwerk_protocol::event::{Click, Event, How};
use tagwerk_protocol::source::Arrival;
use tagwerk_server::app::{self, App, SharedApp};
use tagwerk_server::arrivals::Arrivals;
use tagwerk_server::assets::Assets;
use tagwerk_server::autoscan::AutoScan;
use tagwerk_server::config::Config;
use tagwerk_server::groups::{self, Groups};
use tagwerk_server::http::operator::token_hash;
use tagwerk_server::http::{self, event, tag};
use tagwerk_server::jobs::Bell;
use tagwerk_server::outbox::{self, exchange::Exchange, tokens::Tokens};
use tagwerk_server::outgoing::Outgoing;
use tagwerk_server::rates::fetch::Attempts;
use tagwerk_server::reconcile::client::NetworkApis;
use tagwerk_server::settings::Tables;
use tagwerk_server::store::sqlite::{Options, Sqlite};
use tagwerk_server::store::{DeliveryRow, DeliveryState, Millis, Operators, Outbox, OutletRow, Page, Sites};
use tagwerk_server::vault::Vault;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The admin token of every server under test; it is no text to be found anywhere, either.
pub(crate) const TOKEN: &str = "Zq7Mark-of-the-admin";
/// The browser that every visitor has.
pub(crate) const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36";
/// How long ago a visitor clicked: longer than any platform wants to wait after a click.
const CLICKED_AGO: Millis = 7 * 3_600_000;

/// A server with one site.
pub(crate) struct Home {
    pub(crate) app: SharedApp,
    pub(crate) url: String,
    pub(crate) site_id: String,
    pub(crate) client: Client,
    tracking_id: String,
    store: Arc<Sqlite>,
    data: TempDir,
    serving: JoinHandle<()>,
    sending: Option<JoinHandle<()>>,
}

/// There is one recorder in a process.
fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().expect("the first one")).clone()
}

impl Home {
    /// A server that tries again as soon as any may what failed, and may send to loopback.
    pub(crate) async fn start() -> Self {
        Self::start_with("allow_private_targets = true\n[outbox]\nfirst_retry_seconds = 0\nlongest_retry_seconds = 0")
            .await
    }

    /// A server with this configuration on top of the defaults. Nothing is sent before [`Self::send`].
    pub(crate) async fn start_with(config: &str) -> Self {
        log::listen();
        let data = tempfile::tempdir().expect("a folder");
        let config = Config::load(None, toml::from_str(config).expect("TOML")).expect("a configuration");
        let groups = Groups::load(None).expect("groups");
        let vault = Vault::open(data.path(), false).expect("a vault");
        let store = Arc::new(Sqlite::open(&data.path().join("tagwerk.db"), Options::default()).expect("a store"));
        let outgoing = Outgoing::new(config.allow_private_targets).expect("a door");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app: SharedApp = Arc::new(App {
            arrivals: Arrivals::default(),
            event_limiter: event::limiter(100_000),
            scan_limiter: event::limiter(100_000),
            autoscan: AutoScan::new(outgoing.clone(), &config.autoscan),
            jobs: Bell::default(),
            outbox: Bell::default(),
            tokens: Tokens::default(),
            networks: NetworkApis::new(outgoing.clone(), &groups),
            outgoing,
            rates: Attempts::default(),
            scripts: tag::Scripts::default(),
            clicks: groups::clicks().expect("the click ids"),
            pixels: groups::pixels().expect("the pixels"),
            store: Arc::clone(&store) as Arc<dyn tagwerk_server::store::Store>,
            config,
            groups,
            vault,
            assets: Assets::embedded().expect("the built tag"),
            public_url: url.clone(),
            metrics: metrics(),
        });
        let tables = Tables { groups: &app.groups, pixels: &app.pixels };
        let site = app::new_site("Test", json!({}), tables, &app.vault).expect("a site");
        let (site_id, tracking_id) = (site.site_id.clone(), site.tracking_id.clone());
        store.add_site(site).await.expect("a site");
        store.set_admin_token_hash(token_hash(TOKEN)).await.expect("a token");
        let router = http::router(Arc::clone(&app)).into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { app, url, site_id, tracking_id, client, store, data, serving, sending: None }
    }

    /// Begins to send.
    pub(crate) fn send(&mut self) {
        self.sending = Some(tokio::spawn(outbox::run(Arc::clone(&self.app))));
    }

    /// Stops sending, at whatever is under way.
    pub(crate) async fn halt(&mut self) {
        if let Some(sending) = self.sending.take() {
            sending.abort();
            let _ = sending.await;
        }
    }

    /// The files of the database, and all that is beside them but the key.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.data.path()).expect("a folder").map(|entry| entry.expect("a file").path());
        files.filter(|file| file.is_file()).collect()
    }

    /// Sets platforms up, as the operator does.
    pub(crate) async fn set_up(&self, platforms: Value) {
        let response = self.api("PATCH", "/settings", Some(json!({ "platforms": platforms }))).await;
        let (status, text) = (response.status(), response.text().await.expect("text"));
        assert_eq!(status, 200, "{text}");
    }

    /// A request to the API, below the site.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Response {
        let url = format!("{}/api/v1/sites/{}{path}", self.url, self.site_id);
        let request = self.client.request(method.parse().expect("a method"), url).bearer_auth(TOKEN);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.expect("an answer")
    }

    /// Visitors of the ads of every platform who clicked long enough ago; their clicks.
    pub(crate) async fn clicks(&self, count: usize) -> Vec<ClickId> {
        let pairs: Vec<(Event, Event)> = (0..count).map(|_| visit_with_click()).collect();
        // So many as the tag sends at once.
        for some in pairs.chunks(10) {
            let lines: Vec<String> = some.iter().flat_map(|(view, click)| [view.to_line(), click.to_line()]).collect();
            let request = self.client.post(format!("{}/{}/event", self.url, self.site_id));
            let request = request.header("content-type", "text/plain").header("user-agent", BROWSER);
            let response = request.body(lines.join("\n")).send().await.expect("an answer");
            assert_eq!(response.status(), 204);
        }
        pairs.into_iter().map(|(_, click)| click.click_id.expect("a click id")).collect()
    }

    /// A postback with these parameters.
    pub(crate) async fn postback(&self, query: &[(&str, &str)]) {
        let url = format!("{}/{}/collect/digistore24", self.url, self.tracking_id);
        let response = self.client.get(url).query(query).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
    }

    /// So many sales, each by a visitor of its own; the transaction of the first is `T<first>`.
    pub(crate) async fn sales(&self, first: usize, count: usize) {
        for (index, click_id) in self.clicks(count).await.into_iter().enumerate() {
            let transaction_id = format!("T{}", first + index);
            self.postback(&sale(&click_id.to_string(), &transaction_id)).await;
        }
    }

    pub(crate) async fn deliveries(&self) -> Vec<DeliveryRow> {
        self.store.deliveries(&self.site_id, Page::first(1000)).await.expect("the store answers").items
    }

    pub(crate) async fn outlet(&self, platform: &str) -> OutletRow {
        let outlets = self.store.outlets(&self.site_id).await.expect("the store answers");
        outlets.into_iter().find(|outlet| outlet.platform == platform).expect("an outlet")
    }

    /// What was kept of a delivery's last request.
    pub(crate) async fn exchange(&self, id: &str) -> Exchange {
        let found = self.store.delivery(&self.site_id, id).await.expect("the store answers");
        let sealed = found.expect("a delivery").1.expect("it was sent");
        outbox::opened(&self.app, id, &sealed).expect("it opens")
    }

    /// The deliveries of a platform, once all of them are as they should be.
    pub(crate) async fn until(&self, platform: &str, is_so: impl Fn(&DeliveryRow) -> bool) -> Vec<DeliveryRow> {
        let begun = Instant::now();
        loop {
            let mut rows = self.deliveries().await;
            rows.retain(|row| row.platform == platform);
            if !rows.is_empty() && rows.iter().all(&is_so) {
                return rows;
            }
            assert!(begun.elapsed() < PATIENCE, "{platform}: {rows:#?}");
        }
    }

    pub(crate) async fn delivered(&self, platform: &str) -> Vec<DeliveryRow> {
        self.until(platform, |row| row.state == DeliveryState::Delivered).await
    }

    pub(crate) async fn stopped(&self, platform: &str) -> OutletRow {
        let begun = Instant::now();
        loop {
            let outlet = self.outlet(platform).await;
            if outlet.stopped.is_some() {
                return outlet;
            }
            assert!(begun.elapsed() < PATIENCE, "{outlet:?}");
        }
    }

    /// Has every outlet be one that has gone well for long: it takes as much at once as the platform does.
    pub(crate) fn open_wide(&self) {
        let connection = rusqlite::Connection::open(self.data.path().join("tagwerk.db")).expect("the database");
        connection.busy_timeout(PATIENCE).expect("a timeout");
        connection.execute("UPDATE outlets SET room = NULL", []).expect("written");
    }

    /// Puts everything that waits for a time so much nearer to it.
    pub(crate) fn let_pass(&self, millis: Millis) {
        let connection = rusqlite::Connection::open(self.data.path().join("tagwerk.db")).expect("the database");
        connection.busy_timeout(PATIENCE).expect("a timeout");
        for sql in [
            "UPDATE deliveries SET not_before = not_before - ?1, deadline = deadline - ?1",
            "UPDATE outlets SET not_before = not_before - ?1",
        ] {
            connection.execute(sql, [millis]).expect("written");
        }
        self.app.outbox.ring();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.serving.abort();
        if let Some(sending) = self.sending.take() {
            sending.abort();
        }
    }
}

/// The guide's published sale, under this click and transaction.
pub(crate) fn sale<'a>(click_id: &'a str, transaction_id: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("cid", click_id),
        ("transaction_id", transaction_id),
        ("order_id", transaction_id),
        ("transaction_type", "payment"),
        ("amount_brutto", "165.19"),
        ("amount_netto", "163.55"),
        ("amount_affiliate", "101.64"),
        ("currency", "EUR"),
        ("product_id", "500418"),
    ]
}

/// Different in each call.
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

fn visit_with_click() -> (Event, Event) {
    let visit_id = VisitId::mint(&mut Counting).expect("random");
    let click_id = ClickId::mint(&visit_id, &mut Counting).expect("random");
    let page = format!(
        "https://shop.example/review?utm_source=ad&gclid=G{visit_id}&fbclid=F{visit_id}&ttclid=T{visit_id}&msclkid=M{visit_id}\
         &twclid=X{visit_id}&li_fat_id=L{visit_id}&epik=P{visit_id}&ScCid=S{visit_id}&rdt_cid=R{visit_id}&tblci=B{visit_id}\
         &ob_click_id=O{visit_id}"
    );
    let at = app::now() - CLICKED_AGO;
    let view = Event {
        event_id: format!("view-{visit_id}"),
        name: "PageView".into(),
        at,
        visitor_id: Some(format!("visitor-{visit_id}")),
        page: page.clone(),
        landing: Arrival { at, page, referrer: "https://www.google.com/".into() },
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
