//! The RPC client: sends a request to the queue of its pattern, waits for the reply, and reports reliably whether the
//! request may have been executed.
//!
//! Replies come by direct reply-to (`amq.rabbitmq.reply-to`), which needs no queue and ends with the connection.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use contracts::Fault;
use contracts::control::{ProcessInfo, Stats};
use contracts::telemetry::SpanKind;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Consumer};
use runtime::{Backoff, Supervised, supervise};
use serde_json::value::RawValue;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, oneshot};
use tokio::time::timeout;

use crate::connection::{Broker, BrokerConnection, Error, in_time, send};
use crate::control::client::{StatusClient, SystemStatus};
use crate::control::responder::StatusConnection;
use crate::control::span_collector::collect;
use crate::packet::{RequestPacket, decode_reply};
use crate::protocol::DIRECT_REPLY_TO;
use crate::rpc::expired::{BEGUN, ExpiredRequests};
use crate::rpc::metadata::RequestMetadata;
use crate::rpc::queue_states::QueueStates;
use crate::topology::Depth;
use crate::trace::{SpanDetails, TraceContext};

/// The last tenth of a request's budget is reserved for its way back: it expires in its queue that much earlier, so that the
/// broker's proof of it arrives before the caller's deadline.
const RETURN: u32 = 10;
/// The least time between two renewals of the connection.
const RENEWAL: Duration = Duration::from_secs(30);
/// How long a connection that was replaced may wait for the replies to its requests.
const LAST_REPLIES: Duration = Duration::from_secs(30);

/// Why there is no reply. The first four mean that the request was not and will not be executed; with the others the
/// outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// There is no usable connection to the broker. Nothing was sent.
    #[error("the broker cannot be reached")]
    NotConnected,
    /// No process consumes the pattern's queue. Nothing was sent.
    #[error("nobody serves this pattern")]
    NobodyServes,
    /// No process consumed the pattern's queue when the request was sent, and none took it in time.
    #[error("nobody serves this pattern, and no worker started in time")]
    NoWorkerStarted,
    /// The request expired in its queue, behind others, and no worker had begun it.
    #[error("no worker took it in time")]
    Expired,
    /// No reply came before the deadline.
    #[error("no reply came in time")]
    TimedOut,
    /// The connection broke while the request was in flight.
    #[error("the connection broke while the request was in flight")]
    Lost,
    /// The reply violates the contract; the text says how.
    #[error("the reply is not what the contract says: {0}")]
    Malformed(String),
}

/// The response as the worker's own JSON text, or the fault that it replied with.
pub type Answer = Result<Box<RawValue>, Fault>;

/// Bounds the requests of one pattern that wait while nobody serves it.
#[derive(Debug)]
pub struct WaitingRoom {
    time: Duration,
    bound: u32,
    places: Semaphore,
}

impl WaitingRoom {
    /// At most `bound` requests wait, for at most `time` each. With a `time` of zero none waits.
    pub fn new(time: Duration, bound: u32) -> Self {
        let places = if time.is_zero() { 0 } else { usize::try_from(bound).unwrap_or(Semaphore::MAX_PERMITS) };
        Self { time, bound, places: Semaphore::new(places) }
    }

    /// Takes a place if one is free, and if the queue exists and is not too long, whoever filled it.
    fn enter(&self, queue: Depth) -> Option<SemaphorePermit<'_>> {
        if queue.exists && queue.waiting < self.bound { self.places.try_acquire().ok() } else { None }
    }
}

/// Calls patterns over one supervised connection.
pub struct RpcClient {
    broker: Broker,
    session: RwLock<Option<Arc<Session>>>,
    renewal: Renewal,
    status_responder: Option<StatusResponder>,
}

/// A requested renewal of the connection.
#[derive(Default)]
struct Renewal {
    requested: Notify,
    last: Mutex<Option<Instant>>,
}

/// What status requests to this process are answered with.
struct StatusResponder {
    info: Arc<ProcessInfo>,
    stats: Box<dyn Fn() -> Stats + Send + Sync>,
}

impl RpcClient {
    /// Creates a client. It connects once [`RpcClient::run`] runs.
    pub fn new(broker: Broker) -> Self {
        Self { broker, session: RwLock::new(None), renewal: Renewal::default(), status_responder: None }
    }

