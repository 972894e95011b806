//! How type, value, identity and time of a conversion came about, in sentences with the numbers in them. Pure.

use super::super::when::Moment;
use super::whose::{harmless, shortened};
use crate::intake::TYPE;
use crate::settings::{FacetName, SiteSettings, TypeSettings};
use crate::store::ConversionRow;
use tagwerk_protocol::absent::present;
use tagwerk_protocol::conversion::{Amounts, Conversion, Repeat, TransactionType, ValueRule, conversion_type};
use tagwerk_protocol::group::Postback;
use tagwerk_protocol::money::Amount;

/// One thing that was worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Worked {
    /// What.
    pub(super) what: &'static str,
    /// What came out.
    pub(super) result: String,
    /// How, in sentences.
    pub(super) how: Vec<String>,
}

/// What is read to tell it.
pub(super) struct Sources<'a> {
    /// The parameters of the postback that is booked, corrections in them.
    pub(super) parameters: &'a [(String, String)],
    /// How the group's postbacks read.
    pub(super) form: Option<&'a Postback>,
    /// The site's settings of now.
    pub(super) settings: &'a SiteSettings,
}

impl Sources<'_> {
    fn sent(&self, name: &str) -> Option<&str> {
        let plain = Postback::plain_name(name);
        let mut found = self.parameters.iter().filter(|(known, _)| Postback::plain_name(known) == plain);
        found.find_map(|(_, value)| present(value))
    }
}

/// How everything about a conversion came about, in the order in which it is worked out.
pub(super) fn worked_out(row: &ConversionRow, sources: &Sources<'_>) -> Vec<Worked> {
    vec![
        money(&row.said, sources),
        kind(&row.said, sources),
        value(row, sources),
        time(row),
        identity(&row.said, sources),
    ]
}

/// What happened to the money.
fn money(said: &Conversion, sources: &Sources<'_>) -> Worked {
    let result = match said.transaction_type {
        TransactionType::Payment => "a payment",
        TransactionType::Refund => "a refund: money went back",
        TransactionType::Chargeback => "a chargeback: the bank took the money back",
    };
    let named = sources
        .form
        .and_then(|form| Some((form.fields.transaction_type.as_str(), sources.sent(&form.fields.transaction_type)?)));
    let how = match (named, &said.type_sent) {
        _ if said.assumed => {
            "Nobody said what happened to the money. It counts as a payment as long as no other call of its transaction says otherwise."
                .to_owned()
        }
        (Some((name, word)), _) => format!("{name} is “{}”.", shortened(word)),
        (None, Some(word)) => format!("{TYPE} is “{}”, one of the network’s own words.", shortened(word)),
        (None, None) => "The postback said so.".to_owned(),
    };
    Worked { what: "The money", result: result.to_owned(), how: vec![how] }
}

/// The type.
fn kind(said: &Conversion, sources: &Sources<'_>) -> Worked {
    let built_in = Conversion::built_in_type(said.transaction_type, &said.amounts);
    let of_site = sources.settings.types.iter().find(|kind| kind.name == said.kind);
    let mapped = of_site.and_then(|kind| matching(kind, said, sources));
    let how = match (mapped, &said.type_sent) {
        (Some(rule), _) => format!("The site’s rule for the type “{}” says so: {rule}.", said.kind),
        (None, Some(word)) if *word == said.kind && said.kind != built_in => {
            format!("The URL says {TYPE}={}, a type of its own.", shortened(word))
        }
        _ if said.kind == built_in => match built_in {
            conversion_type::LEAD => "It is a payment, and every amount that was sent is zero.".to_owned(),
            conversion_type::PURCHASE => "It is a payment, and not every amount that was sent is zero.".to_owned(),
            _ => "That is what happened to the money.".to_owned(),
        },
        _ => "It was read by rules that the site has no longer. Reading it again applies those of now.".to_owned(),
    };
    Worked { what: "Type", result: shortened(&said.kind), how: vec![how] }
}

