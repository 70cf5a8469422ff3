//! How long to wait before trying again: doubling, bounded, and never the same for two processes.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::connection::Error;

const FIRST: Duration = Duration::from_millis(100);
/// A service must be back within 3 s of the broker's return, so no pause is longer than this.
const LONGEST: Duration = Duration::from_millis(1600);

/// A broker that accepts and stays silent leaks a thread per attempt in lapin: then a fresh process is better.
const SILENT_ATTEMPTS: u32 = 20;

/// The pauses between attempts.
pub struct Backoff {
    next: Duration,
    silent: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST, silent: 0 }
    }
}

impl Backoff {
    /// The next pause: between half of the step and the whole of it.
    pub fn pause(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(LONGEST);
        // RandomState is seeded by the operating system: jitter without a random-number crate.
        let jitter = RandomState::new().hash_one(step) % 512;
        step / 2 + step / 2 * u32::try_from(jitter).unwrap_or(0) / 512
    }

    /// The next pause after the broker failed us; the error back when too many attempts met with silence.
    pub fn after(&mut self, error: Error) -> Result<Duration, Error> {
        self.silent = if matches!(error, Error::Silent(_)) { self.silent + 1 } else { 0 };
        if self.silent >= SILENT_ATTEMPTS { Err(error) } else { Ok(self.pause()) }
    }

    /// Begins again with short pauses, after a success.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_bounds() {
        let mut backoff = Backoff::default();
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.pause()).collect();
        assert!(pauses[0] <= FIRST && pauses[0] >= FIRST / 2);
        assert!(pauses[11] >= LONGEST / 2);
        assert!(pauses.iter().all(|pause| *pause <= LONGEST));
    }

    #[test]
    fn only_silence_without_a_break_makes_it_give_up() {
        let mut backoff = Backoff::default();
        let mut attempts = |times: u32| (0..times).all(|_| backoff.after(Error::Silent(FIRST)).is_ok());
        assert!(attempts(SILENT_ATTEMPTS - 1));
        assert!(!attempts(1));
        assert!(backoff.after(Error::ConsumerEnded).is_ok());
        assert!(backoff.after(Error::Silent(FIRST)).is_ok());
        backoff.reset();
        assert!((1..SILENT_ATTEMPTS).all(|_| backoff.after(Error::Silent(FIRST)).is_ok()));
    }
}
