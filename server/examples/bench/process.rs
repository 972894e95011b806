//! A program that is measured while it runs: what it takes of processor, memory and disk, with the processes it has started.

use anyhow::{Context as _, Result};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Ticks of `/proc/<pid>/stat` in a second.
const TICKS: f64 = 100.0;

/// A running program; it is told to end when this goes.
pub(crate) struct Running(Child);

/// What a program has taken so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Memory now, in MB.
    pub(crate) memory: f64,
    /// The most memory since it started, in MB.
    pub(crate) peak: f64,
    /// Processor seconds.
    pub(crate) cpu: f64,
    /// Processor seconds of the thread that writes to the store.
    pub(crate) writer: f64,
}

impl Running {
    /// Starts a program.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_owned();
        Ok(Self(command.spawn().with_context(|| format!("{} does not start", name.display()))?))
    }

    /// Its output, if that was asked for and not yet taken.
    pub(crate) fn output(&mut self) -> Option<std::process::ChildStdout> {
        self.0.stdout.take()
    }

    /// What it has taken.
    pub(crate) fn usage(&self) -> Usage {
        let mut all = Usage::default();
        let mut open = vec![self.0.id()];
        while let Some(pid) = open.pop() {
            let text = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let number = |text: &str, key: &str| -> f64 {
                let line = text.lines().find_map(|line| line.strip_prefix(key));
                line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
            };
            let status = text("status");
            all.memory += number(&status, "VmRSS:") * 1024.0 / 1e6;
            all.peak += number(&status, "VmHWM:") * 1024.0 / 1e6;
            all.cpu += seconds(&text("stat"));
            for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                if stat.contains("(store-writer)") {
                    all.writer += seconds(&stat);
                }
                let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                open.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            }
        }
        all
    }

    /// Tells it to end, and waits until it has.
    ///
    /// # Errors
    /// It has not within a minute.
    pub(crate) fn end(mut self) -> Result<()> {
        self.ask();
        let since = Instant::now();
        while self.0.try_wait()?.is_none() {
            anyhow::ensure!(since.elapsed() < Duration::from_secs(60), "a program does not end");
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn ask(&self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            self.ask();
            let _ = self.0.wait();
        }
    }
}

impl Usage {
    /// What was taken since then; memory stays what it is now.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, writer: self.writer - before.writer, ..self }
    }
}

/// Bytes that the disk under a folder has written since the system started; `None` where it is no disk of its own.
pub(crate) fn written(folder: &Path) -> Option<f64> {
    let device = fs::metadata(folder).ok()?.dev();
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    let stat = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()?;
    let sectors: f64 = stat.split_whitespace().nth(6)?.parse().ok()?;
    Some(sectors * 512.0)
}

/// Processor seconds of a line of `/proc/<pid>/stat`.
fn seconds(stat: &str) -> f64 {
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / TICKS
}
