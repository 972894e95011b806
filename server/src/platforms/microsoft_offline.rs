//! Microsoft Advertising: offline conversions by the Campaign Management API, version 13, in JSON. For accounts without the tag's
//! Conversions API, and for refunds, which that API does not take.
//!
//! Sources, besides those named at each rule: MicrosoftDocs/Advertising `bingads-13/campaign-management-service`
//! (`applyofflineconversions.md`, which has the REST form, `offlineconversion.md`, `offlineconversionadjustment.md`, `dailysummary.md`
//! with the names of the errors) and `bingads-13/guides` (`authentication-oauth-get-tokens.md`, `operation-error-codes.md`). That
//! adjustments are told by REST likewise: BingAds/BingAds-dotNet-SDK, the map from operations to entities and actions.
//!
//! A conversion is known by its goal's name, click and time; so a refund is told as an adjustment of the conversion with these three,
//! to what is left of it (Restate), or to nothing (Retract).

use super::microsoft::click_id;
use super::sparse::sparse;
use super::{About, Account, Answer, Fate, Field, FieldKind, Limits, Outcome, Parcel, Platform, Request, hash};
use crate::store::Millis;
use jiff::Timestamp;
use serde_json::{Number, Value, json};
use std::time::Duration;
use tagwerk_protocol::money::Amount;

/// Microsoft's offline conversions.
pub struct MicrosoftOffline;

const TOKEN_HOST: &str = "https://login.microsoftonline.com";
/// "To ensure that your application supports both MSA personal accounts and Azure AD work or school accounts."
const TENANT: &str = "common";
const SCOPE: &str = "https://ads.microsoft.com/msads.manage offline_access";
/// A new goal takes nothing for two hours.
const NEW_GOAL: Duration = Duration::from_secs(2 * 3600);
/// The limit of calls is one of a minute.
const CALLS: Duration = Duration::from_secs(60);

static FIELDS: [Field; 8] = [
    Field::text("customer_id", "Customer ID", "Microsoft Advertising: `cid` in the address of any page."),
    Field::text(
        "account_id",
        "Account ID",
        "Microsoft Advertising: `aid` in the address of any page; not the number that begins with a letter.",
    ),
    Field::secret(
        "developer_token",
        "Developer token",
        "developers.ads.microsoft.com > Account: request a universal token.",
    ),
    Field::text("client_id", "Application (client) ID", "portal.azure.com > App registrations > your app > Overview."),
    Field::optional(
        "client_secret",
        FieldKind::Secret,
        "Client secret",
        "Of a web app: App registrations > your app > Certificates & secrets. A native app has none.",
    ),
    Field::secret(
        "refresh_token",
        "Refresh token",
        "From the consent of a user of the account, with the scopes msads.manage and offline_access.",
    ),
    Field {
        name: "goals",
        kind: FieldKind::Table,
        required: true,
        label: "Conversion goals",
        hint: "From conversion type to the name of its goal: Conversions > Conversion goals > a goal of the kind Offline conversions. For \
               example {\"Purchase\": \"Affiliate sale\"}.",
    },
    Field::optional(
        "tenant",
        FieldKind::Text,
        "Tenant",
        "Where the app belongs to one organisation alone: its directory (tenant) ID.",
    ),
];

static ABOUT: About = About {
    name: "microsoft_offline",
    title: "Microsoft Advertising (offline conversions)",
    base_url: "https://campaign.api.bingads.microsoft.com",
    docs: "microsoft_offline.md",
    fields: &FIELDS,
    clicks: Some("microsoft"),
    everything: false,
    refunds: true,
    several: false,
    limits: Limits {
        batch: 1000,
        parallel: 2,
        max_age: 90 * Limits::DAY,
        // "As a best practice after an ad click you should wait an hour before uploading."
        min_click_age: 3_600_000,
        timeout: Duration::from_secs(60),
        ..Limits::USUAL
    },
};

