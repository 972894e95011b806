//! Asks a network's API for what it sold and books what never came, page by page. A step is one page: its missing sales and the place
//! where the next step begins are written together, so that it goes on after a crash where it stopped.

use super::Trouble;
use crate::app::{App, row_id, row_id_at};
use crate::reading::{Corrections, RawRequest, Refusal};
use crate::reconcile::client::{Door, Tries};
use crate::reconcile::{self, Sale, Unanswered};
use crate::settings::{self, SiteSettings};
use crate::store::{Channel, Job, JobKind, JobState, Millis, ReceivedPostback, Said, Site, Step, StoreError};
use crate::vault::VaultError;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tagwerk_protocol::conversion::Conversion;
use tagwerk_protocol::group::Group;
use tagwerk_protocol::group::api::Api;

/// How often an answer that does not read is asked for in all.
const UNREADABLE: u32 = 3;
/// How often an API that is not there is asked in all: at the longest wait, about a day.
const ABSENT: u32 = 110;
/// How long is waited before the second question, where the API does not say; after that twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest of these waits.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// Most days that are asked for at once.
const LONGEST: i32 = 3700;

/// What is asked for; kept sealed with the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The tracking group whose API is asked.
    pub group: String,
    /// The first day (UTC).
    pub from: Date,
    /// The last day (UTC).
    pub to: Date,
}

/// Where a step begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The number of the window, from zero.
    window: u32,
    /// How many of its pages are done.
    done: u32,
    /// What the page before held, to notice one that comes again.
    seen: Option<String>,
}

/// What a sale is known by in the books.
struct KnownBy {
    /// The transaction's id, and what happened to the money.
    transaction: (String, &'static str),
    /// What would identify it as a test.
    as_test: String,
}

/// What a site's API is asked with.
struct Asker<'a> {
    app: &'a App,
    site: Site,
    group: &'a Group,
    api: &'a Api,
    settings: SiteSettings,
    base_url: String,
    role: String,
    key: String,
}

impl Task {
    /// Whether it can be done.
    fn check(&self, app: &App, settings: &SiteSettings) -> Result<(), String> {
        let Some(group) = app.groups.get(&self.group) else {
            return Err(format!("there is no group \"{}\"; there are {}", self.group, app.groups.names()));
        };
        let Some(api) = &group.api else {
            return Err(format!("the group {} has no API that could be asked", self.group));
        };
        if settings.groups.get(&self.group).is_none_or(|of_group| of_group.api_key.is_none()) {
            return Err(no_key(&self.group, &api.setup));
        }
        let days = self.from.until(self.to).map(|span| span.get_days()).unwrap_or(i32::MAX);
        if !(0..LONGEST).contains(&days) {
            return Err(format!("from must not be after to, and there may be {LONGEST} days between them at most"));
        }
        Ok(())
    }

    /// Seals it for its job.
    fn seal(&self, app: &App, job_id: &str) -> Result<Vec<u8>, VaultError> {
        let text = serde_json::to_vec(self).map_err(|_| VaultError::Damaged)?;
        app.vault.seal(&Job::place(job_id), &text)
    }

    fn open(app: &App, job: &Job) -> Result<Self, Trouble> {
        let text = app.vault.unseal(&Job::place(&job.id), &job.payload).map_err(|error| never(&error))?;
        serde_json::from_slice(&text).map_err(|error| never(&error))
    }
}

/// Why none was begun.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// There is no such site.
    #[error("there is no such site")]
    NoSite,
    /// What is asked for cannot be.
    #[error("{0}")]
    Invalid(String),
    /// One is under way.
    #[error("this site is being reconciled already; wait until that job is through")]
    Busy,
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Begins one.
///
/// # Errors
/// See [`NotBegun`].
pub async fn begin(app: &App, site_id: &str, task: &Task) -> Result<Job, NotBegun> {
    let site = app.store.site(site_id).await?.ok_or(NotBegun::NoSite)?;
    let settings = SiteSettings::of(&site)?;
    task.check(app, &settings).map_err(NotBegun::Invalid)?;
    let id = row_id();
    let job = Job::new(site_id, id.clone(), JobKind::Reconcile, task.seal(app, &id)?, app.now());
    if !app.store.add_job(job.clone()).await? {
        return Err(NotBegun::Busy);
    }
    app.jobs.ring();
    Ok(job)
}

