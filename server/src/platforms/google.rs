//! Google Ads by the Data Manager API, Google's way for new integrations.
//!
//! Each event goes alone: an answer only says that a request was taken in, and what is told later are counts for each reason, not rows.
//! Sources: googleapis/googleapis `google/ads/datamanager/v1/{ingestion_service,event,destination,device_info,error}.proto`;
//! developers.google.com/data-manager/api/devguides: `events/google-ads/offline/send-events`, `events/google-ads/conversion-adjustments`,
//! `diagnostics`, `concepts/understand-errors`, `limits`; the processing reasons as google-api-php-client-services `DataManager/ErrorCount.php`
//! lists them, which is newer than the proto at hand.
//!
//! A refund is told as what is left of its sale, under the sale's transaction id: the guide on adjustments knows no other way, and no
//! retraction. Told as the sale was, with its time and click, it does no harm where Google does not know the sale.
//!
//! Where they conflict: a request takes 2,000 events (proto and limits page) or 10,000 (error.proto); one is below both. The event lists
//! three click ids, the guide wants exactly one of them: one is sent.

use super::google_account::{
    CLIENT_ID, CLIENT_SECRET, CONSENT, CONVERSION_ACTIONS, CUSTOMER_ID, LOGIN_CUSTOMER_ID, action, ad_click, consent,
    digits, left, person, said, tells_currency, tells_sale, tells_whom, text, time, token_request, told_as,
};
use super::sparse::sparse;
use super::{About, Account, Answer, Fate, Field, Limits, Outcome, Parcel, Platform, Request};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The platform `google`.
pub struct Google;

const HOUR: Duration = Duration::from_secs(3600);
/// When it is asked first what became of a request, and again while it is processed: the diagnostics page says after 30 minutes.
const LOOK: Duration = Duration::from_secs(30 * 60);

static ABOUT: About = About {
    name: "google",
    title: "Google Ads",
    base_url: "https://datamanager.googleapis.com",
    docs: "google.md",
    fields: &[
        CUSTOMER_ID,
        CONVERSION_ACTIONS,
        CLIENT_ID,
        CLIENT_SECRET,
        Field::secret(
            "refresh_token",
            "Refresh token",
            "Of a user with access to the account, for the scope https://www.googleapis.com/auth/datamanager.",
        ),
        LOGIN_CUSTOMER_ID,
        CONSENT,
    ],
    clicks: Some("google"),
    everything: false,
    refunds: true,
    several: false,
    limits: Limits {
        // 300 requests a minute and project, kept a tenth below.
        per_minute: 270,
        // The longest click-through window of a conversion action.
        max_age: 90 * Limits::DAY,
        // Google knows a click after six hours.
        min_click_age: Limits::DAY / 4,
        timeout: Duration::from_secs(60),
        ..Limits::USUAL
    },
};

