//! How many visitors there were: counted where they are few, estimated where they are many.
//!
//! The estimate is HyperLogLog over 4096 registers (Flajolet and others, 2007), whose error is 1.6 %, read by Ertl's estimator (2017), which
//! has no bias at either end. It is a page of arithmetic; what crates there are for it neither keep small groups exact nor merge the
//! parts of several threads without hashing again.

use crate::store::facts::Visitors;

/// The logarithm of the number of registers.
const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;
/// The bits of a hash that a register's rank is read from.
const RANKS: u32 = 64 - BITS;
/// As many visitors as take up the room of the registers are kept one by one.
const FEW: usize = REGISTERS / 8;

/// The visitors of one group.
#[derive(Debug, Clone)]
pub(super) enum Sketch {
    /// Each of them, some perhaps more than once.
    Few(Vec<u64>),
    /// Of each part of them the highest rank.
    Many(Vec<u8>),
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Sketch {
    /// Adds a visitor; the same one as often as you like.
    pub(super) fn add(&mut self, hash: u64) {
        match self {
            Self::Few(hashes) => {
                hashes.push(hash);
                if hashes.len() >= FEW {
                    hashes.sort_unstable();
                    hashes.dedup();
                    // With room to go on, else it would be sorted again at every step.
                    if hashes.len() > FEW / 2 {
                        let mut registers = vec![0; REGISTERS];
                        hashes.iter().for_each(|hash| register(&mut registers, *hash));
                        *self = Self::Many(registers);
                    }
                }
            }
            Self::Many(registers) => register(registers, hash),
        }
    }

    /// Adds the visitors of another group.
    pub(super) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Few(hashes)) => hashes.iter().for_each(|hash| self.add(*hash)),
            (Self::Few(_), Self::Many(registers)) => {
                let mut merged = Self::Many(registers.clone());
                merged.merge(self);
                *self = merged;
            }
            (Self::Many(own), Self::Many(others)) => {
                own.iter_mut().zip(others).for_each(|(own, other)| *own = (*own).max(*other));
            }
        }
    }

    /// How many there are.
    pub(super) fn visitors(mut self) -> Visitors {
        let count = match &mut self {
            Self::Few(hashes) => {
                hashes.sort_unstable();
                hashes.dedup();
                hashes.len() as u64
            }
            Self::Many(registers) => estimate(registers),
        };
        Visitors { count, estimated: true }
    }
}

/// So many visitors wait to be added to the sketches of their groups: then those of one group are added one after the other, and its
/// registers are looked up once instead of each time.
const WAITING: usize = 1 << 18;

/// The visitors of each of many groups, by the groups' numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Sketches {
    groups: Vec<Sketch>,
    waiting: Vec<(u32, u64)>,
}

impl Sketches {
    /// Adds a visitor of a group; the same one as often as you like.
    pub(super) fn add(&mut self, group: u32, hash: u64) {
        self.waiting.push((group, hash));
        if self.waiting.len() >= WAITING {
            self.settle();
        }
    }

    /// Adds those who wait, group by group.
    fn settle(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(last) = waiting.iter().map(|(group, _)| *group as usize).max() else { return };
        if self.groups.len() <= last {
            self.groups.resize_with(last + 1, Sketch::default);
        }
        // Where the visitors of each group begin in a list of all, in the order of groups.
        let mut places = vec![0u32; last + 2];
        for (group, _) in &waiting {
            if let Some(place) = places.get_mut(*group as usize + 1) {
                *place += 1;
            }
        }
        let mut before = 0;
        for place in &mut places {
            before += *place;
            *place = before;
        }
        let mut sorted = vec![0u64; waiting.len()];
        for (group, hash) in &waiting {
            if let Some(place) = places.get_mut(*group as usize) {
                if let Some(cell) = sorted.get_mut(*place as usize) {
                    *cell = *hash;
                }
                *place += 1;
            }
        }
        // Each place has moved on to where its group ends.
        let mut from = 0;
        for (sketch, end) in self.groups.iter_mut().zip(&places) {
            let hashes = sorted.get(from as usize..*end as usize).unwrap_or_default();
            hashes.iter().for_each(|hash| sketch.add(*hash));
            from = *end;
        }
        self.waiting = waiting;
        self.waiting.clear();
    }

