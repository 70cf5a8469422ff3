//! What must exist on the broker, as a list of items that can be declared or compared with what is there.
//!
//! Every process declares through this module, so the arguments never differ. All names are frozen: other systems use
//! them.

mod crashed_queue;
mod depth;
mod events;
mod item;
pub(crate) mod names;
pub mod permissions;
mod policies;
mod requests;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, ExchangeKind};

use crate::connection::{BrokerConnection, Error, in_time};
use crate::protocol::{NOT_FOUND, PRECONDITION_FAILED, REPLY_SUCCESS, RESOURCE_LOCKED};

use crate::topology::crashed_queue::delete_if_crashed;
pub use crate::topology::depth::Depth;
pub(crate) use crate::topology::depth::{DepthQuery, Found, depth};
pub use crate::topology::events::{RETRY_MS, dead_queue, delays_ms, published_by, retries, retry_queue, subscription};
pub use crate::topology::item::Item;
pub(crate) use crate::topology::item::{arguments, text};
pub use crate::topology::names::{
    CONTROL_EXCHANGE, EVENTS_EXCHANGE, EXPIRED_EXCHANGE, PATTERNS_EXCHANGE, TELEMETRY_EXCHANGE,
};
pub use crate::topology::policies::{Bound, Policy, policies};
pub(crate) use crate::topology::requests::former_request;
pub use crate::topology::requests::{redelivered_queue, request};

/// Declares items for the process that owns their queues: a queue that exists with other arguments is an error.
/// Exchanges are shared, so they are declared only if they are missing. The permission to declare an exchange includes the
/// permission to delete it, and no process needs it once an operator has created the exchanges.
pub(crate) async fn declare(connection: &BrokerConnection, items: &[Item]) -> Result<(), Error> {
    declare_all(connection, items, |item| matches!(item, Item::Exchange(_) | Item::HeadersExchange(_))).await
}

/// The same for a process that owns none of the items: queues, too, are declared only if they are missing.
pub(crate) async fn declare_for_others(connection: &BrokerConnection, items: &[Item]) -> Result<(), Error> {
    declare_all(connection, items, |item| !matches!(item, Item::Binding { .. })).await
}

/// The same for request queues, which other systems may have declared: one that exists with other arguments is used as
/// it is. It can be consumed all the same, and refusing it would stop the pattern. One that has crashed is replaced.
pub(crate) async fn declare_requests(connection: &BrokerConnection, items: &[Item]) -> Result<(), Error> {
    for item in items {
        let item_alone = std::slice::from_ref(item);
        match (item, declare(connection, item_alone).await) {
            (Item::Queue(name, _), Err(error)) if error.is_silence() => {
                if !delete_if_crashed(connection, name).await? {
                    return Err(error);
                }
                declare(connection, item_alone).await?;
            }
            (Item::Queue(..), Err(error)) if error.is_refusal(PRECONDITION_FAILED) => {
                tracing::warn!(
                    error = %error,
                    "{item} exists with other arguments, perhaps from an older release; using it as it is. To replace it, \
                     stop its workers and run `signalbox topology apply`"
                );
            }
            (_, declared) => declared?,
        }
    }
    Ok(())
}

async fn declare_all(
    connection: &BrokerConnection,
    items: &[Item],
    only_if_missing: fn(&Item) -> bool,
) -> Result<(), Error> {
    let channel = connection.channel().await?;
    for item in items {
        if !(only_if_missing(item) && is_there(connection, item).await?) {
            in_time(declare_one(&channel, item)).await?;
        }
    }
    in_time(channel.close(REPLY_SUCCESS, "done".into())).await
}

async fn declare_one(channel: &Channel, item: &Item) -> lapin::Result<()> {
    let none = FieldTable::default;
    match item {
        Item::Exchange(name) => {
            let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
            channel.exchange_declare((*name).into(), ExchangeKind::Topic, durable, none()).await
        }
        Item::HeadersExchange(name) => {
            let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
            channel.exchange_declare((*name).into(), ExchangeKind::Headers, durable, none()).await
        }
        Item::Queue(name, arguments) => {
            let declaring =
                channel.queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), arguments.clone());
            declaring.await.map(drop)
        }
        Item::Binding { queue, exchange, key } => {
            let (queue, key) = (queue.as_str().into(), key.as_str().into());
            channel.queue_bind(queue, (*exchange).into(), key, QueueBindOptions::default(), none()).await
        }
    }
}

/// How an item on the broker compares with its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It exists as declared.
    Same,
    /// It is a binding, which cannot be queried over AMQP.
    Unverifiable,
    /// It does not exist.
    Missing,
    /// It exists with other arguments, in the broker's words. A process that declares it will fail.
    Different(String),
}

/// Compares an item and changes nothing. Uses channels of its own, because an error closes them.
pub(crate) async fn compare(connection: &BrokerConnection, item: &Item) -> Result<State, Error> {
    if matches!(item, Item::Binding { .. }) {
        return Ok(State::Unverifiable);
    }
    if !is_there(connection, item).await? {
        return Ok(State::Missing);
    }
    // It exists, so declaring it creates nothing and only checks the arguments.
    match in_time(declare_one(&connection.channel().await?, item)).await {
        Ok(()) => Ok(State::Same),
        Err(error) if error.is_refusal(PRECONDITION_FAILED) => Ok(State::Different(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Whether an exchange or a queue of this name exists. Needs no permission. Uses a channel of its own, because an error
/// closes it.
async fn is_there(connection: &BrokerConnection, item: &Item) -> Result<bool, Error> {
    let channel = connection.channel().await?;
    let none = FieldTable::default();
    let passive = async {
        match item {
            // A passive declaration ignores the exchange's type.
            Item::Exchange(name) | Item::HeadersExchange(name) => {
                let options = ExchangeDeclareOptions { passive: true, durable: true, ..Default::default() };
                channel.exchange_declare((*name).into(), ExchangeKind::Topic, options, none).await
            }
            Item::Queue(name, _) => {
                let options = QueueDeclareOptions::durable().passive();
                channel.queue_declare(name.as_str().into(), options, none).await.map(drop)
            }
            Item::Binding { .. } => Ok(()),
        }
    };
    match in_time(passive).await {
        Ok(()) => in_time(channel.close(REPLY_SUCCESS, "done".into())).await.map(|()| true),
        Err(error) if error.is_refusal(NOT_FOUND) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a queue of this name exists, even an exclusive one. Uses a channel of its own, because an error closes it.
pub(crate) async fn exists(connection: &BrokerConnection, queue: &str) -> Result<bool, Error> {
    let channel = connection.channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    match in_time(channel.queue_declare(queue.into(), options, FieldTable::default())).await {
        Ok(_) => in_time(channel.close(REPLY_SUCCESS, "done".into())).await.map(|()| true),
        Err(error) if error.is_refusal(RESOURCE_LOCKED) => Ok(true),
        Err(error) if error.is_refusal(NOT_FOUND) => Ok(false),
        Err(error) => Err(error),
    }
}
