//! How long a request may have waited unseen, and whether clocks differ.

use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior};

/// How often we check that this process is running.
const TICK: Duration = Duration::from_millis(100);
/// A longer gap between two checks means that the process was suspended, or got no processor time.
const STALL: Duration = Duration::from_millis(300);
/// For this long after a stall, messages that are read may have arrived during the stall.
const AFTERMATH: Duration = Duration::from_millis(500);

/// Detects that this process was suspended: messages that it reads afterwards may have waited in its socket.
pub(crate) struct Stalls {
    ticks: Interval,
    last: Instant,
    /// When the last stall began and when it ended.
    stall: Option<(Instant, Instant)>,
}

impl Stalls {
    pub(crate) fn new() -> Self {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, last: Instant::now(), stall: None }
    }

    /// Resolves at each tick. Cancel-safe.
    pub(crate) async fn tick(&mut self) {
        self.ticks.tick().await;
        self.note();
    }

    /// The earliest moment at which a message that is read now may have arrived.
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

/// A smaller difference between clocks is ignored.
const TOLERATED_MS: i64 = 1_000;
/// The time in the queue differs between requests; a wrong clock adds the same to each. With this many requests the two can
/// be distinguished.
const SAMPLE: u32 = 16;
/// The least time between two warnings.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(1);

/// Detects that our clock and a caller's differ. Only the times in logs depend on that.
#[derive(Default)]
pub(crate) struct Skew {
    least_ms: Option<i64>,
    seen: u32,
    warned: Option<Instant>,
}

impl Skew {
    /// Takes a request's age by both clocks, and its budget.
    pub(crate) fn note(&mut self, age_ms: i64, budget: Duration) {
        let budget_ms = i64::try_from(budget.as_millis()).unwrap_or(i64::MAX);
        self.seen += 1;
        let least = self.least_ms.map_or(age_ms, |least| least.min(age_ms));
        self.least_ms = Some(least);
        // No message was sent in the future, and the broker keeps none longer than its budget.
        let certain = age_ms < -TOLERATED_MS || age_ms > budget_ms.saturating_add(TOLERATED_MS);
        if certain {
            self.warn(age_ms);
        } else if self.seen >= SAMPLE && least > TOLERATED_MS {
            self.warn(least);
        }
        if certain || self.seen >= SAMPLE {
            (self.least_ms, self.seen) = (None, 0);
        }
    }

    fn warn(&mut self, skew_ms: i64) {
        if self.warned.is_none_or(|warned| warned.elapsed() > BETWEEN_WARNINGS) {
            self.warned = Some(Instant::now());
            tracing::warn!(skew_ms, "our clock and a caller's differ; deadlines do not depend on them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_secs(5);

    fn warns(ages: impl IntoIterator<Item = i64>) -> bool {
        let mut skew = Skew::default();
        ages.into_iter().for_each(|age| skew.note(age, BUDGET));
        skew.warned.is_some()
    }

    #[test]
    fn a_wrong_clock_is_distinguished_from_requests_that_waited() {
        assert!(warns([-3_600_000]) && warns([3_600_000]) && warns([10_000]));
        assert!(warns([2_000; 16]) && !warns([2_000; 15]));
        assert!(!warns([4_000, 3_000, 2_000, 900].into_iter().cycle().take(100)));
        assert!(!warns([-900, 900].into_iter().cycle().take(100)));
    }

    #[test]
    fn a_message_read_after_a_stall_may_have_arrived_during_it() {
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
