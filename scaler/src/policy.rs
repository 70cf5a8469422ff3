//! The scaling policy: how many copies of a worker to run, as a pure function of the current observation and the state kept
//! from earlier ones.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long to wait for a new copy to serve.
const STARTUP: Duration = Duration::from_secs(5);
/// How often the calm before a copy is stopped may double. It doubles when a copy was stopped too early.
const MOST_DOUBLINGS: u32 = 4;

/// The limits and targets for one pattern's copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// The fewest copies. With 0 an idle pattern has none.
    pub min: u32,
    /// The most copies.
    pub max: u32,
    /// Adds copies when requests wait for longer than this, in milliseconds.
    pub target_wait_ms: u64,
    /// Scales to `min` after so many seconds without work; stops one copy after so many without waiting requests.
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

/// The work on a queue by the broker's counters, which may be some seconds old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    /// Requests handled since the queue was declared.
    pub done: u64,
    /// Requests that workers are handling or have prefetched.
    pub in_hand: u32,
}

/// An observation of a pattern.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed {
    /// The time, by a monotonic clock.
    pub at: Duration,
    /// Requests in the queue.
    pub waiting: u32,
    /// Copies that consume the queue.
    pub serving: u32,
    /// Copies that were started and not stopped.
    pub started: u32,
    /// The work; `None` if the counters are not available.
    pub work: Option<Work>,
}

/// The state of a pattern between observations.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    waiting_since: Option<Duration>,
    calm_since: Option<Duration>,
    last_work_at: Option<Duration>,
    work: Option<Work>,
    changed_at: Option<Duration>,
    scaled_down_at: Option<Duration>,
    /// How often the calm before a copy is stopped has doubled.
    doublings: u32,
}

/// Decides how many copies to run. Returns the new state and the number.
pub(crate) fn decide(limits: &Limits, before: Memory, observed: &Observed) -> (Memory, u32) {
    let mut memory = before.updated(observed);
    let present = observed.serving.max(observed.started);
    let wanted = memory.wanted(limits, observed, present).min(limits.max).max(limits.min);
    if wanted > present {
        memory.scaling_up(limits, observed.at);
        memory.changed_at = Some(observed.at);
        memory.last_work_at = Some(observed.at);
    } else if wanted < present {
        memory.changed_at = Some(observed.at);
        memory.scaled_down_at = Some(observed.at);
        if wanted == limits.min {
            memory.doublings = 0;
            memory.scaled_down_at = None;
        }
    }
    (memory, wanted)
}

impl Memory {
    fn updated(mut self, observed: &Observed) -> Self {
        if observed.waiting > 0 {
            self.waiting_since.get_or_insert(observed.at);
            self.calm_since = None;
        } else {
            self.calm_since.get_or_insert(observed.at);
            self.waiting_since = None;
        }
        // Without counters, there may be work.
        let in_hand = observed.work.is_none_or(|work| work.in_hand > 0);
        if observed.waiting > 0 || in_hand || observed.work != self.work || self.last_work_at.is_none() {
            self.last_work_at = Some(observed.at);
        }
        self.work = observed.work;
        self
    }

    fn wanted(&self, limits: &Limits, observed: &Observed, present: u32) -> u32 {
        let for_at_least =
            |since: Option<Duration>, time| since.is_some_and(|since| observed.at.saturating_sub(since) >= time);
        let unchanged_for = |time| self.changed_at.is_none() || for_at_least(self.changed_at, time);
        if observed.waiting > 0 && present == 0 {
            return 1;
        }
        let calm = limits.idle_after() * (1 << self.doublings);
        if for_at_least(self.waiting_since, limits.target_wait()) {
            let all_serve = observed.serving >= present || (observed.serving > 0 && unchanged_for(STARTUP));
            if all_serve && unchanged_for(limits.target_wait()) {
                let careful = self.scaled_down_at.is_some();
                return if careful { present.saturating_add(1) } else { present.saturating_mul(2) };
            }
        } else if for_at_least(self.last_work_at, limits.idle_after()) {
            return limits.min;
        } else if present > limits.min.max(1) && for_at_least(self.calm_since, calm) && unchanged_for(calm) {
            return present - 1;
        }
        present
    }

