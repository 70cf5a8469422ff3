//! The queues of a listener: one quorum queue, a dead-letter queue, and a delay queue for each retry delay.

use contracts::{LISTENERS, SubscriptionInfo};
use lapin::types::{AMQPValue, FieldTable};

use crate::topology::item::{Item, arguments, text};
use crate::topology::names::EVENTS_EXCHANGE;

/// The most events that a queue holds. The broker refuses further ones, and the relay keeps them in the outbox.
const LENGTH: i32 = 1_000_000;
/// How often the broker delivers an event whose listener died while it had it, before it dead-letters the event.
const DELIVERIES: i32 = 20;
/// Practically no limit: browsing a dead-lettered message counts as a delivery and must never exhaust the limit. (0 would
/// allow no delivery at all, and brokers from 4.0 on have a default limit.)
const NO_LIMIT: i32 = 1_000_000_000;

/// What a listener needs to receive events: its queue, bound to the exchange, and its dead-letter queue.
pub fn subscription(subscription: &SubscriptionInfo) -> Vec<Item> {
    let SubscriptionInfo { name, event, .. } = *subscription;
    let mut live = quorum(DELIVERIES);
    dead_letter_to(&mut live, &dead_queue(name));
    vec![
        Item::Exchange(EVENTS_EXCHANGE),
        Item::Queue(dead_queue(name), quorum(NO_LIMIT)),
        Item::Queue(name.into(), live),
        Item::Binding { queue: name.into(), exchange: EVENTS_EXCHANGE, key: event.into() },
    ]
}

/// The queues of all listeners to a service's events: its relay declares them, so that no event is published before they
/// exist.
pub fn published_by(service: &str) -> Vec<Item> {
    LISTENERS.iter().filter(|listener| listener.published_by == service).flat_map(subscription).collect()
}

/// The delay queues of a listener: a message expires there after the delay in the queue's name and returns to the listener.
/// There is one queue per delay, because messages expire only at the head of a queue.
pub fn retries(name: &str, delays_ms: &[u32]) -> Vec<Item> {
    let queue = |delay: &u32| {
        let mut waiting = quorum(NO_LIMIT);
        waiting.insert("x-message-ttl".into(), AMQPValue::LongInt(i32::try_from(*delay).unwrap_or(i32::MAX)));
        dead_letter_to(&mut waiting, name);
        Item::Queue(retry_queue(name, *delay), waiting)
    };
    delays_ms.iter().map(queue).collect()
}

/// The delays between two attempts of a listener, unless `EVENTS_RETRY_MS` says otherwise.
pub const RETRY_MS: &str = "1000,5000,30000,120000";

/// Parses such delays; `None` if one is invalid, or if there are too many.
pub fn delays_ms(text: &str) -> Option<Vec<u32>> {
    let delays = text.split(',').map(str::trim).filter(|delay| !delay.is_empty());
    let delays: Option<Vec<u32>> = delays.map(|delay| delay.parse().ok().filter(|delay| *delay > 0)).collect();
    delays.filter(|delays| delays.len() <= 8)
}

/// The name of a listener's dead-letter queue.
pub fn dead_queue(name: &str) -> String {
    format!("{name}.dead")
}

/// The name of a listener's queue for this delay.
pub fn retry_queue(name: &str, delay_ms: u32) -> String {
    format!("{name}.retry.{delay_ms}ms")
}

fn quorum(deliveries: i32) -> FieldTable {
    arguments([
        ("x-queue-type", text("quorum")),
        ("x-delivery-limit", deliveries.into()),
        ("x-max-length", LENGTH.into()),
        ("x-overflow", text("reject-publish")),
    ])
}

/// At least once: the broker keeps the message until the other queue has it.
fn dead_letter_to(arguments: &mut FieldTable, queue: &str) {
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(queue));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
}