    /// Answers status requests to this process over the same connection.
    #[must_use]
    pub fn with_status(self, info: Arc<ProcessInfo>, stats: impl Fn() -> Stats + Send + Sync + 'static) -> Self {
        Self { status_responder: Some(StatusResponder { info, stats: Box::new(stats) }), ..self }
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

    /// Sends one request and waits for its reply, at most until its deadline. While nobody serves the pattern, the request
    /// is sent only if `room` has a free place. In a sampled trace the call is a span.
    pub async fn call(
        &self,
        pattern: &str,
        data: &RawValue,
        meta: &RequestMetadata,
        room: Option<&WaitingRoom>,
    ) -> Result<Answer, RpcError> {
        let Some(trace) = meta.traceparent.as_deref().and_then(TraceContext::sampled) else {
            return self.call_untraced(pattern, data, meta, room).await;
        };
        let span = trace.child();
        let traced = RequestMetadata { traceparent: Some(span.context().traceparent()), ..meta.clone() };
        let answer = self.call_untraced(pattern, data, &traced, room).await;
        let error = match &answer {
            Ok(answer) => answer.as_ref().err().map(|fault| fault.code.as_str().to_owned()),
            Err(error) => Some(error.to_string()),
        };
        let (request_id, message_id) = (Some(meta.request_id.as_str()), Some(meta.message_id));
        let details = SpanDetails { error: error.as_deref(), request_id, message_id };
        span.finish(SpanKind::Client, format!("call {pattern}"), &details);
        answer
    }

    async fn call_untraced(
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
            return session.call(pattern, data, meta, meta.deadline.remaining()).await;
        }
        // Without the broker's proof of expiry, waiting would end in an unknown outcome.
        let room = room.filter(|_| session.instance.is_some()).ok_or(RpcError::NobodyServes)?;
        let _place = room.enter(queue).ok_or(RpcError::NobodyServes)?;
        let answer = session.call(pattern, data, meta, room.time).await;
        answer.map_err(|error| if error == RpcError::Expired { RpcError::NoWorkerStarted } else { error })
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
            tracing::debug!(error = %error, "cannot request the status of the processes");
            RpcError::NotConnected
        })
    }

    /// Replaces the connection by a new one, at most every 30 s; requests in flight still get their replies. For a caller to
    /// whom nobody replies any more: a channel that was opened while a quorum queue elected its leader may go on
    /// publishing to the former one, and the broker does not say so.
    pub fn renew(&self) {
        let mut last = self.renewal.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= RENEWAL) {
            *last = Some(Instant::now());
            self.renewal.requested.notify_one();
        }
    }

    /// The next connection, once a renewal was requested.
    async fn renewed(&self) -> (Session, Incoming) {
        loop {
            self.renewal.requested.notified().await;
            match Session::open(&self.broker).await {
                Ok(opened) => return opened,
                Err(error) => tracing::warn!(error = %error, "cannot replace the connection to the broker; keeping it"),
            }
        }
    }

    /// Resolves when there is a connection that the broker does not block.
    pub async fn connected(&self) {
        const POLL: Duration = Duration::from_millis(10);
        while !self.is_connected() {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Whether there is a connection that the broker does not block.
    pub fn is_connected(&self) -> bool {
        self.session().is_ok()
    }

    async fn answer_status_requests(&self, connection: &BrokerConnection) -> Infallible {
        match &self.status_responder {
            Some(StatusResponder { info, stats }) => StatusConnection(connection.clone()).answer(info, stats).await,
            None => pending().await,
        }
    }

    async fn collect_spans(&self, connection: &BrokerConnection) -> Infallible {
        match &self.status_responder {
            Some(_) => collect(connection, self.broker.process()).await,
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
        let (mut session, mut receiving) = session.start(incoming);
        loop {
            self.0.set(Some(Arc::clone(&session)));
            let (next, incoming) = tokio::select! {
                error = &mut receiving => {
                    self.0.set(None);
                    let lost = session.abandon();
                    tracing::warn!(error = %error, requests_lost = lost, "the connection to the broker broke");
                    return Err(error);
                }
                never = self.0.answer_status_requests(&session.connection) => match never {},
                never = self.0.collect_spans(&session.connection) => match never {},
                next = self.0.renewed() => next,
            };
            tracing::info!("replaced the connection to the broker");
            let (next, next_receiving) = next.start(incoming);
            let former = std::mem::replace(&mut session, next);
            let former_receiving = std::mem::replace(&mut receiving, next_receiving);
            #[expect(clippy::disallowed_methods, reason = "ends by itself, with its last reply or its time")]
            tokio::spawn(former.finish(former_receiving));
        }
    }

    fn failed(&mut self, _: &Error) {
        // Logged above, where it is known whether there was a connection.
    }

    fn is_silence(error: &Error) -> bool {
        error.is_silence()
    }
}

/// Requests in flight, by correlation id.
type Pending = HashMap<u128, PendingRequest>;

/// A request in flight.
struct PendingRequest {
    outcome: oneshot::Sender<Outcome>,
    /// A worker has announced that it has begun.
    begun: bool,
}

/// The outcome of a request.
enum Outcome {
    Reply(Vec<u8>),
    Expired,
}

/// What one connection receives.
struct Incoming {
    replies: Consumer,
    expired: Option<ExpiredRequests>,
}

/// One connection and the requests in flight on it.
struct Session {
    connection: BrokerConnection,
    channel: Channel,
    /// The header value that routes our expired requests back to us; `None` where they do not come back.
    instance: Option<String>,
    queue_states: QueueStates,
    status: StatusClient,
    /// `None` once the connection is gone.
    pending: Mutex<Option<Pending>>,
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
            pending: Mutex::new(Some(HashMap::new())),
            blocked: AtomicBool::new(false),
        };
        Ok((session, Incoming { replies, expired }))
    }

    /// Begins to receive.
    fn start(self, incoming: Incoming) -> (Arc<Self>, BoxFuture<'static, Error>) {
        let session = Arc::new(self);
        let receiving = Arc::clone(&session);
        (session, async move { receiving.receive(incoming).await }.boxed())
    }

    /// Waits for the replies to the requests in flight, then closes the connection.
    async fn finish(self: Arc<Self>, receiving: BoxFuture<'static, Error>) {
        const POLL: Duration = Duration::from_millis(50);
        let answered = async {
            // Not at once: a caller may have taken this connection just before it was replaced.
            loop {
                tokio::time::sleep(POLL).await;
                if self.lock().as_ref().is_none_or(HashMap::is_empty) {
                    return;
                }
            }
        };
        tokio::select! {
            _ = receiving => {}
            _ = timeout(LAST_REPLIES, answered) => {}
        }
        self.abandon();
        self.connection.close().await;
    }

    /// Hands every reply to the request that waits for it, until the connection breaks.
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
                    tracing::warn!(blocked = now, "the broker blocks or unblocks publishing");
                }
            }
        }
    }

    fn hand_over(&self, reply: Delivery) {
        let Some(id) = correlation_id(&reply) else { return };
        if reply.properties.kind().as_ref().is_some_and(|kind| kind.as_str() == BEGUN) {
            if let Some(request) = self.lock().as_mut().and_then(|pending| pending.get_mut(&id)) {
                request.begun = true;
            }
            return;
        }
        // A reply after the deadline finds no pending request and is dropped.
        if let Some(request) = self.take(id) {
            let _ = request.outcome.send(Outcome::Reply(reply.data));
        }
    }

    /// A request came back expired. If a worker had begun it, that proves nothing, and another worker may still reply.
    fn note_expired(&self, returned: &Delivery) {
        let Some(id) = correlation_id(returned) else { return };
        let mut pending = self.lock();
        let Some(PendingRequest { begun: false, .. }) = pending.as_ref().and_then(|pending| pending.get(&id)) else {
            return;
        };
        if let Some(request) = pending.as_mut().and_then(|pending| pending.remove(&id)) {
            let _ = request.outcome.send(Outcome::Expired);
        }
    }

    fn take(&self, id: u128) -> Option<PendingRequest> {
        self.lock().as_mut()?.remove(&id)
    }

    /// Fails all requests in flight; returns how many there were.
    fn abandon(&self) -> usize {
        self.lock().take().map_or(0, |pending| pending.len())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(
        &self,
        pattern: &str,
        data: &RawValue,
        meta: &RequestMetadata,
        wait: Duration,
    ) -> Result<Answer, RpcError> {
        let (sender, outcome) = oneshot::channel();
        let id = random_id().ok_or(RpcError::NotConnected)?;
        let request = PendingRequest { outcome: sender, begun: false };
        self.lock().as_mut().ok_or(RpcError::NotConnected)?.insert(id, request);
        let _guard = PendingGuard { session: self, id };

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

    /// How long a request may wait in its queue: where expired requests come back, it must be back before the deadline.
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
        let querying = self.queue_states.queue_before_request(&self.connection, pattern);
        querying.await.map_err(|_| RpcError::NotConnected)
    }
}

fn correlation_id(message: &Delivery) -> Option<u128> {
    u128::from_str_radix(message.properties.correlation_id().as_ref()?.as_str(), 16).ok()
}

/// An unguessable correlation id. Every worker knows our reply address, and whoever may publish can send forged replies
/// there; only the worker that gets the request knows its id.
fn random_id() -> Option<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(u128::from_be_bytes(bytes))
}

/// Removes a request from the pending ones when its future ends, for whatever reason.
struct PendingGuard<'a> {
    session: &'a Session,
    id: u128,
}

impl Drop for PendingGuard<'_> {
    fn drop(&mut self) {
        self.session.take(self.id);
    }
}
