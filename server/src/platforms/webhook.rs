//! A webhook: one JSON document for each conversion or event, signed, to an address of the operator's; a site may have several.
//!
//! The signature follows Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, version 1.0.0) instead of
//! a scheme of our own: its libraries exist for a dozen languages, so a receiver has nothing to write, and it signs the id too, by
//! which a receiver tells repeats. Where it recommends `whsec_` and base64 for secrets, other texts are taken as they are (its libraries
//! call that `raw`), but no shorter than the 24 bytes that it asks for.

use super::macros::{host_end, rebased};
use super::postback::received;
use super::{About, Account, Answer, Field, FieldKind, Limits, Method, Outcome, Parcel, Platform, Request, hash};
use crate::store::Millis;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;
use std::collections::BTreeMap;
use tagwerk_protocol::money::Amount;
use url::Url;

/// A signed webhook.
pub struct Webhook;

/// The fewest bytes of a secret ("Signature scheme": at least 24 bytes).
const SHORTEST: usize = 24;

static ABOUT: About = About {
    name: "webhook",
    title: "Webhook",
    base_url: "",
    docs: "webhook.md",
    fields: &[
        Field {
            name: "url",
            kind: FieldKind::Url,
            required: true,
            label: "URL",
            hint: "Where each conversion is posted as JSON: https://example.com/tagwerk",
        },
        Field::secret(
            "secret",
            "Signing secret",
            "What the receiver checks the signature with: `whsec_` and 24 to 64 random bytes in base64 (openssl rand -base64 32).",
        ),
        Field::optional(
            "previous_secret",
            FieldKind::Secret,
            "Previous signing secret",
            "Signs as well, so that receivers can change over. Clear it when they have.",
        ),
    ],
    clicks: None,
    everything: true,
    refunds: true,
    several: true,
    limits: Limits::USUAL,
};

/// The document. Names as in the API; money in decimal texts, times in RFC 3339, absent is `null`.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'a str,
    timestamp: Option<String>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    event_id: &'a str,
    kind: &'a str,
    takes_back: bool,
    is_test: bool,
    test_event_code: Option<&'a str>,
    value: Option<Amount>,
    currency: Option<&'a str>,
    transaction_id: Option<&'a str>,
    order_id: Option<&'a str>,
    product_id: Option<&'a str>,
    product_name: Option<&'a str>,
    group: Option<&'a str>,
    sale: Option<Sale<'a>>,
    click_id: Option<&'a str>,
    clicked_at: Option<String>,
    page: Option<&'a str>,
    href: Option<&'a str>,
    visitor_id: Option<&'a str>,
    ip: Option<&'a str>,
    user_agent: Option<&'a str>,
    country: Option<&'a str>,
    has_consent: bool,
    touches: Vec<Arrival<'a>>,
    cookies: &'a BTreeMap<String, String>,
    person: Option<Hashed>,
}

#[derive(Serialize)]
struct Sale<'a> {
    event_id: &'a str,
    at: Option<String>,
    left: Option<Amount>,
}

#[derive(Serialize)]
struct Arrival<'a> {
    at: Option<String>,
    landing_page: &'a str,
    referrer: Option<&'a str>,
    source: &'a BTreeMap<String, String>,
    click_ids: &'a BTreeMap<String, String>,
}

/// The buyer, in SHA-256.
#[derive(Serialize)]
struct Hashed {
    email_sha256: Option<String>,
    phone_sha256: Option<String>,
    first_name_sha256: Option<String>,
    last_name_sha256: Option<String>,
    city_sha256: Option<String>,
    zip_sha256: Option<String>,
    country_sha256: Option<String>,
}

fn time(at: Millis) -> Option<String> {
    jiff::Timestamp::from_millisecond(at).map(|at| format!("{at:.3}")).ok()
}

