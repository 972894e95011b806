//! What both ways to Google Ads share: settings, conversion actions, whom a conversion is told of, and signing in.

use super::hash::{google_email, hashed, phone_e164};
use super::{Account, Answer, Field, FieldKind, Parcel, Request};
use crate::store::Millis;
use serde_json::{Number, Value};
use tagwerk_protocol::money::Amount;

pub(super) const CUSTOMER_ID: Field = Field::text(
    "customer_id",
    "Customer ID",
    "The ten digits of the Google Ads account that owns the conversion actions, at the top right of Google Ads.",
);
pub(super) const CONVERSION_ACTIONS: Field = Field {
    name: "conversion_actions",
    kind: FieldKind::Table,
    required: true,
    label: "Conversion actions",
    hint: "From conversion type to the number of its conversion action: the `ctId` in the address of the action's page in Google Ads.",
};
pub(super) const CLIENT_ID: Field = Field::text(
    "client_id",
    "OAuth client ID",
    "Google Cloud console, APIs & Services, Credentials, OAuth 2.0 client IDs.",
);
pub(super) const CLIENT_SECRET: Field =
    Field::secret("client_secret", "OAuth client secret", "Beside the OAuth client ID.");
pub(super) const LOGIN_CUSTOMER_ID: Field = Field::optional(
    "login_customer_id",
    FieldKind::Text,
    "Login customer ID",
    "The manager account by which the signed-in user reaches the account; leave it out where the user belongs to the account itself.",
);
pub(super) const CONSENT: Field = Field::optional(
    "consent",
    FieldKind::Choice(&["granted", "denied"]),
    "Consent",
    "What Google is told where visitors are asked for consent outside of Tagwerk. Without it consent is told where the site asks for it.",
);

/// What an error of a Google API says: its status and message, and of its details the reasons and the fields that are wrong.
/// <https://developers.google.com/data-manager/api/devguides/concepts/understand-errors>
pub(super) fn said(answer: &Answer) -> String {
    let body = answer.json();
    let Some(error) = body.get("error").filter(|error| error.is_object()) else {
        return format!("HTTP {}: {}", answer.status, answer.excerpt());
    };
    let mut words = vec![text(error, "status").to_owned(), text(error, "message").to_owned()];
    for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
        words.push(text(detail, "reason").into());
        for field in detail.get("fieldViolations").and_then(Value::as_array).into_iter().flatten() {
            words.extend(["field", "reason", "description"].map(|name| text(field, name).to_owned()));
        }
    }
    words.retain(|word| !word.is_empty());
    words.dedup();
    words.join(": ").chars().take(600).collect()
}

/// A text of an object; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The digits of a customer id, which people write with hyphens.
pub(super) fn digits(id: &str) -> String {
    id.chars().filter(char::is_ascii_digit).collect()
}

/// A time in milliseconds since 1970 as a text in UTC.
pub(super) fn time(at: Millis, form: &str) -> String {
    jiff::Timestamp::from_millisecond(at).unwrap_or_default().strftime(form).to_string()
}

/// The number of the conversion action of a type; a whole resource name will do, too. What takes money back is told to the action that
/// counted its sale: where its own type has no entry, that of `Purchase`.
///
/// # Errors
/// There is none, or it is no number.
pub(super) fn action<'a>(parcel: &Parcel, account: &Account<'a>, platform: &str) -> Result<&'a str, String> {
    let kind = &parcel.kind;
    let setting = format!("platforms.{platform}.conversion_actions.{kind}");
    let of = |kind: &str| account.entry("conversion_actions", kind);
    let Some(action) = of(kind).or_else(|| of("Purchase").filter(|_| parcel.takes_back)) else {
        return Err(format!(
            "No conversion action for {kind}: set {setting}, or leave the type out of platforms.{platform}.types."
        ));
    };
    let number = action.rsplit('/').next().unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { Ok(number) } else { Err(format!("{setting} is not the number of a conversion action.")) }
}

