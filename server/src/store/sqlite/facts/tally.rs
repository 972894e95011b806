//! Adding rows up in groups.

use super::block::Block;
use super::columns::Cells;
use super::exchange::{Amounts, Exchange, Purse, Spent};
use super::fact::{Class, Kind, column};
use super::plan::{Key, Picked, Plan};
use super::visitors::Sketches;
use crate::store::facts::{Counts, Visitors};
use rustc_hash::FxHashMap;

/// As many keys as there can be at most, for groups to be found in a list instead of a map.
const DENSE: u128 = 1 << 20;
/// As many visits are looked at one by one for their visitors; of more, visitors are estimated.
const EXACT: usize = 300_000;

/// The number of a group, in the order in which groups first came.
type Slot = u32;
const NO_SLOT: Slot = Slot::MAX;

/// Finds the group of a key.
#[derive(Clone)]
enum Slots<K> {
    Dense(Vec<Slot>),
    Sparse(FxHashMap<K, Slot>),
}

/// Who was there.
#[derive(Clone)]
enum Seen {
    Unasked,
    /// The visitor of each visit, with its group.
    Each(Vec<(Slot, u64)>),
    /// Of each group.
    Sketched(Sketches),
}

/// Groups of rows, added up.
#[derive(Clone)]
pub(super) struct Tally<K> {
    slots: Slots<K>,
    keys: Vec<K>,
    /// Visits, bots and clicks.
    traffic: Vec<[i64; 3]>,
    counts: FxHashMap<Slot, Counts>,
    purses: FxHashMap<(Slot, i64), Purse>,
    /// What visits cost: of each currency, by group.
    spent: FxHashMap<i64, Vec<Spent>>,
    seen: Seen,
}

/// What was found of one group.
pub(super) struct Found<K> {
    pub(super) key: K,
    pub(super) counts: Counts,
    /// By the numbers of the currencies.
    pub(super) purses: Vec<(i64, Purse)>,
    pub(super) visitors: Option<Visitors>,
}

impl<K: Key> Tally<K> {
    /// For a plan, with nothing in it.
    pub(super) fn new(plan: &Plan) -> Self {
        let most = plan.keys_at_most().filter(|most| *most <= DENSE).and_then(|most| usize::try_from(most).ok());
        Self {
            slots: most.map_or_else(|| Slots::Sparse(FxHashMap::default()), |most| Slots::Dense(vec![NO_SLOT; most])),
            keys: Vec::new(),
            traffic: Vec::new(),
            counts: FxHashMap::default(),
            purses: FxHashMap::default(),
            spent: FxHashMap::default(),
            seen: if plan.visitors { Seen::Each(Vec::new()) } else { Seen::Unasked },
        }
    }

    /// How much room it takes up, roughly: what grows with the groups and the visitors.
    pub(super) fn bytes(&self) -> usize {
        let slots = match &self.slots {
            Slots::Dense(slots) => size_of_val(slots.as_slice()),
            Slots::Sparse(slots) => slots.capacity() * size_of::<(K, Slot)>(),
        };
        let groups = self.keys.len() * (size_of::<K>() + size_of::<[i64; 3]>());
        let counts = self.counts.capacity() * size_of::<(Slot, Counts)>();
        let purses = self.purses.capacity() * size_of::<((Slot, i64), Purse)>();
        let spent: usize = self.spent.values().map(|spent| size_of_val(spent.as_slice())).sum();
        let seen = match &self.seen {
            Seen::Unasked => 0,
            Seen::Each(each) => size_of_val(each.as_slice()),
            Seen::Sketched(sketches) => sketches.bytes(),
        };
        slots + groups + counts + purses + spent + seen
    }

    fn slot(&mut self, key: K) -> Slot {
        let slot = match &mut self.slots {
            Slots::Dense(slots) => match slots.get_mut(key.place()) {
                Some(slot) => slot,
                None => return NO_SLOT,
            },
            Slots::Sparse(slots) => slots.entry(key).or_insert(NO_SLOT),
        };
        if *slot == NO_SLOT {
            *slot = Slot::try_from(self.keys.len()).unwrap_or(NO_SLOT);
            self.keys.push(key);
            self.traffic.push([0; 3]);
        }
        *slot
    }

