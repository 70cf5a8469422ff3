//! Publishes messages that must not be lost: one counts as sent when the broker has confirmed that a queue has it.

use futures_util::FutureExt;
use futures_util::future::{join_all, maybe_done, try_join_all};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation};

use crate::connection::{Broker, BrokerConnection, Error, in_time};
use crate::events::metadata::EventMetadata;
use crate::packet;
use crate::topology::{self, EVENTS_EXCHANGE, Item};

/// A connection that only publishes.
pub struct Publisher {
    channel: Channel,
    connection: BrokerConnection,
}

/// A message to publish.
pub(crate) struct Outgoing<'a> {
    pub(crate) exchange: &'static str,
    pub(crate) key: &'a str,
    pub(crate) body: Vec<u8>,
    pub(crate) properties: BasicProperties,
}

/// An event to publish.
pub struct OutgoingEvent<'a> {
    /// Its name, such as `order.created`.
    pub name: &'a str,
    /// Its data, as JSON.
    pub data: &'a str,
    /// Its metadata.
    pub meta: EventMetadata,
}

impl Publisher {
    /// Connects and declares `items`, the topology that the messages need.
    pub async fn open(broker: &Broker, items: &[Item]) -> Result<Self, Error> {
        let (connection, channel) = broker.connect_confirming("publishes").await?;
        topology::declare_for_others(&connection, items).await?;
        Ok(Self { channel, connection })
    }

    /// Publishes events, in order; returns when the broker has confirmed that all of them are in the queues of their
    /// listeners. After an error it is unknown which are: publish all of them again, on a new connection.
    pub async fn publish_events(&self, events: &[OutgoingEvent<'_>]) -> Result<(), Error> {
        let outgoing = events.iter().map(|event| Outgoing {
            exchange: EVENTS_EXCHANGE,
            key: event.name,
            body: packet::encode_event(event.name, event.data),
            properties: event.meta.properties(),
        });
        self.publish(outgoing).await
    }

    pub(crate) async fn publish(&self, messages: impl Iterator<Item = Outgoing<'_>>) -> Result<(), Error> {
        // Without `mandatory` the broker also confirms messages that it cannot route and drops.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let messages: Vec<_> = messages.collect();
        let sending = messages.iter().map(|Outgoing { exchange, key, body, properties }| {
            self.channel.basic_publish((*exchange).into(), (*key).into(), options, body, properties.clone())
        });
        let mut sending: Vec<_> = sending.map(|sending| Box::pin(maybe_done(sending))).collect();
        // The first poll hands a message to lapin. All are handed over, in order, before the first is waited for: to wait
        // until each is written would cost thread switches for each.
        for sending in &mut sending {
            let _ = sending.now_or_never();
        }
        in_time(join_all(&mut sending).map(Ok)).await?;
        let confirms = sending.iter_mut().filter_map(|sending| sending.as_mut().take_output());
        let confirms = confirms.collect::<lapin::Result<Vec<_>>>()?;
        let confirmations = in_time(try_join_all(confirms)).await?;
        confirmations.into_iter().try_for_each(|confirmation| match confirmation {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(Error::Refused("no queue is bound for a message")),
            Confirmation::Nack(_) => Err(Error::Refused("a queue is full, or has no leader")),
            Confirmation::NotRequested => Err(Error::Refused("the channel does not confirm")),
        })
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.connection.close().await;
    }
}
