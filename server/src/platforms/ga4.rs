//! Google Analytics 4 by the Measurement Protocol.
//!
//! Sources: developers.google.com/analytics/devguides/collection/protocol/ga4: `reference`, `sending-events`, `validating-events`,
//! `verify-implementation`; rudderlabs/rudder-transformer `src/v0/destinations/ga4/utils.js` (reserved names, limits of lengths in its
//! README); segmentio/action-destinations `google-analytics-4/__tests__` (bodies); the session's cookie in both of its forms as sites have it.
//!
//! A purchase is told by our event id as its `transaction_id`: a network's own may repeat, and Analytics drops what repeats.

use super::hash::sha256;
use super::{About, Account, Answer, Fate, Field, FieldKind, Limits, Outcome, Parcel, Platform, Request};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The platform `ga4`.
pub struct Ga4;

static ABOUT: About = About {
    name: "ga4",
    title: "Google Analytics 4",
    base_url: "https://www.google-analytics.com",
    docs: "ga4.md",
    fields: &[
        Field::text(
            "measurement_id",
            "Measurement ID",
            "Admin, Data streams, the web stream: `G-` and ten characters.",
        ),
        Field::secret(
            "api_secret",
            "API secret",
            "Admin, Data streams, the web stream, Measurement Protocol API secrets, Create.",
        ),
        Field::optional(
            "consent",
            FieldKind::Choice(&["granted", "denied"]),
            "Consent",
            "What Google is told where visitors are asked for consent outside of Tagwerk. Without it consent is told where the site asks for it.",
        ),
    ],
    clicks: Some("google"),
    everything: true,
    refunds: true,
    several: false,
    limits: Limits {
        // An event may be dated back by 72 hours.
        max_age: 3 * Limits::DAY,
        timeout: Duration::from_secs(15),
        ..Limits::USUAL
    },
};

impl Platform for Ga4 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        let name = event_name(parcel, account);
        let setting = format!("platforms.ga4.event_names.{}", parcel.kind);
        if !is_name(&name) {
            return Err(format!(
                "`{name}` cannot be an event's name in Analytics: set {setting} to a letter and at most 39 letters, digits and `_`."
            ));
        }
        if is_reserved(&name) {
            return Err(format!("Analytics keeps the name `{name}` for itself: set {setting} to another."));
        }
        if parcel.takes_back && parcel.sale.is_none() {
            return Err("Its sale is not known, and a refund names its sale.".into());
        }
        match (&parcel.value, &parcel.currency) {
            (Some(_), None) => Err("Its value has no currency: set the currency of its tracking group.".into()),
            _ => Ok(()),
        }
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let path = if account.validates_only() { "/debug/mp/collect" } else { "/mp/collect" };
        let body = parcels.first().map_or(Value::Null, |parcel| payload(parcel, account));
        let setting = |name| account.text(name).unwrap_or_default();
        Request::json(account.url(path), &body)
            .query(&[("measurement_id", setting("measurement_id")), ("api_secret", setting("api_secret"))])
    }

    fn outcome(&self, answer: &Answer, _parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        let messages = body.get("validationMessages").and_then(Value::as_array);
        Outcome::All(match messages {
            _ if !answer.is_success() => answer.by_status(),
            // The protocol answers with nothing; a page is somebody else's.
            _ if answer.body.trim_start().starts_with('<') => {
                Fate::Down(answer.retry_after, format!("The answer is not Google's: {}", answer.excerpt()))
            }
            Some(messages) if messages.is_empty() => {
                Fate::Delivered(Some("Analytics finds no fault, and does not count it.".into()))
            }
            Some(messages) => Fate::Refused(messages.iter().map(sentence).collect::<Vec<_>>().join(" ")),
            None => Fate::Delivered(None),
        })
    }
}

/// A message of the validation server. <https://developers.google.com/analytics/devguides/collection/protocol/ga4/validating-events>
fn sentence(message: &Value) -> String {
    let part = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}: {}", part("validationCode"), part("fieldPath"), part("description"))
}

fn payload(parcel: &Parcel, account: &Account<'_>) -> Value {
    let event = json!({ "name": event_name(parcel, account), "params": params(parcel, account) });
    let mut body = Map::from_iter([
        ("client_id".into(), client_id(parcel).into()),
        ("timestamp_micros".into(), parcel.at.saturating_mul(1000).into()),
        ("events".into(), json!([event])),
    ]);
    let consent = match account.text("consent") {
        Some(word) => Some(word == "granted"),
        None => parcel.has_consent.then_some(true),
    };
    if let Some(is_granted) = consent {
        let word = if is_granted { "GRANTED" } else { "DENIED" };
        body.insert("consent".into(), json!({ "ad_user_data": word, "ad_personalization": word }));
    }
    if let Some(ip) = &parcel.ip {
        body.insert("ip_override".into(), ip.clone().into());
    }
    if account.validates_only() {
        body.insert("validation_behavior".into(), "ENFORCE_RECOMMENDATIONS".into());
    }
    body.into()
}

