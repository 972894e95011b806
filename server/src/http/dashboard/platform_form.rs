//! The form that a platform is set up with, made of the fields that its file declares, and what a filled one changes. Pure.
//! A secret is never written into it: an empty field keeps the one that is there.

use crate::assets::hash;
use crate::platforms::about::COMMON;
use crate::platforms::{About, Field, FieldKind};
use crate::settings::MASK;
use serde_json::{Map, Value};

/// What is asked for first, behind the platform's own fields; the rest stands below.
const TESTS: [&str; 2] = ["test_event_code", "validate_only"];
const RARE: [&str; 1] = ["base_url"];
const SWITCH: &str = "enabled";
/// The name under which a form sends back what it was made from.
pub(super) const SEEN: &str = "seen";
/// What whoever was slower is told.
pub(super) const OVERTAKEN: &str = "Somebody else has changed these settings since you opened them. Beside each field that differs stands what is there now; save again to write yours over it.";

/// A form that is to be filled.
pub(super) struct SetUpForm {
    /// Whether the platform is on.
    pub(super) enabled: bool,
    /// The platform's own fields, then what every platform has, then how it is tested, then what is hardly ever needed.
    pub(super) groups: Vec<Group>,
    /// What is wrong and stands beside no field.
    pub(super) problem: Option<String>,
    /// Whether a secret was entered, and is not shown again.
    pub(super) lost_secret: bool,
    /// The mark of what the form was made from.
    pub(super) seen: String,
}

/// Fields that belong together.
pub(super) struct Group {
    /// What they are called.
    pub(super) title: &'static str,
    /// Whether they are folded away.
    pub(super) folded: bool,
    /// The fields.
    pub(super) entries: Vec<Entry>,
}

/// A field of the form.
pub(super) struct Entry {
    /// Its name.
    pub(super) name: &'static str,
    /// What people call it.
    pub(super) label: &'static str,
    /// Where it is found, or what it does: words and, marked, what is to be read letter by letter.
    pub(super) hint: Vec<(bool, &'static str)>,
    /// How it is entered.
    pub(super) input: Input,
    /// What stands in it; of a secret, nothing.
    pub(super) value: String,
    /// What stands there faintly as long as it is empty, or for the choice of none.
    pub(super) placeholder: String,
    /// Whether nothing is sent without it, and it is not there.
    pub(super) missing: bool,
    /// What is wrong with what was entered.
    pub(super) problem: Option<String>,
}

/// How a field is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// A line.
    Line,
    /// A text that may be long.
    Text,
    /// A secret, and whether one is kept.
    Secret(bool),
    /// Yes or no.
    Switch(bool),
    /// An item on each line.
    Lines,
    /// `key = value` on each line.
    Pairs,
    /// One of these words, and which.
    Choice(Vec<(&'static str, bool)>),
}

/// What is wrong with a filled form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Problems {
    /// By field.
    pub(super) fields: Vec<(String, String)>,
    /// What belongs to no field.
    pub(super) general: Option<String>,
}

impl Problems {
    /// What the settings' check said, beside the field that it names.
    pub(super) fn told(platform: &str, sentence: &str) -> Self {
        let own = sentence.strip_prefix("platforms.").and_then(|rest| rest.strip_prefix(platform)?.strip_prefix('.'));
        match own.and_then(|rest| rest.split_once(": ")) {
            Some((field, said)) => Self { fields: vec![(field.to_owned(), said.to_owned())], general: None },
            None => Self { fields: Vec::new(), general: Some(sentence.to_owned()) },
        }
    }
}

/// What was entered, by name; a name may come more than once.
pub(super) type Filled = [(String, String)];

impl SetUpForm {
    /// The form as the settings fill it. Secrets are there as the mask, or sealed: neither is looked at.
    pub(super) fn of(about: &'static About, settings: &Map<String, Value>, missing: &[&'static Field]) -> Self {
        let shown = |field: &Field| match (field.kind, settings.get(field.name)) {
            (FieldKind::Secret, _) | (_, None) => String::new(),
            (_, Some(value)) => written(value),
        };
        Self::make(about, settings, missing, &shown, &Problems::default())
    }

