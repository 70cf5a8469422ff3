//! Records an event in the statement that causes it, so that it is published if and only if its cause is committed.

use contracts::Event;
use uuid::Uuid;

use crate::db::ToSql;
use crate::failure::Failure;

/// In characters: a client chooses the request id, and must not be able to make the event too large to publish.
const LONGEST_REQUEST_ID: usize = 200;
/// In bytes; W3C's first version has 55.
const LONGEST_TRACEPARENT: usize = 200;

/// An event that is ready to be recorded.
pub struct OutboxRecord(Vec<Option<String>>);

impl OutboxRecord {
    pub(crate) fn new<E: Event>(event: &E, request_id: &str, traceparent: Option<&str>) -> Result<Self, Failure> {
        let data = serde_json::to_string(event).map_err(Failure::broken)?;
        Ok(Self(vec![
            Some(Uuid::now_v7().to_string()),
            Some(E::NAME.into()),
            Some(event.aggregate()),
            Some(event.owner()),
            Some(data),
            Some(request_id.chars().take(LONGEST_REQUEST_ID).collect()),
            traceparent.filter(|traceparent| traceparent.len() <= LONGEST_TRACEPARENT).map(Into::into),
        ]))
    }

    /// The event as one SQL parameter, a `text[]`, for [`record!`](crate::record).
    pub fn parameter(&self) -> &(dyn ToSql + Sync) {
        &self.0
    }
}

/// SQL for a `WITH` clause: records the event given as parameter `$event` if the clause `$of` returned a row.
///
/// ```
/// const PLACE: &str = concat!(
///     "WITH placed AS (INSERT INTO orders (id, title) VALUES ($1, $2) RETURNING *), recorded AS (",
///     worker_runtime::record!("placed", "$3"),
///     ") SELECT * FROM placed"
/// );
/// ```
#[macro_export]
macro_rules! record {
    ($of:literal, $event:literal) => {
        concat!(
            "INSERT INTO outbox_pending (id, name, aggregate, owner, data, request_id, traceparent)
             SELECT event[1]::uuid, event[2], event[3], event[4], event[5], event[6], event[7]
             FROM ",
            $of,
            ", (SELECT ",
            $event,
            "::text[] AS event) AS recorded_event"
        )
    };
}
