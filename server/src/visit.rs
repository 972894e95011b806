//! What an event says about its visit. Pure.

use crate::store::{FirstTouch, NewVisit};
use std::collections::BTreeMap;
use tagwerk_protocol::event::Event;
use tagwerk_protocol::source::{self, Arrival};

/// What the request tells besides the event.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The user agent, as sent.
    pub user_agent: String,
    /// Two letters, where a proxy tells.
    pub country: Option<String>,
}

/// The visit as it is written if this event is the first that is heard of it.
pub fn of(id: String, event: &Event, click_params: &[String], request: &Request) -> NewVisit {
    // A visit without a source of its own is credited to the last arrival that had one.
    let last = event.touch.as_ref().filter(|_| !event.landing.has_source(click_params));
    let credited = last.unwrap_or(&event.landing);
    let (source, click_ids) = read(credited, click_params);
    let agent = woothee::parser::Parser::new().parse(&request.user_agent);
    let category = agent.map(|agent| agent.category).filter(|category| *category != "UNKNOWN");
    NewVisit {
        id,
        source,
        click_ids,
        first_touch: event.first.as_ref().map(|first| {
            let (source, click_ids) = read(first, click_params);
            FirstTouch {
                at: first.at,
                landing_page: first.page.clone(),
                referrer: present(&first.referrer),
                source,
                click_ids,
            }
        }),
        country: request.country.clone(),
        bot: event.automated || category == Some("crawler"),
        device: category.map(str::to_owned),
    }
}

fn read(arrival: &Arrival, click_params: &[String]) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let source = source::read(&arrival.page, click_params);
    (source.utm.into_iter().collect(), source.click_ids.into_iter().collect())
}

/// The text, or nothing where it is empty.
pub fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_protocol::click_id::VisitId;

    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";

    fn event(landing: &str, touch: Option<&str>) -> Event {
        let arrival = |page: &str| Arrival { at: 1, page: page.to_owned(), referrer: String::new() };
        Event {
            event_id: "e".into(),
            name: "PageView".into(),
            at: 1,
            visit_id: VisitId::parse("0123456789abcdef").expect("an id"),
            visitor_id: None,
            page: landing.into(),
            landing: arrival(landing),
            touch: touch.map(arrival),
            first: None,
            click_id: None,
            click: None,
            attributes: vec![],
            cookies: vec![],
            automated: false,
        }
    }

    fn visit(event: &Event, user_agent: &str) -> NewVisit {
        let request = Request { user_agent: user_agent.into(), country: None };
        of("row".into(), event, &["gclid".to_owned()], &request)
    }

    #[test]
    fn the_source_is_read_from_the_landing_page() {
        let visit = visit(&event("https://a.example/?gclid=X&utm_source=g", None), CHROME);
        assert_eq!(visit.click_ids.get("gclid").map(String::as_str), Some("X"));
        assert_eq!(visit.source.get("utm_source").map(String::as_str), Some("g"));
        assert_eq!(visit.device.as_deref(), Some("pc"));
        assert!(!visit.bot);
    }

    #[test]
    fn a_direct_visit_is_credited_to_the_last_touch() {
        let visit = visit(&event("https://a.example/", Some("https://a.example/?gclid=old")), CHROME);
        assert_eq!(visit.click_ids.get("gclid").map(String::as_str), Some("old"));
    }

    #[test]
    fn a_source_of_its_own_goes_before_the_last_touch() {
        let visit = visit(&event("https://a.example/?gclid=own", Some("https://a.example/?gclid=old")), CHROME);
        assert_eq!(visit.click_ids.get("gclid").map(String::as_str), Some("own"));
    }

    #[test]
    fn bots_and_automated_browsers_are_marked() {
        let bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
        assert!(visit(&event("https://a.example/", None), bot).bot);
        let automated = Event { automated: true, ..event("https://a.example/", None) };
        assert!(visit(&automated, CHROME).bot);
    }
}
