//! Who a conversion is credited to and why, in plain sentences. Pure.

use super::super::came_from::Origin;
use crate::attribution::{ERASED, Lead, State};
use crate::store::{ClickRow, ConversionRow, Millis, Visit};
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::TransactionType;

/// Longest text of somebody else's in a sentence, in characters.
const LONGEST: usize = 80;

/// What is known of the visit and click that a conversion came from.
pub(super) struct Known<'a> {
    /// The visit.
    pub(super) visit: Option<&'a Visit>,
    /// The click.
    pub(super) click: Option<&'a ClickRow>,
    /// Whether it takes back a sale that is known.
    pub(super) takes_back: bool,
}

/// Who gets the credit, in sentences: who, why, and what could be done about it.
pub(super) fn whose(row: &ConversionRow, known: &Known<'_>) -> Vec<String> {
    let mut told = Vec::new();
    match row.attribution.state {
        State::Test => {
            told.push(if row.said.marked {
                "It is a test, because it was marked as one by hand. It counts in no report, and no platform is told of it."
            } else {
                "It is a test, because its sender says so. It counts in no report."
            });
            let told = told.into_iter().map(str::to_owned);
            return told.chain(row.attribution.visit_id.is_some().then(|| because(row, known))).collect();
        }
        State::Unattributed => {
            let reason = row.attribution.reason.as_deref().unwrap_or("nobody knows why");
            if reason == ERASED {
                let sentence = "The visitor whose click it came of was erased, and with the visitor what tells which campaign it was.";
                return vec![format!("Nobody is credited: {reason}."), sentence.to_owned()];
            }
            let lead = match Lead::of(row.said.sub_id.as_deref()) {
                Lead::Absent => {
                    "The link that was clicked had no click id, or the network did not send it back. If you know the click, assign it below."
                }
                Lead::Unknown => {
                    "What came in its place is not an id that this tag gives out: the link was another tracker’s, or was changed on the way. If you know the click, assign it below."
                }
                Lead::Click(_) | Lead::Visit(_) | Lead::Erased(_) => {
                    "Should the visit be reported yet, it is credited by itself. If you know the click, assign it below."
                }
            };
            return vec![format!("Nobody is credited: {reason}."), lead.to_owned()];
        }
        State::Attributed => {}
    }
    let mut told = if row.attribution.reason.as_deref() == Some(ERASED) {
        let campaign = campaign(&row.source, &BTreeMap::new(), None);
        vec![
            format!("It is credited to {campaign}."),
            "The visitor was erased: of the visit and its click nothing is kept but where the credit goes in reports."
                .to_owned(),
        ]
    } else {
        vec![credited_to(known.visit), because(row, known)]
    };
    if known.takes_back {
        told.push(
            "It takes back a sale, so reports credit it as they credit that sale, by whichever model.".to_owned(),
        );
    }
    if row.said.marked {
        told.push("Its sender says that it is a test; it was marked by hand as none.".to_owned());
    }
    told
}

fn credited_to(visit: Option<&Visit>) -> String {
    let Some(visit) = visit else { return "It is credited to a visit of which nothing is kept any more.".to_owned() };
    format!("It is credited to {}.", source(visit))
}

/// Where a visit came from, in few words.
pub(super) fn source(visit: &Visit) -> String {
    campaign(&visit.source, &visit.click_ids, visit.referrer.as_deref())
}

fn campaign(source: &BTreeMap<String, String>, click_ids: &BTreeMap<String, String>, referrer: Option<&str>) -> String {
    let origin = Origin::of(source, click_ids, None, referrer);
    let campaign: Vec<String> =
        origin.campaign.iter().filter(|pair| is_short(&pair.name)).map(|pair| shortened(&pair.value)).collect();
    let ads: Vec<&str> = origin.click_ids.iter().map(|pair| pair.name.as_str()).collect();
    match (campaign.is_empty(), ads.is_empty(), referrer) {
        (false, _, _) => campaign.join(" / "),
        (true, false, _) => format!("an ad ({})", ads.join(", ")),
        (true, true, Some(referrer)) => format!("a link on {}", host(referrer)),
        (true, true, None) => "a visit that came directly, or of which nobody says how it came".to_owned(),
    }
}

fn is_short(name: &str) -> bool {
    ["source", "medium", "campaign", "content", "term"].contains(&name)
}

fn host(address: &str) -> String {
    let parsed = url::Url::parse(address).ok();
    shortened(parsed.as_ref().and_then(url::Url::host_str).unwrap_or(address))
}

/// The beginning of somebody else's text, as it may stand in a sentence of ours.
pub(super) fn shortened(text: &str) -> String {
    let text = harmless(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A text without the characters that turn the direction of what stands around it.
pub(super) fn harmless(text: &str) -> String {
    text.replace(
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
        "\u{fffd}",
    )
}

fn because(row: &ConversionRow, known: &Known<'_>) -> String {
    let what = match row.said.transaction_type {
        TransactionType::Payment => "the sale",
        TransactionType::Refund => "the refund",
        TransactionType::Chargeback => "the chargeback",
    };
    match (known.click, Lead::of(row.said.sub_id.as_deref())) {
        (Some(click), Lead::Click(_)) => {
            let begun = click.at.min(click.received_at);
            let before = match row.at.checked_sub(begun).filter(|length| *length >= 0) {
                Some(length) => format!("{} before {what}", span(length)),
                None => format!("after {what} by its sender’s clock"),
            };
            format!("Its click id came back with it, and is that of a click in this visit, {before}.")
        }
        (_, Lead::Click(_)) => {
            "Its click id came back with it and names this visit. The click itself was never reported.".to_owned()
        }
        (_, Lead::Visit(_)) => {
            "The click id that came back is damaged. Its first 16 characters are this visit’s, so it is credited all the same."
                .to_owned()
        }
        _ => row.attribution.reason.clone().unwrap_or_else(|| "Nobody says why.".to_owned()),
    }
}

/// A length of time in its two largest units.
pub(super) fn span(length: Millis) -> String {
    const UNITS: [(Millis, &str); 4] = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")];
    let mut rest = length.max(0);
    let mut parts = Vec::new();
    for (size, unit) in UNITS {
        let count = rest.checked_div(size).unwrap_or_default();
        rest -= count * size;
        if count > 0 {
            parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "less than a second".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_told_in_its_two_largest_units() {
        let told = [0, 999, 1000, 61_000, 3_600_000, 3_601_000, 90_061_000, 172_800_000].map(span);
        assert_eq!(
            told,
            [
                "less than a second",
                "less than a second",
                "1 second",
                "1 minute 1 second",
                "1 hour",
                "1 hour",
                "1 day 1 hour",
                "2 days"
            ]
        );
        assert_eq!(span(Millis::MIN), "less than a second");
        assert!(span(Millis::MAX).contains("days"));
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let cut = shortened(&"ä".repeat(LONGEST + 1));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (LONGEST + 1, true));
        assert_eq!(shortened("short"), "short");
    }

    #[test]
    fn what_turns_the_direction_of_text_does_not_get_into_a_sentence() {
        assert_eq!(shortened("a\u{202e}b\u{2069}c"), "a\u{fffd}b\u{fffd}c");
    }
}
