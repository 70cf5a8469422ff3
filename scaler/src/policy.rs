//! How many copies of a worker there should be: a pure function of what is seen now and of what was noted before.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A new copy that takes nothing after this long is not waited for any more.
const STARTING: Duration = Duration::from_secs(5);
/// A copy that was taken away too early doubles the calm before the next one goes, up to so many times.
const MOST_RELUCTANT: u32 = 4;

/// Bounds and aims for the copies of one pattern's worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Never fewer copies. With 0 the pattern sleeps while nobody asks.
    pub min: u32,
    /// Never more copies.
    pub max: u32,
    /// Requests that wait for longer than this, in milliseconds, get more copies.
    pub target_wait_ms: u64,
    /// After so many seconds without work a pattern goes back to `min`; after so many without waiting it loses one copy.
    pub idle_after_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { min: 0, max: 4, target_wait_ms: 200, idle_after_s: 60 }
    }
}

impl Limits {
    const fn target_wait(&self) -> Duration {
        Duration::from_millis(self.target_wait_ms)
    }

    const fn idle_after(&self) -> Duration {
        Duration::from_secs(self.idle_after_s)
    }
}

/// What the broker's counters tell of the work on a queue. They may be some seconds old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    /// Requests that were done with, since the queue is there.
    pub done: u64,
    /// Requests that workers have in hand.
    pub in_hand: u32,
}

/// What is seen of a pattern at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed {
    /// The moment, by a clock that only counts.
    pub at: Duration,
    /// Requests that no worker has.
    pub waiting: u32,
    /// Copies that take requests.
    pub serving: u32,
    /// Copies that were started and not stopped.
    pub started: u32,
    /// What is done; `None` while nobody tells.
    pub work: Option<Work>,
}

/// What is noted of a pattern between two moments.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    waits_since: Option<Duration>,
    calm_since: Option<Duration>,
    worked_at: Option<Duration>,
    work: Option<Work>,
    changed_at: Option<Duration>,
    shrunk_at: Option<Duration>,
    reluctance: u32,
}

/// What was noted, and how many copies there should be.
pub(crate) fn decide(limits: &Limits, before: Memory, seen: &Observed) -> (Memory, u32) {
    let mut memory = before.noting(seen);
    let present = seen.serving.max(seen.started);
    let wanted = memory.wanted(limits, seen, present).min(limits.max).max(limits.min);
    if wanted > present {
        memory.regret(limits, seen.at);
        memory.changed_at = Some(seen.at);
        memory.worked_at = Some(seen.at);
    } else if wanted < present {
        memory.changed_at = Some(seen.at);
        memory.shrunk_at = Some(seen.at);
        if wanted == limits.min {
            memory.reluctance = 0;
            memory.shrunk_at = None;
        }
    }
    (memory, wanted)
}

impl Memory {
    fn noting(mut self, seen: &Observed) -> Self {
        if seen.waiting > 0 {
            self.waits_since.get_or_insert(seen.at);
            self.calm_since = None;
        } else {
            self.calm_since.get_or_insert(seen.at);
            self.waits_since = None;
        }
        // Where nobody tells, nobody knows that there is no work.
        let works = seen.waiting > 0 || seen.work.is_none_or(|work| work.in_hand > 0) || seen.work != self.work;
        if works || self.worked_at.is_none() {
            self.worked_at = Some(seen.at);
        }
        self.work = seen.work;
        self
    }

    fn wanted(&self, limits: &Limits, seen: &Observed, present: u32) -> u32 {
        let for_at_least =
            |since: Option<Duration>, time| since.is_some_and(|since| seen.at.saturating_sub(since) >= time);
        let unchanged_for = |time| self.changed_at.is_none() || for_at_least(self.changed_at, time);
        if seen.waiting > 0 && present == 0 {
            return 1;
        }
        let patience = limits.idle_after() * (1 << self.reluctance);
        if for_at_least(self.waits_since, limits.target_wait()) {
            let all_serve = seen.serving >= present || (seen.serving > 0 && unchanged_for(STARTING));
            if all_serve && unchanged_for(limits.target_wait()) {
                let careful = self.shrunk_at.is_some();
                return if careful { present.saturating_add(1) } else { present.saturating_mul(2) };
            }
        } else if for_at_least(self.worked_at, limits.idle_after()) {
            return limits.min;
        } else if present > limits.min.max(1) && for_at_least(self.calm_since, patience) && unchanged_for(patience) {
            return present - 1;
        }
        present
    }

