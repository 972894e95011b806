//! Host and path of a link: whether it is an offer, which kind, and what it may be mistaken for.

use super::pasted::Pasted;
use super::sub_id::is_macro;
use super::{Cloaked, Findings, Rules, Verdict};
use tagwerk_protocol::form;
use tagwerk_protocol::group::Group;
use tagwerk_protocol::group::offers::{Offers, PartRule, segments};
use tagwerk_protocol::href::{self, Target};

/// Hosts that stand for others.
const SHORTENERS: [&str; 24] = [
    "bit.ly",
    "t.co",
    "tinyurl.com",
    "ow.ly",
    "is.gd",
    "v.gd",
    "cutt.ly",
    "rebrand.ly",
    "geni.us",
    "lnkd.in",
    "buff.ly",
    "goo.gl",
    "rb.gy",
    "shorturl.at",
    "t.ly",
    "tiny.cc",
    "t1p.de",
    "kurzelinks.de",
    "short.io",
    "bl.ink",
    "snip.ly",
    "soo.gd",
    "s.id",
    "linktr.ee",
];
/// How many letters a host may be off to be taken for a slip.
const SLIP: usize = 2;

/// Says why a text is no address.
pub(super) fn no_address(pasted: &Pasted, rules: &Rules<'_>, findings: &mut Findings) {
    let scheme = pasted.href.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("mailto" | "tel" | "javascript" | "data" | "ftp" | "file") => findings.add(
            "no_web_address",
            Verdict::Wrong,
            "It is no web address. The tag touches http and https alone.",
            "Paste the address of the offer itself.",
        ),
        _ => {
            let mend = suggestion(rules);
            findings.add_with("no_address", Verdict::Wrong, "It does not read as an address.", mend);
        }
    }
}

fn suggestion(rules: &Rules<'_>) -> String {
    let example = rules.groups.iter().filter_map(|group| group.offers.as_ref()).flat_map(|offers| &offers.shape).next();
    match example {
        Some(shape) => format!("An address looks like {}", shape.example),
        None => "Paste the address as the network hands it out.".to_owned(),
    }
}

/// Whether it goes by https.
pub(super) fn scheme(link: &str, findings: &mut Findings) {
    if starts_with(link, "http:") {
        findings.add_with(
            "http",
            Verdict::Look,
            "It begins with http: others on the way can read and change it, and browsers warn.",
            format!("Use https:{}", link.get(5..).unwrap_or_default()),
        );
    }
}

fn starts_with(link: &str, scheme: &str) -> bool {
    link.get(..scheme.len()).is_some_and(|first| first.eq_ignore_ascii_case(scheme))
}

/// The kind of address, and what is wrong with its parts.
pub(super) fn shape(link: &str, target: &Target, group: &Group, findings: &mut Findings) -> Option<String> {
    let rule = group.link_rule(&[]);
    // What was marked by hand, or stands on a host of the site's own, may look like anything.
    if !rule.hosts.iter().any(|host| is_or_is_below(&target.host, host)) {
        return None;
    }
    let offers = group.offers.as_ref()?;
    if let Some(elsewhere) = elsewhere(target, group) {
        findings.add("elsewhere", Verdict::Wrong, format!("That is {elsewhere}."), "Take the offer's own link.");
        return None;
    }
    let shape = offers.shape_of(&target.path)?;
    let found = segments(&target.path);
    if found.len() + shape.optional < shape.path.len() {
        findings.add_with(
            "incomplete",
            Verdict::Wrong,
            format!("It ends too early: {}. A sale by it is nobody's.", shape.missing),
            format!("It looks like {}", shape.example),
        );
    }
    if found.len() > shape.path.len() {
        let said = format!("There is more in its path than a {} has.", shape.name);
        findings.add_with("too_long", Verdict::Look, said, format!("It looks like {}", shape.example));
    }
    for (name, value) in shape.parts(&target.path) {
        if let Some(rule) = offers.part.get(name).filter(|_| !is_placeholder(value, offers)) {
            part(rule, value, findings);
        }
    }
    if let Some(name) = &shape.affiliate {
        let query = link.split(['#']).next().unwrap_or_default().split_once('?').map_or("", |(_, query)| query);
        let is_there = form::pairs(query).any(|(found, value)| found == *name && !value.is_empty());
        if !is_there {
            findings.add_with(
                "affiliate",
                Verdict::Look,
                format!("It names no affiliate ({name}=). You are paid for a sale only if the buyer came by a link of yours before."),
                format!("It looks like {}", shape.example),
            );
        }
    }
    Some(shape.name.clone())
}

