//! What the tag reports, and its form on the wire: one event a line, each line form-encoded.
//!
//! The fields are defined here once; `docs/protocol.md` lists them for readers. Fields a reader does not know are
//! passed over, so that an older server understands a newer tag.

use crate::click_id::{ClickId, VisitId};
use crate::form;
use crate::source::Arrival;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// The name of the event that every visit begins with.
pub const PAGE_VIEW: &str = "PageView";
/// The name of the event that a click on a decorated link sends.
pub const OUTBOUND_CLICK: &str = "OutboundClick";

/// Longest event id and visitor id, in characters.
pub const MAX_ID: usize = 64;
/// Longest event name, in characters.
pub const MAX_NAME: usize = 64;
/// Longest URL, label or attribute; what is longer is cut there (on a character's border), in bytes.
pub const MAX_TEXT: usize = 8192;
/// Most attributes of one event.
pub const MAX_ATTRIBUTES: usize = 50;
/// Most cookies of one event.
pub const MAX_COOKIES: usize = 50;

/// One thing the tag saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The sender's id of this event: repeats are known by it.
    pub event_id: String,
    /// `PageView`, `OutboundClick`, ... or a custom name.
    pub name: String,
    /// When, in milliseconds since 1970 UTC, by the visitor's clock.
    pub at: i64,
    /// The visit it belongs to.
    pub visit_id: VisitId,
    /// The browser's first-party id, where one may be kept.
    pub visitor_id: Option<String>,
    /// The page it happened on.
    pub page: String,
    /// How the visit began. Sent with every event, so that a lost first event costs nothing.
    pub landing: Arrival,
    /// The last arrival that had a source, if the visit itself has none.
    pub touch: Option<Arrival>,
    /// The first arrival of this visitor that is known.
    pub first: Option<Arrival>,
    /// The click id handed out with this event.
    pub click_id: Option<ClickId>,
    /// What was clicked, for an `OutboundClick`.
    pub click: Option<Click>,
    /// What `trigger` was given.
    pub attributes: Vec<(String, String)>,
    /// The ad platforms' own cookies, as they stood in the page.
    pub cookies: Vec<(String, String)>,
    /// Whether the browser says that it is driven by a program.
    pub automated: bool,
}

/// A click on a decorated link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// The tracking group, where one is known.
    pub group: Option<String>,
    /// Where the link led, as decorated.
    pub href: String,
    /// The link's text.
    pub label: String,
    /// How it was opened.
    pub how: How,
    /// Whether the link kept somebody else's sub-id.
    pub foreign: bool,
}

/// How a link was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A plain click or tap.
    Left,
    /// The middle button.
    Middle,
    /// With ctrl, meta or shift held.
    Modified,
    /// Enter on a focused link.
    Keyboard,
    /// A form was sent.
    Form,
    /// By the page's own script.
    Script,
    /// In the shim's hands, before or without WebAssembly.
    Early,
}

impl How {
    const ALL: [(How, &'static str); 7] = [
        (How::Left, "left"),
        (How::Middle, "middle"),
        (How::Modified, "modified"),
        (How::Keyboard, "keyboard"),
        (How::Form, "form"),
        (How::Script, "script"),
        (How::Early, "early"),
    ];

    /// The word on the wire and in the API.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(how, _)| *how == self).map_or("early", |(_, word)| word)
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(how, _)| *how)
    }
}

/// Field names on the wire.
pub mod field {
    /// See [`super::Event::event_id`].
    pub const EVENT_ID: &str = "event_id";
    /// See [`super::Event::name`].
    pub const NAME: &str = "name";
    /// See [`super::Event::at`].
    pub const AT: &str = "at";
    /// See [`super::Event::visit_id`].
    pub const VISIT_ID: &str = "visit_id";
    /// See [`super::Event::visitor_id`].
    pub const VISITOR_ID: &str = "visitor_id";
    /// See [`super::Event::page`].
    pub const PAGE: &str = "page";
    /// Prefix of the fields of [`super::Event::landing`].
    pub const LANDING: &str = "landing_";
    /// Prefix of the fields of [`super::Event::touch`].
    pub const TOUCH: &str = "touch_";
    /// Prefix of the fields of [`super::Event::first`].
    pub const FIRST: &str = "first_";
    /// The part of an arrival's field names that follows the prefix.
    pub const REFERRER: &str = "referrer";
    /// See [`super::Event::click_id`].
    pub const CLICK_ID: &str = "click_id";
    /// See [`super::Click::group`].
    pub const GROUP: &str = "group";
    /// See [`super::Click::href`].
    pub const HREF: &str = "href";
    /// See [`super::Click::label`].
    pub const LABEL: &str = "label";
    /// See [`super::Click::how`].
    pub const HOW: &str = "how";
    /// See [`super::Click::foreign`]: `1`.
    pub const FOREIGN: &str = "foreign";
    /// Prefix of attributes.
    pub const ATTRIBUTE: &str = "attribute.";
    /// Prefix of the ad platforms' cookies.
    pub const COOKIE: &str = "cookie.";
    /// See [`super::Event::automated`]: `1`.
    pub const AUTOMATED: &str = "automated";
}

