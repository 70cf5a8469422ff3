//! The serving side: takes requests from the queue of one pattern, sends their replies, acknowledges them.
//!
//! Replies go out on the channel that the requests came in on. A second connection would keep acknowledgements flowing
//! while a broker short of memory blocks publishers, but here each acknowledgement waits for its reply anyway, and the
//! second connection's thread cost every request some 10 µs. Only what was delivered before is answered elsewhere: see
//! `suspects.rs`.

use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};

use crate::connection::{Broker, Error, Line, in_time, send};
use crate::suspects::Suspects;
use crate::{Meta, RequestPacket, topology};

const CONSUMER_TAG: &str = "worker";
/// Where replies may go. A forged address would make the broker close the whole connection (541).
const REPLY_PREFIXES: [&str; 3] = ["amq.rabbitmq.reply-to.", "amq.gen-", "replies."];

/// The requests of one pattern, as they come, until the connection breaks.
pub struct Deliveries {
    consumer: Consumer,
    blocked: BoxStream<'static, bool>,
    channel: Rc<Channel>,
    suspects: Rc<Suspects>,
    line: Line,
}

impl Deliveries {
    /// Connects, declares the queue and starts to consume; at most `prefetch` requests are out at a time.
    pub async fn open(broker: &Broker, pattern: &str, prefetch: u16) -> Result<Self, Error> {
        let line = broker.connect("serves").await?;
        let channel = Rc::new(line.channel().await?);
        topology::declare_requests(&line, &topology::request(pattern)).await?;
        in_time(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consuming = channel.basic_consume(pattern.into(), CONSUMER_TAG.into(), options, arguments);
        let consumer = in_time(consuming).await?;
        let suspects = Rc::new(Suspects::new(broker.clone()));
        Ok(Self { consumer, blocked: line.blocked(), channel, suspects, line })
    }

    /// The next request. Safe to drop and call again; an error is final.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            tokio::select! {
                delivery = self.consumer.next() => {
                    let delivery = delivery.ok_or(Error::ConsumerEnded)??;
                    let (channel, suspects) = (Rc::clone(&self.channel), Rc::clone(&self.suspects));
                    return Ok(Delivery { message: delivery, channel, suspects });
                }
                Some(blocked) = self.blocked.next() => {
                    tracing::warn!(blocked, "the broker changed whether it takes replies");
                }
            }
        }
    }

    /// Takes no more requests; those already out can still be answered.
    pub async fn cancel(&self) -> Result<(), Error> {
        in_time(self.channel.basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default())).await
    }

    /// Closes the connection. What was not acknowledged goes back to its queue.
    pub async fn close(self) {
        self.suspects.close().await;
        self.line.close().await;
    }
}

/// One request, to be settled exactly once.
pub struct Delivery {
    message: lapin::message::Delivery,
    channel: Rc<Channel>,
    suspects: Rc<Suspects>,
}

impl Delivery {
    /// The packet as it came.
    pub fn body(&self) -> &[u8] {
        &self.message.data
    }

    /// What travelled beside it.
    pub fn meta(&self, pattern: &str, packet: Option<&RequestPacket<'_>>) -> Meta {
        Meta::read(&self.message.properties, pattern, packet.and_then(|packet| packet.id.as_deref()))
    }

    /// Whether the broker has delivered it before, to a worker that did not settle it.
    pub fn is_redelivered(&self) -> bool {
        self.message.redelivered
    }

    /// Sends the reply, then acknowledges. In this order: a crash between the two repeats the work, never loses it.
    ///
    /// The reply address of a request that was delivered before may be what broke the connection then, so its reply
    /// goes out on another one; if that breaks too, nobody can be told, and the request is acknowledged all the same.
    pub async fn settle(&self, reply: &[u8]) -> Result<(), Error> {
        if let Some((address, properties)) = self.envelope() {
            if self.is_redelivered() {
                self.suspects.reply(address, reply, properties).await?;
            } else {
                // Waits until it is on the wire: lapin lets acknowledgements overtake what it has not yet written.
                let options = BasicPublishOptions::default();
                in_time(self.channel.basic_publish("".into(), address, options, reply, properties)).await?;
            }
        }
        self.acknowledge()
    }

    /// Acknowledges without a reply, for a request nobody waits for any more.
    pub fn acknowledge(&self) -> Result<(), Error> {
        let tag = self.message.delivery_tag;
        Ok(send(self.channel.basic_ack(tag, BasicAckOptions::default()))?)
    }

    /// Where the reply goes and what travels beside it; nothing when it is not wanted, or not where we answer to.
    fn envelope(&self) -> Option<(ShortString, BasicProperties)> {
        const TRANSIENT: u8 = 1;
        let properties = &self.message.properties;
        let address = properties.reply_to().clone()?;
        if !REPLY_PREFIXES.iter().any(|prefix| address.as_str().starts_with(prefix)) {
            tracing::warn!("the reply address is none we answer to; the reply is dropped");
            return None;
        }
        let reply =
            BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(TRANSIENT);
        Some((
            address,
            match properties.correlation_id() {
                Some(id) => reply.with_correlation_id(id.clone()),
                None => reply,
            },
        ))
    }
}