/// The event id and the time under which it is told: of what takes money back, those of its sale.
pub(super) fn told_as(parcel: &Parcel) -> (&str, Millis) {
    match &parcel.sale {
        Some((event_id, at)) if parcel.takes_back => (event_id, *at),
        _ => (&parcel.event_id, parcel.at),
    }
}

/// What is left of a sale, at least nothing: more may have been refunded than was sold.
pub(super) fn left(parcel: &Parcel) -> Option<Number> {
    parcel.left.map(|left| left.max(Amount::ZERO))?.to_string().parse().ok()
}

/// Refuses a refund of nothing that is known.
///
/// # Errors
/// The sale is not known.
pub(super) fn tells_sale(parcel: &Parcel) -> Result<(), String> {
    parcel.sale.as_ref().map(|_| ()).ok_or_else(|| "Its sale is not known, so nothing can be taken back.".into())
}

/// Refuses what has nothing by which Google could find a click.
///
/// # Errors
/// There is no click id, and nothing of the buyer.
pub(super) fn tells_whom(parcel: &Parcel) -> Result<(), String> {
    if ad_click(parcel).is_some() || person(parcel) != (None, None) {
        return Ok(());
    }
    Err("No gclid, gbraid or wbraid came before it, and no e-mail address or phone number is sent.".into())
}

/// Refuses a value without its currency: Google would take it for one in the account's currency.
///
/// # Errors
/// There is no currency.
pub(super) fn tells_currency(parcel: &Parcel) -> Result<(), String> {
    match (parcel.value.or(parcel.left), &parcel.currency) {
        (Some(_), None) => Err("Its value has no currency: set the currency of its tracking group.".into()),
        _ => Ok(()),
    }
}

/// The newest click id of Google's from before the conversion, with its parameter: of several in one arrival the first of this order, since
/// exactly one may be sent. Else the one in the cookie of Google's own tag, `GCL.<seconds>.<gclid>`.
pub(super) fn ad_click(parcel: &Parcel) -> Option<(&'static str, &str)> {
    let (_, told_at) = told_as(parcel);
    let touches = parcel.touches.iter().filter(|touch| touch.at <= told_at);
    let of_touches = touches.flat_map(|touch| {
        ["gclid", "wbraid", "gbraid"].into_iter().filter_map(|param| {
            let id = touch.click_ids.iter().find(|(name, id)| name.eq_ignore_ascii_case(param) && !id.is_empty())?;
            Some((param, id.1.as_str()))
        })
    });
    let of_cookie = || {
        let (seconds, id) = parcel.cookie("_gcl_aw")?.strip_prefix("GCL.")?.split_once('.')?;
        let is_before = seconds.parse::<i64>().is_ok_and(|seconds| seconds <= told_at.div_euclid(1000));
        (is_before && !id.is_empty()).then_some(("gclid", id))
    };
    of_touches.into_iter().next().or_else(of_cookie)
}

/// The hashes of the buyer's e-mail address and phone number.
pub(super) fn person(parcel: &Parcel) -> (Option<String>, Option<String>) {
    let person = parcel.person.as_ref();
    let email = person.and_then(|person| hashed(person.email.as_deref()?, google_email));
    (email, person.and_then(|person| hashed(person.phone.as_deref()?, phone_e164)))
}

/// Whether the visitor has given consent, as far as that is known.
pub(super) fn consent(parcel: &Parcel, account: &Account<'_>) -> Option<bool> {
    match account.text("consent") {
        Some(word) => Some(word == "granted"),
        None => parcel.has_consent.then_some(true),
    }
}

/// The request that changes the refresh token into an access token. Below a base URL of the operator's it is asked for there.
/// <https://developers.google.com/identity/protocols/oauth2/web-server#offline>
pub(super) fn token_request(account: &Account<'_>, base_url: &str) -> Request {
    let url = match account.base_url == base_url {
        true => "https://oauth2.googleapis.com/token".to_owned(),
        false => account.url("/token"),
    };
    let setting = |name| account.text(name).unwrap_or_default();
    Request::form(
        url,
        &[
            ("client_id", setting("client_id")),
            ("client_secret", setting("client_secret")),
            ("refresh_token", setting("refresh_token")),
            ("grant_type", "refresh_token"),
        ],
    )
}
