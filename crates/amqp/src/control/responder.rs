//! The answering side of the exchange `control`: a process receives requests for its status, its description, or another log
//! level for a while.
//!
//! A request goes to the key `stats` or `describe` (every process), `stats.NAME`, `describe.NAME` or `log-level.NAME` (the
//! processes of a name), `stats.NAME.INSTANCE` or `log-level.NAME.INSTANCE` (one of them). Its `reply_to` is a key of the same
//! exchange, under `replies.`, and not a queue: an account that may reply to any queue could also send to any.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use contracts::control::{LONGEST_LOG_LEVEL_S, LogLevelChange, LogLevelRequest, ProcessInfo, ProcessKind, Stats};
use contracts::naming::process_name;
use contracts::telemetry::TraceRequest;
use contracts::{Code, Fault, Timestamp};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};
use runtime::{log_level, usage};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::connection::{Broker, BrokerConnection, Error, in_time, send};
use crate::control::presence::Presence;
use crate::packet::{RequestPacket, encode_fault, encode_response};
use crate::protocol::TRANSIENT;
use crate::topology::names::{DESCRIBE, LOG_LEVEL, REPLIES, STATS, TRACE, key_of, queues_of};
use crate::topology::{self, CONTROL_EXCHANGE, Item, arguments};
use crate::trace::publisher::SpanPublisher;
use crate::trace::store::STORE;

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
    spans: SpanPublisher,
    /// `None` if the account has the permissions of an earlier release.
    _presence: Option<Presence>,
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
    /// An error if the request is invalid.
    LogLevel(Result<LogLevelRequest, Fault>),
    /// The spans of a trace, by an id.
    Trace(Result<TraceRequest, Fault>),
}

impl RequestKind {
    fn of(delivery: &Delivery) -> Self {
        let key = delivery.routing_key.as_str();
        match key.split_once('.').map_or(key, |(first, _)| first) {
            DESCRIBE => Self::Describe,
            LOG_LEVEL => Self::LogLevel(log_level_request(&delivery.data)),
            TRACE => Self::Trace(message(
                &delivery.data,
                "The message must have an `id`, or in `slowest` a pattern or a listener.",
            )),
            _ => Self::Stats,
        }
    }
}

fn log_level_request(body: &[u8]) -> Result<LogLevelRequest, Fault> {
    let rule = "The message must have `level` (error, warn, info, debug, trace) and `forS`, in seconds.";
    let request: LogLevelRequest = message(body, rule)?;
    if (1..=LONGEST_LOG_LEVEL_S).contains(&request.for_s) {
        Ok(request)
    } else {
        Err(Fault::new(Code::InvalidInput, "`forS` must be from 1 to 3600."))
    }
}

