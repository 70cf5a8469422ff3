//! Listens to one event: takes what comes from the listener's queue, lets each take effect once, settles it.
//!
//! What has come together takes effect together: most of an event's cost is its commit. Whatever is not plainly applied,
//! has failed before, or was delivered before, is taken by itself. The broker counts the death of a process against every
//! event that it had; so who gets an event that was delivered before asks for no more, does what is plain first and then
//! the others one at a time, and goes on with one event at a time until new ones come. An event that kills is alone from
//! then on: usually it costs another event one of its deliveries for each copy that had many.
//!
//! At rest it also takes one at a time, for what a frozen copy has is done by nobody else until its connection ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::{Broker, Error, EventConsumer, EventDelivery, EventPacket, FailureOutcome};
use contracts::SubscriptionInfo;
use contracts::control::{PauseReason, ProcessInfo, ProcessKind};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::{Backoff, Shutdown, StartError, Supervised, supervise};

use crate::bootstrap::{Bootstrap, ProcessSpec};
use crate::db::bounded;
use crate::db::prune::Prune;
use crate::events::attempt::{Again, Apply, Effects, Outcome};
use crate::failure::Failure;
use crate::meter::{self, METER};
use crate::settings::EventSettings;

/// An event under which the database was lost, or was too busy, so often is suspected of being the cause.
const SUSPICIONS: u32 = 3;
/// Events that may be out at a time while many wait, and so take effect together.
const TOGETHER: u16 = 64;
/// Many wait when so many new events, one after another, came at once when they were asked for.
const IN_A_ROW: u32 = 3;
const AT_ONCE: Duration = Duration::from_millis(20);
/// None wait when nothing comes for so long.
const QUIET: Duration = Duration::from_millis(200);

/// Whether events may share a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Together,
    Singly,
}

/// Runs a listener until it is told to stop.
pub(crate) fn listen(
    subscription: SubscriptionInfo,
    handler: &dyn Apply,
    sharing: Sharing,
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
        let info = Arc::new(amqp::identify(name, ProcessKind::Listener, Some(event)));
        let effects = Effects::new(name, handler, target);
        let mut ear = Ear {
            subscription,
            effects,
            sharing,
            one_at_a_time: true,
            in_a_row: 0,
            delays_ms,
            broker,
            stop,
            prune,
            inbox_hours,
            info,
        };
        let ended = supervise(&mut ear, requested.requested()).await;
        ended.map_err(|error| StartError::failed("giving up for a fresh start", error))
    }
    .boxed_local()
}

struct Ear<'h> {
    subscription: SubscriptionInfo,
    effects: Effects<'h>,
    sharing: Sharing,
    /// Unless many new ones wait.
    one_at_a_time: bool,
    /// How many new events came at once, one after another.
    in_a_row: u32,
    delays_ms: Vec<u32>,
    broker: Broker,
    stop: Shutdown,
    prune: Prune,
    inbox_hours: f64,
    info: Arc<ProcessInfo>,
}

/// Whether an event is settled, or the broker still has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Settled,
    /// A stop was requested meanwhile.
    Left,
    /// This copy cannot work, and others can.
    ForOthers,
}

impl Supervised for Ear<'_> {
    type Connection = EventConsumer;
    type Error = Error;

    async fn connect(&mut self) -> Result<EventConsumer, Error> {
        EventConsumer::open(&self.broker, self.subscription, &self.delays_ms).await
    }

    async fn serve(&mut self, hearing: EventConsumer, backoff: &mut Backoff) -> Result<(), Error> {
        backoff.reset();
        METER.connected();
        let (connection, info) = (hearing.control(), Arc::clone(&self.info));
        tokio::select! {
            ended = self.session(hearing) => ended,
            never = connection.answer(&info, || meter::stats(&info, METER.database())) => match never {},
        }
    }

    fn failed(&mut self, error: &Error) {
        tracing::warn!(error = %error, "no connection to the broker");
    }

    fn is_silence(error: &Error) -> bool {
        error.is_silence()
    }
}

