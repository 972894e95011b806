//! Sealing anew what is sealed under an older key, while servers on the same data run: each thing is replaced only if it is still as it
//! was read, and whatever was not is found when everything is gone through once more.

use crate::outbox::exchange::Exchange;
use crate::reading::RawRequest;
use crate::settings::{self, SettingsError, SiteSettings};
use crate::store::{Job, Jobs, Millis, SealedKind, SealedText, Seals, Sites, StoreError};
use crate::vault::{Vault, VaultError};
use tagwerk_protocol::clicks::Clicks;

/// How many texts are read at once, and replaced in one transaction.
const PART: usize = 200;
/// How often a site's settings are tried again when somebody else changed them in between.
const TRIES: usize = 8;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many texts were sealed anew.
    pub resealed: u64,
    /// How many could not be now, since somebody else is at work on them.
    pub waiting: u64,
    /// How many no key opens; they stay as they are.
    pub damaged: u64,
    /// What those are, the first [`Tally::NAMED`] of them.
    pub named: Vec<String>,
}

impl Tally {
    /// Of how many things that no key opens the names are kept.
    pub const NAMED: usize = 20;

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.resealed += other.resealed;
        self.waiting += other.waiting;
        self.damaged += other.damaged;
        let room = Self::NAMED.saturating_sub(self.named.len());
        self.named.extend(other.named.into_iter().take(room));
    }

    fn add_damaged(&mut self, name: String) {
        self.add(Self { damaged: 1, named: vec![name], ..Self::default() });
    }
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ResealingError {
    /// Nothing can be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Settings do not read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seals the secrets of every site's settings anew that are under an older key. A platform that was stopped tries once more then, as after
/// any change of its settings.
///
/// # Errors
/// See [`ResealingError`]; what was done until then stays, and doing it again goes on.
pub async fn of_settings<S: Sites + ?Sized>(
    store: &S,
    vault: &Vault,
    clicks: &Clicks,
    now: Millis,
) -> Result<Tally, ResealingError> {
    let mut tally = Tally::default();
    for site in store.sites().await? {
        tally.add(of_site(store, &site.site_id, vault, clicks, now).await?);
    }
    Ok(tally)
}

async fn of_site<S: Sites + ?Sized>(
    store: &S,
    site_id: &str,
    vault: &Vault,
    clicks: &Clicks,
    now: Millis,
) -> Result<Tally, ResealingError> {
    for _ in 0..TRIES {
        let Some(site) = store.site(site_id).await? else { return Ok(Tally::default()) };
        let anew = settings::reseal(site_id, &site.settings, vault)?;
        let mut tally = Tally { resealed: anew.count, ..Tally::default() };
        anew.damaged.iter().for_each(|name| tally.add_damaged(format!("{name} of the site {site_id}")));
        if anew.count == 0 {
            return Ok(tally);
        }
        let outlets = settings::outlets(&SiteSettings::read(&anew.settings)?, clicks);
        if store.replace_settings(site_id, &site.settings, anew.settings, outlets, now).await? {
            return Ok(tally);
        }
    }
    Err(StoreError::Busy.into())
}

/// Seals everything of a kind anew that is under an older key.
///
/// # Errors
/// See [`ResealingError`]; what was done until then stays, and doing it again goes on.
pub async fn of_kind<S: Seals + ?Sized>(store: &S, vault: &Vault, kind: SealedKind) -> Result<Tally, ResealingError> {
    let (mut tally, mut last) = (Tally::default(), None);
    loop {
        let part = store.sealed(kind, last, PART).await?;
        let (mut anew, is_last) = (Vec::new(), part.len() < PART);
        last = part.last().cloned();
        for text in part {
            match vault.reseal(&place(kind, &text), &text.text) {
                Ok(None) => {}
                Ok(Some(sealed)) => anew.push((text, sealed)),
                Err(VaultError::Damaged) => tally.add_damaged(format!("{} {}", what(kind), text.id)),
                Err(error) => return Err(error.into()),
            }
        }
        if !anew.is_empty() {
            let asked = anew.len();
            let done = store.replace_sealed(kind, anew).await?;
            tally.resealed += count(done);
            tally.waiting += count(asked.saturating_sub(done));
        }
        if is_last {
            return Ok(tally);
        }
    }
}

/// How many long tasks are under way whose work is sealed under an older key. It is not sealed anew: it is gone when they are through.
///
/// # Errors
/// See [`ResealingError`].
pub async fn of_tasks<S: Jobs + ?Sized>(store: &S, vault: &Vault) -> Result<Tally, ResealingError> {
    let mut tally = Tally::default();
    for job in store.open_jobs().await?.into_iter().filter(|job| !job.payload.is_empty()) {
        match vault.reseal(&Job::place(&job.id), &job.payload) {
            Ok(None) => {}
            Ok(Some(_)) => tally.waiting += 1,
            Err(VaultError::Damaged) => tally.add_damaged(format!("what the long task {} works from", job.id)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(tally)
}

fn place(kind: SealedKind, text: &SealedText) -> String {
    match kind {
        SealedKind::RawRequest => RawRequest::place(&text.id),
        SealedKind::Corrections => RawRequest::corrections_place(&text.id),
        SealedKind::Exchange => Exchange::place(&text.id),
    }
}

fn what(kind: SealedKind) -> &'static str {
    match kind {
        SealedKind::RawRequest => "the raw request of the postback",
        SealedKind::Corrections => "the corrections of the postback",
        SealedKind::Exchange => "the last request of the delivery",
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
