//! Finds the event that kills its listener: a process that dies leaves a record of the event it was attempting.
//!
//! The events of a dead process are redelivered together, and the broker does not say which one killed it. So a listener
//! commits a record before it attempts a redelivered event, and deletes the record in the transaction that applies the event.
//! The next process attempts recorded events last, when all others are settled. A deadly event therefore charges each other event
//! at most two deliveries, whatever the number of copies: one at its first delivery, and one at the first recorded attempt.

use std::collections::HashMap;

use tokio_postgres::Error;
use uuid::Uuid;

use crate::db::dedicated::DedicatedConnection;

/// Also forgets events that nobody has attempted for a day: they were dead-lettered.
const RECORD_ATTEMPT: &str = "WITH forgotten AS (
        DELETE FROM suspects WHERE (listener, event_id) IN (
            SELECT listener, event_id FROM suspects
            WHERE attempted_at < now() - interval '1 day' AND (listener, event_id) <> ($1, $2) FOR UPDATE SKIP LOCKED)
    )
    INSERT INTO suspects (listener, event_id) VALUES ($1, $2)
    ON CONFLICT (listener, event_id) DO UPDATE SET attempts = suspects.attempts + 1, attempted_at = now()";
const ATTEMPTS: &str = "SELECT event_id, attempts FROM suspects WHERE listener = $1 AND event_id = ANY($2)";
/// Deletes the record, in the transaction that applies the event.
pub(crate) const CLEAR: &str = "DELETE FROM suspects WHERE listener = $1 AND event_id = $2";

/// Records that an event is about to be attempted.
pub(crate) async fn record_attempt(database: &DedicatedConnection, listener: &str, event: Uuid) -> Result<(), Error> {
    let statement = database.prepare(RECORD_ATTEMPT).await?;
    database.client.execute(&statement, &[&listener, &event]).await.map(drop)
}

/// How often each event was attempted by a process that did not finish; events without a record are left out.
pub(crate) async fn attempts(
    database: &DedicatedConnection,
    listener: &str,
    events: &[Uuid],
) -> Result<HashMap<Uuid, i32>, Error> {
    let statement = database.prepare(ATTEMPTS).await?;
    let rows = database.client.query(&statement, &[&listener, &events]).await?;
    Ok(rows.iter().map(|row| (row.get("event_id"), row.get("attempts"))).collect())
}
