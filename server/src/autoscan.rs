//! AutoScan: finds out where links lead that may be cloaked (`/go/x`), and remembers it.
//!
//! What is remembered is answered at once. What is not is followed by a task of its own, one for each link at a time however many ask,
//! a few at once in all and fewer to each host; who asked waits a moment, and hears of it the next time if that was not enough.

use crate::app::{SharedApp, row_id};
use crate::assets::hash;
use crate::config;
use crate::outgoing::Outgoing;
use crate::store::{LinkRow, Millis, StoreError};
use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tagwerk_protocol::link::LinkRules;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};
use url::Url;

pub mod answer;
mod difference;
pub mod verdict;
pub mod walk;

/// Links that may wait to be followed, of all sites and of one, so that a slow one leaves room for others.
const MOST_WAITING: (usize, usize) = (1000, 200);

const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;

/// Said where the answer is not there in time.
const NOT_YET: &str = "it is being followed; ask again";

/// A site's links, as AutoScan sees them.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// The site.
    pub site_id: String,
    /// Its link rules.
    pub rules: Arc<LinkRules>,
    /// Tells these rules from others: what was found out by others no longer holds.
    pub version: String,
}

impl Scanned {
    /// A site with its link rules.
    pub fn new(site_id: String, rules: LinkRules) -> Self {
        let version = hash(format!("{:?}", rules.groups).as_bytes());
        Self { site_id, rules: Arc::new(rules), version }
    }
}

/// What is being followed, and the bounds on it.
pub struct AutoScan {
    outgoing: Outgoing,
    running: Running,
    all: Semaphore,
    hosts: Mutex<HashMap<String, Weak<Semaphore>>>,
    followings: RateLimiter<String, DashMapStateStore<String>, DefaultClock>,
}

type Found = Result<LinkRow, &'static str>;

impl AutoScan {
    /// Nothing is being followed yet.
    pub fn new(outgoing: Outgoing, bounds: &config::Autoscan) -> Self {
        let per_minute = NonZeroU32::new(bounds.followings_per_minute).unwrap_or(NonZeroU32::MIN);
        Self {
            outgoing,
            running: Running::default(),
            all: Semaphore::new(bounds.followings),
            hosts: Mutex::default(),
            followings: RateLimiter::keyed(Quota::per_minute(per_minute)),
        }
    }

    /// Lets go of what need not be counted any more.
    pub fn forget(&self) {
        self.followings.retain_recent();
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, places| places.strong_count() > 0);
    }

    /// The places at this host, shared by all who want one.
    fn places(&self, host: &str, count: usize) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = hosts.get(host).and_then(Weak::upgrade) {
            return places;
        }
        let places = Arc::new(Semaphore::new(count));
        hosts.insert(host.to_owned(), Arc::downgrade(&places));
        places
    }
}

