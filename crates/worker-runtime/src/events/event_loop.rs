//! Listens to one event: takes each from the listener's queue, lets it take effect once, settles it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use amqp::{Broker, Error, EventConsumer, EventDelivery, EventPacket, FailureOutcome};
use contracts::SubscriptionInfo;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::{Backoff, Shutdown, StartError, Supervised, supervise};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::bootstrap::{Bootstrap, ProcessSpec};
use crate::db::dedicated::DedicatedConnection;
use crate::db::prune::Prune;
use crate::db::{ConnectTarget, DbError, Transaction, bounded, classify};
use crate::error_chain::chain;
use crate::failure::Failure;
use crate::settings::EventSettings;

/// Notes that the event is applied; no row when it was before.
const NOTE: &str = "INSERT INTO inbox (listener, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// An event under which the database was lost, or was too busy, so often is suspected of being the cause.
const SUSPICIONS: u32 = 3;

/// A handler without its types.
pub(crate) trait Apply {
    fn apply<'a>(&'a self, data: &'a RawValue, transaction: &'a Transaction<'a>) -> LocalBoxFuture<'a, Outcome>;
}

/// How an event went.
pub(crate) enum Outcome {
    /// It has its effect.
    Applied,
    /// It had it before.
    Repeated,
    /// It is not what its name says.
    Undecodable(String),
    /// The handler has none to give.
    Failed(Failure),
}

/// Runs a listener until it is told to stop.
pub(crate) fn listen(
    subscription: SubscriptionInfo,
    handler: &dyn Apply,
) -> LocalBoxFuture<'_, Result<(), StartError>> {
    // Boxed by a plain function, so that its code is made here and not again in every listener.
    async move {
        let SubscriptionInfo { name, event, .. } = subscription;
        let about = format!("Hears {event} for the listener {name}, and lets each event take effect once.");
        let mut start = Bootstrap::read(ProcessSpec { name, safe: false }, &about, &["EVENTS_"])?;
        let mut target = bounded(&mut start.context())?;
        target.for_writing();
        let settings: EventSettings = start.section()?;
        let (broker, stop) = start.finish()?;
        let delays_ms = settings.delays_ms().unwrap_or_default();
        let (prune, inbox_hours) = (Prune::inbox(), settings.inbox_hours());
        let requested = stop.clone();
        let mut ear =
            Ear { subscription, handler, target, delays_ms, broker, stop, database: None, prune, inbox_hours };
        let ended = supervise(&mut ear, requested.requested()).await;
        ended.map_err(|error| StartError::failed("giving up for a fresh start", error))
    }
    .boxed_local()
}

struct Ear<'h> {
    subscription: SubscriptionInfo,
    handler: &'h dyn Apply,
    target: ConnectTarget,
    delays_ms: Vec<u32>,
    broker: Broker,
    stop: Shutdown,
    /// Made when it is needed, and again after it broke.
    database: Option<DedicatedConnection>,
    prune: Prune,
    inbox_hours: f64,
}

impl Supervised for Ear<'_> {
    type Connection = EventConsumer;
    type Error = Error;

    async fn connect(&mut self) -> Result<EventConsumer, Error> {
        EventConsumer::open(&self.broker, self.subscription, &self.delays_ms).await
    }

    async fn serve(&mut self, mut hearing: EventConsumer, backoff: &mut Backoff) -> Result<(), Error> {
        backoff.reset();
        let (stop, mut backoff) = (self.stop.clone(), Backoff::default());
        while !stop.is_requested() {
            if !hearing.is_listening() {
                if self.can_work().await || !hearing.has_company().await? {
                    hearing.listen().await?;
                    backoff.reset();
                    tracing::info!(listener = self.subscription.name, event = self.subscription.event, "serving");
                    runtime::notify_ready();
                } else {
                    self.rest(backoff.pause()).await;
                }
                continue;
            }
            tokio::select! {
                () = stop.requested() => break,
                event = hearing.next() => {
                    let event = event?;
                    // A drain that may wait no longer leaves the event where it is: it comes again.
                    tokio::select! {
                        settled = self.take(&event, &mut hearing) => settled?,
                        () = stop.forced() => break,
                    }
                }
                () = tokio::time::sleep_until(self.prune.due()) => self.prune().await,
            }
        }
        hearing.close().await;
        Ok(())
    }

    fn failed(&mut self, error: &Error) {
        tracing::warn!(error = %error, "no connection to the broker");
    }

    fn is_silence(error: &Error) -> bool {
        error.is_silence()
    }
}

