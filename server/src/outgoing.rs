//! The one door through which requests leave the server. It opens to public addresses alone, unless the configuration says
//! otherwise: judged where the connection is made, on the addresses that the name resolved to just then.
//!
//! No proxy, no cookies, no redirects: whoever follows one passes here again.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, ClientBuilder, Request, Response, redirect};
use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use url::{Host, Url};

pub mod address;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request may take in all, where it does not say so itself.
const WHOLE: Duration = Duration::from_secs(30);
/// How long a connection may lie idle.
const IDLE: Duration = Duration::from_secs(30);

/// Why a request got no answer. Named by what the sender can do; the sentences tell no address, since some are shown to strangers.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// It may not be sent there.
    #[error("{0}")]
    Forbidden(String),
    /// Nobody is there, or what is there speaks no HTTP: another time it may be different.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// Whom it was for.
        host: String,
        /// What the client says.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// It took too long.
    #[error("{host} did not answer in time")]
    TimedOut {
        /// Whom it was for.
        host: String,
    },
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("the client for outgoing requests cannot be made")]
pub struct ClientError(#[source] reqwest::Error);

/// The door.
#[derive(Debug, Clone)]
pub struct Outgoing {
    client: Client,
    may_reach: MayReach,
}

/// Whether an address may be connected to.
type MayReach = fn(IpAddr) -> bool;

impl Outgoing {
    /// A door that opens to private addresses too where `allow_private` says so.
    ///
    /// # Errors
    /// The system's certificates cannot be used, nor the built-in ones.
    pub fn new(allow_private: bool) -> Result<Self, ClientError> {
        Self::reaching(if allow_private { |_| true } else { address::is_public })
    }

    /// A door that opens to these addresses.
    pub(crate) fn reaching(may_reach: MayReach) -> Result<Self, ClientError> {
        choose_cryptography();
        let client = match builder(may_reach).build() {
            Ok(client) => client,
            // A container without certificates: then Mozilla's list as of this build counts.
            Err(_) => {
                let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
                let bundled = bundled.iter().filter_map(|certificate| Certificate::from_der(certificate).ok());
                builder(may_reach).tls_certs_merge(bundled).build().map_err(ClientError)?
            }
        };
        Ok(Self { client, may_reach })
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// It may not be sent there, nobody is there, or it took too long.
    pub async fn send(&self, request: Request) -> Result<Response, OutgoingError> {
        let url = request.url();
        self.check(url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        self.client.execute(request).await.map_err(|error| told(error, host))
    }

    /// Whether a URL may be asked for, as far as can be told before its name is resolved. Addresses are judged here, since no
    /// name is resolved for them.
    fn check(&self, url: &Url) -> Result<(), OutgoingError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OutgoingError::Forbidden(format!("only http and https are asked, not {}", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutgoingError::Forbidden("a URL with a user name is not asked".into()));
        }
        let address = match url.host() {
            None => return Err(OutgoingError::Forbidden("the URL names no host".into())),
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(address)) => IpAddr::from(address),
            Some(Host::Ipv6(address)) => IpAddr::from(address),
        };
        if (self.may_reach)(address) {
            return Ok(());
        }
        Err(OutgoingError::Forbidden(NotPublic { host: url.host_str().unwrap_or_default().to_owned() }.to_string()))
    }
}

/// Says whose cryptography every client of this process uses, unless somebody has said so before.
pub fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The beginning of an answer's body, at most so many bytes.
///
/// # Errors
/// The connection broke, or it took too long.
pub async fn beginning(mut response: Response, most: usize) -> Result<Vec<u8>, OutgoingError> {
    let host = response.url().host_str().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while bytes.len() < most {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(told(error, host)),
        }
    }
    bytes.truncate(most);
    Ok(bytes)
}

fn builder(may_reach: MayReach) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("Tagwerk/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        // Whoever asks may look at the certificate, too.
        .tls_info(true)
        .retry(reqwest::retry::never())
        // A proxy would resolve names itself, out of our sight.
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .pool_idle_timeout(IDLE)
        .dns_resolver(Guarded(may_reach))
}

