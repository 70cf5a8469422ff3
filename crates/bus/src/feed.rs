//! Every event as it is published, for whoever shows it live: a queue of this process's own, which dies with it.

use futures_util::StreamExt;
use lapin::Consumer;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use uuid::Uuid;

use crate::connection::{Broker, Error, Line, in_time};
use crate::topology::{self, EVENTS_EXCHANGE, Item};
use crate::{EventMeta, EventPacket};

/// Events that wait in the queue while this process is busy. Beyond that the broker drops the oldest, and nobody here is
/// told: a feed has a gap then, until its client comes again.
const LENGTH: i32 = 10_000;

/// The events of some names, from now on, until the connection breaks.
pub struct Feed {
    consumer: Consumer,
    line: Line,
}

/// An event to show.
pub struct Shown {
    /// What travelled beside it.
    pub meta: EventMeta,
    /// Its name.
    pub name: String,
    /// What it tells, as JSON.
    pub data: String,
}

impl Feed {
    /// Connects and listens to events of these names. What was published before is not in it.
    pub async fn open(broker: &Broker, names: &[&str]) -> Result<Self, Error> {
        let line = broker.connect("watches").await?;
        let channel = line.channel().await?;
        topology::declare(&channel, &[Item::Exchange(EVENTS_EXCHANGE)]).await?;
        let queue = format!("feed.{}", Uuid::now_v7());
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(LENGTH));
        in_time(channel.queue_declare(queue.as_str().into(), options, arguments)).await?;
        for name in names {
            let (options, none) = (QueueBindOptions::default(), FieldTable::default());
            let binding =
                channel.queue_bind(queue.as_str().into(), EVENTS_EXCHANGE.into(), (*name).into(), options, none);
            in_time(binding).await?;
        }
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consuming = channel.basic_consume(queue.into(), "feed".into(), options, FieldTable::default());
        Ok(Self { consumer: in_time(consuming).await?, line })
    }

    /// The next event. Safe to drop and call again; an error is final. What is no event is passed over.
    pub async fn next(&mut self) -> Result<Shown, Error> {
        loop {
            let delivery = self.consumer.next().await.ok_or(Error::ConsumerEnded)??;
            let meta = EventMeta::read(&delivery.properties);
            if let (Some(meta), Ok(packet)) = (meta, EventPacket::decode(&delivery.data)) {
                let (name, data) = (packet.pattern.into_owned(), packet.data.get().to_owned());
                return Ok(Shown { meta, name, data });
            }
        }
    }

    /// Closes the connection, and with it the queue ends.
    pub async fn close(self) {
        self.line.close().await;
    }
}