    fn traffic(&mut self, slot: Slot) -> Option<&mut [i64; 3]> {
        self.traffic.get_mut(slot as usize)
    }

    /// Adds the rows that are in.
    pub(super) fn add(&mut self, plan: &Plan, block: &Block, exchange: &mut Exchange) {
        let picked = plan.picked(block);
        if matches!(picked, Picked::None) {
            return;
        }
        let keys: Vec<K> = plan.keys(block);
        match block.kind {
            Kind::Visit => self.add_visits(plan, block, &keys, &picked, exchange),
            Kind::Click => self.add_clicks(&keys, &picked),
            Kind::Conversion | Kind::Share => self.add_conversions(plan, block, &keys, &picked, exchange),
        }
    }

    fn add_visits(&mut self, plan: &Plan, block: &Block, keys: &[K], picked: &Picked, exchange: &mut Exchange) {
        let (bots, costs) = (block.column(column::BOT), block.column(column::COST));
        let visitors = plan.visitors.then(|| block.column(column::VISITOR));
        let currencies = plan.currency.map(|column| block.column(column));
        // Visits are many, and most of one currency: its list is held, and put back when another comes.
        let mut held: Option<(i64, Vec<Spent>)> = None;
        for (row, key) in keys.iter().enumerate() {
            if !picked.has(row) {
                continue;
            }
            let slot = self.slot(*key);
            if let Some([visits, of_bots, _]) = self.traffic(slot) {
                *visits += 1;
                *of_bots += bots.at(row);
            }
            if let Some(visitors) = visitors {
                self.see(slot, visitors.at(row).cast_unsigned());
            }
            let cost = costs.at(row);
            if cost != 0 && slot != NO_SLOT {
                let currency = currencies.map_or(0, |currencies| currencies.at(row));
                let (_, spent) = match &mut held {
                    Some(held) if held.0 == currency => held,
                    _ => {
                        self.spent.extend(held.take());
                        held.insert((currency, self.spent.remove(&currency).unwrap_or_default()))
                    }
                };
                let quarter = block.quarters.get(row).copied().unwrap_or_default();
                of_slot(spent, slot).add(cost, currency, quarter, exchange);
            }
        }
        self.spent.extend(held);
    }

    fn add_clicks(&mut self, keys: &[K], picked: &Picked) {
        for (row, key) in keys.iter().enumerate() {
            if picked.has(row) {
                let slot = self.slot(*key);
                if let Some([_, _, clicks]) = self.traffic(slot) {
                    *clicks += 1;
                }
            }
        }
    }

    fn add_conversions(&mut self, plan: &Plan, block: &Block, keys: &[K], picked: &Picked, exchange: &mut Exchange) {
        let of = |column| block.column(column);
        let (classes, counts, values) = (of(column::CLASS), of(column::COUNT), of(column::VALUE));
        let (unvalued, commissions) = (of(column::UNVALUED), of(column::COMMISSION));
        let currencies = plan.currency.map(|column| block.column(column));
        for (row, key) in keys.iter().enumerate() {
            if !picked.has(row) {
                continue;
            }
            let slot = self.slot(*key);
            let class = Class::of(classes.at(row));
            *self.counts.entry(slot).or_default() += counted(class, counts.at(row), unvalued.at(row) != 0);
            let (value, commission) = (values.at(row), commissions.at(row));
            let amounts = match class.goes_back() {
                true => Amounts { refunded: value.saturating_neg(), commission, ..Amounts::default() },
                false => Amounts { revenue: value, commission, ..Amounts::default() },
            };
            self.pay(slot, amounts, currencies, row, block, exchange);
        }
    }

