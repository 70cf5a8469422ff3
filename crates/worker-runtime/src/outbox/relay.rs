//! Publishes a service's outbox: committed events go to the broker in order, and are marked once the broker has confirmed
//! them. Events that cannot be published are set aside and do not block the others.
//!
//! Any number of copies may run. One of them leads, and another takes over when it ends: see `leadership.rs`.

use std::process::ExitCode;
use std::time::Duration;

use amqp::{Broker, Publisher, topology};
use contracts::control::PauseReason;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::{Backoff, Shutdown, StartError, Supervised, exit_code, supervise};
use tokio::time::{Instant, sleep_until, timeout};

use crate::bootstrap::{Bootstrap, ProcessSpec};
use crate::db::prune::Prune;
use crate::db::{ConnectTarget, bounded};
use crate::error_chain::chain;
use crate::meter::METER;
use crate::outbox::batch::{Batch, Outbox};
use crate::outbox::leadership::Leadership;
use crate::outbox::stats::StatusResponder;
use crate::settings::EventSettings;
use crate::trace;

/// How often the relay looks without a notification, because notifications can be lost. It also shows the server that the
/// leader is alive.
const POLL: Duration = Duration::from_secs(1);
/// While several events come at a time, batches begin at least this far apart: each costs the same commits and wake-ups,
/// whatever its size. A single event is published at once.
const PACE: Duration = Duration::from_millis(10);

/// Runs the relay of a service, such as `users.relay`, until a shutdown is requested.
pub fn relay(name: &'static str) -> LocalBoxFuture<'static, ExitCode> {
    async move { exit_code(Box::pin(run(name)).await) }.boxed_local()
}

async fn run(name: &'static str) -> Result<(), StartError> {
    let about = "Publishes the events that a service has recorded. One copy leads, the others stand by.";
    let mut start = Bootstrap::read(ProcessSpec { name, safe: false }, about, &["EVENTS_"])?;
    let service = start.context().service;
    let mut target = bounded(&mut start.context())?;
    let plain = target.clone();
    target.for_writing();
    let settings: EventSettings = start.section()?;
    let (broker, stop) = start.finish()?;
    let (prune, outbox_hours) = (Prune::outbox(), settings.outbox_hours());
    let status = StatusResponder::new(name, broker.clone(), plain);
    let mut relay = Relay { service, target, broker, stop, prune, outbox_hours, status: &status };
    let requested = relay.stop.clone();
    tokio::select! {
        ended = supervise(&mut relay, requested.requested()) => {
            ended.map_err(|error| StartError::failed("giving up for a fresh start", error))
        }
        () = status.run() => Ok(()),
    }
}

struct Relay<'r> {
    service: &'static str,
    target: ConnectTarget,
    broker: Broker,
    stop: Shutdown,
    prune: Prune,
    outbox_hours: f64,
    status: &'r StatusResponder,
}

impl Supervised for Relay<'_> {
    type Connection = Session;
    type Error = RelayError;

    async fn connect(&mut self) -> Result<Session, RelayError> {
        let outbox = Outbox::open(self.service, &self.target).await.map_err(RelayError::Database)?;
        let client = &outbox.database.client;
        let leadership = Leadership::seek(&self.target, client).await.map_err(RelayError::Database)?;
        client.batch_execute("LISTEN outbox").await.map_err(|error| RelayError::Database(chain(&error)))?;
        let publisher = Publisher::open(&self.broker, &topology::published_by(self.service)).await?;
        Ok(Session { outbox, leadership, publisher })
    }

    async fn serve(&mut self, mut session: Session, backoff: &mut Backoff) -> Result<(), RelayError> {
        tracing::info!(service = self.service, "serving");
        runtime::notify_ready();
        let led = self.lead(&mut session, backoff).await;
        session.publisher.close().await;
        // During a shutdown an error is no reason to reconnect.
        if self.stop.is_requested() { Ok(()) } else { led }
    }

    /// Every error ends the session, and none is held against the events.
    fn failed(&mut self, error: &RelayError) {
        self.status.set_leads(false);
        match error {
            RelayError::Database(error) => tracing::warn!(error, "cannot use the database"),
            RelayError::Broker(error) => tracing::warn!(error = %error, "cannot publish; events stay in the outbox"),
        }
    }

    fn is_silence(error: &RelayError) -> bool {
        matches!(error, RelayError::Broker(error) if error.is_silence())
    }
}

impl Relay<'_> {
    async fn lead(&mut self, session: &mut Session, backoff: &mut Backoff) -> Result<(), RelayError> {
        let Session { outbox, leadership, publisher } = session;
        // The previous batch: it is marked while the next one is being published.
        let mut published = None;
        loop {
            let leads = tokio::select! {
                () = self.stop.requested() => return Ok(()),
                leads = leadership.confirm(POLL) => leads.map_err(RelayError::Database)?,
            };
            self.status.set_leads(leads);
            METER.takes(if leads { Ok(()) } else { Err(PauseReason::Standby) });
            if !leads {
                // Another relay leads; this one's connections must be good when it takes over.
                outbox.check().await.map_err(RelayError::Database)?;
                backoff.reset();
                continue;
            }
            let begun = Instant::now();
            let batch = outbox.next().await.map_err(RelayError::Database)?;
            let marking = outbox.mark(published).map(|marked| marked.map_err(RelayError::Database));
            tokio::try_join!(publish(&batch, publisher), marking)?;
            published = batch.last();
            backoff.reset();
            if batch.is_full && !self.stop.is_requested() {
                continue;
            }
            outbox.mark(published.take()).await.map_err(RelayError::Database)?;
            self.prune.when_due(&outbox.database.client, self.outbox_hours).await;
            let paced = if batch.len() > 1 { begun + PACE } else { begun };
            tokio::select! {
                () = self.stop.requested() => return Ok(()),
                _ = timeout(POLL, outbox.database.notified.notified()) => sleep_until(paced).await,
            }
        }
    }
}

async fn publish(batch: &Batch, publisher: &Publisher) -> Result<(), RelayError> {
    let mut events = batch.events();
    let spans = trace::begin_publishing(&mut events);
    publisher.publish_events(&events).await?;
    trace::finish_publishing(&events, &spans);
    METER.count("published", events.len() as u64);
    for event in &events {
        let meta = &event.meta;
        tracing::info!(event = event.name, message_id = %meta.id, request_id = meta.request_id, "published");
    }
    Ok(())
}

/// What a relay needs to publish, or to stand by.
struct Session {
    outbox: Outbox,
    leadership: Leadership,
    publisher: Publisher,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("{0}")]
    Database(String),
    #[error(transparent)]
    Broker(amqp::Error),
}

impl From<amqp::Error> for RelayError {
    fn from(error: amqp::Error) -> Self {
        Self::Broker(error)
    }
}
