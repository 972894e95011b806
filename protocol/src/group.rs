//! Tracking groups: an affiliate network is a file, `groups/<name>.toml`. This is its schema; a key that is not known is an error.

use crate::conversion::{TransactionType, ValueRule};
use crate::link::{GroupRule, Link, LinkRules, Page, Plan, plan};
use crate::settings::SEPARATORS;
use serde::Deserialize;
use std::collections::BTreeMap;

pub mod api;
pub mod connect;
pub mod offers;

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The file's name without its ending: what links and routes call it.
    #[serde(skip)]
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Which links are its own.
    pub link: LinkTable,
    /// Whether it stands for whoever calls `/{tracking_id}/postback`, the way trackers are called.
    #[serde(default)]
    pub tracker: bool,
    /// How its postbacks read; without it, the network has none.
    pub postback: Option<Postback>,
    /// How its signed notifications read; without it, the network has none.
    pub ipn: Option<Ipn>,
    /// How its API is asked what it sold; without it, it is not.
    pub api: Option<api::Api>,
    /// Which parameters of its postbacks and notifications tell who the buyer is.
    #[serde(default)]
    pub person: PersonFields,
    /// How it is connected, in its own words; without it, the dashboard shows the addresses alone.
    pub connect: Option<connect::Connect>,
    /// What the addresses of its offers look like; without it, a link is held to the link rules alone.
    pub offers: Option<offers::Offers>,
    /// Examples of links that must hold.
    #[serde(default)]
    pub link_case: Vec<LinkCase>,
    /// Examples of postbacks that must hold.
    #[serde(default)]
    pub postback_case: Vec<PostbackCase>,
}

/// Which parameters tell who the buyer is, each the first of several names that is there and not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonFields {
    /// The e-mail address.
    pub email: Vec<String>,
    /// The phone number.
    pub phone: Vec<String>,
    /// The first name.
    pub first_name: Vec<String>,
    /// The last name.
    pub last_name: Vec<String>,
    /// The city.
    pub city: Vec<String>,
    /// The postal code.
    pub zip: Vec<String>,
    /// The country, two letters.
    pub country: Vec<String>,
}

/// Which links are a network's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkTable {
    /// The query parameter that carries the click id.
    pub sub_id: String,
    /// Hosts, sub-domains included; none where links are only marked by hand.
    pub hosts: Vec<String>,
    /// Path prefixes, one of which must match and be followed by something; none means any path.
    #[serde(default)]
    pub paths: Vec<String>,
}

/// How a network's postbacks read. Parameter names are matched ignoring case, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postback {
    /// Where the operator enters the postback URL, in words.
    #[serde(default)]
    pub setup: String,
    /// Where a vendor enters it, where that is elsewhere.
    pub vendor_setup: Option<String>,
    /// The image in pages, where it says what happened without money.
    pub pixel: Option<PixelUrl>,
    /// The macros of an affiliate's postback URL, each sent under its own name.
    #[serde(default)]
    pub affiliate_macros: Vec<String>,
    /// What a vendor's postback URL has besides.
    #[serde(default)]
    pub vendor_macros: Vec<String>,
    /// Parameter names of what every network tells.
    pub fields: Fields,
    /// Parameter names of the amounts.
    #[serde(default)]
    pub amounts: AmountFields,
    /// The network's words for what happened to the money.
    pub transaction_types: BTreeMap<String, TransactionType>,
    /// What happened to the money where the sender does not say; without it, such a postback is refused.
    pub default_transaction_type: Option<TransactionType>,
    /// Which amount counts as the value, where the network sends but one and the site has no choice.
    pub value_rule: Option<ValueRule>,
    /// Parameters that together identify a transaction without an id; the first of them must be there.
    #[serde(default)]
    pub identity: Vec<String>,
    /// Words of the billing type for payments that recur.
    #[serde(default)]
    pub recurring: Vec<String>,
    /// The network's words for the other facets, by facet; a `type=` that is one of them means that fact.
    #[serde(default)]
    pub facets: Facets,
    /// Where the sender's time stands, first present one counts.
    #[serde(default)]
    pub time: Vec<TimeField>,
    /// Parameters that are passed through to the conversion.
    #[serde(default)]
    pub custom: Vec<String>,
    /// Parameters that differ between repeats of the same postback.
    #[serde(default)]
    pub volatile: Vec<String>,
    /// Parameters that tell about a person.
    #[serde(default)]
    pub personal: Vec<String>,
}