    fn pay(
        &mut self,
        slot: Slot,
        amounts: Amounts,
        currencies: Option<&Cells>,
        row: usize,
        block: &Block,
        exchange: &mut Exchange,
    ) {
        if amounts.is_nothing() {
            return;
        }
        let currency = currencies.map_or(0, |currencies| currencies.at(row));
        let quarter = block.quarters.get(row).copied().unwrap_or_default();
        self.purses.entry((slot, currency)).or_default().add(amounts, currency, quarter, exchange);
    }

    fn see(&mut self, slot: Slot, visitor: u64) {
        match &mut self.seen {
            _ if slot == NO_SLOT => {}
            Seen::Unasked => {}
            Seen::Each(each) => {
                each.push((slot, visitor));
                if each.len() > EXACT {
                    self.seen = Seen::Sketched(sketched(each));
                }
            }
            Seen::Sketched(sketches) => sketches.add(slot, visitor),
        }
    }

    /// Adds what another thread found by the same plan.
    pub(super) fn merge(&mut self, mut other: Self) {
        let slots: Vec<Slot> = std::mem::take(&mut other.keys).into_iter().map(|key| self.slot(key)).collect();
        let of = |slot: Slot| slots.get(slot as usize).copied().unwrap_or(NO_SLOT);
        for (slot, counts) in slots.iter().zip(other.traffic) {
            if let Some(own) = self.traffic(*slot) {
                own.iter_mut().zip(counts).for_each(|(own, count)| *own += count);
            }
        }
        for (slot, counts) in other.counts {
            *self.counts.entry(of(slot)).or_default() += counts;
        }
        for ((slot, currency), purse) in other.purses {
            self.purses.entry((of(slot), currency)).or_default().merge(purse);
        }
        for (currency, others) in other.spent {
            let spent = self.spent.entry(currency).or_default();
            for (slot, other) in slots.iter().zip(others).filter(|(slot, _)| **slot != NO_SLOT) {
                of_slot(spent, *slot).merge(other);
            }
        }
        match other.seen {
            Seen::Unasked => {}
            Seen::Each(each) => each.into_iter().for_each(|(slot, visitor)| self.see(of(slot), visitor)),
            Seen::Sketched(others) => {
                if let Seen::Each(each) = &self.seen {
                    self.seen = Seen::Sketched(sketched(each));
                }
                if let Seen::Sketched(sketches) = &mut self.seen {
                    sketches.merge(others, |slot| Some(of(slot)).filter(|slot| *slot != NO_SLOT));
                }
            }
        }
    }

    /// The groups, and the visitors of all of them.
    pub(super) fn found(self) -> (Vec<Found<K>>, Option<Visitors>) {
        let (visitors, overall) = match self.seen {
            Seen::Unasked => (None, None),
            Seen::Each(each) => {
                let (visitors, overall) = distinct(each, self.keys.len());
                (Some(visitors), Some(overall))
            }
            Seen::Sketched(sketches) => {
                let (visitors, overall) = sketches.visitors(self.keys.len());
                (Some(visitors), Some(overall))
            }
        };
        let mut found: Vec<Found<K>> = self
            .keys
            .into_iter()
            .zip(self.traffic)
            .map(|(key, [visits, bots, clicks])| {
                let counts = Counts { visits, bots, clicks, ..Counts::default() };
                Found { key, counts, purses: Vec::new(), visitors: None }
            })
            .collect();
        for (slot, counts) in self.counts {
            if let Some(found) = found.get_mut(slot as usize) {
                found.counts += counts;
            }
        }
        let mut purses = self.purses;
        for (currency, spent) in self.spent {
            for (slot, spent) in (0..).zip(spent) {
                if !spent.is_nothing() {
                    purses.entry((slot, currency)).or_default().spend(spent);
                }
            }
        }
        for ((slot, currency), purse) in purses {
            if let Some(found) = found.get_mut(slot as usize) {
                found.purses.push((currency, purse));
            }
        }
        for (found, visitors) in found.iter_mut().zip(visitors.unwrap_or_default()) {
            found.visitors = Some(visitors);
        }
        (found, overall)
    }
}

