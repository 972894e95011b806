//! From a raw request, whatever channel it came by, to what it says. The same function reads at the first receipt and at every replay,
//! so that both give the same books. Pure.

use crate::erasing::Note;
use crate::groups::Groups;
use crate::intake::{self, Rules};
use crate::settings::{GroupSettings, SiteSettings};
use crate::signature;
use crate::store::{Channel, OrderEvent, Said};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use tagwerk_protocol::conversion::{Conversion, Repeat, conversion_type};
use tagwerk_protocol::form;
use tagwerk_protocol::group::{Group, Ipn, Postback};
use tagwerk_protocol::money::Currency;

/// A raw request, as it is kept (sealed): enough to understand it again later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRequest {
    /// GET or POST; CSV and API for what was brought in afterwards.
    pub method: String,
    /// The query as it stood in the URL.
    pub query: String,
    /// The body; bytes that are no UTF-8 are replaced.
    pub body: String,
    /// Who sent it.
    pub source_ip: String,
    /// What the body is said to be.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Why only the beginning is kept, where it was too long.
    #[serde(default)]
    pub cut: Option<String>,
    /// What it was, where what told of a person was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Note>,
}

/// Parameters that the operator set by hand, by name; an empty value takes the parameter away. Under [`TEST_MARK`] stands no parameter.
pub type Corrections = BTreeMap<String, String>;

/// The correction that says whether it is a test, `1` or `0`, whatever the group calls its tests and whether it knows any.
pub const TEST_MARK: &str = "#test";

impl RawRequest {
    /// Where it belongs: what is sealed for one postback opens for no other.
    pub fn place(postback_id: &str) -> String {
        format!("postback/{postback_id}")
    }

    /// Where the corrections of a postback belong.
    pub fn corrections_place(postback_id: &str) -> String {
        format!("postback/{postback_id}/corrections")
    }

    /// The request as people read it: the query, and the body on a line of its own.
    pub fn text(&self) -> String {
        if self.body.is_empty() { self.query.clone() } else { format!("{}\n{}", self.query, self.body) }
    }
}

/// Why a request says nothing that can be booked. Each is a sentence for the sender and the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such group.
    #[error("{0}")]
    UnknownGroup(String),
    /// It may not send: a wrong signature or address.
    #[error("{0}")]
    Forbidden(String),
    /// It is longer than what is read.
    #[error("{0}")]
    TooLarge(String),
    /// It cannot be understood.
    #[error("{0}")]
    NotUnderstood(String),
}

/// What reading depends on besides the request.
pub struct Context<'a> {
    /// The tracking groups.
    pub groups: &'a Groups,
    /// The site's settings.
    pub settings: &'a SiteSettings,
    /// Opens the passphrase of a group's notifications; `None` where none is set or it does not open.
    pub passphrase: &'a dyn Fn(&str) -> Option<String>,
}

/// What a request is called by: the row it is kept in, and the conversion it may make.
pub struct Ids<'a> {
    /// The row of the postback.
    pub postback: &'a str,
    /// The conversion, if it makes a new one.
    pub conversion: String,
}