fn document<'a>(parcel: &'a Parcel, account: &Account<'a>) -> Document<'a> {
    let arrival = |touch: &'a super::Touch| Arrival {
        at: time(touch.at),
        landing_page: &touch.landing_page,
        referrer: touch.referrer.as_deref(),
        source: &touch.source,
        click_ids: &touch.click_ids,
    };
    let person = parcel.person.as_ref().map(|person| {
        let plain = |raw: &Option<String>| raw.as_deref().and_then(|raw| hash::hashed(raw, hash::plain));
        Hashed {
            email_sha256: person.email.as_deref().and_then(|raw| hash::hashed(raw, hash::email)),
            phone_sha256: person.phone.as_deref().and_then(|raw| hash::hashed(raw, hash::phone_e164)),
            first_name_sha256: plain(&person.first_name),
            last_name_sha256: plain(&person.last_name),
            city_sha256: plain(&person.city),
            zip_sha256: plain(&person.zip),
            country_sha256: plain(&person.country),
        }
    });
    Document {
        r#type: account.event_name(&parcel.kind).unwrap_or(&parcel.kind),
        timestamp: time(parcel.at),
        data: Data {
            event_id: &parcel.event_id,
            kind: &parcel.kind,
            takes_back: parcel.takes_back,
            is_test: parcel.is_test,
            test_event_code: account.test_event_code(),
            value: parcel.value,
            currency: parcel.currency(),
            transaction_id: parcel.transaction_id.as_deref(),
            order_id: parcel.order_id.as_deref(),
            product_id: parcel.product_id.as_deref(),
            product_name: parcel.product_name.as_deref(),
            group: parcel.group.as_deref(),
            sale: parcel.sale.as_ref().map(|(id, at)| Sale { event_id: id, at: time(*at), left: parcel.left }),
            click_id: parcel.click_id.as_deref(),
            clicked_at: parcel.clicked_at.and_then(time),
            page: parcel.page.as_deref(),
            href: parcel.href.as_deref(),
            visitor_id: parcel.visitor_id.as_deref(),
            ip: parcel.ip.as_deref(),
            user_agent: parcel.user_agent.as_deref(),
            country: parcel.country.as_deref(),
            has_consent: parcel.has_consent,
            touches: parcel.touches.iter().map(arrival).collect(),
            cookies: &parcel.cookies,
            person,
        },
    }
}

/// The bytes of a secret.
fn key(secret: &str) -> Result<Vec<u8>, String> {
    let bytes = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| "what follows `whsec_` is not base64".to_owned())?,
        None => secret.as_bytes().to_vec(),
    };
    if bytes.len() < SHORTEST {
        return Err(format!(
            "it is shorter than {SHORTEST} bytes: use `whsec_` and the output of `openssl rand -base64 32`"
        ));
    }
    Ok(bytes)
}

/// `v1,` and the base64 of the HMAC-SHA256 of `<id>.<timestamp>.<body>` ("Signature scheme").
fn signature(key: &[u8], id: &str, timestamp: &str, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id, ".", timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// The secrets that sign, the current one first.
fn secrets<'a>(account: &Account<'a>) -> impl Iterator<Item = (&'static str, &'a str)> {
    let of = |name| account.text(name).map(|secret| (name, secret));
    [of("secret"), of("previous_secret")].into_iter().flatten()
}

fn address(account: &Account<'_>) -> Result<String, String> {
    let raw = account.text("url").ok_or("set `url` to the address that is to be called")?;
    let url = Url::parse(&rebased(raw, account.base_url)).map_err(|error| format!("`url` is no URL: {error}"))?;
    if host_end(raw).is_none() || !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("`url` begins with https:// and a host, and has no user name, password or `#`".into());
    }
    Ok(url.into())
}

impl Platform for Webhook {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, _parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        address(account)?;
        if !account.has("secret") {
            return Err("set `secret`: nothing is sent unsigned".into());
        }
        for (name, secret) in secrets(account) {
            key(secret).map_err(|why| format!("`{name}`: {why}"))?;
        }
        if account.validates_only() {
            return Err(
                "a webhook cannot be checked without being counted: switch `validate_only` off; `test_event_code` \
                        stands in the document"
                    .into(),
            );
        }
        Ok(())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let (Some(parcel), Ok(url)) = (parcels.first(), address(account)) else {
            // Not reached: `accepts` has read the same settings. An empty URL goes nowhere.
            return Request::get(String::new());
        };
        let body = serde_json::to_string(&document(parcel, account)).unwrap_or_default();
        let timestamp = account.now.div_euclid(1000).to_string();
        let sign = |(_, secret): (&str, &str)| signature(&key(secret).ok()?, &parcel.event_id, &timestamp, &body);
        let signatures: Vec<String> = secrets(account).filter_map(sign).collect();
        Request { method: Method::Post, url, headers: vec![("content-type", "application/json".into())], body }
            .header("webhook-id", parcel.event_id.as_str())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
    }

    fn outcome(&self, answer: &Answer, _parcels: &[&Parcel]) -> Outcome {
        Outcome::All(received(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_standards_own_libraries_holds() {
        // libraries/python/tests and libraries/rust of standard-webhooks; checked with `openssl dgst -sha256 -mac HMAC` as well.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn a_secret_is_base64_behind_its_prefix_and_else_what_it_is() {
        assert_eq!(key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").map(|key| key.len()), Ok(24));
        assert_eq!(key("abcdefghijklmnopqrstuvwx"), Ok(b"abcdefghijklmnopqrstuvwx".to_vec()));
        assert!(key("abcdefghijklmnopqrstuvw").is_err());
        assert!(key("whsec_AAAA").is_err());
        assert!(key("whsec_no base64, however long it may be").is_err());
    }
}
