//! Sums over sealed facts, kept for a while: whoever sorts a report, opens its file or looks again asks the same question, and what is
//! sealed does not change. The tail is added to a copy each time.

use super::plan::{Key, Part, Plan};
use super::scan::Where;
use super::tally::Tally;
use crate::store::facts::Asked;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// As many bytes of sums are kept at most.
const ROOM: usize = 64 << 20;
/// As many sums are kept at most: each holds the rates that it was reckoned by, too.
const MOST: usize = 64;

/// A question and the sealed facts that it is about.
#[derive(Debug, PartialEq)]
pub(super) struct Of {
    site_id: String,
    asked: Asked,
    /// The numbers of what rows are told apart by: the first, and how many.
    parts: Vec<(i64, u64)>,
    /// Of each kind its segments, and how many facts each of them has: where one is sealed anew, its number may come again.
    segments: Vec<Vec<(i64, usize)>>,
}

impl Of {
    /// Of a question by its plan.
    pub(super) fn new(site_id: &str, asked: &Asked, plan: &Plan, found: &[Where]) -> Self {
        let part = |part: &Part| match part {
            Part::Time { first, .. } => (*first, part.count()),
            Part::Words { .. } | Part::Nothing => (0, part.count()),
        };
        let of_kind = |found: &Where| found.segments.iter().map(|segment| (segment.segment, segment.facts)).collect();
        Self {
            site_id: site_id.to_owned(),
            asked: asked.clone(),
            parts: plan.by.iter().map(part).collect(),
            segments: found.iter().map(of_kind).collect(),
        }
    }
}

struct Entry {
    of: Of,
    sums: Arc<dyn Any + Send + Sync>,
    bytes: usize,
}

/// The sums that are kept, the last one used last.
#[derive(Default)]
pub(in crate::store::sqlite) struct Kept(Mutex<VecDeque<Entry>>);

impl Kept {
    /// Forgets all of them: they tell visitors apart, and one of these is erased.
    pub(in crate::store::sqlite) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A copy of the sums of a question.
    pub(super) fn find<K: Key>(&self, of: &Of) -> Option<Tally<K>> {
        let sums = {
            let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let place = entries.iter().position(|entry| entry.of == *of)?;
            let entry = entries.remove(place)?;
            let sums = Arc::clone(&entry.sums);
            entries.push_back(entry);
            sums
        };
        sums.downcast_ref::<Tally<K>>().cloned()
    }

    /// Keeps the sums of a question instead of those that were not used for longest, unless they are too large or there is nothing sealed.
    pub(super) fn keep<K: Key>(&self, of: Of, sums: &Tally<K>) {
        let bytes = sums.bytes();
        if bytes > ROOM || of.segments.iter().all(Vec::is_empty) {
            return;
        }
        let entry = Entry { of, sums: Arc::new(sums.clone()), bytes };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|known| known.of != entry.of);
        entries.push_back(entry);
        let mut room = ROOM;
        let kept = entries.iter().rev().take(MOST).take_while(|entry| match room.checked_sub(entry.bytes) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        });
        let beyond = entries.len() - kept.count();
        entries.drain(..beyond);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::Model;
    use crate::store::sqlite::{Options, connection};
    use jiff::tz::TimeZone;

    fn asked(from: i64) -> Asked {
        Asked {
            by: Vec::new(),
            conditions: Vec::new(),
            from,
            until: 9_000_000,
            zone: TimeZone::UTC,
            model: Model::Click,
            into: None,
            rates: Arc::default(),
            visitors: false,
        }
    }

    /// A question about one segment with so many facts.
    fn of(asked: &Asked, facts: usize) -> Of {
        Of { site_id: "site".into(), asked: asked.clone(), parts: Vec::new(), segments: vec![vec![(7, facts)]] }
    }

    fn sums() -> Tally<u64> {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = connection::writing(&folder.path().join("tagwerk.db"), &Options::default()).expect("it opens");
        Tally::new(&Plan::new(&connection, "site", &asked(0)).expect("a plan"))
    }

    #[test]
    fn sums_are_found_for_the_same_question_about_the_same_segments_alone() {
        let (kept, sums) = (Kept::default(), sums());
        kept.keep(of(&asked(0), 50), &sums);
        assert!(kept.find::<u64>(&of(&asked(0), 50)).is_some());
        assert!(kept.find::<u64>(&of(&asked(900_000), 50)).is_none());
        assert!(kept.find::<u64>(&of(&asked(0), 49)).is_none(), "sealed anew without one of its facts");
    }

    #[test]
    fn sums_that_were_not_used_for_longest_make_room() {
        let (kept, sums) = (Kept::default(), sums());
        for number in 0..MOST {
            kept.keep(of(&asked(0), number + 1), &sums);
        }
        assert!(kept.find::<u64>(&of(&asked(0), 1)).is_some());
        kept.keep(of(&asked(0), MOST + 1), &sums);
        assert!(kept.find::<u64>(&of(&asked(0), 1)).is_some());
        assert!(kept.find::<u64>(&of(&asked(0), 2)).is_none());
    }

    #[test]
    fn forgotten_sums_are_gone() {
        let (kept, sums) = (Kept::default(), sums());
        kept.keep(of(&asked(0), 50), &sums);
        kept.forget();
        assert!(kept.find::<u64>(&of(&asked(0), 50)).is_none());
    }

    #[test]
    fn nothing_sealed_is_nothing_to_keep() {
        let (kept, sums) = (Kept::default(), sums());
        let nothing = || Of { segments: vec![Vec::new()], ..of(&asked(0), 1) };
        kept.keep(nothing(), &sums);
        assert!(kept.find::<u64>(&nothing()).is_none());
    }
}
