//! `tagwerk rates`: supplies currency rates by hand, and lists them.

use super::{Parts, open};
use anyhow::{Context, Result};
use jiff::civil::Date;
use std::path::Path;
use tagwerk_server::app;
use tagwerk_server::cli::Options;
use tagwerk_server::rates::import::{day_of, import as import_into};
use tagwerk_server::rates::is_stale;
use tagwerk_server::store::Rates;

/// Takes a file and prints what it brought.
pub(crate) async fn import(file: &Path, options: &Options) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let Parts { store, .. } = open(options)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let imported = import_into(store.as_ref(), bytes, &format!("the file {name}"), app::now()).await;
    store.close().await;
    let imported = imported.with_context(|| format!("{} is not taken", file.display()))?;
    let (kept, rates) = (imported.kept, imported.rates);
    println!(
        "{} to {}: {rates} rates, {} of them new, {} changed",
        imported.from, imported.to, kept.added, kept.changed
    );
    Ok(())
}

/// Prints the newest rates, or those that hold for a day: currency, rate and its day, with tabs between.
pub(crate) async fn list(day: Option<Date>, options: &Options) -> Result<()> {
    let Parts { store, .. } = open(options)?;
    let today = day_of(app::now()).unwrap_or_default();
    let day = day.unwrap_or(today);
    match store.newest_rate_day().await? {
        None => println!("no rates yet; `tagwerk serve` fetches them, and `tagwerk rates import` takes a file"),
        Some(newest) => {
            let stale = if is_stale(newest.day, today) { ", stale" } else { "" };
            println!("newest day: {} ({}{stale})", newest.day, newest.source);
        }
    }
    for row in store.rates_between(day, day).await? {
        let stale = if is_stale(row.day, day) { "\tstale" } else { "" };
        println!("{}\t{}\t{}{stale}", row.currency, row.rate, row.day);
    }
    store.close().await;
    Ok(())
}
