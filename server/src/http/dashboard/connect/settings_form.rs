//! The form of what a site says about one group, and what a filled one changes. Pure. A secret is never written into it: an empty
//! field keeps the one that is there.

use crate::assets::hash;
use crate::http::dashboard::platform_form::{OVERTAKEN, SEEN, stands};
use crate::settings::GroupSettings;
use serde_json::{Map, Value, json};
use tagwerk_protocol::group::Group;

/// A form that is to be filled.
pub(super) struct SettingsForm {
    /// The fields, those that belong together under one title.
    pub(super) parts: Vec<FormPart>,
    /// Whether it was filled and not accepted.
    pub(super) refused: bool,
    /// What is wrong and stands beside no field.
    pub(super) problem: Option<String>,
    /// Whether a secret was entered that has to be entered again.
    pub(super) lost_secret: bool,
    /// The mark of what the form was made from: another one after each change.
    pub(super) seen: String,
}

/// Fields that belong together.
pub(super) struct FormPart {
    pub(super) title: &'static str,
    pub(super) fields: Vec<Field>,
}

/// A field of the form.
pub(super) struct Field {
    /// Its name: the key in the settings.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// What it does, and what holds without it.
    pub(super) hint: String,
    pub(super) input: Input,
    /// What stands in it; of a secret, nothing.
    pub(super) value: String,
    /// What is wrong with what was entered.
    pub(super) problem: Option<String>,
}

/// How a field is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    Line,
    Number,
    Lines,
    /// And whether one is kept.
    Secret(bool),
    /// The words, and which of them holds.
    Choice(Vec<(String, bool)>),
}

/// What is wrong with a filled form, by field; under no name what belongs to none.
pub(super) type Problems = Vec<(String, String)>;

/// What was entered, by name.
pub(super) type Filled = [(String, String)];

/// Which secrets to forget.
const FORGET: &str = "forget";

fn entered<'a>(filled: &'a Filled, name: &str) -> &'a str {
    filled.iter().find(|(found, _)| found == name).map(|(_, value)| value.trim()).unwrap_or_default()
}

impl SettingsForm {
    /// The form as the settings fill it, or as it was filled where it was not accepted.
    pub(super) fn of(group: &Group, said: &GroupSettings, refused: Option<(&Filled, &Problems)>) -> Self {
        let number = |value: Option<String>| value.unwrap_or_default();
        let kept = |name: &str| match name {
            "currency" => said.currency.clone().unwrap_or_default(),
            "click_expiry_days" => number(said.click_expiry_days.map(|days| days.to_string())),
            "senders" => said.senders.join("\n"),
            "hosts" => said.hosts.join("\n"),
            "api_role" => said.api_role.clone().unwrap_or_default(),
            "reconcile_days" => number(said.reconcile_days.map(|days| days.to_string())),
            "api_base_url" => said.api_base_url.clone().unwrap_or_default(),
            _ => String::new(),
        };
        let field = |name: &'static str, label: &'static str, hint: &str, input: Input| {
            let value = match (&input, refused) {
                (Input::Secret(_), _) => String::new(),
                (_, Some((filled, _))) => entered(filled, name).to_owned(),
                _ => kept(name),
            };
            let problem = refused.and_then(|(_, problems)| problems.iter().find(|(of, _)| of == name));
            Field { name, label, hint: hint.to_owned(), input, value, problem: problem.map(|(_, said)| said.clone()) }
        };
        let mut parts = Vec::new();
        if let Some(ipn) = &group.ipn {
            let hint =
                format!("The same one that you enter at {}. Until there is one, notifications are refused.", ipn.setup);
            let input = Input::Secret(said.ipn_passphrase.is_some());
            parts.push(FormPart {
                title: "Signed notifications",
                fields: vec![field("ipn_passphrase", "Passphrase", &hint, input)],
            });
        }
        let mut reading = Vec::new();
        if group.postback.is_some() || group.ipn.is_some() {
            reading.extend([
                field(
                    "currency",
                    "Currency",
                    "Three letters. It goes before what is sent; empty: what is sent holds.",
                    Input::Line,
                ),
                field(
                    "click_expiry_days",
                    "Clicks count for, in days",
                    "A sale of an older click is kept as unattributed; refunds and rebills are exempt. Empty: clicks of any age count.",
                    Input::Number,
                ),
                field(
                    "senders",
                    "Senders",
                    "IP addresses that may call, one on each line; calls of others are refused. Empty: everybody who knows the URL.",
                    Input::Lines,
                ),
            ]);
        }
        if !group.tracker {
            reading.push(field(
                "hosts",
                "Hosts that stand for this network",
                "Hosts of links, one on each line, besides its own: a domain of a seller's, for example.",
                Input::Lines,
            ));
        }
        if !reading.is_empty() {
            parts.push(FormPart { title: "How its calls and links are read", fields: reading });
        }
        if let Some(api) = &group.api {
            let role = said.api_role.as_ref().or(api.roles.first());
            let roles = api.roles.iter().map(|known| {
                let chosen = match refused {
                    Some((filled, _)) => entered(filled, "api_role") == known,
                    None => role == Some(known),
                };
                (known.clone(), chosen)
            });
            let hint = format!("{}. It finds sales whose postback never came.", api.setup);
            let days = "How many days back it is asked each day, 1 to 180. Empty: only when you say so.";
            let roles = Input::Choice(roles.collect());
            parts.push(FormPart {
                title: "Reconciliation",
                fields: vec![
                    field("api_key", "API key", &hint, Input::Secret(said.api_key.is_some())),
                    field("api_role", "Your role in these sales", "What the key's account is in them.", roles),
                    field("reconcile_days", "Days to look back", days, Input::Number),
                ],
            });
        }
        let problems = refused.map(|(_, problems)| problems.as_slice()).unwrap_or_default();
        let is_shown = |of: &str| parts.iter().flat_map(|part| &part.fields).any(|field| field.name == of);
        let problem = problems.iter().find(|(of, _)| !is_shown(of)).map(|(_, said)| said.clone());
        let lost_secret = refused.is_some_and(|(filled, _)| {
            ["ipn_passphrase", "api_key"].iter().any(|name| !entered(filled, name).is_empty())
        });
        let seen = hash(json!(said).to_string().as_bytes());
        Self { refused: refused.is_some(), problem, lost_secret, seen, parts }
    }
}