fn params(parcel: &Parcel, account: &Account<'_>) -> Value {
    let mut params = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            params.insert(name.into(), value);
        }
    };
    // Without a time of engagement the event is missing from the reports of users and in real time.
    put("engagement_time_msec", Some(1.into()));
    put("session_id", session_id(parcel, account).map(Value::from));
    let told_as = parcel.sale.as_ref().map_or(&parcel.event_id, |(event_id, _)| event_id);
    put("transaction_id", Some(cut(told_as, 100).into()));
    if parcel.currency().is_some() {
        put("value", parcel.amount().map(Value::from));
        put("currency", parcel.amount().and(parcel.currency()).map(Value::from));
    }
    put("affiliation", parcel.group.as_deref().map(|group| cut(group, 100).into()));
    put("items", items(parcel));
    put("page_location", parcel.page.as_deref().map(|page| cut(page, 1000).into()));
    let referrer = parcel.touches.first().and_then(|touch| touch.referrer.as_deref());
    put("page_referrer", referrer.map(|referrer| cut(referrer, 420).into()));
    put(
        "link_url",
        parcel.href.as_deref().filter(|_| parcel.kind == "OutboundClick").map(|href| cut(href, 100).into()),
    );
    put("debug_mode", account.test_event_code().map(|_| true.into()));
    params.into()
}

/// The product, if the network tells which: an item needs an id or a name.
fn items(parcel: &Parcel) -> Option<Value> {
    let id = parcel.product_id.as_deref().map(|id| ("item_id".to_owned(), cut(id, 100).into()));
    let name = parcel.product_name.as_deref().map(|name| ("item_name".to_owned(), cut(name, 100).into()));
    let mut item: Map<String, Value> = id.into_iter().chain(name).collect();
    if item.is_empty() {
        return None;
    }
    item.insert("quantity".into(), 1.into());
    if let Some(price) = parcel.amount() {
        item.insert("price".into(), price.into());
    }
    Some(json!([item]))
}

/// The beginning of a text: Analytics takes no longer one.
fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// The last two parts of the cookie `_ga`, `GA1.1.<number>.<seconds>`: whom Analytics knows. Else two numbers that are the same for all events
/// of a visitor, or of none but this one.
fn client_id(parcel: &Parcel) -> String {
    let of_cookie = parcel.cookie("_ga").and_then(|cookie| {
        let mut parts = cookie.rsplit('.');
        let (last, first) = (parts.next()?, parts.next()?);
        let are_numbers =
            [first, last].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        (are_numbers && parts.next().is_some()).then(|| format!("{first}.{last}"))
    });
    of_cookie.unwrap_or_else(|| {
        let hash = sha256(parcel.visitor_id.as_ref().unwrap_or(&parcel.event_id));
        let number = |from: usize| {
            hash.get(from..from + 8).and_then(|part| u32::from_str_radix(part, 16).ok()).unwrap_or_default()
        };
        format!("{}.{}", number(0), number(8))
    })
}

/// The session in the cookie `_ga_<stream>`: `GS1.1.<session>.<count>...` until May 2025, since then `GS2.1.s<session>$o<count>$...`.
fn session_id<'a>(parcel: &'a Parcel, account: &Account<'_>) -> Option<&'a str> {
    let stream = account.text("measurement_id")?.strip_prefix("G-")?;
    let third = parcel.cookie(&format!("_ga_{stream}"))?.splitn(3, '.').nth(2)?;
    let session = third.strip_prefix('s').unwrap_or(third).split(['.', '$']).next()?;
    (!session.is_empty() && session.bytes().all(|byte| byte.is_ascii_digit())).then_some(session)
}

/// The operator's name for a type, else the recommended event's, else the type in Analytics' spelling.
fn event_name(parcel: &Parcel, account: &Account<'_>) -> String {
    if let Some(name) = account.event_name(&parcel.kind) {
        return name.to_owned();
    }
    let name = match parcel.kind.as_str() {
        _ if parcel.takes_back => "refund",
        "Lead" => "generate_lead",
        "CompleteRegistration" => "sign_up",
        "InitiateCheckout" => "begin_checkout",
        "ViewContent" => "view_item",
        kind => return snake(kind),
    };
    name.to_owned()
}

/// `AddToCart` as `add_to_cart`; what is neither letter nor digit is one `_`.
fn snake(kind: &str) -> String {
    let mut name = String::new();
    let mut was_lower = false;
    for letter in kind.chars() {
        let is_word = letter.is_ascii_alphanumeric();
        if (!is_word || (was_lower && letter.is_ascii_uppercase())) && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if is_word {
            name.push(letter.to_ascii_lowercase());
        }
        was_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
    }
    cut(name.trim_end_matches('_'), 40)
}

fn is_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The names that the reference and the help page on reserved names list, for the Measurement Protocol and for web streams.
fn is_reserved(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "ad_activeview",
        "ad_click",
        "ad_exposure",
        "ad_impression",
        "ad_query",
        "adunit_exposure",
        "app_clear_data",
        "app_install",
        "app_remove",
        "app_store_refund",
        "app_store_subscription_cancel",
        "app_store_subscription_convert",
        "app_store_subscription_renew",
        "app_update",
        "error",
        "first_open",
        "first_visit",
        "in_app_purchase",
        "notification_dismiss",
        "notification_foreground",
        "notification_open",
        "notification_receive",
        "os_update",
        "screen_view",
        "session_start",
        "user_engagement",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || ["firebase_", "ga_", "google_"].iter().any(|prefix| name.starts_with(prefix))
}
