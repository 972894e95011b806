//! X, once Twitter: the Conversion API for the web.
//!
//! Sources, besides those named at each rule: docs.x.com/x-ads-api/measurement (`web-conversions`, `gtm-server-side`; xdevplatform/docs),
//! developer.x.com/en/docs/x-ads-api/measurement/web-conversions (`conversions`, `troubleshooting`).
//!
//! Two ways in: a token of the pixel's own, made in Events Manager and sent as `X-Pixel-Token` as X's own Google Tag Manager template
//! does; or the four keys of an app with access to the Ads API, which sign each request (OAuth 1.0a), as X asks of integrations of
//! one's own. Both are on X's pages; with both set the token counts, since it can do nothing but this.

use super::sparse::sparse;
use super::{About, Account, Answer, Fate, Field, FieldKind, Limits, Outcome, Parcel, Platform, Request, hash};
use crate::store::Millis;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use core::net::Ipv4Addr;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use sha1::Sha1;
use url::Url;

/// X's Conversion API.
pub struct X;

/// What OAuth leaves as it is (RFC 5849, 3.6).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const KEYS: [&str; 4] = ["consumer_key", "consumer_secret", "token", "token_secret"];

static FIELDS: [Field; 7] = [
    Field::text("pixel_id", "Pixel ID", "ads.x.com > Tools > Events Manager > X Pixel: the ID of the event source."),
    Field {
        name: "event_ids",
        kind: FieldKind::Table,
        required: true,
        label: "Event IDs",
        hint: "From conversion type to the event's ID in Events Manager (Add events > Install with Conversion API), such as \
               {\"Purchase\": \"tw-o8z6j-o87ne\"}.",
    },
    Field::optional(
        "pixel_token",
        FieldKind::Secret,
        "Conversion API access token",
        "Events Manager > Install Pixel > Manual > Conversion API > Generate access token. Instead of the four keys below.",
    ),
    Field::optional(
        "consumer_key",
        FieldKind::Secret,
        "API key",
        "console.x.com > your app, which has access to the Ads API > Keys and tokens.",
    ),
    Field::optional("consumer_secret", FieldKind::Secret, "API key secret", "Beside the API key."),
    Field::optional(
        "token",
        FieldKind::Secret,
        "Access token",
        "Of a user who is ad manager or account admin; the same page, for the app's own handle.",
    ),
    Field::optional("token_secret", FieldKind::Secret, "Access token secret", "Beside the access token."),
];

static ABOUT: About = About {
    name: "x",
    title: "X (Twitter)",
    base_url: "https://ads-api.x.com",
    docs: "x.md",
    fields: &FIELDS,
    clicks: Some("x"),
    everything: false,
    refunds: false,
    several: false,
    // Of the two limits that X's pages name, the lower: 60,000 requests in 15 minutes. X names no greatest age; its longest window after
    // a click is 30 days, and what is older could count for nothing.
    limits: Limits { batch: 500, per_minute: 4_000, max_age: 30 * Limits::DAY, ..Limits::USUAL },
};

