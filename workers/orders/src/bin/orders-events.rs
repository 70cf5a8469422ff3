//! `orders.events` — lists the events that a user's live feed has missed.

use std::process::ExitCode;

use contracts::orders::{EventPage, ListEvents, Place, RecordedEvent};
use serde_json::value::RawValue;
use uuid::Uuid;
use worker_runtime::db::Row;
use worker_runtime::{Call, Db, Failure};

/// The position of a known event. Only events that were numbered for publication have one.
const PLACE: &str = "SELECT id, published_seq FROM outbox WHERE id = $2 AND owner = $1 AND published_seq > 0";
const LAST: &str = "SELECT id, published_seq FROM outbox WHERE owner = $1 AND published_seq > 0
    ORDER BY published_seq DESC LIMIT 1";
/// The position before the first event of the last ten minutes. Searches no more events than one stream sends.
const WINDOW: &str = "SELECT min(published_seq) - 1 AS before FROM (
        SELECT published_seq, created_at FROM outbox WHERE owner = $1 AND published_seq > 0
        ORDER BY published_seq DESC LIMIT 10000
    ) AS latest WHERE created_at > now() - interval '10 minutes'";
/// Numbers become visible in order, so no event can appear before those that were sent. Events without a number are sent
/// live.
const AFTER: &str = "SELECT id, name, data, published_seq FROM outbox WHERE owner = $1 AND published_seq > $2
    ORDER BY published_seq LIMIT $3";
const PAGE: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(events).await
}

async fn events(call: Call<ListEvents>, db: &Db) -> Result<EventPage, Failure> {
    let owner = call.caller()?;
    let known = match call.data.after {
        None => None,
        Some(id) if id.is_max() => return nothing_new(owner, db).await,
        Some(id) if id.is_nil() => Some(Place { id, sequence: 0 }),
        Some(id) => db.row(PLACE, &[&owner, &id]).await?.as_ref().map(place),
    };
    let begin = match known {
        Some(place) => Some(place.sequence),
        None => db.row(WINDOW, &[&owner]).await?.and_then(|row| row.get("before")),
    };
    let Some(begin) = begin else { return nothing_new(owner, db).await };
    // One row more than a page holds shows whether there is another page.
    let wanted = i64::try_from(PAGE + 1).map_err(Failure::broken)?;
    let rows = db.rows(AFTER, &[&owner, &begin, &wanted]).await?;
    let page = &rows[..rows.len().min(PAGE)];
    let items = page.iter().map(recorded).collect::<Result<_, _>>()?;
    Ok(EventPage { items, more: rows.len() > PAGE, last: page.last().map(place).or(known) })
}

/// An empty page with the position of a feed that begins now.
async fn nothing_new(owner: &str, db: &Db) -> Result<EventPage, Failure> {
    let last = db.row(LAST, &[&owner]).await?.as_ref().map(place);
    Ok(EventPage { items: Vec::new(), more: false, last })
}

fn place(row: &Row) -> Place {
    Place { id: row.get::<_, Uuid>("id"), sequence: row.get("published_seq") }
}

fn recorded(row: &Row) -> Result<RecordedEvent, Failure> {
    let data = RawValue::from_string(row.get("data")).map_err(Failure::broken)?;
    Ok(RecordedEvent { id: row.get("id"), name: row.get("name"), data })
}
