//! The consumer of a listener's queue: delivers events and acknowledges them; retries or dead-letters those that fail.
//!
//! Acknowledgements use a connection that publishes nothing, so they keep flowing when a broker that is short of memory
//! blocks publishers.

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

/// What was done with an event that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureOutcome {
    /// It is delivered again after this many milliseconds.
    RetryLater(u32),
    /// No retry is left: it is in the dead-letter queue.
    DeadLettered,
}

/// The events of one listener, as they arrive, until the connection breaks.
pub struct EventConsumer {
    broker: Broker,
    subscription: SubscriptionInfo,
    delays_ms: Vec<u32>,
    /// The consumer; `None` while paused.
    consumer: Option<Consumer>,
    /// The most events that it may have out at a time.
    prefetch: u16,
    channel: lapin::Channel,
    connection: BrokerConnection,
    /// For events that fail; opened when needed.
    publisher: Option<Publisher>,
}

/// One event, to be settled exactly once.
pub struct EventDelivery {
    delivery: Delivery,
    /// Its metadata; `None` if it has no message id.
    pub meta: Option<EventMetadata>,
    /// How often its handler has failed so far.
    pub attempts: u32,
    /// Why the broker must not dead-letter it.
    forged_death: Option<&'static str>,
}

impl EventDelivery {
    /// The packet as it arrived.
    pub fn body(&self) -> &[u8] {
        &self.delivery.data
    }

    /// Why it must be dead-lettered without decoding: the frame filter removed something, or its `x-death` is forged.
    pub fn unreadable(&self) -> Option<String> {
        unreadable(&self.delivery.properties).or_else(|| self.forged_death.map(str::to_owned))
    }

    /// Whether it was delivered before, to a listener that did not settle it.
    pub fn is_redelivered(&self) -> bool {
        self.delivery.redelivered
    }

    /// How often the broker has delivered it, including this time.
    pub fn deliveries(&self) -> i64 {
        let headers = self.delivery.properties.headers().as_ref();
        let before = headers.and_then(|headers| headers.inner().get("x-delivery-count")).and_then(whole_number);
        before.unwrap_or(0).saturating_add(1)
    }
}

impl EventConsumer {
    /// Connects and declares the listener's queues. Events arrive once [`Self::listen`] was called. An event whose handler
    /// fails is retried after each of `delays_ms`, then dead-lettered.
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

    /// Starts to consume, with this prefetch.
    pub async fn listen(&mut self, prefetch: u16) -> Result<(), Error> {
        in_time(self.channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consuming =
            self.channel.basic_consume(self.subscription.name.into(), CONSUMER_TAG.into(), options, arguments);
        self.consumer = Some(in_time(consuming).await?);
        self.prefetch = prefetch;
        Ok(())
    }

    /// Whether it consumes.
    pub fn is_listening(&self) -> bool {
        self.consumer.is_some()
    }

    /// Whether another copy consumes the queue, too.
    pub async fn has_other_consumers(&self) -> Result<bool, Error> {
        let depth = topology::depth(&self.channel, self.subscription.name).await?.unwrap_or_default();
        Ok(depth.consumers > u32::from(self.is_listening()))
    }

    /// Stops consuming; returns the events that were delivered but not taken yet. `unsettled` events are taken and not
    /// settled. To change the prefetch, pause and call [`Self::listen`] again: it cannot be changed on a running consumer.
    ///
    /// Events that are in transit when a consumer is cancelled return to the queue, and the broker counts a delivery against
    /// each. So the consumer is cancelled only when none can be in transit: the prefetch is used up, or none has arrived for a
    /// while.
    pub async fn pause(&mut self, unsettled: usize) -> Result<Vec<EventDelivery>, Error> {
        let Some(mut consumer) = self.consumer.take() else { return Ok(Vec::new()) };
        let mut delivered = Vec::new();
        while unsettled + delivered.len() < usize::from(self.prefetch)
            && let Ok(delivery) = timeout(ON_ITS_WAY, consumer.next()).await
        {
            delivered.push(self.read(delivery.ok_or(Error::ConsumerEnded)??));
        }
        in_time(self.channel.basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default())).await?;
        while let Some(delivery) = timeout(OPERATION, consumer.next()).await.map_err(|_| Error::Silent(OPERATION))? {
            delivered.push(self.read(delivery?));
        }
        Ok(delivered)
    }

