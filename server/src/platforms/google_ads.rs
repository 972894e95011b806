//! Google Ads by `uploadClickConversions`, for accounts that uploaded before Google closed it to new ones on 2026-06-15.
//!
//! Sources: googleapis/googleapis `google/ads/googleads/v25/services/{conversion_upload_service,conversion_adjustment_upload_service}.proto`
//! and `errors/{conversion_upload_error,conversion_adjustment_upload_error}.proto`; rudderlabs/rudder-transformer
//! `test/integrations/destinations/google_adwords_offline_conversions/network.ts` and its pull requests 5492 (rows by index) and 5499
//! (`INTERNAL_ERROR` in a partial failure passes).
//!
//! A refund is a `RESTATEMENT` of what is left of its sale, or its `RETRACTION` where that is nothing or not known.
//! Conversions and adjustments go to different addresses and must not meet in a request, hence one in each.

use super::google_account::{
    CLIENT_ID, CLIENT_SECRET, CONSENT, CONVERSION_ACTIONS, CUSTOMER_ID, LOGIN_CUSTOMER_ID, action, ad_click, consent,
    digits, left, person, said, tells_currency, tells_sale, tells_whom, text, time, token_request, told_as,
};
use super::sparse::sparse;
use super::{About, Account, Answer, Fate, Field, FieldKind, Limits, Outcome, Parcel, Platform, Request};
use serde_json::{Value, json};
use std::time::Duration;
use tagwerk_protocol::money::Amount;

/// The platform `google_ads`.
pub struct GoogleAds;

const HOUR: Duration = Duration::from_secs(3600);
/// Where the settings name no version of the API.
const VERSION: &str = "v25";
/// As the API writes times; the zone is a must.
const TIME: &str = "%Y-%m-%d %H:%M:%S+00:00";

static ABOUT: About = About {
    name: "google_ads",
    title: "Google Ads (legacy upload)",
    base_url: "https://googleads.googleapis.com",
    docs: "google_ads.md",
    fields: &[
        CUSTOMER_ID,
        CONVERSION_ACTIONS,
        Field::secret("developer_token", "Developer token", "Google Ads manager account, Admin, API Center."),
        CLIENT_ID,
        CLIENT_SECRET,
        Field::secret(
            "refresh_token",
            "Refresh token",
            "Of a user with access to the account, for the scope https://www.googleapis.com/auth/adwords.",
        ),
        LOGIN_CUSTOMER_ID,
        Field::optional(
            "api_version",
            FieldKind::Text,
            "API version",
            "`v25` where nothing is set; Google retires a version after a year.",
        ),
        CONSENT,
    ],
    clicks: Some("google"),
    everything: false,
    refunds: true,
    several: false,
    limits: Limits {
        max_age: 90 * Limits::DAY,
        min_click_age: Limits::DAY / 4,
        timeout: Duration::from_secs(60),
        ..Limits::USUAL
    },
};

impl Platform for GoogleAds {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        action(parcel, account, ABOUT.name)?;
        tells_currency(parcel)?;
        // An adjustment names its sale, not its click.
        if parcel.takes_back { tells_sale(parcel) } else { tells_whom(parcel) }
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let customer = digits(account.text("customer_id").unwrap_or_default());
        let takes_back = parcels.first().is_some_and(|parcel| parcel.takes_back);
        let (verb, list) = match takes_back {
            true => ("uploadConversionAdjustments", "conversionAdjustments"),
            false => ("uploadClickConversions", "conversions"),
        };
        let row = |parcel: &&Parcel| {
            if takes_back { adjustment(parcel, account, &customer) } else { conversion(parcel, account, &customer) }
        };
        let body = json!({
            list: parcels.iter().map(row).collect::<Vec<Value>>(),
            "partialFailure": true,
            "validateOnly": account.validates_only(),
        });
        let version = account.text("api_version").unwrap_or(VERSION);
        let request = Request::json(account.url(&format!("/{version}/customers/{customer}:{verb}")), &body)
            .bearer(account.token.unwrap_or_default())
            .header("developer-token", account.text("developer_token").unwrap_or_default());
        match account.text("login_customer_id") {
            Some(manager) => request.header("login-customer-id", digits(manager)),
            None => request,
        }
    }

    fn outcome(&self, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        match answer.status {
            200..=299 if body.is_object() => rows(&body, answer, parcels),
            200..=299 => Outcome::All(Fate::Down(
                answer.retry_after,
                format!("The answer is not Google's: {}", answer.excerpt()),
            )),
            408 | 425 | 429 | 500.. => Outcome::All(Fate::Down(answer.retry_after, said(answer))),
            status => {
                let whole = body.get("error").unwrap_or(&Value::Null);
                match (failures(whole).first(), status) {
                    (Some(failure), _) => of_request(failure, answer, parcels),
                    (None, 401) => Outcome::All(Fate::Renew(said(answer))),
                    (None, 403) => Outcome::All(Fate::Stop(said(answer))),
                    _ => answer.by_status_of_batch(),
                }
            }
        }
    }

    fn token_request(&self, account: &Account<'_>) -> Option<Request> {
        Some(token_request(account, ABOUT.base_url))
    }
}

