//! Pinterest: the API for Conversions, version 5.
//!
//! Source, besides those named at each rule: Pinterest's own OpenAPI description, version 5.13 (`events/create`, kept in
//! api-evangelist/pinterest `openapi/pinterest-events-api-openapi.yml`).

use super::sparse::sparse;
use super::unreadable::unreadable;
use super::{About, Account, Answer, Fate, Field, Limits, Outcome, Parcel, Platform, Request, hash};
use core::net::IpAddr;
use serde_json::{Value, json};

/// Pinterest's API for Conversions.
pub struct Pinterest;

static ABOUT: About = About {
    name: "pinterest",
    title: "Pinterest",
    base_url: "https://api.pinterest.com",
    docs: "pinterest.md",
    fields: &[
        Field::text(
            "ad_account_id",
            "Ad account ID",
            "Ads Manager > account overview, and in its address: a number of at most 18 digits.",
        ),
        Field::secret(
            "access_token",
            "Conversion access token",
            "Ads Manager > Conversions > Conversions API > Set up API > Generate new token.",
        ),
    ],
    clicks: Some("pinterest"),
    everything: false,
    refunds: false,
    several: false,
    // "Only events that occurred within the previous seven days" (docs.amperity.com, events_pinterest).
    limits: Limits { batch: 1000, per_minute: 5000, ..Limits::USUAL },
};

impl Platform for Pinterest {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, _account: &Account<'_>) -> Result<(), String> {
        let user_data = user_data(parcel);
        let has = |name: &str| user_data.get(name).is_some();
        if has("em") || (has("client_ip_address") && has("client_user_agent")) {
            return Ok(());
        }
        Err("Pinterest wants the visitor's address and browser, or an e-mail address; a click id alone is not enough. The site's \
             setting privacy.ip says whether addresses are kept."
            .into())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let ad_account_id = account.text("ad_account_id").unwrap_or_default();
        let events: Vec<Value> = parcels.iter().map(|parcel| event(parcel, account)).collect();
        let url = account.url(&format!("/v5/ad_accounts/{ad_account_id}/events"));
        let request = Request::json(url, &sparse(json!({ "data": events })))
            .bearer(account.text("access_token").unwrap_or_default());
        // Pinterest knows no codes: whoever sets one wants a test.
        let is_test = account.validates_only() || account.test_event_code().is_some();
        if is_test { request.query(&[("test", "true")]) } else { request }
    }

    fn outcome(&self, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        let details = if answer.status == 422 { body.get("details").unwrap_or(&body) } else { &body };
        let events = details.get("events").and_then(Value::as_array);
        match events.filter(|events| events.len() == parcels.len()) {
            Some(events) if answer.is_success() || answer.status == 422 => {
                Outcome::Each(events.iter().map(fate).collect())
            }
            _ if answer.is_success() => counted(details, answer),
            _ => failed(&body, answer),
        }
    }
}

/// Pinterest's names, those by which the page's own tag tells the same (`groups/pixels.toml`): only one name and id count once. Other
/// names "wont be accepted", so what has none of its own is a custom event. `initiate_checkout` and `add_payment_info` stand on
/// developers.pinterest.com/docs/api-features/conversion-overview only, which is the newer list.
fn name<'a>(parcel: &'a Parcel, account: &Account<'a>) -> &'a str {
    account.event_name(&parcel.kind).unwrap_or(match parcel.kind.as_str() {
        "Purchase" => "checkout",
        "Lead" => "lead",
        "CompleteRegistration" => "signup",
        "ViewContent" | "PageView" => "page_visit",
        "AddToCart" => "add_to_cart",
        "InitiateCheckout" => "initiate_checkout",
        "AddPaymentInfo" => "add_payment_info",
        _ => "custom",
    })
}

