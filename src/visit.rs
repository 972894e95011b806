//! Which visitor and visit this page load belongs to, and how both began. Pure.
//!
//! The shim decides the visit and hands over the record of what the browser remembers. This adds what only the tag
//! keeps in it: the visitor's id, the first arrival that is known, and the last one that had a source. Record and events
//! are form-encoded both, so that values pass from one to the other as they are.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use tagwerk_protocol::click_id::VisitId;
use tagwerk_protocol::event::field;
use tagwerk_protocol::form;

/// The shim's finding that this visit's landing tells where the visitor came from.
const SOURCED: &str = "sourced";
const ARRIVAL: [&str; 3] = [field::AT, field::PAGE, field::REFERRER];

/// A visit, and what is known of its visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The visit's id, which its click ids begin with.
    pub id: VisitId,
    /// What the browser is to remember of the visitor, form-encoded.
    pub visitor: String,
    /// The fields that every event of this visit carries, form-encoded.
    fields: String,
}

/// The value of a field of a form-encoded text, as it stands there; empty where there is none.
pub fn encoded<'a>(text: &'a str, name: &str) -> &'a str {
    form::split(text, b'&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
}

impl Visit {
    /// Reads the shim's facts. `mint` makes the id of a visitor who has none yet. `None` where the facts hold no visit.
    pub fn recall(facts: &str, mint: impl FnOnce() -> Option<String>) -> Option<Self> {
        let id = VisitId::parse(encoded(facts, field::VISIT_ID))?;
        let mut visitor = String::new();
        let known = encoded(facts, field::VISITOR_ID);
        let known = if known.is_empty() { mint().unwrap_or_default() } else { known.to_owned() };
        put(&mut visitor, "", field::VISITOR_ID, &known);
        let is_known = !encoded(facts, "first_at").is_empty();
        copy(&mut visitor, field::FIRST, facts, if is_known { field::FIRST } else { field::LANDING });
        let sourced = !encoded(facts, SOURCED).is_empty();
        copy(&mut visitor, field::TOUCH, facts, if sourced { field::LANDING } else { field::TOUCH });

        let mut fields = String::new();
        put(&mut fields, "", field::VISIT_ID, id.as_str());
        put(&mut fields, "", field::VISITOR_ID, &known);
        put(&mut fields, "", field::AUTOMATED, encoded(facts, field::AUTOMATED));
        copy(&mut fields, field::LANDING, facts, field::LANDING);
        copy(&mut fields, field::FIRST, &visitor, field::FIRST);
        if !sourced {
            copy(&mut fields, field::TOUCH, &visitor, field::TOUCH);
        }
        Some(Self { id, visitor, fields })
    }

    /// The beginning of an event's line: what every event of this visit says.
    pub fn line(&self, event_id: &str, name: &str, at: i64, page: &str) -> String {
        let mut line = String::new();
        form::push(&mut line, field::EVENT_ID, event_id);
        form::push(&mut line, field::NAME, name);
        form::push(&mut line, field::AT, &at.to_string());
        form::push(&mut line, field::PAGE, page);
        line.push('&');
        line.push_str(&self.fields);
        line
    }
}

/// Adds a field whose value is encoded already; an empty one is left out.
fn put(text: &mut String, prefix: &str, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('&');
    }
    for part in [prefix, name, "=", value] {
        text.push_str(part);
    }
}

/// Copies an arrival from one prefix to another.
fn copy(text: &mut String, prefix: &str, source: &str, known_as: &str) {
    for name in ARRIVAL {
        put(text, prefix, name, encoded(source, &[known_as, name].concat()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_protocol::event::Event;
    use tagwerk_protocol::source::Arrival;

    const DIRECT: &str = "visit_id=hbshnsrle2u9bhhz&seen=9&landing_at=7&landing_page=https%3A%2F%2Fshop.example%2F%3Fx%3D%2526&landing_referrer=";

    fn recall(rest: &str) -> Visit {
        Visit::recall(&[DIRECT, rest].concat(), || Some("new-visitor".to_owned())).expect("a visit")
    }

    fn event(rest: &str) -> Event {
        Event::from_line(&recall(rest).line("e1", "Page View", 8, "https://shop.example/a b")).expect("an event")
    }

    fn arrival(at: i64, page: &str) -> Option<Arrival> {
        Some(Arrival { at, page: page.to_owned(), referrer: String::new() })
    }

    #[test]
    fn every_event_tells_its_visit_and_how_it_began() {
        let event = event("&automated=1");
        assert_eq!((event.event_id.as_str(), event.name.as_str(), event.at), ("e1", "Page View", 8));
        assert_eq!(event.page, "https://shop.example/a b");
        assert_eq!(event.visit_id.as_str(), "hbshnsrle2u9bhhz");
        assert_eq!(event.visitor_id.as_deref(), Some("new-visitor"));
        assert_eq!(Some(event.landing), arrival(7, "https://shop.example/?x=%26"));
        assert!(event.automated);
    }

    #[test]
    fn the_first_visit_is_its_own_first_touch() {
        let event = event("");
        assert_eq!(event.first, arrival(7, "https://shop.example/?x=%26"));
        assert_eq!(event.touch, None);
        assert!(!event.automated);
    }

    #[test]
    fn a_landing_with_a_source_is_remembered_as_the_last_touch_and_not_told_twice() {
        let rest = "&sourced=1&touch_at=3&touch_page=https%3A%2F%2Fold%2F";
        assert_eq!(encoded(&recall(rest).visitor, "touch_at"), "7");
        assert_eq!(event(rest).touch, None);
    }

    #[test]
    fn a_direct_visit_tells_the_touch_before_it() {
        let rest = "&touch_at=3&touch_page=https%3A%2F%2Fold%2F";
        assert_eq!(event(rest).touch, arrival(3, "https://old/"));
        assert_eq!(encoded(&recall(rest).visitor, "touch_at"), "3");
    }

    #[test]
    fn what_is_known_of_a_visitor_is_not_replaced() {
        let event = event("&visitor_id=v1&first_at=1&first_page=https%3A%2F%2Fa%2F");
        assert_eq!(event.visitor_id.as_deref(), Some("v1"));
        assert_eq!(event.first, arrival(1, "https://a/"));
    }

    #[test]
    fn what_is_remembered_is_read_again_as_it_was() {
        let visit = recall("&sourced=1");
        let again = recall(&["&", &visit.visitor].concat());
        assert_eq!(again.visitor, visit.visitor);
    }

    #[test]
    fn facts_without_a_visit_are_none() {
        for facts in [
            "",
            "visit_id=short&landing_at=1&landing_page=a",
            "revisit_id=hbshnsrle2u9bhhz",
            "visit_id=%68bshnsrle2u9bhhz",
        ] {
            assert_eq!(Visit::recall(facts, || None), None, "{facts}");
        }
    }
}
