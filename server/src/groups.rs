//! The tracking groups, ad click parameters and pixels this server knows: the built-in ones, and an operator's own groups.

use crate::intake::{self, Rules};
use crate::offers;
use crate::reconcile;
use std::collections::BTreeMap;
use std::path::Path;
use tagwerk_protocol::clicks::Clicks;
use tagwerk_protocol::form;
use tagwerk_protocol::group::Group;
use tagwerk_protocol::imports::Imports;
use tagwerk_protocol::link::LinkRules;
use tagwerk_protocol::pixels::Pixels;

include!(concat!(env!("OUT_DIR"), "/groups.rs"));

/// Every tracking group, by name.
#[derive(Debug, Clone)]
pub struct Groups(BTreeMap<String, Group>);

impl Groups {
    /// The built-in groups, and those in `folder` if one is given; a group of one's own takes the place of a built-in one of its name.
    ///
    /// # Errors
    /// A file cannot be read or does not fit the schema; the message names file and line.
    pub fn load(folder: Option<&Path>) -> Result<Self, String> {
        let mut groups = BTreeMap::new();
        for (name, text) in BUILT_IN {
            groups.insert((*name).to_owned(), read(name, &format!("groups/{name}.toml"), text)?);
        }
        let files = match folder {
            None => Vec::new(),
            Some(folder) => {
                let unreadable = |error| format!("groups_dir {}: {error}", folder.display());
                let entries = std::fs::read_dir(folder).map_err(unreadable)?;
                entries
                    .map(|entry| entry.map(|entry| entry.path()))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(unreadable)?
            }
        };
        for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "toml")) {
            let shown = file.display().to_string();
            let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let text = std::fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
            groups.insert(name.to_owned(), read(name, &shown, &text)?);
        }
        Ok(Self(groups))
    }

    /// The group of that name.
    pub fn get(&self, name: &str) -> Option<&Group> {
        self.0.get(name)
    }

    /// The group that stands for whoever calls the way trackers are called; an operator's own goes before the built-in one.
    pub fn tracker(&self) -> Option<&Group> {
        self.0
            .values()
            .filter(|group| group.tracker)
            .min_by_key(|group| BUILT_IN.iter().any(|(name, _)| *name == group.name))
    }

    /// Every group, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.0.values()
    }

    /// Whether a group is one of the operator's own, under a name that no built-in one has.
    pub fn is_own(&self, name: &str) -> bool {
        !BUILT_IN.iter().any(|(known, _)| *known == name)
    }

    /// The names, for people.
    pub fn names(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// The groups of a folder that take the place of built-in ones, by name.
pub fn shadowing(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|file| file.path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "toml"));
    let names = files.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.filter(|name| BUILT_IN.iter().any(|(known, _)| known == name)).collect();
    names.sort();
    names
}

/// Reads a group and holds it to all of its own cases.
fn read(name: &str, file: &str, text: &str) -> Result<Group, String> {
    let group = Group::parse(name, file, text)?;
    reconcile::check_cases(&group).map_err(|problem| format!("{file}: {problem}"))?;
    for case in &group.postback_case {
        let pairs: Vec<(String, String)> = form::pairs(&case.query).collect();
        let form =
            group.postback.as_ref().ok_or_else(|| format!("{file}: there are postback cases, but no [postback]"))?;
        let found = intake::understand(&pairs, &group.name, form, &Rules::default(), "");
        let holds = match (&found, &case.refused) {
            (Ok(found), None) => {
                Some(&found.kind) == case.kind.as_ref()
                    && found.value.map(|value| value.to_string()) == case.value
                    && found.currency.as_ref().map(ToString::to_string) == case.currency
            }
            (Err(reason), Some(expected)) => reason.contains(expected.as_str()),
            _ => false,
        };
        if !holds {
            return Err(format!("{file}: the case `{}` does not hold: it gives {found:?}", case.name));
        }
    }
    check_tests(&group).map_err(|problem| format!("{file}: {problem}"))?;
    check_offers(&group).map_err(|problem| format!("{file}: {problem}"))?;
    Ok(group)
}

