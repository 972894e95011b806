//! `groups/pixels.toml`: how the ad platforms' own pixels are called, which the page may have beside the tag.
//!
//! One row a call. The tag is handed each call that a site has switched on as one text,
//! `function events template` (docs/protocol.md), and fills it in where the event happens.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// What stands in a template for something the tag knows of the event: always a whole string.
pub const PLACEHOLDERS: [&str; 9] = [
    "{event}",
    "{event_id}",
    "{value}",
    "{currency}",
    "{transaction_id}",
    "{label}",
    "{href}",
    "{items}",
    "{email_sha256}",
];
/// Stands in a template for the id that the site's settings give; filled in before the tag is handed the call.
const ID: &str = "{id}";
/// In a list of events: every event that is not named.
const OTHERS: &str = "*";
/// Longest event name and id that a site may give.
const MAX_WORD: usize = 64;

/// The table of pixels.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pixels {
    /// One row a call.
    pub pixel: Vec<Pixel>,
}

/// One way in which a platform's pixel is called.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pixel {
    /// The platform's name in a site's settings.
    pub platform: String,
    /// The function: names below `window`, with dots between them.
    #[serde(deserialize_with = "function")]
    pub function: String,
    /// Which events it is called for.
    #[serde(deserialize_with = "events")]
    pub events: Events,
    /// Which id of the advertiser's own account the call needs.
    #[serde(default)]
    pub id: Option<Id>,
    /// The arguments.
    #[serde(deserialize_with = "template")]
    pub template: Vec<Value>,
}

/// See [`Pixel::events`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Events {
    /// These, by our name: the platform's own.
    Named(BTreeMap<String, String>),
    /// Every one that no other call of the same function names.
    Others,
}

/// See [`Pixel::id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Id {
    /// The account's one.
    Account,
    /// One for each event; events without one are not handed on.
    Event,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Named(BTreeMap<String, String>),
    Word(String),
}

// Each field is checked where it is read, so that the error names its line.

fn function<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let name = String::deserialize(input)?;
    if is_function(&name) { Ok(name) } else { Err(D::Error::custom(format!("\"{name}\" is no function's name"))) }
}

fn events<'de, D: Deserializer<'de>>(input: D) -> Result<Events, D::Error> {
    match Written::deserialize(input)? {
        Written::Word(word) if word == OTHERS => Ok(Events::Others),
        Written::Word(word) => {
            Err(D::Error::custom(format!("events is a table of names or \"{OTHERS}\", not \"{word}\"")))
        }
        Written::Named(names) => {
            let wrong = names.iter().flat_map(|(ours, theirs)| [ours, theirs]).find(|name| !is_event(name));
            if let Some(name) = wrong {
                return Err(D::Error::custom(format!("\"{name}\" is no event's name")));
            }
            Ok(Events::Named(names))
        }
    }
}

fn template<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Value>, D::Error> {
    let template = Vec::<Value>::deserialize(input)?;
    template.iter().try_for_each(check_placeholders).map_err(D::Error::custom)?;
    Ok(template)
}

fn is_function(name: &str) -> bool {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
    };
    // The tag looks no deeper than into a queue of the page's.
    name.split('.').count() <= 2 && name.split('.').all(is_name)
}

/// Whether this can be an event's name in a call's text, whose list of events is read like a form.
fn is_event(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic() && !",=&+%".contains(c);
    !name.is_empty() && name != OTHERS && name.len() <= MAX_WORD && name.chars().all(fits)
}

/// What looks like a placeholder must be one.
fn check_placeholders(part: &Value) -> Result<(), String> {
    match part {
        Value::String(text) if text.contains(['{', '}']) && text != ID && !PLACEHOLDERS.contains(&text.as_str()) => {
            let known = PLACEHOLDERS.join(" ");
            Err(format!("\"{text}\" is no placeholder; the whole string must be one of {known} {ID}"))
        }
        Value::Array(items) => items.iter().try_for_each(check_placeholders),
        Value::Object(fields) => match fields.keys().find(|name| name.contains(['{', '}'])) {
            Some(name) => Err(format!("the key \"{name}\" cannot be a placeholder")),
            None => fields.values().try_for_each(check_placeholders),
        },
        _ => Ok(()),
    }
}

fn has_id(part: &Value) -> bool {
    match part {
        Value::String(text) => text == ID,
        Value::Array(items) => items.iter().any(has_id),
        Value::Object(fields) => fields.values().any(has_id),
        _ => false,
    }
}

