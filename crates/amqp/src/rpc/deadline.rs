//! The moment after which nobody waits for an answer any more: so much time from now, by the clock that only counts.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A budget from when a request was asked, or came. Clocks of machines need not agree: what crosses them is the budget, as
/// the message's expiration. The time of day travels beside it and is information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    unix_millis: u64,
}

/// Nobody waits longer; a larger number is a slip, or an attack on arithmetic.
const LONGEST: Duration = Duration::from_hours(1);

impl Deadline {
    /// `budget` from now.
    pub fn after(budget: Duration) -> Self {
        Self::of(Instant::now(), budget)
    }

    /// `budget` from a moment of this process.
    pub(crate) fn of(begun: Instant, budget: Duration) -> Self {
        let at = begun + budget.min(LONGEST);
        Self { at, unix_millis: unix_millis().saturating_add(millis(at.saturating_duration_since(Instant::now()))) }
    }

    /// The time of day, as written into a message.
    pub const fn unix_millis(self) -> u64 {
        self.unix_millis
    }

    /// What is left; zero when it is past.
    pub fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether it is past.
    pub fn is_past(self) -> bool {
        self.remaining().is_zero()
    }
}

/// The time of day.
pub(crate) fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
