//! Waits for facts: polls until a condition holds, and fails with its description when it never does.

use std::thread;
use std::time::{Duration, Instant};

/// The pause between two polls.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `fact` holds, at most for `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut fact: impl FnMut() -> bool) {
    wait_for(what, limit, || fact().then_some(()));
}

/// Waits until `look` returns something, at most for `limit`.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < limit, "waited {limit:?} in vain until {what}");
        thread::sleep(PAUSE);
    }
}

/// Shorthand for limits.
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Shorthand for limits.
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
