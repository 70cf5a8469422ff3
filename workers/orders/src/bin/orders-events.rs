//! `orders.events` — shows a user the events that a live feed has missed.

use std::process::ExitCode;

use contracts::orders::{EventPage, ListEvents, RecordedEvent};
use serde_json::value::RawValue;
use worker_runtime::db::Row;
use worker_runtime::{Call, Db, Failure};

/// The events that were committed in the last ten minutes, in the order in which they were published; unpublished ones
/// come last. The known event's position in that order is used, so nothing falls between two pages.
const MISSED: &str = "SELECT id, name, data FROM outbox
    WHERE owner = $1 AND created_at > now() - interval '10 minutes'
      AND ($2::uuid IS NULL OR NOT EXISTS (SELECT FROM outbox WHERE id = $2 AND owner = $1)
        OR (coalesce(published_at, 'infinity'), seq)
           > (SELECT coalesce(published_at, 'infinity'), seq FROM outbox WHERE id = $2))
    ORDER BY coalesce(published_at, 'infinity'), seq LIMIT $3";
const PAGE: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(events).await
}

async fn events(call: Call<ListEvents>, db: &Db) -> Result<EventPage, Failure> {
    // One row more than a page holds tells whether there is another page.
    let wanted = i64::try_from(PAGE + 1).map_err(Failure::broken)?;
    let rows = db.rows(MISSED, &[&call.caller()?, &call.data.after, &wanted]).await?;
    let items = rows.iter().take(PAGE).map(recorded).collect::<Result<_, _>>()?;
    Ok(EventPage { items, more: rows.len() > PAGE })
}

fn recorded(row: &Row) -> Result<RecordedEvent, Failure> {
    let data = RawValue::from_string(row.get("data")).map_err(Failure::broken)?;
    Ok(RecordedEvent { id: row.get("id"), name: row.get("name"), data })
}
