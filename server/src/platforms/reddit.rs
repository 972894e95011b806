//! Reddit: the Conversions API, version 3.
//!
//! Sources, besides those named at each rule: ads-api.reddit.com/docs/v3 (endpoint, match keys, hashing, event testing, errors), as
//! segmentio/action-destinations quotes it in `reddit-conversions-api/V3-API-REFERENCE.md`, and its `v3/types-v3.ts`. Version 2, which
//! that connector still sends by default, is taken too, but its values are in cents and its times are texts; version 3 is what Reddit
//! asks to move to.

use super::sparse::sparse;
use super::{About, Account, Answer, Fate, Field, Limits, Outcome, Parcel, Platform, Request, hash};
use serde_json::{Value, json};

/// Reddit's Conversions API.
pub struct Reddit;

/// The longest name of a custom event.
const LONGEST_NAME: usize = 64;
/// Reddit throttles the names that HTTP libraries send by themselves ("Your user agent was automatically ratelimited").
const USER_AGENT: &str = "tagwerk (self-hosted conversion tracking)";
/// Reddit's own events, by our names.
const STANDARD: &[(&str, &str)] = &[
    ("PageView", "PAGE_VISIT"),
    ("ViewContent", "VIEW_CONTENT"),
    ("Search", "SEARCH"),
    ("AddToCart", "ADD_TO_CART"),
    ("AddToWishlist", "ADD_TO_WISHLIST"),
    ("Purchase", "PURCHASE"),
    ("Lead", "LEAD"),
    ("CompleteRegistration", "SIGN_UP"),
];
/// Those that may carry no value (`types-v3.ts`).
const WITHOUT_VALUE: &[&str] = &["PAGE_VISIT", "VIEW_CONTENT", "SEARCH"];

static ABOUT: About = About {
    name: "reddit",
    title: "Reddit",
    base_url: "https://ads-api.reddit.com",
    docs: "reddit.md",
    fields: &[
        Field::text("pixel_id", "Pixel ID", "Reddit Ads > Events Manager > your pixel: it begins with a2_ or t2_."),
        Field::secret(
            "access_token",
            "Conversion access token",
            "Reddit Ads > Events Manager > Conversions API > Generate access token. It does not expire.",
        ),
    ],
    clicks: Some("reddit"),
    everything: false,
    refunds: false,
    several: false,
    // 168 hours; a thousand requests a second.
    limits: Limits { batch: 1000, per_minute: 60_000, max_age: 7 * Limits::DAY, ..Limits::USUAL },
};

impl Platform for Reddit {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        if account.validates_only() {
            return Err("Reddit has no mode that only validates: turn validate_only off, and set test_event_code to the test id that \
                        Events Manager shows under Event Testing."
                .into());
        }
        let user = user(parcel);
        let is_known =
            ["email", "phone_number", "external_id", "ip_address", "uuid"].iter().any(|key| user.get(key).is_some());
        if click_id(parcel).is_none() && !is_known {
            return Err("Nothing is known by which Reddit could find the visitor: no rdt_cid, no cookie of Reddit's, no address and no \
                        e-mail address."
                .into());
        }
        Ok(())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let pixel_id = account.text("pixel_id").unwrap_or_default();
        let events: Vec<Value> = parcels.iter().map(|parcel| event(parcel, account)).collect();
        let body = json!({ "data": { "test_id": account.test_event_code(), "events": events } });
        Request::json(account.url(&format!("/api/v3/pixels/{pixel_id}/conversion_events")), &sparse(body))
            .bearer(account.text("access_token").unwrap_or_default())
            .header("user-agent", USER_AGENT)
    }

    fn outcome(&self, answer: &Answer, _parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        let said = said(&body, answer);
        match answer.status {
            200..=299 => taken(&body, said),
            401 => Outcome::All(Fate::Stop(format!(
                "Reddit does not take the access token ({said}): make a new one in Events Manager."
            ))),
            // What does not read as JSON is answered with 403, too (rudder-transformer `destinations/reddit/network.ts`).
            403 if said.contains("JSON error") => Outcome::Split(said),
            403 => Outcome::All(Fate::Stop(format!(
                "Reddit does not allow it ({said}): the token's account must own the pixel, and an app needs the scope adsconversions."
            ))),
            404 => Outcome::All(Fate::Stop(format!("Reddit does not know the pixel ({said}): look at pixel_id."))),
            400 | 422 => Outcome::Split(said),
            _ => answer.by_status_of_batch(),
        }
    }
}