/// What a filled form changes, as a merge patch of the group's settings: everything that the form asks for, but secrets only where they
/// were entered or are to be forgotten.
///
/// # Errors
/// What was entered is no number; by field.
pub(super) fn change(group: &Group, filled: &Filled) -> Result<Value, Problems> {
    let form = SettingsForm::of(group, &GroupSettings::default(), None);
    let (mut change, mut problems) = (Map::new(), Problems::new());
    for field in form.parts.iter().flat_map(|part| &part.fields) {
        let text = entered(filled, field.name);
        let forgets = filled.iter().any(|(name, value)| name == FORGET && value == field.name);
        let value = match &field.input {
            Input::Secret(_) if !text.is_empty() => json!(text),
            Input::Secret(_) if forgets => Value::Null,
            Input::Secret(_) => continue,
            Input::Lines => {
                let items = text.split(['\n', ',', ' ', '\r']).map(str::trim).filter(|item| !item.is_empty());
                items.collect()
            }
            Input::Number if text.is_empty() => Value::Null,
            Input::Number => match text.parse::<u32>() {
                Ok(number) => json!(number),
                Err(_) => {
                    problems.push((field.name.to_owned(), "must be a whole number, or empty".to_owned()));
                    continue;
                }
            },
            Input::Line if field.name == "currency" && !text.is_empty() => json!(text.to_ascii_uppercase()),
            Input::Line | Input::Choice(_) if text.is_empty() => Value::Null,
            Input::Line | Input::Choice(_) => json!(text),
        };
        change.insert(field.name.to_owned(), value);
    }
    if problems.is_empty() { Ok(Value::Object(change)) } else { Err(problems) }
}

