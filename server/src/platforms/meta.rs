//! Meta: the Conversions API of Facebook and Instagram ads.
//!
//! Sources, besides those named at each rule: developers.facebook.com/documentation/ads-commerce/conversions-api (`using-the-api`,
//! `parameters/server-event`, `parameters/customer-information-parameters`, `parameters/fbp-and-fbc`, `support`).

use super::sparse::sparse;
use super::unreadable::unreadable;
use super::{About, Account, Answer, Fate, Field, Limits, Outcome, Parcel, Platform, Request, hash};
use core::net::IpAddr;
use serde_json::{Value, json};
use tagwerk_protocol::clicks::BuildRule;

/// Meta's Conversions API.
pub struct Meta;

/// The version of the Graph API: rudder-transformer `facebook_conversions/config.js` and facebook-python-business-sdk `apiconfig.py`
/// use it; each is supported for two years at least (`using-the-api`).
const VERSION: &str = "v25.0";

static ABOUT: About = About {
    name: "meta",
    title: "Meta (Facebook, Instagram)",
    base_url: "https://graph.facebook.com",
    docs: "meta.md",
    fields: &[
        Field::text(
            "pixel_id",
            "Dataset ID (pixel ID)",
            "Events Manager > Data sources > your dataset > Settings: a number of 15 or 16 digits.",
        ),
        Field::secret(
            "access_token",
            "Access token",
            "Events Manager > your dataset > Settings > Conversions API > Generate access token. Meta shows it once.",
        ),
    ],
    clicks: Some("meta"),
    everything: false,
    refunds: false,
    several: false,
    limits: Limits {
        batch: 1000,
        // One event that is more than 7 days old when Meta reads it spoils its whole request: the margin is for the way there.
        max_age: 7 * Limits::DAY - 600_000,
        ..Limits::USUAL
    },
};

impl Platform for Meta {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        if account.validates_only() {
            return Err("Meta has no mode that only validates: turn validate_only off, and set test_event_code to the code that \
                        Events Manager shows under Test events."
                .into());
        }
        let name = name(parcel, account);
        // segmentio/action-destinations refuses the same (facebook-conversions-api, `validate`).
        if name == "Purchase" && (parcel.value.is_none() || parcel.currency.is_none()) {
            return Err("Meta wants a value and a currency with each Purchase, and this one lacks them.".into());
        }
        if !can_match(&user_data(parcel)) {
            return Err("Nothing is known by which Meta could find the visitor: no fbclid, no _fbc or _fbp cookie, no e-mail address \
                        or phone number, and not both address and browser."
                .into());
        }
        Ok(())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let pixel_id = account.text("pixel_id").unwrap_or_default();
        let events: Vec<Value> = parcels.iter().map(|parcel| event(parcel, account)).collect();
        // The Graph API reads the token from the body, too, where no log of URLs sees it.
        let body = json!({
            "data": events,
            "access_token": account.text("access_token"),
            "test_event_code": account.test_event_code(),
        });
        Request::json(account.url(&format!("/{VERSION}/{pixel_id}/events")), &sparse(body))
    }

    fn outcome(&self, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        let error = body.get("error").filter(|error| error.is_object());
        match (error, body.get("events_received").and_then(Value::as_u64)) {
            (Some(error), _) => failed(error, answer, parcels.len()),
            (None, Some(0)) if answer.is_success() => {
                Outcome::Split("Meta took none of the events (events_received 0).".into())
            }
            (None, Some(count)) if answer.is_success() => {
                Outcome::All(Fate::Delivered(remark(&body, count, parcels.len())))
            }
            _ => unreadable(answer, "events_received"),
        }
    }
}

/// Meta's name: its standard events are called like ours, and any other name is a custom event.
fn name<'a>(parcel: &'a Parcel, account: &Account<'a>) -> &'a str {
    account.event_name(&parcel.kind).unwrap_or(&parcel.kind)
}