impl Platform for X {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// The pixel, an event, and one of the two ways in: the keys where they have been begun, else the token.
    fn missing(&self, account: &Account<'_>) -> Vec<&'static Field> {
        let begun = KEYS.iter().any(|name| account.has(name));
        let is_wanted = |field: &&Field| match field.name {
            "pixel_id" => true,
            "event_ids" => !account.has("event_names"),
            "pixel_token" => !begun,
            _ => begun && !account.has("pixel_token"),
        };
        FIELDS.iter().filter(is_wanted).filter(|field| !account.has(field.name)).collect()
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        if account.validates_only() || account.test_event_code().is_some() {
            return Err("X has no test mode: nothing is sent while validate_only or test_event_code is set.".into());
        }
        if event_id(parcel, account).is_none() {
            return Err(format!(
                "X has no event for {kind}: put the ID that Events Manager shows for it into event_ids.{kind}.",
                kind = parcel.kind
            ));
        }
        if !can_match(&identifiers(parcel)) {
            return Err(
                "X finds people by their click (twclid), e-mail address or phone number, and none is known.".into()
            );
        }
        Ok(())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let url = account.url(&format!("/12/measurement/conversions/{}", account.text("pixel_id").unwrap_or_default()));
        let conversions: Vec<Value> = parcels.iter().map(|parcel| conversion(parcel, account)).collect();
        let request = Request::json(url, &sparse(json!({ "conversions": conversions })));
        match account.text("pixel_token") {
            Some(token) => request.header("x-pixel-token", token),
            None => {
                let signed = authorization(&request.url, account);
                request.header("authorization", signed)
            }
        }
    }

    fn outcome(&self, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        let said = said(&body, answer);
        match answer.status {
            200..=299 => taken(&body, said, parcels.len()),
            // "A single request will only be successful when there are zero errors for all conversions" (`troubleshooting`).
            400 | 422 => Outcome::Split(said),
            401 => Outcome::All(Fate::Stop(format!(
                "X does not take the credentials ({said}): look at the token or the four keys, and at this server's clock, which signs."
            ))),
            403 => Outcome::All(Fate::Stop(format!(
                "X does not allow it ({said}): the app needs access to the Ads API, its user the role of an ad manager."
            ))),
            404 => Outcome::All(Fate::Stop(format!("X does not know the pixel ({said}): look at pixel_id."))),
            _ => answer.by_status_of_batch(),
        }
    }
}

/// The ID of an event that was made in Events Manager, alone or as `tw-<pixel>-<event>`: X takes both (`conversions`).
fn event_id<'a>(parcel: &Parcel, account: &Account<'a>) -> Option<&'a str> {
    account.entry("event_ids", &parcel.kind).or_else(|| account.event_name(&parcel.kind))
}

fn conversion(parcel: &Parcel, account: &Account<'_>) -> Value {
    // A value without currency would count as US dollars (`conversions`: "Default: USD").
    let currency = parcel.value.and(parcel.currency());
    json!({
        "conversion_time": moment(parcel.at),
        "event_id": event_id(parcel, account),
        "identifiers": identifiers(parcel),
        "conversion_id": parcel.event_id,
        "value": currency.and(parcel.decimal()),
        "price_currency": currency,
        "event_source_url": parcel.page.as_deref().filter(|page| page.starts_with("http://") || page.starts_with("https://")),
    })
}

/// ISO 8601 in UTC, with milliseconds.
fn moment(at: Millis) -> String {
    Timestamp::from_millisecond(at).map(|at| format!("{at:.3}")).unwrap_or_default()
}

/// Who it was, each in an object of its own as X's example has them; address and browser together in one.
fn identifiers(parcel: &Parcel) -> Vec<Value> {
    let person = parcel.person.clone().unwrap_or_default();
    let email = person.email.and_then(|email| hash::hashed(&email, hash::email));
    let phone = person.phone.and_then(|phone| hash::hashed(&phone, hash::phone_e164));
    // "Dotted-decimal notation" (`web-conversions`): IPv4.
    let ip = parcel.ip.as_deref().filter(|ip| ip.parse::<Ipv4Addr>().is_ok());
    let place = ip.zip(parcel.user_agent.as_deref());
    let all = [
        click_id(parcel).map(|id| json!({ "twclid": id })),
        email.map(|hash| json!({ "hashed_email": hash })),
        phone.map(|hash| json!({ "hashed_phone_number": hash })),
        place.map(|(ip, agent)| json!({ "ip_address": ip, "user_agent": agent })),
    ];
    all.into_iter().flatten().collect()
}

/// "IP address or user agent alone is not enough" (`gtm-server-side`).
fn can_match(identifiers: &[Value]) -> bool {
    identifiers.iter().any(|identifier| identifier.get("ip_address").is_none())
}

/// The parameter, else one of the cookies. X's pixel keeps JSON with the id in it in `_twclid`, X's template the id itself.
fn click_id(parcel: &Parcel) -> Option<String> {
    let cookie = || {
        let raw = parcel.cookie("_twclid").or_else(|| parcel.cookie("twclid"))?;
        let text = percent_decode_str(raw).decode_utf8_lossy();
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(fields)) => fields.get("twclid").and_then(Value::as_str).map(str::to_owned),
            _ => Some(raw.to_owned()),
        }
    };
    parcel.ad_click(&["twclid"]).map(|(id, _)| id.to_owned()).or_else(cookie).filter(|id| !id.is_empty())
}

