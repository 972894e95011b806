//! The form that a platform is set up with, made of the fields that its file declares, and what a filled one changes. Pure.
//! A secret is never written into it: an empty field keeps the one that is there.

use crate::platforms::about::COMMON;
use crate::platforms::{About, Field, FieldKind};
use crate::settings::MASK;
use serde_json::{Map, Value};

/// The name under which a form lists the secrets that are to be forgotten.
const FORGET: &str = "forget";
/// What is asked for first, behind the platform's own fields; the rest stands below.
const TESTS: [&str; 2] = ["test_event_code", "validate_only"];
const RARE: [&str; 1] = ["base_url"];
const SWITCH: &str = "enabled";

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
        }
    }

    /// Whether anything is wrong with it.
    pub(super) fn is_refused(&self) -> bool {
        let mut entries = self.groups.iter().flat_map(|group| &group.entries);
        self.problem.is_some() || entries.any(|entry| entry.problem.is_some())
    }
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
fn written(value: &Value) -> String {
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

fn has(filled: &Filled, name: &str) -> bool {
    filled.iter().any(|(key, _)| key == name)
}

fn text<'a>(filled: &'a Filled, name: &str) -> &'a str {
    filled.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).unwrap_or_default()
}

/// What a filled form changes, as a JSON merge patch of the platform's settings: what stays as it is is left out.
///
/// # Errors
/// A line of a table that is none; by field.
pub(super) fn change(about: &About, settings: &Map<String, Value>, filled: &Filled) -> Result<Value, Problems> {
    let mut change = Map::new();
    let mut problems = Problems::default();
    let all: Vec<&Field> = about.fields.iter().chain(COMMON).collect();
    for field in &all {
        let entered = text(filled, field.name);
        let wanted = match field.kind {
            FieldKind::Secret => {
                let forgotten = filled.iter().any(|(key, value)| key == FORGET && value == field.name);
                match (entered, forgotten) {
                    ("", true) if settings.contains_key(field.name) => Value::Null,
                    ("" | MASK, _) => continue,
                    (secret, _) => secret.into(),
                }
            }
            FieldKind::Switch if has(filled, field.name) => true.into(),
            FieldKind::Switch if settings.contains_key(field.name) => false.into(),
            FieldKind::Switch => continue,
            FieldKind::List => Value::Array(lines(entered).map(Value::from).collect()),
            FieldKind::Table => match table(entered, settings.get(field.name)) {
                Ok(table) => Value::Object(table),
                Err(problem) => {
                    problems.fields.push((field.name.to_owned(), problem));
                    continue;
                }
            },
            FieldKind::Text | FieldKind::Url | FieldKind::Choice(_) => entered.into(),
        };
        change.insert(field.name.to_owned(), if written(&wanted).is_empty() { Value::Null } else { wanted });
    }
    if problems != Problems::default() {
        return Err(problems);
    }
    let is_same = |field: &Field, wanted: &Value| match settings.get(field.name) {
        None => wanted.is_null(),
        Some(kept) => kept == wanted || (wanted.is_null() && written(kept).is_empty()),
    };
    // Another address clears what the platform knows the account by, unless it is said again.
    let moves = all
        .iter()
        .filter(|field| field.kind == FieldKind::Url)
        .any(|field| change.get(field.name).is_some_and(|wanted| !is_same(field, wanted)));
    for field in all {
        let stays = change.get(field.name).is_some_and(|wanted| is_same(field, wanted));
        if stays && (!moves || field.kind == FieldKind::Url) {
            change.remove(field.name);
        }
    }
    Ok(Value::Object(change))
}