/// One of Reddit's own events, or a custom one of that name.
enum Tracking<'a> {
    Standard(&'static str),
    Custom(&'a str),
}

fn tracking<'a>(parcel: &'a Parcel, account: &Account<'a>) -> Tracking<'a> {
    let standard = |wanted: &str| STANDARD.iter().map(|(_, theirs)| *theirs).find(|theirs| *theirs == wanted);
    match account.event_name(&parcel.kind) {
        Some(name) => standard(name).map_or(Tracking::Custom(name), Tracking::Standard),
        None => {
            let row = STANDARD.iter().find(|(ours, _)| *ours == parcel.kind);
            row.map_or(Tracking::Custom(&parcel.kind), |(_, theirs)| Tracking::Standard(theirs))
        }
    }
}

fn event(parcel: &Parcel, account: &Account<'_>) -> Value {
    let (kind, has_value, is_purchase) = match tracking(parcel, account) {
        Tracking::Standard(name) => {
            (json!({ "tracking_type": name }), !WITHOUT_VALUE.contains(&name), name == "PURCHASE")
        }
        Tracking::Custom(name) => {
            let name: String = name.chars().take(LONGEST_NAME).collect();
            (json!({ "tracking_type": "CUSTOM", "custom_event_name": name }), true, false)
        }
    };
    // Value and currency go together (`types-v3.ts`).
    let currency = parcel.value.and(parcel.currency()).filter(|_| has_value);
    json!({
        "event_at": parcel.at,
        "action_source": "WEBSITE",
        "event_source_url": parcel.page.as_deref().filter(|page| page.starts_with("http://") || page.starts_with("https://")),
        "click_id": click_id(parcel),
        "type": kind,
        "metadata": {
            "conversion_id": parcel.event_id,
            "currency": currency,
            "value": currency.and(parcel.amount()),
            "item_count": is_purchase.then_some(1),
            "products": [parcel.product_id.as_ref().map(|id| json!({ "id": id, "name": parcel.product_name }))],
        },
        "user": user(parcel),
    })
}

fn click_id(parcel: &Parcel) -> Option<&str> {
    parcel.ad_click(&["rdt_cid"]).map(|(id, _)| id).or_else(|| parcel.cookie("_rdt_cid"))
}

/// Who it was. What may be hashed is ("Reddit recommends SHA-256"), the address too, as the public connectors do.
fn user(parcel: &Parcel) -> Value {
    let person = parcel.person.clone().unwrap_or_default();
    let hashed =
        |raw: &Option<String>, normal: fn(&str) -> String| raw.as_ref().and_then(|raw| hash::hashed(raw, normal));
    sparse(json!({
        "email": hashed(&person.email, hash::email_without_dots),
        "phone_number": hashed(&person.phone, hash::phone_e164),
        "external_id": parcel.visitor_id.as_deref().map(hash::sha256),
        "ip_address": parcel.ip.as_deref().map(hash::sha256),
        "user_agent": parcel.user_agent,
        "uuid": parcel.cookie("_rdt_uuid"),
    }))
}

/// What Reddit says: in version 3 below `data` or `error`, in version 2 beside it, and the first of the events that it refuses.
fn said(body: &Value, answer: &Answer) -> String {
    let places = ["/data/message", "/error/message", "/error/explanation", "/message"];
    let message = places.iter().find_map(|place| body.pointer(place).and_then(Value::as_str));
    let Some(message) = message else { return format!("HTTP {}: {}", answer.status, answer.excerpt()) };
    let events = ["/data/invalid_events/0", "/error/invalid_events/0", "/invalid_events/0"];
    let first = events.iter().find_map(|place| body.pointer(place)?.get("error_message")?.as_str());
    first.map_or_else(|| message.to_owned(), |first| format!("{message} {first}"))
}

/// `Successfully processed 1 conversion events.`, and nothing but that, is a yes.
fn taken(body: &Value, said: String) -> Outcome {
    if said.contains("None were processed") || said.contains("processed 0 ") {
        return Outcome::Split(said);
    }
    let is_known = body.pointer("/data/message").or_else(|| body.get("message")).is_some_and(Value::is_string);
    if is_known { Outcome::All(Fate::Delivered(Some(said))) } else { Outcome::All(Fate::Down(None, said)) }
}
