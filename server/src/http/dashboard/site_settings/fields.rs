//! Every setting of a site that is set here: what it means, what holds without it, how it is entered and read. Pure.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How a setting is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// A line of text; empty is none.
    Line,
    /// A whole number.
    Number,
    /// Texts, one on each line.
    Lines,
    /// On or off.
    Switch,
    /// One of these words, each with what it means.
    Choice(&'static [(&'static str, &'static str)]),
    /// JSON.
    Json,
}

/// A setting.
pub(super) struct Setting {
    /// Its keys, joined by points.
    pub(super) path: &'static str,
    pub(super) label: &'static str,
    /// What it does, and what holds without it.
    pub(super) meaning: &'static str,
    pub(super) input: Input,
}

/// Settings that belong together.
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) settings: &'static [Setting],
}

const fn setting(path: &'static str, label: &'static str, input: Input, meaning: &'static str) -> Setting {
    Setting { path, label, meaning, input }
}

/// Every setting that is set here, in the order in which it is shown. What one network or one ad platform has of its own is set on its
/// own page.
pub(super) const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "The site",
        settings: &[
            setting("name", "Name", Input::Line, "What people call the site, here and in lists."),
            setting(
                "origins",
                "Origins",
                Input::Lines,
                "Scheme and host of the site's pages, one on each line, like https://blog.example. Events from elsewhere are refused, and the visitor's cookie is set for these alone. None: events are taken from everywhere, without cookies.",
            ),
            setting(
                "time_zone",
                "Time zone",
                Input::Line,
                "When days and hours of reports begin: a name like Europe/Berlin. Default: UTC.",
            ),
            setting(
                "reporting_currency",
                "Reporting currency",
                Input::Line,
                "Three letters. All money is shown in it, each sale's at the rate of its day. None: as it was sent, where it is all in one currency.",
            ),
        ],
    },
    Chapter {
        title: "Sales",
        settings: &[
            setting(
                "purchase_value",
                "What a purchase is worth",
                Input::Choice(&[
                    ("brutto_minus_netto", "brutto less netto"),
                    ("affiliate", "the affiliate's share"),
                    ("vendor", "the vendor's share"),
                    ("brutto", "all that was paid"),
                    ("netto", "what was paid less tax"),
                ]),
                "Which amount of a postback is the value in reports and for the ad platforms. Connect shows each of them on an example. It holds for what comes from now on; a replay makes it hold for what came. Default: brutto less netto.",
            ),
            setting(
                "types",
                "Conversion types of your own",
                Input::Json,
                "A list like [{\"name\": \"Upsell\", \"repeat\": \"ignore\", \"from\": {\"order_type\": [\"upsell\"]}}]: its name, what a repeat does (ignore, edit, add, keep_repeated, create), and which of the network's words mean it. Default: none.",
            ),
        ],
    },
    Chapter {
        title: "Attribution and costs",
        settings: &[
            setting(
                "attribution.first_touch_days",
                "First touch counts for, in days",
                Input::Number,
                "How long before a visit the visitor's first arrival is remembered. Default: 90.",
            ),
            setting(
                "attribution.last_touch_days",
                "Last touch counts for, in days",
                Input::Number,
                "How long a visit without a source of its own is credited to the last arrival that had one. Default: 30.",
            ),
            setting(
                "cost.param",
                "Parameter that tells what a visit cost",
                Input::Line,
                "The name of a parameter in the address that ads lead to, like cost. None: no address tells it. Other costs are entered under Costs.",
            ),
            setting(
                "cost.currency",
                "Currency of costs",
                Input::Line,
                "Three letters, for costs that name none. Default: the reporting currency, else EUR.",
            ),
        ],
    },
    Chapter {
        title: "Links",
        settings: &[
            setting(
                "existing_subid",
                "Somebody else's sub-id in a link",
                Input::Choice(&[
                    ("keep", "stays; the click is reported as foreign"),
                    ("replace", "is replaced by ours"),
                ]),
                "What happens to a link that carries a sub-id already. One that stays keeps its sale from being attributed here. Default: it stays.",
            ),
            setting(
                "autoscan.enabled",
                "Follow cloaked links",
                Input::Switch,
                "Whether links on the hosts below are followed to where they lead, so that cloaked links to offers are tracked, too. Default: off.",
            ),
            setting(
                "autoscan.hosts",
                "Hosts of cloaked links",
                Input::Lines,
                "Hosts besides the site's own whose links may be cloaked, one on each line, like go.example.",
            ),
            setting(
                "autoscan.use_resolved",
                "Use the address behind a redirect that drops parameters",
                Input::Switch,
                "Whether the tag puts the offer's own address in the place of a cloaked link whose redirect would lose the click id. Default: off.",
            ),
        ],
    },
    Chapter {
        title: "Consent and privacy",
        settings: &[
            setting(
                "consent.mode",
                "Consent",
                Input::Choice(&[
                    ("none", "is not needed"),
                    ("required", "is needed: nothing is stored or sent before tagwerk('consent', ...) grants it"),
                    ("auto", "is read from the page's consent banner (TCF, Google consent mode) or that call"),
                ]),
                "What has to be agreed to before a visit is stored and sent. Links work in any case. Default: not needed.",
            ),
            setting(
                "consent.gpc",
                "Heed Global Privacy Control",
                Input::Switch,
                "Whether a browser that says so counts as having refused. Default: off.",
            ),
            setting(
                "consent.decorate_without",
                "Click ids before consent",
                Input::Switch,
                "Whether links carry click ids before anything was agreed to; nothing is stored or sent until then. Default: off.",
            ),
            setting(
                "privacy.ip",
                "Addresses of visitors",
                Input::Choice(&[
                    ("truncated", "their network part is kept"),
                    ("full", "are kept"),
                    ("none", "are not kept"),
                ]),
                "Ad platforms match by them. Default: the network part.",
            ),
            setting(
                "privacy.keep_days",
                "Personal data is kept for, in days",
                Input::Number,
                "After that, addresses, browsers and what was told to platforms are taken out. Default: 730.",
            ),
        ],
    },
    Chapter {
        title: "Pixels in the page",
        settings: &[
            setting(
                "pixels",
                "Pixels that are told of events",
                Input::Lines,
                "Platforms whose own pixel in the page is handed each event with its event id, one on each line: google, meta, tiktok, ... Default: none.",
            ),
            setting(
                "pixel_ids",
                "Ids for pixels",
                Input::Json,
                "By platform and event, what its pixel is called with, like {\"google\": {\"OutboundClick\": \"AW-1/abc\"}}. Default: none.",
            ),
        ],
    },
];

