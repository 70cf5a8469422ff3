//! An AMQP client for tests: inspects queues, and sends messages put together by hand.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use serde_json::Value;

use crate::runtime::{run, runtime};

const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// A connection to the broker that can send requests and receive replies.
pub struct Wire {
    connection: Connection,
    channel: Channel,
    replies: std::sync::Mutex<Consumer>,
}

/// The result of a passive declaration of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Messages that were not delivered to a consumer.
    pub ready: u32,
    /// Consumers.
    pub consumers: u32,
}

/// A message that was taken out of a queue.
#[derive(Debug, Clone)]
pub struct TakenMessage {
    /// Its correlation id.
    pub correlation_id: Option<String>,
}

/// A reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The request's correlation id.
    pub correlation_id: String,
    /// The packet.
    pub body: Value,
}

impl Reply {
    /// The `code` of a fault.
    pub fn code(&self) -> &str {
        self.body["err"]["code"].as_str().unwrap_or_default()
    }
}

impl Wire {
    /// Connects, and is ready to receive replies.
    #[track_caller]
    pub fn open(url: &str) -> Self {
        run("a connection to the broker", async {
            let properties = ConnectionProperties::default().with_connection_name("test".into());
            let connection = Connection::connect(url, properties).await.unwrap();
            let channel = connection.create_channel().await.unwrap();
            let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
            let consuming = channel.basic_consume(REPLY_TO.into(), "replies".into(), options, FieldTable::default());
            let replies = std::sync::Mutex::new(consuming.await.unwrap());
            Self { connection, channel, replies }
        })
    }

    /// The state of a queue; `None` if it does not exist.
    pub fn queue(&self, name: &str) -> Option<Queue> {
        run("a passive declaration", async {
            // A missing queue closes the channel, so this one is used for nothing else.
            let channel = self.connection.create_channel().await.ok()?;
            let options = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
            let queue = channel.queue_declare(name.into(), options, FieldTable::default()).await.ok()?;
            let _ = channel.close(200, "done".into()).await;
            Some(Queue { ready: queue.message_count(), consumers: queue.consumer_count() })
        })
    }

    /// Deletes a queue with its messages.
    #[track_caller]
    pub fn delete_queue(&self, name: &str) {
        run("a deletion", async {
            let channel = self.connection.create_channel().await.unwrap();
            channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
            channel.close(200, "done".into()).await.unwrap();
        });
    }

    /// Declares a durable queue without arguments.
    #[track_caller]
    pub fn make_queue(&self, name: &str) {
        run("a declaration", async {
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            self.channel.queue_declare(name.into(), options, FieldTable::default()).await.unwrap();
        });
    }

    /// Sends a status request on the exchange `control`, as any permitted client may, and returns the first answer.
    #[track_caller]
    pub fn request_status(&self, key: &str) -> Value {
        run("a request on the exchange control", async {
            let channel = self.connection.create_channel().await.unwrap();
            let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
            let queue = channel.queue_declare("".into(), exclusive, FieldTable::default()).await.unwrap();
            let (name, none) = (queue.name().clone(), FieldTable::default);
            let (exchange, reply_to) = ("control", "replies.a-test");
            let bound =
                channel.queue_bind(name.clone(), exchange.into(), reply_to.into(), QueueBindOptions::default(), none());
            bound.await.unwrap();
            let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
            let mut answers = channel.basic_consume(name, "".into(), options, none()).await.unwrap();
            let properties = BasicProperties::default().with_reply_to(reply_to.into());
            let options = BasicPublishOptions::default();
            channel.basic_publish(exchange.into(), key.into(), options, b"{}", properties).await.unwrap();
            let answer = tokio::time::timeout(Duration::from_secs(5), answers.next()).await;
            let answer = answer.expect("an answer comes within 5 s").unwrap().unwrap();
            serde_json::from_slice(&answer.data).unwrap()
        })
    }

    /// Declares a pattern's queue as its worker would.
    #[track_caller]
    pub fn make_pattern_queue(&self, pattern: &str) {
        run("a declaration", async {
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            self.channel.queue_declare(pattern.into(), options, FieldTable::default()).await.unwrap();
        });
    }

    /// Declares a request queue as an older release did.
    #[track_caller]
    pub fn make_former_queue(&self, name: &str) {
        run("a declaration", async {
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            let mut arguments = FieldTable::default();
            arguments.insert("x-max-length".into(), AMQPValue::LongInt(10_000));
            arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
            self.channel.queue_declare(name.into(), options, arguments).await.unwrap();
        });
    }

    /// How many processes serve a pattern.
    pub fn consumers(&self, pattern: &str) -> u32 {
        self.queue(pattern).map_or(0, |queue| queue.consumers)
    }

    /// Consumes a queue without settling anything, for as long as the returned consumer lives.
    #[track_caller]
    pub fn hold(&self, queue: &str) -> Consumer {
        run("a consumer", async {
            let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
            self.channel.basic_consume(queue.into(), "holds".into(), options, none).await.unwrap()
        })
    }

