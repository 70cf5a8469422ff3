//! The answering side of the exchange `control`: a process receives requests for its status or its description.
//!
//! A request goes to the key `stats` or `describe` (every process), `stats.NAME` or `describe.NAME` (the processes of a
//! name) or `stats.NAME.INSTANCE` (one of them). Its `reply_to` is a key of the same exchange, under `replies.`, and not
//! a queue: an account that may reply to any queue could also send to any.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use contracts::Timestamp;
use contracts::control::{ProcessInfo, ProcessKind, Stats};
use contracts::naming::process_name;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};
use runtime::usage;
use uuid::Uuid;

use crate::connection::{Broker, BrokerConnection, Error, in_time, send};
use crate::packet::encode_response;
use crate::protocol::TRANSIENT;
use crate::topology::names::{DESCRIBE, REPLIES, STATS, key_of, queues_of};
use crate::topology::{self, CONTROL_EXCHANGE, Item, arguments};

/// The most requests that wait; beyond that the oldest are dropped.
const LENGTH: i32 = 32;
/// The pause before a process subscribes again.
const PAUSE: Duration = Duration::from_secs(5);

/// Describes this process.
pub fn identify(name: &str, kind: ProcessKind, event: Option<&str>) -> ProcessInfo {
    ProcessInfo {
        name: name.into(),
        instance: Uuid::now_v7(),
        kind,
        event: event.map(Into::into),
        version: runtime::VERSION.into(),
        host: usage::host(),
        pid: std::process::id(),
        started_at: Timestamp::from(usage::started_at()),
    }
}

/// A connection of this process over which it also answers status requests.
#[derive(Clone)]
pub struct StatusConnection(pub(crate) BrokerConnection);

impl StatusConnection {
    /// Answers requests for as long as the connection lasts. A failure to do so harms nothing else, and is retried.
    pub async fn answer(&self, info: &Arc<ProcessInfo>, stats: impl Fn() -> Stats) -> Infallible {
        loop {
            let Err(error) = self.session(info, &stats).await;
            tracing::debug!(error = %error, "cannot receive status requests");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn session(&self, info: &Arc<ProcessInfo>, stats: impl Fn() -> Stats) -> Result<Infallible, Error> {
        let mut control = Control::on(self.clone(), info).await?;
        loop {
            let request = control.next().await?;
            control.answer(&request, &stats)?;
        }
    }
}

/// The requests to one process, until the connection breaks.
pub struct Control {
    info: Arc<ProcessInfo>,
    requests: Consumer,
    channel: Channel,
    _connection: BrokerConnection,
}

/// A status request that can be answered.
pub struct StatusRequest {
    kind: RequestKind,
    reply_to: ShortString,
    correlation_id: Option<ShortString>,
}

enum RequestKind {
    Describe,
    Stats,
}

impl StatusRequest {
    /// Whether it is for the status rather than the description.
    pub fn wants_stats(&self) -> bool {
        matches!(self.kind, RequestKind::Stats)
    }
}

impl Control {
    /// Connects and subscribes to the requests to this process.
    pub async fn open(broker: &Broker, info: &Arc<ProcessInfo>) -> Result<Self, Error> {
        Self::on(StatusConnection(broker.connect("tells").await?), info).await
    }

    /// Subscribes over a connection that exists.
    pub async fn on(StatusConnection(connection): StatusConnection, info: &Arc<ProcessInfo>) -> Result<Self, Error> {
        let channel = connection.channel().await?;
        topology::declare(&connection, &[Item::Exchange(CONTROL_EXCHANGE)]).await?;
        let queue = own_queue(&channel, &process_name(&info.name), LENGTH).await?;
        for key in [STATS.to_owned(), key_of(STATS, &info.name)] {
            bind(&channel, &queue, &key).await?;
        }
        let requests = consume(&channel, &queue).await?;
        if let Err(error) = bind_newer(&connection, &queue, info).await {
            tracing::debug!(error = %error, "the account of this process lacks permissions; see `signalbox accounts`");
        }
        Ok(Self { info: Arc::clone(info), requests, channel, _connection: connection })
    }

    /// The next request. Cancel-safe; an error is final. Skips requests that cannot be answered.
    pub async fn next(&mut self) -> Result<StatusRequest, Error> {
        loop {
            let delivery: Delivery = self.requests.next().await.ok_or(Error::ConsumerEnded)??;
            let key = delivery.routing_key.as_str();
            let describe = key == DESCRIBE || key.starts_with(&format!("{DESCRIBE}."));
            let reply_to = delivery.properties.reply_to().clone().filter(|key| key.as_str().starts_with(REPLIES));
            let correlation_id = delivery.properties.correlation_id().clone();
            if let Some(reply_to) = reply_to {
                return Ok(StatusRequest {
                    kind: if describe { RequestKind::Describe } else { RequestKind::Stats },
                    reply_to,
                    correlation_id,
                });
            }
        }
    }

    /// Answers a request, without waiting for the broker or knowing whether anybody still waits for the answer.
    pub fn answer(&self, request: &StatusRequest, stats: impl FnOnce() -> Stats) -> Result<(), Error> {
        let body = match request.kind {
            RequestKind::Describe => encode_response(self.info.as_ref()),
            RequestKind::Stats => encode_response(&stats()),
        };
        let body = body.expect("names and numbers always serialise");
        let properties =
            BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(TRANSIENT);
        let properties = match &request.correlation_id {
            Some(id) => properties.with_correlation_id(id.clone()),
            None => properties,
        };
        let (exchange, options) = (CONTROL_EXCHANGE.into(), BasicPublishOptions::default());
        Ok(send(self.channel.basic_publish(exchange, request.reply_to.clone(), options, &body, properties))?)
    }
}

/// Binds keys that accounts of an earlier release may not bind. Uses a channel of its own, because a refusal closes it.
async fn bind_newer(connection: &BrokerConnection, queue: &str, info: &ProcessInfo) -> Result<(), Error> {
    let channel = connection.channel().await?;
    let one = key_of(&key_of(STATS, &info.name), &info.instance.to_string());
    for key in [one, DESCRIBE.to_owned(), key_of(DESCRIBE, &info.name)] {
        bind(&channel, queue, &key).await?;
    }
    in_time(channel.close(200, "done".into())).await
}

/// Declares an exclusive queue of at most `length` messages; it ends with the connection.
pub(crate) async fn own_queue(channel: &Channel, process: &str, length: i32) -> Result<String, Error> {
    let name = format!("{}{}", queues_of(process), Uuid::now_v7());
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let arguments = arguments([("x-max-length", length.into())]);
    in_time(channel.queue_declare(name.as_str().into(), options, arguments)).await?;
    Ok(name)
}

pub(crate) async fn bind(channel: &Channel, queue: &str, key: &str) -> Result<(), Error> {
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    in_time(channel.queue_bind(queue.into(), CONTROL_EXCHANGE.into(), key.into(), options, none)).await
}

pub(crate) async fn consume(channel: &Channel, queue: &str) -> Result<Consumer, Error> {
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    in_time(channel.basic_consume(queue.into(), "".into(), options, FieldTable::default())).await
}