/// What is known of these links, in their order; of what is not known in time, why.
///
/// # Errors
/// What is remembered cannot be read.
pub async fn ask(app: &SharedApp, site: &Scanned, links: &[Url]) -> Result<Vec<Found>, StoreError> {
    let urls: Vec<String> = links.iter().map(|url| url.as_str().to_owned()).collect();
    let known = remembered(app, site, &urls).await?;
    // All are begun before one is waited for.
    let asked: Vec<Result<Found, Waiting>> = links
        .iter()
        .map(|link| match known.get(link.as_str()) {
            Some(row) => Ok(Ok(row.clone())),
            None => begin(app, site, link).map_or_else(|why| Ok(Err(why)), Err),
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(app.config.autoscan.hold_seconds);
    let mut answers = Vec::with_capacity(asked.len());
    for asked in asked {
        answers.push(match asked {
            Ok(found) => found,
            Err(mut waiting) => match timeout_at(until, waiting.wait_for(Option::is_some)).await {
                Ok(Ok(found)) => found.clone().ok_or(NOT_YET),
                _ => Err(NOT_YET),
            },
        });
    }
    Ok(answers)
}

/// What is remembered of these links and still holds, by link.
async fn remembered(app: &SharedApp, site: &Scanned, urls: &[String]) -> Result<HashMap<String, LinkRow>, StoreError> {
    let now = app.now();
    let rows = app.store.links_by_url(&site.site_id, urls).await?;
    let holds = |row: &LinkRow| row.expires_at > now && row.rules == site.version;
    Ok(rows.into_iter().filter(holds).map(|row| (row.url.clone(), row)).collect())
}

/// Begins to follow a link, unless somebody has.
fn begin(app: &SharedApp, site: &Scanned, link: &Url) -> Result<Waiting, &'static str> {
    let scan = &app.autoscan;
    let key = (site.site_id.clone(), link.as_str().to_owned());
    let is_allowed = |waiting: (usize, usize)| {
        if waiting.0 >= MOST_WAITING.0 || waiting.1 >= MOST_WAITING.1 {
            return Err("too many links wait to be followed; ask again later");
        }
        scan.followings
            .check_key(&site.site_id)
            .map_err(|_| "too many new links of this site at once (autoscan.followings_per_minute); ask again later")
    };
    match scan.running.join(key, is_allowed)? {
        Joined::Waiting(waiting) => Ok(waiting),
        Joined::First(turn, waiting) => {
            let (app, site, link) = (Arc::clone(app), site.clone(), link.clone());
            tokio::spawn(async move { turn.end(follow(&app, &site, &link).await) });
            Ok(waiting)
        }
    }
}

/// Follows a link and remembers what was found.
async fn follow(app: &SharedApp, site: &Scanned, link: &Url) -> Option<LinkRow> {
    let (scan, bounds) = (&app.autoscan, &app.config.autoscan);
    // Somebody else may have found it out between our look and our turn: what was kept before the turn was given back is seen here.
    if let Ok(mut known) = remembered(app, site, &[link.as_str().to_owned()]).await
        && let Some(row) = known.remove(link.as_str())
    {
        return Some(row);
    }
    // A place at the host first: who waits for a slow host must not take the places of others.
    let at_host = scan.places(link.host_str().unwrap_or_default(), bounds.followings_per_host);
    let (_at_host, _of_all) = (at_host.acquire().await.ok()?, scan.all.acquire().await.ok()?);
    let found = walk::follow(&scan.outgoing, &site.rules, link, bounds).await;
    metrics::counter!("tagwerk_links_followed_total", "lasting" => if found.lasting { "yes" } else { "no" })
        .increment(1);
    let checked_at = app.now();
    let (count, of) = if found.lasting { (bounds.keep_days, DAY) } else { (bounds.retry_minutes, MINUTE) };
    let row = LinkRow {
        id: row_id(),
        url: link.as_str().to_owned(),
        group: found.group,
        forwards: found.forwards,
        resolved: found.resolved,
        reason: found.reason,
        hops: found.hops,
        rules: site.version.clone(),
        checked_at,
        expires_at: checked_at.saturating_add(of * Millis::from(count)),
    };
    if let Err(error) = app.store.keep_link(&site.site_id, row.clone(), bounds.links).await {
        tracing::warn!(%error, "what was found out about a link is not remembered");
    }
    Some(row)
}

type Key = (String, String);
type Waiting = watch::Receiver<Option<LinkRow>>;

/// What is being followed, with a way to hear of it.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<HashMap<Key, Waiting>>>);

enum Joined {
    /// Somebody is at it.
    Waiting(Waiting),
    /// It is the caller's turn.
    First(Turn, Waiting),
}

/// The right to follow a link, for as long as it is held.
struct Turn {
    key: Key,
    running: Running,
    tell: watch::Sender<Option<LinkRow>>,
}

impl Running {
    /// Waits with whoever follows the link, or gives the turn to the caller if `may_begin` with so many being followed, of all
    /// sites and of this one.
    fn join<E>(&self, key: Key, may_begin: impl FnOnce((usize, usize)) -> Result<(), E>) -> Result<Joined, E> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = running.get(&key) {
            return Ok(Joined::Waiting(waiting.clone()));
        }
        let of_site = running.keys().filter(|(site, _)| *site == key.0).count();
        may_begin((running.len(), of_site))?;
        let (tell, waiting) = watch::channel(None);
        running.insert(key.clone(), waiting.clone());
        Ok(Joined::First(Turn { key, running: self.clone(), tell }, waiting))
    }
}