/// Reads a request.
///
/// # Errors
/// See [`Refusal`]; the request is kept all the same.
pub fn read(
    context: &Context<'_>,
    channel: Channel,
    group: &str,
    raw: &RawRequest,
    corrections: &Corrections,
    ids: Ids<'_>,
) -> Result<Said, Refusal> {
    let known = find(context.groups, channel, group)?;
    let of_group = context.settings.groups.get(&known.name);
    // A list of senders holds for networks; whoever may import or reconcile has shown so otherwise, and pixels come from anybody.
    if matches!(channel, Channel::Collect | Channel::Ipn | Channel::Tracker) {
        check_sender(of_group, &raw.source_ip)?;
    }
    if let Some(forbidden) = raw.erased.as_ref().and_then(|note| note.forbidden.as_ref()) {
        return Err(Refusal::Forbidden(forbidden.clone()));
    }
    if let Some(cut) = &raw.cut {
        return Err(Refusal::TooLarge(cut.clone()));
    }
    check_form(raw)?;
    match channel {
        Channel::Ipn => notification(context, known, of_group, raw, corrections, ids),
        _ => {
            let form = known
                .postback
                .as_ref()
                .ok_or_else(|| Refusal::NotUnderstood(format!("the group {} takes no postbacks", known.name)))?;
            let pairs = sent(channel, raw);
            let rules = rules(context.settings, of_group, channel);
            let rules = rules_of_call(rules, form, &pairs, corrections, raw.erased.as_ref());
            let pairs = corrected(pairs, corrections);
            let conversion =
                intake::understand(&pairs, &known.name, form, &rules, ids.postback).map_err(Refusal::NotUnderstood)?;
            let conversion = if channel == Channel::Pixel { without_money(conversion)? } else { conversion };
            Ok(Said::Conversion { conversion_id: ids.conversion, conversion: Box::new(conversion) })
        }
    }
}

/// The group of a request: the one in its URL, or the one that stands for trackers where the URL names none.
fn find<'a>(groups: &'a Groups, channel: Channel, name: &str) -> Result<&'a Group, Refusal> {
    let found = match channel {
        Channel::Tracker | Channel::Pixel => groups.tracker(),
        _ => groups.get(name),
    };
    found.ok_or_else(|| Refusal::UnknownGroup(format!("there is no group of that name; there are {}", groups.names())))
}

fn check_sender(of_group: Option<&GroupSettings>, source_ip: &str) -> Result<(), Refusal> {
    let senders = of_group.map(|group| group.senders.as_slice()).unwrap_or_default();
    let source = source_ip.parse::<IpAddr>().ok();
    if senders.is_empty() || senders.iter().any(|sender| source.is_some() && sender.parse().ok() == source) {
        return Ok(());
    }
    Err(Refusal::Forbidden(format!("{source_ip} is not among the senders that this site accepts")))
}

fn check_form(raw: &RawRequest) -> Result<(), Refusal> {
    let is_form = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    };
    if !raw.body.is_empty() && raw.content_type.as_deref().is_some_and(|kind| !is_form(kind)) {
        return Err(Refusal::NotUnderstood("the body must be form-encoded (application/x-www-form-urlencoded)".into()));
    }
    Ok(())
}

fn rules(settings: &SiteSettings, of_group: Option<&GroupSettings>, channel: Channel) -> Rules {
    let mut types = settings.types.clone();
    // What an API lists are transactions, each of them once, and not calls, each of which might count.
    if channel == Channel::Reconcile {
        types.iter_mut().for_each(|kind| kind.repeat = Repeat::Ignore);
    }
    Rules {
        value: settings.purchase_value,
        currency: of_group.and_then(|group| group.currency.as_deref()).and_then(Currency::parse),
        types,
        click_expiry_days: of_group.and_then(|group| group.click_expiry_days),
        past: matches!(channel, Channel::Import | Channel::Reconcile),
        call: None,
        base: None,
        test_mark: None,
    }
}

/// The rules for a call in which something was corrected or erased: it stays the call that it was when it was sent.
fn rules_of_call(
    rules: Rules,
    form: &Postback,
    sent: &[(String, String)],
    corrections: &Corrections,
    erased: Option<&Note>,
) -> Rules {
    let corrected = || (!corrections.is_empty()).then(|| intake::call(sent, form, rules.past));
    let call = erased.and_then(|note| note.call.clone()).or_else(corrected);
    Rules { call, base: erased.and_then(|note| note.base.clone()), test_mark: test_mark(corrections), ..rules }
}