/// By which word of which facet a type of the site's own is meant.
fn matching(kind: &TypeSettings, said: &Conversion, sources: &Sources<'_>) -> Option<String> {
    let of = |facet: FacetName| match facet {
        FacetName::Type => (TYPE, said.type_sent.as_deref()),
        FacetName::TransactionType => (
            "the transaction type",
            sources
                .form
                .and_then(|form| sources.sent(&form.fields.transaction_type))
                .or(Some(said.transaction_type.as_str())),
        ),
        FacetName::OrderType => ("the order type", said.order_type.as_deref()),
        FacetName::BillingType => ("the billing type", said.billing_type.as_deref()),
        FacetName::BillingStatus => ("the billing status", said.billing_status.as_deref()),
    };
    kind.from.iter().find_map(|(facet, words)| {
        let (name, word) = of(*facet);
        let word = word?;
        words.iter().any(|known| known.eq_ignore_ascii_case(word)).then(|| format!("{name} is “{}”", shortened(word)))
    })
}

/// The value, with the numbers that it is made of.
fn value(row: &ConversionRow, sources: &Sources<'_>) -> Worked {
    let said = &row.said;
    let result = match (row.value(), &row.booked_under) {
        (Some(value), _) => with_currency(value, said),
        (None, Some(_)) => "none of its own".to_owned(),
        (None, None) => "not known".to_owned(),
    };
    let mut how = Vec::new();
    if let Some(other) = &row.booked_under {
        let other = shortened(other);
        how.push(format!("The money of this transaction is booked under {other}, and is counted there once."));
    }
    match said.value {
        Some(value) => how.push(reckoned(value, said, sources)),
        None if said.notes.is_empty() => how.push("What came this way moves no money.".to_owned()),
        None => {}
    }
    how.extend(said.notes.iter().map(|note| sentence(note)));
    if row.overdrawn {
        how.push(sentence(crate::ledger::OVERDRAWN));
    }
    Worked { what: "Value", result, how }
}

fn reckoned(value: Amount, said: &Conversion, sources: &Sources<'_>) -> String {
    let of_group = sources.form.and_then(|form| form.value_rule);
    let now = of_group.unwrap_or(sources.settings.purchase_value);
    let gives = |rule: &ValueRule| rule.value(&said.amounts).is_ok_and(|found| found == value.magnitude());
    let rule = Some(now).filter(gives).or_else(|| ValueRule::ALL.into_iter().find(gives));
    let Some(rule) = rule else {
        return "It was read by a rule of which the amounts above no longer tell. Reading it again applies that of now.".to_owned();
    };
    let shown = arithmetic(rule, &said.amounts, value.magnitude());
    let back = match said.transaction_type {
        TransactionType::Payment => String::new(),
        _ => format!(", which went back: {}", signed(value)),
    };
    let whose = match (of_group.is_some(), rule == now) {
        (true, _) => "This sender tells one amount",
        (false, true) => "By the site’s rule",
        (false, false) => "By the rule that the site had when it was read",
    };
    let word = rule.as_str().replace('_', " ");
    format!("{whose}, {word}: {shown}{back}.")
}

/// A rule with its numbers: `brutto 119.00 − netto 100.00 = 19.00`.
fn arithmetic(rule: ValueRule, amounts: &Amounts, value: Amount) -> String {
    let text = |amount: Option<Amount>| amount.map(|amount| amount.to_string()).unwrap_or_default();
    match rule {
        ValueRule::BruttoMinusNetto if amounts.brutto < amounts.netto => {
            format!("netto {} − brutto {} = {value}, without its sign", text(amounts.netto), text(amounts.brutto))
        }
        ValueRule::BruttoMinusNetto => {
            format!("brutto {} − netto {} = {value}", text(amounts.brutto), text(amounts.netto))
        }
        ValueRule::Affiliate => format!("the commission, {value}"),
        ValueRule::Vendor => format!("the vendor’s share, {value}"),
        ValueRule::Brutto => format!("what the buyer paid, {value}"),
        ValueRule::Netto => format!("what the buyer paid without tax, {value}"),
    }
}

fn signed(value: Amount) -> String {
    value.to_string().replacen('-', "−", 1)
}

