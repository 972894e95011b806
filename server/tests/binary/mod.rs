//! The real binary with a data directory of its own, for tests that treat it badly.

use reqwest::{Client, Response};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tagwerk_protocol::event::{Click, Event, How, OUTBOUND_CLICK, PAGE_VIEW};
use tagwerk_protocol::source::Arrival;
use tempfile::TempDir;

pub(crate) const TOKEN: &str = "token-of-the-tests";

/// A data directory with one site in it.
pub(crate) struct Home {
    pub(crate) data: TempDir,
    pub(crate) site_id: String,
    pub(crate) tracking_id: String,
}

/// A server that runs on it; it is killed when dropped.
pub(crate) struct Running {
    pub(crate) url: String,
    child: Child,
    // Closing it would break what the server still prints.
    printed: BufReader<ChildStdout>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        // As the server would make it.
        #[cfg(unix)]
        std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("it is ours");
        let mut home = Self { data, site_id: String::new(), tracking_id: String::new() };
        let output = home.command().args(["site", "add", "--name", "Test"]).output().expect("the binary runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let value = |key| text.lines().find_map(|line| line.strip_prefix(key)).expect(key).to_owned();
        (home.site_id, home.tracking_id) = (value("site_id="), value("tracking_id="));
        home
    }

    /// The binary, set up for this directory.
    pub(crate) fn command(&self) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_tagwerk")))
    }

    /// A copy of the binary, set up for this directory.
    pub(crate) fn command_of(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("TAGWERK_LISTEN", "127.0.0.1:0")
            .env("TAGWERK_DATA_DIR", self.data.path())
            .env("TAGWERK_ADMIN_TOKEN", TOKEN)
            .env("TAGWERK_RATES", "0")
            .env("TAGWERK_LOG", "off");
        command
    }

    /// `tagwerk serve` with this configuration file.
    pub(crate) fn serving(&self, config: &str) -> Command {
        let file = self.data.path().join("tagwerk.toml");
        std::fs::write(&file, format!("[limits]\nevents_per_minute = 1000000\n{config}")).expect("written");
        let mut command = self.command();
        command.env("TAGWERK_CONFIG", file).arg("serve");
        command
    }

    /// Reports events.
    pub(crate) async fn report(&self, client: &Client, url: &str, events: &[Event]) -> reqwest::Result<Response> {
        let lines: Vec<String> = events.iter().map(Event::to_line).collect();
        let request = client.post(format!("{url}/{}/event", self.site_id)).header("content-type", "text/plain");
        request.body(lines.join("\n")).send().await
    }

    /// Sends a postback as the network would.
    pub(crate) async fn tell(&self, client: &Client, url: &str, query: &[(&str, &str)]) -> reqwest::Result<Response> {
        let request = client.get(format!("{url}/{}/collect/digistore24", self.tracking_id));
        request.query(query).send().await
    }

    /// Every item of one of the site's lists.
    pub(crate) async fn list(&self, client: &Client, url: &str, name: &str) -> Vec<Value> {
        let (mut items, mut query) = (Vec::new(), vec![("limit", "1000".to_owned())]);
        loop {
            let request = client.get(format!("{url}/api/v1/sites/{}/{name}", self.site_id)).bearer_auth(TOKEN);
            let answer = request.query(&query).send().await.expect("an answer");
            let mut part: Value = answer.json().await.expect("JSON");
            items.append(part["items"].as_array_mut().expect("a list"));
            query.truncate(1);
            match part["next"].as_str() {
                Some(next) => query.push(("after", next.to_owned())),
                None => return items,
            }
        }
    }
}

impl Running {
    /// Starts the server and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
        let printed = BufReader::new(child.stdout.take().expect("piped"));
        let mut running = Self { url: String::new(), child, printed };
        let mut line = String::new();
        while running.url.is_empty() {
            line.clear();
            assert!(running.printed.read_line(&mut line).expect("text") > 0, "the server ended before it listened");
            running.url = line.strip_prefix("listening on ").unwrap_or_default().trim().to_owned();
        }
        running
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a process of ours");
        self.child.wait().expect("it is gone");
    }

    /// SIGTERM, and waits until it has ended by itself, well.
    pub(crate) fn stop(mut self) {
        let pid = self.pid();
        // SAFETY: a signal to a child of ours that has not been waited for.
        #[allow(unsafe_code)]
        let sent = unsafe { libc::kill(pid, libc::SIGTERM) };
        assert_eq!(sent, 0);
        assert!(self.child.wait().expect("it ends").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client with connections of its own. A server that hangs fails the test instead of holding it up.
pub(crate) fn client() -> Client {
    tagwerk_server::outgoing::choose_cryptography();
    Client::builder().timeout(Duration::from_secs(60)).build().expect("a client")
}

/// The event that begins a visit.
pub(crate) fn page_view(visit_id: &VisitId) -> Event {
    let arrival = Arrival {
        at: 1_700_000_000_000,
        page: "https://a.example/?utm_source=news&gclid=CjwK".into(),
        referrer: String::new(),
    };
    Event {
        event_id: format!("view-{visit_id}"),
        name: PAGE_VIEW.into(),
        at: arrival.at,
        visit_id: visit_id.clone(),
        visitor_id: None,
        page: arrival.page.clone(),
        landing: arrival,
        touch: None,
        first: None,
        click_id: None,
        click: None,
        attributes: Vec::new(),
        cookies: Vec::new(),
        automated: false,
    }
}

/// The event of a click.
pub(crate) fn outbound(click_id: &ClickId) -> Event {
    Event {
        event_id: click_id.to_string(),
        name: OUTBOUND_CLICK.into(),
        click_id: Some(click_id.clone()),
        click: Some(Click {
            group: Some("digistore24".into()),
            href: format!("https://www.digistore24.com/redir/1/x/?cid={click_id}"),
            label: "Buy".into(),
            how: How::Left,
            foreign: false,
        }),
        ..page_view(&click_id.visit())
    }
}
