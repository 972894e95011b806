//! Microsoft Advertising: the Conversions API of its tag (UET).
//!
//! Sources, besides those named at each rule: MicrosoftDocs/Advertising `bingads-13/guides/uet-conversion-api-integration.md`, which is
//! learn.microsoft.com/advertising/guides/uet-conversion-api-integration; segmentio/action-destinations `ms-bing-capi`.
//!
//! Where they conflict, Microsoft's page is followed: the flag `continueOnValidationError` stands beside `data`, not in each event, a
//! phone number is hashed with its `+`, and an e-mail address without dots and `+...` before the `@`.

use super::sparse::sparse;
use super::{About, Account, Answer, Fate, Field, Limits, Outcome, Parcel, Platform, Request, hash};
use core::net::IpAddr;
use serde_json::{Value, json};
use std::time::Duration;

/// The Conversions API of Microsoft's tag.
pub struct Microsoft;

/// The names under which the page's own tag is told the same (`groups/pixels.toml`), so that a goal finds both, and repeats are found.
const NAMES: &[(&str, &str)] = &[
    ("OutboundClick", "outbound_click"),
    ("ViewContent", "view_item"),
    ("AddToCart", "add_to_cart"),
    ("InitiateCheckout", "begin_checkout"),
    ("AddPaymentInfo", "add_payment_info"),
    ("Purchase", "purchase"),
    ("Lead", "submit_lead_form"),
    ("CompleteRegistration", "signup"),
];

static ABOUT: About = About {
    name: "microsoft",
    title: "Microsoft Advertising",
    base_url: "https://capi.uet.microsoft.com",
    docs: "microsoft.md",
    fields: &[
        Field::text("tag_id", "UET tag ID", "Microsoft Advertising > Tools > UET tag: the number of the tag."),
        Field::secret(
            "access_token",
            "Conversions API token",
            "Microsoft Advertising > Tools > UET tag > your tag > Use Conversions API. Where that is not shown, ask your account manager.",
        ),
    ],
    clicks: Some("microsoft"),
    everything: false,
    refunds: false,
    several: false,
    // A thousand events may go at once, but no more than 1 MB (docs.tealium.com, Microsoft UET Conversion API connector). Microsoft
    // names no greatest age; it suggests to keep click ids for 90 days.
    limits: Limits { batch: 500, max_age: 90 * Limits::DAY, ..Limits::USUAL },
};

impl Platform for Microsoft {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        if account.validates_only() || account.test_event_code().is_some() {
            return Err("Microsoft's Conversions API has no test mode: nothing is sent while validate_only or test_event_code is set.".into());
        }
        let user = user_data(parcel);
        let has = |name: &str| user.get(name).is_some();
        // "Omit the msclkid [...]: vid alone is not sufficient."
        if ["msclkid", "em", "ph"].into_iter().any(has) || (has("clientIpAddress") && has("clientUserAgent")) {
            return Ok(());
        }
        Err("Nothing is known by which Microsoft could find the click: no msclkid, no e-mail address or phone number, and not both \
             address and browser."
            .into())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let tag = account.text("tag_id").unwrap_or_default();
        let events: Vec<Value> = parcels.iter().map(|parcel| event(parcel, account)).collect();
        let body = json!({ "data": events, "continueOnValidationError": true });
        Request::json(account.url(&format!("/v1/{tag}/events")), &sparse(body))
            .bearer(account.text("access_token").unwrap_or_default())
    }

    fn outcome(&self, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        let said = said(&body, answer);
        match answer.status {
            // What the body of a yes looks like is not documented; what is no JSON is no answer of Microsoft's.
            200..=299 if !answer.body.trim().is_empty() && !body.is_object() => Outcome::All(Fate::Down(None, said)),
            200..=299 => each(&body, said, parcels.len(), None),
            400 | 422 => each(&body, said, parcels.len(), Some(Duration::ZERO)),
            401 | 403 => Outcome::All(Fate::Stop(format!(
                "Microsoft does not take the token ({said}): make one under Use Conversions API for this tag."
            ))),
            404 => Outcome::All(Fate::Stop(format!("Microsoft does not know the tag ({said}): look at tag_id."))),
            _ => answer.by_status_of_batch(),
        }
    }
}

fn name<'a>(parcel: &'a Parcel, account: &Account<'a>) -> &'a str {
    let usual =
        || NAMES.iter().find(|(ours, _)| *ours == parcel.kind).map_or(parcel.kind.as_str(), |(_, theirs)| theirs);
    account.event_name(&parcel.kind).unwrap_or_else(usual)
}

