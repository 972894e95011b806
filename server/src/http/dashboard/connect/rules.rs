//! The rules of value, each on the example that the group's file publishes. Pure.

use crate::intake::{self, Rules};
use tagwerk_protocol::conversion::ValueRule;
use tagwerk_protocol::form;
use tagwerk_protocol::group::Group;

/// The choice of a rule.
pub(super) struct ValueChoice {
    /// Whose the example is; `None` where there is none.
    pub(super) source: Option<String>,
    /// The amounts of the example, as people read them.
    pub(super) amounts: String,
    /// Its currency.
    pub(super) currency: String,
    /// The rules, in the order in which they are offered.
    pub(super) rules: Vec<RuleChoice>,
}

/// One rule of value, on the example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RuleChoice {
    /// The word in settings.
    pub(super) word: &'static str,
    /// What it is called.
    pub(super) title: &'static str,
    /// What it means.
    pub(super) meaning: &'static str,
    /// What the example is worth by it; `None` where the example lacks an amount.
    pub(super) example: Option<String>,
    /// Whether the site uses it.
    pub(super) chosen: bool,
}

/// The rules for this group; `None` where it tells of no sales, or its one amount leaves no choice.
pub(super) fn of(group: &Group, chosen: ValueRule) -> Option<ValueChoice> {
    let form = group.postback.as_ref().or(group.ipn.as_ref().map(|ipn| &ipn.form))?;
    if form.value_rule.is_some() {
        return None;
    }
    let example = group.connect.as_ref().and_then(|connect| connect.example.as_ref());
    let pairs: Vec<(String, String)> = example.map(|example| form::pairs(&example.query).collect()).unwrap_or_default();
    let read =
        |value: ValueRule| intake::understand(&pairs, &group.name, form, &Rules { value, ..Rules::default() }, "").ok();
    let said = read(chosen);
    let amounts = said.as_ref().map(|said| {
        let amounts = &said.amounts;
        let named = [
            ("brutto", amounts.brutto),
            ("netto", amounts.netto),
            ("commission", amounts.affiliate),
            ("vendor's share", amounts.vendor),
        ];
        let parts = named.iter().filter_map(|(name, amount)| Some(format!("{name} {}", amount.as_ref()?)));
        parts.collect::<Vec<_>>().join(", ")
    });
    let currency = said.as_ref().and_then(|said| said.currency.as_ref()).map(ToString::to_string);
    let choice = |rule: ValueRule| {
        let (title, meaning) = words(rule);
        let value = read(rule).and_then(|said| said.value).map(|value| value.to_string());
        RuleChoice { word: rule.as_str(), title, meaning, example: value, chosen: rule == chosen }
    };
    Some(ValueChoice {
        source: example.map(|example| example.source.clone()),
        amounts: amounts.unwrap_or_default(),
        currency: currency.unwrap_or_default(),
        rules: ValueRule::ALL.into_iter().map(choice).collect(),
    })
}

/// What a rule is called, and what it means.
pub(super) fn words(rule: ValueRule) -> (&'static str, &'static str) {
    match rule {
        ValueRule::BruttoMinusNetto => {
            ("Brutto − netto", "What the buyer paid, less the same without tax. The default.")
        }
        ValueRule::Affiliate => ("Commission", "What you earn by the sale."),
        ValueRule::Vendor => ("Vendor's share", "What the vendor earns. Only vendors are told this amount."),
        ValueRule::Brutto => ("Brutto", "What the buyer paid, tax included."),
        ValueRule::Netto => ("Netto", "What the buyer paid, without tax."),
    }
}

/// The rule that a settings word names.
pub(super) fn rule(word: &str) -> Option<ValueRule> {
    ValueRule::ALL.into_iter().find(|rule| rule.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Groups;

    #[test]
    fn every_rule_is_shown_on_the_published_example() {
        let groups = Groups::load(None).expect("the built-in groups");
        let group = groups.get("digistore24").expect("a group with an example");
        let choice = of(group, ValueRule::Affiliate).expect("a choice");
        let shown: Vec<_> = choice.rules.iter().map(|rule| (rule.word, rule.example.as_deref(), rule.chosen)).collect();
        let expected = [
            ("brutto_minus_netto", Some("1.64"), false),
            ("affiliate", Some("101.64"), true),
            ("vendor", None, false),
            ("brutto", Some("165.19"), false),
            ("netto", Some("163.55"), false),
        ];
        assert_eq!(shown, expected);
        assert_eq!(choice.amounts, "brutto 165.19, netto 163.55, commission 101.64");
        assert_eq!(choice.currency, "EUR");
    }

    #[test]
    fn a_group_with_one_amount_or_none_has_no_choice() {
        let groups = Groups::load(None).expect("the built-in groups");
        assert!(of(groups.tracker().expect("a tracker"), ValueRule::Netto).is_none());
        assert!(of(groups.get("clickbank").expect("a group without postbacks"), ValueRule::Netto).is_none());
    }

    #[test]
    fn a_word_that_is_no_rule_is_none() {
        assert_eq!(rule("netto"), Some(ValueRule::Netto));
        assert_eq!(rule("Netto"), None);
    }
}
