//! Answers that are none of the platform's: something on the way there speaks, and most of what it says is over soon.

use super::{Answer, Fate, Outcome};

/// What an answer means that lacks what each answer of the platform has (`wanted`, in its own words). Only the status is believed, and
/// not where it says yes.
pub fn unreadable(answer: &Answer, wanted: &str) -> Outcome {
    match answer.by_status() {
        Fate::Refused(said) if answer.status == 413 => Outcome::Split(said),
        Fate::Refused(said) => Outcome::All(Fate::Down(answer.retry_after, said)),
        Fate::Delivered(_) => {
            let said = format!("HTTP {} without {wanted}, so nothing is known: {}", answer.status, answer.excerpt());
            Outcome::All(Fate::Down(answer.retry_after, said))
        }
        fate => Outcome::All(fate),
    }
}