fn event(parcel: &Parcel, account: &Account<'_>) -> Value {
    // Without a currency Pinterest would take the advertiser's.
    let currency = parcel.value.and(parcel.currency());
    json!({
        "event_name": name(parcel, account),
        "action_source": "web",
        "event_time": parcel.seconds(),
        "event_id": parcel.event_id,
        "event_source_url": parcel.page,
        "opt_out": false,
        "user_data": user_data(parcel),
        "custom_data": {
            "currency": currency,
            "value": currency.and(parcel.decimal()),
            "order_id": parcel.order_id.as_ref().or(parcel.transaction_id.as_ref()),
            "content_ids": [parcel.product_id],
            "content_name": parcel.product_name,
        },
    })
}

fn user_data(parcel: &Parcel) -> Value {
    let person = parcel.person.clone().unwrap_or_default();
    let hashed =
        |raw: &Option<String>, normal: fn(&str) -> String| raw.as_ref().and_then(|raw| hash::hashed(raw, normal));
    let click_id = parcel.ad_click(&["epik"]).map(|(click_id, _)| click_id);
    sparse(json!({
        "click_id": click_id.or_else(|| parcel.cookie("_epik")),
        "client_ip_address": parcel.ip.as_deref().filter(|ip| ip.parse::<IpAddr>().is_ok()),
        "client_user_agent": parcel.user_agent,
        "external_id": [parcel.visitor_id.as_deref().map(hash::sha256)],
        "em": [hashed(&person.email, hash::email)],
        "ph": [hashed(&person.phone, hash::phone_digits)],
        "fn": [hashed(&person.first_name, lower)],
        "ln": [hashed(&person.last_name, lower)],
        "ct": [hashed(&person.city, hash::plain)],
        "zp": [hashed(&person.zip, digits)],
        "country": [hashed(&person.country.or_else(|| parcel.country.clone()), hash::plain)],
    }))
}

/// Names, "in lowercase", and nothing said of punctuation.
fn lower(raw: &str) -> String {
    raw.trim().to_lowercase()
}

/// Postal codes, "only digits".
fn digits(raw: &str) -> String {
    raw.chars().filter(char::is_ascii_digit).collect()
}

/// What became of one event; they stand in the order of the request.
fn fate(event: &Value) -> Fate {
    let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    match text("status") {
        Some("processed") => {
            Fate::Delivered(text("warning_message").map(|warning| format!("Pinterest says: {warning}")))
        }
        status => {
            let status = status.unwrap_or("no status");
            Fate::Refused(format!("Pinterest says: {} ({status})", text("error_message").unwrap_or("no message")))
        }
    }
}

/// A success that does not tell of each event.
fn counted(body: &Value, answer: &Answer) -> Outcome {
    let number = |name: &str| body.get(name).and_then(Value::as_u64);
    match (number("num_events_received"), number("num_events_processed")) {
        (Some(received), Some(processed)) if processed >= received => Outcome::All(Fate::Delivered(None)),
        (Some(received), Some(processed)) => {
            Outcome::Split(format!("Pinterest took {processed} of {received} events, and does not say which."))
        }
        _ => unreadable(answer, "num_events_processed"),
    }
}

/// An error, with Pinterest's number and words where they are there: 2 no good token, 29 no permission, 8 throttled, 4196 invalid, 4197
/// down. The status says the same and is never missing.
fn failed(body: &Value, answer: &Answer) -> Outcome {
    let (code, message) = (body.get("code").and_then(Value::as_i64), body.get("message").and_then(Value::as_str));
    if code.is_none() && message.is_none() {
        return unreadable(answer, "num_events_processed");
    }
    let code = code.map(|code| format!(", code {code}")).unwrap_or_default();
    let said = format!("Pinterest says: {} (HTTP {}{code})", message.unwrap_or("no message"), answer.status);
    match answer.by_status() {
        Fate::Stop(_) if answer.status == 401 => Outcome::All(Fate::Stop(format!(
            "{said} Generate a new conversion access token in Ads Manager (Conversions > Conversions API) and enter it."
        ))),
        Fate::Stop(_) => Outcome::All(Fate::Stop(format!(
            "{said} Check the ad account ID, and that whoever generated the token is owner, admin, analyst, audience or campaign manager \
             of this ad account."
        ))),
        Fate::Down(after, _) => Outcome::All(Fate::Down(after, said)),
        _ => Outcome::Split(said),
    }
}