/// The hash by which the repeats of a request are known, and how calls of its group read; `None` where the group takes nothing by this
/// channel.
pub fn call<'a>(groups: &'a Groups, channel: Channel, group: &str, raw: &RawRequest) -> Option<(String, &'a Postback)> {
    let group = find(groups, channel, group).ok()?;
    let mut pairs = sent(channel, raw);
    let form = match channel {
        Channel::Ipn => {
            let ipn = group.ipn.as_ref()?;
            pairs.retain(|(name, _)| !ipn.signed_by.iter().any(|signed| signed.eq_ignore_ascii_case(name)));
            &ipn.form
        }
        _ => group.postback.as_ref()?,
    };
    let past = matches!(channel, Channel::Import | Channel::Reconcile);
    Some((intake::call(&pairs, form, past), form))
}

/// Whether it was marked by hand as a test, or as none.
pub fn test_mark(corrections: &Corrections) -> Option<bool> {
    corrections.get(TEST_MARK).filter(|word| !word.is_empty()).map(|word| intake::is_truthy(word))
}

/// The parameters of a request, as they were sent. Of a notification the body alone counts, since nothing else is signed.
fn sent(channel: Channel, raw: &RawRequest) -> Vec<(String, String)> {
    match channel {
        Channel::Ipn => form::pairs(&raw.body).collect(),
        _ => form::pairs(&raw.query).chain(form::pairs(&raw.body)).collect(),
    }
}

/// The parameters of a request, with what was corrected by hand in the place of what was sent.
pub fn parameters(channel: Channel, raw: &RawRequest, corrections: &Corrections) -> Vec<(String, String)> {
    corrected(sent(channel, raw), corrections)
}

/// The name of the parameter in which a click id comes back by this channel; `None` where the group takes nothing by it.
pub fn click_id_parameter<'a>(groups: &'a Groups, channel: Channel, group: &str) -> Option<&'a str> {
    let group = find(groups, channel, group).ok()?;
    let form = match channel {
        Channel::Ipn => &group.ipn.as_ref()?.form,
        _ => group.postback.as_ref()?,
    };
    Some(&form.fields.click_id)
}

/// The pairs with what was corrected by hand in the place of what was sent; names are compared as everywhere.
fn corrected(mut pairs: Vec<(String, String)>, corrections: &Corrections) -> Vec<(String, String)> {
    for (name, value) in corrections.iter().filter(|(name, _)| *name != TEST_MARK) {
        let plain = Postback::plain_name(name);
        pairs.retain(|(sent, _)| Postback::plain_name(sent) != plain);
        if !value.is_empty() {
            pairs.push((name.clone(), value.clone()));
        }
    }
    pairs
}

/// A pixel stands in pages, where anybody can read and call it: it says that something happened, and nothing about money.
fn without_money(mut conversion: Conversion) -> Result<Conversion, Refusal> {
    let moves_money = [conversion_type::PURCHASE, conversion_type::REFUND, conversion_type::CHARGEBACK];
    let is_money = moves_money.iter().any(|word| word.eq_ignore_ascii_case(&conversion.kind));
    if conversion.type_sent.is_none() || !conversion.assumed || is_money {
        return Err(Refusal::NotUnderstood(format!(
            "a pixel says type=, and one that moves no money: not {}",
            moves_money.join(", ")
        )));
    }
    conversion.value = None;
    conversion.amounts = Default::default();
    conversion.currency = None;
    conversion.notes = Vec::new();
    // A transaction or an order of a sale must not be claimed from outside, nor the place of what the sender itself will tell.
    conversion.transaction_id = None;
    conversion.order_id = None;
    conversion.identity = format!("pixel/{}", conversion.identity);
    conversion.series = conversion.series.map(|series| format!("pixel/{series}"));
    Ok(conversion)
}

