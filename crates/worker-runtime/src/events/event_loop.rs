//! Runs a listener: takes events from its queue, applies each one once, and settles it.
//!
//! Events that arrive together share a transaction, because most of an event's cost is its commit. An event is handled
//! alone if it was delivered before, if it has failed before, or if the shared transaction did not apply all of its events.
//!
//! When a process dies, the broker counts a delivery against every event that the process held. A copy that gets a
//! redelivered event therefore stops consuming, applies the new events first and then the redelivered ones one at a time,
//! and keeps to one event at a time until new ones arrive. The event that a process died of comes last, alone
//! ([`crate::events::suspects`]).
//!
//! An idle copy also takes one event at a time: what a frozen copy holds, nobody else gets until its connection ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::{Broker, Error, EventConsumer, EventDelivery, EventPacket, FailureOutcome};
use contracts::SubscriptionInfo;
use contracts::control::{PauseReason, ProcessInfo, ProcessKind};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::{Backoff, Shutdown, StartError, Supervised, supervise};
use uuid::Uuid;

use crate::bootstrap::{Bootstrap, ProcessSpec};
use crate::db::bounded;
use crate::db::prune::Prune;
use crate::events::attempt::{Again, Apply, Effects, Outcome};
use crate::failure::Failure;
use crate::meter::{self, METER};
use crate::settings::EventSettings;
use crate::trace;

/// An event counts as the cause when the database was lost, or too busy, this many times while applying it.
const SUSPICIONS: u32 = 3;
/// The prefetch while many events wait, and so the most that share a transaction.
const TOGETHER: u16 = 64;
/// Many events wait if this many in a row arrived within `AT_ONCE` of the end of the one before.
const IN_A_ROW: u32 = 3;
const AT_ONCE: Duration = Duration::from_millis(20);
/// No events wait if none arrives for this long.
const QUIET: Duration = Duration::from_millis(200);

/// Whether events may share a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Together,
    Singly,
}

/// Runs a listener until a shutdown is requested.
pub(crate) fn listen(
    subscription: SubscriptionInfo,
    handler: &dyn Apply,
    sharing: Sharing,
) -> LocalBoxFuture<'_, Result<(), StartError>> {
    // Boxed by a plain function, so that its code is made here and not again in every listener.
    async move {
        let SubscriptionInfo { name, event, .. } = subscription;
        let about = format!("Applies each event {event} once, for the listener {name}.");
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
        let mut event_loop = EventLoop {
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
        let ended = supervise(&mut event_loop, requested.requested()).await;
        ended.map_err(|error| StartError::failed("giving up for a fresh start", error))
    }
    .boxed_local()
}

struct EventLoop<'h> {
    subscription: SubscriptionInfo,
    effects: Effects<'h>,
    sharing: Sharing,
    /// True unless many new events wait.
    one_at_a_time: bool,
    /// How many events in a row arrived at once.
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
    /// A shutdown was requested meanwhile.
    Left,
    /// This copy cannot work, and others can.
    ForOthers,
}