impl Platform for Google {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        action(parcel, account, ABOUT.name)?;
        if parcel.takes_back {
            tells_sale(parcel)?;
            parcel.left.ok_or("What is left of its sale is not known, and Google corrects a sale by its new value.")?;
        }
        tells_whom(parcel)?;
        tells_currency(parcel)
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let action = parcels.first().and_then(|parcel| action(parcel, account, ABOUT.name).ok());
        let events: Vec<Value> = parcels.iter().map(|parcel| event(parcel, account)).collect();
        let body = sparse(json!({
            "destinations": [{
                "operatingAccount": account.text("customer_id").map(ads_account),
                "loginAccount": account.text("login_customer_id").map(ads_account),
                "productDestinationId": action,
            }],
            "events": events,
            "encoding": "HEX",
            "validateOnly": account.validates_only().then_some(true),
        }));
        Request::json(account.url("/v1/events:ingest"), &body).bearer(account.token.unwrap_or_default())
    }

    fn outcome(&self, answer: &Answer, _parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        Outcome::All(match body.get("requestId").and_then(Value::as_str).filter(|id| !id.is_empty()) {
            _ if !answer.is_success() => failure(answer),
            Some(id) => Fate::Enquire(id.into(), LOOK),
            // Only a request that is not executed has none.
            None if body.is_object() => Fate::Delivered(Some("Google checked it and will not count it.".into())),
            None => Fate::Down(answer.retry_after, format!("The answer is not Google's: {}", answer.excerpt())),
        })
    }

    fn token_request(&self, account: &Account<'_>) -> Option<Request> {
        Some(token_request(account, ABOUT.base_url))
    }

    fn enquiry(&self, receipt: &str, account: &Account<'_>) -> Option<Request> {
        let request = Request::get(account.url("/v1/requestStatus:retrieve")).query(&[("requestId", receipt)]);
        Some(request.bearer(account.token.unwrap_or_default()))
    }

    fn enquired(&self, answer: &Answer, receipt: &str) -> Fate {
        let again = Fate::Enquire(receipt.into(), answer.retry_after.unwrap_or(LOOK));
        match answer.status {
            200..=299 => {
                let body = answer.json();
                let status = body.pointer("/requestStatusPerDestination/0").unwrap_or(&Value::Null);
                match text(status, "requestStatus") {
                    "SUCCESS" => Fate::Delivered(listed(status, "/warningInfo/warningCounts")),
                    "FAILED" | "PARTIAL_SUCCESS" => judged(status),
                    _ => again,
                }
            }
            // It was taken in, so it is not sent again for want of news: `INVALID_REQUEST_ID` also stands for one that was only checked.
            400 | 404 => {
                Fate::Delivered(Some(format!("Google took it and does not tell what became of it: {}", said(answer))))
            }
            401 => Fate::Renew(said(answer)),
            403 => failure(answer),
            _ => again,
        }
    }
}

/// One event. <https://developers.google.com/data-manager/api/reference/rest/v1/events/ingest#Event>
fn event(parcel: &Parcel, account: &Account<'_>) -> Value {
    let (event_id, at) = told_as(parcel);
    let (email, phone) = person(parcel);
    let consent =
        consent(parcel, account).map(|is_granted| if is_granted { "CONSENT_GRANTED" } else { "CONSENT_DENIED" });
    let value = if parcel.takes_back { left(parcel) } else { parcel.amount() };
    let mut ids = Map::from_iter([("landingPageDeviceInfo".to_owned(), device(parcel))]);
    ids.extend(ad_click(parcel).map(|(param, id)| (param.to_owned(), id.into())));
    sparse(json!({
        "transactionId": event_id,
        "eventTimestamp": time(at, "%Y-%m-%dT%H:%M:%S%.3fZ"),
        "eventSource": "WEB",
        "adIdentifiers": ids,
        "userData": { "userIdentifiers": [{ "emailAddress": email }, { "phoneNumber": phone }] },
        "currency": value.as_ref().and(parcel.currency()),
        "conversionValue": value,
        "consent": { "adUserData": consent, "adPersonalization": consent },
    }))
}

/// The visitor's browser and address at the click. Google takes no addresses from the European Economic Area, the United Kingdom and
/// Switzerland (`device_info.proto`): none is sent from there, nor where the country is not known.
fn device(parcel: &Parcel) -> Value {
    const WITHOUT_ADDRESS: &[&str] = &[
        "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS",
        "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
    ];
    let takes_address = parcel.country.as_deref().is_some_and(|country| !WITHOUT_ADDRESS.contains(&country));
    json!({ "userAgent": parcel.user_agent, "ipAddress": parcel.ip.as_ref().filter(|_| takes_address) })
}