impl Ear<'_> {
    /// Listens until the connection breaks (an error), or a stop was requested.
    async fn session(&mut self, mut hearing: EventConsumer) -> Result<(), Error> {
        let (stop, mut backoff, mut said) = (self.stop.clone(), Backoff::default(), false);
        self.rests();
        let mut done = Instant::now();
        while !stop.is_requested() {
            METER.takes(if hearing.is_listening() { Ok(()) } else { Err(PauseReason::Database) });
            if !hearing.is_listening() {
                if self.effects.can_work().await || !hearing.has_company().await? {
                    hearing.listen(self.prefetch()).await?;
                    METER.set_prefetch(self.prefetch());
                    backoff.reset();
                    if !std::mem::replace(&mut said, true) {
                        tracing::info!(listener = self.subscription.name, event = self.subscription.event, "serving");
                        runtime::notify_ready();
                    }
                } else {
                    said = false;
                    self.rest(backoff.pause()).await;
                }
                continue;
            }
            tokio::select! {
                () = stop.requested() => break,
                event = hearing.next() => {
                    let event = event?;
                    self.in_a_row = if done.elapsed() < AT_ONCE { self.in_a_row + 1 } else { 0 };
                    // A drain that may wait no longer leaves events where they are: they come again.
                    tokio::select! {
                        taken = self.take_all(event, &mut hearing) => taken?,
                        () = stop.forced() => break,
                    }
                    done = Instant::now();
                }
                () = tokio::time::sleep_until((done + QUIET).into()), if !self.one_at_a_time => {
                    self.rests();
                    let out = hearing.pause().await?;
                    self.settle(out, &mut hearing).await?;
                }
                () = tokio::time::sleep_until(self.prune.due()) => self.prune().await,
            }
        }
        // What is out would be held against it, so it is done before the connection closes.
        let out = hearing.pause().await?;
        tokio::select! {
            biased;
            () = stop.forced() => {}
            settled = self.settle(out, &mut hearing) => settled?,
        }
        hearing.close().await;
        Ok(())
    }

    /// From now on one at a time.
    fn rests(&mut self) {
        (self.one_at_a_time, self.in_a_row) = (true, 0);
    }

    fn prefetch(&self) -> u16 {
        if self.one_at_a_time || self.sharing == Sharing::Singly { 1 } else { TOGETHER }
    }

    /// Waits between attempts on the database, unless a stop is requested.
    async fn rest(&self, pause: Duration) {
        tokio::select! {
            () = self.stop.requested() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Takes an event, and what has come with it, from delivery to acknowledgement.
    async fn take_all(&mut self, first: EventDelivery, hearing: &mut EventConsumer) -> Result<(), Error> {
        let mut events = vec![first];
        if self.sharing == Sharing::Together {
            while events.len() < usize::from(TOGETHER)
                && let Some(event) = hearing.next_now()
            {
                events.push(event?);
            }
            let suspects = |events: &[EventDelivery]| events.iter().any(EventDelivery::is_redelivered);
            if suspects(&events) {
                // A death from here on is held against no other event than these.
                let paused = if self.one_at_a_time { Vec::new() } else { hearing.pause().await? };
                events.extend(paused);
                self.rests();
            } else if self.one_at_a_time && self.in_a_row >= IN_A_ROW {
                events.extend(hearing.pause().await?);
                self.one_at_a_time = suspects(&events);
            }
        }
        self.settle(events, hearing).await
    }

    async fn settle(&mut self, events: Vec<EventDelivery>, hearing: &mut EventConsumer) -> Result<(), Error> {
        let events = self.take_together(events, hearing).await?;
        let mut taken = Taken::Settled;
        for event in &events {
            match taken {
                Taken::Settled => taken = self.take(event, hearing).await?,
                Taken::Left | Taken::ForOthers => {}
            }
            if taken == Taken::ForOthers {
                hearing.hand_back(event)?;
            }
        }
        if taken == Taken::ForOthers {
            for event in hearing.pause().await? {
                hearing.hand_back(&event)?;
            }
        }
        Ok(())
    }

    /// Takes those events together that can be; the others, in the order in which they are to be taken.
    async fn take_together(
        &mut self,
        events: Vec<EventDelivery>,
        hearing: &EventConsumer,
    ) -> Result<Vec<EventDelivery>, Error> {
        let begun = Instant::now();
        let (plain, mut others): (Vec<_>, Vec<_>) = events.into_iter().partition(is_plain);
        // What is buried at once comes first, and what was delivered before comes last.
        others.sort_by_key(|event| (event.unreadable().is_none(), event.is_redelivered(), event.deliveries()));
        let applied = if plain.len() > 1 { self.effects.attempt_all(&plain).await } else { None };
        let Some(applied) = applied else {
            let at = others.partition_point(|event| event.unreadable().is_some());
            others.splice(at..at, plain);
            return Ok(others);
        };
        match plain.last() {
            Some(last) if others.is_empty() => hearing.acknowledge_up_to(last)?,
            _ => plain.iter().try_for_each(|event| hearing.acknowledge(event))?,
        }
        for (event, applied) in plain.iter().zip(applied) {
            self.log(event, if applied { "applied" } else { "repeated" }, begun);
        }
        Ok(others)
    }

    /// Takes one event from delivery to acknowledgement.
    async fn take(&mut self, event: &EventDelivery, hearing: &mut EventConsumer) -> Result<Taken, Error> {
        let begun = Instant::now();
        let _in_flight = METER.begin();
        if let Some(why) = event.unreadable() {
            tracing::error!(
                listener = self.subscription.name,
                error = why,
                "an event that did not come whole is buried"
            );
            hearing.reject(event, &why).await?;
            self.log(event, "buried", begun);
            return Ok(Taken::Settled);
        }
        let outcome = match self.outcome(event, hearing).await? {
            Ok(outcome) => outcome,
            Err(taken) => return Ok(taken),
        };
        let status = match outcome {
            Outcome::Applied => {
                hearing.acknowledge(event)?;
                "applied"
            }
            Outcome::Repeated => {
                hearing.acknowledge(event)?;
                "repeated"
            }
            Outcome::Undecodable(why) => {
                tracing::error!(listener = self.subscription.name, error = why, "an event that is none is buried");
                hearing.dead_letter(event, "it cannot be decoded", &why).await?;
                "buried"
            }
            Outcome::Failed(failure) => self.fail(event, failure, hearing).await?,
        };
        self.log(event, status, begun);
        Ok(Taken::Settled)
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

    /// How an event went, or why it is not settled. While the database cannot be reached it waits, or another copy gets
    /// it, and that is not held against the event.
    async fn outcome(
        &mut self,
        event: &EventDelivery,
        hearing: &EventConsumer,
    ) -> Result<Result<Outcome, Taken>, Error> {
        let (mut backoff, mut suspicions, mut renewed) = (Backoff::default(), 0, false);
        let packet = match EventPacket::decode(event.body()) {
            Ok(packet) => packet,
            Err(error) => {
                return Ok(Ok(Outcome::Undecodable(format!("no event packet: at column {}", error.column()))));
            }
        };
        let Some(id) = event.meta.as_ref().map(|meta| meta.id) else {
            return Ok(Ok(Outcome::Undecodable("it has no message id".into())));
        };
        loop {
            match self.effects.attempt(id, packet.data).await {
                Ok(Outcome::Failed(Failure::Database(error))) if error.is_stale() && !renewed => {
                    // A table has changed since a statement was prepared, perhaps.
                    renewed = true;
                    self.effects.disconnect();
                    continue;
                }
                Ok(outcome) => return Ok(Ok(outcome)),
                Err(Again::Elsewhere) if hearing.has_company().await? => {
                    let listener = self.subscription.name;
                    tracing::warn!(listener, "cannot work, and leaves events to the other copies");
                    return Ok(Err(Taken::ForOthers));
                }
                Err(Again::Elsewhere | Again::Waits) => {}
                Err(Again::Suspect(_)) if suspicions + 1 < SUSPICIONS => suspicions += 1,
                Err(Again::Suspect(error)) => return Ok(Ok(Outcome::Failed(error.into()))),
            }
            self.effects.disconnect();
            self.rest(backoff.pause()).await;
            if self.stop.is_requested() {
                return Ok(Err(Taken::Left));
            }
        }
    }

    /// Forgets what is too old to come again, beside the events.
    async fn prune(&mut self) {
        match self.effects.database() {
            Some(database) => self.prune.when_due(&database.client, self.inbox_hours).await,
            None => self.prune.retry_later(),
        }
    }

    fn log(&self, event: &EventDelivery, status: &'static str, begun: Instant) {
        METER.count(status, 1);
        METER.handling.note(begun.elapsed());
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
            deliveries = event.deliveries(),
            "heard"
        );
    }
}

/// Whether nothing is known against an event.
fn is_plain(event: &EventDelivery) -> bool {
    event.attempts == 0 && !event.is_redelivered() && event.unreadable().is_none()
}