/// Every setting.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    CHAPTERS.iter().flat_map(|chapter| chapter.settings)
}

impl Setting {
    /// What stands in its field for these settings.
    pub(super) fn text(&self, settings: &Value) -> String {
        let found = self.path.split('.').try_fold(settings, |value, key| value.get(key)).unwrap_or(&Value::Null);
        match (self.input, found) {
            (_, Value::Null) => String::new(),
            (Input::Json, Value::Array(list)) if list.is_empty() => String::new(),
            (Input::Json, Value::Object(table)) if table.is_empty() => String::new(),
            (Input::Json, other) => serde_json::to_string_pretty(other).unwrap_or_default(),
            (_, Value::String(text)) => text.clone(),
            (_, Value::Array(texts)) => {
                texts.iter().map(|text| text.as_str().unwrap_or_default()).collect::<Vec<_>>().join("\n")
            }
            (_, other) => other.to_string(),
        }
    }

    /// What an entered text stands for.
    ///
    /// # Errors
    /// A sentence that says what could be entered.
    fn value(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        Ok(match self.input {
            Input::Line if text.is_empty() => match self.path {
                // These have a text always.
                "name" => json!(""),
                _ => Value::Null,
            },
            Input::Line | Input::Choice(_) => json!(text),
            Input::Number if text.is_empty() => Value::Null,
            Input::Number => {
                json!(text.parse::<u32>().map_err(|_| format!("{} takes a whole number, like 30", self.label))?)
            }
            Input::Lines => {
                json!(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>())
            }
            Input::Switch => json!(text == "true"),
            Input::Json if text.is_empty() => match self.path {
                "types" => json!([]),
                _ => Value::Null,
            },
            Input::Json => serde_json::from_str(text)
                .map_err(|error| format!("{} is no JSON: {error}. Compare it with the example below it", self.label))?,
        })
    }
}

/// A form as it was sent back: what was entered, and what stood there when it was shown.
pub(super) type Entered = BTreeMap<String, String>;

/// The name of the field that holds what stood there.
pub(super) fn was(path: &str) -> String {
    format!("was.{path}")
}

/// A setting that somebody else changed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) path: &'static str,
    pub(super) label: &'static str,
    /// What stands there now.
    pub(super) now: String,
}

/// What a form changes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Change {
    /// The merge patch.
    pub(super) patch: Map<String, Value>,
    /// What somebody else changed meanwhile to something else; nothing may be saved then.
    pub(super) conflicts: Vec<Conflict>,
    /// What cannot be read, by path.
    pub(super) problems: Vec<(&'static str, String)>,
}

/// What was entered for a setting, if that is not what stood there.
pub(super) fn changed_by<'a>(entered: &'a Entered, setting: &Setting) -> Option<&'a str> {
    let before = entered.get(&was(setting.path))?;
    // A switch that is off is not sent.
    let missing = if setting.input == Input::Switch { "false" } else { "" };
    let after = entered.get(setting.path).map_or(missing, String::as_str);
    (!same(before, after)).then_some(after)
}

