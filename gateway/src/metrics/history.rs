//! The requests of a pattern in the last five minutes, in slots of ten seconds.

use std::collections::VecDeque;
use std::time::Duration;

use crate::metrics::buckets::{BUCKETS, percentiles};

/// The length of a slot, in seconds.
pub(crate) const SLOT: u64 = 10;
/// The number of slots that are kept.
const KEPT: usize = 30;

/// The requests of one pattern by slot. Slots are numbered from 1970, so that all gateways have the same.
pub(crate) struct History {
    /// The slot in which it started, which is incomplete.
    first: u64,
    now: u64,
    counts: [u32; BUCKETS],
    past: VecDeque<Slot>,
}

/// A slot of ten seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slot {
    pub(crate) number: u64,
    /// Requests.
    pub(crate) count: u64,
    /// The median and the 99th percentile of their durations; `None` if there were none.
    pub(crate) p50_p99: Option<(Duration, Duration)>,
}

impl Slot {
    const fn empty(number: u64) -> Self {
        Self { number, count: 0, p50_p99: None }
    }
}

impl History {
    pub(crate) const fn new(first: u64) -> Self {
        Self { first, now: first, counts: [0; BUCKETS], past: VecDeque::new() }
    }

    /// Counts a request in a bucket of durations.
    pub(crate) fn count(&mut self, slot: u64, bucket: usize) {
        self.advance(slot);
        self.counts[bucket] += 1;
    }

    /// The completed slots, the oldest first.
    pub(crate) fn read(&mut self, slot: u64) -> Vec<Slot> {
        self.advance(slot);
        self.past.iter().copied().collect()
    }

    /// Completes the slots before this one. Ignores a clock that goes back.
    fn advance(&mut self, slot: u64) {
        if slot <= self.now {
            return;
        }
        if self.now != self.first {
            let counts = self.counts.map(u64::from);
            let (count, p50_p99) = (counts.iter().sum(), percentiles(&counts));
            self.past.push_back(Slot { number: self.now, count, p50_p99 });
        }
        // The slots in between are empty.
        let kept = u64::try_from(KEPT).unwrap_or(u64::MAX);
        let empty = (self.now + 1).max(slot.saturating_sub(kept))..slot;
        self.past.extend(empty.map(Slot::empty));
        while self.past.len() > KEPT {
            self.past.pop_front();
        }
        (self.now, self.counts) = (slot, [0; BUCKETS]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(history: &mut History, slot: u64) -> Vec<(u64, u64)> {
        history.read(slot).iter().map(|slot| (slot.number, slot.count)).collect()
    }

    #[test]
    fn a_slot_is_reported_when_it_is_complete_and_the_first_one_never() {
        let mut history = History::new(100);
        history.count(100, 9);
        assert_eq!(counts(&mut history, 100), []);
        history.count(101, 9);
        history.count(101, 9);
        assert_eq!(counts(&mut history, 101), []);
        assert_eq!(counts(&mut history, 102), [(101, 2)]);
        assert!(history.read(102)[0].p50_p99.is_some());
    }

    #[test]
    fn slots_without_requests_are_reported() {
        let mut history = History::new(100);
        history.count(101, 9);
        assert_eq!(counts(&mut history, 104), [(101, 1), (102, 0), (103, 0)]);
        assert_eq!(history.read(104)[1].p50_p99, None);
    }

    #[test]
    fn five_minutes_are_kept() {
        let mut history = History::new(100);
        for slot in 101..200 {
            history.count(slot, 9);
        }
        assert_eq!(counts(&mut history, 200), (170..200).map(|slot| (slot, 1)).collect::<Vec<_>>());
        history.count(100_000, 9);
        assert_eq!(counts(&mut history, 100_001).len(), KEPT);
    }

    #[test]
    fn a_clock_that_goes_back_is_ignored() {
        let mut history = History::new(100);
        history.count(105, 9);
        history.count(90, 9);
        assert_eq!(counts(&mut history, 106).last(), Some(&(105, 2)));
    }
}
