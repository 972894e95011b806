//! A test event: what a platform says to a sale that never was, so that an operator sees whether the account is set up.

use super::exchange::Exchange;
use super::sender::Sender;
use crate::app::App;
use crate::platforms::{self, Fate, Parcel, Touch};
use crate::settings::SiteSettings;
use crate::vault::random;
use serde_json::Value;
use std::time::{Duration, Instant};
use tagwerk_protocol::clicks::Clicks;
use tagwerk_protocol::money::{Amount, Currency};

/// What came of a test event.
#[derive(Debug)]
pub struct Trial {
    /// What it means.
    pub fate: Fate,
    /// What was sent and answered, secrets redacted; `None` where nothing was sent.
    pub exchange: Option<Exchange>,
}

/// Sends a test event of this type, in the platform's own test mode: by the test event code where there is one, else checked and not counted.
/// An address that the operator entered gets it as it is, marked as a test.
///
/// # Errors
/// Nothing was sent, and why: the account is not set up, or the platform has no test mode.
pub async fn send(app: &App, site_id: &str, site: &SiteSettings, name: &str, kind: &str) -> Result<Trial, String> {
    let Some(platform) = platforms::find(name) else { return Err(format!("there is no platform {name}")) };
    let mut sender = Sender::of(app, site_id, site, name, platform)?;
    if sender.account.at(0, None).test_event_code().is_none() && !platform.about().several {
        sender.account.settings.insert("validate_only".into(), Value::Bool(true));
    }
    let parcel = sample(app, name, kind, &app.clicks)?;
    sender.accepts(&parcel)?;
    let until = Instant::now() + Duration::from_secs(60);
    let mut sent = sender.send(&[&parcel], until).await;
    let (fate, exchange) = sent.pop().unwrap_or((Fate::Later(None, "nothing was sent".into()), None));
    Ok(Trial { fate, exchange })
}

/// A sale that never was, by a visitor with a click id of the platform's.
fn sample(app: &App, name: &str, kind: &str, clicks: &Clicks) -> Result<Parcel, String> {
    let mark: String =
        random::<8>().map_err(|error| error.to_string())?.iter().map(|byte| format!("{byte:02x}")).collect();
    let now = app.now();
    let about = platforms::find(name).map(|platform| platform.about());
    let of_platform = |platform: &str| about.is_some_and(|about| about.clicks == Some(platform));
    let params = clicks.click.iter().filter(|click| of_platform(&click.platform)).take(1);
    let touch = Touch {
        at: now - 60_000,
        landing_page: format!("{}/", app.public_url),
        click_ids: params.map(|click| (click.param.clone(), format!("Test{mark}"))).collect(),
        ..Touch::default()
    };
    Ok(Parcel {
        event_id: format!("test{mark}"),
        kind: kind.to_owned(),
        takes_back: matches!(kind, "Refund" | "Chargeback"),
        at: now,
        value: Amount::parse("1.00").ok(),
        currency: Currency::parse("EUR"),
        transaction_id: Some(format!("TEST-{mark}")),
        order_id: Some(format!("TEST-{mark}")),
        product_id: Some("1".into()),
        product_name: Some("Test".into()),
        is_test: true,
        clicked_at: Some(now - 60_000),
        page: Some(touch.landing_page.clone()),
        // Addresses of documentation (RFC 5737): nobody's.
        ip: Some("203.0.113.1".into()),
        user_agent: Some(concat!("Mozilla/5.0 (compatible; Tagwerk/", env!("CARGO_PKG_VERSION"), ")").into()),
        visitor_id: Some(format!("test{mark}")),
        touches: vec![touch],
        ..Parcel::default()
    })
}