impl Platform for MicrosoftOffline {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn missing(&self, account: &Account<'_>) -> Vec<&'static Field> {
        let is_wanted = |field: &&Field| field.required && (field.name != "goals" || !account.has("event_names"));
        FIELDS.iter().filter(is_wanted).filter(|field| !account.has(field.name)).collect()
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        if account.validates_only() || account.test_event_code().is_some() {
            return Err("Microsoft's offline conversions have no test mode: nothing is sent while validate_only or test_event_code is set.".into());
        }
        let kind = &parcel.kind;
        if goal(parcel, account).is_none() {
            return Err(format!(
                "Microsoft has no goal for {kind}: put the name of the account's offline goal into goals.{kind}."
            ));
        }
        if parcel.takes_back && parcel.sale.is_none() {
            return Err(
                "Microsoft corrects a conversion that it has, and it is not known which one this takes back.".into()
            );
        }
        if parcel.value.is_some() && parcel.currency.is_none() {
            return Err(
                "Microsoft would read the value in the goal's currency, and that of this one is not known.".into()
            );
        }
        let who = who(parcel);
        if ["MicrosoftClickId", "HashedEmailAddress", "HashedPhoneNumber"].iter().all(|name| who.get(name).is_none()) {
            return Err("Microsoft finds conversions by their click (msclkid), e-mail address or phone number, and none is known.".into());
        }
        Ok(())
    }

    /// Tells what is of one kind with the first parcel, conversions or adjustments: these have different addresses. The rest is told
    /// by [`Self::outcome`] to go next.
    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let (entity, row): (&str, fn(&Parcel, &Account<'_>) -> Value) = match parcels.first() {
            Some(parcel) if parcel.takes_back => ("OfflineConversionAdjustments", adjustment),
            _ => ("OfflineConversions", conversion),
        };
        let rows: Vec<Value> = told(parcels).map(|parcel| row(parcel, account)).collect();
        let url = account.url(&format!("/CampaignManagement/v13/{entity}/Apply"));
        Request::json(url, &sparse(json!({ entity: rows })))
            .bearer(account.token.unwrap_or_default())
            .header("developertoken", account.text("developer_token").unwrap_or_default())
            .header("customerid", account.text("customer_id").unwrap_or_default())
            .header("customeraccountid", account.text("account_id").unwrap_or_default())
    }

    fn outcome(&self, answer: &Answer, parcels: &[&Parcel]) -> Outcome {
        let body = answer.json();
        let failure = operation_error(&body);
        if let Some(outcome) = failure.as_ref().and_then(of_operation) {
            return outcome;
        }
        let is_whole = failure.is_some();
        let said =
            failure.map_or_else(|| format!("HTTP {}: {}", answer.status, answer.excerpt()), |failure| failure.said);
        match answer.status {
            200..=299 if is_whole => Outcome::Split(said),
            200..=299 if body.is_object() => each(&body, parcels, said),
            200..=299 => Outcome::All(Fate::Down(None, format!("Microsoft's answer does not read as its own: {said}"))),
            400 | 422 => Outcome::Split(said),
            401 => Outcome::All(Fate::Renew(format!("Microsoft does not take the access token ({said})."))),
            _ => answer.by_status_of_batch(),
        }
    }

    /// Below the base URL where the operator has set one: whoever stands for Microsoft stands for its tokens, too.
    fn token_request(&self, account: &Account<'_>) -> Option<Request> {
        let host = if account.base_url == ABOUT.base_url { TOKEN_HOST } else { account.base_url };
        let tenant = account.text("tenant").unwrap_or(TENANT);
        let mut fields = vec![
            ("client_id", account.text("client_id")?),
            ("scope", SCOPE),
            ("refresh_token", account.text("refresh_token")?),
            ("grant_type", "refresh_token"),
        ];
        fields.extend(account.text("client_secret").map(|secret| ("client_secret", secret)));
        Some(Request::form(format!("{host}/{tenant}/oauth2/v2.0/token"), &fields))
    }
}

/// Those that one request tells: of one kind with the first.
fn told<'a>(parcels: &'a [&'a Parcel]) -> impl Iterator<Item = &'a Parcel> {
    let kind = parcels.first().is_some_and(|parcel| parcel.takes_back);
    parcels.iter().copied().filter(move |parcel| parcel.takes_back == kind)
}

/// The name of the goal. What takes back has the goal of what it takes back, which is that of purchases unless the operator says else.
fn goal<'a>(parcel: &Parcel, account: &Account<'a>) -> Option<&'a str> {
    let of = |kind: &str| account.entry("goals", kind).or_else(|| account.event_name(kind));
    of(&parcel.kind).or_else(|| parcel.takes_back.then(|| of("Purchase")).flatten())
}

