//! What there is to say about the server behind a tag. Pure.

use super::fetch::{Answer, Unanswered};
use super::server::{Asked, Served};
use crate::finding::Finding;
use jiff::Timestamp;
use std::collections::BTreeSet;
use url::Url;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate that ends sooner is told, in days.
pub const DAYS_LEFT: i64 = 14;
/// By how much clocks may differ, in seconds: below the first is good, above the second signatures and attribution suffer.
pub const CLOCK: (i64, i64) = (2, 30);
/// A script that browsers keep for longer hears of changed settings late, in seconds.
const LONGEST_CACHE: u64 = 3_600;
/// What is immutable should be kept at least so long, in seconds.
const SHORTEST_ASSET_CACHE: u64 = 86_400;

/// Judges a server. `integrity` says whether a page needs the script to be readable across origins.
pub fn judge(served: &Served, needs_cors: bool, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    let host = served.script_url.host_str().unwrap_or_default();
    let answer = match &served.script {
        Ok(answer) => answer,
        Err(unanswered) => return vec![down(unanswered)],
    };
    found.extend(script(served, answer, needs_cors));
    for (url, asked) in &served.assets {
        found.extend(asset(url, asked));
    }
    found.extend(served.preflights.iter().filter_map(|(origin, asked)| preflight(origin, asked)));
    found.extend(alive(&served.health, host, now));
    if found.iter().all(|finding| finding.mend.is_none()) {
        found.insert(0, Finding::ok("server", format!("{host} serves the tag as it should")));
    }
    found
}

/// Whether a server lives, how long its certificate is good for, and its clock.
pub fn alive(asked: &Asked, host: &str, now: Timestamp) -> Vec<Finding> {
    let answer = match asked {
        Ok(answer) => answer,
        Err(unanswered) => return vec![down(unanswered)],
    };
    let mut found = Vec::new();
    if answer.status == 200 && answer.body.starts_with(b"OK") {
        found.extend(cached(answer, "/healthz"));
    } else {
        let says = format!("{host}/healthz answers {}, not OK", answer.status);
        found.push(Finding::note("server_health", says, "have the proxy pass it on, so that somebody can watch it"));
    }
    found.extend(answer.certificate.as_deref().and_then(|der| certificate(der, host, now)));
    found.extend(answer.ahead.and_then(|ahead| clock(ahead, host)));
    found
}

/// Nobody answers.
pub fn down(unanswered: &Unanswered) -> Finding {
    if unanswered.certificate {
        let mend =
            "have the reverse proxy renew it, and send the whole chain; browsers load nothing from there meanwhile";
        return Finding::error("certificate", unanswered.says.clone(), mend);
    }
    let mend = "look whether the server and the proxy in front of it run, and at the name's DNS records";
    Finding::error("server_down", unanswered.says.clone(), mend)
}

fn script(served: &Served, answer: &Answer, needs_cors: bool) -> Vec<Finding> {
    let url = &served.script_url;
    let mut found = Vec::new();
    if (300..400).contains(&answer.status) {
        let to = answer.header("location").unwrap_or_default();
        let mend = "have the proxy hand the path to the server, without sending browsers elsewhere";
        return vec![Finding::error("script_status", format!("{url} redirects to {to}"), mend)];
    }
    if answer.status != 200 {
        let mend = match answer.status {
            404 => "look at the site's id: the dashboard shows the line; a site that was removed has none",
            _ => "look at the server's log, and at the proxy's",
        };
        return vec![Finding::error("script_status", format!("{url} answers {}", answer.status), mend)];
    }
    if served.settings.is_none() {
        let mend = "something in front of the server answers in its place, or changes what it sends";
        return vec![Finding::error("script_other", format!("{url} is no script of a tag"), mend)];
    }
    let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if !["text/javascript", "application/javascript", "application/x-javascript"].iter().any(|js| kind.starts_with(js))
    {
        let says = format!("the script comes as \"{kind}\", which browsers do not run");
        found.push(Finding::error("script_type", says, "let the server's own Content-Type through"));
    }
    if answer.header("content-encoding").is_none() {
        let says = format!("the script comes uncompressed, {} bytes of it", answer.sent);
        found.push(Finding::warning(
            "script_plain",
            says,
            "have the proxy pass Accept-Encoding on: the server compresses by itself",
        ));
    }
    let cache = answer.header("cache-control").unwrap_or_default().to_ascii_lowercase();
    match max_age(&cache) {
        Some(seconds) if seconds > LONGEST_CACHE => {
            let says =
                format!("browsers keep the script for {} hours, so that changed settings arrive late", seconds / 3_600);
            found.push(Finding::warning(
                "script_cache",
                says,
                "let the server's own Cache-Control through (5 minutes)",
            ));
        }
        None if !cache.contains("no-") => {
            let says = "the script comes without Cache-Control, so that each browser keeps it as long as it likes";
            found.push(Finding::warning(
                "script_cache",
                says,
                "let the server's own Cache-Control through (5 minutes)",
            ));
        }
        _ => {}
    }
    if needs_cors && answer.header("access-control-allow-origin").as_deref() != Some("*") {
        let says = "the page loads the script with crossorigin, or as a module, and the answer lacks Access-Control-Allow-Origin: *";
        found.push(Finding::error("script_cors", says, "let the server's own headers through"));
    }
    found
}

