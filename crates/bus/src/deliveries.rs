//! The serving side: takes requests from the queue of one pattern, sends their replies, acknowledges them.
//!
//! Replies go out on the channel that the requests came in on. A second connection would keep acknowledgements flowing
//! while a broker short of memory blocks publishers, but here each acknowledgement waits for its reply anyway, and the
//! second connection's thread cost every request some 10 µs. Only what was delivered before takes another way, out
//! (`suspects.rs`) and in (`redelivered.rs`).

use std::rc::Rc;
use std::time::Instant;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};

use crate::clocks::{Skew, Stalls};
use crate::connection::{Broker, Error, Line, in_time, send};
use crate::meta::{self, Arrived};
use crate::redelivered::{MOST_ATTEMPTS, Redelivered, begun};
use crate::reply_address::ReplyAddresses;
use crate::suspects::Suspects;
use crate::{Meta, RequestPacket, topology};

const CONSUMER_TAG: &str = "worker";

/// The requests of one pattern, as they come, until the connection breaks.
pub struct Deliveries {
    consumer: Consumer,
    again: Consumer,
    redelivered: Rc<Redelivered>,
    /// Requests on their way to the queue of redelivered ones.
    set_apart: FuturesUnordered<LocalBoxFuture<'static, Result<(), Error>>>,
    blocked: BoxStream<'static, bool>,
    stalls: Stalls,
    skew: Skew,
    /// A deadline that says nothing was met on this connection.
    met_wrong_deadline: bool,
    channel: Rc<Channel>,
    replies: Rc<Replies>,
    line: Line,
}

/// What replying takes besides the channel.
struct Replies {
    addresses: ReplyAddresses,
    suspects: Suspects,
}

impl Deliveries {
    /// Connects, declares the queues and starts to consume; at most `prefetch` requests are out at a time, and one more
    /// that was delivered before.
    pub async fn open(broker: &Broker, pattern: &str, prefetch: u16) -> Result<Self, Error> {
        let line = broker.connect("serves").await?;
        let channel = Rc::new(line.channel().await?);
        topology::declare(&line, &topology::request(pattern)).await?;
        in_time(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let (redelivered, again) = Redelivered::open(&line, pattern, CONSUMER_TAG).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consuming = channel.basic_consume(pattern.into(), CONSUMER_TAG.into(), options, arguments);
        let consumer = in_time(consuming).await?;
        let (addresses, suspects) = (ReplyAddresses::new(broker.clone()), Suspects::new(broker.clone()));
        let replies = Rc::new(Replies { addresses, suspects });
        let (blocked, set_apart) = (line.blocked(), FuturesUnordered::new());
        let (stalls, skew, met_wrong_deadline) = (Stalls::new(), Skew::default(), false);
        Ok(Self {
            consumer,
            again,
            redelivered,
            set_apart,
            blocked,
            stalls,
            skew,
            met_wrong_deadline,
            channel,
            replies,
            line,
        })
    }

    /// The next request. Safe to drop and call again; an error is final.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            let (message, alone) = tokio::select! {
                message = self.consumer.next() => (message.ok_or(Error::ConsumerEnded)??, false),
                message = self.again.next() => (message.ok_or(Error::ConsumerEnded)??, true),
                Some(done) = self.set_apart.next() => {
                    done?;
                    continue;
                }
                Some(blocked) = self.blocked.next() => {
                    tracing::warn!(blocked, "the broker changed whether it takes replies");
                    continue;
                }
                () = self.stalls.tick() => continue,
            };
            let channel = Rc::clone(if alone { &self.redelivered.channel } else { &self.channel });
            self.note_clocks(&message.properties);
            let (arrived, attempts) = (self.stalls.arrival(), begun(&message, alone));
            let replies = Rc::clone(&self.replies);
            let delivery = Delivery { message, alone, attempts, arrived, channel, replies };
            if !delivery.message.redelivered || delivery.is_given_up() {
                return Ok(delivery);
            }
            self.set_apart.push(delivery.set_apart(Rc::clone(&self.redelivered)).boxed_local());
        }
    }

    fn note_clocks(&mut self, properties: &BasicProperties) {
        if let Some((age_ms, budget)) = meta::age(properties) {
            self.skew.note(age_ms, budget);
        }
        if !self.met_wrong_deadline && meta::deadline(properties).is_some_and(|deadline| deadline.is_err()) {
            self.met_wrong_deadline = true;
            tracing::warn!("a request's header deadline is no number of milliseconds, and is passed over");
        }
    }

    /// Takes no more requests; those already out can still be answered.
    pub async fn cancel(&self) -> Result<(), Error> {
        for channel in [&self.channel, &self.redelivered.channel] {
            in_time(channel.basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default())).await?;
        }
        Ok(())
    }

    /// Closes the connection. What was not acknowledged goes back to its queue.
    pub async fn close(self) {
        self.replies.suspects.close().await;
        self.line.close().await;
    }
}

