//! Listens to one event: takes each from the listener's queue, lets it take effect once, settles it.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use bus::{Backoff, Broker, Error, EventPacket, Fate, Heard, Hearing};
use contracts::Subscription;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use process::{StartError, Stop};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::db::own::Own;
use crate::db::{Target, bounded, classify};
use crate::failure::chain;
use crate::prune::Prune;
use crate::server::{Pattern, Start};
use crate::{EventSettings, Failure, Transaction};

/// Notes that the event is applied; no row when it was before.
const NOTE: &str = "INSERT INTO inbox (listener, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// An event under which the database was lost so often is suspected of being the cause.
const LOSSES: u32 = 3;

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
pub(crate) fn listen(subscription: Subscription, handler: &dyn Apply) -> LocalBoxFuture<'_, Result<(), StartError>> {
    // Boxed by a plain function, so that its code is made here and not again in every listener.
    async move {
        let Subscription { name, event, .. } = subscription;
        let about = format!("Hears {event} for the listener {name}, and lets each event take effect once.");
        let mut start = Start::read(Pattern { name, safe: false }, &about, &["EVENTS_"])?;
        let target = bounded(&mut start.setup())?;
        let settings: EventSettings = start.section()?;
        let (broker, stop) = start.run()?;
        let delays_ms = settings.delays_ms().unwrap_or_default();
        let prune = Prune::inbox(settings.inbox_hours());
        Ear { subscription, handler, target, delays_ms, broker, stop, database: None, prune }.sessions().await
    }
    .boxed_local()
}

struct Ear<'h> {
    subscription: Subscription,
    handler: &'h dyn Apply,
    target: Target,
    delays_ms: Vec<u32>,
    broker: Broker,
    stop: Stop,
    /// Made when it is needed, and again after it broke.
    database: Option<Own>,
    prune: Prune,
}

impl Ear<'_> {
    async fn sessions(&mut self) -> Result<(), StartError> {
        let (stop, broker, delays_ms) = (self.stop.clone(), self.broker.clone(), self.delays_ms.clone());
        let mut backoff = Backoff::default();
        loop {
            let opening = Hearing::open(&broker, self.subscription, &delays_ms);
            let ended = tokio::select! {
                () = stop.asked() => return Ok(()),
                opened = opening => match opened {
                    Ok(hearing) => {
                        backoff.reset();
                        self.session(hearing).await
                    }
                    Err(error) => Err(error),
                },
            };
            let Err(error) = ended else { return Ok(()) };
            tracing::warn!(error = %error, "no connection to the broker");
            let pause =
                backoff.after(error).map_err(|error| StartError::failed("giving up for a fresh start", error))?;
            tokio::select! {
                () = stop.asked() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Listens until the connection breaks (an error), or a stop was asked.
    async fn session(&mut self, mut hearing: Hearing) -> Result<(), Error> {
        let stop = self.stop.clone();
        tracing::info!(listener = self.subscription.name, event = self.subscription.event, "serving");
        loop {
            tokio::select! {
                () = stop.asked() => break,
                event = hearing.next() => {
                    let event = event?;
                    // A drain that may wait no longer leaves the event where it is: it comes again.
                    tokio::select! {
                        settled = self.take(&event, &mut hearing) => settled?,
                        () = stop.insisted() => break,
                    }
                }
            }
        }
        hearing.close().await;
        Ok(())
    }

    /// Takes one event from delivery to acknowledgement.
    async fn take(&mut self, event: &Heard, hearing: &mut Hearing) -> Result<(), Error> {
        let begun = Instant::now();
        if let Some(why) = event.unreadable() {
            tracing::error!(
                listener = self.subscription.name,
                error = why,
                "an event that did not come whole is buried"
            );
            hearing.reject(event)?;
            self.log(event, "buried", begun);
            return Ok(());
        }
        let status = match self.outcome(event).await {
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
                hearing.bury(event, "it cannot be decoded", &why).await?;
                "buried"
            }
            Some(Outcome::Failed(failure)) => self.fail(event, failure, hearing).await?,
        };
        self.log(event, status, begun);
        Ok(())
    }

    async fn fail(&self, event: &Heard, failure: Failure, hearing: &mut Hearing) -> Result<&'static str, Error> {
        let why = match &failure {
            Failure::Answer(fault) => format!("refused: {}", fault.code.as_str()),
            _ => failure.causes().unwrap_or_else(|| "a statement took too long, or waited too long for a lock".into()),
        };
        tracing::error!(
            listener = self.subscription.name,
            error = why,
            attempt = event.attempts + 1,
            "an event failed"
        );
        if let Failure::Answer(_) = failure {
            // Nobody waits for an answer, and the same event would be refused again.
            hearing.bury(event, "the handler refused it", &why).await?;
            return Ok("buried");
        }
        Ok(match hearing.put_off(event, &why).await? {
            Fate::PutOff(_) => "put_off",
            Fate::Buried => "buried",
        })
    }

    /// How an event went. While the database cannot be reached it waits, and that is not held against the event; `None`
    /// when a stop was asked meanwhile.
    async fn outcome(&mut self, event: &Heard) -> Option<Outcome> {
        let (mut backoff, mut losses) = (Backoff::default(), 0);
        let packet = match EventPacket::decode(event.body()) {
            Ok(packet) => packet,
            Err(error) => return Some(Outcome::Undecodable(format!("no event packet: at column {}", error.column()))),
        };
        let Some(id) = event.meta.as_ref().map(|meta| meta.id) else {
            return Some(Outcome::Undecodable("it has no message id".into()));
        };
        loop {
            let outcome = self.attempt(id, packet.data).await;
            match outcome {
                Err(Lost::Before) => {}
                Err(Lost::Meanwhile) if losses + 1 < LOSSES => losses += 1,
                Err(Lost::Meanwhile) => {
                    return Some(Outcome::Failed(Failure::broken("the database was lost under it again and again")));
                }
                Ok(outcome) => return Some(outcome),
            }
            self.database = None;
            tokio::select! {
                () = self.stop.asked() => return None,
                () = tokio::time::sleep(backoff.pause()) => {}
            }
        }
    }

    /// One attempt, in one transaction.
    async fn attempt(&mut self, id: Uuid, data: &RawValue) -> Result<Outcome, Lost> {
        let database = match self.database.take() {
            Some(database) if !database.client.is_closed() => database,
            _ => self.connect().await.ok_or(Lost::Before)?,
        };
        let database = self.database.insert(database);
        self.prune.when_due(&database.client).await.map_err(|_| Lost::Before)?;
        let transaction = database.client.transaction().await.map_err(|_| Lost::Before)?;
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

    async fn connect(&self) -> Option<Own> {
        match Own::connect(&self.target).await {
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

    fn log(&self, event: &Heard, status: &str, begun: Instant) {
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

/// The database was not there, which says nothing about the event.
enum Lost {
    /// Before the event was touched.
    Before,
    /// While it was worked on.
    Meanwhile,
}

/// A failure of the database's is no failure of the event's; a statement that was too slow is.
fn failed(failure: Failure) -> Result<Outcome, Lost> {
    match failure {
        Failure::Lost(source) => {
            tracing::warn!(error = chain(source.as_ref()), "the database was lost under an event");
            Err(Lost::Meanwhile)
        }
        failure => Ok(Outcome::Failed(failure)),
    }
}