fn part(rule: &PartRule, value: &str, findings: &mut Findings) {
    let value = form::decode(&value.replace('+', "%2B"));
    let shown = value.get(..value.floor_char_boundary(60)).unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if value.is_empty() {
        findings.add(
            "empty",
            Verdict::Wrong,
            format!("In the place of {} there is nothing.", rule.what),
            "Put it there.",
        );
    } else if rule.number && !value.bytes().all(|byte| byte.is_ascii_digit()) {
        findings.add(
            "no_number",
            Verdict::Look,
            format!("In the place of {} stands \"{shown}\", which is no number.", rule.what),
            None,
        );
    } else if rule.word && !value.chars().all(is_word) {
        let said = format!("In {} (\"{shown}\") are other characters than letters, digits, _ and -.", rule.what);
        findings.add("letters", Verdict::Look, said, "Use letters without accents, digits, _ and - alone.");
    } else if let Some(longest) = rule.longest.filter(|longest| value.chars().count() > *longest) {
        let said = format!("{} has more than {longest} characters.", rule.what);
        findings.add("too_many_letters", Verdict::Look, capital(&said), "Make it shorter.");
    }
}

/// Words that were meant to be replaced: those of the network's instructions, and whatever stands in brackets.
pub(super) fn placeholders(link: &str, target: &Target, group: &Group, findings: &mut Findings) {
    let Some(offers) = &group.offers else { return };
    // The first segment tells the kind, and may be such a word itself.
    let path = segments(&target.path).into_iter().skip(1).map(str::to_owned);
    let query = link.split('#').next().unwrap_or_default().split_once('?').map_or("", |(_, query)| query);
    let values = form::pairs(query).filter(|(name, _)| *name != group.link.sub_id).map(|(_, value)| value);
    let left: Vec<String> = path.chain(values).filter(|word| is_placeholder(word, offers)).collect();
    if !left.is_empty() {
        let words: Vec<&str> =
            left.iter().map(|word| word.get(..word.floor_char_boundary(40)).unwrap_or_default()).collect();
        findings.add(
            "placeholder",
            Verdict::Wrong,
            format!(
                "{} {} left in from the instructions.",
                words.join(", "),
                if words.len() == 1 { "was" } else { "were" }
            ),
            "Put your own there.",
        );
    }
}

fn is_placeholder(word: &str, offers: &Offers) -> bool {
    let word = form::decode(&word.replace('+', "%2B"));
    let bare = word.trim_matches(['[', ']', '{', '}', '<', '>', '(', ')', '%']);
    offers.placeholders.iter().any(|known| known.eq_ignore_ascii_case(bare)) || is_macro(&word)
}

/// Says what a link of no group may be.
pub(super) fn of_no_group(pasted: &Pasted, target: &Target, rules: &Rules<'_>, findings: &mut Findings) {
    let link = pasted.href.as_str();
    if link.starts_with('#') {
        return findings.add(
            "same_page",
            Verdict::Wrong,
            "It stays on the page.",
            "Paste the address of the offer itself.",
        );
    }
    // Without a scheme, a browser takes it for a part of the page's own address.
    if !link.starts_with(['/', '\\', '?', '.']) && href::target(link, "").is_none() {
        let full = format!("https://{link}");
        if let Some(there) = href::target(&full, "").filter(|there| there.host.contains('.')) {
            let is_network = rules.links.groups.iter().any(|group| group.owns(&there));
            let verdict = "It has no https:// at its beginning: in a page it leads to a part of that page's own site.";
            if is_network || SHORTENERS.contains(&there.host.as_str()) || link.starts_with("www.") {
                return findings.add_with("no_scheme", Verdict::Wrong, verdict, format!("Use {full}"));
            }
        }
    }
    if let Some((group, what)) = rules.groups.iter().find_map(|group| Some((group, elsewhere(target, group)?))) {
        return findings.add_with(
            "elsewhere",
            Verdict::Wrong,
            format!("That is {what}. The tag leaves it alone."),
            group.offers.as_ref().and_then(|offers| offers.shape.first()).map_or_else(
                || "Take the offer's own link.".to_owned(),
                |shape| format!("An offer's link looks like {}", shape.example),
            ),
        );
    }
    let of_host = |group: &&Group| group.link.hosts.iter().any(|host| is_or_is_below(&target.host, host));
    if let Some(group) = rules.groups.iter().find(of_host) {
        return findings.add_with(
            "not_an_offer",
            Verdict::Wrong,
            format!("It is on {}, but not on a path that sells. The tag leaves it alone.", group.title),
            format!("Offers are below {}", group.link.paths.join(", ")),
        );
    }
    if let Some(known) =
        (rules.known)(link).or_else(|| (rules.known)(&format!("https://{}{}", target.host, target.path)))
    {
        return cloaked(&known, rules, findings);
    }
    if SHORTENERS.iter().any(|host| is_or_is_below(&target.host, host)) {
        let said = rules
            .groups
            .iter()
            .filter_map(|group| group.offers.as_ref()?.shortened.as_deref())
            .next()
            .unwrap_or_default();
        let said = format!("It is a shortened link: the tag cannot see where it leads, and leaves it alone. {said}");
        return findings.add(
            "shortened",
            Verdict::Wrong,
            said.trim_end().to_owned(),
            "Use the offer's own link. If you have to keep it, list its host for AutoScan.",
        );
    }
    let names_affiliate = |name: &String| {
        form::pairs(link.split_once('#').map_or("", |(_, fragment)| fragment)).any(|(found, _)| found == *name)
    };
    let by_fragment = rules
        .groups
        .iter()
        .find(|group| group.offers.as_ref().and_then(|offers| offers.fragment.as_ref()).is_some_and(&names_affiliate));
    if let Some(group) = by_fragment {
        return findings.add_with(
            "fragment",
            Verdict::Look,
            format!("It looks like a seller's own page with the affiliate behind the #, as {} knows it. The tag cannot tell by its host.", group.title),
            format!("Mark it: data-tracking-group=\"{}\". Try whether the click id gets through.", group.name),
        );
    }
    let is_relative = link.starts_with('/') && !link.starts_with("//");
    if is_relative || rules.own_hosts.iter().any(|host| is_or_is_below(&target.host, host)) {
        return match rules.autoscan {
            true => findings.add(
                "not_followed",
                Verdict::Look,
                "It is on a host of your own, so it may be cloaked. AutoScan has not followed it yet.",
                "Open a page with this link and the tag, then look again.",
            ),
            false => findings.add(
                "cloaked",
                Verdict::Look,
                "It is on a host of your own, so it may be cloaked. AutoScan, which finds out where such links lead, is off.",
                "Switch AutoScan on, or mark the link: rel or data-tracking-group with the group's name.",
            ),
        };
    }
    if let Some((host, group)) = slip(&target.host, rules) {
        return findings.add_with(
            "slip",
            Verdict::Wrong,
            format!("{} is no host of {}'s.", target.host, group.title),
            format!("Is it {host}?"),
        );
    }
    let mend = "If it leads to a network, mark it (data-tracking-group), or list its host on the network's page.";
    findings.add(
        "unknown",
        Verdict::Wrong,
        format!("{} is no network's that is known here. The tag leaves it alone.", target.host),
        mend,
    );
}

