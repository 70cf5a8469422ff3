//! Publishes a service's outbox: what was committed reaches the broker, in order, and is marked when that is certain.
//!
//! Any number of copies may run; one of them leads, by an advisory lock that its connection holds, and another takes
//! over when that connection ends. A leader that hangs is disconnected by the server after some seconds of silence.

use std::process::ExitCode;
use std::time::Duration;

use bus::{Backoff, Broker, EventMeta, OutgoingEvent, Publisher, topology};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use process::{StartError, Stop, exit_code};
use tokio::time::timeout;
use tokio_postgres::{Client, Row};

use crate::EventSettings;
use crate::control::Teller;
use crate::db::own::Own;
use crate::db::{Target, bounded};
use crate::failure::chain;
use crate::prune::Prune;
use crate::server::{Pattern, Start};

/// Any number serves, as long as all relays of a database use the same.
const LEADERSHIP: i64 = 0x006f_7574_626f_7800;
/// Notifications can be lost; this finds what they did not tell of. It also shows the server that a leader is alive.
const POLL: Duration = Duration::from_secs(1);
/// After this much silence the server ends the connection, and with it the leadership.
const SILENCE_MS: u32 = 5_000;
/// How many events are under way at a time.
const BATCH: i64 = 100;

const LEAD: &str = "SELECT pg_try_advisory_lock($1)";
const PENDING: &str = "SELECT seq, id, name, aggregate, owner, data, request_id, traceparent
    FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT $1";
const MARK: &str = "UPDATE outbox SET published_at = clock_timestamp() WHERE seq = ANY($1)";

/// Runs the relay of a service, such as `users.relay`, until it is told to stop.
pub fn relay(name: &'static str) -> LocalBoxFuture<'static, ExitCode> {
    async move { exit_code(Box::pin(run(name)).await) }.boxed_local()
}

async fn run(name: &'static str) -> Result<(), StartError> {
    let about = "Publishes what a service has recorded for others to hear. One copy leads, the others stand by.";
    let mut start = Start::read(Pattern { name, safe: false }, about, &["EVENTS_"])?;
    let service = start.setup().service;
    let mut target = bounded(&mut start.setup())?;
    let plain = target.clone();
    target.add_option(&format!("idle_session_timeout={SILENCE_MS}"));
    let settings: EventSettings = start.section()?;
    let (broker, stop) = start.run()?;
    let prune = Prune::outbox(settings.outbox_hours());
    let teller = Teller::new(name, broker.clone(), plain);
    let mut relay = Relay { service, target, broker, stop, prune, teller: &teller };
    tokio::select! {
        ended = relay.shifts() => ended,
        () = teller.tell() => Ok(()),
    }
}

struct Relay<'t> {
    service: &'static str,
    target: Target,
    broker: Broker,
    stop: Stop,
    prune: Prune,
    /// Is told who leads.
    teller: &'t Teller,
}

impl Relay<'_> {
    /// One after another: whatever breaks ends a shift, and nothing is counted against the events.
    async fn shifts(&mut self) -> Result<(), StartError> {
        let (stop, mut backoff) = (self.stop.clone(), Backoff::default());
        loop {
            let ended = self.shift(&mut backoff).await;
            self.teller.leads(false);
            if stop.is_asked() {
                return Ok(());
            }
            let pause = match ended {
                Ok(()) => return Ok(()),
                Err(Broke::Database(error)) => {
                    tracing::warn!(error, "cannot use the database");
                    backoff.pause()
                }
                Err(Broke::Broker(error)) => {
                    tracing::warn!(error = %error, "cannot publish; events stay in the outbox");
                    backoff.after(error).map_err(|error| StartError::failed("giving up for a fresh start", error))?
                }
            };
            tokio::select! {
                () = stop.asked() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// From connecting until something breaks, or a stop is asked.
    async fn shift(&mut self, backoff: &mut Backoff) -> Result<(), Broke> {
        let database = Own::connect(&self.target).await.map_err(Broke::Database)?;
        database.client.batch_execute("LISTEN outbox").await?;
        let publisher = Publisher::open(&self.broker, &topology::told_by(self.service)).await?;
        tracing::info!(service = self.service, "serving");
        let led = self.lead(&database, &publisher, backoff).await;
        publisher.close().await;
        led
    }

    async fn lead(&mut self, database: &Own, publisher: &Publisher, backoff: &mut Backoff) -> Result<(), Broke> {
        let client = &database.client;
        let mut leads = false;
        loop {
            if !leads {
                leads = client.query_one(LEAD, &[&LEADERSHIP]).await?.get(0);
                self.teller.leads(leads);
                if leads {
                    tracing::info!(service = self.service, "leading");
                }
            }
            let more = leads && self.publish_some(client, publisher).await?;
            backoff.reset();
            if leads {
                self.prune.when_due(client).await?;
            }
            if self.stop.is_asked() {
                return Ok(());
            }
            if !more {
                tokio::select! {
                    () = self.stop.asked() => return Ok(()),
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
        let events: Vec<_> = rows.iter().map(event).collect();
        publisher.publish_events(&events).await?;
        let done: Vec<i64> = rows.iter().map(|row| row.get("seq")).collect();
        client.execute(MARK, &[&done]).await?;
        for event in &events {
            let meta = &event.meta;
            tracing::info!(event = event.name, message_id = %meta.id, request_id = meta.request_id, "published");
        }
        Ok(true)
    }
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
    let meta = EventMeta {
        id: row.get("id"),
        owner: row.get("owner"),
        request_id: row.get("request_id"),
        traceparent: row.get("traceparent"),
    };
    OutgoingEvent { name: row.get("name"), data: row.get("data"), meta }
}

/// What ended a shift.
enum Broke {
    Database(String),
    Broker(bus::Error),
}

impl From<tokio_postgres::Error> for Broke {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(chain(&error))
    }
}

impl From<bus::Error> for Broke {
    fn from(error: bus::Error) -> Self {
        Self::Broker(error)
    }
}
