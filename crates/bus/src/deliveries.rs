//! The serving side: takes requests from the queue of one pattern, sends their replies, acknowledges them.
//!
//! Replies go out on a connection of their own: a broker that is short of memory stops reading from connections that
//! publish, and acknowledgements must still get through then.

use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};

use crate::connection::{Broker, Error, Line, in_time};
use crate::{Meta, RequestPacket, topology};

const CONSUMER_TAG: &str = "worker";
/// Where replies may go. A forged address would make the broker close the whole connection (541).
const REPLY_PREFIXES: [&str; 3] = ["amq.rabbitmq.reply-to.", "amq.gen-", "replies."];

/// The requests of one pattern, as they come, until the connection breaks.
pub struct Deliveries {
    consumer: Consumer,
    replies_alive: BoxStream<'static, bool>,
    lines: Rc<Lines>,
}

struct Lines {
    requests: Line,
    requests_channel: Channel,
    replies: Line,
    replies_channel: Channel,
}

impl Deliveries {
    /// Connects, declares the queue and starts to consume; at most `prefetch` requests are out at a time.
    pub async fn open(broker: &Broker, pattern: &str, prefetch: u16) -> Result<Self, Error> {
        let requests = broker.connect("requests").await?;
        let replies = broker.connect("replies").await?;
        let requests_channel = requests.channel().await?;
        let replies_channel = replies.channel().await?;
        topology::declare_request_queue(&requests_channel, pattern).await?;
        in_time(requests_channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consuming = requests_channel.basic_consume(pattern.into(), CONSUMER_TAG.into(), options, arguments);
        let consumer = in_time(consuming).await?;
        let replies_alive = replies.blocked();
        let lines = Rc::new(Lines { requests, requests_channel, replies, replies_channel });
        Ok(Self { consumer, replies_alive, lines })
    }

    /// The next request. Safe to drop and call again; an error is final.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            tokio::select! {
                delivery = self.consumer.next() => {
                    let delivery = delivery.ok_or(Error::ConsumerEnded)??;
                    return Ok(Delivery { delivery, lines: Rc::clone(&self.lines) });
                }
                change = self.replies_alive.next() => match change {
                    Some(blocked) => tracing::warn!(blocked, "the broker changed whether it takes replies"),
                    None => return Err(Error::ConsumerEnded),
                },
            }
        }
    }

    /// Takes no more requests; those already out can still be answered.
    pub async fn cancel(&self) -> Result<(), Error> {
        in_time(self.lines.requests_channel.basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default())).await
    }

    /// Closes the connections. What was not acknowledged goes back to its queue.
    pub async fn close(self) {
        self.lines.replies.close().await;
        self.lines.requests.close().await;
    }
}

/// One request, to be settled exactly once.
pub struct Delivery {
    delivery: lapin::message::Delivery,
    lines: Rc<Lines>,
}

impl Delivery {
    /// The packet as it came.
    pub fn body(&self) -> &[u8] {
        &self.delivery.data
    }

    /// What travelled beside it.
    pub fn meta(&self, pattern: &str, packet: Option<&RequestPacket<'_>>) -> Meta {
        Meta::read(&self.delivery.properties, pattern, packet.and_then(|packet| packet.id.as_deref()))
    }

    /// Whether the broker has delivered it before, to a worker that did not settle it.
    pub fn is_redelivered(&self) -> bool {
        self.delivery.redelivered
    }

    /// Sends the reply, then acknowledges. In this order: a crash between the two repeats the work, never loses it.
    pub async fn settle(&self, reply: &[u8]) -> Result<(), Error> {
        match self.reply_to() {
            Ok(Some(address)) => self.reply(address, reply).await?,
            Ok(None) => {}
            Err(Forged) => tracing::warn!("the reply address is none we answer to; the reply is dropped"),
        }
        self.acknowledge().await
    }

    /// Acknowledges without a reply, for a request nobody waits for any more.
    pub async fn acknowledge(&self) -> Result<(), Error> {
        let tag = self.delivery.delivery_tag;
        in_time(self.lines.requests_channel.basic_ack(tag, BasicAckOptions::default())).await
    }

    fn reply_to(&self) -> Result<Option<&ShortString>, Forged> {
        let Some(address) = self.delivery.properties.reply_to() else { return Ok(None) };
        let known = REPLY_PREFIXES.iter().any(|prefix| address.as_str().starts_with(prefix));
        if known { Ok(Some(address)) } else { Err(Forged) }
    }

    async fn reply(&self, address: &ShortString, body: &[u8]) -> Result<(), Error> {
        const TRANSIENT: u8 = 1;
        let mut properties =
            BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(TRANSIENT);
        if let Some(id) = self.delivery.properties.correlation_id() {
            properties = properties.with_correlation_id(id.clone());
        }
        let channel = &self.lines.replies_channel;
        let publishing =
            channel.basic_publish("".into(), address.clone(), BasicPublishOptions::default(), body, properties);
        in_time(publishing).await.map(drop)
    }
}

struct Forged;