impl Pixels {
    /// Reads the table.
    ///
    /// # Errors
    /// The text is not TOML, has a key or placeholder that is not known, or hands one event to one call twice; the message names
    /// the file, and the line where there is one.
    pub fn parse(file: &str, text: &str) -> Result<Self, String> {
        let pixels: Self = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
        for (index, row) in pixels.pixel.iter().enumerate() {
            let call = format!("{file}: the call {} of {}", row.function, row.platform);
            if row.template.iter().any(has_id) != row.id.is_some() {
                return Err(format!("{call}: {ID} stands in the template of a call that needs an id, and in no other"));
            }
            if row.id == Some(Id::Event) && row.events != Events::Others {
                return Err(format!("{call} takes the events that have an id: events = \"{OTHERS}\""));
            }
            let earlier = || pixels.pixel.iter().take(index).filter(|earlier| earlier.platform == row.platform);
            if earlier().any(|earlier| earlier.id != row.id) {
                return Err(format!("{call} must need the same id as the others of its platform"));
            }
            // The tag gives `*` what no *earlier* call of the function names.
            if earlier().any(|earlier| earlier.function == row.function && earlier.events == Events::Others) {
                return Err(format!("{call} comes after the one for \"{OTHERS}\", which must be the last"));
            }
        }
        Ok(pixels)
    }

    /// The platforms' names, each once, as they stand in the file.
    pub fn platforms(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for row in &self.pixel {
            if !names.contains(&row.platform.as_str()) {
                names.push(&row.platform);
            }
        }
        names
    }

    /// Whether calls of a platform need an id of the advertiser's account; `None` where there is no such platform.
    pub fn id(&self, platform: &str) -> Option<Option<Id>> {
        self.pixel.iter().find(|row| row.platform == platform).map(|row| row.id)
    }

    /// Checks the ids that a site gives for a platform, by event.
    ///
    /// # Errors
    /// The sentence says what could stand there.
    pub fn check_ids(&self, platform: &str, ids: &BTreeMap<String, String>) -> Result<(), String> {
        let fits = |id: &str| {
            !id.is_empty()
                && id.len() <= MAX_WORD
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_/.".contains(&b))
        };
        match self.id(platform).flatten() {
            None => Err("its pixel is called without an id of the account".to_owned()),
            Some(Id::Account) if !ids.keys().eq([OTHERS]) => {
                Err(format!("takes the account's one id, under \"{OTHERS}\""))
            }
            Some(Id::Event) if ids.is_empty() => Err("takes an id for each event".to_owned()),
            Some(Id::Event) if !ids.keys().all(|name| is_event(name)) => {
                Err("takes an id for each event, under its name: ASCII without spaces and without any of ,=&+%"
                    .to_owned())
            }
            Some(_) => match ids.values().find(|id| !fits(id)) {
                Some(id) => Err(format!("\"{id}\" must be letters, digits and -_/., {MAX_WORD} at most")),
                None => Ok(()),
            },
        }
    }

