//! Asks the networks' APIs, one question at a time and no more often than each of them likes.

use super::{Question, Unanswered, read};
use crate::groups::Groups;
use crate::outgoing::{Outgoing, OutgoingError, beginning};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::header::{ACCEPT, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request};
use serde_json::Value;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tagwerk_protocol::group::api::Api;
use url::Url;

/// How long an answer may take in all: long lists are put together slowly.
const WHOLE: Duration = Duration::from_secs(90);
/// Largest answer that is read, in bytes.
const LARGEST: usize = 16 << 20;
/// How many questions may follow each other at once; after them the limit of a minute holds, evenly.
const AT_ONCE: u32 = 10;

/// Where an API is asked, and in whose name.
#[derive(Clone, Copy)]
pub struct Door<'a> {
    /// The group's name.
    pub group: &'a str,
    /// How it is asked.
    pub api: &'a Api,
    /// Scheme and host, and a path prefix where there is one; without a slash at the end.
    pub base_url: &'a str,
    /// The operator's key.
    pub key: &'a str,
}

/// How many times there was no answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tries {
    /// In all.
    pub all: u32,
    /// Because it did not read.
    pub unreadable: u32,
}

/// Asks the networks' APIs.
#[derive(Debug)]
pub struct NetworkApis {
    outgoing: Outgoing,
    /// By group: all sites of a server count together, since their keys may be of one account.
    limits: BTreeMap<String, DefaultDirectRateLimiter>,
    /// Until when each API wants to be left alone, by group.
    quiet: Mutex<BTreeMap<String, Instant>>,
    /// How many times a job has found no answer since its last step, and how many of those did not read.
    tries: Mutex<BTreeMap<String, Tries>>,
}

impl NetworkApis {
    /// For these groups, through this door.
    pub fn new(outgoing: Outgoing, groups: &Groups) -> Self {
        let one = NonZeroU32::MIN;
        let limit = |api: &Api| {
            let minute = NonZeroU32::new(api.requests_per_minute).unwrap_or(one);
            let at_once = NonZeroU32::new(AT_ONCE).unwrap_or(one).min(minute);
            RateLimiter::direct(Quota::per_minute(minute).allow_burst(at_once))
        };
        let limits = groups.iter().filter_map(|group| Some((group.name.clone(), limit(group.api.as_ref()?)))).collect();
        Self { outgoing, limits, quiet: Mutex::default(), tries: Mutex::default() }
    }

    /// Asks, as soon as the limit allows it.
    ///
    /// # Errors
    /// There is no answer to read; says what to do. No sentence holds the key.
    pub async fn ask(&self, door: Door<'_>, question: &Question) -> Result<Value, Unanswered> {
        let request = request(door, question)?;
        if let Some(wait) = self.quiet_for(door.group) {
            return Err(Unanswered::Later(Some(wait), "the API wants to be asked later".into()));
        }
        if let Some(limit) = self.limits.get(door.group) {
            limit.until_ready().await;
        }
        let later = |error: OutgoingError| match error {
            OutgoingError::Forbidden(why) => Unanswered::Forbidden(why),
            error => Unanswered::Later(None, error.to_string()),
        };
        let response = self.outgoing.send(request).await.map_err(later)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = beginning(response, LARGEST + 1).await.map_err(later)?;
        if body.len() > LARGEST {
            return Err(Unanswered::Unreadable(format!("the API's answer is longer than {LARGEST} bytes")));
        }
        let read = read(door.api, status, retry_after.as_deref(), &body);
        if let Err(Unanswered::Later(Some(wait), _)) = &read {
            let until = Instant::now() + *wait;
            self.quiet.lock().unwrap_or_else(PoisonError::into_inner).insert(door.group.to_owned(), until);
        }
        read
    }

    /// How long an API still wants to be left alone.
    fn quiet_for(&self, group: &str) -> Option<Duration> {
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let left = quiet.get(group)?.checked_duration_since(Instant::now());
        if left.is_none() {
            quiet.remove(group);
        }
        left
    }

    /// A job has found no answer; how many times that is since its last step.
    pub fn unanswered(&self, job_id: &str, why: &Unanswered) -> Tries {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = tries.entry(job_id.to_owned()).or_default();
        tries.all = tries.all.saturating_add(1);
        if matches!(why, Unanswered::Unreadable(_)) {
            tries.unreadable = tries.unreadable.saturating_add(1);
        }
        *tries
    }

    /// A job has found its answer.
    pub fn answered(&self, job_id: &str) {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).remove(job_id);
    }
}

fn request(door: Door<'_>, question: &Question) -> Result<Request, Unanswered> {
    let forbidden = |why: String| Unanswered::Forbidden(why);
    let address = format!("{}{}", door.base_url.trim_end_matches('/'), question.path);
    let mut url = Url::parse(&address).map_err(|error| forbidden(format!("the API's address is no URL: {error}")))?;
    url.query_pairs_mut().extend_pairs(&question.query);
    let name = HeaderName::from_bytes(door.api.key_header.as_bytes())
        .map_err(|_| forbidden(format!("api.key_header \"{}\" is no name of a header", door.api.key_header)))?;
    let mut key = HeaderValue::from_str(door.key)
        .map_err(|_| Unanswered::WrongKey("the key holds characters that no key can hold".into()))?;
    key.set_sensitive(true);
    let mut request = Request::new(Method::GET, url);
    *request.timeout_mut() = Some(WHOLE);
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    request.headers_mut().insert(name, key);
    Ok(request)
}
