//! An adaptive concurrency limit: additive increase, multiplicative decrease (AIMD), once per round of replies.

use std::time::Instant;

/// The limit is not lowered below this: one request after another would let workers idle.
const LEAST: f64 = 8.0;
/// What a round without congestion adds.
const INCREASE: f64 = 4.0;
/// What congestion multiplies the limit by.
const DECREASE: f64 = 0.5;
/// A round of as many requests as the limit is congested if this fraction of them is late: a few requests that wait for a lock
/// are not congestion.
const CONGESTED: f64 = 0.25;
/// The fewest late requests that are congestion.
const FEWEST_LATE: u32 = 8;

/// How many requests are in flight, and how many may be.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    most: f64,
    current: f64,
    in_flight: usize,
    round: Round,
}

/// The requests that have begun since the limit was last set.
#[derive(Debug)]
struct Round {
    began: Instant,
    in_time: u32,
    late: u32,
    /// Whether the limit was at least half used: otherwise replies in time do not prove that it may rise.
    used: bool,
}

impl Round {
    fn new(now: Instant) -> Self {
        Self { began: now, in_time: 0, late: 0, used: false }
    }

    fn is_congested(&self, limit: f64) -> bool {
        self.late >= FEWEST_LATE && f64::from(self.late) >= CONGESTED * limit
    }
}

impl ConcurrencyLimit {
    /// Starts at the highest limit, so that a gateway that has just started refuses nothing.
    pub(super) fn new(most: usize, now: Instant) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a limit stays far below 2^53")]
        let most = most as f64;
        Self { most, current: most, in_flight: 0, round: Round::new(now) }
    }

    /// The current limit.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `most`")]
    pub(super) fn current(&self) -> usize {
        self.current as usize
    }

    /// Counts a request as in flight, unless the limit is reached.
    pub(super) fn acquire(&mut self) -> bool {
        if self.in_flight >= self.current() {
            return false;
        }
        self.in_flight += 1;
        self.round.used |= self.in_flight * 2 >= self.current();
        true
    }

    /// The request is no longer in flight.
    pub(super) fn release(&mut self) {
        self.in_flight -= 1;
    }

    /// Notes whether a request was answered in time. Those that began in an earlier round say nothing about this one.
    pub(super) fn note(&mut self, began: Instant, in_time: bool, now: Instant) {
        if began < self.round.began {
            return;
        }
        let count = if in_time { &mut self.round.in_time } else { &mut self.round.late };
        *count += 1;
        if self.round.is_congested(self.current) {
            self.current = (self.current * DECREASE).max(LEAST).min(self.most);
        } else if f64::from(self.round.in_time + self.round.late) < self.current {
            return;
        } else if self.round.used {
            self.current = (self.current + INCREASE).min(self.most);
        }
        self.round = Round::new(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A limit, and a clock for it.
    struct Simulated {
        limit: ConcurrencyLimit,
        now: Instant,
    }

    impl Simulated {
        fn new(most: usize) -> Self {
            let now = Instant::now();
            Self { limit: ConcurrencyLimit::new(most, now), now }
        }

        /// `requests` begin together; the first `late` of them are late.
        fn round(&mut self, requests: usize, late: usize) -> usize {
            let began = self.now;
            let admitted = (0..requests).filter(|_| self.limit.acquire()).count();
            self.now += Duration::from_millis(10);
            for n in 0..admitted {
                self.limit.release();
                self.limit.note(began, n >= late, self.now);
            }
            admitted
        }
    }

    #[test]
    fn lateness_halves_the_limit_once_per_round_and_not_below_the_least() {
        let mut simulated = Simulated::new(256);
        assert_eq!([256, 128, 64, 32, 16, 8, 8], [(); 7].map(|()| simulated.round(1_000, 1_000)));
    }

    #[test]
    fn a_used_limit_rises_again_to_the_highest() {
        let mut simulated = Simulated::new(40);
        simulated.round(1_000, 1_000);
        assert_eq!([20, 24, 28, 32, 36, 40, 40], [(); 7].map(|()| simulated.round(1_000, 0)));
    }

    #[test]
    fn a_limit_that_is_not_used_does_not_rise() {
        let mut simulated = Simulated::new(100);
        simulated.round(1_000, 1_000);
        for _ in 0..1_000 {
            simulated.round(3, 0);
        }
        assert_eq!(simulated.limit.current(), 50);
    }

    #[test]
    fn a_few_hung_requests_among_many_are_not_congestion() {
        let mut simulated = Simulated::new(100);
        for _ in 0..100 {
            simulated.round(100, 10);
        }
        assert_eq!(simulated.limit.current(), 100);
    }

    #[test]
    fn a_limit_of_zero_admits_nothing() {
        assert!(!Simulated::new(0).limit.acquire());
    }

    /// A service with a fixed capacity gets five times as much. The limit settles where replies come in time, and the service
    /// is never idle.
    #[test]
    fn under_overload_replies_stay_in_time_and_the_service_stays_busy() {
        const STEP: Duration = Duration::from_millis(10);
        const TARGET: Duration = Duration::from_secs(1);
        for capacity_per_step in [1, 3, 10] {
            let mut simulated = Simulated::new(256);
            let (mut queue, mut idle, mut late) = (std::collections::VecDeque::new(), 0, 0);
            for step in 0..20_000 {
                for _ in 0..5 * capacity_per_step {
                    if simulated.limit.acquire() {
                        queue.push_back(simulated.now);
                    }
                }
                simulated.now += STEP;
                for _ in 0..capacity_per_step {
                    let Some(began) = queue.pop_front() else {
                        idle += 1;
                        continue;
                    };
                    let in_time = simulated.now - began <= TARGET;
                    late += usize::from(!in_time && step > 2_000);
                    simulated.limit.release();
                    simulated.limit.note(began, in_time, simulated.now);
                }
            }
            assert_eq!(idle, 0, "{capacity_per_step}");
            assert!(late * 10 < 18_000 * capacity_per_step, "{late} late at {capacity_per_step}");
        }
    }
}
