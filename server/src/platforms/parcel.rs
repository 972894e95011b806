//! What is told to a platform: one conversion, or one event of a page, with what is known of the visitor.

use crate::store::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::collections::BTreeMap;
use tagwerk_protocol::money::{Amount, Currency};

/// A conversion or event on its way to a platform.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parcel {
    /// What platforms tell repeats by: the same at every attempt, at most 64 characters `[a-z0-9-]`.
    pub event_id: String,
    /// `Purchase`, `Lead`, `Refund`, `Chargeback`, `OutboundClick`, or a type of the site's own.
    pub kind: String,
    /// Whether it takes money back.
    pub takes_back: bool,
    /// When it happened, in milliseconds since 1970 UTC.
    pub at: Millis,
    /// The value under the site's rule; negative for what takes money back.
    pub value: Option<Amount>,
    /// The value's currency.
    pub currency: Option<Currency>,
    /// The network's transaction. Of what takes money back: the sale's, where it is known.
    pub transaction_id: Option<String>,
    /// The network's order.
    pub order_id: Option<String>,
    /// The network's product.
    pub product_id: Option<String>,
    /// What the network calls it.
    pub product_name: Option<String>,
    /// The tracking group.
    pub group: Option<String>,
    /// Whether the sender marked it as a test.
    pub is_test: bool,
    /// Of what takes money back: the event id under which its sale was told, and when that happened.
    pub sale: Option<(String, Millis)>,
    /// Of what takes money back: what is left of its sale's value after it, where that is known. Platforms that correct a conversion
    /// want its new value, not what was taken off.
    pub left: Option<Amount>,
    /// Our click id.
    pub click_id: Option<String>,
    /// When the visitor clicked.
    pub clicked_at: Option<Millis>,
    /// The page of the click, else the landing page.
    pub page: Option<String>,
    /// Where the click led.
    pub href: Option<String>,
    /// The visitor's IP address, as much of it as the site keeps.
    pub ip: Option<String>,
    /// The visitor's browser, in its own words.
    pub user_agent: Option<String>,
    /// The visitor's first-party id.
    pub visitor_id: Option<String>,
    /// The visitor's arrivals that are known, newest first.
    pub touches: Vec<Touch>,
    /// The ad platforms' own cookies, and where the page had none, those made of the click ids.
    pub cookies: BTreeMap<String, String>,
    /// Two letters, upper case.
    pub country: Option<String>,
    /// The buyer, where the network tells who it is and the site sends it on.
    pub person: Option<Person>,
    /// Whether the site asks its visitors for consent; whoever is known then has given it.
    pub has_consent: bool,
}

/// One arrival of a visitor.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Touch {
    /// When, in milliseconds since 1970 UTC.
    pub at: Millis,
    /// The landing page.
    pub landing_page: String,
    /// The referrer.
    pub referrer: Option<String>,
    /// Campaign parameters.
    pub source: BTreeMap<String, String>,
    /// Ad click ids, by parameter.
    pub click_ids: BTreeMap<String, String>,
}

/// What the network tells of the buyer, in the clear; it is hashed on its way out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Person {
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The city.
    pub city: Option<String>,
    /// The postal code.
    pub zip: Option<String>,
    /// Two letters.
    pub country: Option<String>,
}

impl Parcel {
    /// The newest ad click id in one of these parameters (names are read ignoring case, the first that is there counts), with when the
    /// visitor came with it.
    pub fn ad_click(&self, params: &[&str]) -> Option<(&str, Millis)> {
        self.touches.iter().find_map(|touch| {
            let value = |param: &&str| {
                touch.click_ids.iter().find(|(name, _)| name.eq_ignore_ascii_case(param)).map(|(_, value)| value)
            };
            params.iter().find_map(value).filter(|value| !value.is_empty()).map(|value| (value.as_str(), touch.at))
        })
    }

    /// A cookie of the page.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The size of the value, as JSON writes it: platforms that take refunds tell them by name, not by sign.
    pub fn amount(&self) -> Option<Number> {
        self.decimal().and_then(|text| text.parse().ok())
    }

    /// The size of the value as a decimal text.
    pub fn decimal(&self) -> Option<String> {
        self.value.map(|value| value.magnitude().to_string())
    }

    /// The three letters of the currency.
    pub fn currency(&self) -> Option<&str> {
        self.currency.as_ref().map(Currency::as_str)
    }

    /// When it happened, in whole seconds since 1970 UTC.
    pub fn seconds(&self) -> i64 {
        self.at.div_euclid(1000)
    }
}
