//! The listening side: takes events from a listener's queue, as many at a time as it is told, and puts off or buries what fails.
//!
//! Acknowledgements have a connection that publishes nothing, so that they go on when a broker short of memory blocks
//! publishers.

use std::future::pending;
use std::time::Duration;

use contracts::SubscriptionInfo;
use futures_util::{FutureExt, StreamExt};
use lapin::Consumer;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use tokio::time::timeout;

use crate::connection::{Broker, BrokerConnection, Error, OPERATION, in_time, send};
use crate::control::responder::StatusConnection;
use crate::events::metadata::EventMetadata;
use crate::events::publisher::{Outgoing, Publisher};
use crate::failure_headers::{Failed, attempts, forged_death, is_for_the_broker, with_failure};
use crate::headers::{unreadable, whole_number};
use crate::topology::{self, dead_queue, retry_queue};

const CONSUMER_TAG: &str = "listener";
/// A delivery takes less than this from the queue to here.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

/// What becomes of an event that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureOutcome {
    /// It comes back after so many milliseconds.
    RetryLater(u32),
    /// It was put off as often as may be, and is in the dead queue now.
    DeadLettered,
}

/// The events of one listener, as they come, until the connection breaks.
pub struct EventConsumer {
    broker: Broker,
    subscription: SubscriptionInfo,
    delays_ms: Vec<u32>,
    /// The consumer, if events are wanted.
    consumer: Option<Consumer>,
    /// The most events that it may have out at a time.
    prefetch: u16,
    channel: lapin::Channel,
    connection: BrokerConnection,
    /// For what fails; most listeners never need it.
    publisher: Option<Publisher>,
}

/// One event, to be settled exactly once.
pub struct EventDelivery {
    delivery: Delivery,
    /// What travelled beside it; `None` when it has no identity.
    pub meta: Option<EventMetadata>,
    /// How often its handler has failed so far.
    pub attempts: u32,
    /// Why the broker must not dead-letter it.
    forged_death: Option<&'static str>,
}

impl EventDelivery {
    /// The packet as it came.
    pub fn body(&self) -> &[u8] {
        &self.delivery.data
    }

    /// Why it cannot be heard: it did not come whole.
    pub fn unreadable(&self) -> Option<String> {
        unreadable(&self.delivery.properties).or_else(|| self.forged_death.map(str::to_owned))
    }

    /// Whether the broker has delivered it before, to a listener that did not settle it.
    pub fn is_redelivered(&self) -> bool {
        self.delivery.redelivered
    }

    /// How often the broker has delivered it, this time included.
    pub fn deliveries(&self) -> i64 {
        let headers = self.delivery.properties.headers().as_ref();
        let before = headers.and_then(|headers| headers.inner().get("x-delivery-count")).and_then(whole_number);
        before.unwrap_or(0).saturating_add(1)
    }
}

impl EventConsumer {
    /// Connects and declares the listener's queues; events come once [`Self::listen`] asks for them. One whose handler fails
    /// comes back after each of `delays_ms`, then it is buried.
    pub async fn open(broker: &Broker, subscription: SubscriptionInfo, delays_ms: &[u32]) -> Result<Self, Error> {
        let connection = broker.connect("listens").await?;
        let channel = connection.channel().await?;
        topology::declare(&connection, &topology::subscription(&subscription)).await?;
        topology::declare(&connection, &topology::retries(subscription.name, delays_ms)).await?;
        let (broker, delays_ms) = (broker.clone(), delays_ms.to_vec());
        Ok(Self { broker, subscription, delays_ms, consumer: None, prefetch: 0, channel, connection, publisher: None })
    }

    /// The connection, for status requests.
    pub fn control(&self) -> StatusConnection {
        StatusConnection(self.connection.clone())
    }

    /// Asks for events, of which at most so many are out at a time.
    pub async fn listen(&mut self, prefetch: u16) -> Result<(), Error> {
        in_time(self.channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consuming =
            self.channel.basic_consume(self.subscription.name.into(), CONSUMER_TAG.into(), options, arguments);
        self.consumer = Some(in_time(consuming).await?);
        self.prefetch = prefetch;
        Ok(())
    }

    /// Whether events are asked for.
    pub fn is_listening(&self) -> bool {
        self.consumer.is_some()
    }

    /// Whether another copy listens, too.
    pub async fn has_company(&self) -> Result<bool, Error> {
        let depth = topology::depth(&self.channel, self.subscription.name).await?.unwrap_or_default();
        Ok(depth.consumers > u32::from(self.is_listening()))
    }

    /// Stops consuming, and returns the events that were delivered and not taken yet; `unsettled` are taken and not settled.
    /// A consumer cannot be told to take fewer at a time, so another one follows.
    ///
    /// What is on its way when a consumer is cancelled goes back to the queue, and the broker counts a delivery against it.
    /// So the consumer is cancelled when nothing can be on its way: as many are out as may be, or none has come for a while.
    pub async fn pause(&mut self, unsettled: usize) -> Result<Vec<EventDelivery>, Error> {
        let Some(mut consumer) = self.consumer.take() else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        while unsettled + out.len() < usize::from(self.prefetch)
            && let Ok(delivery) = timeout(ON_ITS_WAY, consumer.next()).await
        {
            out.push(self.taken(delivery.ok_or(Error::ConsumerEnded)??));
        }
        in_time(self.channel.basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default())).await?;
        while let Some(delivery) = timeout(OPERATION, consumer.next()).await.map_err(|_| Error::Silent(OPERATION))? {
            out.push(self.taken(delivery?));
        }
        Ok(out)
    }