impl Ear<'_> {
    /// Whether there is a database to work with.
    async fn can_work(&mut self) -> bool {
        if self.database.as_ref().is_none_or(|database| database.client.is_closed()) {
            self.database = self.connect_to_database().await;
        }
        self.database.is_some()
    }

    /// Waits between attempts on the database, unless a stop is requested.
    async fn rest(&self, pause: Duration) {
        tokio::select! {
            () = self.stop.requested() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Takes one event from delivery to acknowledgement.
    async fn take(&mut self, event: &EventDelivery, hearing: &mut EventConsumer) -> Result<(), Error> {
        let begun = Instant::now();
        if let Some(why) = event.unreadable() {
            tracing::error!(
                listener = self.subscription.name,
                error = why,
                "an event that did not come whole is buried"
            );
            hearing.reject(event, &why).await?;
            self.log(event, "buried", begun);
            return Ok(());
        }
        let status = match self.outcome(event, hearing).await? {
            None => return Ok(()),
            Some(Outcome::Applied) => {
                hearing.acknowledge(event)?;
                "applied"
            }
            Some(Outcome::Repeated) => {
                hearing.acknowledge(event)?;
                "repeated"
            }
            Some(Outcome::Undecodable(why)) => {
                tracing::error!(listener = self.subscription.name, error = why, "an event that is none is buried");
                hearing.dead_letter(event, "it cannot be decoded", &why).await?;
                "buried"
            }
            Some(Outcome::Failed(failure)) => self.fail(event, failure, hearing).await?,
        };
        self.log(event, status, begun);
        Ok(())
    }

    async fn fail(
        &self,
        event: &EventDelivery,
        failure: Failure,
        hearing: &mut EventConsumer,
    ) -> Result<&'static str, Error> {
        let why = match &failure {
            Failure::Answer(fault) => format!("refused: {}", fault.code.as_str()),
            _ => failure.causes().unwrap_or_default(),
        };
        tracing::error!(
            listener = self.subscription.name,
            error = why,
            attempt = event.attempts + 1,
            "an event failed"
        );
        if let Failure::Answer(_) = failure {
            // Nobody waits for an answer, and the same event would be refused again.
            hearing.dead_letter(event, "the handler refused it", &why).await?;
            return Ok("buried");
        }
        Ok(match hearing.retry_later(event, &why).await? {
            FailureOutcome::RetryLater(_) => "put_off",
            FailureOutcome::DeadLettered => "buried",
        })
    }

    /// How an event went. While the database cannot be reached it waits, or another copy gets it, and that is not held
    /// against the event; `None` when a stop was asked meanwhile, or it was left to another.
    async fn outcome(&mut self, event: &EventDelivery, hearing: &mut EventConsumer) -> Result<Option<Outcome>, Error> {
        let (mut backoff, mut suspicions) = (Backoff::default(), 0);
        let packet = match EventPacket::decode(event.body()) {
            Ok(packet) => packet,
            Err(error) => {
                return Ok(Some(Outcome::Undecodable(format!("no event packet: at column {}", error.column()))));
            }
        };
        let Some(id) = event.meta.as_ref().map(|meta| meta.id) else {
            return Ok(Some(Outcome::Undecodable("it has no message id".into())));
        };
        loop {
            match self.attempt(id, packet.data).await {
                Ok(outcome) => return Ok(Some(outcome)),
                Err(Again::Elsewhere) if hearing.has_company().await? => {
                    let listener = self.subscription.name;
                    tracing::warn!(listener, "cannot work, and leaves events to the other copies");
                    hearing.leave_to_others(event).await?;
                    return Ok(None);
                }
                Err(Again::Elsewhere | Again::Waits) => {}
                Err(Again::Suspect(_)) if suspicions + 1 < SUSPICIONS => suspicions += 1,
                Err(Again::Suspect(error)) => return Ok(Some(Outcome::Failed(error.into()))),
            }
            self.database = None;
            self.rest(backoff.pause()).await;
            if self.stop.is_requested() {
                return Ok(None);
            }
        }
    }

    /// One attempt, in one transaction.
    async fn attempt(&mut self, id: Uuid, data: &RawValue) -> Result<Outcome, Again> {
        let database = match self.database.take() {
            Some(database) if !database.client.is_closed() => database,
            _ => self.connect_to_database().await.ok_or(Again::Elsewhere)?,
        };
        let database = self.database.insert(database);
        let transaction = database.client.transaction().await.map_err(|_| Again::Waits)?;
        let transaction = Transaction(transaction);
        let noted = transaction.execute(NOTE, &[&self.subscription.name, &id]).await;
        let outcome = match noted {
            Ok(0) => return Ok(Outcome::Repeated),
            Ok(_) => AssertUnwindSafe(self.handler.apply(data, &transaction)).catch_unwind().await,
            Err(error) => return failed(error.into()),
        };
        // The panic's own words went to standard error when it happened.
        match outcome.unwrap_or_else(|_| Outcome::Failed(Failure::broken("the handler panicked"))) {
            Outcome::Applied => match transaction.0.commit().await.map_err(classify) {
                Ok(()) => Ok(Outcome::Applied),
                Err(error) => failed(error.into()),
            },
            Outcome::Failed(failure) => failed(failure),
            other => Ok(other),
        }
    }

    /// Forgets what is too old to come again, beside the events.
    async fn prune(&mut self) {
        match &self.database {
            Some(database) => self.prune.when_due(&database.client, self.inbox_hours).await,
            None => self.prune.retry_later(),
        }
    }

    async fn connect_to_database(&self) -> Option<DedicatedConnection> {
        match DedicatedConnection::connect(&self.target).await {
            Ok(database) => {
                tracing::info!("connected to the database");
                Some(database)
            }
            Err(error) => {
                tracing::warn!(error, "cannot reach the database");
                None
            }
        }
    }

    fn log(&self, event: &EventDelivery, status: &str, begun: Instant) {
        let meta = event.meta.as_ref();
        tracing::info!(
            listener = self.subscription.name,
            status,
            duration_ms = (begun.elapsed().as_secs_f64() * 1e5).round() / 100.0,
            message_id = meta.map(|meta| tracing::field::display(meta.id)),
            request_id = meta.and_then(|meta| meta.request_id.as_deref()),
            traceparent = meta.and_then(|meta| meta.traceparent.as_deref()),
            attempt = event.attempts + 1,
            redelivered = event.is_redelivered(),
            "heard"
        );
    }
}

/// Why an attempt is no outcome: it is made again.
enum Again {
    /// This copy has no database; another may have one.
    Elsewhere,
    /// The database cannot be used just now, which says nothing about the event.
    Waits,
    /// The database was lost, or too busy, under the event: once that says nothing, again and again it does.
    Suspect(DbError),
}

/// A failure of the database's is no failure of the event's, unless the event may be its cause.
fn failed(failure: Failure) -> Result<Outcome, Again> {
    match failure {
        Failure::Database(error @ (DbError::Unusable(_) | DbError::Unavailable(_))) => {
            tracing::warn!(error = chain(&error), "the database cannot be used; the event waits");
            Err(Again::Waits)
        }
        Failure::Database(error @ (DbError::Lost(_) | DbError::Busy(_))) => {
            tracing::warn!(error = chain(&error), "the database failed under an event; it is tried again");
            Err(Again::Suspect(error))
        }
        failure => Ok(Outcome::Failed(failure)),
    }
}
