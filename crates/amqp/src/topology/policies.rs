//! Bounds of queues, as policies of RabbitMQ's. They are no arguments of the queues, so that a client which declares a queue
//! plainly, durable and nothing more, finds it as it declares it; and they can be changed while the queues are in use.

use contracts::{LISTENERS, PATTERNS};

use crate::topology::names::EXPIRED_EXCHANGE;
use crate::topology::permissions::escape;

/// A request queue holds at most this many; the broker refuses what comes above it. The gateways' bounds are far lower.
const REQUESTS: u64 = 10_000;
/// And at most so many bytes.
const REQUEST_BYTES: u64 = 64 << 20;
/// For requests that come without an expiration: as long as a worker takes for granted that their caller waits.
const REQUEST_TTL_MS: u64 = 30_000;
/// An event queue holds at most so many bytes; how many events, its arguments say.
const EVENT_BYTES: u64 = 1 << 30;
/// Above those that an operator makes for all queues and gives no priority.
const PRIORITY: i32 = 10;

/// A policy, in RabbitMQ's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the vhost. Frozen: another name would be one more policy.
    pub name: &'static str,
    /// Which queues it is for, as a regular expression.
    pub pattern: String,
    /// What it says of them.
    pub definition: Vec<(&'static str, Bound)>,
    /// Of two policies that fit a queue the one with the higher priority counts.
    pub priority: i32,
}

/// A value in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A number.
    Number(u64),
    /// A word.
    Word(&'static str),
}

/// All policies.
pub fn policies() -> Vec<Policy> {
    let requests = PATTERNS.map(escape).join("|");
    let listeners: Vec<_> = LISTENERS.iter().map(|listener| escape(listener.name)).collect();
    vec![
        Policy {
            name: "requests",
            pattern: format!(r"^({requests})(\.redelivered)?$"),
            definition: vec![
                ("max-length", Bound::Number(REQUESTS)),
                ("max-length-bytes", Bound::Number(REQUEST_BYTES)),
                ("message-ttl", Bound::Number(REQUEST_TTL_MS)),
                ("overflow", Bound::Word("reject-publish")),
                // So that who asked hears from the broker that nobody began with it.
                ("dead-letter-exchange", Bound::Word(EXPIRED_EXCHANGE)),
            ],
            priority: PRIORITY,
        },
        Policy {
            name: "events",
            pattern: format!(r"^({})(\.dead|\.retry\.[0-9]+ms)?$", listeners.join("|")),
            definition: vec![("max-length-bytes", Bound::Number(EVENT_BYTES))],
            priority: PRIORITY,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_a_policy_and_no_stranger_has_one() {
        let [requests, events] = policies().try_into().unwrap();
        assert!(requests.pattern.starts_with("^(") && requests.pattern.ends_with(r")(\.redelivered)?$"));
        assert!(PATTERNS.iter().all(|pattern| requests.pattern.contains(&escape(pattern))));
        assert!(LISTENERS.iter().all(|listener| events.pattern.contains(&escape(listener.name))));
    }
}