/// One request, to be settled exactly once.
pub struct Delivery {
    message: lapin::message::Delivery,
    /// It comes from the queue of redelivered requests.
    alone: bool,
    attempts: u32,
    arrived: Instant,
    channel: Rc<Channel>,
    replies: Rc<Replies>,
}

impl Delivery {
    /// The packet as it came.
    pub fn body(&self) -> &[u8] {
        &self.message.data
    }

    /// What travelled beside it.
    pub fn meta(&self, pattern: &str, packet: Option<&RequestPacket<'_>>) -> Meta {
        let packet_id = packet.and_then(|packet| packet.id.as_deref());
        let request = Arrived { at: self.arrived, pattern, packet_id, body: self.body() };
        Meta::read(&self.message.properties, &request)
    }

    /// Why it must be refused unread: it did not come whole, or a header of ours is no text.
    pub fn unreadable(&self) -> Option<String> {
        meta::unreadable(&self.message.properties)
    }

    /// Whether the broker has delivered it before, to a worker that did not settle it.
    pub fn is_redelivered(&self) -> bool {
        self.message.redelivered || self.alone
    }

    /// Whether it has brought down so many workers, each time alone, that it must not be begun again.
    pub fn is_given_up(&self) -> bool {
        self.attempts >= MOST_ATTEMPTS
    }

    /// Whether its reply can go where it shall, or none is wanted. Otherwise it must not be begun.
    pub async fn can_be_answered(&self) -> Result<bool, Error> {
        match self.reply_to() {
            None => Ok(true),
            Some(address) => self.replies.addresses.takes_replies(address.as_str()).await,
        }
    }

    /// Sends the reply, then acknowledges. In this order: a crash between the two repeats the work, never loses it.
    ///
    /// The reply address of a request that was delivered before may be what broke the connection then, so its reply
    /// goes out on another one; if that breaks too, nobody can be told, and the request is acknowledged all the same.
    pub async fn settle(&self, reply: &[u8]) -> Result<(), Error> {
        if let Some(address) = self.reply_to().cloned() {
            let properties = self.reply_properties();
            if self.is_redelivered() {
                self.replies.suspects.reply(address, reply, properties).await?;
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

    async fn set_apart(self, redelivered: Rc<Redelivered>) -> Result<(), Error> {
        let left = self.meta("", None).deadline.remaining();
        redelivered.set_apart(&self.message, &self.channel, self.attempts, left).await
    }

    /// Where the reply goes; some clients write nothing into the property where others leave it out.
    fn reply_to(&self) -> Option<&ShortString> {
        self.message.properties.reply_to().as_ref().filter(|address| !address.as_str().is_empty())
    }

    fn reply_properties(&self) -> BasicProperties {
        const TRANSIENT: u8 = 1;
        let reply =
            BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(TRANSIENT);
        match self.message.properties.correlation_id() {
            Some(id) => reply.with_correlation_id(id.clone()),
            None => reply,
        }
    }
}
