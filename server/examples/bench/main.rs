//! How fast the release server is beside nginx and beside SQLite alone, and how that changes as the books grow. `npm run
//! bench:server` builds and runs this; it writes `bench/server.md`.
//!
//! `bench fill` makes a large database to try things with.

mod commits;
mod fill;
mod load;
mod process;
mod story;
mod subjects;
mod table;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use fill::Filled;
use load::Answers;
use process::Usage;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use subjects::{Nginx, Reports, Tagwerk};

#[derive(Parser)]
#[command(about = "Measures the server beside nginx and SQLite, and as its books grow")]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Measures everything and writes bench/server.md.
    Run {
        /// The release server.
        #[arg(long)]
        server: PathBuf,
        /// Conversions stored in the end; the steps before are 10 thousand and ten times as many each.
        #[arg(long, default_value_t = 1_000_000)]
        rows: u64,
        /// How long each load lasts.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// A folder for the database, kept and gone on with; else it is made and removed.
        #[arg(long)]
        folder: Option<PathBuf>,
        /// Only prints what it measured.
        #[arg(long)]
        print: bool,
    },
    /// Fills the first site of a database that no server has open.
    Fill {
        /// The folder of the database and its key.
        #[arg(long)]
        data_dir: PathBuf,
        /// Conversions stored in the end.
        #[arg(long)]
        rows: u64,
    },
}

/// One kind of request, measured.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) answers: Answers,
    /// What the program took during the load; its memory is that at the end.
    pub(crate) usage: Usage,
    /// Bytes that the disk wrote meanwhile, whoever gave them to it; `None` where the system does not tell.
    pub(crate) written: Option<f64>,
}

/// What one size of the books gives.
pub(crate) struct Step {
    /// Conversions before the load.
    pub(crate) rows: u64,
    pub(crate) postbacks: Measured,
    /// Memory before the load, in MB.
    pub(crate) rest: f64,
    /// Bytes of the database for each conversion, with its postback, visit, click and events.
    pub(crate) bytes: f64,
    pub(crate) reports: Reports,
    pub(crate) filled: Option<Filled>,
}

/// Everything that was measured.
pub(crate) struct Findings {
    pub(crate) sync: f64,
    pub(crate) nginx: Measured,
    pub(crate) events: Measured,
    pub(crate) alone: Vec<(&'static str, commits::Committed)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) seconds: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        What::Run { server, rows, seconds, folder, print } => {
            // Not the system's temporary folder: that may be memory, and then nothing is made durable.
            let beside = server.parent().context("the server has no folder")?;
            let fresh = tempfile::Builder::new().prefix("bench-server-").tempdir_in(beside)?;
            let folder = folder.as_deref().unwrap_or(fresh.path());
            std::fs::create_dir_all(folder)?;
            let text = table::text(&run(&server, folder, rows, seconds).await?);
            println!("\n{text}");
            if !print {
                std::fs::write(root().join("bench/server.md"), text)?;
                println!("written: bench/server.md");
            }
            Ok(())
        }
        What::Fill { data_dir, rows } => {
            fill::fill(&data_dir, rows, rows).await?;
            Ok(())
        }
    }
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn run(server: &Path, folder: &Path, rows: u64, seconds: u64) -> Result<Findings> {
    let sync = sync_time(folder)?;
    println!("nginx");
    let nginx = Nginx::start(folder)?.measure(folder, seconds)?;
    let site = subjects::site(server, folder)?;
    let mut steps = Vec::new();
    let mut events = None;
    let mut alone = Vec::new();
    let sizes = std::iter::successors(Some(10_000_u64), |rows| rows.checked_mul(10)).take_while(|size| *size < rows);
    for size in sizes.chain([rows]) {
        let data = site.folder.as_path();
        // A folder that was kept may be past the small sizes.
        if size < rows && subjects::count(data, "conversions")? > size {
            continue;
        }
        println!("{size} conversions");
        let filled = fill::fill(data, size, rows).await?;
        let stored = subjects::count(data, "conversions")?;
        let bytes = subjects::size(data)? as f64 / stored as f64;
        let server = Tagwerk::start(&site)?;
        let rest = server.rest();
        let postbacks = server.postbacks(folder, seconds)?;
        let reports = server.reports()?;
        let first = steps.is_empty();
        if first {
            println!("events");
            events = Some(server.events(folder, seconds)?);
        }
        server.end()?;
        if first {
            println!("SQLite alone");
            alone = self::alone(folder, data, &postbacks, events.as_ref().context("no events")?)?;
        }
        steps.push(Step { rows: stored, postbacks, rest, bytes, reports, filled });
    }
    Ok(Findings { sync, nginx, events: events.context("nothing was measured")?, alone, steps, seconds })
}

/// SQLite alone with the rows that the server has just written.
fn alone(
    folder: &Path,
    data: &Path,
    postbacks: &Measured,
    events: &Measured,
) -> Result<Vec<(&'static str, commits::Committed)>> {
    let database = data.join("tagwerk.db");
    let most = Duration::from_secs(10);
    let written = |measured: &Measured| measured.answers.count.min(100_000);
    let rows = commits::Rows::read(&database, &[("postbacks", 1), ("conversions", 1)], written(postbacks))?;
    let mut found = vec![
        ("the rows of 64 postbacks in each commit", rows.commit(folder, 64, most)?),
        ("the rows of one postback in each commit", rows.commit(folder, 1, most)?),
    ];
    let rows = commits::Rows::read(&database, &[("events", 1), ("visits", 2), ("clicks", 2)], written(events))?;
    found.push(("the rows of 64 events in each commit", rows.commit(folder, 64, most)?));
    found.push(("the rows of one event in each commit", rows.commit(folder, 1, most)?));
    Ok(found)
}

/// What the disk under a folder takes to make 4 kB durable, in milliseconds (the median of 200).
fn sync_time(folder: &Path) -> Result<f64> {
    use std::io::Write as _;
    let path = folder.join("sync");
    let mut file = std::fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let since = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(since.elapsed().as_secs_f64() * 1000.0);
    }
    std::fs::remove_file(path)?;
    times.sort_by(f64::total_cmp);
    ensure!(!times.is_empty(), "no time was measured");
    Ok(table::percentile(&times, 0.5))
}
