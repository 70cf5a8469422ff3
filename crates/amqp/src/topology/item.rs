//! One item of the topology: an exchange, a queue, or a binding.

use lapin::types::{AMQPValue, FieldTable};

/// One item of the topology.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A durable topic exchange.
    Exchange(&'static str),
    /// A durable headers exchange.
    HeadersExchange(&'static str),
    /// A durable queue with its arguments.
    Queue(String, FieldTable),
    /// A binding: the queue receives what the exchange gets under the key.
    Binding {
        /// The queue.
        queue: String,
        /// The exchange.
        exchange: &'static str,
        /// The routing key.
        key: String,
    },
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exchange(name) | Self::HeadersExchange(name) => write!(f, "exchange {name}"),
            Self::Queue(name, _) => write!(f, "queue {name}"),
            Self::Binding { queue, exchange, key } => write!(f, "binding {exchange} → {queue} ({key})"),
        }
    }
}

pub(crate) fn arguments(pairs: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in pairs {
        table.insert(name.into(), value);
    }
    table
}

pub(crate) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
