//! One quorum queue per listener, a dead queue beside it, and a ladder of delay queues for what is tried again later.

use contracts::{LISTENERS, SubscriptionInfo};
use lapin::types::{AMQPValue, FieldTable};

use crate::topology::item::{Item, arguments, text};
use crate::topology::names::EVENTS_EXCHANGE;

/// An event queue holds at most this many; above it the broker refuses more, and the relay keeps them in its outbox.
const LENGTH: i32 = 1_000_000;
/// How often the broker delivers a message whose listener died of it, or was killed under it, before it buries it.
const DELIVERIES: i32 = 20;
/// As good as no limit: looking at a dead message, which delivers it, must never use it up. (0 would mean none at all,
/// and brokers from 4.0 on have a limit of their own where nothing is said.)
const NO_LIMIT: i32 = 1_000_000_000;

/// What a listener needs to be told anything: its queue, and the dead queue where what it cannot handle ends.
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

/// What everybody needs who listens to the events of a service, so that none comes before its listener's queue.
pub fn published_by(service: &str) -> Vec<Item> {
    LISTENERS.iter().filter(|listener| listener.published_by == service).flat_map(subscription).collect()
}

/// The delay queues of a listener: a message waits in one for as long as its name says, then goes back to the listener.
/// One queue per delay, for a queue lets messages out only from its head.
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

/// Reads such delays; `None` when they are none, or too many.
pub fn delays_ms(text: &str) -> Option<Vec<u32>> {
    let delays = text.split(',').map(str::trim).filter(|delay| !delay.is_empty());
    let delays: Option<Vec<u32>> = delays.map(|delay| delay.parse().ok().filter(|delay| *delay > 0)).collect();
    delays.filter(|delays| delays.len() <= 8)
}

/// Where a listener's dead messages are.
pub fn dead_queue(name: &str) -> String {
    format!("{name}.dead")
}

/// Where messages wait for so many milliseconds.
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
