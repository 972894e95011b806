//! What the operator has to do: paste the tag, give the network its postback URL, choose what a sale is worth. Pure.

use super::when::Moment;
use crate::postback_urls::{self, UrlKind};
use crate::settings::SiteSettings;
use crate::store::{ReplacedTrackingId, Site};
use tagwerk_protocol::conversion::{Amounts, ValueRule};
use tagwerk_protocol::group::Group;
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
    pub(super) networks: Vec<Network>,
    /// The addresses for trackers and pixels.
    pub(super) trackers: Vec<Address>,
    /// The rules of value, in the order in which they are offered.
    pub(super) rules: Vec<RuleChoice>,
    /// Tracking ids that still work beside the one of now: what they begin with, and until when.
    pub(super) replaced: Vec<(String, Moment)>,
}

/// A network and the addresses it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    /// The group's name.
    pub(super) group: String,
    /// What people call the network.
    pub(super) title: String,
    /// Its addresses: an affiliate's, a vendor's, that of signed notifications.
    pub(super) addresses: Vec<Address>,
    /// Whether the passphrase of its signed notifications was entered.
    pub(super) has_passphrase: bool,
}

/// An address and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// What it is for.
    pub(super) kind: UrlKind,
    /// What the page calls its element.
    pub(super) id: String,
    /// The URL with all its macros.
    pub(super) url: String,
    /// Where the operator enters it, step by step.
    pub(super) steps: Vec<String>,
}

impl Address {
    fn of(url: postback_urls::PostbackUrl) -> Self {
        let id = format!("{}-{}", url.kind.as_str(), url.group);
        Self { kind: url.kind, id, steps: steps(&url.setup, &url.title), url: url.url }
    }

    /// What it is called.
    pub(super) fn title(&self) -> &'static str {
        match self.kind {
            UrlKind::Affiliate => "Affiliate Postback URL",
            UrlKind::Vendor => "Vendor Postback URL",
            UrlKind::Ipn => "IPN URL",
            UrlKind::Tracker => "Tracker Postback URL",
            UrlKind::Pixel => "Pixel URL",
        }
    }

    /// The word in the API.
    pub(super) fn word(&self) -> &'static str {
        self.kind.as_str()
    }
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
    site: &Site,
    settings: &SiteSettings,
    groups: impl IntoIterator<Item = &'a Group>,
    replaced: &[ReplacedTrackingId],
) -> SetUp {
    let mut networks: Vec<Network> = Vec::new();
    let mut trackers = Vec::new();
    for url in postback_urls::of(public_url, &site.site_id, &site.tracking_id, groups) {
        if matches!(url.kind, UrlKind::Tracker | UrlKind::Pixel) {
            trackers.push(Address::of(url));
            continue;
        }
        let group = settings.groups.get(&url.group);
        match networks.last_mut().filter(|network| network.group == url.group) {
            Some(network) => network.addresses.push(Address::of(url)),
            None => networks.push(Network {
                group: url.group.clone(),
                title: url.title.clone(),
                has_passphrase: group.is_some_and(|group| group.ipn_passphrase.is_some()),
                addresses: vec![Address::of(url)],
            }),
        }
    }
    let begins = |id: &str| id.get(..4).unwrap_or_default().to_owned();
    SetUp {
        snippet: format!("<script async src=\"{public_url}{script_path}\"></script>"),
        stub: QUEUE_STUB,
        networks,
        trackers,
        rules: rules(settings.purchase_value),
        replaced: replaced.iter().map(|old| (begins(&old.tracking_id), Moment::of(old.until))).collect(),
    }
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
        let site = Site {
            site_id: "abcDEF123456".into(),
            tracking_id: "secret".into(),
            created_at: 0,
            settings: serde_json::Value::Null,
        };
        let settings = SiteSettings { purchase_value: ValueRule::Affiliate, ..SiteSettings::default() };
        let replaced = [ReplacedTrackingId { tracking_id: "gone1234".into(), until: 0 }];
        set_up("https://t.example", "/abcDEF123456.js", &site, &settings, [&network, &other], &replaced)
    }

    #[test]
    fn the_snippet_is_one_line_from_the_public_url() {
        assert_eq!(page().snippet, r#"<script async src="https://t.example/abcDEF123456.js"></script>"#);
    }

    #[test]
    fn only_groups_with_postbacks_are_networks_and_their_urls_hold_every_macro() {
        let networks = page().networks;
        assert_eq!(networks.len(), 1);
        assert!(!networks[0].has_passphrase);
        let [address] = networks[0].addresses.as_slice() else { panic!("{networks:?}") };
        assert_eq!(address.url, "https://t.example/secret/collect/network?cid={cid}&amount={amount}");
        assert_eq!((address.title(), address.word()), ("Affiliate Postback URL", "affiliate"));
    }

    #[test]
    fn of_a_replaced_tracking_id_only_the_beginning_is_shown() {
        let replaced = page().replaced;
        assert_eq!(replaced[0].0, "gone");
    }

    #[test]
    fn the_way_to_the_network_s_form_is_told_in_steps() {
        assert_eq!(page().networks[0].addresses[0].steps, ["Account", "S2S", "Add new connection"]);
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
