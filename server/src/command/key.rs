//! `tagwerk key`: changes the key that secrets are sealed with.

use super::{Parts, configured, database_in, open_as};
use anyhow::{Context, Result, anyhow, bail};
use std::time::Duration;
use tagwerk_server::app;
use tagwerk_server::cli::Options;
use tagwerk_server::groups;
use tagwerk_server::resealing::{Tally, of_kind, of_settings, of_tasks};
use tagwerk_server::store::SealedKind;
use tagwerk_server::vault::Keys;

/// How long what was sealed before the keys changed may be on its way to the database. A request takes seconds; what is sent to a platform
/// is let go of after two minutes.
const ON_ITS_WAY: Duration = Duration::from_secs(600);

/// Makes a new key and seals every secret in the settings under it; prints what is to do next. Whoever runs on the same data heeds it.
///
/// # Errors
/// There is no database, or the key's file or the settings cannot be changed.
pub(crate) async fn rotate(options: &Options) -> Result<()> {
    let Parts { config, vault, store, .. } = opened(options)?;
    let clicks = groups::clicks().map_err(|problem| anyhow!(problem))?;
    let keys = vault.add_key()?;
    println!("keys={keys}");
    let tally = of_settings(store.as_ref(), &vault, &clicks, app::now()).await.context(
        "the new key is there and seals from now on; `tagwerk key prune` goes on with what is under the old one",
    )?;
    store.close().await;
    println!("secrets_sealed_anew={}", tally.resealed);
    print_damaged(&tally);
    let dir = config.data_dir.display();
    println!("The new key seals from now on, also in a server that runs. The ones before open what they sealed.");
    println!("Next:");
    println!("  tagwerk backup --data-dir {dir} <folder>   the copies you have do not hold the new key");
    println!(
        "  tagwerk key prune --data-dir {dir}   in ten minutes: seals raw requests and the rest anew, drops old keys"
    );
    Ok(())
}

/// Seals under the newest key whatever is under an older one, until nothing is, and drops the older ones.
///
/// # Errors
/// There is no database, the keys changed a moment ago, somebody is still at work on what is under an older key, or the store or the
/// key's file does not take it. The older keys stay then.
pub(crate) async fn prune(options: &Options) -> Result<()> {
    let Parts { config, vault, store, .. } = opened(options)?;
    let clicks = groups::clicks().map_err(|problem| anyhow!(problem))?;
    let known = Keys::of(&config.data_dir)?;
    let age = vault.age_of_keys();
    if known.count() > 1 && age < ON_ITS_WAY {
        let minutes = ON_ITS_WAY.saturating_sub(age).as_secs().div_ceil(60);
        bail!(
            "the keys changed less than {} minutes ago, and what was sealed before may still be on its way to the database; run it again in {minutes} minutes",
            ON_ITS_WAY.as_secs() / 60
        );
    }
    let mut resealed = 0;
    // Once more after the last that was found: what was changed by others meanwhile is found then.
    let last = loop {
        let mut tally = of_settings(store.as_ref(), &vault, &clicks, app::now()).await?;
        for kind in SealedKind::ALL {
            tally.add(of_kind(store.as_ref(), &vault, kind).await?);
        }
        tally.add(of_tasks(store.as_ref(), &vault).await?);
        resealed += tally.resealed;
        if tally.resealed == 0 {
            break tally;
        }
    };
    store.close().await;
    println!("sealed_anew={resealed}");
    print_damaged(&last);
    if last.waiting > 0 {
        bail!(
            "{} things are still sealed under an older key, and long tasks are at work on them (`GET .../jobs`); the keys stay. Run it again when those are through",
            last.waiting
        );
    }
    if known.count() > 1 {
        vault.drop_old_keys(&known)?;
    }
    println!("keys=1");
    println!("dropped={}", known.count() - 1);
    Ok(())
}

fn opened(options: &Options) -> Result<Parts> {
    let config = configured(options)?;
    if !database_in(&config.data_dir).exists() {
        bail!("there is no database in {}; --data-dir says where it is", config.data_dir.display());
    }
    open_as(config)
}

fn print_damaged(tally: &Tally) {
    if tally.damaged > 0 {
        println!("not_opened={}", tally.damaged);
        println!("These no key opens, and they stay as they are; enter secrets among them again:");
        tally.named.iter().for_each(|name| println!("  {name}"));
    }
}