/// A signed notification: the body alone counts, since nothing else is signed.
fn notification(
    context: &Context<'_>,
    group: &Group,
    of_group: Option<&GroupSettings>,
    raw: &RawRequest,
    corrections: &Corrections,
    ids: Ids<'_>,
) -> Result<Said, Refusal> {
    let Some(ipn) = &group.ipn else {
        return Err(Refusal::NotUnderstood(format!("the group {} sends no signed notifications", group.name)));
    };
    let sent = sent(Channel::Ipn, raw);
    // What was signed is no longer there where a person was erased; it was checked then.
    if raw.erased.is_none() {
        let Some(passphrase) = (context.passphrase)(&group.name) else {
            return Err(Refusal::Forbidden(format!(
                "this site has no passphrase for {}; enter it in its settings (groups.{}.ipn_passphrase), the same as there",
                group.title, group.name
            )));
        };
        signature::check(ipn.signature, &sent, &ipn.signed_by, &passphrase).map_err(|problem| {
            Refusal::Forbidden(format!(
                "{problem}; compare the passphrase there with groups.{}.ipn_passphrase",
                group.name
            ))
        })?;
    }
    // Keys may come in capitals; names are compared ignoring case everywhere.
    let mut pairs = sent;
    pairs.retain(|(name, _)| !ipn.signed_by.iter().any(|signed| signed.eq_ignore_ascii_case(name)));
    let rules = rules_of_call(
        rules(context.settings, of_group, Channel::Ipn),
        &ipn.form,
        &pairs,
        corrections,
        raw.erased.as_ref(),
    );
    let pairs = corrected(pairs, corrections);
    let event = pairs.iter().find(|(name, _)| Postback::plain_name(name) == Postback::plain_name(&ipn.event));
    let event = event.map(|(_, word)| word.as_str()).unwrap_or_default();
    let is = |words: &[String]| words.iter().any(|word| word.eq_ignore_ascii_case(event));
    if ipn.form.transaction_types.keys().any(|word| word.eq_ignore_ascii_case(event)) {
        let understood = intake::understand(&pairs, &group.name, &ipn.form, &rules, ids.postback);
        // What is authentic is taken, whatever is made of it.
        return Ok(match understood {
            Ok(conversion) => Said::Conversion { conversion_id: ids.conversion, conversion: Box::new(conversion) },
            Err(reason) => Said::Nothing { reason, settled: false },
        });
    }
    if is(&ipn.noted) {
        return Ok(match order_event(group, ipn, event, &pairs, test_mark(corrections)) {
            Some(event) => Said::OrderEvent(event),
            None => Said::Nothing { reason: format!("{event} names no order"), settled: false },
        });
    }
    let (reason, settled) = if is(&ipn.tests) {
        ("a test of the connection; it works".to_owned(), true)
    } else {
        (format!("the event \"{}\" is not known; it is kept and changes nothing", shortened(event)), true)
    };
    Ok(Said::Nothing { reason, settled })
}

/// What an event without money says about its order.
fn order_event(
    group: &Group,
    ipn: &Ipn,
    event: &str,
    pairs: &[(String, String)],
    test_mark: Option<bool>,
) -> Option<OrderEvent> {
    let fields = &ipn.form.fields;
    let get = |name: Option<&str>| {
        let plain = Postback::plain_name(name?);
        let found = pairs.iter().find(|(sent, _)| Postback::plain_name(sent) == plain);
        found.and_then(|(_, value)| tagwerk_protocol::absent::present(value)).map(str::to_owned)
    };
    Some(OrderEvent {
        group: group.name.clone(),
        order_id: get(fields.order_id.as_deref())?,
        event: event.to_owned(),
        transaction_id: get(fields.transaction_id.as_deref()),
        product_id: get(fields.product_id.as_deref()),
        billing_status: get(fields.billing_status.as_deref()),
        sub_id: get(Some(&fields.click_id)),
        is_test: test_mark
            .unwrap_or_else(|| get(fields.is_test.as_deref()).is_some_and(|word| intake::is_truthy(&word))),
    })
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(40)).unwrap_or_default()
}
