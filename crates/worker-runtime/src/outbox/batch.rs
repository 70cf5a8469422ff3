//! How the leading relay works on the outbox, a batch at a time: reads pending events, numbers them, and notes how far they
//! are published.
//!
//! An event is recorded in `outbox_pending`. The relay moves it to `outbox` with its number, which it keeps however often it
//! is published; from then on its row is not written again. Numbers are assigned under the row lock of `outbox_sequence`, and
//! only in the latest term. So they become visible in order, and a former leader that was suspended cannot assign any more.
//! Whoever has seen one number has seen all lower ones. Events are published in that order, so a single number,
//! `outbox_sequence.marked`, says which of them are.

use std::collections::{HashMap, HashSet};

use amqp::{EventMetadata, OutgoingEvent};
use contracts::EVENTS;
use serde_json::value::RawValue;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Row, Statement};

use crate::db::dedicated::DedicatedConnection;
use crate::db::{ConnectTarget, ToSql};
use crate::error_chain::chain;
use crate::meter::METER;

/// How many events a batch has at first; it grows while more wait.
const SMALLEST_BATCH: i64 = 100;
const LARGEST_BATCH: i64 = 1_000;
/// In bytes. A batch with more data than this is followed by a smaller one.
const HEAVY: usize = 4 << 20;
/// In bytes. All headers of a message together must fit one frame.
const LONGEST_HEADER: usize = 1_024;
/// In bytes. The outbox refuses larger data, and brokers refuse messages that are several times larger.
const LARGEST: usize = 1 << 20;
/// At most this many characters of an unknown event name are logged.
const LONGEST_SHOWN: usize = 100;

/// Begins a term. Events that an earlier release published without numbers, while this one stood by, are not published
/// again.
const BEGIN_TERM: &str = "WITH adopted AS (
        UPDATE outbox SET published_seq = 0
        WHERE published_seq IS NULL AND failed_at IS NULL AND published_at IS NOT NULL
    ) UPDATE outbox_sequence SET term = term + 1 RETURNING term";
/// Events without a number, in the order in which they were recorded.
const PENDING: &str = "SELECT seq, id, name, aggregate, owner, data, request_id, traceparent
    FROM outbox_pending ORDER BY seq LIMIT $1";
/// Whether there are events that a process of an earlier release has recorded, or an operator wants retried.
const STRAGGLERS: &str = "SELECT FROM outbox WHERE published_seq IS NULL AND failed_at IS NULL LIMIT 1";
/// Makes them pending, each in its place.
const ADOPT: &str = "WITH adopted AS (
        DELETE FROM outbox WHERE seq IN (
            SELECT seq FROM outbox WHERE published_seq IS NULL AND failed_at IS NULL ORDER BY seq LIMIT $1
        ) RETURNING seq, id, name, aggregate, owner, data, request_id, traceparent, created_at
    ) INSERT INTO outbox_pending (seq, id, name, aggregate, owner, data, request_id, traceparent, created_at)
    SELECT seq, id, name, aggregate, owner, data, request_id, traceparent, created_at FROM adopted";
/// Events with a number that are not marked as published: a relay ended before it could mark them.
const INTERRUPTED: &str = "UPDATE outbox SET published_at = clock_timestamp() WHERE seq IN (
        SELECT seq FROM outbox
        WHERE published_seq >= 0 AND published_seq > (SELECT greatest(marked, $2) FROM outbox_sequence)
        ORDER BY published_seq LIMIT $1
    ) RETURNING seq, id, name, aggregate, owner, data, request_id, traceparent, published_seq";
const NUMBER: &str = "WITH counted AS (
        UPDATE outbox_sequence SET last = last + cardinality($2::bigint[]) WHERE term = $1
        RETURNING last - cardinality($2::bigint[]) AS before
    ), numbered AS (
        DELETE FROM outbox_pending AS row
        USING counted, unnest($2::bigint[]) WITH ORDINALITY AS given (seq, place)
        WHERE row.seq = given.seq RETURNING row.*, counted.before + given.place AS number
    )
    INSERT INTO outbox (seq, id, name, aggregate, owner, data, request_id, traceparent, created_at, published_at,
                        published_seq) OVERRIDING SYSTEM VALUE
    SELECT seq, id, name, aggregate, owner, data, request_id, traceparent, created_at, clock_timestamp(), number
    FROM numbered RETURNING seq, published_seq";
/// Removes events whose id another one has, which keeps the whole batch from getting its numbers.
const REMOVE_REPEATED: &str = "DELETE FROM outbox_pending AS row WHERE seq = ANY($1) AND (
        EXISTS (SELECT FROM outbox WHERE id = row.id)
        OR EXISTS (SELECT FROM outbox_pending AS other WHERE other.id = row.id AND other.seq < row.seq)
    ) RETURNING seq, id, name";
