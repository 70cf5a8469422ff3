//! Counts what clients can make happen as often as they like, and logs it now and then: a log that they can fill tells nothing.

use std::time::{Duration, Instant};

/// Between two lines about the same thing lies at least this long.
pub(crate) const PAUSE: Duration = Duration::from_secs(10);

/// A count of something, and when it was last told.
#[derive(Default)]
pub(crate) struct ThrottledLog {
    count: u64,
    told: Option<Instant>,
}

impl ThrottledLog {
    /// Counts one; the count since it was last told, if it is time to tell it.
    pub(crate) fn add(&mut self) -> Option<u64> {
        self.count += 1;
        self.due()
    }

    /// The count since it was last told, if there is any and it is time to tell it.
    pub(crate) fn due(&mut self) -> Option<u64> {
        if self.count == 0 || self.told.is_some_and(|told| told.elapsed() < PAUSE) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(std::mem::take(&mut self.count))
    }

    /// Whether something was counted that is not told yet.
    pub(crate) fn owes(&self) -> bool {
        self.count > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_others_together() {
        let mut tally = ThrottledLog::default();
        assert_eq!(tally.due(), None);
        assert_eq!(tally.add(), Some(1));
        assert_eq!((tally.add(), tally.add(), tally.due()), (None, None, None));
        assert!(tally.owes());
        tally.told = Instant::now().checked_sub(PAUSE);
        assert_eq!((tally.due(), tally.owes()), (Some(2), false));
    }
}
