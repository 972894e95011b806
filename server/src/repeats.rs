//! What becomes of several calls that say different things under one identity. Pure, and but for edits without a time of their own
//! functions of the set alone: the order of arrival does not matter.

use crate::intake;
use tagwerk_protocol::conversion::{Conversion, Repeat};

/// Which of two versions goes first: the one sent earlier, one with a time before one without, and where that is equal the smaller hash.
fn rank(version: &Conversion) -> (i64, &str) {
    (version.sent_at.unwrap_or(i64::MAX), &version.content)
}

/// What is booked for these versions, in the order of their receipt, which share an identity and differ in content; `None` where there
/// is none.
///
/// What was brought in afterwards tells anew what was told at the time, and often less of it: it counts only where nothing was told then.
/// What a repeat does is said by the version that goes first. An edit is a later call by its meaning: of equal times, or where none is
/// told, the one received last counts.
///
/// One that was marked by hand as a test, or as none, marks all: what is told of it once more does not bring it back.
pub fn fold(versions: &[Conversion]) -> Option<Conversion> {
    let mut booked = counted(versions)?;
    let marked = versions.iter().filter(|version| version.marked).min_by(|a, b| rank(a).cmp(&rank(b)));
    if let Some(marked) = marked.filter(|_| !booked.marked) {
        (booked.is_test, booked.marked) = (marked.is_test, true);
        booked.notes.push(intake::marked(marked.is_test).to_owned());
    }
    Some(booked)
}

fn counted(versions: &[Conversion]) -> Option<Conversion> {
    let told_then: Vec<Conversion> = versions.iter().filter(|version| !version.past).cloned().collect();
    if !told_then.is_empty() && told_then.len() < versions.len() {
        return counted(&told_then);
    }
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
    /// What is said about it: of a version that is received after `before`.
    pub fn reason(self, before: &[Conversion], version: &Conversion) -> Option<&'static str> {
        let booked = fold(before)?;
        match (self, booked.repeat) {
            (Effect::Makes | Effect::Repeats, _) => None,
            (Effect::Loses, _) if version.past && !booked.past => {
                Some("what was told at the time is booked; this was brought in afterwards and changes nothing")
            }
            (Effect::Changes, _) if booked.past && !version.past => {
                Some("it was told at the time, and counts before what was brought in afterwards")
            }
            (Effect::Loses, Repeat::Edit) => {
                Some("it says something else than the postback that is booked, which counts because it was sent later")
            }
            (Effect::Loses, _) => Some(
                "it says something else than the postback that is booked, which counts because it was sent earlier",
            ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tagwerk_protocol::conversion::{Amounts, TransactionType};
    use tagwerk_protocol::money::{Amount, Currency};

    fn version(mode: Repeat, sent_at: Option<i64>, cents: i64) -> Conversion {
        let value = Amount::from_scaled(cents * 10_000, 2);
        Conversion {
            group: "network".into(),
            identity: "one".into(),
            content: format!("{sent_at:?} {cents}"),
            kind: "Purchase".into(),
            type_sent: None,
            value: Some(value),
            currency: Currency::parse("EUR"),
            amounts: Amounts { affiliate: Some(value), ..Amounts::default() },
            transaction_id: Some("t".into()),
            transaction_type: TransactionType::Payment,
            assumed: false,
            order_type: None,
            billing_type: None,
            billing_status: None,
            order_id: None,
            product_id: None,
            product_name: None,
            sub_id: None,
            custom: Vec::new(),
            sent_at,
            is_test: false,
            repeat: mode,
            series: None,
            rebill: None,
            recurring: false,
            click_expiry_days: None,
            past: false,
            marked: false,
            notes: Vec::new(),
        }
    }

    fn value(versions: &[Conversion]) -> Option<String> {
        fold(versions)?.value.map(|value| value.to_string())
    }

    #[test]
    fn nothing_is_booked_for_nothing() {
        assert_eq!(fold(&[]), None);
    }

    #[test]
    fn what_was_told_at_the_time_counts_before_what_was_brought_in_afterwards() {
        let told = version(Repeat::Ignore, Some(2), 100);
        let brought = Conversion { past: true, ..version(Repeat::Ignore, Some(1), 900) };
        assert_eq!(value(&[brought.clone(), told.clone()]).as_deref(), Some("1.00"));
        assert_eq!(effect(std::slice::from_ref(&brought), &told), Effect::Changes);
        assert_eq!(effect(&[told], &brought), Effect::Loses);
    }

    #[test]
    fn a_version_that_is_there_already_repeats() {
        let versions = [version(Repeat::AddPayout, Some(1), 100), version(Repeat::AddPayout, Some(2), 50)];
        assert_eq!(effect(&versions, &versions[0]), Effect::Repeats);
        assert_eq!(effect(&versions[..1], &versions[1]), Effect::Changes);
        assert_eq!(effect(&[], &versions[0]), Effect::Makes);
    }

    proptest! {
        #[test]
        fn the_order_of_receipt_does_not_matter(
            times in proptest::collection::btree_set(0i64..50, 1..6),
            cents in proptest::collection::vec(0i64..100_000, 6),
            turn in 0usize..6,
        ) {
            for mode in [Repeat::Ignore, Repeat::Edit, Repeat::AddPayout] {
                let mut versions: Vec<Conversion> =
                    times.iter().zip(&cents).map(|(at, cents)| version(mode, Some(*at), *cents)).collect();
                let before = fold(&versions);
                let turn = turn % versions.len();
                versions.rotate_left(turn);
                prop_assert_eq!(fold(&versions), before.clone());
                versions.reverse();
                prop_assert_eq!(fold(&versions), before);
            }
        }

        #[test]
        fn payouts_add_up_to_their_sum(cents in proptest::collection::btree_set(0i64..1_000_000, 1..8)) {
            let versions: Vec<Conversion> = cents.iter().map(|cents| version(Repeat::AddPayout, None, *cents)).collect();
            let sum = Amount::from_scaled(cents.iter().sum::<i64>() * 10_000, 2).to_string();
            prop_assert_eq!(value(&versions), Some(sum));
        }
    }
}
