//! One durable queue per request pattern, reachable by its name and through one exchange.

use lapin::types::FieldTable;

use crate::topology::item::{Item, arguments, text};
use crate::topology::names::PATTERNS_EXCHANGE;

/// What a request pattern needs. Its queue has no arguments, so that other clients can declare it; a policy bounds it.
pub fn request(pattern: &str) -> Vec<Item> {
    vec![
        Item::Queue(redelivered_queue(pattern), FieldTable::default()),
        Item::Queue(pattern.into(), FieldTable::default()),
        Item::Exchange(PATTERNS_EXCHANGE),
        Item::Binding { queue: pattern.into(), exchange: PATTERNS_EXCHANGE, key: pattern.into() },
    ]
}

/// Where redelivered requests wait. Frozen.
pub fn redelivered_queue(pattern: &str) -> String {
    format!("{pattern}.redelivered")
}

/// A request queue as releases up to 0.1 declared it.
pub(crate) fn former_request(queue: &str) -> Item {
    Item::Queue(queue.into(), arguments([("x-max-length", 10_000.into()), ("x-overflow", text("reject-publish"))]))
}
