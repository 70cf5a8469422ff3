//! Publishes a service's outbox: what was committed reaches the broker, in order, and is marked when that is certain. What
//! cannot be published is set aside, so that the others go on.
//!
//! Any number of copies may run; one of them leads, and another takes over when it ends: see `leadership.rs`.

use std::process::ExitCode;
use std::time::Duration;

use amqp::{Broker, EventMetadata, OutgoingEvent, Publisher, topology};
use contracts::EVENTS;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::{Backoff, Shutdown, StartError, Supervised, exit_code, supervise};
use serde_json::value::RawValue;
use tokio::time::timeout;
use tokio_postgres::{Client, Row};

use crate::bootstrap::{Bootstrap, ProcessSpec};
use crate::db::dedicated::DedicatedConnection;
use crate::db::prune::Prune;
use crate::db::{ConnectTarget, bounded};
use crate::error_chain::chain;
use crate::outbox::leadership::Leadership;
use crate::outbox::stats::Teller;
use crate::settings::EventSettings;

/// Notifications can be lost; this finds what they did not tell of. It also shows the server that a leader is alive.
const POLL: Duration = Duration::from_secs(1);
/// How many events are under way at a time.
const BATCH: i64 = 100;
/// In bytes. All headers of a message together must fit one frame.
const LONGEST_HEADER: usize = 1_024;
/// In bytes; brokers refuse what is several times larger, and so does the outbox.
const LARGEST: usize = 1 << 20;
/// So many characters of a name that is none are shown.
const LONGEST_SHOWN: usize = 100;

const PENDING: &str = "SELECT seq, id, name, aggregate, owner, data, request_id, traceparent
    FROM outbox WHERE published_at IS NULL AND failed_at IS NULL ORDER BY seq LIMIT $1";
const MARK: &str = "UPDATE outbox SET published_at = clock_timestamp() WHERE seq = ANY($1)";
const SET_ASIDE: &str = "UPDATE outbox SET failed_at = clock_timestamp(), error = $2 WHERE seq = $1";

/// Runs the relay of a service, such as `users.relay`, until it is told to stop.
pub fn relay(name: &'static str) -> LocalBoxFuture<'static, ExitCode> {
    async move { exit_code(Box::pin(run(name)).await) }.boxed_local()
}

async fn run(name: &'static str) -> Result<(), StartError> {
    let about = "Publishes what a service has recorded for others to hear. One copy leads, the others stand by.";
    let mut start = Bootstrap::read(ProcessSpec { name, safe: false }, about, &["EVENTS_"])?;
    let service = start.context().service;
    let mut target = bounded(&mut start.context())?;
    let plain = target.clone();
    target.for_writing();
    let settings: EventSettings = start.section()?;
    let (broker, stop) = start.finish()?;
    let (prune, outbox_hours) = (Prune::outbox(), settings.outbox_hours());
    let teller = Teller::new(name, broker.clone(), plain);
    let mut relay = Relay { service, target, broker, stop, prune, outbox_hours, teller: &teller };
    let requested = relay.stop.clone();
    tokio::select! {
        ended = supervise(&mut relay, requested.requested()) => {
            ended.map_err(|error| StartError::failed("giving up for a fresh start", error))
        }
        () = teller.tell() => Ok(()),
    }
}

struct Relay<'t> {
    service: &'static str,
    target: ConnectTarget,
    broker: Broker,
    stop: Shutdown,
    prune: Prune,
    outbox_hours: f64,
    /// Is told who leads.
    teller: &'t Teller,
}

impl Supervised for Relay<'_> {
    type Connection = Shift;
    type Error = Broke;

    async fn connect(&mut self) -> Result<Shift, Broke> {
        let database = DedicatedConnection::connect(&self.target).await.map_err(Broke::Database)?;
        let leadership = Leadership::seek(&self.target, &database.client).await.map_err(Broke::Database)?;
        database.client.batch_execute("LISTEN outbox").await?;
        let publisher = Publisher::open(&self.broker, &topology::published_by(self.service)).await?;
        Ok(Shift { database, leadership, publisher })
    }

    async fn serve(&mut self, mut shift: Shift, backoff: &mut Backoff) -> Result<(), Broke> {
        tracing::info!(service = self.service, "serving");
        runtime::notify_ready();
        let led = self.lead(&shift.database, &mut shift.leadership, &shift.publisher, backoff).await;
        shift.publisher.close().await;
        // While it stops, whatever breaks is no reason to begin again.
        if self.stop.is_requested() { Ok(()) } else { led }
    }

    /// Whatever breaks ends a shift, and nothing is counted against the events.
    fn failed(&mut self, error: &Broke) {
        self.teller.leads(false);
        match error {
            Broke::Database(error) => tracing::warn!(error, "cannot use the database"),
            Broke::Broker(error) => tracing::warn!(error = %error, "cannot publish; events stay in the outbox"),
        }
    }

    fn is_silence(error: &Broke) -> bool {
        matches!(error, Broke::Broker(error) if error.is_silence())
    }
}