/// What became of an event that was not taken as it is. Reasons: `processing_errors.proto`.
fn judged(status: &Value) -> Fate {
    let Some(reasons) = listed(status, "/errorInfo/errorCounts") else {
        return match text(status, "requestStatus") {
            "FAILED" => Fate::Refused("Google says FAILED and gives no reason; it can be sent again by hand.".into()),
            _ => Fate::Delivered(Some("PARTIAL_SUCCESS".into())),
        };
    };
    let has = |word: &str| reasons.split(", ").any(|reason| reason.starts_with(word));
    if has("DUPLICATE_") {
        Fate::Duplicate(reasons)
    } else if has("TOO_RECENT_CLICK") {
        Fate::Later(Some(6 * HOUR), reasons)
    } else if has("INTERNAL_ERROR") {
        Fate::Later(None, reasons)
    } else if has("DESTINATION_ACCOUNT_") {
        Fate::Stop(format!("{reasons}: accept the terms in Google Ads, or switch hashed_personal_data off."))
    } else {
        let hint = HINTS.iter().find(|(reason, _)| has(reason)).map(|(_, hint)| *hint).unwrap_or_default();
        Fate::Refused(format!("{reasons}. {hint}").trim_end().to_owned())
    }
}

const HINTS: &[(&str, &str)] = &[
    ("EVENT_TOO_OLD", "The conversion is older than Google takes."),
    ("DENIED_CONSENT", "The visitor or the account's settings deny consent."),
    ("NO_CONSENT", "Set platforms.google.consent, or have the site ask for consent."),
    ("UNKNOWN_CONSENT", "Set platforms.google.consent, or have the site ask for consent."),
    ("INVALID_G", "The click id is not one that Google made."),
    ("INVALID_WBRAID", "The click id is not one that Google made."),
    ("INVALID_CLICK", "The click did not come from a Google Ads campaign."),
    ("CLICK_NOT_FOUND", "Google finds no click for it."),
    ("CONVERSION_PRECEDES_CLICK", "Its time lies before that of the click."),
    ("INVALID_OPERATING_ACCOUNT_FOR_CLICK", "The click belongs to another account than customer_id."),
    ("OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER", "The click belongs to another account than customer_id."),
    ("ONE_PER_CLICK", "Have the conversion action count every conversion, not one."),
];

/// The reasons of a list of counts, without the prefix that all of them have; nothing where there are none.
fn listed(status: &Value, list: &str) -> Option<String> {
    const PREFIXES: [&str; 3] = ["PROCESSING_ERROR_REASON_", "PROCESSING_WARNING_REASON_", "PROCESSING_ERROR_"];
    let counts = status.pointer(list).and_then(Value::as_array)?;
    let short = |count| {
        let reason = text(count, "reason");
        PREFIXES.iter().find_map(|prefix| reason.strip_prefix(prefix)).unwrap_or(reason)
    };
    let reasons: Vec<&str> = counts.iter().map(short).filter(|reason| !reason.is_empty()).collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

/// What an answer means that is none of success.
fn failure(answer: &Answer) -> Fate {
    const OF_THE_ACCOUNT: [&str; 4] = [
        "INVALID_DESTINATION",
        "DESTINATION_ACCOUNT_",
        "TERMS_AND_CONDITIONS_NOT_SIGNED",
        "NOT_ALLOWED_FOR_DATA_PARTNER",
    ];
    let said = said(answer);
    match answer.status {
        401 => Fate::Renew(said),
        403 if said.contains("SCOPE") => Fate::Stop(format!(
            "{said}. Make a refresh token for the scope https://www.googleapis.com/auth/datamanager."
        )),
        403 if said.contains("SERVICE_DISABLED") => {
            Fate::Stop(format!("{said}. Enable the Data Manager API in the project of the OAuth client."))
        }
        403 => Fate::Stop(format!(
            "{said}. The user of the refresh token needs access to customer_id, or to login_customer_id."
        )),
        400 if OF_THE_ACCOUNT.iter().any(|word| said.contains(word)) => Fate::Stop(said),
        _ => match answer.by_status() {
            Fate::Refused(_) => Fate::Refused(said),
            Fate::Down(after, _) => Fate::Down(after, said),
            Fate::Stop(_) => Fate::Stop(said),
            other => other,
        },
    }
}

fn ads_account(id: &str) -> Value {
    json!({ "accountType": "GOOGLE_ADS", "accountId": digits(id) })
}
