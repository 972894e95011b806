//! Which click ids this page load has handed out, which clicks wait for their verdict, and how a link was opened. Pure.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::event::{Click, How, field};
use tagwerk_protocol::form;

/// What a pointer or key event says about how a link was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Press<'a> {
    /// The event's type.
    pub kind: &'a str,
    /// The button: 0 left, 1 middle, 2 right.
    pub button: i16,
    /// Whether ctrl, meta or shift was held.
    pub modified: bool,
    /// How often the pointer was pressed; 0 where there was none.
    pub detail: i32,
    /// Whether the visitor did it, not the page's script.
    pub trusted: bool,
}

impl Press<'_> {
    /// How the event opens a link; `None` where it does not (a right click, hovering, a key on its way down).
    pub fn how(self) -> Option<How> {
        match (self.kind, self.button) {
            ("auxclick", 1) => Some(How::Middle),
            ("click", 0) if !self.trusted => Some(How::Script),
            ("click", 0) if self.modified => Some(How::Modified),
            ("click", 0) if self.detail == 0 => Some(How::Keyboard),
            ("click", 0) => Some(How::Left),
            _ => None,
        }
    }
}

/// A click that counts unless its default turns out to be prevented. `E` is the event it came by.
#[derive(Debug)]
pub struct Pending<E> {
    /// The event, asked once every listener has run.
    pub event: E,
    /// The click's id, which is its event's id too.
    pub click_id: ClickId,
    /// What was clicked.
    pub click: Click,
}

impl<E> Pending<E> {
    /// Adds what a click says to the line of its event.
    pub fn write(&self, line: &mut String) {
        let click = &self.click;
        for (name, value) in [
            (field::CLICK_ID, self.click_id.as_str()),
            (field::GROUP, click.group.as_deref().unwrap_or_default()),
            (field::HREF, &click.href),
            (field::LABEL, &click.label),
            (field::HOW, click.how.as_str()),
            (field::FOREIGN, if click.foreign { "1" } else { "" }),
        ] {
            if !value.is_empty() {
                form::push(line, name, value);
            }
        }
    }
}

/// The click ids of this page load.
#[derive(Debug)]
pub struct Clicks<E> {
    minted: Vec<ClickId>,
    pending: Vec<Pending<E>>,
}

impl<E> Clicks<E> {
    /// Begins with the ids that the shim has put into links.
    pub fn new(minted: Vec<ClickId>) -> Self {
        Self { minted, pending: Vec::new() }
    }

    /// An id was put into a link.
    pub fn hand_out(&mut self, click_id: ClickId) {
        self.minted.push(click_id);
    }

    /// Whether an id stands in a link of this page load and no click has used it yet.
    pub fn is_minted(&self, click_id: &ClickId) -> bool {
        self.minted.contains(click_id)
    }

    /// A link was opened: its id belongs to this click now, so that the link gets another one at its next use.
    pub fn open(&mut self, pending: Pending<E>) {
        self.minted.retain(|known| *known != pending.click_id);
        self.pending.push(pending);
    }

    /// The clicks that count. A prevented click's id goes back to its link.
    pub fn settle(&mut self, is_prevented: impl Fn(&E) -> bool) -> Vec<Pending<E>> {
        let mut counted = Vec::new();
        for pending in mem::take(&mut self.pending) {
            if !is_prevented(&pending.event) {
                counted.push(pending);
            } else if !pending.click.foreign {
                self.minted.push(pending.click_id);
            }
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_protocol::event::Event;

    const OURS: &str = "hbshnsrle2u9bhhz1xhcgm36fwbdjgzd";

    fn id() -> ClickId {
        ClickId::parse(OURS).expect("a published id")
    }

    fn pending(prevented: bool, foreign: bool) -> Pending<bool> {
        let click = Click { group: None, href: "https://a/".into(), label: String::new(), how: How::Left, foreign };
        Pending { event: prevented, click_id: id(), click }
    }

    fn clicks() -> Clicks<bool> {
        Clicks::new(vec![id()])
    }

    #[test]
    fn a_link_is_opened_by_left_middle_and_enter_only() {
        let press = Press { kind: "click", detail: 1, trusted: true, ..Press::default() };
        assert_eq!(press.how(), Some(How::Left));
        assert_eq!(Press { modified: true, ..press }.how(), Some(How::Modified));
        assert_eq!(Press { detail: 0, ..press }.how(), Some(How::Keyboard));
        assert_eq!(Press { trusted: false, ..press }.how(), Some(How::Script));
        assert_eq!(Press { kind: "auxclick", button: 1, ..press }.how(), Some(How::Middle));
        assert_eq!(Press { kind: "auxclick", button: 2, ..press }.how(), None);
        assert_eq!(Press { button: 1, ..press }.how(), None);
        for kind in ["pointerover", "pointerdown", "focusin", "keydown", "contextmenu", ""] {
            assert_eq!(Press { kind, ..press }.how(), None, "{kind}");
        }
    }

    #[test]
    fn a_clicked_id_is_used_up_at_once() {
        let mut clicks = clicks();
        clicks.open(pending(false, false));
        assert!(!clicks.is_minted(&id()));
        assert_eq!(clicks.settle(|prevented| *prevented).len(), 1);
        assert!(!clicks.is_minted(&id()));
    }

    #[test]
    fn a_prevented_click_does_not_count_and_its_link_keeps_its_id() {
        let mut clicks = clicks();
        clicks.open(pending(true, false));
        assert!(clicks.settle(|prevented| *prevented).is_empty());
        assert!(clicks.is_minted(&id()));
    }

    #[test]
    fn a_foreign_link_s_event_id_is_never_taken_for_one_in_a_link() {
        let mut clicks = Clicks::new(Vec::new());
        clicks.open(pending(true, true));
        clicks.settle(|prevented| *prevented);
        assert!(!clicks.is_minted(&id()));
    }

    #[test]
    fn a_click_s_line_is_read_as_it_was() {
        let mut line = "event_id=e&name=OutboundClick&at=1&visit_id=hbshnsrle2u9bhhz".to_owned();
        let mut pending = pending(false, true);
        pending.click.group = Some("network".to_owned());
        pending.click.label = "Buy & save".to_owned();
        pending.write(&mut line);
        let event = Event::from_line(&line).expect("an event");
        assert_eq!(event.click_id, Some(pending.click_id));
        assert_eq!(event.click, Some(pending.click));
    }

    #[test]
    fn a_click_counts_once() {
        let mut clicks = clicks();
        clicks.open(pending(false, false));
        assert_eq!(clicks.settle(|_| false).len(), 1);
        assert!(clicks.settle(|_| false).is_empty());
    }
}
