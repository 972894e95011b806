//! Walks from a link to where it ends, one request a hop.

use super::answer::{self, Answer, End};
use super::verdict::{self, Verdict, Way};
use crate::config;
use crate::outgoing::{Outgoing, OutgoingError, beginning};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION, USER_AGENT};
use reqwest::{Method, Request};
use std::time::Duration;
use tagwerk_protocol::link::LinkRules;
use tokio::time::Instant;
use url::Url;

/// Who asks. It begins as browsers do, since redirecting plugins are made for them; it says what it is, so that a site's owner can
/// find it in a log.
const AGENT: &str = concat!("Mozilla/5.0 (compatible; Tagwerk/", env!("CARGO_PKG_VERSION"), "; AutoScan)");

/// Finds out where a link leads and whether parameters get through: walks once as it is, once with a probe, and once more as it is
/// where these two differ. The network itself is never asked: the way ends before it.
pub async fn follow(outgoing: &Outgoing, rules: &LinkRules, link: &Url, bounds: &config::Autoscan) -> Verdict {
    let walker = Walker {
        outgoing,
        rules,
        hops: bounds.hops,
        hop: Duration::from_secs(bounds.hop_seconds),
        end: Instant::now() + Duration::from_secs(bounds.whole_seconds),
    };
    let plain = walker.walk(link.clone()).await;
    let probed = match &plain.end {
        Ok(group) if plain.hops.len() > 1 => Some(walker.walk(verdict::probe(link, group)).await),
        _ => None,
    };
    let again = match &probed {
        Some(probed) if verdict::is_unclear(&plain, probed) => Some(walker.walk(link.clone()).await),
        _ => None,
    };
    verdict::verdict(plain, probed, again)
}

struct Walker<'a> {
    outgoing: &'a Outgoing,
    rules: &'a LinkRules,
    hops: usize,
    hop: Duration,
    end: Instant,
}

impl Walker<'_> {
    async fn walk(&self, link: Url) -> Way {
        let mut hops = vec![link.clone()];
        let mut here = link;
        let end = loop {
            if let Some(group) = verdict::owner(self.rules, &here) {
                break Ok(group.clone());
            }
            let next = match self.ask(&here).await {
                Ok(next) => next,
                Err(end) => break Err(end),
            };
            if let Err(end) = verdict::step(&mut hops, next.clone(), self.hops) {
                break Err(end);
            }
            here = next;
        };
        Way { hops, end }
    }

    /// Where the answer to this URL leads.
    async fn ask(&self, url: &Url) -> Result<Url, End> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(End::passing("following it took too long"));
        }
        let mut request = Request::new(Method::GET, url.clone());
        *request.timeout_mut() = Some(left.min(self.hop));
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("text/html,*/*;q=0.5"));
        let response = self.outgoing.send(request).await.map_err(|error| told(&error))?;
        let status = response.status().as_u16();
        let location = response.headers().get(LOCATION).map(|location| location.as_bytes().to_owned());
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let page = if answer::is_page(status, content_type) {
            beginning(response, answer::LONGEST_PAGE).await.map_err(|error| told(&error))?
        } else {
            Vec::new()
        };
        answer::next(url, &Answer { status, location: location.as_deref(), page: &page })
    }
}

/// Names resolve differently tomorrow, and who was away comes back: none of this lasts.
fn told(error: &OutgoingError) -> End {
    if let OutgoingError::Unreachable { source, .. } = error {
        tracing::debug!(%error, cause = source.as_ref() as &dyn std::error::Error, "a link was not followed to its end");
    }
    End::passing(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode, Uri};
    use axum::response::IntoResponse;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::sync::{Arc, Mutex};
    use tagwerk_protocol::link::GroupRule;
    use tokio::net::TcpListener;

    /// Stands for the public internet in these tests; loopback's other addresses stand for somebody's own network.
    const OPEN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    fn only_open(address: IpAddr) -> bool {
        address == OPEN
    }

    /// A site that answers every path with this status and `Location`, and what it heard.
    async fn site(status: u16, location: String) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind((OPEN, 0)).await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let ears = Arc::clone(&heard);
        let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
            let ears = Arc::clone(&ears);
            async move {
                let agent = headers["user-agent"].to_str().unwrap_or_default().to_owned();
                ears.lock().expect("not poisoned").push(format!("{uri} {agent}"));
                (StatusCode::from_u16(status).expect("a status"), [("location", location)]).into_response()
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        (address, heard)
    }

    fn bounds() -> config::Autoscan {
        config::Config::load(None, toml::Table::new()).expect("the defaults").autoscan
    }

    async fn followed(link: &str) -> Verdict {
        let outgoing = Outgoing::reaching(only_open).expect("a client");
        let network = GroupRule {
            name: "n".into(),
            sub_id: "sub".into(),
            hosts: vec!["n.example".into()],
            paths: vec!["/go/".into()],
        };
        let rules = LinkRules { groups: vec![network], ..LinkRules::default() };
        follow(&outgoing, &rules, &Url::parse(link).expect("a link"), &bounds()).await
    }

    #[tokio::test]
    async fn a_redirect_out_of_the_public_internet_is_not_followed() {
        // Every way to write an address of one's own, and a name that leads to one.
        for target in ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]", "2130706433"] {
            let inside = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
            let inside_port = inside.local_addr().expect("an address").port();
            let (address, heard) = site(302, format!("http://{target}:{inside_port}/secret")).await;
            let found = followed(&format!("http://{address}/go")).await;
            assert_eq!(heard.lock().expect("not poisoned").len(), 1, "the site itself was asked");
            assert!(found.group.is_none() && !found.lasting && found.reason.contains("public internet"), "{found:?}");
            assert_eq!(found.hops.len(), 2, "where it would have gone is told: {found:?}");
            // If nobody has connected, our own connection is the first that is accepted.
            let own = tokio::net::TcpStream::connect(("127.0.0.1", inside_port)).await.expect("it listens");
            let (_, first) = inside.accept().await.expect("a connection");
            assert_eq!(first, own.local_addr().expect("an address"), "{target} was connected to");
        }
    }

    #[tokio::test]
    async fn a_name_of_one_s_own_network_is_not_asked_at_all() {
        let found = followed("http://localhost:9/go").await;
        assert!(found.reason.contains("localhost is not on the public internet"), "{found:?}");
        assert_eq!(found.hops, ["http://localhost:9/go"]);
    }

    #[tokio::test]
    async fn the_network_itself_is_never_asked_and_the_site_learns_who_asks() {
        // Nobody answers at n.example: that it is known as the network's shows that nobody was asked.
        let (address, heard) = site(301, "https://n.example/go/7".into()).await;
        let found = followed(&format!("http://{address}/go")).await;
        assert_eq!(
            (found.group.as_deref(), found.forwards, found.lasting),
            (Some("n"), Some(false), true),
            "{found:?}"
        );
        let heard = heard.lock().expect("not poisoned").clone();
        assert!(
            heard[0].starts_with("/go Mozilla/5.0 (compatible; Tagwerk/") && heard[0].ends_with("AutoScan)"),
            "{heard:?}"
        );
        assert!(heard[1].starts_with("/go?sub=tagwerkprobe0000"), "{heard:?}");
        assert_eq!(heard.len(), 2);
    }
}
