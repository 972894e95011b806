//! What a postback means: from parameters and a group's file to a conversion, or to the reason why not. Pure.

use crate::settings::{FacetName, TypeSettings};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tagwerk_protocol::absent::present;
use tagwerk_protocol::conversion::{Amounts, Conversion, Repeat, TransactionType, ValueRule};
use tagwerk_protocol::group::{Postback, TimeForm};
use tagwerk_protocol::money::{Amount, Currency};

/// The parameter by which a URL names a conversion type, whatever the network.
pub const TYPE: &str = "type";
/// Longest custom conversion type, in characters.
const MAX_TYPE: usize = 64;

/// What the site says about postbacks.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Which amount counts as the value.
    pub value: ValueRule,
    /// The currency of this group's amounts, whatever the postback says.
    pub currency: Option<Currency>,
    /// The site's own conversion types, and what repeats do.
    pub types: Vec<TypeSettings>,
    /// How old a click of this group may be, in days.
    pub click_expiry_days: Option<u32>,
    /// Whether it was brought in afterwards, by an import or a reconciliation.
    pub past: bool,
    /// The hash of the call as it was sent ([`call`]), where something in it was corrected by hand: it stays the same call, so that
    /// its repeats are known.
    pub call: Option<String>,
    /// What identified it when it was sent, but for what its type says of repeats, where something that this is made of was erased.
    pub base: Option<String>,
    /// Whether it is a test, where that was marked by hand; else the sender says.
    pub test_mark: Option<bool>,
}

/// What is noted of a conversion that was marked by hand.
pub const fn marked(is_test: bool) -> &'static str {
    if is_test { "marked as a test by hand" } else { "sent as a test, and marked as none by hand" }
}