/// Whether a change goes to another address without saying the secrets that are kept: they are cleared then.
pub(super) fn clears_secrets(about: &About, settings: &Map<String, Value>, change: &Value) -> bool {
    let mut fields = about.fields.iter().chain(COMMON);
    let moves = fields.any(|field| field.kind == FieldKind::Url && change.get(field.name).is_some());
    let is_lost = |field: &&Field| settings.contains_key(field.name) && change.get(field.name).is_none();
    moves && about.fields.iter().filter(|field| field.kind == FieldKind::Secret).any(|field| is_lost(&field))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// The entries, and for each that is gone a null, which is how a merge patch takes one away.
fn table(text: &str, kept: Option<&Value>) -> Result<Map<String, Value>, String> {
    let mut table = Map::new();
    for line in lines(text) {
        let pair = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        let Some((key, value)) = pair.filter(|(key, value)| !key.is_empty() && !value.is_empty()) else {
            return Err(format!("“{line}” is none of its lines; they read: Purchase = value"));
        };
        if table.keys().any(|known: &String| known.eq_ignore_ascii_case(key)) {
            return Err(format!("{key} stands there twice"));
        }
        table.insert(key.to_owned(), value.into());
    }
    if table.is_empty() {
        return Ok(table);
    }
    for key in kept.and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        table.entry(key.clone()).or_insert(Value::Null);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platforms;
    use serde_json::json;

    fn about(name: &str) -> &'static About {
        platforms::find(name).unwrap().about()
    }

    fn changed(name: &str, kept: Value, filled: &[(&str, &str)]) -> Result<Value, Problems> {
        let filled: Vec<(String, String)> =
            filled.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        change(about(name), kept.as_object().unwrap(), &filled)
    }

    #[test]
    fn what_stays_as_it_is_is_left_out() {
        let kept = json!({
            "enabled": true, "pixel_id": "1", "access_token": "sealed", "types": ["Purchase"], "send": "all",
            "event_names": { "Lead": "Contact" }, "validate_only": false, "base_url": "",
        });
        let same = [
            ("enabled", "1"),
            ("pixel_id", " 1 "),
            ("types", "Purchase\n"),
            ("send", "all"),
            ("event_names", "Lead=Contact"),
            ("access_token", ""),
            ("base_url", ""),
        ];
        assert_eq!(changed("meta", kept.clone(), &same), Ok(json!({})));
        let off = changed("meta", kept, &same[1..]);
        assert_eq!(off, Ok(json!({ "enabled": false })));
    }

    #[test]
    fn what_was_emptied_is_taken_away_but_a_secret_only_where_that_is_said() {
        let kept = json!({ "pixel_id": "1", "access_token": "sealed", "types": ["Lead"], "event_names": { "a": "b" } });
        let gone = json!({ "pixel_id": null, "types": null, "event_names": null });
        assert_eq!(changed("meta", kept.clone(), &[("pixel_id", ""), ("access_token", MASK)]), Ok(gone));
        let forget = [("pixel_id", "1"), ("types", "Lead"), ("event_names", "a = b"), ("forget", "access_token")];
        assert_eq!(changed("meta", kept, &forget), Ok(json!({ "access_token": null })));
        assert_eq!(changed("meta", json!({}), &[("forget", "access_token"), ("forget", "x")]), Ok(json!({})));
    }

    #[test]
    fn a_table_names_what_is_taken_out_of_it() {
        let kept = json!({ "event_names": { "a": "1", "b": "2" } });
        let wanted = json!({ "event_names": { "a": "1", "b": null, "c": "x = y" } });
        assert_eq!(changed("meta", kept, &[("event_names", "a = 1\r\nc = x = y")]), Ok(wanted));
    }

    #[test]
    fn another_address_says_again_what_else_is_entered() {
        let kept = json!({ "pixel_id": "1", "access_token": "sealed", "send": "all" });
        let filled = [("pixel_id", "1"), ("send", "all"), ("base_url", "https://a.example")];
        let wanted = json!({ "pixel_id": "1", "send": "all", "base_url": "https://a.example" });
        let change = changed("meta", kept.clone(), &filled).unwrap();
        let said = |change: &Value, key: &str| change.get(key).cloned();
        for key in ["pixel_id", "send", "base_url"] {
            assert_eq!(said(&change, key), said(&wanted, key), "{key}");
        }
        assert!(clears_secrets(about("meta"), kept.as_object().unwrap(), &change));
        let with_secret = json!({ "base_url": "https://a.example", "access_token": "new" });
        assert!(!clears_secrets(about("meta"), kept.as_object().unwrap(), &with_secret));
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
