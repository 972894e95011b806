//! Who gets the credit for a conversion: the attribution models over a visitor's touches. Pure, and functions of the set alone: the
//! order in which touches are told does not matter. `docs/attribution.md` works the models out by hand.
//!
//! Credits are integers: the value in 10^-6, as [`Amount::scaled`](tagwerk_protocol::money::Amount::scaled) gives it, and the
//! conversion itself in millionths. Those of one conversion add up to exactly its value and to exactly one. The sign plays no part, so that
//! a refund of all of a sale takes back exactly what the sale gave.

use std::collections::BTreeSet;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// How long before a conversion a touch may lie to count, in milliseconds: 90 days, as analytics looks back.
pub const LOOK_BACK: i64 = 90 * DAY;
/// After how long a touch weighs half as much in [`Model::TimeDecay`], in milliseconds: 7 days.
pub const HALF_LIFE: i64 = 7 * DAY;
/// Of more touches, the latest so many count, beside the visit of the click. No person comes this often; programs do.
pub const MOST_TOUCHES: usize = 50;
/// One whole conversion, in the unit of [`Credit::count`].
pub const WHOLE: i64 = 1_000_000;

/// The bits of a weight behind the point.
const WEIGHT_BITS: u32 = 62;
/// How finely the part of an age below [`HALF_LIFE`] is read: to less than a millisecond.
const AGE_BITS: u32 = 32;

/// How the credit for a conversion is shared among the visits that led to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// All to the visit of the click.
    #[default]
    Click,
    /// All to the last touch that is not direct; to the visit of the click where every touch is.
    LastNonDirect,
    /// All to the first touch.
    First,
    /// The same to each touch.
    Linear,
    /// Half as much to a touch for every [`HALF_LIFE`] it lies further back.
    TimeDecay,
    /// 40 % to the first, 40 % to the last, 20 % to those between; half each where there are two.
    PositionBased,
}

impl Model {
    /// Every model, in the order in which they are offered.
    pub const ALL: [Self; 6] =
        [Self::Click, Self::LastNonDirect, Self::First, Self::Linear, Self::TimeDecay, Self::PositionBased];

    /// The word, as stored and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Model::Click => "click",
            Model::LastNonDirect => "last_non_direct",
            Model::First => "first",
            Model::Linear => "linear",
            Model::TimeDecay => "time_decay",
            Model::PositionBased => "position_based",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// A visit of the visitor that converted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// When it began, in milliseconds since 1970 UTC.
    pub at: i64,
    /// The visit.
    pub visit_id: String,
    /// Whether nothing says where it came from: no campaign parameter and no ad click id.
    pub direct: bool,
}

/// What the credit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case<'a> {
    /// When it happened, in milliseconds since 1970 UTC; of a refund, when its sale did.
    pub at: i64,
    /// Its value in 10^-6, negative where money went back; `None` where it is not known.
    pub value: Option<i64>,
    /// The visit of its click.
    pub visit_id: &'a str,
}

/// What a visit gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// The visit.
    pub visit_id: String,
    /// Its part of the conversion, in millionths.
    pub count: i64,
    /// Its part of the value, in 10^-6; `None` where the value is not known.
    pub value: Option<i64>,
}

/// Shares the credit for a conversion among `touches`, visits of one visitor in any order. Those after the conversion or further back than
/// [`LOOK_BACK`] do not count; the visit of the click always does, told or not. Visits that get nothing are left out; the others stand in
/// the order of time.
pub fn credits(model: Model, case: &Case<'_>, touches: &[Touch]) -> Vec<Credit> {
    let path = path(case, touches);
    let weights = weights(model, case, &path);
    let counts = split(WHOLE, &weights);
    let values = case.value.map(|value| split(value, &weights));
    let credits = path.into_iter().zip(counts).enumerate().map(|(index, (touch, count))| Credit {
        visit_id: touch.visit_id,
        count,
        value: values.as_ref().and_then(|values| values.get(index).copied()),
    });
    credits.filter(|credit| credit.count != 0 || credit.value.is_some_and(|value| value != 0)).collect()
}

/// The touches that count, in the order of time.
fn path(case: &Case<'_>, touches: &[Touch]) -> Vec<Touch> {
    let from = case.at.saturating_sub(LOOK_BACK);
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut sorted: Vec<&Touch> = touches.iter().collect();
    sorted.sort();
    sorted.retain(|touch| known.insert(&touch.visit_id));
    let own = sorted.iter().find(|touch| touch.visit_id == case.visit_id).copied().cloned();
    let mut path: Vec<Touch> =
        sorted.into_iter().filter(|touch| (from..=case.at).contains(&touch.at)).cloned().collect();
    path.drain(..path.len().saturating_sub(MOST_TOUCHES));
    if !path.iter().any(|touch| touch.visit_id == case.visit_id) {
        path.push(own.unwrap_or_else(|| Touch { at: case.at, visit_id: case.visit_id.to_owned(), direct: true }));
        path.sort();
    }
    path
}

