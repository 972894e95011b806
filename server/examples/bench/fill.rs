//! Fills a database through the store's own writer: as many conversions as are asked for, with the visits they come from, spread
//! over two years, in commits of thousands.

use crate::story::{self, Moment, OF_A_VISIT};
use crate::subjects;
use anyhow::{Context as _, Result, anyhow};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tagwerk_protocol::clicks::Clicks;
use tagwerk_server::app::row_id_at;
use tagwerk_server::groups::{self, Groups};
use tagwerk_server::reading::{self, Corrections, Ids, RawRequest};
use tagwerk_server::settings::SiteSettings;
use tagwerk_server::store::sqlite::{Options, Sqlite};
use tagwerk_server::store::{Channel, Inbox, ReceivedEvent, ReceivedPostback, SharedStore, Sites};
use tagwerk_server::totals;
use tagwerk_server::vault::Vault;
use tagwerk_server::visit;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How many conversions are prepared at once.
const PART: u64 = 16_384;
/// How many events go to the store in one call.
const EVENTS: usize = 512;
/// How often to say how far it is, in conversions.
const SAID: u64 = 250_000;
/// The file that says how many of the numbered conversions there are.
const NOTE: &str = "filled";
const TWO_YEARS: i64 = 2 * 365 * 86_400_000;

/// How fast a database was filled.
#[derive(Clone, Copy)]
pub(crate) struct Filled {
    /// Conversions a second, each with its postback and its part of visits and events.
    pub(crate) rate: f64,
    /// Conversions a second that the totals of the reports took in.
    pub(crate) totals: f64,
}

