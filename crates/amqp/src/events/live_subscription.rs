//! Receives events as they are published, for live streams, through an exclusive queue that ends with the connection.

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use uuid::Uuid;

use crate::connection::{Broker, BrokerConnection, Error, in_time};
use crate::events::metadata::EventMetadata;
use crate::headers::unreadable;
use crate::packet::EventPacket;
use crate::topology::names::FEED_QUEUES;
use crate::topology::{self, EVENTS_EXCHANGE, Item, arguments, text};

/// The most events that wait in the queue. Beyond that the broker drops the oldest into a second queue: any message there
/// means that the stream has a gap.
const LENGTH: i32 = 10_000;

/// The events of some names, from now on, until the connection breaks.
pub struct LiveSubscription {
    events: Consumer,
    dropped: Consumer,
    channel: Channel,
    queue: String,
    names: Vec<&'static str>,
    connection: BrokerConnection,
}

/// A live event.
pub struct LiveEvent {
    /// Its metadata.
    pub meta: EventMetadata,
    /// Its name.
    pub name: String,
    /// Its data, as JSON.
    pub data: String,
}

impl LiveSubscription {
    /// Connects and declares the queues. Events arrive once [`Self::bind`] was called.
    pub async fn open(broker: &Broker, names: &[&'static str]) -> Result<Self, Error> {
        let connection = broker.connect("watches").await?;
        let channel = connection.channel().await?;
        topology::declare(&connection, &[Item::Exchange(EVENTS_EXCHANGE)]).await?;
        let queue = format!("{FEED_QUEUES}{}", Uuid::now_v7());
        let dropped = format!("{queue}.dropped");
        let one = arguments([("x-max-length", 1.into())]);
        let many = [
            ("x-max-length", LENGTH.into()),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(&dropped)),
        ];
        declare(&channel, &dropped, one).await?;
        declare(&channel, &queue, arguments(many)).await?;
        let (dropped, events) = (consume(&channel, &dropped).await?, consume(&channel, &queue).await?);
        Ok(Self { events, dropped, channel, queue, names: names.to_vec(), connection })
    }

    /// Binds the queue: events published from now on arrive. While it is unbound, events cost this process nothing.
    pub async fn bind(&self) -> Result<(), Error> {
        for name in &self.names {
            let (queue, options) = (self.queue.as_str().into(), QueueBindOptions::default());
            let binding =
                self.channel.queue_bind(queue, EVENTS_EXCHANGE.into(), (*name).into(), options, FieldTable::default());
            in_time(binding).await?;
        }
        Ok(())
    }

    /// Unbinds the queue: only events that are in it already still arrive.
    pub async fn unbind(&self) -> Result<(), Error> {
        for name in &self.names {
            let queue = self.queue.as_str().into();
            let unbinding =
                self.channel.queue_unbind(queue, EVENTS_EXCHANGE.into(), (*name).into(), FieldTable::default());
            in_time(unbinding).await?;
        }
        Ok(())
    }

    /// The next event. Cancel-safe; an error is final. Skips messages that are not events.
    pub async fn next(&mut self) -> Result<LiveEvent, Error> {
        loop {
            let delivery = tokio::select! {
                biased;
                dropped = self.dropped.next() => {
                    dropped.ok_or(Error::ConsumerEnded)??;
                    return Err(Error::FellBehind);
                }
                event = self.events.next() => event.ok_or(Error::ConsumerEnded)??,
            };
            let meta = EventMetadata::read(&delivery.properties).filter(|_| unreadable(&delivery.properties).is_none());
            if let (Some(meta), Ok(packet)) = (meta, EventPacket::decode(&delivery.data)) {
                let (name, data) = (packet.pattern.into_owned(), packet.data.get().to_owned());
                return Ok(LiveEvent { meta, name, data });
            }
        }
    }

    /// Closes the connection, which deletes the queues.
    pub async fn close(self) {
        self.connection.close().await;
    }
}

/// Declares an exclusive queue, which ends with its connection.
async fn declare(channel: &Channel, name: &str, arguments: FieldTable) -> Result<(), Error> {
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    in_time(channel.queue_declare(name.into(), options, arguments)).await.map(drop)
}

async fn consume(channel: &Channel, queue: &str) -> Result<Consumer, Error> {
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    in_time(channel.basic_consume(queue.into(), "".into(), options, FieldTable::default())).await
}