/// Why a line is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventError {
    /// A field that every event needs is missing.
    Missing(&'static str),
    /// A field cannot be what it should be.
    Malformed(&'static str),
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventError::Missing(field) => write!(f, "the event has no {field}"),
            EventError::Malformed(field) => write!(f, "the event's {field} is malformed"),
        }
    }
}

impl core::error::Error for EventError {}

impl Event {
    /// The event as one line, without its line break.
    pub fn to_line(&self) -> String {
        let mut line = String::new();
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                form::push(&mut line, name, value);
            }
        };
        put(field::EVENT_ID, &self.event_id);
        put(field::NAME, &self.name);
        put(field::AT, &self.at.to_string());
        put(field::VISIT_ID, self.visit_id.as_str());
        put(field::VISITOR_ID, self.visitor_id.as_deref().unwrap_or_default());
        put(field::PAGE, &self.page);
        let arrivals = [
            (field::LANDING, Some(&self.landing)),
            (field::TOUCH, self.touch.as_ref()),
            (field::FIRST, self.first.as_ref()),
        ];
        for (prefix, arrival) in arrivals {
            if let Some(arrival) = arrival {
                put(&[prefix, field::AT].concat(), &arrival.at.to_string());
                put(&[prefix, field::PAGE].concat(), &arrival.page);
                put(&[prefix, field::REFERRER].concat(), &arrival.referrer);
            }
        }
        put(field::CLICK_ID, self.click_id.as_ref().map_or("", ClickId::as_str));
        if let Some(click) = &self.click {
            put(field::GROUP, click.group.as_deref().unwrap_or_default());
            put(field::HREF, &click.href);
            put(field::LABEL, &click.label);
            put(field::HOW, click.how.as_str());
            put(field::FOREIGN, if click.foreign { "1" } else { "" });
        }
        put(field::AUTOMATED, if self.automated { "1" } else { "" });
        // An attribute may well be empty; whoever triggered the event meant to say so.
        for (prefix, list) in [(field::ATTRIBUTE, &self.attributes), (field::COOKIE, &self.cookies)] {
            for (name, value) in list {
                form::push(&mut line, &[prefix, name].concat(), value);
            }
        }
        line
    }

    /// Reads one line.
    ///
    /// # Errors
    /// A needed field is missing or malformed; the error names it.
    pub fn from_line(line: &str) -> Result<Self, EventError> {
        let fields = Fields(form::pairs(line).collect());
        let name = fields.needed(field::NAME)?;
        if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(EventError::Malformed(field::NAME));
        }
        let at = number(&fields.needed(field::AT)?, field::AT)?;
        let visit_id =
            VisitId::parse(&fields.needed(field::VISIT_ID)?).ok_or(EventError::Malformed(field::VISIT_ID))?;
        let visitor_id = fields.get(field::VISITOR_ID).map(|id| identifier(id, field::VISITOR_ID)).transpose()?;
        let page = fields.text(field::PAGE);
        let landing = fields.arrival(field::LANDING)?.unwrap_or_else(|| Arrival {
            at,
            page: page.clone(),
            referrer: String::new(),
        });
        let click_id = fields
            .get(field::CLICK_ID)
            .map(|id| ClickId::parse(id).ok_or(EventError::Malformed(field::CLICK_ID)))
            .transpose()?;
        // A page may trigger the name itself: that is an event, but no link was clicked.
        let click = if name == OUTBOUND_CLICK && fields.get(field::HREF).is_some() {
            if click_id.is_none() {
                return Err(EventError::Missing(field::CLICK_ID));
            }
            Some(Click {
                group: fields.get(field::GROUP).map(cut),
                href: fields.text(field::HREF),
                label: fields.text(field::LABEL),
                how: How::parse(&fields.needed(field::HOW)?).ok_or(EventError::Malformed(field::HOW))?,
                foreign: fields.get(field::FOREIGN) == Some("1"),
            })
        } else {
            None
        };
        let below = |prefix: &str, most: usize| {
            let cut_both = |(name, value): &(String, String)| Some((cut(name.strip_prefix(prefix)?), cut(value)));
            fields.0.iter().filter_map(cut_both).take(most).collect()
        };
        Ok(Self {
            event_id: identifier(&fields.needed(field::EVENT_ID)?, field::EVENT_ID)?,
            name,
            at,
            visit_id,
            visitor_id,
            page,
            landing,
            touch: fields.arrival(field::TOUCH)?,
            first: fields.arrival(field::FIRST)?,
            click_id,
            click,
            attributes: below(field::ATTRIBUTE, MAX_ATTRIBUTES),
            cookies: below(field::COOKIE, MAX_COOKIES),
            automated: fields.get(field::AUTOMATED) == Some("1"),
        })
    }
}

struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first non-empty value of that name.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn needed(&self, name: &'static str) -> Result<String, EventError> {
        self.get(name).map(str::to_owned).ok_or(EventError::Missing(name))
    }

    fn text(&self, name: &str) -> String {
        self.get(name).map(cut).unwrap_or_default()
    }

    fn arrival(&self, prefix: &'static str) -> Result<Option<Arrival>, EventError> {
        let get = |name: &str| self.get(&[prefix, name].concat());
        let Some(page) = get(field::PAGE) else { return Ok(None) };
        Ok(Some(Arrival {
            at: number(get(field::AT).ok_or(EventError::Missing(prefix))?, prefix)?,
            page: cut(page),
            referrer: get(field::REFERRER).map(cut).unwrap_or_default(),
        }))
    }
}

fn number(text: &str, field: &'static str) -> Result<i64, EventError> {
    text.parse().map_err(|_| EventError::Malformed(field))
}

fn identifier(text: &str, field: &'static str) -> Result<String, EventError> {
    let fits =
        text.len() <= MAX_ID && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.');
    fits.then(|| text.to_owned()).ok_or(EventError::Malformed(field))
}

/// The text, cut to [`MAX_TEXT`] bytes on a character's border.
fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn click_event() -> Event {
        let click_id = ClickId::parse("758eg6057boyx998uts8t098shhur7sp").expect("a published id");
        let arrival =
            Arrival { at: 5, page: "https://a.example/?gclid=A b&x".into(), referrer: "https://s.example/".into() };
        Event {
            event_id: click_id.to_string(),
            name: OUTBOUND_CLICK.into(),
            at: 1_700_000_000_000,
            visit_id: click_id.visit(),
            visitor_id: Some("abc".into()),
            page: "https://a.example/post".into(),
            landing: arrival.clone(),
            touch: Some(arrival),
            first: None,
            click_id: Some(click_id),
            click: Some(Click {
                group: Some("g".into()),
                href: "https://n.example/?a=1&b=2".into(),
                label: "Buy ä".into(),
                how: How::Middle,
                foreign: true,
            }),
            attributes: vec![("value".into(), "1.50".into())],
            cookies: vec![("_fbp".into(), "fb.1.1694086440415.652523550".into())],
            automated: true,
        }
    }

    #[test]
    fn an_event_reads_back_from_its_line() {
        let event = click_event();
        let line = event.to_line();
        assert!(!line.contains(['\n', '\r']), "{line}");
        assert_eq!(Event::from_line(&line), Ok(event));
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(Event::from_line("name=PageView&at=1"), Err(EventError::Missing("visit_id")));
        assert_eq!(Event::from_line(""), Err(EventError::Missing("name")));
        let line = click_event().to_line().replace("how=middle", "how=");
        assert_eq!(Event::from_line(&line), Err(EventError::Missing("how")));
    }

    #[test]
    fn a_click_that_the_page_triggers_itself_is_an_event_without_a_link() {
        let line = "event_id=e&name=OutboundClick&at=1&visit_id=758eg6057boyx998&attribute.value=5";
        let event = Event::from_line(line).expect("an event");
        assert_eq!((event.click, event.attributes.len()), (None, 1));
    }

    #[test]
    fn a_malformed_field_is_named() {
        let line = click_event().to_line();
        for (from, to, field) in [
            ("&at=17", "&at=x", "at"),
            ("visit_id=75", "visit_id=7", "visit_id"),
            ("event_id=75", "event_id=%0A5", "event_id"),
        ] {
            assert_eq!(Event::from_line(&line.replacen(from, to, 1)), Err(EventError::Malformed(field)));
        }
    }

    #[test]
    fn a_long_text_is_cut_on_a_character_s_border() {
        let long = "ä".repeat(MAX_TEXT);
        let mut event = click_event();
        event.page = long;
        let read = Event::from_line(&event.to_line()).expect("still an event");
        assert_eq!(read.page, "ä".repeat(MAX_TEXT / 2));
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in ".*") {
            let _ = Event::from_line(&line);
        }

        #[test]
        fn page_and_attributes_survive_the_wire(page in ".{1,80}", name in "[a-z]{1,9}", value in ".{0,80}") {
            let event = Event { page, attributes: vec![(name, value)], ..click_event() };
            prop_assert_eq!(Event::from_line(&event.to_line()), Ok(event));
        }
    }
}