fn resource(parcel: &Parcel, account: &Account<'_>, customer: &str) -> String {
    format!("customers/{customer}/conversionActions/{}", action(parcel, account, ABOUT.name).unwrap_or_default())
}

/// A `ClickConversion`. User identifiers do not go with gbraid and wbraid, as rudder-transformer has it.
fn conversion(parcel: &Parcel, account: &Account<'_>, customer: &str) -> Value {
    let click = ad_click(parcel);
    let (email, phone) = if click.is_none_or(|(param, _)| param == "gclid") { person(parcel) } else { (None, None) };
    let consent = consent(parcel, account).map(|is_granted| if is_granted { "GRANTED" } else { "DENIED" });
    let mut row = json!({
        "conversionAction": resource(parcel, account, customer),
        "conversionDateTime": time(parcel.at, TIME),
        "orderId": parcel.event_id,
        "userIdentifiers": [{ "hashedEmail": email }, { "hashedPhoneNumber": phone }],
        "conversionValue": parcel.amount(),
        "currencyCode": parcel.value.and(parcel.currency()),
        "consent": { "adUserData": consent, "adPersonalization": consent },
    });
    if let (Some((param, id)), Some(fields)) = (click, row.as_object_mut()) {
        fields.insert(param.into(), id.into());
    }
    sparse(row)
}

/// A `ConversionAdjustment`: the sale's new value, or that neither it nor its value counts.
fn adjustment(parcel: &Parcel, account: &Account<'_>, customer: &str) -> Value {
    let left = left(parcel).filter(|_| parcel.left.is_some_and(|left| left > Amount::ZERO));
    let (sale, _) = told_as(parcel);
    sparse(json!({
        "adjustmentType": if left.is_some() { "RESTATEMENT" } else { "RETRACTION" },
        "conversionAction": resource(parcel, account, customer),
        "adjustmentDateTime": time(parcel.at, TIME),
        "orderId": sale,
        "restatementValue": { "adjustedValue": left, "currencyCode": left.as_ref().and(parcel.currency()) },
    }))
}

/// One error of a `GoogleAdsFailure`.
struct Failure {
    /// `conversionUploadError` and the like.
    kind: String,
    code: String,
    message: String,
    /// The row that it is about.
    index: Option<usize>,
}

impl Failure {
    fn said(&self) -> String {
        format!("{}: {}", self.code, self.message)
    }
}

/// The errors in a status' details; `message` of the status itself tells of the first alone.
fn failures(status: &Value) -> Vec<Failure> {
    let list = |value: &'_ Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let errors = list(status, "details").into_iter().flat_map(|detail| list(&detail, "errors"));
    let failure = |error: Value| {
        let (kind, code) = error.get("errorCode")?.as_object()?.iter().next()?;
        let path = error.get("location").map(|location| list(location, "fieldPathElements")).unwrap_or_default();
        let rows = ["conversions", "conversion_adjustments", "conversionAdjustments", "operations"];
        let row = path.iter().find(|element| rows.contains(&text(element, "fieldName")));
        // The first row's index may be left out, as JSON leaves out what is 0.
        let index = row.map(|row| row.get("index").and_then(number).unwrap_or(0));
        let code = code.as_str().unwrap_or_default().to_owned();
        Some(Failure { kind: kind.clone(), code, message: text(&error, "message").to_owned(), index })
    };
    errors.filter_map(failure).collect()
}

/// A number that may stand in a text, as JSON's 64 bits do.
fn number(value: &Value) -> Option<usize> {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_u64()?.try_into().ok())
}

