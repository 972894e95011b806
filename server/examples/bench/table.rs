//! What was measured, as text for people.

use crate::{Findings, Measured, Step};
use std::fmt::Write as _;

/// The value that a share of a sorted list lies below; nothing of an empty one.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// The whole page.
pub(crate) fn text(found: &Findings) -> String {
    let mut page = String::new();
    let nginx = found.nginx.answers.rate();
    let _ = write!(
        page,
        "# Durable events and postbacks per second

Written by `npm run bench:server`, in one run on one machine. `wrk` sends over 64 keep-alive connections, one request in flight on each, for
{} s after 2 s to warm up, and shares the machine with what it measures. nginx gets the same requests as the server gets postbacks, and answers
them with `empty_gif` and a line in its access log. Every postback is a transaction of its own, most with the click id of a stored visit; every
event is a request of its own, by turns a new visit and a click of one. The server answers after the commit is on disk
(`synchronous=FULL`); afterwards all that was answered was found in the database. SQLite alone writes the same rows into the same
tables and indexes, by one thread that does nothing else.

| what | per second | of nginx | median | 99th percentile | cores used |
|---|---:|---:|---:|---:|---:|
",
        found.seconds
    );
    let mut row = |name: &str, rate: f64, median: f64, slow: f64, cores: Option<f64>| {
        let cores = cores.map(|cores| decimals(cores, 2)).unwrap_or_default();
        let _ = writeln!(
            page,
            "| {name} | {} | {} % | {} ms | {} ms | {cores} |",
            thousands(rate),
            decimals(100.0 * rate / nginx, 1),
            decimals(median, 2),
            decimals(slow, 2)
        );
    };
    let mut served = |name: &str, Measured { answers, usage, .. }: &Measured| {
        row(name, answers.rate(), answers.median, answers.slow, Some(usage.cpu / answers.seconds));
    };
    served("nginx `empty_gif` with an access log, nothing durable", &found.nginx);
    if let Some(step) = found.steps.first() {
        served("**durable postbacks**", &step.postbacks);
    }
    served("**durable events**", &found.events);
    for (name, alone) in &found.alone {
        let name = format!("SQLite alone, {name} (times of a commit)");
        row(&name, alone.rate, percentile(&alone.commits, 0.5), percentile(&alone.commits, 0.99), None);
    }
    growth(&mut page, found);
    limits(&mut page, found);
    machine(&mut page, found);
    page
}

fn growth(page: &mut String, found: &Findings) {
    page.push_str(
        "
## As the books grow

The database is filled through the store's own writer with sales, upsells, rebills and refunds of 40 campaigns over two years, one visit with two
events and a click for every four conversions, each with its postback as it was received, encrypted. Then the server starts and gets postbacks.

| conversions stored | postbacks per second | median | 99th percentile | memory at rest | memory, most | disk, bytes per conversion | written by the disk for each postback | report over all: first after the load | again | another one | filled, per second | added up for reports, per second |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
",
    );
    for Step { rows, postbacks: Measured { answers, usage, written }, rest, bytes, reports, filled } in &found.steps {
        let seconds = |time: f64| format!("{} ms", thousands(time * 1000.0));
        let _ = writeln!(
            page,
            "| {} | {} | {} ms | {} ms | {} MB | {} MB | {} | {} | {} | {} | {} | {} | {} |",
            thousands(*rows as f64),
            thousands(answers.rate()),
            decimals(answers.median, 1),
            decimals(answers.slow, 1),
            decimals(*rest, 0),
            decimals(usage.peak, 0),
            thousands(*bytes),
            written
                .map(|bytes| format!("{} kB", decimals(bytes / answers.count as f64 / 1000.0, 1)))
                .unwrap_or_default(),
            seconds(reports.first),
            seconds(reports.again),
            seconds(reports.other),
            filled.map(|filled| thousands(filled.rate)).unwrap_or_default(),
            filled.map(|filled| thousands(filled.totals)).unwrap_or_default(),
        );
    }
}

/// What the numbers say of what stands in the way.
fn limits(page: &mut String, found: &Findings) {
    let (Some(small), Some(large)) = (found.steps.first(), found.steps.last()) else { return };
    let each = |step: &Step| 1000.0 * step.postbacks.usage.writer / step.postbacks.answers.count as f64;
    let busy = |step: &Step| 100.0 * step.postbacks.usage.writer / step.postbacks.answers.seconds;
    let alone = found.alone.first().map(|(_, alone)| 1000.0 / alone.rate).unwrap_or(f64::NAN);
    let _ = write!(
        page,
        "
## What limits it

One thread writes, and commits all that came while it wrote the last time, at most 64 postbacks here. It computes {} ms for each postback and is busy
for {} % of the time, with {} conversions stored; with {} it is {} ms and {} %. The rest of the time it waits for the disk. SQLite alone
takes {} ms for the same rows, disk included. On a machine of so few cores the load takes its part as well: {} cores for the postbacks, {} for nginx.
",
        decimals(each(small), 3),
        decimals(busy(small), 0),
        thousands(small.rows as f64),
        thousands(large.rows as f64),
        decimals(each(large), 3),
        decimals(busy(large), 0),
        decimals(alone, 3),
        decimals(small.postbacks.answers.cpu / small.postbacks.answers.seconds, 2),
        decimals(found.nginx.answers.cpu / found.nginx.answers.seconds, 2),
    );
}

fn machine(page: &mut String, found: &Findings) {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).and_then(|line| line.split_once(':'));
        line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let model = value(&read("/proc/cpuinfo"), "model name");
    let memory: f64 = value(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(f64::NAN);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let _ = write!(
        page,
        "
Machine: {cores} cores ({model}), {} GB of memory, {}; one 4 kB write made durable on its disk: {} ms (median).
",
        decimals(memory / 1024.0 / 1024.0, 0),
        std::env::consts::OS,
        decimals(found.sync, 2),
    );
}

fn decimals(number: f64, digits: usize) -> String {
    format!("{number:.digits$}")
}

/// A whole number with commas.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
