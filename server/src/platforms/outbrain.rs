//! Outbrain: one postback for each conversion, told by the click id that Outbrain put into the landing page's address.
//!
//! Sources: stape-io/outbrain-tag (`template.js`), which is the newest code that was found, and Outbrain's help page on server-to-server
//! integrations (outbrain.com/help/jp/advertisers/jp_server2server-integrations), which tells how the event is made. Older code asks
//! `/pixel` with a `marketerId`; `/unifiedPixel`, which needs none since the click id says whose it is, is followed.

use super::{About, Account, Answer, Fate, Limits, Outcome, Parcel, Platform, Request};

/// Outbrain's server-to-server postback.
pub struct Outbrain;

static ABOUT: About = About {
    name: "outbrain",
    title: "Outbrain",
    base_url: "https://tr.outbrain.com",
    docs: "outbrain.md",
    fields: &[],
    clicks: Some("outbrain"),
    everything: false,
    refunds: false,
    several: false,
    // As for Taboola: the postback has no field for the time, and the window is set with the event, 30 days being usual (inferred).
    limits: Limits { max_age: 30 * Limits::DAY, ..Limits::USUAL },
};

/// Where a click id stands: what the macro `{{ob_click_id}}` is usually given as, and `dicbo`, which Outbrain appends itself. That the
/// latter is taken for the former was found nowhere; a conversion is better told by it than not at all.
const CLICK_IDS: &[&str] = &["ob_click_id", "OutbrainClickId", "dicbo"];
/// The cookie in which Stape's tag for Outbrain keeps it.
const COOKIE: &str = "outbrain_cid";

fn click_id(parcel: &Parcel) -> Option<&str> {
    parcel.ad_click(CLICK_IDS).map(|(id, _)| id).or_else(|| parcel.cookie(COOKIE))
}

impl Platform for Outbrain {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        if account.validates_only() || account.test_event_code().is_some() {
            return Err("Outbrain has no test mode: switch `validate_only` off and clear `test_event_code`".into());
        }
        if click_id(parcel).is_none() {
            return Err(
                "no click id of Outbrain's is known: add `ob_click_id={{ob_click_id}}` to the campaign's URL".into()
            );
        }
        Ok(())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let url = account.url("/unifiedPixel");
        let Some(parcel) = parcels.first() else { return Request::get(url) };
        // Outbrain has no names of its own: each event is one that the advertiser made, and a type's own name is the natural one.
        let name = account.event_name(&parcel.kind).unwrap_or(&parcel.kind);
        let mut fields = vec![("ob_click_id", click_id(parcel).unwrap_or_default()), ("name", name)];
        // A subscription's payments share their order but not their transaction.
        let order = parcel.transaction_id.as_deref().or(parcel.order_id.as_deref()).unwrap_or(&parcel.event_id);
        fields.push(("orderId", order));
        let amount = parcel.decimal();
        if let (Some(amount), Some(currency)) = (&amount, parcel.currency()) {
            fields.push(("orderValue", amount));
            fields.push(("currency", currency));
        }
        Request::get(url).query(&fields)
    }

    /// By status alone: any 2xx counts for Stape's tag too. No page says what Outbrain answers to a click id that it does not know.
    fn outcome(&self, answer: &Answer, _parcels: &[&Parcel]) -> Outcome {
        let is_page = answer.body.trim_start().starts_with('<');
        Outcome::All(match answer.by_status() {
            Fate::Delivered(_) if is_page => Fate::Down(
                answer.retry_after,
                format!("a web page came instead of Outbrain's answer: {}", answer.excerpt()),
            ),
            fate => fate,
        })
    }
}