/// An image that a network's order form loads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PixelUrl {
    /// Where the operator enters its address, in words.
    pub setup: String,
    /// What the network replaces with the click id.
    pub click_id: String,
    /// The type of what happens there.
    pub kind: String,
}

/// Parameter names of what every network tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The sub-id, in which our click id comes back.
    pub click_id: String,
    /// Payment, refund, chargeback.
    pub transaction_type: String,
    /// Unique for each transaction.
    pub transaction_id: Option<String>,
    /// Shared by the transactions of one order.
    pub order_id: Option<String>,
    /// Initial sale, upsell.
    pub order_type: Option<String>,
    /// Single payment, subscription, instalment.
    pub billing_type: Option<String>,
    /// Paying, completed, aborted.
    pub billing_status: Option<String>,
    /// What was sold.
    pub product_id: Option<String>,
    /// Its name.
    pub product_name: Option<String>,
    /// The currency of the amounts.
    pub currency: Option<String>,
    /// Whether it is a test.
    pub is_test: Option<String>,
    /// The sender's id of this call, which its retries share.
    pub event_id: Option<String>,
    /// The number of this payment among those that recur: 2 and more is a rebill.
    pub sequence: Option<String>,
}

/// Parameter names of the amounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountFields {
    /// The affiliate's commission.
    pub affiliate: Option<String>,
    /// The vendor's share.
    pub vendor: Option<String>,
    /// What the buyer paid, tax included.
    pub brutto: Option<String>,
    /// What the buyer paid, without tax.
    pub netto: Option<String>,
}

/// How a network's signed notifications read (IPN: form posts from network to vendor).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ipn {
    /// Where the operator enters the address and the passphrase, in words.
    pub setup: String,
    /// How they are signed.
    pub signature: SignatureScheme,
    /// Fields that carry the signature and are not signed themselves; compared ignoring case.
    pub signed_by: Vec<String>,
    /// The field that says what happened.
    pub event: String,
    /// Events about an order that move no money: kept as facts of the order.
    #[serde(default)]
    pub noted: Vec<String>,
    /// Events that only try whether the address answers.
    #[serde(default)]
    pub tests: Vec<String>,
    /// How the fields of events that move money read; the others have order and time in the same fields.
    pub form: Postback,
}

/// How notifications are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureScheme {
    /// SHA-512 over `name=value` and the passphrase for each field that is not empty, fields sorted by the bytes of their names; names
    /// as sent or in upper case.
    SortedPairsSha512,
}

/// A network's words, by facet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facets {
    /// Words of the order type.
    #[serde(default)]
    pub order_type: Vec<String>,
    /// Words of the billing type.
    #[serde(default)]
    pub billing_type: Vec<String>,
    /// Words of the billing status.
    #[serde(default)]
    pub billing_status: Vec<String>,
}

/// A parameter that tells when.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeField {
    /// Its name.
    pub param: String,
    /// How it is written.
    pub form: TimeForm,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeForm {
    /// Seconds since 1970 UTC.
    UnixSeconds,
    /// RFC 3339 with an offset.
    Rfc3339,
}

/// An example of a link.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkCase {
    /// What it shows.
    pub name: String,
    /// The link as in the page.
    pub href: String,
    /// Its `data-tracking-group`.
    pub group: Option<String>,
    /// Its `rel`.
    pub rel: Option<String>,
    /// The new link, with `CLICKID` for the click id; absent where it is left as it is.
    pub expect: Option<String>,
}

/// An example of a postback, with the default value rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostbackCase {
    /// What it shows.
    pub name: String,
    /// The query as it arrives.
    pub query: String,
    /// The conversion's type; absent where the postback is refused.
    pub kind: Option<String>,
    /// The conversion's value.
    pub value: Option<String>,
    /// The conversion's currency.
    pub currency: Option<String>,
    /// A part of the reason for which it is refused.
    pub refused: Option<String>,
}