    /// Returns an event to its queue. It must not have been applied.
    pub fn requeue(&self, event: &EventDelivery) -> Result<(), Error> {
        let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        Ok(send(self.channel.basic_nack(event.delivery.delivery_tag, options))?)
    }

    /// The next event. Safe to drop and call again; an error is final.
    pub async fn next(&mut self) -> Result<EventDelivery, Error> {
        let Some(consumer) = &mut self.consumer else { return pending().await };
        let delivery = consumer.next().await.ok_or(Error::ConsumerEnded)??;
        Ok(self.read(delivery))
    }

    /// The next event, if it has arrived already.
    pub fn next_now(&mut self) -> Option<Result<EventDelivery, Error>> {
        self.next().now_or_never()
    }

    fn read(&self, delivery: Delivery) -> EventDelivery {
        let properties = &delivery.properties;
        let (meta, attempts) = (EventMetadata::read(properties), attempts(properties));
        let forged_death = forged_death(properties, self.subscription.name);
        EventDelivery { delivery, meta, attempts, forged_death }
    }

    /// Acknowledges an event that was applied, now or before.
    pub fn acknowledge(&self, event: &EventDelivery) -> Result<(), Error> {
        Ok(send(self.channel.basic_ack(event.delivery.delivery_tag, BasicAckOptions::default()))?)
    }

    /// Returns when the broker has processed everything that was settled so far: it answers requests in order.
    pub async fn flush(&self) -> Result<(), Error> {
        topology::depth(&self.channel, self.subscription.name).await.map(drop)
    }

    /// Acknowledges this event and every one that was delivered before it.
    pub fn acknowledge_up_to(&self, last: &EventDelivery) -> Result<(), Error> {
        Ok(send(self.channel.basic_ack(last.delivery.delivery_tag, BasicAckOptions { multiple: true }))?)
    }

    /// Moves an event whose handler failed to the next retry queue, or to the dead-letter queue after the last retry.
    pub async fn retry_later(&mut self, event: &EventDelivery, error: &str) -> Result<FailureOutcome, Error> {
        let step = usize::try_from(event.attempts).unwrap_or(usize::MAX);
        let Some(delay_ms) = self.delays_ms.get(step).copied() else {
            self.dead_letter(event, "the handler failed", error).await?;
            return Ok(FailureOutcome::DeadLettered);
        };
        self.move_to(event, &retry_queue(self.subscription.name, delay_ms), Failed { reason: None, error }).await?;
        Ok(FailureOutcome::RetryLater(delay_ms))
    }

    /// Moves an event that can never be handled to the dead-letter queue.
    pub async fn dead_letter(&mut self, event: &EventDelivery, reason: &str, error: &str) -> Result<(), Error> {
        self.move_to(event, &dead_queue(self.subscription.name), Failed { reason: Some(reason), error }).await
    }

    /// Dead-letters an unreadable event. The broker still has the whole message, so it is told to dead-letter it. Not one with
    /// a forged `x-death`: RabbitMQ 3.10 crashes on it and then dead-letters nothing at all. Of that, a copy of what arrived
    /// is dead-lettered without the header.
    pub async fn reject(&mut self, event: &EventDelivery, why: &str) -> Result<(), Error> {
        if event.forged_death.is_some() || !is_for_the_broker(why) {
            return self.dead_letter(event, "it is unreadable", why).await;
        }
        Ok(send(self.channel.basic_reject(event.delivery.delivery_tag, BasicRejectOptions { requeue: false }))?)
    }

    /// Closes the connections. Unacknowledged events return to their queue.
    pub async fn close(self) {
        if let Some(publisher) = self.publisher {
            publisher.close().await;
        }
        self.connection.close().await;
    }

    /// Publishes a copy to another queue and acknowledges the original once the broker has confirmed the copy. A crash in
    /// between leaves both; the inbox makes sure that only one takes effect.
    async fn move_to(&mut self, event: &EventDelivery, queue: &str, failed: Failed<'_>) -> Result<(), Error> {
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