fn with_currency(value: Amount, said: &Conversion) -> String {
    let currency = said.currency.as_ref().map(|currency| format!(" {}", currency.as_str())).unwrap_or_default();
    format!("{}{currency}", signed(value))
}

/// When it happened.
fn time(row: &ConversionRow) -> Worked {
    let at = Moment::of(row.at);
    let how = match row.said.sent_at {
        Some(sent) if sent == row.at => "That is what the sender says.".to_owned(),
        Some(sent) => {
            let sent = Moment::of(sent);
            format!(
                "The sender says {} {} UTC, which does not lie between click and receipt: the receipt counts.",
                sent.day, sent.time
            )
        }
        None => "The sender told no time that is read: the receipt counts.".to_owned(),
    };
    Worked { what: "Time", result: format!("{} {} UTC", at.day, at.time), how: vec![how] }
}

/// What it is known by, and what repeats do.
fn identity(said: &Conversion, sources: &Sources<'_>) -> Worked {
    let instead = sources.form.and_then(|form| form.identity.first()).and_then(|first| sources.sent(first));
    let (result, how) = match (&said.transaction_id, instead) {
        (Some(id), _) => (
            format!("transaction {}", shortened(id)),
            "Group, transaction, what happened to the money and the type as sent make it one: the same again is a repeat.".to_owned(),
        ),
        (None, Some(_)) => {
            let names = sources.form.map(|form| form.identity.join(", ")).unwrap_or_default();
            (names.clone(), format!("No transaction id was sent, so {names} make it one: the same again is a repeat."))
        }
        (None, None) => (
            "all it says".to_owned(),
            "No transaction id was sent, so a repeat is what says exactly the same.".to_owned(),
        ),
    };
    let repeats = match said.repeat {
        Repeat::Ignore => "Of repeats that say something else, the one that was sent first counts.",
        Repeat::Edit => "Of repeats that say something else, the one that was sent last counts.",
        Repeat::AddPayout => "The payouts of repeats that say something else are added up.",
        Repeat::KeepRepeated => "Each call is a conversion of its own; all but the first are marked as repeated.",
        Repeat::CreateNew => "Each call is a conversion of its own.",
        Repeat::IgnoreByEventId => "Calls with the same event id of the sender are repeats.",
    };
    Worked { what: "Identity", result, how: vec![how, repeats.to_owned()] }
}

/// A note as a sentence.
fn sentence(note: &str) -> String {
    let note = harmless(note);
    let mut letters = note.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(text: &str) -> Option<Amount> {
        Amount::parse(text).ok()
    }

    fn amounts(brutto: &str, netto: &str) -> Amounts {
        Amounts { brutto: amount(brutto), netto: amount(netto), ..Amounts::default() }
    }

    #[test]
    fn the_rule_of_value_is_shown_with_its_numbers() {
        let shown = |brutto, netto| {
            let amounts = amounts(brutto, netto);
            let value = ValueRule::BruttoMinusNetto.value(&amounts).expect("a value");
            arithmetic(ValueRule::BruttoMinusNetto, &amounts, value)
        };
        assert_eq!(shown("119.00", "100.00"), "brutto 119.00 − netto 100.00 = 19.00");
        assert_eq!(shown("100.00", "119.00"), "netto 119.00 − brutto 100.00 = 19.00, without its sign");
    }

    proptest! {
        #[test]
        fn the_numbers_that_are_shown_add_up(brutto in 0i64..10_000_000, netto in 0i64..10_000_000) {
            let of = |cents: i64| Amount::from_scaled(cents * 10_000, 2);
            let amounts = Amounts { brutto: Some(of(brutto)), netto: Some(of(netto)), ..Amounts::default() };
            let value = ValueRule::BruttoMinusNetto.value(&amounts).expect("a value");
            let shown = arithmetic(ValueRule::BruttoMinusNetto, &amounts, value);
            let numbers: Vec<Amount> = shown
                .split([' ', ','])
                .filter(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))
                .map(|word| Amount::parse(word).expect("a number"))
                .collect();
            prop_assert_eq!(numbers.len(), 3, "{}", shown);
            prop_assert_eq!(numbers[0].minus(numbers[1]), Some(numbers[2]), "{}", shown);
        }
    }
}