const MARK: &str = "UPDATE outbox_sequence SET marked = greatest(marked, $1)";
const SET_ASIDE: &str = "WITH unfit AS (
        DELETE FROM outbox_pending WHERE seq = $1
        RETURNING seq, id, name, aggregate, owner, data, request_id, traceparent, created_at
    ) INSERT INTO outbox (seq, id, name, aggregate, owner, data, request_id, traceparent, created_at, failed_at, error)
    OVERRIDING SYSTEM VALUE
    SELECT seq, id, name, aggregate, owner, data, request_id, traceparent, created_at, clock_timestamp(), $2::text
    FROM unfit ON CONFLICT DO NOTHING";

/// The outbox of a service.
pub(crate) struct Outbox {
    service: &'static str,
    pub(crate) database: DedicatedConnection,
    /// For marks, which commit asynchronously: if a mark is lost, its events are published once more.
    marker: DedicatedConnection,
    pending: Statement,
    stragglers: Statement,
    number: Statement,
    mark: Statement,
    /// Of this relay, once it leads.
    term: Option<i64>,
    /// Up to which number this relay has published again what an earlier one did not mark; `None` when that is done.
    interrupted: Option<i64>,
    batch: i64,
}

/// Events that are ready to be published, each with its number.
pub(crate) struct Batch {
    rows: Vec<(Row, i64)>,
    /// Whether there may be more.
    pub(crate) is_full: bool,
}

impl Outbox {
    pub(crate) async fn open(service: &'static str, target: &ConnectTarget) -> Result<Self, String> {
        let mut target = target.clone();
        // The table of pending events is empty at one moment and large at the next, whatever its statistics say: it is
        // always read in order, by its key.
        for parameter in ["enable_seqscan", "enable_bitmapscan", "enable_sort", "jit"] {
            target.set(parameter, "off");
        }
        let database = DedicatedConnection::connect(&target).await?;
        target.set("synchronous_commit", "off");
        let marker = DedicatedConnection::connect(&target).await?;
        Ok(Self {
            service,
            pending: prepare(&database.client, PENDING).await?,
            stragglers: prepare(&database.client, STRAGGLERS).await?,
            number: prepare(&database.client, NUMBER).await?,
            mark: prepare(&marker.client, MARK).await?,
            database,
            marker,
            term: None,
            interrupted: Some(0),
            batch: SMALLEST_BATCH,
        })
    }

    /// Checks the connections of a relay that stands by.
    pub(crate) async fn check(&self) -> Result<(), String> {
        for connection in [&self.database, &self.marker] {
            connection.client.simple_query("").await.map_err(error_text)?;
        }
        Ok(())
    }

    /// The next batch, numbered; empty if no events wait.
    pub(crate) async fn next(&mut self) -> Result<Batch, String> {
        let term = match self.term {
            Some(term) => term,
            None => *self.term.insert(self.begin_term().await?),
        };
        if let Some(after) = self.interrupted {
            let batch = self.interrupted(after).await?;
            self.interrupted = batch.last();
            if self.interrupted.is_some() {
                return Ok(batch);
            }
        }
        let client = &self.database.client;
        // Pipelined. In this order, so that no straggler is missed that a pending event must follow.
        let size: [&(dyn ToSql + Sync); 1] = [&self.batch];
        let (pending, stragglers) =
            tokio::join!(client.query(&self.pending, &size), client.query(&self.stragglers, &[]));
        if !stragglers.map_err(error_text)?.is_empty() {
            client.execute(ADOPT, &[&LARGEST_BATCH]).await.map_err(error_text)?;
            return Ok(Batch { rows: Vec::new(), is_full: true });
        }
        self.prepare_batch(term, pending.map_err(error_text)?).await
    }

