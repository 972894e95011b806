//! `tagwerk backup`: a copy of everything a server keeps, taken while it runs.

use super::{configured, database_in, make_private};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use tagwerk_server::app;
use tagwerk_server::cli::Options;
use tagwerk_server::config::Config;
use tagwerk_server::store::{Backup, sqlite};
use tagwerk_server::vault::Keys;

/// Copies database and key into a new folder, and prints what is in it and how to put it back.
pub(crate) fn backup(folder: &Path, options: &Options) -> Result<()> {
    let config = configured(options)?;
    let database = database_in(&config.data_dir);
    if !database.exists() {
        bail!("there is no database in {}; --data-dir says where it is", config.data_dir.display());
    }
    if folder.exists() {
        bail!("{} is there already; a backup goes into a folder of its own, which is made for it", folder.display());
    }
    // Under another name until it is whole, so that what is called a backup is one.
    let partial = partial(folder)?;
    make_private(parent(folder))
        .and_then(|()| new_folder(&partial))
        .with_context(|| format!("the folder {} cannot be made", partial.display()))?;
    let begun = jiff::Timestamp::from_millisecond(app::now())?;
    if let Err(error) = fill(&config, &partial, folder) {
        // What there is of it is no backup; the error says why, and one of cleaning up would hide it.
        let _ = fs::remove_dir_all(&partial);
        return Err(error);
    }
    note(&database, folder, begun);
    report(&config, folder, begun)
}

/// Where a backup is made before it gets its name.
fn partial(folder: &Path) -> Result<PathBuf> {
    let Some(name) = folder.file_name() else { bail!("{} is no name for a new folder", folder.display()) };
    let mut name = name.to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    Ok(folder.with_file_name(name))
}

fn parent(folder: &Path) -> &Path {
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn new_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn fill(config: &Config, partial: &Path, folder: &Path) -> Result<()> {
    // Keys may change meanwhile: those of before and after open whatever is in the copy.
    let before = Keys::of(&config.data_dir)?;
    sqlite::copy(&database_in(&config.data_dir), &database_in(partial))?;
    Keys::of(&config.data_dir)?.and(&before).write(partial)?;
    sync(partial)?;
    fs::rename(partial, folder).with_context(|| format!("{} cannot be given its name", partial.display()))?;
    sync(parent(folder))
}

/// Waits until a folder's names are on disk.
fn sync(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        let synced = fs::File::open(folder).and_then(|opened| opened.sync_all());
        synced.with_context(|| format!("{} cannot be written to disk", folder.display()))?;
    }
    Ok(())
}

/// Writes down that there is a backup, so that dashboard and doctor can tell how old the last one is. The backup is good all the same where
/// that fails.
fn note(database: &Path, folder: &Path, begun: jiff::Timestamp) {
    let bytes = fs::read_dir(folder)
        .and_then(|files| files.map(|file| Ok(file?.metadata()?.len())).sum::<std::io::Result<u64>>());
    let shown = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display().to_string();
    let backup = Backup { at: begun.as_millisecond(), bytes: bytes.unwrap_or(0), folder: shown };
    match sqlite::note_backup_in(database, &backup) {
        Ok(true) => {}
        Ok(false) => println!("The database is an older version's, and keeps no note of this backup."),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("the backup is whole, but could not be noted in the database: {error}{cause}");
        }
    }
}

fn report(config: &Config, folder: &Path, begun: jiff::Timestamp) -> Result<()> {
    println!("backup of {} in {}:", config.data_dir.display(), folder.display());
    let mut names: Vec<_> = fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    for file in names {
        println!("  {}\t{} bytes", file.file_name().display(), file.metadata()?.len());
    }
    println!(
        "Everything that was acknowledged before {begun:.0} is in it. Whoever has both files can read every secret in them."
    );
    println!("Your configuration file and groups_dir are not in it; keep them, too.");
    println!("To restore: copy both files into an empty folder that only the server's user may read, and start");
    println!("  tagwerk serve --data-dir <that folder>");
    Ok(())
}
