//! Replaying: the raw inbox is read again under the rules of now, oldest first, and the books become what those rules would have made.

use super::Trouble;
use crate::app::App;
use crate::reading::{Corrections, RawRequest};
use crate::settings::SiteSettings;
use crate::store::{Channel, Job, JobState, PostbackRow, Rereading, Site, Step};

/// How many postbacks one step reads.
const STEP: usize = 200;

/// Reads the next postbacks again; the cursor is the last one read. Those that arrive meanwhile are read by the rules of now anyhow, and
/// once more here.
pub async fn step(app: &App, job: &Job) -> Result<Step, Trouble> {
    let site = app.store.site(&job.site_id).await?;
    let site = site.ok_or_else(|| Trouble::Never("the site is gone".into()))?;
    let postbacks = app.store.postbacks_from(&job.site_id, job.cursor.as_deref(), STEP).await?;
    let mut step = Step::of(job, app.now());
    if postbacks.len() < STEP {
        step.state = JobState::Done;
    }
    step.cursor = postbacks.last().map(|last| last.id.clone()).or_else(|| job.cursor.clone());
    for postback in &postbacks {
        match again(app, &site, postback, None) {
            Ok(rereading) => step.rereadings.push(rereading),
            // What does not open stays as it is in the books, and is told.
            Err(problem) => {
                *step.counts.entry("unreadable".into()).or_default() += 1;
                step.problems.push(format!("postback {}: {problem}", postback.id));
            }
        }
    }
    Ok(step)
}

/// A stored postback, read by the rules of now with these corrections, or with those it has.
///
/// # Errors
/// The raw request or its corrections do not open.
pub fn again(
    app: &App,
    site: &Site,
    postback: &PostbackRow,
    corrections: Option<&Corrections>,
) -> Result<Rereading, String> {
    let settings = SiteSettings::of(site).map_err(|error| error.to_string())?;
    let raw = opened(app, postback)?;
    let sealed = match corrections {
        None => None,
        Some(corrections) => {
            let text = serde_json::to_vec(corrections).map_err(|error| error.to_string())?;
            let place = RawRequest::corrections_place(&postback.id);
            Some(app.vault.seal(&place, &text).map_err(|error| error.to_string())?)
        }
    };
    let known = corrections_of(app, postback)?;
    let channel = Channel::parse(&postback.channel).ok_or_else(|| format!("{:?} is no channel", postback.channel))?;
    let said = app.read(
        site,
        &settings,
        channel,
        &postback.group,
        &raw,
        corrections.unwrap_or(&known),
        &postback.id,
        postback.received_at,
    );
    Ok(Rereading {
        postback_id: postback.id.clone(),
        before: postback.corrections.clone(),
        corrections: sealed,
        said: said.map_err(|refusal| refusal.to_string()),
    })
}

/// The raw request of a postback.
///
/// # Errors
/// It does not open: another key, or damaged.
pub fn opened(app: &App, postback: &PostbackRow) -> Result<RawRequest, String> {
    let opened = app.vault.unseal(&RawRequest::place(&postback.id), &postback.raw);
    let opened = opened.map_err(|error| format!("the raw request does not open: {error}"))?;
    serde_json::from_slice(&opened).map_err(|error| format!("the raw request does not read: {error}"))
}

/// What the operator corrected in a postback.
///
/// # Errors
/// It does not open: another key, or damaged.
pub fn corrections_of(app: &App, postback: &PostbackRow) -> Result<Corrections, String> {
    let Some(sealed) = &postback.corrections else { return Ok(Corrections::new()) };
    let opened = app.vault.unseal(&RawRequest::corrections_place(&postback.id), sealed);
    let opened = opened.map_err(|error| format!("the corrections do not open: {error}"))?;
    serde_json::from_slice(&opened).map_err(|error| format!("the corrections do not read: {error}"))
}