impl Relay<'_> {
    async fn lead(
        &mut self,
        database: &DedicatedConnection,
        leadership: &mut Leadership,
        publisher: &Publisher,
        backoff: &mut Backoff,
    ) -> Result<(), Broke> {
        let client = &database.client;
        loop {
            let leads = tokio::select! {
                () = self.stop.requested() => return Ok(()),
                leads = leadership.confirm(POLL) => leads.map_err(Broke::Database)?,
            };
            self.teller.leads(leads);
            if !leads {
                // Another one leads; the connection must be good when it is this one's turn.
                client.simple_query("").await?;
                backoff.reset();
                continue;
            }
            let more = self.publish_some(client, publisher).await?;
            backoff.reset();
            self.prune.when_due(client, self.outbox_hours).await;
            if self.stop.is_requested() {
                return Ok(());
            }
            if !more {
                tokio::select! {
                    () = self.stop.requested() => return Ok(()),
                    _ = timeout(POLL, database.notified.notified()) => {}
                }
            }
        }
    }

    /// Publishes what waits, up to a batch; whether there was anything.
    async fn publish_some(&self, client: &Client, publisher: &Publisher) -> Result<bool, Broke> {
        let rows = client.query(PENDING, &[&BATCH]).await?;
        let rows = up_to_repetition(&rows);
        if rows.is_empty() {
            return Ok(false);
        }
        let mut events = Vec::new();
        let mut done: Vec<i64> = Vec::new();
        for row in rows {
            if let Some(why) = fault_of(row, self.service) {
                self.set_aside(client, row, why).await?;
                continue;
            }
            events.push(event(row));
            done.push(row.get("seq"));
        }
        publisher.publish_events(&events).await?;
        client.execute(MARK, &[&done]).await?;
        for event in &events {
            let meta = &event.meta;
            tracing::info!(event = event.name, message_id = %meta.id, request_id = meta.request_id, "published");
        }
        Ok(true)
    }

    async fn set_aside(&self, client: &Client, row: &Row, why: &str) -> Result<(), Broke> {
        let (seq, id): (i64, uuid::Uuid) = (row.get("seq"), row.get("id"));
        client.execute(SET_ASIDE, &[&seq, &why]).await?;
        let event: String = row.get::<_, &str>("name").chars().take(LONGEST_SHOWN).collect();
        tracing::error!(
            service = self.service,
            seq,
            message_id = %id,
            event,
            error = why,
            "an event cannot be published; it is set aside"
        );
        Ok(())
    }
}

/// What is wrong with a row, so that the broker would refuse the event, or nobody could make anything of it.
fn fault_of(row: &Row, service: &str) -> Option<&'static str> {
    let name: &str = row.get("name");
    if !EVENTS.iter().any(|event| event.name == name && event.service == service) {
        return Some("its name is none of this service's events");
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

/// The rows before the first that tells of something another one tells of already: of two events about one thing the
/// second leaves when the first has arrived, so their order holds even if the broker takes only one of them.
fn up_to_repetition(rows: &[Row]) -> &[Row] {
    let aggregate = |row: &Row| row.get::<_, String>("aggregate");
    let mut seen = std::collections::HashSet::new();
    let end = rows.iter().position(|row| !seen.insert(aggregate(row))).unwrap_or(rows.len());
    &rows[..end]
}

fn event(row: &Row) -> OutgoingEvent<'_> {
    let meta = EventMetadata {
        id: row.get("id"),
        owner: row.get("owner"),
        request_id: row.get("request_id"),
        traceparent: row.get("traceparent"),
    };
    OutgoingEvent { name: row.get("name"), data: row.get("data"), meta }
}

/// What a relay needs to publish, or to stand by.
struct Shift {
    database: DedicatedConnection,
    leadership: Leadership,
    publisher: Publisher,
}

/// What ended a shift.
#[derive(Debug, thiserror::Error)]
enum Broke {
    #[error("{0}")]
    Database(String),
    #[error(transparent)]
    Broker(amqp::Error),
}

impl From<tokio_postgres::Error> for Broke {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(chain(&error))
    }
}

impl From<amqp::Error> for Broke {
    fn from(error: amqp::Error) -> Self {
        Self::Broker(error)
    }
}
