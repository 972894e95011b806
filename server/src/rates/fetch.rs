//! Fetches the rates of each working day once they are published, and those of the days that were missed.
//!
//! A failure harms nothing: amounts are converted by the rates there are, stale ones are told as such, and it is tried again.

use super::import::{ImportError, day_of, import};
use super::{ecb, import};
use crate::config;
use crate::outgoing::{Outgoing, OutgoingError, beginning};
use crate::store::{Millis, Rates, SharedStore, StoreError};
use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, Request};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// When the rates of a working day are there, in UTC: they are published at about 16:00 in Frankfurt, which is 15:00 in winter.
const PUBLISHED: Time = time(15, 15, 0, 0);
/// How many days back are looked at for days that were missed: within the ninety that the longer file has.
const BACK: i64 = 80;
/// How soon a day whose rates were not there is asked for again.
const LATE: Duration = Duration::from_secs(2 * 60 * 60);
/// How soon a failed attempt is repeated; each further failure doubles it, up to [`LATE`].
const AGAIN: Duration = Duration::from_secs(60);
/// The longest time between two looks at the clock, which may be set.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);
/// How long one file may take in all.
const WHOLE: Duration = Duration::from_secs(60);

/// How the last attempt ended, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempt {
    /// When it was; `None` if there was none since the start.
    pub at: Option<Millis>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// The last attempt, shared with whoever shows it.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<Mutex<Attempt>>);

impl Attempts {
    /// The last one.
    pub fn last(&self) -> Attempt {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, at: Millis, error: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Attempt { at: Some(at), error };
    }
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    #[error("{0} in the configuration is no URL")]
    NoUrl(&'static str),
    #[error("{host} answered {status}; {key} in the configuration says where the file is")]
    Status { host: String, status: u16, key: &'static str },
    #[error("{host} answered with more than {} MB", ecb::MAX_BYTES / 1_000_000)]
    TooLong { host: String },
    #[error("the file of {host} is not taken: {source}")]
    Import { host: String, source: ImportError },
}

/// A file that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum File {
    Daily,
    History,
}

/// Fetches, and remembers what it need not fetch again.
pub struct Fetcher {
    outgoing: Outgoing,
    settings: config::Rates,
    /// How long after their publication the rates are asked for, so that not every server asks at once.
    spread: Duration,
    whole: Duration,
    attempts: Attempts,
    /// How each file named the version that was taken.
    seen: HashMap<File, HeaderMap>,
    /// The first and the last day of the longer file: a working day between them without rates was a holiday.
    covered: Option<(Date, Date)>,
    failures: u32,
}

impl Fetcher {
    /// Nothing was fetched yet. `spread` is some time that differs from server to server.
    pub fn new(outgoing: Outgoing, settings: config::Rates, spread: Duration, attempts: Attempts) -> Self {
        let (seen, covered) = (HashMap::new(), None);
        Self { outgoing, settings, spread, whole: WHOLE, attempts, seen, covered, failures: 0 }
    }

    /// Fetches whenever there is something to fetch, until the future is dropped.
    pub async fn run(mut self, store: SharedStore) {
        while self.settings.is_on() {
            let wait = self.step(store.as_ref(), Timestamp::now()).await;
            tokio::time::sleep(wait).await;
        }
    }

    /// Fetches what is missing at this time, if anything is; tells how long there is nothing more to do.
    async fn step(&mut self, store: &(impl Rates + ?Sized), now: Timestamp) -> Duration {
        let missing = match self.missing(store, now).await {
            Ok(missing) => missing,
            Err(error) => return self.failed(now, &error),
        };
        if missing.is_empty() {
            return until_published(now, self.spread);
        }
        let tried = self.fetch(&missing, store, now).await;
        let missing = self.missing(store, now).await;
        match (tried, missing) {
            (Err(error), _) => self.failed(now, &error),
            (Ok(()), Err(error)) => self.failed(now, &error),
            (Ok(()), Ok(missing)) => {
                if self.failures > 0 {
                    tracing::info!("currency rates are fetched again");
                }
                self.failures = 0;
                self.attempts.note(now.as_millisecond(), None);
                if missing.is_empty() { until_published(now, self.spread) } else { LATE }
            }
        }
    }

