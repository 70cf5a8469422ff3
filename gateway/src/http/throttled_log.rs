//! Throttles log lines about what clients can cause at any rate: counts occurrences, and logs the count at intervals.

use std::time::{Duration, Instant};

/// The least time between two lines about the same thing.
pub(crate) const PAUSE: Duration = Duration::from_secs(10);

/// The count of occurrences, and when it was last logged.
#[derive(Default)]
pub(crate) struct ThrottledLog {
    count: u64,
    logged: Option<Instant>,
}

impl ThrottledLog {
    /// Counts an occurrence; returns the count to log if it is due.
    pub(crate) fn add(&mut self) -> Option<u64> {
        self.count += 1;
        self.due()
    }

    /// The count to log, if there is any and it is due.
    pub(crate) fn due(&mut self) -> Option<u64> {
        if self.count == 0 || self.logged.is_some_and(|logged| logged.elapsed() < PAUSE) {
            return None;
        }
        self.logged = Some(Instant::now());
        Some(std::mem::take(&mut self.count))
    }

    /// Whether a count is not logged yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.count > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_logged_at_once_and_the_others_together() {
        let mut log = ThrottledLog::default();
        assert_eq!(log.due(), None);
        assert_eq!(log.add(), Some(1));
        assert_eq!((log.add(), log.add(), log.due()), (None, None, None));
        assert!(log.is_pending());
        log.logged = Instant::now().checked_sub(PAUSE);
        assert_eq!((log.due(), log.is_pending()), (Some(2), false));
    }
}
