//! The RPC client: sends a request to the queue of its pattern, waits for the reply, and reports reliably whether the
//! request may have been executed.
//!
//! Replies come by direct reply-to (`amq.rabbitmq.reply-to`), which needs no queue and ends with the connection.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use contracts::Fault;
use contracts::control::{ProcessInfo, Stats};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Consumer};
use runtime::{Backoff, Supervised, supervise};
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::timeout;

use crate::connection::{Broker, BrokerConnection, Error, in_time, send};
use crate::control::client::{StatusClient, SystemStatus};
use crate::control::responder::StatusConnection;
use crate::packet::{RequestPacket, decode_reply};
use crate::protocol::DIRECT_REPLY_TO;
use crate::rpc::expired::{BEGUN, ExpiredRequests};
use crate::rpc::metadata::RequestMetadata;
use crate::rpc::queue_states::QueueStates;
use crate::topology::Depth;

/// A request leaves its queue before its caller's time is over, by one part of so many, so that the proof of it is here in
/// time, however busy the broker is.
const RETURN: u32 = 10;

/// Why there is no answer. The first three mean that nothing was or will be executed, the others that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// There is no usable connection to the broker. Nothing was sent.
    #[error("the broker cannot be reached")]
    NotConnected,
    /// No process consumes the pattern's queue. Nothing was sent.
    #[error("nobody serves this pattern")]
    NobodyServes,
    /// The request waited in its queue until it expired, and no worker had begun with it.
    #[error("no worker took it in time")]
    Expired,
    /// No reply came before the deadline.
    #[error("no reply came in time")]
    TimedOut,
    /// The connection broke while the request was in flight.
    #[error("the connection broke while the request was out")]
    Lost,
    /// The reply is not what the contract says; this is what is wrong with it.
    #[error("the reply is not what the contract says: {0}")]
    Malformed(String),
}

/// A success, still as the text that the worker wrote, or the fault that it replied with.
pub type Answer = Result<Box<RawValue>, Fault>;

/// Where requests of one pattern wait while nobody serves it.
#[derive(Debug)]
pub struct WaitingRoom {
    time: Duration,
    bound: u32,
    places: Semaphore,
}

impl WaitingRoom {
    /// One in which at most `bound` requests wait for `time` each. No time, no waiting.
    pub fn new(time: Duration, bound: u32) -> Self {
        let places = if time.is_zero() { 0 } else { usize::try_from(bound).unwrap_or(Semaphore::MAX_PERMITS) };
        Self { time, bound, places: Semaphore::new(places) }
    }

    /// Takes a place, if there is one, and a queue to wait in that is not too long, whoever fills it.
    fn enter(&self, queue: Depth) -> Option<SemaphorePermit<'_>> {
        if queue.exists && queue.waiting < self.bound { self.places.try_acquire().ok() } else { None }
    }
}

/// Asks patterns, over one supervised connection.
pub struct RpcClient {
    broker: Broker,
    session: RwLock<Option<Arc<Session>>>,
    teller: Option<Teller>,
}

/// Answers status requests to the process itself.
struct Teller {
    info: Arc<ProcessInfo>,
    stats: Box<dyn Fn() -> Stats + Send + Sync>,
}

impl RpcClient {
    /// Creates a client. It connects once [`RpcClient::run`] runs.
    pub fn new(broker: Broker) -> Self {
        Self { broker, session: RwLock::new(None), teller: None }
    }

    /// Answers status requests to this process over the same connection.
    #[must_use]
    pub fn telling(self, info: Arc<ProcessInfo>, stats: impl Fn() -> Stats + Send + Sync + 'static) -> Self {
        Self { teller: Some(Teller { info, stats: Box::new(stats) }), ..self }
    }