    /// Working days whose rates ought to be there and are not.
    async fn missing(&self, store: &(impl Rates + ?Sized), now: Timestamp) -> Result<Vec<Date>, StoreError> {
        let newest = newest_published(now);
        let first = newest.saturating_sub(BACK.days());
        let known: HashSet<Date> = store.rate_days(first, newest).await?.into_iter().map(|day| day.day).collect();
        let is_holiday = |day: Date| self.covered.is_some_and(|(first, last)| (first..=last).contains(&day));
        let days = first.series(1.day()).take_while(|day| *day <= newest);
        Ok(days.filter(|day| is_working_day(*day) && !known.contains(day) && !is_holiday(*day)).collect())
    }

    /// Fetches the file that has what is missing: the daily one where that is the newest day alone.
    async fn fetch(
        &mut self,
        missing: &[Date],
        store: &(impl Rates + ?Sized),
        now: Timestamp,
    ) -> Result<(), FetchError> {
        if missing == [newest_published(now)] || self.settings.history_url.is_empty() {
            return self.file(File::Daily, store, now).await.map(drop);
        }
        match self.file(File::History, store, now).await {
            Ok(imported) => {
                self.covered = imported.map(|imported| (imported.from, imported.to)).or(self.covered);
                Ok(())
            }
            // The newest rates are worth having without the older ones.
            Err(error) => self.file(File::Daily, store, now).await.and(Err(error)),
        }
    }

    /// Fetches one file and takes it; `None` if it has not changed since it was taken.
    async fn file(
        &mut self,
        file: File,
        store: &(impl Rates + ?Sized),
        now: Timestamp,
    ) -> Result<Option<import::Imported>, FetchError> {
        let (key, url) = match file {
            File::Daily => ("rates.url", &self.settings.url),
            File::History => ("rates.history_url", &self.settings.history_url),
        };
        let url = Url::parse(url).map_err(|_| FetchError::NoUrl(key))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let source = format!("{host}{}", url.path());
        let mut request = Request::new(Method::GET, url);
        *request.timeout_mut() = Some(self.whole);
        let known = self.seen.get(&file);
        request.headers_mut().extend(known.cloned().unwrap_or_default());
        let response = self.outgoing.send(request).await?;
        match response.status().as_u16() {
            200 => {}
            304 if known.is_some() => return Ok(None),
            status => return Err(FetchError::Status { host, status, key }),
        }
        let version = version(response.headers());
        let body = beginning(response, ecb::MAX_BYTES + 1).await?;
        if body.len() > ecb::MAX_BYTES {
            return Err(FetchError::TooLong { host });
        }
        let imported = import(store, body, &source, now.as_millisecond()).await;
        let imported = imported.map_err(|source| FetchError::Import { host, source })?;
        // Only what was taken need not be sent again.
        match version {
            Some(version) => self.seen.insert(file, version),
            None => self.seen.remove(&file),
        };
        tracing::info!(source, from = %imported.from, to = %imported.to, new = imported.kept.added, "currency rates");
        Ok(Some(imported))
    }