/// Reads a call's parameters by the rules of `group` for this channel. `call_id` tells it from its repeats, where each counts.
///
/// # Errors
/// A sentence for the sender and the operator that names the parameter in question.
pub fn understand(
    pairs: &[(String, String)],
    group: &str,
    postback: &Postback,
    rules: &Rules,
    call_id: &str,
) -> Result<Conversion, String> {
    let sent = Sent::of(pairs);
    let fields = &postback.fields;
    let kind = sent.get(TYPE)?.map(|word| Kind::of(word, postback));
    let (transaction_type, assumed) = transaction_type(&sent, postback, kind.as_ref())?;
    let amount = |name: &Option<String>| sent.amount(name.as_deref());
    let amounts = Amounts {
        affiliate: amount(&postback.amounts.affiliate)?,
        vendor: amount(&postback.amounts.vendor)?,
        brutto: amount(&postback.amounts.brutto)?,
        netto: amount(&postback.amounts.netto)?,
    };
    let mut notes = Vec::new();
    let rule = postback.value_rule.unwrap_or(rules.value);
    let value = value(&amounts, transaction_type, rule, postback, &mut notes);
    let currency = currency(&sent, postback, rules, &mut notes)?;
    let facet = |name: &Option<String>, said: Option<&str>| -> Result<Option<String>, String> {
        Ok(sent.named(name.as_deref())?.or(said).map(str::to_owned))
    };
    let said = |facet: Facet| match &kind {
        Some(Kind::Fact(of, word)) if *of == facet => Some(word.as_str()),
        _ => None,
    };
    let order_type = facet(&fields.order_type, said(Facet::OrderType))?;
    let billing_type = facet(&fields.billing_type, said(Facet::BillingType))?;
    let billing_status = facet(&fields.billing_status, said(Facet::BillingStatus))?;
    let own = |name: &Option<String>| -> Result<Option<String>, String> {
        Ok(sent.named(name.as_deref())?.map(str::to_owned))
    };
    let transaction_id = own(&fields.transaction_id)?;
    // What was marked by hand stays the conversion that it was sent as: a repeat of the call is known as one, and does not bring it back.
    let sent_as_test = sent.named(fields.is_test.as_deref())?.is_some_and(is_truthy);
    let is_test = rules.test_mark.unwrap_or(sent_as_test);
    notes.extend(rules.test_mark.map(|is_test| marked(is_test).to_owned()));
    let mut custom = Vec::new();
    for name in &postback.custom {
        if let Some(value) = sent.first(name) {
            custom.push((name.clone(), value.to_owned()));
        }
    }
    let word = sent.get(TYPE)?;
    let facets = [
        (FacetName::Type, word),
        (FacetName::TransactionType, sent.get(&fields.transaction_type)?.or(Some(transaction_type.as_str()))),
        (FacetName::OrderType, order_type.as_deref()),
        (FacetName::BillingType, billing_type.as_deref()),
        (FacetName::BillingStatus, billing_status.as_deref()),
    ];
    let kind = match &kind {
        // A word of the sender's own says more than the facts of the transaction.
        Some(Kind::Custom(word)) => match mapped(&rules.types, facets.get(..1).unwrap_or_default()) {
            Some(mapped) => mapped.to_owned(),
            None => custom_type(word)?,
        },
        _ => match mapped(&rules.types, &facets) {
            Some(mapped) => mapped.to_owned(),
            None => Conversion::built_in_type(transaction_type, &amounts).to_owned(),
        },
    };
    let repeat = rules.types.iter().find(|known| known.name == kind).map(|known| known.repeat).unwrap_or_default();
    let content = rules.call.clone().unwrap_or_else(|| content(&sent, postback, rules.past));
    // A row of a file that is brought in again is the same call.
    let call_id = if rules.past { content.as_str() } else { call_id };
    let by_transaction = Identity {
        group,
        transaction_id: transaction_id.as_deref(),
        event_id: None,
        instead: instead(&sent, postback)?,
        transaction_type,
        type_sent: word,
        content: &content,
        is_test: sent_as_test,
    };
    let base = rules.base.clone().unwrap_or_else(|| by_transaction.hash());
    let event_id = own(&fields.event_id)?.filter(|_| repeat == Repeat::IgnoreByEventId);
    // Events of one transaction that its sender tells apart are conversions of their own, each with its money.
    let by_event = event_id.map(|event_id| Identity { event_id: Some(event_id), ..by_transaction }.hash());
    let sequence = own(&fields.sequence)?.and_then(|number| number.parse::<u32>().ok());
    let is_recurring = |word: &str| postback.recurring.iter().any(|known| known.eq_ignore_ascii_case(word));
    Ok(Conversion {
        group: group.to_owned(),
        series: (repeat.creates() || by_event.is_some()).then(|| base.clone()),
        identity: match by_event {
            Some(by_event) => by_event,
            None if repeat.creates() => hash([base.as_str(), call_id]),
            None => base,
        },
        kind,
        type_sent: word.map(str::to_owned),
        value,
        currency,
        amounts,
        transaction_id,
        transaction_type,
        assumed,
        recurring: billing_type.as_deref().is_some_and(is_recurring),
        rebill: sequence.map(|number| number > 1),
        order_type,
        billing_type,
        billing_status,
        order_id: own(&fields.order_id)?,
        product_id: own(&fields.product_id)?,
        product_name: fields.product_name.as_deref().and_then(|name| sent.first(name)).map(str::to_owned),
        sub_id: sent.get(&fields.click_id)?.map(str::to_owned),
        custom,
        sent_at: sent_at(&sent, postback),
        is_test,
        marked: rules.test_mark.is_some(),
        repeat,
        click_expiry_days: rules.click_expiry_days,
        past: rules.past,
        content,
        notes,
    })
}

/// The site's own type for these facts: the first that lists one of them. A sender's own words are compared as they are spelled, a
/// network's ignoring case.
fn mapped<'a>(types: &'a [TypeSettings], facets: &[(FacetName, Option<&str>)]) -> Option<&'a str> {
    let has = |kind: &TypeSettings| {
        facets.iter().any(|(facet, word)| match (kind.from.get(facet), word) {
            (Some(words), Some(word)) if *facet == FacetName::Type => words.iter().any(|known| known == word),
            (Some(words), Some(word)) => words.iter().any(|known| known.eq_ignore_ascii_case(word)),
            _ => false,
        })
    };
    types.iter().find(|kind| has(kind)).map(|kind| kind.name.as_str())
}

/// The parameters that are there, by plain name, with the name as sent.
struct Sent<'a>(BTreeMap<String, Vec<(&'a str, &'a str)>>);

impl<'a> Sent<'a> {
    fn of(pairs: &'a [(String, String)]) -> Self {
        let mut sent: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
        for (name, value) in pairs {
            if let Some(value) = present(value) {
                let values = sent.entry(Postback::plain_name(name)).or_default();
                if !values.iter().any(|(_, known)| *known == value) {
                    values.push((name, value));
                }
            }
        }
        Self(sent)
    }

