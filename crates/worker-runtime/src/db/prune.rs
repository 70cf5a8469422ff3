//! Removes rows that have been kept long enough, a bounded number at a time, now and then, beside the process's work.
//!
//! That it fails is nobody else's trouble: it is logged, and tried again later and later.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::{Client, Error};

use crate::error_chain::chain;

const PAUSE: Duration = Duration::from_mins(1);
/// What fails is not tried, and not logged, more often than this in the end.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What to remove, and when next.
pub(crate) struct Prune {
    what: &'static str,
    /// `DELETE …` of at most as many rows as its first parameter says; some have a second, the age in hours.
    sql: &'static str,
    due: Instant,
    pause: Duration,
}

impl Prune {
    /// Rows a statement removes at most: it must not hold up what the process is there for.
    pub(crate) const BATCH: i64 = 1_000;

    pub(crate) fn new(what: &'static str, sql: &'static str) -> Self {
        Self { what, sql, due: Instant::now(), pause: PAUSE }
    }

    /// Published rows of the outbox.
    pub(crate) fn outbox() -> Self {
        let sql = "DELETE FROM outbox WHERE seq IN (
            SELECT seq FROM (
                SELECT seq, published_at FROM outbox WHERE published_seq >= 0 ORDER BY published_seq, seq LIMIT $1
            ) AS oldest WHERE published_at < now() - $2 * interval '1 hour')";
        Self::new("outbox", sql)
    }

    /// Rows of the inbox, of all listeners of the service.
    pub(crate) fn inbox() -> Self {
        let sql = "DELETE FROM inbox WHERE (listener, event_id) IN (
            SELECT listener, event_id FROM inbox WHERE applied_at < now() - $2 * interval '1 hour'
            ORDER BY applied_at LIMIT $1 FOR UPDATE SKIP LOCKED)";
        Self::new("inbox", sql)
    }

    /// When there is something to do.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Removes one batch of what is older than so many hours, if it is time for it.
    pub(crate) async fn when_due(&mut self, client: &Client, hours: f64) {
        if self.due <= Instant::now() {
            let done = client.execute(self.sql, &[&Self::BATCH, &hours]).await;
            self.note(done);
        }
    }

    /// It cannot be done now, for a reason that is in the log.
    pub(crate) fn retry_later(&mut self) {
        self.due = Instant::now() + PAUSE;
    }

    /// Takes note of how it went: a full batch is followed by the next one at once.
    pub(crate) fn note(&mut self, done: Result<u64, Error>) {
        let now = Instant::now();
        match done {
            Ok(removed) if removed >= Self::BATCH.unsigned_abs() => self.due = now,
            Ok(_) => {
                self.pause = PAUSE;
                self.due = now + PAUSE;
            }
            Err(error) => {
                let (what, again_in_s) = (self.what, self.pause.as_secs());
                tracing::warn!(what, again_in_s, error = chain(&error), "cannot remove old rows; they stay a while");
                self.due = now + self.pause;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}