/// What is in the way of a change where somebody else was faster: the settings are others than the form was made from. A form that only says
/// what stands there by now is in nobody's way.
pub(super) fn overtaken(group: &Group, said: &GroupSettings, filled: &Filled) -> Option<Problems> {
    let (seen, now) = (entered(filled, SEEN), SettingsForm::of(group, said, None));
    if seen.is_empty() || seen == now.seen {
        return None;
    }
    let is_same = |now: &str, then: &str| now.split_whitespace().eq(then.split_whitespace());
    let differs = |field: &&Field| match field.input {
        Input::Secret(_) => false,
        Input::Choice(_) if field.value.is_empty() => false,
        _ => !is_same(&field.value, entered(filled, field.name)),
    };
    let fields = now.parts.iter().flat_map(|part| &part.fields).filter(differs);
    let mut problems: Problems = fields.map(|field| (field.name.to_owned(), stands(&field.value))).collect();
    let has_secret = now.parts.iter().flat_map(|part| &part.fields).any(|field| {
        matches!(field.input, Input::Secret(_))
            && (!entered(filled, field.name).is_empty()
                || filled.iter().any(|(name, value)| name == FORGET && value == field.name))
    });
    if problems.is_empty() && !has_secret {
        return None;
    }
    problems.push((String::new(), OVERTAKEN.to_owned()));
    Some(problems)
}

/// What the settings' check said, under the field that it names.
pub(super) fn told(group: &str, sentence: &str) -> Problems {
    let own = sentence.strip_prefix("groups.").and_then(|rest| rest.strip_prefix(group)?.strip_prefix('.'));
    match own.and_then(|rest| rest.split_once(": ")) {
        Some((field, said)) => vec![(field.to_owned(), said.to_owned())],
        None => vec![(String::new(), sentence.to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Groups;

    fn group(name: &str) -> Group {
        Groups::load(None).expect("the built-in groups").get(name).expect("a group").clone()
    }

    fn filled(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_entered_is_said_and_what_is_emptied_is_taken_back() {
        let filled = filled(&[
            ("currency", " eur "),
            ("click_expiry_days", ""),
            ("senders", "192.0.2.1\r\n192.0.2.2,192.0.2.3"),
            ("hosts", ""),
            ("api_role", "vendor"),
            ("reconcile_days", "30"),
        ]);
        let expected = json!({
            "currency": "EUR", "click_expiry_days": null, "senders": ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "hosts": [],
            "api_role": "vendor", "reconcile_days": 30,
        });
        assert_eq!(change(&group("digistore24"), &filled), Ok(expected));
    }

    #[test]
    fn a_secret_stays_unless_another_is_entered_or_it_is_to_be_forgotten() {
        let group = group("digistore24");
        let secrets = |pairs: &[(&str, &str)]| {
            let change = change(&group, &filled(pairs)).expect("a change");
            (change.get("ipn_passphrase").cloned(), change.get("api_key").cloned())
        };
        assert_eq!(secrets(&[("ipn_passphrase", "")]), (None, None));
        assert_eq!(secrets(&[("ipn_passphrase", " new "), (FORGET, "ipn_passphrase")]), (Some(json!("new")), None));
        assert_eq!(secrets(&[(FORGET, "api_key")]), (None, Some(Value::Null)));
    }

    #[test]
    fn what_is_no_number_is_told_beside_its_field() {
        let group = group("digistore24");
        let filled = filled(&[("click_expiry_days", "soon"), ("currency", "EUR"), ("api_key", "k")]);
        let problems = change(&group, &filled).expect_err("no number");
        let form = SettingsForm::of(&group, &GroupSettings::default(), Some((&filled, &problems)));
        let field = |name: &str| form.parts.iter().flat_map(|part| &part.fields).find(|field| field.name == name);
        let expiry = field("click_expiry_days").expect("a field");
        assert!(expiry.problem.is_some() && expiry.value == "soon");
        assert!(form.refused && form.lost_secret && form.problem.is_none());
        assert_eq!(field("api_key").expect("a field").value, "");
    }

    #[test]
    fn the_check_s_sentence_finds_its_field() {
        assert_eq!(
            told("net", "groups.net.senders: \"x\" must be"),
            [("senders".to_owned(), "\"x\" must be".to_owned())]
        );
        assert_eq!(told("net", "name: too long"), [(String::new(), "name: too long".to_owned())]);
    }

    #[test]
    fn a_group_is_asked_for_what_it_has_alone() {
        let names = |name: &str| -> Vec<&str> {
            let form = SettingsForm::of(&group(name), &GroupSettings::default(), None);
            form.parts.iter().flat_map(|part| &part.fields).map(|field| field.name).collect()
        };
        assert_eq!(names("clickbank"), ["hosts"]);
        assert_eq!(names("tracker"), ["currency", "click_expiry_days", "senders"]);
        assert!(names("digistore24").contains(&"ipn_passphrase") && names("digistore24").contains(&"api_key"));
    }
}
