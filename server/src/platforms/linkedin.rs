//! LinkedIn: the Conversions API.
//!
//! Sources, besides those named at each rule: learn.microsoft.com/linkedin/marketing (`integrations/ads-reporting/conversions-api`,
//! `conversions/deduplication`, `versioning`) and rudder-transformer (`test/integrations/destinations/linkedin_ads/network.ts`).

use super::sparse::sparse;
use super::{About, Account, Answer, Fate, Field, FieldKind, Limits, Outcome, Parcel, Platform, Request, hash};
use core::net::Ipv4Addr;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// LinkedIn's Conversions API.
pub struct LinkedIn;

/// Each month has a version, which lives for a year at least (`versioning`). This one takes addresses (since 202607) and was in use by
/// public connectors in the autumn of 2026; the operator can name a later one.
const VERSION: &str = "202609";
/// Where a token is renewed (`shared/authentication/programmatic-refresh-tokens`).
const TOKEN_HOST: &str = "https://www.linkedin.com";
const TOKEN_PATH: &str = "/oauth/v2/accessToken";

static FIELDS: [Field; 6] = [
    Field::optional(
        "access_token",
        FieldKind::Secret,
        "Access token",
        "Campaign Manager > Data > Signals manager > Direct API > Generate token (does not expire); or one of your app's, with the scopes \
         rw_conversions and r_ads.",
    ),
    Field {
        name: "conversions",
        kind: FieldKind::Table,
        required: true,
        label: "Conversion rules",
        hint: "From conversion type to the id of its rule: Campaign Manager > Measurement > Conversion tracking > a conversion whose \
               source is the Conversions API; the number in its address. For example {\"Purchase\": \"104012\"}.",
    },
    Field::optional(
        "client_id",
        FieldKind::Text,
        "Client ID",
        "Only for tokens that are to be renewed: developer.linkedin.com > My apps > your app > Auth.",
    ),
    Field::optional("client_secret", FieldKind::Secret, "Client secret", "Beside the client ID."),
    Field::optional(
        "refresh_token",
        FieldKind::Secret,
        "Refresh token",
        "Came with the access token, where LinkedIn gives the app refresh tokens. It lasts a year.",
    ),
    Field::optional(
        "api_version",
        FieldKind::Text,
        "API version",
        "Year and month, such as 202609, where LinkedIn no longer answers the one that is built in.",
    ),
];

static ABOUT: About = About {
    name: "linkedin",
    title: "LinkedIn",
    base_url: "https://api.linkedin.com",
    docs: "linkedin.md",
    fields: &FIELDS,
    clicks: Some("linkedin"),
    everything: false,
    refunds: false,
    several: false,
    limits: Limits { batch: 5000, per_minute: 600, max_age: 90 * Limits::DAY, ..Limits::USUAL },
};

impl Platform for LinkedIn {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// A token, or what renews one; and a rule for some type.
    fn missing(&self, account: &Account<'_>) -> Vec<&'static Field> {
        let renewal = ["client_id", "client_secret", "refresh_token"];
        let begun = renewal.iter().any(|name| account.has(name));
        let is_wanted = |field: &&Field| match field.name {
            "access_token" => !begun,
            "conversions" => !account.has("event_names"),
            name => renewal.contains(&name) && begun && !account.has("access_token"),
        };
        FIELDS.iter().filter(is_wanted).filter(|field| !account.has(field.name)).collect()
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        if account.validates_only() || account.test_event_code().is_some() {
            return Err(
                "LinkedIn has no test mode: nothing is sent while validate_only or test_event_code is set.".into()
            );
        }
        if rule(parcel, account).is_none() {
            return Err(format!(
                "LinkedIn has no conversion rule for {kind}: put the rule's id into conversions.{kind}.",
                kind = parcel.kind
            ));
        }
        if !can_match(&user_ids(parcel)) {
            return Err(
                "LinkedIn finds members by their click (li_fat_id) or e-mail address, and neither is known.".into()
            );
        }
        Ok(())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let elements: Vec<Value> = parcels.iter().map(|parcel| element(parcel, account)).collect();
        let token = account.token.or_else(|| account.text("access_token")).unwrap_or_default();
        Request::json(account.url("/rest/conversionEvents"), &json!({ "elements": elements }))
            .bearer(token)
            .header("linkedin-version", account.text("api_version").unwrap_or(VERSION))
            .header("x-restli-protocol-version", "2.0.0")
            .header("x-restli-method", "BATCH_CREATE")
    }

    fn outcome(&self, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        let said = said(&body, answer);
        match answer.status {
            200..=299 => each(&body, answer, parcels.len()),
            401 if body.get("code").and_then(Value::as_str) == Some("REVOKED_ACCESS_TOKEN") => {
                Outcome::All(Fate::Stop(format!(
                    "LinkedIn's access was revoked ({said}): make a new token and put it into the settings."
                )))
            }
            401 => Outcome::All(Fate::Renew(format!("LinkedIn does not take the access token ({said})."))),
            403 => Outcome::All(Fate::Stop(format!(
                "LinkedIn does not allow it ({said}): the token needs rw_conversions, its member a role in the ad account."
            ))),
            426 => Outcome::All(Fate::Stop(format!(
                "LinkedIn no longer answers this version of its API ({said}): put a later one into api_version."
            ))),
            400 | 422 => named(&said, parcels.len()).unwrap_or(Outcome::Split(said)),
            _ => answer.by_status_of_batch(),
        }
    }

    /// Below the base URL where the operator has set one: whoever stands for LinkedIn stands for its tokens, too.
    fn token_request(&self, account: &Account<'_>) -> Option<Request> {
        let host = if account.base_url == ABOUT.base_url { TOKEN_HOST } else { account.base_url };
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", account.text("refresh_token")?),
            ("client_id", account.text("client_id")?),
            ("client_secret", account.text("client_secret")?),
        ];
        Some(Request::form(format!("{host}{TOKEN_PATH}"), &fields))
    }
}