    /// The form as it was filled, with what is wrong in it.
    pub(super) fn refused(
        about: &'static About,
        settings: &Map<String, Value>,
        missing: &[&'static Field],
        filled: &Filled,
        problems: &Problems,
    ) -> Self {
        let shown = |field: &Field| match field.kind {
            FieldKind::Secret => String::new(),
            FieldKind::Switch => has(filled, field.name).to_string(),
            _ => text(filled, field.name).to_owned(),
        };
        let is_entered = |field: &Field| field.kind == FieldKind::Secret && !text(filled, field.name).is_empty();
        let lost_secret = about.fields.iter().any(is_entered);
        Self { lost_secret, ..Self::make(about, settings, missing, &shown, problems) }
    }

    fn make(
        about: &'static About,
        settings: &Map<String, Value>,
        missing: &[&'static Field],
        shown: &dyn Fn(&Field) -> String,
        problems: &Problems,
    ) -> Self {
        let entry = |field: &'static Field| Entry {
            name: field.name,
            label: field.label,
            hint: marked(field.hint),
            input: input(about, field, &shown(field), settings.contains_key(field.name)),
            placeholder: match (field.name, field.kind) {
                ("base_url", _) => about.base_url.to_owned(),
                ("send", _) => format!("as usual: {}", if about.everything { "all" } else { "matched" }),
                (_, FieldKind::Choice(_)) => "as usual".to_owned(),
                ("event_names", _) => "Purchase = their name".to_owned(),
                (_, FieldKind::Table) => "Purchase = …".to_owned(),
                (_, FieldKind::Secret) if settings.contains_key(field.name) => format!("{MASK} kept"),
                _ => String::new(),
            },
            value: shown(field),
            missing: missing.iter().any(|missed| missed.name == field.name),
            problem: problems.fields.iter().find(|(name, _)| name == field.name).map(|(_, said)| said.clone()),
        };
        let common = |wanted: &dyn Fn(&str) -> bool| -> Vec<Entry> {
            COMMON.iter().filter(|field| wanted(field.name)).map(entry).collect()
        };
        let is_usual = |name: &str| name != SWITCH && !TESTS.contains(&name) && !RARE.contains(&name);
        let groups = [
            Group { title: "Account", folded: false, entries: about.fields.iter().map(entry).collect() },
            Group { title: "What is sent", folded: false, entries: common(&is_usual) },
            Group { title: "Test mode", folded: false, entries: common(&|name| TESTS.contains(&name)) },
            Group { title: "Another address", folded: true, entries: common(&|name| RARE.contains(&name)) },
        ];
        let is_known = |name: &str| about.fields.iter().chain(COMMON).any(|field| field.name == name);
        let stray =
            problems.fields.iter().find(|(name, _)| !is_known(name)).map(|(name, said)| format!("{name}: {said}"));
        Self {
            enabled: COMMON.iter().find(|field| field.name == SWITCH).is_some_and(|field| shown(field) == "true"),
            groups: groups
                .into_iter()
                .filter(|group| !group.entries.is_empty())
                .map(|group| {
                    let is_used = |entry: &Entry| !entry.value.is_empty() || entry.problem.is_some();
                    Group { folded: group.folded && !group.entries.iter().any(is_used), ..group }
                })
                .collect(),
            problem: problems.general.clone().or(stray),
            lost_secret: false,
            seen: mark(settings),
        }
    }

    /// Whether anything is wrong with it.
    pub(super) fn is_refused(&self) -> bool {
        let mut entries = self.groups.iter().flat_map(|group| &group.entries);
        self.problem.is_some() || entries.any(|entry| entry.problem.is_some())
    }
}

/// A mark of settings that is another one after each change of them, secrets included.
pub(super) fn mark(settings: &Map<String, Value>) -> String {
    let text: String = settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    hash(text.as_bytes())
}

/// What stands there now, beside a field in which somebody entered something else.
pub(super) fn stands(now: &str) -> String {
    if now.is_empty() { "Now it is empty.".to_owned() } else { format!("Now it is “{now}”.") }
}

fn input(about: &About, field: &Field, shown: &str, is_kept: bool) -> Input {
    match field.kind {
        // Of an address with macros, and of a body, one line shows too little.
        FieldKind::Text if about.several && about.fields.iter().any(|own| own.name == field.name) => Input::Text,
        FieldKind::Text | FieldKind::Url => Input::Line,
        FieldKind::Secret => Input::Secret(is_kept),
        FieldKind::Switch => Input::Switch(shown == "true"),
        FieldKind::List => Input::Lines,
        FieldKind::Table => Input::Pairs,
        FieldKind::Choice(words) => Input::Choice(words.iter().map(|word| (*word, *word == shown)).collect()),
    }
}

/// A value as the form shows it: lists and tables with an item on each line.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join("\n"),
        Value::Object(table) => {
            table.iter().map(|(key, value)| format!("{key} = {}", written(value))).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

/// A hint, with what stands between backticks marked.
fn marked(hint: &'static str) -> Vec<(bool, &'static str)> {
    hint.split('`')
        .enumerate()
        .map(|(index, part)| (index % 2 == 1, part))
        .filter(|(_, part)| !part.is_empty())
        .collect()
}

/// Whether a name was filled in at all, as a box that is ticked is.
pub(super) fn has(filled: &Filled, name: &str) -> bool {
    filled.iter().any(|(key, _)| key == name)
}

/// What was entered under a name, trimmed.
pub(super) fn text<'a>(filled: &'a Filled, name: &str) -> &'a str {
    filled.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platforms;
    use serde_json::json;

    fn about(name: &str) -> &'static About {
        platforms::find(name).unwrap().about()
    }

    #[test]
    fn a_problem_stands_beside_the_field_that_it_names_or_above_all() {
        let beside = Problems::told("webhook-a", "platforms.webhook-a.url: must be <this>: that");
        assert_eq!(beside.fields, [("url".to_owned(), "must be <this>: that".to_owned())]);
        for sentence in ["platforms.webhook: is off", "platforms.webhook-b.url: wrong", "something else"] {
            assert_eq!(Problems::told("webhook-a", sentence).general.as_deref(), Some(sentence));
        }
    }

    #[test]
    fn no_secret_is_ever_written_into_the_form() {
        let settings = json!({ "access_token": "sealed-or-not", "pixel_id": "1" });
        let filled = [("access_token".to_owned(), "just-entered".to_owned())];
        let settings = settings.as_object().unwrap();
        let problems = Problems::told("meta", "platforms.meta.access_token: must be a text");
        for form in [
            SetUpForm::of(about("meta"), settings, &[]),
            SetUpForm::refused(about("meta"), settings, &[], &filled, &problems),
        ] {
            let mut entries = form.groups.iter().flat_map(|group| &group.entries);
            let secret = entries.find(|entry| entry.name == "access_token").unwrap();
            assert_eq!((secret.value.as_str(), &secret.input), ("", &Input::Secret(true)));
            assert_eq!(secret.placeholder, format!("{MASK} kept"));
        }
    }

    #[test]
    fn a_hint_marks_what_is_to_be_read_letter_by_letter() {
        assert_eq!(marked("`a` or `b`"), [(true, "a"), (false, " or "), (true, "b")]);
        assert_eq!(marked("plain"), [(false, "plain")]);
    }
}