    /// The first value of a parameter that decides about neither money nor identity.
    fn first(&self, name: &str) -> Option<&'a str> {
        self.0.get(&Postback::plain_name(name))?.first().map(|(_, value)| *value)
    }

    /// The one value of a parameter; several that differ are refused, since nobody could say which one is meant.
    fn get(&self, name: &str) -> Result<Option<&'a str>, String> {
        match self.0.get(&Postback::plain_name(name)).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([(_, value)]) => Ok(Some(*value)),
            Some(_) => Err(format!("{name} was sent more than once with different values; send it once")),
        }
    }

    fn named(&self, name: Option<&str>) -> Result<Option<&'a str>, String> {
        name.map_or(Ok(None), |name| self.get(name))
    }

    fn amount(&self, name: Option<&str>) -> Result<Option<Amount>, String> {
        let (Some(name), Some(text)) = (name, self.named(name)?) else { return Ok(None) };
        match Amount::parse(text) {
            Ok(amount) => Ok(Some(amount.magnitude())),
            Err(error) => Err(format!("{name} {error}: \"{}\"", shortened(text))),
        }
    }
}

/// What a `type=` means.
enum Kind<'a> {
    /// One of the network's own words for what happened to the money.
    Transaction(TransactionType),
    /// One of the network's own words for another facet.
    Fact(Facet, String),
    /// A type of the operator's.
    Custom(&'a str),
}

#[derive(PartialEq, Clone, Copy)]
enum Facet {
    OrderType,
    BillingType,
    BillingStatus,
}

impl<'a> Kind<'a> {
    fn of(word: &'a str, postback: &Postback) -> Self {
        if let Some(transaction) = meaning(word, postback) {
            return Kind::Transaction(transaction);
        }
        let facets = &postback.facets;
        let lists = [
            (Facet::OrderType, &facets.order_type),
            (Facet::BillingType, &facets.billing_type),
            (Facet::BillingStatus, &facets.billing_status),
        ];
        lists
            .into_iter()
            .find_map(|(facet, words)| {
                let known = words.iter().find(|known| known.eq_ignore_ascii_case(word))?;
                Some(Kind::Fact(facet, known.clone()))
            })
            .unwrap_or(Kind::Custom(word))
    }
}

fn meaning(word: &str, postback: &Postback) -> Option<TransactionType> {
    let mut words = postback.transaction_types.iter();
    words.find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, meaning)| *meaning)
}

/// What happened to the money, and whether that was taken for granted.
fn transaction_type(
    sent: &Sent<'_>,
    postback: &Postback,
    kind: Option<&Kind<'_>>,
) -> Result<(TransactionType, bool), String> {
    let name = &postback.fields.transaction_type;
    let known = || postback.transaction_types.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let said = match kind {
        Some(Kind::Transaction(transaction)) => Some(*transaction),
        _ => None,
    };
    match (sent.get(name)?, said) {
        (None, None) => match postback.default_transaction_type {
            Some(assumed) => Ok((assumed, true)),
            None => Err(format!("{name} is missing; it must be one of {}", known())),
        },
        (None, Some(said)) => Ok((said, false)),
        (Some(word), said) => match meaning(word, postback) {
            None => Err(format!("{name} is \"{}\"; it must be one of {}", shortened(word), known())),
            Some(meaning) if said.is_some_and(|said| said != meaning) => {
                Err(format!("{name} says {word}, but {TYPE} says otherwise; send one of them"))
            }
            Some(meaning) => Ok((meaning, false)),
        },
    }
}

fn value(
    amounts: &Amounts,
    transaction_type: TransactionType,
    rule: ValueRule,
    postback: &Postback,
    notes: &mut Vec<String>,
) -> Option<Amount> {
    let is_upside_down = |(brutto, netto)| brutto < netto;
    if rule == ValueRule::BruttoMinusNetto && amounts.brutto.zip(amounts.netto).is_some_and(is_upside_down) {
        notes.push("netto is more than brutto; their difference counts without its sign".to_owned());
    }
    match rule.value(amounts) {
        Ok(value) if transaction_type == TransactionType::Payment => Some(value),
        Ok(value) => Some(value.negated()),
        Err(missing) => {
            let fields = &postback.amounts;
            let name = match missing {
                "affiliate" => &fields.affiliate,
                "vendor" => &fields.vendor,
                "brutto" => &fields.brutto,
                _ => &fields.netto,
            };
            let name = name.as_deref().unwrap_or(missing);
            notes.push(format!("{name} was not sent, so the value by the rule {} is not known", rule.as_str()));
            None
        }
    }
}