fn conversion(parcel: &Parcel, account: &Account<'_>) -> Value {
    let mut row = who(parcel);
    set(&mut row, "ConversionName", goal(parcel, account));
    set(&mut row, "ConversionTime", moment(parcel.at));
    set(&mut row, "ConversionValue", parcel.amount());
    set(&mut row, "ConversionCurrencyCode", parcel.value.and(parcel.currency()));
    row
}

fn adjustment(parcel: &Parcel, account: &Account<'_>) -> Value {
    let sold = parcel.sale.as_ref().map_or(parcel.at, |(_, at)| *at);
    let left: Option<Number> =
        parcel.left.filter(|left| *left > Amount::ZERO).and_then(|left| left.to_string().parse().ok());
    let mut row = who(parcel);
    set(&mut row, "ConversionName", goal(parcel, account));
    set(&mut row, "ConversionTime", moment(sold));
    // "The adjustment time cannot be earlier than the original offline conversion date and time."
    set(&mut row, "AdjustmentTime", moment(parcel.at.max(sold)));
    set(&mut row, "AdjustmentType", if left.is_some() { "Restate" } else { "Retract" });
    set(&mut row, "AdjustmentCurrencyCode", left.as_ref().and(parcel.currency()));
    set(&mut row, "AdjustmentValue", left);
    row
}

fn set(row: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(fields) = row.as_object_mut() {
        fields.insert(name.to_owned(), value.into());
    }
}

/// Whose it is. The click is the newest until the sale: one after it cannot have led there, and a refund must name the same as its sale.
fn who(parcel: &Parcel) -> Value {
    let sold = parcel.sale.as_ref().map_or(parcel.at, |(_, at)| *at);
    let until: Vec<_> = parcel.touches.iter().filter(|touch| touch.at <= sold).cloned().collect();
    let before = Parcel { touches: until, cookies: parcel.cookies.clone(), ..Parcel::default() };
    let person = parcel.person.clone().unwrap_or_default();
    sparse(json!({
        "MicrosoftClickId": click_id(&before).or_else(|| click_id(parcel)),
        "HashedEmailAddress": person.email.and_then(|email| hash::hashed(&email, hash::email_without_dots)),
        "HashedPhoneNumber": person.phone.and_then(|phone| hash::hashed(&phone, hash::phone_e164)),
    }))
}

/// `dateTime` in UTC with milliseconds: with the click it tells one conversion from another, so it is written the same each time.
fn moment(at: Millis) -> String {
    Timestamp::from_millisecond(at).map(|at| format!("{at:.3}")).unwrap_or_default()
}

/// An error of the API, with its number, name and message.
struct Failure {
    number: Option<i64>,
    name: String,
    said: String,
}

impl Failure {
    fn read(error: &Value) -> Self {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = text("ErrorCode").trim_start_matches("CampaignService").to_owned();
        let number = error.get("Code").and_then(Value::as_i64);
        let code =
            if name.is_empty() { number.map(|number| number.to_string()).unwrap_or_default() } else { name.clone() };
        Self { number, name, said: format!("{code}: {}", text("Message")) }
    }

    fn is(&self, number: i64, name: &str) -> bool {
        self.name == name || (self.name.is_empty() && self.number == Some(number))
    }
}

/// What is wrong with the whole request: `OperationErrors` or, of the gateway, `Errors`.
fn operation_error(body: &Value) -> Option<Failure> {
    let lists = ["OperationErrors", "Errors"].into_iter().filter_map(|name| body.get(name)?.as_array());
    lists.flatten().find(|error| error.is_object()).map(Failure::read)
}