fn event(parcel: &Parcel, account: &Account<'_>) -> Value {
    let currency = parcel.value.and(parcel.currency());
    json!({
        "eventType": "custom",
        "eventId": parcel.event_id,
        "eventName": name(parcel, account),
        "eventTime": parcel.seconds(),
        "eventSourceUrl": parcel.page.as_deref().filter(|page| page.starts_with("http://") || page.starts_with("https://")),
        // "By default, all events are processed with the consent state set to granted."
        "adStorageConsent": parcel.has_consent.then_some("G"),
        "userData": user_data(parcel),
        "customData": {
            "transactionId": parcel.transaction_id.as_ref().or(parcel.order_id.as_ref()),
            "value": currency.and(parcel.amount()),
            "currency": currency,
        },
    })
}

fn user_data(parcel: &Parcel) -> Value {
    let person = parcel.person.clone().unwrap_or_default();
    let hashed =
        |raw: &Option<String>, normal: fn(&str) -> String| raw.as_ref().and_then(|raw| hash::hashed(raw, normal));
    sparse(json!({
        "msclkid": click_id(parcel),
        "anonymousId": parcel.visitor_id,
        "clientUserAgent": parcel.user_agent,
        "clientIpAddress": parcel.ip.as_deref().filter(|ip| ip.parse::<IpAddr>().is_ok()),
        "em": hashed(&person.email, hash::email_without_dots),
        "ph": hashed(&person.phone, hash::phone_e164),
    }))
}

/// The newest click. Microsoft's own tag writes it into its cookie behind `_uet`.
pub(super) fn click_id(parcel: &Parcel) -> Option<&str> {
    let cookie = || parcel.cookie("_uetmsclkid").map(|value| value.strip_prefix("_uet").unwrap_or(value));
    parcel.ad_click(&["msclkid"]).map(|(id, _)| id).or_else(cookie)
}

/// `{"error": {"code", "message", "details"}}`.
fn said(body: &Value, answer: &Answer) -> String {
    let text = |name: &str| body.pointer(&format!("/error/{name}")).and_then(Value::as_str);
    match (text("code"), text("message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => format!("HTTP {}: {}", answer.status, answer.excerpt()),
    }
}

/// What is wrong with which event. `again`: where the request was refused whole, after which time the others may go again; else they
/// have been taken.
fn each(body: &Value, said: String, count: usize, again: Option<Duration>) -> Outcome {
    let error = body.get("error").filter(|error| error.is_object());
    let details: Vec<&Value> = error.and_then(|error| error.get("details")?.as_array()).into_iter().flatten().collect();
    let is_warning = |detail: &Value| detail.get("isWarning").and_then(Value::as_bool).unwrap_or(false);
    let has_errors = details.iter().any(|detail| !is_warning(detail));
    if (again.is_some() || error.is_some() && details.is_empty()) && !has_errors {
        return Outcome::Split(said);
    }
    // An error that names no event of this request concerns all.
    if details.iter().any(|detail| !is_warning(detail) && index(detail).is_none_or(|index| index >= count)) {
        return Outcome::Split(said);
    }
    let words = |at: usize, warnings: bool| -> Option<String> {
        let of_it = details.iter().filter(|detail| index(detail) == Some(at) && is_warning(detail) == warnings);
        let words: Vec<String> = of_it.map(|detail| sentence(detail)).collect();
        (!words.is_empty()).then(|| words.join("; "))
    };
    let fate = |at: usize| match (words(at, false), again) {
        (Some(reason), _) => Fate::Refused(format!("Microsoft refuses it: {reason}")),
        (None, Some(after)) => Fate::Later(Some(after), "Microsoft refused another event of the same request.".into()),
        (None, None) => Fate::Delivered(words(at, true)),
    };
    Outcome::Each((0..count).map(fate).collect())
}

/// The event that a detail is about: its `index`, or that in `data[0].eventTime`.
fn index(detail: &Value) -> Option<usize> {
    let told = detail.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
    let named = || detail.get("propertyName")?.as_str()?.strip_prefix("data[")?.split_once(']')?.0.parse().ok();
    told.or_else(named)
}

/// Without `attemptedValue`, which may be about a person.
fn sentence(detail: &Value) -> String {
    let text = |name: &str| detail.get(name).and_then(Value::as_str);
    let words = text("errorMessage").or_else(|| text("errorCode")).unwrap_or("no reason given");
    text("propertyName").map_or_else(|| words.to_owned(), |property| format!("{property}: {words}"))
}
