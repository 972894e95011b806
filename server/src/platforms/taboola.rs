//! Taboola: one postback for each conversion, told by the click id that Taboola put into the landing page's address.
//!
//! Sources: "The S2S postback URL", "S2S Error Codes" and "Heuristic deduplication" (developers.taboola.com/pixel/docs/the-postback-url,
//! /postback-url-error-codes, /heuristic-deduplication), and stape-io/taboola-tag (`template.js`).
//!
//! Where they conflict: Taboola's page asks by GET, Stape's tag by POST with an empty body; Taboola's page is followed. Taboola also has
//! an endpoint for 1,000 conversions at once, but that one checks nothing ("validation is not performed"), so a click id that is none
//! would pass for delivered; the single postback is answered 400 then, and is used for that.

use super::{About, Account, Answer, Fate, Limits, Outcome, Parcel, Platform, Request};

/// Taboola's server-to-server postback.
pub struct Taboola;

static ABOUT: About = About {
    name: "taboola",
    title: "Taboola",
    base_url: "https://trc.taboola.com",
    docs: "taboola.md",
    fields: &[],
    clicks: Some("taboola"),
    everything: false,
    refunds: false,
    several: false,
    // The postback has no field for the time. Taboola counts a conversion when it comes, and credits it as long as the click lies
    // within the conversion's window, 30 days where nobody has set another (inferred; no page says how late is too late).
    limits: Limits { max_age: 30 * Limits::DAY, ..Limits::USUAL },
};

/// Where a click id stands: `tblci` is appended by Taboola, `click-id` is what its macro `{click_id}` is given by hand.
const CLICK_IDS: &[&str] = &["tblci", "click-id"];
/// The cookie in which Stape's tag for Taboola keeps it.
const COOKIE: &str = "taboola_cid";
/// The currencies that Taboola's page lists.
const CURRENCIES: [&str; 19] = [
    "AUD", "BRL", "CAD", "CNY", "EUR", "GBP", "HKD", "ILS", "INR", "JPY", "KRW", "MXN", "NZD", "RUB", "SGD", "THB",
    "TRY", "USD", "ZAR",
];

/// Taboola's name for a type of ours: its predefined events (docs.tealium.com/client-side-tags/taboola-pixel-tag), else ours.
fn usual_name(kind: &str) -> &str {
    match kind {
        "Purchase" => "make_purchase",
        "Lead" => "lead",
        "CompleteRegistration" => "complete_registration",
        "ViewContent" => "view_content",
        "AddToCart" => "add_to_cart",
        "InitiateCheckout" => "start_checkout",
        "AddPaymentInfo" => "add_payment_info",
        "PageView" => "page_view",
        other => other,
    }
}

fn click_id(parcel: &Parcel) -> Option<&str> {
    parcel.ad_click(CLICK_IDS).map(|(id, _)| id).or_else(|| parcel.cookie(COOKIE))
}

impl Platform for Taboola {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        if account.validates_only() || account.test_event_code().is_some() {
            return Err("Taboola has no test mode: switch `validate_only` off and clear `test_event_code`".into());
        }
        if click_id(parcel).is_none() {
            return Err("no click id of Taboola's (`tblci`) is known, and Taboola is told by nothing else".into());
        }
        Ok(())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let url = account.url("/actions-handler/log/3/s2s-action");
        let Some(parcel) = parcels.first() else { return Request::get(url) };
        let name = account.event_name(&parcel.kind).unwrap_or_else(|| usual_name(&parcel.kind));
        let mut fields = vec![("click-id", click_id(parcel).unwrap_or_default()), ("name", name)];
        let amount = parcel.decimal();
        // An amount without a currency is read in the account's own: a value that Taboola cannot read is better none than another.
        if let (Some(amount), Some(currency)) = (&amount, parcel.currency().filter(|code| CURRENCIES.contains(code))) {
            fields.push(("revenue", amount));
            fields.push(("currency", currency));
        }
        // Repeats count once only where the order id is the same, so there always is one. A subscription's payments share their
        // order but not their transaction.
        let order = parcel.transaction_id.as_deref().or(parcel.order_id.as_deref()).unwrap_or(&parcel.event_id);
        fields.push(("orderid", order));
        Request::get(url).query(&fields)
    }

    /// 204 is success, 400 a click id that is none or an event name that is missing ("S2S Error Codes").
    fn outcome(&self, answer: &Answer, _parcels: &[&Parcel]) -> Outcome {
        let is_page = answer.body.trim_start().starts_with('<');
        Outcome::All(match answer.by_status() {
            Fate::Delivered(_) if is_page => Fate::Down(
                answer.retry_after,
                format!("a web page came instead of Taboola's answer: {}", answer.excerpt()),
            ),
            Fate::Refused(said) => {
                Fate::Refused(format!("Taboola cannot read the click id or the event's name: {said}"))
            }
            fate => fate,
        })
    }
}