fn same(one: &str, other: &str) -> bool {
    let lines = |text: &str| text.trim().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    lines(one) == lines(other)
}

/// What a form changes in these settings. Only what was really changed in the form counts, so that two people who change different things
/// do not undo each other.
pub(super) fn change(settings: &Value, entered: &Entered) -> Change {
    let mut change = Change::default();
    for setting in all() {
        let Some(after) = changed_by(entered, setting) else { continue };
        let now = setting.text(settings);
        let is_as_shown = entered.get(&was(setting.path)).is_some_and(|before| same(&now, before));
        if !is_as_shown && !same(&now, after) {
            change.conflicts.push(Conflict { path: setting.path, label: setting.label, now });
            continue;
        }
        match setting.value(after) {
            Ok(value) => put(&mut change.patch, setting.path, value),
            Err(problem) => change.problems.push((setting.path, problem)),
        }
    }
    change
}

fn put(patch: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(patch.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            if let Value::Object(inner) = patch.entry(first).or_insert_with(|| json!({})) {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SiteSettings;

    fn settings() -> Value {
        SiteSettings { name: "Shop".into(), origins: vec!["https://a.example".into()], ..SiteSettings::default() }
            .shown()
            .expect("settings")
    }

    fn form(changes: &[(&str, &str)]) -> Entered {
        let settings = settings();
        let mut entered: Entered = BTreeMap::new();
        for setting in all() {
            entered.insert(was(setting.path), setting.text(&settings));
            entered.insert(setting.path.to_owned(), setting.text(&settings));
        }
        entered.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        entered
    }

    #[test]
    fn every_setting_is_in_the_schema() {
        let settings = settings();
        for setting in all() {
            let found = setting.path.split('.').try_fold(&settings, |value, key| value.get(key));
            assert!(found.is_some(), "{}", setting.path);
        }
    }

    #[test]
    fn a_form_that_was_sent_back_as_it_was_changes_nothing() {
        assert_eq!(change(&settings(), &form(&[])), Change::default());
        // Browsers send line breaks of their own.
        assert_eq!(change(&settings(), &form(&[("origins", "https://a.example\r\n")])), Change::default());
    }

    #[test]
    fn what_was_changed_becomes_a_merge_patch() {
        let changed = change(
            &settings(),
            &form(&[
                ("time_zone", "Europe/Berlin"),
                ("origins", "https://a.example\n\n https://b.example"),
                ("privacy.keep_days", "90"),
                ("consent.gpc", "true"),
                ("cost.param", "cost"),
                ("types", "[{\"name\": \"Upsell\"}]"),
            ]),
        );
        let patch = json!({
            "time_zone": "Europe/Berlin", "origins": ["https://a.example", "https://b.example"], "privacy": {"keep_days": 90},
            "consent": {"gpc": true}, "cost": {"param": "cost"}, "types": [{"name": "Upsell"}],
        });
        assert_eq!(Value::Object(changed.patch), patch);
        assert_eq!((changed.conflicts, changed.problems), (vec![], vec![]));
    }

    #[test]
    fn a_switch_that_is_not_sent_is_off() {
        let mut on = settings();
        on["consent"]["gpc"] = json!(true);
        let mut entered = form(&[("was.consent.gpc", "true")]);
        entered.remove("consent.gpc");
        assert_eq!(change(&on, &entered).patch, *json!({"consent": {"gpc": false}}).as_object().expect("a table"));
    }

    #[test]
    fn two_people_who_change_the_same_setting_are_told_and_different_ones_go_side_by_side() {
        let mut meanwhile = settings();
        meanwhile["name"] = json!("Their name");
        meanwhile["time_zone"] = json!("Europe/Vienna");
        let changed = change(&meanwhile, &form(&[("name", "My name"), ("purchase_value", "affiliate")]));
        assert_eq!(changed.conflicts, [Conflict { path: "name", label: "Name", now: "Their name".into() }]);
        assert_eq!(changed.patch, *json!({"purchase_value": "affiliate"}).as_object().expect("a table"));
        assert_eq!(change(&meanwhile, &form(&[("name", "Their name")])).conflicts, []);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_label() {
        let changed = change(&settings(), &form(&[("privacy.keep_days", "soon"), ("pixel_ids", "{")]));
        let said: Vec<&str> = changed.problems.iter().map(|(_, problem)| problem.as_str()).collect();
        assert!(said[0].contains("takes a whole number"), "{said:?}");
        assert!(said[1].contains("is no JSON"), "{said:?}");
    }
}