/// What such an error means, where it concerns every request.
fn of_operation(failure: &Failure) -> Option<Outcome> {
    let said = failure.said.clone();
    let stops = [
        (105, "InvalidCredentials", "look at the developer token and at the app's refresh token"),
        (
            106,
            "UserIsNotAuthorized",
            "the user who gave the consent must have access to the account; look at customer_id and account_id",
        ),
        (108, "UserCompromised", "sign in to Microsoft Advertising and secure the account"),
        (116, "RequestMissingHeaders", "look at developer_token, customer_id and account_id"),
        (120, "UserLoginAccessDenied", "give the consent anew with the user's primary sign-in"),
        (122, "PersonalIdentityNotAvailable", "give the consent anew with a work account"),
    ];
    if failure.is(109, "AuthenticationTokenExpired") {
        return Some(Outcome::All(Fate::Renew(format!("Microsoft's access token has expired ({said})."))));
    }
    if failure.is(117, "CallRateExceeded") {
        return Some(Outcome::All(Fate::Down(Some(CALLS), said)));
    }
    if failure.is(0, "InternalError") {
        return Some(Outcome::All(Fate::Down(None, said)));
    }
    let stop = stops.iter().find(|(number, name, _)| failure.is(*number, name));
    stop.map(|(_, _, what)| Outcome::All(Fate::Stop(format!("Microsoft does not let us in ({said}): {what}."))))
}

/// Each by its own error, if any: "The list of errors do not correspond directly to the list of items", but each error has its `Index`.
fn each(body: &Value, parcels: &[&Parcel], said: String) -> Outcome {
    let errors = body.get("PartialErrors").and_then(Value::as_array);
    let errors: Vec<&Value> = errors.into_iter().flatten().filter(|error| error.is_object()).collect();
    let index =
        |error: &Value| error.get("Index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
    let count = told(parcels).count();
    if errors.iter().any(|error| index(error).is_none_or(|index| index >= count)) {
        return Outcome::Split(said);
    }
    let mut rows = (0..count).map(|at| {
        let error = errors.iter().find(|error| index(error) == Some(at));
        error.map_or(Fate::Delivered(None), |error| row_error(&Failure::read(error)))
    });
    let kind = parcels.first().is_some_and(|parcel| parcel.takes_back);
    let fate = |parcel: &&Parcel| {
        let mine = if parcel.takes_back == kind { rows.next() } else { None };
        mine.unwrap_or_else(|| {
            Fate::Later(Some(Duration::ZERO), "Sales and refunds go in requests of their own.".into())
        })
    };
    Outcome::Each(parcels.iter().map(fate).collect())
}

fn row_error(failure: &Failure) -> Fate {
    let said = &failure.said;
    match failure.name.as_str() {
        "OfflineConversionGoalTooRecent" => Fate::Later(
            Some(NEW_GOAL),
            format!("The goal is new, and takes conversions two hours after it was made ({said})."),
        ),
        "InternalError" => Fate::Later(None, said.clone()),
        "OfflineConversionNameInvalid" | "OfflineConversionNameNullOrEmpty" => Fate::Refused(format!(
            "Microsoft knows no offline goal of that name ({said}): put the goal's name into goals, letter by letter, and replay."
        )),
        "NotEligibleForEnhancedConversions" => Fate::Refused(format!(
            "The goal takes no e-mail addresses or phone numbers ({said}): switch on enhanced conversions for it, or turn \
             hashed_personal_data off."
        )),
        _ => Fate::Refused(format!("Microsoft refuses it: {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(event_id: &str, takes_back: bool) -> Parcel {
        Parcel { event_id: event_id.into(), takes_back, ..Parcel::default() }
    }

    #[test]
    fn rows_are_counted_among_those_that_were_told_and_the_rest_goes_next() {
        let (first, back, second) = (parcel("a", false), parcel("b", true), parcel("c", false));
        let body =
            r#"{"PartialErrors":[{"Code":1,"ErrorCode":"OfflineConversionTimeInvalid","Index":1,"Message":"no"}]}"#;
        let answer = Answer { status: 200, body: body.into(), retry_after: None };
        let Outcome::Each(fates) = MicrosoftOffline.outcome(&answer, &[&first, &back, &second]) else {
            panic!("not each")
        };
        assert_eq!(fates[0], Fate::Delivered(None));
        assert!(matches!(&fates[1], Fate::Later(Some(Duration::ZERO), _)));
        assert!(matches!(&fates[2], Fate::Refused(reason) if reason.contains("OfflineConversionTimeInvalid")));
    }
}
