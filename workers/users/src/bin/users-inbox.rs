//! `users.inbox` — shows which listeners have applied an event, and when.

use std::process::ExitCode;

use contracts::Timestamp;
use contracts::users::{InboxEntries, InboxEntry, ReadInbox};
use worker_runtime::db::Row;
use worker_runtime::{Call, Db, Failure};

/// By the primary key: one look-up for each listener of the service.
const FIND: &str = "SELECT listener, applied_at FROM inbox
    WHERE listener = ANY($1) AND event_id = $2 ORDER BY listener";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(show).await
}

async fn show(call: Call<ReadInbox>, db: &Db) -> Result<InboxEntries, Failure> {
    call.caller()?;
    let ours = contracts::LISTENERS.iter().map(|listener| listener.name).filter(|name| name.starts_with("users."));
    let ours: Vec<&str> = ours.collect();
    let rows = db.rows(FIND, &[&ours, &call.data.event_id]).await?;
    Ok(InboxEntries { entries: rows.iter().map(entry).collect() })
}

fn entry(row: &Row) -> InboxEntry {
    InboxEntry { listener: row.get("listener"), applied_at: Timestamp(row.get("applied_at")) }
}
