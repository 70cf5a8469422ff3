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
use crate::headers::{counts_on_expiry, unreadable};
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

/// Starts consumers for the requests of a pattern.
struct Consumers {
    tag: ShortString,
    new: Consumer,
    again: Consumer,
}

/// The requests of one pattern, as they arrive, until the connection breaks.
pub struct RpcConsumer {
    pattern: String,
    /// The consumers, while requests are wanted.
    consumers: Option<Consumers>,
    /// How often consumers were started.
    asked: u32,
    /// What consumers had received when they were cancelled, and whether it comes from the queue of redelivered
    /// requests.
    got: VecDeque<(lapin::message::Delivery, bool)>,
    redelivered: Rc<Redelivered>,
    /// Requests on their way to the queue of redelivered requests.
    set_apart: FuturesUnordered<LocalBoxFuture<'static, Result<(), Error>>>,
    blocked: BoxStream<'static, bool>,
    stalls: Stalls,
    skew: Skew,
    /// Whether an unreadable deadline was logged on this connection.
    met_wrong_deadline: bool,
    channel: Rc<Channel>,
    replies: Rc<Replies>,
    connection: BrokerConnection,
}

/// What replying needs besides the channel.
struct Replies {
    addresses: ReplyAddresses,
    suspects: IsolatedReplies,
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
        let (addresses, suspects) = (ReplyAddresses::new(broker.clone()), IsolatedReplies::new(broker.clone()));
        let replies = Rc::new(Replies { addresses, suspects });
        let (blocked, set_apart) = (connection.blocked(), FuturesUnordered::new());
        let (stalls, skew, met_wrong_deadline) = (Stalls::new(), Skew::default(), false);
        Ok(Self {
            pattern: pattern.to_owned(),
            consumers: None,
            asked: 0,
            got: VecDeque::new(),
            redelivered,
            set_apart,
            blocked,
            stalls,
            skew,
            met_wrong_deadline,
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
        self.asked += 1;
        let tag = ShortString::from(format!("worker-{}", self.asked));
        let (queue, options) = (self.pattern.as_str().into(), BasicConsumeOptions::default());
        let new = in_time(self.channel.basic_consume(queue, tag.clone(), options, arguments.clone())).await?;
        let again = self.redelivered.consume(tag.clone(), arguments).await?;
        // Starts the new consumers first, so that there is always a consumer.
        self.cancel().await?;
        self.consumers = Some(Consumers { tag, new, again });
        Ok(())
    }

    /// Stops consuming; requests that were delivered can still be answered.
    pub async fn cancel(&mut self) -> Result<(), Error> {
        let Some(Consumers { tag, new, again }) = self.consumers.take() else { return Ok(()) };
        for (channel, mut consumer, alone) in [(&self.channel, new, false), (&self.redelivered.channel, again, true)] {
            in_time(channel.basic_cancel(tag.clone(), BasicCancelOptions::default())).await?;
            while let Some(Some(Ok(message))) = consumer.next().now_or_never() {
                self.got.push_back((message, alone));
            }
        }
        Ok(())
    }

    /// Stops consuming and returns the requests that were not begun. Keeps those from the queue of redelivered
    /// requests: returning them would count as another attempt.
    pub async fn pause(&mut self) -> Result<(), Error> {
        self.cancel().await?;
        let (kept, given_back): (VecDeque<_>, VecDeque<_>) = self.got.drain(..).partition(|(_, alone)| *alone);
        self.got = kept;
        for (message, alone) in given_back {
            self.delivery(message, alone).give_back()?;
        }
        Ok(())
    }

    /// Whether another process consumes the queue, too.
    pub async fn has_company(&self) -> Result<bool, Error> {
        let depth = topology::depth(&self.channel, &self.pattern).await?.unwrap_or_default();
        Ok(depth.consumers > u32::from(self.consumers.is_some()))
    }

    /// The next request. Cancel-safe; an error is final.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            let consumers = &mut self.consumers;
            let next = async {
                match consumers {
                    Some(Consumers { new, again, .. }) => tokio::select! {
                        message = new.next() => (message, false),
                        message = again.next() => (message, true),
                    },
                    None => pending().await,
                }
            };
            let (message, alone) = if let Some(got) = self.got.pop_front() {
                got
            } else {
                tokio::select! {
                    (message, alone) = next => (message.ok_or(Error::ConsumerEnded)??, alone),
                    Some(done) = self.set_apart.next() => {
                        done?;
                        continue;
                    }
                    Some(blocked) = self.blocked.next() => {
                        tracing::warn!(blocked, "the broker changed whether it takes replies");
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
            self.set_apart.push(delivery.set_apart(Rc::clone(&self.redelivered)).boxed_local());
        }
    }

    fn note_clocks(&mut self, properties: &BasicProperties) {
        if let Some((age_ms, budget)) = metadata::age(properties) {
            self.skew.note(age_ms, budget);
        }
        if !self.met_wrong_deadline && metadata::deadline(properties).is_some_and(|deadline| deadline.is_err()) {
            self.met_wrong_deadline = true;
            tracing::warn!("a request's header deadline is no number of milliseconds, and is passed over");
        }
    }

    fn delivery(&mut self, message: lapin::message::Delivery, alone: bool) -> Delivery {
        let channel = Rc::clone(if alone { &self.redelivered.channel } else { &self.channel });
        let (replies, arrived, attempts) = (Rc::clone(&self.replies), self.stalls.arrival(), begun(&message, alone));
        Delivery { message, alone, attempts, arrived, channel, replies }
    }

    /// Closes the connection. Unacknowledged requests return to their queue.
    pub async fn close(self) {
        self.replies.suspects.close().await;
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

    /// Whether the broker has delivered it before, to a worker that did not settle it.
    pub fn is_redelivered(&self) -> bool {
        self.message.redelivered || self.alone
    }

    /// Whether it has crashed so many workers, each time alone, that it must not be begun again.
    pub fn is_given_up(&self) -> bool {
        self.attempts >= MOST_ATTEMPTS
    }

    /// Whether a reply can reach its address, or none is wanted. Otherwise the request must not be begun.
    pub async fn can_be_answered(&self) -> Result<bool, Error> {
        match self.reply_to() {
            None => Ok(true),
            Some(address) => self.replies.addresses.takes_replies(address.as_str()).await,
        }
    }

    /// Sends the reply, then acknowledges. In this order a crash between the two repeats the work and never loses it.
    ///
    /// The reply address of a redelivered request may be what broke the connection before, so its reply uses another
    /// connection. If that breaks too, nobody can be answered, and the request is acknowledged all the same.
    pub async fn settle(&self, reply: &[u8]) -> Result<(), Error> {
        if let Some(address) = self.reply_to().cloned() {
            let properties = self.reply_properties();
            if self.is_redelivered() {
                self.replies.suspects.reply(address, reply, properties).await?;
            } else {
                // Waits until the reply is written: lapin lets acknowledgements overtake what it has not written yet.
                let options = BasicPublishOptions::default();
                in_time(self.channel.basic_publish("".into(), address, options, reply, properties)).await?;
            }
        }
        self.acknowledge()
    }

    /// Tells a caller who counts on it that work begins: from now on it is no proof of the contrary that the request comes
    /// back to him. Waits until it is on the wire, for the work must not overtake it.
    pub async fn announce(&self) -> Result<(), Error> {
        let Some(address) = self.reply_to().filter(|_| counts_on_expiry(&self.message.properties)).cloned() else {
            return Ok(());
        };
        let properties = self.reply_properties().with_type(BEGUN.into());
        if self.is_redelivered() {
            return self.replies.suspects.reply(address, &[], properties).await;
        }
        let options = BasicPublishOptions::default();
        in_time(self.channel.basic_publish("".into(), address, options, &[], properties)).await.map(drop)
    }

    /// Acknowledges without a reply, for a request nobody waits for any more.
    pub fn acknowledge(&self) -> Result<(), Error> {
        let tag = self.message.delivery_tag;
        Ok(send(self.channel.basic_ack(tag, BasicAckOptions::default()))?)
    }

    /// Returns it to its queue, for another process. It must not have been begun.
    pub fn give_back(&self) -> Result<(), Error> {
        let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        Ok(send(self.channel.basic_nack(self.message.delivery_tag, options))?)
    }

    async fn set_apart(self, redelivered: Rc<Redelivered>) -> Result<(), Error> {
        // There may be two of it from now on, of which one expires while the other is worked on.
        self.announce().await?;
        let left = self.meta("", None).deadline.remaining();
        redelivered.set_apart(&self.message, &self.channel, self.attempts, left).await
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
