//! Importing: the next rows of a file are booked like postbacks, and the cursor is the place in the file where they end.

use super::Trouble;
use crate::app::App;
use crate::csv::import::{Choices, Place};
use crate::importing::rehearsal::{PASSED_OVER, UNREADABLE};
use crate::importing::{Became, ImportError, Importer, Part, pack, unpack};
use crate::settings::SiteSettings;
use crate::store::{Job, JobKind, JobState, Millis, Step, Store};
use crate::vault::Vault;

/// Does the next step of an import.
///
/// # Errors
/// The store is not available, or the file cannot be imported any more.
pub async fn step(app: &App, job: &Job) -> Result<Step, Trouble> {
    let imports = crate::groups::imports().map_err(Trouble::Never)?;
    step_of(app.store.as_ref(), &app.vault, &app.groups, &imports, job, app.now()).await
}

/// Does the next step of an import with no more than it needs.
///
/// # Errors
/// See [`step`].
pub async fn step_of(
    store: &dyn Store,
    vault: &Vault,
    groups: &crate::groups::Groups,
    imports: &tagwerk_protocol::imports::Imports,
    job: &Job,
    now: Millis,
) -> Result<Step, Trouble> {
    let never = |error: &dyn std::fmt::Display| Trouble::Never(error.to_string());
    let site = store.site(&job.site_id).await?.ok_or_else(|| Trouble::Never("the site is gone".into()))?;
    let settings = SiteSettings::of(&site).map_err(|error| never(&error))?;
    let payload = vault.unseal(&Job::place(&job.id), &job.payload).map_err(|error| never(&error))?;
    let (choices, file) = unpack(&payload).map_err(|error| never(&error))?;
    let importer = Importer { groups, imports, vault, settings: &settings };
    let mut opened = importer.open(&file, &choices).map_err(|error| never(&error))?;
    let from = match &job.cursor {
        Some(cursor) => cursor.parse::<Place>().map_err(Trouble::Never)?,
        None => opened.sheet.first(),
    };
    let part = opened.part(from).map_err(|error| never(&error))?;
    Ok(booked(job, part, now))
}

/// The step that books a part.
fn booked(job: &Job, part: Part, now: Millis) -> Step {
    let mut step = Step::of(job, now);
    for line in part.lines {
        let mut count = |word: &str| *step.counts.entry(word.to_owned()).or_default() += 1;
        match line.became {
            Became::PassedOver(_) => count(PASSED_OVER),
            Became::Unreadable(problem) => {
                count(UNREADABLE);
                step.problems.push(format!("line {}: {problem}", line.number));
            }
            Became::Arrival(arrival) => {
                if let Err(problem) = &arrival.said {
                    step.problems.push(format!("line {}: {problem}", line.number));
                }
                step.arrivals.push(*arrival);
            }
        }
    }
    match part.next {
        Some(next) => step.cursor = Some(next.to_string()),
        None => step.state = JobState::Done,
    }
    step
}

/// A job that imports this file, which it keeps sealed until it is through.
///
/// # Errors
/// The file cannot be imported, or cannot be sealed.
pub fn job(
    importer: Importer<'_>,
    site_id: &str,
    file: &[u8],
    choices: &Choices,
    now: Millis,
) -> Result<Job, ImportError> {
    let opened = importer.open(file, choices)?;
    let rows = opened.sheet.rows(opened.sheet.first()).count();
    if rows == 0 {
        return Err(ImportError::Refused("the file has no rows below its header".into()));
    }
    let id = crate::app::row_id();
    let payload = importer.vault.seal(&Job::place(&id), &pack(choices, file)?)?;
    let job = Job::new(site_id, id, JobKind::Import, payload, now);
    Ok(Job { total: u64::try_from(rows).ok(), ..job })
}