impl Turn {
    /// Tells everybody who waits.
    fn end(self, found: Option<LinkRow>) {
        self.tell.send_replace(found);
    }
}

/// Also where the task that held it gave up halfway: the next to ask begins anew.
impl Drop for Turn {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str) -> Key {
        ("site".into(), url.into())
    }

    fn join(running: &Running, url: &str) -> Joined {
        running.join(key(url), |_| Ok::<(), ()>(())).expect("allowed")
    }

    fn found() -> LinkRow {
        LinkRow {
            id: String::new(),
            url: "a".into(),
            group: None,
            forwards: None,
            resolved: None,
            reason: "because".into(),
            hops: Vec::new(),
            rules: String::new(),
            checked_at: 0,
            expires_at: 0,
        }
    }

    #[tokio::test]
    async fn one_follows_a_link_and_everybody_hears_of_it() {
        let running = Running::default();
        let Joined::First(turn, mut first) = join(&running, "a") else { panic!("nobody was at it") };
        let Joined::Waiting(mut second) = join(&running, "a") else { panic!("somebody is at it") };
        assert!(matches!(join(&running, "b"), Joined::First(..)), "another link is another matter");
        turn.end(Some(found()));
        for waiting in [&mut first, &mut second] {
            let heard = waiting.wait_for(Option::is_some).await.expect("told").clone();
            assert_eq!(heard, Some(found()));
        }
        assert!(matches!(join(&running, "a"), Joined::First(..)), "the next to ask begins anew");
    }

    #[tokio::test]
    async fn who_waits_for_a_turn_that_was_given_up_waits_no_longer() {
        let running = Running::default();
        let Joined::First(turn, mut waiting) = join(&running, "a") else { panic!("nobody was at it") };
        drop(turn);
        assert!(waiting.wait_for(Option::is_some).await.is_err());
        assert!(matches!(join(&running, "a"), Joined::First(..)));
    }

    #[test]
    fn only_so_many_links_wait() {
        let running = Running::default();
        let at_most_one = |(_, of_site): (usize, usize)| if of_site >= 1 { Err("too many") } else { Ok(()) };
        let turn = running.join(key("a"), at_most_one).expect("the first");
        assert_eq!(running.join(key("b"), at_most_one).err(), Some("too many"));
        assert!(running.join(key("a"), at_most_one).is_ok(), "who joins another adds nothing");
        let other = ("other".to_owned(), "b".to_owned());
        let other = running.join(other, at_most_one).expect("another site's are its own");
        let at_most_two = |(all, _): (usize, usize)| if all >= 2 { Err("too many") } else { Ok(()) };
        assert_eq!(running.join(key("b"), at_most_two).err(), Some("too many"), "of all sites");
        drop((turn, other));
        assert!(running.join(key("b"), at_most_one).is_ok());
    }

    #[test]
    fn other_link_rules_make_another_version() {
        let of = |hosts: &[&str]| {
            let group = tagwerk_protocol::link::GroupRule {
                name: "n".into(),
                sub_id: "s".into(),
                hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
                paths: Vec::new(),
            };
            Scanned::new("site".into(), LinkRules { groups: vec![group], ..LinkRules::default() }).version
        };
        assert_eq!(of(&["a.example"]), of(&["a.example"]));
        assert_ne!(of(&["a.example"]), of(&["a.example", "b.example"]));
    }
}