impl Supervised for EventLoop<'_> {
    type Connection = EventConsumer;
    type Error = Error;

    async fn connect(&mut self) -> Result<EventConsumer, Error> {
        EventConsumer::open(&self.broker, self.subscription, &self.delays_ms).await
    }

    async fn serve(&mut self, consumer: EventConsumer, backoff: &mut Backoff) -> Result<(), Error> {
        backoff.reset();
        METER.connected();
        let (connection, info) = (consumer.control(), Arc::clone(&self.info));
        tokio::select! {
            ended = self.session(consumer) => ended,
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

impl EventLoop<'_> {
    /// Handles events until the connection breaks (an error) or a shutdown is requested.
    async fn session(&mut self, mut consumer: EventConsumer) -> Result<(), Error> {
        let (stop, mut backoff, mut announced) = (self.stop.clone(), Backoff::default(), false);
        self.slow_down();
        let mut done = Instant::now();
        while !stop.is_requested() {
            METER.takes(if consumer.is_listening() { Ok(()) } else { Err(PauseReason::Database) });
            if !consumer.is_listening() {
                if self.effects.can_work().await || !consumer.has_other_consumers().await? {
                    consumer.listen(self.prefetch()).await?;
                    METER.set_prefetch(self.prefetch());
                    backoff.reset();
                    if !std::mem::replace(&mut announced, true) {
                        tracing::info!(listener = self.subscription.name, event = self.subscription.event, "serving");
                        runtime::notify_ready();
                    }
                } else {
                    announced = false;
                    self.wait(backoff.pause()).await;
                }
                continue;
            }
            tokio::select! {
                () = stop.requested() => break,
                event = consumer.next() => {
                    let event = event?;
                    self.in_a_row = if done.elapsed() < AT_ONCE { self.in_a_row + 1 } else { 0 };
                    // When the drain's time is over, unsettled events stay with the broker, which delivers them again.
                    tokio::select! {
                        taken = self.take_all(event, &mut consumer) => taken?,
                        () = stop.forced() => break,
                    }
                    done = Instant::now();
                }
                () = tokio::time::sleep_until((done + QUIET).into()), if !self.one_at_a_time => {
                    self.slow_down();
                    let out = consumer.pause(0).await?;
                    self.settle(out, &mut consumer).await?;
                }
                () = tokio::time::sleep_until(self.prune.due()) => self.prune().await,
            }
        }
        // Closing the connection counts a delivery against each unsettled event, so they are handled first.
        let out = consumer.pause(0).await?;
        tokio::select! {
            biased;
            () = stop.forced() => {}
            settled = self.settle(out, &mut consumer) => settled?,
        }
        consumer.close().await;
        Ok(())
    }

    /// Takes one event at a time from now on.
    fn slow_down(&mut self) {
        (self.one_at_a_time, self.in_a_row) = (true, 0);
    }

    fn prefetch(&self) -> u16 {
        if self.one_at_a_time || self.sharing == Sharing::Singly { 1 } else { TOGETHER }
    }

    /// Waits between attempts on the database; ends at once when a shutdown is requested.
    async fn wait(&self, pause: Duration) {
        tokio::select! {
            () = self.stop.requested() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Handles an event, and those that arrived with it, from delivery to acknowledgement.
    async fn take_all(&mut self, first: EventDelivery, consumer: &mut EventConsumer) -> Result<(), Error> {
        let mut events = vec![first];
        if self.sharing == Sharing::Together {
            while events.len() < usize::from(TOGETHER)
                && let Some(event) = consumer.next_now()
            {
                events.push(event?);
            }
            let suspects = |events: &[EventDelivery]| events.iter().any(EventDelivery::is_redelivered);
            if suspects(&events) {
                // If the process dies from here on, only these events get another delivery counted.
                let paused = if self.one_at_a_time { Vec::new() } else { consumer.pause(events.len()).await? };
                events.extend(paused);
                self.slow_down();
            } else if self.one_at_a_time && self.in_a_row >= IN_A_ROW {
                events.extend(consumer.pause(events.len()).await?);
                self.one_at_a_time = suspects(&events);
            }
        }
        self.settle(events, consumer).await
    }

    async fn settle(&mut self, events: Vec<EventDelivery>, consumer: &mut EventConsumer) -> Result<(), Error> {
        let events = self.take_together(events, consumer).await?;
        let mut taken = Taken::Settled;
        for event in &events {
            match taken {
                Taken::Settled => taken = self.take(event, consumer).await?,
                Taken::Left | Taken::ForOthers => {}
            }
            if taken == Taken::ForOthers {
                consumer.requeue(event)?;
            }
        }
        if taken == Taken::ForOthers {
            for event in consumer.pause(usize::from(TOGETHER)).await? {
                consumer.requeue(&event)?;
            }
        }
        Ok(())
    }

    /// Applies together the events that may share a transaction. Returns the others, in the order in which to handle them.
    async fn take_together(
        &mut self,
        events: Vec<EventDelivery>,
        consumer: &EventConsumer,
    ) -> Result<Vec<EventDelivery>, Error> {
        let begun = Instant::now();
        let (plain, mut others): (Vec<_>, Vec<_>) = events.into_iter().partition(is_plain);
        // Unreadable events, which are dead-lettered at once, come first, and redelivered ones last; of these, the ones that a
        // process died of.
        let attempts = self.recorded_attempts(&others).await;
        let attempted = |event: &EventDelivery| event.meta.as_ref().and_then(|meta| attempts.get(&meta.id)).copied();
        others.sort_by_key(|event| {
            (event.unreadable().is_none(), event.is_redelivered(), attempted(event), event.deliveries())
        });
        let applied = if plain.len() > 1 { self.effects.attempt_all(&plain).await } else { None };
        let Some(applied) = applied else {
            let at = others.partition_point(|event| event.unreadable().is_some());
            others.splice(at..at, plain);
            return Ok(others);
        };
        match plain.last() {
            Some(last) if others.is_empty() => consumer.acknowledge_up_to(last)?,
            _ => plain.iter().try_for_each(|event| consumer.acknowledge(event))?,
        }
        for (event, applied) in plain.iter().zip(applied) {
            self.log(event, if applied { "applied" } else { "repeated" }, begun);
        }
        Ok(others)
    }

    /// How often each event was attempted by a process that died, if there is anything to put in order.
    async fn recorded_attempts(&mut self, events: &[EventDelivery]) -> HashMap<Uuid, i32> {
        let redelivered = events.iter().filter(|event| event.is_redelivered());
        let ids: Vec<Uuid> = redelivered.filter_map(|event| event.meta.as_ref().map(|meta| meta.id)).collect();
        if ids.len() > 1 { self.effects.recorded_attempts(&ids).await } else { HashMap::new() }
    }

    /// Handles one event from delivery to acknowledgement.
    async fn take(&mut self, event: &EventDelivery, consumer: &mut EventConsumer) -> Result<Taken, Error> {
        let begun = Instant::now();
        let _in_flight = METER.begin();
        if let Some(why) = event.unreadable() {
            tracing::error!(listener = self.subscription.name, error = why, "an unreadable event is dead-lettered");
            consumer.reject(event, &why).await?;
            self.log(event, "buried", begun);
            return Ok(Taken::Settled);
        }
        let outcome = match self.outcome(event, consumer).await? {
            Ok(outcome) => outcome,
            Err(taken) => return Ok(taken),
        };
        let status = match outcome {
            Outcome::Applied => {
                consumer.acknowledge(event)?;
                "applied"
            }
            Outcome::Repeated => {
                consumer.acknowledge(event)?;
                "repeated"
            }
            Outcome::Undecodable(why) => {
                tracing::error!(
                    listener = self.subscription.name,
                    error = why,
                    "an event that cannot be decoded is dead-lettered"
                );
                consumer.dead_letter(event, "it cannot be decoded", &why).await?;
                "buried"
            }
            Outcome::Failed(failure) => self.fail(event, failure, consumer).await?,
        };
        self.log(event, status, begun);
        Ok(Taken::Settled)
    }

    async fn fail(
        &self,
        event: &EventDelivery,
        failure: Failure,
        consumer: &mut EventConsumer,
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
            // A retry is pointless: the handler would refuse the same event again.
            consumer.dead_letter(event, "the handler refused it", &why).await?;
            return Ok("buried");
        }
        Ok(match consumer.retry_later(event, &why).await? {
            FailureOutcome::RetryLater(_) => "put_off",
            FailureOutcome::DeadLettered => "buried",
        })
    }

    /// The outcome of an event, or why it is not settled. While the database is unreachable the event waits, or goes to
    /// another copy; neither counts as a failed attempt.
    async fn outcome(
        &mut self,
        event: &EventDelivery,
        consumer: &EventConsumer,
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
        if event.is_redelivered() {
            // Nothing acknowledged so far may be charged if this event kills the process.
            consumer.flush().await?;
        }
        loop {
            match self.effects.attempt(id, packet.data, event.is_redelivered()).await {
                Ok(Outcome::Failed(Failure::Database(error))) if error.is_stale() && !renewed => {
                    // A table may have changed since a statement was prepared.
                    renewed = true;
                    self.effects.disconnect();
                    continue;
                }
                Ok(outcome) => return Ok(Ok(outcome)),
                Err(Again::Elsewhere) if consumer.has_other_consumers().await? => {
                    let listener = self.subscription.name;
                    tracing::warn!(listener, "no database: leaving events to the other copies");
                    return Ok(Err(Taken::ForOthers));
                }
                Err(Again::Elsewhere | Again::Waits) => {}
                Err(Again::Suspect(_)) if suspicions + 1 < SUSPICIONS => suspicions += 1,
                Err(Again::Suspect(error)) => return Ok(Ok(Outcome::Failed(error.into()))),
            }
            self.effects.disconnect();
            self.wait(backoff.pause()).await;
            if self.stop.is_requested() {
                return Ok(Err(Taken::Left));
            }
        }
    }

    /// Deletes inbox rows that are too old to be needed, between events.
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
        if let Some(meta) = meta {
            trace::record_event(meta, self.subscription.name, status, begun);
        }
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
            "event handled"
        );
    }
}

/// Whether an event is readable and new: it has neither failed nor been delivered before.
fn is_plain(event: &EventDelivery) -> bool {
    event.attempts == 0 && !event.is_redelivered() && event.unreadable().is_none()
}