fn event(parcel: &Parcel, account: &Account<'_>) -> Value {
    let currency = parcel.value.and(parcel.currency());
    json!({
        "event_name": name(parcel, account),
        "event_time": parcel.seconds(),
        "event_id": parcel.event_id,
        "action_source": "website",
        // "The URL must begin with http:// or https://" (`parameters/server-event`).
        "event_source_url": parcel.page.as_deref().filter(|page| page.starts_with("http://") || page.starts_with("https://")),
        "user_data": user_data(parcel),
        "custom_data": {
            "currency": currency,
            "value": currency.and(parcel.amount()),
            "order_id": parcel.order_id.as_ref().or(parcel.transaction_id.as_ref()),
            "content_ids": [parcel.product_id],
            "content_type": parcel.product_id.as_ref().map(|_| "product"),
            "content_name": parcel.product_name,
        },
    })
}

/// Who it was. Personal data is hashed in Meta's normal forms; ids of clicks and browsers, address and user agent never are.
fn user_data(parcel: &Parcel) -> Value {
    let person = parcel.person.clone().unwrap_or_default();
    let hashed =
        |raw: &Option<String>, normal: fn(&str) -> String| raw.as_ref().and_then(|raw| hash::hashed(raw, normal));
    sparse(json!({
        "fbc": fbc(parcel),
        "fbp": parcel.cookie("_fbp").filter(|value| Cookie::read(value).is_some()),
        "client_ip_address": parcel.ip.as_deref().filter(|ip| ip.parse::<IpAddr>().is_ok()),
        "client_user_agent": parcel.user_agent,
        "external_id": [parcel.visitor_id.as_deref().map(hash::sha256)],
        "em": [hashed(&person.email, hash::email)],
        "ph": [hashed(&person.phone, hash::phone_digits)],
        "fn": [hashed(&person.first_name, hash::plain)],
        "ln": [hashed(&person.last_name, hash::plain)],
        "ct": [hashed(&person.city, hash::plain)],
        "zp": [hashed(&person.zip, hash::plain)],
        "country": [hashed(&person.country.or_else(|| parcel.country.clone()), hash::plain)],
    }))
}

/// Since version 13 Meta refuses what matches too many people, such as a country with a browser (`best-practices`). An id of the site's
/// own says something only to who was told it before.
fn can_match(user_data: &Value) -> bool {
    let has = |name: &str| user_data.get(name).is_some();
    ["fbc", "fbp", "em", "ph"].into_iter().any(has) || (has("client_ip_address") && has("client_user_agent"))
}

/// One of Meta's own cookies: `fb.<subdomain index>.<milliseconds>.<id>`, and `.<appendix>` where Meta's parameter builder wrote it
/// (facebook/capi-param-builder `ParamBuilder.js`).
struct Cookie<'a> {
    made: i64,
    id: &'a str,
}

impl<'a> Cookie<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let mut parts = value.splitn(5, '.');
        let (mark, index, made, id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_index = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
        (mark == "fb" && is_index && !id.is_empty()).then_some(Self { made: made.parse().ok()?, id })
    }
}

/// The ad's click. The cookie counts, unless the visitor came with another `fbclid` since it was made (stape-io/facebook-tag compares
/// them so with the page's address); then it is made of that id, with the time at which it was first seen (`parameters/fbp-and-fbc`).
fn fbc(parcel: &Parcel) -> Option<String> {
    let cookie = parcel.cookie("_fbc").filter(|value| Cookie::read(value).is_some());
    let Some((click_id, at)) = parcel.ad_click(&["fbclid"]) else { return cookie.map(str::to_owned) };
    let is_of_this_click = |cookie: &Cookie<'_>| cookie.id == click_id || cookie.made > at;
    match cookie {
        Some(value) if Cookie::read(value).is_some_and(|cookie| is_of_this_click(&cookie)) => Some(value.to_owned()),
        _ => Some(BuildRule::Fbc.value(first_seen(parcel, click_id).unwrap_or(at), click_id)),
    }
}

/// When a click id was first seen: a page that is loaded again brings it once more.
fn first_seen(parcel: &Parcel, click_id: &str) -> Option<i64> {
    let has_it = |name: &String, value: &String| name.eq_ignore_ascii_case("fbclid") && value == click_id;
    let with_it = parcel.touches.iter().filter(|touch| touch.click_ids.iter().any(|(name, value)| has_it(name, value)));
    with_it.map(|touch| touch.at).min()
}