/// The weight of each touch; at least one is not zero.
fn weights(model: Model, case: &Case<'_>, path: &[Touch]) -> Vec<u128> {
    let only = |chosen: usize| (0..path.len()).map(|index| u128::from(index == chosen)).collect();
    let own = || path.iter().position(|touch| touch.visit_id == case.visit_id).unwrap_or_default();
    match model {
        Model::Click => only(own()),
        Model::LastNonDirect => only(path.iter().rposition(|touch| !touch.direct).unwrap_or_else(own)),
        Model::First => only(0),
        Model::Linear => vec![1; path.len()],
        Model::TimeDecay => path.iter().map(|touch| decayed(case.at.saturating_sub(touch.at))).collect(),
        Model::PositionBased => {
            // 40 to 20/between to 40, in whole numbers.
            let ends = match path.len() {
                0..=2 => 1,
                touches => 2 * (touches as u128 - 2),
            };
            let last = path.len().saturating_sub(1);
            (0..path.len()).map(|index| if index == 0 || index == last { ends } else { 1 }).collect()
        }
    }
}

/// `2^(-age / HALF_LIFE)` in units of 2^-62, never zero. By square roots on integers: a float's last digit may differ between machines,
/// and with it the books.
fn decayed(age: i64) -> u128 {
    let age = age.max(0);
    let mut weight = 1u128 << WEIGHT_BITS;
    let mut root = weight;
    let mut rest = age % HALF_LIFE;
    // Each root stands for half the time of the one before: 2^(-1/2), 2^(-1/4), ...; the first one, 2^-1, for all of it.
    root >>= 1;
    for _ in 0..AGE_BITS {
        root = (root << WEIGHT_BITS).isqrt();
        rest *= 2;
        if rest >= HALF_LIFE {
            rest -= HALF_LIFE;
            weight = (weight * root) >> WEIGHT_BITS;
        }
    }
    let halvings = u32::try_from(age / HALF_LIFE).unwrap_or(u32::MAX);
    weight.checked_shr(halvings).unwrap_or_default().max(1)
}

