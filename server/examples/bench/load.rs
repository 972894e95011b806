//! The load: `wrk`, which costs little of the machine that it shares with what it measures, and a file of requests, no two the same.

use anyhow::{Context as _, Result, ensure};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Connections that are kept open, each with one request in flight.
pub(crate) const CONNECTIONS: u64 = 64;

/// What is sent.
pub(crate) struct Requests<'a> {
    /// Where to.
    pub(crate) url: &'a str,
    /// `GET`, and each line is the end of the path; or `POST`, and each line is a body.
    pub(crate) method: &'static str,
    /// The path, or its beginning.
    pub(crate) path: &'a str,
    /// Whether to begin anew where the lines end.
    pub(crate) again: bool,
}

/// What came back.
#[derive(Clone, Copy)]
pub(crate) struct Answers {
    /// How many were answered with success.
    pub(crate) count: u64,
    /// Over how many seconds.
    pub(crate) seconds: f64,
    /// The median time of one, in ms.
    pub(crate) median: f64,
    /// The 99th percentile, in ms.
    pub(crate) slow: f64,
    /// Processor seconds of the generator.
    pub(crate) cpu: f64,
}

impl Answers {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }
}

/// Writes lines to a file and to the disk, so that the disk is free when the load begins.
///
/// # Errors
/// The disk does not take it.
pub(crate) fn keep(folder: &Path, lines: impl Iterator<Item = Result<String>>) -> Result<PathBuf> {
    let path = folder.join("requests");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
    for line in lines {
        writeln!(file, "{}", line?)?;
    }
    file.into_inner()?.sync_all()?;
    Ok(path)
}

/// Sends the requests of a file for so many seconds.
///
/// # Errors
/// One was not answered, or not with success: such a run measures nothing.
pub(crate) fn send(script: &Path, requests: &Requests<'_>, file: &Path, seconds: u64) -> Result<Answers> {
    let output = Command::new("sh")
        // The shell tells what the generator took of the processor.
        .args(["-c", "\"$@\"; ended=$?; times; exit $ended", "sh", "wrk", "--threads", "1", "--latency"])
        .args(["--connections", &CONNECTIONS.to_string(), "--duration", &format!("{seconds}s"), "--timeout", "30s"])
        .arg("--script")
        .arg(script)
        .args([requests.url, "--"])
        .arg(file)
        .args([requests.method, requests.path, if requests.again { "again" } else { "once" }])
        .output()
        .context("wrk does not start")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = || format!("wrk:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), said());
    let result = text.lines().find_map(|line| line.strip_prefix("result ")).with_context(said)?;
    let mut numbers = result.split(' ').map(str::parse::<f64>);
    let mut next = || numbers.next().and_then(Result::ok).with_context(said);
    let (count, micros, median, slow, errors) = (next()?, next()?, next()?, next()?, next()?);
    ensure!(errors == 0.0 && count > 0.0, said());
    Ok(Answers {
        count: count as u64,
        seconds: micros / 1e6,
        median: median / 1000.0,
        slow: slow / 1000.0,
        cpu: children(&text),
    })
}

/// Processor seconds of the children, from the last line of the shell's `times`: `1m2.30s 0m4.50s`.
fn children(text: &str) -> f64 {
    let seconds = |word: &str| {
        let (minutes, seconds) = word.trim_end_matches('s').split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    text.lines().last().unwrap_or_default().split_whitespace().filter_map(seconds).sum()
}