/// What Meta adds to its yes: messages, and a count that is not ours (it takes a request whole or not at all).
fn remark(body: &Value, count: u64, sent: usize) -> Option<String> {
    let messages = body.get("messages").and_then(Value::as_array).into_iter().flatten();
    let mut said: Vec<String> =
        messages.map(|message| message.as_str().map_or(message.to_string(), str::to_owned)).collect();
    if u64::try_from(sent).is_ok_and(|sent| sent != count) {
        said.push(format!("Meta counted {count} of {sent} events."));
    }
    (!said.is_empty()).then(|| said.join(" "))
}

/// What an error of the Graph API means: its code decides, at whatever status it comes (rudder-transformer
/// `facebookUtils/networkHandler.js`, whose fixtures have 190 with status 500; developers.facebook.com/docs/graph-api
/// `guides/error-handling`).
///
/// Where that handler throws events away for what is wrong with the account (3, 294, and 100 with 33 or 34: no permission, or no such
/// dataset), the platform stops here, so that none is lost while the operator puts it right.
fn failed(error: &Value, answer: &Answer, sent: usize) -> Outcome {
    let number = |name: &str| error.get(name).and_then(Value::as_i64);
    let (code, subcode) = (number("code"), number("error_subcode"));
    let said = sentence(error);
    match (code, subcode) {
        (Some(190 | 102), _) => Outcome::All(Fate::Stop(format!(
            "{said} Generate a new access token in Events Manager (your dataset > Settings > Conversions API) and enter it."
        ))),
        (Some(100), Some(33 | 34)) => Outcome::All(Fate::Stop(format!(
            "{said} Check the dataset ID, and that the access token was generated for this dataset."
        ))),
        (Some(3 | 10 | 200..=299), _) => Outcome::All(Fate::Stop(format!(
            "{said} The access token lacks a permission: generate one for this dataset in Events Manager, or have it assigned to the \
             system user."
        ))),
        // Of the app, of the user, of the page, of the account.
        (Some(4 | 17 | 32 | 613 | 80000..=80014), _) => Outcome::All(Fate::Down(answer.retry_after, said)),
        (Some(1 | 2 | 341 | 368 | 5000 | 21009), _) => Outcome::All(Fate::Down(answer.retry_after, said)),
        // 100 is "Invalid parameter": one event spoils the request, for instance with 2804003, "Event Timestamp Too Old".
        (Some(100 | 105 | 2650 | 2655 | 1_487_301 | 1_487_366), _) => Outcome::Split(said),
        _ if is_later(error, answer) => Outcome::All(Fate::Down(answer.retry_after, said)),
        // Nobody says what it means. Alone, the event it is about waits without holding up the others.
        _ if sent > 1 => Outcome::Split(said),
        _ => Outcome::All(Fate::Later(answer.retry_after, said)),
    }
}

fn is_later(error: &Value, answer: &Answer) -> bool {
    let is_transient = error.get("is_transient").and_then(Value::as_bool).unwrap_or(false);
    is_transient || matches!(answer.by_status(), Fate::Down(..))
}

/// `Invalid parameter: Event Timestamp Too Old. The timestamp ... (code 100/2804003, trace A6U...)`
fn sentence(error: &Value) -> String {
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let mut said = format!("Meta says: {}", text("message").unwrap_or("no message"));
    for (before, name) in [(": ", "error_user_title"), (". ", "error_user_msg")] {
        if let Some(more) = text(name) {
            said = format!("{}{before}{more}", said.trim_end_matches('.'));
        }
    }
    let number = |name: &str| error.get(name).and_then(Value::as_i64).map(|number| number.to_string());
    let codes = [number("code"), number("error_subcode")].into_iter().flatten().collect::<Vec<_>>().join("/");
    let code = if codes.is_empty() { "no code".to_owned() } else { format!("code {codes}") };
    let trace = text("fbtrace_id").map(|trace| format!(", trace {trace}")).unwrap_or_default();
    format!("{said} ({code}{trace})")
}
