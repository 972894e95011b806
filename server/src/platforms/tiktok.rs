//! TikTok: the Events API 2.0.
//!
//! Sources, besides those named at each rule: rudderlabs/rudder-transformer `tiktok_ads` (README.md, networkHandler.js, transformV2.js),
//! segmentio/action-destinations `tiktok-conversions`, ads.tiktok.com/help/article/event-deduplication. TikTok's own reference is a
//! portal that asks for an account: what it alone says could not be read.

use super::sparse::sparse;
use super::unreadable::unreadable;
use super::{About, Account, Answer, Fate, Field, Limits, Outcome, Parcel, Platform, Request, hash};
use core::net::IpAddr;
use serde_json::{Value, json};

/// TikTok's Events API.
pub struct TikTok;

static ABOUT: About = About {
    name: "tiktok",
    title: "TikTok",
    base_url: "https://business-api.tiktok.com",
    docs: "tiktok.md",
    fields: &[
        Field::text(
            "pixel_code",
            "Pixel ID",
            "Events Manager > Web > your pixel: 20 letters and digits below its name.",
        ),
        Field::secret(
            "access_token",
            "Access token",
            "Events Manager > Web > your pixel > Settings > Events API > Generate access token.",
        ),
    ],
    clicks: Some("tiktok"),
    everything: false,
    refunds: false,
    several: false,
    // TikTok's page on the age of events was not to be read: 7 days are what the pixel's other users keep to.
    limits: Limits { batch: 1000, per_minute: 600_000, ..Limits::USUAL },
};

impl Platform for TikTok {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        if account.validates_only() {
            return Err("TikTok has no mode that only validates: turn validate_only off, and set test_event_code to the code that \
                        Events Manager shows under Test events."
                .into());
        }
        let user = user(parcel);
        let has = |name: &str| user.get(name).is_some();
        if ["ttclid", "ttp", "email", "phone"].into_iter().any(has) || (has("ip") && has("user_agent")) {
            return Ok(());
        }
        Err("Nothing is known by which TikTok could find the visitor: no ttclid, no _ttp cookie, no e-mail address or phone number, \
             and not both address and browser."
            .into())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let events: Vec<Value> = parcels.iter().map(|parcel| event(parcel, account)).collect();
        let body = json!({
            "event_source": "web",
            "event_source_id": account.text("pixel_code"),
            "test_event_code": account.test_event_code(),
            "data": events,
        });
        Request::json(account.url("/open_api/v1.3/event/track/"), &sparse(body))
            .header("access-token", account.text("access_token").unwrap_or_default())
    }

    fn outcome(&self, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        match body.get("code").and_then(Value::as_i64) {
            Some(code) => judged(code, &body, answer, parcels.len()),
            None => unreadable(answer, "a code"),
        }
    }
}

/// TikTok's names, those by which the page's own pixel tells the same (`groups/pixels.toml`): only one name and id count once.
fn name<'a>(parcel: &'a Parcel, account: &Account<'a>) -> &'a str {
    account.event_name(&parcel.kind).unwrap_or(match parcel.kind.as_str() {
        "FormSubmit" => "SubmitForm",
        // Purchase and Lead were CompletePayment and SubmitForm before 2025; the rest is called like ours, or is an event of one's own.
        kind => kind,
    })
}

fn event(parcel: &Parcel, account: &Account<'_>) -> Value {
    let currency = parcel.value.and(parcel.currency());
    let product = parcel.product_id.as_ref();
    json!({
        "event": name(parcel, account),
        "event_time": parcel.seconds(),
        "event_id": parcel.event_id,
        "user": user(parcel),
        "page": { "url": parcel.page },
        "properties": {
            "currency": currency,
            "value": currency.and(parcel.amount()),
            "order_id": parcel.order_id.as_ref().or(parcel.transaction_id.as_ref()),
            "content_type": product.map(|_| "product"),
            // A text: a number is refused with 40002. No price, since what is sent is a commission.
            "contents": [product.map(|id| json!({ "content_id": id, "content_name": parcel.product_name }))],
        },
    })
}

/// Who it was. The click id of the newest arrival counts before the cookie, which an older one may have set (stape-io/tiktok-tag).
fn user(parcel: &Parcel) -> Value {
    let person = parcel.person.as_ref();
    let email = person.and_then(|person| person.email.as_deref()).and_then(|raw| hash::hashed(raw, hash::email));
    let phone = person.and_then(|person| person.phone.as_deref()).and_then(|raw| hash::hashed(raw, hash::phone_e164));
    sparse(json!({
        "ttclid": parcel.ad_click(&["ttclid"]).map(|(click_id, _)| click_id).or_else(|| parcel.cookie("ttclid")),
        "ttp": parcel.cookie("_ttp"),
        "ip": parcel.ip.as_deref().filter(|ip| ip.parse::<IpAddr>().is_ok()),
        "user_agent": parcel.user_agent,
        "external_id": [parcel.visitor_id.as_deref().map(hash::sha256)],
        "email": [email],
        "phone": [phone],
    }))
}

/// What a code means, at whatever status it comes; nearly all come with 200 (rudder-transformer `networkHandler.js` and its fixtures).
///
/// That handler takes 20001, "partial success", for a success. Which events it is about is not known, so a batch is sent again in
/// halves: what TikTok has already it counts once. 40101 to 40110 are about the token: 40105 is documented by those whom it hit.
fn judged(code: i64, body: &Value, answer: &Answer, sent: usize) -> Outcome {
    let said = sentence(code, body);
    match code {
        0 => Outcome::All(Fate::Delivered(None)),
        20001 if sent == 1 => Outcome::All(Fate::Delivered(Some(said))),
        20001 | 40002 => Outcome::Split(said),
        40001 => Outcome::All(Fate::Stop(format!(
            "{said} Check the pixel ID, and that the access token was generated for this pixel by an admin or operator of its account."
        ))),
        40101..=40110 => Outcome::All(Fate::Stop(format!(
            "{said} Generate a new access token in Events Manager (your pixel > Settings > Events API) and enter it."
        ))),
        40100 | 40700 | 50000..=59999 => Outcome::All(Fate::Down(answer.retry_after, said)),
        _ if matches!(answer.by_status(), Fate::Down(..)) => Outcome::All(Fate::Down(answer.retry_after, said)),
        // Nobody says what it means. Alone, the event it is about waits without holding up the others.
        _ if sent > 1 => Outcome::Split(said),
        _ => Outcome::All(Fate::Later(answer.retry_after, said)),
    }
}

/// `TikTok says: Too many requests. (code 40100, request 2023...)`
fn sentence(code: i64, body: &Value) -> String {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let request = text("request_id").map(|id| format!(", request {id}")).unwrap_or_default();
    format!("TikTok says: {} (code {code}{request})", text("message").unwrap_or("no message"))
}
