//! `tagwerk import`: brings in a file of past conversions, or tells what would become of it.

use super::{Parts, open};
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::path::Path;
use tagwerk_server::app;
use tagwerk_server::cli::{Options, Rows};
use tagwerk_server::csv::import::Choices;
use tagwerk_server::groups;
use tagwerk_server::importing::Importer;
use tagwerk_server::importing::rehearsal::rehearse;
use tagwerk_server::jobs::{Trouble, import};
use tagwerk_server::settings::SiteSettings;
use tagwerk_server::store::{Job, JobState, Jobs, Sites};

/// Imports a file, or rehearses it; prints what became of its rows. Where it is cut off, the server goes on at its next start.
pub(crate) async fn import(site_id: &str, rows: &Rows, dry_run: bool, file: &Path, options: &Options) -> Result<()> {
    let choices = choices(rows)?;
    let Parts { config, groups, vault, store } = open(options)?;
    let imports = groups::imports().map_err(|problem| anyhow!(problem))?;
    let limit = config.limits.import_mb.saturating_mul(1_000_000);
    let length = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
    if usize::try_from(length).is_ok_and(|length| length > limit) {
        bail!("the file is longer than {} MB (limits.import_mb)", config.limits.import_mb);
    }
    let text = std::fs::read(file).with_context(|| file.display().to_string())?;
    let site = store.site(site_id).await?.ok_or_else(|| anyhow!("there is no site {site_id}; `tagwerk site list`"))?;
    let settings = SiteSettings::of(&site)?;
    let importer = Importer { groups: &groups, imports: &imports, vault: &vault, settings: &settings };
    if dry_run {
        let told = rehearse(importer, store.as_ref(), site_id, &text, &choices).await?;
        println!("{}", serde_json::to_string_pretty(&told)?);
        store.close().await;
        return Ok(());
    }
    let job = import::job(importer, site_id, &text, &choices, app::now())?;
    let id = job.id.clone();
    if !store.add_job(job).await? {
        bail!("an import of this site is under way; wait until it is through");
    }
    println!("job={id}");
    let job = loop {
        let job = store.job(site_id, &id).await?.ok_or_else(|| anyhow!("the job is gone"))?;
        if !job.state.is_open() {
            break job;
        }
        // A server on the same data may do a step first; then this one does nothing.
        match import::step_of(store.as_ref(), &vault, &groups, &imports, &job, app::now()).await {
            Ok(step) => drop(store.advance(site_id, &id, step).await?),
            Err(Trouble::Later(_, why) | Trouble::Never(why)) => {
                bail!("{why}; the import goes on when the server starts");
            }
        }
    };
    store.close().await;
    print(&job)
}

/// What the flags say, read as a request's parameters are.
fn choices(rows: &Rows) -> Result<Choices> {
    let mut choices = Choices::default();
    let mut set = |name: &str, value: &str| choices.set(name, value).map_err(|problem| anyhow!(problem));
    let named = [
        ("group", rows.group.as_deref()),
        ("format", rows.format.as_deref()),
        ("zone", rows.zone.as_deref()),
        ("decimals", rows.decimals.as_deref()),
        ("dates", rows.dates.as_deref()),
        ("without_id", rows.without_id.then_some("true")),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            set(name, value)?;
        }
    }
    for column in &rows.columns {
        let (name, ours) =
            column.split_once('=').ok_or_else(|| anyhow!("--column {column} must be like Payout=sum"))?;
        set(&format!("column.{name}"), ours)?;
    }
    Ok(choices)
}

fn print(job: &Job) -> Result<()> {
    let counts: BTreeMap<&str, u64> = job.counts.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    for (word, count) in counts {
        println!("{word}={count}");
    }
    for problem in &job.problems {
        println!("{problem}");
    }
    match (job.state, &job.error) {
        (JobState::Failed, Some(error)) => bail!("the import ended before it was through: {error}"),
        _ => Ok(()),
    }
}