fn currency(
    sent: &Sent<'_>,
    postback: &Postback,
    rules: &Rules,
    notes: &mut Vec<String>,
) -> Result<Option<Currency>, String> {
    if let Some(currency) = &rules.currency {
        return Ok(Some(currency.clone()));
    }
    let word = sent.named(postback.fields.currency.as_deref())?;
    let currency = word.and_then(Currency::parse);
    if currency.is_none() {
        notes.push(match word {
            Some(word) => format!("the currency \"{}\" is not a code of three letters", shortened(word)),
            None => "no currency was sent".to_owned(),
        });
    }
    Ok(currency)
}

/// The sender's time, in milliseconds: the first of the group's fields that reads.
fn sent_at(sent: &Sent<'_>, postback: &Postback) -> Option<i64> {
    postback.time.iter().find_map(|field| {
        let text = sent.first(&field.param)?;
        let at = match field.form {
            TimeForm::UnixSeconds => {
                let seconds = text.parse::<i64>().ok();
                seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
            }
            TimeForm::Rfc3339 => text.parse::<jiff::Timestamp>().ok(),
        };
        at.map(jiff::Timestamp::as_millisecond)
    })
}

/// Whether a flag is on: a sender's words for yes are not published, so anything but a word for no counts.
pub(crate) fn is_truthy(word: &str) -> bool {
    !["0", "n", "no", "false", "f", "off", "live", "null", "none"].iter().any(|no| word.eq_ignore_ascii_case(no))
}

fn custom_type(word: &str) -> Result<String, String> {
    if word.chars().count() > MAX_TYPE || word.chars().any(char::is_control) {
        return Err(format!("{TYPE} must be at most {MAX_TYPE} printable characters"));
    }
    Ok(word.to_owned())
}

/// What identifies a conversion: group, transaction, what happened and the type as sent; without a transaction id what the group says
/// instead, or all it says. A test has an identity of its own, so that it cannot stand in a sale's way.
struct Identity<'a> {
    group: &'a str,
    transaction_id: Option<&'a str>,
    event_id: Option<String>,
    instead: Option<Vec<&'a str>>,
    transaction_type: TransactionType,
    type_sent: Option<&'a str>,
    content: &'a str,
    is_test: bool,
}

impl Identity<'_> {
    fn hash(&self) -> String {
        let kind = self.type_sent.unwrap_or_default();
        let what = self.transaction_type.as_str();
        let by = match (&self.event_id, self.transaction_id, &self.instead) {
            (Some(id), _, _) => vec!["event", id, what, kind],
            (None, Some(id), _) => vec!["transaction", id, what, kind],
            (None, None, Some(parts)) => ["parts"].into_iter().chain(parts.iter().copied()).chain([kind]).collect(),
            (None, None, None) => vec!["content", self.content, "", ""],
        };
        hash([self.group, if self.is_test { "test" } else { "" }].into_iter().chain(by))
    }
}

/// What the group says identifies a transaction without an id; nothing where its first part was not sent.
fn instead<'a>(sent: &Sent<'a>, postback: &Postback) -> Result<Option<Vec<&'a str>>, String> {
    let parts = postback.identity.iter().map(|name| sent.get(name)).collect::<Result<Vec<_>, _>>()?;
    Ok(match parts.first() {
        Some(Some(_)) => Some(parts.into_iter().map(Option::unwrap_or_default).collect()),
        _ => None,
    })
}

/// What tells a call from others that say something else: a hash of its parameters.
pub fn call(pairs: &[(String, String)], postback: &Postback, past: bool) -> String {
    content(&Sent::of(pairs), postback, past)
}

/// A hash of all that is there, but what the group marks volatile, and of whether it was brought in afterwards, since its time is
/// read otherwise then.
fn content(sent: &Sent<'_>, postback: &Postback, past: bool) -> String {
    let volatile: Vec<String> = postback.volatile.iter().map(|name| Postback::plain_name(name)).collect();
    let parts = sent.0.iter().filter(|(name, _)| !volatile.contains(name));
    let parts = parts.flat_map(|(name, values)| {
        let mut values: Vec<&str> = values.iter().map(|(_, value)| *value).collect();
        values.sort_unstable();
        std::iter::once(name.as_str()).chain(values)
    });
    hash(past.then_some("").into_iter().chain(parts))
}

/// SHA-256 over the parts with their lengths, in hexadecimal.
fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(40)).unwrap_or_default()
}
