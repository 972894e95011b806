//! Sends what waits for the ad platforms: claims one outlet (a platform of a site) at a time, sends what is due there, and keeps what
//! became of it. One broken platform delays no other: each outlet waits, stops and recovers by itself.
//!
//! A delivery is sent at least once, under the same event id each time: what was sent and not kept, because the process died in
//! between, is sent again when the lease has run out.

use crate::app::App;
use crate::platforms::{self, Fate, Parcel};
use crate::settings::SiteSettings;
use crate::store::{Claimed, Due, Millis, Pace, Settling, StoreError};
use crate::vault::random;
use backoff::Backoff;
use exchange::Exchange;
use sender::{Sender, Sent};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use verdict::{Attempt, Rules};

pub mod account;
pub mod backoff;
pub mod exchange;
pub mod overview;
pub mod packing;
pub mod person;
pub mod post;
pub mod sender;
pub mod tokens;
pub mod trial;
pub mod verdict;

/// How long the runner sleeps at most: another process may have made work.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// How long it waits after the store said no.
const PAUSE: Duration = Duration::from_secs(1);
/// How many times an outlet is served before others have their turn.
const ROUNDS: usize = 4;
/// The shortest wait after a failure, give or take half, in milliseconds, whatever the configuration says.
const SHORTEST_WAIT: Millis = 100;
/// How many deliveries of an outlet are in memory at once, with all that is known of each.
const AT_ONCE: usize = 1000;
/// Of a platform that takes so few at once, several waves of requests are kept in one write.
const SMALL_BATCH: usize = 100;
/// How many waves.
const WAVES: usize = 8;
/// How many deliveries are looked at beyond what may be sent: some may be unfit to be told.
const UNFIT: usize = 64;
/// How many deliveries expire in one write.
const EXPIRE: usize = 1000;

