//! What exists on the broker: one durable queue per request pattern, reachable by its name and through one exchange.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, ExchangeKind};

use crate::connection::{Error, in_time};

/// Every request queue is bound here by its own name, for clients that publish to a topic exchange. Frozen.
pub const PATTERNS_EXCHANGE: &str = "patterns";
/// A request queue holds at most this many; the broker drops what comes above it. The gateways' bounds are far lower.
const REQUEST_QUEUE_LENGTH: i32 = 10_000;

/// Declares the queue of a request pattern. Everybody declares it through here, so the arguments never differ.
pub(crate) async fn declare_request_queue(channel: &Channel, pattern: &str) -> Result<(), Error> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), REQUEST_QUEUE_LENGTH.into());
    arguments.insert("x-overflow".into(), lapin::types::AMQPValue::LongString("reject-publish".into()));
    in_time(channel.queue_declare(pattern.into(), QueueDeclareOptions::durable(), arguments)).await?;

    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let exchange = PATTERNS_EXCHANGE;
    in_time(channel.exchange_declare(exchange.into(), ExchangeKind::Topic, durable, FieldTable::default())).await?;
    let binding = channel.queue_bind(
        pattern.into(),
        exchange.into(),
        pattern.into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    in_time(binding).await
}

/// What a passive declaration tells of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that no consumer has.
    pub waiting: u32,
    /// Consumers.
    pub consumers: u32,
}

/// How full a queue is and who consumes it; `None` when there is no such queue, which also closes the channel.
pub(crate) async fn depth(channel: &Channel, queue: &str) -> Result<Option<Depth>, Error> {
    const NOT_FOUND: u16 = 404;
    let declaring =
        channel.queue_declare(queue.into(), QueueDeclareOptions::durable().passive(), FieldTable::default());
    match in_time(declaring).await {
        Ok(queue) => Ok(Some(Depth { waiting: queue.message_count(), consumers: queue.consumer_count() })),
        Err(Error::Amqp(error)) => match error.kind() {
            lapin::ErrorKind::ProtocolError(refusal) if refusal.get_id() == NOT_FOUND => Ok(None),
            _ => Err(error.into()),
        },
        Err(error) => Err(error),
    }
}
