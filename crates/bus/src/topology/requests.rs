//! One durable queue per request pattern, reachable by its name and through one exchange.

use super::{Item, arguments, text};

/// Every request queue is bound here by its own name, for clients that publish to a topic exchange. Frozen.
pub const PATTERNS_EXCHANGE: &str = "patterns";
/// A request queue holds at most this many; the broker drops what comes above it. The gateways' bounds are far lower.
const LENGTH: i32 = 10_000;

/// What a request pattern needs.
pub fn request(pattern: &str) -> Vec<Item> {
    let arguments = arguments([("x-max-length", LENGTH.into()), ("x-overflow", text("reject-publish"))]);
    vec![
        Item::Queue(redelivered_queue(pattern), arguments.clone()),
        Item::Queue(pattern.into(), arguments),
        Item::Exchange(PATTERNS_EXCHANGE),
        Item::Binding { queue: pattern.into(), exchange: PATTERNS_EXCHANGE, key: pattern.into() },
    ]
}

/// Where requests wait that were delivered before and not settled. Frozen.
pub fn redelivered_queue(pattern: &str) -> String {
    format!("{pattern}.redelivered")
}
