//! What becomes of several calls that say different things under one identity. Pure, and but for edits without a time of their own
//! functions of the set alone: the order of arrival does not matter.

use tagwerk_protocol::conversion::{Conversion, Repeat};

/// Which of two versions goes first: the one sent earlier, one with a time before one without, and where that is equal the smaller hash.
fn rank(version: &Conversion) -> (i64, &str) {
    (version.sent_at.unwrap_or(i64::MAX), &version.content)
}

/// What is booked for these versions, in the order of their receipt, which share an identity and differ in content; `None` where there
/// is none.
///
/// What a repeat does is said by the version that goes first. An edit is a later call by its meaning: of equal times, or where none is
/// told, the one received last counts.
pub fn fold(versions: &[Conversion]) -> Option<Conversion> {
    let first = versions.iter().min_by(|a, b| rank(a).cmp(&rank(b)))?;
    match first.repeat {
        Repeat::Edit => versions.iter().max_by_key(|version| version.sent_at).cloned(),
        Repeat::AddPayout => Some(added_up(first, versions)),
        _ => Some(first.clone()),
    }
}

/// The facts of the first version with the amounts of all. One in another currency, or of an amount that is not known, adds nothing
/// and is told.
fn added_up(first: &Conversion, versions: &[Conversion]) -> Conversion {
    let mut others: Vec<&Conversion> = versions.iter().filter(|version| version.content != first.content).collect();
    others.sort_by(|a, b| rank(a).cmp(&rank(b)));
    let mut sum = first.clone();
    let (mut added, mut left_out) = (0_usize, 0_usize);
    for other in others {
        let amounts = sum.amounts.plus(other.amounts);
        let value = match (sum.value, other.value) {
            (Some(sum), Some(other)) => sum.plus(other),
            _ => None,
        };
        match (amounts, value) {
            (Some(amounts), Some(value)) if other.currency == sum.currency => {
                sum.amounts = amounts;
                sum.value = Some(value);
                added += 1;
            }
            _ => left_out += 1,
        }
    }
    if added > 0 {
        sum.notes.push(format!("the payouts of {} calls are added up", added + 1));
    }
    if left_out > 0 {
        sum.notes.push(format!("{left_out} more could not be added: another currency, or an amount that is not known"));
    }
    sum
}

/// What one more version does to those received before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is the first.
    Makes,
    /// It says what one before it said.
    Repeats,
    /// It says something else, and counts for nothing.
    Loses,
    /// It says something else, and the books follow it.
    Changes,
}

/// What a version does that is received after `before`.
pub fn effect(before: &[Conversion], version: &Conversion) -> Effect {
    let Some(booked) = fold(before) else { return Effect::Makes };
    if before.iter().any(|known| known.content == version.content) {
        return Effect::Repeats;
    }
    let mut all = before.to_vec();
    all.push(version.clone());
    if fold(&all).as_ref() == Some(&booked) { Effect::Loses } else { Effect::Changes }
}

impl Effect {
    /// What is said about it, by what a repeat does.
    pub fn reason(self, repeat: Repeat) -> Option<&'static str> {
        match (self, repeat) {
            (Effect::Makes | Effect::Repeats, _) => None,
            (Effect::Loses, Repeat::Edit) => {
                Some("it says something else than the postback that is booked, which counts because it was sent later")
            }
            (Effect::Loses, _) => {
                Some("it says something else than the postback that is booked, which counts because it was sent earlier")
            }
            (Effect::Changes, Repeat::AddPayout) => Some("its payout is added to what was booked before"),
            (Effect::Changes, Repeat::Edit) => {
                Some("it says something else than the postback before, and counts because it was sent later")
            }
            (Effect::Changes, _) => {
                Some("it says something else than the postback before, and counts because it was sent earlier")
            }
        }
    }
}