/// One page.
///
/// # Errors
/// It has to wait, or cannot go on; see [`Trouble`].
pub async fn step(app: &App, job: &Job) -> Result<Step, Trouble> {
    match page(app, job).await {
        Ok(step) => {
            app.networks.answered(&job.id);
            Ok(step)
        }
        Err(Failure::Trouble(trouble)) => Err(trouble),
        Err(Failure::Unanswered(why)) => {
            let tries = app.networks.unanswered(&job.id, &why);
            let trouble = again(why, tries);
            if matches!(trouble, Trouble::Never(_)) {
                app.networks.answered(&job.id);
            }
            Err(trouble)
        }
    }
}

/// Why a page was not done.
enum Failure {
    Trouble(Trouble),
    Unanswered(Unanswered),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<Unanswered> for Failure {
    fn from(why: Unanswered) -> Self {
        Self::Unanswered(why)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Trouble(Trouble::from(error))
    }
}

fn unreadable(why: String) -> Failure {
    Failure::Unanswered(Unanswered::Unreadable(why))
}

fn never(error: &dyn std::error::Error) -> Trouble {
    Trouble::Never(error.to_string())
}

/// What to do about a question that has found no answer.
fn again(why: Unanswered, tries: Tries) -> Trouble {
    let doubled = FIRST_WAIT.saturating_mul(1 << tries.all.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    match why {
        Unanswered::WrongKey(why) | Unanswered::Forbidden(why) => Trouble::Never(why),
        Unanswered::Unreadable(why) if tries.unreadable >= UNREADABLE => Trouble::Never(why),
        Unanswered::Later(_, why) if tries.all >= ABSENT => Trouble::Never(why),
        Unanswered::Unreadable(why) => Trouble::Later(doubled, why),
        Unanswered::Later(wait, why) => Trouble::Later(wait.unwrap_or(doubled), why),
    }
}

async fn page(app: &App, job: &Job) -> Result<Step, Failure> {
    let task = Task::open(app, job)?;
    let place = match &job.cursor {
        None => Place::default(),
        Some(cursor) => serde_json::from_str(cursor).map_err(|error| never(&error))?,
    };
    let asker = Asker::of(app, job, &task).await?;
    let now = app.now();
    let mut step = Step::of(job, now);
    let Some(window) = reconcile::window(asker.api, task.from, task.to, place.window) else {
        step.state = JobState::Done;
        return Ok(step);
    };
    let page = asker.api.page.first.saturating_add(place.done);
    let question = reconcile::transactions_question(asker.api, &asker.role, window, page);
    let answer = app.networks.ask(asker.door(), &question).await?;
    let sales = reconcile::sales(asker.api, &answer).map_err(unreadable)?;
    let seen = reconcile::fingerprint(&sales);
    if seen.is_some() && seen == place.seen {
        return Err(unreadable(format!("the API's page {page} says the same as the page before")));
    }
    let is_last = reconcile::is_last(asker.api, &answer, page, sales.len());
    asker.book(&mut step, sales).await?;
    let next = if is_last {
        Place { window: place.window.saturating_add(1), ..Place::default() }
    } else {
        Place { done: place.done.saturating_add(1), seen, ..place }
    };
    if reconcile::window(asker.api, task.from, task.to, next.window).is_none() {
        step.state = JobState::Done;
    }
    step.cursor = Some(serde_json::to_string(&next).map_err(|error| never(&error))?);
    Ok(step)
}

impl<'a> Asker<'a> {
    async fn of(app: &'a App, job: &Job, task: &Task) -> Result<Asker<'a>, Failure> {
        let site = app.store.site(&job.site_id).await?.ok_or_else(|| Trouble::Never("the site is gone".into()))?;
        let settings = SiteSettings::of(&site)?;
        let group = app.groups.get(&task.group);
        let (group, api) = group
            .and_then(|group| Some((group, group.api.as_ref()?)))
            .ok_or_else(|| Trouble::Never(format!("the group {} has no API that could be asked", task.group)))?;
        let of_group = settings.groups.get(&group.name).cloned().unwrap_or_default();
        let sealed = of_group.api_key.ok_or_else(|| Trouble::Never(no_key(&group.name, &api.setup)))?;
        let place = settings::place(&job.site_id, "groups", &group.name, "api_key");
        let key = app.vault.unseal_text(&place, &sealed).map_err(|error| never(&error))?;
        let role = of_group.api_role.or_else(|| api.roles.first().cloned()).unwrap_or_default();
        let base_url = of_group.api_base_url.unwrap_or_else(|| api.base_url.clone());
        Ok(Asker { app, site, group, api, settings, base_url, role, key })
    }

    fn door(&self) -> Door<'_> {
        Door { group: &self.group.name, api: self.api, base_url: &self.base_url, key: &self.key }
    }

    /// Adds to a step what is missing of these sales; what is booked is counted.
    async fn book(&self, step: &mut Step, sales: Vec<Sale>) -> Result<(), Failure> {
        let listed = sales.len();
        let (mut told, mut seen) = (Vec::new(), BTreeSet::new());
        for sale in sales {
            match self.known_by(&sale, step.now) {
                Ok(known_by) if seen.insert(known_by.transaction.clone()) => told.push((known_by, sale)),
                Ok(_) => {}
                Err(problem) => step.problems.push(problem),
            }
        }
        let unreadable = step.problems.len();
        let booked = self.booked(told.iter().map(|(known_by, _)| known_by)).await?;
        told.retain(|(known_by, _)| !booked.contains(&known_by.transaction));
        let mut missing: Vec<Sale> = told.into_iter().map(|(_, sale)| sale).collect();
        let known = listed.saturating_sub(unreadable).saturating_sub(missing.len());
        for (word, count) in [("listed", listed), ("unreadable", unreadable), ("known", known)] {
            if count > 0 {
                step.counts.insert(word.to_owned(), u64::try_from(count).unwrap_or(u64::MAX));
            }
        }
        let orders = self.orders(&missing).await?;
        for sale in &mut missing {
            sale.complete(&orders);
            step.arrivals.push(self.arrival(sale, step.now).map_err(|error| never(&error))?);
        }
        Ok(())
    }

    /// Which of these transactions are booked: under any `type=`, or as a test.
    async fn booked(
        &self,
        wanted: impl Iterator<Item = &KnownBy>,
    ) -> Result<BTreeSet<(String, &'static str)>, Failure> {
        let wanted: Vec<&KnownBy> = wanted.collect();
        let store = &self.app.store;
        let ids: Vec<String> = wanted.iter().map(|known_by| known_by.transaction.0.clone()).collect();
        let booked = store.booked_transactions(&self.site.site_id, &self.group.name, &ids).await?;
        let mut found: BTreeSet<_> = booked.into_iter().map(|(id, what)| (id, what.as_str())).collect();
        let tests: Vec<String> = wanted.iter().map(|known_by| known_by.as_test.clone()).collect();
        let tests = store.booked_identities(&self.site.site_id, &tests).await?;
        let tests = wanted.into_iter().filter(|known_by| tests.contains(&known_by.as_test));
        found.extend(tests.map(|known_by| known_by.transaction.clone()));
        Ok(found)
    }

    /// What the API tells of the orders of these sales, where they do not say by themselves what click they come from.
    async fn orders(&self, sales: &[Sale]) -> Result<BTreeMap<String, Vec<(String, String)>>, Failure> {
        let (Some(call), Some(form)) = (&self.api.orders, &self.group.postback) else { return Ok(BTreeMap::new()) };
        let silent = sales.iter().filter(|sale| sale.get(&form.fields.click_id).is_none());
        let ids: BTreeSet<String> = silent.filter_map(|sale| sale.order.clone()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let mut orders = BTreeMap::new();
        for ids in ids.chunks(usize::try_from(call.at_once).unwrap_or(usize::MAX).max(1)) {
            let question = reconcile::orders_question(self.api, call, &self.role, ids);
            let answer = self.app.networks.ask(self.door(), &question).await?;
            orders.extend(reconcile::orders(self.api, call, &answer).map_err(unreadable)?);
        }
        Ok(orders)
    }

    /// What a sale is known by in the books.
    fn known_by(&self, sale: &Sale, now: Millis) -> Result<KnownBy, String> {
        let order = sale.order.as_deref().unwrap_or("without a number");
        let told = |why: String| format!("order {order}: {why}");
        let conversion = self.conversion(sale, now).map_err(told)?;
        let id = conversion.transaction_id.ok_or_else(|| told("the transaction has no id".into()))?;
        let mut test = sale.clone();
        if let Some(name) = self.group.postback.as_ref().and_then(|form| form.fields.is_test.as_ref()) {
            test.pairs.retain(|(known, _)| known != name);
            test.pairs.push((name.clone(), "1".into()));
        }
        let as_test = self.conversion(&test, now).map_err(told)?.identity;
        Ok(KnownBy { transaction: (id, conversion.transaction_type.as_str()), as_test })
    }

    fn conversion(&self, sale: &Sale, now: Millis) -> Result<Conversion, String> {
        match self.said(&raw(sale), "", now) {
            Ok(Said::Conversion { conversion, .. }) => Ok(*conversion),
            Ok(_) => Err("it says nothing that is booked".into()),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    /// Reads it as every postback is read.
    fn said(&self, raw: &RawRequest, postback_id: &str, now: Millis) -> Result<Said, Refusal> {
        let (channel, none) = (Channel::Reconcile, Corrections::new());
        self.app.read(&self.site, &self.settings, channel, &self.group.name, raw, &none, postback_id, now)
    }

    fn arrival(&self, sale: &Sale, now: Millis) -> Result<ReceivedPostback, VaultError> {
        let raw = raw(sale);
        let id = row_id_at(now);
        let text = serde_json::to_vec(&raw).map_err(|_| VaultError::Damaged)?;
        Ok(ReceivedPostback {
            received_at: now,
            group: self.group.name.clone(),
            channel: Channel::Reconcile,
            raw: self.app.vault.seal(&RawRequest::place(&id), &text)?,
            said: self.said(&raw, &id, now).map_err(|refusal| refusal.to_string()),
            id,
        })
    }
}

fn no_key(group: &str, setup: &str) -> String {
    format!("there is no key of the API; enter one in the settings (groups.{group}.api_key), made in {setup}")
}

/// A sale as the request that would have told it.
fn raw(sale: &Sale) -> RawRequest {
    RawRequest { method: "API".into(), query: sale.query(), ..RawRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again_after(why: Unanswered, all: u32, unreadable: u32) -> Trouble {
        again(why, Tries { all, unreadable })
    }

    #[test]
    fn an_api_that_is_not_there_is_asked_again_with_longer_and_longer_waits_and_not_for_ever() {
        let absent = || Unanswered::Later(None, "gone".into());
        let mut waited = Duration::ZERO;
        for all in 1..ABSENT {
            let Trouble::Later(wait, _) = again_after(absent(), all, 0) else { panic!("it stops after {all}") };
            assert!(wait >= FIRST_WAIT && wait <= LONGEST_WAIT, "{wait:?}");
            waited += wait;
        }
        assert!(waited > Duration::from_secs(20 * 60 * 60) && waited < Duration::from_secs(30 * 60 * 60), "{waited:?}");
        assert!(matches!(again_after(absent(), ABSENT, 0), Trouble::Never(_)));
    }

    #[test]
    fn a_wait_that_the_api_asks_for_is_kept() {
        let wait = Duration::from_secs(17);
        let again = again_after(Unanswered::Later(Some(wait), "slow down".into()), 1, 0);
        assert!(matches!(again, Trouble::Later(found, _) if found == wait), "{again:?}");
    }

    #[test]
    fn what_does_not_read_is_asked_for_three_times_whatever_else_went_wrong() {
        let unreadable = || Unanswered::Unreadable("<html>".into());
        assert!(matches!(again_after(unreadable(), 9, 1), Trouble::Later(..)));
        assert!(matches!(again_after(unreadable(), 9, 2), Trouble::Later(..)));
        assert!(matches!(again_after(unreadable(), 9, 3), Trouble::Never(_)));
    }

    #[test]
    fn what_only_the_operator_can_mend_is_not_asked_again() {
        for why in [Unanswered::WrongKey("key".into()), Unanswered::Forbidden("there".into())] {
            assert!(matches!(again_after(why, 1, 0), Trouble::Never(_)));
        }
    }
}
