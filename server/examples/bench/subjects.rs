//! What is measured: the release server with its database, and nginx.

use crate::fill;
use crate::load::{self, CONNECTIONS, Requests};
use crate::process::{self, Running};
use crate::story::{self, Moment, OF_A_VISIT};
use crate::{Measured, root};
use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const TOKEN: &str = "bench-token-of-this-run-only";
/// Seconds of load before that which is measured.
const WARM_UP: u64 = 2;
/// Requests that are ready for one second of warming up.
const ENOUGH: f64 = 60_000.0;
/// The longest that a report may take.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Seconds that reports over everything take.
pub(crate) struct Reports {
    /// By campaign, the first after a load: what came has to be added up.
    pub(crate) first: f64,
    /// The same once more.
    pub(crate) again: f64,
    /// A question that was not asked before: by word and day, the credit shared among the visitor's touches.
    pub(crate) other: f64,
}

/// A site, and the folder of the database it is in.
pub(crate) struct Site {
    /// The release server.
    server: PathBuf,
    pub(crate) folder: PathBuf,
    site_id: String,
    tracking_id: String,
}

/// The first site of the database in a folder, both made if there are none.
///
/// # Errors
/// The server's command did not tell or make it.
pub(crate) fn site(server: &Path, folder: &Path) -> Result<Site> {
    let data = folder.join("data");
    let known = data.join("tagwerk.db").exists();
    let what: &[&str] = if known { &["site", "list"] } else { &["site", "add", "--name", "bench"] };
    let output = tagwerk(server, &data).args(what).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let value = |key: &str| {
        let word = text.split_whitespace().find_map(|word| word.strip_prefix(key));
        word.map(str::to_owned).with_context(|| format!("`tagwerk {}` printed no {key}", what.join(" ")))
    };
    Ok(Site {
        server: server.to_owned(),
        site_id: value("site_id=")?,
        tracking_id: value("tracking_id=")?,
        folder: data,
    })
}

fn tagwerk(server: &Path, data: &Path) -> Command {
    let mut command = Command::new(server);
    command
        .env("TAGWERK_LISTEN", "127.0.0.1:0")
        .env("TAGWERK_DATA_DIR", data)
        .env("TAGWERK_ADMIN_TOKEN", TOKEN)
        .env("TAGWERK_LOG", "warn")
        .env("TAGWERK_CONFIG", root().join("bench/server/tagwerk.toml"));
    command
}

