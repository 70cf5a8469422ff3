//! A sliding-window counter in twelve bytes: the events of the current slot, and those of the previous slot in proportion to
//! the part of it that the window still covers.

use std::time::Duration;

/// How many events are admitted in how much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Events; 0 means no limit.
    pub(crate) limit: u32,
    /// The length of the window, in seconds.
    pub(crate) seconds: u32,
}

/// A counter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window {
    slot: u32,
    now: u32,
    before: u32,
}

impl Window {
    /// The number of events in the window at this time, which counts from any fixed moment.
    pub(crate) fn used(&mut self, quota: Quota, at: Duration) -> f64 {
        let slot = u32::try_from(at.as_secs() / u64::from(quota.seconds)).unwrap_or(u32::MAX);
        if slot != self.slot {
            let before = if slot == self.slot.wrapping_add(1) { self.now } else { 0 };
            *self = Self { slot, now: 0, before };
        }
        let covered = 1.0 - elapsed(quota, at) / f64::from(quota.seconds);
        f64::from(self.now) + f64::from(self.before) * covered
    }

    /// Adds an event, unless the window is full; then returns the seconds until it is not.
    pub(crate) fn add(&mut self, quota: Quota, at: Duration) -> Result<(), u32> {
        if quota.limit > 0 && self.used(quota, at) + 1.0 > f64::from(quota.limit) {
            return Err(self.wait(quota, at));
        }
        self.now = self.now.saturating_add(1);
        Ok(())
    }

    /// Whether it is empty.
    pub(crate) fn is_empty(&self) -> bool {
        (self.now, self.before) == (0, 0)
    }

    /// Removes an event.
    pub(crate) fn remove_one(&mut self) {
        if self.now > 0 {
            self.now -= 1;
        } else {
            self.before = self.before.saturating_sub(1);
        }
    }

    /// Seconds until another event is admitted.
    fn wait(&self, quota: Quota, at: Duration) -> u32 {
        let (limit, length, elapsed) = (f64::from(quota.limit), f64::from(quota.seconds), elapsed(quota, at));
        // When enough of the slot has passed that the rest of the previous slot leaves room for one more.
        let room_at = |before: u32, now: u32| length * (1.0 - (limit - 1.0 - f64::from(now)) / f64::from(before));
        let wait = if self.now < quota.limit {
            room_at(self.before, self.now) - elapsed
        } else {
            length - elapsed + room_at(self.now, 0)
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to twice the window's seconds")]
        let seconds = wait.ceil().clamp(1.0, 2.0 * length) as u32;
        seconds
    }
}

/// How much of its slot has passed, in seconds.
fn elapsed(quota: Quota, at: Duration) -> f64 {
    at.as_secs_f64() % f64::from(quota.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { limit: 10, seconds: 60 };

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn events_beyond_the_limit_are_admitted_at_the_announced_time() {
        for start in [0.0, 17.0, 59.5, 6_000_001.25] {
            let mut window = Window::default();
            for _ in 0..10 {
                window.add(QUOTA, at(start)).unwrap();
            }
            let wait = window.add(QUOTA, at(start)).unwrap_err();
            assert!((1..=66).contains(&wait), "{start}: {wait}");
            let announced = start + f64::from(wait);
            assert!(window.add(QUOTA, at(announced - 1.001)).is_err(), "{start}: not sooner");
            window.add(QUOTA, at(announced)).unwrap_or_else(|more| panic!("{start}: {wait} and still {more}"));
        }
    }

    #[test]
    fn a_steady_rate_below_the_limit_is_always_admitted_and_a_higher_one_partly() {
        let passed = |every: f64| {
            let mut window = Window::default();
            let events = (0..1_000).map(|n| window.add(QUOTA, at(f64::from(n) * every)));
            events.flatten().count()
        };
        assert_eq!(passed(6.7), 1_000);
        assert!((450..=550).contains(&passed(3.0)), "{}", passed(3.0));
    }

    #[test]
    fn removed_events_do_not_count() {
        let mut window = Window::default();
        for _ in 0..1_000 {
            window.add(QUOTA, at(1.0)).unwrap();
            window.remove_one();
        }
        assert!(window.used(QUOTA, at(1.0)) < 0.5);
    }

    #[test]
    fn zero_is_no_limit() {
        let mut window = Window::default();
        assert!((0..10_000).all(|_| window.add(Quota { limit: 0, seconds: 60 }, at(1.0)).is_ok()));
    }
}
