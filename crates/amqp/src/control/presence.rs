//! Counts the connected processes of each name. Every process consumes a queue of its name that stays empty, and the broker
//! counts the queue's consumers, so a process that never answers is counted, too.

use std::collections::BTreeMap;

use contracts::naming::process_name;
use futures_util::future::join_all;
use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use crate::connection::{BrokerConnection, Error, in_time};
use crate::topology::names::presence_queue;
use crate::topology::{self, arguments};

/// The broker deletes the queue when no process of the name was connected for this long.
const EXPIRES_MS: i32 = 600_000;

/// Keeps this process counted until it is dropped.
pub(crate) struct Presence {
    _channel: Channel,
    _consumer: Consumer,
}

impl Presence {
    /// Makes this process counted. Uses a channel of its own, because a refusal closes it.
    pub(crate) async fn announce(connection: &BrokerConnection, name: &str) -> Result<Self, Error> {
        let channel = connection.channel().await?;
        let queue = presence_queue(&process_name(name));
        let arguments = arguments([("x-expires", EXPIRES_MS.into()), ("x-max-length", 1.into())]);
        in_time(channel.queue_declare(queue.as_str().into(), QueueDeclareOptions::durable(), arguments)).await?;
        // A message that somebody sends here anyway is delivered once and never acknowledged.
        in_time(channel.basic_qos(1, BasicQosOptions::default())).await?;
        let options = BasicConsumeOptions::default();
        let consumer =
            in_time(channel.basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default())).await?;
        Ok(Self { _channel: channel, _consumer: consumer })
    }
}

/// Reads the counts.
pub(crate) struct PresenceCounter {
    connection: BrokerConnection,
    /// Asking for a queue that does not exist closes it.
    channel: Option<Channel>,
}

impl PresenceCounter {
    pub(crate) fn new(connection: BrokerConnection) -> Self {
        Self { connection, channel: None }
    }

    /// The number of connected processes of each name. Processes of earlier releases are not counted.
    pub(crate) async fn count(&mut self, names: &[&'static str]) -> Result<BTreeMap<&'static str, u32>, Error> {
        let mut counts = BTreeMap::new();
        while let Some(name) = names.get(counts.len()) {
            let channel = match self.channel.take() {
                Some(open) => open,
                None => self.connection.channel().await?,
            };
            // All at once: one round trip, unless a queue is missing.
            let counting = names[counts.len()..].iter().map(|name| consumers(&channel, name));
            let counted = join_all(counting).await.into_iter().map_while(Result::transpose);
            let known: Vec<(&'static str, u32)> = counted.collect::<Result<_, _>>()?;
            if known.is_empty() {
                counts.insert(*name, 0);
                continue;
            }
            counts.extend(known);
            if counts.len() == names.len() {
                self.channel = Some(channel);
            }
        }
        Ok(counts)
    }
}

/// `None` if the queue does not exist.
async fn consumers(channel: &Channel, name: &'static str) -> Result<Option<(&'static str, u32)>, Error> {
    let depth = topology::depth(channel, &presence_queue(&process_name(name))).await?;
    Ok(depth.map(|depth| (name, depth.consumers)))
}
