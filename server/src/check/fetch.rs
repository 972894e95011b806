//! Fetches what a check looks at, through the one door: bounded in size, in time and in redirects.

use crate::autoscan::answer::LONGEST_URL;
use crate::outgoing::{Outgoing, OutgoingError, beginning};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{ACCEPT, CONTENT_ENCODING, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use reqwest::tls::TlsInfo;
use reqwest::{Method, Request};
use rustls::CertificateError;
use std::error::Error as StdError;
use std::io::Read;
use std::time::{Duration, Instant};
use url::Url;

/// Most redirects of one page.
const MOST_REDIRECTS: usize = 10;
/// How long one answer may take.
const ONE: Duration = Duration::from_secs(15);
/// Most of a page that is read, in bytes, also after it was decompressed.
pub const LONGEST_PAGE: usize = 4 << 20;

/// Who asks, and with what.
#[derive(Debug, Clone)]
pub struct Asking<'a> {
    /// The door.
    pub outgoing: &'a Outgoing,
    /// The user agent.
    pub agent: HeaderValue,
    /// Headers for the pages: a password of a site that is not open yet. Nobody but the origin that is asked first gets them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its address.
    pub url: Url,
    /// Every address before it, in order.
    pub before: Vec<Url>,
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed, or the beginning of it.
    pub body: Vec<u8>,
    /// Its length on the wire, in bytes.
    pub sent: usize,
    /// The server's certificate.
    pub certificate: Option<Vec<u8>>,
    /// By how many milliseconds this machine's clock is ahead of the server's, if that tells the time, which it does in whole seconds.
    pub ahead: Option<i64>,
}

impl Answer {
    /// The text of a header; of several, with commas between.
    pub fn header(&self, name: impl reqwest::header::AsHeaderName) -> Option<String> {
        let values: Vec<_> = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The body as a text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// A sentence.
    pub says: String,
    /// Whether it is the certificate.
    pub certificate: bool,
}

impl Asking<'_> {
    /// Fetches a page, following redirects.
    ///
    /// # Errors
    /// Nobody answers, the certificate is wrong, it may not be asked, or redirects do not end.
    pub async fn page(&self, url: &Url) -> Result<Answer, Unanswered> {
        let (mut before, mut here) = (Vec::new(), url.clone());
        loop {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.5"));
            if here.origin() == url.origin() {
                headers.extend(self.headers.iter().cloned());
            }
            let answer = self.once(Method::GET, &here, headers, LONGEST_PAGE).await?;
            let Some(next) = redirect(&answer) else { return Ok(Answer { before, ..answer }) };
            let next = next.map_err(|says| Unanswered { says, certificate: false })?;
            before.push(here);
            if before.len() > MOST_REDIRECTS || before.contains(&next) {
                let says = format!("{} redirects more than {MOST_REDIRECTS} times, or in a circle", shown_host(url));
                return Err(Unanswered { says, certificate: false });
            }
            here = next;
        }
    }

    /// Sends one request.
    ///
    /// # Errors
    /// Nobody answers, the certificate is wrong, or it may not be asked.
    pub async fn once(&self, method: Method, url: &Url, headers: HeaderMap, most: usize) -> Result<Answer, Unanswered> {
        let mut request = Request::new(method, url.clone());
        *request.timeout_mut() = Some(ONE);
        request.headers_mut().insert(USER_AGENT, self.agent.clone());
        request.headers_mut().extend(headers);
        let begun = (Timestamp::now(), Instant::now());
        let response = self.outgoing.send(request).await.map_err(|error| unanswered(&error))?;
        let took = i64::try_from(begun.1.elapsed().as_millis()).unwrap_or(i64::MAX);
        let here = begun.0.as_millisecond().saturating_add(took / 2);
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let certificate =
            response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate).map(<[u8]>::to_vec);
        let sent = beginning(response, most).await.map_err(|error| unanswered(&error))?;
        let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let body = decompressed(&sent, encoding, most);
        Ok(Answer {
            url: url.clone(),
            before: Vec::new(),
            status,
            ahead: ahead(&headers, here),
            body,
            sent: sent.len(),
            certificate,
            headers,
        })
    }
}