fn asset(url: &Url, asked: &Asked) -> Option<Finding> {
    let gone = |says: String| {
        Finding::error(
            "asset_missing",
            format!("{url}, which the script loads, {says}"),
            "have the proxy pass /assets/ on; where the script is from a cache, empty that after each change of version",
        )
    };
    let answer = match asked {
        Ok(answer) => answer,
        Err(unanswered) => return Some(gone(format!("does not come: {}", unanswered.says))),
    };
    if answer.status != 200 {
        return Some(gone(format!("answers {}", answer.status)));
    }
    let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let wanted = if url.path().ends_with(".wasm") { "application/wasm" } else { "javascript" };
    if !kind.contains(wanted) {
        let says = format!("{url} comes as \"{kind}\"");
        return Some(Finding::error("asset_type", says, "let the server's own Content-Type through"));
    }
    if answer.header("access-control-allow-origin").as_deref() != Some("*") {
        let says = format!("{url} comes without Access-Control-Allow-Origin: *, so pages may not load it");
        return Some(Finding::error("asset_cors", says, "let the server's own headers through"));
    }
    let age = max_age(&answer.header("cache-control").unwrap_or_default().to_ascii_lowercase());
    if age.is_none_or(|age| age < SHORTEST_ASSET_CACHE) {
        let says = format!("{url} never changes, and is kept by browsers for less than a day");
        return Some(Finding::note("asset_cache", says, "let the server's own Cache-Control through (a year)"));
    }
    None
}

fn preflight(origin: &str, asked: &Asked) -> Option<Finding> {
    let refused = |says: String, mend: &str| Some(Finding::error("origin_refused", says, mend));
    let answer = match asked {
        Ok(answer) => answer,
        Err(unanswered) => return Some(down(unanswered)),
    };
    let allowed = answer.header("access-control-allow-origin");
    match (answer.status, allowed.as_deref()) {
        (200..=299, Some(allowed)) if allowed == "*" || allowed == origin => cached(answer, "where events go"),
        (403, _) => refused(
            format!("the server refuses events of pages of {origin}"),
            "add it to the site's origins, in its settings",
        ),
        (200..=299, Some(allowed)) => refused(
            format!(
                "the answer to pages of {origin} is one for {allowed}: something keeps answers that are for one origin alone"
            ),
            "have the cache in front of the server leave the event path alone",
        ),
        (status, _) => refused(
            format!(
                "a page of {origin} that asks whether it may send events is answered {status}, without the headers it needs"
            ),
            "have the proxy pass OPTIONS and POST of the event path on as they are",
        ),
    }
}

/// An answer that was kept for others, though it must not be.
fn cached(answer: &Answer, what: &str) -> Option<Finding> {
    let hit = |name: &str| answer.header(name).is_some_and(|value| value.to_ascii_lowercase().contains("hit"));
    let old = answer.header("age").and_then(|age| age.trim().parse::<u64>().ok()).is_some_and(|age| age > 0);
    (old || ["cf-cache-status", "x-cache", "x-cache-status", "x-proxy-cache"].into_iter().any(hit)).then(|| {
        let says = format!("a cache in front of the server answers for {what}");
        Finding::error("cached", says, "let it keep the script and /assets/ alone, as long as their Cache-Control says")
    })
}

fn max_age(cache_control: &str) -> Option<u64> {
    let directives = cache_control.split(',').filter_map(|directive| directive.trim().strip_prefix("max-age="));
    directives.filter_map(|seconds| seconds.trim_matches('"').parse().ok()).next()
}

/// A certificate that ends soon.
pub fn certificate(der: &[u8], host: &str, now: Timestamp) -> Option<Finding> {
    let (_, read) = X509Certificate::from_der(der).ok()?;
    let seconds = read.validity().not_after.timestamp().saturating_sub(now.as_second());
    let days = seconds.div_euclid(86_400);
    if days >= DAYS_LEFT {
        return Some(Finding::ok("certificate", format!("the certificate of {host} is good for {days} days")));
    }
    let says = format!("the certificate of {host} ends in {days} days");
    let mend = "look why it was not renewed: once it has run out, browsers load nothing from there";
    Some(if days < 3 {
        Finding::error("certificate_ends", says, mend)
    } else {
        Finding::warning("certificate_ends", says, mend)
    })
}

/// A clock that differs from this machine's by so many milliseconds.
pub fn clock(ahead: i64, host: &str) -> Option<Finding> {
    let seconds = ahead.saturating_abs().saturating_sub(500).max(0).div_euclid(1_000);
    if seconds <= CLOCK.0 {
        return None;
    }
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    let says = format!("the clock here is {seconds} s {which} that of {host}");
    let mend = "let both machines set their clocks by NTP: signatures, click times and expiries go by them";
    Some(if seconds > CLOCK.1 { Finding::error("clock", says, mend) } else { Finding::warning("clock", says, mend) })
}

/// The origins of pages, each once.
pub fn origins<'a>(pages: impl IntoIterator<Item = &'a Url>) -> Vec<String> {
    let all: BTreeSet<String> = pages.into_iter().map(|url| url.origin().ascii_serialization()).collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests;
