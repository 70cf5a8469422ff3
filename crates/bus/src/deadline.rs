//! The moment after which nobody waits for an answer any more. It travels with the request, in Unix milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time by the wall clock, because it crosses machines; their clocks should agree to well under a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    unix_millis: u64,
}

impl Deadline {
    /// `budget` from now.
    pub fn after(budget: Duration) -> Self {
        Self { unix_millis: now().saturating_add(millis(budget)) }
    }

    /// As read from a message.
    pub const fn from_unix_millis(unix_millis: u64) -> Self {
        Self { unix_millis }
    }

    /// As written into a message.
    pub const fn unix_millis(self) -> u64 {
        self.unix_millis
    }

    /// What is left; zero when it is past.
    pub fn remaining(self) -> Duration {
        Duration::from_millis(self.unix_millis.saturating_sub(now()))
    }

    /// Whether it is past.
    pub fn is_past(self) -> bool {
        self.remaining().is_zero()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
