//! What the operator puts right by hand: a parameter that a sender got wrong, a click for a sale that came without one, a sale that was a
//! test, and reading the raw inbox again after a change of rules. What was sent is never touched: corrections lie beside it, and every later reading has them.

use crate::app::{App, row_id};
use crate::jobs::replay::{again, corrections_of};
use crate::reading::{Corrections, TEST_MARK, click_id_parameter};
use crate::store::{Channel, ConversionRow, Field, Filter, Job, JobKind, Page, PostbackRow, Said, Site, StoreError};
use crate::vault::VaultError;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::group::Postback;

/// How often a correction is tried again when the postback was read by somebody else in between.
const TRIES: usize = 8;
/// Most corrections of one postback.
const MOST: usize = 50;
/// Most conversions that are marked at once.
const MOST_MARKED: usize = 100;
/// Longest name of a parameter, in bytes.
const LONGEST_NAME: usize = 100;
/// Longest value of a parameter, in bytes.
const LONGEST_VALUE: usize = 2000;

/// What is to be set in a postback, by parameter: a value in the place of what was sent, `""` to take the parameter away, `None` to go
/// back to what was sent.
pub type Changes = BTreeMap<String, Option<String>>;

/// Why something was not put right.
#[derive(Debug, thiserror::Error)]
pub enum FixError {
    /// There is nothing of this id.
    #[error("{0}")]
    Missing(&'static str),
    /// It cannot be done; the sentence says why.
    #[error("{0}")]
    Refused(String),
    /// What is kept does not open.
    #[error("{0}")]
    Broken(String),
    /// Nothing can be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store is not available.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<crate::settings::SettingsError> for FixError {
    fn from(error: crate::settings::SettingsError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Corrects a postback and reads it again by the rules of now; answers with the postback as it is then.
///
/// # Errors
/// There is no such postback, or the changes cannot be made.
pub async fn correct(app: &App, site_id: &str, postback_id: &str, changes: &Changes) -> Result<PostbackRow, FixError> {
    check(changes)?;
    read_again(app, site_id, postback_id, |corrections| {
        merge(corrections, changes);
        match corrections.len() {
            0..=MOST => Ok(()),
            _ => Err(FixError::Refused(format!("a postback has at most {MOST} corrections"))),
        }
    })
    .await
}

/// Reads a postback again by the rules of now, with the corrections it has.
///
/// # Errors
/// There is no such postback.
pub async fn replay(app: &App, site_id: &str, postback_id: &str) -> Result<PostbackRow, FixError> {
    read_again(app, site_id, postback_id, |_| Ok(())).await
}

/// Assigns a conversion to a click: its id is set as a correction on every postback that tells the conversion.
///
/// # Errors
/// There is no such conversion, no such click on this site, or its postbacks carry no click id.
pub async fn assign(app: &App, site_id: &str, conversion_id: &str, click_id: &str) -> Result<ConversionRow, FixError> {
    conversion(app, site_id, conversion_id).await?;
    let click_id = click_id.trim().to_ascii_lowercase();
    if app.store.clicks_by_id(site_id, std::slice::from_ref(&click_id)).await?.is_empty() {
        return Err(FixError::Refused(
            "no click of this site has that id; the list of clicks has those that came".into(),
        ));
    }
    let tellers = app.store.postbacks_of(site_id, conversion_id).await?;
    let mut set = Vec::new();
    for teller in &tellers {
        let channel = channel(teller)?;
        let parameter = click_id_parameter(&app.groups, channel, &teller.group).ok_or_else(|| {
            FixError::Refused(format!("postback {} is of a group that brings no click ids back", teller.id))
        })?;
        set.push((&teller.id, Changes::from([(parameter.to_owned(), Some(click_id.clone()))])));
    }
    for (postback_id, changes) in set {
        correct(app, site_id, postback_id, &changes).await?;
    }
    conversion(app, site_id, conversion_id).await
}

/// Marks a conversion as a test, or as none: every postback that tells it, or tells of the same transaction under another type, and of what
/// is marked as a test also what takes it back. Answers with the conversion, and how many others were marked with it.
///
/// # Errors
/// There is no such conversion, or too much is told of it.
pub async fn mark(
    app: &App,
    site_id: &str,
    conversion_id: &str,
    is_test: bool,
) -> Result<(ConversionRow, usize), FixError> {
    let asked = conversion(app, site_id, conversion_id).await?;
    let mut ids = same_transaction(app, site_id, &asked).await?;
    if is_test {
        for sale_id in ids.clone() {
            ids.extend(app.store.returns_of(site_id, &sale_id).await?.into_iter().map(|row| row.id));
        }
    }
    for id in &ids {
        for teller in app.store.postbacks_of(site_id, id).await? {
            mark_postback(app, site_id, &teller.id, is_test).await?;
        }
    }
    Ok((conversion(app, site_id, conversion_id).await?, ids.len().saturating_sub(1)))
}

/// The conversion, and what else tells what happened to the money of its transaction.
async fn same_transaction(app: &App, site_id: &str, asked: &ConversionRow) -> Result<BTreeSet<String>, FixError> {
    let said = &asked.said;
    let mut ids = BTreeSet::from([asked.id.clone()]);
    // Where each call counts, the others are sales of their own.
    let Some(transaction_id) = said.transaction_id.as_deref().filter(|_| said.series.is_none()) else { return Ok(ids) };
    let only = vec![(Field::TransactionId, transaction_id.to_owned()), (Field::Group, said.group.clone())];
    let page = Page { filter: Filter { only, ..Filter::default() }, ..Page::first(MOST_MARKED) };
    let found = app.store.conversions(site_id, page).await?;
    if found.next.is_some() {
        let more =
            format!("more than {MOST_MARKED} conversions share this transaction; correct their postbacks one by one");
        return Err(FixError::Refused(more));
    }
    let is_same = |row: &ConversionRow| row.said.series.is_none() && row.said.transaction_type == said.transaction_type;
    ids.extend(found.items.into_iter().filter(is_same).map(|row| row.id));
    Ok(ids)
}

/// Marks one postback; what is so without a mark needs none.
async fn mark_postback(app: &App, site_id: &str, postback_id: &str, is_test: bool) -> Result<(), FixError> {
    let site = existing(app, site_id).await?;
    let missing = FixError::Missing("there is no such postback");
    let postback = app.store.postback(site_id, postback_id).await?.ok_or(missing)?;
    let mut corrections = corrections_of(app, &postback).map_err(FixError::Broken)?;
    corrections.remove(TEST_MARK);
    let unmarked = again(app, &site, &postback, Some(&corrections)).map_err(FixError::Broken)?;
    let is_so = matches!(unmarked.said, Ok(Said::Conversion { conversion, .. }) if conversion.is_test == is_test);
    let mark = (!is_so).then(|| if is_test { "1" } else { "0" }.to_owned());
    correct(app, site_id, postback_id, &Changes::from([(TEST_MARK.to_owned(), mark)])).await?;
    Ok(())
}

/// Begins to read the site's whole raw inbox again by the rules of now; answers with the job.
///
/// # Errors
/// There is no such site, or a replay is under way.
pub async fn replay_all(app: &App, site_id: &str) -> Result<Job, FixError> {
    existing(app, site_id).await?;
    let id = row_id();
    let payload = app.vault.seal(&Job::place(&id), b"")?;
    let job = Job::new(site_id, id, JobKind::Replay, payload, app.now());
    if !app.store.add_job(job.clone()).await? {
        return Err(FixError::Refused("a replay of this site is under way; wait until it is through".into()));
    }
    app.jobs.ring();
    Ok(job)
}

async fn existing(app: &App, site_id: &str) -> Result<Site, FixError> {
    app.store.site(site_id).await?.ok_or(FixError::Missing("there is no such site"))
}

async fn conversion(app: &App, site_id: &str, id: &str) -> Result<ConversionRow, FixError> {
    let page = Page { filter: Filter::only(Field::Id, id), ..Page::first(1) };
    let found = app.store.conversions(site_id, page).await?.items.pop();
    found.ok_or(FixError::Missing("there is no such conversion"))
}

fn channel(postback: &PostbackRow) -> Result<Channel, FixError> {
    Channel::parse(&postback.channel).ok_or_else(|| FixError::Broken(format!("{:?} is no channel", postback.channel)))
}

/// Changes a postback's corrections and reads it again.
async fn read_again(
    app: &App,
    site_id: &str,
    postback_id: &str,
    change: impl Fn(&mut Corrections) -> Result<(), FixError>,
) -> Result<PostbackRow, FixError> {
    for _ in 0..TRIES {
        let site = existing(app, site_id).await?;
        let missing = FixError::Missing("there is no such postback");
        let postback = app.store.postback(site_id, postback_id).await?.ok_or(missing)?;
        let before = corrections_of(app, &postback).map_err(FixError::Broken)?;
        let mut corrections = before.clone();
        change(&mut corrections)?;
        // What is as it was keeps its seal.
        let changed = (corrections != before).then_some(&corrections);
        let rereading = again(app, &site, &postback, changed).map_err(FixError::Broken)?;
        if app.store.reread(site_id, rereading).await?.is_some() {
            let missing = FixError::Missing("there is no such postback");
            return app.store.postback(site_id, postback_id).await?.ok_or(missing);
        }
    }
    Err(FixError::Store(StoreError::Busy))
}

fn check(changes: &Changes) -> Result<(), FixError> {
    let refused = |sentence: String| Err(FixError::Refused(sentence));
    if changes.is_empty() {
        return refused("there is nothing to set".into());
    }
    for (name, value) in changes {
        if Postback::plain_name(name).is_empty() || name.len() > LONGEST_NAME {
            return refused(format!("the name of a parameter has 1 to {LONGEST_NAME} bytes"));
        }
        if value.as_ref().is_some_and(|value| value.len() > LONGEST_VALUE) {
            return refused(format!("{name} is longer than {LONGEST_VALUE} bytes"));
        }
    }
    Ok(())
}

/// Makes the changes; a name stands for all spellings of it.
fn merge(corrections: &mut Corrections, changes: &Changes) {
    for (name, value) in changes {
        let plain = Postback::plain_name(name);
        corrections.retain(|known, _| Postback::plain_name(known) != plain);
        if let Some(value) = value {
            corrections.insert(name.clone(), value.trim().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(pairs: &[(&str, Option<&str>)]) -> Changes {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
    }

    #[test]
    fn changes_are_merged_into_what_was_corrected_before() {
        let mut corrections = Corrections::new();
        merge(&mut corrections, &changes(&[("cid", Some(" abc ")), ("currency", Some("EUR"))]));
        merge(&mut corrections, &changes(&[("C-ID", Some("def")), ("random", Some("")), ("nothing", None)]));
        assert_eq!(
            corrections,
            Corrections::from([
                ("C-ID".to_owned(), "def".to_owned()),
                ("currency".to_owned(), "EUR".to_owned()),
                ("random".to_owned(), String::new()),
            ])
        );
        merge(&mut corrections, &changes(&[("cid", None), ("currency", None), ("random", None)]));
        assert_eq!(corrections, Corrections::new());
    }

    #[test]
    fn what_cannot_be_a_parameter_is_refused() {
        let long = "x".repeat(LONGEST_VALUE + 1);
        for wrong in [changes(&[]), changes(&[("", None)]), changes(&[("_-", None)]), changes(&[("a", Some(&long))])] {
            assert!(matches!(check(&wrong), Err(FixError::Refused(_))), "{wrong:?}");
        }
        assert!(check(&changes(&[("a", Some(""))])).is_ok());
    }
}