    /// Keeps the client connected until `stop` resolves.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let mut connecting = KeepConnected(self);
        tokio::select! {
            ended = supervise(&mut connecting, pending()) => ended,
            () = stop => {
                let session = self.session().ok();
                self.set(None);
                if let Some(session) = session {
                    session.connection.close().await;
                }
                Ok(())
            }
        }
    }

    /// Sends one request and waits for its reply, at most until its deadline. While nobody serves the pattern it is sent
    /// only if there is a room to wait in with a place left.
    pub async fn ask(
        &self,
        pattern: &str,
        data: &RawValue,
        meta: &RequestMetadata,
        room: Option<&WaitingRoom>,
    ) -> Result<Answer, RpcError> {
        let session = self.session()?;
        let counting = timeout(meta.deadline.remaining(), session.queue_before_request(pattern));
        let queue = counting.await.map_err(|_| RpcError::NotConnected)??;
        if queue.consumers > 0 {
            return session.ask(pattern, data, meta, meta.deadline.remaining()).await;
        }
        // Without the broker's proof, waiting would end in "nobody knows".
        let room = room.filter(|_| session.instance.is_some()).ok_or(RpcError::NobodyServes)?;
        let _place = room.enter(queue).ok_or(RpcError::NobodyServes)?;
        session.ask(pattern, data, meta, room.time).await
    }

    /// How many processes serve a pattern and how many requests wait for them, as of at most 100 ms ago.
    pub async fn queue(&self, pattern: &str) -> Result<Depth, RpcError> {
        let session = self.session()?;
        session.queue_states.queue(&session.connection, pattern).await.map_err(|_| RpcError::NotConnected)
    }

    /// The status of all processes, as of at most a second ago.
    pub async fn stats(&self) -> Result<Arc<SystemStatus>, RpcError> {
        let session = self.session()?;
        let asking = session.status.stats(&session.connection, self.broker.process());
        asking.await.map_err(|error| {
            tracing::debug!(error = %error, "processes could not be asked how they fare");
            RpcError::NotConnected
        })
    }

    /// Resolves when there is a connection to the broker that it does not block.
    pub async fn connected(&self) {
        const LOOK: Duration = Duration::from_millis(10);
        while !self.is_connected() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether there is a connection to the broker that it does not block.
    pub fn is_connected(&self) -> bool {
        self.session().is_ok()
    }

    async fn tell(&self, connection: &BrokerConnection) -> Infallible {
        match &self.teller {
            Some(Teller { info, stats }) => StatusConnection(connection.clone()).answer(info, stats).await,
            None => pending().await,
        }
    }

    fn session(&self) -> Result<Arc<Session>, RpcError> {
        let session = self.session.read().unwrap_or_else(PoisonError::into_inner).clone();
        session.filter(|session| !session.blocked.load(Ordering::Relaxed)).ok_or(RpcError::NotConnected)
    }

    fn set(&self, session: Option<Arc<Session>>) {
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = session;
    }
}

/// Opens a session whenever there is none.
struct KeepConnected<'c>(&'c RpcClient);

impl Supervised for KeepConnected<'_> {
    type Connection = (Session, Incoming);
    type Error = Error;

    async fn connect(&mut self) -> Result<(Session, Incoming), Error> {
        let opened = Session::open(&self.0.broker).await;
        opened.inspect_err(|error| tracing::warn!(error = %error, "cannot reach the broker"))
    }

    async fn serve(&mut self, (session, incoming): (Session, Incoming), backoff: &mut Backoff) -> Result<(), Error> {
        tracing::info!("connected to the broker");
        backoff.reset();
        let session = Arc::new(session);
        self.0.set(Some(Arc::clone(&session)));
        let error = tokio::select! {
            error = session.receive(incoming) => error,
            never = self.0.tell(&session.connection) => match never {},
        };
        self.0.set(None);
        let lost = session.abandon();
        tracing::warn!(error = %error, requests_lost = lost, "the connection to the broker broke");
        Err(error)
    }

    fn failed(&mut self, _: &Error) {
        // Logged above, where it is known whether there was a connection.
    }

    fn is_silence(error: &Error) -> bool {
        error.is_silence()
    }
}

/// By correlation id.
type Waiting = HashMap<u128, Waiter>;

/// One who waits for what becomes of a request.
struct Waiter {
    tell: oneshot::Sender<Outcome>,
    /// A worker has said that it began.
    begun: bool,
}

/// What became of a request.
enum Outcome {
    Reply(Vec<u8>),
    Expired,
}

/// What comes in by one connection.
struct Incoming {
    replies: Consumer,
    expired: Option<ExpiredRequests>,
}

/// One connection and the requests in flight on it.
struct Session {
    connection: BrokerConnection,
    channel: Channel,
    /// By what our expired requests find back; `None` where they do not.
    instance: Option<String>,
    queue_states: QueueStates,
    status: StatusClient,
    /// Who waits for which correlation id; `None` once the connection is gone.
    waiting: Mutex<Option<Waiting>>,
    /// The broker is short of memory or disk and does not read what we send.
    blocked: AtomicBool,
}

impl Session {
    async fn open(broker: &Broker) -> Result<(Self, Incoming), Error> {
        let connection = broker.connect("asks").await?;
        let channel = connection.channel().await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consuming = channel.basic_consume(DIRECT_REPLY_TO.into(), "replies".into(), options, FieldTable::default());
        let replies = in_time(consuming).await?;
        let expired = ExpiredRequests::open(&connection, broker.process()).await?;
        let session = Self {
            connection,
            channel,
            instance: expired.as_ref().map(|expired| expired.instance.clone()),
            queue_states: QueueStates::default(),
            status: StatusClient::default(),
            waiting: Mutex::new(Some(HashMap::new())),
            blocked: AtomicBool::new(false),
        };
        Ok((session, Incoming { replies, expired }))
    }

