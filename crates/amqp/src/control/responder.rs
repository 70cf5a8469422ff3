//! The answering side of the exchange `control`: a process is asked for its status, and answers.
//!
//! A request goes to the key `stats` (every process) or `stats.NAME` (the processes of a name). Its `reply_to` is a key
//! of the same exchange, under `replies.`, and not a queue: an account that may reply to any queue could also send to
//! any.

use contracts::naming::process_name;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};
use serde::Serialize;
use uuid::Uuid;

use crate::connection::{Broker, BrokerConnection, Error, in_time};
use crate::packet::encode_response;
use crate::protocol::TRANSIENT;
use crate::topology::names::{REPLIES, STATS, queues_of, stats_of};
use crate::topology::{self, CONTROL_EXCHANGE, Item, arguments};

/// The most requests that wait; beyond that the oldest are dropped.
const LENGTH: i32 = 32;

/// The status requests to one process, until the connection breaks.
pub struct Control {
    questions: Consumer,
    channel: Channel,
    connection: BrokerConnection,
}

/// A status request that can be answered.
pub struct Question {
    reply_to: ShortString,
    correlation_id: Option<ShortString>,
}

impl Control {
    /// Connects and subscribes to the status requests of this name, such as `orders.relay`.
    pub async fn open(broker: &Broker, name: &str) -> Result<Self, Error> {
        let connection = broker.connect("tells").await?;
        let channel = connection.channel().await?;
        topology::declare(&connection, &[Item::Exchange(CONTROL_EXCHANGE)]).await?;
        let queue = own_queue(&channel, &process_name(name)).await?;
        for key in [STATS.to_owned(), stats_of(name)] {
            bind(&channel, &queue, &key).await?;
        }
        Ok(Self { questions: consume(&channel, &queue).await?, channel, connection })
    }

    /// The next request. Cancel-safe; an error is final. Skips requests that cannot be answered.
    pub async fn next(&mut self) -> Result<Question, Error> {
        loop {
            let delivery: Delivery = self.questions.next().await.ok_or(Error::ConsumerEnded)??;
            let reply_to = delivery.properties.reply_to().clone().filter(|key| key.as_str().starts_with(REPLIES));
            let correlation_id = delivery.properties.correlation_id().clone();
            if let Some(reply_to) = reply_to {
                return Ok(Question { reply_to, correlation_id });
            }
        }
    }

    /// Answers a request. Whether anybody still waits is not known.
    pub async fn answer(&self, question: Question, told: &impl Serialize) -> Result<(), Error> {
        let body = encode_response(told).expect("names and numbers always serialise");
        let properties =
            BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(TRANSIENT);
        let properties = match question.correlation_id {
            Some(id) => properties.with_correlation_id(id),
            None => properties,
        };
        let (exchange, options) = (CONTROL_EXCHANGE.into(), BasicPublishOptions::default());
        in_time(self.channel.basic_publish(exchange, question.reply_to, options, &body, properties)).await.map(drop)
    }

    /// Closes the connection, which deletes the queue.
    pub async fn close(self) {
        self.connection.close().await;
    }
}

/// Declares an exclusive queue, which is deleted with its connection.
pub(crate) async fn own_queue(channel: &Channel, process: &str) -> Result<String, Error> {
    let name = format!("{}{}", queues_of(process), Uuid::now_v7());
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let arguments = arguments([("x-max-length", LENGTH.into())]);
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