/// What an answer with rows means for each of them.
fn rows(body: &Value, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
    let Some(status) = body.get("partialFailureError").filter(|status| status.is_object()) else {
        return Outcome::All(Fate::Delivered(None));
    };
    let failures = failures(status);
    if failures.is_empty() {
        return Outcome::Split(format!("HTTP {}: {}", answer.status, text(status, "message")));
    }
    if let Some(failure) = failures.iter().find(|failure| failure.index.is_none()) {
        return of_request(failure, answer, parcels);
    }
    let of_row = |(index, parcel): (usize, &&Parcel)| {
        let failure = failures.iter().find(|failure| failure.index == Some(index));
        failure.map_or(Fate::Delivered(None), |failure| fate(failure, answer, parcel))
    };
    Outcome::Each(parcels.iter().enumerate().map(of_row).collect())
}

/// What an error means that no row is named for.
fn of_request(failure: &Failure, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
    match parcels.first().map(|parcel| fate(failure, answer, parcel)) {
        Some(Fate::Refused(reason)) => Outcome::Split(reason),
        Some(fate) => Outcome::All(fate),
        None => Outcome::All(Fate::Later(None, failure.said())),
    }
}

fn fate(failure: &Failure, answer: &Answer, parcel: &Parcel) -> Fate {
    let said = failure.said();
    match (failure.kind.as_str(), failure.code.as_str()) {
        (_, "TOO_RECENT_EVENT" | "TOO_RECENT_CONVERSION_ACTION") => Fate::Later(Some(6 * HOUR), said),
        (_, "TOO_RECENT_CONVERSION") => Fate::Later(Some(24 * HOUR), said),
        // An upload is known after some hours only, so the refund of a young sale may come too early.
        (_, "CONVERSION_NOT_FOUND") if is_soon_after_its_sale(parcel) => Fate::Later(Some(24 * HOUR), said),
        (
            _,
            "ORDER_ID_ALREADY_IN_USE"
            | "DUPLICATE_ORDER_ID"
            | "CLICK_CONVERSION_ALREADY_EXISTS"
            | "DUPLICATE_CLICK_CONVERSION_IN_REQUEST"
            | "CONVERSION_ALREADY_RETRACTED"
            | "RESTATEMENT_ALREADY_EXISTS"
            | "DUPLICATE_ADJUSTMENT_IN_REQUEST",
        ) => Fate::Duplicate(said),
        (
            _,
            "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS"
            | "CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS"
            | "CUSTOMER_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS",
        ) => Fate::Stop(format!("{said} Set it right in Google Ads, or switch hashed_personal_data off.")),
        ("notAllowlistedError", _) => Fate::Stop(format!(
            "{said} The account may not upload this way: set up the platform google, and switch this one off."
        )),
        ("internalError" | "databaseError", _) => Fate::Later(None, said),
        ("quotaError", "RESOURCE_EXHAUSTED" | "RESOURCE_TEMPORARILY_EXHAUSTED") => Fate::Down(answer.retry_after, said),
        ("authenticationError", "OAUTH_TOKEN_EXPIRED" | "OAUTH_TOKEN_INVALID") => Fate::Renew(said),
        ("authenticationError" | "authorizationError" | "headerError" | "quotaError", _) => Fate::Stop(format!(
            "{said} See customer_id, login_customer_id, developer_token and the user of the refresh token."
        )),
        ("requestError", "INVALID_CUSTOMER_ID" | "UNSUPPORTED_VERSION") => Fate::Stop(said),
        _ => Fate::Refused(said),
    }
}

fn is_soon_after_its_sale(parcel: &Parcel) -> bool {
    parcel.sale.as_ref().is_some_and(|(_, at)| parcel.at - at < 3 * Limits::DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_that_comes_too_early_is_sent_again_and_a_late_one_is_refused() {
        let error = json!({ "errorCode": { "conversionAdjustmentUploadError": "CONVERSION_NOT_FOUND" }, "message": "Not found." });
        let body = json!({ "partialFailureError": { "details": [{ "errors": [error] }] } });
        let answer = Answer { status: 200, retry_after: None, body: body.to_string() };
        let refund = |after| Parcel { at: after, sale: Some(("sale".into(), 0)), ..Parcel::default() };
        let young = GoogleAds.outcome(&answer, &[&refund(Limits::DAY)]);
        assert!(matches!(young, Outcome::All(Fate::Later(Some(_), _))), "{young:?}");
        let old = GoogleAds.outcome(&answer, &[&refund(30 * Limits::DAY)]);
        assert!(matches!(old, Outcome::Split(_)), "{old:?}");
    }
}