    /// The calls of these platforms, as the tag is handed them; `ids` by platform and event.
    pub fn calls(&self, platforms: &[String], ids: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<String> {
        let rows = self.pixel.iter().filter(|row| platforms.contains(&row.platform));
        rows.flat_map(|row| row.calls(ids.get(&row.platform))).collect()
    }
}

impl Pixel {
    fn calls(&self, ids: Option<&BTreeMap<String, String>>) -> Vec<String> {
        let text = |events: &str, id: Option<&String>| {
            let template: Vec<Value> = self.template.iter().map(|part| with_id(part, id)).collect();
            format!("{} {events} {}", self.function, Value::Array(template))
        };
        let events = match &self.events {
            Events::Named(names) => {
                names.iter().map(|(ours, theirs)| format!("{ours}={theirs}")).collect::<Vec<_>>().join(",")
            }
            Events::Others => OTHERS.to_owned(),
        };
        match (self.id, ids) {
            (None, _) => vec![text(&events, None)],
            (Some(_), None) => Vec::new(),
            (Some(Id::Account), Some(ids)) => ids.get(OTHERS).map(|id| text(&events, Some(id))).into_iter().collect(),
            (Some(Id::Event), Some(ids)) => {
                ids.iter().map(|(event, id)| text(&format!("{event}={event}"), Some(id))).collect()
            }
        }
    }
}

/// The template with the account's id in its place: a number where it is one, since platforms write theirs so.
fn with_id(part: &Value, id: Option<&String>) -> Value {
    match (part, id) {
        (Value::String(text), Some(id)) if text == ID => {
            let number = id.parse::<u64>().ok().filter(|number| number.to_string() == *id && id.len() <= 15);
            number.map_or_else(|| Value::from(id.as_str()), Value::from)
        }
        (Value::Array(items), _) => items.iter().map(|item| with_id(item, id)).collect(),
        (Value::Object(fields), _) => {
            Value::Object(fields.iter().map(|(name, item)| (name.clone(), with_id(item, id))).collect())
        }
        (other, _) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_CALLS: &str = r#"
[[pixel]]
platform = "p"
function = "p.q"
events = { AddToCart = "add", Lead = "lead" }
template = ["track", "{event}", { v = "{value}", n = 1 }]
[[pixel]]
platform = "p"
function = "p.q"
events = "*"
template = ["custom", "{event}"]
"#;

    fn row(line: &str, other: &str) -> String {
        TWO_CALLS.replacen(line, other, 1)
    }

    fn ids(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(event, id)| ((*event).to_owned(), (*id).to_owned())).collect()
    }

    #[test]
    fn a_call_is_one_text_of_function_events_and_template() {
        let pixels = Pixels::parse("p.toml", TWO_CALLS).expect("the table");
        assert_eq!(
            pixels.calls(&["p".into()], &BTreeMap::new()),
            [
                r#"p.q AddToCart=add,Lead=lead ["track","{event}",{"n":1,"v":"{value}"}]"#,
                r#"p.q * ["custom","{event}"]"#
            ]
        );
        assert!(pixels.calls(&["other".into()], &BTreeMap::new()).is_empty());
    }

    #[test]
    fn what_the_schema_does_not_know_is_told_with_file_and_line() {
        for (text, words) in [
            (row("function = \"p.q\"", "function = \"p.q\"\nfun = 1"), ["line 5", "fun"]),
            (row("\"{value}\"", "\"{valu}\""), ["line 6", "{valu}"]),
            (row("\"{value}\"", "\"is {value}\""), ["line 6", "is {value}"]),
            (row("\"p.q\"", "\"p.q()\""), ["line 4", "p.q()"]),
            (row("\"*\"", "\"all\""), ["line 10", "all"]),
            (row("\"lead\"", "\"a lead\""), ["line 5", "a lead"]),
            (row("\"{value}\"", "\"{id}\""), ["p.q of p", "{id}"]),
        ] {
            let error = Pixels::parse("p.toml", &text).expect_err(&text);
            assert!(error.contains("p.toml") && words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
        }
    }

    #[test]
    fn the_call_for_every_other_event_is_the_last_one() {
        let text = format!("{TWO_CALLS}{}", TWO_CALLS.replace("\"*\"", "{ Purchase = \"buy\" }"));
        let error = Pixels::parse("p.toml", &text).expect_err("a call after the last");
        assert!(error.contains("must be the last"), "{error}");
    }

    #[test]
    fn an_id_for_each_event_makes_one_call_an_event() {
        let text = "[[pixel]]\nplatform = \"p\"\nfunction = \"q\"\nevents = \"*\"\nid = \"event\"\ntemplate = [{ id = \"{id}\" }]\n";
        let pixels = Pixels::parse("p.toml", text).expect("the table");
        let given = ids(&[("Lead", "tw-a-b"), ("OutboundClick", "15481652")]);
        assert_eq!(pixels.check_ids("p", &given), Ok(()));
        let calls = pixels.calls(&["p".into()], &BTreeMap::from([("p".into(), given)]));
        assert_eq!(calls, [r#"q Lead=Lead [{"id":"tw-a-b"}]"#, r#"q OutboundClick=OutboundClick [{"id":15481652}]"#]);
        assert!(pixels.calls(&["p".into()], &BTreeMap::new()).is_empty());
        for wrong in [ids(&[]), ids(&[("*", "1")]), ids(&[("A b", "1")]), ids(&[("A&b", "1")]), ids(&[("Lead", "\"]")])]
        {
            assert!(pixels.check_ids("p", &wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_account_s_id_stands_in_every_call_of_it() {
        let text = TWO_CALLS.replace("template = [", "id = \"account\"\ntemplate = [\"{id}\", ");
        let pixels = Pixels::parse("p.toml", &text).expect("the table");
        let given = ids(&[("*", "0123")]);
        assert_eq!(pixels.check_ids("p", &given), Ok(()));
        let calls = pixels.calls(&["p".into()], &BTreeMap::from([("p".into(), given)]));
        assert_eq!(calls.len(), 2);
        assert!(calls.iter().all(|call| call.contains(r#" ["0123","#)), "{calls:?}");
        assert!(pixels.check_ids("p", &ids(&[("Lead", "1")])).is_err());
    }
}
