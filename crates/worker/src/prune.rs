//! Removes rows that have been kept long enough, a bounded number at a time, now and then.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, Error};

const PAUSE: Duration = Duration::from_mins(1);
/// Rows a statement removes at most: it must not hold up what the process is there for.
const BATCH: u64 = 1_000;

/// What to remove, and when next.
pub(crate) struct Prune {
    /// `DELETE …` of at most as many rows as its first parameter says, older than so many hours, which is the second.
    sql: &'static str,
    hours: f64,
    due: Instant,
}

impl Prune {
    /// Published rows of the outbox.
    pub(crate) fn outbox(hours: f64) -> Self {
        let sql = "DELETE FROM outbox WHERE seq IN (
            SELECT seq FROM outbox WHERE published_at < now() - $2 * interval '1 hour' ORDER BY published_at LIMIT $1)";
        Self { sql, hours, due: Instant::now() }
    }

    /// Rows of the inbox, of all listeners of the service.
    pub(crate) fn inbox(hours: f64) -> Self {
        let sql = "DELETE FROM inbox WHERE (listener, event_id) IN (
            SELECT listener, event_id FROM inbox WHERE applied_at < now() - $2 * interval '1 hour'
            ORDER BY applied_at LIMIT $1 FOR UPDATE SKIP LOCKED)";
        Self { sql, hours, due: Instant::now() }
    }

    /// Removes one batch, if it is time for it; a full batch is followed by the next one at once.
    pub(crate) async fn when_due(&mut self, client: &Client) -> Result<(), Error> {
        if self.due > Instant::now() {
            return Ok(());
        }
        let limit = i64::try_from(BATCH).expect("a small constant");
        let removed = client.execute(self.sql, &[&limit, &self.hours]).await?;
        if removed < BATCH {
            self.due = Instant::now() + PAUSE;
        }
        Ok(())
    }
}
