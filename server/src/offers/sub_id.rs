//! What stands in the parameter for the click id, and where it stands wrongly.

use super::{Findings, SubId, Verdict};
use tagwerk_protocol::absent;
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::form;
use tagwerk_protocol::group::Group;
use tagwerk_protocol::link::{Existing, LinkRules, TOKEN};

/// What other networks and trackers call the parameter for the click id.
const OTHERS: [&str; 16] = [
    "subid", "sub_id", "sub", "sub1", "subid1", "aff_sub", "affsub", "clickid", "click_id", "click", "cid", "tid",
    "s1", "sid", "clkid", "rtkcid",
];

/// Looks at the sub-id of a link of this group.
pub(super) fn look(link: &str, group: &Group, rules: &LinkRules, findings: &mut Findings) -> SubId {
    let name = group.link.sub_id.as_str();
    let (before, fragment) = link.split_once('#').unwrap_or((link, ""));
    let (path, query) = before.split_once('?').unwrap_or((before, ""));
    if !before.contains('?') && path.contains('&') {
        findings.add(
            "question_mark",
            Verdict::Wrong,
            "Its first parameter begins with &; it has to begin with ?.",
            "Put ? in the place of the first &.",
        );
    }
    let pairs: Vec<(String, String)> = form::pairs(query).collect();
    let values: Vec<&str> = pairs.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect();
    if values.len() > 1 {
        findings.add_with(
            "repeated",
            Verdict::Wrong,
            format!(
                "{name}= stands in it {} times, and nobody knows which of them {} takes.",
                values.len(),
                group.title
            ),
            format!("Keep none of them: the tag puts {name}= there."),
        );
    }
    if form::pairs(fragment.trim_start_matches(['?', '/', '!'])).any(|(found, _)| found == name) {
        findings.add_with(
            "in_fragment",
            Verdict::Wrong,
            format!("{name}= stands behind the #, which browsers keep to themselves: {} never sees it.", group.title),
            format!("Take it out; the tag puts {name}= before the #."),
        );
    }
    let is_other = |found: &String| {
        found != name && (found.eq_ignore_ascii_case(name) || OTHERS.contains(&found.to_ascii_lowercase().as_str()))
    };
    for (found, _) in pairs.iter().filter(|(found, _)| is_other(found)) {
        let said = match found.eq_ignore_ascii_case(name) {
            true => format!("{found}= is not {name}=: upper and lower case count."),
            false => format!("{found}= is not what {} calls it: the click id goes into {name}=.", group.title),
        };
        findings.add_with(
            "other_name",
            Verdict::Look,
            said,
            format!("Take {found}= out, unless you need it for something else."),
        );
    }
    let value = values.iter().copied().find(|value| !value.is_empty()).unwrap_or_default();
    let keeps = rules.existing == Existing::Keep;
    let kind = kind(value);
    match kind {
        // A token may stand anywhere else in the link.
        SubId::None if link.contains(TOKEN) => SubId::Token,
        SubId::Macro => {
            let fate = if keeps { "The tag takes it for somebody else's and keeps it" } else { "The tag replaces it" };
            let verdict = if keeps { Verdict::Look } else { Verdict::Good };
            let said =
                format!("{name}={value} is a macro of another program's, which nobody replaces in a page. {fate}.");
            findings.add_with("macro", verdict, said, format!("Take {name}= out, or write {name}={TOKEN}."));
            kind
        }
        SubId::Fixed => {
            let shown = value.get(..value.floor_char_boundary(60)).unwrap_or_default();
            if keeps {
                let said = format!(
                    "{name}={shown} stands there already. The tag keeps it, so a sale comes back with it, and not with a click of this site."
                );
                let mend = format!("Take {name}= out, or let the site replace it (existing_subid: replace).");
                findings.add_with("fixed", Verdict::Look, said, mend);
            } else {
                let said = format!(
                    "{name}={shown} stands there already. The tag replaces it, as the site's settings say (existing_subid: replace)."
                );
                findings.add("fixed", Verdict::Good, said, None);
            }
            kind
        }
        SubId::Ours => {
            let said =
                "It was copied from a page in which the tag had put a click id into it. The tag replaces that one."
                    .to_owned();
            findings.add_with(
                "ours",
                Verdict::Look,
                said,
                format!("Take {name}= out: where the tag does not run, all buyers would look like one."),
            );
            kind
        }
        SubId::None | SubId::Token => kind,
    }
}

fn kind(value: &str) -> SubId {
    if value.is_empty() {
        SubId::None
    } else if value.contains(TOKEN) {
        SubId::Token
    } else if ClickId::parse(value).is_some() {
        SubId::Ours
    } else if absent::present(value).is_none() || is_macro(value) {
        SubId::Macro
    } else {
        SubId::Fixed
    }
}

/// Whether a value is written as programs write what they replace: in braces, brackets, percent signs, underscores.
pub(super) fn is_macro(value: &str) -> bool {
    const PAIRS: [(&str, &str); 7] =
        [("{", "}"), ("[", "]"), ("<", ">"), ("%", "%"), ("__", "__"), ("##", "##"), ("$", "")];
    let name = |inside: &str| !inside.is_empty() && !inside.contains(char::is_whitespace);
    PAIRS.iter().any(|(first, last)| {
        let inside = value.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
        inside.is_some_and(name)
    })
}
