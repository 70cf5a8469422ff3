//! What a worker can know about time without trusting anybody's clock: how old a request may be, and whose clock is wrong.

use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior};

/// How often we look whether we run at all.
const TICK: Duration = Duration::from_millis(100);
/// Who did not run for longer than this has been stopped, or has starved.
const STALL: Duration = Duration::from_millis(300);
/// For so long after a stall, what comes may have come while it lasted.
const AFTERMATH: Duration = Duration::from_millis(500);

/// Notices when this process did not run: what it then finds in its socket may have waited there all the while.
pub(crate) struct Stalls {
    ticks: Interval,
    last: Instant,
    /// When the last one began and when it ended.
    stall: Option<(Instant, Instant)>,
}

impl Stalls {
    pub(crate) fn new() -> Self {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, last: Instant::now(), stall: None }
    }

    /// Ends with each tick. Safe to drop and call again.
    pub(crate) async fn tick(&mut self) {
        self.ticks.tick().await;
        self.note();
    }

    /// The earliest moment at which what is read now may have come.
    pub(crate) fn arrival(&mut self) -> Instant {
        self.note();
        match self.stall {
            Some((began, ended)) if ended.elapsed() < AFTERMATH => began,
            _ => self.last,
        }
    }

    fn note(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.last) > STALL {
            self.stall = Some((self.last, now));
        }
        self.last = now;
    }
}

/// A difference of clocks below this is nobody's business.
const TOLERATED_MS: i64 = 1_000;
/// So many requests tell waiting in a queue, which differs, from a clock, which is wrong for all of them alike.
const SAMPLE: u32 = 16;
/// Between two words about it.
const BETWEEN_WORDS: Duration = Duration::from_mins(1);

/// Notices when our clock and those of our callers differ. Nothing depends on them, save what logs say.
#[derive(Default)]
pub(crate) struct Skew {
    least_ms: Option<i64>,
    seen: u32,
    said: Option<Instant>,
}

impl Skew {
    /// Takes how long ago, by both clocks, a request with this budget was sent.
    pub(crate) fn note(&mut self, age_ms: i64, budget: Duration) {
        let budget_ms = i64::try_from(budget.as_millis()).unwrap_or(i64::MAX);
        self.seen += 1;
        let least = self.least_ms.map_or(age_ms, |least| least.min(age_ms));
        self.least_ms = Some(least);
        // Nothing is younger than now, and the broker keeps nothing longer than its budget.
        let certain = age_ms < -TOLERATED_MS || age_ms > budget_ms.saturating_add(TOLERATED_MS);
        if certain {
            self.say(age_ms);
        } else if self.seen >= SAMPLE && least > TOLERATED_MS {
            self.say(least);
        }
        if certain || self.seen >= SAMPLE {
            (self.least_ms, self.seen) = (None, 0);
        }
    }

    fn say(&mut self, skew_ms: i64) {
        if self.said.is_none_or(|said| said.elapsed() > BETWEEN_WORDS) {
            self.said = Some(Instant::now());
            tracing::warn!(skew_ms, "our clock and a caller's differ; deadlines do not depend on them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_secs(5);

    fn says(ages: impl IntoIterator<Item = i64>) -> bool {
        let mut skew = Skew::default();
        ages.into_iter().for_each(|age| skew.note(age, BUDGET));
        skew.said.is_some()
    }

    #[test]
    fn a_clock_that_is_wrong_is_told_from_requests_that_waited() {
        assert!(says([-3_600_000]) && says([3_600_000]) && says([10_000]));
        assert!(says([2_000; 16]) && !says([2_000; 15]));
        assert!(!says([4_000, 3_000, 2_000, 900].into_iter().cycle().take(100)));
        assert!(!says([-900, 900].into_iter().cycle().take(100)));
    }

    #[test]
    fn what_is_read_after_a_stall_may_have_come_while_it_lasted() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _within = runtime.enter();
        let mut stalls = Stalls::new();
        let before = stalls.last;
        assert!(stalls.arrival().duration_since(before) < Duration::from_millis(100));
        let before = stalls.last;
        std::thread::sleep(Duration::from_millis(310));
        assert_eq!((stalls.arrival(), stalls.arrival()), (before, before));
    }
}
