//! Counts events in a sliding window, in twelve bytes: those of this slot of time, and of the slot before in proportion to
//! the part of it that the window still covers.

use std::time::Duration;

/// How many events are let through in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Events; 0 is no limit.
    pub(crate) limit: u32,
    /// The length of the window, in seconds.
    pub(crate) seconds: u32,
}

/// A count; begins with nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window {
    slot: u32,
    now: u32,
    before: u32,
}

impl Window {
    /// How many events the window holds at this time, counted from any fixed moment.
    pub(crate) fn used(&mut self, quota: Quota, at: Duration) -> f64 {
        let slot = u32::try_from(at.as_secs() / u64::from(quota.seconds)).unwrap_or(u32::MAX);
        if slot != self.slot {
            let before = if slot == self.slot.wrapping_add(1) { self.now } else { 0 };
            *self = Self { slot, now: 0, before };
        }
        let covered = 1.0 - elapsed(quota, at) / f64::from(quota.seconds);
        f64::from(self.now) + f64::from(self.before) * covered
    }

    /// Counts an event, unless it would be one too many; then the seconds after which it would not.
    pub(crate) fn add(&mut self, quota: Quota, at: Duration) -> Result<(), u32> {
        if quota.limit > 0 && self.used(quota, at) + 1.0 > f64::from(quota.limit) {
            return Err(self.wait(quota, at));
        }
        self.now = self.now.saturating_add(1);
        Ok(())
    }

    /// Whether it holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        (self.now, self.before) == (0, 0)
    }

    /// Takes an event back that turned out to be none.
    pub(crate) fn take_back(&mut self) {
        if self.now > 0 {
            self.now -= 1;
        } else {
            self.before = self.before.saturating_sub(1);
        }
    }

    /// Seconds until there is room for one more.
    fn wait(&self, quota: Quota, at: Duration) -> u32 {
        let (limit, length, elapsed) = (f64::from(quota.limit), f64::from(quota.seconds), elapsed(quota, at));
        // When so much of the slot has passed that what is left of the one before fits beside what is there.
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
    fn so_many_pass_and_no_more_until_the_time_that_was_told() {
        for begin in [0.0, 17.0, 59.5, 6_000_001.25] {
            let mut window = Window::default();
            for _ in 0..10 {
                window.add(QUOTA, at(begin)).unwrap();
            }
            let wait = window.add(QUOTA, at(begin)).unwrap_err();
            assert!((1..=66).contains(&wait), "{begin}: {wait}");
            let told = begin + f64::from(wait);
            assert!(window.add(QUOTA, at(told - 1.001)).is_err(), "{begin}: not sooner");
            window.add(QUOTA, at(told)).unwrap_or_else(|more| panic!("{begin}: {wait} and still {more}"));
        }
    }

    #[test]
    fn a_steady_stream_below_the_limit_passes_for_ever_and_one_above_it_in_part() {
        let passed = |every: f64| {
            let mut window = Window::default();
            let events = (0..1_000).map(|n| window.add(QUOTA, at(f64::from(n) * every)));
            events.flatten().count()
        };
        assert_eq!(passed(6.7), 1_000);
        assert!((450..=550).contains(&passed(3.0)), "{}", passed(3.0));
    }

    #[test]
    fn what_is_taken_back_was_never_there() {
        let mut window = Window::default();
        for _ in 0..1_000 {
            window.add(QUOTA, at(1.0)).unwrap();
            window.take_back();
        }
        assert!(window.used(QUOTA, at(1.0)) < 0.5);
    }

    #[test]
    fn zero_is_no_limit() {
        let mut window = Window::default();
        assert!((0..10_000).all(|_| window.add(Quota { limit: 0, seconds: 60 }, at(1.0)).is_ok()));
    }
}