/// By how much `here`, in milliseconds, is ahead of the time that an answer tells, which stands for half a second later on average.
fn ahead(headers: &HeaderMap, here: i64) -> Option<i64> {
    let told = DateTimeParser::new().parse_timestamp(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(here.saturating_sub(told.as_millisecond().saturating_add(500)))
}

fn redirect(answer: &Answer) -> Option<Result<Url, String>> {
    let location = match answer.status {
        301 | 302 | 303 | 307 | 308 => answer.headers.get(LOCATION)?,
        _ => return None,
    };
    let host = shown_host(&answer.url);
    let next = answer.url.join(&String::from_utf8_lossy(location.as_bytes()));
    let fits = |url: &Url| matches!(url.scheme(), "http" | "https") && url.as_str().len() <= LONGEST_URL;
    Some(next.ok().filter(fits).ok_or_else(|| format!("{host} redirects to what is no web address")))
}

fn shown_host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// The beginning of a body as it was before it was compressed; what does not read is cut off.
fn decompressed(sent: &[u8], encoding: &str, most: usize) -> Vec<u8> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let mut plain = Vec::new();
    let read = match encoding.trim().to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => flate2::read::GzDecoder::new(sent).take(limit).read_to_end(&mut plain),
        "br" => brotli::Decompressor::new(sent, 4096).take(limit).read_to_end(&mut plain),
        "deflate" => flate2::read::ZlibDecoder::new(sent).take(limit).read_to_end(&mut plain),
        _ => return sent.to_vec(),
    };
    if let Err(error) = read {
        tracing::debug!(%error, "a compressed answer ends early");
    }
    plain
}

/// Why a request got no answer, in words that tell a wrong certificate from a host that is away.
fn unanswered(error: &OutgoingError) -> Unanswered {
    let OutgoingError::Unreachable { host, source } = error else {
        return Unanswered { says: error.to_string(), certificate: false };
    };
    if let Some(why) = certificate_error(source.as_ref()) {
        return Unanswered { says: format!("the certificate of {host} {}", why_not(why)), certificate: true };
    }
    let cause = innermost(source.as_ref());
    Unanswered { says: format!("{host} cannot be reached: {cause}"), certificate: false }
}

/// The innermost cause, which names what the system says.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

/// What is wrong with the certificate, where that is the cause: it stands in an I/O error, which does not name it as its source.
fn certificate_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CertificateError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inside = inside.map(|inside| inside as &(dyn StdError + 'static));
        for error in [Some(error), inside].into_iter().flatten() {
            if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref::<rustls::Error>() {
                return Some(why);
            }
        }
        cause = error.source().or_else(|| inside.filter(|inside| inside.is::<std::io::Error>()));
    }
    None
}

fn why_not(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has run out".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet: one of the clocks may be wrong".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name".into()
        }
        CertificateError::UnknownIssuer => {
            "is signed by nobody whom this machine trusts, or the chain lacks an intermediate certificate".into()
        }
        CertificateError::Revoked => "was revoked".into(),
        other => format!("is not accepted: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_compressed_is_read_and_a_bomb_is_cut_off() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&vec![b'x'; 1_000_000]).expect("written");
        let sent = gzip.finish().expect("packed");
        assert_eq!(decompressed(&sent, "gzip", 1_000), vec![b'x'; 1_000]);
        assert_eq!(decompressed(b"plain", "", 1_000), b"plain");
        assert_eq!(decompressed(b"no gzip at all", "gzip", 1_000), b"");
    }

    #[test]
    fn clocks_are_compared_at_the_middle_of_the_second_that_is_told() {
        let mut headers = HeaderMap::new();
        assert_eq!(ahead(&headers, 0), None);
        headers.insert(DATE, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:10 GMT"));
        assert_eq!(ahead(&headers, 10_500), Some(0));
        assert_eq!(ahead(&headers, 42_500), Some(32_000));
        headers.insert(DATE, HeaderValue::from_static("yesterday"));
        assert_eq!(ahead(&headers, 0), None);
    }

    #[test]
    fn a_wrong_certificate_is_told_by_what_is_wrong_with_it() {
        for (why, expected) in [
            (CertificateError::Expired, "has run out"),
            (CertificateError::NotValidForName, "is for another name"),
            (CertificateError::UnknownIssuer, "is signed by nobody"),
        ] {
            let source = Box::new(std::io::Error::other(rustls::Error::InvalidCertificate(why)));
            let told = unanswered(&OutgoingError::Unreachable { host: "t.example".into(), source });
            assert!(told.certificate && told.says.contains(expected), "{told:?}");
        }
    }
}
