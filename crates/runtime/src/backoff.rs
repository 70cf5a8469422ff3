//! Exponential backoff with jitter: the pauses between attempts double up to a limit.
//!
//! The crate `backon` computes such delays too, but adds its jitter on top of the maximum. Here the maximum is a hard
//! limit.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
/// A service must be back within 3 s of the broker's return, so no pause is longer than this.
const LONGEST: Duration = Duration::from_millis(1600);

/// The pauses between attempts.
pub struct Backoff {
    next: Duration,
    /// How many attempts in a row ended because the peer was silent.
    pub(crate) silent: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST, silent: 0 }
    }
}

impl Backoff {
    /// The next pause: between half of the current step and the whole of it.
    pub fn pause(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(LONGEST);
        // RandomState is seeded by the operating system: jitter without a random-number crate.
        let jitter = RandomState::new().hash_one(step) % 512;
        step / 2 + step / 2 * u32::try_from(jitter).unwrap_or(0) / 512
    }

    /// Starts again with short pauses, after a success.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.pause()).collect();
        assert!(pauses[0] <= FIRST && pauses[0] >= FIRST / 2);
        assert!(pauses[11] >= LONGEST / 2);
        assert!(pauses.iter().all(|pause| *pause <= LONGEST));
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }
}
