//! How long to wait after a failure. Pure: chance is passed in.

use crate::store::Millis;

/// How long is waited, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The middle of the first wait.
    pub first: Millis,
    /// The longest wait, but for chance.
    pub longest: Millis,
}

impl Backoff {
    /// The wait after so many failures in a row (at least one): each doubles it up to the longest, and chance, from 0 to 1, makes it from half
    /// to one and a half times as long, so that what failed together does not come back together.
    pub fn wait(self, failures: u32, chance: f64) -> Millis {
        let doubled = 1_i64.checked_shl(failures.saturating_sub(1).min(40)).unwrap_or(i64::MAX);
        let wait = self.first.saturating_mul(doubled).min(self.longest);
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "milliseconds of some days")]
        let spread = (wait as f64 * (0.5 + chance.clamp(0.0, 1.0))) as Millis;
        spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USUAL: Backoff = Backoff { first: 10_000, longest: 3_600_000 };

    #[test]
    fn the_first_wait_is_from_5_to_15_seconds_and_each_failure_doubles_it_up_to_the_longest() {
        assert_eq!(USUAL.wait(1, 0.0), 5_000);
        assert_eq!(USUAL.wait(1, 1.0), 15_000);
        assert_eq!(USUAL.wait(2, 0.5), 20_000);
        assert_eq!(USUAL.wait(5, 0.5), 160_000);
        assert_eq!(USUAL.wait(99, 0.5), 3_600_000);
    }

    proptest! {
        #[test]
        fn no_wait_is_shorter_than_half_the_first_or_longer_than_one_and_a_half_times_the_longest(
            failures in 0_u32.., chance in -1.0..2.0_f64,
        ) {
            let wait = USUAL.wait(failures, chance);
            prop_assert!((5_000..=5_400_000).contains(&wait));
        }
    }
}