    /// Numbers pending events, and sets those aside that cannot be published.
    async fn prepare_batch(&mut self, term: i64, rows: Vec<Row>) -> Result<Batch, String> {
        let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == self.batch);
        self.adapt(&rows, is_full);
        let (rows, is_cut) = up_to_repetition(rows);
        let mut publishable = Vec::with_capacity(rows.len());
        for row in rows {
            match fault_of(&row, self.service) {
                Some(why) => self.set_aside(&row, why).await?,
                None => publishable.push(row),
            }
        }
        if publishable.is_empty() {
            return Ok(Batch { rows: Vec::new(), is_full: is_full || is_cut });
        }
        match self.number(term, publishable).await? {
            Some(rows) => Ok(Batch { rows, is_full: is_full || is_cut }),
            None => Ok(Batch { rows: Vec::new(), is_full: true }),
        }
    }

    async fn begin_term(&self) -> Result<i64, String> {
        let row = self.database.client.query_one(BEGIN_TERM, &[]).await.map_err(error_text)?;
        Ok(row.get(0))
    }

    async fn interrupted(&self, after: i64) -> Result<Batch, String> {
        let mut rows = self.database.client.query(INTERRUPTED, &[&self.batch, &after]).await.map_err(error_text)?;
        rows.sort_by_key(|row| row.get::<_, i64>("published_seq"));
        let (rows, _) = up_to_repetition(rows);
        let rows = rows.into_iter().map(|row| (row.get("published_seq"), row)).map(|(number, row)| (row, number));
        Ok(Batch { rows: rows.collect(), is_full: true })
    }

    /// Numbers the events; `None` if it removed some instead, because others have their ids.
    async fn number(&self, term: i64, rows: Vec<Row>) -> Result<Option<Vec<(Row, i64)>>, String> {
        let seqs: Vec<i64> = rows.iter().map(|row| row.get("seq")).collect();
        let numbered = match self.database.client.query(&self.number, &[&term, &seqs]).await {
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                self.remove_repeated(&seqs).await?;
                return Ok(None);
            }
            numbered => numbered.map_err(error_text)?,
        };
        let numbers: HashMap<i64, i64> =
            numbered.iter().map(|row| (row.get("seq"), row.get("published_seq"))).collect();
        let numbered = rows.into_iter().map(|row| numbers.get(&row.get("seq")).map(|number| (row, *number)));
        numbered.collect::<Option<_>>().map(Some).ok_or_else(|| "another relay has taken over".into())
    }

    /// Adapts the size of batches: larger while more events wait, smaller while their data is large.
    fn adapt(&mut self, rows: &[Row], is_full: bool) {
        let bytes: usize = rows.iter().map(|row| row.get::<_, &str>("data").len()).sum();
        self.batch = match (bytes > HEAVY, is_full) {
            (true, _) => (self.batch / 2).max(SMALLEST_BATCH),
            (false, true) => (self.batch * 2).min(LARGEST_BATCH),
            (false, false) => self.batch,
        };
    }

    /// Marks the events up to this number as published.
    pub(crate) async fn mark(&self, published: Option<i64>) -> Result<(), String> {
        let Some(number) = published else { return Ok(()) };
        self.marker.client.execute(&self.mark, &[&number]).await.map(drop).map_err(error_text)
    }

    async fn set_aside(&self, row: &Row, why: &str) -> Result<(), String> {
        let seq: i64 = row.get("seq");
        self.database.client.execute(SET_ASIDE, &[&seq, &why]).await.map_err(error_text)?;
        self.log_unpublishable(row, why, "an event cannot be published; it is set aside");
        Ok(())
    }

    async fn remove_repeated(&self, seqs: &[i64]) -> Result<(), String> {
        let removed = self.database.client.query(REMOVE_REPEATED, &[&seqs]).await.map_err(error_text)?;
        for row in &removed {
            self.log_unpublishable(row, "another event has its id", "an event cannot be published; it is removed");
        }
        Ok(())
    }

    fn log_unpublishable(&self, row: &Row, why: &str, what: &str) {
        METER.count("set_aside", 1);
        let event: String = row.get::<_, &str>("name").chars().take(LONGEST_SHOWN).collect();
        tracing::error!(
            service = self.service,
            seq = row.get::<_, i64>("seq"),
            message_id = %row.get::<_, uuid::Uuid>("id"),
            event,
            error = why,
            "{what}"
        );
    }
}

async fn prepare(client: &Client, sql: &str) -> Result<Statement, String> {
    client.prepare(sql).await.map_err(error_text)
}

/// An error with its causes, for the log.
#[expect(clippy::needless_pass_by_value, reason = "taken by map_err")]
fn error_text(error: Error) -> String {
    chain(&error)
}

impl Batch {
    pub(crate) fn events(&self) -> Vec<OutgoingEvent<'_>> {
        self.rows.iter().map(|(row, number)| event(row, *number)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number up to which everything is published once the broker has confirmed the batch.
    pub(crate) fn last(&self) -> Option<i64> {
        self.rows.last().map(|(_, number)| *number)
    }
}

/// Why an event cannot be published: the broker would refuse it, or no consumer could read it.
fn fault_of(row: &Row, service: &str) -> Option<&'static str> {
    let name: &str = row.get("name");
    if !EVENTS.iter().any(|event| event.name == name && event.service == service) {
        return Some("this service has no event of this name");
    }
    let beside = ["owner", "request_id", "traceparent"].map(|column| row.get::<_, Option<&str>>(column));
    if beside.iter().flatten().any(|text| text.len() > LONGEST_HEADER) {
        return Some("its owner, request id or traceparent is too long for a header");
    }
    let data: &str = row.get("data");
    if data.len() > LARGEST {
        return Some("its data is larger than a mebibyte");
    }
    serde_json::from_str::<&RawValue>(data).err().map(|_| "its data is not JSON")
}

/// The rows before the first whose aggregate occurs a second time, and whether there is such a row. Of two events about the
/// same aggregate, the second is published after the first is confirmed, so their order holds even if the broker accepts
/// only one of them.
fn up_to_repetition(mut rows: Vec<Row>) -> (Vec<Row>, bool) {
    let mut seen = HashSet::new();
    let repeated = rows.iter().position(|row| !seen.insert(row.get::<_, &str>("aggregate")));
    drop(seen);
    if let Some(end) = repeated {
        rows.truncate(end);
    }
    (rows, repeated.is_some())
}

fn event(row: &Row, number: i64) -> OutgoingEvent<'_> {
    let meta = EventMetadata {
        id: row.get("id"),
        owner: row.get("owner"),
        request_id: row.get("request_id"),
        traceparent: row.get("traceparent"),
        sequence: Some(number),
    };
    OutgoingEvent { name: row.get("name"), data: row.get("data"), meta }
}