/// A test call has to be understood, and to be taken for a test: else it would be booked.
fn check_tests(group: &Group) -> Result<(), String> {
    for way in group.connect.iter().flat_map(|connect| &connect.way) {
        let (Some(test), Some(form)) = (&way.test, group.form_of(way.kind)) else { continue };
        let pairs: Vec<(String, String)> = test.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let said = intake::understand(&pairs, &group.name, form, &Rules::default(), "");
        let wrong = |problem: &str| Err(format!("connect.way {}: its test {problem}", way.kind.as_str()));
        match said {
            Err(reason) => return wrong(&format!("is not understood: {reason}")),
            Ok(said) if !said.is_test => return wrong("is not taken for one"),
            Ok(said) if said.value.is_none() => return wrong("has no value"),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Holds the examples of links to what is found in them.
fn check_offers(group: &Group) -> Result<(), String> {
    let links = LinkRules { groups: vec![group.link_rule(&[])], ..LinkRules::default() };
    let groups = Groups(BTreeMap::from([(group.name.clone(), group.clone())]));
    let known = |_: &str| None;
    let base = "https://shop.example/";
    let rules = offers::Rules { groups: &groups, links: &links, base, own_hosts: &[], autoscan: false, known: &known };
    for case in group.offers.iter().flat_map(|offers| &offers.case) {
        let Some(found) = offers::check(&case.href, &rules).pop() else {
            return Err(format!("the case `{}` has no link", case.name));
        };
        let mut codes: Vec<&str> = found.findings.iter().map(|finding| finding.code).collect();
        let mut expected: Vec<&str> = case.found.iter().map(String::as_str).collect();
        codes.sort_unstable();
        expected.sort_unstable();
        if codes != expected || found.verdict.as_str() != case.verdict {
            let verdict = found.verdict.as_str();
            return Err(format!("the case `{}` does not hold: it gives {verdict}, {codes:?}", case.name));
        }
    }
    Ok(())
}

/// The built-in table of ad click ids.
///
/// # Errors
/// None in practice: the build has checked it.
pub fn clicks() -> Result<Clicks, String> {
    Clicks::parse("groups/clicks.toml", CLICKS)
}

/// The built-in table of the ad platforms' own pixels.
///
/// # Errors
/// None in practice: the build has checked it.
pub fn pixels() -> Result<Pixels, String> {
    Pixels::parse("groups/pixels.toml", PIXELS)
}

/// The built-in table of other tools' exports.
///
/// # Errors
/// None in practice: the build has checked it.
pub fn imports() -> Result<Imports, String> {
    Imports::parse("groups/imports.toml", IMPORTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_s_own_group_is_loaded_and_takes_the_place_of_a_built_in_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = "title = \"Own\"\n[link]\nsub_id = \"s\"\nhosts = [\"own.example\"]\n";
        std::fs::write(folder.path().join("own.toml"), own).expect("written");
        std::fs::write(folder.path().join("clickbank.toml"), own).expect("written");
        let groups = Groups::load(Some(folder.path())).expect("loaded");
        assert_eq!(groups.get("own").map(|group| group.title.as_str()), Some("Own"));
        assert_eq!(groups.get("clickbank").map(|group| group.title.as_str()), Some("Own"));
        assert!(groups.get("digistore24").is_some());
    }

    #[test]
    fn a_group_whose_postback_case_does_not_hold_is_told_by_the_case() {
        let folder = tempfile::tempdir().expect("a folder");
        let (name, text) =
            BUILT_IN.iter().find(|(_, text)| text.contains("value = \"1.64\"")).expect("a group with postbacks");
        let broken = text.replacen("value = \"1.64\"", "value = \"1.65\"", 1);
        std::fs::write(folder.path().join(format!("{name}.toml")), broken).expect("written");
        let error = Groups::load(Some(folder.path())).expect_err("a wrong case");
        assert!(error.contains(".toml") && error.contains("the guide's example"), "{error}");
    }

    #[test]
    fn a_broken_group_is_told_with_file_and_line() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("own.toml"), "title = \"Own\"\nlinks = 1\n").expect("written");
        let error = Groups::load(Some(folder.path())).expect_err("broken");
        assert!(error.contains("own.toml") && error.contains("line 2") && error.contains("links"), "{error}");
    }
}
