//! Who gets the credit: from what a conversion's sub-id leads to, to a verdict. Pure.

use crate::erasing;
use tagwerk_protocol::click_id::{ClickId, Reading, VisitId, read};

/// Why nothing is known of who a conversion came from any more.
pub const ERASED: &str = "the visitor was erased";

/// What a sub-id says, before the store is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// A click id of ours.
    Click(ClickId),
    /// Not one of ours, but it begins like an id of this visit (cut off or changed on the way).
    Visit(VisitId),
    /// The token in the place of that of an erased visitor.
    Erased(String),
    /// Something else.
    Unknown,
    /// Nothing.
    Absent,
}

/// What the store knows of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The click itself was reported.
    pub click: bool,
    /// Its visit was reported.
    pub visit: bool,
}

/// Whose a conversion is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// `attributed`, `unattributed` or `test`.
    pub state: State,
    /// Why, where there is something to say.
    pub reason: Option<String>,
    /// The click it is credited to, or would be.
    pub click_id: Option<String>,
    /// The visit it is credited to.
    pub visit_id: Option<String>,
}

/// Whether a conversion is credited to a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is credited to a visit.
    Attributed,
    /// It matches no visit.
    Unattributed,
    /// It is marked as a test, whatever it matches.
    Test,
}

impl State {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Attributed => "attributed",
            State::Unattributed => "unattributed",
            State::Test => "test",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Attributed, Self::Unattributed, Self::Test].into_iter().find(|state| state.as_str() == word)
    }
}

impl Lead {
    /// Reads what came in the sub-id parameter.
    pub fn of(sub_id: Option<&str>) -> Self {
        if let Some(token) = sub_id.filter(|sub_id| erasing::is_token(sub_id).is_some()) {
            return Lead::Erased(token.to_owned());
        }
        match sub_id.map(read) {
            None | Some(Reading::Absent) => Lead::Absent,
            Some(Reading::Ours(click)) => Lead::Click(click),
            Some(Reading::Other(Some(visit))) => Lead::Visit(visit),
            Some(Reading::Other(None)) => Lead::Unknown,
        }
    }

    /// The visit to look up.
    pub fn visit_id(&self) -> Option<VisitId> {
        match self {
            Lead::Click(click) => Some(click.visit()),
            Lead::Visit(visit) => Some(visit.clone()),
            Lead::Erased(_) | Lead::Unknown | Lead::Absent => None,
        }
    }
}

/// The verdict: by the click, else by the visit in its id, else nobody's.
pub fn attribute(lead: &Lead, found: Found, is_test: bool) -> Attribution {
    let (credited, reason) = match lead {
        Lead::Click(_) if found.click && found.visit => (true, None),
        Lead::Click(_) if found.visit => (true, Some("the click itself was never reported; its id names the visit")),
        Lead::Click(_) => {
            (false, Some("the click id is well-formed, but neither its click nor its visit was reported"))
        }
        Lead::Visit(_) if found.visit => {
            (true, Some("the click id is damaged; its first 16 characters are a visit of this site"))
        }
        Lead::Erased(_) => (found.visit, Some(ERASED)),
        Lead::Visit(_) | Lead::Unknown => (false, Some("the click id is not one of ours")),
        Lead::Absent => (false, Some("no click id was sent")),
    };
    let state = match (is_test, credited) {
        (true, _) => State::Test,
        (false, true) => State::Attributed,
        (false, false) => State::Unattributed,
    };
    let click_id = match lead {
        Lead::Click(click) => Some(click.to_string()),
        Lead::Erased(token) if erasing::is_token(token) == Some(true) => Some(token.clone()),
        _ => None,
    };
    Attribution {
        state,
        reason: reason.map(str::to_owned),
        click_id,
        visit_id: lead.visit_id().filter(|_| credited).map(|visit| visit.to_string()),
    }
}

