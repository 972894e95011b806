//! A server on loopback that plays every platform, told apart by the first segment of the path (the prefix of `base_url`). It answers as
//! each does (`dialect`), unless a test has it answer otherwise, and remembers what it heard.

use crate::dialect;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Which platform it was for.
    pub(crate) platform: String,
    pub(crate) method: String,
    /// Behind the platform's prefix, with its query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The events that it tells, by their ids.
    pub(crate) event_ids: Vec<String>,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Everything in it as one text, as a careless platform repeats it in an error.
    pub(crate) fn whole(&self) -> String {
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{} {}\n{}\n\n{}", self.method, self.path, headers.join("\n"), self.body)
    }
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// As the platform does.
    Usual,
    /// With this, and nothing is taken.
    Text(u16, Vec<(&'static str, String)>, String),
    /// With this status and all that was asked repeated in the platform's own words for an error.
    Echo(u16),
    /// By no byte until it is told to go on; then as usual.
    Silence(watch::Receiver<bool>),
    /// The platform takes it, and resets the connection.
    Reset,
    /// The platform takes it, and the connection ends in the middle of the answer.
    Half,
    /// An answer that is longer than anybody wants.
    Huge,
}

impl Reply {
    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self::Text(status, Vec::new(), body.to_owned())
    }
}

#[derive(Default)]
struct Plan {
    next: VecDeque<Reply>,
    always: Option<Reply>,
    poison: HashSet<String>,
    /// Whether the plan counts for requests for access tokens, too.
    spoils_tokens: bool,
}

#[derive(Default)]
pub(crate) struct State {
    heard: Vec<Heard>,
    plans: HashMap<String, Plan>,
    /// How often each event was taken, by platform and event id.
    taken: BTreeMap<(String, String), usize>,
    tokens: usize,
}

