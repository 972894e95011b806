//! What an attempt means for its deliveries and for the platform's pace. Pure.

use super::backoff::Backoff;
use crate::platforms::Fate;
use crate::store::{Claimed, DeliveryState, Millis, Pace, Settled};
use std::time::Duration;

/// After so many failures in a row an address that the operator entered is given up until the operator says otherwise: some eight hours.
pub const GIVES_UP_AFTER: u32 = 15;
/// The longest that a platform may ask us to stay away at once, in milliseconds.
const LONGEST_RETRY_AFTER: Millis = 86_400_000;

/// One delivery and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The delivery.
    pub id: String,
    /// How often it was sent before.
    pub attempts: u32,
    /// With what its verdict was asked for, where it was sent before.
    pub receipt: Option<String>,
    /// What became of it.
    pub fate: Fate,
    /// Whether a request was made for it.
    pub tried: bool,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// The beginning of the answer, secrets redacted.
    pub answer: Option<String>,
    /// The request and its answer, sealed.
    pub exchange: Option<Vec<u8>>,
}

/// What the rules depend on.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The time.
    pub now: Millis,
    /// From 0 to 1.
    pub chance: f64,
    /// How long to wait after failures.
    pub backoff: Backoff,
    /// The most parcels that may be under way to the platform at once.
    pub most: u32,
    /// Whether the platform is an address that the operator entered.
    pub gives_up: bool,
}

/// What becomes of the deliveries, and how the outlet goes on.
pub fn settle(claimed: &Claimed, attempts: Vec<Attempt>, rules: Rules) -> (Vec<Settled>, Pace) {
    let Rules { now, chance, backoff, .. } = rules;
    let success = attempts
        .iter()
        .any(|attempt| matches!(attempt.fate, Fate::Delivered(_) | Fate::Duplicate(_) | Fate::Enquire(..)));
    let stopped = attempts.iter().find_map(|attempt| match &attempt.fate {
        Fate::Stop(reason) | Fate::Renew(reason) => Some(reason.clone()),
        _ => None,
    });
    let down = attempts.iter().find_map(|attempt| match &attempt.fate {
        Fate::Down(after, reason) => Some((*after, reason.clone())),
        _ => None,
    });
    // Of an address that the operator entered, answers that take nothing are failures too.
    let fruitless = rules.gives_up && !success && attempts.iter().any(|attempt| attempt.tried);
    let failures = match (&down, fruitless) {
        (Some(_), _) | (None, true) => claimed.failures.saturating_add(1),
        (None, false) if success => 0,
        (None, false) => claimed.failures,
    };
    let mut pace = Pace { failures, room: claimed.room, not_before: 0, reason: None, stopped, success };
    if let Some((after, reason)) = down {
        pace.room = Some(1);
        pace.not_before = now.saturating_add(asked(after).unwrap_or_else(|| backoff.wait(failures, chance)));
        pace.reason = Some(reason);
    } else if fruitless {
        pace.room = Some(1);
        pace.not_before = now.saturating_add(backoff.wait(failures, chance));
        let said = attempts.iter().find_map(|attempt| match &attempt.fate {
            Fate::Later(_, reason) | Fate::Refused(reason) if attempt.tried => Some(reason.clone()),
            _ => None,
        });
        pace.reason = said;
    } else if success {
        pace.room = claimed.room.map(|room| room.saturating_mul(2)).filter(|room| *room < rules.most);
    }
    if rules.gives_up && failures >= GIVES_UP_AFTER && pace.stopped.is_none() {
        let last = pace.reason.clone().unwrap_or_else(|| "nothing was taken".into());
        pace.stopped = Some(format!("given up after {failures} failures in a row: {last}"));
    }
    let settled = attempts.into_iter().map(|attempt| settle_one(attempt, &pace, rules)).collect();
    (settled, pace)
}

fn settle_one(attempt: Attempt, pace: &Pace, rules: Rules) -> Settled {
    let later = |after: Option<Duration>| {
        let wait = rules.backoff.wait(attempt.attempts.saturating_add(1), rules.chance);
        rules.now.saturating_add(asked(after).unwrap_or(wait))
    };
    let (state, reason, not_before, receipt) = match attempt.fate {
        Fate::Delivered(note) => (DeliveryState::Delivered, note, rules.now, None),
        Fate::Duplicate(note) => {
            (DeliveryState::Delivered, Some(format!("the platform had it already: {note}")), rules.now, None)
        }
        Fate::Refused(reason) => (DeliveryState::Refused, Some(reason), rules.now, None),
        Fate::Later(after, reason) => (DeliveryState::Waiting, Some(reason), later(after), None),
        // Whatever spoils every request it is in must not stand before the others each time. A verdict that did not come is asked for
        // again.
        Fate::Down(after, reason) => {
            (DeliveryState::Waiting, Some(reason), later(after).max(pace.not_before), attempt.receipt)
        }
        Fate::Enquire(receipt, after) => {
            let reason = "accepted; the platform's verdict comes later".to_owned();
            (DeliveryState::Waiting, Some(reason), later(Some(after)), Some(receipt))
        }
        Fate::Stop(reason) | Fate::Renew(reason) => (DeliveryState::Stopped, Some(reason), rules.now, None),
    };
    Settled {
        id: attempt.id,
        state,
        reason,
        tried: attempt.tried,
        not_before,
        receipt,
        last_status: attempt.status,
        last_answer: attempt.answer,
        exchange: attempt.exchange,
    }
}