/// What AutoScan found out.
fn cloaked(known: &Cloaked, rules: &Rules<'_>, findings: &mut Findings) {
    let title = known.group.as_deref().and_then(|name| rules.groups.get(name)).map(|group| group.title.as_str());
    let reason = capital(&known.reason);
    match (title, known.forwards) {
        (None, _) => findings.add("leads_elsewhere", Verdict::Wrong, format!("AutoScan followed it: it leads to no network. {reason}."), None),
        (Some(title), Some(true)) => {
            findings.add("forwards", Verdict::Good, format!("AutoScan followed it: it leads to {title} and passes the click id on."), None);
        }
        (Some(title), Some(false)) => findings.add(
            "drops",
            Verdict::Wrong,
            format!("AutoScan followed it: it leads to {title}, but loses the click id on the way. {reason}."),
            "Let the redirect pass parameters on, use the offer's own link, or allow its address to take the link's place (autoscan.use_resolved).",
        ),
        (Some(title), None) => {
            let said = format!("AutoScan followed it: it leads to {title}; whether the click id gets through is not known. {reason}.");
            findings.add("not_known", Verdict::Look, said, None);
        }
    }
}

/// What an address of a network's is that is no offer.
fn elsewhere<'a>(target: &Target, group: &'a Group) -> Option<&'a str> {
    let is_own = group.link.hosts.iter().any(|host| is_or_is_below(&target.host, host));
    let places = group.offers.as_ref()?.elsewhere.iter();
    let mut fitting = places.filter(|place| {
        let host = place.host.as_ref().map_or(is_own, |host| is_or_is_below(&target.host, host));
        host && place.path.as_ref().is_none_or(|path| target.path.starts_with(path.as_str()))
    });
    fitting.next().map(|place| place.what.as_str())
}

/// A network's host that was probably meant.
fn slip<'a>(host: &str, rules: &Rules<'a>) -> Option<(&'a str, &'a Group)> {
    let bare = host.strip_prefix("www.").unwrap_or(host);
    let hosts = rules.groups.iter().flat_map(|group| group.link.hosts.iter().map(move |host| (host.as_str(), group)));
    hosts
        .filter(|(known, _)| known.len() > 2 * SLIP)
        .map(|(known, group)| (strsim::damerau_levenshtein(bare, known), known, group))
        .filter(|(off, ..)| (1..=SLIP).contains(off))
        .min_by_key(|(off, ..)| *off)
        .map(|(_, known, group)| (known, group))
}

fn is_or_is_below(host: &str, parent: &str) -> bool {
    host.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