    /// Takes the first message out of a queue for good.
    #[track_caller]
    pub fn take_message(&self, queue: &str) -> Option<TakenMessage> {
        run("a get", async {
            let options = BasicGetOptions { no_ack: true };
            let message = self.channel.basic_get(queue.into(), options).await.unwrap()?;
            let id = message.delivery.properties.correlation_id();
            Some(TakenMessage { correlation_id: id.as_ref().map(ToString::to_string) })
        })
    }

    /// Publishes a message.
    #[track_caller]
    pub fn send(&self, message: &Message) {
        let options = BasicPublishOptions::default();
        let (exchange, key) = (message.exchange.as_str().into(), message.pattern.as_str().into());
        run("a publish", async {
            let publishing = self.channel.basic_publish(exchange, key, options, &message.body, message.properties());
            publishing.await.unwrap();
        });
    }

    /// The next reply, if one comes within the limit.
    pub fn reply(&self, limit: Duration) -> Option<Reply> {
        let mut replies = self.replies.lock().unwrap();
        let delivery = runtime().block_on(async { tokio::time::timeout(limit, replies.next()).await.ok() })?;
        let delivery = delivery.expect("the broker ended the consumer of replies").unwrap();
        let correlation_id = delivery.properties.correlation_id().as_ref().map_or("", |id| id.as_str()).to_owned();
        let body = serde_json::from_slice(&delivery.data).expect("a reply is JSON");
        Some(Reply { correlation_id, body })
    }

    /// Takes the next request of a pattern that no worker serves; returns its reply address and correlation id.
    #[track_caller]
    pub fn take(&self, pattern: &str, send: impl FnOnce()) -> (String, String) {
        run("a request", async {
            let channel = self.connection.create_channel().await.unwrap();
            let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
            let none = FieldTable::default();
            let mut requests = channel.basic_consume(pattern.into(), "test".into(), options, none).await.unwrap();
            send();
            let request = requests.next().await.unwrap().unwrap();
            let text = |property: &Option<lapin::types::ShortString>| property.as_ref().unwrap().as_str().to_owned();
            channel.close(200, "done".into()).await.unwrap();
            (text(request.properties.reply_to()), text(request.properties.correlation_id()))
        })
    }

    /// Publishes a message and waits for its reply. If it has a correlation id, replies to other messages are skipped.
    #[track_caller]
    pub fn call(&self, message: &Message) -> Reply {
        self.send(message);
        loop {
            let reply = self.reply(Duration::from_secs(10)).expect("a reply to the message comes within 10 s");
            if message.correlation_id.as_ref().is_none_or(|id| *id == reply.correlation_id) {
                return reply;
            }
        }
    }
}

/// A request put together by hand, with only the properties that it is given.
#[derive(Clone)]
#[must_use]
pub struct Message {
    pattern: String,
    exchange: String,
    body: Vec<u8>,
    reply_to: Option<String>,
    correlation_id: Option<String>,
    id: Option<String>,
    headers: FieldTable,
}

impl Message {
    /// A message with any body, for the queue of a pattern, that expects a reply.
    pub fn new(pattern: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            pattern: pattern.into(),
            exchange: String::new(),
            body: body.into(),
            reply_to: Some(REPLY_TO.into()),
            correlation_id: None,
            id: None,
            headers: FieldTable::default(),
        }
    }

    /// A request packet.
    pub fn request(pattern: &str, data: &Value) -> Self {
        Self::new(pattern, serde_json::json!({ "pattern": pattern, "data": data }).to_string())
    }

    /// Sends it through an exchange, by the pattern's name, instead of straight to the queue.
    pub fn through(mut self, exchange: &str) -> Self {
        self.exchange = exchange.into();
        self
    }

    /// Sets the correlation id.
    pub fn correlation_id(mut self, id: &str) -> Self {
        self.correlation_id = Some(id.into());
        self
    }

    /// The request's identity.
    pub fn message_id(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets another reply address than the sender's.
    pub fn reply_to(mut self, address: &str) -> Self {
        self.reply_to = Some(address.into());
        self
    }

    /// Removes the reply address.
    pub fn without_reply(mut self) -> Self {
        self.reply_to = None;
        self
    }

    /// Adds a text header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.into(), AMQPValue::LongString(value.into()));
        self
    }

    /// Sets the caller.
    pub fn caller(self, id: &str) -> Self {
        self.header("caller", id)
    }

    /// Sets the deadline header, in Unix milliseconds.
    pub fn deadline(mut self, unix_millis: i64) -> Self {
        self.headers.insert("deadline".into(), AMQPValue::LongLongInt(unix_millis));
        self
    }

    fn properties(&self) -> BasicProperties {
        let mut properties = BasicProperties::default();
        if let Some(address) = &self.reply_to {
            properties = properties.with_reply_to(address.as_str().into());
        }
        if let Some(id) = &self.correlation_id {
            properties = properties.with_correlation_id(id.as_str().into());
        }
        if let Some(id) = &self.id {
            properties = properties.with_message_id(id.as_str().into());
        }
        if !self.headers.inner().is_empty() {
            properties = properties.with_headers(self.headers.clone());
        }
        properties
    }
}