    /// Says so once, and tells how long to wait.
    fn failed(&mut self, now: Timestamp, error: &dyn std::error::Error) -> Duration {
        if self.failures == 0 {
            tracing::warn!(%error, "currency rates cannot be fetched; it is tried again, and a file can be supplied by hand");
        } else {
            tracing::debug!(%error, failures = self.failures, "currency rates cannot be fetched");
        }
        self.attempts.note(now.as_millisecond(), Some(error.to_string()));
        let wait = AGAIN.saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LATE);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

/// The headers by which a later request asks for another version alone.
fn version(answer: &HeaderMap) -> Option<HeaderMap> {
    let names = [(header::ETAG, header::IF_NONE_MATCH), (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE)];
    let found = names.into_iter().filter_map(|(told, asked)| Some((asked, HeaderValue::clone(answer.get(told)?))));
    let found: HeaderMap = found.collect();
    (!found.is_empty()).then_some(found)
}

fn is_working_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The newest day whose rates ought to be there, if it is no holiday.
fn newest_published(now: Timestamp) -> Date {
    let now = now.to_zoned(TimeZone::UTC);
    let mut day = now.date();
    if now.time() < PUBLISHED {
        day = day.saturating_sub(1.day());
    }
    while !is_working_day(day) {
        day = day.saturating_sub(1.day());
    }
    day
}

/// How long it is until rates are published the next time.
fn until_published(now: Timestamp, spread: Duration) -> Duration {
    let mut day = day_of(now.as_millisecond()).unwrap_or_default();
    loop {
        let published = day.to_datetime(PUBLISHED).to_zoned(TimeZone::UTC).map(|at| at.timestamp());
        match published.ok().and_then(|at| Duration::try_from(at.duration_since(now)).ok()) {
            Some(wait) if is_working_day(day) && !wait.is_zero() => return wait.saturating_add(spread).min(LONGEST),
            _ => match day.checked_add(1.day()) {
                Ok(next) => day = next,
                Err(_) => return LONGEST,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{Options, Sqlite};
    use axum::Router;
    use axum::extract::State;
    use axum::http::{StatusCode, Uri};
    use axum::response::{IntoResponse, Response};
    use jiff::civil::date;
    use std::collections::VecDeque;
    use tokio::net::TcpListener;

    const MONDAY: Date = date(2024, 7, 1);
    const TUESDAY: Date = date(2024, 7, 2);
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(60 * 60);

    /// What the bank answers, one after the other; the last one stays.
    #[derive(Clone, Debug)]
    enum Answer {
        Days(Vec<Date>),
        Versioned(Vec<Date>, &'static str),
        Text(StatusCode, String),
        Silence,
    }

    #[derive(Default)]
    struct Said {
        daily: VecDeque<Answer>,
        history: VecDeque<Answer>,
        /// Each request's path, and the version it had.
        heard: Vec<String>,
    }

    type Shared = Arc<Mutex<Said>>;

    async fn answer(State(said): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
        let known = headers.get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let next = {
            let mut said = said.lock().expect("not poisoned");
            let shown = known.clone().unwrap_or_default();
            said.heard.push(format!("{} {shown}", uri.path()).trim().to_owned());
            let queue = if uri.path() == "/daily.xml" { &mut said.daily } else { &mut said.history };
            let next = queue.front().cloned().expect("an answer is prepared");
            if queue.len() > 1 {
                queue.pop_front();
            }
            next
        };
        match next {
            Answer::Days(days) => file(&days).into_response(),
            Answer::Versioned(_, version) if known.as_deref() == Some(version) => {
                StatusCode::NOT_MODIFIED.into_response()
            }
            Answer::Versioned(days, version) => ([(header::ETAG, version)], file(&days)).into_response(),
            Answer::Text(status, text) => (status, text).into_response(),
            Answer::Silence => std::future::pending().await,
        }
    }

    fn file(days: &[Date]) -> String {
        let cube = |day: &Date| format!("<Cube time='{day}'><Cube currency='USD' rate='1.0705'/></Cube>");
        format!("<Envelope><Cube>{}</Cube></Envelope>", days.iter().map(cube).collect::<String>())
    }

    /// A bank, a store and the fetcher between them.
    struct Scene {
        said: Shared,
        store: Sqlite,
        fetcher: Fetcher,
        _folder: tempfile::TempDir,
    }

    impl Scene {
        async fn new(daily: &[Answer], history: &[Answer]) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let url = format!("http://{}", listener.local_addr().expect("an address"));
            let said = Said {
                daily: daily.iter().cloned().collect(),
                history: history.iter().cloned().collect(),
                heard: Vec::new(),
            };
            let said: Shared = Arc::new(Mutex::new(said));
            let router = Router::new().fallback(answer).with_state(Arc::clone(&said));
            tokio::spawn(async move { axum::serve(listener, router).await });
            let folder = tempfile::tempdir().expect("a folder");
            let store = Sqlite::open(&folder.path().join("tagwerk.db"), Options::default()).expect("it opens");
            let settings = config::Rates {
                enabled: true,
                url: format!("{url}/daily.xml"),
                history_url: format!("{url}/history.xml?key=secret"),
            };
            let outgoing = Outgoing::new(true).expect("a client");
            let mut fetcher = Fetcher::new(outgoing, settings, Duration::ZERO, Attempts::default());
            fetcher.whole = Duration::from_secs(20);
            Self { said, store, fetcher, _folder: folder }
        }

        async fn step(&mut self, now: Timestamp) -> Duration {
            self.fetcher.step(&self.store, now).await
        }

        /// Rates of all working days until this one, so that none are missing.
        async fn fill(&self, until: Date) {
            let file = file(&days_until(until));
            import(&self.store, file.into_bytes(), "a file", at(until, 23, 0).as_millisecond()).await.expect("taken");
        }

        fn heard(&self) -> Vec<String> {
            self.said.lock().expect("not poisoned").heard.clone()
        }

        async fn newest(&self) -> Option<Date> {
            self.store.newest_rate_day().await.expect("read").map(|newest| newest.day)
        }

        fn error(&self) -> String {
            self.fetcher.attempts.last().error.expect("it failed")
        }
    }

    fn days_until(until: Date) -> Vec<Date> {
        let first = until.saturating_sub(90.days());
        first.series(1.day()).take_while(|day| *day <= until).filter(|day| is_working_day(*day)).collect()
    }

    fn at(day: Date, hour: i8, minute: i8) -> Timestamp {
        day.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).expect("a time").timestamp()
    }

    #[tokio::test]
    async fn an_empty_store_gets_ninety_days_and_then_each_new_day() {
        let history = [Answer::Days(days_until(MONDAY))];
        let mut scene = Scene::new(&[Answer::Days(vec![TUESDAY])], &history).await;
        assert_eq!(scene.step(at(MONDAY, 18, 0)).await, LONGEST, "nothing to do, but the clock is looked at");
        assert_eq!(scene.heard(), ["/history.xml"]);
        assert_eq!(scene.step(at(TUESDAY, 15, 0)).await, 15 * MINUTE, "the next ones are yet to be published");
        assert_eq!(scene.heard(), ["/history.xml"]);
        scene.step(at(TUESDAY, 15, 15)).await;
        assert_eq!(scene.heard(), ["/history.xml", "/daily.xml"]);
        assert_eq!(scene.newest().await, Some(TUESDAY));
        let newest = scene.store.newest_rate_day().await.expect("read").expect("a day");
        assert_eq!(newest.source, "127.0.0.1/daily.xml");
        assert_eq!(scene.fetcher.attempts.last().error, None);
    }

    #[tokio::test]
    async fn a_file_that_has_not_changed_is_not_sent_again() {
        let (old, new) = (Answer::Versioned(vec![MONDAY], "\"1\""), Answer::Versioned(vec![TUESDAY], "\"2\""));
        let mut scene = Scene::new(&[old.clone(), old, new], &[]).await;
        scene.fill(date(2024, 6, 28)).await;
        scene.step(at(MONDAY, 16, 0)).await;
        assert_eq!(scene.step(at(TUESDAY, 15, 30)).await, LATE, "not there yet: asked again later");
        assert_eq!(scene.newest().await, Some(MONDAY));
        scene.step(at(TUESDAY, 17, 30)).await;
        assert_eq!(scene.heard(), ["/daily.xml", "/daily.xml \"1\"", "/daily.xml \"1\""]);
        assert_eq!(scene.newest().await, Some(TUESDAY));
    }

    #[tokio::test]
    async fn days_that_were_missed_are_made_up_for_and_a_holiday_is_asked_for_once() {
        // All but the Thursday before, as if it had been a holiday.
        let with_holiday: Vec<Date> = days_until(MONDAY).into_iter().filter(|day| *day != date(2024, 6, 27)).collect();
        let mut scene = Scene::new(&[Answer::Days(vec![TUESDAY])], &[Answer::Days(with_holiday)]).await;
        scene.fill(date(2024, 6, 25)).await;
        scene.step(at(MONDAY, 16, 0)).await;
        assert_eq!(scene.newest().await, Some(MONDAY));
        scene.step(at(TUESDAY, 16, 0)).await;
        assert_eq!(scene.heard(), ["/history.xml", "/daily.xml"]);
        assert_eq!(scene.newest().await, Some(TUESDAY));
    }

    #[tokio::test]
    async fn nothing_is_fetched_on_a_weekend() {
        let mut scene = Scene::new(&[], &[]).await;
        scene.fill(date(2024, 6, 28)).await;
        assert_eq!(scene.step(at(date(2024, 6, 29), 16, 0)).await, LONGEST);
        assert_eq!(scene.step(at(MONDAY, 12, 15)).await, 3 * HOUR);
        assert!(scene.heard().is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_tried_again_later_and_later_until_it_works() {
        let gone = Answer::Text(StatusCode::NOT_FOUND, "no".into());
        let daily = [gone.clone(), gone.clone(), gone, Answer::Days(vec![MONDAY])];
        let mut scene = Scene::new(&daily, &[]).await;
        scene.fill(date(2024, 6, 28)).await;
        for wait in [MINUTE, 2 * MINUTE, 4 * MINUTE] {
            assert_eq!(scene.step(at(MONDAY, 16, 0)).await, wait);
            let said = scene.error();
            assert_eq!(said, "127.0.0.1 answered 404; rates.url in the configuration says where the file is");
        }
        assert_eq!(scene.newest().await, Some(date(2024, 6, 28)));
        scene.step(at(MONDAY, 16, 10)).await;
        assert_eq!(scene.newest().await, Some(MONDAY));
        assert_eq!(
            scene.fetcher.attempts.last(),
            Attempt { at: Some(at(MONDAY, 16, 10).as_millisecond()), error: None }
        );
        scene.fetcher.failures = 40;
        assert_eq!(scene.fetcher.failed(at(MONDAY, 16, 0), &StoreError::Busy), LATE);
    }

    #[tokio::test]
    async fn without_the_longer_file_the_newest_day_is_taken_all_the_same() {
        let gone = Answer::Text(StatusCode::INTERNAL_SERVER_ERROR, String::new());
        let mut scene = Scene::new(&[Answer::Days(vec![MONDAY])], &[gone]).await;
        assert_eq!(scene.step(at(MONDAY, 16, 0)).await, MINUTE);
        assert_eq!(scene.newest().await, Some(MONDAY));
        let said = scene.error();
        assert!(said.contains("answered 500; rates.history_url") && !said.contains("secret"), "{said}");
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_given_up() {
        let spaces = " ".repeat(ecb::MAX_BYTES + 1);
        let mut scene = Scene::new(&[Answer::Text(StatusCode::OK, spaces)], &[]).await;
        scene.fill(date(2024, 6, 28)).await;
        scene.step(at(MONDAY, 16, 0)).await;
        assert_eq!(scene.error(), "127.0.0.1 answered with more than 20 MB");
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_given_up() {
        let mut scene = Scene::new(&[Answer::Silence], &[]).await;
        scene.fill(date(2024, 6, 28)).await;
        scene.fetcher.whole = Duration::from_millis(100);
        scene.step(at(MONDAY, 16, 0)).await;
        assert_eq!(scene.error(), "127.0.0.1 did not answer in time");
    }

    #[tokio::test]
    async fn an_answer_that_is_none_of_the_bank_s_files_changes_nothing() {
        let page = Answer::Text(StatusCode::OK, "<!doctype html><p>Down for maintenance".into());
        let half = Answer::Text(StatusCode::OK, file(&[MONDAY]).replace("</Envelope>", ""));
        let to_come = Answer::Days(vec![date(2030, 1, 1)]);
        let mut scene = Scene::new(&[page, half, to_come], &[]).await;
        scene.fill(date(2024, 6, 28)).await;
        for words in ["web page", "before it is complete", "yet to come"] {
            scene.step(at(MONDAY, 16, 0)).await;
            assert!(scene.error().contains(words), "{}", scene.error());
        }
        assert_eq!(scene.newest().await, Some(date(2024, 6, 28)));
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let mut scene = Scene::new(&[Answer::Text(StatusCode::FOUND, String::new())], &[]).await;
        scene.fill(date(2024, 6, 28)).await;
        scene.step(at(MONDAY, 16, 0)).await;
        assert!(scene.error().contains("answered 302"), "{}", scene.error());
        assert_eq!(scene.heard().len(), 1);
    }

    #[tokio::test]
    async fn a_private_address_is_not_asked_unless_that_is_allowed() {
        let mut scene = Scene::new(&[], &[]).await;
        scene.fetcher.outgoing = Outgoing::new(false).expect("a client");
        scene.step(at(MONDAY, 16, 0)).await;
        assert!(scene.error().contains("TAGWERK_ALLOW_PRIVATE_TARGETS"), "{}", scene.error());
        assert!(scene.heard().is_empty());
    }

    #[test]
    fn rates_are_expected_once_a_working_day() {
        for (now, newest) in [
            (at(MONDAY, 15, 14), date(2024, 6, 28)),
            (at(MONDAY, 15, 15), MONDAY),
            (at(date(2024, 6, 29), 12, 0), date(2024, 6, 28)),
            (at(date(2024, 6, 30), 20, 0), date(2024, 6, 28)),
        ] {
            assert_eq!(newest_published(now), newest, "{now}");
        }
        let spread = 10 * MINUTE;
        assert_eq!(until_published(at(MONDAY, 15, 0), spread), 25 * MINUTE);
        assert_eq!(until_published(at(MONDAY, 15, 15), spread), LONGEST);
        assert_eq!(until_published(Timestamp::MAX, spread), LONGEST);
    }
}