fn open(data: &Path) -> Result<Connection> {
    Ok(Connection::open_with_flags(data.join("tagwerk.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// How many rows a table has.
///
/// # Errors
/// The database does not read.
pub(crate) fn count(data: &Path, table: &str) -> Result<u64> {
    let count: i64 = open(data)?.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
    Ok(u64::try_from(count)?)
}

/// Bytes of a database that no server has open, without what its log still holds.
///
/// # Errors
/// It cannot be looked at.
pub(crate) fn size(data: &Path) -> Result<u64> {
    let path = data.join("tagwerk.db");
    Connection::open(&path)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(path.metadata()?.len())
}

/// The running server.
pub(crate) struct Tagwerk<'a> {
    running: Running,
    url: String,
    site: &'a Site,
    visits: u64,
}

impl<'a> Tagwerk<'a> {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start(site: &'a Site) -> Result<Self> {
        let visits = fill::filled(&site.folder)? / OF_A_VISIT;
        ensure!(visits > 0, "the database was not filled");
        let mut running = Running::start(tagwerk(&site.server, &site.folder).arg("serve").stdout(Stdio::piped()))?;
        let output = BufReader::new(running.output().context("no output")?);
        let mut url = None;
        for line in output.lines() {
            if let Some(found) = line?.strip_prefix("listening on ") {
                url = Some(found.to_owned());
                break;
            }
        }
        let url = url.context("the server ended before it listened")?;
        Ok(Self { running, url, site, visits })
    }

    /// Memory at rest, in MB.
    pub(crate) fn rest(&self) -> f64 {
        sleep(Duration::from_secs(1));
        self.running.usage().memory
    }

    /// Postbacks of visits that are stored.
    ///
    /// # Errors
    /// One was not answered 200, or what was is not all there.
    pub(crate) fn postbacks(&self, folder: &Path, seconds: u64) -> Result<Measured> {
        let path = format!("/{}/collect/", self.site.tracking_id);
        let requests = Requests { url: &self.url, method: "GET", path: &path, again: false };
        let visits = self.visits;
        let line =
            |series: &str, moment: Moment| story::postback(moment, series, |visit| story::scatter(visit) % visits);
        self.measure(folder, seconds, &requests, "conversions", line)
    }

    /// Events, each alone: visits that begin, and their clicks.
    ///
    /// # Errors
    /// As [`Self::postbacks`].
    pub(crate) fn events(&self, folder: &Path, seconds: u64) -> Result<Measured> {
        let path = format!("/{}/event", self.site.site_id);
        let requests = Requests { url: &self.url, method: "POST", path: &path, again: false };
        let line = |series: &str, Moment { number, at }: Moment| {
            // Far from the visits that are stored, and from those of another run.
            let visit = (1 << 40) + story::scatter(series.bytes().map(u64::from).sum()) % (1 << 32) + number / 2;
            let [viewed, clicked] = story::events(Moment { number: visit, at })?;
            Some(if number.is_multiple_of(2) { viewed } else { clicked }.to_line())
        };
        self.measure(folder, seconds, &requests, "events", line)
    }

    fn measure(
        &self,
        folder: &Path,
        seconds: u64,
        requests: &Requests<'_>,
        table: &str,
        line: impl Fn(&str, Moment) -> Option<String>,
    ) -> Result<Measured> {
        let script = root().join("bench/server/load.lua");
        let lines = |count: f64| {
            let at = jiff::Timestamp::now().as_millisecond();
            // The time keeps what one run sends apart from what another sent.
            let series = format!("{at}-");
            let line = &line;
            (0..count as u64).map(move |number| line(&series, Moment { number, at }).context("no ids"))
        };
        let file = load::keep(folder, lines(ENOUGH * WARM_UP as f64))?;
        let rate = load::send(&script, requests, &file, WARM_UP)?.rate();
        let file = load::keep(folder, lines(rate * 3.0 * seconds as f64))?;
        let marker = self.newest(table)?;
        let before = self.running.usage();
        let disk_before = process::written(folder);
        let answers = load::send(&script, requests, &file, seconds)?;
        let usage = self.running.usage().since(before);
        let written = process::written(folder).zip(disk_before).map(|(after, before)| after - before);
        // What is answered must be on disk: a success that is not there is no result, but a defect.
        let stored = self.newer(table, &marker)?;
        ensure!(
            (answers.count..=answers.count + CONNECTIONS).contains(&stored),
            "{} requests were answered with success, {stored} rows of {table} were found",
            answers.count
        );
        Ok(Measured { answers, usage, written })
    }

    fn newest(&self, table: &str) -> Result<String> {
        let sql = format!("SELECT coalesce(max(id), '') FROM {table} WHERE site_id = ?");
        Ok(open(&self.site.folder)?.query_row(&sql, [&self.site.site_id], |row| row.get(0))?)
    }

    fn newer(&self, table: &str, marker: &str) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {table} WHERE site_id = ? AND id > ?");
        let count: i64 =
            open(&self.site.folder)?.query_row(&sql, [self.site.site_id.as_str(), marker], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// Reports over everything that is stored, straight after a load.
    ///
    /// # Errors
    /// A report is not answered.
    pub(crate) fn reports(&self) -> Result<Reports> {
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let ask = |rest: &str| self.ask(&format!("report?from=2000-01-01&to={today}&{rest}"));
        Ok(Reports {
            first: ask("by=utm_campaign")?,
            again: ask("by=utm_campaign")?,
            other: ask("by=utm_term,day&model=linear")?,
        })
    }

    /// Seconds until the API answers about the site with success, however often it has to be asked.
    fn ask(&self, what: &str) -> Result<f64> {
        let since = Instant::now();
        loop {
            let mut connection = TcpStream::connect(self.url.trim_start_matches("http://"))?;
            connection.set_read_timeout(Some(PATIENCE))?;
            write!(
                connection,
                "GET /api/v1/sites/{}/{what} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n",
                self.site.site_id
            )?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer)?;
            if answer.starts_with("HTTP/1.1 200 ") {
                return Ok(since.elapsed().as_secs_f64());
            }
            ensure!(answer.starts_with("HTTP/1.1 503 ") && since.elapsed() < PATIENCE, "{what} was answered {answer}");
        }
    }

    /// Ends it.
    ///
    /// # Errors
    /// It does not end.
    pub(crate) fn end(self) -> Result<()> {
        self.running.end()
    }
}

/// nginx, answering every path with 43 bytes and a line in its log.
pub(crate) struct Nginx {
    running: Running,
    url: String,
}

impl Nginx {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let text = std::fs::read_to_string(root().join("bench/server/nginx.conf"))?;
        std::fs::write(folder.join("nginx.conf"), text.replace("{port}", &port.to_string()))?;
        let running = Running::start(Command::new("nginx").arg("-p").arg(folder).args(["-c", "nginx.conf"]))?;
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(since.elapsed() < Duration::from_secs(10), "nginx does not listen");
            sleep(Duration::from_millis(20));
        }
        Ok(Self { running, url: format!("http://127.0.0.1:{port}") })
    }

    /// The same requests as the server gets, over and over.
    ///
    /// # Errors
    /// One was not answered.
    pub(crate) fn measure(self, folder: &Path, seconds: u64) -> Result<Measured> {
        let at = jiff::Timestamp::now().as_millisecond();
        let line = |number| story::postback(Moment { number, at }, "N", |visit| visit).context("no ids");
        let file = load::keep(folder, (0..100_000).map(line))?;
        let script = root().join("bench/server/load.lua");
        let requests =
            Requests { url: &self.url, method: "GET", path: "/a-tracking-id-of-24-chars/collect/", again: true };
        load::send(&script, &requests, &file, WARM_UP)?;
        let before = self.running.usage();
        let answers = load::send(&script, &requests, &file, seconds)?;
        let usage = self.running.usage().since(before);
        self.running.end()?;
        std::fs::remove_file(folder.join("access.log"))?;
        Ok(Measured { answers, usage, written: None })
    }
}