/// When a conversion happened: the sender's time if it lies between the click and the receipt, else the receipt. What was brought in
/// afterwards happened when the sender says, whether or not a click is known.
pub fn happened_at(sent_at: Option<i64>, clicked_at: Option<i64>, received_at: i64, past: bool) -> i64 {
    let follows = |sent: i64| clicked_at.is_some_and(|clicked| clicked <= sent);
    sent_at.filter(|sent| *sent <= received_at && (past || follows(*sent))).unwrap_or(received_at)
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The verdict where a click counts for so many days only.
pub fn expired(attribution: Attribution, clicked_at: Option<i64>, at: i64, days: u32) -> Attribution {
    let age = clicked_at.map_or(0, |clicked| at.saturating_sub(clicked));
    if attribution.state != State::Attributed || age <= i64::from(days).saturating_mul(DAY) {
        return attribution;
    }
    Attribution {
        state: State::Unattributed,
        reason: Some(format!(
            "its click is {} days old; clicks of this group count for {days} days (click_expiry_days)",
            age / DAY
        )),
        visit_id: None,
        ..attribution
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "758eg6057boyx998uts8t098shhur7sp";
    const BOTH: Found = Found { click: true, visit: true };
    const VISIT_ONLY: Found = Found { click: false, visit: true };
    const NEITHER: Found = Found { click: false, visit: false };

    fn verdict(sub_id: Option<&str>, found: Found) -> Attribution {
        attribute(&Lead::of(sub_id), found, false)
    }

    #[test]
    fn a_reported_click_is_credited_without_a_word() {
        let verdict = verdict(Some(OURS), BOTH);
        assert_eq!(verdict.state, State::Attributed);
        assert_eq!(verdict.reason, None);
        assert_eq!(verdict.click_id.as_deref(), Some(OURS));
        assert_eq!(verdict.visit_id.as_deref(), Some("758eg6057boyx998"));
    }

    #[test]
    fn a_click_that_was_never_reported_is_credited_to_its_visit() {
        let verdict = verdict(Some(&OURS.to_ascii_uppercase()), VISIT_ONLY);
        assert_eq!((verdict.state, verdict.visit_id.as_deref()), (State::Attributed, Some("758eg6057boyx998")));
        assert!(verdict.reason.is_some_and(|reason| reason.contains("never reported")));
    }

    #[test]
    fn an_id_cut_off_on_the_way_is_credited_to_its_visit() {
        let verdict = verdict(OURS.get(..29), VISIT_ONLY);
        assert_eq!((verdict.state, verdict.visit_id.as_deref()), (State::Attributed, Some("758eg6057boyx998")));
        assert!(verdict.reason.is_some_and(|reason| reason.contains("damaged")));
    }

    #[test]
    fn what_matches_nothing_is_kept_as_unattributed_with_a_reason() {
        for (sub_id, found) in
            [(None, NEITHER), (Some("{cid}"), NEITHER), (Some("network-77"), NEITHER), (Some(OURS), NEITHER)]
        {
            let verdict = verdict(sub_id, found);
            assert_eq!((verdict.state, verdict.visit_id.clone()), (State::Unattributed, None), "{sub_id:?}");
            assert!(verdict.reason.is_some());
        }
    }

    #[test]
    fn what_came_of_an_erased_visitor_keeps_its_credit_and_names_nobody() {
        let token = erasing::token("site", OURS, true);
        let credited = verdict(Some(&token), BOTH);
        assert_eq!(
            (credited.state, credited.visit_id, credited.reason.as_deref()),
            (State::Attributed, None, Some(ERASED))
        );
        assert_eq!(credited.click_id.as_deref(), Some(token.as_str()), "what came of one click still belongs together");
        let unknown = verdict(Some(&erasing::token("site", OURS, false)), NEITHER);
        assert_eq!((unknown.state, unknown.click_id), (State::Unattributed, None));
    }

    #[test]
    fn a_test_is_a_test_whatever_it_matches() {
        assert_eq!(attribute(&Lead::of(Some(OURS)), BOTH, true).state, State::Test);
    }

    #[test]
    fn the_sender_s_time_counts_between_click_and_receipt() {
        assert_eq!(happened_at(Some(5), Some(3), 9, false), 5);
        assert_eq!(happened_at(Some(1), Some(3), 9, false), 9);
        assert_eq!(happened_at(Some(10), Some(3), 9, false), 9);
        assert_eq!(happened_at(Some(5), None, 9, false), 9);
        assert_eq!(happened_at(None, Some(3), 9, false), 9);
    }

    #[test]
    fn what_was_brought_in_afterwards_happened_when_the_sender_says() {
        assert_eq!(happened_at(Some(5), None, 9, true), 5);
        assert_eq!(happened_at(Some(1), Some(3), 9, true), 1);
        assert_eq!(happened_at(Some(10), None, 9, true), 9);
        assert_eq!(happened_at(None, None, 9, true), 9);
    }

    #[test]
    fn a_click_that_is_too_old_gets_no_credit_and_says_so() {
        let credited = verdict(Some(OURS), BOTH);
        assert_eq!(expired(credited.clone(), Some(0), 30 * DAY, 30), credited);
        let late = expired(credited.clone(), Some(0), 30 * DAY + 1, 30);
        assert_eq!((late.state, late.visit_id), (State::Unattributed, None));
        assert_eq!(late.click_id, credited.click_id);
        assert!(late.reason.is_some_and(|reason| reason.contains("30 days")));
    }
}
