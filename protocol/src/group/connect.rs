//! What the dashboard says about connecting a network: where its addresses are entered, in the network's own words, and what a test
//! call of it looks like. A part of a group's file; a group may leave it out.
//!
//! In texts, `*words*` stand on the network's screen and `` `letters` `` are to be read letter by letter.

use super::{Group, Postback};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How a network is connected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// What the network is and what it tells, in a sentence or two.
    pub about: String,
    /// The ways in which it can be connected, in the order in which they are offered.
    #[serde(default)]
    pub way: Vec<Way>,
    /// A published example of a sale, on which the rules of value are shown.
    pub example: Option<Example>,
}

/// One way to connect a network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    /// Which of the group's addresses it needs.
    pub kind: WayKind,
    /// What it is called.
    pub title: String,
    /// Whose way it is, and what it tells, in a sentence.
    pub about: String,
    /// What to do at the network, one thing each.
    #[serde(default)]
    pub steps: Vec<String>,
    /// What else is good to know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The parameters of a test call, marked as a test as the network marks it. Ids, click id and times are put in fresh.
    pub test: Option<BTreeMap<String, String>>,
}

/// Which of a group's addresses a way needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayKind {
    /// An affiliate's postbacks.
    Affiliate,
    /// A vendor's postbacks, which also tell about buyer and order.
    Vendor,
    /// A vendor's signed notifications.
    Ipn,
    /// Whoever calls the way trackers are called.
    Tracker,
    /// An image in a page: no secret in it, and no money by it.
    Pixel,
}

/// A published example.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Whose it is, as in "the example from ...".
    pub source: String,
    /// The call, as it arrives.
    pub query: String,
}

/// A part of a text, and how it is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Plain words.
    Plain(&'a str),
    /// What stands on a screen.
    Screen(&'a str),
    /// What is to be read letter by letter.
    Letters(&'a str),
}

/// The parts of a text. A mark without its counterpart is a letter like any other.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(found) = rest.get(from..).and_then(|ahead| ahead.find(['*', '`'])) {
        let start = from + found;
        let mark = rest.as_bytes().get(start).copied().map_or('*', char::from);
        let inside = rest.get(start + 1..).unwrap_or_default();
        let Some(length) = inside.find(mark).filter(|length| *length > 0) else {
            from = start + 1;
            continue;
        };
        let before = rest.get(..start).unwrap_or_default();
        if !before.is_empty() {
            parts.push(Part::Plain(before));
        }
        let marked = inside.get(..length).unwrap_or_default();
        parts.push(if mark == '*' { Part::Screen(marked) } else { Part::Letters(marked) });
        rest = inside.get(length + 1..).unwrap_or_default();
        from = 0;
    }
    if !rest.is_empty() {
        parts.push(Part::Plain(rest));
    }
    parts
}

impl WayKind {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            WayKind::Affiliate => "affiliate",
            WayKind::Vendor => "vendor",
            WayKind::Ipn => "ipn",
            WayKind::Tracker => "tracker",
            WayKind::Pixel => "pixel",
        }
    }
}

impl Connect {
    /// The way of that kind.
    pub fn way(&self, kind: WayKind) -> Option<&Way> {
        self.way.iter().find(|way| way.kind == kind)
    }

    /// Holds the words to what the group can do.
    ///
    /// # Errors
    /// Names the way, and what is wrong with it.
    pub(super) fn check(&self, group: &Group) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        is_balanced(&self.about).map_err(|problem| format!("connect.about: {problem}"))?;
        for way in &self.way {
            let wrong = |problem: String| format!("connect.way {}: {problem}", way.kind.as_str());
            if !seen.insert(way.kind) {
                return Err(wrong("it stands there twice".into()));
            }
            for text in way.steps.iter().chain(&way.notes).chain([&way.about]) {
                is_balanced(text).map_err(&wrong)?;
            }
            let form = group.form_of(way.kind).ok_or_else(|| wrong("the group has no such address".into()))?;
            if let Some(test) = &way.test {
                check_test(test, group, way.kind, form).map_err(wrong)?;
            }
        }
        Ok(())
    }
}

