//! The consumer of a pattern's queue: delivers requests, sends their replies, acknowledges them.
//!
//! Replies use the channel on which the requests came. A second connection would keep acknowledgements flowing while a
//! broker that is short of memory blocks publishers. But each acknowledgement waits for its reply anyway, and the
//! second connection's thread cost some 10 µs per request. Only redelivered requests take another way, out
//! (`isolated_reply.rs`) and in (`redelivered.rs`).

use std::collections::VecDeque;
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Consumer};

use crate::connection::{Broker, BrokerConnection, Error, in_time, send};
use crate::control::responder::StatusConnection;
use crate::headers::{relies_on_expiry, unreadable};
use crate::packet::RequestPacket;
use crate::protocol::TRANSIENT;
use crate::rpc::clocks::{Skew, Stalls};
use crate::rpc::expired::BEGUN;
use crate::rpc::isolated_reply::IsolatedReplies;
use crate::rpc::metadata::{self, Arrived, RequestMetadata};
use crate::rpc::redelivered::{MOST_ATTEMPTS, Redelivered, begun};
use crate::rpc::reply_address::ReplyAddresses;
use crate::topology;

/// Consumer priorities: the broker delivers to a lower one only what the higher ones have no room for. The default is
/// 0.
const LAST_PRIORITY: i32 = -1;

/// Which of several processes of one pattern gets requests first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// The default.
    First,
    /// Only requests that no other process has room for.
    Last,
}

/// The consumers of a pattern's two queues.
struct Consumers {
    tag: ShortString,
    new: Consumer,
    redelivered: Consumer,
}

/// The requests of one pattern, as they arrive, until the connection breaks.
pub struct RpcConsumer {
    pattern: String,
    /// The consumers; `None` while paused.
    consumers: Option<Consumers>,
    /// How often consumers were started; makes their tags unique.
    started: u32,
    /// Requests that the consumers had received when they were cancelled, and whether each comes from the queue of
    /// redelivered requests.
    buffered: VecDeque<(lapin::message::Delivery, bool)>,
    redelivered: Rc<Redelivered>,
    /// Requests that are being moved to the queue of redelivered requests.
    moving: FuturesUnordered<LocalBoxFuture<'static, Result<(), Error>>>,
    blocked: BoxStream<'static, bool>,
    stalls: Stalls,
    skew: Skew,
    /// Whether an unreadable deadline was logged on this connection.
    logged_wrong_deadline: bool,
    channel: Rc<Channel>,
    replies: Rc<Replies>,
    connection: BrokerConnection,
}

/// What replying needs besides the channel.
struct Replies {
    addresses: ReplyAddresses,
    isolated: IsolatedReplies,
}