impl State {
    /// An access token that nobody has seen yet.
    pub(crate) fn new_token(&mut self) -> String {
        self.tokens += 1;
        format!("Zq7Mark/access+token~{}", self.tokens)
    }
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    count: watch::Receiver<usize>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        Self::listening("http", None).await
    }

    /// One whose certificate nobody has signed.
    pub(crate) async fn with_a_wrong_certificate() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).expect("made");
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        tagwerk_server::outgoing::choose_cryptography();
        let config = rustls::ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).expect("they belong together");
        Self::listening("https", Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listening(scheme: &str, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("{scheme}://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let (counter, count) = watch::channel(0);
        let counter = Arc::new(counter);
        let fake = Self { url, state, count };
        let listening = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (fake, counter, acceptor) = (listening.clone(), Arc::clone(&counter), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => fake.serve_plain(stream, &counter).await,
                        Some(acceptor) => {
                            // A handshake that fails is what the test is about.
                            if let Ok(mut stream) = acceptor.accept(stream).await {
                                while fake.serve(&mut stream, &counter).await == After::GoOn {}
                            }
                        }
                    }
                });
            }
        });
        fake
    }

    /// The port, for other spellings of the address.
    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().expect("a port")
    }

    /// How the next requests of a platform are answered.
    pub(crate) fn next(&self, platform: &str, replies: impl IntoIterator<Item = Reply>) {
        self.state().plans.entry(platform.to_owned()).or_default().next.extend(replies);
    }

    /// How all further requests of a platform are answered; `None` for as usual.
    pub(crate) fn always(&self, platform: &str, reply: Option<Reply>) {
        self.state().plans.entry(platform.to_owned()).or_default().always = reply;
    }

    /// From now on what was planned counts for requests for access tokens, too.
    pub(crate) fn spoil_tokens(&self, platform: &str) {
        self.state().plans.entry(platform.to_owned()).or_default().spoils_tokens = true;
    }

    /// An event that the platform never takes.
    pub(crate) fn poison(&self, platform: &str, event_id: &str) {
        self.state().plans.entry(platform.to_owned()).or_default().poison.insert(event_id.to_owned());
    }

    /// What a platform heard so far.
    pub(crate) fn heard(&self, platform: &str) -> Vec<Heard> {
        self.state().heard.iter().filter(|heard| heard.platform == platform).cloned().collect()
    }

    /// What a platform heard, at least so many requests: waits for them.
    pub(crate) async fn hears(&self, platform: &str, least: usize) -> Vec<Heard> {
        let mut count = self.count.clone();
        let begun = Instant::now();
        loop {
            count.borrow_and_update();
            let heard = self.heard(platform);
            if heard.len() >= least {
                return heard;
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let more = tokio::time::timeout(left, count.changed()).await;
            more.unwrap_or_else(|_| panic!("{platform} heard {} of {least}", heard.len())).expect("it listens");
        }
    }

    /// The ids under which a platform has taken events, each once.
    pub(crate) fn taken(&self, platform: &str) -> BTreeSet<String> {
        self.state().taken.keys().filter(|(known, _)| known == platform).map(|(_, id)| id.clone()).collect()
    }

    /// How often a platform has taken an event.
    pub(crate) fn times(&self, platform: &str, event_id: &str) -> usize {
        self.state().taken.get(&(platform.to_owned(), event_id.to_owned())).copied().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve_plain(&self, mut stream: TcpStream, counter: &watch::Sender<usize>) {
        loop {
            match self.serve(&mut stream, counter).await {
                After::GoOn => {}
                After::Close => return,
                After::Reset => {
                    // No time to linger: the other side gets a reset instead of an end.
                    let _ = stream.set_zero_linger();
                    return;
                }
            }
        }
    }

    fn take(&self, heard: &Heard, poison: &HashSet<String>) -> dialect::Said {
        let mut state = self.state();
        let answer = dialect::usual(heard, poison, &mut state);
        for event_id in &answer.taken {
            *state.taken.entry((heard.platform.clone(), event_id.clone())).or_default() += 1;
        }
        answer
    }

    async fn serve(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin), counter: &watch::Sender<usize>) -> After {
        let Some(heard) = read(stream).await else { return After::Close };
        let (mut reply, poison) = {
            let mut state = self.state();
            let plan = state.plans.entry(heard.platform.clone()).or_default();
            let planned = if dialect::is_token(&heard) && !plan.spoils_tokens {
                None
            } else {
                plan.next.pop_front().or_else(|| plan.always.clone())
            };
            let found = (planned.unwrap_or(Reply::Usual), plan.poison.clone());
            state.heard.push(heard.clone());
            found
        };
        counter.send_modify(|count| *count += 1);
        if let Reply::Silence(told) = &mut reply {
            let _ = told.wait_for(|is_over| *is_over).await;
            reply = Reply::Usual;
        }
        if matches!(reply, Reply::Usual | Reply::Reset | Reply::Half) {
            let answer = self.take(&heard, &poison);
            return match reply {
                Reply::Reset => After::Reset,
                Reply::Half => {
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"events_rec";
                    let _ = stream.write_all(head.as_bytes()).await;
                    After::Close
                }
                _ => write(stream, answer.status, &[], &answer.body).await,
            };
        }
        match reply {
            Reply::Text(status, headers, body) => write(stream, status, &headers, &body).await,
            Reply::Echo(status) => write(stream, status, &[], &dialect::echo(&heard)).await,
            Reply::Huge => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n").await;
                let part = vec![b'x'; 64 * 1024];
                // Until the other side has had enough: it must not read all of it.
                for _ in 0..4096 {
                    if stream.write_all(&part).await.is_err() {
                        return After::Close;
                    }
                }
                self.state().taken.insert((heard.platform, "all of the huge answer".into()), 1);
                After::Close
            }
            Reply::Usual | Reply::Silence(_) | Reply::Reset | Reply::Half => After::Close,
        }
    }
}

#[derive(PartialEq)]
enum After {
    GoOn,
    Close,
    Reset,
}

/// One request: a head, and a body of the length that it names.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Heard> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let fields = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> =
        fields.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let target = target.strip_prefix('/').unwrap_or(target);
    let end = target.find(['/', '?']).unwrap_or(target.len());
    let (platform, path) = target.split_at(end);
    let mut heard = Heard {
        platform: platform.to_owned(),
        method,
        path: path.to_owned(),
        headers,
        body: String::from_utf8(body).ok()?,
        event_ids: Vec::new(),
    };
    heard.event_ids = dialect::event_ids(&heard);
    Some(heard)
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    status: u16,
    headers: &[(&'static str, String)],
    body: &str,
) -> After {
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n{more}\r\n{body}", body.len());
    let body_allowed = status != 204;
    let answer = if body_allowed { answer } else { format!("HTTP/1.1 204 Said\r\n{more}\r\n") };
    match stream.write_all(answer.as_bytes()).await {
        Ok(()) => After::GoOn,
        Err(_) => After::Close,
    }
}
