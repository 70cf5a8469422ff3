//! The depth of a queue, by a passive declaration: its waiting messages and its consumers.

use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use crate::connection::{BrokerConnection, Error, in_time};
use crate::protocol::NOT_FOUND;

/// The result of a passive declaration of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Whether the queue exists.
    pub exists: bool,
    /// Messages that are ready for delivery.
    pub waiting: u32,
    /// Consumers.
    pub consumers: u32,
}

/// The state of a queue; `None` if it does not exist, which also closes the channel.
pub(crate) async fn depth(channel: &Channel, queue: &str) -> Result<Option<Depth>, Error> {
    let declaring =
        channel.queue_declare(queue.into(), QueueDeclareOptions::durable().passive(), FieldTable::default());
    match in_time(declaring).await {
        Ok(queue) => {
            Ok(Some(Depth { exists: true, waiting: queue.message_count(), consumers: queue.consumer_count() }))
        }
        Err(error) if error.is_refusal(NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a [`DepthQuery`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Queue(Depth),
    Missing,
    /// The queue does not answer, although the broker does: it may have crashed.
    Silent,
}

impl Found {
    /// The depth; a queue that does not answer is as good as missing.
    pub(crate) fn depth(self) -> Depth {
        if let Self::Queue(depth) = self { depth } else { Depth::default() }
    }
}

/// Queries depths over one channel, and opens another after a query that was not answered with a depth.
#[derive(Default)]
pub(crate) struct DepthQuery(Option<Channel>);

impl DepthQuery {
    pub(crate) async fn run(&mut self, connection: &BrokerConnection, queue: &str) -> Result<Found, Error> {
        let channel = match self.0.take() {
            Some(open) => open,
            None => connection.channel().await?,
        };
        match depth(&channel, queue).await {
            Ok(Some(depth)) => {
                self.0 = Some(channel);
                Ok(Found::Queue(depth))
            }
            Ok(None) => Ok(Found::Missing),
            Err(error) if error.is_silence() && connection.channel().await.is_ok() => {
                tracing::warn!(queue, "the queue does not answer, though the broker does: it may have crashed");
                Ok(Found::Silent)
            }
            Err(error) => Err(error),
        }
    }
}