/// The message of a request packet, or the rule that it breaks.
fn message<M: DeserializeOwned>(body: &[u8], rule: &str) -> Result<M, Fault> {
    let refused = |rule| Fault::new(Code::InvalidInput, rule);
    let packet = RequestPacket::decode(body).map_err(|_| refused("The body must be a request packet in JSON."))?;
    serde_json::from_str(packet.message().get()).map_err(|_| refused(rule))
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
        let log_refusal = |error: &Error| {
            tracing::debug!(error = %error, "the account of this process lacks permissions; see `signalbox accounts`");
        };
        let _ = bind_newer(&connection, &queue, info).await.inspect_err(log_refusal);
        // Last, so that every process that is counted can answer.
        let presence = Presence::announce(&connection, &info.name).await.inspect_err(log_refusal).ok();
        let spans = SpanPublisher::new(connection.clone(), info.name.clone());
        Ok(Self { info: Arc::clone(info), requests, channel, spans, _presence: presence, _connection: connection })
    }

    /// The next request. Cancel-safe; an error is final. Skips requests that cannot be answered. Publishes spans meanwhile.
    pub async fn next(&mut self) -> Result<StatusRequest, Error> {
        loop {
            let delivery: Delivery = tokio::select! {
                delivery = self.requests.next() => delivery.ok_or(Error::ConsumerEnded)??,
                batch = self.spans.next_batch() => {
                    self.spans.publish(batch).await;
                    continue;
                }
            };
            let reply_to = delivery.properties.reply_to().clone().filter(|key| key.as_str().starts_with(REPLIES));
            let correlation_id = delivery.properties.correlation_id().clone();
            if let Some(reply_to) = reply_to {
                return Ok(StatusRequest { kind: RequestKind::of(&delivery), reply_to, correlation_id });
            }
        }
    }

    /// Answers a request, without waiting for the broker or knowing whether anybody still waits for the answer.
    pub fn answer(&self, request: &StatusRequest, stats: impl FnOnce() -> Stats) -> Result<(), Error> {
        let body = match &request.kind {
            RequestKind::Describe => encode_response(self.info.as_ref()),
            RequestKind::Stats => encode_response(&stats()),
            RequestKind::LogLevel(request) => match request.clone().and_then(|it| self.change_log_level(it)) {
                Ok(change) => encode_response(&change),
                Err(fault) => Ok(encode_fault(&fault)),
            },
            RequestKind::Trace(Ok(request)) => encode_response(&STORE.find(request)),
            RequestKind::Trace(Err(fault)) => Ok(encode_fault(fault)),
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

    fn change_log_level(&self, request: LogLevelRequest) -> Result<LogLevelChange, Fault> {
        let duration = Duration::from_secs(request.for_s.into());
        if !log_level::change(request.level.as_str(), duration) {
            return Err(Fault::new(Code::Internal, "The log level of this process cannot be changed."));
        }
        let until = Timestamp::from(SystemTime::now() + duration);
        Ok(LogLevelChange { process: self.info.as_ref().clone(), level: request.level, until })
    }
}

/// Binds keys that accounts of an earlier release may not bind. Uses a channel of its own, because a refusal closes it.
async fn bind_newer(connection: &BrokerConnection, queue: &str, info: &ProcessInfo) -> Result<(), Error> {
    let channel = connection.channel().await?;
    let one = key_of(&key_of(STATS, &info.name), &info.instance.to_string());
    let level = key_of(LOG_LEVEL, &info.name);
    let one_level = key_of(&level, &info.instance.to_string());
    let traces = (info.kind == ProcessKind::Gateway).then(|| key_of(TRACE, &info.name));
    let keys = [one, DESCRIBE.to_owned(), key_of(DESCRIBE, &info.name), level, one_level];
    for key in keys.into_iter().chain(traces) {
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
    bind_to(channel, queue, CONTROL_EXCHANGE, key).await
}

pub(crate) async fn bind_to(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), Error> {
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    in_time(channel.queue_bind(queue.into(), exchange.into(), key.into(), options, none)).await
}

pub(crate) async fn consume(channel: &Channel, queue: &str) -> Result<Consumer, Error> {
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    in_time(channel.basic_consume(queue.into(), "".into(), options, FieldTable::default())).await
}

#[cfg(test)]
mod tests {
    use contracts::control::LogLevel;

    use super::*;

    #[test]
    fn a_log_level_is_for_an_hour_at_most() {
        let read = |data: &str| log_level_request(format!(r#"{{"data":{data}}}"#).as_bytes());
        let wanted = LogLevelRequest { level: LogLevel::Debug, for_s: 3_600 };
        assert_eq!(read(r#"{"level":"debug","forS":3600}"#), Ok(wanted));
        for refused in [
            r#"{"level":"debug","forS":3601}"#,
            r#"{"level":"debug","forS":0}"#,
            r#"{"level":"debug","forS":-1}"#,
            r#"{"level":"debug"}"#,
            r#"{"level":"off","forS":1}"#,
            r#"{"level":"debug,lapin=trace","forS":1}"#,
            r#"{"level":"debug","forS":1,"filter":"lapin=trace"}"#,
            "[]",
            "null",
        ] {
            assert_eq!(read(refused).unwrap_err().code, Code::InvalidInput, "{refused}");
        }
        assert!(log_level_request(b"debug").is_err());
    }
}