    /// Notes that more copies are wanted. If one was taken away before, that was a mistake; it counts until the pattern
    /// sleeps.
    fn regret(&mut self, limits: &Limits, now: Duration) {
        let Some(shrunk) = self.shrunk_at else { return };
        let soon = now.saturating_sub(shrunk) < limits.idle_after() * (2 << self.reluctance);
        self.reluctance = (self.reluctance + 1).min(MOST_RELUCTANT);
        if !soon {
            self.shrunk_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Load, Simulated};

    const LIMITS: Limits = Limits { min: 0, max: 4, target_wait_ms: 200, idle_after_s: 10 };

    fn seen(at_ms: u64, waiting: u32, serving: u32, started: u32) -> Observed {
        Observed {
            at: Duration::from_millis(at_ms),
            waiting,
            serving,
            started,
            work: Some(Work { done: 0, in_hand: 0 }),
        }
    }

    #[test]
    fn a_sleeping_pattern_wakes_at_the_first_request_and_waits_for_the_copy() {
        let (memory, wanted) = decide(&LIMITS, Memory::default(), &seen(0, 0, 0, 0));
        assert_eq!(wanted, 0);
        let (memory, wanted) = decide(&LIMITS, memory, &seen(50, 3, 0, 0));
        assert_eq!(wanted, 1);
        let (memory, wanted) = decide(&LIMITS, memory, &seen(400, 30, 0, 1));
        assert_eq!(wanted, 1, "one that is starting is waited for");
        let (_, wanted) = decide(&LIMITS, memory, &seen(700, 30, 1, 1));
        assert_eq!(wanted, 2);
    }

    #[test]
    fn where_nobody_tells_of_the_work_nothing_is_put_to_sleep() {
        let blind = |at_ms| Observed { work: None, ..seen(at_ms, 0, 1, 1) };
        let (memory, _) = decide(&LIMITS, Memory::default(), &blind(0));
        assert_eq!(decide(&LIMITS, memory, &blind(1_000_000)).1, 1);
        let (memory, _) = decide(&LIMITS, Memory::default(), &seen(0, 0, 1, 1));
        let (memory, _) = decide(&LIMITS, memory, &seen(1_000, 0, 1, 1));
        assert_eq!(decide(&LIMITS, memory, &seen(11_000, 0, 1, 1)).1, 0);
    }

    #[test]
    fn whatever_is_seen_the_bounds_are_kept() {
        for (min, max) in [(0, 1), (1, 1), (1, 3), (2, 8)] {
            let limits = Limits { min, max, ..LIMITS };
            let mut memory = Memory::default();
            for step in 0..20_000_u64 {
                let odd = |salt: u64, below: u64| u32::try_from((step * 7_919 + salt * 104_729) % below).unwrap();
                let observed = seen(step * 50, odd(1, 9) * odd(2, 2), odd(3, 12), odd(4, 12));
                let wanted;
                (memory, wanted) = decide(&limits, memory, &observed);
                assert!((min..=max).contains(&wanted), "{wanted} of {min}..={max}: {observed:?}");
            }
        }
    }

    #[test]
    fn in_thousands_of_runs_nobody_starves_and_what_is_idle_sleeps() {
        for seed in 0..2_000 {
            let limits = Limits { min: u32::try_from(seed % 2).unwrap(), ..LIMITS };
            let mut run = Simulated::new(limits, seed);
            for _ in 0..4 {
                run.under(Load::Random, Duration::from_secs(15));
            }
            assert!(run.longest_wait <= Duration::from_secs(5), "seed {seed}: somebody waited {:?}", run.longest_wait);
            run.under(Load::None, Duration::from_secs(25));
            assert_eq!(run.copies(), limits.min, "seed {seed}: it does not sleep");
        }
    }

    #[test]
    fn under_a_steady_load_the_number_of_copies_comes_to_rest() {
        for seed in 0..300 {
            let mut run = Simulated::new(LIMITS, seed);
            run.under(Load::Steady, Duration::from_mins(10));
            assert!(run.reversals <= 10, "seed {seed}: {} times up after down", run.reversals);
            let settled = run.reversals;
            run.under(Load::Same, Duration::from_mins(5));
            assert!(run.reversals <= settled + 2, "seed {seed}: it does not come to rest");
            assert!(run.longest_wait <= Duration::from_secs(5), "seed {seed}: somebody waited {:?}", run.longest_wait);
        }
    }
}
