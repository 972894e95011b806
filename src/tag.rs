//! The tag's state on one page, and what each call of the shim does to it.
//!
//! The page is changed after the state was put down again: changing it may call back into the tag.

use crate::clicks::{Clicks, Pending};
use crate::page::{self, Anchor, Element, Event, Found};
use crate::visit::{Visit, encoded};
use crate::wanted;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tagwerk_protocol::event::{Click, OUTBOUND_CLICK, PAGE_VIEW, field};
use tagwerk_protocol::form;
use tagwerk_protocol::link::{Link, LinkRules, Plan, plan_at};

/// Most links that are decorated before anybody uses them, and most searches for them.
const MOST_EAGER: u32 = 200;
const MOST_SEARCHES: u32 = 10;
/// Links that one idle slice looks at.
const SLICE: u32 = 50;

/// The state of the tag on this page.
struct Tag {
    rules: LinkRules,
    /// Whether links get ids now.
    decorates: bool,
    visit: Visit,
    clicks: Clicks<Event>,
    eager: u32,
    searches: u32,
    found: Option<Found>,
}

/// What happens to a link.
struct Tagged {
    group: Option<String>,
    click_id: ClickId,
    /// The new address, where it changes.
    href: Option<String>,
    foreign: bool,
}

struct Slot(RefCell<Option<Tag>>);

// The module is built without threads, so nobody else can be here.
#[allow(unsafe_code)]
unsafe impl Sync for Slot {}

static TAG: Slot = Slot(RefCell::new(None));

/// Does something with the state; `None` before [`start`], and for a call from within a call.
fn with<T>(act: impl FnOnce(&mut Tag) -> Option<T>) -> Option<T> {
    act(TAG.0.try_borrow_mut().ok()?.as_mut()?)
}

/// See [`crate::start`].
pub(crate) fn start(settings: &str, facts: &str) -> Option<String> {
    let visit = Visit::recall(facts, || VisitId::mint(&mut page::random).map(|id| id.as_str().to_owned()))?;
    let visitor = visit.visitor.clone();
    let tag = Tag {
        rules: LinkRules::from_text(settings),
        decorates: !encoded(facts, "decorates").is_empty(),
        clicks: Clicks::new(form::split(encoded(facts, "minted"), b'+').filter_map(ClickId::parse).collect()),
        visit,
        eager: MOST_EAGER,
        searches: MOST_SEARCHES,
        found: None,
    };
    *TAG.0.try_borrow_mut().ok()? = Some(tag);
    Some(visitor)
}

/// See [`crate::handle`].
pub(crate) fn handle(event: &Event, link: &Element, label: &str) {
    let Some(anchor) = Anchor::read(link) else { return };
    let change = with(|tag| {
        let tagged = tag.tag(&anchor.link(), &anchor.base)?;
        if let Some(how) = page::press(event, |press| press.how()) {
            let click = Click {
                group: tagged.group,
                href: tagged.href.as_ref().unwrap_or(&anchor.href).clone(),
                label: label.to_owned(),
                how,
                foreign: tagged.foreign,
            };
            tag.clicks.open(Pending { event: event.clone(), click_id: tagged.click_id, click });
        }
        tagged.href
    });
    if let Some(href) = change {
        page::write(link, anchor.name, &href);
    }
}

/// See [`crate::settle`].
pub(crate) fn settle(page: &str) -> Option<String> {
    with(|tag| {
        let mut lines = String::new();
        for pending in tag.clicks.settle(Event::default_prevented) {
            let mut line = tag.line(&pending.click_id, OUTBOUND_CLICK, page);
            pending.write(&mut line);
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(&line);
        }
        (!lines.is_empty()).then_some(lines)
    })
}

/// See [`crate::scan`].
pub(crate) fn scan() -> i32 {
    let mut changes = Vec::new();
    let more = with(|tag| Some(tag.look(&mut changes)));
    for (link, name, href) in changes {
        page::write(&link, name, &href);
    }
    more.unwrap_or(0)
}

/// The line of an event that the page asks for; its click id is its event's id.
pub(crate) fn event(name: &str, page: &str, attributes: &str) -> Option<String> {
    with(|tag| {
        let id = tag.mint()?;
        let mut line = tag.line(&id, name, page);
        if name != PAGE_VIEW {
            form::push(&mut line, field::CLICK_ID, id.as_str());
        }
        if !attributes.is_empty() {
            line.push('&');
            line.push_str(attributes);
        }
        Some(line)
    })
}

/// The URL, decorated if it is a network's.
pub(crate) fn decorate(url: &str, base: &str) -> Option<String> {
    with(|tag| tag.tag(&Link { href: url, group: None, rel: None }, base)?.href)
}

impl Tag {
    fn mint(&self) -> Option<ClickId> {
        ClickId::mint(&self.visit.id, &mut page::random)
    }

    fn line(&self, id: &ClickId, name: &str, page: &str) -> String {
        self.visit.line(id.as_str(), name, page::now(), page)
    }

    /// What happens to a link; `None` where it is left alone.
    fn tag(&mut self, link: &Link<'_>, base: &str) -> Option<Tagged> {
        if !self.decorates {
            return None;
        }
        let plan = plan_at(link, &self.rules, || page::target(link.href, base), |id| self.clicks.is_minted(id));
        let (group, click_id, href, foreign) = match plan {
            Plan::Decorate(decoration) => {
                let click_id = self.mint()?;
                self.clicks.hand_out(click_id.clone());
                let href = decoration.href(click_id.as_str());
                (decoration.group, click_id, Some(href), false)
            }
            Plan::Decorated { group, click_id } => (group, click_id, None, false),
            Plan::Foreign { group } => (Some(group), self.mint()?, None, true),
            Plan::Leave(_) => return None,
        };
        Some(Tagged { group, click_id, href, foreign })
    }

    /// Looks at the next links that nobody has used yet, and notes what is to change.
    fn look(&mut self, changes: &mut Vec<(Element, &'static str, String)>) -> i32 {
        if !self.decorates {
            return 0;
        }
        if self.found.is_none() {
            if self.searches == 0 {
                return -1;
            }
            self.searches -= 1;
            self.found = Found::search(&wanted::selector(&self.rules, &self.visit.id));
        }
        for _ in 0..SLICE {
            let Some(link) = self.found.as_mut().and_then(Iterator::next) else {
                self.found = None;
                return 0;
            };
            if self.eager == 0 {
                return -1;
            }
            self.eager -= 1;
            if let Some(anchor) = Anchor::read(&link)
                && let Some(Tagged { href: Some(href), .. }) = self.tag(&anchor.link(), &anchor.base)
            {
                changes.push((link, anchor.name, href));
            }
        }
        1
    }
}