impl RpcConsumer {
    /// Connects and declares the queues. Requests arrive once [`Self::consume`] was called: at most `prefetch` at a
    /// time, and one redelivered request.
    pub async fn open(broker: &Broker, pattern: &str, prefetch: u16) -> Result<Self, Error> {
        let connection = broker.connect("serves").await?;
        let channel = Rc::new(connection.channel().await?);
        topology::declare_requests(&connection, &topology::request(pattern)).await?;
        in_time(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let redelivered = Redelivered::open(&connection, pattern).await?;
        let (addresses, isolated) = (ReplyAddresses::new(broker.clone()), IsolatedReplies::new(broker.clone()));
        let replies = Rc::new(Replies { addresses, isolated });
        let (blocked, moving) = (connection.blocked(), FuturesUnordered::new());
        let (stalls, skew, logged_wrong_deadline) = (Stalls::new(), Skew::default(), false);
        Ok(Self {
            pattern: pattern.to_owned(),
            consumers: None,
            started: 0,
            buffered: VecDeque::new(),
            redelivered,
            moving,
            blocked,
            stalls,
            skew,
            logged_wrong_deadline,
            channel,
            replies,
            connection,
        })
    }

    /// The connection, for status requests.
    pub fn control(&self) -> StatusConnection {
        StatusConnection(self.connection.clone())
    }

    /// Starts to consume with this priority, or changes the priority.
    pub async fn consume(&mut self, rank: Rank) -> Result<(), Error> {
        let arguments = match rank {
            Rank::First => topology::arguments([]),
            Rank::Last => topology::arguments([("x-priority", LAST_PRIORITY.into())]),
        };
        self.started += 1;
        let tag = ShortString::from(format!("worker-{}", self.started));
        let (queue, options) = (self.pattern.as_str().into(), BasicConsumeOptions::default());
        let new = in_time(self.channel.basic_consume(queue, tag.clone(), options, arguments.clone())).await?;
        let redelivered = self.redelivered.consume(tag.clone(), arguments).await?;
        // The old consumers are cancelled only now, so that the queue always has a consumer.
        self.cancel().await?;
        self.consumers = Some(Consumers { tag, new, redelivered });
        Ok(())
    }

    /// Stops consuming; requests that were delivered can still be answered.
    pub async fn cancel(&mut self) -> Result<(), Error> {
        let Some(Consumers { tag, new, redelivered }) = self.consumers.take() else { return Ok(()) };
        let both = [(&self.channel, new, false), (&self.redelivered.channel, redelivered, true)];
        for (channel, mut consumer, alone) in both {
            in_time(channel.basic_cancel(tag.clone(), BasicCancelOptions::default())).await?;
            while let Some(Some(Ok(message))) = consumer.next().now_or_never() {
                self.buffered.push_back((message, alone));
            }
        }
        Ok(())
    }

    /// Stops consuming and requeues the requests that were not begun. Keeps those from the queue of redelivered requests:
    /// requeueing them would count as another attempt.
    pub async fn pause(&mut self) -> Result<(), Error> {
        self.cancel().await?;
        let (kept, unbegun): (VecDeque<_>, VecDeque<_>) = self.buffered.drain(..).partition(|(_, alone)| *alone);
        self.buffered = kept;
        for (message, alone) in unbegun {
            self.delivery(message, alone).requeue()?;
        }
        Ok(())
    }

    /// Whether another process consumes the queue, too.
    pub async fn has_other_consumers(&self) -> Result<bool, Error> {
        let depth = topology::depth(&self.channel, &self.pattern).await?.unwrap_or_default();
        Ok(depth.consumers > u32::from(self.consumers.is_some()))
    }

    /// The next request. Cancel-safe; an error is final.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            let consumers = &mut self.consumers;
            let next = async {
                match consumers {
                    Some(Consumers { new, redelivered, .. }) => tokio::select! {
                        message = new.next() => (message, false),
                        message = redelivered.next() => (message, true),
                    },
                    None => pending().await,
                }
            };
            let (message, alone) = if let Some(buffered) = self.buffered.pop_front() {
                buffered
            } else {
                tokio::select! {
                    (message, alone) = next => (message.ok_or(Error::ConsumerEnded)??, alone),
                    Some(moved) = self.moving.next() => {
                        moved?;
                        continue;
                    }
                    Some(blocked) = self.blocked.next() => {
                        tracing::warn!(blocked, "the broker blocks or unblocks publishing replies");
                        continue;
                    }
                    () = self.stalls.tick() => continue,
                }
            };
            self.note_clocks(&message.properties);
            let delivery = self.delivery(message, alone);
            if !delivery.message.redelivered || delivery.is_given_up() {
                return Ok(delivery);
            }
            self.moving.push(delivery.isolate(Rc::clone(&self.redelivered)).boxed_local());
        }
    }

    fn note_clocks(&mut self, properties: &BasicProperties) {
        if let Some((age_ms, budget)) = metadata::age(properties) {
            self.skew.note(age_ms, budget);
        }
        if !self.logged_wrong_deadline && metadata::deadline(properties).is_some_and(|deadline| deadline.is_err()) {
            self.logged_wrong_deadline = true;
            tracing::warn!("ignoring a request's header deadline: it is not a number of milliseconds");
        }
    }

    fn delivery(&mut self, message: lapin::message::Delivery, alone: bool) -> Delivery {
        let channel = Rc::clone(if alone { &self.redelivered.channel } else { &self.channel });
        let (replies, arrived, attempts) = (Rc::clone(&self.replies), self.stalls.arrival(), begun(&message, alone));
        Delivery { message, alone, attempts, arrived, channel, replies }
    }

    /// Closes the connection. Unacknowledged requests return to their queue.
    pub async fn close(self) {
        self.replies.isolated.close().await;
        self.connection.close().await;
    }
}

/// One request, to be settled exactly once.
pub struct Delivery {
    message: lapin::message::Delivery,
    /// Whether it comes from the queue of redelivered requests.
    alone: bool,
    attempts: u32,
    arrived: Instant,
    channel: Rc<Channel>,
    replies: Rc<Replies>,
}

impl Delivery {
    /// The body as it arrived.
    pub fn body(&self) -> &[u8] {
        &self.message.data
    }