/// `Authorization: OAuth ...` of a POST whose body is no form and so takes no part (RFC 5849, 3.4.1.3.1).
fn authorization(url: &str, account: &Account<'_>) -> String {
    let [consumer_key, consumer_secret, token, token_secret] = KEYS.map(|name| account.text(name).unwrap_or_default());
    let timestamp = account.now.div_euclid(1000).to_string();
    let mut fields = vec![
        ("oauth_consumer_key", consumer_key),
        ("oauth_nonce", account.nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &timestamp),
        ("oauth_token", token),
        ("oauth_version", "1.0"),
    ];
    let signature = signature("POST", url, &fields, consumer_secret, token_secret);
    fields.push(("oauth_signature", &signature));
    fields.sort_unstable();
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}=\"{}\"", encoded(value))).collect();
    format!("OAuth {}", fields.join(", "))
}

/// The signature of a request (RFC 5849, 3.4): HMAC-SHA1 over method, URL and parameters, in Base64.
fn signature(method: &str, url: &str, fields: &[(&str, &str)], consumer_secret: &str, token_secret: &str) -> String {
    let parsed = Url::parse(url).ok();
    let in_query = parsed.iter().flat_map(Url::query_pairs).map(|(name, value)| (encoded(&name), encoded(&value)));
    let given = fields.iter().map(|(name, value)| (encoded(name), encoded(value)));
    let mut all: Vec<(String, String)> = in_query.chain(given).collect();
    all.sort_unstable();
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let base = parsed.map_or_else(|| url.to_owned(), bare);
    let text = format!("{method}&{}&{}", encoded(&base), encoded(&all.join("&")));
    let key = format!("{}&{}", encoded(consumer_secret), encoded(token_secret));
    // A key may have any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Scheme and host in lower case, no usual port, no query, no fragment (RFC 5849, 3.4.1.2).
fn bare(mut url: Url) -> String {
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// X's own words: `{"errors": [{"code", "message", "parameter"}]}`.
fn said(body: &Value, answer: &Answer) -> String {
    let one = |error: &Value| {
        let text = |name: &str| error.get(name).and_then(Value::as_str);
        Some(match text("code") {
            Some(code) => format!("{code}: {}", text("message")?),
            None => text("message")?.to_owned(),
        })
    };
    let all: Vec<String> =
        body.get("errors").and_then(Value::as_array).into_iter().flatten().filter_map(one).take(5).collect();
    if all.is_empty() { format!("HTTP {}: {}", answer.status, answer.excerpt()) } else { all.join("; ") }
}

fn taken(body: &Value, said: String, sent: usize) -> Outcome {
    let count = body.pointer("/data/conversions_processed").and_then(Value::as_u64);
    match count.map(|count| (count, u64::try_from(sent).is_ok_and(|sent| count == sent))) {
        None => Outcome::All(Fate::Down(None, said)),
        Some((0, _)) => Outcome::Split("X processed none of the conversions.".into()),
        Some((_, true)) => Outcome::All(Fate::Delivered(None)),
        Some((count, false)) => {
            Outcome::All(Fate::Delivered(Some(format!("X counted {count} of {sent} conversions."))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: [(&str, &str); 7] = [
        ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
        ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
        ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "1318622958"),
        ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
        ("oauth_version", "1.0"),
    ];

    /// docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature, by the host of then and of now.
    #[test]
    fn the_signature_is_that_of_the_example_on_xs_pages() {
        let of = |url: &str| {
            let (secret, token) =
                ("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE");
            signature("POST", url, &FORM, secret, token)
        };
        let path = "statuses/update.json?include_entities=true";
        assert_eq!(of(&format!("https://api.x.com/1.1/{path}")), "Ls93hJiZbQ3akF3HF3x1Bz8/zU4=");
        assert_eq!(of(&format!("https://api.twitter.com/1.1/{path}")), "hCtSmYh+iHYCEqBWrE7C7hYmtUk=");
        assert_eq!(of(&format!("https://api.twitter.com/1/{path}")), "tnnArxj06cWHq44gCs1OSKk/jLY=");
    }

    #[test]
    fn host_and_usual_port_do_not_change_the_signature_but_another_port_does() {
        let of = |url: &str| signature("POST", url, &FORM, "secret", "token");
        assert_eq!(of("HTTPS://API.X.COM:443/1.1/a.json"), of("https://api.x.com/1.1/a.json"));
        assert_ne!(of("https://api.x.com:8443/1.1/a.json"), of("https://api.x.com/1.1/a.json"));
    }
}