/// How many of the numbered conversions a database holds; others came as load.
///
/// # Errors
/// The note beside it does not read.
pub(crate) fn filled(folder: &Path) -> Result<u64> {
    match std::fs::read_to_string(folder.join(NOTE)) {
        Ok(text) => Ok(text.trim().parse()?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Fills the first site of the database in this folder up to so many conversions, of `all` that two years will hold in the end, and
/// brings the totals of its reports up to date. `None` where there are as many already.
///
/// # Errors
/// The folder holds no database with a site, or the store does not take the rows.
pub(crate) async fn fill(folder: &Path, rows: u64, all: u64) -> Result<Option<Filled>> {
    let from = filled(folder)?;
    let Some(missing) = rows.checked_sub(subjects::count(folder, "conversions")?).filter(|missing| *missing > 0) else {
        return Ok(None);
    };
    let to = from + missing;
    let began = Instant::now();
    let options = Options { queue: 1 << 17, batch: 1 << 14, readers: 1, ..Options::default() };
    let store = Arc::new(Sqlite::open(&folder.join("tagwerk.db"), options)?);
    let site = store.sites().await?.into_iter().next().context("the database has no site")?;
    let reader = Reader {
        groups: Groups::load(None).map_err(|problem| anyhow!(problem))?,
        clicks: groups::clicks().map_err(|problem| anyhow!(problem))?,
        settings: SiteSettings::of(&site)?,
        vault: Vault::open(folder, true)?,
        began: jiff::Timestamp::now().as_millisecond() - TWO_YEARS,
        all: all.max(to),
    };
    // One part is prepared while the one before it is written.
    let (parts, mut prepared) = mpsc::channel(1);
    let preparing = tokio::task::spawn_blocking(move || {
        let mut next = from;
        while next < to {
            let end = (next + PART).min(to);
            if parts.blocking_send(reader.part(next, end)).is_err() {
                break;
            }
            next = end;
        }
    });
    let mut done = from;
    while let Some(part) = prepared.recv().await {
        let Part { events, postbacks } = part?;
        let before = done;
        done += postbacks.len() as u64;
        for write in [Write::Events(events), Write::Postbacks(postbacks)] {
            write.all(&store, &site.site_id).await?;
        }
        if before / SAID < done / SAID || done == to {
            println!("{done} of {to} conversions");
        }
    }
    preparing.await?;
    let written = began.elapsed();
    println!("the totals of the reports");
    let shared: SharedStore = store.clone();
    totals::catch_up(&shared, Duration::MAX).await?;
    let totals = began.elapsed() - written;
    store.close().await;
    std::fs::write(folder.join(NOTE), to.to_string())?;
    let rate = |time: Duration| missing as f64 / time.as_secs_f64();
    Ok(Some(Filled { rate: rate(written), totals: rate(totals) }))
}

/// Rows that are ready to be written.
struct Part {
    events: Vec<ReceivedEvent>,
    postbacks: Vec<ReceivedPostback>,
}

enum Write {
    Events(Vec<ReceivedEvent>),
    Postbacks(Vec<ReceivedPostback>),
}

impl Write {
    /// Hands everything to the store at once, so that few commits take it, and waits until all of it is on disk.
    async fn all(self, store: &Arc<Sqlite>, site_id: &str) -> Result<()> {
        let mut writes = JoinSet::new();
        let site_id: Arc<str> = Arc::from(site_id);
        match self {
            Write::Events(mut events) => {
                while !events.is_empty() {
                    let some = events.drain(..events.len().min(EVENTS)).collect();
                    let (store, site_id) = (Arc::clone(store), Arc::clone(&site_id));
                    writes.spawn(async move { store.receive_events(&site_id, some).await.map(drop) });
                }
            }
            Write::Postbacks(postbacks) => {
                for postback in postbacks {
                    let (store, site_id) = (Arc::clone(store), Arc::clone(&site_id));
                    writes.spawn(async move { store.receive_postback(&site_id, postback).await.map(drop) });
                }
            }
        }
        while let Some(written) = writes.join_next().await {
            written??;
        }
        Ok(())
    }
}

/// Makes of numbers what the server makes of requests.
struct Reader {
    groups: Groups,
    clicks: Clicks,
    settings: SiteSettings,
    vault: Vault,
    began: i64,
    all: u64,
}

impl Reader {
    /// When the row of this number arrives: one after the other, over two years.
    fn moment(&self, number: u64) -> Moment {
        let share = i128::from(TWO_YEARS) * i128::from(number) / i128::from(self.all.max(1));
        Moment { number, at: self.began + i64::try_from(share).unwrap_or(TWO_YEARS) }
    }

    fn part(&self, from: u64, to: u64) -> Result<Part> {
        let visits = from.div_ceil(OF_A_VISIT)..to.div_ceil(OF_A_VISIT);
        let mut events = Vec::new();
        for visit in visits {
            let at = self.moment(visit * OF_A_VISIT).at;
            for event in story::events(Moment { number: visit, at }).context("no ids")? {
                let own_hosts = self.settings.own_hosts();
                let rules = visit::Rules {
                    clicks: &self.clicks,
                    own_hosts: &own_hosts,
                    attribution: &self.settings.attribution,
                    cost: None,
                };
                let request = visit::Request { user_agent: "Mozilla/5.0 (Windows NT 10.0)".into(), country: None };
                let visit = visit::of(row_id_at(at), &event, rules, &request);
                events.push(ReceivedEvent {
                    id: row_id_at(at),
                    received_at: at,
                    event,
                    ip: None,
                    user_agent: None,
                    visit,
                });
            }
        }
        let postbacks = (from..to).map(|number| self.postback(number)).collect::<Result<_>>()?;
        Ok(Part { events, postbacks })
    }

    fn postback(&self, number: u64) -> Result<ReceivedPostback> {
        let moment = self.moment(number);
        let line = story::postback(moment, "F", |visit| visit).context("no ids")?;
        let (group, query) = line.split_once('?').context("the postback has no query")?;
        let raw = RawRequest {
            method: "GET".into(),
            query: query.into(),
            source_ip: "192.0.2.1".into(),
            ..RawRequest::default()
        };
        let id = row_id_at(moment.at);
        let context = reading::Context { groups: &self.groups, settings: &self.settings, passphrase: &|_| None };
        let ids = Ids { postback: &id, conversion: row_id_at(moment.at) };
        let said = reading::read(&context, Channel::Collect, group, &raw, &Corrections::new(), ids)?;
        Ok(ReceivedPostback {
            received_at: moment.at,
            group: group.to_owned(),
            channel: Channel::Collect,
            raw: self.vault.seal(&RawRequest::place(&id), &serde_json::to_vec(&raw)?)?,
            said: Ok(said),
            id,
        })
    }
}