    /// Its metadata.
    pub fn meta(&self, pattern: &str, packet: Option<&RequestPacket<'_>>) -> RequestMetadata {
        let packet_id = packet.and_then(|packet| packet.id.as_deref());
        let request = Arrived { at: self.arrived, pattern, packet_id, body: self.body() };
        RequestMetadata::read(&self.message.properties, &request)
    }

    /// How long it waited in the queue, by the clocks of both sides; `None` if the caller does not say when it was sent.
    pub fn queue_wait(&self) -> Option<Duration> {
        let (age_ms, _) = metadata::age(&self.message.properties)?;
        let since = i64::try_from(self.arrived.elapsed().as_millis()).unwrap_or_default();
        Some(Duration::from_millis(u64::try_from(age_ms - since).unwrap_or_default()))
    }

    /// Why it must be refused without decoding: the frame filter removed something, or one of our headers is not text.
    pub fn unreadable(&self) -> Option<String> {
        unreadable(&self.message.properties)
    }

    /// Whether it was delivered before, to a worker that did not settle it.
    pub fn is_redelivered(&self) -> bool {
        self.message.redelivered || self.alone
    }

    /// Whether it has crashed too many workers, each time alone, to be begun again.
    pub fn is_given_up(&self) -> bool {
        self.attempts >= MOST_ATTEMPTS
    }

    /// Whether its reply address can be reached, or no reply is expected. Otherwise the request must not be begun.
    pub async fn can_be_answered(&self) -> Result<bool, Error> {
        match self.reply_to() {
            None => Ok(true),
            Some(address) => self.replies.addresses.takes_replies(address.as_str()).await,
        }
    }

    /// Sends the reply, then acknowledges. In this order a crash between the two repeats the work and never loses it.
    ///
    /// The reply address of a redelivered request may be what broke the connection before, so its reply uses another
    /// connection. If that breaks too, the reply is undeliverable, and the request is acknowledged all the same.
    pub async fn settle(&self, reply: &[u8]) -> Result<(), Error> {
        if let Some(address) = self.reply_to().cloned() {
            let properties = self.reply_properties();
            if self.is_redelivered() {
                self.replies.isolated.reply(address, reply, properties).await?;
            } else {
                // Waits until the reply is written: lapin lets acknowledgements overtake what it has not written yet.
                let options = BasicPublishOptions::default();
                in_time(self.channel.basic_publish("".into(), address, options, reply, properties)).await?;
            }
        }
        self.acknowledge()
    }

    /// Announces to the caller that work begins, if the caller relies on it: from now on an expired copy of the request does
    /// not prove that it was not executed. Waits until the announcement is written, because the work must not overtake it.
    pub async fn announce(&self) -> Result<(), Error> {
        let Some(address) = self.reply_to().filter(|_| relies_on_expiry(&self.message.properties)).cloned() else {
            return Ok(());
        };
        let properties = self.reply_properties().with_type(BEGUN.into());
        if self.is_redelivered() {
            return self.replies.isolated.reply(address, &[], properties).await;
        }
        let options = BasicPublishOptions::default();
        in_time(self.channel.basic_publish("".into(), address, options, &[], properties)).await.map(drop)
    }

    /// Acknowledges without a reply, for a request whose caller no longer waits.
    pub fn acknowledge(&self) -> Result<(), Error> {
        let tag = self.message.delivery_tag;
        Ok(send(self.channel.basic_ack(tag, BasicAckOptions::default()))?)
    }

    /// Returns it to its queue, for another process. It must not have been begun.
    pub fn requeue(&self) -> Result<(), Error> {
        let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        Ok(send(self.channel.basic_nack(self.message.delivery_tag, options))?)
    }

    /// Moves it to the queue of redelivered requests.
    async fn isolate(self, redelivered: Rc<Redelivered>) -> Result<(), Error> {
        // From now on there may be two copies, of which one expires while the other is handled.
        self.announce().await?;
        let left = self.meta("", None).deadline.remaining();
        redelivered.take_over(&self.message, &self.channel, self.attempts, left).await
    }

    /// The reply address. Some clients write an empty one where others leave it out.
    fn reply_to(&self) -> Option<&ShortString> {
        self.message.properties.reply_to().as_ref().filter(|address| !address.as_str().is_empty())
    }

    fn reply_properties(&self) -> BasicProperties {
        let reply =
            BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(TRANSIENT);
        match self.message.properties.correlation_id() {
            Some(id) => reply.with_correlation_id(id.clone()),
            None => reply,
        }
    }
}
