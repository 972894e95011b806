//! Takes a platform's request to it and brings the answer back.

use crate::outgoing::{Outgoing, OutgoingError, beginning};
use crate::platforms::{Answer, Method, Request};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::time::Duration;
use url::Url;

/// How much of an answer is read, in bytes.
const MOST: usize = 256 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// It may not be sent there, whatever is tried.
    Forbidden(String),
    /// Nobody answered, this time.
    Silence(String),
}

/// Sends a request and reads the answer.
///
/// # Errors
/// See [`NoAnswer`]; the sentences hold no secret.
pub async fn send(outgoing: &Outgoing, request: &Request, timeout: Duration) -> Result<Answer, NoAnswer> {
    let heard = match outgoing.send(built(request, timeout)?).await {
        Ok(response) => {
            let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
            beginning(response, MOST).await.map(|body| (status, retry_after, body))
        }
        Err(error) => Err(error),
    };
    match heard {
        Ok((status, retry_after, body)) => {
            Ok(Answer { status, retry_after, body: String::from_utf8_lossy(&body).into_owned() })
        }
        Err(OutgoingError::Forbidden(why)) => Err(NoAnswer::Forbidden(why)),
        Err(error) => Err(NoAnswer::Silence(told(&error))),
    }
}

/// The error with its causes, which tell what an operator can do: a certificate, a refused connection.
fn told(error: &OutgoingError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn built(request: &Request, timeout: Duration) -> Result<reqwest::Request, NoAnswer> {
    let unfit = |what: &str| NoAnswer::Forbidden(format!("{what} cannot be sent; check the settings"));
    let url = Url::parse(&request.url).map_err(|_| unfit("the URL"))?;
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
    };
    let mut built = reqwest::Request::new(method, url);
    *built.timeout_mut() = Some(timeout);
    for (name, value) in &request.headers {
        let name = HeaderName::try_from(*name).map_err(|_| unfit("a header field"))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| unfit("a header field"))?;
        value.set_sensitive(true);
        built.headers_mut().append(name, value);
    }
    if !request.body.is_empty() {
        *built.body_mut() = Some(request.body.clone().into());
    }
    Ok(built)
}

/// In seconds, or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    Duration::try_from(Timestamp::now().until(at).ok()?.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_to_wait(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).expect("a header"))]);
        retry_after(&headers)
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        assert_eq!(told_to_wait("120"), Some(Duration::from_secs(120)));
        let date = Timestamp::now() + jiff::SignedDuration::from_secs(3600);
        let text = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let wait = told_to_wait(&text).expect("a date");
        assert!((3500..=3600).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(told_to_wait("soon"), None);
        assert_eq!(told_to_wait("Sun, 06 Nov 1994 08:49:37 GMT"), None);
    }
}
