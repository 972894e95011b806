//! Which visitor this page load belongs to, and how they first and last came. Pure.
//!
//! The shim decides the visit and hands over the record of what the browser remembers. This adds what only the tag
//! keeps in it: the visitor's id, the first arrival that is known, and the last one that had a source. Record and events
//! are form-encoded both, so that values pass from one to the other as they are.

use alloc::borrow::ToOwned;
use alloc::string::String;
use tagwerk_protocol::click_id::VisitId;
use tagwerk_protocol::event::field;
use tagwerk_protocol::form;

/// The shim's finding of where this visit's landing says that the visitor came from; white space where it says nothing.
const FROM: &str = "from";
const ARRIVAL: [&str; 3] = [field::AT, field::PAGE, field::REFERRER];

/// A visit, and what is known of its visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The visit's id, which its click ids begin with.
    pub id: VisitId,
    /// What the browser is to remember of the visitor, form-encoded.
    pub visitor: String,
}

/// The value of a field of a form-encoded text, as it stands there; empty where there is none.
fn encoded<'a>(text: &'a str, name: &str) -> &'a str {
    form::split(text, b'&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
}

impl Visit {
    /// Reads the record. `mint` makes the id of a visitor who has none yet. `None` where it holds no visit.
    pub fn recall(record: &str, mint: impl FnOnce() -> Option<VisitId>) -> Option<Self> {
        let id = VisitId::parse(encoded(record, field::VISIT_ID))?;
        let mut visitor = String::new();
        let known = encoded(record, field::VISITOR_ID);
        if known.is_empty() {
            put(&mut visitor, "", field::VISITOR_ID, mint()?.as_str());
        } else {
            put(&mut visitor, "", field::VISITOR_ID, known);
        }
        let is_known = !encoded(record, "first_at").is_empty();
        copy(&mut visitor, field::FIRST, record, if is_known { field::FIRST } else { field::LANDING });
        let is_sourced = encoded(record, FROM).bytes().any(|byte| byte != b'+');
        copy(&mut visitor, field::TOUCH, record, if is_sourced { field::LANDING } else { field::TOUCH });
        Some(Self { id, visitor })
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
        let mut known_as = known_as.to_owned();
        known_as.push_str(name);
        put(text, prefix, name, encoded(source, &known_as));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECT: &str = "visit_id=hbshnsrle2u9bhhz&landing_at=7&landing_page=https%3A%2F%2Fshop.example%2F%3Fx%3D%2526&landing_referrer=&from=+&seen=9";

    fn recall(rest: &str) -> Visit {
        Visit::recall(&[DIRECT, rest].concat(), || VisitId::parse("newvisitor123456")).expect("a visit")
    }

    fn remembered(rest: &str, name: &str) -> String {
        form::decode(encoded(&recall(rest).visitor, name))
    }

    #[test]
    fn a_new_visitor_gets_an_id_and_the_visit_is_the_first_touch() {
        assert_eq!(recall("").id.as_str(), "hbshnsrle2u9bhhz");
        assert_eq!(remembered("", "visitor_id"), "newvisitor123456");
        assert_eq!(remembered("", "first_at"), "7");
        assert_eq!(remembered("", "first_page"), "https://shop.example/?x=%26");
        assert_eq!(remembered("", "touch_at"), "", "a direct visit tells no source");
    }

    #[test]
    fn a_landing_with_a_source_is_remembered_as_the_last_touch() {
        let record = DIRECT.replace("from=+", "from=gclid%3D1++") + "&touch_at=3&touch_page=https%3A%2F%2Fold%2F";
        let visit = Visit::recall(&record, || VisitId::parse("newvisitor123456")).expect("a visit");
        assert_eq!(encoded(&visit.visitor, "touch_at"), "7");
    }

    #[test]
    fn a_direct_visit_keeps_the_touch_before_it() {
        assert_eq!(remembered("&touch_at=3&touch_page=https%3A%2F%2Fold%2F", "touch_page"), "https://old/");
    }

    #[test]
    fn what_is_known_of_a_visitor_is_not_replaced() {
        let rest = "&visitor_id=v1&first_at=1&first_page=https%3A%2F%2Fa%2F";
        assert_eq!(remembered(rest, "visitor_id"), "v1");
        assert_eq!(remembered(rest, "first_page"), "https://a/");
    }

    #[test]
    fn what_is_remembered_is_read_again_as_it_was() {
        let visit = recall("");
        let again = recall(&["&", &visit.visitor].concat());
        assert_eq!(again.visitor, visit.visitor);
    }

    #[test]
    fn a_record_without_a_visit_is_none() {
        for record in ["", "visit_id=short&landing_at=1", "revisit_id=hbshnsrle2u9bhhz", "visit_id=%68bshnsrle2u9bhhz"]
        {
            assert_eq!(Visit::recall(record, || None), None, "{record}");
        }
    }
}