impl Group {
    /// Reads a group's file and runs its link cases.
    ///
    /// # Errors
    /// The text is not TOML, has a key that is not known or misses one (the message names file and line), or a case
    /// does not hold (the message names the case).
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self, String> {
        let mut group: Self = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
        name.clone_into(&mut group.name);
        group.check_words().map_err(|problem| format!("{file}: {problem}"))?;
        group.api.as_ref().map_or(Ok(()), api::Api::check).map_err(|problem| format!("{file}: {problem}"))?;
        group.check_link_cases().map_err(|problem| format!("{file}: {problem}"))?;
        let connect = group.connect.as_ref().map_or(Ok(()), |connect| connect.check(&group));
        let offers = group.offers.as_ref().map_or(Ok(()), |offers| offers.check(&group));
        connect.and(offers).map_err(|problem| format!("{file}: {problem}"))?;
        Ok(group)
    }

    /// The rules that the tag needs, with a site's extra hosts.
    pub fn link_rule(&self, extra_hosts: &[String]) -> GroupRule {
        GroupRule {
            name: self.name.clone(),
            sub_id: self.link.sub_id.clone(),
            hosts: self.link.hosts.iter().chain(extra_hosts).cloned().collect(),
            paths: self.link.paths.clone(),
        }
    }

    fn check_words(&self) -> Result<(), String> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if self.name.is_empty() || !self.name.chars().all(is_name) {
            return Err(format!(
                "the file's name `{}` is the group's name: letters a-z, digits, _ and - only",
                self.name
            ));
        }
        let LinkTable { sub_id, hosts, paths } = &self.link;
        for word in hosts.iter().chain(paths).chain([sub_id]) {
            if word.is_empty() || word.contains(SEPARATORS) || word.contains(char::is_whitespace) {
                return Err(format!("`{word}` must be neither empty nor hold a comma, a bar or white space"));
            }
        }
        if let Some(host) = hosts.iter().find(|host| host.contains('/') || host.to_ascii_lowercase() != **host) {
            return Err(format!("the host `{host}` must be a bare host name in lower case"));
        }
        if let Some(path) = paths.iter().find(|path| !path.starts_with('/')) {
            return Err(format!("the path `{path}` must begin with /"));
        }
        Ok(())
    }

    fn check_link_cases(&self) -> Result<(), String> {
        let rules = LinkRules { groups: vec![self.link_rule(&[])], ..LinkRules::default() };
        for case in &self.link_case {
            let link = Link { href: &case.href, group: case.group.as_deref(), rel: case.rel.as_deref() };
            let found = match plan(&link, &rules, &Page { base: "https://shop.example/blog/post" }, |_| false) {
                Plan::Decorate(decoration) => Some(decoration.href("CLICKID")),
                _ => None,
            };
            if found != case.expect {
                return Err(format!("the case `{}` gives {found:?}, not {:?}", case.name, case.expect));
            }
        }
        Ok(())
    }
}

impl Postback {
    /// A postback URL's query with these macros, each sent under its own name.
    pub fn query<'a>(macros: impl IntoIterator<Item = &'a String>) -> String {
        macros.into_iter().map(|name| format!("{name}={{{name}}}")).collect::<Vec<_>>().join("&")
    }

    /// The names of the parameters that are read.
    pub fn parameters(&self) -> Vec<String> {
        let (fields, amounts) = (&self.fields, &self.amounts);
        let named = [
            &fields.transaction_id,
            &fields.order_id,
            &fields.order_type,
            &fields.billing_type,
            &fields.billing_status,
            &fields.product_id,
            &fields.product_name,
            &fields.currency,
            &fields.is_test,
            &fields.event_id,
            &fields.sequence,
            &amounts.affiliate,
            &amounts.vendor,
            &amounts.brutto,
            &amounts.netto,
        ];
        let always = [&fields.click_id, &fields.transaction_type];
        let times = self.time.iter().map(|time| &time.param);
        always.into_iter().chain(named.into_iter().flatten()).chain(times).chain(&self.custom).cloned().collect()
    }

    /// The name by which parameters are compared: lower case, without `_` and `-`.
    pub fn plain_name(name: &str) -> String {
        name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
    }
}
