//! The events of this page load, and how far each has come. Pure.

use crate::facts::Facts;
use crate::report::{Event, State, Values};
use tagwerk_protocol::event;

/// The events in order of time, and a sentence for each line that is none. What is in the outbox and younger than `since`, when
/// this page load began, is on its way.
pub fn events(facts: &Facts, since: f64) -> (Vec<Event>, Vec<String>) {
    let mut events: Vec<Event> = Vec::new();
    let mut problems = Vec::new();
    // What is known best comes last: an event that was sent is still in the outbox until it is answered.
    let waiting = facts.outbox.lines().map(|line| (line, State::Waiting, None));
    let held = facts.held.iter().map(|line| (line.as_str(), State::Held, None));
    let sent = facts.sent.iter().flat_map(|(lines, status)| lines.lines().map(move |line| (line, *status)));
    let sent = sent.map(|(line, status)| (line, state(status), status.filter(|status| *status > 0)));
    for (line, state, status) in waiting.chain(held).chain(sent).filter(|(line, ..)| !line.is_empty()) {
        match event::Event::from_line(line) {
            Ok(event) => {
                let mut row = row(event, state, status);
                if row.state == State::Waiting && row.at >= since {
                    row.state = State::InFlight;
                }
                events.retain(|known| known.event_id != row.event_id);
                let after = events.partition_point(|known| known.at <= row.at);
                events.insert(after, row);
            }
            Err(error) => problems.push(format!("an event's line does not read: {error}")),
        }
    }
    (events, problems)
}

/// What an answer's status says; the shim sends again what was answered by none, by 429 or by 5xx.
fn state(status: Option<u16>) -> State {
    match status {
        None => State::InFlight,
        Some(200..=299) => State::Delivered,
        Some(0 | 429 | 500..) => State::Failed,
        Some(_) => State::Refused,
    }
}

fn row(event: event::Event, state: State, status: Option<u16>) -> Event {
    let (href, label, group) = match event.click {
        Some(click) => (Some(click.href), Some(click.label).filter(|label| !label.is_empty()), click.group),
        None => (None, None, None),
    };
    Event {
        event_id: event.event_id,
        name: event.name,
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        at: event.at as f64,
        click_id: event.click_id.map(|id| id.to_string()),
        href,
        label,
        group,
        attributes: Values(event.attributes),
        state,
        status,
    }
}