    /// Hands an event back to its queue: nothing was done about it.
    pub fn hand_back(&self, event: &EventDelivery) -> Result<(), Error> {
        let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        Ok(send(self.channel.basic_nack(event.delivery.delivery_tag, options))?)
    }

    /// The next event. Safe to drop and call again; an error is final.
    pub async fn next(&mut self) -> Result<EventDelivery, Error> {
        let Some(consumer) = &mut self.consumer else { return pending().await };
        let delivery = consumer.next().await.ok_or(Error::ConsumerEnded)??;
        Ok(self.taken(delivery))
    }

    /// The next event, if it is here already.
    pub fn next_now(&mut self) -> Option<Result<EventDelivery, Error>> {
        self.next().now_or_never()
    }

    fn taken(&self, delivery: Delivery) -> EventDelivery {
        let properties = &delivery.properties;
        let (meta, attempts) = (EventMetadata::read(properties), attempts(properties));
        let forged_death = forged_death(properties, self.subscription.name);
        EventDelivery { delivery, meta, attempts, forged_death }
    }

    /// It is done, now or before.
    pub fn acknowledge(&self, event: &EventDelivery) -> Result<(), Error> {
        Ok(send(self.channel.basic_ack(event.delivery.delivery_tag, BasicAckOptions::default()))?)
    }

    /// Returns when the broker has taken note of all that was settled so far: it answers one question after another.
    pub async fn flush(&self) -> Result<(), Error> {
        topology::depth(&self.channel, self.subscription.name).await.map(drop)
    }

    /// All are done, and so is whatever was delivered before the last of them.
    pub fn acknowledge_up_to(&self, last: &EventDelivery) -> Result<(), Error> {
        Ok(send(self.channel.basic_ack(last.delivery.delivery_tag, BasicAckOptions { multiple: true }))?)
    }

    /// Its handler failed: it comes back later, or, after the last delay, is buried.
    pub async fn retry_later(&mut self, event: &EventDelivery, error: &str) -> Result<FailureOutcome, Error> {
        let step = usize::try_from(event.attempts).unwrap_or(usize::MAX);
        let Some(delay_ms) = self.delays_ms.get(step).copied() else {
            self.dead_letter(event, "the handler failed", error).await?;
            return Ok(FailureOutcome::DeadLettered);
        };
        self.hand_on(event, &retry_queue(self.subscription.name, delay_ms), Failed { reason: None, error }).await?;
        Ok(FailureOutcome::RetryLater(delay_ms))
    }

    /// It can never be handled: off to the dead queue.
    pub async fn dead_letter(&mut self, event: &EventDelivery, reason: &str, error: &str) -> Result<(), Error> {
        self.hand_on(event, &dead_queue(self.subscription.name), Failed { reason: Some(reason), error }).await
    }

    /// It did not come whole, so the broker, which has all of it, is asked to dead-letter it. But for one whose deaths are
    /// forged: RabbitMQ 3.10 crashes when it reads those, and then dead-letters nothing at all. Of it a copy of what came is
    /// buried, without them.
    pub async fn reject(&mut self, event: &EventDelivery, why: &str) -> Result<(), Error> {
        if event.forged_death.is_some() || !is_for_the_broker(why) {
            return self.dead_letter(event, "it did not come whole", why).await;
        }
        Ok(send(self.channel.basic_reject(event.delivery.delivery_tag, BasicRejectOptions { requeue: false }))?)
    }

    /// Closes the connections. What was not acknowledged goes back to its queue.
    pub async fn close(self) {
        if let Some(publisher) = self.publisher {
            publisher.close().await;
        }
        self.connection.close().await;
    }

    /// Puts a copy into another queue and, when that is certain, acknowledges the original. A crash in between leaves
    /// two, which the inbox makes one.
    async fn hand_on(&mut self, event: &EventDelivery, queue: &str, failed: Failed<'_>) -> Result<(), Error> {
        let publisher = match self.publisher.take() {
            Some(publisher) => publisher,
            None => Publisher::open(&self.broker, &[]).await?,
        };
        let properties = with_failure(&event.delivery.properties, failed);
        let copy = Outgoing { exchange: "", key: queue, body: event.delivery.data.clone(), properties };
        publisher.publish(std::iter::once(copy)).await?;
        self.publisher = Some(publisher);
        self.acknowledge(event)
    }
}
