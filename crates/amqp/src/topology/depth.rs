//! The depth of a queue, by a passive declaration: its waiting messages and its consumers.

use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use crate::connection::{Error, in_time};
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
