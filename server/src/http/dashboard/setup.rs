//! What the operator has to do: paste the tag, give the network its postback URL, choose what a sale is worth. Pure.

use tagwerk_protocol::conversion::{Amounts, ValueRule};
use tagwerk_protocol::group::{Group, Postback};
use tagwerk_protocol::money::Amount;

/// Lets a page call `tagwerk(...)` before the script has arrived; the shim takes over what it queued.
pub(super) const QUEUE_STUB: &str =
    "<script>window.tagwerk=window.tagwerk||function(){(tagwerk.q=tagwerk.q||[]).push(arguments)}</script>";

/// The set-up part of a site's page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SetUp {
    /// The one line of the tag.
    pub(super) snippet: String,
    /// The line that queues calls.
    pub(super) stub: &'static str,
    /// One per group with postbacks.
    pub(super) postback_urls: Vec<PostbackUrl>,
    /// The rules of value, in the order in which they are offered.
    pub(super) rules: Vec<RuleChoice>,
}

/// A postback URL and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostbackUrl {
    /// The group's name.
    pub(super) group: String,
    /// What people call the network.
    pub(super) title: String,
    /// The URL with all its macros.
    pub(super) url: String,
    /// Where the operator enters it, step by step.
    pub(super) steps: Vec<String>,
}

/// One rule of value, on the published example.
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

/// The set-up of a site.
pub(super) fn set_up<'a>(
    public_url: &str,
    script_path: &str,
    tracking_id: &str,
    groups: impl IntoIterator<Item = &'a Group>,
    chosen: ValueRule,
) -> SetUp {
    SetUp {
        snippet: format!("<script async src=\"{public_url}{script_path}\"></script>"),
        stub: QUEUE_STUB,
        postback_urls: groups
            .into_iter()
            .filter_map(|group| postback_url(public_url, tracking_id, group, group.postback.as_ref()?))
            .collect(),
        rules: rules(chosen),
    }
}

fn postback_url(public_url: &str, tracking_id: &str, group: &Group, postback: &Postback) -> Option<PostbackUrl> {
    if postback.affiliate_macros.is_empty() {
        return None;
    }
    let query = Postback::query(&postback.affiliate_macros);
    Some(PostbackUrl {
        group: group.name.clone(),
        title: group.title.clone(),
        url: format!("{public_url}/{tracking_id}/collect/{}?{query}", group.name),
        steps: steps(&postback.setup, &group.title),
    })
}

/// The steps of a path like `Network: Account > Postback > Add`; the network's name before the colon is not a step.
fn steps(setup: &str, title: &str) -> Vec<String> {
    let path = setup.strip_prefix(title).and_then(|rest| rest.strip_prefix(':')).unwrap_or(setup);
    path.split('>').map(str::trim).filter(|step| !step.is_empty()).map(str::to_owned).collect()
}

fn rules(chosen: ValueRule) -> Vec<RuleChoice> {
    let example = guide_example();
    ValueRule::ALL
        .into_iter()
        .map(|rule| {
            let (title, meaning) = match rule {
                ValueRule::BruttoMinusNetto => (
                    "Brutto − netto",
                    "What the buyer paid, less the same without tax. The rule of AnyTrack's guide, and the default.",
                ),
                ValueRule::Affiliate => ("Commission", "What you earn by the sale."),
                ValueRule::Vendor => ("Vendor's share", "What the vendor earns. Only vendors are told this amount."),
                ValueRule::Brutto => ("Brutto", "What the buyer paid, tax included."),
                ValueRule::Netto => ("Netto", "What the buyer paid, without tax."),
            };
            RuleChoice {
                word: rule.as_str(),
                title,
                meaning,
                example: rule.value(&example).ok().map(|value| value.to_string()),
                chosen: rule == chosen,
            }
        })
        .collect()
}

/// The amounts of the payload that AnyTrack's guide publishes. It tells no vendor's share.
fn guide_example() -> Amounts {
    let amount = |text: &str| Amount::parse(text).ok();
    Amounts { affiliate: amount("101.64"), vendor: None, brutto: amount("165.19"), netto: amount("163.55") }
}

/// The rule that a settings word names.
pub(super) fn rule(word: &str) -> Option<ValueRule> {
    ValueRule::ALL.into_iter().find(|rule| rule.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = r#"
title = "Net Work"
[link]
sub_id = "cid"
hosts = ["network.example"]
[postback]
setup = "Net Work: Account > S2S > Add new connection"
affiliate_macros = ["cid", "amount"]
[postback.fields]
click_id = "cid"
transaction_type = "kind"
[postback.transaction_types]
payment = "payment"
"#;

    const WITHOUT_POSTBACKS: &str = "title = \"Other\"\n[link]\nsub_id = \"tid\"\nhosts = [\"other.example\"]\n";

    fn page() -> SetUp {
        let network = Group::parse("network", "network.toml", GROUP).unwrap();
        let other = Group::parse("other", "other.toml", WITHOUT_POSTBACKS).unwrap();
        set_up("https://t.example", "/abcDEF123456.js", "secret", [&network, &other], ValueRule::Affiliate)
    }

    #[test]
    fn the_snippet_is_one_line_from_the_public_url() {
        assert_eq!(page().snippet, r#"<script async src="https://t.example/abcDEF123456.js"></script>"#);
    }

    #[test]
    fn only_groups_with_postbacks_have_a_postback_url_and_it_holds_every_macro() {
        let urls = page().postback_urls;
        assert_eq!(urls.len(), 1);
        assert_eq!(urls[0].url, "https://t.example/secret/collect/network?cid={cid}&amount={amount}");
    }

    #[test]
    fn the_way_to_the_network_s_form_is_told_in_steps() {
        assert_eq!(page().postback_urls[0].steps, ["Account", "S2S", "Add new connection"]);
        assert_eq!(steps("Ask your manager", "Net Work"), ["Ask your manager"]);
    }

    #[test]
    fn every_rule_is_shown_on_the_guide_s_example() {
        let shown: Vec<_> = page().rules.iter().map(|rule| (rule.word, rule.example.clone())).collect();
        let expected = [
            ("brutto_minus_netto", Some("1.64")),
            ("affiliate", Some("101.64")),
            ("vendor", None),
            ("brutto", Some("165.19")),
            ("netto", Some("163.55")),
        ];
        assert_eq!(shown, expected.map(|(word, value)| (word, value.map(str::to_owned))));
    }

    #[test]
    fn exactly_the_site_s_rule_is_chosen() {
        let chosen: Vec<_> = page().rules.into_iter().filter(|rule| rule.chosen).map(|rule| rule.word).collect();
        assert_eq!(chosen, ["affiliate"]);
    }

    #[test]
    fn a_word_that_is_no_rule_is_none() {
        assert_eq!(rule("netto"), Some(ValueRule::Netto));
        assert_eq!(rule("Netto"), None);
    }
}