/// Resolves names by the system and gives out the addresses that may be reached; the client connects to no others.
struct Guarded(MayReach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let may_reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let there_are_some = !found.is_empty();
            let open: Vec<SocketAddr> = found.into_iter().filter(|found| may_reach(found.ip())).collect();
            if there_are_some && open.is_empty() {
                return Err(NotPublic { host: name.as_str().to_owned() }.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// A host whose every address is somebody's own.
#[derive(Debug, thiserror::Error)]
#[error("{host} is not on the public internet, and TAGWERK_ALLOW_PRIVATE_TARGETS is off")]
struct NotPublic {
    host: String,
}

/// What became of a request, without the client's own words, which may hold the URL.
fn told(error: reqwest::Error, host: String) -> OutgoingError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<NotPublic>() {
            return OutgoingError::Forbidden(refused.to_string());
        }
        cause = error.source();
    }
    if error.is_timeout() {
        return OutgoingError::TimedOut { host };
    }
    OutgoingError::Unreachable { host, source: Box::new(error.without_url()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::Method;
    use tokio::net::TcpListener;

    /// Asks a listener of ours by this URL, in which `PORT` stands for its port; what it heard is decided by whether a connection waits.
    async fn ask(url: &str, allow_private: bool) -> (Result<Response, OutgoingError>, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let outgoing = Outgoing::new(allow_private).expect("a client");
        let url = Url::parse(&url.replace("PORT", &port.to_string())).expect("a URL");
        let mut request = Request::new(Method::GET, url);
        *request.timeout_mut() = Some(Duration::from_millis(200));
        let answer = outgoing.send(request).await;
        // Ready at once if somebody connected; otherwise our own connection is the first in the queue.
        let own = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
        let (_, first) = listener.accept().await.expect("a connection");
        (answer, first != own.local_addr().expect("an address"))
    }

    #[tokio::test]
    async fn no_spelling_of_loopback_is_connected_to() {
        for url in [
            "http://127.0.0.1:PORT/",
            "http://localhost:PORT/",
            "http://2130706433:PORT/",
            "http://0x7f.1:PORT/",
            "http://0177.0.0.1:PORT/",
            "http://127.1:PORT/",
            "http://[::ffff:127.0.0.1]:PORT/",
            "http://0.0.0.0:PORT/",
            "http://[::1]:PORT/",
            "http://[::]:PORT/",
            "http://１２７.0.0.1:PORT/",
        ] {
            let (answer, connected) = ask(url, false).await;
            assert!(!connected, "{url}");
            assert!(
                matches!(&answer, Err(OutgoingError::Forbidden(why)) if why.contains("public internet")),
                "{url}: {answer:?}"
            );
        }
    }

    #[tokio::test]
    async fn where_private_addresses_are_allowed_they_are_connected_to() {
        for url in ["http://127.0.0.1:PORT/", "http://localhost:PORT/"] {
            let (answer, connected) = ask(url, true).await;
            assert!(connected, "{url}");
            assert!(matches!(answer, Err(OutgoingError::TimedOut { .. })), "{url}: {answer:?}");
        }
    }

    #[tokio::test]
    async fn other_schemes_and_urls_with_passwords_are_not_asked() {
        let outgoing = Outgoing::new(true).expect("a client");
        for url in ["file:///etc/passwd", "ftp://a.example/", "http://user@127.0.0.1/", "https://:pw@127.0.0.1/"] {
            let answer = outgoing.send(Request::new(Method::GET, Url::parse(url).expect(url))).await;
            assert!(matches!(answer, Err(OutgoingError::Forbidden(_))), "{url}: {answer:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_cannot_be_reached() {
        let outgoing = Outgoing::new(true).expect("a client");
        let url = Url::parse("http://nobody.invalid/secret").expect("a URL");
        let error = outgoing.send(Request::new(Method::GET, url)).await.expect_err("nobody is there");
        assert_eq!(error.to_string(), "nobody.invalid cannot be reached");
    }
}
