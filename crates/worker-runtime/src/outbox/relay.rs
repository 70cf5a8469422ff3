//! Publishes a service's outbox: what was committed reaches the broker, in order, and is marked when that is certain. What
//! cannot be published is set aside, so that the others go on.
//!
//! Any number of copies may run; one of them leads, and another takes over when it ends: see `leadership.rs`.

use std::process::ExitCode;
use std::time::Duration;

use amqp::{Broker, Publisher, topology};
use contracts::control::PauseReason;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::{Backoff, Shutdown, StartError, Supervised, exit_code, supervise};
use tokio::time::timeout;

use crate::bootstrap::{Bootstrap, ProcessSpec};
use crate::db::prune::Prune;
use crate::db::{ConnectTarget, bounded};
use crate::error_chain::chain;
use crate::meter::METER;
use crate::outbox::batch::{Batch, Outbox, Published};
use crate::outbox::leadership::Leadership;
use crate::outbox::stats::Teller;
use crate::settings::EventSettings;

/// Notifications can be lost; this finds what they did not tell of. It also shows the server that a leader is alive.
const POLL: Duration = Duration::from_secs(1);

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
        let outbox = Outbox::open(self.service, &self.target).await.map_err(Broke::Database)?;
        let client = &outbox.database.client;
        let leadership = Leadership::seek(&self.target, client).await.map_err(Broke::Database)?;
        client.batch_execute("LISTEN outbox").await.map_err(|error| Broke::Database(chain(&error)))?;
        let publisher = Publisher::open(&self.broker, &topology::published_by(self.service)).await?;
        Ok(Shift { outbox, leadership, publisher })
    }

    async fn serve(&mut self, mut shift: Shift, backoff: &mut Backoff) -> Result<(), Broke> {
        tracing::info!(service = self.service, "serving");
        runtime::notify_ready();
        let led = self.lead(&mut shift, backoff).await;
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
    async fn lead(&mut self, shift: &mut Shift, backoff: &mut Backoff) -> Result<(), Broke> {
        let Shift { outbox, leadership, publisher } = shift;
        // Of the batch before: it is marked while the next one is on its way.
        let mut published = Published::default();
        loop {
            let leads = tokio::select! {
                () = self.stop.requested() => return Ok(()),
                leads = leadership.confirm(POLL) => leads.map_err(Broke::Database)?,
            };
            self.teller.leads(leads);
            METER.takes(if leads { Ok(()) } else { Err(PauseReason::Standby) });
            if !leads {
                // Another one leads; the connections must be good when it is this one's turn.
                outbox.check().await.map_err(Broke::Database)?;
                backoff.reset();
                continue;
            }
            let batch = outbox.next().await.map_err(Broke::Database)?;
            let marking = outbox.mark(&published).map(|marked| marked.map_err(Broke::Database));
            tokio::try_join!(publish(&batch, publisher), marking)?;
            published = batch.published();
            backoff.reset();
            if batch.is_full && !self.stop.is_requested() {
                continue;
            }
            outbox.mark(&published).await.map_err(Broke::Database)?;
            published = Published::default();
            self.prune.when_due(&outbox.database.client, self.outbox_hours).await;
            tokio::select! {
                () = self.stop.requested() => return Ok(()),
                _ = timeout(POLL, outbox.database.notified.notified()) => {}
            }
        }
    }
}

async fn publish(batch: &Batch, publisher: &Publisher) -> Result<(), Broke> {
    let events = batch.events();
    publisher.publish_events(&events).await?;
    METER.count("published", events.len() as u64);
    for event in &events {
        let meta = &event.meta;
        tracing::info!(event = event.name, message_id = %meta.id, request_id = meta.request_id, "published");
    }
    Ok(())
}

/// What a relay needs to publish, or to stand by.
struct Shift {
    outbox: Outbox,
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

impl From<amqp::Error> for Broke {
    fn from(error: amqp::Error) -> Self {
        Self::Broker(error)
    }
}