/// A test has to be one: it says so in the network's own way, and it says what happened.
fn check_test(test: &BTreeMap<String, String>, group: &Group, kind: WayKind, form: &Postback) -> Result<(), String> {
    if kind == WayKind::Pixel {
        return Err("a pixel cannot be marked as a test, since whoever reads the page can call it".into());
    }
    let says = |name: &str| test.get(name).is_some_and(|value| !value.is_empty());
    let Some(is_test) = form.fields.is_test.as_deref() else {
        return Err("the group has no way of marking tests (fields.is_test), so there can be no test".into());
    };
    if !says(is_test) {
        return Err(format!("the test must be marked as one: {is_test} is missing"));
    }
    let what = match (&group.ipn, kind) {
        (Some(ipn), WayKind::Ipn) => ipn.event.as_str(),
        _ => form.fields.transaction_type.as_str(),
    };
    let known = |word: &String| form.transaction_types.keys().any(|known| known.eq_ignore_ascii_case(word));
    match test.get(what) {
        Some(word) if !known(word) => {
            Err(format!("the test's {what} is \"{word}\", which is none of the group's words"))
        }
        None if form.default_transaction_type.is_none() => Err(format!("the test does not say {what}")),
        _ => Ok(()),
    }
}

fn is_balanced(text: &str) -> Result<(), String> {
    let is_left = |part: &Part<'_>| matches!(part, Part::Plain(words) if words.contains(['*', '`']));
    match parts(text).iter().any(is_left) {
        true => Err(format!("a mark has no counterpart in \"{text}\"")),
        false => Ok(()),
    }
}

impl Group {
    /// How the calls read that come by the address of this kind; `None` where the group has no such address.
    pub fn form_of(&self, kind: WayKind) -> Option<&Postback> {
        let postback = self.postback.as_ref();
        match kind {
            WayKind::Affiliate => postback.filter(|form| !self.tracker && !form.affiliate_macros.is_empty()),
            WayKind::Vendor => postback.filter(|form| !self.tracker && !form.vendor_macros.is_empty()),
            WayKind::Ipn => self.ipn.as_ref().map(|ipn| &ipn.form),
            WayKind::Tracker => postback.filter(|_| self.tracker),
            WayKind::Pixel => postback.filter(|form| self.tracker && form.pixel.is_some()),
        }
    }
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
setup = "Net Work: Account > S2S"
affiliate_macros = ["cid", "kind"]
[postback.fields]
click_id = "cid"
transaction_type = "kind"
is_test = "test"
[postback.transaction_types]
sale = "payment"
[connect]
about = "A network."
[[connect.way]]
kind = "affiliate"
title = "By postback"
about = "For affiliates."
steps = ["Open *Account > S2S* and paste `cid={cid}`."]
[connect.way.test]
kind = "sale"
test = "1"
"#;

    fn parse(from: &str, to: &str) -> Result<Group, String> {
        assert!(GROUP.contains(from), "{from}");
        Group::parse("network", "network.toml", &GROUP.replacen(from, to, 1))
    }

    #[test]
    fn a_text_falls_into_words_screens_and_letters() {
        let text = "Open *Account > S2S* and paste `cid={cid}`.";
        let expected = [
            Part::Plain("Open "),
            Part::Screen("Account > S2S"),
            Part::Plain(" and paste "),
            Part::Letters("cid={cid}"),
            Part::Plain("."),
        ];
        assert_eq!(parts(text), expected);
        assert_eq!(parts("2 * 3"), [Part::Plain("2 * 3")]);
        assert_eq!(parts(""), []);
    }

    #[test]
    fn a_way_with_steps_and_a_test_is_read() {
        let group = parse("A network.", "A network.").expect("a group");
        let connect = group.connect.expect("it says how");
        let way = connect.way(WayKind::Affiliate).expect("a way");
        assert_eq!(way.test.as_ref().and_then(|test| test.get("test")).map(String::as_str), Some("1"));
        assert!(connect.way(WayKind::Ipn).is_none());
    }

    #[test]
    fn words_that_the_group_cannot_keep_are_refused_by_the_way() {
        for (from, to, said) in [
            ("kind = \"affiliate\"", "kind = \"ipn\"", "no such address"),
            ("kind = \"affiliate\"", "kind = \"vendor\"", "no such address"),
            ("test = \"1\"", "test = \"\"", "marked as one"),
            ("kind = \"sale\"", "kind = \"gift\"", "none of the group's words"),
            ("kind = \"sale\"\n", "", "does not say kind"),
            ("is_test = \"test\"\n", "", "no way of marking tests"),
            ("`cid={cid}`", "`cid={cid}", "counterpart"),
            ("A network.", "A *network.", "counterpart"),
        ] {
            let error = parse(from, to).expect_err(to);
            assert!(error.contains("network.toml: connect.") && error.contains(said), "{error}");
        }
        let twice = format!("{GROUP}[[connect.way]]\nkind = \"affiliate\"\ntitle = \"a\"\nabout = \"b\"\n");
        assert!(Group::parse("network", "f", &twice).expect_err("twice").contains("twice"));
        assert!(parse("about = \"For", "abuot = \"For").expect_err("a slip").contains("abuot"));
    }
}
