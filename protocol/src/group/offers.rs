//! What the addresses of a network's offers look like, and what is often mistaken for one. A part of a group's file; a group may leave
//! it out. It decides about nothing that the tag does: the link rules do. It says what is wrong with a link in words.

use super::Group;
use crate::href;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The addresses of a network's offers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offers {
    /// The kinds of addresses.
    #[serde(default)]
    pub shape: Vec<Shape>,
    /// What the parts of these addresses are, by name.
    #[serde(default)]
    pub part: BTreeMap<String, PartRule>,
    /// Words of the network's instructions that were meant to be replaced; compared ignoring case.
    #[serde(default)]
    pub placeholders: Vec<String>,
    /// Addresses of the network's that are no offers.
    #[serde(default)]
    pub elsewhere: Vec<Elsewhere>,
    /// The name under which a seller's own page has the affiliate in its fragment, as in `#name=affiliate`.
    pub fragment: Option<String>,
    /// What the network says about shortened links.
    pub shortened: Option<String>,
    /// Examples that must hold.
    #[serde(default)]
    pub case: Vec<OfferCase>,
}

/// A kind of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// What the network calls it.
    pub name: String,
    /// The segments of its path: `{name}` stands for a part, others for themselves. The first one stands for itself.
    pub path: Vec<String>,
    /// How many of the last segments may be missing.
    #[serde(default)]
    pub optional: usize,
    /// The parameter that names the affiliate, where the path does not.
    pub affiliate: Option<String>,
    /// What is missing where the address ends too early.
    pub missing: String,
    /// An address of this kind.
    pub example: String,
}

/// What a part of an address is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartRule {
    /// What it is called, as in "the product's number".
    pub what: String,
    /// Whether it is a number.
    #[serde(default)]
    pub number: bool,
    /// Whether it has letters `A` to `Z`, digits, `_` and `-` alone.
    #[serde(default)]
    pub word: bool,
    /// How many characters it has at most.
    pub longest: Option<usize>,
}

/// An address of the network's that is no offer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// Its host, sub-domains included; none means the hosts of the group's links.
    pub host: Option<String>,
    /// What its path begins with; none means any.
    pub path: Option<String>,
    /// What it is, as in "That is ...".
    pub what: String,
}

/// An example of a link and what is found in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferCase {
    /// What it shows.
    pub name: String,
    /// The link as it is pasted.
    pub href: String,
    /// `good`, `look` or `wrong`.
    pub verdict: String,
    /// The words for what is found, in any order.
    #[serde(default)]
    pub found: Vec<String>,
}

/// The segments of a path that are not empty at its end.
pub fn segments(path: &str) -> Vec<&str> {
    let mut segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    while segments.last().is_some_and(|last| last.is_empty()) {
        segments.pop();
    }
    segments
}

impl Shape {
    /// Whether a path begins as this kind does.
    pub fn begins(&self, path: &str) -> bool {
        self.path.first().map(String::as_str) == segments(path).first().copied()
    }

    /// The parts of a path of this kind, by name, as far as they are there.
    pub fn parts<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let known = self.path.iter().map(|segment| part_name(segment));
        known.zip(segments(path)).filter_map(|(name, segment)| Some((name?, segment)))
    }
}

/// The name in `{name}`.
fn part_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

impl Offers {
    /// The kind that a path begins as.
    pub fn shape_of(&self, path: &str) -> Option<&Shape> {
        self.shape.iter().find(|shape| shape.begins(path))
    }

    /// Holds the kinds to each other and to the group's link rules.
    ///
    /// # Errors
    /// Names the kind and what is wrong with it.
    pub(super) fn check(&self, group: &Group) -> Result<(), String> {
        let rule = group.link_rule(&[]);
        for shape in &self.shape {
            let wrong = |problem: &str| format!("offers.shape \"{}\": {problem}", shape.name);
            if shape.path.first().is_none_or(|first| first.is_empty() || part_name(first).is_some()) {
                return Err(wrong("the first segment of its path must stand for itself"));
            }
            if let Some(name) =
                shape.path.iter().filter_map(|segment| part_name(segment)).find(|name| !self.part.contains_key(*name))
            {
                return Err(wrong(&format!("offers.part does not say what {{{name}}} is")));
            }
            if shape.optional >= shape.path.len() {
                return Err(wrong("not all of its path can be optional"));
            }
            let Some(target) = href::target(&shape.example, "") else { return Err(wrong("its example is no address")) };
            let count = segments(&target.path).len();
            if !rule.owns(&target)
                || !shape.begins(&target.path)
                || count > shape.path.len()
                || count + shape.optional < shape.path.len()
            {
                return Err(wrong("its example is not of this kind"));
            }
        }
        let of_nothing = |elsewhere: &&Elsewhere| elsewhere.host.is_none() && elsewhere.path.is_none();
        match self.elsewhere.iter().find(of_nothing) {
            Some(elsewhere) => Err(format!("offers.elsewhere \"{}\": names neither host nor path", elsewhere.what)),
            None => Ok(()),
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
paths = ["/go/"]
[offers]
[offers.part.product]
what = "the product's number"
number = true
[offers.part.who]
what = "your name there"
[[offers.shape]]
name = "Link"
path = ["go", "{product}", "{who}", "{who}"]
optional = 1
missing = "your name there is missing"
example = "https://network.example/go/1/me"
[[offers.elsewhere]]
path = "/office"
what = "the back office"
"#;

    fn parse(from: &str, to: &str) -> Result<Group, String> {
        assert!(GROUP.contains(from), "{from}");
        Group::parse("network", "network.toml", &GROUP.replacen(from, to, 1))
    }

    #[test]
    fn the_parts_of_a_path_are_told_by_name() {
        let offers = parse("Link", "Link").expect("a group").offers.expect("offers");
        let shape = offers.shape_of("/go/1/me/").expect("a kind");
        let parts: Vec<_> = shape.parts("/go/1/me/").collect();
        assert_eq!(parts, [("product", "1"), ("who", "me")]);
        assert!(offers.shape_of("/gone/1").is_none() && offers.shape_of("/").is_none());
        assert_eq!(segments("/a//b///"), ["a", "", "b"]);
    }

    #[test]
    fn a_kind_that_does_not_fit_its_group_is_told_by_its_name() {
        for (from, to, said) in [
            ("\"go\", ", "\"{product}\", ", "stand for itself"),
            ("\"{who}\", \"{who}\"", "\"{whom}\"", "{whom}"),
            ("optional = 1", "optional = 4", "optional"),
            ("https://network.example/go/1/me", "https://network.example/go/1", "example"),
            ("https://network.example/go/1/me", "https://network.example/to/1/me", "example"),
            ("https://network.example/go/1/me", "https://other.example/go/1/me", "example"),
            ("path = \"/office\"\n", "", "neither host nor path"),
        ] {
            let error = parse(from, to).expect_err(to);
            assert!(error.contains("network.toml: offers.") && error.contains(said), "{error}");
        }
    }
}