/// Splits a total by weights into integers that add up to exactly the total: each its part rounded towards zero, and what is left over one
/// unit each to those that lost most, the earlier one of two alike.
fn split(total: i64, weights: &[u128]) -> Vec<i64> {
    let sum: u128 = weights.iter().sum();
    if sum == 0 {
        return Vec::new();
    }
    // At most 2^63 times 2^62: within 128 bits.
    let magnitude = u128::from(total.unsigned_abs());
    let mut parts: Vec<u128> = weights.iter().map(|weight| magnitude * weight / sum).collect();
    let mut left = magnitude - parts.iter().sum::<u128>();
    let mut by_loss: Vec<(u128, usize)> =
        weights.iter().enumerate().map(|(index, weight)| (magnitude * weight % sum, index)).collect();
    by_loss.sort_by(|(one, first), (other, second)| other.cmp(one).then(first.cmp(second)));
    for (_, index) in by_loss {
        if left == 0 {
            break;
        }
        if let Some(part) = parts.get_mut(index) {
            *part += 1;
            left -= 1;
        }
    }
    let signed = |part: u128| {
        let part = i128::try_from(part).unwrap_or(i128::MAX);
        // No part is larger than the total, so it fits.
        i64::try_from(if total < 0 { -part } else { part }).unwrap_or(total)
    };
    parts.into_iter().map(signed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// When the sale of the examples happens.
    const SALE: i64 = 1_700_000_000_000;

    fn touch(visit_id: &str, days_before: i64, direct: bool) -> Touch {
        Touch { at: SALE - days_before * DAY, visit_id: visit_id.into(), direct }
    }

    /// An ad, a newsletter, an ad again, and a visit by hand on the day of the sale: the story of `docs/attribution.md`.
    fn story() -> Vec<Touch> {
        vec![
            touch("1-ad", 21, false),
            touch("2-letter", 14, false),
            touch("3-again", 7, false),
            touch("4-direct", 0, true),
        ]
    }

    /// What each visit of the story gets of 90.00, whose click was in the newsletter's visit.
    fn shared(model: Model) -> Vec<(String, i64, i64)> {
        let case = Case { at: SALE, value: Some(90_000_000), visit_id: "2-letter" };
        let credits = credits(model, &case, &story());
        credits.into_iter().map(|credit| (credit.visit_id, credit.count, credit.value.expect("a value"))).collect()
    }

    fn row(visit_id: &str, count: i64, value: i64) -> (String, i64, i64) {
        (visit_id.to_owned(), count, value)
    }

    #[test]
    fn the_click_model_credits_the_visit_of_the_click() {
        assert_eq!(shared(Model::Click), [row("2-letter", 1_000_000, 90_000_000)]);
    }

    #[test]
    fn the_last_non_direct_model_credits_the_last_visit_that_came_from_somewhere() {
        assert_eq!(shared(Model::LastNonDirect), [row("3-again", 1_000_000, 90_000_000)]);
    }

    #[test]
    fn where_every_touch_is_direct_the_last_non_direct_model_credits_the_click() {
        let touches = [touch("a", 3, true), touch("b", 2, true), touch("c", 1, true)];
        let case = Case { at: SALE, value: None, visit_id: "b" };
        let credits = credits(Model::LastNonDirect, &case, &touches);
        assert_eq!(credits, [Credit { visit_id: "b".into(), count: WHOLE, value: None }]);
    }

    #[test]
    fn the_first_model_credits_the_first_touch() {
        assert_eq!(shared(Model::First), [row("1-ad", 1_000_000, 90_000_000)]);
    }

    #[test]
    fn the_linear_model_credits_each_touch_alike() {
        let quarter = |visit| row(visit, 250_000, 22_500_000);
        assert_eq!(shared(Model::Linear), ["1-ad", "2-letter", "3-again", "4-direct"].map(quarter));
    }

    #[test]
    fn the_time_decay_model_halves_every_seven_days() {
        // 1 + 2 + 4 + 8 = 15 parts of 6.00 each.
        let expected = [
            row("1-ad", 66_667, 6_000_000),
            row("2-letter", 133_333, 12_000_000),
            row("3-again", 266_667, 24_000_000),
            row("4-direct", 533_333, 48_000_000),
        ];
        assert_eq!(shared(Model::TimeDecay), expected);
    }

    #[test]
    fn the_position_based_model_gives_forty_percent_to_each_end() {
        let expected = [
            row("1-ad", 400_000, 36_000_000),
            row("2-letter", 100_000, 9_000_000),
            row("3-again", 100_000, 9_000_000),
            row("4-direct", 400_000, 36_000_000),
        ];
        assert_eq!(shared(Model::PositionBased), expected);
    }

    #[test]
    fn of_two_touches_the_position_based_model_gives_half_to_each() {
        let case = Case { at: SALE, value: Some(3), visit_id: "b" };
        let credits = credits(Model::PositionBased, &case, &[touch("b", 1, false), touch("a", 2, false)]);
        let shared: Vec<_> = credits.iter().map(|credit| (credit.count, credit.value)).collect();
        assert_eq!(shared, [(500_000, Some(2)), (500_000, Some(1))]);
    }

    #[test]
    fn what_does_not_divide_goes_to_the_earlier_touch_and_comes_back_from_there() {
        let touches = [touch("a", 3, false), touch("b", 2, false), touch("c", 1, false)];
        let values = |value: i64| -> Vec<i64> {
            let case = Case { at: SALE, value: Some(value), visit_id: "c" };
            credits(Model::Linear, &case, &touches).iter().map(|credit| credit.value.expect("a value")).collect()
        };
        assert_eq!(values(10_000_000), [3_333_334, 3_333_333, 3_333_333]);
        assert_eq!(values(-10_000_000), [-3_333_334, -3_333_333, -3_333_333]);
    }

    #[test]
    fn a_touch_counts_for_ninety_days_and_not_a_moment_longer() {
        let at = |before: i64| Touch { at: SALE - before, visit_id: "old".into(), direct: false };
        let case = Case { at: SALE, value: Some(2), visit_id: "own" };
        let first = |old: Touch| credits(Model::First, &case, &[old, touch("own", 0, false)])[0].visit_id.clone();
        assert_eq!(first(at(LOOK_BACK)), "old");
        assert_eq!(first(at(LOOK_BACK + 1)), "own");
    }

    #[test]
    fn a_touch_after_the_conversion_counts_for_nothing() {
        let case = Case { at: SALE, value: Some(2), visit_id: "own" };
        let later = Touch { at: SALE + 1, visit_id: "later".into(), direct: false };
        assert_eq!(credits(Model::Linear, &case, &[later, touch("own", 1, false)]).len(), 1);
    }

    #[test]
    fn the_visit_of_the_click_counts_however_old_or_unknown() {
        let case = Case { at: SALE, value: Some(2), visit_id: "own" };
        for touches in [vec![touch("own", 1000, false)], vec![]] {
            for model in Model::ALL {
                let expected = Credit { visit_id: "own".into(), count: WHOLE, value: Some(2) };
                assert_eq!(credits(model, &case, &touches), [expected], "{model:?} {touches:?}");
            }
        }
    }

    #[test]
    fn of_a_crowd_of_touches_the_latest_count_and_that_of_the_click() {
        let mut touches: Vec<Touch> = (0..80).map(|day| touch(&format!("{day:03}"), day, false)).collect();
        touches.push(touch("own", 85, false));
        let credits = credits(Model::Linear, &Case { at: SALE, value: None, visit_id: "own" }, &touches);
        let visits: Vec<&str> = credits.iter().map(|credit| credit.visit_id.as_str()).collect();
        assert_eq!((visits.len(), visits[0], visits[1], visits[50]), (MOST_TOUCHES + 1, "own", "049", "000"));
    }

    #[test]
    fn the_weight_by_age_is_that_of_the_formula() {
        for age in [0, 1, 1000, DAY, 3 * DAY + 17, HALF_LIFE - 1, HALF_LIFE, HALF_LIFE + 1, 20 * DAY, LOOK_BACK] {
            let exact = (-(age as f64) / HALF_LIFE as f64).exp2();
            let ours = decayed(age) as f64 / (1u64 << WEIGHT_BITS) as f64;
            assert!((ours / exact - 1.0).abs() < 1e-9, "{age}: {ours} {exact}");
        }
        assert_eq!((decayed(0), decayed(HALF_LIFE)), (1 << WEIGHT_BITS, 1 << (WEIGHT_BITS - 1)));
        assert_eq!((decayed(i64::MAX), decayed(-5)), (1, 1 << WEIGHT_BITS));
    }

    #[test]
    fn every_model_has_a_word_that_reads_back() {
        for model in Model::ALL {
            assert_eq!(Model::parse(model.as_str()), Some(model));
        }
        assert_eq!(Model::parse("Click"), None);
    }

    prop_compose! {
        fn any_touches()(
            touches in prop::collection::vec((0u8..12, -2 * DAY..100 * DAY, any::<bool>()), 0..70)
        ) -> Vec<Touch> {
            let touch = |(visit, before, direct): (u8, i64, bool)|
                Touch { at: SALE - before, visit_id: format!("v{visit}"), direct };
            touches.into_iter().map(touch).collect()
        }
    }

    proptest! {
        #[test]
        fn credits_add_up_to_exactly_the_value_and_exactly_one(touches in any_touches(), value: i64, own in 0u8..13) {
            let visit_id = format!("v{own}");
            for model in Model::ALL {
                let credits = credits(model, &Case { at: SALE, value: Some(value), visit_id: &visit_id }, &touches);
                prop_assert_eq!(credits.iter().map(|credit| i128::from(credit.count)).sum::<i128>(), i128::from(WHOLE));
                let sum: i128 = credits.iter().map(|credit| i128::from(credit.value.expect("a value"))).sum();
                prop_assert_eq!(sum, i128::from(value));
                prop_assert!(credits.iter().all(|credit| credit.count >= 0));
            }
        }

        #[test]
        fn a_refund_takes_back_exactly_what_its_sale_gave(touches in any_touches(), value in 0..i64::MAX, own in 0u8..13) {
            let visit_id = format!("v{own}");
            for model in Model::ALL {
                let given = credits(model, &Case { at: SALE, value: Some(value), visit_id: &visit_id }, &touches);
                let taken = credits(model, &Case { at: SALE, value: Some(-value), visit_id: &visit_id }, &touches);
                let back: Vec<Credit> = taken
                    .into_iter()
                    .map(|credit| Credit { value: credit.value.map(|value| -value), ..credit })
                    .collect();
                prop_assert_eq!(given, back);
            }
        }

        #[test]
        fn the_order_in_which_touches_are_told_does_not_matter(
            (touches, shuffled) in any_touches().prop_flat_map(|touches| (Just(touches.clone()), Just(touches).prop_shuffle())),
            value: i64,
        ) {
            let case = Case { at: SALE, value: Some(value), visit_id: "v1" };
            for model in Model::ALL {
                prop_assert_eq!(credits(model, &case, &touches), credits(model, &case, &shuffled));
            }
        }
    }
}
