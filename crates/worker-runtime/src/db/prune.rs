//! Removes rows whose retention time is over, a bounded batch at a time, beside the process's work.
//!
//! A failure affects nothing else: it is logged and retried with growing pauses.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::{Client, Error};

use crate::error_chain::chain;

const PAUSE: Duration = Duration::from_mins(1);
/// A failure that persists is retried, and logged, this often in the end.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// A regular removal.
pub(crate) struct Prune {
    what: &'static str,
    /// A `DELETE` of at most `$1` rows; some are limited to rows older than `$2` hours.
    sql: &'static str,
    due: Instant,
    pause: Duration,
}

impl Prune {
    /// The most rows that one statement removes: it must not delay the process's work.
    pub(crate) const BATCH: i64 = 1_000;

    pub(crate) fn new(what: &'static str, sql: &'static str) -> Self {
        Self { what, sql, due: Instant::now(), pause: PAUSE }
    }

    /// Published rows of the outbox.
    pub(crate) fn outbox() -> Self {
        let sql = "DELETE FROM outbox WHERE seq IN (
            SELECT seq FROM (
                SELECT seq, published_at, published_seq FROM outbox WHERE published_seq >= 0
                ORDER BY published_seq, seq LIMIT $1
            ) AS oldest
            WHERE published_at < now() - $2 * interval '1 hour'
                AND published_seq <= (SELECT marked FROM outbox_sequence))";
        Self::new("outbox", sql)
    }

    /// Rows of the inbox, of all listeners of the service.
    pub(crate) fn inbox() -> Self {
        let sql = "DELETE FROM inbox WHERE (listener, event_id) IN (
            SELECT listener, event_id FROM inbox WHERE applied_at < now() - $2 * interval '1 hour'
            ORDER BY applied_at LIMIT $1 FOR UPDATE SKIP LOCKED)";
        Self::new("inbox", sql)
    }

    /// When the next batch is due.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Removes one batch of rows older than this many hours, if it is due.
    pub(crate) async fn when_due(&mut self, client: &Client, hours: f64) {
        if self.due <= Instant::now() {
            let done = client.execute(self.sql, &[&Self::BATCH, &hours]).await;
            self.note(done);
        }
    }

    /// Postpones the batch, for a reason that was logged elsewhere.
    pub(crate) fn retry_later(&mut self) {
        self.due = Instant::now() + PAUSE;
    }

    /// Notes the result of a batch. A full one is followed by the next at once.
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
                tracing::warn!(what, again_in_s, error = chain(&error), "cannot remove old rows; trying again later");
                self.due = now + self.pause;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}