fn asked(after: Option<Duration>) -> Option<Millis> {
    after.map(|after| Millis::try_from(after.as_millis()).unwrap_or(LONGEST_RETRY_AFTER).min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_000_000;

    fn settled(failures: u32, room: Option<u32>, fates: Vec<Fate>) -> (Vec<Settled>, Pace) {
        settled_with(failures, room, fates, false)
    }

    fn settled_with(failures: u32, room: Option<u32>, fates: Vec<Fate>, gives_up: bool) -> (Vec<Settled>, Pace) {
        let claimed = Claimed { site_id: "site".into(), platform: "meta".into(), failures, room };
        let attempts = fates.into_iter().enumerate().map(|(index, fate)| Attempt {
            id: index.to_string(),
            attempts: 0,
            receipt: Some("r-0".into()),
            fate,
            tried: true,
            status: Some(200),
            answer: None,
            exchange: None,
        });
        let backoff = Backoff { first: 10_000, longest: 3_600_000 };
        settle(&claimed, attempts.collect(), Rules { now: NOW, chance: 0.5, backoff, most: 16, gives_up })
    }

    #[test]
    fn a_failure_makes_the_platform_wait_and_lets_one_parcel_try_first() {
        let (settled, pace) = settled(2, None, vec![Fate::Down(None, "HTTP 503".into())]);
        assert_eq!((pace.failures, pace.room, pace.not_before), (3, Some(1), NOW + 40_000));
        assert_eq!((settled[0].state, settled[0].not_before), (DeliveryState::Waiting, NOW + 40_000));
    }

    #[test]
    fn retry_after_goes_before_the_usual_wait_within_a_day() {
        let (_, pace) = settled(0, None, vec![Fate::Down(Some(Duration::from_secs(77)), "HTTP 429".into())]);
        assert_eq!(pace.not_before, NOW + 77_000);
        let (_, pace) = settled(0, None, vec![Fate::Down(Some(Duration::from_secs(9_999_999)), "HTTP 429".into())]);
        assert_eq!(pace.not_before, NOW + 86_400_000);
    }

    #[test]
    fn after_an_outage_the_room_doubles_until_it_is_as_wide_as_ever() {
        let mut room = Some(1);
        let mut seen = Vec::new();
        while let Some(now) = room {
            seen.push(now);
            room = settled(3, room, vec![Fate::Delivered(None)]).1.room;
        }
        assert_eq!(seen, [1, 2, 4, 8]);
    }

    #[test]
    fn a_verdict_that_did_not_come_is_asked_for_again_and_one_that_says_later_is_sent_again() {
        let (settled, _) =
            settled(0, None, vec![Fate::Down(None, "HTTP 503".into()), Fate::Later(None, "too recent".into())]);
        assert_eq!(settled[0].receipt.as_deref(), Some("r-0"));
        assert_eq!(settled[1].receipt, None);
    }

    #[test]
    fn a_stop_stops_the_platform_and_says_why() {
        let (settled, pace) = settled(0, None, vec![Fate::Stop("the token has expired".into())]);
        assert_eq!(pace.stopped.as_deref(), Some("the token has expired"));
        assert_eq!(settled[0].state, DeliveryState::Stopped);
    }

    #[test]
    fn an_address_of_the_operators_is_given_up_after_repeated_failures_and_a_platform_is_not() {
        let failed = || vec![Fate::Later(None, "HTTP 400".into())];
        let (_, pace) = settled_with(GIVES_UP_AFTER - 1, None, failed(), true);
        assert!(pace.stopped.is_some_and(|reason| reason.contains("15 failures")));
        let (_, pace) = settled_with(0, None, failed(), true);
        assert_eq!((pace.not_before, pace.room), (NOW + 10_000, Some(1)), "and has time between them");
        let (_, pace) = settled_with(GIVES_UP_AFTER - 1, None, vec![Fate::Down(None, "down".into())], false);
        assert_eq!(pace.stopped, None);
    }

    #[test]
    fn what_is_taken_or_refused_ends_and_what_is_judged_later_is_asked_for() {
        let (settled, pace) = settled(
            0,
            None,
            vec![
                Fate::Delivered(None),
                Fate::Duplicate("seen".into()),
                Fate::Refused("no".into()),
                Fate::Enquire("r-1".into(), Duration::from_secs(60)),
            ],
        );
        use DeliveryState::*;
        let states: Vec<DeliveryState> = settled.iter().map(|settled| settled.state).collect();
        assert_eq!(states, [Delivered, Delivered, Refused, Waiting]);
        assert_eq!((settled[3].receipt.as_deref(), settled[3].not_before), (Some("r-1"), NOW + 60_000));
        assert!(pace.success);
    }
}