/// The conversion rule of a type, as the URN that the API wants.
fn rule(parcel: &Parcel, account: &Account<'_>) -> Option<String> {
    let id = account.entry("conversions", &parcel.kind).or_else(|| account.event_name(&parcel.kind))?;
    Some(if id.starts_with("urn:") { id.to_owned() } else { format!("urn:lla:llaPartnerConversion:{id}") })
}

fn element(parcel: &Parcel, account: &Account<'_>) -> Value {
    let value = parcel.decimal().zip(parcel.currency());
    let value = value.map(|(amount, currency)| json!({ "currencyCode": currency, "amount": amount }));
    sparse(json!({
        "conversion": rule(parcel, account),
        "conversionHappenedAt": parcel.at,
        "conversionValue": value,
        "eventId": parcel.event_id,
        "user": { "userIds": user_ids(parcel) },
    }))
}

/// Who it was. No names: LinkedIn takes them in the clear, and only hashes are promised to leave.
fn user_ids(parcel: &Parcel) -> Vec<Value> {
    let email = parcel.person.as_ref().and_then(|person| hash::hashed(person.email.as_deref()?, hash::email));
    let click = parcel.ad_click(&["li_fat_id"]).map(|(id, _)| id).or_else(|| parcel.cookie("li_fat_id"));
    // IPv4 alone (conversions-api-schema); it helps to find, but is no identifier that LinkedIn takes by itself everywhere.
    let ip = parcel.ip.as_deref().filter(|ip| ip.parse::<Ipv4Addr>().is_ok());
    let ids = [
        ("SHA256_EMAIL", email),
        ("LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", click.map(str::to_owned)),
        ("PLAINTEXT_IP_ADDRESS", ip.map(str::to_owned)),
    ];
    ids.into_iter().filter_map(|(kind, id)| Some(json!({ "idType": kind, "idValue": id? }))).collect()
}

fn can_match(ids: &[Value]) -> bool {
    ids.iter().any(|id| id.get("idType").and_then(Value::as_str) != Some("PLAINTEXT_IP_ADDRESS"))
}

/// What LinkedIn says of the whole request: its code and message.
fn said(body: &Value, answer: &Answer) -> String {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (text("code"), text("message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => format!("HTTP {}: {}", answer.status, answer.excerpt()),
    }
}

/// A batch that was read is answered element by element: `{"elements": [{"status": 201}]}`.
fn each(body: &Value, answer: &Answer, count: usize) -> Outcome {
    let elements = body.get("elements").and_then(Value::as_array);
    let Some(elements) = elements.filter(|elements| elements.len() == count) else {
        let said = answer.excerpt();
        return Outcome::All(Fate::Down(
            answer.retry_after,
            format!("LinkedIn's answer does not read as its own: {said}"),
        ));
    };
    let fate = |element: &Value| {
        let status = element.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let reason = element.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
        let one = Answer { status: status.unwrap_or(500), body: reason.to_owned(), retry_after: answer.retry_after };
        match one.by_status() {
            // One element cannot tell of the whole platform.
            Fate::Down(after, said) => Fate::Later(after, said),
            Fate::Stop(said) => Fate::Refused(said),
            fate => fate,
        }
    };
    Outcome::Each(elements.iter().map(fate).collect())
}

/// What is wrong with which element, where the message tells; nothing was taken of the others, and they go again at once. Either lines
/// `Index: 1, ERROR :: ...`, each with further `ERROR :: ...` lines of the same element, or `... indices [0, 2] (0-indexed)`.
fn named(message: &str, count: usize) -> Option<Outcome> {
    let mut wrong = by_lines(message);
    if wrong.is_empty() {
        wrong = by_indices(message);
    }
    if wrong.is_empty() || wrong.keys().any(|index| *index >= count) {
        return None;
    }
    let fate = |index: usize| match wrong.get(&index) {
        Some(reason) => Fate::Refused(format!("LinkedIn refuses it: {reason}")),
        None => Fate::Later(Some(Duration::ZERO), "LinkedIn refused another event of the same request.".into()),
    };
    Some(Outcome::Each((0..count).map(fate).collect()))
}

fn by_lines(message: &str) -> BTreeMap<usize, String> {
    let mut wrong: BTreeMap<usize, String> = BTreeMap::new();
    let mut current = None;
    for line in message.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let numbered = line.strip_prefix("Index:").and_then(|rest| rest.split_once(','));
        let found = numbered.and_then(|(index, reason)| Some((index.trim().parse().ok()?, reason)));
        let reason = match found {
            Some((index, reason)) => {
                current = Some(index);
                reason
            }
            None => line,
        };
        if let Some(index) = current {
            let all = wrong.entry(index).or_default();
            if !all.is_empty() {
                all.push_str("; ");
            }
            all.push_str(reason.trim().trim_start_matches("ERROR ::").trim());
        }
    }
    wrong
}

fn by_indices(message: &str) -> BTreeMap<usize, String> {
    let list = message.split_once("indices [").and_then(|(_, rest)| rest.split_once(']'));
    let indices = list.into_iter().flat_map(|(list, _)| list.split(','));
    indices.filter_map(|index| index.trim().parse().ok()).map(|index| (index, message.to_owned())).collect()
}