    /// Records that more copies are needed. If a copy was stopped before, that was too early: the next one is stopped
    /// later. This holds until the pattern is back at its minimum.
    fn scaling_up(&mut self, limits: &Limits, now: Duration) {
        let Some(scaled_down) = self.scaled_down_at else { return };
        let soon = now.saturating_sub(scaled_down) < limits.idle_after() * (2 << self.doublings);
        self.doublings = (self.doublings + 1).min(MOST_DOUBLINGS);
        if !soon {
            self.scaled_down_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Load, Simulated};

    const LIMITS: Limits = Limits { min: 0, max: 4, target_wait_ms: 200, idle_after_s: 10 };

    fn observed(at_ms: u64, waiting: u32, serving: u32, started: u32) -> Observed {
        Observed {
            at: Duration::from_millis(at_ms),
            waiting,
            serving,
            started,
            work: Some(Work { done: 0, in_hand: 0 }),
        }
    }

    #[test]
    fn the_first_request_starts_one_copy_which_may_take_its_time() {
        let (memory, wanted) = decide(&LIMITS, Memory::default(), &observed(0, 0, 0, 0));
        assert_eq!(wanted, 0);
        let (memory, wanted) = decide(&LIMITS, memory, &observed(50, 3, 0, 0));
        assert_eq!(wanted, 1);
        let (memory, wanted) = decide(&LIMITS, memory, &observed(400, 30, 0, 1));
        assert_eq!(wanted, 1, "a copy is starting");
        let (_, wanted) = decide(&LIMITS, memory, &observed(700, 30, 1, 1));
        assert_eq!(wanted, 2);
    }

    #[test]
    fn without_counters_no_copy_counts_as_idle() {
        let blind = |at_ms| Observed { work: None, ..observed(at_ms, 0, 1, 1) };
        let (memory, _) = decide(&LIMITS, Memory::default(), &blind(0));
        assert_eq!(decide(&LIMITS, memory, &blind(1_000_000)).1, 1);
        let (memory, _) = decide(&LIMITS, Memory::default(), &observed(0, 0, 1, 1));
        let (memory, _) = decide(&LIMITS, memory, &observed(1_000, 0, 1, 1));
        assert_eq!(decide(&LIMITS, memory, &observed(11_000, 0, 1, 1)).1, 0);
    }

    #[test]
    fn the_number_of_copies_stays_within_the_limits() {
        for (min, max) in [(0, 1), (1, 1), (1, 3), (2, 8)] {
            let limits = Limits { min, max, ..LIMITS };
            let mut memory = Memory::default();
            for step in 0..20_000_u64 {
                let odd = |salt: u64, below: u64| u32::try_from((step * 7_919 + salt * 104_729) % below).unwrap();
                let observed = observed(step * 50, odd(1, 9) * odd(2, 2), odd(3, 12), odd(4, 12));
                let wanted;
                (memory, wanted) = decide(&limits, memory, &observed);
                assert!((min..=max).contains(&wanted), "{wanted} of {min}..={max}: {observed:?}");
            }
        }
    }

    #[test]
    fn in_thousands_of_runs_no_request_starves_and_idle_patterns_scale_down() {
        for seed in 0..2_000 {
            let limits = Limits { min: u32::try_from(seed % 2).unwrap(), ..LIMITS };
            let mut run = Simulated::new(limits, seed);
            for _ in 0..4 {
                run.under(Load::Random, Duration::from_secs(15));
            }
            assert!(run.longest_wait <= Duration::from_secs(5), "seed {seed}: a request waited {:?}", run.longest_wait);
            run.under(Load::None, Duration::from_secs(25));
            assert_eq!(run.copies(), limits.min, "seed {seed}: it did not scale down");
        }
    }

    #[test]
    fn under_a_steady_load_the_number_of_copies_settles() {
        for seed in 0..300 {
            let mut run = Simulated::new(LIMITS, seed);
            run.under(Load::Steady, Duration::from_mins(10));
            assert!(run.reversals <= 10, "seed {seed}: scaled up after down {} times", run.reversals);
            let settled = run.reversals;
            run.under(Load::Same, Duration::from_mins(5));
            assert!(run.reversals <= settled + 2, "seed {seed}: it does not settle");
            assert!(run.longest_wait <= Duration::from_secs(5), "seed {seed}: a request waited {:?}", run.longest_wait);
        }
    }
}