    /// Adds those of others, whose groups have other numbers.
    pub(super) fn merge(&mut self, mut others: Self, number: impl Fn(u32) -> Option<u32>) {
        others.settle();
        self.settle();
        for (other, sketch) in (0..).zip(&others.groups) {
            let Some(place) = number(other).map(|number| number as usize) else { continue };
            if self.groups.len() <= place {
                self.groups.resize_with(place + 1, Sketch::default);
            }
            if let Some(own) = self.groups.get_mut(place) {
                own.merge(sketch);
            }
        }
    }

    /// How much room they take up.
    pub(super) fn bytes(&self) -> usize {
        let of_group = |sketch: &Sketch| match sketch {
            Sketch::Few(hashes) => size_of_val(hashes.as_slice()),
            Sketch::Many(registers) => registers.len(),
        };
        let groups: usize = self.groups.iter().map(|sketch| size_of::<Sketch>() + of_group(sketch)).sum();
        groups + size_of_val(self.waiting.as_slice())
    }

    /// How many there are in each of so many groups, and in all together.
    pub(super) fn visitors(mut self, groups: usize) -> (Vec<Visitors>, Visitors) {
        self.settle();
        self.groups.resize_with(groups, Sketch::default);
        let mut all = Sketch::default();
        self.groups.iter().for_each(|sketch| all.merge(sketch));
        (self.groups.into_iter().map(Sketch::visitors).collect(), all.visitors())
    }
}

fn register(registers: &mut [u8], hash: u64) {
    let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
    if let Some(register) = registers.get_mut((hash >> RANKS) as usize) {
        *register = (*register).max(rank);
    }
}

/// Algorithm 6 of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches".
fn estimate(registers: &[u8]) -> u64 {
    let mut counts = [0u32; RANKS as usize + 2];
    for register in registers {
        if let Some(count) = counts.get_mut(usize::from(*register)) {
            *count += 1;
        }
    }
    let all = REGISTERS as f64;
    let (Some((empty, rest)), Some(full)) = (counts.split_first(), counts.last()) else { return 0 };
    let mut sum = all * tau(1.0 - f64::from(*full) / all);
    for count in rest.iter().rev().skip(1) {
        sum = 0.5 * (sum + f64::from(*count));
    }
    sum += all * sigma(f64::from(*empty) / all);
    (all * all / (2.0 * std::f64::consts::LN_2 * sum)).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    let (mut y, mut z) = (1.0, x);
    // All registers are empty: an infinite sum, and nothing counted.
    if x >= 1.0 {
        return f64::INFINITY;
    }
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes that look like chance, different ones for different numbers.
    fn hash(number: u64) -> u64 {
        let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn sketch(numbers: impl Iterator<Item = u64>) -> Sketch {
        let mut sketch = Sketch::default();
        numbers.for_each(|number| sketch.add(hash(number)));
        sketch
    }

    #[test]
    fn few_visitors_are_counted_exactly_however_often_they_come() {
        assert_eq!(sketch((0..5000).map(|number| number % 200)).visitors().count, 200);
        assert_eq!(Sketch::default().visitors().count, 0);
    }

    #[test]
    fn many_visitors_are_estimated_within_five_per_cent() {
        for count in [300u64, 600, 3000, 10_000, 20_000, 300_000] {
            let found = sketch((0..count).chain(0..count)).visitors().count;
            assert!(found.abs_diff(count) * 20 <= count, "{found} of {count}");
        }
    }

    #[test]
    fn groups_that_are_merged_are_as_one_that_had_all_of_them() {
        for (one, other) in [(0..50, 30..90), (0..5000, 4000..9000), (0..40, 20..6000), (0..6000, 20..40)] {
            let mut merged = sketch(one.clone());
            merged.merge(&sketch(other.clone()));
            assert_eq!(merged.visitors(), sketch(one.start..other.end.max(one.end)).visitors());
        }
    }

    #[test]
    fn nothing_at_all_is_none() {
        assert_eq!(estimate(&[0; REGISTERS]), 0);
    }
}