/// Sends until the future is dropped. What is under way then is sent again later, under the same event ids.
pub async fn run(app: Arc<App>) {
    let mut serving: JoinSet<()> = JoinSet::new();
    loop {
        match claim(&app, serving.len()).await {
            Ok(claimed) if claimed.is_empty() => {
                let sleep = sleep_for(&app).await;
                tokio::select! {
                    () = tokio::time::sleep(sleep) => {}
                    () = app.outbox.rung() => {}
                    Some(_) = serving.join_next() => {}
                }
            }
            Ok(claimed) => {
                for (claimed, lease) in claimed {
                    serving.spawn(serve(Arc::clone(&app), claimed, lease));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "what waits for the platforms cannot be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
        // What has ended makes room.
        while serving.try_join_next().is_some() {}
    }
}

async fn claim(app: &App, serving: usize) -> Result<Vec<(Claimed, String)>, StoreError> {
    let now = app.now();
    while app.store.expire(now, EXPIRE).await? == EXPIRE {}
    let room = app.config.outbox.outlets.saturating_sub(serving);
    if room == 0 || app.store.due_next().await?.is_none_or(|due| due > now) {
        return Ok(Vec::new());
    }
    let lease = crate::app::row_id();
    let claimed = app.store.claim(now, &lease, now.saturating_add(lease_time(app)), room).await?;
    Ok(claimed.into_iter().map(|claimed| (claimed, lease.clone())).collect())
}

async fn sleep_for(app: &App) -> Duration {
    match app.store.due_next().await {
        Ok(Some(due)) => {
            let wait = u64::try_from(due.saturating_sub(app.now())).unwrap_or_default();
            // What is due but cannot be claimed is somebody else's, or waits for room.
            Duration::from_millis(wait.max(20)).min(LONGEST_SLEEP)
        }
        Ok(None) => LONGEST_SLEEP,
        Err(_) => PAUSE,
    }
}

fn lease_time(app: &App) -> Millis {
    Millis::try_from(app.config.outbox.lease_seconds.saturating_mul(1000)).unwrap_or(Millis::MAX)
}

/// Sends what is due at an outlet, a few rounds of it.
async fn serve(app: Arc<App>, mut claimed: Claimed, lease: String) {
    for round in 1..=ROUNDS {
        match once(&app, &claimed, &lease, round == ROUNDS).await {
            Ok(Some(pace)) => {
                claimed.failures = pace.failures;
                claimed.room = pace.room;
            }
            Ok(None) => return,
            Err(error) => {
                // The lease runs out by itself, and everything is tried again.
                tracing::warn!(%error, platform = claimed.platform, "what was sent cannot be kept; it is sent again, under the same event ids");
                return;
            }
        }
    }
}

/// One round; the pace if another may follow at once.
async fn once(app: &App, claimed: &Claimed, lease: &str, is_last: bool) -> Result<Option<Pace>, StoreError> {
    let now = app.now();
    let (site_id, name) = (claimed.site_id.as_str(), claimed.platform.as_str());
    let release =
        |pace: Pace| Settling { now: app.now(), lease: lease.to_owned(), until: None, settled: Vec::new(), pace };
    let standing = Pace { failures: claimed.failures, room: claimed.room, ..Pace::default() };
    let site = match app.store.site(site_id).await? {
        Some(site) => SiteSettings::of(&site)?,
        None => return Ok(None),
    };
    let Some(platform) = platforms::find(name) else {
        let stopped = Some("there is no such platform in this version".to_owned());
        app.store.settle(site_id, name, release(Pace { stopped, ..standing })).await?;
        return Ok(None);
    };
    let sender = match Sender::of(app, site_id, &site, name, platform) {
        Ok(sender) => sender,
        Err(missing) => {
            app.store.settle(site_id, name, release(Pace { stopped: Some(missing), ..standing })).await?;
            return Ok(None);
        }
    };
    let limits = platform.about().limits;
    let most = limits.batch.max(1).saturating_mul(limits.parallel.max(1)).min(AT_ONCE);
    // While it recovers, few are sent; what cannot be told to the platform at all takes up no room.
    let room = claimed.room.map_or(usize::MAX, |room| usize::try_from(room).unwrap_or(most).max(1));
    let wanted = if limits.batch > SMALL_BATCH { most } else { most.saturating_mul(WAVES) };
    let due = app.store.due(site_id, name, now, wanted.min(room.saturating_add(UNFIT))).await?;
    if due.is_empty() {
        app.store.settle(site_id, name, release(standing)).await?;
        return Ok(None);
    }
    let began = Instant::now();
    let (attempts, requests) = send(app, &sender, &site, due, room).await;
    let rules = Rules {
        now: app.now(),
        chance: chance(),
        backoff: Backoff {
            first: millis(app.config.outbox.first_retry_seconds).max(SHORTEST_WAIT),
            longest: millis(app.config.outbox.longest_retry_seconds).max(SHORTEST_WAIT),
        },
        most: u32::try_from(most).unwrap_or(u32::MAX),
        gives_up: platform.about().several,
    };
    for attempt in &attempts {
        metrics::counter!("tagwerk_delivery_attempts_total", "platform" => platform.about().name)
            .increment(u64::from(attempt.tried));
    }
    let (settled, mut pace) = verdict::settle(claimed, attempts, rules);
    if pace.not_before == 0 {
        pace.not_before = began_minus(rules.now, began).saturating_add(spacing(limits.per_minute, requests));
    }
    if let Some(stopped) = &pace.stopped {
        tracing::error!(site_id, platform = name, reason = stopped, "sending is stopped");
    }
    let goes_on = !is_last && pace.stopped.is_none() && pace.not_before <= app.now();
    let until = goes_on.then(|| app.now().saturating_add(lease_time(app)));
    let settling = Settling { now: app.now(), lease: lease.to_owned(), until, settled, pace: pace.clone() };
    let is_ours = app.store.settle(site_id, name, settling).await?;
    Ok((is_ours && goes_on).then_some(pace))
}

/// When this began, by the clock that now says `now`.
fn began_minus(now: Millis, began: Instant) -> Millis {
    now.saturating_sub(Millis::try_from(began.elapsed().as_millis()).unwrap_or_default())
}

/// How long so many requests are to take, in milliseconds, for the platform's limit to hold.
fn spacing(per_minute: u32, requests: usize) -> Millis {
    let requests = Millis::try_from(requests).unwrap_or(Millis::MAX);
    requests.saturating_mul(60_000).checked_div(Millis::from(per_minute)).unwrap_or_default()
}

/// Sends what is due, in batches side by side; answers what became of each, and how many batches there were.
async fn send(
    app: &App,
    sender: &Sender<'_>,
    site: &SiteSettings,
    due: Vec<Due>,
    room: usize,
) -> (Vec<Attempt>, usize) {
    let mut attempts: Vec<Attempt> = Vec::with_capacity(due.len());
    let mut parcels: Vec<(Due, Parcel)> = Vec::new();
    let mut receipts: Vec<Due> = Vec::new();
    for due in due {
        if due.delivery.receipt.is_some() {
            receipts.push(due);
            continue;
        }
        let person = person::of(app, sender, &due);
        match packing::pack(&due, site, person) {
            None => attempts.push(untried(&due, "the conversion is no longer in the books".into())),
            Some(parcel) => match sender.accepts(&parcel) {
                Ok(()) => parcels.push((due, parcel)),
                Err(reason) => attempts.push(untried(&due, reason)),
            },
        }
    }
    // The others wait as they are.
    parcels.truncate(room);
    let limits = sender.platform.about().limits;
    // Longer than one request may take, shorter than the lease.
    let until = Instant::now() + Duration::from_secs(app.config.outbox.lease_seconds) / 2;
    let batches = parcels.chunks(limits.batch.max(1));
    let requests = batches.len() + receipts.len();
    let (mut sent, mut enquired): (Vec<Vec<Sent>>, Vec<Sent>) = (Vec::new(), Vec::new());
    let batches: Vec<&[(Due, Parcel)]> = batches.collect();
    for wave in batches.chunks(limits.parallel.max(1)) {
        // Who is down is not asked again in the same round.
        let is_down = sent.iter().flatten().any(|(fate, _)| matches!(fate, Fate::Down(..) | Fate::Stop(_)));
        if is_down {
            let later = Fate::Later(Some(Duration::ZERO), "the platform takes nothing at this time".into());
            sent.extend(wave.iter().map(|batch| batch.iter().map(|_| (later.clone(), None)).collect()));
            continue;
        }
        let wave = wave.iter().map(async |batch| {
            let parcels: Vec<&Parcel> = batch.iter().map(|(_, parcel)| parcel).collect();
            sender.send(&parcels, until).await
        });
        sent.extend(futures_util::future::join_all(wave).await);
    }
    for wave in receipts.chunks(limits.parallel.max(1)) {
        let wave =
            wave.iter().map(async |due| sender.enquire(due.delivery.receipt.as_deref().unwrap_or_default()).await);
        enquired.extend(futures_util::future::join_all(wave).await);
    }
    let sent = sent.into_iter().flatten();
    attempts.extend(parcels.iter().zip(sent).map(|((due, _), sent)| attempt(app, due, sent)));
    attempts.extend(receipts.iter().zip(enquired).map(|(due, sent)| attempt(app, due, sent)));
    (attempts, requests)
}

fn untried(due: &Due, reason: String) -> Attempt {
    Attempt {
        id: due.delivery.id.clone(),
        attempts: due.delivery.attempts,
        receipt: None,
        fate: Fate::Refused(reason),
        tried: false,
        status: None,
        answer: None,
        exchange: None,
    }
}

fn attempt(app: &App, due: &Due, (fate, exchange): Sent) -> Attempt {
    let id = due.delivery.id.clone();
    let sealed = exchange.as_ref().and_then(|exchange| seal(app, &id, exchange));
    Attempt {
        attempts: due.delivery.attempts,
        receipt: due.delivery.receipt.clone(),
        tried: exchange.is_some(),
        status: exchange.as_ref().and_then(|exchange| exchange.status),
        answer: exchange.as_ref().map(Exchange::shown_answer),
        exchange: sealed,
        fate,
        id,
    }
}

fn seal(app: &App, id: &str, exchange: &Exchange) -> Option<Vec<u8>> {
    let text = serde_json::to_vec(exchange).ok()?;
    app.vault
        .seal(&Exchange::place(id), &text)
        .inspect_err(|error| tracing::error!(%error, "an exchange is not kept"))
        .ok()
}

/// What is kept of a delivery's last request and answer; `None` where it does not open.
pub fn opened(app: &App, id: &str, sealed: &[u8]) -> Option<Exchange> {
    let text = app.vault.unseal(&Exchange::place(id), sealed);
    let text = text.inspect_err(|error| tracing::error!(%error, id, "an exchange does not open")).ok()?;
    serde_json::from_slice(&text).ok()
}

fn millis(seconds: u64) -> Millis {
    Millis::try_from(seconds.saturating_mul(1000)).unwrap_or(Millis::MAX)
}

/// From 0 to 1.
fn chance() -> f64 {
    random::<4>().map_or(0.5, |bytes| f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX))
}