/// What a part of a conversion counts for.
fn counted(class: Class, count: i64, is_unvalued: bool) -> Counts {
    let unvalued = if is_unvalued { count } else { 0 };
    let kept = Counts { conversions: count, unvalued, ..Counts::default() };
    match class {
        Class::Sale => Counts { sales: count, ..kept },
        Class::Lead => Counts { leads: count, ..kept },
        Class::Other => kept,
        Class::Refund => Counts { refunds: count, unvalued, ..Counts::default() },
        Class::Chargeback => Counts { chargebacks: count, unvalued, ..Counts::default() },
    }
}

fn sketched(each: &[(Slot, u64)]) -> Sketches {
    let mut sketches = Sketches::default();
    each.iter().for_each(|(slot, visitor)| sketches.add(*slot, *visitor));
    sketches
}

/// What visits of a group cost, nothing if there were none yet.
fn of_slot(spent: &mut Vec<Spent>, slot: Slot) -> &mut Spent {
    let place = slot as usize;
    if place >= spent.len() {
        spent.resize_with(place + 1, Spent::default);
    }
    #[expect(clippy::indexing_slicing, reason = "it was made long enough just now")]
    &mut spent[place]
}

/// The visitors of each of so many groups, and of all.
fn distinct(mut each: Vec<(Slot, u64)>, groups: usize) -> (Vec<Visitors>, Visitors) {
    each.sort_unstable();
    each.dedup();
    let mut visitors = vec![Visitors::default(); groups];
    for (slot, _) in &each {
        if let Some(visitors) = visitors.get_mut(*slot as usize) {
            visitors.count += 1;
        }
    }
    let mut all: Vec<u64> = each.into_iter().map(|(_, visitor)| visitor).collect();
    all.sort_unstable();
    all.dedup();
    (visitors, Visitors { count: all.len() as u64, estimated: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Visits of one group by visitors of these numbers.
    fn tally(visitors: std::ops::Range<u64>) -> Tally<u64> {
        let mut tally = Tally {
            slots: Slots::Sparse(FxHashMap::default()),
            keys: Vec::new(),
            traffic: Vec::new(),
            counts: FxHashMap::default(),
            purses: FxHashMap::default(),
            spent: FxHashMap::default(),
            seen: Seen::Each(Vec::new()),
        };
        let slot = tally.slot(7);
        visitors.for_each(|number| tally.see(slot, mixed(number)));
        tally
    }

    /// Bits without a pattern, as a hash has them (splitmix64).
    fn mixed(number: u64) -> u64 {
        let one = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let two = (one ^ (one >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let three = (two ^ (two >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        three ^ (three >> 31)
    }

    #[test]
    fn visitors_are_counted_as_long_as_their_visits_are_few_and_estimated_beyond() {
        let most = EXACT as u64;
        let (found, all) = tally(0..most).found();
        let exactly = Visitors { count: most, estimated: false };
        assert_eq!((found[0].visitors, all), (Some(exactly), Some(exactly)));
        let (found, all) = tally(0..most + 1).found();
        let all = all.expect("an estimate");
        assert!(all.estimated && all.count.abs_diff(most) < most / 20, "{all:?}");
        assert_eq!(found[0].visitors, Some(all));
    }

    #[test]
    fn what_two_threads_found_is_estimated_where_both_are_many_together() {
        let half = EXACT as u64 / 2;
        for (one, other, estimated) in
            [(half, half, false), (half, half + 1, true), (2 * half + 1, 3, true), (3, 2 * half + 1, true)]
        {
            let mut merged = tally(0..one);
            merged.merge(tally(one - 3..one - 3 + other));
            let all = merged.found().1.expect("visitors");
            let expected = one + other - 3;
            assert_eq!(all.estimated, estimated);
            assert!(all.count.abs_diff(expected) <= if estimated { expected / 20 } else { 0 }, "{all:?} of {expected}");
        }
    }
}