    /// Hands every reply to the one that waits for it, until the connection breaks.
    async fn receive(&self, Incoming { mut replies, mut expired }: Incoming) -> Error {
        let mut blocked = self.connection.blocked();
        loop {
            let returned = async {
                match &mut expired {
                    Some(expired) => expired.next().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                reply = replies.next() => match reply {
                    Some(Ok(reply)) => self.hand_over(reply),
                    // Both are final: a stream that is polled after its end would hang.
                    Some(Err(error)) => return error.into(),
                    None => return Error::ConsumerEnded,
                },
                returned = returned => match returned {
                    Ok(returned) => self.note_expired(&returned),
                    Err(error) => return error,
                },
                Some(now) = blocked.next() => {
                    self.blocked.store(now, Ordering::Relaxed);
                    tracing::warn!(blocked = now, "the broker changed whether it takes messages");
                }
            }
        }
    }

    fn hand_over(&self, reply: Delivery) {
        let Some(id) = correlation_id(&reply) else { return };
        if reply.properties.kind().as_ref().is_some_and(|kind| kind.as_str() == BEGUN) {
            if let Some(waiter) = self.lock().as_mut().and_then(|waiting| waiting.get_mut(&id)) {
                waiter.begun = true;
            }
            return;
        }
        // A reply that comes after its deadline has nobody waiting any more, and is dropped.
        if let Some(waiter) = self.take_waiter(id) {
            let _ = waiter.tell.send(Outcome::Reply(reply.data));
        }
    }

    /// A request came back. If a worker had begun with it, that proves nothing, and another may yet answer it.
    fn note_expired(&self, returned: &Delivery) {
        let Some(id) = correlation_id(returned) else { return };
        let mut waiting = self.lock();
        let Some(Waiter { begun: false, .. }) = waiting.as_ref().and_then(|waiting| waiting.get(&id)) else { return };
        if let Some(waiter) = waiting.as_mut().and_then(|waiting| waiting.remove(&id)) {
            let _ = waiter.tell.send(Outcome::Expired);
        }
    }

    fn take_waiter(&self, id: u128) -> Option<Waiter> {
        self.lock().as_mut()?.remove(&id)
    }

    /// Fails all requests in flight; returns how many there were.
    fn abandon(&self) -> usize {
        self.lock().take().map_or(0, |waiting| waiting.len())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(
        &self,
        pattern: &str,
        data: &RawValue,
        meta: &RequestMetadata,
        wait: Duration,
    ) -> Result<Answer, RpcError> {
        let (tell, outcome) = oneshot::channel();
        let id = random_id().ok_or(RpcError::NotConnected)?;
        let waiter = Waiter { tell, begun: false };
        self.lock().as_mut().ok_or(RpcError::NotConnected)?.insert(id, waiter);
        let _forget = PendingGuard { session: self, id };

        // Lets other ready tasks run first, so that several frames leave by one wake-up of lapin's thread.
        tokio::task::yield_now().await;
        let id = format!("{id:032x}");
        let properties = meta.properties(wait.min(self.longest_wait(meta)), self.instance.as_deref());
        self.publish(pattern, data, properties, id).map_err(|_| RpcError::NotConnected)?;
        match timeout(meta.deadline.remaining(), outcome).await {
            Ok(Ok(Outcome::Reply(body))) => {
                decode_reply(pattern, &body).map_err(|flaw| RpcError::Malformed(flaw.to_owned()))
            }
            Ok(Ok(Outcome::Expired)) => Err(RpcError::Expired),
            Ok(Err(_)) => Err(RpcError::Lost),
            Err(_) => Err(RpcError::TimedOut),
        }
    }

    /// How long a request may wait in its queue so that, where expired requests come back, it is back in time.
    fn longest_wait(&self, meta: &RequestMetadata) -> Duration {
        let left = meta.deadline.remaining();
        if self.instance.is_some() { left.saturating_sub(left / RETURN) } else { left }
    }

    fn publish(&self, pattern: &str, data: &RawValue, properties: BasicProperties, id: String) -> lapin::Result<()> {
        let body = RequestPacket { pattern: Some(pattern.into()), data, id: Some(id.as_str().into()) }.encode();
        let properties = properties.with_correlation_id(id.into()).with_reply_to(DIRECT_REPLY_TO.into());
        let options = BasicPublishOptions::default();
        send(self.channel.basic_publish("".into(), pattern.into(), options, &body, properties))
    }

    async fn queue_before_request(&self, pattern: &str) -> Result<Depth, RpcError> {
        let asking = self.queue_states.queue_before_request(&self.connection, pattern);
        asking.await.map_err(|_| RpcError::NotConnected)
    }
}

fn correlation_id(message: &Delivery) -> Option<u128> {
    u128::from_str_radix(message.properties.correlation_id().as_ref()?.as_str(), 16).ok()
}

/// A correlation id nobody can guess. Everybody who serves a pattern knows where replies go, and whoever may publish can
/// send some there; only who was asked knows the id of the request.
fn random_id() -> Option<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(u128::from_be_bytes(bytes))
}

/// Removes a request from the waiters when its future ends, for whatever reason.
struct PendingGuard<'a> {
    session: &'a Session,
    id: u128,
}

impl Drop for PendingGuard<'_> {
    fn drop(&mut self) {
        self.session.take_waiter(self.id);
    }
}
