//! Records a fact in the statement that brings it about, so that it is told if and only if it is so.

use contracts::Event;
use uuid::Uuid;

use crate::db::ToSql;
use crate::failure::Failure;

/// In characters: what a stranger calls a request must not make the event of it too large to publish.
const LONGEST_REQUEST_ID: usize = 200;
/// In bytes; W3C's first version has 55.
const LONGEST_TRACEPARENT: usize = 200;

/// A fact for others to hear, ready to be recorded.
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

    /// The fact as one SQL parameter, a `text[]`, for [`record!`](crate::record).
    pub fn parameter(&self) -> &(dyn ToSql + Sync) {
        &self.0
    }
}

/// SQL for a `WITH` clause: records the fact given as parameter `$fact` for the row that the clause `$of` returned, and
/// nothing when it returned none.
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
    ($of:literal, $fact:literal) => {
        concat!(
            "INSERT INTO outbox (id, name, aggregate, owner, data, request_id, traceparent)
             SELECT fact[1]::uuid, fact[2], fact[3], fact[4], fact[5], fact[6], fact[7]
             FROM ",
            $of,
            ", (SELECT ",
            $fact,
            "::text[] AS fact) AS recorded_fact"
        )
    };
}
