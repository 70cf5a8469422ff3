//! Deadlines: a budget from now, measured by the monotonic clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A deadline. The clocks of two machines need not agree: a message carries the remaining budget. It also carries the time
/// of day, for information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    unix_millis: u64,
}

/// The longest budget; a larger one is a mistake, or an attack on the arithmetic.
const LONGEST: Duration = Duration::from_hours(1);

impl Deadline {
    /// `budget` from now.
    pub fn after(budget: Duration) -> Self {
        Self::of(Instant::now(), budget)
    }

    /// `budget` after an instant.
    pub(crate) fn of(begun: Instant, budget: Duration) -> Self {
        let at = begun + budget.min(LONGEST);
        Self { at, unix_millis: unix_millis().saturating_add(millis(at.saturating_duration_since(Instant::now()))) }
    }

    /// The time of day, as in the header `deadline`.
    pub const fn unix_millis(self) -> u64 {
        self.unix_millis
    }

    /// The remaining budget; zero after the deadline.
    pub fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether the deadline has passed.
    pub fn is_past(self) -> bool {
        self.remaining().is_zero()
    }
}

/// The current time of day.
pub(crate) fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
